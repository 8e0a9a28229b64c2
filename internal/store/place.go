package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Ward is a place that is watched from one screen.
type Ward struct {
	ID       vital.WardID
	Name     string
	Zone     string // IANA: "Europe/Zurich"
	Kind     string // "adult", "high-dependency", "home", "paediatric"
	Beds     int    // filled on reading
	Patients int    // filled on reading: admitted now
}

// Room is a room of a ward.
type Room struct {
	ID       vital.RoomID
	Ward     vital.WardID
	Name     string
	WardName string // filled on reading
}

// Bed is a place for one patient; Position orders beds on the screen.
type Bed struct {
	ID       vital.BedID
	Ward     vital.WardID
	Room     vital.RoomID
	Label    string
	Position int
}

// selectWards counts the patients of a ward as far as the caller sees them.
func selectWards(r Rows) *query {
	return ask(`SELECT w.id, w.name, w.zone, w.kind, (SELECT COUNT(*) FROM bed b WHERE b.site = w.site AND b.ward = w.id),
		(SELECT COUNT(*) FROM admission a WHERE a.site = w.site AND a.ward = w.id AND a.to_ms = 0`).
		seesKind(r, "a.patient", vital.DataLocation).add(") FROM ward w WHERE w.site = ?", r.Site)
}

func scanWard(scan func(...any) error, w *Ward) error {
	return scan(&w.ID, &w.Name, &w.Zone, &w.Kind, &w.Beds, &w.Patients)
}

// Wards lists the wards of the caller by name.
func (d *DB) Wards(ctx context.Context, r Rows) ([]Ward, error) {
	return collect(ctx, d.read, selectWards(r).seesWard(r, "w.id").add(" ORDER BY w.name, w.id"), scanWard)
}

// Ward returns one ward.
func (d *DB) Ward(ctx context.Context, r Rows, id vital.WardID) (Ward, error) {
	return one(ctx, d.read, selectWards(r).add(" AND w.id = ?", id).seesWard(r, "w.id"), "ward "+string(id), scanWard)
}

// PutWard makes or changes a ward and returns it with its id.
func (d *DB) PutWard(ctx context.Context, e audit.Entry, w Ward) (Ward, error) {
	if w.ID == "" {
		w.ID = vital.WardID(newID("w"))
	}
	if w.Name == "" || w.Zone == "" {
		return w, vital.Errorf(vital.Invalid, "put ward %s: name and time zone are needed", w.ID)
	}
	return w, d.change(ctx, e, "put ward "+string(w.ID), func(t *tx) error {
		_, err := t.exec(`INSERT INTO ward (site, id, name, zone, kind) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (site, id) DO UPDATE SET name = excluded.name, zone = excluded.zone, kind = excluded.kind`,
			e.Site, w.ID, w.Name, w.Zone, w.Kind)
		return err
	})
}

// Rooms lists the rooms of a ward, or of every ward of the caller when ward is
// empty, by the names of ward and room.
func (d *DB) Rooms(ctx context.Context, r Rows, ward vital.WardID) ([]Room, error) {
	q := ask("SELECT room.id, room.ward, room.name, w.name FROM room JOIN ward w ON w.site = room.site AND w.id = room.ward WHERE room.site = ?", r.Site).
		when(ward != "", " AND room.ward = ?", ward).seesWard(r, "room.ward").add(" ORDER BY w.name, w.id, room.name, room.id")
	return collect(ctx, d.read, q, func(scan func(...any) error, v *Room) error { return scan(&v.ID, &v.Ward, &v.Name, &v.WardName) })
}

// PutRoom makes or changes a room and returns it with its id.
func (d *DB) PutRoom(ctx context.Context, e audit.Entry, v Room) (Room, error) {
	if v.ID == "" {
		v.ID = vital.RoomID(newID("r"))
	}
	return v, d.change(ctx, e, "put room "+string(v.ID), func(t *tx) error {
		_, err := t.exec(`INSERT INTO room (site, id, ward, name) VALUES ($1, $2, $3, $4)
			ON CONFLICT (site, id) DO UPDATE SET ward = excluded.ward, name = excluded.name`, e.Site, v.ID, v.Ward, v.Name)
		return err
	})
}

const selectBeds = "SELECT id, ward, room, label, position FROM bed WHERE site = ?"

func scanBed(scan func(...any) error, b *Bed) error {
	return scan(&b.ID, &b.Ward, &b.Room, &b.Label, &b.Position)
}

// Beds lists the beds of a ward, or of every ward of the caller when ward is
// empty, in their fixed order.
func (d *DB) Beds(ctx context.Context, r Rows, ward vital.WardID) ([]Bed, error) {
	q := ask(selectBeds, r.Site).when(ward != "", " AND ward = ?", ward).seesWard(r, "ward").add(" ORDER BY ward, position, id")
	return collect(ctx, d.read, q, scanBed)
}

// Bed returns one bed.
func (d *DB) Bed(ctx context.Context, r Rows, id vital.BedID) (Bed, error) {
	return one(ctx, d.read, ask(selectBeds, r.Site).add(" AND id = ?", id).seesWard(r, "ward"), "bed "+string(id), scanBed)
}

// PutBed makes or changes a bed and returns it with its id.
func (d *DB) PutBed(ctx context.Context, e audit.Entry, b Bed) (Bed, error) {
	if b.ID == "" {
		b.ID = vital.BedID(newID("b"))
	}
	return b, d.change(ctx, e, "put bed "+string(b.ID), func(t *tx) error {
		_, err := t.exec(`INSERT INTO bed (site, id, ward, room, label, position) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (site, id) DO UPDATE SET ward = excluded.ward, room = excluded.room, label = excluded.label, position = excluded.position`,
			e.Site, b.ID, b.Ward, b.Room, b.Label, b.Position)
		return err
	})
}
