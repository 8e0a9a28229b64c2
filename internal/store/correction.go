package store

import (
	"context"

	"github.com/vigilcare/vigil/vital"
)

// Corrections returns every reassignment of a site, oldest first, for the part
// that binds new readings.
func (d *DB) Corrections(ctx context.Context, site vital.Site) ([]Reassignment, error) {
	return corrections(ctx, d.read, site)
}

func corrections(ctx context.Context, on querier, site vital.Site) ([]Reassignment, error) {
	q := ask("SELECT id, device, from_ms, to_ms, patient FROM correction WHERE site = ? ORDER BY id", site)
	return collect(ctx, on, q, func(scan func(...any) error, k *Reassignment) error {
		return scan(&k.ID, &k.Device, &k.From, &k.To, &k.Patient)
	})
}
