package flow

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// steerAlarms applies the decisions about alarms: what somebody asked of one, a
// rule set, a condition of the installation.
func (p *partition) steerAlarms(c control) error {
	switch c.Kind {
	case store.ControlAlarm:
		var asked alarm.Command
		if err := json.Unmarshal(c.Body, &asked); err != nil {
			return vital.Errorf(vital.Internal, "read a command to an alarm: %w", err)
		}
		asked.ID = c.ID
		if p.mine(asked.Patient) {
			p.board.Command(asked)
		}
	case store.ControlReport:
		var found vital.Finding
		if err := json.Unmarshal(c.Body, &found); err != nil {
			return vital.Errorf(vital.Internal, "read a report: %w", err)
		}
		if p.mine(found.Patient) {
			p.board.Report(found, c.At)
		}
	case store.ControlRules:
		var set store.RuleSet
		if err := json.Unmarshal(c.Body, &set); err != nil {
			return vital.Errorf(vital.Internal, "read a rule set: %w", err)
		}
		return p.useRules(set, c.At)
	}
	return nil
}

// mine reports whether the partition watches over a patient.
func (p *partition) mine(patient vital.PatientID) bool {
	return p.f.readingsPartition(patient, "") == p.number
}

// useRules puts a set in force. It was loaded before it was stored; a set that a
// newer program no longer understands is a technical alarm, and what is in force
// stays.
func (p *partition) useRules(s store.RuleSet, at vital.Instant) error {
	files := make([]rule.File, len(s.Files))
	for i, f := range s.Files {
		files[i] = rule.File{Name: f.Name, Text: f.Text}
	}
	set, problems := rule.Load(files)
	if set != nil {
		p.board.Use(set, at)
		return nil
	}
	p.f.log.Error("a rule set cannot be used; the one before stays in force", "version", s.Version, "problem", problems[0].Message)
	if p.mine(watch.Site) {
		p.board.Report(vital.Finding{
			Rule: "rules-refused", Part: s.Version, Version: "1", Title: "Rules cannot be used", Technical: true, Latching: true,
			Text:     "Rules " + s.Version + " cannot be used: the ones before stay in force",
			Priority: vital.Medium, Stand: vital.Present, At: at,
		}, at)
	}
	return nil
}

// tell turns what the alarm machine said into rows, pages and what screens show.
func (p *partition) tell(effects []alarm.Effect) {
	e := &p.effects
	for _, x := range effects {
		if deed, ok := store.DeedOf(x); ok {
			e.batch.Deeds = append(e.batch.Deeds, deed)
		}
		if x.Alarm.ID == "" {
			continue // a switch without an alarm
		}
		e.update.Alarms = append(e.update.Alarms, x.Alarm)
		if x.Kind == alarm.Updated {
			p.reworded[x.Alarm.ID] = x.Alarm // a new number in its text: with the next commit
			continue
		}
		delete(p.reworded, x.Alarm.ID)
		e.batch.Alarms = append(e.batch.Alarms, x.Alarm)
		switch {
		case x.Tell:
			e.batch.Pages = append(e.batch.Pages, pageOf(x, string(x.Kind)))
		case x.Stop:
			e.batch.Pages = append(e.batch.Pages, pageOf(x, "stop"))
		}
	}
}

// writeReworded puts the alarms whose text alone changed into a commit that is
// made for another reason: ten thousand numbers a second are not ten thousand
// transactions.
func (p *partition) writeReworded(b *store.Batch) {
	for _, id := range slices.Sorted(maps.Keys(p.reworded)) {
		b.Alarms = append(b.Alarms, p.reworded[id])
	}
	clear(p.reworded)
}

// pageOf names a page after its alarm, its kind and its time: the same page
// written twice is one.
func pageOf(x alarm.Effect, kind string) store.Page {
	a := x.Alarm
	return store.Page{
		ID: a.ID + "." + kind + "." + strconv.FormatInt(int64(x.At), 36), Alarm: a.ID, Patient: a.Patient,
		Level: a.Level, Kind: kind, Priority: a.Priority, At: x.At, Technical: a.Technical,
	}
}

// Alarms returns the open alarms, from memory, of those of the patients that
// rows lets through, highest first within a patient; nil: of all of those, and
// those of the installation.
func (f *Flow) Alarms(ctx context.Context, rows store.Rows, patients []vital.PatientID) []alarm.Alarm {
	var open []alarm.Alarm
	for _, p := range f.parts {
		p.mu.RLock()
		for _, id := range p.among(patients) {
			if p.board.HasAlarms(id) {
				open = append(open, p.board.Alarms(id)...)
			}
		}
		if patients == nil && p.mine(watch.Site) {
			open = append(open, p.board.Alarms(watch.Site)...)
		}
		p.mu.RUnlock()
	}
	of := make([]vital.PatientID, 0, len(open))
	for _, a := range open {
		of = append(of, a.Patient)
	}
	sees := f.sight(ctx, rows, of)
	kept := open[:0]
	for _, a := range open {
		if a.Patient == watch.Site || sees(a.Patient, vital.DataAlarms) {
			kept = append(kept, a)
		}
	}
	return kept
}

// ask reads what the watch over a patient knows.
func ask[T any](f *Flow, patient vital.PatientID, read func(*watch.Board, vital.PatientID) T) T {
	p := f.parts[f.readingsPartition(patient, "")]
	p.mu.RLock()
	defer p.mu.RUnlock()
	return read(p.board, patient)
}

// Limits returns the limits in force for a patient.
func (f *Flow) Limits(patient vital.PatientID) []rule.Effective {
	return ask(f, patient, (*watch.Board).Limits)
}

// Offs returns what is switched off for a patient.
func (f *Flow) Offs(patient vital.PatientID) []alarm.Switch {
	return ask(f, patient, (*watch.Board).Offs)
}

// Rules returns the rule set in force.
func (f *Flow) Rules() *rule.Set {
	p := f.parts[0]
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.board.Rules()
}

// sight answers which data of these patients rows lets through. What nobody wears
// belongs to no patient: whoever works everywhere sees it.
func (f *Flow) sight(ctx context.Context, rows store.Rows, patients []vital.PatientID) func(vital.PatientID, vital.Data) bool {
	if rows.All && rows.For == nil {
		return func(vital.PatientID, vital.Data) bool { return true }
	}
	seen, err := f.db.Sees(ctx, rows, slices.Compact(slices.Sorted(slices.Values(patients))))
	if err != nil {
		f.log.Error("who may see whom", "error", err.Error())
	}
	return func(id vital.PatientID, d vital.Data) bool {
		if id == "" {
			return rows.All
		}
		return seen[id].Has(d)
	}
}

// Scores returns the scores of a patient as they were last computed.
func (f *Flow) Scores(patient vital.PatientID) []score.Result {
	return ask(f, patient, (*watch.Board).Scores)
}

// Baselines returns how the vital signs of a patient stand against what is usual
// for the person.
func (f *Flow) Baselines(patient vital.PatientID) []watch.Baseline {
	return ask(f, patient, (*watch.Board).Baselines)
}
