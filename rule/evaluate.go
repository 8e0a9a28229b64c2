package rule

import (
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// truth is what is known of a condition.
type truth uint8

const (
	unknown truth = iota
	yes
	no
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) String() string { return [...]string{"unknown", "true", "false"}[t] }

// both and either are Kleene's strong logic: what is unknown stays so unless the
// other side decides alone.
func both(a, b truth) truth {
	switch {
	case a == no || b == no:
		return no
	case a == unknown || b == unknown:
		return unknown
	}
	return yes
}

func either(a, b truth) truth { return not(both(not(a), not(b))) }

func not(a truth) truth {
	switch a {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// forever is later than any time, and can still be written: the end of 9999.
const forever = vital.Instant(253402300799000)

// judge evaluates conditions of one patient at one time.
type judge struct {
	set     *Set
	state   *State
	subject *Subject
	now     vital.Instant
	at      vital.Instant // effective time of what caused the judging
	// Since the last reset: when the first of the values that were looked at
	// becomes too old, and what could not be calculated.
	expires vital.Instant
	failed  string
}

// truth evaluates a condition.
func (j *judge) truth(n *node) truth {
	switch n.op {
	case opAnd:
		// Both sides are always looked at: which values a finding rests on must
		// not depend on which of them came first.
		return both(j.truth(n.left), j.truth(n.right))
	case opOr:
		return either(j.truth(n.left), j.truth(n.right))
	case opNot:
		return not(j.truth(n.left))
	case opLess, opLessEqual, opMore, opMoreEqual, opEqual, opNotEqual:
		l, known := j.number(n.left)
		r, both := j.number(n.right)
		if !known || !both {
			return unknown
		}
		return truthOf(compares(n.op, l.Compare(r)))
	case opIn:
		v := j.value(n.left)
		if v == nil {
			return unknown
		}
		return truthOf(slices.Contains(n.words, v.Code))
	case opMissing:
		v := &j.state.values[n.left.index]
		last := max(v.At, j.state.Began)
		return truthOf(j.now-last >= vital.Instant(n.within))
	case opEvent:
		e := &j.state.events[n.index]
		until := e.At + vital.Instant(n.within)
		return truthOf(e.At != 0 && j.now <= until && (len(n.words) == 0 || slices.Contains(n.words, e.Code)))
	case opTime:
		return truthOf(n.period.has(j.state.minute, j.state.weekday))
	}
	return j.subject.truth(n)
}

func compares(op operation, c int) bool {
	switch op {
	case opLess:
		return c < 0
	case opLessEqual:
		return c <= 0
	case opMore:
		return c > 0
	case opMoreEqual:
		return c >= 0
	case opEqual:
		return c == 0
	}
	return c != 0
}

// value returns the value of a measure if it counts: it is there, not too old,
// and nothing newer casts doubt on it.
func (j *judge) value(n *node) *value {
	v := &j.state.values[n.index]
	if !v.known() {
		return nil
	}
	expires := v.At + vital.Instant(n.within)
	if j.now > expires {
		return nil
	}
	j.expires = min(j.expires, expires)
	if v.Doubted != 0 {
		return nil
	}
	return v
}

// number evaluates a number; false where it is not known.
func (j *judge) number(n *node) (vital.Decimal, bool) {
	switch n.op {
	case opNumber:
		return n.number, true
	case opMetric:
		v := j.value(n)
		if v == nil {
			return vital.Decimal{}, false
		}
		return v.Number, true
	case opBound:
		e := &j.state.limits[n.index]
		if e.bad {
			return j.fail("the patient's own limit of " + n.about.Name + " is in " + e.unit + ", which does not measure it")
		}
		return e.number, e.known
	case opCall:
		if j.value(n.left) == nil {
			return vital.Decimal{}, false
		}
		d, known, ok := j.state.windows[n.index].get(n.name, n.within, j.now)
		if !ok {
			return j.fail(n.name + "(" + n.left.name + ") is too large")
		}
		return d, known
	case opNegate:
		d, known := j.number(n.left)
		d, ok := negate(d)
		if !ok {
			return j.fail("a number is too large")
		}
		return d, known
	}
	l, known := j.number(n.left)
	r, and := j.number(n.right)
	if !known || !and {
		return vital.Decimal{}, false
	}
	var d vital.Decimal
	ok := false
	switch n.op {
	case opAdd:
		d, ok = add(l, r)
	case opSubtract:
		d, ok = subtract(l, r)
	case opMultiply:
		d, ok = multiply(l, r)
	case opDivide:
		if r.Mantissa == 0 {
			return j.fail("division by zero")
		}
		d, ok = divide(l, r)
	}
	if !ok {
		return j.fail("a number is too large")
	}
	return d, true
}

func (j *judge) fail(why string) (vital.Decimal, bool) {
	if j.failed == "" {
		j.failed = why
	}
	return vital.Decimal{}, false
}
