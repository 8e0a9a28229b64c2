package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// compiled is a rule with its words looked up, its units converted and its
// numbers in place.
type compiled struct {
	name, title, version string
	titles               map[string]string // by language
	file                 string
	line                 int
	sources              []string
	applies              *node // nil: to everybody
	appliesAs            string
	levels               []level
	clear                *level
	active               []period
	metrics              []int  // that its conditions name, first the one to mark
	events               []int  // that its conditions name
	limits               []int  // of the set's limits
	marks                string // a metric, or ""
	latching             bool
	always               bool
	spot                 bool
	technical            bool
	timed                bool // time alone can begin it
	trials               []*trial
}

// level is a when of a rule, or its clear.
type level struct {
	cond     *node
	hold     int64 // ms
	priority vital.Priority
	message  []piece
	others   map[string][]piece // the message by language
	text     string
}

// calm is how long a level must be false before it steps down.
func (c *compiled) calm() int64 {
	if c.clear == nil {
		return 0
	}
	return c.clear.hold
}

// floor is the lowest level: what is left of a finding that is not over.
func (c *compiled) floor() int {
	at := 0
	for i, l := range c.levels {
		if l.priority < c.levels[at].priority {
			at = i
		}
	}
	return at
}

// fallback is a limit of a rule, for patients who have none of their own.
type fallback struct {
	rule     int
	metric   int
	low      bool
	number   vital.Decimal // in the metric's own unit
	shown    vital.Decimal // as written
	unit     string        // as written
	stated   bool          // false: only periods are
	periodic []periodLimit // the last that is in force wins
}

type periodLimit struct {
	periods []period
	number  vital.Decimal
	shown   vital.Decimal
	unit    string
}

// shape is what an expression gives.
type shape struct {
	kind  shapeKind
	about *vital.Metric // the measure behind a number, for its molar mass
	unit  string        // of a number; "" of a pure one
	// difference: between two values of a scale with its own zero, where a change
	// by 1 °C is 1 K and not 274.15 K.
	difference bool
	constant   bool
}

type shapeKind uint8

const (
	shapeBad shapeKind = iota
	shapeNumber
	shapeTruth
	shapeCode
)

func (k shapeKind) String() string {
	return [...]string{"something wrong", "a number", "a condition", "a code"}[k]
}

// defaultFresh is how old a value of a continuous measure may be, ms.
const defaultFresh = 15_000

// compiler looks up the words of one rule.
type compiler struct {
	set      *Set
	draft    *draft
	out      *compiled
	file     string
	index    int // of the rule in the set
	problems []Problem
	about    bool // in applies: the patient, not the measures
	clearing bool
	missing  bool // the rule asks for what is missing
	numeric  bool // the rule compares a measure with a number
}

func (c *compiler) fail(t token, format string, args ...any) shape {
	c.problems = append(c.problems, Problem{File: c.file, Line: t.line, Column: t.column, Message: fmt.Sprintf(format, args...)})
	return shape{}
}

// compile adds the rule to the set, or says why it cannot.
func compile(s *Set, file string, d *draft) []Problem {
	c := &compiler{set: s, draft: d, file: file, index: len(s.rules)}
	c.out = &compiled{name: d.name, title: d.title, file: file, line: d.token.line, sources: d.sources, appliesAs: d.appliesAs,
		latching: d.latching, always: d.always, spot: d.spot, technical: d.technical, active: d.active, trials: d.trials,
		version: digest(append([]byte(d.name+"\x00"), d.words...))}
	c.languages()
	for _, l := range d.limits {
		c.limit(l)
	}
	if d.applies != nil {
		c.about = true
		if got := c.resolve(d.applies); got.kind != shapeTruth && got.kind != shapeBad {
			c.fail(d.applies.token, "applies wants a condition about the patient, found %s", got.kind)
		}
		c.about = false
		c.out.applies = d.applies
	}
	if len(d.whens) == 0 {
		c.fail(d.token, "rule %s has no when", d.name)
	}
	if len(d.whens) > maxLevels {
		c.fail(d.token, "rule %s has more than %d levels", d.name, maxLevels)
	}
	for _, w := range d.whens {
		if w.priority == 0 && c.sound() {
			c.fail(w.token, "when has no priority: end the line with priority high, medium or low")
		}
		c.out.levels = append(c.out.levels, c.level(w))
	}
	if d.clear != nil {
		c.clearing = true
		l := c.level(*d.clear)
		c.out.clear = &l
	}
	c.rest()
	if len(c.problems) == 0 {
		s.rules = append(s.rules, c.out)
	}
	return c.problems
}

const maxLevels = 8

// sound reports whether nothing was wrong so far.
func (c *compiler) sound() bool { return len(c.problems) == 0 }

// rest checks what concerns the rule as a whole.
func (c *compiler) rest() {
	d := c.draft
	c.out.timed = len(d.active) > 0
	for _, i := range c.out.limits {
		c.out.timed = c.out.timed || len(c.set.limits[i].periodic) > 0
	}
	for _, l := range c.out.levels {
		l.cond.walk(func(n *node) {
			c.out.timed = c.out.timed || n.op == opMissing || n.op == opEvent || n.op == opTime || n.op == opCall
		})
	}
	if d.title == "" {
		c.fail(d.token, "rule %s has no title: what a nurse reads on the screen", d.name)
	}
	if c.missing && !d.technical {
		c.fail(d.token, "rule %s asks for what is missing: that is about the watching, not the patient; add the line technical", d.name)
	}
	distinct := slices.Clone(d.sources)
	slices.Sort(distinct)
	distinct = slices.DeleteFunc(slices.Compact(distinct), func(s string) bool { return s == "" })
	if want := c.sourcesWanted(); len(distinct) < want {
		c.fail(d.token, "rule %s names %d of at least %d sources: %s", d.name, len(distinct), want,
			[]string{"", "say where it comes from", "a threshold needs two that agree"}[want])
	}
	for _, f := range d.fresh {
		if f.metric.kind == tokenWord && !slices.ContainsFunc(c.out.metrics, func(m int) bool { return c.set.metrics[m] == f.metric.text }) {
			c.fail(f.metric, "fresh names %s, which no when or clear of rule %s does", f.metric.text, d.name)
		}
	}
	if d.spot && len(d.fresh) == 0 {
		c.fail(d.token, "rule %s is for measurements made now and then: say with fresh how long one counts, such as fresh 12 h", d.name)
	}
	c.mark()
	if len(d.trials) == 0 {
		c.fail(d.token, "rule %s has no test: a rule without a passing test does not load", d.name)
	}
}

func (c *compiler) sourcesWanted() int {
	switch {
	case c.draft.technical:
		return 0
	case c.numeric:
		return 2
	}
	return 1
}

// mark chooses the number that a screen marks.
func (c *compiler) mark() {
	if at := c.draft.marks; at.kind == tokenWord {
		i := slices.IndexFunc(c.out.metrics, func(m int) bool { return c.set.metrics[m] == at.text })
		if i < 0 {
			c.fail(at, "marks names %s, which no when or clear of rule %s does", at.text, c.draft.name)
			return
		}
		c.out.metrics[0], c.out.metrics[i] = c.out.metrics[i], c.out.metrics[0]
	}
	if len(c.out.metrics) > 0 {
		c.out.marks = c.set.metrics[c.out.metrics[0]]
	}
}

// limit adds a default limit to the set.
func (c *compiler) limit(l limitLine) {
	m := vital.LookMetric(l.metric.text)
	if m == nil || m.Shape != vital.Numeric {
		c.unknownMetric(l.metric)
		return
	}
	number, ok := c.convert(l.number, l.unit, shape{kind: shapeNumber, about: m, unit: m.Unit}, l.at)
	if !ok {
		return
	}
	c.numeric = true
	index, low := c.metric(l.metric.text), l.side == "low"
	at := -1
	for _, i := range c.out.limits {
		if f := c.set.limits[i]; f.metric == index && f.low == low {
			at = i
		}
	}
	if at < 0 {
		at = len(c.set.limits)
		c.set.limits = append(c.set.limits, fallback{rule: c.index, metric: index, low: low})
		c.out.limits = append(c.out.limits, at)
	}
	f := &c.set.limits[at]
	if l.periods == nil {
		if f.stated {
			c.fail(l.token, "limit %s %s stands twice in rule %s", l.metric.text, l.side, c.draft.name)
		}
		f.stated, f.number, f.shown, f.unit = true, number, l.number, l.unit
		return
	}
	if !f.stated {
		c.fail(l.token, "schedule changes the limit %s %s: write the limit of the rest of the day before it", l.metric.text, l.side)
	}
	f.periodic = append(f.periodic, periodLimit{l.periods, number, l.number, l.unit})
	c.set.timed = true
}

// metric returns the index of a metric in the set, adding it.
func (c *compiler) metric(name string) int {
	if i, ok := c.set.metricAt[name]; ok {
		return i
	}
	i := len(c.set.metrics)
	c.set.metrics = append(c.set.metrics, name)
	c.set.measures = append(c.set.measures, vital.LookMetric(name))
	c.set.metricAt[name] = i
	return i
}

func (c *compiler) unknownMetric(t token) shape {
	if m := vital.LookMetric(t.text); m != nil && m.Shape == vital.Wave {
		return c.fail(t, "%s is a waveform: rules judge numbers and codes", t.text)
	}
	if m := vital.LookMetric(t.text); m != nil {
		return c.fail(t, "%s is a code and not a number", t.text)
	}
	return c.fail(t, "there is no measure %q%s", t.text, near(t.text, measureNames()))
}

// level looks up one when.
func (c *compiler) level(w whenLine) level {
	l := level{cond: w.cond, hold: w.hold, priority: w.priority, text: w.text}
	if w.cond == nil {
		return l
	}
	if got := c.resolve(w.cond); got.kind != shapeTruth && got.kind != shapeBad {
		c.fail(w.cond.token, "expected a condition, such as spo2 < 90 %%, found %s", got.kind)
		return l
	}
	if !c.sound() {
		return l
	}
	template := w.message
	if template == "" {
		template = c.draft.title
		if n := firstComparison(w.cond); n != nil && n.left.op == opMetric {
			template = shortName(n.left.name) + " {" + n.left.name + "} " + n.token.text + " {" + boundOf(n.right) + "}"
		}
	}
	l.message = c.message(template, w)
	if !c.clearing { // what a clear says is never printed
		l.others = c.translated(l.message, w)
	}
	return l
}

// firstComparison is what an automatic text is about.
func firstComparison(n *node) *node {
	var found *node
	n.walk(func(m *node) {
		simple := m.op >= opLess && m.op <= opMoreEqual && m.left.op == opMetric && (m.right.op == opNumber && m.right.token.kind == tokenNumber || m.right.op == opBound)
		if found == nil && simple {
			found = m
		}
	})
	return found
}

func boundOf(n *node) string {
	if n.op == opNumber {
		return strings.TrimSpace(n.token.text + " " + n.token.unit)
	}
	return strings.TrimSpace(n.name + " limit")
}

// short are names as monitors print them; others are printed by their label.
var short = map[string]string{
	"spo2": "SpO2", "heart-rate": "HR", "pulse-rate": "PR", "resp-rate": "RR", "bp-systolic": "SBP", "bp-diastolic": "DBP", "bp-mean": "MAP",
	"temperature": "Temp", "glucose": "Glucose", "glucose-sensor": "Glucose", "etco2": "etCO2", "abp-systolic": "ABP sys", "abp-mean": "ABP mean",
}

func shortName(metric string) string {
	if s := short[metric]; s != "" {
		return s
	}
	if m := vital.LookMetric(metric); m != nil {
		return m.Label
	}
	return metric
}
