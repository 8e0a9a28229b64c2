package mqttd

import (
	"sync"
	"time"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// ring holds the packets of one connection that are not yet answered, in the order
// of their arrival. The Door may settle them in any order; they are given to
// subscribers, and answered, in the order of arrival (MQTT 5.0, 4.6).
type ring struct {
	mu     sync.Mutex
	slots  []slot // slots[i%len] for i in [first, next)
	first  uint64 // oldest unanswered
	routed uint64 // oldest not yet given to subscribers
	next   uint64
	bytes  int // of the messages in slots
	freed  chan struct{}
}

type stage byte

const (
	inside   stage = iota // the Door has it
	accepted              // synced, or there is nothing to sync
	saving                // given to subscribers; the answer waits for a save
	answered              // may be answered
)

type slot struct {
	stage   stage
	answer  mqtt.Type // PUBACK, PUBREC, or 0: none
	reason  mqtt.Reason
	id      uint16
	size    int      // of the message, bytes
	save    bool     // the answer has to wait for a save
	message *message // to route, or nil
	lost    bool     // not accepted: never answered, never routed
}

func (r *ring) init() { r.freed = make(chan struct{}, 1) }

// push takes a slot, or reports that the limits are reached.
func (r *ring) push(s slot, limits *Limits) (at uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.message != nil {
		s.size = s.message.size
	}
	if under := r.next - r.first; under >= uint64(limits.InFlight) || under > 0 && r.bytes+s.size > limits.InFlightBytes {
		return 0, false
	}
	r.bytes += s.size
	if r.next-r.first == uint64(len(r.slots)) {
		larger := make([]slot, max(16, 2*len(r.slots)))
		for i := r.first; i < r.next; i++ {
			larger[i%uint64(len(larger))] = r.slots[i%uint64(len(r.slots))]
		}
		r.slots = larger
	}
	at = r.next
	r.slots[at%uint64(len(r.slots))] = s
	r.next++
	return at, true
}

func (r *ring) at(i uint64) *slot { return &r.slots[i%uint64(len(r.slots))] }

// take waits for a slot: the back-pressure of a client that has too much under way.
func (c *connection) take(s slot) (uint64, error) {
	for {
		if at, ok := c.ring.push(s, &c.server.limits); ok {
			return at, nil
		}
		select {
		case <-c.ring.freed:
		case <-c.ctx.Done():
			return 0, c.ctx.Err()
		}
	}
}

// settle notes that the packet in slot at is synced, and does what has become
// possible with it.
func (c *connection) settle(at uint64) {
	r := &c.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at(at).stage = accepted
	c.advance()
}

// lose notes that the packet in slot at was not accepted. It is never answered;
// the others go on, so that what is synced is acknowledged.
func (c *connection) lose(at uint64) {
	r := &c.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.at(at)
	s.stage, s.lost, s.message = accepted, true, nil
	c.advance()
}

// advance routes and answers as far as the order allows. The caller holds ring.mu.
func (c *connection) advance() {
	r := &c.ring
	for r.routed < r.next && r.at(r.routed).stage == accepted {
		at, s := r.routed, r.at(r.routed)
		r.routed++
		unsaved := false
		if s.message != nil {
			unsaved = c.server.route(s.message)
			// A device's packet is safe in the journal; only a program's message
			// depends on the sessions that it was put into.
			unsaved = unsaved && s.message.device == "" && s.message.qos > 0
			s.message = nil
		}
		if !s.save && !unsaved || s.lost {
			s.stage = answered
			continue
		}
		s.stage = saving
		// Not from here: with no place to save, after answers at once.
		c.afterSave(at)
	}
	c.answer()
}

// afterSave answers slot at once everything is saved. The caller holds ring.mu.
func (c *connection) afterSave(at uint64) {
	if c.server.saver.sessions == nil {
		c.ring.at(at).stage = answered
		return
	}
	c.server.saver.after(func(err error) {
		r := &c.ring
		r.mu.Lock()
		defer r.mu.Unlock()
		s := r.at(at)
		s.stage, s.lost = answered, err != nil
		c.answer()
	})
}

// answer appends the answers that are due to the output, all in one go. The caller
// holds ring.mu.
func (c *connection) answer() {
	r, o := &c.ring, &c.output
	if r.first == r.routed || r.at(r.first).stage != answered {
		return
	}
	acknowledged := uint64(0)
	o.mu.Lock()
	for r.first < r.routed {
		s := r.at(r.first)
		if s.stage != answered {
			break
		}
		if s.answer != 0 && !s.lost {
			a := mqtt.Ack{Type: s.answer, ID: s.id, Reason: s.reason}
			o.pending = a.Append(o.pending, c.level)
			acknowledged++
		}
		r.bytes -= s.size
		r.first++
	}
	o.mu.Unlock()
	c.server.counts.acknowledged.Add(acknowledged)
	o.poke()
	poke(r.freed)
}

// unanswered counts the packets that wait for an answer of the given type.
func (r *ring) unanswered(answer mqtt.Type) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for i := r.first; i < r.next; i++ {
		if r.at(i).answer == answer {
			n++
		}
	}
	return n
}

// drain waits until nothing is unanswered, at most for the given time.
func (r *ring) drain(most time.Duration) {
	timeout := time.After(most)
	for {
		r.mu.Lock()
		empty := r.first == r.next
		r.mu.Unlock()
		if empty {
			return
		}
		select {
		case <-r.freed:
		case <-timeout:
			return
		}
	}
}

func (r *ring) length() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.next - r.first)
}
