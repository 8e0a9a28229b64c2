package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/wave"
)

// inFlight is how many packets of one device may be on the way at once.
const inFlight = 64

// transmitter is what a device keeps between its sensor and the network: packets
// wait in it until the server has acknowledged them, and go out again after the
// connection was lost. It belongs to one device and outlives its connections.
type transmitter struct {
	broker broker
	tally  *tally
	keep   int // packets kept while the server does not answer

	mu      sync.Mutex
	waiting []*outgoing // not sent over the present connection, oldest first
	count   uint64      // packets ever added
	sent    map[*outgoing]struct{}
	changed chan struct{} // closed and replaced whenever the above changes
	closed  bool          // nothing will be added
	held    bool          // the network is away: connect to nobody
}

type outgoing struct {
	topic string
	body  []byte
	order uint64
	at    time.Time // first sent
}

// newTransmitter keeps as many packets as a monitor with five minutes of memory.
func newTransmitter(b broker, t *tally) *transmitter {
	return &transmitter{broker: b, tally: t, keep: 6000, sent: map[*outgoing]struct{}{}, changed: make(chan struct{})}
}

// offer adds a packet and never waits, as a sensor does not: when the memory is
// full the oldest waveform block is lost, and counted; a value goes only when
// there is no waveform left to lose.
func (t *transmitter) offer(topic string, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= t.keep {
		i := max(0, slices.IndexFunc(t.waiting, func(o *outgoing) bool { return wave.Is(o.body) }))
		t.waiting = slices.Delete(t.waiting, i, i+1)
		t.tally.lost.Add(1)
	}
	t.add(topic, body)
}

// deliver adds a packet once there is room for it, so that a recording plays no
// faster than the server takes it.
func (t *transmitter) deliver(ctx context.Context, topic string, body []byte) error {
	for {
		t.mu.Lock()
		if len(t.waiting) < inFlight {
			t.add(topic, body)
			t.mu.Unlock()
			return nil
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (t *transmitter) add(topic string, body []byte) {
	t.tally.made.Add(1)
	t.count++
	t.waiting = append(t.waiting, &outgoing{topic: topic, body: body, order: t.count})
	t.wake()
}

func (t *transmitter) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// finish says that nothing more will be added: run returns when all is acknowledged.
func (t *transmitter) finish() {
	t.mu.Lock()
	t.closed = true
	t.wake()
	t.mu.Unlock()
}

// hold takes the network away, or gives it back: what is offered meanwhile waits.
func (t *transmitter) hold(away bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held != away {
		t.held = away
		t.wake()
	}
}

// reachable waits until the network is not held away.
func (t *transmitter) reachable(ctx context.Context) {
	for {
		t.mu.Lock()
		held, changed := t.held, t.changed
		t.mu.Unlock()
		if !held {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// run keeps the device connected and sends until ctx ends, or until finish was
// called and everything is acknowledged. It returns an error only when the
// server refuses this device: trying again would not help.
func (t *transmitter) run(ctx context.Context) error {
	pause := 100 * time.Millisecond
	for ctx.Err() == nil && !t.done() {
		t.reachable(ctx)
		c, err := dialBroker(ctx, t.broker)
		if err != nil {
			if k := vital.KindOf(err); k == vital.Unauthenticated || k == vital.Denied || k == vital.Invalid {
				return err
			}
			t.tally.refusals.Add(1)
			t.tally.note(err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, 5*time.Second)
			continue
		}
		pause = 100 * time.Millisecond
		t.tally.connected.Add(1)
		t.tally.connections.Add(1)
		t.converse(ctx, c)
		c.close()
		t.tally.connected.Add(-1)
		t.recall()
	}
	return nil
}

func (t *transmitter) done() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed && len(t.waiting) == 0 && len(t.sent) == 0
}

// converse sends what is waiting over c, at most inFlight packets at once, until c
// is lost, ctx ends, or all is done.
func (t *transmitter) converse(ctx context.Context, c *connection) {
	for {
		t.mu.Lock()
		changed := t.changed
		var next *outgoing
		if len(t.waiting) > 0 && len(t.sent) < inFlight {
			next = t.waiting[0]
			t.waiting = t.waiting[1:]
			t.sent[next] = struct{}{}
		}
		if t.held {
			t.mu.Unlock()
			return
		}
		over := t.closed && next == nil && len(t.waiting) == 0 && len(t.sent) == 0
		t.mu.Unlock()
		if over {
			return
		}
		if next != nil {
			now := time.Now()
			if next.at.IsZero() {
				next.at = now
				t.tally.sent.Add(1)
				t.tally.bytes.Add(uint64(len(next.body)))
			} else {
				t.tally.resent.Add(1)
			}
			if err := c.publish(next.topic, next.body, func(err error) { t.acknowledged(next, now, err) }); err != nil {
				t.tally.note(err)
				return
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-c.lost:
			return
		case <-changed:
		}
	}
}

func (t *transmitter) acknowledged(o *outgoing, sent time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, mine := t.sent[o]; !mine {
		return // recalled: it will be sent again
	}
	if err != nil {
		// A refusal of this packet by the server; a lost connection recalls instead.
		if vital.KindOf(err) == vital.Unavailable {
			return
		}
		t.tally.refused.Add(1)
		t.tally.note(err)
	} else {
		t.tally.acknowledged.Add(1)
		t.tally.delay(time.Since(sent))
	}
	delete(t.sent, o)
	t.wake()
}

// recall puts what was not acknowledged back in front, in its order.
func (t *transmitter) recall() {
	t.mu.Lock()
	defer t.mu.Unlock()
	back := make([]*outgoing, 0, len(t.sent)+len(t.waiting))
	for o := range t.sent {
		back = append(back, o)
	}
	slices.SortFunc(back, func(a, b *outgoing) int { return cmp.Compare(a.order, b.order) })
	t.waiting = append(back, t.waiting...)
	clear(t.sent)
}

// tally counts over all devices of one command.
type tally struct {
	made, sent, resent, acknowledged, refused, lost, refusals, connections, bytes atomic.Uint64
	connected                                                                     atomic.Int64
	delays                                                                        [delaySteps]atomic.Uint64

	mu     sync.Mutex
	last   error
	report func(error) // if set, hears of trouble, at most once in ten seconds
	told   time.Time
}

// Delays are counted in steps of 5 % from 10 µs on: 400 steps reach half an hour.
const (
	delaySteps  = 400
	delayFactor = 1.05
)

func (t *tally) delay(d time.Duration) {
	i := int(math.Log(float64(d)/1e4) / math.Log(delayFactor))
	t.delays[min(max(i, 0), delaySteps-1)].Add(1)
}

// quantile returns the delay below which that share of acknowledgements came, in
// milliseconds, 5 % exact; 0 when there was none.
func (t *tally) quantile(share float64) float64 {
	var total uint64
	for i := range t.delays {
		total += t.delays[i].Load()
	}
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(share * float64(total)))
	for i := range t.delays {
		if n := t.delays[i].Load(); n >= rank {
			return 1e4 * math.Pow(delayFactor, float64(i)+0.5) / 1e6
		} else {
			rank -= n
		}
	}
	return 0
}

// note keeps the last trouble for the summary, and tells it.
func (t *tally) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = err
	if now := time.Now(); t.report != nil && now.Sub(t.told) > 10*time.Second {
		t.told = now
		t.report(err)
	}
}

func (t *tally) trouble() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}
