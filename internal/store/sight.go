package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// Relation is how a caller stands to a patient. Several may hold at once.
type Relation string

const (
	ByAnyone Relation = "anyone" // none is asked for
	BySelf   Relation = "self"   // it is the patient
	ByWard   Relation = "ward"   // the patient lies in a ward of the caller now
	ByFormer Relation = "former" // or did once
	ByCare   Relation = "care"   // the caller is of the patient's care team
	ByFamily Relation = "family" // the caller follows the patient
	ByGlass  Relation = "glass"  // the caller broke the glass, and the time is not over
)

// Relations is every relation to a patient.
var Relations = []Relation{BySelf, ByWard, ByFormer, ByCare, ByFamily, ByGlass}

// Need is what a relation asks of the patient's consent before a kind of data is
// seen.
type Need uint8

const (
	Never   Need = iota // not by this relation
	Given               // only if the patient permitted it, and refused it to nobody who the caller is
	Unless              // unless the patient refused it
	Unasked             // whatever the patient said
)

// Path is a relation by which data is seen, and what it asks of consent for each
// kind of data. A kind that is not in it is not seen by it.
type Path struct {
	By    Relation
	Needs map[vital.Data]Need
}

// Viewer is on whose behalf, and what for, rows are read. The paths come from the
// policy: the conditions of SQL that are made of them and the policy's answers
// are the same.
type Viewer struct {
	User    vital.UserID    // a person, or the id of a program
	Patient vital.PatientID // who the person is as a patient
	Roles   []string        // as consents name them
	All     bool            // works in every ward
	Wards   []vital.WardID  // or in these
	Purpose string
	Only    vital.PatientID // a program was let see this patient alone; "": as the paths say
	At      vital.Instant   // zero: now
	Paths   []Path
}

// OnlyOf narrows the filter to one patient; a part of Vigil itself, without a
// viewer, then sees nothing of anybody.
func (r Rows) OnlyOf(patient vital.PatientID) Rows {
	v := Viewer{}
	if r.For != nil {
		v = *r.For
	}
	v.Only = patient
	r.For = &v
	return r
}

func (v *Viewer) at() vital.Instant {
	if v.At == 0 {
		return now()
	}
	return v.At
}

// needs sorts the kinds of data by what the path asks for them.
func (p Path) needs() (groups [Unasked + 1][]vital.Data) {
	for _, d := range vital.AllData {
		n := p.Needs[d]
		groups[n] = append(groups[n], d)
	}
	return groups
}

// dataOf is SQL that gives the kind of data that the metric in the column is.
func dataOf(column string) string {
	return strings.ReplaceAll(dataByMetric, "?", column)
}

// dataByMetric names every metric that is no vital sign.
var dataByMetric = func() string {
	kinds := make(map[vital.Data][]string)
	for _, m := range vital.Metrics {
		d := vital.DataOf(m.Name)
		kinds[d] = append(kinds[d], "'"+m.Name+"'")
	}
	var b strings.Builder
	b.WriteString("CASE")
	for _, d := range vital.AllData {
		if names := kinds[d]; len(names) > 0 && d != vital.DataVitals {
			slices.Sort(names)
			fmt.Fprintf(&b, " WHEN ? IN (%s) THEN '%s'", strings.Join(names, ", "), d)
		}
	}
	b.WriteString(" ELSE 'vitals' END")
	return b.String()
}()

// everyKind is a table of the kinds of data.
var everyKind = func() string {
	names := make([]string, len(vital.AllData))
	for i, d := range vital.AllData {
		names[i] = "('" + string(d) + "')"
	}
	return "(VALUES " + strings.Join(names, ", ") + ")"
}()

// kind is one kind of data as SQL.
func kind(d vital.Data) string { return "'" + string(d) + "'" }

// sees adds the condition, without a word before it, that the viewer sees data
// of that kind, which is SQL, of the patient in the column.
func (q *query) sees(r Rows, patient, data string) *query {
	v := r.For
	if v == nil {
		return q.seesByWard(r, patient)
	}
	if v.Only != "" {
		q.add("("+patient+" = ? AND ", v.Only)
		defer q.add(")")
	}
	q.add("(FALSE")
	for _, p := range v.Paths {
		for need, kinds := range p.needs() {
			if Need(need) == Never || len(kinds) == 0 {
				continue
			}
			static := slices.IndexFunc(vital.AllData, func(d vital.Data) bool { return kind(d) == data })
			if static >= 0 && !slices.Contains(kinds, vital.AllData[static]) {
				continue // the condition of this one would never hold
			}
			q.add(" OR (").related(r, p.By, patient)
			if static < 0 && len(kinds) < len(vital.AllData) {
				names := make([]string, len(kinds))
				for i, d := range kinds {
					names[i] = kind(d)
				}
				q.add(" AND " + data + " IN (" + strings.Join(names, ", ") + ")")
			}
			if Need(need) == Given {
				q.add(" AND ").consented(r, patient, data, "TRUE")
			}
			if Need(need) != Unasked {
				q.add(" AND NOT ").consented(r, patient, data, "FALSE")
			}
			q.add(")")
		}
	}
	return q.add(")")
}

// seesByWard is the filter of parts of Vigil itself: wards, and no consent.
func (q *query) seesByWard(r Rows, patient string) *query {
	if len(r.Wards) == 0 {
		return q.add("FALSE")
	}
	q.add("EXISTS (SELECT 1 FROM admission seen WHERE seen.site = ? AND seen.patient = "+patient+" AND seen.ward ", r.Site)
	return in(q, r.Wards).add(")")
}

// related adds the condition that the relation holds between the viewer and the
// patient in the column.
func (q *query) related(r Rows, by Relation, patient string) *query {
	v, at := r.For, r.For.at()
	switch by {
	case ByAnyone:
		return q.add("TRUE")
	case BySelf:
		return q.add(patient+" = ? AND "+patient+" <> ''", v.Patient)
	case ByWard:
		q.add("EXISTS (SELECT 1 FROM admission seen WHERE seen.site = ? AND seen.patient = "+patient+
			" AND seen.from_ms <= ? AND (seen.to_ms = 0 OR seen.to_ms > ?)", r.Site, at, at)
		if !v.All {
			in(q.add(" AND seen.ward "), v.Wards)
		}
		return q.add(")")
	case ByFormer:
		if v.All {
			return q.add("TRUE") // every ward, and who was in none
		}
		q.add("EXISTS (SELECT 1 FROM admission seen WHERE seen.site = ? AND seen.patient = "+patient+" AND seen.ward ", r.Site)
		return in(q, v.Wards).add(")")
	case ByCare, ByFamily:
		kind := map[Relation]string{ByCare: CareTeam, ByFamily: Follower}[by]
		return q.add("EXISTS (SELECT 1 FROM relation near WHERE near.site = ? AND near.account = ? AND near.patient = "+patient+
			" AND near.kind = '"+kind+"' AND near.from_ms <= ? AND (near.to_ms = 0 OR near.to_ms > ?))", r.Site, v.User, at, at)
	case ByGlass:
		return q.add("EXISTS (SELECT 1 FROM glass broken WHERE broken.site = ? AND broken.account = ? AND broken.patient = "+patient+
			" AND broken.from_ms <= ? AND broken.until_ms > ? AND broken.ended = 0)", r.Site, v.User, at, at)
	}
	return q.add("FALSE")
}

// consented adds the condition that a consent in force that is about the viewer
// permits, or refuses, the kind of data.
func (q *query) consented(r Rows, patient, data, permit string) *query {
	v, at := r.For, r.For.at()
	q.add("EXISTS (SELECT 1 FROM consent said WHERE said.site = ? AND said.patient = "+patient+" AND said.permit = "+permit+
		" AND said.data IN ('all', "+data+") AND said.account IN ('', ?) AND said.role ", r.Site, v.User)
	in(q, append([]string{Everybody}, v.Roles...))
	return q.add(" AND said.purpose IN ('all', ?) AND said.from_ms <= ? AND (said.to_ms = 0 OR said.to_ms > ?) AND said.ended = 0)", v.Purpose, at, at)
}

// seesKind adds the row filter for a column that holds the patient of data of one kind.
func (q *query) seesKind(r Rows, patient string, d vital.Data) *query {
	if r.everything() {
		return q
	}
	return q.add(" AND ").sees(r, patient, kind(d))
}

// seesPatient adds the row filter for what stands for the patient as a whole: who
// sees anything of the patient sees it.
func (q *query) seesPatient(r Rows, patient string) *query {
	switch {
	case r.everything():
		return q
	case r.For == nil:
		return q.add(" AND ").seesByWard(r, patient)
	}
	return q.add(" AND EXISTS (SELECT 1 FROM "+everyKind+" kinds WHERE ").sees(r, patient, "kinds.column1").add(")")
}

// seesAll adds the row filter for what mixes every kind of data of the patient.
func (q *query) seesAll(r Rows, patient string) *query {
	switch {
	case r.everything():
		return q
	case r.For == nil:
		return q.add(" AND ").seesByWard(r, patient)
	}
	return q.add(" AND NOT EXISTS (SELECT 1 FROM "+everyKind+" kinds WHERE NOT ").sees(r, patient, "kinds.column1").add(")")
}

// Sees returns which kinds of data of each of these patients the caller sees; a
// patient of whom nothing is seen, or who is not there, is not in the answer.
func (d *DB) Sees(ctx context.Context, r Rows, patients []vital.PatientID) (map[vital.PatientID]vital.DataSet, error) {
	seen := make(map[vital.PatientID]vital.DataSet, len(patients))
	if r.everything() {
		for _, p := range patients {
			seen[p] = vital.EveryData
		}
		return seen, nil
	}
	if len(patients) == 0 {
		return seen, nil
	}
	q := in(ask("SELECT p.id, kinds.column1 FROM patient p CROSS JOIN "+everyKind+" kinds WHERE p.site = ? AND p.id ", r.Site), patients)
	q.add(" AND ").sees(r, "p.id", "kinds.column1")
	type row struct {
		patient vital.PatientID
		data    vital.Data
	}
	rows, err := collect(ctx, d.read, q, func(scan func(...any) error, v *row) error { return scan(&v.patient, &v.data) })
	if err != nil {
		return nil, fmt.Errorf("which data of %d patients is seen: %w", len(patients), err)
	}
	for _, v := range rows {
		seen[v.patient] |= vital.DataSetOf(v.data)
	}
	return seen, nil
}
