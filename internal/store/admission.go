package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Admission is one stay of a patient in one bed. A transfer ends one and begins
// the next. To is zero while it lasts.
type Admission struct {
	ID      string          `json:"id"`
	Patient vital.PatientID `json:"patient"`
	Ward    vital.WardID    `json:"ward"`
	Bed     vital.BedID     `json:"bed"`
	Room    vital.RoomID    `json:"room"` // of the bed; filled on reading
	From    vital.Instant   `json:"from"`
	To      vital.Instant   `json:"to"`
	Why     string          `json:"why"` // of the end
}

const selectAdmissions = `SELECT a.id, a.patient, a.ward, a.bed, b.room, a.from_ms, a.to_ms, a.why
	FROM admission a JOIN bed b ON b.site = a.site AND b.id = a.bed WHERE a.site = ?`

func scanAdmission(scan func(...any) error, a *Admission) error {
	return scan(&a.ID, &a.Patient, &a.Ward, &a.Bed, &a.Room, &a.From, &a.To, &a.Why)
}

// Admissions lists the stays of a patient, oldest first. Who sees the patient
// sees all of them: where a patient was is part of what is known of the patient.
func (d *DB) Admissions(ctx context.Context, r Rows, patient vital.PatientID) ([]Admission, error) {
	q := ask(selectAdmissions, r.Site).add(" AND a.patient = ?", patient).seesKind(r, "a.patient", vital.DataLocation).add(" ORDER BY a.from_ms, a.id")
	return collect(ctx, d.read, q, scanAdmission)
}

// Occupants lists who lay in the beds of a ward at one time (zero: now), or in
// all of the caller's wards when ward is empty.
func (d *DB) Occupants(ctx context.Context, r Rows, ward vital.WardID, at vital.Instant) ([]Admission, error) {
	if at == 0 {
		at = now()
	}
	q := ask(selectAdmissions, r.Site).when(ward != "", " AND a.ward = ?", ward).
		add(" AND a.from_ms <= ? AND (a.to_ms = 0 OR a.to_ms > ?)", at, at).
		seesWard(r, "a.ward").seesKind(r, "a.patient", vital.DataLocation).add(" ORDER BY a.ward, b.position, b.id")
	return collect(ctx, d.read, q, scanAdmission)
}

// Stays lists every stay that had not ended before since, for the resolver of
// bindings to rooms.
func (d *DB) Stays(ctx context.Context, site vital.Site, since vital.Instant) ([]Admission, error) {
	q := ask(selectAdmissions, site).add(" AND (a.to_ms = 0 OR a.to_ms > ?) ORDER BY a.from_ms, a.id", since)
	return collect(ctx, d.read, q, scanAdmission)
}

// Admit puts a patient into a free bed.
func (d *DB) Admit(ctx context.Context, e audit.Entry, patient vital.PatientID, bed vital.BedID, at vital.Instant) (Admission, error) {
	var a Admission
	e.Patient = patient
	return a, d.change(ctx, e, "admit patient "+string(patient), func(t *tx) (err error) {
		if _, err := t.patientIsDemo(e.Site, patient); err != nil {
			return err
		}
		if now, ok, err := t.stay(e.Site, "a.patient", string(patient)); err != nil || ok {
			if ok {
				return vital.Errorf(vital.Conflict, "the patient is in bed %s already: transfer or discharge first", now.Bed)
			}
			return err
		}
		a, err = t.admit(e.Site, patient, bed, at)
		return err
	})
}

// Transfer moves a patient to another free bed. Devices stay bound.
func (d *DB) Transfer(ctx context.Context, e audit.Entry, patient vital.PatientID, bed vital.BedID, at vital.Instant) (Admission, error) {
	var a Admission
	e.Patient = patient
	return a, d.change(ctx, e, "transfer patient "+string(patient), func(t *tx) (err error) {
		old, err := t.endStay(e.Site, "a.patient", string(patient), at, "transfer")
		if err != nil {
			return err
		}
		if old.Bed == bed {
			return vital.Errorf(vital.Conflict, "the patient is in bed %s already", bed)
		}
		a, err = t.admit(e.Site, patient, bed, at)
		return err
	})
}

// Swap lets the patients of two beds change places; one bed may be empty.
func (d *DB) Swap(ctx context.Context, e audit.Entry, a, b vital.BedID, at vital.Instant) error {
	return d.change(ctx, e, "swap beds "+string(a)+" and "+string(b), func(t *tx) error {
		if a == b {
			return vital.Errorf(vital.Invalid, "a bed cannot be swapped with itself")
		}
		one, hasOne, err := t.stay(e.Site, "a.bed", string(a))
		if err != nil {
			return err
		}
		two, hasTwo, err := t.stay(e.Site, "a.bed", string(b))
		if err != nil {
			return err
		}
		if !hasOne && !hasTwo {
			return vital.Errorf(vital.Conflict, "both beds are empty")
		}
		for _, m := range []struct {
			moves bool
			from  Admission
		}{{hasOne, one}, {hasTwo, two}} {
			if m.moves {
				if _, err := t.endStay(e.Site, "a.patient", string(m.from.Patient), at, "swap"); err != nil {
					return err
				}
			}
		}
		for _, m := range []struct {
			moves bool
			from  Admission
			to    vital.BedID
		}{{hasOne, one, b}, {hasTwo, two, a}} {
			if !m.moves {
				continue
			}
			if _, err := t.admit(e.Site, m.from.Patient, m.to, at); err != nil {
				return err
			}
			moved := e
			moved.Patient = m.from.Patient
			if err := t.audit(moved); err != nil {
				return err
			}
		}
		return nil
	})
}

// Discharge ends the stay and every binding of the patient: a device stays
// unbound until somebody binds it again.
func (d *DB) Discharge(ctx context.Context, e audit.Entry, patient vital.PatientID, at vital.Instant, why string) error {
	e.Patient = patient
	return d.change(ctx, e, "discharge patient "+string(patient), func(t *tx) error {
		a, err := t.endStay(e.Site, "a.patient", string(patient), at, why)
		if err != nil {
			return err
		}
		if err := t.control(e.Site, ControlDischarge, at, a); err != nil {
			return err
		}
		if err := t.endStandby(e.Site, patient, at); err != nil {
			return err
		}
		open, err := collect(t.ctx, t.sql, ask(selectBindings, e.Site).add(" AND b.patient = ? AND (b.to_ms = 0 OR b.to_ms > ?)", patient, at), scanBinding)
		if err != nil {
			return err
		}
		for _, b := range open {
			b.To = max(b.From, at)
			if err := t.endBinding(e.Site, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// stay finds the open stay of a patient or in a bed.
func (t *tx) stay(site vital.Site, column, id string) (Admission, bool, error) {
	all, err := collect(t.ctx, t.sql, ask(selectAdmissions, site).add(" AND "+column+" = ? AND a.to_ms = 0", id), scanAdmission)
	if err != nil || len(all) == 0 {
		return Admission{}, false, err
	}
	return all[0], true, nil
}

func (t *tx) admit(site vital.Site, patient vital.PatientID, bed vital.BedID, at vital.Instant) (Admission, error) {
	if at == 0 {
		return Admission{}, vital.Errorf(vital.Invalid, "an admission needs a time")
	}
	a := Admission{ID: newID("a"), Patient: patient, Bed: bed, From: at}
	err := t.row("SELECT ward, room FROM bed WHERE site = $1 AND id = $2", site, bed).Scan(&a.Ward, &a.Room)
	if missing(err) {
		return a, vital.Errorf(vital.NotFound, "bed %s: not found", bed)
	}
	if err != nil {
		return a, err
	}
	if _, taken, err := t.stay(site, "a.bed", string(bed)); err != nil || taken {
		if taken {
			return a, vital.Errorf(vital.Conflict, "bed %s is taken", bed)
		}
		return a, err
	}
	if _, err := t.exec("INSERT INTO admission (site, id, patient, ward, bed, from_ms, to_ms, why) VALUES ($1, $2, $3, $4, $5, $6, 0, '')",
		site, a.ID, patient, a.Ward, bed, at); err != nil {
		return a, err
	}
	return a, t.control(site, ControlAdmit, at, a)
}

func (t *tx) endStay(site vital.Site, column, id string, at vital.Instant, why string) (Admission, error) {
	a, ok, err := t.stay(site, column, id)
	if err != nil {
		return a, err
	}
	if !ok {
		return a, vital.Errorf(vital.Conflict, "the patient is not admitted")
	}
	if at < a.From {
		return a, vital.Errorf(vital.Conflict, "the stay began at %s, after %s", a.From, at)
	}
	a.To, a.Why = at, why
	_, err = t.exec("UPDATE admission SET to_ms = $1, why = $2 WHERE site = $3 AND id = $4", at, why, site, a.ID)
	return a, err
}
