package alarm

import (
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// finding does what one finding asks for. A finding of another patient is not
// this state's business; one that names nobody was made for this one.
func (w *work) finding(f *vital.Finding) {
	if w.Patient == "" {
		w.Patient = f.Patient
	}
	if f.Patient != "" && f.Patient != w.Patient {
		return
	}
	at, received := clocks(f, w.now)
	i := w.find(f.Rule, f.Part)
	if w.late(i, f, at, received) {
		return
	}
	switch f.Stand {
	case vital.Present:
		news := w.hear(f, at, received)
		if i < 0 {
			w.raise(f, at)
		} else {
			w.present(i, f, news)
		}
	case vital.Absent:
		w.hear(f, at, received)
		if i >= 0 {
			w.absent(i, at)
		}
	case vital.Unknown:
		if i >= 0 {
			w.hear(f, at, received)
			w.unknown(i, at)
		}
	case vital.Withdrawn:
		// Who looks for it again begins anew, with times of its own.
		w.forget(f.Rule, f.Part)
		if i >= 0 {
			w.close(i, "withdrawn")
		}
	}
}

// severity keeps a priority within what an alarm can have: an alarm has one.
func severity(p vital.Priority) vital.Priority { return max(vital.Low, min(p, vital.High)) }

// raise begins an episode.
func (w *work) raise(f *vital.Finding, at vital.Instant) {
	w.own()
	a := Alarm{
		ID: ID(w.Patient, f.Rule, f.Part, at, w.now), Patient: w.Patient, Rule: f.Rule, Part: f.Part,
		Peak: severity(f.Priority), Condition: Present, Since: at, Raised: w.now, Changed: w.now, Told: w.now,
		Times: 1, Sound: On,
	}
	a.describe(f)
	o := w.switched(f.Rule, f.Part)
	if o >= 0 && !a.Always {
		a.off(w.Offs[o])
	}
	a.Due = w.due(&a)
	w.Alarms = append(w.Alarms, a)
	w.emit(Raised, len(w.Alarms)-1).Tell = a.tells()
	if o >= 0 && a.Always {
		w.Offs = slices.Delete(w.Offs, o, o+1)
		w.emit(Lapsed, len(w.Alarms)-1).Why = "this alarm cannot be switched off"
	}
}

// describe takes over what a finding says.
func (a *Alarm) describe(f *vital.Finding) {
	a.Version, a.Title, a.Text, a.Metric = f.Version, f.Title, f.Text, f.Metric
	a.Technical, a.Latching, a.Always, a.Spot = f.Technical, f.Latching, f.Always, f.Spot
	a.Priority = severity(f.Priority)
	a.Evidence = nil
	if len(f.Evidence) > 0 {
		a.Evidence = slices.Clone(f.Evidence)
	}
}

// says reports whether the alarm says what the finding does.
func (a *Alarm) says(f *vital.Finding) bool {
	return a.Version == f.Version && a.Title == f.Title && a.Text == f.Text && a.Metric == f.Metric &&
		a.Technical == f.Technical && a.Latching == f.Latching && a.Always == f.Always && a.Spot == f.Spot &&
		a.Priority == severity(f.Priority) && slices.Equal(a.Evidence, f.Evidence)
}

func (a *Alarm) off(o Switch) {
	a.Sound, a.SoundUntil, a.Silenced = Off, o.Until, &Deed{By: o.By, At: o.At, Why: o.Why}
}

// present goes on with an episode.
func (w *work) present(i int, f *vital.Finding, news bool) {
	was := &w.Alarms[i]
	back := was.Condition == Ended
	measured := was.Sound == Snoozed && news && w.measuredAfter(f, was.Silenced.At)
	freed := f.Always && (was.Sound == Snoozed || was.Sound == Off)
	found, before := was.Condition == Unknown, was.Priority
	if !back && !found && !measured && !freed && was.says(f) {
		return
	}
	a := w.of(i)
	a.describe(f)
	a.Peak = max(a.Peak, a.Priority)
	a.Condition, a.Ended, a.Unknown = Present, 0, 0
	if back {
		a.Times++
	}
	if freed {
		if o := w.switched(a.Rule, a.Part); o >= 0 {
			w.Offs = slices.Delete(w.Offs, o, o+1)
		}
		a.Level = 0
		a.loud()
	}
	again, worse := back || measured || freed, a.Priority > before
	if again || worse {
		w.restart(a)
	}
	a.Due = w.due(a)
	if found {
		w.emit(Found, i)
	}
	if freed {
		w.emit(Lapsed, i).Why = "this alarm can no longer be snoozed or switched off"
	}
	if again {
		w.emit(Again, i).Tell = a.tells() && !worse
	}
	switch {
	case worse:
		w.emit(Worse, i).Tell = a.tells()
	case a.Priority < before:
		w.emit(Better, i)
	case !found && !again:
		w.emit(Updated, i)
	}
}

// measuredAfter reports whether a finding rests on something measured after t. What
// says to be of the future is of now.
func (w *work) measuredAfter(f *vital.Finding, t vital.Instant) bool {
	if len(f.Evidence) == 0 {
		return min(f.At, w.now) > t
	}
	for i := range f.Evidence {
		if min(f.Evidence[i].At, w.now) > t {
			return true
		}
	}
	return false
}

// absent ends the condition: the alarm with it, or, when it latches, once
// somebody has seen it.
func (w *work) absent(i int, at vital.Instant) {
	was := w.Alarms[i].Condition
	if was == Ended {
		return
	}
	a := w.of(i)
	a.Condition, a.Ended, a.Unknown = Ended, at, 0
	stays := a.Latching && a.Acknowledged == nil
	if stays && a.Sound == Snoozed {
		a.loud() // it was until measured again, and this is that
		a.Due = w.due(a)
	}
	if was == Unknown {
		w.emit(Found, i)
	}
	switch {
	case stays:
		w.emit(Gone, i)
	case a.Latching:
		w.close(i, "seen")
	default:
		w.close(i, "ended")
	}
}

// unknown keeps the alarm as it is and says since when nobody can tell.
func (w *work) unknown(i int, at vital.Instant) {
	if w.Alarms[i].Condition != Present {
		return
	}
	a := w.of(i)
	a.Condition, a.Unknown = Unknown, at
	w.emit(Lost, i)
}
