package mqttd

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// saver writes changed sessions and retained messages. While one save is under way
// the next collects, so a thousand changes cost a few writes.
//
// Two kinds of change. Most are lazy: a subscriber's queue grew or shrank; they
// are written within a moment, and at the latest when the server stops. Some are
// waited for: their acknowledgement leaves in the callback given to after.
type saver struct {
	sessions Sessions // nil: nothing is kept
	log      *slog.Logger
	now      func() time.Time

	mu      sync.Mutex
	dirty   map[*session]struct{}
	ended   map[string]struct{}
	topics  map[string]*message // nil message: forget
	waiting []func(error)
	stopped bool          // nothing is saved any more
	wake    chan struct{} // something is dirty
	hurry   chan struct{} // somebody waits
	size    int           // bytes of the last save
}

func newSaver(sessions Sessions, log *slog.Logger, now func() time.Time) *saver {
	return &saver{
		sessions: sessions, log: log, now: now,
		dirty: make(map[*session]struct{}), ended: make(map[string]struct{}), topics: make(map[string]*message),
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
	}
}

func (s *saver) load(ctx context.Context) ([]Saved, []Kept, error) {
	if s.sessions == nil {
		return nil, nil, nil
	}
	return s.sessions.Load(ctx)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// changed notes that x differs from what is saved. It may be called with x locked.
func (s *saver) changed(x *session) {
	if s.sessions == nil {
		return
	}
	s.mu.Lock()
	_, known := s.dirty[x]
	if !known {
		s.dirty[x] = struct{}{}
	}
	s.mu.Unlock()
	if !known {
		poke(s.wake)
	}
}

// end notes that x is over.
func (s *saver) end(x *session) {
	if s.sessions == nil {
		return
	}
	s.mu.Lock()
	delete(s.dirty, x)
	s.ended[x.client] = struct{}{}
	s.mu.Unlock()
	poke(s.wake)
}

// kept notes a retained message, or with nil that there is none any more.
func (s *saver) kept(topic string, m *message) {
	if s.sessions == nil {
		return
	}
	s.mu.Lock()
	s.topics[topic] = m
	s.mu.Unlock()
	poke(s.wake)
}

// after calls done once everything noted so far is saved. done must not block. A
// save that fails is tried again, so done hears an error only when the server
// stops without having saved, or has stopped.
func (s *saver) after(done func(error)) {
	if s.sessions == nil {
		done(nil)
		return
	}
	s.mu.Lock()
	stopped := s.stopped
	if !stopped {
		s.waiting = append(s.waiting, done)
	}
	s.mu.Unlock()
	if stopped {
		go done(errStopping) // the caller may hold what done needs
		return
	}
	poke(s.hurry)
}

// lazily is how long a change that nobody waits for may lie: longer when the
// sessions have become large, so that a full queue is not written all the time.
func (s *saver) lazily() time.Duration {
	return 20*time.Millisecond + time.Duration(s.size>>10)*time.Millisecond
}

func (s *saver) run(ctx context.Context) {
	if s.sessions == nil {
		return
	}
	s.mu.Lock()
	s.stopped = false
	s.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			s.last(context.WithoutCancel(ctx))
			return
		case <-s.hurry:
		case <-s.wake:
			select {
			case <-time.After(s.lazily()):
			case <-s.hurry:
			case <-ctx.Done():
			}
		}
		for wait := 50 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
			err := s.save(ctx)
			if err == nil {
				break
			}
			s.log.Error("mqtt: save the sessions; acknowledgements that depend on it wait", "error", err)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
	}
}

// last is the save of a stopping server.
func (s *saver) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	err := s.save(ctx)
	if err != nil {
		s.log.Error("mqtt: save the sessions while stopping", "error", err)
	}
	s.mu.Lock()
	waiting := s.waiting
	s.waiting, s.stopped = nil, true
	s.mu.Unlock()
	for _, done := range waiting {
		done(errStopping)
	}
}

// save writes everything noted; after a failure all of it is noted again.
func (s *saver) save(ctx context.Context) error {
	s.mu.Lock()
	dirty, ended, topics, waiting := s.dirty, s.ended, s.topics, s.waiting
	s.dirty, s.ended, s.topics, s.waiting = make(map[*session]struct{}), make(map[string]struct{}), make(map[string]*message), nil
	s.mu.Unlock()

	var c Change
	now := s.now()
	size := 0
	for x := range dirty {
		if v, ok := x.saved(now); ok {
			c.Put = append(c.Put, v)
			size += len(v.Body)
			delete(ended, v.Client)
		}
	}
	for client := range ended {
		c.End = append(c.End, client)
	}
	for topic, m := range topics {
		if m == nil {
			c.Forget = append(c.Forget, topic)
		} else {
			c.Retain = append(c.Retain, m.kept())
		}
	}
	if len(c.Put)+len(c.End)+len(c.Retain)+len(c.Forget) > 0 {
		if err := s.sessions.Save(ctx, c); err != nil {
			s.again(dirty, ended, topics, waiting)
			return err
		}
		s.size = size
	}
	for _, done := range waiting {
		done(nil)
	}
	return nil
}

func (s *saver) again(dirty map[*session]struct{}, ended map[string]struct{}, topics map[string]*message, waiting []func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range dirty {
		s.dirty[x] = struct{}{}
	}
	for client := range ended {
		s.ended[client] = struct{}{}
	}
	for topic, m := range topics {
		if _, newer := s.topics[topic]; !newer {
			s.topics[topic] = m
		}
	}
	s.waiting = append(waiting, s.waiting...)
}
