package mqttc

import (
	"cmp"
	"context"
	"slices"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

func sortBy[T any, K cmp.Ordered](s []T, key func(T) K) {
	slices.SortFunc(s, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}

// Publish sends one message and waits until it is acknowledged (QoS 1, 2) or on its
// way (QoS 0).
func (c *Client) Publish(ctx context.Context, topic string, payload []byte, qos byte) error {
	acknowledged := make(chan error, 1)
	if err := c.PublishAsync(topic, payload, qos, func(err error) { acknowledged <- err }); err != nil {
		return err
	}
	select {
	case err := <-acknowledged:
		return err
	case <-ctx.Done():
		return vital.Errorf(vital.Unavailable, "publish to %s: no acknowledgement: %w", topic, ctx.Err())
	}
}

// PublishAsync sends one message; done, which may be nil, is called when it is
// acknowledged, or with an error when it never will be. It waits while as many
// packets as allowed are under way. Done runs on the connection's reader: it must
// not wait for another acknowledgement.
func (c *Client) PublishAsync(topic string, payload []byte, qos byte, done func(error)) error {
	return c.Send(Message{Topic: topic, Payload: payload, QoS: qos}, done)
}

// Send is PublishAsync for a message with everything that MQTT 5 can say.
func (c *Client) Send(m Message, done func(error)) error {
	if !mqtt.ValidTopic(m.Topic) || m.QoS > 2 {
		return vital.Errorf(vital.Invalid, "publish to %q with QoS %d", m.Topic, m.QoS)
	}
	p := mqtt.Publish{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain, Properties: m.Properties}
	if m.QoS == 0 {
		c.mu.Lock()
		l, err := c.link, c.err
		c.mu.Unlock()
		if err == nil && l == nil {
			err = vital.Errorf(vital.Unavailable, "publish to %s: not connected", m.Topic)
		}
		if err == nil {
			err = l.sendBounded(&p)
		}
		if err == nil && done != nil {
			done(nil)
		}
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && (c.used >= c.limit || len(c.free) == 0) {
		c.room.Wait()
	}
	if c.err != nil {
		return c.err
	}
	id := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	c.used++
	c.counter++
	c.flight[id] = flight{used: true, order: c.counter, message: m, done: done}
	if c.link != nil { // else it is sent when there is a connection again
		p.ID = id
		c.link.send(&p)
	}
	return nil
}

// acknowledged takes PUBACK, PUBREC and PUBCOMP.
func (c *Client) acknowledged(l *link, a mqtt.Ack) error {
	c.mu.Lock()
	if int(a.ID) >= len(c.flight) || !c.flight[a.ID].used {
		c.mu.Unlock()
		if a.Type == mqtt.TypePubrec {
			l.send(&mqtt.Ack{Type: mqtt.TypePubrel, ID: a.ID, Reason: mqtt.PacketIDNotFound})
		}
		return nil
	}
	f := &c.flight[a.ID]
	want := mqtt.TypePuback
	if f.message.QoS == 2 {
		want = mqtt.TypePubrec
		if f.released {
			want = mqtt.TypePubcomp
		}
	}
	if a.Type != want && !(a.Type == mqtt.TypePubrec && f.released) {
		c.mu.Unlock()
		return mqtt.Errorf(mqtt.ProtocolError, "%v where %v is due", a.Type, want)
	}
	if a.Type == mqtt.TypePubrec && !a.Reason.Failed() {
		f.released = true
		f.message.Payload = nil
		c.mu.Unlock()
		l.send(&mqtt.Ack{Type: mqtt.TypePubrel, ID: a.ID})
		return nil
	}
	var err error
	if a.Reason.Failed() && !(a.Type == mqtt.TypePubcomp) {
		err = mqtt.Errorf(a.Reason, "publish to %s: %v", f.message.Topic, a.Reason)
	}
	done := f.done
	*f = flight{}
	c.free = append(c.free, a.ID)
	c.used--
	c.room.Signal()
	c.mu.Unlock()
	if done != nil {
		done(err)
	}
	return nil
}

// Subscribe asks for the messages of filter; handler is called for each, on the
// connection's reader, in order. It must not wait for an acknowledgement.
func (c *Client) Subscribe(ctx context.Context, filter string, qos byte, handler func(topic string, payload []byte)) error {
	f := mqtt.Filter{Filter: filter, QoS: qos}
	c.mu.Lock()
	c.subscriptions = append(c.subscriptions, subscription{f, handler})
	c.mu.Unlock()
	codes, err := c.ask(ctx, func(id uint16) mqtt.Packet { return &mqtt.Subscribe{ID: id, Filters: []mqtt.Filter{f}} })
	if err == nil && (len(codes) != 1 || codes[0].Failed()) {
		err = vital.Errorf(vital.Denied, "subscribe to %s: refused (%v)", filter, codes)
	}
	if err != nil {
		c.forget(filter)
	}
	return err
}

// Unsubscribe ends a subscription.
func (c *Client) Unsubscribe(ctx context.Context, filter string) error {
	c.forget(filter)
	_, err := c.ask(ctx, func(id uint16) mqtt.Packet { return &mqtt.Unsubscribe{ID: id, Filters: []string{filter}} })
	return err
}

func (c *Client) forget(filter string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscriptions = slices.DeleteFunc(c.subscriptions, func(s subscription) bool { return s.filter.Filter == filter })
}

func (c *Client) ask(ctx context.Context, packet func(id uint16) mqtt.Packet) ([]mqtt.Reason, error) {
	c.mu.Lock()
	if c.err != nil || c.link == nil {
		err := c.err
		c.mu.Unlock()
		return nil, cmp.Or(err, vital.Errorf(vital.Unavailable, "not connected"))
	}
	id := c.requestID()
	r := &request{ready: make(chan struct{})}
	c.requests[id] = r
	c.link.send(packet(id))
	c.mu.Unlock()
	select {
	case <-r.ready:
		return r.codes, r.err
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.requests, id)
		c.mu.Unlock()
		return nil, vital.Errorf(vital.Unavailable, "waiting for the server: %w", ctx.Err())
	}
}

func (c *Client) answered(s *mqtt.Suback) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.requests[s.ID]; r != nil {
		r.codes = s.Codes
		close(r.ready)
		delete(c.requests, s.ID)
	}
}

// deliver gives a message to its handlers; of a QoS 2 message only the first copy.
func (c *Client) deliver(p *mqtt.Publish) {
	c.mu.Lock()
	if p.QoS == 2 {
		if _, repeated := c.received[p.ID]; repeated {
			c.mu.Unlock()
			return
		}
		c.received[p.ID] = struct{}{}
	}
	var handlers []func(string, []byte)
	for _, s := range c.subscriptions {
		filter := s.filter.Filter
		if _, plain, shared := mqtt.SplitShare(filter); shared {
			filter = plain
		}
		if s.handler != nil && mqtt.Match(filter, p.Topic) {
			handlers = append(handlers, s.handler)
		}
	}
	c.mu.Unlock()
	for _, h := range handlers {
		h(p.Topic, p.Payload)
	}
}

func (c *Client) releasedByServer(id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.received, id)
}
