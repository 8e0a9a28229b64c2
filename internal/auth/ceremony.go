package auth

import (
	"sync"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// ceremonies are proofs that have begun: a challenge was given and its answer is
// waited for. Each is answered at most once. They are bounded, and of one place
// only a few can be open: who opens many loses the own ones, not those of others.
type ceremonies struct {
	mu   sync.Mutex
	open map[string]*ceremony
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

func newCeremonies() *ceremonies { return &ceremonies{open: make(map[string]*ceremony)} }

// begin keeps c and returns the name by which it is answered.
func (cs *ceremonies) begin(c *ceremony, now time.Time) string {
	name := NewSecret()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	of, oldest, oldestOf := 0, "", ""
	for n, o := range cs.open {
		if now.Sub(o.began) > ceremonyLife {
			delete(cs.open, n)
			continue
		}
		if oldest == "" || o.began.Before(cs.open[oldest].began) {
			oldest = n
		}
		if o.place != c.place {
			continue
		}
		of++
		if oldestOf == "" || o.began.Before(cs.open[oldestOf].began) {
			oldestOf = n
		}
	}
	switch {
	case of >= ceremoniesOfOne:
		delete(cs.open, oldestOf)
	case len(cs.open) >= mostCeremonies:
		delete(cs.open, oldest)
	}
	c.began = now
	cs.open[name] = c
	return name
}

// take returns a ceremony and ends it; nil: there is none of that name and
// purpose that is still waited for.
func (cs *ceremonies) take(name, purpose string, now time.Time) *ceremony {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.open[name]
	delete(cs.open, name)
	if c == nil || c.purpose != purpose || now.Sub(c.began) > ceremonyLife {
		return nil
	}
	return c
}
