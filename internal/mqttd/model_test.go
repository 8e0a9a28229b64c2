package mqttd_test

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// TestADevicesLife lets a device do whatever a device may do, in any order: publish,
// repeat, release, lose its connection, see the server restart. The model says what
// must hold: every packet that was acknowledged is in the Door, QoS 2 once, in order.
func TestADevicesLife(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		level := rapid.SampledFrom(levels).Draw(r, "level")
		d, memory := newDoor(t), new(mqttd.Memory)
		h := openHouse(t, d, memory)
		defer func() { h.stop() }()
		connect := func() *raw {
			device, _ := h.connected("monitor-1", level, func(p *mqtt.Connect) {
				p.Clean = false
				if level == mqtt.Level5 {
					p.Properties = &mqtt.Properties{SessionExpiry: new(uint32(3600))}
				}
			})
			return device
		}
		device := connect()
		defer func() { device.conn.Close() }()
		next, id := 0, uint16(0)
		var want []string                   // acknowledged, in order
		open := make(map[uint16]string)     // QoS 2: received, not released
		unsure := make(map[uint16]*publish) // sent, and the connection ended before the answer
		var order []uint16

		send := func(p *publish) {
			device.send(&mqtt.Publish{Topic: "v1/monitor-1/telemetry", Payload: []byte(p.body), QoS: p.qos, ID: p.id, Duplicate: p.sent})
			p.sent = true
		}
		answered := func(p *publish) {
			if p.qos == 1 {
				device.ack(mqtt.TypePuback)
			} else {
				device.ack(mqtt.TypePubrec)
				open[p.id] = p.body
			}
			want = append(want, p.body)
		}
		resend := func() {
			for _, i := range order {
				send(unsure[i])
				answered(unsure[i])
				delete(unsure, i)
			}
			order = nil
		}
		for range rapid.IntRange(1, 15).Draw(r, "steps") {
			switch rapid.IntRange(0, 6).Draw(r, "what") {
			case 0, 1, 2:
				next, id = next+1, id+1
				p := &publish{id: id, qos: rapid.ByteRange(1, 2).Draw(r, "QoS"), body: fmt.Sprint(next)}
				send(p)
				if rapid.IntRange(0, 3).Draw(r, "cut") == 0 { // the answer is lost
					unsure[p.id], order = p, append(order, p.id)
					device.conn.Close()
					device = connect()
					resend()
					continue
				}
				answered(p)
			case 3: // repeat what was received
				for _, i := range sortedKeys(open) {
					device.send(&mqtt.Publish{Topic: "v1/monitor-1/telemetry", Payload: []byte(open[i]), QoS: 2, ID: i, Duplicate: true})
					device.ack(mqtt.TypePubrec)
				}
			case 4: // release
				for _, i := range sortedKeys(open) {
					device.send(&mqtt.Ack{Type: mqtt.TypePubrel, ID: i})
					if a := device.ack(mqtt.TypePubcomp); a.ID != i || a.Reason != mqtt.Success {
						r.Fatalf("PUBCOMP %+v for %d", a, i)
					}
					delete(open, i)
				}
			case 5:
				device.conn.Close()
				device = connect()
			case 6:
				if rapid.IntRange(0, 5).Draw(r, "the device notices") > 0 {
					device.conn.Close() // else the server says goodbye and lingers
				}
				h.stop()
				device.conn.Close()
				h = openHouse(t, d, memory)
				device = connect()
			}
		}
		got := d.bodies()
		if once := slices.Compact(slices.Clone(got)); !slices.Equal(once, want) { // QoS 1 may be there again
			r.Fatalf("the Door has %q, acknowledged were %q", got, want)
		}
	})
}

type publish struct {
	id   uint16
	qos  byte
	body string
	sent bool
}

func sortedKeys(m map[uint16]string) []uint16 {
	var keys []uint16
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// FuzzPackets builds packets out of the fuzzer's bytes, so that what it changes are
// fields and their order and not mostly lengths: four bytes are one packet. The
// server may close; it may not panic, hang, or acknowledge what it was not sent.
//
// Covers: S6
func FuzzPackets(f *testing.F) {
	f.Add([]byte("\x02\x02\x01\x00\x02\x12\x01\x00\x04\x00\x01\x00"))
	f.Add([]byte("\x05\x01\x01\x00\x02\x01\x02\x10\x06\x00\x03\x00"))
	f.Add([]byte("\x02\x00\x00\x41\x02\x00\x00\x81\x02\x00\x09\x81"))
	f.Add([]byte("\x07\x00\x00\x00\x08\x04\x00\x00"))
	server := mqttd.New(mqttd.Options{Gate: newGate(), Door: newDoor(f), Sessions: new(mqttd.Memory), Limits: mqttd.Limits{ConnectsPerSecond: 1_000_000, InFlight: 8, Aliases: 4, QueueMessages: 5}})
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	go server.Serve(f.Context(), l)
	topics := []string{"v1/monitor-1/telemetry", "v1/monitor-1/wave", "v1/monitor-2/event", "", "v1/monitor-1/command", "$SYS/x", "a/+", "app/x"}
	filters := []string{"v1/monitor-1/command", "v1/monitor-1/status", "#", "$share/g/v1/+/event", "v1/+/telemetry", "a#", "", "v1/monitor-1/+"}
	f.Fuzz(func(t *testing.T, script []byte) {
		ours, theirs := net.Pipe()
		l.conns <- theirs
		ours.SetDeadline(time.Now().Add(10 * time.Second))
		r := &raw{t: t, conn: ours, level: 5}
		heard := make(chan map[uint16]bool, 1)
		go func() {
			acknowledged := make(map[uint16]bool)
			for {
				p, err := r.next(10 * time.Second)
				if err != nil {
					heard <- acknowledged
					return
				}
				if a, ok := p.(*mqtt.Ack); ok && a.Type == mqtt.TypePuback && !a.Reason.Failed() {
					acknowledged[a.ID] = true
				}
			}
		}()
		b := (&mqtt.Connect{Level: 5, ClientID: "monitor-1", Clean: len(script)%2 == 0, HasUsername: true, Username: "monitor-1", HasPassword: true, Password: reversed("monitor-1"),
			Properties: &mqtt.Properties{SessionExpiry: new(uint32(len(script) % 3)), ReceiveMaximum: 2, TopicAliasMaximum: 1}}).Append(nil, 5)
		sent := make(map[uint16]bool)
		for len(script) >= 4 {
			kind, x, id, y := script[0], script[1], uint16(script[2]), script[3]
			script = script[4:]
			var q *mqtt.Properties
			if y&0xC0 != 0 {
				q = &mqtt.Properties{TopicAlias: uint16(y & 7), MessageExpiry: new(uint32(y)), PayloadFormat: y >> 7}
			}
			switch kind % 9 {
			case 0, 1, 2:
				p := mqtt.Publish{Topic: topics[x>>2&7], Payload: make([]byte, y), QoS: x & 3, ID: id, Retain: x&0x80 != 0, Duplicate: x&0x40 != 0, Properties: q}
				if p.QoS == 1 {
					sent[id] = true
				}
				b = p.Append(b, 5)
			case 3, 4:
				b = (&mqtt.Ack{Type: mqtt.Type(4 + x&3), ID: id, Reason: mqtt.Reason(y)}).Append(b, 5)
			case 5:
				b = (&mqtt.Subscribe{ID: id, Filters: []mqtt.Filter{{Filter: filters[y&7], QoS: x & 3, NoLocal: x&4 != 0, Retained: mqtt.RetainHandling(x >> 3 & 3)}}}).Append(b, 5)
			case 6:
				b = (&mqtt.Unsubscribe{ID: id, Filters: []string{filters[y&7]}}).Append(b, 5)
			case 7:
				b = mqtt.Ping{Type: mqtt.TypePingreq}.Append(b, 5)
			case 8:
				b = (&mqtt.Disconnect{Type: mqtt.TypeDisconnect, Reason: mqtt.Reason(x), Properties: &mqtt.Properties{SessionExpiry: new(uint32(y))}}).Append(b, 5)
			}
		}
		ours.Write(append(b, "\xe0\x00"...))
		for id := range <-heard {
			if !sent[id] {
				t.Errorf("acknowledged %d, which was not sent", id)
			}
		}
		ours.Close()
	})
}
