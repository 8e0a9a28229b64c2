package rule

import (
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// Expressions, loosest first: or, and, not, comparison, + -, * /, a minus, and
// what stands alone. A line may end after an operator, before "and" and "or",
// and anywhere in brackets.

func (p *parser) expression() *node {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.peek(), "nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	n := p.conjunction()
	for p.joins("or") {
		t := p.next()
		p.breaks()
		n = &node{op: opOr, token: t, left: n, right: p.conjunction()}
		p.chain(n)
	}
	return n
}

func (p *parser) conjunction() *node {
	n := p.negation()
	for p.joins("and") {
		t := p.next()
		p.breaks()
		n = &node{op: opAnd, token: t, left: n, right: p.negation()}
		p.chain(n)
	}
	return n
}

// chain bounds long rows of operators, which nest to the left.
func (p *parser) chain(n *node) {
	deep := 0
	for m := n; m != nil; m = m.left {
		deep++
	}
	if deep > maxDepth {
		p.fail(n.token, "more than %d operators in a row", maxDepth)
	}
}

// joins looks for "and" or "or", at the end of this line or the beginning of the next.
func (p *parser) joins(word string) bool {
	if p.ahead(word) {
		return true
	}
	if !p.bad {
		p.inBrackets()
	}
	return false
}

// ahead goes to the word if it comes next, on this line or at the beginning of
// the next.
func (p *parser) ahead(word string) bool {
	at := p.at
	for at < len(p.tokens) && p.tokens[at].kind == tokenBreak {
		at++
	}
	if p.bad || at == len(p.tokens) || !p.tokens[at].is(word) {
		return false
	}
	p.at = at
	return true
}

// continues takes the word if it comes next, on this line or the next.
func (p *parser) continues(word string) bool { return p.ahead(word) && p.take(word) }

func (p *parser) breaks() {
	for p.peek().kind == tokenBreak {
		p.at++
	}
}

// inBrackets skips ends of lines within brackets.
func (p *parser) inBrackets() {
	if p.brackets > 0 {
		p.breaks()
	}
}

func (p *parser) negation() *node {
	p.inBrackets()
	t := p.peek()
	if !p.take("not") {
		return p.comparison()
	}
	if p.depth++; p.depth > maxDepth {
		p.fail(t, "nested deeper than %d", maxDepth)
		return &node{}
	}
	defer func() { p.depth-- }()
	return &node{op: opNot, token: t, left: p.negation()}
}

func (p *parser) comparison() *node {
	left := p.sum()
	p.inBrackets()
	t := p.peek()
	if p.bad {
		return left
	}
	switch {
	case t.kind == tokenMark && slices.Contains(comparisons, operators[t.text]):
		p.next()
		p.breaks()
		return &node{op: operators[t.text], token: t, left: left, right: p.sum()}
	case p.take("in"):
		return &node{op: opIn, token: t, left: left, words: p.codes()}
	case p.take("between"):
		left.walk(func(n *node) {
			if n.op >= opLess && n.op <= opNot {
				p.fail(t, "between looks at a number, found a condition")
			}
		})
		low := p.sum()
		p.want("and", "between the two bounds")
		high := p.sum()
		return &node{op: opAnd, token: t,
			left:  &node{op: opMoreEqual, token: t, left: left, right: low},
			right: &node{op: opLessEqual, token: t, left: left.copied(), right: high}}
	}
	return left
}

// copied returns a tree of its own, because looking up words changes nodes.
func (n *node) copied() *node {
	if n == nil {
		return nil
	}
	c := *n
	c.left, c.right = n.left.copied(), n.right.copied()
	return &c
}

// codes are "(V, P, U)".
func (p *parser) codes() []string {
	var list []string
	p.want("(", "before a list such as (V, P, U)")
	for !p.bad {
		p.breaks()
		list = append(list, p.code())
		p.breaks()
		if !p.take(",") {
			break
		}
	}
	p.want(")", "after the list")
	return list
}

// code is a word, a quoted text or a number that is a code.
func (p *parser) code() string {
	t := p.peek()
	if t.kind == tokenWord || t.kind == tokenText || t.kind == tokenNumber && t.unit == "" {
		return p.next().text
	}
	p.fail(t, "expected a code or a name, found %s", t.found())
	return ""
}

func (p *parser) sum() *node {
	n := p.product()
	for {
		p.inBrackets()
		t := p.peek()
		if !p.take("+") && !p.take("-") {
			return n
		}
		p.breaks()
		n = &node{op: operators[t.text], token: t, left: n, right: p.product()}
		p.chain(n)
	}
}

func (p *parser) product() *node {
	n := p.minus()
	for {
		p.inBrackets()
		t := p.peek()
		if !p.take("*") && !p.take("/") {
			return n
		}
		p.breaks()
		n = &node{op: operators[t.text], token: t, left: n, right: p.minus()}
		p.chain(n)
	}
}

func (p *parser) minus() *node {
	p.inBrackets()
	t := p.peek()
	if !p.take("-") {
		return p.single()
	}
	if p.depth++; p.depth > maxDepth {
		p.fail(t, "nested deeper than %d", maxDepth)
		return &node{}
	}
	defer func() { p.depth-- }()
	return &node{op: opNegate, token: t, left: p.minus()}
}

// functions of a measure over a time.
var functions = []string{"change", "rise", "drop", "rate", "slope", "mean", "median", "min", "max", "range"}

func isFunction(name string) bool { return slices.Contains(functions, name) }

func (p *parser) single() *node {
	t := p.next()
	n := &node{token: t}
	switch {
	case p.bad:
	case t.kind == tokenNumber:
		p.at--
		n.op = opNumber
		n.number, _ = p.number("a number")
		n.unit = t.unit
	case t.is("("):
		p.brackets++
		n = p.expression()
		p.inBrackets()
		p.want(")", "to close the bracket")
		p.brackets--
	case t.kind == tokenWord && isFunction(t.text) && p.peek().is("("):
		p.next()
		n.op, n.name = opCall, t.text
		at := p.word("the measure that " + t.text + " looks at")
		n.left = &node{op: opMetric, token: at, name: at.text}
		p.want(",", "and how far back, as in "+t.text+"("+at.text+", 10 min)")
		n.within = p.duration("how far back to look")
		p.want(")", "to close the bracket")
	case t.kind == tokenWord:
		p.named(n, t)
	default:
		p.at--
		p.fail(t, "expected a measure, a number or a condition, found %s", t.found())
	}
	return n
}

// named is what begins with a word of its own.
func (p *parser) named(n *node, t token) {
	switch t.text {
	case "missing":
		n.op = opMissing
		at := p.word("the measure that is missing")
		n.left = &node{op: opMetric, token: at, name: at.text}
		p.want("for", "and how long, as in missing temperature for 8 h")
		n.within = p.duration("how long it may be missing")
	case "event":
		n.op = opEvent
		n.name = p.word("the kind of event, such as fall").text
		switch {
		case p.take("="):
			n.words = []string{p.code()}
		case p.take("in"):
			n.words = p.codes()
		}
		p.want("within", "and how long ago, as in event fall within 1 min")
		n.within = p.duration("how long ago")
	case "low", "high":
		p.want("limit", "after "+t.text)
		n.op, n.name = opLimit, t.text
	case "limit":
		n.op = opLimit
	case "time":
		n.op = opTime
		if list := p.periods(); len(list) > 0 {
			n.period = list[0]
			for _, q := range list[1:] {
				left := *n
				*n = node{op: opOr, token: t, left: &left, right: &node{op: opTime, token: t, period: q}}
			}
		}
	case "age":
		p.age(n)
	case "ward":
		n.op = opWard
		if p.take("in") {
			n.words = p.codes()
			return
		}
		p.want("=", "or in, as in ward in (adult, high-dependency)")
		n.words = []string{p.code()}
	case "condition":
		n.op = opCondition
		if p.take("in") {
			n.words = p.codes()
			return
		}
		n.words = []string{p.code()}
	case "scale":
		n.op = opScale
		at := p.peek()
		switch {
		case p.take("unset"):
		case at.kind == tokenNumber && at.unit == "" && (at.text == "1" || at.text == "2"):
			p.next()
			n.number = vital.Whole(int64(at.text[0] - '0'))
		default:
			p.fail(at, "expected scale 1, scale 2 or scale unset, found %s", at.found())
		}
	default:
		n.op, n.name = opMetric, t.text
	}
}

// months are the units of an age, in months: a year has 365.25 days.
var months = map[string]vital.Decimal{
	"": vital.Whole(12), "a": vital.Whole(12), "y": vital.Whole(12), "year": vital.Whole(12), "years": vital.Whole(12),
	"mo": vital.Whole(1), "month": vital.Whole(1), "months": vital.Whole(1), "wk": weekOfMonths, "week": weekOfMonths, "weeks": weekOfMonths,
	"d": dayOfMonths, "day": dayOfMonths, "days": dayOfMonths,
}

var (
	dayOfMonths  = vital.Decimal{Mantissa: 3285420944559, Exponent: -14} // 12 / 365.25
	weekOfMonths = vital.Decimal{Mantissa: 22997946611910, Exponent: -14}
)

// age is "age >= 16", "age < 3 months" or "age unknown".
func (p *parser) age(n *node) {
	n.op = opAge
	if p.take("unknown") {
		n.name = "unknown"
		return
	}
	if p.take("between") {
		low := p.months()
		p.want("and", "between the two ages")
		high := p.months()
		t := n.token
		*n = node{op: opAnd, token: t,
			left:  &node{op: opAge, token: t, compare: opMoreEqual, number: low},
			right: &node{op: opAge, token: t, compare: opLess, number: high}}
		return
	}
	t := p.next()
	n.compare = operators[t.text]
	if t.kind != tokenMark || !slices.Contains(comparisons, n.compare) {
		p.fail(t, "expected <, <=, >, >=, between or unknown after age, found %s", t.found())
		return
	}
	n.number = p.months()
}

func (p *parser) months() vital.Decimal {
	d, t := p.number("an age, such as 16 or 3 months")
	of, ok := months[t.unit]
	if !p.bad && !ok {
		p.fail(t, "an age is counted in years, months, weeks or days, found %s", t.found())
	}
	whole, ok := multiply(d, of)
	if !p.bad && !ok {
		p.fail(t, "%s is no age", t.found())
	}
	return whole
}
