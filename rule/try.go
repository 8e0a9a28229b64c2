package rule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// trialStart is a Monday, midnight in UTC.
var trialStart = vital.At(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC))

// try runs the tests of every rule, each against its rule alone.
func (s *Set) try() (problems []Problem) {
	work := int64(0)
	for _, c := range s.rules {
		for _, t := range c.trials {
			if work += t.work(); work > maxWork {
				return []Problem{{File: c.file, Line: t.token.line, Column: t.token.column,
					Message: fmt.Sprintf("the tests up to this one judge more than %d times: make them shorter", maxWork)}}
			}
		}
	}
	for _, c := range s.rules {
		alone := s.only(c)
		fires, quiet := false, false
		for _, t := range c.trials {
			s.tests++
			problems = append(problems, alone.attempt(c, t)...)
			for _, e := range t.expects {
				fires = fires || e.priority != 0
				quiet = quiet || e.stand == "nothing"
			}
		}
		if !fires || !quiet {
			what := map[bool]string{true: "stay quiet (expect ... nothing)", false: "fire (expect ... high, medium or low)"}[fires]
			problems = append(problems, Problem{File: c.file, Line: c.line, Column: 1, Message: fmt.Sprintf("no test of rule %s shows it to %s", c.name, what)})
		}
	}
	return problems
}

// only returns a set with one rule, which keeps the indexes of the whole.
func (s *Set) only(c *compiled) *Set {
	alone := *s
	alone.rules = []*compiled{c}
	alone.ruleAt = map[string]int{c.name: 0}
	alone.limits = slices.Clone(s.limits)
	for i := range alone.limits {
		alone.limits[i].rule = 0
	}
	alone.index()
	return &alone
}

// moment is a measurement of a test, or a time at which something is expected.
type moment struct {
	at     int64
	sample *sample
	expect *expectation
}

// moments lists what happens, in order; what is expected comes after what is
// measured at the same time.
func (t *trial) moments() []moment {
	var list []moment
	for i := range t.steps {
		s := &t.steps[i]
		for at := s.at; at <= max(s.at, s.to); at += max(1, s.every) {
			for k := range s.readings {
				list = append(list, moment{at: at, sample: &s.readings[k]})
			}
			if s.every == 0 {
				break
			}
		}
	}
	for i := range t.expects {
		e := &t.expects[i]
		list = append(list, moment{at: e.at, expect: e})
		if e.to > e.at {
			list = append(list, moment{at: e.to, expect: e})
		}
	}
	slices.SortStableFunc(list, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(truthOf(a.expect == nil), truthOf(b.expect == nil)))
	})
	return list
}

// attempt is one test being run.
type attempt struct {
	set     *Set
	rule    *compiled
	trial   *trial
	subject Subject
	state   State
	began   vital.Instant
	tick    int64          // the next
	said    *vital.Finding // what stands
	failing string         // why the rule cannot be evaluated
	history []string       // what was said when
	whiles  []*expectation // what is expected over a while
}

// attempt runs one test and returns why it fails.
func (s *Set) attempt(c *compiled, t *trial) []Problem {
	a := &attempt{set: s, rule: c, trial: t, subject: t.subject.copied(), began: trialStart.Add(time.Duration(t.start) * time.Minute)}
	a.subject.Local = func(i vital.Instant) (int, time.Weekday) {
		return int(i-trialStart) / 60_000 % 1440, i.Time().Weekday()
	}
	if problem := a.check(); problem != nil {
		return []Problem{*problem}
	}
	for i := range t.expects {
		if e := &t.expects[i]; e.to > e.at {
			a.whiles = append(a.whiles, e)
		}
	}
	a.take(0, s.Adopt(&a.state, &a.subject, a.began))
	for _, m := range t.moments() {
		for a.tick < m.at || m.expect != nil && a.tick == m.at {
			now := a.tick
			a.take(now, s.Tick(&a.state, &a.subject, a.began+vital.Instant(now)))
			a.tick += grid
			if problem := a.during(now); problem != nil {
				return []Problem{*problem}
			}
		}
		if m.sample != nil {
			a.take(m.at, a.measure(m.sample, m.at))
			if problem := a.during(m.at); problem != nil {
				return []Problem{*problem}
			}
			continue
		}
		if problem := a.compare(m.expect, m.at); problem != nil {
			return []Problem{*problem}
		}
	}
	return nil
}

func (a *attempt) problem(at token, format string, args ...any) *Problem {
	return &Problem{File: a.rule.file, Line: at.line, Column: at.column, Message: fmt.Sprintf("test %q: ", a.trial.name) + fmt.Sprintf(format, args...)}
}

// check looks up what the test measures.
func (a *attempt) check() *Problem {
	for _, l := range a.trial.subject.Limits {
		if m := vital.LookMetric(l.Metric); m == nil || m.Accepts(l.Unit) != nil {
			return a.problem(a.trial.token, "there is no measure %s, or it is not measured in %q%s", l.Metric, l.Unit, near(l.Metric, measureNames()))
		}
	}
	for _, s := range a.trial.steps {
		for _, r := range s.readings {
			if r.event {
				continue
			}
			m := vital.LookMetric(r.name)
			switch {
			case m == nil:
				return a.problem(r.token, "there is no measure %q%s", r.name, near(r.name, measureNames()))
			case m.Shape == vital.Code && (r.code == "" || len(m.Codes) > 0 && !slices.Contains(m.Codes, r.code)):
				return a.problem(r.token, "%s is a code (%s)", r.name, cmp.Or(strings.Join(m.Codes, ", "), "any"))
			case m.Shape != vital.Code && r.code != "":
				return a.problem(r.token, "%s is a number: write it with its unit, %s", r.name, m.Unit)
			case m.Shape != vital.Code && r.unit == "" && !bareUnit(m.Unit):
				return a.problem(r.token, "%s has no unit: write %s %s", r.name, r.number, m.Unit)
			case m.Shape != vital.Code && r.unit != "" && m.Accepts(r.unit) != nil:
				return a.problem(r.token, "%s is not measured in %q%s", r.name, r.unit, near(r.unit, unitNames(m)))
			}
		}
	}
	return nil
}

// measure gives the rule one measurement or event.
func (a *attempt) measure(s *sample, at int64) []vital.Finding {
	now := a.began + vital.Instant(at)
	clocks := vital.Clocks{Receive: now, Effective: now}
	if s.event {
		return a.set.Event(&a.state, &a.subject, vital.Event{Device: "d-test", Patient: a.subject.Patient, Kind: s.name, Code: s.code, Quality: s.quality, Clocks: clocks}, now)
	}
	unit := s.unit
	if m := vital.LookMetric(s.name); unit == "" && m.Shape != vital.Code {
		unit = m.Unit
	}
	return a.set.Reading(&a.state, &a.subject, vital.Reading{Device: "d-test", Patient: a.subject.Patient, Metric: s.name,
		Value: vital.Value{Number: s.number, Code: s.code}, Unit: unit, Quality: s.quality, Clocks: clocks}, now)
}

// take keeps what was said.
func (a *attempt) take(at int64, found []vital.Finding) {
	for _, f := range found {
		over := f.Stand == vital.Absent || f.Stand == vital.Withdrawn
		if f.Rule == ErrorRule {
			if a.failing = f.Text; over {
				a.failing = ""
			}
		} else if a.said = &f; over {
			a.said = nil
		}
		a.history = append(a.history[max(0, len(a.history)-4):], fmt.Sprintf("%s %s: %s %s %q", offsetText(at), f.Rule, f.Stand, f.Priority, f.Text))
	}
}

// during checks what is expected over a while.
func (a *attempt) during(at int64) *Problem {
	for _, e := range a.whiles {
		if e.at < at && at < e.to {
			if problem := a.compare(e, at); problem != nil {
				return problem
			}
		}
	}
	return nil
}

// compare checks what is expected against what stands.
func (a *attempt) compare(e *expectation, at int64) *Problem {
	got := "nothing"
	switch {
	case a.failing != "":
		got = "error"
	case a.said != nil && a.said.Stand == vital.Unknown:
		got = "unknown"
	case a.said != nil:
		got = a.said.Priority.String()
	}
	want, text := e.stand, ""
	if want == "" {
		want = e.priority.String()
	}
	if a.said != nil {
		text = a.said.Text
	}
	if e.stand == "error" {
		text = a.failing
	}
	if got == want && (e.text == "" || e.text == text) {
		return nil
	}
	expected, found := want, got
	if e.text != "" {
		expected += fmt.Sprintf(" %q", e.text)
	}
	if text != "" {
		found += fmt.Sprintf(" %q", text)
	}
	p := a.problem(e.token, "at %s expected %s, found %s", offsetText(at), expected, found)
	reasons := a.explain(at, e.priority)
	p.Message += ": " + reasons[0]
	p.Steps = reasons[1:]
	return p
}

// offsetText prints a time since the beginning of a test as a test writes it.
func offsetText(ms int64) string {
	s := ms / 1000
	if s < 3600 {
		return fmt.Sprintf("%02d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}
