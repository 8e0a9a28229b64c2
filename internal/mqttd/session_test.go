package mqttd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// TestASessionSurvivesARestart: a program is away, the server stops and starts
// again, and everything published meanwhile is there, in order, once.
func TestASessionSurvivesARestart(t *testing.T) {
	for _, level := range levels {
		for qos := byte(1); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("level%d/qos%d", level, qos), func(t *testing.T) {
				d, memory := newDoor(t), new(mqttd.Memory)
				h := open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
				o := h.as("lab", level)
				o.Clean, o.SessionExpiry = false, time.Hour
				lab := h.dial(o)
				if lab.SessionPresent() {
					t.Error("a session before there was one")
				}
				if err := lab.Subscribe(within(t, 5*time.Second), "v1/+/telemetry", qos, nil); err != nil {
					t.Fatal(err)
				}
				lab.Close()
				device := h.dial(h.as("monitor-1", level))
				var want []string
				for i := range 30 {
					if err := device.Publish(within(t, 5*time.Second), "v1/monitor-1/telemetry", fmt.Append(nil, i), qos); err != nil {
						t.Fatal(err)
					}
					want = append(want, fmt.Sprintf("v1/monitor-1/telemetry=%d", i))
				}
				h.stop()

				h = open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
				var box inbox
				o.Address = h.address
				o.Lost = nil
				client := dialWith(h, o, "v1/+/telemetry", box.take)
				if !client.SessionPresent() {
					t.Fatal("the session did not survive")
				}
				box.wants(t, want...)
				if h.server.Stats().Subscriptions != 1 {
					t.Error("the subscription did not survive")
				}
			})
		}
	}
}

// TestDeliveriesUnderWaySurviveARestart: what was sent and not acknowledged comes
// again under the same identifier; a QoS 2 message that was received is only
// released.
func TestDeliveriesUnderWaySurviveARestart(t *testing.T) {
	d, memory := newDoor(t), new(mqttd.Memory)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
	keep := func(p *mqtt.Connect) {
		p.Clean, p.Properties = false, &mqtt.Properties{SessionExpiry: new(uint32(3600))}
	}
	lab, _ := h.connected("lab", mqtt.Level5, keep)
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/event", QoS: 2})
	device := h.dial(h.as("monitor-1", mqtt.Level5))
	for qos := byte(1); qos <= 2; qos++ {
		for _, body := range []string{"first", "second"} {
			if err := device.Publish(within(t, 5*time.Second), "v1/monitor-1/event", []byte(body), qos); err != nil {
				t.Fatal(err)
			}
		}
	}
	var sent []*mqtt.Publish
	for range 4 {
		sent = append(sent, lab.publish())
	}
	lab.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: sent[0].ID}, &mqtt.Ack{Type: mqtt.TypePubrec, ID: sent[2].ID})
	lab.ack(mqtt.TypePubrel)
	lab.conn.Close()
	h.stop()

	h = open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
	lab, a := h.connected("lab", mqtt.Level5, keep)
	if !a.SessionPresent {
		t.Fatal("no session")
	}
	again := lab.publish()
	if again.ID != sent[1].ID || !again.Duplicate || again.QoS != 1 || string(again.Payload) != "second" {
		t.Errorf("resent %+v, want %+v again", again, sent[1])
	}
	if rel := lab.ack(mqtt.TypePubrel); rel.ID != sent[2].ID {
		t.Errorf("PUBREL %d, want %d", rel.ID, sent[2].ID)
	}
	again = lab.publish()
	if again.ID != sent[3].ID || !again.Duplicate || again.QoS != 2 || string(again.Payload) != "second" {
		t.Errorf("resent %+v, want %+v again", again, sent[3])
	}
	lab.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: sent[1].ID}, &mqtt.Ack{Type: mqtt.TypePubcomp, ID: sent[2].ID}, &mqtt.Ack{Type: mqtt.TypePubrec, ID: sent[3].ID})
	lab.ack(mqtt.TypePubrel)
	lab.send(&mqtt.Ack{Type: mqtt.TypePubcomp, ID: sent[3].ID})
	eventually(t, "nothing is under way any more", func() bool {
		c := h.server.Clients()
		return len(c) == 1 && c[0].Waiting == 0
	})
}

// TestQoS2ReachesTheDoorOnce: repeated before, during and after the sync, and over
// a restart.
func TestQoS2ReachesTheDoorOnce(t *testing.T) {
	for _, level := range levels {
		d, memory := newDoor(t), new(mqttd.Memory)
		h := open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
		keep := func(p *mqtt.Connect) {
			p.Clean = false
			if level == mqtt.Level5 {
				p.Properties = &mqtt.Properties{SessionExpiry: new(uint32(3600))}
			}
		}
		message := &mqtt.Publish{Topic: "v1/monitor-1/telemetry", Payload: []byte("once"), QoS: 2, ID: 7}
		again := *message
		again.Duplicate = true

		d.hold(true)
		device, _ := h.connected("monitor-1", level, keep)
		device.send(message, &again)
		eventually(t, "the Door has it", func() bool { return len(d.bodies()) == 1 })
		device.silent(50 * time.Millisecond)
		d.hold(false)
		device.ack(mqtt.TypePubrec)
		device.ack(mqtt.TypePubrec)
		device.send(&again)
		device.ack(mqtt.TypePubrec)
		device.conn.Close()

		device, _ = h.connected("monitor-1", level, keep)
		device.send(&again)
		device.ack(mqtt.TypePubrec)
		h.stop()

		h = open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
		device, _ = h.connected("monitor-1", level, keep)
		device.send(&again)
		device.ack(mqtt.TypePubrec)
		if got := d.bodies(); !slices.Equal(got, []string{"once"}) {
			t.Fatalf("level %d: the Door has %q", level, got)
		}
		device.send(&mqtt.Ack{Type: mqtt.TypePubrel, ID: 7})
		device.ack(mqtt.TypePubcomp)
		message.Payload = []byte("new")
		device.send(message)
		device.ack(mqtt.TypePubrec)
		if got := d.bodies(); !slices.Equal(got, []string{"once", "new"}) {
			t.Fatalf("level %d: the Door has %q", level, got)
		}
		if level == mqtt.Level5 {
			device.send(&mqtt.Ack{Type: mqtt.TypePubrel, ID: 99})
			if a := device.ack(mqtt.TypePubcomp); a.Reason != mqtt.PacketIDNotFound {
				t.Errorf("PUBREL of nothing: %v", a.Reason)
			}
		}
	}
}

// TestAReceiptIsSavedBeforeItIsGiven: while sessions cannot be saved, a QoS 2
// packet of a lasting session is not acknowledged, although it is synced.
func TestAReceiptIsSavedBeforeItIsGiven(t *testing.T) {
	d := newDoor(t)
	broken := make(chan struct{})
	memory := &mqttd.Memory{Fault: func() error {
		select {
		case <-broken:
			return nil
		default:
			return vital.Errorf(vital.Unavailable, "disk full")
		}
	}}
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
	device, _ := h.connected("monitor-1", mqtt.Level4, func(p *mqtt.Connect) { p.Clean = false })
	device.send(&mqtt.Publish{Topic: "v1/monitor-1/telemetry", Payload: []byte("x"), QoS: 2, ID: 1})
	eventually(t, "the Door has it", func() bool { return len(d.bodies()) == 1 })
	device.silent(150 * time.Millisecond)
	close(broken)
	device.ack(mqtt.TypePubrec)
}

func TestASessionEnds(t *testing.T) {
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Sessions: new(mqttd.Memory)})
	expiry := func(s uint32) func(*mqtt.Connect) {
		return func(p *mqtt.Connect) { p.Clean, p.Properties = false, &mqtt.Properties{SessionExpiry: new(s)} }
	}
	lab, _ := h.connected("lab", mqtt.Level5, expiry(1))
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/event", QoS: 1})
	lab.send(&mqtt.Disconnect{Type: mqtt.TypeDisconnect})
	eventually(t, "the session ends after a second", func() bool { s := h.server.Stats(); return s.Sessions == 0 && s.Subscriptions == 0 })

	lab, a := h.connected("lab", mqtt.Level5, expiry(100))
	if a.SessionPresent {
		t.Error("an ended session came back")
	}
	lab.send(&mqtt.Disconnect{Type: mqtt.TypeDisconnect, Properties: &mqtt.Properties{SessionExpiry: new(uint32(0))}})
	eventually(t, "DISCONNECT ends the session", func() bool { return h.server.Stats().Sessions == 0 })

	lab, _ = h.connected("lab", mqtt.Level5, expiry(0))
	lab.send(&mqtt.Disconnect{Type: mqtt.TypeDisconnect, Properties: &mqtt.Properties{SessionExpiry: new(uint32(5))}})
	if r := lab.closed(); r != mqtt.ProtocolError {
		t.Errorf("a session kept at the last moment: %v", r)
	}
	h.connected("lab", mqtt.Level5, func(p *mqtt.Connect) { expiry(4_000_000_000)(p) })
	lab, a = h.connected("monitor-1", mqtt.Level5, expiry(4_000_000_000))
	if e := a.Properties.SessionExpiry; e == nil || *e != 7*24*3600 {
		t.Errorf("granted %v, want 7 days", e)
	}
}

// TestASecondConnectionTakesOver: the first is told, and there are never two.
//
// Covers: S2
func TestASecondConnectionTakesOver(t *testing.T) {
	for _, level := range levels {
		h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
		first, _ := h.connected("monitor-1", level, nil)
		second, _ := h.connected("monitor-1", level, nil)
		want := mqtt.Success // level 4 has no DISCONNECT from the server
		if level == mqtt.Level5 {
			want = mqtt.SessionTakenOver
		}
		if r := first.closed(); r != want {
			t.Errorf("level %d: told %v", level, r)
		}
		second.send(mqtt.Ping{Type: mqtt.TypePingreq})
		if p, ok := second.read().(mqtt.Ping); !ok {
			t.Errorf("got %v", p)
		}
		if s := h.server.Stats(); s.TakenOver != 1 || s.Connections != 1 {
			t.Errorf("%+v", s)
		}
		h.stop()
		if log := h.log.String(); !strings.Contains(log, "takes over") || !strings.Contains(log, "level=WARN") {
			t.Errorf("not logged as a warning: %s", log)
		}
	}
}

// TestComingBackAtOnceTakesNothingOver: goodbye and a new connection in one breath,
// and the last message before it is not lost.
func TestComingBackAtOnceTakesNothingOver(t *testing.T) {
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d})
	for i := range 20 {
		device, _ := h.connected("monitor-1", mqtt.Level4, nil)
		device.send(&mqtt.Publish{Topic: "v1/monitor-1/event", Payload: fmt.Append(nil, i)}, &mqtt.Disconnect{Type: mqtt.TypeDisconnect})
		device.conn.Close()
	}
	h.connected("monitor-1", mqtt.Level4, nil)
	if n := len(d.all()); n != 20 || h.server.Stats().TakenOver != 0 {
		t.Errorf("%d of 20 messages, %d taken over", n, h.server.Stats().TakenOver)
	}
}

// Covers: S1
func TestNobodyTakesAnothersSession(t *testing.T) {
	g := newGate(auth.Principal{Class: auth.Integration, ID: "lab-2", Wards: []vital.WardID{"w-1"}})
	h := open(t, mqttd.Options{Gate: g, Door: newDoor(t)})
	o := h.as("lab", mqtt.Level5)
	o.ClientID = "lab-2"
	h.dial(o)
	h.refuses(h.as("lab-2", mqtt.Level5), vital.Denied)
}

func TestASlowSubscriberLosesQoS0AndIsToldAboutTheRest(t *testing.T) {
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Sessions: new(mqttd.Memory), Limits: mqttd.Limits{QueueMessages: 20, Window: 5}})
	o := h.as("lab", mqtt.Level5)
	keep := func(p *mqtt.Connect) {
		p.Clean, p.Properties = false, &mqtt.Properties{SessionExpiry: new(uint32(3600))}
	}
	lab, _ := h.connected("lab", mqtt.Level5, keep)
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/event", QoS: 1})
	device := h.dial(h.as("monitor-1", mqtt.Level5))
	send := func(qos byte, n int) {
		for i := range n {
			if err := device.Publish(within(t, 5*time.Second), "v1/monitor-1/event", fmt.Append(nil, i), qos); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(1, 12) // 5 under way, unacknowledged, and 7 queued
	eventually(t, "the window is full", func() bool { return h.server.Stats().Delivered == 5 })
	send(0, 20)
	send(1, 1)
	if s := h.server.Stats(); s.DroppedOut != 20 || s.Overflowed != 0 {
		t.Errorf("dropped %d, overflowed %d", s.DroppedOut, s.Overflowed)
	}
	send(1, 20)
	if r := lab.closed(); r != mqtt.QuotaExceeded {
		t.Errorf("told %v, want %v", r, mqtt.QuotaExceeded)
	}
	_, a := h.connected(o.ClientID, mqtt.Level5, keep)
	if a.SessionPresent {
		t.Error("the client is not told that it lost messages")
	}
}

// image is what is on the disk at this moment: what a power cut leaves.
func image(t *testing.T, m *mqttd.Memory) *mqttd.Memory {
	t.Helper()
	saved, kept, err := m.Load(t.Context())
	must(t, err)
	c := new(mqttd.Memory)
	must(t, c.Save(t.Context(), mqttd.Change{Put: saved, Retain: kept}))
	return c
}

// TestQoS2IsDeliveredOnceOverAPowerCut: wherever in the exchange the power fails,
// the subscriber takes every message once.
func TestQoS2IsDeliveredOnceOverAPowerCut(t *testing.T) {
	const messages = 4
	for cut := range 2*messages + 1 {
		memory := new(mqttd.Memory)
		d := newDoor(t)
		h := open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
		keep := func(p *mqtt.Connect) {
			p.Clean, p.Properties = false, &mqtt.Properties{SessionExpiry: new(uint32(3600))}
		}
		lab, _ := h.connected("lab", mqtt.Level5, keep)
		lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/status", QoS: 2})
		for i := range messages {
			must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", fmt.Append(nil, i), 2, false, nil))
		}
		var taken []string
		open := make(map[uint16]bool) // identifiers that the subscriber remembers
		step := func(r *raw) {
			switch p := r.read().(type) {
			case *mqtt.Publish:
				if !open[p.ID] {
					taken = append(taken, string(p.Payload))
				}
				open[p.ID] = true
				r.send(&mqtt.Ack{Type: mqtt.TypePubrec, ID: p.ID})
			case *mqtt.Ack:
				delete(open, p.ID)
				r.send(&mqtt.Ack{Type: mqtt.TypePubcomp, ID: p.ID})
			}
		}
		for range cut {
			step(lab)
		}
		after := image(t, memory)
		h.stop()
		h = openHouse(t, d, after)
		lab, a := h.connected("lab", mqtt.Level5, keep)
		if !a.SessionPresent {
			t.Fatal("no session")
		}
		exchange(lab, step, func() bool {
			c := h.server.Clients()
			return len(c) == 1 && c[0].Waiting == 0
		})
		h.stop()
		if !slices.Equal(taken, []string{"0", "1", "2", "3"}) {
			t.Fatalf("power cut after %d packets: taken %q", cut, taken)
		}
	}
}

// TestPublishAfterTheEndFails: nobody waits for a save that will not come.
func TestPublishAfterTheEndFails(t *testing.T) {
	h := openHouse(t, newDoor(t), new(mqttd.Memory))
	lab, _ := h.connected("lab", mqtt.Level4, func(p *mqtt.Connect) { p.Clean = false })
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/status", QoS: 1})
	must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", nil, 1, false, nil))
	h.stop()
	ctx := within(t, 5*time.Second)
	if err := h.server.Publish(ctx, "v1/monitor-1/status", nil, 1, false, nil); vital.KindOf(err) != vital.Unavailable || ctx.Err() != nil {
		t.Errorf("%v; %v", err, ctx.Err())
	}
}

func openHouse(t *testing.T, d *door, m *mqttd.Memory) *house {
	return open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: m})
}

// exchange goes on with the exchange until it is over.
func exchange(r *raw, step func(*raw), over func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !over(); {
		if time.Now().After(deadline) {
			r.t.Fatal("the exchange does not end")
		}
		p, err := r.next(20 * time.Millisecond)
		if err != nil {
			continue
		}
		r.back(p)
		step(r)
	}
}
