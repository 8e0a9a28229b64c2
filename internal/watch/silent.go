package watch

import (
	"maps"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// Silence is an alarm condition of its own: technical, and never a reason to
// think that a patient is well. One alarm says that nobody watches a patient;
// while a part is still watched, one alarm per stream says what is missing.
const (
	ruleNotWatched  = "not-watched"
	ruleNoData      = "no-data"
	ruleSpotOverdue = "spot-overdue"
)

// silence compares what is silent now with what was, and tells the alarm machine
// the difference.
func (b *Board) silence(id vital.PatientID, p *patient, at vital.Instant) {
	want := p.silent(at)
	var findings []vital.Finding
	for _, key := range slices.Sorted(maps.Keys(p.Silence)) {
		if _, ok := want[key]; ok {
			continue
		}
		f := p.Silence[key]
		f.At, f.Stand = at, vital.Absent
		if p.Standby.active(at) || !p.planned(f.Metric) && f.Rule != ruleNotWatched {
			f.Stand = vital.Withdrawn
		}
		findings = append(findings, f)
		delete(p.Silence, key)
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		f := want[key]
		if old, ok := p.Silence[key]; ok && old.Text == f.Text && old.Priority == f.Priority {
			continue
		}
		if p.Silence == nil {
			p.Silence = map[string]vital.Finding{}
		}
		p.Silence[key] = f
		findings = append(findings, f)
	}
	b.found(id, p, findings, at)
}

// silent returns the conditions of silence that hold.
func (p *patient) silent(at vital.Instant) map[string]vital.Finding {
	if !p.Present || p.Standby.active(at) {
		return nil
	}
	standing := map[string]vital.Finding{}
	add := func(f vital.Finding) {
		f.Version, f.Technical, f.Stand = "1", true, vital.Present
		standing[f.Rule+"/"+f.Part] = f
	}
	var missing []Stream
	continuous := 0
	for _, s := range p.Streams {
		switch {
		case s.Kind == Continuous:
			continuous++
			if s.State == Missing && at >= s.Grace {
				missing = append(missing, s)
			}
		case s.State == Missing:
			add(vital.Finding{
				Rule: ruleSpotOverdue, Part: s.Metric, Metric: s.Metric, Title: "Measurement overdue",
				Text: label(s.Metric) + ": " + s.Cause, Priority: vital.Low, At: s.Since,
			})
		}
	}
	if continuous > 0 && len(missing) == continuous {
		add(vital.Finding{
			Rule: ruleNotWatched, Title: "Patient is not watched", Text: "NOT watched: " + worst(p.Streams),
			Priority: p.priorityOfSilence(), At: p.Since,
		})
	}
	for _, s := range missing {
		// What was said of one stream stays said when the others fall silent too.
		if _, said := p.Silence[ruleNoData+"/"+s.Metric]; !said && len(missing) == continuous {
			continue
		}
		add(vital.Finding{
			Rule: ruleNoData, Part: s.Metric, Metric: s.Metric, Title: "No data",
			Text: label(s.Metric) + ": " + s.Cause, Priority: min(p.priorityOfSilence(), vital.Medium), At: s.Since,
		})
	}
	return standing
}

// priorityOfSilence says how soon somebody must look at a patient whom nothing
// watches: at once where the patient was put to be watched every second, later
// at home. It is our setting, not a published threshold.
func (p *patient) priorityOfSilence() vital.Priority {
	switch p.About.WardKind {
	case "high-dependency":
		return vital.High
	case "home":
		return vital.Low
	}
	return vital.Medium
}

func (p *patient) planned(metric string) bool {
	for _, s := range p.Streams {
		if s.Metric == metric {
			return true
		}
	}
	return false
}
