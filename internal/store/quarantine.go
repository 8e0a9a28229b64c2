package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
)

// quarantine flags a row whose body does not check. It is never deleted: a later
// program may save a part of it, and its time stays visible as damaged.
func (d *DB) quarantine(ctx context.Context, s Series, what string, why error, flag func(t *tx) (int64, error)) {
	err := d.transact(context.WithoutCancel(ctx), func(t *tx) error {
		n, err := flag(t)
		if err != nil || n == 0 {
			return err
		}
		return t.audit(audit.Entry{
			Site: s.Site, Who: "system", Action: "store.quarantine", Subject: "device/" + string(s.Device), Patient: s.Patient,
			Why: s.Metric + ", " + what + ": " + why.Error(),
		})
	})
	if err != nil {
		d.log.Error("a damaged row could not be flagged", "what", what, "series", s.ID, "error", err)
		return
	}
	d.log.Error("a damaged row is in quarantine", "what", what, "series", s.ID, "why", why)
}
