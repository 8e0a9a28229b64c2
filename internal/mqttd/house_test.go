package mqttd_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/mqttc"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// gate knows its principals by user name; the password is the user name reversed.
type gate struct {
	mu    sync.Mutex
	known map[string]auth.Principal
}

func reversed(s string) []byte {
	b := []byte(s)
	slices.Reverse(b)
	return b
}

func newGate(extra ...auth.Principal) *gate {
	g := &gate{known: make(map[string]auth.Principal)}
	for _, p := range append([]auth.Principal{
		{Class: auth.Device, ID: "monitor-1", Credential: "c-1"},
		{Class: auth.Device, ID: "monitor-2", Credential: "c-2"},
		{Class: auth.Gateway, ID: "gateway-1", Credential: "c-3", Namespaces: []string{"v1/ward3-"}},
		{Class: auth.Integration, ID: "lab", Credential: "c-4", AllWards: true},
		{Class: auth.Integration, ID: "narrow", Credential: "c-5", Wards: []vital.WardID{"w-1"}},
	}, extra...) {
		p.Site = "main"
		g.known[p.ID] = p
	}
	return g
}

func (g *gate) Login(_ context.Context, l mqttd.Login) (auth.Principal, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.Certificate != nil {
		if p, ok := g.known[l.Certificate.Subject.CommonName]; ok {
			return p, nil
		}
	}
	p, ok := g.known[l.Username]
	if !ok || string(l.Password) != string(reversed(l.Username)) {
		return p, vital.Errorf(vital.Unauthenticated, "wrong user name or password")
	}
	return p, nil
}

func (g *gate) Allow(_ context.Context, p auth.Principal, a auth.Action, s auth.Subject) error {
	return auth.AllowTopic(p, a, s.ID)
}

// door keeps packets in memory. Its journal is a goroutine that answers all that
// have come since it last looked, as the real one does.
type door struct {
	delay time.Duration

	mu      sync.Mutex
	packets []ingest.Packet
	pending []func()
	held    bool
	fault   error // of Accept
	late    error // given to done
	wake    chan struct{}
}

func newDoor(t testing.TB) *door {
	d := &door{wake: make(chan struct{}, 1)}
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-d.wake:
			case <-stop:
				return
			}
			if d.delay > 0 {
				time.Sleep(d.delay)
			}
			d.mu.Lock()
			var ready []func()
			if !d.held {
				ready, d.pending = d.pending, nil
			}
			d.mu.Unlock()
			for _, f := range ready {
				f()
			}
		}
	}()
	return d
}

func (d *door) Accept(_ context.Context, p ingest.Packet, done func(ingest.Receipt, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault != nil {
		return d.fault
	}
	late := d.late
	if late == nil {
		d.packets = append(d.packets, p)
	}
	d.pending = append(d.pending, func() { done(ingest.Receipt{}, late) })
	d.poke()
	return nil
}

func (d *door) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *door) hold(on bool) {
	d.mu.Lock()
	d.held = on
	d.mu.Unlock()
	d.poke()
}

func (d *door) fail(accept, late error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.late = accept, late
}

func (d *door) bodies() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, p := range d.packets {
		all = append(all, string(p.Body))
	}
	return all
}

func (d *door) all() []ingest.Packet {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.packets)
}

// house is a running server.
type house struct {
	t       testing.TB
	server  *mqttd.Server
	address string
	stop    func()
	log     *strings.Builder
}

// syncWriter lets the server's goroutines and the test share a log.
type syncWriter struct {
	mu sync.Mutex
	b  *strings.Builder
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func open(t testing.TB, o mqttd.Options) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return openOn(t, o, l)
}

func openOn(t testing.TB, o mqttd.Options, l net.Listener) *house {
	t.Helper()
	h := &house{t: t, log: new(strings.Builder), address: l.Addr().String()}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(&syncWriter{b: h.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	h.server = mqttd.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- h.server.Serve(ctx, l) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-over:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("Serve did not end within 15 s")
		}
	})
	t.Cleanup(func() {
		h.stop()
		if t.Failed() {
			t.Logf("server log:\n%s", h.log)
		}
	})
	return h
}

// as returns the options of a client that the gate knows.
func (h *house) as(id string, level mqtt.Level) mqttc.Options {
	return mqttc.Options{Address: h.address, ClientID: id, Username: id, Password: reversed(id), Level: level, Clean: true}
}

func (h *house) dial(o mqttc.Options) *mqttc.Client {
	h.t.Helper()
	c, err := mqttc.Dial(within(h.t, 5*time.Second), o)
	if err != nil {
		h.t.Fatalf("dial: %v", err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until what is asked for is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("waited 5 s in vain: %s", what)
}

// inbox collects what a subscriber gets.
type inbox struct {
	mu  sync.Mutex
	got []string
}

func (i *inbox) take(topic string, payload []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, topic+"="+string(payload))
}

func (i *inbox) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got)
}

func (i *inbox) wants(t testing.TB, want ...string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && len(i.all()) < len(want); time.Sleep(2 * time.Millisecond) {
	}
	if got := i.all(); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func (h *house) refuses(o mqttc.Options, kind vital.Kind) {
	h.t.Helper()
	c, err := mqttc.Dial(within(h.t, 5*time.Second), o)
	if err == nil {
		c.Close()
		h.t.Fatalf("%q as %q was let in", o.Username, o.ClientID)
	}
	if vital.KindOf(err) != kind {
		h.t.Fatalf("%q as %q: %v (%v), want %v", o.Username, o.ClientID, err, vital.KindOf(err), kind)
	}
}

// dialWith connects a client that has a session with a subscription already.
func dialWith(h *house, o mqttc.Options, filter string, handler func(string, []byte)) *mqttc.Client {
	h.t.Helper()
	o.Handlers = map[string]func(string, []byte){filter: handler}
	return h.dial(o)
}
