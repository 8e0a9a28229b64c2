package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// lane is one kind of channel: how many messages are under way, and how it does.
type lane struct {
	high, rest int // under way
	failures   int // one after the other, of different messages
	since      time.Time
	reason     string
	dead       bool
}

// Places in a lane. The high ones have their own, so that a storm of others, or a
// receiver that is slow to them, never takes the last.
const (
	highPlaces = 32
	restPlaces = 8
	// deadAfter failures in a row without one success a kind of channel is dead.
	deadAfter = 3
)

// rate is what one person got by one channel lately, without what is of high
// priority.
type rate struct {
	last  vital.Instant
	spent int
}

// outcome is an attempt that has ended.
type outcome struct {
	errands []store.Errand // more than one: a digest
	receipt Receipt
	err     error
	high    bool
}

// dispatch hands out what is due: first everything of high priority, then the
// rest as far as there are places.
func (w *Worker) dispatch(ctx context.Context) (sent bool, err error) {
	for _, high := range []bool{true, false} {
		at := w.at()
		due, err := w.store.Due(ctx, w.site, at, high, mostErrands)
		if err != nil {
			return sent, err
		}
		bundles, passed, held := w.bundle(due, at, high)
		for until, ids := range held {
			if err := w.store.Hold(ctx, w.site, ids, until); err != nil {
				return sent, err
			}
			sent = true
		}
		if len(passed) > 0 {
			if err := w.store.Finish(ctx, w.site, at, passed...); err != nil {
				return sent, err
			}
			sent = true
		}
		started, err := w.send(ctx, bundles, at, high)
		if err != nil {
			return sent, err
		}
		sent = sent || started && len(due) == mostErrands
	}
	return sent, nil
}

// bundle puts together what goes out as one message: each of high priority alone;
// of the rest, what waits for the same person at the same channel, as a digest,
// when that person has had enough messages lately. What need not or cannot be
// tried comes back as a result; held is what waits for the next digest, by when.
func (w *Worker) bundle(due []store.Errand, at vital.Instant, high bool) (bundles [][]store.Errand, passed []store.Result, held map[vital.Instant][]string) {
	held = map[vital.Instant][]string{}
	waiting := map[string][]store.Errand{}
	var order []string
	for _, e := range due {
		if r, ok := w.passOver(e, at); ok {
			passed = append(passed, r)
			continue
		}
		if high || e.Told == "test" || e.Told == "stop" {
			bundles = append(bundles, []store.Errand{e})
			continue
		}
		key := e.Person + "\x00" + e.Channel
		if waiting[key] == nil {
			order = append(order, key)
		}
		waiting[key] = append(waiting[key], e)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for key, r := range w.rates {
		if waiting[key] == nil && at.Sub(r.last) > time.Hour {
			delete(w.rates, key)
		}
	}
	for _, key := range order {
		list := waiting[key]
		r := w.rates[key]
		if r == nil {
			r = &rate{}
			w.rates[key] = r
		}
		gather := w.timing.Gather[list[0].Priority]
		if at.Sub(r.last) >= gather {
			r.spent = 0
		}
		switch free := w.timing.Burst - r.spent; {
		case len(list) <= free:
			for _, e := range list {
				bundles = append(bundles, []store.Errand{e})
			}
			r.spent, r.last = r.spent+len(list), at
		case r.spent == 0 || at.Sub(r.last) >= gather:
			bundles = append(bundles, list)
			r.spent, r.last = w.timing.Burst, at
		default:
			for _, e := range list {
				held[r.last.Add(gather)] = append(held[r.last.Add(gather)], e.ID)
			}
		}
	}
	return bundles, passed, held
}

// passOver says what becomes of a delivery that is not tried.
func (w *Worker) passOver(e store.Errand, at vital.Instant) (store.Result, bool) {
	r := store.Result{ID: e.ID, Page: e.Page}
	switch {
	case w.senders[e.Kind] == nil:
		r.State, r.Reason = store.Dead, "this installation has no "+e.Kind
	case e.State == store.HandingOver && e.Attempts >= w.timing.Attempts:
		r.State, r.Reason = store.Failed, "it is not known whether the last attempt got through"
	case e.Channel != "screen" && e.Standing == "" && !standing(e.Channel):
		r.State, r.Reason = store.Dead, "the channel was removed"
	case e.Channel != "screen" && e.Standing == "dead":
		r.State, r.Reason = store.Dead, "the address is no more"
	default:
		return r, false
	}
	return r, true
}

// send claims bundles as far as the lanes have places, and starts them.
func (w *Worker) send(ctx context.Context, bundles [][]store.Errand, at vital.Instant, high bool) (bool, error) {
	var chosen [][]store.Errand
	var all []store.Errand
	w.mutex.Lock()
	for _, b := range bundles {
		l := w.laneOf(b[0].Kind)
		if high && l.high >= highPlaces || !high && l.rest >= restPlaces {
			continue
		}
		l.take(high, 1)
		chosen, all = append(chosen, b), append(all, b...)
	}
	w.mutex.Unlock()
	if len(chosen) == 0 {
		return false, nil
	}
	won, err := w.store.Claim(ctx, w.site, all, at, at.Add(w.timing.lease()))
	for _, b := range chosen {
		kind := b[0].Kind
		b = slices.DeleteFunc(b, func(e store.Errand) bool { return !won[e.ID] })
		if len(b) == 0 {
			w.mutex.Lock()
			w.laneOf(kind).take(high, -1)
			w.mutex.Unlock()
			continue
		}
		for i := range b {
			b[i].Attempts++
		}
		w.running.Add(1)
		go w.attempt(ctx, b, high)
	}
	return err == nil, err
}

func (l *lane) take(high bool, n int) {
	if high {
		l.high += n
	} else {
		l.rest += n
	}
}

func (w *Worker) laneOf(kind string) *lane {
	l := w.lanes[kind]
	if l == nil {
		l = &lane{}
		w.lanes[kind] = l
	}
	return l
}

// attempt speaks to the receiver, within its time. A sender that does not come
// back when its time is up is left behind: its place is free again.
func (w *Worker) attempt(ctx context.Context, b []store.Errand, high bool) {
	defer w.running.Done()
	limited, cancel := context.WithTimeout(ctx, w.timing.Limit)
	defer cancel()
	ended := make(chan outcome, 1)
	go func() {
		receipt, err := w.speak(limited, b)
		ended <- outcome{errands: b, receipt: receipt, err: err, high: high}
	}()
	var o outcome
	select {
	case o = <-ended:
	case <-limited.Done():
		o = outcome{errands: b, high: high, err: vital.Errorf(vital.Unavailable, "no answer within %s", w.timing.Limit)}
		select {
		case o = <-ended: // it came back at the same moment
		default:
		}
	}
	if ctx.Err() != nil && o.err != nil {
		return // whether it got out is not known: it is done again
	}
	w.results <- o // Run takes them until the last attempt has ended
}

func (w *Worker) speak(ctx context.Context, b []store.Errand) (r Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = vital.Errorf(vital.Internal, "the channel failed: %v", p)
		}
	}()
	e := b[0]
	to, m, err := w.address(ctx, b)
	if err != nil {
		return Receipt{}, err
	}
	return w.senders[e.Kind].Send(ctx, to, m)
}

// drain keeps every result that is there.
func (w *Worker) drain(ctx context.Context) error {
	var all []outcome
	for len(all) < mostErrands {
		select {
		case o := <-w.results:
			all = append(all, o)
			continue
		default:
		}
		break
	}
	return w.finish(ctx, all...)
}

// finish keeps what became of attempts and learns from it how the lanes do.
func (w *Worker) finish(ctx context.Context, all ...outcome) error {
	if len(all) == 0 {
		return nil
	}
	at := w.at()
	var results []store.Result
	for _, o := range all {
		w.learn(ctx, o)
		for _, e := range o.errands {
			results = append(results, w.result(ctx, o, e, at))
		}
	}
	return w.store.Finish(context.WithoutCancel(ctx), w.site, at, results...)
}

// result is what an attempt means for one delivery.
func (w *Worker) result(ctx context.Context, o outcome, e store.Errand, at vital.Instant) store.Result {
	r := store.Result{ID: e.ID, Page: e.Page, Replaces: o.receipt.Replaces}
	if o.err == nil {
		r.State, r.Reason = o.receipt.State, o.receipt.Reason
		if len(o.errands) > 1 {
			r.Reason, r.Replaces = fmt.Sprintf("in one message with %d others", len(o.errands)-1), false
		}
		if e.Told != "test" && e.Told != "stop" && e.Kind != "screen" {
			w.clear(ctx, "nobody-on-duty", string(e.Ward))
		}
		return r
	}
	r.Reason = reasonOf(o.err)
	switch kind := vital.KindOf(o.err); {
	case ofAddress(kind):
		r.State = store.Dead
		if kind == vital.Gone {
			if err := w.store.KillChannel(ctx, w.site, e.Channel); err != nil {
				w.log.Error("a channel that is no more cannot be marked", "channel", e.Channel, "error", err.Error())
			}
		}
	case e.Attempts >= w.timing.Attempts:
		r.State = store.Failed
	default:
		r.State, r.Next = store.Queued, at.Add(w.timing.backoff(e.Attempts))
	}
	return r
}

// ofAddress reports whether an error is about this address or message: it would
// fail again, and says nothing about the channel.
func ofAddress(k vital.Kind) bool {
	return k == vital.Gone || k == vital.NotFound || k == vital.Invalid || k == vital.Denied
}

// reasonOf is the words of an error as far as a delivery keeps them.
func reasonOf(err error) string {
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer in time"
	}
	if len(text) > 300 {
		text = text[:300]
	}
	return text
}

// learn notes how a kind of channel does: three failures in a row, whoever they
// were for, and it is dead for all until one message gets through. An address
// that is refused says nothing about the channel.
func (w *Worker) learn(ctx context.Context, o outcome) {
	kind := o.errands[0].Kind
	now := w.now()
	w.mutex.Lock()
	l := w.laneOf(kind)
	l.take(o.high, -1)
	was := l.dead
	switch k := vital.KindOf(o.err); {
	case o.err == nil:
		*l = lane{high: l.high, rest: l.rest}
	case kind == "screen" || ofAddress(k):
	default:
		if l.failures == 0 {
			l.since = now
		}
		l.failures++
		l.reason, l.dead = reasonOf(o.err), l.failures >= deadAfter
	}
	is, since, reason := l.dead, l.since, l.reason
	others := false
	for k := range w.senders {
		if other := w.lanes[k]; k != kind && k != "screen" && (other == nil || !other.dead) {
			others = true
		}
	}
	w.mutex.Unlock()
	if was == is {
		if !is && o.err == nil {
			w.clear(ctx, "notifier-channel", kind)
		}
		return
	}
	if !is {
		since, reason = time.Time{}, ""
	}
	if w.o.Dead != nil {
		w.o.Dead(kind, since, reason)
	}
	if !is {
		w.clear(ctx, "notifier-channel", kind)
		return
	}
	priority := vital.High
	if others {
		priority = vital.Medium
	}
	w.report(ctx, vital.Finding{
		Rule: "notifier-channel", Part: kind, Title: "Messages do not go out", Priority: priority,
		Text: fmt.Sprintf("No message by %s gets out since %s: %s", kind, since.UTC().Format("15:04 UTC"), reason),
	})
}

func (w *Worker) isDead(kind string) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	l := w.lanes[kind]
	return l != nil && l.dead
}

func (w *Worker) deadChannels() []DeadChannel {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var dead []DeadChannel
	for _, kind := range store.ChannelKinds {
		if l := w.lanes[kind]; l != nil && l.dead {
			dead = append(dead, DeadChannel{kind, l.since, l.reason})
		}
	}
	return dead
}
