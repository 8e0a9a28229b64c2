package alarm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
	"pgregory.net/rapid"
)

const start = vital.Instant(1_795_000_000_000)

var (
	rules   = []kind{{rule: "spo2-low"}, {rule: "spo2-low"}, {rule: "asystole", latching: true, always: true}, {rule: "glucose-low", spot: true}, {rule: "weight-up", spot: true, latching: true}}
	parts   = []string{"", "left"}
	persons = []string{"anna", "bert", "carl"}
	verbs   = []alarm.Verb{alarm.Acknowledge, alarm.Accept, alarm.Decline, alarm.HandOver, alarm.Pause, alarm.Resume, alarm.Snooze, alarm.SwitchOff, alarm.SwitchOn, alarm.Escalate, "juggle"}
	waits   = []vital.Instant{0, 1, 40, 1000, 20_000, 70_000, 200_000, 1900_000, 4000_000, 50_000_000}
)

// drawFinding makes a finding, mostly of now, sometimes late, sometimes ahead of
// time, with or without evidence.
func drawFinding(t *rapid.T, now vital.Instant) vital.Finding {
	k := rapid.SampledFrom(rules).Draw(t, "rule")
	f := vital.Finding{
		Patient: "p", Rule: k.rule, Latching: k.latching, Always: k.always, Spot: k.spot,
		Part:     rapid.SampledFrom(parts).Draw(t, "part"),
		Stand:    rapid.SampledFrom([]vital.Stand{vital.Present, vital.Present, vital.Present, vital.Absent, vital.Absent, vital.Unknown, vital.Withdrawn}).Draw(t, "stand"),
		Priority: rapid.SampledFrom([]vital.Priority{vital.Low, vital.Medium, vital.High}).Draw(t, "priority"),
		At:       now - rapid.SampledFrom([]vital.Instant{0, 0, 0, 1, 5, 30_000, 2000_000, 5000_000, -10}).Draw(t, "age"),
		Text:     rapid.SampledFrom([]string{"84 %", "83 %"}).Draw(t, "text"),
	}
	if rapid.Bool().Draw(t, "changed rule") {
		f.Always = rapid.Bool().Draw(t, "always")
	}
	if rapid.Bool().Draw(t, "evidence") {
		f.Evidence = []vital.Evidence{{Metric: "spo2", Value: "84", Unit: "%", At: f.At, Received: now - rapid.SampledFrom([]vital.Instant{0, 0, 2, 30_000, 2000_000, 5000_000}).Draw(t, "received")}}
	}
	return f
}

func drawCommand(t *rapid.T, s alarm.State, now vital.Instant, id int64, closed []string) alarm.Command {
	c := alarm.Command{
		ID: id, Patient: "p",
		Verb: rapid.SampledFrom(verbs).Draw(t, "verb"),
		By:   rapid.SampledFrom(append(persons, "")).Draw(t, "by"),
		To:   rapid.SampledFrom(append(persons, "")).Draw(t, "to"),
		Why:  rapid.SampledFrom([]string{"", "because"}).Draw(t, "why"),
		At:   now - rapid.SampledFrom([]vital.Instant{0, 0, 30, -30, now}).Draw(t, "command age"),
	}
	if long := rapid.SampledFrom([]vital.Instant{0, 30_000, 180_001, 43_200_001, 86_400_001, 3600_000, 500_000_000, -5}).Draw(t, "long"); long != 0 {
		c.Until = now + long
	}
	switch rapid.IntRange(0, 3).Draw(t, "aim") {
	case 0:
	case 1:
		c.Rule, c.Part = rapid.SampledFrom(rules).Draw(t, "rule").rule, rapid.SampledFrom(parts).Draw(t, "part")
	default:
		if len(s.Alarms) > 0 {
			c.Alarm = rapid.SampledFrom(s.Alarms).Draw(t, "alarm").ID
		} else if len(closed) > 0 {
			c.Alarm = rapid.SampledFrom(closed).Draw(t, "closed")
		}
	}
	return c
}

// story makes a log step by step, since what is asked for depends on what is open.
func story(t *rapid.T, most int, each func(before alarm.State, in alarm.Input, after alarm.State, effects []alarm.Effect)) []alarm.Input {
	var (
		s      = alarm.State{Patient: "p"}
		log    []alarm.Input
		now    = start
		id     int64
		closed []string
	)
	for range rapid.IntRange(1, most).Draw(t, "steps") {
		now += rapid.SampledFrom(waits).Draw(t, "wait")
		in := alarm.Input{Now: now, Policy: alarm.DefaultPolicy()}
		for range rapid.IntRange(0, 2).Draw(t, "findings") {
			in.Findings = append(in.Findings, drawFinding(t, now))
		}
		for range rapid.IntRange(0, 2).Draw(t, "commands") {
			id++
			in.Commands = append(in.Commands, drawCommand(t, s, now, id, closed))
		}
		in.Leave = rapid.IntRange(0, 40).Draw(t, "leave") == 40
		after, effects := alarm.Step(s, in)
		log = append(log, in)
		for _, e := range effects {
			if e.Kind == alarm.Closed {
				closed = append(closed, e.Alarm.ID)
			}
		}
		each(s, in, after, effects)
		s = after
	}
	return log
}

// TestOracle holds every state and every effect against what the oracle makes of
// the whole log.
func TestOracle(t *testing.T) {
	for round := range rounds() {
		t.Run(strconv.Itoa(round), againstOracle)
	}
}

// rounds is how often the check that finds most is repeated.
func rounds() int {
	if testing.Short() {
		return 1
	}
	return 8
}

func againstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log []alarm.Input
		closed := map[string]string{}
		story(t, 25, func(_ alarm.State, in alarm.Input, after alarm.State, effects []alarm.Effect) {
			log = append(log, in)
			o := recount(log)
			open := map[condition]string{}
			for _, a := range after.Alarms {
				open[condition{a.Rule, a.Part}] = lineOf(a)
			}
			for c, p := range o.of {
				want := ""
				if p.open {
					want = p.line()
				}
				if open[c] != want {
					t.Fatalf("%v after %d steps:\ngot  %s\nwant %s", c, len(log), open[c], want)
				}
				delete(open, c)
				off := slices.ContainsFunc(after.Offs, func(s alarm.Switch) bool {
					return s.Rule == c.rule && s.Part == c.part && s.Until == p.offUntil && s.By == p.offBy
				})
				if off != p.off {
					t.Fatalf("%v after %d steps: switched off %v, want %v", c, len(log), off, p.off)
				}
			}
			if len(open) > 0 {
				t.Fatalf("after %d steps the oracle knows nothing of %v", len(log), open)
			}
			got := map[condition][]string{}
			for _, e := range effects {
				c := condition{e.Alarm.Rule, e.Alarm.Part}
				got[c] = append(got[c], said(e))
				if e.Kind == alarm.Closed {
					closed[e.Alarm.ID] = e.Why
				}
			}
			if !reflect.DeepEqual(got, o.effects) {
				t.Fatalf("effects of step %d: %+v\ngot  %v\nwant %v", len(log), in, got, o.effects)
			}
			if !reflect.DeepEqual(closed, o.closed) {
				t.Fatalf("closed: got %v, want %v", closed, o.closed)
			}
		})
	})
}

// TestStoriesKeepTheInvariants holds long stories against the same table that the walk through all
// states uses, as far as it speaks of more than one event in a step.
func TestStoriesKeepTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story(t, 40, func(before alarm.State, in alarm.Input, after alarm.State, effects []alarm.Effect) {
			if len(in.Findings)+len(in.Commands) > 1 {
				return
			}
			x := transition{before: before, after: after, in: in, effects: effects}
			for _, v := range invariants {
				if problem := v.check(x); problem != "" {
					t.Fatalf("%s: %s\nbefore %+v\nin %+v\nafter %+v", v.name, problem, before, in, after)
				}
			}
		})
	})
}

func encode(t *rapid.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A state that went through JSON goes on exactly as one that did not, and a step
// leaves the state that it was given as it was.
func TestStateSurvivesRestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story(t, 25, func(before alarm.State, in alarm.Input, after alarm.State, effects []alarm.Effect) {
			kept := encode(t, before)
			var restored alarm.State
			if err := json.Unmarshal(kept, &restored); err != nil {
				t.Fatal(err)
			}
			again, sameEffects := alarm.Step(restored, in)
			if !reflect.DeepEqual(again, after) || !reflect.DeepEqual(sameEffects, effects) {
				t.Fatalf("after a restart:\ngot  %s\nwant %s", encode(t, again), encode(t, after))
			}
			if !bytes.Equal(encode(t, before), kept) {
				t.Fatalf("the step changed the state it was given:\nfrom %s\nto   %s", kept, encode(t, before))
			}
		})
	})
}

// Whatever is delivered twice, now or later in the same hour, is done once.
func TestRepetitionChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story(t, 25, func(_ alarm.State, in alarm.Input, after alarm.State, _ []alarm.Effect) {
			if in.Leave {
				return // what was found in that moment was not looked at
			}
			if slices.ContainsFunc(in.Findings, func(f vital.Finding) bool { return f.Stand == vital.Withdrawn }) || len(in.Findings) > 1 {
				in.Findings = nil // a withdrawal begins anew on purpose; two at once may undo each other
			}
			again, effects := alarm.Step(after, in)
			if len(effects) != 0 || !bytes.Equal(encode(t, again), encode(t, after)) && len(after.Alarms)+len(after.Heard) > 0 {
				t.Fatalf("the same input again gave %+v\nbefore %s\nafter  %s", effects, encode(t, after), encode(t, again))
			}
		})
	})
}

// episode is the findings that a rule gives of one condition over time: present
// with changing priority, unknown in between, absent in the end, again and again.
func episode(t *rapid.T, k kind, part string) []vital.Finding {
	var list []vital.Finding
	at := start
	for range rapid.IntRange(1, 8).Draw(t, "findings") {
		at += rapid.SampledFrom([]vital.Instant{1, 2, 40, 1000}).Draw(t, "gap")
		f := vital.Finding{Patient: "p", Rule: k.rule, Part: part, Latching: k.latching, Always: k.always, Spot: k.spot, At: at,
			Stand:    rapid.SampledFrom([]vital.Stand{vital.Present, vital.Present, vital.Absent, vital.Unknown}).Draw(t, "stand"),
			Priority: rapid.SampledFrom([]vital.Priority{vital.Low, vital.Medium, vital.High}).Draw(t, "priority")}
		f.Text = fmt.Sprint("at ", at-start)
		f.Evidence = []vital.Evidence{{Metric: "m", Value: "1", At: at, Received: at + 3}}
		list = append(list, f)
	}
	return list
}

// However the findings of a condition are delayed, repeated and put out of order,
// there is never more than one alarm of it at a time, the last word is that of the
// newest finding, and an alarm is never raised by something older than its end.
func TestOrderOfDelivery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(rules).Draw(t, "kind")
		list := episode(t, k, "")
		delivered := slices.Clone(list)
		for range rapid.IntRange(0, 6).Draw(t, "repeated") {
			delivered = append(delivered, rapid.SampledFrom(list).Draw(t, "repeat"))
		}
		delivered = rapid.Permutation(delivered).Draw(t, "delivered")
		newest := list[len(list)-1].At
		now := newest + 100
		s, raised, last := alarm.State{Patient: "p"}, 0, vital.Instant(0)
		for _, f := range delivered {
			after, effects := alarm.Step(s, alarm.Input{Now: now, Findings: []vital.Finding{f}})
			if len(after.Alarms) > 1 {
				t.Fatalf("two alarms: %+v", after.Alarms)
			}
			late := f.At < last
			if late && (len(effects) > 0 || !reflect.DeepEqual(after, s)) {
				t.Fatalf("a finding of %d after one of %d gave %+v", f.At-start, last-start, effects)
			}
			for _, e := range effects {
				if e.Kind == alarm.Raised {
					raised++
				}
			}
			if !late && (f.Stand == vital.Present || f.Stand == vital.Absent || len(s.Alarms) > 0) {
				last = f.At
			}
			s = after
		}
		// What the newest finding that says something says, the state says.
		final := list[len(list)-1]
		a := of(s, k.rule, "")
		switch {
		case final.Stand == vital.Present && (a == nil || a.Condition != alarm.Present || a.Priority != final.Priority || a.Text != final.Text):
			t.Fatalf("the newest finding is present %v, the alarm is %+v", final.Priority, a)
		case final.Stand == vital.Absent && a != nil && a.Condition != alarm.Ended:
			t.Fatalf("the newest finding is absent, the alarm is %+v", a)
		}
		presents := 0
		for _, f := range list {
			if f.Stand == vital.Present {
				presents++
			}
		}
		if raised > presents {
			t.Fatalf("%d alarms of %d findings", raised, presents)
		}
	})
}

// What happens to one condition does not depend on the others of the patient:
// what the walk proves of one holds for any number.
func TestConditionsDoNotTouchEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := func(s alarm.State, c condition) (list []string) {
			for _, a := range s.Alarms {
				if a.Rule == c.rule && a.Part == c.part {
					list = append(list, string(encode(t, a)))
				}
			}
			for _, o := range s.Offs {
				if o.Rule == c.rule && o.Part == c.part {
					list = append(list, string(encode(t, o)))
				}
			}
			return list
		}
		c := condition{rapid.SampledFrom(rules).Draw(t, "one").rule, rapid.SampledFrom(parts).Draw(t, "one part")}
		alone := alarm.State{Patient: "p"}
		story(t, 25, func(_ alarm.State, in alarm.Input, after alarm.State, effects []alarm.Effect) {
			id := func(a alarm.Alarm) bool { return a.Rule == c.rule && a.Part == c.part }
			mine := in
			mine.Findings, mine.Commands = nil, nil
			for _, f := range in.Findings {
				if f.Rule == c.rule && f.Part == c.part {
					mine.Findings = append(mine.Findings, f)
				}
			}
			for _, k := range in.Commands {
				everywhere := k.Alarm == "" && k.Rule == ""
				ours := k.Alarm == "" && k.Rule == c.rule && k.Part == c.part
				for _, e := range effects {
					ours = ours || k.Alarm != "" && e.Alarm.ID == k.Alarm && id(e.Alarm)
				}
				if everywhere || ours {
					mine.Commands = append(mine.Commands, k)
				}
			}
			alone, _ = alarm.Step(alone, mine)
			if got, want := of(alone, c), of(after, c); !slices.Equal(got, want) {
				t.Fatalf("alone %v\namong others %v", got, want)
			}
		})
	})
}

// Two readings in the same packet, a millisecond apart or in either order of two
// packets, are one alarm.
func TestReadingsMillisecondsApart(t *testing.T) {
	for gap := vital.Instant(-3); gap <= 3; gap++ {
		for _, together := range []bool{true, false} {
			finding := func(at vital.Instant, text string) vital.Finding {
				return vital.Finding{Patient: "p", Rule: "spo2-low", Stand: vital.Present, Priority: vital.High, At: at, Text: text,
					Evidence: []vital.Evidence{{Metric: "spo2", Value: text, At: at, Received: max(start, at)}}}
			}
			first, second := finding(start, "84"), finding(start+gap, "83")
			inputs := []alarm.Input{{Now: start + 5, Findings: []vital.Finding{first, second}}}
			if !together {
				inputs = []alarm.Input{{Now: start + 5, Findings: []vital.Finding{first}}, {Now: start + 5, Findings: []vital.Finding{second}}}
			}
			var s alarm.State
			var effects []alarm.Effect
			for _, in := range inputs {
				var e []alarm.Effect
				s, e = alarm.Step(s, in)
				effects = append(effects, e...)
			}
			raised, told := 0, 0
			for _, e := range effects {
				if e.Kind == alarm.Raised {
					raised++
				}
				if e.Tell {
					told++
				}
			}
			if raised != 1 || told != 1 || len(s.Alarms) != 1 {
				t.Errorf("%d ms apart, together %v: raised %d, told %d, open %d, want one of each", gap, together, raised, told, len(s.Alarms))
			}
		}
	}
}
