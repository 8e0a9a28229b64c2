package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// pipe is one MQTT connection behind a wire: of a device, or of a gateway for
// several of them.
type pipe struct {
	wire               *wire
	username, password string
	mu                 sync.Mutex
	client             paho.Client
	off                bool // signed off: does not connect again
}

func newPipe(server, username, password string) (*pipe, error) {
	w, err := newWire(server)
	return &pipe{wire: w, username: username, password: password}, err
}

// connected returns a client that is connected, nil when there is none.
func (s *pipe) connected() paho.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return nil
	}
	if s.client != nil && s.client.IsConnectionOpen() {
		return s.client
	}
	o := paho.NewClientOptions().AddBroker("tcp://" + s.wire.listener.Addr().String()).SetClientID(s.username).
		SetUsername(s.username).SetPassword(s.password).SetCleanSession(true).SetAutoReconnect(false).
		SetConnectTimeout(2 * time.Second).SetKeepAlive(5 * time.Second).SetPingTimeout(3 * time.Second)
	c := paho.NewClient(o)
	if t := c.Connect(); !t.WaitTimeout(2*time.Second) || t.Error() != nil {
		return nil
	}
	s.client = c
	return c
}

// publish sends one message and waits for its acknowledgement.
func (s *pipe) publish(ctx context.Context, device, kind string, body []byte) bool {
	c := s.connected()
	if c == nil || ctx.Err() != nil {
		return false
	}
	t := c.Publish("v1/"+device+"/"+kind, 1, false, body)
	select {
	case <-t.Done():
		return t.Error() == nil
	case <-time.After(4 * time.Second):
		return false // sent again later: the server knows it by its sequence
	case <-ctx.Done():
		return false
	}
}

// signOff says goodbye and stays away until signOn.
func (s *pipe) signOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = true
	if s.client != nil {
		s.client.Disconnect(200)
	}
}

func (s *pipe) signOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off, s.client = false, nil
}

// trouble is one kind of fault at one bed of the real ward.
type trouble struct {
	class   string
	kind    watch.CauseKind
	metrics []string
	begin   func(ctx context.Context, p *place)
	end     func(ctx context.Context, p *place)
}

func quiet(_ context.Context, p *place) { p.set(func(m *mode) { m.silent = true }) }

// carried are struck at devices behind the gateway, own at the others.
var (
	carried = []trouble{
		{class: "device/stops", kind: watch.ByDevice, begin: quiet},
		{class: "range/said-by-gateway", kind: watch.ByRange, begin: func(ctx context.Context, p *place) {
			quiet(ctx, p)
			p.event(ctx, "out-of-range")
		}},
		{class: "device/lead-off", kind: watch.BySensor, begin: func(_ context.Context, p *place) { p.set(func(m *mode) { m.quality = "sensor-off" }) }},
		{class: "device/bad-payload", kind: watch.ByDevice, begin: func(_ context.Context, p *place) { p.set(func(m *mode) { m.garbage = true }) }},
	}
	own = []trouble{
		{class: "device/stops", kind: watch.ByDevice, begin: quiet},
		{class: "device/signs-off", kind: watch.ByDevice, begin: func(ctx context.Context, p *place) { quiet(ctx, p); p.sender.signOff() },
			end: func(_ context.Context, p *place) { p.sender.signOn() }},
		{class: "device/one-stream", kind: watch.BySensor, metrics: []string{"spo2"}, begin: func(_ context.Context, p *place) { p.set(func(m *mode) { m.without = "spo2" }) }},
		{class: "device/motion", kind: watch.BySensor, begin: func(_ context.Context, p *place) { p.set(func(m *mode) { m.quality = "motion" }) }},
		{class: "device/half-packet", kind: watch.ByDevice, metrics: []string{"spo2"}, begin: func(_ context.Context, p *place) { p.set(func(m *mode) { m.spoilt = "spo2" }) }},
		{class: "device/clock-jump", begin: func(_ context.Context, p *place) { p.set(func(m *mode) { m.clock += 40 * time.Minute }) }},
		{class: "network/cut", kind: watch.ByNetwork, begin: func(_ context.Context, p *place) { p.sender.wire.cut() },
			end: func(_ context.Context, p *place) { p.sender.wire.mend() }},
		{class: "network/reset", begin: func(_ context.Context, p *place) { p.sender.wire.reset() }},
		{class: "device/power-off", kind: watch.ByDevice, begin: func(ctx context.Context, p *place) { quiet(ctx, p); p.event(ctx, "power-off") }},
		{class: "range/signal-fades", kind: watch.ByRange, begin: func(ctx context.Context, p *place) {
			p.set(func(m *mode) { m.strength, m.fading = -98, 5 })
			sleep(ctx, 12*time.Second)
			quiet(ctx, p)
		}},
		{class: "rule/broken", kind: watch.ByRule, begin: func(_ context.Context, p *place) { p.set(func(m *mode) { m.perfused = "0" }) }},
		{class: "plan/standby", kind: watch.ByStandby, begin: func(ctx context.Context, p *place) {
			p.must(p.ward.call(ctx, "POST", "/patients/"+string(p.patient)+"/standby", object{"reason": "CT", "minutes": 30}, nil))
			quiet(ctx, p)
		}, end: func(ctx context.Context, p *place) {
			p.must(p.ward.call(ctx, "DELETE", "/patients/"+string(p.patient)+"/standby", nil, nil))
		}},
	}
)

func (p *place) must(err error) {
	if err != nil {
		say("%s: %v", p.device, err)
	}
}

const (
	faultTime = 30 * time.Second // a little more than the declared limit
	calmTime  = 27 * time.Second // until everything is as it was
)

// slots strikes one fault at each bed at the same time, four times, and one at
// the server after each.
func (w *ward) slots(ctx context.Context) error {
	sleep(ctx, calmTime)
	chance := rand.New(rand.NewPCG(w.result.Seed, 3))
	var failed error
	for slot := range 4 {
		var struck sync.WaitGroup
		for i, p := range w.beds {
			list, turn := carried, slot+i
			if i >= 4 {
				list, turn = own, slot*8+i-4
			}
			t := list[turn%len(list)]
			struck.Go(func() { w.strike(ctx, p, t) })
		}
		struck.Wait()
		sleep(ctx, calmTime)
		switch slot {
		case 0:
			failed = errors.Join(failed, w.all(ctx, "server/stopped", watch.ByServer, func() error { return w.stop(ctx, time.Duration(18+chance.IntN(22))*time.Second) }))
		case 1:
			failed = errors.Join(failed, w.all(ctx, "server/kill", watch.ByServer, func() error { return w.kill(ctx, time.Duration(15+chance.IntN(10))*time.Second) }))
		case 2:
			failed = errors.Join(failed, w.all(ctx, "server/stopped-briefly", "", func() error { return w.stop(ctx, 4*time.Second) }))
		case 3:
			w.gatewayGone(ctx)
		}
		sleep(ctx, calmTime)
		say("silence: slot %d of 4 is over", slot+1)
	}
	return failed
}

func (w *ward) strike(ctx context.Context, p *place, t trouble) {
	x := blow{Class: t.class, Kind: t.kind, Metrics: t.metrics, Patients: []vital.PatientID{p.patient}, From: p.suffer(t.class)}
	if x.Metrics == nil {
		x.Metrics = streams
	}
	t.begin(ctx, p)
	sleep(ctx, faultTime)
	p.heal()
	if t.end != nil {
		t.end(ctx, p)
	}
	w.record(x)
}

func (w *ward) all(_ context.Context, class string, kind watch.CauseKind, strike func() error) error {
	x := blow{Class: class, Kind: kind, Metrics: streams, Ours: true}
	for _, p := range w.beds {
		x.Patients = append(x.Patients, p.patient)
		x.From = p.suffer(class)
	}
	err := strike()
	for _, p := range w.beds {
		p.heal()
	}
	w.record(x)
	return err
}

// gatewayGone takes the gateway's power away.
func (w *ward) gatewayGone(ctx context.Context) {
	x := blow{Class: "gateway/gone", Kind: watch.ByGateway, Metrics: streams}
	for _, p := range w.beds[:4] {
		x.Patients = append(x.Patients, p.patient)
		x.From = p.suffer(x.Class)
	}
	w.carry.wire.cut()
	sleep(ctx, faultTime)
	w.carry.wire.mend()
	for _, p := range w.beds[:4] {
		p.heal()
	}
	w.record(x)
}
