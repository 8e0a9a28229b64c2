package mqttd

import (
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// A session at rest is
//
//	version 1 byte = 1
//	length  uvarint, then that many bytes of JSON: savedSession
//	per message, in the order of savedSession.Messages:
//	  length uvarint, then an MQTT 5 PUBLISH packet
//
// The packets are the messages themselves, so that the codec that is fuzzed for
// the network is the one that reads them back.
const savedVersion = 1

type savedSession struct {
	Expiry        time.Duration
	Online        bool // when it was saved: its expiry has not begun
	LastID        uint16
	Inbound       []uint16 `json:",omitempty"` // QoS 2 identifiers, accepted and not yet released
	Subscriptions []savedSubscription
	Messages      []savedDelivery
	Will          *savedWill `json:",omitempty"`
}

type savedSubscription struct {
	mqtt.Filter
	ID uint32 `json:",omitempty"`
}

type savedMessage struct {
	At       vital.Instant
	Expires  vital.Instant
	From     auth.Principal
	Client   string
	Retained bool `json:",omitempty"`
}

type savedDelivery struct {
	savedMessage
	ID       uint16
	IDs      []uint32 `json:",omitempty"`
	QoS      byte
	Retain   bool `json:",omitempty"`
	Sent     bool `json:",omitempty"`
	Released bool `json:",omitempty"`
}

type savedWill struct {
	savedMessage
	Due    vital.Instant
	Packet []byte
}

func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func takeSized(b []byte) (part, rest []byte, err error) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, vital.Errorf(vital.Invalid, "a saved MQTT session ends too early")
	}
	return b[used : used+int(n)], b[used+int(n):], nil
}

func instant(t time.Time) vital.Instant {
	if t.IsZero() {
		return 0
	}
	return vital.At(t)
}

func (m *message) saved() savedMessage {
	// Only what a later decision needs of the publisher is kept.
	from := auth.Principal{Class: m.from.Class, Site: m.from.Site, ID: m.from.ID, AllWards: m.from.AllWards, Wards: m.from.Wards, Credential: m.from.Credential}
	return savedMessage{At: instant(m.at), Expires: instant(m.expires), From: from, Client: m.client, Retained: m.retain}
}

func (m *message) packet() []byte {
	p := mqtt.Publish{Topic: m.topic, Payload: m.payload, QoS: m.qos, ID: 1, Properties: m.properties}
	return p.Append(nil, mqtt.Level5)
}

func (v savedMessage) restore(packet []byte) (*message, error) {
	f, n, err := mqtt.Next(packet, mqtt.MaxLength)
	if err != nil {
		return nil, err
	}
	if n != len(packet) || f.Type != mqtt.TypePublish {
		return nil, vital.Errorf(vital.Invalid, "a saved message is not one PUBLISH packet")
	}
	p, err := mqtt.DecodePublish(f, mqtt.Level5, nil)
	if err != nil {
		return nil, err
	}
	m := newMessage(&p, v.At.Time())
	m.payload = append([]byte(nil), p.Payload...)
	m.retain, m.from, m.client = v.Retained, v.From, v.Client
	if v.Expires.Known() {
		m.expires = v.Expires.Time()
	}
	return m, nil
}

// saved returns the session at rest; ok is false when it is not to be kept.
func (x *session) saved(now time.Time) (v Saved, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.expiry == 0 || x.lost {
		return Saved{}, false
	}
	head := savedSession{Expiry: x.expiry, Online: x.connection != nil, LastID: x.lastID}
	for id, r := range x.inbound {
		if r.accepted {
			head.Inbound = append(head.Inbound, id)
		}
	}
	for _, sub := range x.subscriptions {
		head.Subscriptions = append(head.Subscriptions, savedSubscription{sub.Filter, sub.id})
	}
	var packets []byte
	for _, list := range [][]delivery{x.flight, x.queue} {
		for i := range list {
			d := &list[i]
			if d.qos == 0 {
				continue
			}
			head.Messages = append(head.Messages, savedDelivery{d.message.saved(), d.id, d.ids, d.qos, d.retain, d.sent, d.released})
			packets = appendSized(packets, d.message.packet())
		}
	}
	if w := x.will; w != nil {
		head.Will = &savedWill{w.message.saved(), instant(w.at), w.message.packet()}
	}
	text, err := json.Marshal(head)
	if err != nil {
		panic("mqttd: a session cannot be written as JSON: " + err.Error()) // only plain values are in it
	}
	ends := now.Add(x.expiry)
	if x.connection == nil {
		ends = x.ends
	}
	body := appendSized([]byte{savedVersion}, text)
	return Saved{Client: x.client, Principal: x.principal, Expires: vital.At(ends), Body: append(body, packets...)}, true
}

// restore reads a session back. One that was connected when the server stopped has
// its whole expiry before it.
func restore(s *Server, v Saved) (*session, error) {
	if len(v.Body) == 0 || v.Body[0] != savedVersion {
		return nil, vital.Errorf(vital.Invalid, "a saved MQTT session of an unknown version")
	}
	text, rest, err := takeSized(v.Body[1:])
	if err != nil {
		return nil, err
	}
	var head savedSession
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, vital.Errorf(vital.Invalid, "read the saved MQTT session: %w", err)
	}
	x := newSession(s, v.Client, v.Principal)
	x.expiry, x.lastID, x.ends = head.Expiry, head.LastID, v.Expires.Time()
	if head.Online {
		x.ends = s.now().Add(x.expiry)
	}
	for _, id := range head.Inbound {
		x.inbound[id] = &receipt{accepted: true}
	}
	for _, sub := range head.Subscriptions {
		x.subscriptions[sub.Filter.Filter] = newSubscription(x, sub.Filter, sub.ID)
	}
	for _, d := range head.Messages {
		var packet []byte
		if packet, rest, err = takeSized(rest); err != nil {
			return nil, err
		}
		m, err := d.restore(packet)
		if err != nil {
			return nil, err
		}
		y := delivery{message: m, qos: d.QoS, retain: d.Retain, ids: d.IDs, id: d.ID, sent: d.Sent || d.ID != 0, released: d.Released}
		x.bytes += m.size
		if d.ID != 0 {
			x.flight = append(x.flight, y)
		} else {
			x.queue = append(x.queue, y)
		}
	}
	if w := head.Will; w != nil {
		m, err := w.restore(w.Packet)
		if err != nil {
			return nil, err
		}
		x.will = &will{message: m, at: w.Due.Time()}
	}
	return x, nil
}

func newSubscription(x *session, f mqtt.Filter, id uint32) *subscription {
	sub := &subscription{session: x, Filter: f, id: id, plain: f.Filter}
	if group, plain, ok := mqtt.SplitShare(f.Filter); ok {
		sub.group, sub.plain = group, plain
	}
	return sub
}

// kept returns a retained message at rest: JSON of savedMessage, then its packet.
func (m *message) kept() Kept {
	text, err := json.Marshal(m.saved())
	if err != nil {
		panic("mqttd: a message cannot be written as JSON: " + err.Error())
	}
	body := append(appendSized([]byte{savedVersion}, text), m.packet()...)
	return Kept{Topic: m.topic, QoS: m.qos, Body: body, At: instant(m.at), Expires: instant(m.expires)}
}

func restoreMessage(b []byte) (*message, error) {
	if len(b) == 0 || b[0] != savedVersion {
		return nil, vital.Errorf(vital.Invalid, "a retained message of an unknown version")
	}
	text, packet, err := takeSized(b[1:])
	if err != nil {
		return nil, err
	}
	var v savedMessage
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, vital.Errorf(vital.Invalid, "read a retained message: %w", err)
	}
	return v.restore(packet)
}
