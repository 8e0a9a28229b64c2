package store

import (
	"context"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// By is the same filter as far as it goes by these relations alone.
func (r Rows) By(relations ...Relation) Rows {
	if r.For == nil {
		return Rows{Site: r.Site}
	}
	v := *r.For
	v.Paths = slices.DeleteFunc(slices.Clone(v.Paths), func(p Path) bool { return !slices.Contains(relations, p.By) })
	return Rows{Site: r.Site, For: &v}
}

// Needs is what the relation asks of consent for a kind of data; Never without a
// viewer.
func (r Rows) Needs(by Relation, d vital.Data) Need {
	if r.For == nil {
		return Never
	}
	for _, p := range r.For.Paths {
		if p.By == by {
			return p.Needs[d]
		}
	}
	return Never
}

// Near lists the patients to whom the caller stands in a relation of its own:
// the own record, care teams, followed ones and broken glass. Whether anything of
// them is seen is another question.
func (d *DB) Near(ctx context.Context, r Rows) ([]vital.PatientID, error) {
	v := r.For
	if v == nil {
		return nil, nil
	}
	at := v.at()
	q := ask("SELECT n.patient FROM relation n WHERE n.site = ? AND n.account = ? AND n.from_ms <= ? AND (n.to_ms = 0 OR n.to_ms > ?)", r.Site, v.User, at, at).
		add(" UNION SELECT g.patient FROM glass g WHERE g.site = ? AND g.account = ? AND g.from_ms <= ? AND g.until_ms > ? AND g.ended = 0", r.Site, v.User, at, at)
	near, err := collect(ctx, d.read, q, scanInto[vital.PatientID])
	if v.Patient != "" {
		near = append(near, v.Patient)
	}
	slices.Sort(near)
	return slices.Compact(near), err
}
