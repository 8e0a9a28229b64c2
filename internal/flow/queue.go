package flow

import (
	"context"
	"slices"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// This file lets judging run ahead of the store. When a thousand patients fall
// into an alarm at once, writing their alarms takes seconds, judging them a tenth
// of that: so everything that waits is judged first, and an alarm of high priority
// goes into the store, and to the screens, before those that were found before it.
// The rest follows in order, in transactions short enough that an urgent one need
// not wait for them.
//
// Values are shown as soon as they are judged; an alarm never before it is stored.

// waiting is what some frames did, judged and not stored yet.
type waiting struct {
	batch    store.Batch
	alarms   []alarm.Alarm // for the screens, once they are stored
	changed  bool
	upTo     uint64 // the last of the frames
	control  int64  // the newest decision in them
	now      bool   // it must be stored even when it is nothing but values
	snapshot bool
}

const (
	// mostAlarms is how many alarms one transaction should hold: some 50 ms.
	mostAlarms = 256
	// mostWaiting is how many alarms may be judged and wait for the store before
	// judging waits for it.
	mostWaiting = 20_000
	// judgeFirst is how long alarms wait for what comes behind them to be judged.
	judgeFirst = 100 * time.Millisecond
	// mostUrgent is how many alarms a transaction ahead of the others holds.
	mostUrgent = 64
)

// cut ends a run of frames: screens see its values, the store gets the rest in its
// turn; of what is urgent it is told at once, when anything stands before it or
// comes behind. Up to the applied mark the effects are in the store already and
// are dropped.
func (p *partition) cut(ctx context.Context, behind bool) error {
	drained := p.board.Drain()
	e := &p.effects
	p.tell(drained.Effects)
	for _, v := range drained.Values {
		p.latest[latestKey{v.Patient, v.Metric}] = struct{}{}
	}
	for _, g := range drained.Gaps {
		e.batch.Gaps = append(e.batch.Gaps, store.Gap{
			Patient: g.Patient, Metric: g.Metric, From: g.From, To: g.To, State: string(g.State), Kind: string(g.Kind), Cause: g.Cause,
		})
	}
	for _, s := range drained.Spans {
		e.batch.Spans = append(e.batch.Spans, store.Span{
			Patient: s.Patient, Metric: s.Metric, Kind: string(s.Kind), Every: s.Every, From: s.From, To: s.To, Ended: string(s.Ended),
		})
	}
	w := waiting{
		batch: e.batch, alarms: e.update.Alarms, changed: e.update.Changed, upTo: p.seen, control: p.control, now: e.now, snapshot: e.snapshot,
	}
	update := watch.Update{Values: drained.Values, Watches: drained.Watches, Waves: e.update.Waves, Events: e.update.Events}
	p.effects = effects{}
	if p.seen <= p.applied {
		p.settled, p.stored = p.control, p.seen
		p.show(&watch.Update{})
		return nil
	}
	p.show(&update)
	for _, a := range w.alarms {
		if _, ok := p.ahead[a.ID]; ok {
			p.ahead[a.ID] = a // what was stored before its turn goes on from there
		}
	}
	before := len(p.queue) > 0
	p.queue = append(p.queue, w)
	if !before && !behind && len(w.batch.Alarms) <= mostAlarms {
		return nil // its turn is now
	}
	return p.overtake(ctx, &w, urgent(drained.Effects))
}

// urgent are the alarms of high priority of which somebody has to be told.
func urgent(effects []alarm.Effect) (ids []string) {
	for i := range effects {
		if x := &effects[i]; x.Tell && x.Alarm.Priority == vital.High && !slices.Contains(ids, x.Alarm.ID) {
			ids = append(ids, x.Alarm.ID)
		}
	}
	return ids
}

// overtake stores those alarms of w with their pages, and shows them.
func (p *partition) overtake(ctx context.Context, w *waiting, ids []string) error {
	for some := range slices.Chunk(ids, mostUrgent) {
		b := store.Batch{Site: p.f.site, Partition: p.number, Epoch: p.epoch}
		for _, a := range w.batch.Alarms {
			if slices.Contains(some, a.ID) {
				b.Alarms = append(b.Alarms, a) // the last one of an alarm counts
			}
		}
		for _, g := range w.batch.Pages {
			if slices.Contains(some, g.Alarm) {
				b.Pages = append(b.Pages, g)
			}
		}
		if err := p.f.db.CommitAhead(ctx, b); err != nil {
			return vital.Errorf(vital.KindOf(err), "commit %d urgent alarms of readings %d, frame %d: %w", len(some), p.number, w.upTo, err)
		}
		u := watch.Update{}
		for _, a := range w.alarms {
			if slices.Contains(some, a.ID) {
				u.Alarms = append(u.Alarms, a)
				p.ahead[a.ID] = a
			}
		}
		p.f.publish(&u)
	}
	return nil
}

// alarmsWaiting is how many alarms are judged and not stored.
func (p *partition) alarmsWaiting() (n int) {
	for i := range p.queue {
		n += len(p.queue[i].batch.Alarms)
	}
	return n
}

// commit stores what waits, from the front: as many frames as make a short
// transaction, and at least one.
func (p *partition) commit(ctx context.Context) error {
	if len(p.queue) == 0 {
		return nil
	}
	n, alarms := 1, len(p.queue[0].batch.Alarms)
	for n < len(p.queue) && alarms+len(p.queue[n].batch.Alarms) <= mostAlarms {
		alarms += len(p.queue[n].batch.Alarms)
		n++
	}
	all := p.queue[0]
	p.snap = p.snap || all.snapshot
	for i := range p.queue[1:n] {
		p.snap = p.snap || p.queue[1+i].snapshot
		all.join(&p.queue[1+i])
	}
	last := n == len(p.queue)
	b := &all.batch
	due := all.now || len(b.Chunks)+len(b.Waves)+len(b.Events)+len(b.Gaps)+len(b.Spans)+len(b.Problems)+len(b.Controls)+len(b.Alarms)+len(b.Deeds) > 0
	if due {
		p.renew(b.Alarms)
		if all.now {
			p.writeLatest(b)
		}
		if last {
			p.writeReworded(b) // not before: its alarm may still wait, and is stored together with its page
		}
		if last && p.snap {
			body, err := p.snapshot()
			if err != nil {
				return err
			}
			b.Snapshot, p.snap = body, false
		}
		b.Site, b.Partition, b.Epoch, b.Applied = p.f.site, p.number, p.epoch, all.upTo
		if err := p.f.db.Commit(ctx, *b); err != nil {
			return vital.Errorf(vital.KindOf(err), "commit readings %d up to frame %d: %w", p.number, all.upTo, err)
		}
		p.applied = all.upTo
	}
	p.settled, p.stored = all.control, all.upTo
	p.renew(all.alarms)
	p.queue = slices.Delete(p.queue, 0, n)
	if last {
		clear(p.ahead)
	}
	if u := (watch.Update{Alarms: all.alarms, Changed: all.changed}); !u.Empty() {
		p.f.publish(&u)
	}
	return nil
}

// renew puts alarms that were stored before their turn as they are now: nobody
// sees one go back to how it was.
func (p *partition) renew(alarms []alarm.Alarm) {
	if len(p.ahead) == 0 {
		return
	}
	for i := range alarms {
		if a, ok := p.ahead[alarms[i].ID]; ok {
			alarms[i] = a
		}
	}
}

// join adds what the next frames did.
func (w *waiting) join(o *waiting) {
	b, c := &w.batch, &o.batch
	b.Chunks, b.Waves, b.Events = append(b.Chunks, c.Chunks...), append(b.Waves, c.Waves...), append(b.Events, c.Events...)
	b.Gaps, b.Spans = append(b.Gaps, c.Gaps...), append(b.Spans, c.Spans...)
	b.Alarms, b.Deeds, b.Pages = append(b.Alarms, c.Alarms...), append(b.Deeds, c.Deeds...), append(b.Pages, c.Pages...)
	b.Seen, b.Problems, b.Controls, b.Marks = append(b.Seen, c.Seen...), append(b.Problems, c.Problems...), append(b.Controls, c.Controls...), append(b.Marks, c.Marks...)
	w.alarms = append(w.alarms, o.alarms...)
	w.changed, w.now, w.upTo, w.control = w.changed || o.changed, w.now || o.now, o.upTo, o.control
}
