package watch

import (
	"cmp"
	"slices"
	"time"

	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/vital"
)

// This file computes what the newest values of a patient give together. A score
// is a reading like any other afterwards: stored, judged by rules, shown, with
// the packet of its newest input as its source.

// deriver is the device of the readings that Vigil computes.
const deriver vital.DeviceID = "vigil"

// scoreAgain is how often a score that does not change is written all the same,
// ms, while its inputs are renewed: a trend needs points.
const scoreAgain = 15 * 60_000

// alarmingAtLeast is from how many points on the lower bound of an incomplete
// NEWS2 is passed on: at least this much is urgent whatever is missing.
// Source: Royal College of Physicians, NEWS2, 2017: 5 or more is the threshold
// for urgent response.
const alarmingAtLeast = 5

// scored is what was last computed of one score.
type scored struct {
	Result score.Result
	Repeat time.Duration
	Inputs vital.Instant // receive time of the newest input
	Told   vital.Instant // when it was last passed on as a reading, 0: never
	Value  string        // as it was passed on
}

// derive computes every score of a patient whose inputs are new.
func (b *Board) derive(id vital.PatientID, p *patient, at vital.Instant) {
	var v score.Vitals
	collected := false // the same for every score
	for _, s := range score.Catalogue {
		newest := p.newest(s.Reads)
		if newest == nil {
			continue
		}
		old := p.Scores[s.Name]
		if newest.Clocks.Receive == old.Inputs && at.Sub(old.Result.At) < time.Minute {
			continue
		}
		if !collected {
			v, collected = p.vitals(), true
		}
		v.Repeat = old.Repeat
		r := s.Compute(v, at)
		now := scored{Result: r, Repeat: cmp.Or(r.Repeat, old.Repeat), Inputs: newest.Clocks.Receive, Told: old.Told, Value: old.Value}
		if worth, quality := worthTelling(s, r); worth {
			value := r.Score.String() + quality.String()
			if value != now.Value || newest.Clocks.Receive > old.Told && at-now.Told >= scoreAgain {
				now.Told, now.Value = at, value
				b.tellScore(id, p, s, r, newest, quality, at)
			}
		} else {
			now.Value = ""
		}
		if p.Scores == nil {
			p.Scores = map[string]scored{}
		}
		p.Scores[s.Name] = now
	}
}

// worthTelling says whether a result may travel as a number: a whole score, or a
// lower bound that is urgent already, which is said to be an estimate.
func worthTelling(s score.Score, r score.Result) (bool, vital.Quality) {
	switch {
	case r.Status == score.OK:
		return true, vital.Derived
	case r.Status == score.Incomplete && s.Name == "news2" && r.Score.Compare(vital.Whole(alarmingAtLeast)) >= 0:
		return true, vital.Derived | vital.Estimated
	}
	return false, 0
}

func (b *Board) tellScore(id vital.PatientID, p *patient, s score.Score, r score.Result, newest *vital.Reading, q vital.Quality, at vital.Instant) {
	b.tellDerived(id, p, newest, at, vital.Reading{
		Metric: s.Metric, Unit: s.Unit, Value: vital.Num(r.Score), Quality: q, Decoder: s.Name + "@" + s.Version,
	})
}

// tellDerived passes on what was computed at a time, with newest as the newest of
// what it rests on: as a reading like any other.
func (b *Board) tellDerived(id vital.PatientID, p *patient, newest *vital.Reading, at vital.Instant, r vital.Reading) {
	r.Site, r.Device, r.Patient, r.Source = newest.Site, deriver, id, newest.Source
	r.Clocks = vital.Clocks{Device: at, Receive: at, Effective: at, Uncertainty: -1}
	r.Quality |= vital.Derived | newest.Quality&(vital.Demo|vital.Test)
	b.derived = append(b.derived, r)
	p.Latest[r.Metric] = []vital.Reading{r}
	b.touch(id, r.Metric)
	b.judgeReading(p, r)
}

// newest returns the newest of the shown values of some metrics.
func (p *patient) newest(metrics []string) *vital.Reading {
	var found *vital.Reading
	for _, m := range metrics {
		if list := p.Latest[m]; len(list) > 0 && (found == nil || list[0].Clocks.Receive > found.Clocks.Receive) {
			found = &list[0]
		}
	}
	return found
}

// vitals collects what the scores read.
func (p *patient) vitals() score.Vitals {
	trusted := p.About.trusted()
	v := score.Collect(func(metric string) score.Input {
		list := p.Latest[metric]
		if len(list) == 0 {
			return score.Input{}
		}
		r := list[0]
		return score.Input{Present: true, Metric: metric, Value: r.Value, Unit: r.Unit, At: r.Clocks.Effective, Quality: r.Quality &^ trusted}
	})
	v.AgeYears, v.SpO2Scale, v.Pregnant = p.About.AgeYears, p.About.SpO2Scale, score.No
	if slices.Contains(p.About.Conditions, "pregnant") {
		v.Pregnant = score.Yes
	}
	return v
}

// Scores returns every score of a patient as it was last computed, in the order
// of the catalogue.
func (b *Board) Scores(id vital.PatientID) []score.Result {
	p := b.patients[id]
	if p == nil || !p.Present {
		return nil
	}
	var results []score.Result
	for _, s := range score.Catalogue {
		if r, ok := p.Scores[s.Name]; ok {
			results = append(results, r.Result)
		}
	}
	return results
}
