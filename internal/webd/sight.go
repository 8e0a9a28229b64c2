package webd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// This file is what a caller may see of what is in memory: the flow keeps no
// consents, so what it says of a patient is asked about here, in the words in
// which the store filters its rows.

// seenOf is which data of each patient the caller sees.
func (s *Server) seenOf(ctx context.Context, rows store.Rows, patients ...vital.PatientID) (map[vital.PatientID]vital.DataSet, error) {
	return s.store.Sees(ctx, rows, patients)
}

// sees reports whether the caller of c sees that of the patient of the path.
func (s *Server) sees(c *call, d vital.Data) (bool, error) {
	seen, err := s.seenOf(c.ctx(), c.rows, c.patient())
	return seen[c.patient()].Has(d), err
}

// onlySeen hides what a caller does not see of the patients in beds.
func onlySeen(beds []Bed, seen map[vital.PatientID]vital.DataSet) {
	for i := range beds {
		if p := beds[i].Patient; p != nil && !seen[p.ID].Has(vital.DataVitals) {
			beds[i].Watched, beds[i].Limits = nil, []Limit{}
		}
	}
}

// sight is whose alarms are shown on a screen: those of the patients who lie in
// these wards now, those to whom the caller stands in a relation of its own, and
// those of the installation.
type sight struct {
	all   bool // every ward
	wards []vital.WardID
	ward  vital.WardID // this one alone; empty: all of the above

	rows    store.Rows               // by which it was worked out
	certain bool                     // who lies in the wards is seen whatever was refused: nothing has to be looked up
	seen    map[vital.PatientID]bool // the others, true: by a relation of its own
}

// sightOf works out whose alarms a caller sees, of those who lie somewhere and of
// those to whom it stands in a relation of its own.
func (s *Server) sightOf(ctx context.Context, rows store.Rows, ward vital.WardID, placed map[vital.PatientID]vital.WardID) (sight, error) {
	v := sight{all: rows.All, wards: rows.Wards, ward: ward, rows: rows}
	return v, s.resight(ctx, &v, placed)
}

func (s *Server) resight(ctx context.Context, v *sight, placed map[vital.PatientID]vital.WardID) error {
	if v.rows.For == nil {
		v.certain = true
		return nil
	}
	rows := s.gate.Now(v.rows)
	v.certain, v.seen = rows.Needs(store.ByWard, vital.DataAlarms) == store.Unasked, make(map[vital.PatientID]bool)
	near, err := s.store.Near(ctx, rows)
	if err != nil {
		return err
	}
	own, err := s.store.Sees(ctx, rows.By(store.BySelf, store.ByCare, store.ByFamily, store.ByGlass), near)
	if err != nil {
		return err
	}
	for p, of := range own {
		if of.Has(vital.DataAlarms) {
			v.seen[p] = true
		}
	}
	if v.certain {
		return nil
	}
	var ask []vital.PatientID
	for p, ward := range placed {
		if v.inWards(ward) {
			ask = append(ask, p)
		}
	}
	by, err := s.store.Sees(ctx, rows, ask)
	for p, of := range by {
		if _, known := v.seen[p]; !known && of.Has(vital.DataAlarms) {
			v.seen[p] = false
		}
	}
	return err
}

func (v sight) inWards(ward vital.WardID) bool { return v.all || slices.Contains(v.wards, ward) }

func (v sight) sees(patient vital.PatientID, ward vital.WardID) bool {
	own, known := v.seen[patient]
	switch {
	case patient == store.SitePatient:
		return v.all || len(v.wards) > 0
	case v.ward != "" && ward != v.ward:
		return false
	case v.ward == "" && store.SentinelPatient(patient):
		return false // a test alarm sounds nowhere: who wants to see it opens its ward
	case v.inWards(ward) && (v.certain || known):
		return true
	}
	return own
}

// key is equal for sockets that see the same.
func (v sight) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%t|%s|%t|", v.all, v.ward, v.certain)
	for _, w := range slices.Compact(slices.Sorted(slices.Values(v.wards))) {
		b.WriteString(string(w) + ",")
	}
	if f := v.rows.For; f != nil && (!v.certain || len(v.seen) > 0) {
		fmt.Fprintf(&b, "|%s %s %s %s", f.User, f.Patient, f.Purpose, strings.Join(f.Roles, " "))
	}
	return b.String()
}

// liveSeen is which data of these patients a live screen shows to a caller. For
// who lies in a ward of the caller and refused nothing it asks nobody.
func (s *Server) liveSeen(ctx context.Context, rows store.Rows, placed map[vital.PatientID]vital.WardID, patients []vital.PatientID) (map[vital.PatientID]vital.DataSet, error) {
	rows = s.gate.Now(rows)
	if rows.For == nil {
		return s.store.Sees(ctx, rows, patients)
	}
	_, refusing, err := s.gate.Rights(ctx)
	if err != nil {
		return nil, err
	}
	byWard := !slices.ContainsFunc(vital.AllData, func(d vital.Data) bool { return rows.Needs(store.ByWard, d) < store.Unless })
	seen, ask := make(map[vital.PatientID]vital.DataSet, len(patients)), []vital.PatientID(nil)
	for _, p := range patients {
		ward := placed[p]
		if byWard && ward != "" && !refusing[p] && (rows.For.All || slices.Contains(rows.For.Wards, ward)) {
			seen[p] = vital.EveryData
		} else {
			ask = append(ask, p)
		}
	}
	some, err := s.store.Sees(ctx, rows, ask)
	maps.Copy(seen, some)
	return seen, err
}

// hiddenKey is equal where the same is hidden.
func hiddenKey(seen map[vital.PatientID]vital.DataSet, patients []vital.PatientID) string {
	var parts []string
	for _, p := range patients {
		if of := seen[p]; of != vital.EveryData {
			parts = append(parts, fmt.Sprintf("%s:%x", p, uint16(of)))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}
