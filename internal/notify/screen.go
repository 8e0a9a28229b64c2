package notify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// screen is the channel that is always there: a page of the browser that is open
// where the person is signed in, or in the ward. The alarm itself goes there by
// the live socket; this says whether anybody could have heard it, and waits for a
// person to confirm.
type screen struct {
	store *store.DB
	site  vital.Site
	now   func() time.Time
	live  time.Duration
}

// Send looks for an open screen.
func (s screen) Send(ctx context.Context, to Recipient, _ Message) (Receipt, error) {
	all, since := store.Everything(s.site), vital.At(s.now()).Add(-s.live)
	filter := store.StationFilter{User: to.Person, Since: since}
	one, named := strings.CutPrefix(to.Person, "station/")
	if named {
		filter = store.StationFilter{Ward: to.Ward, Since: since}
	}
	found, err := s.store.Stations(ctx, all, filter)
	if err != nil {
		return Receipt{}, err
	}
	if !named && len(found) == 0 && to.Ward != "" {
		// Not where they are signed in, but in the ward where they work.
		if found, err = s.store.Stations(ctx, all, store.StationFilter{Ward: to.Ward, Since: since}); err != nil {
			return Receipt{}, err
		}
	}
	open, loud := 0, 0
	for _, f := range found {
		if named && f.ID != one {
			continue
		}
		open++
		if f.Sound == "ok" {
			loud++
		}
	}
	if open == 0 {
		return Receipt{}, vital.Errorf(vital.Unavailable, "no screen is open")
	}
	r := Receipt{State: store.HandedOver, Replaces: false}
	if loud == 0 {
		r.Reason = fmt.Sprintf("%d screens are open and none can sound", open)
	}
	return r, nil
}
