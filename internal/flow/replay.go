package flow

import (
	"cmp"
	"context"
	"slices"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Trial asks what would have been alarmed in [From, To) by other rules, or with
// other limits.
type Trial struct {
	Patients []vital.PatientID
	From, To vital.Instant
	Rules    *rule.Set    // nil: those in force
	Limits   []rule.Limit // in place of each patient's own and of the default
}

// Trialled is one patient's alarms by what is in force and by the trial. From and
// To are the part of the time in which the patient was admitted.
type Trialled struct {
	Patient       vital.PatientID
	From, To      vital.Instant
	Before, After []watch.Episode
	Readings      int
}

// trialStep is how much of a patient's history is in memory at once, ms.
const trialStep = 2 * 3600_000

// Try judges what was measured once more, patient by patient. It reads and
// changes nothing. ctx bounds how long it may take.
func (f *Flow) Try(ctx context.Context, rows store.Rows, t Trial) ([]Trialled, error) {
	set := f.Rules()
	other := t.Rules
	if other == nil {
		other = set
	}
	var results []Trialled
	for _, id := range t.Patients {
		about, err := f.aboutNow(ctx, id)
		if err != nil {
			return nil, vital.Errorf(vital.KindOf(err), "try patient %s: %w", id, err)
		}
		changed := about
		changed.Limits = overridden(about.Limits, t.Limits, t.From)
		r := Trialled{Patient: id}
		if r.From, r.To, err = f.stay(ctx, rows, id, t.From, t.To); err != nil {
			return nil, err
		}
		if r.From >= r.To {
			continue
		}
		before, after := watch.NewTrial(set, about, id, r.From), watch.NewTrial(other, changed, id, r.From)
		for at := r.From; at < r.To; at += trialStep {
			if err := ctx.Err(); err != nil {
				return nil, vital.Errorf(vital.TooMuch, "the trial takes too long: ask for fewer patients or a shorter time")
			}
			n, err := f.feed(ctx, rows, id, at, min(at+trialStep, r.To), before, after)
			if err != nil {
				return nil, vital.Errorf(vital.KindOf(err), "try patient %s: %w", id, err)
			}
			r.Readings += n
		}
		r.Before, r.After = before.End(r.To), after.End(r.To)
		results = append(results, r)
	}
	return results, nil
}

// stay is the part of [from, to) in which a patient was admitted, from the first
// bed to the last: who was not here is not overdue for anything.
func (f *Flow) stay(ctx context.Context, rows store.Rows, id vital.PatientID, from, to vital.Instant) (begin, end vital.Instant, err error) {
	stays, err := f.db.Admissions(ctx, rows, id)
	if err != nil {
		return 0, 0, err
	}
	begin, end = to, from
	for _, s := range stays {
		if s.From >= to || s.To != 0 && s.To <= from {
			continue
		}
		begin = min(begin, max(s.From, from))
		if s.To == 0 {
			end = to
		} else {
			end = max(end, min(s.To, to))
		}
	}
	return begin, end, nil
}

// aboutNow is what is known of a patient now, with the ward.
func (f *Flow) aboutNow(ctx context.Context, id vital.PatientID) (watch.About, error) {
	facts, err := f.facts(ctx, id)
	return facts.About, err
}

// overridden puts the trial's limits in place of a patient's own.
func overridden(own []watch.Limit, limits []rule.Limit, from vital.Instant) []watch.Limit {
	kept := slices.DeleteFunc(slices.Clone(own), func(o watch.Limit) bool {
		return slices.ContainsFunc(limits, func(l rule.Limit) bool { return l.Metric == o.Metric })
	})
	for _, l := range limits {
		kept = append(kept, watch.Limit{Metric: l.Metric, Unit: l.Unit, Low: l.Low, High: l.High, From: from})
	}
	return kept
}

// feed gives what was received of a patient in a time to the trials, in the
// order in which it came.
func (f *Flow) feed(ctx context.Context, rows store.Rows, id vital.PatientID, from, to vital.Instant, trials ...*watch.Trial) (int, error) {
	q := store.Query{Patient: id, From: from, To: to}
	tracks, err := f.Samples(ctx, rows, q)
	if err != nil {
		return 0, err
	}
	events, err := f.Events(ctx, rows, q)
	if err != nil {
		return 0, err
	}
	var readings []vital.Reading
	for _, t := range tracks {
		if t.Series.Device == "vigil" {
			continue // computed: it is computed again
		}
		for _, s := range t.Samples {
			readings = append(readings, vital.Reading{
				Site: t.Series.Site, Device: t.Series.Device, Patient: id, Metric: t.Series.Metric, Unit: t.Series.Unit, Decoder: t.Series.Decoder,
				Value: s.Value, Quality: s.Quality, Sequence: s.Sequence,
				Clocks: vital.Clocks{Device: s.Device, Receive: s.Receive, Effective: s.Effective, Offset: s.Offset, Uncertainty: s.Uncertainty},
			})
		}
	}
	slices.SortStableFunc(readings, func(a, b vital.Reading) int {
		return cmp.Or(cmp.Compare(a.Clocks.Receive, b.Clocks.Receive), cmp.Compare(a.Clocks.Effective, b.Clocks.Effective))
	})
	slices.SortStableFunc(events, func(a, b vital.Event) int { return cmp.Compare(a.Clocks.Receive, b.Clocks.Receive) })
	for _, t := range trials {
		rest := events
		for _, r := range readings {
			for len(rest) > 0 && rest[0].Clocks.Receive <= r.Clocks.Receive {
				t.Event(rest[0])
				rest = rest[1:]
			}
			t.Reading(r)
		}
		for _, e := range rest {
			t.Event(e)
		}
	}
	return len(readings), nil
}
