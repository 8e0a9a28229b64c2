package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// Station is a screen that is open and says whether it can sound.
type Station struct {
	ID     string
	Ward   vital.WardID // empty: every ward of its user
	User   string       // who is signed in: a user or a wall screen
	Name   string       // filled on reading
	Sound  string       // one of Sounds
	Tested vital.Instant
	Seen   vital.Instant
}

// Sounds is what a station may say of its sound.
var Sounds = []string{"ok", "blocked", "muted", "throttled", "asleep", "untested"}

// PutStation notes that a screen is open. It comes every few seconds from every
// screen and changes nothing of anybody, so it needs no entry in the ledger.
func (d *DB) PutStation(ctx context.Context, site vital.Site, s Station) error {
	if s.ID == "" || len(s.ID) > 80 || !slices.Contains(Sounds, s.Sound) || s.User == "" {
		return vital.Errorf(vital.Invalid, "a station needs an id and says of its sound one of %v", Sounds)
	}
	return d.transact(ctx, func(t *tx) error {
		n, err := t.exec(`INSERT INTO station (site, id, ward, account, sound, tested, seen) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (site, id) DO UPDATE SET ward = excluded.ward, sound = excluded.sound,
			tested = CASE WHEN excluded.tested > 0 THEN excluded.tested ELSE station.tested END, seen = excluded.seen
			WHERE station.account = excluded.account OR station.seen < excluded.seen - 60000`,
			site, s.ID, s.Ward, s.User, s.Sound, s.Tested, s.Seen)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.Conflict, "station %s is somebody else's", s.ID)
		}
		return err
	})
}

// StationFilter narrows Stations; zero fields do not narrow.
type StationFilter struct {
	Ward  vital.WardID  // those that show this ward
	User  string        // those where this one is signed in
	Since vital.Instant // seen since
}

// Stations lists screens, those that are open first.
func (d *DB) Stations(ctx context.Context, r Rows, f StationFilter) ([]Station, error) {
	q := ask(`SELECT s.id, s.ward, s.account, COALESCE(a.name, k.name, ''), s.sound, s.tested, s.seen FROM station s
		LEFT JOIN account a ON a.site = s.site AND a.id = s.account LEFT JOIN token k ON k.site = s.site AND k.id = s.account
		WHERE s.site = ?`, r.Site).
		when(f.Ward != "", " AND s.ward = ?", f.Ward).
		when(f.User != "", " AND s.account = ?", f.User).
		add(" AND s.seen >= ?", f.Since).
		seesWard(r, "s.ward").add(" ORDER BY s.seen DESC, s.id LIMIT 1000")
	all, err := collect(ctx, d.read, q, func(scan func(...any) error, s *Station) error {
		return scan(&s.ID, &s.Ward, &s.User, &s.Name, &s.Sound, &s.Tested, &s.Seen)
	})
	if err != nil {
		return nil, fmt.Errorf("list stations: %w", err)
	}
	return all, nil
}
