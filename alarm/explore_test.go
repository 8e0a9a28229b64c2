package alarm_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

// This file walks through every state that a patient's alarms can get into and
// every step that leads on from there, for small bounds, and holds each step
// against what must always be true. Time moves in units, and the waits are a few
// units, so that the walk ends: what is not bounded (names, text, absolute times)
// decides nothing.

var small = alarm.Policy{
	Escalate:  [4]int64{vital.High: 1, vital.Medium: 2},
	PauseMost: 2, SnoozeMost: 3, OffMost: 3, Levels: 3,
}

// transition is one step.
type transition struct {
	before, after alarm.State
	in            alarm.Input
	effects       []alarm.Effect
}

func (x transition) finding() (vital.Finding, bool) {
	if len(x.in.Findings) == 0 {
		return vital.Finding{}, false
	}
	return x.in.Findings[0], true
}

func (x transition) asked() (alarm.Command, bool) {
	if len(x.in.Commands) == 0 || x.in.Commands[0].ID <= x.before.Command {
		return alarm.Command{}, false
	}
	return x.in.Commands[0], true
}

func of(s alarm.State, rule, part string) *alarm.Alarm {
	for i := range s.Alarms {
		if s.Alarms[i].Rule == rule && s.Alarms[i].Part == part {
			return &s.Alarms[i]
		}
	}
	return nil
}

func named(s alarm.State, id string) *alarm.Alarm {
	for i := range s.Alarms {
		if s.Alarms[i].ID == id {
			return &s.Alarms[i]
		}
	}
	return nil
}

func telling(a *alarm.Alarm) bool {
	return a != nil && (a.Sound == alarm.On || a.Sound == alarm.Paused)
}

// invariants is what must be true of every step. Each returns what is wrong, or
// nothing.
var invariants = []struct {
	name  string
	check func(x transition) string
}{
	{"a condition has at most one open alarm", func(x transition) string {
		seen := map[string]bool{}
		for _, a := range x.after.Alarms {
			if seen[a.Rule+"/"+a.Part] || a.Closed != 0 {
				return "two of " + a.Rule
			}
			seen[a.Rule+"/"+a.Part] = true
		}
		return ""
	}},
	{"a condition that is present has an open alarm that says so", func(x transition) string {
		f, ok := x.finding()
		if !ok || f.Stand != vital.Present || x.in.Leave || len(x.in.Commands) > 0 || isLate(x) {
			return ""
		}
		if a := of(x.after, f.Rule, f.Part); a == nil || a.Condition != alarm.Present {
			return "missed " + f.Rule
		}
		return ""
	}},
	{"the severity is that of the newest finding", func(x transition) string {
		f, found := x.finding()
		for i := range x.after.Alarms {
			a := &x.after.Alarms[i]
			was := named(x.before, a.ID)
			want := a.Priority
			if was != nil {
				want = was.Priority
			}
			if found && f.Stand == vital.Present && f.Rule == a.Rule && f.Part == a.Part && !isLate(x) {
				want = f.Priority
			}
			if a.Priority != want || a.Peak < a.Priority || was != nil && a.Peak < was.Peak {
				return fmt.Sprintf("%s is %v (peak %v), want %v", a.Rule, a.Priority, a.Peak, want)
			}
		}
		return ""
	}},
	{"missing data neither raises nor closes, and changes nothing that people did", func(x transition) string {
		f, ok := x.finding()
		if !ok || f.Stand != vital.Unknown || x.in.Leave {
			return ""
		}
		for _, e := range x.effects {
			if e.Kind == alarm.Raised || e.Kind == alarm.Closed || e.Kind == alarm.Gone {
				return "unknown gave " + string(e.Kind)
			}
		}
		return ""
	}},
	{"every alarm that was raised is open or was closed once", func(x transition) string {
		count := map[string]int{}
		for _, a := range x.before.Alarms {
			count[a.ID]++
		}
		for _, e := range x.effects {
			switch e.Kind {
			case alarm.Raised:
				count[e.Alarm.ID]++
			case alarm.Closed:
				count[e.Alarm.ID]--
			}
		}
		for _, a := range x.after.Alarms {
			count[a.ID]--
		}
		for id, n := range count {
			if n != 0 {
				return fmt.Sprintf("%s is %d too many", id, n)
			}
		}
		return ""
	}},
	{"nothing happens to an alarm that is closed", func(x transition) string {
		closed := map[string]bool{}
		for _, e := range x.effects {
			if e.Alarm.ID == "" {
				continue
			}
			if closed[e.Alarm.ID] {
				return string(e.Kind) + " after the end"
			}
			closed[e.Alarm.ID] = e.Kind == alarm.Closed
			if (e.Alarm.Closed != 0) != (e.Kind == alarm.Closed) || e.Kind == alarm.Closed && e.Alarm.Why == "" {
				return "half closed"
			}
			if e.Kind != alarm.Raised && named(x.before, e.Alarm.ID) == nil && !raisedIn(x, e.Alarm.ID) {
				return string(e.Kind) + " of an alarm that was not open"
			}
		}
		return ""
	}},
	{"an ended alarm is one that latches and that nobody has seen", func(x transition) string {
		for _, a := range x.after.Alarms {
			if a.Condition == alarm.Ended && (!a.Latching || a.Acknowledged != nil) {
				return a.Rule + " should be closed"
			}
			if (a.Condition == alarm.Ended) != (a.Ended != 0) || (a.Condition == alarm.Unknown) != (a.Unknown != 0) {
				return a.Rule + ": times do not fit the condition"
			}
		}
		return ""
	}},
	{"an alarm that latches closes only when it was seen, withdrawn or the patient left", func(x transition) string {
		for _, e := range x.effects {
			switch {
			case e.Kind != alarm.Closed:
			case e.Alarm.Why == "ended" && e.Alarm.Latching,
				e.Alarm.Why == "seen" && (!e.Alarm.Latching || e.Alarm.Acknowledged == nil || e.Alarm.Condition != alarm.Ended),
				e.Alarm.Why == "withdrawn" && (len(x.in.Findings) == 0 || x.in.Findings[0].Stand != vital.Withdrawn),
				e.Alarm.Why == "discharged" && !x.in.Leave:
				return e.Alarm.Rule + " closed: " + e.Alarm.Why
			}
		}
		return ""
	}},
	{"what is not silenced waits for somebody no longer than its priority allows", func(x transition) string {
		for i := range x.after.Alarms {
			a := &x.after.Alarms[i]
			wait := x.in.Policy.Escalate[a.Priority]
			if a.Owner != nil && !a.Owner.Accepted && wait == 0 {
				wait = x.in.Policy.Escalate[vital.Medium]
			}
			switch {
			case telling(a) && wait > 0 && (a.Due <= x.in.Now || a.Due > x.in.Now+vital.Instant(wait)):
				return fmt.Sprintf("%s: due %d at %d", a.Rule, a.Due, x.in.Now)
			case (!telling(a) || wait == 0) && a.Due != 0:
				return a.Rule + " escalates though it is silenced"
			case a.Level < 0 || a.Level >= x.in.Policy.Levels:
				return fmt.Sprintf("%s: level %d", a.Rule, a.Level)
			}
		}
		return ""
	}},
	{"every silence has somebody who made it and an end", func(x transition) string {
		most := map[alarm.Sound]int64{alarm.Paused: x.in.Policy.PauseMost, alarm.Snoozed: x.in.Policy.SnoozeMost, alarm.Off: x.in.Policy.OffMost}
		for _, a := range x.after.Alarms {
			switch a.Sound {
			case alarm.On, alarm.Acknowledged:
				if a.Silenced != nil || a.SoundUntil != 0 || (a.Sound == alarm.Acknowledged) != (a.Acknowledged != nil) {
					return a.Rule + ": " + string(a.Sound)
				}
			case alarm.Paused, alarm.Snoozed, alarm.Off:
				if a.Silenced == nil || a.Silenced.By == "" || a.SoundUntil <= x.in.Now || a.SoundUntil > x.in.Now+vital.Instant(most[a.Sound]) {
					return fmt.Sprintf("%s: %s until %d at %d", a.Rule, a.Sound, a.SoundUntil, x.in.Now)
				}
				if a.Sound == alarm.Paused && a.Acknowledged != nil {
					return a.Rule + ": paused though it was acknowledged"
				}
			default:
				return a.Rule + ": " + string(a.Sound)
			}
		}
		for _, o := range x.after.Offs {
			if o.By == "" || o.Why == "" || o.Until <= x.in.Now || o.Until > x.in.Now+vital.Instant(x.in.Policy.OffMost) {
				return "an off without somebody, a reason or an end"
			}
		}
		return ""
	}},
	{"off is off for the alarm and for the condition alike", func(x transition) string {
		for i := range x.after.Alarms {
			a := &x.after.Alarms[i]
			off := false
			for _, o := range x.after.Offs {
				off = off || o.Rule == a.Rule && o.Part == a.Part
			}
			if off != (a.Sound == alarm.Off) {
				return a.Rule
			}
		}
		return ""
	}},
	{"what may never be silenced for long is not", func(x transition) string {
		for _, a := range x.after.Alarms {
			if a.Always && (a.Sound == alarm.Off || a.Sound == alarm.Snoozed) {
				return a.Rule + " is " + string(a.Sound)
			}
			if !a.Spot && a.Sound == alarm.Snoozed {
				return a.Rule + " is measured all the time and snoozed"
			}
		}
		return ""
	}},
	{"nobody is told of what is acknowledged, snoozed or off", func(x transition) string {
		for _, e := range x.effects {
			if e.Tell && (!telling(&e.Alarm) || e.Alarm.Acknowledged != nil || e.Alarm.Closed != 0) {
				return string(e.Kind) + " tells"
			}
		}
		return ""
	}},
	{"whoever must hear of it is told: raised, worse and again tell unless silenced", func(x transition) string {
		for i, e := range x.effects {
			switch e.Kind {
			case alarm.Raised, alarm.Worse:
				if e.Tell != telling(&e.Alarm) {
					return string(e.Kind)
				}
			case alarm.Again:
				worse := i+1 < len(x.effects) && x.effects[i+1].Kind == alarm.Worse
				if e.Tell != (telling(&e.Alarm) && !worse) {
					return string(e.Kind)
				}
			case alarm.Escalated:
				if !e.Tell {
					return string(e.Kind)
				}
			case alarm.Done:
				if e.Tell != (e.Command.Verb == alarm.HandOver) {
					return string(e.Kind)
				}
			default:
				if e.Tell {
					return string(e.Kind)
				}
			}
		}
		return ""
	}},
	{"the telling stops exactly when it was going on and does not go on", func(x transition) string {
		state := map[string]bool{}
		for i := range x.before.Alarms {
			state[x.before.Alarms[i].ID] = telling(&x.before.Alarms[i])
		}
		for _, e := range x.effects {
			if e.Alarm.ID == "" {
				continue
			}
			now := telling(&e.Alarm) && e.Kind != alarm.Closed
			if was := state[e.Alarm.ID]; e.Stop != (was && !now) {
				return fmt.Sprintf("%s: stop %v, was told %v, is told %v", e.Kind, e.Stop, was, now)
			}
			state[e.Alarm.ID] = now
		}
		return ""
	}},
	{"every command is answered, and one that is refused changes nothing", func(x transition) string {
		c, ok := x.asked()
		if !ok {
			return ""
		}
		done, refused := 0, 0
		for _, e := range x.effects {
			if e.Kind == alarm.Done {
				done++
			}
			if e.Kind == alarm.Refused {
				refused++
				if e.Why == "" || e.Tell || e.Stop {
					return "refused without a word"
				}
			}
		}
		if done == 0 && refused != 1 || refused > 0 && done > 0 || x.after.Command != c.ID {
			return fmt.Sprintf("%s: done %d, refused %d", c.Verb, done, refused)
		}
		if refused > 0 && !x.in.Leave {
			idle, _ := alarm.Step(x.before, alarm.Input{Now: x.in.Now, Policy: x.in.Policy})
			if key(idle, x.in.Now) != key(x.after, x.in.Now) {
				return string(c.Verb) + " was refused and changed something"
			}
		}
		return ""
	}},
	{"the same twice does nothing the second time", func(x transition) string {
		again, effects := alarm.Step(x.after, x.in)
		if len(effects) != 0 || key(again, x.in.Now) != key(x.after, x.in.Now) {
			return fmt.Sprintf("%d effects", len(effects))
		}
		return ""
	}},
	{"when the patient has left nothing is left", func(x transition) string {
		if x.in.Leave && (len(x.after.Alarms) > 0 || len(x.after.Offs) > 0 || len(x.after.Heard) > 0) {
			return "something is"
		}
		return ""
	}},
	{"the next due time is when something happens, and nothing happens before", func(x transition) string {
		due := x.after.NextDue()
		if due == 0 {
			return ""
		}
		if _, e := alarm.Step(x.after, alarm.Input{Now: due - 1, Policy: x.in.Policy}); due-1 >= x.in.Now && len(e) != 0 {
			return "too late"
		}
		if _, e := alarm.Step(x.after, alarm.Input{Now: due, Policy: x.in.Policy}); len(e) == 0 {
			return "nothing happened"
		}
		return ""
	}},
}

func raisedIn(x transition, id string) bool {
	for _, e := range x.effects {
		if e.Kind == alarm.Raised && e.Alarm.ID == id {
			return true
		}
	}
	return false
}

// isLate is the definition of late, read off the state before.
func isLate(x transition) bool {
	f, _ := x.finding()
	at, received := min(f.At, x.in.Now), newestReceived(f)
	for _, h := range x.before.Heard {
		switch {
		case h.Rule != f.Rule || h.Part != f.Part:
			continue
		case h.Noted < x.in.Now-3600_000 && of(x.before, h.Rule, h.Part) == nil:
			return false
		case received == 0 || received >= h.Received:
			return false
		}
		a := of(x.before, h.Rule, h.Part)
		worse := a != nil && f.Stand == vital.Present && f.Priority > a.Priority
		return at < h.At || at == h.At && !worse
	}
	return false
}

// key is all of a state that decides what can happen next, with times as
// distances from now.
func key(s alarm.State, now vital.Instant) string {
	b := make([]byte, 0, 128)
	text := func(t string) { b = append(append(b, byte(len(t))), t...) }
	time := func(t vital.Instant) {
		if t == 0 {
			b = append(b, 0)
			return
		}
		b = binary.AppendVarint(b, int64(t-now)*2+1)
	}
	deed := func(d *alarm.Deed) {
		if d == nil {
			b = append(b, 0)
			return
		}
		text(d.By)
	}
	for _, a := range s.Alarms {
		text(a.Rule)
		text(string(a.Condition[0]))
		text(string(a.Sound[:2]))
		flags := byte(a.Priority) | byte(a.Level)<<2
		for i, f := range []bool{a.Latching, a.Always, a.Spot} {
			if f {
				flags |= 16 << i
			}
		}
		b = append(b, flags)
		time(a.SoundUntil)
		time(a.Due)
		deed(a.Acknowledged)
		deed(a.Silenced)
		if a.Silenced != nil && a.Sound == alarm.Snoozed {
			b = append(b, byte(min(1, now-a.Silenced.At))) // is what is measured now measured after it
		}
		if a.Owner != nil {
			text(a.Owner.By)
			if a.Owner.Accepted {
				b = append(b, 1)
			}
		}
		b = append(b, '|')
	}
	for _, o := range s.Offs {
		text(o.Rule)
		time(o.Until)
	}
	b = append(b, '|')
	for _, h := range s.Heard {
		text(h.Rule)
		b = append(b, byte(min(1, now-h.At))) // is what was found one unit ago late
	}
	return string(b)
}

// event is one thing that can happen next.
type event struct {
	name string
	make func(s alarm.State, now vital.Instant) alarm.Input
}

type kind struct {
	rule                              string
	latching, always, spot, technical bool
}

func events(kinds []kind) (list []event) {
	for _, k := range kinds {
		finding := func(stand vital.Stand, p vital.Priority, at vital.Instant) alarm.Input {
			return alarm.Input{Findings: []vital.Finding{{Patient: "p", Rule: k.rule, Priority: p, Latching: k.latching, Always: k.always, Spot: k.spot, Stand: stand, At: at,
				Evidence: []vital.Evidence{{Metric: "m", Value: "1", At: at, Received: at}}}}}
		}
		for _, p := range []vital.Priority{vital.Low, vital.Medium, vital.High} {
			list = append(list, event{k.rule + " " + p.String(), func(_ alarm.State, now vital.Instant) alarm.Input { return finding(vital.Present, p, now) }})
		}
		for _, stand := range []vital.Stand{vital.Absent, vital.Unknown, vital.Withdrawn} {
			list = append(list, event{fmt.Sprintf("%s stand %d", k.rule, stand), func(_ alarm.State, now vital.Instant) alarm.Input { return finding(stand, 0, now) }})
		}
		list = append(list,
			event{k.rule + " late high", func(_ alarm.State, now vital.Instant) alarm.Input { return finding(vital.Present, vital.High, now-1) }},
			event{k.rule + " late absent", func(_ alarm.State, now vital.Instant) alarm.Input { return finding(vital.Absent, 0, now-1) }})
		for _, by := range []string{"anna", "bert"} {
			for _, verb := range []alarm.Verb{alarm.Acknowledge, alarm.Accept, alarm.Decline, alarm.HandOver, alarm.Pause, alarm.Resume, alarm.Snooze, alarm.SwitchOff, alarm.SwitchOn, alarm.Escalate} {
				if by == "bert" && verb != alarm.Accept && verb != alarm.Decline && verb != alarm.Acknowledge {
					continue // who it is makes no difference to the others
				}
				list = append(list, event{fmt.Sprintf("%s %s by %s", k.rule, verb, by), func(s alarm.State, now vital.Instant) alarm.Input {
					c := alarm.Command{ID: s.Command + 1, Patient: "p", Verb: verb, Rule: k.rule, By: by, Why: "why", To: "bert", At: now}
					if verb == alarm.SwitchOff {
						c.Until = now + 2
					}
					return alarm.Input{Commands: []alarm.Command{c}}
				}})
			}
		}
	}
	for _, verb := range []alarm.Verb{alarm.Pause, alarm.Resume} {
		list = append(list, event{"all " + string(verb), func(s alarm.State, now vital.Instant) alarm.Input {
			return alarm.Input{Commands: []alarm.Command{{ID: s.Command + 1, Patient: "p", Verb: verb, By: "anna", At: now}}}
		}})
	}
	return append(list,
		event{"time", func(alarm.State, vital.Instant) alarm.Input { return alarm.Input{} }}, // filled in by explore
		event{"leave", func(alarm.State, vital.Instant) alarm.Input { return alarm.Input{Leave: true} }})
}

// explore walks from the empty state, breadth first, until nothing new is found
// or limit steps were made. It returns the states and steps, how deep it went and
// whether that was all.
func explore(t *testing.T, kinds []kind, limit int) (states, steps, depth int, all bool) {
	type node struct {
		state  alarm.State
		now    vital.Instant
		parent int
		by     string
		depth  int
	}
	list := events(kinds)
	nodes := []node{{state: alarm.State{Patient: "p"}, now: 1000, parent: -1}}
	seen := map[string]struct{}{key(nodes[0].state, nodes[0].now): {}}
	path := func(i int, last string) string {
		words := []string{last}
		for ; nodes[i].parent >= 0; i = nodes[i].parent {
			words = append(words, nodes[i].by)
		}
		for a, b := 0, len(words)-1; a < b; a, b = a+1, b-1 {
			words[a], words[b] = words[b], words[a]
		}
		return strings.Join(words, ", ")
	}
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		if steps+len(list) > limit {
			return len(seen), steps, n.depth - 1, false
		}
		for _, e := range list {
			now := n.now
			if e.name == "time" {
				now++
			}
			in := e.make(n.state, now)
			in.Now, in.Policy = now, small
			before := key(n.state, now)
			after, effects := alarm.Step(n.state, in)
			steps++
			x := transition{before: n.state, after: after, in: in, effects: effects}
			for _, v := range invariants {
				if problem := v.check(x); problem != "" {
					t.Fatalf("%s: %s\nafter: %s\nstate %+v\neffects %+v", v.name, problem, path(i, e.name), after, effects)
				}
			}
			if key(n.state, now) != before {
				t.Fatalf("the step changed the state it was given\nafter: %s", path(i, e.name))
			}
			k := key(after, now)
			if _, old := seen[k]; old {
				continue
			}
			seen[k] = struct{}{}
			nodes = append(nodes, node{state: after, now: now, parent: i, by: e.name, depth: n.depth + 1})
		}
	}
	return len(seen), steps, nodes[len(nodes)-1].depth, true
}

// TestEveryStateOfOneCondition goes through the whole space of one condition of
// each kind, and so far into that of two together as time allows.
func TestEveryStateOfOneCondition(t *testing.T) {
	for _, c := range []struct {
		name  string
		kinds []kind
	}{
		{"plain", []kind{{rule: "a"}}},
		{"latching", []kind{{rule: "a", latching: true}}},
		{"spot", []kind{{rule: "a", spot: true}}},
		{"latching and spot", []kind{{rule: "a", latching: true, spot: true}}},
		{"always", []kind{{rule: "a", always: true, spot: true}}},
		{"always and latching", []kind{{rule: "a", always: true, latching: true}}},
		{"a rule whose text is changed", []kind{{rule: "a", spot: true}, {rule: "a", latching: true, always: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			states, steps, depth, all := explore(t, c.kinds, 5_000_000)
			if !all {
				t.Fatalf("gave up after %d states and %d steps, %d deep: the bounds are too wide", states, steps, depth)
			}
			if states < 100 {
				t.Fatalf("only %d states: the walk did not get anywhere", states)
			}
			t.Logf("all %d states, %d steps, %d deep", states, steps, depth)
		})
	}
}

func TestEveryStateOfTwoConditions(t *testing.T) {
	limit := 120_000
	if testing.Short() {
		limit = 40_000
	}
	for _, kinds := range [][]kind{
		{{rule: "a"}, {rule: "b", latching: true}},
		{{rule: "a", spot: true}, {rule: "b", always: true, latching: true}},
	} {
		states, steps, depth, _ := explore(t, kinds, limit)
		if depth < 2 {
			t.Errorf("only %d deep", depth)
		}
		t.Logf("%d states, %d steps: everything that can happen in %d steps", states, steps, depth)
	}
}
