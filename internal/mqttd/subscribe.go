package mqttd

import (
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// subscribe handles a SUBSCRIBE: each filter is granted or refused by itself.
func (c *connection) subscribe(f mqtt.Frame) error {
	p, err := mqtt.DecodeSubscribe(f, c.level)
	if err != nil {
		return err
	}
	var id uint32
	if p.Properties != nil && len(p.Properties.SubscriptionIDs) > 0 {
		id = p.Properties.SubscriptionIDs[0]
	}
	x := c.session.Load()
	answer := mqtt.Suback{Type: mqtt.TypeSuback, ID: p.ID, Codes: make([]mqtt.Reason, len(p.Filters))}
	added := make([]*subscription, len(p.Filters))
	isNew := make([]bool, len(p.Filters))
	for i, filter := range p.Filters {
		if err := c.mayRead(filter); err != nil {
			answer.Codes[i] = c.refusedFilter(filter.Filter, err)
			continue
		}
		sub := newSubscription(x, filter, id)
		if sub.group != "" && filter.NoLocal {
			return mqtt.Errorf(mqtt.ProtocolError, "a shared subscription without its own messages")
		}
		x.mu.Lock()
		_, known := x.subscriptions[filter.Filter]
		full := !known && len(x.subscriptions) >= c.server.limits.Subscriptions
		if !full && !x.lost {
			x.subscriptions[filter.Filter] = sub
			x.changed()
		}
		x.mu.Unlock()
		if full {
			answer.Codes[i] = c.code(mqtt.QuotaExceeded)
			continue
		}
		c.server.tree.add(sub)
		added[i], isNew[i] = sub, !known
		answer.Codes[i] = mqtt.Reason(filter.QoS)
	}
	c.send(&answer)
	for i, sub := range added {
		if sub != nil {
			c.server.subscribed(sub, isNew[i])
		}
	}
	return nil
}

func (c *connection) mayRead(f mqtt.Filter) error {
	if len(f.Filter) > maxTopic || !mqtt.ValidFilter(f.Filter) {
		return mqtt.Errorf(mqtt.TopicFilterInvalid, "filter %.100q", f.Filter)
	}
	return c.server.gate.Allow(c.ctx, c.principal, auth.Subscribe, auth.Subject{Kind: "topic", ID: f.Filter})
}

func (c *connection) refusedFilter(filter string, err error) mqtt.Reason {
	s := c.server
	s.counts.denied.Add(1)
	s.log.Warn("mqtt: subscription refused", "client", c.session.Load().client, "remote", c.remote, "filter", filter[:min(len(filter), 100)], "error", err)
	switch {
	case isProtocol(err):
		return c.code(mqtt.ReasonOf(err))
	case vital.KindOf(err) == vital.Denied, vital.KindOf(err) == vital.NotFound:
		return c.code(mqtt.NotAuthorized)
	}
	return c.code(mqtt.UnspecifiedError)
}

// code is a failure as the client's level says it: level 4 has one for all.
func (c *connection) code(r mqtt.Reason) mqtt.Reason {
	if c.level < mqtt.Level5 {
		return mqtt.UnspecifiedError
	}
	return r
}

func (c *connection) unsubscribe(f mqtt.Frame) error {
	p, err := mqtt.DecodeUnsubscribe(f, c.level)
	if err != nil {
		return err
	}
	x := c.session.Load()
	answer := mqtt.Suback{Type: mqtt.TypeUnsuback, ID: p.ID}
	for _, filter := range p.Filters {
		x.mu.Lock()
		sub := x.subscriptions[filter]
		delete(x.subscriptions, filter)
		if sub != nil {
			x.changed()
		}
		x.mu.Unlock()
		if sub == nil {
			answer.Codes = append(answer.Codes, mqtt.NoSubscriptionExisted)
			continue
		}
		c.server.tree.remove(sub)
		answer.Codes = append(answer.Codes, mqtt.Success)
	}
	c.send(&answer)
	return nil
}
