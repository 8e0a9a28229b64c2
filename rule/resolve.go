package rule

import (
	"slices"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// resolve looks up the words of an expression, converts its constants to the
// units of what they are compared with, and says what the expression gives.
func (c *compiler) resolve(n *node) shape {
	if n == nil {
		return shape{}
	}
	if c.about && n.op < opAnd {
		return c.fail(n.token, "applies is about the patient (age, ward, condition, scale): what is measured belongs in when")
	}
	switch n.op {
	case opNumber:
		return shape{kind: shapeNumber, unit: n.unit, constant: true}
	case opMetric:
		return c.resolveMetric(n)
	case opLimit:
		return c.fail(n.token, "limit stands in a comparison with what it is the limit of, as in spo2 < limit")
	case opBound:
		return shape{kind: shapeNumber, about: n.about, unit: n.about.Unit}
	case opCall:
		return c.resolveCall(n)
	case opNegate:
		got := c.number(n.left)
		if n.left.op == opNumber {
			n.op, n.unit = opNumber, n.left.unit
			n.number, _ = negate(n.left.number)
		}
		return got
	case opAdd, opSubtract:
		return c.resolveSum(n)
	case opMultiply, opDivide:
		return c.resolveProduct(n)
	case opLess, opLessEqual, opMore, opMoreEqual, opEqual, opNotEqual:
		return c.resolveComparison(n)
	case opIn:
		return c.resolveIn(n)
	case opAnd, opOr, opNot:
		for _, side := range []*node{n.left, n.right} {
			if side == nil {
				continue
			}
			if got := c.resolve(side); got.kind != shapeTruth && got.kind != shapeBad {
				return c.fail(side.token, "%s joins conditions, found %s", n.token.text, got.kind)
			}
		}
		return shape{kind: shapeTruth}
	case opMissing:
		if c.about {
			return c.fail(n.token, "applies is about the patient: missing belongs in when")
		}
		c.missing = true
		if got := c.resolveMetric(n.left); got.kind == shapeBad {
			return got
		}
		return shape{kind: shapeTruth}
	case opEvent:
		if c.about {
			return c.fail(n.token, "applies is about the patient: an event belongs in when")
		}
		n.index = c.event(n.name)
		return shape{kind: shapeTruth}
	case opTime:
		if c.about {
			return c.fail(n.token, "applies is about the patient: times of the day belong in when or active")
		}
		c.set.timed = true
		return shape{kind: shapeTruth}
	case opAge, opWard, opCondition, opScale:
		return shape{kind: shapeTruth}
	}
	return c.fail(n.token, "%s has no meaning here", n.token.found())
}

func (c *compiler) event(kind string) int {
	i, ok := c.set.eventAt[kind]
	if !ok {
		i = len(c.set.events)
		c.set.events = append(c.set.events, kind)
		c.set.eventAt[kind] = i
	}
	if !slices.Contains(c.out.events, i) {
		c.out.events = append(c.out.events, i)
	}
	return i
}

func (c *compiler) resolveMetric(n *node) shape {
	m := vital.LookMetric(n.name)
	switch {
	case strings.HasPrefix(n.name, "x:"):
		return c.fail(n.token, "%s is not in the table of measures, so nothing is known of its unit: a rule cannot judge it", n.name)
	case m == nil || m.Shape == vital.Wave:
		return c.unknownMetric(n.token)
	}
	n.index, n.about = c.metric(n.name), m
	n.within = defaultFresh
	for _, f := range c.draft.fresh {
		if f.metric.kind != tokenWord {
			n.within = f.within
		}
	}
	for _, f := range c.draft.fresh {
		if f.metric.text == n.name {
			n.within = f.within
		}
	}
	if !slices.Contains(c.out.metrics, n.index) {
		c.out.metrics = append(c.out.metrics, n.index)
	}
	if m.Shape == vital.Code {
		return shape{kind: shapeCode, about: m}
	}
	return shape{kind: shapeNumber, about: m, unit: m.Unit}
}

// number resolves what must be a number.
func (c *compiler) number(n *node) shape {
	got := c.resolve(n)
	if got.kind != shapeNumber && got.kind != shapeBad {
		return c.fail(n.token, "expected a number, found %s", got.kind)
	}
	return got
}

func (c *compiler) resolveCall(n *node) shape {
	got := c.resolveMetric(n.left)
	if got.kind == shapeBad {
		return got
	}
	if got.kind != shapeNumber {
		return c.fail(n.left.token, "%s is of numbers, and %s is a code", n.name, n.left.name)
	}
	if n.within < 1000 {
		return c.fail(n.token, "%s looks back at least 1 s", n.name)
	}
	n.index = c.window(n.left.index, n.within)
	switch n.name {
	case "change", "rise", "drop", "range":
		got.difference = true
	case "rate", "slope":
		got.difference = true
		if scaled(got.unit) && got.unit != "Cel" {
			return c.fail(n.token, "%s of %s has no unit: use change", n.name, n.left.name)
		}
		got.unit = strings.Replace(got.unit, "Cel", "K", 1) + "/min"
	}
	return got
}

func (c *compiler) window(metric int, within int64) int {
	key := windowKey{metric, within}
	i := slices.Index(c.set.windows, key)
	if i < 0 {
		i = len(c.set.windows)
		c.set.windows = append(c.set.windows, key)
	}
	return i
}

// scaled reports whether a unit has a zero of its own, so that a difference of
// two values is not counted in it.
func scaled(unit string) bool {
	return unit == "Cel" || unit == "[degF]" || unit == "[degRe]" || unit == "[pH]" || unit == "Np" || unit == "B" || unit == "dB" ||
		strings.HasPrefix(unit, "B[") || strings.HasPrefix(unit, "dB[")
}

// convert turns a constant into the unit of what it stands beside.
func (c *compiler) convert(d vital.Decimal, unit string, to shape, t token) (vital.Decimal, bool) {
	if unit == "" {
		if bareUnit(to.unit) {
			return d, true
		}
		c.fail(t, "%s has no unit: write it as %s %s", d, d, to.unit)
		return d, false
	}
	if to.difference {
		unit, ok := differenceUnit(unit, to.unit)
		if !ok {
			c.fail(t, "a difference of temperatures or levels is written in %s", strings.Replace(to.unit, "Cel", "Cel or K", 1))
			return d, false
		}
		return c.converted(d, unit, to, t)
	}
	return c.converted(d, unit, to, t)
}

// bareUnit is the unit of a count or a pure number, which may be left out.
func bareUnit(unit string) bool {
	return unit == "" || unit == "1" || strings.HasPrefix(unit, "{") && strings.HasSuffix(unit, "}")
}

// differenceUnit returns the unit in which a difference written in unit is read,
// so that it converts to the unit to by a factor alone.
func differenceUnit(unit, to string) (string, bool) {
	first, rest, _ := strings.Cut(unit, "/")
	switch {
	case unit == to:
		return unit, true
	case scaled(to):
		return to, to == "Cel" && unit == "K"
	case first == "Cel":
		return "K" + unit[len("Cel"):], rest != ""
	}
	return unit, !scaled(first)
}

func (c *compiler) converted(d vital.Decimal, unit string, to shape, t token) (vital.Decimal, bool) {
	target := to.unit
	if target == "" {
		target = "1"
	}
	if unit == target {
		return d, true
	}
	if err := vital.ValidUnit(unit); err != nil {
		c.fail(t, "%q is not a unit%s", unit, near(unit, append(unitNames(to.about), vital.UnitSymbols()...)))
		return d, false
	}
	var v vital.Decimal
	var err error
	if to.about != nil {
		if to.unit == to.about.Unit {
			err = to.about.Accepts(unit)
		}
		if err == nil {
			v, err = to.about.Convert(d, unit, target)
		}
	} else {
		v, err = vital.Convert(d, unit, target)
	}
	if err != nil {
		what := "this"
		if to.about != nil {
			what = to.about.Name
		}
		c.fail(t, "%s is measured in %s, and %s does not convert to it%s", what, target, unit, near(unit, unitNames(to.about)))
		return d, false
	}
	return v, true
}

// alike makes two numbers stand in one unit, converting the constant one.
func (c *compiler) alike(n *node, l, r shape) (shape, bool) {
	switch {
	case l.kind == shapeBad || r.kind == shapeBad:
		return shape{}, false
	case l.constant && r.constant:
		c.fail(n.token, "both sides of %s are fixed numbers", n.token.text)
		return shape{}, false
	case r.constant:
		return l, c.constant(n.right, l)
	case l.constant:
		return r, c.constant(n.left, r)
	case l.unit != r.unit && !(bareUnit(l.unit) && bareUnit(r.unit)):
		c.fail(n.token, "the left side is in %s and the right side in %s", cmpUnit(l.unit), cmpUnit(r.unit))
		return shape{}, false
	}
	return l, true
}

func cmpUnit(unit string) string {
	if unit == "" {
		return "no unit"
	}
	return unit
}

// constant converts a number that stands beside something of shape to.
func (c *compiler) constant(n *node, to shape) bool {
	if n.op != opNumber {
		c.fail(n.token, "write this as one number")
		return false
	}
	d, ok := c.convert(n.number, n.unit, to, n.token)
	n.number = d
	return ok
}

func (c *compiler) resolveSum(n *node) shape {
	l, r := c.number(n.left), c.number(n.right)
	if l.kind == shapeBad || r.kind == shapeBad {
		return shape{}
	}
	both := !l.constant && !r.constant
	as := l
	if l.constant {
		as = r
	}
	if !both && !as.difference { // a constant that is added is a difference
		as.difference = true
		got, ok := c.alike(n, chooseShape(l, as), chooseShape(r, as))
		if !ok {
			return shape{}
		}
		got.difference = n.op == opSubtract && l.constant
		return got
	}
	got, ok := c.alike(n, l, r)
	if !ok {
		return shape{}
	}
	if both && n.op == opSubtract {
		got.difference = l.difference == r.difference
	} else {
		got.difference = l.difference && r.difference || !both
	}
	return got
}

// chooseShape keeps a constant and replaces what is not.
func chooseShape(s, measured shape) shape {
	if s.constant {
		return s
	}
	return measured
}

func (c *compiler) resolveProduct(n *node) shape {
	l, r := c.number(n.left), c.number(n.right)
	if l.kind == shapeBad || r.kind == shapeBad {
		return shape{}
	}
	if l.constant && r.constant {
		return c.fail(n.token, "both sides of %s are fixed numbers", n.token.text)
	}
	if scaled(l.unit) && !bareUnit(r.unit) || scaled(r.unit) && !bareUnit(l.unit) {
		return c.fail(n.token, "a temperature or a level cannot be multiplied with or divided by something that has a unit")
	}
	if bareUnit(r.unit) {
		if scaled(l.unit) && !l.difference {
			return c.fail(n.token, "%s has a zero of its own: half of it means nothing", l.unit)
		}
		l.constant = false
		return l
	}
	if bareUnit(l.unit) && n.op == opMultiply {
		r.constant = false
		return r
	}
	sign := map[operation]string{opMultiply: ".", opDivide: "/"}[n.op]
	unit := "(" + l.unit + ")" + sign + "(" + r.unit + ")"
	if bareUnit(l.unit) {
		unit = "/(" + r.unit + ")"
	}
	if l.unit == r.unit && n.op == opDivide {
		unit = "1"
	} else if err := vital.ValidUnit(unit); err != nil {
		return c.fail(n.token, "%s: no unit comes of it", n.token.text)
	}
	return shape{kind: shapeNumber, unit: unit}
}

func (c *compiler) resolveIn(n *node) shape {
	got := c.resolve(n.left)
	if got.kind == shapeBad {
		return got
	}
	if got.kind != shapeCode {
		return c.fail(n.token, "in is for codes, such as consciousness in (V, P, U); for numbers write between")
	}
	for _, w := range n.words {
		if !c.code(n.token, got.about, w) {
			return shape{}
		}
	}
	return shape{kind: shapeTruth}
}

func (c *compiler) code(t token, m *vital.Metric, word string) bool {
	if len(m.Codes) > 0 && !slices.Contains(m.Codes, word) {
		c.fail(t, "%s is not a code of %s (%s)%s", word, m.Name, strings.Join(m.Codes, ", "), near(word, m.Codes))
		return false
	}
	return true
}

func (c *compiler) resolveComparison(n *node) shape {
	if w := n.right; w != nil && w.op == opMetric && n.left.op == opMetric {
		if m := vital.LookMetric(n.left.name); m != nil && m.Shape == vital.Code {
			if got := c.resolve(n.left); got.kind == shapeBad {
				return got
			}
			if n.op != opEqual && n.op != opNotEqual {
				return c.fail(n.token, "%s is a code: compare it with = or != or in", m.Name)
			}
			if !c.code(w.token, m, w.name) {
				return shape{}
			}
			equal := n.op == opEqual
			*n = node{op: opIn, token: n.token, left: n.left, words: []string{w.name}}
			if !equal {
				inner := *n
				*n = node{op: opNot, token: n.token, left: &inner}
			}
			return shape{kind: shapeTruth}
		}
	}
	c.numeric = true
	if !c.limits(n) {
		return shape{}
	}
	l, r := c.number(n.left), c.number(n.right)
	if _, ok := c.alike(n, l, r); !ok {
		return shape{}
	}
	return shape{kind: shapeTruth}
}

// limits finds which limit "limit" means on both sides of a comparison: the one
// of the measure beside it, on the side to which the comparison looks.
func (c *compiler) limits(n *node) bool {
	var wanted []*node
	var measures []string
	onLeft := false
	for i, side := range []*node{n.left, n.right} {
		side.walk(func(m *node) {
			switch m.op {
			case opLimit:
				wanted = append(wanted, m)
				onLeft = onLeft || i == 0
			case opMetric:
				measures = append(measures, m.name)
			}
		})
	}
	low := (n.op == opLess || n.op == opLessEqual) != onLeft
	for _, m := range wanted {
		if !c.bind(m, measures, low) {
			return false
		}
	}
	return true
}

// bind finds the limit that n means. measures empty: any measure.
func (c *compiler) bind(n *node, measures []string, low bool) bool {
	var fits []int
	for _, i := range c.out.limits {
		f := c.set.limits[i]
		if (len(measures) == 0 || slices.Contains(measures, c.set.metrics[f.metric])) && (n.name == "" || f.low == (n.name == "low")) {
			fits = append(fits, i)
		}
	}
	if len(fits) == 2 && n.name == "" && c.set.limits[fits[0]].metric == c.set.limits[fits[1]].metric {
		if c.clearing {
			c.fail(n.token, "this measure has a low and a high limit here: write low limit or high limit")
			return false
		}
		if c.set.limits[fits[0]].low != low {
			fits = fits[1:]
		}
		fits = fits[:1]
	}
	if len(fits) != 1 {
		c.fail(n.token, "there is no such limit in rule %s: write a line such as limit spo2 low 90 %%", c.draft.name)
		return false
	}
	f := c.set.limits[fits[0]]
	n.op, n.index, n.about = opBound, fits[0], c.set.measures[f.metric]
	return true
}
