package auth

import (
	"context"
	"sync"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// rights remembers for whom a refusal is in force, until something about
// relations, consents or broken glass changes, or begins or ends by itself. What
// was read for a live screen holds exactly as long.
type rights struct {
	mu       sync.Mutex
	epoch    uint64 // counts up
	counted  int64  // changes through the store
	next     vital.Instant
	refusing map[vital.PatientID]bool
}

// Rights returns a number that is another one as soon as somebody may see more or
// less of a patient than before, and of whom a refusal is in force.
func (g *Gate) Rights(ctx context.Context) (epoch uint64, refusing map[vital.PatientID]bool, err error) {
	r := &g.rights
	r.mu.Lock()
	defer r.mu.Unlock()
	now, counted := vital.At(g.now()), g.store.Rights()
	if r.epoch > 0 && counted == r.counted && (r.next == 0 || now < r.next) {
		return r.epoch, r.refusing, nil
	}
	next, err := g.store.NextRight(ctx, g.site, now)
	if err != nil {
		return r.epoch, nil, err
	}
	if refusing, err = g.store.Refusing(ctx, g.site, now); err != nil {
		return r.epoch, nil, err
	}
	r.epoch, r.counted, r.next, r.refusing = r.epoch+1, counted, next, refusing
	return r.epoch, refusing, nil
}

// Now is the filter as of this moment: relations and consents that began or ended
// since it was made count.
func (g *Gate) Now(rows store.Rows) store.Rows {
	if rows.For != nil {
		v := *rows.For
		v.At = vital.At(g.now())
		rows.For = &v
	}
	return rows
}
