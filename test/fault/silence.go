package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// This file holds silence against the truth: what arrived, second by second,
// against what the screens showed, and every gap that there really was against
// the ledger. It knows nothing of how the faults were made.

const (
	silenceEvery = 10_000 // ms, of the streams that are expected
	silenceLimit = 2*silenceEvery + watch.TickEvery
	edgeMost     = watch.TickEvery
)

// blow is one fault that was struck.
type blow struct {
	Class    string
	Patients []vital.PatientID
	Metrics  []string        // that fall silent
	Kind     watch.CauseKind // "": none may
	From, To vital.Instant
	// Ours: the server is at fault, so that the times at which packets reached it
	// say little about its edges.
	Ours bool
}

// truth is what really reached Vigil of one patient.
type truth struct {
	arrived map[string][]vital.Instant // usable and of now, by metric, in order
	begun   vital.Instant
}

func newTruth(at vital.Instant) *truth { return &truth{map[string][]vital.Instant{}, at} }

func (t *truth) usable(metric string, at vital.Instant) {
	t.arrived[metric] = append(t.arrived[metric], at)
}

// last returns when the newest usable value came, as of now.
func (t *truth) last(metric string) vital.Instant {
	if list := t.arrived[metric]; len(list) > 0 {
		return list[len(list)-1]
	}
	return t.begun
}

// gapAround returns the longest silence of a metric that overlaps [from, to).
func (t *truth) gapAround(metric string, from, to vital.Instant) (a, z vital.Instant) {
	before := t.begun
	for _, at := range t.arrived[metric] {
		if before < to && at > from && at-before > z-a {
			a, z = before, at
		}
		before = at
	}
	return a, z
}

// score is what was found of one class of faults.
type score struct {
	Faults      int     `json:"faults"`
	FalseWatch  int     `json:"seconds_falsely_watched"`
	Expected    int     `json:"gaps_expected"`
	Found       int     `json:"gaps_found"`
	Spurious    int     `json:"gaps_spurious"`
	EdgeWorst   int64   `json:"edge_worst_ms"`
	EdgeBad     int     `json:"edges_beyond_a_tick"`
	KindRight   int     `json:"cause_right"`
	KindChecked int     `json:"cause_checked"`
	Share       float64 `json:"cause_share"`
	notes       []string
}

// silenceResult is what a run found, with the score of each class of faults.
type silenceResult struct {
	Faults           int               `json:"faults"`
	Seed             uint64            `json:"seed"`
	Worlds           int               `json:"worlds,omitempty"`
	SecondsSimulated int               `json:"seconds_simulated,omitempty"`
	SecondsReal      float64           `json:"seconds_real"`
	Samples          int               `json:"samples"`
	FalseWatch       int               `json:"seconds_falsely_watched"`
	Healthy          int               `json:"seconds_healthy"`
	FalseAlarm       int               `json:"seconds_healthy_not_shown_as_watched"`
	EdgeWorst        int64             `json:"edge_worst_ms"`
	EdgeBad          int               `json:"edges_beyond_a_tick"`
	Missed           int               `json:"gaps_missed"`
	Spurious         int               `json:"gaps_spurious"`
	CauseShare       float64           `json:"cause_share"`
	Notifier         int               `json:"dead_notifiers_alarmed,omitempty"`
	Classes          map[string]*score `json:"classes"`
}

func newSilenceResult(seed uint64) *silenceResult {
	return &silenceResult{Seed: seed, Classes: map[string]*score{}}
}

func (r *silenceResult) of(class string) *score {
	s := r.Classes[class]
	if s == nil {
		s = &score{}
		r.Classes[class] = s
	}
	return s
}

// sample holds what a screen shows of one patient at one time against the truth.
// active is the class of the fault that is on, "" for none, healthy whether the
// patient has had time to recover.
func (r *silenceResult) sample(now vital.Instant, w watch.Watch, t *truth, metrics []string, class string, healthy bool) {
	r.Samples++
	dead := 0
	for _, m := range metrics {
		if now-t.last(m) > silenceLimit {
			dead++
		}
	}
	lie := dead > 0 && w.State == watch.Watched || dead == len(metrics) && w.State == watch.Partly
	for _, s := range w.Streams {
		if s.Kind == watch.Continuous && s.State != watch.Missing && w.State != watch.OnStandby && now-t.last(s.Metric) > silenceLimit {
			lie = true
		}
	}
	if lie {
		r.FalseWatch++
		k := r.of(cmp.Or(class, "none"))
		k.FalseWatch++
		k.note("%s shown %s at %s although the last value came at %s", w.Patient, w.State, now, t.last(metrics[0]))
	}
	if healthy {
		r.Healthy++
		if w.State != watch.Watched {
			r.FalseAlarm++
			r.of(cmp.Or(class, "none")).note("%s shown %s (%s) at %s although all is well", w.Patient, w.State, w.Cause, now)
		}
	}
}

func (s *score) note(format string, values ...any) {
	if len(s.notes) < 6 {
		s.notes = append(s.notes, fmt.Sprintf(format, values...))
	}
}

// judge holds the ledger of a patient against one blow.
func (r *silenceResult) judge(b blow, id vital.PatientID, t *truth, gaps []watch.Gap, metrics []string) {
	k := r.of(b.Class)
	for _, m := range metrics {
		silent := slices.Contains(b.Metrics, m)
		a, z := t.gapAround(m, b.From, b.To)
		found := merged(gaps, m, b.From, b.To, b.Kind == watch.ByStandby)
		switch {
		case !silent || b.Kind == "":
			// A silence of less than an interval is none; whatever the ledger has here
			// must lie within one that there was.
			for _, g := range found {
				if z-a <= silenceEvery && g.To-g.From > edgeMost {
					k.Spurious++
					k.note("%s %s: the ledger has %s to %s %s (%s), and there was none", id, m, g.From, g.To, g.State, g.Cause)
				}
			}
			continue
		case !b.Ours && z-a <= silenceEvery+edgeMost:
			continue // too short to be one for certain
		}
		k.Expected++
		if b.Ours {
			// Packets that waited carry the time at which they were read, or reached the
			// door of a server that could not look at them: the truth is the fault itself.
			a, z = b.From, b.To
		}
		best := watch.Gap{}
		for _, g := range found {
			if overlap(g, a, z) > overlap(best, a, z) {
				best = g
			}
		}
		if best.From == 0 {
			if z-a >= silenceLimit {
				k.note("%s %s: the ledger has nothing between %s and %s", id, m, a, z)
			} else {
				k.Expected--
			}
			continue
		}
		k.Found++
		k.KindChecked++
		if best.Kind == b.Kind {
			k.KindRight++
		} else {
			k.note("%s %s from %s: kind %q (%s), want %q", id, m, best.From, best.Kind, best.Cause, b.Kind)
		}
		whole := spread(found, a, z)
		if b.Ours {
			// It begins at the last sign of life before the fault, at most a tick before
			// it, and ends with the first after it: devices need a moment to come back.
			whole.From, whole.To = max(whole.From, a), min(whole.To, z)
		}
		for _, e := range []int64{int64(whole.From - a), int64(whole.To - z)} {
			e = max(e, -e)
			k.EdgeWorst = max(k.EdgeWorst, e)
			if e > edgeMost {
				k.EdgeBad++
				k.note("%s %s: ledger %s to %s, truth %s to %s", id, m, whole.From, whole.To, a, z)
			}
		}
	}
}

// unjudged holds the ledger against a rule that was broken: what came says that
// nobody judged it.
func (r *silenceResult) unjudged(x blow, id vital.PatientID, gaps []watch.Gap) {
	k := r.of(x.Class)
	k.Expected++
	for _, g := range gaps {
		if g.State != watch.Got || g.Metric != "heart-rate" || g.From > x.To || g.To != 0 && g.To < x.From {
			continue
		}
		k.Found++
		k.KindChecked++
		if g.Kind == watch.ByRule {
			k.KindRight++
		}
		for _, e := range []int64{int64(g.From - x.From), int64(g.To - x.To)} {
			e = max(e, -e)
			k.EdgeWorst = max(k.EdgeWorst, e)
			if e > edgeMost {
				k.EdgeBad++
				k.note("%s: not judged %s to %s, truth %s to %s", id, g.From, g.To, x.From, x.To)
			}
		}
		return
	}
	k.note("%s: the ledger does not say that nobody judged between %s and %s", id, x.From, x.To)
}

func overlap(g watch.Gap, a, z vital.Instant) vital.Instant {
	return max(0, min(g.To, z)-max(g.From, a))
}

// spread is from the first to the last of what overlaps [a, z): one silence may
// have several lines, each with its cause.
func spread(gaps []watch.Gap, a, z vital.Instant) (all watch.Gap) {
	for _, g := range gaps {
		if overlap(g, a, z) == 0 {
			continue
		}
		if all.From == 0 || g.From < all.From {
			all.From = g.From
		}
		all.To = max(all.To, g.To)
	}
	return all
}

// merged returns the lines of the ledger of a metric near a time, oldest first,
// the newest word on each.
func merged(gaps []watch.Gap, metric string, from, to vital.Instant, standby bool) []watch.Gap {
	newest := map[vital.Instant]watch.Gap{}
	for _, g := range gaps {
		if g.Metric != metric || g.State == watch.Got || (g.State == watch.Resting) != standby {
			continue
		}
		if g.To == 0 {
			g.To = to + 60_000
		}
		if g.From < to+15_000 && g.To > from {
			newest[g.From] = g
		}
	}
	return slices.SortedFunc(maps.Values(newest), func(a, b watch.Gap) int { return cmp.Compare(a.From, b.From) })
}

// finish sums the classes up.
func (r *silenceResult) finish(began time.Time) {
	r.SecondsReal = float64(time.Since(began).Milliseconds()) / 1000
	right, checked := 0, 0
	for _, k := range r.Classes {
		k.Share = 1
		if k.KindChecked > 0 {
			k.Share = float64(k.KindRight*1000/k.KindChecked) / 1000
		}
		right, checked = right+k.KindRight, checked+k.KindChecked
		r.Faults += k.Faults
		r.Missed += k.Expected - k.Found
		r.Spurious += k.Spurious
		r.EdgeBad += k.EdgeBad
		r.EdgeWorst = max(r.EdgeWorst, k.EdgeWorst)
	}
	if checked > 0 {
		r.CauseShare = float64(right*1000/checked) / 1000
	}
}

// wrong says what breaks the promise; nothing when it was kept.
func (r *silenceResult) wrong() []string {
	var list []string
	say := func(broken bool, format string, values ...any) {
		if broken {
			list = append(list, fmt.Sprintf(format, values...))
		}
	}
	say(r.FalseWatch > 0, "%d seconds falsely shown as watched beyond the declared limit", r.FalseWatch)
	say(r.EdgeBad > 0, "%d edges of gaps are more than a tick off, at worst %d ms", r.EdgeBad, r.EdgeWorst)
	say(r.CauseShare < 0.95, "the cause is right in %.1f %%, want 95 %%", 100*r.CauseShare)
	say(r.Missed > 0, "%d gaps are not in the ledger", r.Missed)
	say(r.Spurious > 0, "%d gaps of the ledger were none", r.Spurious)
	say(r.Healthy > 0 && r.FalseAlarm*100 > r.Healthy, "%d of %d healthy seconds not shown as watched", r.FalseAlarm, r.Healthy)
	if len(list) > 0 {
		for _, class := range slices.Sorted(maps.Keys(r.Classes)) {
			for _, n := range r.Classes[class].notes {
				list = append(list, class+": "+n)
			}
		}
	}
	return list
}
