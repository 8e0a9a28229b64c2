// Package notify brings a page to a human who acknowledges it, and records every
// step on the way. It exists because an alarm that nobody hears is worse than
// none: whoever relies on it looks away.
//
// The life of a page. The flow writes it in the commit that raised the alarm, so
// that neither is without the other. The Worker takes it up: it asks who covers
// the bed at this moment and keeps that as a plan, the people in order and each
// one's channels in order, with the first delivery, in one transaction; a page is
// taken up once. Deliveries go out through lanes, one for each kind of channel,
// so that a channel that hangs holds up nobody else; in each lane the high ones
// have places of their own. What does not get out, or is not seen in time, leads
// to the next channel, then to the next person, then to the next level. When the
// alarm is acknowledged or over, a page of kind "stop" ends all that.
//
// After a crash, a message that was being handed over may have got out or not.
// It is handed over again: a page twice is better than none. Every repeat carries
// the same id (Message-ID, Idempotency-Key, tag), so that a receiver can drop it.
//
// No message says who the patient is or what was measured: a lock screen is read
// by everybody. The one exception, an emergency call, is made by a person, for a
// reason, over addresses that are marked for it.
package notify

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Options says how a worker is built. Store, Seal and Unseal are required.
type Options struct {
	Store *store.DB
	Site  vital.Site
	Now   func() time.Time
	Log   *slog.Logger

	// Seal and Unseal keep the keys of the notifier (push identity, link tokens)
	// at rest under the key of the site.
	Seal, Unseal func([]byte) ([]byte, error)
	// Changed lets the flow act on a command or report that was just written.
	Changed func(context.Context) error
	// Dead is told when a kind of channel stops working for everybody, and with a
	// zero time when it works again. May be nil: the finding is reported anyway.
	Dead func(channel string, since time.Time, reason string)
	// Alone: no other process sends for this site, so what was being handed over
	// when this one stopped is taken up at its start, and not when its time is up.
	Alone bool

	Language string           // of the house, for who has chosen none; empty: English
	Rules    func() *rule.Set // in force, for what they say in other languages; nil: English

	Public  string         // address by which phones reach the screens: "https://vigil.example.org"
	SMTP    string         // smtp://user:password@host:587?from=vigil@example.org; empty: no e-mail
	SMS     Gateway        // without URL: no SMS
	Allow   []netip.Prefix // addresses inside the house that webhooks, ntfy and gateways may have
	Timing  Timing         // zero fields: the standard
	Senders map[string]Sender
}

// Timing is how long things may take.
type Timing struct {
	Poll     time.Duration    // between looks at the store when nobody wakes the worker: 250 ms
	Limit    time.Duration    // of one attempt: 8 s
	Attempts int              // of one delivery: 4
	Retry    time.Duration    // before the second attempt, doubled for each further one: 1 s
	Patience [4]time.Duration // by priority: until the next channel is tried because nobody has seen the message; 0: never
	Gather   [4]time.Duration // by priority: least time between two messages to one person by one channel, after Burst; never of high
	Burst    int              // messages before Gather counts: 3
	Live     time.Duration    // a station that said nothing for this long is closed: 45 s
	Jitter   func() float64   // 0 to 1
}

func (t Timing) orStandard() Timing {
	t.Poll, t.Limit = cmp.Or(t.Poll, 250*time.Millisecond), cmp.Or(t.Limit, 8*time.Second)
	t.Attempts, t.Retry = cmp.Or(t.Attempts, 4), cmp.Or(t.Retry, time.Second)
	t.Burst, t.Live = cmp.Or(t.Burst, 3), cmp.Or(t.Live, 45*time.Second)
	if t.Patience == [4]time.Duration{} {
		t.Patience = [4]time.Duration{vital.High: 15 * time.Second, vital.Medium: 60 * time.Second}
	}
	if t.Gather == [4]time.Duration{} {
		t.Gather = [4]time.Duration{vital.Low: 60 * time.Second, vital.Medium: 20 * time.Second}
	}
	if t.Jitter == nil {
		t.Jitter = rand.Float64
	}
	return t
}

// lease is how long a handing over may take before it counts as broken off.
func (t Timing) lease() time.Duration { return 2*t.Limit + 2*time.Second }

// backoff is the wait after attempt n: it doubles, at most 30 s, and a quarter of
// it is chance, so that what failed together does not come back together.
func (t Timing) backoff(n int) time.Duration {
	wait := min(t.Retry<<min(n-1, 10), 30*time.Second)
	return wait*3/4 + time.Duration(float64(wait/2)*t.Jitter())
}

// Sender hands one message to one receiver. An error of kind Gone says that the
// address is no more: it is not tried again until its owner changes it. NotFound,
// Invalid and Denied say that this message will not get there; any other, that it
// may later, and that the channel itself may be in trouble.
type Sender interface {
	Send(ctx context.Context, to Recipient, m Message) (Receipt, error)
}

// Recipient is where a message goes.
type Recipient struct {
	Person  string
	Ward    vital.WardID
	Address string
	Secret  string
}

// Receipt is how far the channel says that the message came.
type Receipt struct {
	State    string // store.HandedOver, or store.Delivered where the channel knows
	Reason   string
	Replaces bool // a later message with the same tag takes its place
}

// Worker sends pages.
type Worker struct {
	o       Options
	store   *store.DB
	site    vital.Site
	now     func() time.Time
	log     *slog.Logger
	timing  Timing
	senders map[string]Sender
	keys    keys

	duty    *duty // while a storm lasts; of Run alone
	wake    chan struct{}
	results chan outcome
	running sync.WaitGroup

	mutex sync.Mutex // around what follows
	lanes map[string]*lane
	rates map[string]*rate
	known map[string]bool // findings that were reported and hold
}

// New returns a worker; Run sends. A channel that is set up wrongly stops the
// start: later nobody would be told.
func New(o Options) (*Worker, error) {
	w := &Worker{
		o: o, store: o.Store, site: cmp.Or(o.Site, vital.DefaultSite), now: o.Now, log: o.Log, timing: o.Timing.orStandard(),
		wake: make(chan struct{}, 1), results: make(chan outcome, 256),
		lanes: map[string]*lane{}, rates: map[string]*rate{}, known: map[string]bool{},
	}
	if w.now == nil {
		w.now = time.Now
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	var err error
	w.senders, err = w.channels()
	return w, err
}

// Wake tells the worker that there may be something to do: the flow has
// committed pages. It never waits.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. An error of the store is tried again: a notifier
// that gives up is silence.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.prepare(ctx); err != nil {
		return err
	}
	defer w.leave(ctx)
	poll := time.NewTicker(w.timing.Poll)
	defer poll.Stop()
	for {
		more, err := w.pass(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if store.Fatal(err) {
				return err
			}
			w.log.Error("pages cannot be worked off", "error", err.Error())
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case r := <-w.results:
			if err := w.finish(ctx, r); err != nil {
				w.log.Error("what became of a message cannot be kept", "error", err.Error())
			}
		case <-poll.C:
		}
	}
}

// leave waits for the attempts that are under way and keeps what became of them.
func (w *Worker) leave(ctx context.Context) {
	gone := make(chan struct{})
	go func() {
		w.running.Wait()
		close(gone)
	}()
	for {
		select {
		case o := <-w.results:
			if err := w.finish(context.WithoutCancel(ctx), o); err != nil {
				w.log.Error("what became of a message cannot be kept", "error", err.Error())
			}
		case <-gone:
			if len(w.results) == 0 {
				return
			}
		}
	}
}

func (w *Worker) prepare(ctx context.Context) error {
	if err := w.loadKeys(ctx); err != nil {
		return err
	}
	if err := w.recall(ctx); err != nil {
		return err
	}
	if w.o.Alone {
		return w.store.TakeUp(ctx, w.site, w.at())
	}
	return nil
}

// Bounds of one pass: short transactions, so that a page of high priority that
// comes in a storm is seen in the next one.
const (
	mostCalls   = 40
	mostPagings = 40
	mostErrands = 200
)

// pass does what is due, once; more says that it did not get through.
func (w *Worker) pass(ctx context.Context) (more bool, err error) {
	if err := w.drain(ctx); err != nil {
		return false, err
	}
	calls, err := w.expand(ctx)
	if err != nil {
		return false, err
	}
	pagings, err := w.goOn(ctx)
	if err != nil {
		return false, err
	}
	sent, err := w.dispatch(ctx)
	return calls == mostCalls || pagings == mostPagings || sent, err
}

func (w *Worker) at() vital.Instant { return vital.At(w.now()) }

// entry is the ledger's line for what the notifier does by itself.
func (w *Worker) entry(action string) audit.Entry {
	return audit.Entry{Site: w.site, At: w.at(), Who: "system", Role: "notifier", Action: action}
}

// State is how the notifier does, for /readyz and the sentinel.
type State struct {
	Open     time.Duration // age of the oldest page of high priority that nobody has acknowledged
	Unheard  time.Duration // age of the oldest that no channel has taken
	Channels []DeadChannel
}

// DeadChannel is a kind of channel that works for nobody.
type DeadChannel struct {
	Kind   string
	Since  time.Time
	Reason string
}

// State asks the store and the lanes.
func (w *Worker) State(ctx context.Context) (State, error) {
	waiting, err := w.store.PagesWaiting(ctx, w.site)
	if err != nil {
		return State{}, err
	}
	var s State
	if waiting.Open != 0 {
		s.Open = w.at().Sub(waiting.Open)
	}
	if waiting.Unheard != 0 {
		s.Unheard = w.at().Sub(waiting.Unheard)
	}
	s.Channels = w.deadChannels()
	return s, nil
}
