package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
)

// quarantine flags a row whose body does not check. It is never deleted: a later
// program may save a part of it, and its time stays visible as damaged.
func (d *DB) quarantine(ctx context.Context, table string, id int64, s Series, why error) {
	err := d.transact(context.WithoutCancel(ctx), func(t *tx) error {
		n, err := t.exec("UPDATE "+table+" SET damaged = $1 WHERE id = $2 AND damaged = $3", true, id, false)
		if err != nil || n == 0 {
			return err
		}
		return t.audit(audit.Entry{
			Site: s.Site, Who: "system", Action: "store.quarantine", Subject: "device/" + string(s.Device), Patient: s.Patient,
			Why: table + " of " + s.Metric + ": " + why.Error(),
		})
	})
	if err != nil {
		d.log.Error("a damaged row could not be flagged", "table", table, "row", id, "error", err)
		return
	}
	d.log.Error("a damaged row is in quarantine", "table", table, "row", id, "why", why)
}
