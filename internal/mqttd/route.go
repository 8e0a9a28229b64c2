package mqttd

import "github.com/vigilcare/vigil/wire/mqtt"

// hit is a session that gets a message, with all its matching subscriptions merged
// into one delivery.
type hit struct {
	session *session
	qos     byte
	keep    bool // leave the retain flag as published
	ids     []uint32
}

// route keeps m if it is to be retained and gives it to its subscribers. It
// reports whether something now has to be saved for a session that outlives its
// connection, or for the retained messages.
func (s *Server) route(m *message) (unsaved bool) {
	if m.retain {
		unsaved = s.retained.put(m, s.limits.Retained, s.saver)
	}
	if s.tree.count.Load() == 0 {
		return unsaved
	}
	var hits []hit
	s.tree.match(m.topic, func(sub *subscription) {
		if sub.NoLocal && sub.session.client == m.client && m.client != "" {
			return
		}
		hits = merge(hits, sub)
	}, func(g *group) {
		if sub := choose(g, m); sub != nil {
			hits = merge(hits, sub)
		}
	})
	for _, h := range hits {
		if deliver(h.session, m, h.qos, m.retain && h.keep, h.ids) {
			unsaved = true
		}
	}
	return unsaved
}

func merge(hits []hit, sub *subscription) []hit {
	for i := range hits {
		if h := &hits[i]; h.session == sub.session {
			h.qos = max(h.qos, sub.QoS)
			h.keep = h.keep || sub.KeepFlag
			if sub.id != 0 {
				h.ids = append(h.ids, sub.id)
			}
			return hits
		}
	}
	h := hit{session: sub.session, qos: sub.QoS, keep: sub.KeepFlag}
	if sub.id != 0 {
		h.ids = []uint32{sub.id}
	}
	return append(hits, h)
}

// choose picks the member of a shared subscription that gets m: the next one in
// turn that is connected and may see it, or, when none is connected, the next one
// whose session waits for it.
func choose(g *group, m *message) *subscription {
	var absent *subscription
	start := int(g.next.Add(1))
	for i := range g.members {
		sub := g.members[(start+i)%len(g.members)]
		online, wants := sub.session.wants(m)
		if !wants {
			continue
		}
		if online {
			return sub
		}
		if absent == nil {
			absent = sub
		}
	}
	return absent
}

// deliver queues m for x, if x may see it.
func deliver(x *session, m *message, qos byte, retain bool, ids []uint32) (unsaved bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.mayReceive(m) {
		return false
	}
	return x.push(delivery{message: m, qos: min(qos, m.qos), retain: retain, ids: ids})
}

// subscribed sends the retained messages that a new subscription asks for.
func (s *Server) subscribed(sub *subscription, isNew bool) {
	if sub.group != "" || sub.Retained == mqtt.RetainedNever || sub.Retained == mqtt.RetainedIfNew && !isNew {
		return
	}
	var ids []uint32
	if sub.id != 0 {
		ids = []uint32{sub.id}
	}
	now := s.now()
	for _, m := range s.retained.match(sub.plain) {
		if m.expired(now) || sub.NoLocal && m.client == sub.session.client {
			continue
		}
		deliver(sub.session, m, sub.QoS, true, ids)
	}
}
