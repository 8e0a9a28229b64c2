package mqttd

import (
	"time"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// aliasTable gives the topics of a connection short names, as many as the client
// takes. The first topics get them and keep them.
type aliasTable struct {
	most  int
	known map[string]uint16
}

// appendDelivery writes what d needs next: its PUBLISH, or its PUBREL when the
// client has the message already.
func (c *connection) appendDelivery(out []byte, d *delivery, now time.Time) []byte {
	if d.released {
		a := mqtt.Ack{Type: mqtt.TypePubrel, ID: d.id}
		return a.Append(out, c.level)
	}
	p := d.publish(c.level, now)
	c.shorten(&p)
	c.server.counts.delivered.Add(1)
	return p.Append(out, c.level)
}

func (c *connection) shorten(p *mqtt.Publish) {
	t := &c.sender
	if t.most == 0 {
		return
	}
	alias, known := t.known[p.Topic]
	if !known {
		if len(t.known) >= t.most {
			return
		}
		if t.known == nil {
			t.known = make(map[string]uint16)
		}
		alias = uint16(len(t.known) + 1)
		t.known[p.Topic] = alias
	}
	var q mqtt.Properties
	if p.Properties != nil {
		q = *p.Properties
	}
	q.TopicAlias = alias
	p.Properties = &q
	if known {
		p.Topic = ""
	}
}

// fits reports whether the client takes a packet of this size. One that it does
// not take is dropped for it, as MQTT 5.0, 3.1.2.11.4 asks.
func (c *connection) fits(d *delivery, now time.Time) bool {
	const overhead = 64 // fixed header, identifier, alias, expiry
	if c.mostPacket == 0 || d.message.size+overhead < c.mostPacket && d.message.properties == nil && len(d.ids) < 16 {
		return true
	}
	p := d.publish(c.level, now)
	if p.QoS > 0 {
		p.ID = 1
	}
	if c.sender.most > 0 {
		var q mqtt.Properties
		if p.Properties != nil {
			q = *p.Properties
		}
		q.TopicAlias = 1
		p.Properties = &q
	}
	return len(p.Append(nil, c.level)) <= c.mostPacket
}
