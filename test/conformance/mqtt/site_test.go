// Package mqtt_test lets clients that others wrote talk to Vigil's MQTT door: the
// Mosquitto tools, both Paho libraries for Go and MQTT.js, each with every QoS, in
// both directions, and over a restart of the server.
package mqtt_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/vital"
)

// site is a server with one device, "monitor-1", and one program, "lab". The
// password of both is "secret".
type site struct {
	t       testing.TB
	address string
	memory  *mqttd.Memory
	journal *journal
	server  *mqttd.Server
	stop    func()
}

type gate struct{}

func (gate) Login(_ context.Context, l mqttd.Login) (auth.Principal, error) {
	if string(l.Password) != "secret" {
		return auth.Principal{}, vital.Errorf(vital.Unauthenticated, "wrong password")
	}
	class := auth.Device
	if l.Username == "lab" {
		class = auth.Integration
	}
	return auth.Principal{Class: class, Site: "main", ID: l.Username, AllWards: true, Credential: "c-1"}, nil
}

func (gate) Allow(_ context.Context, p auth.Principal, a auth.Action, s auth.Subject) error {
	return auth.AllowTopic(p, a, s.ID)
}

// journal accepts after a moment, from another goroutine, in order.
type journal struct {
	mu     sync.Mutex
	bodies []string
	queue  chan func()
}

func newJournal(t testing.TB) *journal {
	j := &journal{queue: make(chan func(), 10_000)}
	t.Cleanup(func() { close(j.queue) })
	go func() {
		for done := range j.queue {
			done()
		}
	}()
	return j
}

func (j *journal) Accept(_ context.Context, p ingest.Packet, done func(ingest.Receipt, error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.bodies = append(j.bodies, string(p.Body))
	j.queue <- func() { done(ingest.Receipt{}, nil) }
	return nil
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.bodies)
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, memory: new(mqttd.Memory), journal: newJournal(t), address: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *site) start() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = l.Addr().String()
	s.server = mqttd.New(mqttd.Options{Gate: gate{}, Door: s.journal, Sessions: s.memory})
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- s.server.Serve(ctx, l) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-over; err != nil {
			s.t.Errorf("Serve: %v", err)
		}
	})
}

func (s *site) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

func (s *site) port() string {
	_, port, _ := net.SplitHostPort(s.address)
	return port
}

func (s *site) until(what string, so func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if so() {
			return
		}
	}
	s.t.Fatalf("waited 20 s in vain: %s", what)
}

// publish is Vigil's own message to a topic of the device.
func (s *site) publish(topic string, body string, qos byte) {
	s.t.Helper()
	if err := s.server.Publish(s.t.Context(), topic, []byte(body), qos, false, nil); err != nil {
		s.t.Fatal(err)
	}
}

func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	return all
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
