package watch

import (
	"maps"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// This file says how a patient is watched, from how the streams stand: as the
// journal has it, and as it must be shown at a time that the journal has not
// reached.

// view is how well a patient is watched.
type view struct {
	State WatchState
	Cause
	Since vital.Instant
}

func (s *Stream) says() Cause {
	return Cause{s.CauseKind, s.Metric + ": " + s.Cause}
}

// summary is the view of some streams.
func summary(streams []Stream) view {
	v := view{State: Watched}
	continuous, missing := 0, 0
	for i := range streams {
		s := &streams[i]
		if s.Kind != Continuous {
			if s.State == Missing && v.State == Watched {
				v = view{Partly, s.says(), s.Since}
			}
			continue
		}
		continuous++
		if s.State == Missing || s.Last == 0 {
			missing++
			v.State, v.Cause = Partly, s.says()
			v.Since = max(v.Since, s.Since)
		}
	}
	if continuous > 0 && missing == continuous {
		v.State, v.Cause = NotWatched, worstCause(streams)
	}
	return v
}

// unjudgedView is the view of a patient whose data comes, and a part of which no
// rule looks at.
func (p *patient) unjudgedView() view {
	name := slices.Min(slices.Collect(maps.Keys(p.Unjudged)))
	return view{Partly, Cause{ByRule, unjudgedWords(name)}, p.Unjudged[name].From}
}

// worst returns the words of worstCause.
func worst(streams []Stream) string { return worstCause(streams).Words }

// worstCause returns the cause of the first silent continuous stream.
func worstCause(streams []Stream) Cause {
	for _, s := range streams {
		if s.Kind == Continuous && s.Cause != "" {
			return Cause{s.CauseKind, s.Cause}
		}
	}
	return Cause{ByDevice, "nothing comes"}
}

// DeclaredLimit is how long after the last value of any continuous stream the
// patient may still be shown as watched, ms; 0 without a continuous stream.
func (w *Watch) DeclaredLimit() int64 {
	most := int64(0)
	for i := range w.Streams {
		if s := &w.Streams[i]; s.Kind == Continuous {
			most = max(most, s.Limit())
		}
	}
	return most
}

// AsOf returns the watch as it must be shown at that time, which the journal may
// not have reached: while the server stands still or works off what waits,
// nobody may be shown as watched on the strength of old values.
func (w Watch) AsOf(now vital.Instant) Watch {
	if w.State != Watched && w.State != Partly {
		return w
	}
	aged := false
	for i := range w.Streams {
		s := &w.Streams[i]
		if s.Kind != Continuous || s.State == Missing || s.Last == 0 || int64(now-s.expected()) < s.Limit()-lead(s.Every) {
			continue
		}
		if !aged {
			w.Streams, aged = slices.Clone(w.Streams), true
			s = &w.Streams[i]
		}
		s.State, s.Since, s.Cause, s.CauseKind = Missing, s.expected(), wordsBehind, ByServer
	}
	if !aged {
		return w
	}
	v := summary(w.Streams)
	w.State, w.Cause, w.CauseKind, w.Since = v.State, v.Words, v.Kind, v.Since
	return w
}
