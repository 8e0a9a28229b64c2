package mqttd

import "sync/atomic"

// counts are what the server has done since it started.
type counts struct {
	connects, refused, crowded, takenOver, broken   atomic.Uint64
	received                                        [3]atomic.Uint64 // by QoS
	acknowledged, denied, droppedIn, failed, paused atomic.Uint64
	delivered, droppedOut, overflowed               atomic.Uint64
	bytesIn, bytesOut                               atomic.Uint64
}

// Stats is a snapshot of the counters and of what is open now.
type Stats struct {
	Connections, Sessions, Subscriptions, Retained int

	Connects     uint64    // accepted CONNECTs
	Refused      uint64    // CONNECTs that were not
	Crowded      uint64    // connections over the limit
	TakenOver    uint64    // connections that a second one with the same client id ended
	Broken       uint64    // connections closed for breaking the protocol
	Received     [3]uint64 // PUBLISH by QoS
	Acknowledged uint64    // PUBACK and PUBREC after the sync
	Denied       uint64    // messages and filters refused
	DroppedIn    uint64    // QoS 0 from clients, over capacity
	Failed       uint64    // packets that the Door did not take; never acknowledged
	Paused       uint64    // times a reader waited for its rate limit
	Delivered    uint64    // PUBLISH to clients
	DroppedOut   uint64    // QoS 0 to slow clients, expired or too large messages
	Overflowed   uint64    // sessions ended because their queue was full
	BytesIn      uint64
	BytesOut     uint64
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	c := &s.counts
	t := Stats{
		Connects: c.connects.Load(), Refused: c.refused.Load(), Crowded: c.crowded.Load(), TakenOver: c.takenOver.Load(),
		Broken: c.broken.Load(), Acknowledged: c.acknowledged.Load(), Denied: c.denied.Load(), DroppedIn: c.droppedIn.Load(),
		Failed: c.failed.Load(), Paused: c.paused.Load(), Delivered: c.delivered.Load(), DroppedOut: c.droppedOut.Load(),
		Overflowed: c.overflowed.Load(), BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		Subscriptions: int(s.tree.count.Load()), Retained: s.retained.len(),
	}
	for i := range t.Received {
		t.Received[i] = c.received[i].Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Connections, t.Sessions = len(s.connections), len(s.sessions)
	return t
}

// Listened reports whether anybody subscribes to anything, so that what nobody
// would hear need not be said.
func (s *Server) Listened() bool { return s.tree.count.Load() > 0 }
