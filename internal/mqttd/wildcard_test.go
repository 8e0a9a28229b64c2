package mqttd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// greedy are filters that reach for what belongs to others, in the ways in which
// brokers were got round: wildcards at each level, system topics, shared
// subscriptions around them, empty levels, other alphabets, other cases, ends
// that a library may cut off.
var greedy = []string{
	"#", "+", "+/+", "+/+/+", "+/+/#", "/#", "+/#", "v1/#", "v1/+", "v1/+/#", "v1/+/+", "v1/+/telemetry", "v1/+/command", "v1/+/status", "v1//telemetry",
	"v1/monitor-2/#", "v1/monitor-2/+", "v1/monitor-2/telemetry", "v1/monitor-2/command", "v1/monitor-2/status", "v1/monitor-2", "v1/monitor-2/telemetry/",
	"v1/monitor-1/#", "v1/monitor-1/+", "v1/monitor-1/telemetry", "v1/monitor-1/../monitor-2/command", "v1/monitor-1/command/#", "v1/monitor-1/command/+",
	"V1/monitor-2/command", "v1/Monitor-2/command", "v1/monitor-2/command\u0000", "v1/monitor-2\u200b/command", "./v1/monitor-2/command", "v1/monitor-2/%63ommand",
	"$SYS/#", "$SYS/+", "$SYS/broker/clients/connected", "$MQTT/#", "$MQTT.>", "$MQTT/msgs/#", "$JS/API/#", "$G/#", "$queue/#", "$exclusive/v1/monitor-2/command", "$delayed/1/v1/monitor-2/command",
	"$share/g/#", "$share/g/+/+", "$share/g/v1/#", "$share/g/v1/+/command", "$share/g/v1/monitor-2/command", "$share/g/$SYS/#", "$share/g/$share/h/#", "$share//v1/#", "$share/g", "$share/#/v1", "$share/+/v1/+/command",
	"app/#", "app/lab/#", "app/+/said", "app/lab/said", "spiffe://main/device/monitor-2", ">", "*", "v1.>", "v1.monitor-2.command", "v1/*/command", "", " ", "//", "v1/monitor-2/comm+nd", "v1/mon#",
	strings.Repeat("+/", 200) + "#", "v1/" + strings.Repeat("a", 2000) + "/command",
}

// Every filter that reaches too far is refused, to every class, on both levels,
// and a canary that is published under everybody's topics, live and retained, is
// seen by nobody whom it is not for.
//
// Covers: S5 H7 D1
func TestFiltersThatReachTooFar(t *testing.T) {
	canary := "canary-4711"
	for _, level := range []mqtt.Level{mqtt.Level4, mqtt.Level5} {
		narrow := auth.Principal{Class: auth.Integration, ID: "narrow-2", Wards: []vital.WardID{"w-9"}}
		h := open(t, mqttd.Options{Gate: newGate(narrow), Door: newDoor(t), Limits: mqttd.Limits{Refusals: 10_000, Subscriptions: 1000}, Visible: func(p auth.Principal, _ vital.DeviceID) bool { return p.AllWards }})
		everywhere := []string{
			"v1/monitor-2/command", "v1/monitor-2/status", "v1/monitor-2/telemetry", "v1/monitor-2/event", "v1/ward4-1/command", "v1/ward4-1/status", "app/lab/said", "$SYS/secret", "$MQTT/secret", "$G/secret", "a", "a/b", "a/b/c",
		}
		for _, topic := range everywhere {
			must(t, h.server.Publish(t.Context(), topic, []byte(canary+" retained"), 1, true, nil))
		}
		boxes := map[string]*inbox{}
		for _, who := range []string{"monitor-1", "gateway-1", "narrow-2"} {
			box := &inbox{}
			boxes[who] = box
			c := h.dial(h.as(who, level))
			for _, f := range greedy {
				if len(f) > 1<<10 || !mqtt.ValidFilter(f) {
					continue // sent as bytes below
				}
				err := c.Subscribe(within(t, 5*time.Second), f, 1, box.take)
				mayRead := who == "narrow-2" && auth.AllowTopic(narrow, auth.Subscribe, f) == nil
				if (err == nil) != mayRead {
					t.Errorf("level %d: %s subscribes to %.60q: %v", level, who, f, err)
				}
			}
		}
		// What no library sends: the filter as bytes, and the answer as bytes.
		for _, who := range []string{"monitor-1", "gateway-1"} {
			for i, f := range greedy {
				r, _ := h.connected(who, level, func(p *mqtt.Connect) { p.ClientID = who })
				r.send(&mqtt.Subscribe{ID: uint16(i + 1), Filters: []mqtt.Filter{{Filter: f, QoS: 1}}})
				p, err := r.next(5 * time.Second)
				answer, granted := p.(*mqtt.Suback)
				if granted && slices.ContainsFunc(answer.Codes, func(c mqtt.Reason) bool { return c < 0x80 }) {
					t.Errorf("level %d: %s is granted %.60q as bytes", level, who, f)
				}
				if err == nil && !granted {
					if _, ended := p.(*mqtt.Disconnect); !ended {
						t.Errorf("level %d: %.60q is answered with %T", level, f, p)
					}
				}
				r.conn.Close()
			}
		}
		for _, topic := range everywhere {
			must(t, h.server.Publish(t.Context(), topic, []byte(canary), 1, false, nil))
		}
		speaker := h.dial(h.as("monitor-2", level))
		must(t, speaker.Publish(within(t, 5*time.Second), "v1/monitor-2/telemetry", []byte(canary), 1))
		for who, box := range boxes {
			for _, got := range box.all() {
				if strings.Contains(got, canary) {
					t.Errorf("level %d: %s was given %s", level, who, got)
				}
			}
		}
	}
}

// What is published into another's name, live, retained or as a will, is refused
// and reaches nobody.
//
// Covers: S1 S5 D1
func TestNobodyWritesInAnothersName(t *testing.T) {
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Limits: mqttd.Limits{Refusals: 10_000}})
	var box inbox
	lab := h.dial(h.as("lab", mqtt.Level5))
	for _, f := range []string{"v1/+/telemetry", "v1/+/event", "v1/+/status", "v1/+/wave", "app/#"} {
		must(t, lab.Subscribe(within(t, 5*time.Second), f, 1, box.take))
	}
	topics := []string{
		"v1/monitor-2/telemetry", "v1/monitor-2/event", "v1/monitor-2/command", "v1/monitor-2/status", "v1/monitor-1/command", "v1/monitor-1/status", "v1/ward3-1/telemetry",
		"app/lab/said", "app/monitor-1/said", "$SYS/x", "$share/g/v1/monitor-2/telemetry", "v1/monitor-1/telemetry/x", "v1//telemetry", "v1/monitor-1/../monitor-2/telemetry",
	}
	for _, level := range []mqtt.Level{mqtt.Level4, mqtt.Level5} {
		for _, topic := range topics {
			for _, retain := range []bool{false, true} {
				r, _ := h.connected("monitor-1", level, nil)
				r.send(&mqtt.Publish{Topic: topic, Payload: []byte("forged"), QoS: 1, ID: 7, Retain: retain})
				switch p, _ := r.next(2 * time.Second); p := p.(type) {
				case *mqtt.Ack:
					if level == mqtt.Level5 && !p.Reason.Failed() {
						t.Errorf("%s, retained %v, is acknowledged: %+v", topic, retain, p)
					}
				case *mqtt.Disconnect, nil:
				default:
					t.Errorf("%s is answered with %T", topic, p)
				}
				r.conn.Close()
			}
			o := h.as("monitor-1", level)
			o.Will = &mqtt.Will{Topic: topic, Payload: []byte("forged")}
			h.refuses(o, vital.Denied)
		}
	}
	fresh := h.dial(h.as("monitor-2", mqtt.Level5))
	must(t, fresh.Publish(within(t, 5*time.Second), "v1/monitor-2/event", []byte("own"), 1))
	box.wants(t, "v1/monitor-2/event=own")
	if bodies := d.bodies(); slices.Contains(bodies, "forged") {
		t.Errorf("what was forged reached the journal: %q", bodies)
	}
}
