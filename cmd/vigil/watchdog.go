package main

import (
	"context"

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
	lag, err := n.lag(ctx, nil)
	if err != nil {
		p.Journal = err.Error()
	}
	p.Lag = lag
	p.Disk.Free, p.Disk.Total = n.diskLeft()
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
