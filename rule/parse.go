package rule

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vigilcare/vigil/vital"
)

// parser reads one file. After the first problem of a statement it is bad until
// the next line.
type parser struct {
	file     string
	tokens   []token
	at       int
	problems []Problem
	bad      bool
	depth    int // of what is open: brackets, not, minus
	brackets int
	inTest   bool
}

// parse returns the rules of a file as they were read.
func parse(f File) ([]*draft, []Problem) {
	p := &parser{file: f.Name}
	if len(f.Text) > maxFile {
		return nil, []Problem{{File: f.Name, Line: 1, Column: 1, Message: fmt.Sprintf("the file is larger than %d KiB", maxFile>>10)}}
	}
	if !utf8.ValidString(f.Text) {
		return nil, []Problem{{File: f.Name, Line: 1, Column: 1, Message: "the file is not UTF-8 text"}}
	}
	l := lex(strings.TrimPrefix(f.Text, "\ufeff"))
	if l.problem != "" {
		return nil, []Problem{{File: f.Name, Line: l.problemToken.line, Column: l.problemToken.column, Message: l.problem}}
	}
	p.tokens = l.tokens
	var drafts []*draft
	for p.peek().kind != tokenEnd && len(p.problems) < maxErrors {
		t := p.next()
		switch {
		case t.kind == tokenBreak:
		case t.is("rule"):
			if d := p.rule(t); d != nil {
				drafts = append(drafts, d)
			}
		default:
			p.fail(t, "expected a rule (\"rule NAME\"), found %s", t.found())
			p.recover()
		}
	}
	return drafts, p.problems
}

func (p *parser) peek() token { return p.tokens[min(p.at, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.peek()
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) fail(t token, format string, args ...any) {
	if p.bad {
		return
	}
	p.bad = true
	p.problems = append(p.problems, Problem{File: p.file, Line: t.line, Column: t.column, Message: fmt.Sprintf(format, args...)})
}

// recover skips the rest of the line.
func (p *parser) recover() {
	for t := p.peek(); t.kind != tokenBreak && t.kind != tokenEnd; t = p.peek() {
		p.at++
	}
	p.bad, p.depth, p.brackets = false, 0, 0
}

// take takes the next token if it is text.
func (p *parser) take(text string) bool {
	if p.bad || !p.peek().is(text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) want(text, where string) {
	if t := p.peek(); !p.take(text) {
		p.fail(t, "expected %q %s, found %s", text, where, t.found())
	}
}

func (p *parser) word(what string) token {
	t := p.peek()
	if t.kind != tokenWord {
		p.fail(t, "expected %s, found %s", what, t.found())
		return token{}
	}
	return p.next()
}

func (p *parser) quoted(what string) string {
	t := p.peek()
	if t.kind != tokenText {
		p.fail(t, "expected %s in quotation marks, found %s", what, t.found())
		return ""
	}
	return p.next().text
}

func (p *parser) number(what string) (vital.Decimal, token) {
	negative := p.take("-")
	t := p.peek()
	if t.kind != tokenNumber {
		p.fail(t, "expected %s, found %s", what, t.found())
		return vital.Decimal{}, t
	}
	p.next()
	d, err := vital.ParseDecimal(t.text)
	if err != nil {
		p.fail(t, "%s", err)
	}
	if negative {
		d, _ = negate(d)
	}
	return d, t
}

// durations in ms. A month has no length; a time to wait is not counted in them.
var durations = map[string]int64{
	"ms": 1, "s": 1000, "sec": 1000, "second": 1000, "seconds": 1000, "min": 60_000, "minute": 60_000, "minutes": 60_000,
	"h": 3600_000, "hour": 3600_000, "hours": 3600_000, "d": 86400_000, "day": 86400_000, "days": 86400_000,
	"wk": 7 * 86400_000, "week": 7 * 86400_000, "weeks": 7 * 86400_000,
}

const maxDuration = 366 * 86400_000

func (p *parser) duration(what string) int64 {
	d, t := p.number(what + ", such as 10 s")
	if p.bad {
		return 0
	}
	unit, ok := durations[t.unit]
	if !ok {
		p.fail(t, "expected %s with its unit (ms, s, min, h, d or wk), found %s", what, t.found())
		return 0
	}
	whole, ok := multiply(d, vital.Whole(unit))
	ms, fits := whole.Floor(0)
	if !ok || !fits || ms < 0 || ms > maxDuration {
		p.fail(t, "%s is longer than a year", t.found())
		return 0
	}
	return ms
}

func (p *parser) end(statement string) {
	if t := p.peek(); !p.bad && t.kind != tokenBreak && t.kind != tokenEnd {
		p.fail(t, "expected the end of the line after %s, found %s", statement, t.found())
	}
	p.recover()
}

// statements that a rule has, for suggestions.
var statements = []string{
	"title", "source", "applies", "limit", "schedule", "active", "when", "clear", "fresh", "latching", "always", "spot", "technical", "marks", "test",
}

func (p *parser) rule(t token) *draft {
	d := &draft{token: t, seen: map[string]token{}}
	name := p.word("the name of the rule, such as spo2-low")
	d.name = name.text
	if !p.bad && (len(d.name) > 64 || strings.ToLower(d.name) != d.name) {
		p.fail(name, "the name of a rule is at most 64 small letters, digits and hyphens")
	}
	p.end("the rule's name")
	for len(p.problems) < maxErrors {
		from := p.at
		t := p.peek()
		if t.kind == tokenEnd || t.is("rule") {
			break
		}
		p.next()
		if t.kind == tokenBreak {
			continue
		}
		if t.is("test") {
			d.trials = append(d.trials, p.trial(t))
			continue
		}
		p.statement(d, t)
		for i, t := range p.tokens[from:p.at] {
			if d.isBeside(from + i) {
				continue
			}
			d.words = append(append(append(append(d.words, t.text...), 0), t.unit...), 0)
		}
	}
	return d
}

// once reports a statement that stands twice.
func (p *parser) once(d *draft, t token) {
	if before, ok := d.seen[t.text]; ok {
		p.fail(t, "%s stands twice in rule %s (first in line %d)", t.text, d.name, before.line)
	}
	d.seen[t.text] = t
}

func (p *parser) statement(d *draft, t token) {
	switch {
	case t.kind != tokenWord:
		p.fail(t, "expected a statement of rule %s (%s), found %s", d.name, strings.Join(statements, ", "), t.found())
	case t.is("title"):
		p.once(d, t)
		d.title = p.quoted("the title")
		d.titles = p.others(d)
	case t.is("source"):
		d.sources = append(d.sources, strings.TrimSpace(p.quoted("the source")))
	case t.is("applies"):
		p.once(d, t)
		from := p.at
		d.applies = p.expression()
		d.appliesAs = p.written(from, p.at)
	case t.is("limit"):
		d.limits = append(d.limits, p.limit(t, nil))
	case t.is("schedule"):
		periods := p.periods()
		at := p.peek()
		p.want("limit", "after the times, as in schedule 22:00-07:00 limit spo2 low 88 %")
		d.limits = append(d.limits, p.limit(at, periods))
	case t.is("active"):
		d.active = append(d.active, p.periods()...)
	case t.is("when"):
		d.whens = append(d.whens, p.when(d, t))
	case t.is("clear"):
		p.once(d, t)
		c := p.when(d, t)
		if c.priority != 0 || c.message != "" {
			p.fail(t, "clear has neither a priority nor a text: it says when the rule is over")
		}
		d.clear = &c
	case t.is("fresh"):
		f := freshLine{}
		if p.peek().kind == tokenWord {
			f.metric = p.next()
		}
		f.within = p.duration("how old a value may be")
		d.fresh = append(d.fresh, f)
	case t.is("latching"), t.is("always"), t.is("spot"), t.is("technical"):
		p.once(d, t)
		p.flag(d, t)
	case t.is("marks"):
		p.once(d, t)
		d.marks = p.word("the measure to mark")
	default:
		p.fail(t, "%q is not a statement of a rule%s", t.text, cmp.Or(near(t.text, statements), " ("+strings.Join(statements, ", ")+")"))
	}
	p.end(t.text)
}

func (p *parser) flag(d *draft, t token) {
	yes := true
	if !p.take("yes") && p.take("no") {
		yes = false
	}
	switch t.text {
	case "latching":
		d.latching = yes
	case "always":
		d.always = yes
	case "spot":
		d.spot = yes
	case "technical":
		d.technical = yes
	}
}

func (p *parser) limit(t token, periods []period) limitLine {
	l := limitLine{token: t, periods: periods}
	l.metric = p.word("what the limit is of, such as spo2")
	side := p.word("low or high")
	if !p.bad && side.text != "low" && side.text != "high" {
		p.fail(side, "expected low or high, found %s", side.found())
	}
	l.side = side.text
	l.number, l.at = p.number("the limit's number with its unit")
	l.unit = l.at.unit
	return l
}

func (p *parser) when(d *draft, t token) whenLine {
	w := whenLine{token: t}
	from := p.at
	w.cond = p.expression()
	if p.continues("for") {
		w.hold = p.duration("how long it must last")
	}
	w.text = p.written(from, p.at)
	if p.continues("priority") {
		at := p.word("high, medium or low")
		var err error
		if w.priority, err = vital.ParsePriority(at.text); !p.bad && (err != nil || w.priority == 0) {
			p.fail(at, "expected priority high, medium or low, found %s", at.found())
		}
	}
	if p.continues("text") {
		w.at = p.peek()
		w.message = p.quoted("the text")
		w.others = p.others(d)
	}
	return w
}

// written returns the tokens [from, to) as a person would write them.
func (p *parser) written(from, to int) string {
	var b strings.Builder
	before := token{}
	for _, t := range p.tokens[from:to] {
		if t.kind == tokenBreak {
			continue
		}
		tight := b.Len() == 0 || t.is(")") || t.is(",") || before.is("(") || t.is("(") && isFunction(before.text) ||
			t.is("-") && before.kind == tokenClock || before.is("-") && t.kind == tokenClock
		if !tight {
			b.WriteByte(' ')
		}
		if t.kind == tokenText {
			b.WriteString(strconv.Quote(t.text))
		} else {
			b.WriteString(t.text)
		}
		if t.unit != "" {
			b.WriteString(" " + t.unit)
		}
		before = t
	}
	return b.String()
}

// periods are "22:00-07:00, 12:00-14:00 on mon-fri".
func (p *parser) periods() []period {
	var list []period
	for {
		from, _ := p.timeOfDay()
		p.want("-", "between two times of the day, as in 22:00-07:00")
		to, t := p.timeOfDay()
		if !p.bad && from == to {
			p.fail(t, "this period is empty: it ends when it begins")
		}
		if p.bad {
			return nil
		}
		list = append(list, period{from: from, to: to})
		if !p.take(",") {
			break
		}
	}
	if p.take("on") {
		days := p.days()
		for i := range list {
			list[i].days = days
		}
	}
	return list
}

func (p *parser) timeOfDay() (int, token) {
	t := p.peek()
	if t.kind != tokenClock || strings.Count(t.text, ":") != 1 {
		p.fail(t, "expected a time of the day such as 22:00, found %s", t.found())
		return 0, t
	}
	p.next()
	h, m, _ := strings.Cut(t.text, ":")
	hours, _ := strconv.Atoi(h)
	minutes, _ := strconv.Atoi(m)
	if len(h) > 2 || len(m) != 2 || hours > 24 || minutes > 59 || hours == 24 && minutes > 0 {
		p.fail(t, "%s is not a time of the day between 00:00 and 24:00", t.text)
	}
	return (hours*60 + minutes) % 1440, t
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// days are "mon, wed" or "mon-fri", which the lexer takes for one word.
func (p *parser) days() (set uint8) {
	for {
		t := p.word("a day such as mon, or days such as mon-fri")
		first, last, isRange := strings.Cut(t.text, "-")
		from, to := dayOf(first), dayOf(last)
		if !isRange {
			to = from
		}
		if p.bad || from < 0 || to < 0 {
			p.fail(t, "%s is not a day of the week: %s", t.found(), strings.Join(dayNames, ", "))
			return 0
		}
		for d := from; ; d = (d + 1) % 7 {
			set |= 1 << d
			if d == to {
				break
			}
		}
		if !p.take(",") {
			return set
		}
	}
}

func dayOf(name string) int {
	for i, n := range dayNames {
		if n == name {
			return i
		}
	}
	return -1
}
