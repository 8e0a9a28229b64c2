package main

import (
	"context"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// upkeepEvery is how often what has expired is looked for.
const upkeepEvery = time.Hour

// upkeep takes the retention policy from the configuration into the store, and
// removes what has expired, every hour, visibly and with an audit entry.
func (n *node) upkeep(ctx context.Context) error {
	if err := n.keepPolicy(ctx); err != nil {
		return err
	}
	next := time.NewTimer(time.Minute) // not in the first busy moments
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		if err := n.expire(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			n.log.Error("what has expired could not be removed; it is tried again in an hour", "error", err.Error())
		}
		next.Reset(upkeepEvery)
	}
}

func (n *node) keepPolicy(ctx context.Context) error {
	policy, err := n.store.Retentions(ctx, n.site)
	if err != nil {
		return err
	}
	want := map[string]int{store.KeepRaw: n.config.KeepRaw, store.KeepWaveforms: n.config.KeepWaves}
	for _, p := range policy {
		days, ok := want[p.What]
		if !ok || days == p.Days {
			continue
		}
		e := audit.Entry{Site: n.site, At: vitalNow(), Who: "configuration", Role: "system", Action: "retention.change", Subject: "retention/" + p.What, Outcome: "done"}
		if err := n.store.PutRetention(ctx, e, p.What, days); err != nil {
			return vital.Errorf(vital.KindOf(err), "set how long %s are kept: %w", p.What, err)
		}
	}
	return nil
}

// expire removes raw packets and then what the store lets go.
func (n *node) expire(ctx context.Context) error {
	now := vitalNow()
	before := now - vital.Instant(n.config.KeepRaw)*86400_000
	removed := uint64(0)
	for i := range n.config.Partitions {
		count, err := n.expireRaw(ctx, uint16(i), before)
		if err != nil {
			return err
		}
		removed += count
	}
	if _, err := n.blobs.Expire(before.Time()); err != nil {
		return vital.Errorf(vital.KindOf(err), "remove large bodies: %w", err)
	}
	e := audit.Entry{Site: n.site, At: now, Who: "system", Role: "system", Action: "store.retain", Subject: "retention/" + store.KeepRaw, Outcome: "done"}
	if err := n.store.Removed(ctx, e, store.KeepRaw, int64(removed)); err != nil {
		return err
	}
	if _, err := n.store.Retain(ctx, n.site, now); err != nil {
		return err
	}
	// What a device kept and sent late of somebody who was forgotten goes too.
	if err := n.store.KeepForgotten(ctx); err != nil {
		return err
	}
	return n.ring.Reload(ctx)
}

// expireRaw removes the frames of a raw partition from before a time, never one
// that is not worked off.
func (n *node) expireRaw(ctx context.Context, partition uint16, before vital.Instant) (uint64, error) {
	keep, err := n.store.FrameAt(ctx, n.site, string(journal.Raw), partition, before)
	if err != nil || keep == 0 {
		return 0, err
	}
	done, _, err := n.store.RawMark(ctx, n.site, partition)
	if err != nil {
		return 0, err
	}
	keep = min(keep, done)
	first, _, err := n.frames.Bounds(ctx, journal.Raw, partition)
	if err != nil || keep <= first {
		return 0, err
	}
	if err := n.frames.Expire(ctx, journal.Raw, partition, keep); err != nil {
		return 0, vital.Errorf(vital.KindOf(err), "remove raw packets: %w", err)
	}
	return keep - first, nil
}
