package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Kinds of relation that somebody enters.
const (
	CareTeam = "care-team" // takes part in the care of the patient, wherever the patient lies
	Follower = "family"    // sees what the patient permits
)

// Related says that a user stood in a relation to a patient for [From, To). To is
// zero while nobody has said when it ends.
type Related struct {
	ID       string
	Patient  vital.PatientID
	User     vital.UserID
	Kind     string
	From, To vital.Instant
	By, Why  string
	EndedBy  string
	EndedWhy string
}

const selectRelated = "SELECT n.id, n.patient, n.account, n.kind, n.from_ms, n.to_ms, n.by_whom, n.why, n.ended_by, n.ended_why FROM relation n WHERE n.site = ?"

func scanRelated(scan func(...any) error, v *Related) error {
	return scan(&v.ID, &v.Patient, &v.User, &v.Kind, &v.From, &v.To, &v.By, &v.Why, &v.EndedBy, &v.EndedWhy)
}

// Relate enters a relation; the same one twice at a time is a Conflict.
func (d *DB) Relate(ctx context.Context, e audit.Entry, v Related) (Related, error) {
	if v.ID == "" {
		v.ID = newID("rl")
	}
	if v.From == 0 {
		v.From = now()
	}
	v.By, e.Patient = e.Who, v.Patient
	err := d.change(ctx, e, "relate "+string(v.User)+" to patient "+string(v.Patient), func(t *tx) error {
		if v.Kind != CareTeam && v.Kind != Follower {
			return vital.Errorf(vital.Invalid, "kind %q: want %s or %s", v.Kind, CareTeam, Follower)
		}
		if v.To != 0 && v.To <= v.From {
			return vital.Errorf(vital.Invalid, "a relation begins before it ends")
		}
		if _, err := t.patientIsDemo(e.Site, v.Patient); err != nil {
			return err
		}
		var already int
		err := t.row("SELECT COUNT(*) FROM relation WHERE site = $1 AND patient = $2 AND account = $3 AND kind = $4 AND (to_ms = 0 OR to_ms > $5)",
			e.Site, v.Patient, v.User, v.Kind, v.From).Scan(&already)
		if err != nil {
			return err
		}
		if already > 0 {
			return vital.Errorf(vital.Conflict, "this relation is entered already")
		}
		_, err = t.exec(`INSERT INTO relation (site, id, patient, account, kind, from_ms, to_ms, by_whom, why, ended_by, ended_why)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', '')`, e.Site, v.ID, v.Patient, v.User, v.Kind, v.From, v.To, v.By, v.Why)
		return err
	})
	d.rights.Add(1)
	return v, err
}

// EndRelation ends a relation of the patient; one that is over is NotFound.
func (d *DB) EndRelation(ctx context.Context, e audit.Entry, patient vital.PatientID, id string) error {
	if e.At == 0 {
		e.At = now()
	}
	e.Patient = patient
	defer d.rights.Add(1)
	return d.change(ctx, e, "end relation "+id, func(t *tx) error {
		n, err := t.exec("UPDATE relation SET to_ms = $1, ended_by = $2, ended_why = $3 WHERE site = $4 AND patient = $5 AND id = $6 AND (to_ms = 0 OR to_ms > $1)",
			e.At, e.Who, e.Why, e.Site, patient, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "relation %s: not found", id)
		}
		return err
	})
}

// RelationsOf lists who stands in a relation to a patient at that time (zero:
// now), the oldest first, as far as the caller sees anything of the patient.
func (d *DB) RelationsOf(ctx context.Context, r Rows, patient vital.PatientID, at vital.Instant) ([]Related, error) {
	if at == 0 {
		at = now()
	}
	q := ask(selectRelated, r.Site).add(" AND n.patient = ? AND n.from_ms <= ? AND (n.to_ms = 0 OR n.to_ms > ?)", patient, at, at).
		seesPatient(r, "n.patient").add(" ORDER BY n.from_ms, n.id")
	return collect(ctx, d.read, q, scanRelated)
}
