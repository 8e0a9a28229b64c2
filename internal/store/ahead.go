package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// CommitAhead stores alarms and pages of a batch before its turn: what is urgent
// does not wait for what came before it. Commit stores them once more, with all
// else of their frames and the applied mark; they are the same rows, so that a
// crash in between neither loses nor repeats. Nothing else of the batch is stored.
func (d *DB) CommitAhead(ctx context.Context, b Batch) error {
	err := d.transact(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE owner SET applied = applied WHERE site = $1 AND part = $2 AND epoch = $3", b.Site, b.Partition, b.Epoch)
		if err != nil {
			return err
		}
		if n == 0 {
			return vital.Errorf(vital.Conflict, "epoch %d does not own it any more", b.Epoch)
		}
		if err := putAlarms(t, &b); err != nil {
			return err
		}
		return putPages(t, &b)
	})
	if err != nil {
		return fmt.Errorf("commit urgent alarms of partition %d: %w", b.Partition, err)
	}
	return nil
}
