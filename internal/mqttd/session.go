package mqttd

import (
	"slices"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// session is what the server remembers of a client. It ends with its connection
// when its expiry is 0, else so long after.
//
// A session never loses a QoS 1 or 2 message silently: when its queue is full the
// session as a whole is given up, and the client learns at its next CONNECT, from
// "session present: no", that it has to fetch what it missed.
type session struct {
	server *Server
	client string
	owner  string // id of the principal, the same for the session's whole life

	mu            sync.Mutex
	principal     auth.Principal
	expiry        time.Duration
	ends          time.Time   // when offline
	connection    *connection // nil: offline
	subscriptions map[string]*subscription
	inbound       map[uint16]*receipt // QoS 2 from the client, until PUBREL
	flight        []delivery          // with an identifier, oldest first
	unwritten     int                 // of flight: pending
	saves         uint64              // asked for by held deliveries
	queue         []delivery          // waiting for an identifier, oldest first
	bytes         int                 // of flight and queue
	lastID        uint16
	lost          bool // given up
	will          *will
	sights        map[vital.DeviceID]sight
}

// receipt is a QoS 2 packet from the client.
type receipt struct {
	accepted bool // it is synced; a repeated PUBLISH is only acknowledged
	waiting  []waiter
}

// waiter is a slot that the same packet, sent again, waits in.
type waiter struct {
	connection *connection
	slot       uint64
}

func newSession(s *Server, client string, p auth.Principal) *session {
	return &session{
		server: s, client: client, owner: p.ID, principal: p,
		subscriptions: make(map[string]*subscription), inbound: make(map[uint16]*receipt),
	}
}

// lasts reports whether the session is still there when its connection is not.
func (x *session) lasts() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.expiry > 0 && !x.lost
}

func (x *session) waiting() int { return len(x.queue) + len(x.flight) }

// changed notes that the session differs from what is saved, if it is saved at all.
func (x *session) changed() bool {
	if x.expiry == 0 || x.server.saver.sessions == nil {
		return false
	}
	x.server.saver.changed(x)
	return true
}

// push queues d. The caller holds x.mu. It reports whether the session now has to
// be saved.
func (x *session) push(d delivery) bool {
	limits, counts := &x.server.limits, &x.server.counts
	if x.lost || x.connection == nil && (d.qos == 0 || x.expiry == 0) {
		return false
	}
	size := d.message.size
	full := func() bool { return len(x.queue) >= limits.QueueMessages || x.bytes+size > limits.QueueBytes }
	if full() {
		if d.qos == 0 {
			counts.droppedOut.Add(1)
			return false
		}
		if x.dropLoose(); full() {
			x.giveUp()
			return false
		}
	}
	x.queue = append(x.queue, d)
	x.bytes += size
	if x.connection != nil {
		x.connection.wake()
	}
	return d.qos > 0 && x.changed()
}

// giveUp ends a session whose queue is full. Its place in the server's tables is
// cleared by the next upkeep, or by the client's next CONNECT.
func (x *session) giveUp() {
	s := x.server
	s.counts.overflowed.Add(1)
	s.log.Warn("mqtt: a client is too slow; its session ends, it will be told", "client", x.client, "queued", len(x.queue), "bytes", x.bytes)
	x.lost = true
	x.queue, x.flight, x.bytes, x.unwritten = nil, nil, 0, 0
	if x.connection != nil {
		x.connection.kill(mqtt.QuotaExceeded, errSlow)
	}
}

// fill appends what the connection may send now: first what was under way when an
// earlier connection ended, then the queue as far as the window allows.
func (x *session) fill(c *connection, out []byte, most int) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.connection != c {
		return out
	}
	now := c.server.now()
	for i := 0; x.unwritten > 0 && i < len(x.flight) && len(out) < most; i++ {
		if d := &x.flight[i]; d.pending {
			d.pending = false
			x.unwritten--
			out = c.appendDelivery(out, d, now)
			d.sent = true
		}
	}
	if x.unwritten > 0 {
		return out
	}
	taken, held := 0, false
	for taken < len(x.queue) && len(out) < most {
		d := &x.queue[taken]
		if d.qos > 0 && len(x.flight) >= c.window {
			break
		}
		taken++
		if d.message.expired(now) || !c.fits(d, now) {
			x.bytes -= d.message.size
			x.server.counts.droppedOut.Add(1)
			continue
		}
		if d.qos == 0 {
			x.bytes -= d.message.size
			out = c.appendDelivery(out, d, now)
			continue
		}
		d.id = x.freeID()
		if d.qos == 2 && x.changed() {
			d.held, held = x.saves+1, true
			x.flight = append(x.flight, *d)
			continue
		}
		out = c.appendDelivery(out, d, now)
		d.sent = true
		x.flight = append(x.flight, *d)
		x.changed()
	}
	if held {
		x.hold()
	}
	if taken > 0 {
		clear(x.queue[:taken])
		if x.queue = x.queue[taken:]; len(x.queue) == 0 {
			x.queue = nil
		}
	}
	return out
}

// hold has the held deliveries written once the session is saved. Exactly once
// means that the identifier, and later that it was received, outlive even a crash:
// else the message would come again under another one. The caller holds x.mu.
func (x *session) hold() {
	x.saves++
	number := x.saves
	x.server.saver.after(func(err error) {
		if err == nil {
			x.letGo(number)
		}
	})
}

func (x *session) letGo(number uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.flight {
		d := &x.flight[i]
		if d.held == 0 || d.held > number {
			continue
		}
		d.held = 0
		if !d.pending {
			d.pending = true
			x.unwritten++
		}
	}
	if x.connection != nil {
		x.connection.wake()
	}
}

func (x *session) freeID() uint16 {
	for {
		if x.lastID++; x.lastID != 0 && x.find(x.lastID) < 0 {
			return x.lastID
		}
	}
}

func (x *session) find(id uint16) int {
	for i := range x.flight {
		if x.flight[i].id == id {
			return i
		}
	}
	return -1
}

// acknowledged takes a PUBACK, PUBREC or PUBCOMP from the client. answer is the
// PUBREL to send, if one is due.
func (x *session) acknowledged(a mqtt.Ack) (answer *mqtt.Ack, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := x.find(a.ID)
	if i < 0 {
		if a.Type == mqtt.TypePubrec && !a.Reason.Failed() {
			return &mqtt.Ack{Type: mqtt.TypePubrel, ID: a.ID, Reason: mqtt.PacketIDNotFound}, nil
		}
		return nil, nil // of an earlier session, or repeated: nothing to do
	}
	d := &x.flight[i]
	switch {
	case a.Type == mqtt.TypePuback && d.qos == 1, a.Type == mqtt.TypePubcomp && d.qos == 2,
		a.Type == mqtt.TypePubrec && d.qos == 2 && a.Reason.Failed():
		x.bytes -= d.message.size
		if d.pending {
			x.unwritten--
		}
		x.flight = slices.Delete(x.flight, i, i+1)
		x.changed()
		if x.connection != nil && len(x.queue) > 0 {
			x.connection.wake()
		}
	case a.Type == mqtt.TypePubrec && d.qos == 2:
		d.released = true
		if x.changed() {
			d.held = x.saves + 1
			x.hold()
			return nil, nil
		}
		return &mqtt.Ack{Type: mqtt.TypePubrel, ID: a.ID}, nil
	default:
		return nil, mqtt.Errorf(mqtt.ProtocolError, "a %v for a delivery with QoS %d", a.Type, d.qos)
	}
	return nil, nil
}

// attach makes c the session's connection. The caller holds Server.mu.
func (x *session) attach(c *connection, expiry time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.principal, x.expiry, x.connection, x.will, x.sights = c.principal, expiry, c, nil, nil
	x.unwritten = 0
	for i := range x.flight {
		if d := &x.flight[i]; d.held == 0 {
			d.pending = true
			x.unwritten++
		}
	}
	x.changed()
}

// detach notes that c is gone. It reports whether the session ends now.
func (x *session) detach(c *connection, now time.Time, later *will) (over bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.connection != c {
		return false
	}
	x.connection = nil
	if x.expiry == 0 || x.lost {
		return true
	}
	x.will = later
	x.ends = now.Add(x.expiry)
	x.dropLoose() // QoS 0 is for those who are there
	x.changed()
	return false
}

// dropLoose drops the QoS 0 messages of the queue, to make room for the others.
func (x *session) dropLoose() {
	keep := x.queue[:0]
	for _, d := range x.queue {
		if d.qos > 0 {
			keep = append(keep, d)
			continue
		}
		x.bytes -= d.message.size
		x.server.counts.droppedOut.Add(1)
	}
	clear(x.queue[len(keep):])
	x.queue = keep
}

// due returns the will whose delay is over and whether the session's time is.
func (x *session) due(now time.Time) (w *will, over bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.connection != nil {
		return nil, false
	}
	over = x.lost || !now.Before(x.ends)
	if x.will != nil && (over || !now.Before(x.will.at)) {
		w, x.will = x.will, nil
		x.changed()
	}
	return w, over
}

// take empties the session and returns the subscriptions to remove.
func (x *session) take() []*subscription {
	x.mu.Lock()
	defer x.mu.Unlock()
	subs := make([]*subscription, 0, len(x.subscriptions))
	for _, sub := range x.subscriptions {
		subs = append(subs, sub)
	}
	x.subscriptions = make(map[string]*subscription)
	x.lost = true
	x.queue, x.flight, x.bytes, x.unwritten = nil, nil, 0, 0
	return subs
}
