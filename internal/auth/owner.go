package auth

import (
	"sync"
	"time"
)

// owners remembers from which places accounts were signed in to lately, so that
// guessing from everywhere does not keep the owner out at the usual place. It is
// bounded and kept in memory only.
type owners struct {
	mu sync.Mutex
	at map[string]time.Time // by account and place
}

// ownerLife is how long a place counts as the owner's.
const ownerLife = 30 * 24 * time.Hour

const mostOwners = 20_000

func (o *owners) saw(key string, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.at) >= mostOwners {
		clear(o.at)
	}
	o.at[key] = now
}

func (g *Gate) known(key string, now time.Time) bool {
	g.owners.mu.Lock()
	defer g.owners.mu.Unlock()
	at, ok := g.owners.at[key]
	return ok && now.Sub(at) < ownerLife
}
