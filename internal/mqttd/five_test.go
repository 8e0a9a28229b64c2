package mqttd_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRetained(t *testing.T) {
	t.Parallel()
	memory := new(mqttd.Memory)
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
	must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", []byte("bound"), 1, true, nil))
	must(t, h.server.Publish(t.Context(), "v1/monitor-2/status", []byte("unbound"), 1, true, nil))
	must(t, h.server.Publish(t.Context(), "v1/monitor-3/status", []byte("x"), 1, true, nil))
	must(t, h.server.Publish(t.Context(), "v1/monitor-3/status", nil, 1, true, nil))
	must(t, h.server.Publish(t.Context(), "v1/monitor-4/status", []byte("short"), 1, true, &mqtt.Properties{MessageExpiry: new(uint32(1))}))
	h.stop()

	h = open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
	eventually(t, "the short-lived one is gone", func() bool { return h.server.Stats().Retained == 2 })
	lab, _ := h.connected("lab", mqtt.Level5, nil)
	filter := mqtt.Filter{Filter: "v1/+/status", QoS: 1}
	lab.subscribe(nil, filter)
	got := []*mqtt.Publish{lab.publish(), lab.publish()}
	slices.SortFunc(got, func(a, b *mqtt.Publish) int { return strings.Compare(a.Topic, b.Topic) })
	if string(got[0].Payload) != "bound" || string(got[1].Payload) != "unbound" || !got[0].Retain || got[0].QoS != 1 {
		t.Errorf("got %+v and %+v", got[0], got[1])
	}
	filter.Retained = mqtt.RetainedIfNew
	lab.subscribe(nil, filter)
	filter.Retained = mqtt.RetainedNever
	lab.subscribe(nil, filter)
	lab.subscribe(nil, mqtt.Filter{Filter: "$share/g/v1/+/status"})
	lab.silent(50 * time.Millisecond)
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/monitor-1/status", QoS: 0})
	if m := lab.publish(); string(m.Payload) != "bound" || m.QoS != 0 {
		t.Errorf("got %+v", m)
	}

	// The flag is cleared for those who are there, unless they want it as published.
	lab, _ = h.connected("lab", mqtt.Level5, nil)
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/monitor-2/status", Retained: mqtt.RetainedNever})
	must(t, h.server.Publish(t.Context(), "v1/monitor-2/status", []byte("a"), 0, true, nil))
	if lab.publish().Retain {
		t.Error("the retain flag was kept")
	}
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/monitor-2/status", Retained: mqtt.RetainedNever, KeepFlag: true})
	must(t, h.server.Publish(t.Context(), "v1/monitor-2/status", []byte("a"), 0, true, nil))
	if !lab.publish().Retain {
		t.Error("the retain flag was not kept")
	}
}

func TestWills(t *testing.T) {
	t.Parallel()
	type want struct {
		name    string
		will    mqtt.Will
		level   mqtt.Level
		expiry  uint32
		end     func(*raw)
		arrives bool
		after   time.Duration
	}
	gone := mqtt.Will{Topic: "v1/monitor-1/event", Payload: []byte("gone"), QoS: 1}
	late := gone
	late.Properties = &mqtt.Properties{WillDelay: 1, ContentType: "application/json"}
	drop := func(r *raw) { r.conn.Close() }
	for _, w := range []want{
		{"broken connection", gone, 4, 0, drop, true, 0},
		{"broken connection", gone, 5, 0, drop, true, 0},
		{"malformed packet", gone, 5, 0, func(r *raw) { r.write([]byte{0, 0}) }, true, 0},
		{"goodbye", gone, 4, 0, func(r *raw) { r.send(&mqtt.Disconnect{Type: mqtt.TypeDisconnect}) }, false, 0},
		{"goodbye", gone, 5, 0, func(r *raw) { r.send(&mqtt.Disconnect{Type: mqtt.TypeDisconnect}) }, false, 0},
		{"goodbye with will", gone, 5, 0, func(r *raw) {
			r.send(&mqtt.Disconnect{Type: mqtt.TypeDisconnect, Reason: mqtt.DisconnectWithWill})
		}, true, 0},
		{"delay", late, 5, 100, drop, true, 900 * time.Millisecond},
		{"delay longer than the session", late, 5, 0, drop, true, 0},
	} {
		t.Run(fmt.Sprintf("%s/level%d", w.name, w.level), func(t *testing.T) {
			d := newDoor(t)
			h := open(t, mqttd.Options{Gate: newGate(), Door: d})
			lab, _ := h.connected("lab", 5, nil)
			lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/event", QoS: 1})
			device, _ := h.connected("monitor-1", w.level, func(p *mqtt.Connect) {
				p.Will = &w.will
				if w.level == 5 {
					p.Properties = &mqtt.Properties{SessionExpiry: &w.expiry}
				}
			})
			start := time.Now()
			w.end(device)
			if !w.arrives {
				lab.silent(300 * time.Millisecond)
				return
			}
			m := lab.publish()
			if string(m.Payload) != "gone" || m.QoS != 1 {
				t.Errorf("got %+v", m)
			}
			if took := time.Since(start); took < w.after || took > w.after+2*time.Second {
				t.Errorf("after %v, want %v", took, w.after)
			}
			if p := d.all(); len(p) != 1 || string(p[0].Body) != "gone" || p[0].Device != "monitor-1" || p[0].Credential != "c-1" {
				t.Errorf("the Door has %+v", p)
			}
		})
	}
	t.Run("back before the delay", func(t *testing.T) {
		h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
		lab, _ := h.connected("lab", 5, nil)
		lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/event", QoS: 1})
		keep := func(p *mqtt.Connect) {
			p.Clean, p.Will, p.Properties = false, &late, &mqtt.Properties{SessionExpiry: new(uint32(100))}
		}
		device, _ := h.connected("monitor-1", 5, keep)
		device.conn.Close()
		eventually(t, "it is gone", func() bool { return h.server.Stats().Connections == 1 })
		h.connected("monitor-1", 5, keep)
		lab.silent(1500 * time.Millisecond)
	})
	t.Run("over a restart", func(t *testing.T) {
		d, memory := newDoor(t), new(mqttd.Memory)
		h := open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
		device, _ := h.connected("monitor-1", 5, func(p *mqtt.Connect) {
			p.Will, p.Properties = &late, &mqtt.Properties{SessionExpiry: new(uint32(100))}
		})
		device.conn.Close()
		eventually(t, "it is gone", func() bool { return h.server.Stats().Connections == 0 })
		h.stop()
		open(t, mqttd.Options{Gate: newGate(), Door: d, Sessions: memory})
		eventually(t, "the will is in the journal", func() bool { return slices.Equal(d.bodies(), []string{"gone"}) })
		if f := d.all()[0].Format; f != "vigil-json" {
			t.Errorf("format %q", f)
		}
	})
}

func TestMessagesExpire(t *testing.T) {
	now := time.Now()
	clock := make(chan time.Time, 1)
	clock <- now
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Now: func() time.Time { n := <-clock; clock <- n; return n }})
	keep := func(p *mqtt.Connect) {
		p.Clean, p.Properties = false, &mqtt.Properties{SessionExpiry: new(uint32(3600))}
	}
	lab, _ := h.connected("lab", 5, keep)
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/status", QoS: 1})
	lab.send(&mqtt.Disconnect{Type: mqtt.TypeDisconnect})
	eventually(t, "it is gone", func() bool { return h.server.Stats().Connections == 0 })
	for i, seconds := range []uint32{5, 50} {
		must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", fmt.Append(nil, i), 1, false, &mqtt.Properties{MessageExpiry: &seconds}))
	}
	<-clock
	clock <- now.Add(20 * time.Second)
	lab, _ = h.connected("lab", 5, keep)
	m := lab.publish()
	if string(m.Payload) != "1" || m.Properties == nil || *m.Properties.MessageExpiry != 30 {
		t.Errorf("got %+v %+v", m, m.Properties)
	}
	lab.silent(50 * time.Millisecond)
}

func TestWhatAMessageCarriesTravelsAlong(t *testing.T) {
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d})
	lab, _ := h.connected("lab", 5, nil)
	lab.subscribe(&mqtt.Properties{SubscriptionIDs: []uint32{42}}, mqtt.Filter{Filter: "v1/+/telemetry", QoS: 2})
	lab.subscribe(&mqtt.Properties{SubscriptionIDs: []uint32{43}}, mqtt.Filter{Filter: "v1/monitor-1/telemetry", QoS: 0})
	device, _ := h.connected("monitor-1", 5, nil)
	want := mqtt.Properties{PayloadFormat: 1, ContentType: "application/senml+json; charset=utf-8", ResponseTopic: "app/lab/answers",
		CorrelationData: []byte{1, 0, 2}, User: []mqtt.UserProperty{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}}}
	sent := want
	sent.TopicAlias = 9
	device.send(&mqtt.Publish{Topic: "v1/monitor-1/telemetry", Payload: []byte("x"), QoS: 1, ID: 5, Properties: &sent})
	device.ack(mqtt.TypePuback)
	m := lab.publish()
	slices.Sort(m.Properties.SubscriptionIDs)
	want.SubscriptionIDs = []uint32{42, 43}
	if m.QoS != 1 || !reflect.DeepEqual(*m.Properties, want) {
		t.Errorf("got  %+v\nwant %+v", *m.Properties, want)
	}
	if f := d.all()[0].Format; f != "senml" {
		t.Errorf("format %q", f)
	}
}

func TestTopicAliasesBothWays(t *testing.T) {
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Limits: mqttd.Limits{Aliases: 10}})
	lab, _ := h.connected("lab", 5, func(p *mqtt.Connect) { p.Properties = &mqtt.Properties{TopicAliasMaximum: 1} })
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/telemetry"}, mqtt.Filter{Filter: "v1/+/event"})
	device, a := h.connected("monitor-1", 5, nil)
	if a.Properties.TopicAliasMaximum != 10 {
		t.Errorf("the server takes %d aliases", a.Properties.TopicAliasMaximum)
	}
	alias := func(topic string, n uint16) *mqtt.Publish {
		return &mqtt.Publish{Topic: topic, Payload: []byte("x"), Properties: &mqtt.Properties{TopicAlias: n}}
	}
	device.send(alias("v1/monitor-1/telemetry", 10), alias("", 10), alias("v1/monitor-1/event", 10), alias("", 10), alias("v1/monitor-1/telemetry", 3))
	eventually(t, "all are in the Door", func() bool { return len(d.all()) == 5 })
	var topics []string
	for _, p := range d.all() {
		topics = append(topics, strings.TrimPrefix(p.Topic, "v1/monitor-1/"))
	}
	if got := strings.Join(topics, " "); got != "telemetry telemetry event event telemetry" {
		t.Errorf("topics %s", got)
	}
	var got []string
	for range 5 {
		m := lab.publish()
		n := uint16(0)
		if m.Properties != nil {
			n = m.Properties.TopicAlias
		}
		got = append(got, fmt.Sprintf("%s/%d", strings.TrimPrefix(m.Topic, "v1/monitor-1/"), n))
	}
	if s := strings.Join(got, " "); s != "telemetry/1 /1 event/0 event/0 /1" {
		t.Errorf("delivered %s", s)
	}
	device.send(alias("", 4))
	if r := device.closed(); r != mqtt.ProtocolError {
		t.Errorf("an alias never set: %v", r)
	}
	device, _ = h.connected("monitor-1", 5, nil)
	device.send(alias("v1/monitor-1/event", 11))
	if r := device.closed(); r != mqtt.TopicAliasInvalid {
		t.Errorf("an alias over the limit: %v", r)
	}
}

func TestReceiveMaximumBothWays(t *testing.T) {
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Limits: mqttd.Limits{InFlight: 4}})
	lab, a := h.connected("lab", 5, func(p *mqtt.Connect) { p.Properties = &mqtt.Properties{ReceiveMaximum: 2} })
	if a.Properties.ReceiveMaximum != 4 {
		t.Errorf("the server takes %d", a.Properties.ReceiveMaximum)
	}
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/status", QoS: 1})
	for i := range 5 {
		must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", fmt.Append(nil, i), 1, false, nil))
	}
	first := lab.publish()
	lab.publish()
	lab.silent(50 * time.Millisecond)
	lab.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: first.ID})
	if m := lab.publish(); string(m.Payload) != "2" {
		t.Errorf("got %q", m.Payload)
	}
	lab.silent(20 * time.Millisecond)

	d.hold(true)
	device, _ := h.connected("monitor-1", 5, nil)
	for id := uint16(1); id <= 4; id++ {
		device.send(&mqtt.Publish{Topic: "v1/monitor-1/event", QoS: 1 + byte(id%2), ID: id})
	}
	device.silent(50 * time.Millisecond)
	device.send(&mqtt.Publish{Topic: "v1/monitor-1/event", QoS: 1, ID: 5})
	if r := device.closed(); r != mqtt.ReceiveMaximumExceeded {
		t.Errorf("told %v", r)
	}
	// A level 4 client cannot know the limit: it is made to wait.
	d.hold(false)
	device, _ = h.connected("monitor-1", 4, nil)
	d.hold(true)
	for id := uint16(1); id <= 20; id++ {
		device.send(&mqtt.Publish{Topic: "v1/monitor-1/event", QoS: 1, ID: id})
	}
	device.silent(50 * time.Millisecond)
	d.hold(false)
	for id := uint16(1); id <= 20; id++ {
		if a := device.ack(mqtt.TypePuback); a.ID != id {
			t.Fatalf("PUBACK %d, want %d", a.ID, id)
		}
	}
}

func TestSubscriptionOptions(t *testing.T) {
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
	lab, _ := h.connected("lab", 5, nil)
	codes := lab.subscribe(nil, mqtt.Filter{Filter: "app/lab/#", NoLocal: true}, mqtt.Filter{Filter: "#"}, mqtt.Filter{Filter: "a#"}, mqtt.Filter{Filter: "v1/+/event", QoS: 2})
	if want := []mqtt.Reason{0, mqtt.NotAuthorized, mqtt.TopicFilterInvalid, 2}; !slices.Equal(codes, want) {
		t.Errorf("SUBACK %v, want %v", codes, want)
	}
	lab.send(&mqtt.Publish{Topic: "app/lab/x", QoS: 1, ID: 1})
	lab.ack(mqtt.TypePuback)
	lab.silent(30 * time.Millisecond)
	lab.send(&mqtt.Unsubscribe{ID: 9, Filters: []string{"v1/+/event", "never/there"}})
	if s := lab.read().(*mqtt.Suback); !slices.Equal(s.Codes, []mqtt.Reason{0, mqtt.NoSubscriptionExisted}) {
		t.Errorf("UNSUBACK %v", s.Codes)
	}
	must(t, h.server.Publish(t.Context(), "v1/monitor-1/event", nil, 0, false, nil))
	lab.silent(30 * time.Millisecond)
	old, _ := h.connected("lab", 4, nil)
	if codes := old.subscribe(nil, mqtt.Filter{Filter: "#"}, mqtt.Filter{Filter: "app/#", QoS: 1}); !slices.Equal(codes, []mqtt.Reason{0x80, 1}) {
		t.Errorf("level 4: SUBACK %v", codes)
	}
	old.conn.Close()
	lab, _ = h.connected("lab", 5, nil)
	lab.send(&mqtt.Subscribe{ID: 1, Filters: []mqtt.Filter{{Filter: "$share/g/app/#", NoLocal: true}}})
	if r := lab.closed(); r != mqtt.ProtocolError {
		t.Errorf("shared and no local: %v", r)
	}
}

func TestSharedSubscriptions(t *testing.T) {
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
	boxes := make([]inbox, 3)
	for i := range boxes {
		o := h.as("lab", 5)
		o.ClientID = fmt.Sprintf("lab-%d", i)
		must(t, h.dial(o).Subscribe(within(t, 5*time.Second), "$share/workers/v1/+/event", 1, boxes[i].take))
	}
	for i := range 30 {
		must(t, h.server.Publish(t.Context(), "v1/monitor-1/event", fmt.Append(nil, i), 1, false, nil))
	}
	eventually(t, "each message went to one", func() bool { return len(boxes[0].all())+len(boxes[1].all())+len(boxes[2].all()) == 30 })
	for i := range boxes {
		if n := len(boxes[i].all()); n != 10 {
			t.Errorf("worker %d got %d of 30", i, n)
		}
	}
}

// TestWardsBoundWhatAProgramSees: live, retained and shared; and what programs say
// to each other.
//
// Covers: S5 O2
func TestWardsBoundWhatAProgramSees(t *testing.T) {
	other := auth.Principal{Class: auth.Integration, ID: "other", Wards: []vital.WardID{"w-2"}}
	within1 := auth.Principal{Class: auth.Integration, ID: "within", Wards: []vital.WardID{"w-1"}}
	h := open(t, mqttd.Options{Gate: newGate(other, within1), Door: newDoor(t), Visible: func(p auth.Principal, d vital.DeviceID) bool {
		return p.AllWards || slices.Contains(p.Wards, vital.WardID(map[vital.DeviceID]string{"monitor-1": "w-1", "monitor-2": "w-2"}[d]))
	}})
	must(t, h.server.Publish(t.Context(), "v1/monitor-2/status", []byte("canary"), 1, true, nil))
	must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", []byte("retained"), 1, true, nil))
	var box, all, shared inbox
	narrow := h.dial(h.as("narrow", 5))
	for _, f := range []string{"v1/+/status", "v1/+/telemetry", "app/#"} {
		must(t, narrow.Subscribe(within(t, 5*time.Second), f, 1, box.take))
	}
	must(t, narrow.Subscribe(within(t, 5*time.Second), "$share/g/v1/+/event", 1, shared.take))
	must(t, h.dial(h.as("lab", 5)).Subscribe(within(t, 5*time.Second), "app/#", 1, all.take))
	for _, id := range []string{"monitor-2", "monitor-1"} {
		device := h.dial(h.as(id, 4))
		must(t, device.Publish(within(t, 5*time.Second), "v1/"+id+"/telemetry", []byte(id), 1))
		must(t, device.Publish(within(t, 5*time.Second), "v1/"+id+"/event", []byte(id), 1))
	}
	for _, id := range []string{"other", "lab", "within", "narrow"} {
		o := h.as(id, 5)
		o.ClientID += "-speaker"
		must(t, h.dial(o).Publish(within(t, 5*time.Second), "app/"+id+"/said", []byte("so"), 1))
	}
	all.wants(t, "app/other/said=so", "app/lab/said=so", "app/within/said=so", "app/narrow/said=so")
	box.wants(t, "v1/monitor-1/status=retained", "v1/monitor-1/telemetry=monitor-1", "app/within/said=so", "app/narrow/said=so")
	shared.wants(t, "v1/monitor-1/event=monitor-1")
}

func TestTheServerSaysWhatItAgreesTo(t *testing.T) {
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Limits: mqttd.Limits{KeepAlive: 30 * time.Second, Packet: 5000}})
	_, a := h.connected("monitor-1", 5, func(p *mqtt.Connect) { p.ClientID, p.KeepAlive = "", 0 })
	if q := a.Properties; q.AssignedClientID != "monitor-1" || *q.ServerKeepAlive != 30 || q.MaximumPacketSize != 5000 {
		t.Errorf("CONNACK %+v", q)
	}
	_, a = h.connected("lab", 5, func(p *mqtt.Connect) { p.ClientID = "" })
	if id := a.Properties.AssignedClientID; !strings.HasPrefix(id, "lab-") || len(id) < 10 {
		t.Errorf("assigned %q", id)
	}
	lab, _ := h.connected("lab", 5, func(p *mqtt.Connect) { p.Properties = &mqtt.Properties{MaximumPacketSize: 100} })
	lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/status", QoS: 1})
	must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", make([]byte, 90), 1, false, nil))
	must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", make([]byte, 10), 1, false, nil))
	if m := lab.publish(); len(m.Payload) != 10 {
		t.Errorf("got %d bytes", len(m.Payload))
	}
	lab.send(&mqtt.Publish{Topic: "app/lab/x", Payload: make([]byte, 5000)})
	if r := lab.closed(); r != mqtt.PacketTooLarge {
		t.Errorf("told %v", r)
	}
}

// Covers: S1 S5
func TestARefusedMessageIsNeverAccepted(t *testing.T) {
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Limits: mqttd.Limits{Refusals: 3}})
	device, _ := h.connected("monitor-1", 5, nil)
	bad := func(qos byte) *mqtt.Publish {
		p := &mqtt.Publish{Topic: "v1/monitor-2/telemetry", QoS: qos}
		if qos > 0 {
			p.ID = 3
		}
		return p
	}
	device.send(bad(0), bad(1))
	if a := device.ack(mqtt.TypePuback); a.Reason != mqtt.NotAuthorized {
		t.Errorf("told %v", a.Reason)
	}
	device.send(bad(2))
	if a := device.ack(mqtt.TypePubrec); a.Reason != mqtt.NotAuthorized {
		t.Errorf("told %v", a.Reason)
	}
	device.send(bad(1))
	if r := device.closed(); r != mqtt.NotAuthorized {
		t.Errorf("told %v", r)
	}
	old, _ := h.connected("monitor-1", 4, nil)
	old.send(bad(1))
	old.closed()
	if n := len(d.all()); n != 0 || h.server.Stats().Denied != 5 {
		t.Errorf("%d accepted, %+v", n, h.server.Stats())
	}
}

// Covers: O2
func TestDisconnectByTheAdministration(t *testing.T) {
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
	device, _ := h.connected("monitor-1", 5, nil)
	must(t, h.server.Disconnect(t.Context(), "monitor-1", mqtt.AdministrativeAction))
	if r := device.closed(); r != mqtt.AdministrativeAction {
		t.Errorf("told %v", r)
	}
	eventually(t, "it is gone", func() bool { return len(h.server.Clients()) == 0 })
	if err := h.server.Disconnect(t.Context(), "monitor-1", mqtt.AdministrativeAction); vital.KindOf(err) != vital.NotFound {
		t.Errorf("%v", err)
	}
	device, _ = h.connected("monitor-1", 5, nil)
	h.connected("monitor-2", 5, nil)
	if n := h.server.DisconnectWhere(func(p auth.Principal) bool { return p.Credential == "c-1" }, mqtt.NotAuthorized); n != 1 {
		t.Errorf("%d disconnected", n)
	}
	if r := device.closed(); r != mqtt.NotAuthorized {
		t.Errorf("told %v", r)
	}
}

// TestSightIsRememberedForAMomentOnly: the store is not asked for every delivery,
// and a device that left the ward is out of sight soon, retained messages too.
func TestSightIsRememberedForAMomentOnly(t *testing.T) {
	clock := make(chan time.Time, 1)
	clock <- time.Now()
	var asked atomic.Int64
	var there atomic.Bool
	there.Store(true)
	h := open(t, mqttd.Options{
		Gate: newGate(), Door: newDoor(t), Now: func() time.Time { n := <-clock; clock <- n; return n },
		Visible: func(auth.Principal, vital.DeviceID) bool { asked.Add(1); return there.Load() },
	})
	var box inbox
	narrow := h.dial(h.as("narrow", 5))
	must(t, narrow.Subscribe(within(t, 5*time.Second), "v1/+/status", 1, box.take))
	say := func(n int) {
		for i := range n {
			must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", fmt.Append(nil, i), 1, true, nil))
		}
	}
	say(50)
	eventually(t, "all came", func() bool { return len(box.all()) == 50 })
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	there.Store(false)
	clock <- (<-clock).Add(3 * time.Second)
	say(5)
	must(t, narrow.Subscribe(within(t, 5*time.Second), "v1/monitor-1/status", 1, box.take))
	if n := len(box.all()); n != 50 || asked.Load() != 2 {
		t.Errorf("%d messages, asked %d times", n, asked.Load())
	}
}
