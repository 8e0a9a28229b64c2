package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// bed is a patient with a monitor that something may go wrong with.
type bed struct {
	world      *world
	number     int
	patient    vital.PatientID
	device     vital.DeviceID
	credential vital.CredentialID
	gateway    string
	chance     *rand.Rand

	mu        sync.Mutex
	truth     *truth
	mode      mode
	sequence  uint64
	waiting   []packet // kept by the device until it can send again
	class     string   // of the fault that is on
	recovered vital.Instant
}

func (b *bed) set(change func(*mode)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.mode)
}

// live sends as a device does.
func (b *bed) live() {
	ctx := b.world.t.Context()
	time.Sleep(time.Duration(b.chance.IntN(2000)) * time.Millisecond)
	for ctx.Err() == nil {
		b.beat()
		select {
		case <-time.After(beat):
		case <-ctx.Done():
			return
		}
	}
}

func (b *bed) beat() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.mode.silent {
		b.sequence++
		b.waiting = append(b.waiting, b.mode.measure(b.sequence))
	}
	w := b.world
	w.mu.Lock()
	door, able := w.door, w.alive && !w.frozen
	w.mu.Unlock()
	if b.mode.keeping || !able {
		return
	}
	for sent := 0; len(b.waiting) > 0 && (b.mode.most == 0 || sent < b.mode.most); sent++ {
		p := b.waiting[0]
		unbound := b.mode.unbound
		if !b.send(door, "telemetry", p.body, func() { b.acknowledged(p, unbound) }) {
			return
		}
		b.waiting = b.waiting[1:]
	}
}

// acknowledged notes what is safe with the server: it may know of it from now on.
func (b *bed) acknowledged(p packet, unbound bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := now()
	if int64(at-p.measured) > silenceEvery || unbound {
		return // old: it says nothing of now
	}
	for _, m := range p.usable {
		b.truth.usable(m, at)
	}
}

// send hands one packet to the door; false: it was not taken, or the server died.
func (b *bed) send(door *ingest.Door, kind string, body []byte, done func()) bool {
	ctx, cancel := context.WithTimeout(b.world.t.Context(), time.Minute)
	defer cancel()
	return door.Accept(ctx, ingest.Packet{
		Site: site, Credential: b.credential, Device: b.device, Gateway: b.gateway != "", Door: "mqtt",
		Topic: "v1/" + string(b.device) + "/" + kind, Received: now(), Body: body,
	}, func(_ ingest.Receipt, err error) {
		if err == nil {
			go done() // everybody waits for this call
		}
	}) == nil
}

// event sends an event of the device.
func (b *bed) event(kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sequence++
	b.world.mu.Lock()
	door := b.world.door
	b.world.mu.Unlock()
	b.send(door, "event", fmt.Appendf(nil, `{"seq":%d,"time":%q,"events":[{"kind":%q,"text":"x"}]}`, b.sequence, now().Add(b.mode.clock).String(), kind), func() {})
}

// link says at the door that the device came or went.
func (b *bed) link(up, goodbye bool) {
	b.world.mu.Lock()
	f := b.world.flow
	b.world.mu.Unlock()
	p := flow.Passage{Device: b.device, Credential: b.credential, Up: up, Goodbye: goodbye, Why: "test", At: now()}
	if err := f.Link(b.world.t.Context(), p); err != nil {
		b.world.t.Logf("%s: %v", b.device, err)
	}
}

func (b *bed) bind() {
	w := b.world
	_, err := w.db.Bind(w.t.Context(), entry("device.bind"), store.Binding{Device: b.device, Patient: b.patient, From: now()})
	w.must(err)
	w.must(w.flow.Changed(w.t.Context()))
}

func (b *bed) unbind() {
	w := b.world
	_, err := w.db.Unbind(w.t.Context(), entry("device.unbind"), b.device, now())
	w.must(err)
	w.must(w.flow.Changed(w.t.Context()))
}

// sample holds what is shown now against the truth.
func (b *bed) sample(at vital.Instant, v watch.Watch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	healthy := b.class == "" && at > b.recovered && at-b.truth.begun > 30_000
	for _, m := range streams {
		healthy = healthy && at-b.truth.last(m) <= silenceEvery
	}
	class := b.class
	if class == "" {
		class = "calm"
	}
	if b.world.sim != nil {
		v = b.world.sim.watches(v)
	}
	b.world.result.sample(at, v, b.truth, streams, class, healthy)
}

// suffer marks that a fault is on; the result says since when.
func (b *bed) suffer(class string) vital.Instant {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.class = class
	return now()
}

func (b *bed) heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mode = mode{clock: b.mode.clock}
	b.class, b.recovered = "", now()+30_000
}
