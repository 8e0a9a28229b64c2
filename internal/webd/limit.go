package webd

import (
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// EffectiveLimit is the limit of one number that holds for a patient now, beside
// the default of its rule. Own is there when it is the patient's own.
type EffectiveLimit struct {
	Metric      string         `json:"metric"`
	Unit        string         `json:"unit"`
	Low         *vital.Decimal `json:"low"`
	High        *vital.Decimal `json:"high"`
	DefaultLow  *vital.Decimal `json:"defaultLow"`
	DefaultHigh *vital.Decimal `json:"defaultHigh"`
	Rule        string         `json:"rule"`
	Own         *OwnLimit      `json:"own"`
}

// OwnLimit is a limit that somebody set for one patient; until is 0 when it has
// no end. Its times are ms since 1970.
type OwnLimit struct {
	Low   *vital.Decimal `json:"low"`
	High  *vital.Decimal `json:"high"`
	By    string         `json:"by"`
	Name  string         `json:"name"`
	Why   string         `json:"why"`
	From  int64          `json:"from"`
	Until int64          `json:"until"`
}

// PastLimit is a limit that a patient has or had; ended is 0 while nobody ended
// it before its time.
type PastLimit struct {
	OwnLimit
	ID        string `json:"id"`
	Metric    string `json:"metric"`
	Unit      string `json:"unit"`
	Ended     int64  `json:"ended"`
	EndedBy   string `json:"endedBy"`
	EndedName string `json:"endedName"`
	EndedWhy  string `json:"endedWhy"`
}

type limitBody struct {
	Metric  string         `json:"metric"`
	Unit    string         `json:"unit"`
	Low     *vital.Decimal `json:"low,omitempty"`
	High    *vital.Decimal `json:"high,omitempty"`
	Why     string         `json:"why"`
	Minutes int            `json:"minutes,omitempty"`
	Until   vital.Instant  `json:"until,omitempty"`
}

type whyBody struct {
	Why string `json:"why"`
}

// mostLimit is how long a limit of a patient's own may be set to hold, in
// minutes, where an end is given.
const mostLimit = 30 * 24 * 60

func (s *Server) limits(c *call) error {
	views, err := s.limitsOf(c)
	if err != nil {
		return err
	}
	return c.json(listOf(views))
}

// limitsOf joins what the rules make of a patient's limits with who set them. A
// limit that no rule asks for is shown too: it was set, and does nothing.
func (s *Server) limitsOf(c *call) ([]EffectiveLimit, error) {
	own, err := s.store.LimitsOf(c.ctx(), c.rows, c.patient(), vital.At(s.now()))
	if err != nil {
		return nil, err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return nil, err
	}
	set := make(map[string]store.OwnLimit, len(own))
	for _, l := range own {
		set[l.Metric] = l
	}
	var views []EffectiveLimit
	sees, err := s.sees(c, vital.DataVitals)
	if err != nil || !sees {
		return nil, err
	}
	for _, e := range s.judged.Limits(c.patient()) {
		v := EffectiveLimit{Metric: e.Metric, Unit: e.Unit, Low: e.Low, High: e.High, DefaultLow: e.DefaultLow, DefaultHigh: e.DefaultHigh, Rule: e.Rule}
		if l, ok := set[e.Metric]; ok {
			v.Own = ownView(l, names)
			delete(set, e.Metric)
		}
		views = append(views, v)
	}
	for _, l := range own {
		if _, left := set[l.Metric]; left {
			views = append(views, EffectiveLimit{Metric: l.Metric, Unit: l.Unit, Low: l.Low, High: l.High, Own: ownView(l, names)})
		}
	}
	return views, nil
}

func ownView(l store.OwnLimit, n names) *OwnLimit {
	return &OwnLimit{Low: l.Low, High: l.High, By: l.By, Name: n.of(l.By), Why: l.Why, From: int64(l.From), Until: int64(l.Until)}
}

// setLimit gives a patient a limit of its own, with a reason and, as a rule, an
// end.
func (s *Server) setLimit(c *call) error {
	var body limitBody
	if err := c.body(&body); err != nil {
		return err
	}
	now := vital.At(s.now())
	l := store.OwnLimit{Patient: c.patient(), Metric: body.Metric, Unit: body.Unit, Low: body.Low, High: body.High, By: c.principal.ID, Why: strings.TrimSpace(body.Why), From: now}
	if err := body.check(); err != nil {
		return err
	}
	switch {
	case body.Minutes != 0 && body.Until.Known():
		return invalid("until", "until: give minutes or until, not both")
	case body.Minutes < 0 || body.Minutes > mostLimit:
		return invalid("minutes", "minutes: want 1 to %d", mostLimit)
	case body.Minutes > 0:
		l.Until = now.Add(time.Duration(body.Minutes) * time.Minute)
	case body.Until.Known() && (body.Until <= now || body.Until > now.Add(mostLimit*time.Minute)):
		return invalid("until", "until: want a time within the next 30 days")
	default:
		l.Until = body.Until
	}
	if _, err := s.store.SetLimit(c.ctx(), s.entry(c, "patient/"+string(c.patient()), l.Why), l); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return s.limits(c)
}

// check refuses a limit that cannot be meant: of a number, in a unit it can have,
// between values it can have, and low below high.
func (b limitBody) check() error {
	m := vital.LookMetric(b.Metric)
	if m == nil || m.Shape != vital.Numeric {
		return invalid("metric", "metric %q: there is no such number", b.Metric)
	}
	if b.Unit == "" {
		return invalid("unit", "unit: a limit needs its unit, %s", m.Unit)
	}
	if err := m.Accepts(b.Unit); err != nil {
		return inField("unit", err)
	}
	if b.Low == nil && b.High == nil {
		return invalid("low", "low, high: want at least one; to go back to the default, delete the limit")
	}
	for _, bound := range []struct {
		field string
		is    *vital.Decimal
	}{{"low", b.Low}, {"high", b.High}} {
		if bound.is == nil {
			continue
		}
		ok, err := m.Plausible(*bound.is, b.Unit)
		if err != nil {
			return inField(bound.field, err)
		}
		if !ok {
			return invalid(bound.field, "%s: %s %s is never measured; want %s to %s %s", bound.field, bound.is, b.Unit, m.Low, m.High, m.Unit)
		}
	}
	if b.Low != nil && b.High != nil && b.Low.Compare(*b.High) >= 0 {
		return invalid("low", "low: %s is not below high, %s", b.Low, b.High)
	}
	if why := strings.TrimSpace(b.Why); why == "" || len(why) > mostReason {
		return invalid("why", "why: say why, in at most %d characters", mostReason)
	}
	return nil
}

func (s *Server) endLimit(c *call) error {
	var body whyBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Why = strings.TrimSpace(body.Why); body.Why == "" || len(body.Why) > mostReason {
		return invalid("why", "why: say why, in at most %d characters", mostReason)
	}
	err := s.store.EndLimit(c.ctx(), s.entry(c, "patient/"+string(c.patient()), body.Why), c.patient(), c.r.PathValue("metric"), vital.At(s.now()), body.Why)
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return s.limits(c)
}

func (s *Server) limitHistory(c *call) error {
	all, err := s.store.LimitHistory(c.ctx(), c.rows, c.patient())
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]PastLimit, len(all))
	for i, l := range all {
		views[i] = PastLimit{
			OwnLimit: *ownView(l, names), ID: l.ID, Metric: l.Metric, Unit: l.Unit,
			Ended: int64(l.Ended), EndedBy: l.EndedBy, EndedName: names.of(l.EndedBy), EndedWhy: l.EndedWhy,
		}
	}
	return c.json(listOf(views))
}

// bedLimits are the limits as they stand beside the numbers of a bed.
func bedLimits(limits []rule.Effective) []Limit {
	views := make([]Limit, len(limits))
	for i, l := range limits {
		views[i] = Limit{Metric: l.Metric, Unit: l.Unit, Low: l.Low, High: l.High, Own: l.Own}
	}
	return views
}

// Care is what judging must know of a patient and no device says. At is 0 while
// nobody has said anything, ms since 1970.
type Care struct {
	SpO2Scale  int      `json:"spo2Scale"`
	Conditions []string `json:"conditions"`
	By         string   `json:"by"`
	Name       string   `json:"name"`
	Why        string   `json:"why"`
	At         int64    `json:"at"`
}

type careBody struct {
	SpO2Scale  int      `json:"spo2Scale"`
	Conditions []string `json:"conditions"`
	Why        string   `json:"why,omitempty"`
}

const mostConditions = 30

func (s *Server) care(c *call) error {
	care, err := s.store.CareOf(c.ctx(), c.rows, c.patient())
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	return c.json(Care{SpO2Scale: care.SpO2Scale, Conditions: full(care.Conditions), By: care.By, Name: names.of(care.By), Why: care.Why, At: int64(care.At)})
}

func (s *Server) setCare(c *call) error {
	var body careBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.SpO2Scale < 0 || body.SpO2Scale > 2 {
		return invalid("spo2Scale", "spo2Scale: want 1, 2, or 0 for not set")
	}
	if len(body.Conditions) > mostConditions || len(body.Why) > mostReason {
		return invalid("conditions", "conditions: at most %d", mostConditions)
	}
	seen := make(map[string]bool)
	conditions := make([]string, 0, len(body.Conditions))
	for i, text := range body.Conditions {
		if text = strings.TrimSpace(text); text == "" || len(text) > 100 {
			return invalid("conditions["+itoa(i)+"]", "conditions[%d]: want 1 to 100 characters", i)
		}
		if !seen[text] {
			conditions = append(conditions, text)
		}
		seen[text] = true
	}
	why := strings.TrimSpace(body.Why)
	_, err := s.store.SetCare(c.ctx(), s.entry(c, "patient/"+string(c.patient()), why),
		store.Care{Patient: c.patient(), SpO2Scale: body.SpO2Scale, Conditions: conditions, By: c.principal.ID, Why: why, At: vital.At(s.now())})
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return s.care(c)
}
