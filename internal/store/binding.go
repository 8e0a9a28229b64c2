package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Binding says who wore a device, or in which room it stood, for a period
// [From, To). To is zero while it lasts.
type Binding struct {
	ID      string          `json:"id"`
	Device  vital.DeviceID  `json:"device"`
	Patient vital.PatientID `json:"patient"`
	Room    vital.RoomID    `json:"room"`
	From    vital.Instant   `json:"from"`
	To      vital.Instant   `json:"to"`
	By      string          `json:"by"`
	Why     string          `json:"why"`
}

// Covers reports whether the binding holds at that time.
func (b Binding) Covers(at vital.Instant) bool { return b.From <= at && (b.To == 0 || at < b.To) }

const selectBindings = `SELECT b.id, b.device, b.patient, b.room, b.from_ms, b.to_ms, b.by_whom, b.why FROM binding b WHERE b.site = ?`

func scanBinding(scan func(...any) error, b *Binding) error {
	return scan(&b.ID, &b.Device, &b.Patient, &b.Room, &b.From, &b.To, &b.By, &b.Why)
}

// Bind says that a device measures a patient, or whoever lies in a room, from
// From on (to To, when that is known). It closes nothing silently: another
// binding of the device in that period is a Conflict, and so is a made-up device
// on a real patient or the other way round.
func (d *DB) Bind(ctx context.Context, e audit.Entry, b Binding) (Binding, error) {
	if b.ID == "" {
		b.ID = newID("bn")
	}
	if b.By == "" {
		b.By = e.Who
	}
	e.Patient = b.Patient
	return b, d.change(ctx, e, "bind device "+string(b.Device), func(t *tx) error {
		if (b.Patient == "") == (b.Room == "") {
			return vital.Errorf(vital.Invalid, "a binding names a patient or a room, one of them")
		}
		if b.From == 0 || b.To != 0 && b.To <= b.From {
			return vital.Errorf(vital.Invalid, "a binding begins before it ends")
		}
		if err := t.bindable(e.Site, b); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO binding (site, id, device, patient, room, from_ms, to_ms, by_whom, why)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, e.Site, b.ID, b.Device, b.Patient, b.Room, b.From, b.To, b.By, b.Why); err != nil {
			return err
		}
		return t.control(e.Site, ControlBind, b.From, b)
	})
}

func (t *tx) bindable(site vital.Site, b Binding) error {
	var state string
	var demo bool
	err := t.row("SELECT state, demo FROM device WHERE site = $1 AND id = $2", site, b.Device).Scan(&state, &demo)
	if missing(err) {
		return vital.Errorf(vital.NotFound, "device %s: not found", b.Device)
	}
	if err != nil {
		return err
	}
	if state == "retired" {
		return vital.Errorf(vital.Gone, "device %s is retired", b.Device)
	}
	if b.Patient != "" {
		made, err := t.patientIsDemo(site, b.Patient)
		if err != nil {
			return err
		}
		if made != demo {
			return vital.Errorf(vital.Conflict, "demo and real never mix: device demo %t, patient demo %t", demo, made)
		}
	} else {
		var n int
		if err := t.row("SELECT COUNT(*) FROM room WHERE site = $1 AND id = $2", site, b.Room).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return vital.Errorf(vital.NotFound, "room %s: not found", b.Room)
		}
	}
	q := ask(selectBindings, site).add(" AND b.device = ? AND (b.to_ms = 0 OR b.to_ms > ?)", b.Device, b.From).
		when(b.To != 0, " AND b.from_ms < ?", b.To)
	others, err := collect(t.ctx, t.sql, q, scanBinding)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.From != o.To { // closed before it began
			return vital.Errorf(vital.Conflict, "device %s is bound from %s already: unbind it first", b.Device, o.From)
		}
	}
	return nil
}

// Unbind ends the binding that holds at that time and returns it.
func (d *DB) Unbind(ctx context.Context, e audit.Entry, device vital.DeviceID, at vital.Instant) (Binding, error) {
	var b Binding
	return b, d.change(ctx, e, "unbind device "+string(device), func(t *tx) error {
		open, err := collect(t.ctx, t.sql, ask(selectBindings, e.Site).
			add(" AND b.device = ? AND b.from_ms <= ? AND (b.to_ms = 0 OR b.to_ms > ?)", device, at, at), scanBinding)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			return vital.Errorf(vital.Conflict, "device %s is not bound at %s", device, at)
		}
		b = open[0]
		b.To = at
		return t.endBinding(e.Site, b)
	})
}

func (t *tx) endBinding(site vital.Site, b Binding) error {
	if _, err := t.exec("UPDATE binding SET to_ms = $1 WHERE site = $2 AND id = $3", b.To, site, b.ID); err != nil {
		return err
	}
	return t.control(site, ControlUnbind, b.To, b)
}

// BindingFilter narrows Bindings; zero fields do not narrow.
type BindingFilter struct {
	Device   vital.DeviceID
	Patient  vital.PatientID
	Room     vital.RoomID
	At       vital.Instant // in force at that time
	From, To vital.Instant // overlapping [From, To)
}

// Bindings lists bindings, oldest first. A binding to a patient is seen with the
// patient, a binding to a room with its ward, and both by the device itself.
func (d *DB) Bindings(ctx context.Context, r Rows, f BindingFilter) ([]Binding, error) {
	q := ask(selectBindings, r.Site).
		when(f.Device != "", " AND b.device = ?", f.Device).
		when(f.Patient != "", " AND b.patient = ?", f.Patient).
		when(f.Room != "", " AND b.room = ?", f.Room).
		when(f.At != 0, " AND b.from_ms <= ? AND (b.to_ms = 0 OR b.to_ms > ?)", f.At, f.At).
		when(f.To != 0, " AND b.from_ms < ?", f.To).
		when(f.From != 0, " AND (b.to_ms = 0 OR b.to_ms > ?)", f.From)
	if !r.everything() {
		q.add(" AND ((TRUE").seesData(r, "b.patient", "b.device", kind(vital.DataLocation)).add(")")
		if len(r.Wards) > 0 {
			q.add(" OR EXISTS (SELECT 1 FROM room WHERE room.site = b.site AND room.id = b.room AND room.ward ")
			in(q, r.Wards).add(")")
		}
		q.add(")")
	}
	return collect(ctx, d.read, q.add(" ORDER BY b.from_ms, b.id"), scanBinding)
}

// BindingsOfSite lists every binding, for the resolver.
func (d *DB) BindingsOfSite(ctx context.Context, site vital.Site) ([]Binding, error) {
	return d.Bindings(ctx, Everything(site), BindingFilter{})
}
