package webd

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Burden is how many alarms a ward had in a time, of what, and how they were met.
// Actionable is an alarm that somebody took on: accepted, handed over, or called
// for help about. It is what people said they did, and no judgement of the alarm.
type Burden struct {
	From       vital.Instant `json:"from"`
	To         vital.Instant `json:"to"`
	BedDays    float64       `json:"bedDays"` // occupied
	Alarms     int           `json:"alarms"`
	PerBedDay  float64       `json:"perBedDay"`
	Technical  int           `json:"technical"`
	ByPriority Priorities    `json:"byPriority"`
	Actionable Share         `json:"actionable"`
	Met        Share         `json:"met"`       // acknowledged by somebody
	SelfEnded  Share         `json:"selfEnded"` // over before anybody acknowledged
	ToMeet     Spread        `json:"toMeet"`    // from raised to acknowledged
	ByRule     []BurdenRule  `json:"byRule"`    // the loudest first
	ByBed      []BurdenBed   `json:"byBed"`
	ByHour     []int         `json:"byHour"` // 24, of the ward's day
	ByDay      []BurdenDay   `json:"byDay"`
	ByShift    []BurdenShift `json:"byShift"` // shifts that were planned; alarms outside are in none
	Truncated  bool          `json:"truncated"`
}

// Priorities counts alarms by the highest priority they had.
type Priorities struct {
	Low    int `json:"low"`
	Medium int `json:"medium"`
	High   int `json:"high"`
}

func (p *Priorities) add(v vital.Priority) {
	switch v {
	case vital.High:
		p.High++
	case vital.Medium:
		p.Medium++
	default:
		p.Low++
	}
}

// Share is a number of alarms and which part of all that is.
type Share struct {
	Alarms int     `json:"alarms"`
	Share  float64 `json:"share"`
}

// Spread is how long something took, in seconds; of none all are 0.
type Spread struct {
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
}

// BurdenRule is what one rule raised.
type BurdenRule struct {
	Rule       string            `json:"rule"`
	Title      string            `json:"title"`
	Titles     map[string]string `json:"titles,omitempty"` // in other languages
	Technical  bool              `json:"technical"`
	Alarms     int               `json:"alarms"`
	Share      float64           `json:"share"`
	SelfEnded  int               `json:"selfEnded"`
	Actionable int               `json:"actionable"`
	Minutes    float64           `json:"minutes"`
}

// BurdenBed is what was raised at one bed.
type BurdenBed struct {
	Bed    vital.BedID `json:"bed"`
	Label  string      `json:"label"`
	Alarms int         `json:"alarms"`
}

// BurdenDay is a day of the ward.
type BurdenDay struct {
	Day    string `json:"day"` // 2026-11-22
	Alarms int    `json:"alarms"`
}

// BurdenShift is one shift.
type BurdenShift struct {
	Name   string        `json:"name"`
	From   vital.Instant `json:"from"`
	To     vital.Instant `json:"to"`
	Alarms int           `json:"alarms"`
	Met    int           `json:"met"`
	ToMeet Spread        `json:"toMeet"`
}

const (
	mostBurden       = 31 * 24 * time.Hour
	mostBurdenAlarms = 100_000
)

func (s *Server) burden(c *call) error {
	now := vital.At(s.now())
	to, err := instantOf(c.r, "to", now)
	if err != nil {
		return err
	}
	from, err := instantOf(c.r, "from", to.Add(-7*24*time.Hour))
	if err != nil {
		return err
	}
	if from >= to || to.Sub(from) > mostBurden {
		return invalid("from", "from: want a time before to, at most 31 days")
	}
	ward, err := s.store.Ward(c.ctx(), c.rows, c.ward())
	if err != nil {
		return err
	}
	rows, whole, err := s.raisedIn(c.ctx(), c.rows, ward.ID, from, to)
	if err != nil {
		return err
	}
	b := burdenOf(rows, from, min(to, now), zoneOf(ward.Zone))
	b.Truncated = !whole
	if b.BedDays, err = s.bedDays(c.ctx(), ward.ID, from, min(to, now)); err != nil {
		return err
	}
	if b.BedDays > 0 {
		b.PerBedDay = float64(b.Alarms) / b.BedDays
	}
	beds, err := s.store.Beds(c.ctx(), c.rows, ward.ID)
	if err != nil {
		return err
	}
	for i := range b.ByBed {
		for _, bed := range beds {
			if bed.ID == b.ByBed[i].Bed {
				b.ByBed[i].Label = bed.Label
			}
		}
	}
	shifts, err := s.store.Shifts(c.ctx(), c.rows, ward.ID, from, to)
	if err != nil {
		return err
	}
	for _, sh := range shifts {
		b.ByShift = append(b.ByShift, shiftBurden(sh, rows))
	}
	for i := range b.ByRule {
		b.ByRule[i].Titles = titlesOf(s.inForce(), b.ByRule[i].Rule, b.ByRule[i].Title)
	}
	return c.json(b)
}

// raisedIn reads every alarm of a ward in a time, newest first; whole is false
// when there were too many.
func (s *Server) raisedIn(ctx context.Context, r store.Rows, ward vital.WardID, from, to vital.Instant) (all []store.AlarmRow, whole bool, err error) {
	f := store.AlarmFilter{Ward: ward, From: from, To: to, Limit: 5000}
	for len(all) < mostBurdenAlarms {
		some, err := s.store.Alarms(ctx, r, f)
		if err != nil {
			return nil, false, err
		}
		all = append(all, some...)
		if len(some) < f.Limit {
			return all, true, nil
		}
		last := some[len(some)-1]
		f.Before = store.AlarmMark{Raised: last.Raised, ID: last.ID}
	}
	return all, false, nil
}

// bedDays is how long the beds of a ward were occupied, in days.
func (s *Server) bedDays(ctx context.Context, ward vital.WardID, from, to vital.Instant) (float64, error) {
	stays, err := s.store.Stays(ctx, s.site, from)
	if err != nil {
		return 0, err
	}
	days := 0.0
	for _, a := range stays {
		if a.Ward != ward {
			continue
		}
		begin, end := max(a.From, from), to
		if a.To != 0 {
			end = min(a.To, to)
		}
		if end > begin {
			days += end.Sub(begin).Hours() / 24
		}
	}
	return days, nil
}

func zoneOf(name string) *time.Location {
	where, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return where
}

func burdenOf(rows []store.AlarmRow, from, to vital.Instant, zone *time.Location) Burden {
	b := Burden{
		From: from, To: to, Alarms: len(rows), ByHour: make([]int, 24),
		ByRule: []BurdenRule{}, ByBed: []BurdenBed{}, ByDay: []BurdenDay{}, ByShift: []BurdenShift{},
	}
	rules, beds, days := map[string]*BurdenRule{}, map[vital.BedID]int{}, map[string]int{}
	var met []float64
	for _, a := range rows {
		b.ByPriority.add(a.Peak)
		r := rules[a.Rule]
		if r == nil {
			r = &BurdenRule{Rule: a.Rule, Title: a.Title, Technical: a.Technical}
			rules[a.Rule] = r
		}
		r.Alarms++
		r.Minutes += orEnd(a.Closed, to).Sub(a.Raised).Minutes()
		if a.Technical {
			b.Technical++
		}
		if actionable(a) {
			b.Actionable.Alarms++
			r.Actionable++
		}
		switch {
		case a.Acknowledged != nil:
			b.Met.Alarms++
			met = append(met, a.Acknowledged.At.Sub(a.Raised).Seconds())
		case a.Closed != 0:
			b.SelfEnded.Alarms++
			r.SelfEnded++
		}
		beds[a.Bed]++
		local := a.Raised.Time().In(zone)
		b.ByHour[local.Hour()]++
		days[local.Format(time.DateOnly)]++
	}
	b.ToMeet = spread(met)
	for _, s := range []*Share{&b.Actionable, &b.Met, &b.SelfEnded} {
		s.Share = part(s.Alarms, b.Alarms)
	}
	for _, r := range rules {
		r.Share = part(r.Alarms, b.Alarms)
		b.ByRule = append(b.ByRule, *r)
	}
	slices.SortFunc(b.ByRule, func(x, y BurdenRule) int { return cmp.Or(cmp.Compare(y.Alarms, x.Alarms), cmp.Compare(x.Rule, y.Rule)) })
	for bed, n := range beds {
		b.ByBed = append(b.ByBed, BurdenBed{Bed: bed, Alarms: n})
	}
	slices.SortFunc(b.ByBed, func(x, y BurdenBed) int { return cmp.Or(cmp.Compare(y.Alarms, x.Alarms), cmp.Compare(x.Bed, y.Bed)) })
	for day := from.Time().In(zone); !day.After(to.Time().In(zone)); day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		b.ByDay = append(b.ByDay, BurdenDay{Day: name, Alarms: days[name]})
	}
	return b
}

// actionable says whether somebody took the alarm on.
func actionable(a store.AlarmRow) bool { return a.Owner != nil }

func part(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// spread sorts seconds and returns the middle and the ninth tenth.
func spread(seconds []float64) Spread {
	if len(seconds) == 0 {
		return Spread{}
	}
	slices.Sort(seconds)
	return Spread{Median: seconds[len(seconds)/2], P90: seconds[min(len(seconds)-1, len(seconds)*9/10)]}
}

func shiftBurden(sh store.Shift, rows []store.AlarmRow) BurdenShift {
	out := BurdenShift{Name: sh.Name, From: sh.From, To: sh.To}
	var met []float64
	for _, a := range rows {
		if a.Raised < sh.From || a.Raised >= sh.To {
			continue
		}
		out.Alarms++
		if a.Acknowledged != nil {
			out.Met++
			met = append(met, a.Acknowledged.At.Sub(a.Raised).Seconds())
		}
	}
	out.ToMeet = spread(met)
	return out
}
