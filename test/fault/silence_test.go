package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// bodily are the faults of one bed. Each puts its bed into trouble, lasts, and
// takes it out again; it says what the ledger must say of it.
var bodily = []struct {
	class   string
	kind    watch.CauseKind
	metrics []string
	gateway bool // only of a device that a gateway carries
	own     bool // only of one with its own connection
	begin   func(b *bed)
	end     func(b *bed)
}{
	{class: "device/stops", kind: watch.ByDevice, begin: func(b *bed) { b.set(func(m *mode) { m.silent = true }) }},
	{class: "device/signs-off", kind: watch.ByDevice, own: true, begin: func(b *bed) {
		b.set(func(m *mode) { m.silent = true })
		b.link(false, true)
	}, end: func(b *bed) { b.link(true, false) }},
	{class: "device/power-off", kind: watch.ByDevice, begin: func(b *bed) {
		b.set(func(m *mode) { m.silent = true })
		b.event("power-off")
	}},
	{class: "device/lead-off", kind: watch.BySensor, begin: func(b *bed) { b.set(func(m *mode) { m.quality = "sensor-off" }) }},
	{class: "device/one-stream", kind: watch.BySensor, metrics: []string{"spo2"}, begin: func(b *bed) { b.set(func(m *mode) { m.without = "spo2" }) }},
	{class: "device/motion", kind: watch.BySensor, begin: func(b *bed) { b.set(func(m *mode) { m.quality = "motion" }) }},
	{class: "device/clock-jump", begin: func(b *bed) {
		jump := time.Duration(b.chance.IntN(7200)-3600) * time.Second
		b.set(func(m *mode) { m.clock += jump })
	}},
	{class: "device/half-packet", kind: watch.ByDevice, metrics: []string{"spo2"}, begin: func(b *bed) { b.set(func(m *mode) { m.spoilt = "spo2" }) }},
	{class: "device/bad-payload", kind: watch.ByDevice, begin: func(b *bed) { b.set(func(m *mode) { m.garbage = true }) }},
	{class: "network/cut", kind: watch.ByNetwork, own: true, begin: func(b *bed) {
		b.set(func(m *mode) { m.keeping = true })
		time.Sleep(time.Duration(b.chance.IntN(45)) * time.Second) // until the keep-alive is over
		b.link(false, false)
	}, end: func(b *bed) { b.link(true, false) }},
	{class: "network/backlog", kind: watch.ByNetwork, own: true, begin: func(b *bed) { // what was kept comes slowly
		b.set(func(m *mode) { m.keeping = true })
		b.link(false, false)
		time.Sleep(60 * time.Second)
		b.link(true, false)
		b.set(func(m *mode) { m.keeping, m.most = false, 3 })
		time.Sleep(25 * time.Second)
	}},
	{class: "network/delay", begin: func(b *bed) { // short stalls: what was kept comes at once
		for range 5 {
			b.set(func(m *mode) { m.keeping = true })
			time.Sleep(time.Duration(b.chance.IntN(7)) * time.Second)
			b.set(func(m *mode) { m.keeping = false })
			time.Sleep(3 * time.Second)
		}
	}},
	{class: "network/reset", own: true, begin: func(b *bed) {
		b.link(false, false)
		time.Sleep(time.Duration(500+b.chance.IntN(2000)) * time.Millisecond)
		b.link(true, false)
	}},
	{class: "range/said-by-gateway", kind: watch.ByRange, gateway: true, begin: func(b *bed) {
		b.set(func(m *mode) { m.silent = true })
		time.Sleep(time.Duration(b.chance.IntN(15)) * time.Second)
		b.event("out-of-range")
	}},
	{class: "range/signal-fades", kind: watch.ByRange, begin: func(b *bed) {
		b.set(func(m *mode) { m.strength, m.fading = -98, 4 })
		time.Sleep(14 * time.Second)
		b.set(func(m *mode) { m.silent = true })
	}},
	{class: "rule/broken", kind: watch.ByRule, begin: func(b *bed) { b.set(func(m *mode) { m.perfused = "0" }) }},
	{class: "plan/standby", kind: watch.ByStandby, begin: func(b *bed) {
		w := b.world
		_, err := w.db.SetStandby(w.t.Context(), entry("standby"), store.Standby{Patient: b.patient, Reason: "CT", By: "fault", From: now(), Until: now() + 3600_000})
		w.must(err)
		w.must(w.flow.Changed(w.t.Context()))
		b.set(func(m *mode) { m.silent = true })
	}, end: func(b *bed) {
		w := b.world
		w.must(w.db.EndStandby(w.t.Context(), entry("standby"), b.patient, now()))
		w.must(w.flow.Changed(w.t.Context()))
	}},
	{class: "plan/unbound", kind: watch.ByUnbound, begin: func(b *bed) {
		b.set(func(m *mode) { m.unbound = true })
		b.unbind()
	}, end: func(b *bed) {
		b.bind()
		b.set(func(m *mode) { m.unbound = false })
	}},
}

// ofAll are the faults of the server, its disk and its network.
var ofAll = []struct {
	class  string
	kind   watch.CauseKind
	ours   bool
	strike func(w *world)
}{
	{"server/kill", watch.ByServer, true, func(w *world) { w.kill(time.Duration(15+w.chance.IntN(60)) * time.Second) }},
	{"server/restart", "", true, func(w *world) { w.kill(time.Duration(1+w.chance.IntN(3)) * time.Second) }},
	{"server/stopped", watch.ByServer, true, func(w *world) { w.freeze(time.Duration(14+w.chance.IntN(27)) * time.Second) }},
	{"server/stopped-briefly", "", true, func(w *world) { w.freeze(time.Duration(3+w.chance.IntN(4)) * time.Second) }},
	{"disk/stands-still", watch.ByServer, true, func(w *world) { w.stall(time.Duration(26+w.chance.IntN(14)) * time.Second) }},
	{"disk/slow", "", true, func(w *world) {
		w.log.set(func(g *gate) { g.delay = time.Duration(300+w.chance.IntN(700)) * time.Millisecond })
		time.Sleep(40 * time.Second)
		w.log.set(func(g *gate) { g.delay = 0 })
	}},
	{"disk/full", watch.ByServer, true, func(w *world) {
		w.log.set(func(g *gate) { g.full = true })
		time.Sleep(time.Second)
		w.kill(time.Duration(15+w.chance.IntN(30)) * time.Second)
	}},
	{"notifier/dead", "", false, func(w *world) { w.notifier(20 * time.Second) }},
}

// freeze stops the process as SIGSTOP does: it takes nothing and does nothing.
func (w *world) freeze(long time.Duration) {
	w.mu.Lock()
	w.frozen = true
	w.mu.Unlock()
	w.stall(long)
	w.mu.Lock()
	w.frozen = false
	w.mu.Unlock()
}

// stall lets the disk stand still while everything else goes on.
func (w *world) stall(long time.Duration) {
	shut := make(chan struct{})
	w.log.set(func(g *gate) { g.shut = shut })
	time.Sleep(long)
	w.log.set(func(g *gate) { g.shut = nil })
	close(shut)
}

func (w *world) record(x blow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blows = append(w.blows, x)
	w.result.of(x.Class).Faults++
}

// strikeBed strikes one fault at one bed.
func (w *world) strikeBed(b *bed, turn int) {
	var able []int
	for i, f := range bodily {
		if f.gateway && b.gateway == "" || f.own && b.gateway != "" {
			continue
		}
		able = append(able, i)
	}
	f := bodily[able[turn%len(able)]]
	x := blow{Class: f.class, Kind: f.kind, Metrics: f.metrics, Patients: []vital.PatientID{b.patient}, From: b.suffer(f.class)}
	if x.Metrics == nil {
		x.Metrics = streams
	}
	f.begin(b)
	time.Sleep(time.Duration(26_000+b.chance.IntN(50_000)) * time.Millisecond)
	b.heal()
	if f.end != nil {
		f.end(b)
	}
	x.To = now()
	w.record(x)
}

// strikeGateway takes the gateway away, with what it carries.
func (w *world) strikeGateway() {
	x := blow{Class: "gateway/gone", Kind: watch.ByGateway, Metrics: streams}
	for _, b := range w.beds {
		if b.gateway != "" {
			x.Patients = append(x.Patients, b.patient)
			x.From = b.suffer(x.Class)
			b.set(func(m *mode) { m.keeping = true })
		}
	}
	time.Sleep(time.Duration(w.chance.IntN(35)) * time.Second)
	passage := flow.Passage{Gateway: "gw", Credential: "c-gw", At: now(), Why: "test"}
	w.must(w.flow.Link(w.t.Context(), passage))
	time.Sleep(time.Duration(26+w.chance.IntN(40)) * time.Second)
	passage.Up, passage.At = true, now()
	w.must(w.flow.Link(w.t.Context(), passage))
	for _, b := range w.beds {
		if b.gateway != "" {
			b.heal()
		}
	}
	x.To = now()
	w.record(x)
}

// strikeAll strikes one fault at everybody.
func (w *world) strikeAll(turn int) {
	f := ofAll[turn%len(ofAll)]
	x := blow{Class: f.class, Kind: f.kind, Metrics: streams, Ours: f.ours}
	for _, b := range w.beds {
		x.Patients = append(x.Patients, b.patient)
		x.From = b.suffer(f.class)
	}
	f.strike(w)
	x.To = now()
	for _, b := range w.beds {
		b.heal()
	}
	w.record(x)
}

const calm = 75 * time.Second // between faults, so that each stands alone

// silenceWorld strikes faults in one world: slots times one at each bed, and
// after each slot two at everybody, and now and then one at the gateway.
func silenceWorld(t *testing.T, seed uint64, beds, slots int, r *silenceResult, spoil *mutation, gapsOf func([]watch.Gap) []watch.Gap) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, beds, r)
		w.sim = spoil
		time.Sleep(calm)
		for slot := range slots {
			var struck sync.WaitGroup
			for i, b := range w.beds {
				struck.Go(func() { w.strikeBed(b, int(seed)*slots*beds+slot*beds+i) })
			}
			struck.Wait()
			time.Sleep(calm)
			for i := range 2 {
				w.strikeAll(2*(int(seed)*slots+slot) + i)
				time.Sleep(calm)
			}
			if slot%3 == 0 {
				w.strikeGateway()
				time.Sleep(calm)
			}
		}
		r.SecondsSimulated += int(now()-w.beds[0].truth.begun) / 1000
		w.close(gapsOf)
		r.Worlds++
	})
}

func (r *silenceResult) print(t *testing.T) {
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(body))
}

// TestSilence strikes every kind of fault, in accelerated time, and holds what
// the screens showed and what the ledger says against the truth. VIGIL_SILENCE
// says how many faults (make silence: 1,000).
func TestSilence(t *testing.T) {
	faults := 130
	if text := os.Getenv("VIGIL_SILENCE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		faults = n
	}
	began := time.Now()
	r := newSilenceResult(1)
	total := func() (n int) {
		for _, k := range r.Classes {
			n += k.Faults
		}
		return n
	}
	for seed := uint64(0); total() < faults; seed++ {
		silenceWorld(t, seed, 9, 4, r, nil, nil)
	}
	r.finish(began)
	r.print(t)
	for _, line := range r.wrong() {
		t.Error(line)
	}
	for class, k := range r.Classes {
		for _, n := range k.notes {
			t.Logf("%s: %s", class, n)
		}
	}
	if want := r.of("notifier/dead").Faults; r.Notifier != want {
		t.Errorf("%d of %d dead notifiers are an alarm", r.Notifier, want)
	}
}

// TestSilenceIsMeasured spoils what the screens are told and what the ledger
// holds: each must be noticed.
func TestSilenceIsMeasured(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  *mutation
		gapsOf func([]watch.Gap) []watch.Gap
		found  func(*silenceResult) bool
	}{
		{"a board that forgets to age", &mutation{func(v watch.Watch) watch.Watch {
			v.State, v.Streams = watch.Watched, nil
			return v
		}}, nil, func(r *silenceResult) bool { return r.FalseWatch > 0 }},
		{"nobody is ever watched", &mutation{func(v watch.Watch) watch.Watch { v.State = watch.NotWatched; return v }}, nil,
			func(r *silenceResult) bool { return r.FalseAlarm*2 > r.Healthy }},
		{"a ledger that is late", nil, func(gaps []watch.Gap) []watch.Gap {
			for i := range gaps {
				gaps[i].From += 6_000
			}
			return gaps
		}, func(r *silenceResult) bool { return r.EdgeBad > 0 }},
		{"a ledger that always blames the device", nil, func(gaps []watch.Gap) []watch.Gap {
			for i := range gaps {
				gaps[i].Kind = watch.ByDevice
			}
			return gaps
		}, func(r *silenceResult) bool { return r.CauseShare < 0.95 }},
		{"an empty ledger", nil, func(gaps []watch.Gap) []watch.Gap { return slices.Clip(gaps[:0]) },
			func(r *silenceResult) bool { return r.Missed > 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newSilenceResult(1)
			silenceWorld(t, 0, 9, 1, r, c.spoil, c.gapsOf)
			r.finish(time.Now())
			if !c.found(r) || len(r.wrong()) == 0 {
				t.Errorf("not noticed: %+v", r)
			}
		})
	}
}
