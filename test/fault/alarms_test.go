package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
)

// TestAlarms kills the real program twice while patients become ill; the power is
// cut by make fault-alarms.
func TestAlarms(t *testing.T) {
	if os.Getenv("VIGIL_FAULT") == "" {
		need.Missing(t, "faults are struck when VIGIL_FAULT=1 (make verify)")
	}
	program := filepath.Join(t.TempDir(), "vigil")
	build := exec.Command("go", "build", "-o", program, "./cmd/vigil")
	build.Dir = need.Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v: %s", err, out)
	}
	r := rig{
		dir: t.TempDir(), program: []string{program}, chance: rand.New(rand.NewPCG(2, 1)), self: os.Args[0], patience: 20 * time.Second,
	}
	result, err := r.runAlarms(t.Context(), 2, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(result)
	t.Logf("%s", text)
	if result.Episodes < 10 || result.Alarms < 10 || result.Messages < 10 || result.Kills != 2 || result.Acknowledged < 200 {
		t.Error("the load did nothing")
	}
	if !result.kept() {
		t.Errorf("a promise was broken:\n  %s", strings.Join(result.wrong, "\n  "))
	}
}

// good is a run in which nothing went wrong: one long episode of the heart and
// one that is too short of the oxygen, one alarm, one page, one delivery, and one
// message that came twice around a kill.
func good() *evidence {
	at := func(ms int) time.Time { return vital.Instant(1_000_000 + ms).Time() }
	b := &bedside{device: "d", patient: "p"}
	for i := range 12 {
		m := measured{at: vital.Instant(1_000_000 + 500*i), sent: true, acknowledged: at(500*i + 10)}
		switch {
		case i >= 2 && i < 6:
			m.episode[fastHeart] = 1
		case i == 8:
			m.episode[lowOxygen] = 1
		}
		b.samples = append(b.samples, m)
	}
	return &evidence{
		beds:       []*bedside{b},
		alarms:     []raised{{ID: "a", Patient: "p", Rule: "fault-heart", Text: "HR 150.01 /min", Since: 1_001_000}},
		pages:      []paged{{id: "a.raised.1", alarm: "a", kind: "raised", settled: 1_003_100, closed: 1_003_000}},
		deliveries: []delivered{{"k", "a.raised.1", "u", "c", "handed-over"}},
		deeds:      map[string]int{"a": 1},
		messages: []handed{
			{to: "n", key: "k", page: "a.raised.1", alarm: "a", kind: "raised", arrived: at(1100), answered: at(1150), taken: true},
			{to: "n", key: "k", page: "a.raised.1", alarm: "a", kind: "raised", arrived: at(2500), answered: at(2550), taken: true},
		},
		struck: []struck{{from: at(1200), until: at(1210)}},
	}
}

// TestAlarmsJudge breaks each promise, and each is seen to be broken.
func TestAlarmsJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*evidence)
		want   func(*alarmsResult)
	}{
		{"kept", func(*evidence) {}, func(*alarmsResult) {}},
		{"no alarm", func(e *evidence) { e.alarms = nil; e.deeds = nil }, func(r *alarmsResult) { r.Alarms, r.Pages, r.Missed = 0, 0, 1 }},
		{"nothing of it acknowledged, no alarm", func(e *evidence) {
			e.alarms, e.deeds = nil, nil
			for i := 2; i < 6; i++ {
				e.beds[0].samples[i].acknowledged = time.Time{}
			}
		}, func(r *alarmsResult) { r.Alarms, r.Pages, r.Episodes, r.Limbo, r.Acknowledged = 0, 0, 0, 1, 8 }},
		{"two alarms", func(e *evidence) {
			e.alarms = append(e.alarms, raised{ID: "b", Patient: "p", Rule: "fault-heart", Text: "HR 150.01 /min", Since: 1_001_000})
			e.deeds["b"] = 1
			e.pages = append(e.pages, paged{id: "b.raised.1", alarm: "b", kind: "raised", settled: 2, closed: 1})
		}, func(r *alarmsResult) { r.Alarms, r.Pages, r.Over, r.Duplicates = 2, 2, 1, 1 }},
		{"raised twice", func(e *evidence) { e.deeds["a"] = 2 }, func(r *alarmsResult) { r.Duplicates = 1 }},
		{"an alarm of what was too short", func(e *evidence) {
			e.alarms = append(e.alarms, raised{ID: "b", Patient: "p", Rule: "fault-oxygen", Text: "SpO2 50.01 %", Since: 1_004_000})
			e.deeds["b"] = 1
			e.pages = append(e.pages, paged{id: "b.raised.1", alarm: "b", kind: "raised", settled: 2, closed: 1})
		}, func(r *alarmsResult) { r.Alarms, r.Pages, r.Over, r.Unfounded = 2, 2, 1, 1 }},
		{"an alarm of nothing", func(e *evidence) { e.alarms[0].Text = "HR 150.07 /min" }, func(r *alarmsResult) { r.Missed, r.Unfounded = 1, 1 }},
		{"an alarm at another time", func(e *evidence) { e.alarms[0].Since = 1_005_000 }, func(r *alarmsResult) { r.Unfounded = 1 }},
		{"no page", func(e *evidence) { e.pages = nil; e.messages = nil; e.deliveries = nil }, func(r *alarmsResult) {
			r.Pages, r.Deliveries, r.Messages, r.AfterFault, r.Unnoted, r.Unpaged = 0, 0, 0, 0, 0, 1
		}},
		{"two pages", func(e *evidence) {
			e.pages = append(e.pages, paged{id: "a.raised.2", alarm: "a", kind: "raised", settled: 1_003_100, closed: 1_003_000})
		}, func(r *alarmsResult) { r.Pages, r.Over, r.DuplicatePages = 2, 1, 1 }},
		{"no delivery", func(e *evidence) { e.deliveries = nil; e.pages[0].settled = 0 }, func(r *alarmsResult) { r.Deliveries, r.Undelivered = 0, 1 }},
		{"two deliveries of one page", func(e *evidence) {
			e.deliveries = append(e.deliveries, delivered{"l", "a.raised.1", "v", "c", "failed"})
		},
			func(r *alarmsResult) { r.Deliveries, r.DuplicateDeliveries = 2, 1 }},
		{"on its way for ever", func(e *evidence) { e.deliveries[0].state = "queued" }, func(r *alarmsResult) { r.Unsettled = 1 }},
		{"another key", func(e *evidence) { e.messages[1].key = "other" }, func(r *alarmsResult) { r.AfterFault, r.Unnoted, r.SeveralKeys = 0, 0, 1 }},
		{"repeated without a fault", func(e *evidence) { e.struck = nil }, func(r *alarmsResult) { r.AfterFault, r.Unnoted, r.Repeated = 0, 0, 1 }},
		{"repeated after it should have been noted", func(e *evidence) {
			e.struck[0].from, e.struck[0].until = e.struck[0].from.Add(10*time.Second), e.struck[0].until.Add(10*time.Second)
			e.messages[1].arrived = e.messages[1].arrived.Add(20 * time.Second)
		}, func(r *alarmsResult) { r.AfterFault, r.Unnoted, r.Repeated = 0, 0, 1 }},
		{"repeated after a refusal", func(e *evidence) { e.struck = nil; e.messages[0].taken = false },
			func(r *alarmsResult) { r.AfterFault, r.Unnoted, r.AfterRefusal = 0, 0, 1 }},
		{"a message of nothing", func(e *evidence) { e.messages[1].page = "x" }, func(r *alarmsResult) { r.Strangers = 1 }},
		{"handed over to nobody", func(e *evidence) { e.messages = nil }, func(r *alarmsResult) { r.Messages, r.AfterFault, r.Unnoted, r.NeverReceived = 0, 0, 0, 1 }},
		{"from a server without power", func(e *evidence) {
			e.struck = append(e.struck, struck{from: e.messages[1].arrived.Add(-1), until: e.messages[1].answered, cut: true})
		}, func(r *alarmsResult) { r.Messages, r.Ghosts, r.AfterFault, r.Unnoted = 1, 1, 0, 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := good()
			c.change(e)
			want := alarmsResult{
				Samples: 12, Acknowledged: 12, Episodes: 1, Short: 1, Alarms: 1, Pages: 1, Deliveries: 1, Messages: 2, AfterFault: 1, Unnoted: 50,
			}
			c.want(&want)
			var got alarmsResult
			e.judge(&got)
			if broken := len(got.wrong) > 0; broken == got.kept() {
				t.Errorf("kept: %v, but wrong: %q", got.kept(), got.wrong)
			}
			got.wrong = nil
			is, _ := json.Marshal(got)
			should, _ := json.Marshal(want)
			if string(is) != string(should) {
				t.Errorf("found\n%s, want\n%s", is, should)
			}
		})
	}
}

// TestAlarmsJoined: two episodes are one alarm when nothing of the calm between
// them was acknowledged, and only then.
func TestAlarmsJoined(t *testing.T) {
	for _, forgotten := range []bool{true, false} {
		e := good()
		b := e.beds[0]
		for i := 9; i < 12; i++ {
			b.samples[i].episode[fastHeart] = 2
		}
		for i := 6; forgotten && i < 9; i++ {
			b.samples[i].acknowledged = time.Time{}
		}
		e.alarms[0].Text = "HR 150.02 /min"
		var got alarmsResult
		e.judge(&got)
		if forgotten != got.kept() || forgotten != (got.Joined == 1) {
			t.Errorf("calm forgotten: %v: %+v", forgotten, got)
		}
	}
}
