package store

import (
	"context"

	"github.com/vigilcare/vigil/vital"
)

func putSpans(t *tx, b *Batch) error {
	type key struct {
		patient vital.PatientID
		metric  string
		from    vital.Instant
	}
	at := map[key]int{}
	var spans []Span
	for _, s := range b.Spans {
		k := key{s.Patient, s.Metric, s.From}
		if i, ok := at[k]; ok {
			spans[i] = s
			continue
		}
		at[k] = len(spans)
		spans = append(spans, s)
	}
	in := t.insert("INSERT INTO expected (site, patient, metric, from_ms, to_ms, kind, every_ms, ended)", 8,
		" ON CONFLICT (site, patient, metric, from_ms) DO UPDATE SET to_ms = excluded.to_ms, kind = excluded.kind, every_ms = excluded.every_ms, ended = excluded.ended")
	for _, s := range spans {
		in.add(b.Site, s.Patient, s.Metric, s.From, s.To, s.Kind, s.Every, s.Ended)
	}
	return in.done("what is expected")
}

// Spans reads when which streams of a patient were expected, as far as it
// overlaps [from, to), by metric and time; to 0: no end.
func (d *DB) Spans(ctx context.Context, r Rows, patient vital.PatientID, from, to vital.Instant) ([]Span, error) {
	q := ask("SELECT x.patient, x.metric, x.from_ms, x.to_ms, x.kind, x.every_ms, x.ended FROM expected x WHERE x.site = ? AND x.patient = ?", r.Site, patient).
		add(" AND (x.to_ms = 0 OR x.to_ms > ?)", from).when(to != 0, " AND x.from_ms < ?", to).
		seesData(r, "x.patient", "''", dataOf("x.metric")).add(" ORDER BY x.metric, x.from_ms")
	return collect(ctx, d.read, q, func(scan func(...any) error, s *Span) error {
		return scan(&s.Patient, &s.Metric, &s.From, &s.To, &s.Kind, &s.Every, &s.Ended)
	})
}

// StaysIn lists who lay in the beds of a ward at any time of [from, to), by bed
// and time.
func (d *DB) StaysIn(ctx context.Context, r Rows, ward vital.WardID, from, to vital.Instant) ([]Admission, error) {
	q := ask(selectAdmissions, r.Site).add(" AND a.ward = ? AND a.from_ms < ? AND (a.to_ms = 0 OR a.to_ms > ?)", ward, to, from).
		seesWard(r, "a.ward").seesKind(r, "a.patient", vital.DataLocation).add(" ORDER BY b.position, b.id, a.from_ms")
	return collect(ctx, d.read, q, scanAdmission)
}
