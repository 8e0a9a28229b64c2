package rule

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// trial is a test block: what is measured, and what is expected then.
type trial struct {
	token   token
	name    string
	subject Subject
	start   int // minute of the day at 00:00 of the test, a Monday
	steps   []step
	expects []expectation
}

// step is a line of measurements. With every it is repeated until to.
type step struct {
	at, to, every int64 // ms
	readings      []sample
}

// sample is one measurement, event or lack of confidence in one.
type sample struct {
	token   token
	event   bool
	name    string
	number  vital.Decimal
	unit    string
	code    string
	quality vital.Quality
}

// expectation is what the rule has to say at a time, or from at to to.
type expectation struct {
	token    token
	at, to   int64
	stand    string // "nothing", "unknown", "error", or ""
	priority vital.Priority
	text     string
}

// maxTrial bounds how long a test may take, and how many steps it has.
const (
	maxTrial = 31 * 86400_000
	maxSteps = 200_000
	// maxWork bounds all tests of a set, so that checking it takes seconds.
	maxWork = 5_000_000
	// grid is how often time passes in a test, ms: as in the server.
	grid = 5000
)

var trialStatements = []string{"patient", "limit", "clock", "at", "from", "expect"}

// trial reads the lines of a test, up to the next test, rule or statement.
func (p *parser) trial(t token) *trial {
	r := &trial{token: t, start: 12 * 60, subject: Subject{Patient: "p-test", AgeYears: 50, Ward: "w-test", WardKind: "adult"}}
	r.name = p.quoted("the name of the test")
	p.end("the test's name")
	for len(p.problems) < maxErrors {
		t := p.peek()
		if t.kind == tokenBreak {
			p.next()
			continue
		}
		if t.kind == tokenEnd || t.is("rule") || t.kind == tokenWord && t.text != "limit" && slices.Contains(statements, t.text) {
			break
		}
		p.next()
		p.trialLine(r, t)
		p.end(t.text)
	}
	if r.samples() > maxSteps {
		p.fail(r.token, "this test has more than %d measurements", maxSteps)
		p.bad = false
	}
	if len(r.expects) == 0 && len(p.problems) < maxErrors {
		p.fail(r.token, "this test expects nothing, so it cannot fail: add a line such as expect 00:31 medium")
		p.bad = false
	}
	return r
}

// samples counts the measurements of a test.
func (t *trial) samples() int64 {
	total := int64(0)
	for _, s := range t.steps {
		n := int64(1)
		if s.every > 0 {
			n = (s.to-s.at)/s.every + 1
		}
		total += n * int64(len(s.readings))
	}
	return total
}

// work is how often the rule is judged in a test, and compared with what is
// expected over a while.
func (t *trial) work() int64 {
	last, whiles := int64(0), int64(1)
	for _, e := range t.expects {
		last = max(last, e.at, e.to)
		if e.to > e.at {
			whiles++
		}
	}
	return (t.samples() + last/grid) * whiles
}

func (p *parser) trialLine(r *trial, t token) {
	switch {
	case t.is("patient"):
		p.patient(&r.subject)
	case t.is("limit"):
		l := p.limit(t, nil)
		own := Limit{Metric: l.metric.text, Unit: l.unit, High: &l.number}
		if l.side == "low" {
			own.Low, own.High = own.High, nil
		}
		r.subject.Limits = append(r.subject.Limits, own)
	case t.is("clock"):
		r.start, _ = p.timeOfDay()
	case t.is("at"):
		s := step{at: p.offset()}
		s.readings = p.samples()
		r.steps = append(r.steps, s)
	case t.is("from"):
		s := step{at: p.offset()}
		p.want("to", "and when it ends")
		s.to = p.offset()
		p.want("every", "and how often, as in from 00:00 to 00:30 every 1 s")
		at := p.peek()
		s.every = p.duration("how often")
		if !p.bad && (s.every <= 0 || s.to < s.at || (s.to-s.at)/s.every > maxSteps) {
			p.fail(at, "this repeats nothing, or more than %d times", maxSteps)
		}
		s.readings = p.samples()
		r.steps = append(r.steps, s)
	case t.is("expect"):
		r.expects = append(r.expects, p.expectation(t))
	default:
		p.fail(t, "%s is not a line of a test%s", t.found(), cmp.Or(near(t.text, trialStatements), " ("+strings.Join(trialStatements, ", ")+")"))
	}
}

// offset is a time since the beginning of the test: 00:31, 08:00:00, or 8 h.
func (p *parser) offset() int64 {
	t := p.peek()
	if t.kind == tokenNumber {
		ms := p.duration("a time since the beginning of the test")
		if !p.bad && ms > maxTrial {
			p.fail(t, "a test lasts at most 31 d")
		}
		return ms
	}
	if t.kind != tokenClock {
		p.fail(t, "expected a time since the beginning of the test, such as 00:31 (minutes:seconds) or 8 h, found %s", t.found())
		return 0
	}
	p.next()
	total, fields := int64(0), strings.Split(t.text, ":")
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 32)
		if err != nil || len(fields) > 3 {
			p.fail(t, "%s is not a time: write minutes:seconds or hours:minutes:seconds", t.text)
			return 0
		}
		total = total*60 + n
	}
	if total *= 1000; total > maxTrial {
		p.fail(t, "a test lasts at most 31 d")
	}
	return total
}

// patient reads "patient age 70 ward home condition copd scale 2".
func (p *parser) patient(s *Subject) {
	for !p.bad {
		p.take(",")
		switch t := p.peek(); {
		case t.kind == tokenBreak || t.kind == tokenEnd:
			return
		case p.take("age"):
			if p.take("unknown") {
				s.AgeYears = -1
				continue
			}
			months := p.months()
			s.AgeYears = months.Float() / 12
		case p.take("ward"):
			if s.WardKind = p.code(); s.WardKind == "unknown" {
				s.WardKind = ""
			}
		case p.take("condition"):
			s.Conditions = append(s.Conditions, p.code())
		case p.take("scale"):
			if p.take("unset") {
				s.SpO2Scale = 0
				continue
			}
			d, at := p.number("1 or 2")
			if s.SpO2Scale = int(d.Mantissa); !p.bad && (at.text != "1" && at.text != "2" || at.unit != "") {
				p.fail(at, "expected scale 1, scale 2 or scale unset, found %s", at.found())
			}
		case p.take("demo"):
			s.Demo = true
		default:
			p.fail(t, "expected age, ward, condition, scale or demo, found %s", t.found())
		}
	}
}

// samples reads "spo2 86 % questionable, heart-rate 120 /min" or "event fall".
func (p *parser) samples() []sample {
	var list []sample
	for !p.bad {
		s := sample{}
		if p.take("event") {
			s.event = true
			s.token = p.word("the kind of event")
			s.name = s.token.text
			if t := p.peek(); (t.kind == tokenWord || t.kind == tokenText) && !isQuality(t.text) {
				s.code = p.next().text
			}
		} else {
			s.token = p.word("what is measured, such as spo2 96 %")
			s.name = s.token.text
			if t := p.peek(); t.kind == tokenNumber || t.is("-") {
				s.number, t = p.number("a number")
				s.unit = t.unit
			} else {
				s.code = p.code()
			}
		}
		for t := p.peek(); t.kind == tokenWord && !p.bad; t = p.peek() {
			q, err := vital.ParseQuality(t.text)
			if err != nil {
				p.fail(t, "%s", err)
			}
			s.quality |= q
			p.next()
		}
		list = append(list, s)
		if !p.take(",") {
			break
		}
	}
	return list
}

func isQuality(word string) bool {
	_, err := vital.ParseQuality(word)
	return err == nil
}

var outcomes = []string{"high", "medium", "low", "nothing", "unknown", "error"}

// expectation reads `00:31 medium "SpO2 86 % < 90 %"` or "00:00 to 00:30 nothing".
func (p *parser) expectation(t token) expectation {
	e := expectation{token: t}
	e.at = p.offset()
	e.to = e.at
	if p.take("to") {
		e.to = p.offset()
	}
	at := p.word("high, medium, low, nothing, unknown or error")
	switch at.text {
	case "nothing", "unknown", "error":
		e.stand = at.text
	default:
		priority, err := vital.ParsePriority(at.text)
		if !p.bad && (err != nil || priority == 0 || e.to < e.at) {
			p.fail(at, "expected %s, found %s%s", strings.Join(outcomes, ", "), at.found(), near(at.text, outcomes))
		}
		e.priority = priority
	}
	if p.peek().kind == tokenText {
		e.text = p.quoted("the text")
	}
	return e
}
