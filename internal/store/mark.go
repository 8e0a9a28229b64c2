package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// Mark is how far a readings partition is, and the snapshot to start from.
type Mark struct {
	Applied    uint64 // last frame whose effects are in the store
	Snapshot   []byte // nil: none
	SnapshotAt uint64 // last frame in the snapshot
}

// Own takes a partition: whoever owned it before gets Conflict from now on.
func (d *DB) Own(ctx context.Context, site vital.Site, partition uint16) (epoch uint64, err error) {
	err = d.transact(ctx, func(t *tx) error {
		return t.row(`INSERT INTO owner (site, part, epoch, applied) VALUES ($1, $2, 1, 0)
			ON CONFLICT (site, part) DO UPDATE SET epoch = owner.epoch + 1 RETURNING epoch`, site, partition).Scan(&epoch)
	})
	if err != nil {
		return 0, fmt.Errorf("own partition %d: %w", partition, err)
	}
	return epoch, nil
}

// Mark returns how far a partition is; a partition that nobody has owned is at
// its beginning.
func (d *DB) Mark(ctx context.Context, site vital.Site, partition uint16) (Mark, error) {
	q := ask(`SELECT o.applied, s.body, COALESCE(s.applied, 0) FROM owner o
		LEFT JOIN snapshot s ON s.site = o.site AND s.part = o.part WHERE o.site = ? AND o.part = ?`, site, partition)
	m, err := one(ctx, d.read, q, fmt.Sprintf("mark of partition %d", partition), func(scan func(...any) error, m *Mark) error {
		return scan(&m.Applied, &m.Snapshot, &m.SnapshotAt)
	})
	if vital.KindOf(err) == vital.NotFound && err != nil {
		return Mark{}, nil
	}
	return m, err
}

// RawMark returns the last raw frame whose readings are recorded, and what the
// recorder remembered then.
func (d *DB) RawMark(ctx context.Context, site vital.Site, partition uint16) (frame uint64, body []byte, err error) {
	type row struct {
		frame int64
		body  []byte
	}
	q := ask("SELECT frame, body FROM raw_mark WHERE site = ? AND part = ?", site, partition)
	r, err := one(ctx, d.read, q, fmt.Sprintf("mark of raw partition %d", partition), func(scan func(...any) error, r *row) error {
		return scan(&r.frame, &r.body)
	})
	if vital.KindOf(err) == vital.NotFound && err != nil {
		return 0, nil, nil
	}
	return uint64(r.frame), r.body, err
}

// SetRawMark moves the mark of a raw partition forward, never back.
func (d *DB) SetRawMark(ctx context.Context, site vital.Site, partition uint16, frame uint64, body []byte) error {
	err := d.transact(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO raw_mark (site, part, frame, body) VALUES ($1, $2, $3, $4)
			ON CONFLICT (site, part) DO UPDATE SET frame = excluded.frame, body = excluded.body WHERE excluded.frame >= raw_mark.frame`,
			site, partition, frame, body)
		return err
	})
	if err != nil {
		return fmt.Errorf("set the mark of raw partition %d: %w", partition, err)
	}
	return nil
}

// FrameAt returns the newest marked frame at or before a time, 0 when there is
// none: start to look there.
func (d *DB) FrameAt(ctx context.Context, site vital.Site, stream string, partition uint16, at vital.Instant) (uint64, error) {
	q := ask("SELECT frame FROM frame_mark WHERE site = ? AND stream = ? AND part = ? AND at <= ? ORDER BY at DESC LIMIT 1", site, stream, partition, at)
	found, err := collect(ctx, d.read, q, scanInto[uint64])
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// LineMark is how far into a line of the journal the store goes.
type LineMark struct {
	Stream    string `json:"stream"`
	Partition uint16 `json:"partition"`
	Frame     uint64 `json:"frame"`
}

// Marks returns how far into every line of the journal the store goes: a journal
// that ends before one of them is older than the store.
func (d *DB) Marks(ctx context.Context, site vital.Site) ([]LineMark, error) {
	q := ask(`SELECT 'raw' AS stream, part, frame FROM raw_mark WHERE site = ?
		UNION ALL SELECT 'readings', part, applied FROM owner WHERE site = ? ORDER BY 1, 2`, site, site)
	marks, err := collect(ctx, d.read, q, func(scan func(...any) error, m *LineMark) error { return scan(&m.Stream, &m.Partition, &m.Frame) })
	if err != nil {
		return nil, fmt.Errorf("how far the store goes: %w", err)
	}
	return marks, nil
}

// Tally is how much there is of a site.
type Tally struct {
	Patients int64 `json:"patients"`
	People   int64 `json:"people"` // patients who are not forgotten
	Chunks   int64 `json:"chunks"`
	Waves    int64 `json:"waves"`
	Alarms   int64 `json:"alarms"`
	Audit    int64 `json:"audit"`
}

// Count counts what there is of a site.
func (d *DB) Count(ctx context.Context, site vital.Site) (Tally, error) {
	q := ask(`SELECT (SELECT COUNT(*) FROM patient WHERE site = ?), (SELECT COUNT(*) FROM person WHERE site = ?),
		(SELECT COUNT(*) FROM chunk c JOIN series s ON s.id = c.series WHERE s.site = ?), (SELECT COUNT(*) FROM wave w JOIN series s ON s.id = w.series WHERE s.site = ?),
		(SELECT COUNT(*) FROM alarm WHERE site = ?), (SELECT COUNT(*) FROM audit WHERE site = ?)`, site, site, site, site, site, site)
	return one(ctx, d.read, q, "count", func(scan func(...any) error, t *Tally) error {
		return scan(&t.Patients, &t.People, &t.Chunks, &t.Waves, &t.Alarms, &t.Audit)
	})
}
