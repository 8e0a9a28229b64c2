package alarm_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

// logOf reads bytes as a log: each takes a few of them and says what comes next.
// Whatever the bytes are, it is a log that could be.
func logOf(b []byte) []alarm.Input {
	next := func() int {
		if len(b) == 0 {
			return 0
		}
		n := int(b[0])
		b = b[1:]
		return n
	}
	var log []alarm.Input
	now, id := start, int64(0)
	for len(b) > 0 && len(log) < 60 {
		now += waits[next()%len(waits)]
		in := alarm.Input{Now: now, Policy: alarm.DefaultPolicy()}
		what := next()
		if what&1 != 0 {
			k := rules[next()%len(rules)]
			f := vital.Finding{Patient: "p", Rule: k.rule, Latching: k.latching, Always: k.always, Spot: k.spot,
				Stand: vital.Stand(next() % 4), Priority: vital.Priority(1 + next()%3), At: now - waits[next()%len(waits)], Part: parts[next()%len(parts)]}
			if at := next(); at&1 != 0 {
				f.Evidence = []vital.Evidence{{Metric: "m", Value: "1", At: f.At, Received: now - waits[at/2%len(waits)]}}
			}
			in.Findings = []vital.Finding{f}
		}
		if what&2 != 0 {
			id++
			k := rules[next()%len(rules)]
			who, until := next(), next()
			c := alarm.Command{ID: id, Patient: "p", Verb: verbs[next()%len(verbs)], Rule: k.rule, Part: parts[who/16%len(parts)],
				By: persons[who%3], To: persons[who/4%3], Why: "because", At: now - waits[until/16%3]}
			if until&1 != 0 {
				c.Until = now + waits[until/2%len(waits)]
			}
			if who&128 != 0 {
				c.Rule, c.Part = "", ""
			}
			in.Commands = []alarm.Command{c}
		}
		in.Leave = what == 252
		log = append(log, in)
	}
	return log
}

// FuzzStep holds any log against the oracle and the invariants, with a restart
// before each step.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 0, 1, 2, 0, 0, 1, 3, 2, 0, 0, 0, 0, 5, 0})
	f.Add([]byte{0, 1, 2, 1, 1, 0, 0, 1, 4, 2, 2, 1, 6, 6, 4, 1, 2, 1, 1, 0, 0, 1})
	f.Add([]byte{0, 2, 0, 0, 7, 7, 1, 1, 0, 1, 2, 0, 0, 0, 8, 0, 0, 252})
	f.Fuzz(func(t *testing.T, b []byte) {
		log := logOf(b)
		s := alarm.State{Patient: "p"}
		for i, in := range log {
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var restored alarm.State
			if err := json.Unmarshal(text, &restored); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(restored, s) {
				t.Fatalf("after a restart:\ngot  %+v\nwant %+v", restored, s)
			}
			after, effects := alarm.Step(restored, in)
			if len(in.Findings)+len(in.Commands) < 2 {
				x := transition{before: s, after: after, in: in, effects: effects}
				for _, v := range invariants {
					if problem := v.check(x); problem != "" {
						t.Fatalf("step %d: %s: %s\nbefore %+v\nin %+v\nafter %+v", i, v.name, problem, s, in, after)
					}
				}
			}
			s = after
		}
		if len(log) == 0 {
			return
		}
		o := recount(log)
		for _, a := range s.Alarms {
			if p := o.of[condition{a.Rule, a.Part}]; p == nil || !p.open || p.line() != lineOf(a) {
				t.Fatalf("got  %s\nwant %+v", lineOf(a), p)
			}
		}
		for c, p := range o.of {
			if p.open && of(s, c.rule, c.part) == nil {
				t.Fatalf("missed %v: %s", c, p.line())
			}
		}
	})
}
