package mqttd

import (
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// maxTopic is the longest topic or filter, maxClientID the longest client identifier
// that is remembered, bytes.
const (
	maxTopic    = 1024
	maxClientID = 256
)

// publish handles a PUBLISH from the client.
func (c *connection) publish(f mqtt.Frame) error {
	s := c.server
	p, err := mqtt.DecodePublish(f, c.level, &c.topics)
	if err != nil {
		return err
	}
	if len(p.Topic) > maxTopic {
		return mqtt.Errorf(mqtt.TopicNameInvalid, "a topic of %d bytes, at most %d", len(p.Topic), maxTopic)
	}
	if err := c.resolveAlias(&p); err != nil {
		return err
	}
	if p.Properties != nil && len(p.Properties.SubscriptionIDs) > 0 {
		return mqtt.Errorf(mqtt.ProtocolError, "a client's PUBLISH with a subscription identifier")
	}
	s.counts.received[p.QoS].Add(1)
	c.received.Add(1)
	if err := c.pace(); err != nil {
		return err
	}
	if p.QoS > 0 && c.level >= mqtt.Level5 {
		if err := c.checkQuota(&p); err != nil {
			return err
		}
	}
	if err := s.gate.Allow(c.ctx, c.principal, auth.Publish, auth.Subject{Kind: "topic", ID: p.Topic}); err != nil {
		return c.refuse(&p, err)
	}
	m := newMessage(&p, c.at)
	m.payload = append([]byte(nil), p.Payload...)
	m.from, m.client = c.principal, c.session.Load().client
	if p.QoS == 2 {
		return c.publishOnce(m, &p)
	}
	if p.QoS == 0 && m.device != "" && s.loose.Load() >= int64(s.limits.Loose) {
		s.counts.droppedIn.Add(1)
		return nil
	}
	answer := slot{message: m, id: p.ID}
	if p.QoS == 1 {
		answer.answer = mqtt.TypePuback
	}
	at, err := c.take(answer)
	if err != nil {
		return err
	}
	return c.accept(m, at, nil)
}

// resolveAlias replaces a topic alias by its topic, or learns it.
func (c *connection) resolveAlias(p *mqtt.Publish) error {
	if p.Properties == nil || p.Properties.TopicAlias == 0 {
		return nil
	}
	a := int(p.Properties.TopicAlias)
	if a > c.server.limits.Aliases {
		return mqtt.Errorf(mqtt.TopicAliasInvalid, "topic alias %d, at most %d", a, c.server.limits.Aliases)
	}
	for len(c.aliases) <= a {
		c.aliases = append(c.aliases, "")
	}
	if p.Topic != "" {
		c.aliases[a] = p.Topic
		return nil
	}
	if c.aliases[a] == "" {
		return mqtt.Errorf(mqtt.ProtocolError, "topic alias %d was never set", a)
	}
	p.Topic = c.aliases[a]
	return nil
}

// pace makes the reader wait while the client is over its rate.
func (c *connection) pace() error {
	now := time.Now()
	if c.limiter.AllowN(now, 1) {
		return nil
	}
	c.server.counts.paused.Add(1)
	if err := c.limiter.Wait(c.ctx); err != nil {
		return c.ctx.Err()
	}
	return nil
}

// checkQuota closes the connection of a level 5 client that has more unanswered
// packets under way than it was told to.
func (c *connection) checkQuota(p *mqtt.Publish) error {
	x := c.session.Load()
	x.mu.Lock()
	known := len(x.inbound)
	_, repeated := x.inbound[p.ID]
	x.mu.Unlock()
	limit := c.server.limits.InFlight
	if repeated && p.QoS == 2 || c.ring.length()+known < limit { // the cheap question first
		return nil
	}
	if c.ring.unanswered(mqtt.TypePuback)+known >= limit {
		return mqtt.Errorf(mqtt.ReceiveMaximumExceeded, "more than %d packets unacknowledged", limit)
	}
	return nil
}

// refuse answers a message that the client may not publish. Level 4 has no words
// for that: the connection ends, and nothing was acknowledged.
func (c *connection) refuse(p *mqtt.Publish, err error) error {
	s := c.server
	s.counts.denied.Add(1)
	if kind := vital.KindOf(err); kind != vital.Denied && kind != vital.NotFound {
		return err
	}
	s.log.Warn("mqtt: publish refused", "client", c.session.Load().client, "remote", c.remote, "topic", p.Topic)
	if c.refusals++; c.refusals > s.limits.Refusals || c.level < mqtt.Level5 && p.QoS > 0 {
		return mqtt.Errorf(mqtt.NotAuthorized, "not allowed to publish to %q", p.Topic)
	}
	if p.QoS == 0 {
		return nil
	}
	answer := slot{stage: accepted, answer: mqtt.TypePuback, reason: mqtt.NotAuthorized, id: p.ID}
	if p.QoS == 2 {
		answer.answer = mqtt.TypePubrec
	}
	at, err := c.take(answer)
	if err != nil {
		return err
	}
	c.settle(at)
	return nil
}

// publishOnce handles QoS 2: whatever the client repeats before its PUBREL goes to
// the Door once.
func (c *connection) publishOnce(m *message, p *mqtt.Publish) error {
	x := c.session.Load()
	x.mu.Lock()
	r, repeated := x.inbound[p.ID]
	if !repeated {
		if len(x.inbound) >= c.server.limits.InFlight {
			x.mu.Unlock()
			return mqtt.Errorf(mqtt.ReceiveMaximumExceeded, "more than %d packets not released", c.server.limits.InFlight)
		}
		r = new(receipt)
		x.inbound[p.ID] = r
	}
	keep := x.expiry > 0
	x.mu.Unlock()

	answer := slot{answer: mqtt.TypePubrec, id: p.ID, save: keep}
	if !repeated {
		answer.message = m
	}
	at, err := c.take(answer)
	if err != nil {
		if !repeated {
			x.settleOnce(p.ID, r, err)
		}
		return err
	}
	if !repeated {
		return c.accept(m, at, func(err error) { x.settleOnce(p.ID, r, err) })
	}
	x.mu.Lock()
	if !r.accepted { // the first one is still inside the Door
		r.waiting = append(r.waiting, waiter{c, at})
		x.mu.Unlock()
		return nil
	}
	x.mu.Unlock()
	c.settle(at)
	return nil
}

// settleOnce notes the outcome of a QoS 2 packet: accepted, or as if it had never
// come.
func (x *session) settleOnce(id uint16, r *receipt, err error) {
	x.mu.Lock()
	if err == nil {
		r.accepted = true
		x.changed()
	} else if x.inbound[id] == r {
		delete(x.inbound, id)
	}
	waiting := r.waiting
	r.waiting = nil
	x.mu.Unlock()
	for _, w := range waiting {
		if err == nil {
			w.connection.settle(w.slot)
		} else {
			w.connection.failed(w.slot, err)
		}
	}
}

// release handles a PUBREL: the identifier may be used anew.
func (c *connection) release(a mqtt.Ack) {
	x := c.session.Load()
	x.mu.Lock()
	r, known := x.inbound[a.ID]
	if known && r.accepted {
		delete(x.inbound, a.ID)
		x.changed()
	}
	x.mu.Unlock()
	answer := mqtt.Ack{Type: mqtt.TypePubcomp, ID: a.ID}
	if !known {
		answer.Reason = mqtt.PacketIDNotFound
	}
	c.send(&answer)
}

// accept gives a device's message to the Door. A program's message has nothing to
// be decoded and goes to its subscribers only.
func (c *connection) accept(m *message, at uint64, settled func(error)) error {
	s := c.server
	if m.device == "" {
		if settled != nil {
			settled(nil)
		}
		c.settle(at)
		return nil
	}
	loose := m.qos == 0
	if loose {
		s.loose.Add(1)
	}
	s.inside.Add(1)
	err := s.door.Accept(c.ctx, s.packet(m), func(_ ingest.Receipt, err error) {
		s.inside.Add(-1)
		if loose {
			s.loose.Add(-1)
		}
		if settled != nil {
			settled(err)
		}
		if err != nil {
			c.failed(at, err)
			return
		}
		c.settle(at)
	})
	if err == nil {
		return nil
	}
	s.inside.Add(-1)
	if loose {
		s.loose.Add(-1)
	}
	if settled != nil {
		settled(err)
	}
	c.failed(at, err)
	return err
}

// failed ends the connection after a packet that could not be made durable, so that
// the device sends it again. QoS 0 promised nothing: it is only counted.
func (c *connection) failed(at uint64, err error) {
	s := c.server
	s.counts.failed.Add(1)
	c.ring.mu.Lock()
	promised := c.ring.at(at).answer != 0
	c.ring.mu.Unlock()
	c.lose(at)
	if promised {
		s.log.Warn("mqtt: a packet was not accepted; its connection is closed so that it is sent again", "remote", c.remote, "error", err)
		c.kill(reasonOf(err), err)
	}
}

func (s *Server) packet(m *message) ingest.Packet {
	return ingest.Packet{
		Site: s.site, Credential: m.from.Credential, Device: m.device, Gateway: m.from.Class == auth.Gateway,
		Door: "mqtt", Topic: m.topic, Format: formatOf(m.properties), Received: vital.At(m.at), Body: m.payload,
	}
}
