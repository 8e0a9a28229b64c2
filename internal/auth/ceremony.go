package auth

import (
	"slices"
	"sync"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// ceremonies are proofs that have begun: a challenge was given and its answer is
// waited for. Each is answered at most once. They are bounded, and of one place
// only a few can be open: who opens many loses the own ones, not those of others.
type ceremonies struct {
	mu    sync.Mutex
	open  map[string]*ceremony
	order []string       // names in the order in which they began; some are over
	of    map[string]int // how many are open, by place
}

// ceremony is what has begun.
type ceremony struct {
	purpose string // what its answer is good for
	user    vital.UserID
	session string
	place   string
	state   any
	began   time.Time
}

const (
	ceremonyLife    = 5 * time.Minute
	mostCeremonies  = 4096
	ceremoniesOfOne = 64 // of a place: a hospital may be one address
)

func newCeremonies() *ceremonies {
	return &ceremonies{open: make(map[string]*ceremony), of: make(map[string]int)}
}

// begin keeps c and returns the name by which it is answered.
func (cs *ceremonies) begin(c *ceremony, now time.Time) string {
	name := NewSecret()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for len(cs.order) > 0 {
		first := cs.open[cs.order[0]]
		if first != nil && now.Sub(first.began) <= ceremonyLife {
			break
		}
		cs.end(cs.order[0])
		cs.order = cs.order[1:]
	}
	switch {
	case cs.of[c.place] >= ceremoniesOfOne:
		i := slices.IndexFunc(cs.order, func(n string) bool { return cs.open[n] != nil && cs.open[n].place == c.place })
		cs.end(cs.order[i])
	case len(cs.open) >= mostCeremonies:
		cs.end(cs.order[0]) // the loop above left an open one there
	}
	if len(cs.order) >= 2*mostCeremonies {
		cs.order = slices.DeleteFunc(cs.order, func(n string) bool { return cs.open[n] == nil })
	}
	c.began = now
	cs.open[name] = c
	cs.order = append(cs.order, name)
	cs.of[c.place]++
	return name
}

// end forgets a ceremony, which may be over already. mu is held.
func (cs *ceremonies) end(name string) {
	c := cs.open[name]
	if c == nil {
		return
	}
	delete(cs.open, name)
	if cs.of[c.place]--; cs.of[c.place] == 0 {
		delete(cs.of, c.place)
	}
}

// take returns a ceremony and ends it; nil: there is none of that name and
// purpose that is still waited for.
func (cs *ceremonies) take(name, purpose string, now time.Time) *ceremony {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.open[name]
	cs.end(name)
	if c == nil || c.purpose != purpose || now.Sub(c.began) > ceremonyLife {
		return nil
	}
	return c
}
