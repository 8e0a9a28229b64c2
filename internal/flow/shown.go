package flow

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// This file keeps what the screens show honest while a partition cannot: a
// commit that waits for a slow disk, a journal that takes no tick. The watch over
// its patients then knows nothing newer, and nobody may be shown as watched on
// the strength of what it knew.

// shown is what the screens were last told of the patients of one partition.
type shown struct {
	mu      sync.Mutex
	watches map[vital.PatientID]watch.Watch
	aged    map[vital.PatientID]struct{} // told to be unwatched while the partition stood still
	alive   atomic.Int64                 // time of the last tick applied, ms
}

// tell remembers what an update says; the caller publishes it.
func (s *shown) tell(u *watch.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches == nil {
		s.watches = map[vital.PatientID]watch.Watch{}
		s.aged = map[vital.PatientID]struct{}{}
	}
	for _, w := range u.Watches {
		s.watches[w.Patient] = w
		delete(s.aged, w.Patient)
	}
}

// asOf ages what an update is about to say: work that waited for a disk tells of
// a time that is over, and nobody is shown as watched for a moment by it.
func (s *shown) asOf(u *watch.Update, now vital.Instant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range u.Watches {
		if a := w.AsOf(now); a.State != w.State {
			u.Watches[i] = a
			s.aged[w.Patient] = struct{}{}
		}
	}
}

// flowing notes values that came, which change no state: the time of the last
// one is what a later ageing goes by.
func (s *shown) flowing(w watch.Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches != nil {
		s.watches[w.Patient] = w
	}
}

// of returns what is shown of a patient, as of now.
func (s *shown) of(id vital.PatientID, now vital.Instant) (watch.Watch, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.watches[id]
	return w.AsOf(now), ok
}

// age returns those who can no longer be shown as watched.
func (s *shown) age(now vital.Instant) []watch.Watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changed []watch.Watch
	for id, w := range s.watches {
		if _, told := s.aged[id]; told {
			continue
		}
		if a := w.AsOf(now); a.State != w.State {
			s.aged[id] = struct{}{}
			changed = append(changed, a)
		}
	}
	return changed
}

// recovered returns whom the screens were told about in the meantime: they have
// to hear what is true now.
func (s *shown) recovered() []vital.PatientID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []vital.PatientID
	for id := range s.aged {
		ids = append(ids, id)
	}
	clear(s.aged)
	return ids
}

// overdue is how late a tick may be before the screens are told without it.
const overdue = tickEvery + time.Second

// honestForever tells the screens who is not watched while a partition stands
// still.
func (f *Flow) honestForever(ctx context.Context) error {
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		now := f.now()
		for _, p := range f.parts {
			if now.Sub(vital.Instant(p.shown.alive.Load())) < overdue {
				continue
			}
			if watches := p.shown.age(now); len(watches) > 0 {
				f.publish(&watch.Update{Watches: watches})
			}
		}
	}
}

// show passes an update on to the screens, with those who were said to be
// unwatched while this partition stood still. The caller holds p.mu.
func (p *partition) show(u *watch.Update) {
	for _, id := range p.shown.recovered() {
		if w, ok := p.board.Watch(id); ok {
			u.Watches = append(u.Watches, w)
		}
	}
	p.shown.tell(u)
	p.shown.asOf(u, p.f.now())
	if int64(p.ticked) > p.shown.alive.Load() {
		p.shown.alive.Store(int64(p.ticked))
		for _, id := range p.board.Patients() {
			w, _ := p.board.Watch(id)
			p.shown.flowing(w)
		}
	}
	if !u.Empty() {
		p.f.publish(u)
	}
}

// Watches returns how the patients are watched, as of now; nil: all. It answers
// also while a partition waits for its disk.
func (f *Flow) Watches(patients []vital.PatientID) []watch.Watch {
	var states []watch.Watch
	now := f.now()
	for _, p := range f.parts {
		if !p.look() {
			states = append(states, p.shown.among(patients, now, p)...)
			continue
		}
		for _, id := range p.among(patients) {
			w, _ := p.board.Watch(id)
			states = append(states, w.AsOf(now))
		}
		p.mu.RUnlock()
	}
	return states
}

// patience is how long a question about the watch waits for a commit.
const patience = 500 * time.Millisecond

// look takes the partition's lock for reading, unless it is held for too long.
func (p *partition) look() bool {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if p.mu.TryRLock() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// among is partition.among and Watch for a partition that stands still.
func (s *shown) among(patients []vital.PatientID, now vital.Instant, p *partition) []watch.Watch {
	s.mu.Lock()
	ids := patients
	if ids == nil {
		for id := range s.watches {
			ids = append(ids, id)
		}
	}
	s.mu.Unlock()
	var states []watch.Watch
	for _, id := range ids {
		if !p.mine(id) {
			continue
		}
		w, ok := s.of(id, now)
		if !ok {
			w = watch.Watch{Patient: id, State: watch.Unplanned}
		}
		states = append(states, w)
	}
	return states
}
