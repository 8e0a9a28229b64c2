package webd

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/vital"
)

// storeMove is admitting or transferring.
type storeMove func(ctx context.Context, e audit.Entry, patient vital.PatientID, bed vital.BedID, at vital.Instant) (store.Admission, error)

func itoa(n int) string { return strconv.Itoa(n) }

// Observation is one bed round.
type Observation struct {
	ID      string            `json:"id"`
	Patient vital.PatientID   `json:"patient"`
	At      vital.Instant     `json:"at"`
	By      string            `json:"by"`
	Items   []ObservationItem `json:"items"`
	Note    string            `json:"note"`
}

// ObservationItem is a number with its unit, or a code.
type ObservationItem struct {
	Metric string         `json:"metric"`
	Value  *vital.Decimal `json:"value,omitempty"`
	Code   string         `json:"code,omitempty"`
	Unit   string         `json:"unit,omitempty"`
}

type observationBody struct {
	At    vital.Instant     `json:"at,omitempty"`
	Items []ObservationItem `json:"items"`
	Note  string            `json:"note,omitempty"`
}

// Annotation is a remark on the timeline.
type Annotation struct {
	ID      string          `json:"id"`
	Patient vital.PatientID `json:"patient"`
	At      vital.Instant   `json:"at"`
	By      string          `json:"by"`
	Text    string          `json:"text"`
	Kind    string          `json:"kind"`
}

type annotationBody struct {
	At   vital.Instant `json:"at,omitempty"`
	Text string        `json:"text"`
	Kind string        `json:"kind,omitempty"`
}

type standbyBody struct {
	Reason  string `json:"reason"`
	Minutes int    `json:"minutes"`
}

type planBody struct {
	Items []PlanItem `json:"items"`
}

// TimelineItem is one line of everything that is not a number.
type TimelineItem struct {
	At   vital.Instant `json:"at"`
	Kind string        `json:"kind"`
	Text string        `json:"text"`
	By   string        `json:"by"`
	Ref  string        `json:"ref"`
	Said *words.Said   `json:"said,omitempty"` // what Vigil says itself
}

const (
	mostItems    = 60
	mostNote     = 4000
	mostStandby  = 24 * 60 // minutes
	mostPlan     = 100
	lookBack     = 7 * 24 * time.Hour
	mostLookBack = 10 * 366 * 24 * time.Hour
)

func (s *Server) observations(c *call) error {
	from, to, err := s.period(c, lookBack, mostLookBack)
	if err != nil {
		return err
	}
	rounds, err := s.store.Observations(c.ctx(), c.rows, c.patient(), from, to+1)
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]Observation, len(rounds))
	for i, o := range rounds {
		views[i] = observationView(o, names)
		if c.groups == nil {
			continue
		}
		views[i].Note = "" // a remark is of no category
		views[i].Items = slices.DeleteFunc(views[i].Items, func(item ObservationItem) bool { return !c.ofGroups(item.Metric) })
	}
	return c.json(listOf(views))
}

func observationView(o store.Observation, n names) Observation {
	v := Observation{ID: o.ID, Patient: o.Patient, At: o.At, By: n.of(o.By), Note: o.Note, Items: make([]ObservationItem, len(o.Items))}
	for i, item := range o.Items {
		v.Items[i] = ObservationItem{Metric: item.Metric, Value: item.Value, Code: item.Code, Unit: item.Unit}
	}
	return v
}

// observe keeps a bed round: the values travel as readings, the row keeps who
// entered them and the note.
func (s *Server) observe(c *call) error {
	var body observationBody
	if err := c.body(&body); err != nil {
		return err
	}
	at, err := s.timeOf("at", body.At)
	if err != nil {
		return err
	}
	if len(body.Items) == 0 && strings.TrimSpace(body.Note) == "" {
		return invalid("items", "items: want at least one value, or a note")
	}
	if len(body.Items) > mostItems || len(body.Note) > mostNote {
		return invalid("items", "at most %d values and %d characters of note", mostItems, mostNote)
	}
	round := store.Observation{Patient: c.patient(), At: at, By: c.principal.ID, Note: strings.TrimSpace(body.Note)}
	var readings []vital.Reading
	for i, item := range body.Items {
		if err := item.check("items[" + itoa(i) + "]"); err != nil {
			return err
		}
		round.Items = append(round.Items, store.ObservedItem{Metric: item.Metric, Value: item.Value, Code: item.Code, Unit: item.Unit})
		readings = append(readings, s.entered(c, item, at))
	}
	// The journal first: a row without its values would look like a round that
	// was kept. A round that is sent again after a failure between the two gives
	// the same readings, which are recognised.
	if len(readings) > 0 {
		if _, err := s.commands.Observe(c.ctx(), c.principal, c.patient(), readings); err != nil {
			return err
		}
	}
	kept, err := s.store.Observe(c.ctx(), s.entry(c, "patient/"+string(c.patient()), ""), round)
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	return c.created(observationView(kept, names))
}

// entered is a value that a person typed, as a reading.
func (s *Server) entered(c *call, item ObservationItem, at vital.Instant) vital.Reading {
	r := vital.Reading{
		Site: s.site, Patient: c.patient(), Metric: item.Metric, Unit: item.Unit, Quality: vital.Manual,
		Clocks: vital.Clocks{Device: at, Receive: vital.At(s.now()), Effective: at},
	}
	if item.Value != nil {
		r.Value = vital.Num(*item.Value)
	} else {
		r.Value = vital.Coded(item.Code)
	}
	return r
}

// check refuses what cannot be meant. Unlike a device, a person who typed it is
// there to correct it.
func (i ObservationItem) check(field string) error {
	m := vital.LookMetric(i.Metric)
	if m == nil {
		return invalid(field+".metric", "%s: there is no metric %q", field, i.Metric)
	}
	switch {
	case (i.Value == nil) == (i.Code == ""):
		return invalid(field, "%s: want a value or a code", field)
	case i.Code != "" && m.Shape != vital.Code:
		return invalid(field+".code", "%s: %s is a number", field, m.Name)
	case i.Value != nil && m.Shape != vital.Numeric:
		return invalid(field+".value", "%s: %s is not a number", field, m.Name)
	case i.Code != "":
		if len(m.Codes) > 0 && !slices.Contains(m.Codes, i.Code) {
			return invalid(field+".code", "%s: %s is one of %s", field, m.Name, strings.Join(m.Codes, ", "))
		}
		return nil
	}
	if i.Unit == "" {
		return invalid(field+".unit", "%s: a number needs its unit, %s", field, m.Unit)
	}
	if err := m.Accepts(i.Unit); err != nil {
		return inField(field+".unit", err)
	}
	ok, err := m.Plausible(*i.Value, i.Unit)
	if err != nil {
		return inField(field+".value", err)
	}
	if !ok {
		return invalid(field+".value", "%s: %s %s cannot be; want %s to %s %s", field, i.Value, i.Unit, m.Low, m.High, m.Unit)
	}
	return nil
}

func (s *Server) annotations(c *call) error {
	from, to, err := s.period(c, lookBack, mostLookBack)
	if err != nil {
		return err
	}
	remarks, err := s.store.Annotations(c.ctx(), c.rows, c.patient(), from, to+1)
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]Annotation, len(remarks))
	for i, a := range remarks {
		views[i] = annotationView(a, names)
	}
	return c.json(listOf(views))
}

func annotationView(a store.Annotation, n names) Annotation {
	return Annotation{ID: a.ID, Patient: a.Patient, At: a.At, By: n.of(a.By), Text: a.Text, Kind: a.Kind}
}

func (s *Server) annotate(c *call) error {
	var body annotationBody
	if err := c.body(&body); err != nil {
		return err
	}
	at, err := s.timeOf("at", body.At)
	if err != nil {
		return err
	}
	body.Text = strings.TrimSpace(body.Text)
	if body.Text == "" || len(body.Text) > mostNote || len(body.Kind) > 40 {
		return invalid("text", "text: want 1 to %d characters", mostNote)
	}
	kept, err := s.store.Annotate(c.ctx(), s.entry(c, "patient/"+string(c.patient()), ""),
		store.Annotation{Patient: c.patient(), At: at, By: c.principal.ID, Kind: body.Kind, Text: body.Text})
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	return c.created(annotationView(kept, names))
}

func (s *Server) setStandby(c *call) error {
	var body standbyBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Reason = strings.TrimSpace(body.Reason); body.Reason == "" || len(body.Reason) > 200 {
		return invalid("reason", "reason: say why, in at most 200 characters")
	}
	if body.Minutes < 1 || body.Minutes > mostStandby {
		return invalid("minutes", "minutes: want 1 to %d; standby ends by itself", mostStandby)
	}
	now := vital.At(s.now())
	kept, err := s.store.SetStandby(c.ctx(), s.entry(c, "patient/"+string(c.patient()), body.Reason), store.Standby{
		Patient: c.patient(), Reason: body.Reason, By: c.principal.ID, From: now, Until: now.Add(time.Duration(body.Minutes) * time.Minute),
	})
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.created(Standby{Reason: kept.Reason, By: c.principal.Name, From: kept.From, Until: kept.Until})
}

func (s *Server) endStandby(c *call) error {
	if err := s.store.EndStandby(c.ctx(), s.entry(c, "patient/"+string(c.patient()), ""), c.patient(), vital.At(s.now())); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) setPlan(c *call) error {
	var body planBody
	if err := c.body(&body); err != nil {
		return err
	}
	if len(body.Items) > mostPlan {
		return invalid("items", "items: at most %d", mostPlan)
	}
	items := make([]store.PlanItem, len(body.Items))
	seen := make(map[string]bool)
	for i, item := range body.Items {
		field := "items[" + itoa(i) + "]"
		if vital.LookMetric(item.Metric) == nil || seen[item.Metric] {
			return invalid(field+".metric", "%s: %q is not a metric, or is there twice", field, item.Metric)
		}
		if item.Kind != "continuous" && item.Kind != "spot" {
			return invalid(field+".kind", "%s: kind %q: want continuous or spot", field, item.Kind)
		}
		if item.Every < 1 || item.Every > 7*24*3600 {
			return invalid(field+".every", "%s: every: want 1 second to 7 days, in seconds", field)
		}
		seen[item.Metric] = true
		items[i] = store.PlanItem{Metric: item.Metric, Kind: item.Kind, Every: int(item.Every)}
	}
	if err := s.store.SetPlan(c.ctx(), s.entry(c, "patient/"+string(c.patient()), ""), c.patient(), items); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.json(listOf(planView(items)))
}

func planView(items []store.PlanItem) []PlanItem {
	views := make([]PlanItem, len(items))
	for i, item := range items {
		views[i] = PlanItem{Metric: item.Metric, Kind: item.Kind, Every: int64(item.Every)}
	}
	return views
}

func (s *Server) timeline(c *call) error {
	from, to, err := s.period(c, lookBack, mostLookBack)
	if err != nil {
		return err
	}
	moments, err := s.store.Timeline(c.ctx(), c.rows, c.patient(), from, to+1)
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	items := make([]TimelineItem, len(moments))
	for i, m := range moments {
		items[i] = TimelineItem{At: m.At, Kind: m.Kind, Text: m.Text, By: names.of(m.By), Ref: m.Ref, Said: saidOf(m)}
	}
	return c.json(listOf(items))
}
