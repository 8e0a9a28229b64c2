package main

import (
	"context"
	"syscall"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// platform says how the machine below the screens does. What cannot be told is
// said as a problem and not as an error: a sentinel has to hear the rest.
func (n *node) platform(ctx context.Context) (webd.Platform, error) {
	p := webd.Platform{Ticked: max(n.flow.Ticked(), vital.At(n.began))} // before the first tick nobody is late
	if err := n.ready(ctx); err != nil {
		p.Ready = err.Error()
	}
	for _, w := range n.writers {
		if err := w.Err(); err != nil {
			p.Journal = err.Error()
		}
	}
	for _, stream := range []journal.Stream{journal.Raw, journal.Readings} {
		for i := range n.config.Partitions {
			_, last, err := n.journal.Bounds(ctx, stream, uint16(i))
			if err != nil {
				p.Journal = err.Error()
				continue
			}
			lag := n.flow.Lag(stream, uint16(i), last)
			if stream == journal.Raw {
				p.Lag.Raw += lag
			} else {
				p.Lag.Readings += lag
			}
		}
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(n.config.Data, &disk); err == nil {
		p.Disk.Free, p.Disk.Total = disk.Bavail*uint64(disk.Bsize), disk.Blocks*uint64(disk.Bsize)
	}
	state, err := n.notifier.State(ctx)
	if err != nil {
		p.Pages.Problem = err.Error()
		return p, nil
	}
	p.Pages.Open, p.Pages.Unheard = state.Open.Milliseconds(), state.Unheard.Milliseconds()
	for _, c := range state.Channels {
		p.Pages.Dead = append(p.Pages.Dead, webd.DeadChannel{Kind: c.Kind, Since: vital.At(c.Since), Reason: c.Reason})
	}
	return p, nil
}
