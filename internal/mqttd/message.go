package mqttd

import (
	"mime"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// message is one message on its way to subscribers, shared by all of them and
// never changed.
type message struct {
	topic      string
	payload    []byte
	qos        byte
	retain     bool
	properties *mqtt.Properties // those that travel with a message, or nil
	at         time.Time
	expires    time.Time      // zero: never
	device     vital.DeviceID // of a v1 topic
	from       auth.Principal // who published it: its wards decide who may read an app message
	client     string
	size       int // what it costs in a queue, bytes, about
}

func newMessage(p *mqtt.Publish, now time.Time) *message {
	m := &message{topic: p.Topic, payload: p.Payload, qos: p.QoS, retain: p.Retain, at: now, size: 128 + len(p.Topic) + len(p.Payload)}
	if device, _, ok := auth.DeviceTopic(p.Topic); ok {
		m.device = vital.DeviceID(device)
	}
	if q := p.Properties; q != nil {
		if q.MessageExpiry != nil {
			m.expires = now.Add(time.Duration(*q.MessageExpiry) * time.Second)
		}
		m.properties = &mqtt.Properties{
			PayloadFormat: q.PayloadFormat, ContentType: q.ContentType, ResponseTopic: q.ResponseTopic,
			CorrelationData: q.CorrelationData, User: q.User,
		}
		m.size += len(q.ContentType) + len(q.ResponseTopic) + len(q.CorrelationData)
		for _, u := range q.User {
			m.size += 32 + len(u.Name) + len(u.Value)
		}
	}
	return m
}

func (m *message) expired(now time.Time) bool { return !m.expires.IsZero() && !now.Before(m.expires) }

// delivery is one message on its way to one session.
type delivery struct {
	message  *message
	qos      byte
	retain   bool
	ids      []uint32 // subscription identifiers
	id       uint16   // 0 while it waits
	sent     bool     // on some connection, perhaps an earlier one
	released bool     // QoS 2: PUBREC came, PUBREL is due or sent
	pending  bool     // has to be written to the present connection
	held     uint64   // QoS 2: its state must be saved before it is written; the number of that save, 0: none
}

// publish makes the packet for d, at level 5 with the properties it needs.
func (d *delivery) publish(level mqtt.Level, now time.Time) mqtt.Publish {
	m := d.message
	p := mqtt.Publish{Topic: m.topic, Payload: m.payload, ID: d.id, QoS: d.qos, Retain: d.retain, Duplicate: d.sent && d.qos > 0}
	if level < mqtt.Level5 || m.properties == nil && m.expires.IsZero() && len(d.ids) == 0 {
		return p
	}
	q := new(mqtt.Properties)
	if m.properties != nil {
		*q = *m.properties
	}
	if !m.expires.IsZero() {
		q.MessageExpiry = new(uint32(max(m.expires.Sub(now)/time.Second, 1)))
	}
	q.SubscriptionIDs = d.ids
	p.Properties = q
	return p
}

// formats names the payload formats by their content types.
var formats = map[string]string{
	"application/json":           "vigil-json",
	"application/senml+json":     "senml",
	"application/vnd.vigil.wave": "vigil-wave",
}

// formatOf returns the format of a content type, or "" when it says nothing.
func formatOf(p *mqtt.Properties) string {
	if p == nil || p.ContentType == "" {
		return ""
	}
	if f, ok := formats[p.ContentType]; ok {
		return f
	}
	t, _, err := mime.ParseMediaType(p.ContentType)
	if err != nil {
		return ""
	}
	return formats[t]
}
