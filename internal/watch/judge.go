package watch

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// This file is where values become alarms: a reading goes through the rules,
// what they find goes through the alarm machine, and what that says is drained
// with everything else. All of it follows from the records alone.

// Site is the patient that alarms about Vigil itself are kept under.
const Site vital.PatientID = "site"

// About is what is known of a patient that decides which rules apply and how.
// It holds no name.
type About struct {
	Ward       string        `json:"ward,omitempty"`
	WardKind   string        `json:"wardKind,omitempty"`
	Zone       string        `json:"zone,omitempty"`
	AgeYears   float64       `json:"ageYears"` // -1: not known
	SpO2Scale  int           `json:"spo2Scale,omitempty"`
	Conditions []string      `json:"conditions,omitempty"`
	Demo       bool          `json:"demo,omitempty"`
	Test       bool          `json:"test,omitempty"`
	Limits     []Limit       `json:"limits,omitempty"`
	Policy     *alarm.Policy `json:"policy,omitempty"` // nil: the default
}

// trusted are the remarks that do not make a value of this patient doubtful: a
// demonstration's data counts in its own world.
func (a *About) trusted() (q vital.Quality) {
	if a.Demo {
		q |= vital.Demo
	}
	if a.Test {
		q |= vital.Test
	}
	return q
}

// Limit is a patient's own limit and for how long it holds.
type Limit struct {
	Metric string         `json:"metric"`
	Unit   string         `json:"unit"`
	Low    *vital.Decimal `json:"low,omitempty"`
	High   *vital.Decimal `json:"high,omitempty"`
	By     string         `json:"by,omitempty"`
	From   vital.Instant  `json:"from"`
	Until  vital.Instant  `json:"until,omitempty"` // 0: until somebody ends it
}

// judged is what the board keeps of a patient to judge the next reading.
type judged struct {
	About   About
	Rules   rule.State
	Alarms  alarm.State
	Silence map[string]vital.Finding // about the watching: those that stand, by key
	Scores  map[string]scored
	Habits  map[string]*habit `json:",omitempty"` // what is usual, by metric

	subject   rule.Subject // derived from About; rebuilt when it or time changes it
	changesAt vital.Instant
}

// Use takes a rule set; every patient is judged by it from now on.
func (b *Board) Use(set *rule.Set, at vital.Instant) {
	b.rules = set
	for _, id := range b.Patients() {
		if p := b.patients[id]; p.Present {
			b.adopt(id, p, at)
		}
	}
}

// adopt judges a patient by a set or by facts that are new.
func (b *Board) adopt(id vital.PatientID, p *patient, at vital.Instant) {
	p.inForce(id, at)
	b.found(id, p, b.rules.Adopt(&p.Rules, &p.subject, at), at)
}

// inForce rebuilds the subject of the rules: what holds at that time.
func (p *patient) inForce(id vital.PatientID, at vital.Instant) {
	a := &p.About
	s := rule.Subject{
		Patient: id, AgeYears: a.AgeYears, Ward: a.Ward, WardKind: a.WardKind, Conditions: a.Conditions,
		SpO2Scale: a.SpO2Scale, Demo: a.Demo, Test: a.Test, Local: localTime(a.Zone),
	}
	p.changesAt = 0
	for _, l := range a.Limits {
		switch {
		case at < l.From:
			p.changesAt = sooner(p.changesAt, l.From)
		case l.Until == 0 || at < l.Until:
			s.Limits = append(s.Limits, rule.Limit{Metric: l.Metric, Unit: l.Unit, Low: l.Low, High: l.High})
			if l.Until != 0 {
				p.changesAt = sooner(p.changesAt, l.Until)
			}
		}
	}
	p.subject = s
}

func sooner(a, b vital.Instant) vital.Instant {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// zones are the places whose clock was looked up. Looking up reads a file and
// keeps some 5 kB, and a start or a change of rules asks for every patient.
var zones sync.Map // of *time.Location, by name

// localTime returns the ward's clock on the wall. A ward is not taken with a zone
// that the machine does not know; on one that knows fewer it is UTC.
func localTime(zone string) func(vital.Instant) (int, time.Weekday) {
	known, ok := zones.Load(zone)
	if !ok {
		where, err := time.LoadLocation(zone)
		if err != nil {
			where = time.UTC
		} else {
			zones.Store(zone, where)
		}
		known = where
	}
	where := known.(*time.Location)
	return func(at vital.Instant) (int, time.Weekday) {
		t := at.Time().In(where)
		return t.Hour()*60 + t.Minute(), t.Weekday()
	}
}

// found passes findings of a patient to the alarm machine.
func (b *Board) found(id vital.PatientID, p *patient, findings []vital.Finding, at vital.Instant) {
	if len(findings) == 0 {
		return
	}
	for i := range findings {
		findings[i].Patient = id
	}
	b.unjudged(id, p, findings, at)
	b.step(p, alarm.Input{Now: at, Findings: findings})
}

func (b *Board) step(p *patient, in alarm.Input) {
	in.Policy = alarm.DefaultPolicy()
	if p.About.Policy != nil {
		in.Policy = *p.About.Policy
	}
	var effects []alarm.Effect
	p.Alarms, effects = alarm.Step(p.Alarms, in)
	b.effects = append(b.effects, effects...)
}

// Command carries out what somebody asked of an alarm.
func (b *Board) Command(c alarm.Command) {
	p := b.whose(c.Patient)
	p.Alarms.Patient = c.Patient
	b.step(p, alarm.Input{Now: max(b.clock, c.At), Commands: []alarm.Command{c}})
}

// Report takes a finding that did not come from readings: about a channel that
// does not deliver, a disk, a station that cannot sound. Without a patient it is
// about Vigil itself.
func (b *Board) Report(f vital.Finding, at vital.Instant) {
	if f.Patient == "" {
		f.Patient = Site
	}
	p := b.whose(f.Patient)
	p.Alarms.Patient = f.Patient
	b.step(p, alarm.Input{Now: max(b.clock, at), Findings: []vital.Finding{f}})
}

func (b *Board) whose(id vital.PatientID) *patient {
	if id == Site {
		return b.site
	}
	return b.of(id)
}

// judgeReading lets the rules see a value of the source that is shown: two
// sources of one number would be two patients to a rule.
func (b *Board) judgeReading(p *patient, r vital.Reading) {
	if !p.Present {
		return
	}
	b.learn(p, &r)
	b.found(r.Patient, p, b.rules.Reading(&p.Rules, &p.subject, r, b.clock), b.clock)
}

// Event takes what happened to a bound patient at one time: a rhythm, a fall, a
// button.
func (b *Board) Event(e vital.Event) {
	if e.Patient == "" || e.Quality.Has(vital.Late) {
		return
	}
	b.pass(e.Clocks.Receive)
	if p := b.of(e.Patient); p.Present {
		b.happened(p, &e)
		b.found(e.Patient, p, b.rules.Event(&p.Rules, &p.subject, e, b.clock), b.clock)
	}
}

// judgeTick lets time pass for the rules and the alarms of a patient.
func (b *Board) judgeTick(id vital.PatientID, p *patient, at vital.Instant) {
	if p.Present {
		if p.changesAt != 0 && at >= p.changesAt {
			b.lapsed(id, p, at)
			b.adopt(id, p, at)
		}
		b.derive(id, p, at)
		b.compare(id, p, at)
		b.found(id, p, b.rules.Tick(&p.Rules, &p.subject, at), at)
	}
	if len(p.Alarms.Alarms)+len(p.Alarms.Offs) > 0 {
		b.step(p, alarm.Input{Now: at})
	}
}

// lapsed says aloud that a limit went back to the default: a notice that stands
// until the next shift has seen it.
func (b *Board) lapsed(id vital.PatientID, p *patient, at vital.Instant) {
	for _, l := range p.About.Limits {
		if l.Until == 0 || l.Until > at || l.Until <= at-tickMost {
			continue
		}
		begun := vital.Finding{
			Rule: "limit-lapsed", Part: l.Metric, Version: "1", Title: "Limit is back at its default", Metric: l.Metric,
			Text: label(l.Metric) + ": the patient's own limit has run out", Priority: vital.Low, Technical: true, Latching: true,
			Stand: vital.Present, At: l.Until,
		}
		over := begun
		over.Stand = vital.Absent
		b.found(id, p, []vital.Finding{begun, over}, at)
	}
}

func label(metric string) string {
	if m := vital.LookMetric(metric); m != nil {
		return m.Label
	}
	return metric
}

// leave closes everything: the patient was discharged.
func (b *Board) leave(p *patient, at vital.Instant) {
	b.step(p, alarm.Input{Now: at, Leave: true})
	p.Rules, p.Silence, p.Scores, p.Habits = rule.State{}, nil, nil, nil
}

// Alarms returns the open alarms of a patient, highest first.
func (b *Board) Alarms(id vital.PatientID) []alarm.Alarm {
	if id == Site {
		return b.site.Alarms.Open()
	}
	if p := b.patients[id]; p != nil {
		return p.Alarms.Open()
	}
	return nil
}

// HasAlarms reports whether there is an open alarm, without making a list.
func (b *Board) HasAlarms(id vital.PatientID) bool {
	p := b.patients[id]
	return p != nil && len(p.Alarms.Alarms) > 0
}

// Offs returns what is switched off for a patient.
func (b *Board) Offs(id vital.PatientID) []alarm.Switch {
	if p := b.patients[id]; p != nil {
		return slices.Clone(p.Alarms.Offs)
	}
	return nil
}

// Limits returns the limits in force for a patient, own and default.
func (b *Board) Limits(id vital.PatientID) []rule.Effective {
	p := b.patients[id]
	if p == nil || !p.Present {
		return nil
	}
	limits := b.rules.Limits(&p.subject, b.clock)
	slices.SortFunc(limits, func(x, y rule.Effective) int { return cmp.Compare(x.Metric, y.Metric) })
	return limits
}

// Rules returns the set in force.
func (b *Board) Rules() *rule.Set { return b.rules }
