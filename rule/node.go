package rule

import "github.com/vigilcare/vigil/vital"

// operation is what a node of an expression does.
type operation uint8

const (
	opNumber operation = iota // number, unit
	opMetric                  // name, index; within: how old it may be
	opLimit                   // name: "", low or high; index into the limits
	opBound                   // a limit that was found: index into the limits
	opCall                    // name of the function, left: the metric, within: how far back; index into the windows
	opNegate
	opAdd
	opSubtract
	opMultiply
	opDivide
	opLess
	opLessEqual
	opMore
	opMoreEqual
	opEqual
	opNotEqual
	opIn // left: a metric with codes; words
	opAnd
	opOr
	opNot
	opMissing // left: the metric, within: for how long
	opEvent   // name of the kind, words: codes; within: how long ago; index into the events
	opAge     // compare, number in months; or name "unknown"
	opWard    // words
	opCondition
	opScale // number 0, 1, 2
	opTime  // period
)

var operators = map[string]operation{
	"<": opLess, "<=": opLessEqual, ">": opMore, ">=": opMoreEqual, "=": opEqual, "!=": opNotEqual,
	"+": opAdd, "-": opSubtract, "*": opMultiply, "/": opDivide,
}

var comparisons = []operation{opLess, opLessEqual, opMore, opMoreEqual, opEqual, opNotEqual}

// node is a part of an expression.
type node struct {
	op          operation
	token       token
	left, right *node
	name        string
	words       []string
	number      vital.Decimal
	unit        string
	within      int64 // ms
	index       int
	compare     operation // of opAge
	period      period
	about       *vital.Metric // of opMetric
}

// walk calls f for n and everything below it.
func (n *node) walk(f func(*node)) {
	if n == nil {
		return
	}
	f(n)
	n.left.walk(f)
	n.right.walk(f)
}

// period is a part of the day in the ward's time, [from, to) in minutes; over
// midnight where to is not later than from. days has a bit per weekday, 0 all.
// Over midnight the day is the one on which it began.
type period struct {
	from, to int
	days     uint8
}

func (p period) has(minute int, weekday int) bool {
	inside := minute >= p.from && minute < p.to
	if p.to <= p.from {
		inside = minute >= p.from || minute < p.to
		if minute < p.to {
			weekday = (weekday + 6) % 7
		}
	}
	return inside && (p.days == 0 || p.days&(1<<weekday) != 0)
}

// limitLine is "limit spo2 low 90 %", and with periods "schedule ... limit ...".
type limitLine struct {
	token   token
	metric  token
	side    string
	number  vital.Decimal
	unit    string
	at      token // of the number
	periods []period
}

// whenLine is a level of a rule, or its clear.
type whenLine struct {
	token    token
	text     string // as written
	cond     *node
	hold     int64 // ms
	priority vital.Priority
	message  string
	at       token   // of the message
	others   []other // the message in other languages
}

// freshLine is "fresh 15 s" or "fresh temperature 8 h".
type freshLine struct {
	metric token // kind tokenEnd: of all
	within int64
}

// draft is a rule as it was read, before its words are looked up.
type draft struct {
	token     token
	name      string
	title     string
	titles    []other // the title in other languages
	sources   []string
	applies   *node
	appliesAs string
	limits    []limitLine
	active    []period
	whens     []whenLine
	clear     *whenLine
	fresh     []freshLine
	marks     token
	latching  bool
	always    bool
	spot      bool
	technical bool
	trials    []*trial
	seen      map[string]token // statements that stand once
	words     []byte           // what the version is made of
	beside    [][2]int         // tokens that the version is not made of: other languages
}
