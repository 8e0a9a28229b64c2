package rule

import (
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// piece is a part of a message: words, or an expression whose value is printed.
type piece struct {
	words string
	value *node
	as    string // the expression as written
	unit  string // of a computed value
}

// message reads a template such as "SpO2 {spo2} < {limit}".
func (c *compiler) message(template string, w whenLine) []piece {
	at := w.at
	if at.line == 0 {
		at = w.token
	}
	var list []piece
	for rest := template; rest != ""; {
		words, after, found := strings.Cut(rest, "{")
		if words != "" {
			list = append(list, piece{words: words})
		}
		if !found {
			break
		}
		inner, tail, closed := strings.Cut(after, "}")
		// A unit may have braces itself: {news2 + 1 {score}}.
		for closed && strings.Count(inner, "{") > strings.Count(inner, "}") {
			more, next, again := strings.Cut(tail, "}")
			inner, tail, closed = inner+"}"+more, next, again
		}
		if !closed {
			c.fail(at, "the text has { without }")
			return nil
		}
		p, ok := c.piece(inner, w, at)
		if !ok {
			return nil
		}
		list = append(list, p)
		rest = tail
	}
	return list
}

func (c *compiler) piece(inner string, w whenLine, at token) (piece, bool) {
	l := lex(inner)
	p := &parser{file: c.file, tokens: l.tokens}
	n := p.sum()
	if l.problem != "" || p.bad || p.peek().kind != tokenBreak {
		c.fail(at, "the text has {%s}, which is no value: write a measure, limit or a calculation", inner)
		return piece{}, false
	}
	sound := true
	n.walk(func(m *node) {
		m.token.line, m.token.column = at.line, at.column
		if m.op == opLimit {
			sound = c.limitInText(m, w.cond) && sound
		}
	})
	if !sound {
		return piece{}, false
	}
	if n.op == opNumber {
		return piece{words: strings.TrimSpace(n.token.text + " " + unitWord(n.unit)), as: inner}, true
	}
	named := len(c.out.metrics)
	got := c.resolve(n)
	if got.kind != shapeNumber && got.kind != shapeCode {
		if got.kind != shapeBad {
			c.fail(at, "the text has {%s}, which is %s and not a value", inner, got.kind)
		}
		return piece{}, false
	}
	if len(c.out.metrics) > named {
		c.fail(at, "the text has {%s}, which the conditions of rule %s do not look at", inner, c.draft.name)
		return piece{}, false
	}
	unit := got.unit
	if got.difference && unit == "Cel" {
		unit = "K"
	}
	return piece{value: n, unit: unitWord(unit), as: inner}, true
}

// limitInText finds the limit that the condition itself compares with.
func (c *compiler) limitInText(n, cond *node) bool {
	if n.name == "" {
		found := false
		cond.walk(func(m *node) {
			if m.op == opBound && !found {
				n.op, n.index, n.about, found = opBound, m.index, m.about, true
			}
		})
		if found {
			return true
		}
	}
	return c.bind(n, nil, true)
}

// unitWords are units as people read them.
var unitWords = map[string]string{
	"mm[Hg]": "mmHg", "Cel": "°C", "[degF]": "°F", "cm[H2O]": "cmH2O", "1": "", "[pH]": "", "[iU]": "IU", "K": "°C", "K/min": "°C/min",
}

func unitWord(unit string) string {
	if w, ok := unitWords[unit]; ok {
		return w
	}
	if bareUnit(unit) {
		return ""
	}
	return strings.NewReplacer("mm[Hg]", "mmHg", "cm[H2O]", "cmH2O", "(", "", ")", "").Replace(unit)
}

func appendValue(b []byte, d vital.Decimal, unit string) []byte {
	return appendUnit(d.Append(b), unitWord(unit))
}

func appendUnit(b []byte, word string) []byte {
	if word == "" {
		return b
	}
	return append(append(b, ' '), word...)
}

// render prints a message with the values as they are. It needs no memory when
// the text is that of the last finding.
func (j *judge) render(list []piece, last *vital.Finding) string {
	var space [256]byte
	b := space[:0]
	for _, p := range list {
		if p.value == nil {
			b = append(b, p.words...)
			continue
		}
		b = j.appendPiece(b, p)
	}
	return kept(b, last)
}

// kept returns the text, without a copy if it is that of the last finding.
func kept(b []byte, last *vital.Finding) string {
	if last != nil && last.Text == string(b) {
		return last.Text
	}
	return string(b)
}

func (j *judge) appendPiece(b []byte, p piece) []byte {
	n := p.value
	switch n.op {
	case opMetric:
		v := &j.state.values[n.index]
		switch {
		case !v.known():
			return append(b, "--"...)
		case v.Code != "":
			return append(b, v.Code...)
		}
		return appendValue(b, v.Own, v.Unit)
	case opBound:
		e := j.state.limits[n.index]
		if !e.known {
			return append(b, "--"...)
		}
		return appendValue(b, e.shown, e.unit)
	}
	saved := *j
	d, known := j.number(n)
	*j = saved
	if !known {
		return append(b, "--"...)
	}
	return appendUnit(append(b, rounded(d)...), p.unit)
}
