package rule

import (
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Subject is what is known of the patient whom the rules are about.
type Subject struct {
	Patient vital.PatientID `json:"patient"`
	// AgeYears is the age in years, with its fraction; below 0 it is not known.
	AgeYears   float64  `json:"ageYears"`
	Ward       string   `json:"ward,omitempty"`
	WardKind   string   `json:"wardKind,omitempty"` // "adult", "high-dependency", "home", "paediatric"
	Conditions []string `json:"conditions,omitempty"`
	SpO2Scale  int      `json:"spo2Scale,omitempty"` // 1 or 2; 0: nobody has said, and it is never guessed
	Limits     []Limit  `json:"limits,omitempty"`
	Demo       bool     `json:"demo,omitempty"` // demonstration data counts
	Test       bool     `json:"test,omitempty"` // test data counts
	// Local returns the time of the day of the ward, in minutes from midnight, and
	// the weekday; nil: UTC.
	Local func(vital.Instant) (minuteOfDay int, weekday time.Weekday) `json:"-"`
}

// Limit is the patient's own limit, in force now.
type Limit struct {
	Metric string         `json:"metric"`
	Low    *vital.Decimal `json:"low,omitempty"`
	High   *vital.Decimal `json:"high,omitempty"`
	Unit   string         `json:"unit"`
}

// Effective is the limit that holds for a patient now, to be shown beside the
// number. The defaults are what holds without a limit of the patient's own.
type Effective struct {
	Metric      string         `json:"metric"`
	Unit        string         `json:"unit"`
	Low         *vital.Decimal `json:"low,omitempty"`
	High        *vital.Decimal `json:"high,omitempty"`
	DefaultLow  *vital.Decimal `json:"defaultLow,omitempty"`
	DefaultHigh *vital.Decimal `json:"defaultHigh,omitempty"`
	Rule        string         `json:"rule"` // that it belongs to; several are joined by ", "
	Own         bool           `json:"own"`
}

// sameAge is how far two ages may be apart and still be the same, in months: some
// seconds, less than any record knows.
const sameAge = 1e-5

// truth evaluates a condition about the patient.
func (s *Subject) truth(n *node) truth {
	switch n.op {
	case opAnd:
		return both(s.truth(n.left), s.truth(n.right))
	case opOr:
		return either(s.truth(n.left), s.truth(n.right))
	case opNot:
		return not(s.truth(n.left))
	case opAge:
		if n.name == "unknown" {
			return truthOf(s.AgeYears < 0)
		}
		if s.AgeYears < 0 {
			return unknown
		}
		c, apart := 0, s.AgeYears*12-n.number.Float()
		if apart < -sameAge {
			c = -1
		} else if apart > sameAge {
			c = 1
		}
		return truthOf(compares(n.compare, c))
	case opWard:
		kind := s.WardKind
		if kind == "" {
			kind = "unknown"
		}
		return truthOf(slices.Contains(n.words, kind))
	case opCondition:
		return truthOf(slices.ContainsFunc(n.words, func(w string) bool {
			return slices.ContainsFunc(s.Conditions, func(c string) bool { return strings.EqualFold(c, w) })
		}))
	case opScale:
		return truthOf(s.SpO2Scale == int(n.number.Mantissa))
	}
	return unknown
}

// local returns the ward's minute of the day and weekday.
func (s *Subject) local(now vital.Instant) (minute, weekday int) {
	if s.Local != nil {
		m, d := s.Local(now)
		return m, int(d)
	}
	t := now.Time()
	return t.Hour()*60 + t.Minute(), int(t.Weekday())
}

// same reports whether nothing changed that rules look at.
func (s *Subject) same(o *Subject) bool {
	return s.Patient == o.Patient && s.AgeYears == o.AgeYears && s.WardKind == o.WardKind && s.SpO2Scale == o.SpO2Scale &&
		s.Demo == o.Demo && s.Test == o.Test && slices.Equal(s.Conditions, o.Conditions) &&
		slices.EqualFunc(s.Limits, o.Limits, func(a, b Limit) bool {
			return a.Metric == b.Metric && a.Unit == b.Unit && sameNumber(a.Low, b.Low) && sameNumber(a.High, b.High)
		})
}

func sameNumber(a, b *vital.Decimal) bool { return a == b || a != nil && b != nil && *a == *b }

// copied returns a subject that nobody else can change.
func (s *Subject) copied() Subject {
	c := *s
	c.Conditions = slices.Clone(s.Conditions)
	c.Limits = slices.Clone(s.Limits)
	for i, l := range c.Limits {
		if l.Low != nil {
			low := *l.Low
			c.Limits[i].Low = &low
		}
		if l.High != nil {
			high := *l.High
			c.Limits[i].High = &high
		}
	}
	return c
}

// effective is one limit of the set as it holds for one patient now.
type effective struct {
	known  bool
	own    bool
	bad    bool          // the patient's own, in a unit that is none of the metric
	number vital.Decimal // in the metric's unit
	shown  vital.Decimal
	unit   string
}

// effectiveLimit is the patient's own limit, else that of the time of the day,
// else the rule's.
func (s *Set) effectiveLimit(f *fallback, sub *Subject, minute, weekday int) effective {
	for _, l := range sub.Limits {
		if l.Metric != s.metrics[f.metric] {
			continue
		}
		d := l.High
		if f.low {
			d = l.Low
		}
		if d == nil {
			continue
		}
		number, err := s.measures[f.metric].Convert(*d, l.Unit, s.measures[f.metric].Unit)
		return effective{known: err == nil, bad: err != nil, own: true, number: number, shown: *d, unit: l.Unit}
	}
	return f.at(minute, weekday)
}

// at is the limit without one of the patient's own.
func (f *fallback) at(minute, weekday int) effective {
	for i := len(f.periodic) - 1; i >= 0; i-- {
		p := &f.periodic[i]
		if slices.ContainsFunc(p.periods, func(q period) bool { return q.has(minute, weekday) }) {
			return effective{known: true, number: p.number, shown: p.shown, unit: p.unit}
		}
	}
	return effective{known: f.stated, number: f.number, shown: f.shown, unit: f.unit}
}

// Limits returns what holds for the patient now: one line per measure that a
// rule which applies has a limit of, in the order of the rules. Where two rules
// have one, the one that is reached first is shown.
func (s *Set) Limits(sub *Subject, now vital.Instant) []Effective {
	minute, weekday := sub.local(now)
	var list []Effective
	for i := range s.limits {
		f := &s.limits[i]
		if r := s.rules[f.rule]; r.applies != nil && sub.truth(r.applies) != yes {
			continue
		}
		e, fall := s.effectiveLimit(f, sub, minute, weekday), f.at(minute, weekday)
		metric := s.metrics[f.metric]
		at := slices.IndexFunc(list, func(o Effective) bool { return o.Metric == metric })
		if at < 0 {
			list = append(list, Effective{Metric: metric, Unit: e.unit, Rule: s.rules[f.rule].name})
			at = len(list) - 1
		}
		list[at].take(s.measures[f.metric], f.low, e, fall, s.rules[f.rule].name)
	}
	return list
}

// take adds one limit to the line of its measure.
func (l *Effective) take(m *vital.Metric, low bool, e, fall effective, rule string) {
	in := func(e effective) *vital.Decimal {
		d, err := m.Convert(e.shown, e.unit, l.Unit)
		if err != nil {
			return nil
		}
		return &d
	}
	own, usual := &l.High, &l.DefaultHigh
	if low {
		own, usual = &l.Low, &l.DefaultLow
	}
	tighter := func(have, d *vital.Decimal) bool {
		return d != nil && (have == nil || low && d.Compare(*have) > 0 || !low && d.Compare(*have) < 0)
	}
	if d := in(fall); fall.known && tighter(*usual, d) {
		*usual = d
	}
	if d := in(e); tighter(*own, d) {
		*own = d
	}
	l.Own = l.Own || e.own
	if !slices.Contains(strings.Split(l.Rule, ", "), rule) {
		l.Rule += ", " + rule
	}
}
