package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// Shifts lists the shifts of a ward that were planned and overlap [from, to),
// oldest first.
func (d *DB) Shifts(ctx context.Context, r Rows, ward vital.WardID, from, to vital.Instant) ([]Shift, error) {
	q := ask("SELECT a.shift, a.shift_from, MAX(a.shift_to) FROM assignment a WHERE a.site = ? AND a.ward = ? AND a.shift_from < ? AND a.shift_to > ?", r.Site, ward, to, from)
	if !r.All {
		in(q.add(" AND a.ward "), r.Wards)
	}
	all, err := collect(ctx, d.read, q.add(" GROUP BY a.shift, a.shift_from ORDER BY a.shift_from, a.shift"), func(scan func(...any) error, s *Shift) error {
		return scan(&s.Name, &s.From, &s.To)
	})
	if err != nil {
		return nil, fmt.Errorf("list the shifts of ward %s: %w", ward, err)
	}
	return all, nil
}
