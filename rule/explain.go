package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// explain says, line by line, how a rule of a test stands and why: its levels,
// the values they rest on, and what was said before. The level of the wanted
// priority comes first. There is at least one line.
func (a *attempt) explain(at int64, wanted vital.Priority) []string {
	now := a.began + vital.Instant(at)
	j := &judge{set: a.set, state: &a.state, subject: &a.subject, now: now, at: now}
	c, g := a.rule, &a.state.rules[0]
	if !a.state.applies[0] {
		return []string{"the rule does not apply to this patient: " + c.appliesAs}
	}
	if len(c.active) > 0 && !j.inForce(c) {
		return []string{"the rule is not active at this time of the day"}
	}
	var lines []string
	for i, l := range c.levels {
		line := j.level(l, g.Runs[i], "when "+l.text)
		if l.priority == wanted && wanted != 0 {
			lines = slices.Insert(lines, 0, line)
		} else {
			lines = append(lines, line)
		}
	}
	if c.clear != nil && g.open() {
		lines = append(lines, j.level(*c.clear, g.Clear, "clear "+c.clear.text))
	}
	if len(a.history) > 0 {
		lines = append(lines, "said before: "+strings.Join(a.history, "; "))
	}
	return lines
}

// level explains one condition: "when spo2 < limit for 10 s: spo2 was 88 %
// (limit 90 %): true for 6 s of 10 s".
func (j *judge) level(l level, r run, as string) string {
	j.failed, j.expires = "", forever
	t := j.truth(l.cond)
	var values []string
	seen := map[string]bool{}
	l.cond.walk(func(n *node) {
		if text := j.describe(n); text != "" && !seen[text] {
			seen[text] = true
			values = append(values, text)
		}
	})
	out := as + ": " + strings.Join(values, ", ")
	if len(values) > 0 {
		out += ": "
	}
	switch {
	case j.failed != "":
		return out + j.failed
	case t == yes && r.Since != 0 && l.hold > 0:
		return fmt.Sprintf("%strue for %s of %s", out, spanText(int64(j.now-r.Since)), spanText(l.hold))
	case t == no && r.Active && r.Off != 0:
		return fmt.Sprintf("%sfalse for %s, not yet long enough to step down", out, spanText(int64(j.now-r.Off)))
	}
	return out + t.String()
}

// describe says what a leaf of a condition is now.
func (j *judge) describe(n *node) string {
	switch n.op {
	case opMetric:
		v := &j.state.values[n.index]
		if !v.known() {
			return n.name + " was never measured"
		}
		value := v.Code
		if value == "" {
			value = string(appendValue(nil, v.Own, v.Unit))
		}
		text := fmt.Sprintf("%s was %s, %s ago", n.name, value, spanText(int64(j.now-v.At)))
		switch {
		case j.now-v.At > vital.Instant(n.within):
			text += fmt.Sprintf(" (too old: fresh is %s)", spanText(n.within))
		case v.Doubted != 0:
			text += " (doubted since)"
		}
		return text
	case opBound:
		e := j.state.limits[n.index]
		return "limit " + string(appendValue(nil, e.shown, e.unit))
	case opCall:
		saved := *j
		d, known := j.number(n)
		*j = saved
		if !known {
			return fmt.Sprintf("%s(%s, %s) is not known yet", n.name, n.left.name, spanText(n.within))
		}
		return fmt.Sprintf("%s(%s, %s) = %s", n.name, n.left.name, spanText(n.within), rounded(d))
	case opEvent:
		e := &j.state.events[n.index]
		if e.At == 0 {
			return "no event " + n.name
		}
		return strings.TrimSpace("event "+n.name+" "+e.Code) + ", " + spanText(int64(j.now-e.At)) + " ago"
	}
	return ""
}

// spanText prints a duration in the largest unit that divides it.
func spanText(ms int64) string {
	for _, u := range []struct {
		ms   int64
		name string
	}{{86400_000, "d"}, {3600_000, "h"}, {60_000, "min"}, {1000, "s"}} {
		if ms >= u.ms && ms%u.ms == 0 {
			return fmt.Sprintf("%d %s", ms/u.ms, u.name)
		}
	}
	if ms == 0 {
		return "0 s"
	}
	return fmt.Sprintf("%d ms", ms)
}
