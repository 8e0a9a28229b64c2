package alarm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

func there(rule string, p vital.Priority, at vital.Instant) vital.Finding {
	return vital.Finding{Patient: "p", Rule: rule, Stand: vital.Present, Priority: p, At: at}
}

func TestOpenIsHighestFirstThenOldest(t *testing.T) {
	var s alarm.State
	for i, f := range []vital.Finding{there("low", vital.Low, 1), there("late high", vital.High, 2), there("medium", vital.Medium, 3), there("later high", vital.High, 4)} {
		s, _ = alarm.Step(s, alarm.Input{Now: start + vital.Instant(i), Findings: []vital.Finding{f}})
	}
	var got []string
	for _, a := range s.Open() {
		got = append(got, a.Rule)
	}
	if want := "late high, later high, medium, low"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if s.Alarms[0].Rule != "low" {
		t.Error("Open sorted the state itself")
	}
}

func TestIDs(t *testing.T) {
	seen := map[string]string{}
	for _, c := range []struct {
		patient, rule, part string
		since, raised       vital.Instant
	}{
		{"p-1", "no-data", "spo2", 1, 2}, {"p-1", "no-data", "spo2", 1, 3}, {"p-1", "no-data", "spo2", 2, 2}, {"p-1", "no-data", "", 1, 2},
		{"p-1", "no-dataspo2", "", 1, 2}, {"p-1", "no-datas", "po2", 1, 2}, {"p-1n", "o-data", "spo2", 1, 2}, {"p-2", "no-data", "spo2", 1, 2},
	} {
		id := alarm.ID(vital.PatientID(c.patient), c.rule, c.part, c.since, c.raised)
		if old := seen[id]; old != "" || len(id) != 22 || !strings.HasPrefix(id, "a-") {
			t.Errorf("%+v has the name %s, as has %q", c, id, old)
		}
		seen[id] = c.rule
		if again := alarm.ID(vital.PatientID(c.patient), c.rule, c.part, c.since, c.raised); again != id {
			t.Errorf("%+v is %s and then %s", c, id, again)
		}
	}
}

// A ward that is given another policy keeps nobody waiting by the old one, and an
// input without a policy does not mean that nothing ever escalates.
func TestPolicy(t *testing.T) {
	s, _ := alarm.Step(alarm.State{}, alarm.Input{Now: start, Findings: []vital.Finding{there("a", vital.Medium, start)}})
	if want := start + 180_000; s.Alarms[0].Due != want || s.NextDue() != want {
		t.Errorf("due %v, want %v by default", s.Alarms[0].Due, want)
	}
	for _, c := range []struct {
		name   string
		medium int64
		due    vital.Instant
	}{{"sooner", 60_000, start + 61_000}, {"later, and what was said holds", 600_000, start + 180_000}, {"never", 0, 0}} {
		policy := alarm.DefaultPolicy()
		policy.Escalate[vital.Medium] = c.medium
		after, effects := alarm.Step(s, alarm.Input{Now: start + 1000, Policy: policy})
		if after.Alarms[0].Due != c.due {
			t.Errorf("%s: due %v, want %v", c.name, after.Alarms[0].Due, c.due)
		}
		if (c.due != s.Alarms[0].Due) != (len(effects) == 1) {
			t.Errorf("%s: %d effects", c.name, len(effects))
		}
	}
	policy := alarm.DefaultPolicy()
	policy.Levels = 0
	if after, e := alarm.Step(s, alarm.Input{Now: start + 180_000, Policy: policy}); after.Alarms[0].Level != 0 || len(e) != 1 || !e[0].Tell {
		t.Errorf("a ward with no levels: level %d, %+v, want the nurse told again", after.Alarms[0].Level, e)
	}
}

func TestOtherPatients(t *testing.T) {
	s, _ := alarm.Step(alarm.State{}, alarm.Input{Now: start, Findings: []vital.Finding{there("a", vital.High, start)}})
	other, unnamed := there("b", vital.High, start), there("c", vital.High, start)
	other.Patient, unnamed.Patient = "q", ""
	after, effects := alarm.Step(s, alarm.Input{Now: start, Findings: []vital.Finding{other, unnamed}, Commands: []alarm.Command{
		{ID: 7, Patient: "q", Verb: alarm.Acknowledge, Rule: "a", By: "anna"}}})
	if len(after.Alarms) != 2 || after.Alarms[1].Rule != "c" || after.Alarms[1].Patient != "p" {
		t.Errorf("got %+v, want a and c of p", after.Alarms)
	}
	if len(effects) != 2 || effects[1].Kind != alarm.Refused || after.Alarms[0].Acknowledged != nil {
		t.Errorf("a command of another patient: %+v", effects)
	}
}

// What was heard of conditions without an alarm takes little room, however many
// there are, and what has an alarm is never forgotten.
func TestMemoryIsBounded(t *testing.T) {
	var s alarm.State
	kept := there("kept", vital.High, start)
	kept.Evidence = []vital.Evidence{{Metric: "m", At: start, Received: start}}
	s, _ = alarm.Step(s, alarm.Input{Now: start, Findings: []vital.Finding{kept}})
	for i := range vital.Instant(500) {
		f := there("r", vital.Low, start+i)
		f.Part = strings.Repeat("x", int(i))
		gone := f
		gone.Stand = vital.Absent
		s, _ = alarm.Step(s, alarm.Input{Now: start + i, Findings: []vital.Finding{f, gone}})
	}
	if len(s.Heard) > 65 || len(s.Alarms) != 1 {
		t.Errorf("%d conditions are remembered, %d alarms open", len(s.Heard), len(s.Alarms))
	}
	if !slices.ContainsFunc(s.Heard, func(h alarm.Heard) bool { return h.Rule == "kept" }) {
		t.Error("a condition with an open alarm was forgotten")
	}
}

func BenchmarkRaiseAndEnd(b *testing.B) {
	b.ReportAllocs()
	var s alarm.State
	now := start
	for b.Loop() {
		now += 1000
		f := there("a", vital.High, now)
		s, _ = alarm.Step(s, alarm.Input{Now: now, Findings: []vital.Finding{f}})
		f.Stand = vital.Absent
		s, _ = alarm.Step(s, alarm.Input{Now: now, Findings: []vital.Finding{f}})
	}
}

// A clock that runs ahead does not date what somebody did into the future.
func TestCommandsAreNotOfTheFuture(t *testing.T) {
	s, _ := alarm.Step(alarm.State{}, alarm.Input{Now: start, Findings: []vital.Finding{there("a", vital.High, start)}})
	for at, want := range map[vital.Instant]vital.Instant{start + 5000: start + 1000, start + 500: start + 500, 0: start + 1000} {
		after, _ := alarm.Step(s, alarm.Input{Now: start + 1000, Commands: []alarm.Command{{ID: 1, Patient: "p", Rule: "a", Verb: alarm.Acknowledge, By: "anna", At: at}}})
		if got := after.Alarms[0].Acknowledged.At; got != want {
			t.Errorf("acknowledged at %v, is kept as %v, want %v", at, got, want)
		}
	}
}
