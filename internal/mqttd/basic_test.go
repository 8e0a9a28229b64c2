package mqttd_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

var levels = []mqtt.Level{mqtt.Level4, mqtt.Level5}

func TestEveryQoSReachesDoorAndSubscriber(t *testing.T) {
	for _, level := range levels {
		for qos := byte(0); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("level%d/qos%d", level, qos), func(t *testing.T) {
				d := newDoor(t)
				h := open(t, mqttd.Options{Gate: newGate(), Door: d})
				var box inbox
				lab := h.dial(h.as("lab", level))
				if err := lab.Subscribe(within(t, 5*time.Second), "v1/+/telemetry", qos, box.take); err != nil {
					t.Fatal(err)
				}
				device := h.dial(h.as("monitor-1", level))
				var want, bodies []string
				for i := range 20 {
					body := fmt.Sprintf("reading %d", i)
					if err := device.Publish(within(t, 5*time.Second), "v1/monitor-1/telemetry", []byte(body), qos); err != nil {
						t.Fatal(err)
					}
					bodies = append(bodies, body)
					want = append(want, "v1/monitor-1/telemetry="+body)
				}
				box.wants(t, want...)
				if got := d.bodies(); !slices.Equal(got, bodies) {
					t.Fatalf("the Door has %q, want %q", got, bodies)
				}
				p := d.all()[0]
				if p.Site != "main" || p.Credential != "c-1" || p.Device != "monitor-1" || p.Door != "mqtt" || p.Topic != "v1/monitor-1/telemetry" || p.Format != "" ||
					time.Since(p.Received.Time()) > time.Minute {
					t.Errorf("packet %+v", p)
				}
			})
		}
	}
}

func TestAcknowledgedOnlyAfterTheSync(t *testing.T) {
	for _, qos := range []byte{1, 2} {
		d := newDoor(t)
		h := open(t, mqttd.Options{Gate: newGate(), Door: d})
		device := h.dial(h.as("monitor-1", mqtt.Level5))
		d.hold(true)
		acknowledged := make(chan error, 1)
		if err := device.PublishAsync("v1/monitor-1/telemetry", []byte("x"), qos, func(err error) { acknowledged <- err }); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the Door has the packet", func() bool { return len(d.bodies()) == 1 })
		select {
		case err := <-acknowledged:
			t.Fatalf("QoS %d: acknowledged (%v) before the sync", qos, err)
		case <-time.After(100 * time.Millisecond):
		}
		d.hold(false)
		select {
		case err := <-acknowledged:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("never acknowledged")
		}
	}
}

func TestNotAcceptedIsNeverAcknowledged(t *testing.T) {
	fault := vital.Errorf(vital.Unavailable, "the disk is full")
	for _, late := range []bool{false, true} {
		for _, level := range levels {
			for _, qos := range []byte{1, 2} {
				d := newDoor(t)
				if late {
					d.fail(nil, fault)
				} else {
					d.fail(fault, nil)
				}
				h := open(t, mqttd.Options{Gate: newGate(), Door: d})
				o := h.as("monitor-1", level)
				var lost []error
				ended := make(chan struct{}, 10)
				o.Lost = func(err error) { lost = append(lost, err); ended <- struct{}{} }
				device := h.dial(o)
				err := device.Publish(within(t, 5*time.Second), "v1/monitor-1/telemetry", []byte("x"), qos)
				if err == nil {
					t.Fatalf("level %d QoS %d: acknowledged what the Door refused", level, qos)
				}
				<-ended
				if level == mqtt.Level5 && mqtt.ReasonOf(lost[0]) != mqtt.ServerBusy {
					t.Errorf("told %v, want %v", lost[0], mqtt.ServerBusy)
				}
				if n := h.server.Stats().Acknowledged; n != 0 {
					t.Errorf("%d acknowledged, want 0", n)
				}
			}
		}
	}
}

func TestAResendAfterAFaultIsAccepted(t *testing.T) {
	d := newDoor(t)
	d.fail(vital.Errorf(vital.Unavailable, "not now"), nil)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d})
	o := h.as("monitor-1", mqtt.Level5)
	o.Clean, o.SessionExpiry, o.Reconnect = false, time.Minute, 100*time.Millisecond
	o.Lost = func(error) { d.fail(nil, nil) }
	device := h.dial(o)
	for qos := byte(1); qos <= 2; qos++ {
		if err := device.Publish(within(t, 5*time.Second), "v1/monitor-1/telemetry", fmt.Append(nil, qos), qos); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.bodies(); !slices.Equal(got, []string{"1", "2"}) {
		t.Fatalf("the Door has %q", got)
	}
}

// Covers: S1 H7 D1
func TestWhoMayConnect(t *testing.T) {
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
	for _, level := range levels {
		o := h.as("monitor-1", level)
		o.Password = []byte("guess")
		h.refuses(o, vital.Unauthenticated)
		o = h.as("monitor-1", level)
		o.ClientID = "monitor-2"
		h.refuses(o, vital.Denied)
		o = h.as("monitor-1", level)
		o.Will = &mqtt.Will{Topic: "v1/monitor-2/event", Payload: []byte("gone")}
		h.refuses(o, vital.Denied)
		o = h.as("gateway-1", level)
		o.ClientID = "gateway-12"
		h.refuses(o, vital.Denied)
		o.ClientID = "gateway-1-b"
		h.dial(o)
	}
	if n := len(h.server.Clients()); n != 1 {
		t.Errorf("%d clients, want 1", n)
	}
}
