package alarm

import (
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// Step returns the alarms after what was found, what was asked for and the time
// that passed, in this order, and what happened, in the order in which it did.
//
// It never changes s. The same state and input give the same result, and the
// state may go through JSON between two steps. A step with nothing to do
// allocates nothing. A policy that is not set is the default one: an alarm does
// not stop escalating because somebody forgot to fill in a field.
func Step(s State, in Input) (State, []Effect) {
	if in.Policy == (Policy{}) {
		in.Policy = DefaultPolicy()
	}
	w := work{State: s, now: in.Now, policy: in.Policy}
	if in.Leave {
		w.leave(in.Commands)
		return w.State, w.effects
	}
	for i := range in.Findings {
		w.finding(&in.Findings[i])
	}
	for i := range in.Commands {
		w.command(&in.Commands[i])
	}
	w.pass()
	w.tidy()
	return w.State, w.effects
}

// work is one step being made.
type work struct {
	State
	now     vital.Instant
	policy  Policy
	effects []Effect
	owned   bool // the slices of State are our own
}

// own makes sure that the slices are not those of the caller's state.
func (w *work) own() {
	if w.owned {
		return
	}
	w.owned = true
	w.Alarms, w.Offs, w.Heard = slices.Clone(w.Alarms), slices.Clone(w.Offs), slices.Clone(w.Heard)
}

// tidy leaves no empty slices: a state is the same before and after JSON.
func (w *work) tidy() {
	if len(w.Alarms) == 0 {
		w.Alarms = nil
	}
	if len(w.Offs) == 0 {
		w.Offs = nil
	}
	if len(w.Heard) == 0 {
		w.Heard = nil
	}
}

// of returns the alarm at i to be changed.
func (w *work) of(i int) *Alarm {
	w.own()
	a := &w.Alarms[i]
	a.Changed = w.now
	return a
}

func (w *work) find(rule, part string) int {
	for i := range w.Alarms {
		if w.Alarms[i].Rule == rule && w.Alarms[i].Part == part {
			return i
		}
	}
	return -1
}

func (w *work) switched(rule, part string) int {
	for i := range w.Offs {
		if w.Offs[i].Rule == rule && w.Offs[i].Part == part {
			return i
		}
	}
	return -1
}

// emit says what happened to the alarm at i.
func (w *work) emit(kind Kind, i int) *Effect {
	w.effects = append(w.effects, Effect{Kind: kind, Alarm: w.Alarms[i], At: w.now})
	return &w.effects[len(w.effects)-1]
}

// tells reports whether people are being told of an alarm, and told further when
// nobody answers.
func (a *Alarm) tells() bool { return a.Sound == On || a.Sound == Paused }

// due returns when an alarm escalates next: once it has waited as long as its
// priority allows, and never later than was said before. An offer waits as long
// as a medium alarm where the priority itself waits for ever: what was handed
// over must not get lost.
func (w *work) due(a *Alarm) vital.Instant {
	wait := w.policy.Escalate[a.Priority]
	if wait <= 0 && a.Owner != nil && !a.Owner.Accepted {
		wait = w.policy.Escalate[vital.Medium]
	}
	if !a.tells() || wait <= 0 {
		return 0
	}
	return sooner(a.Due, w.now+vital.Instant(wait))
}

// restart makes an alarm be heard again because it became worse, came again or is
// not silenced any more. A switch-off holds. After somebody had seen it or it had
// been silenced, the telling begins anew with the nurse in charge of the bed.
func (w *work) restart(a *Alarm) {
	if a.Acknowledged != nil || a.Sound == Snoozed || a.Sound == Off {
		a.Level = 0
	}
	a.Acknowledged, a.Told = nil, w.now
	if a.Sound != Off {
		a.loud()
	}
	a.Due = w.due(a)
}

// loud ends whatever silences an alarm.
func (a *Alarm) loud() {
	a.Sound, a.SoundUntil, a.Silenced = On, 0, nil
	if a.Acknowledged != nil {
		a.Sound = Acknowledged
	}
}

// close ends the episode.
func (w *work) close(i int, why string) *Effect {
	told := w.Alarms[i].tells()
	a := w.of(i)
	if h := w.known(a.Rule, a.Part); h >= 0 {
		w.Heard[h].Noted = w.now
	}
	a.Closed, a.Why, a.Due, a.SoundUntil = w.now, why, 0, 0
	e := w.emit(Closed, i)
	e.Why, e.Stop = why, told
	w.Alarms = slices.Delete(w.Alarms, i, i+1)
	return e
}

// escalate tells the next level, or the last one again.
func (w *work) escalate(i int, why string) *Effect {
	a := w.of(i)
	a.Level = min(a.Level+1, max(w.policy.Levels, 1)-1)
	a.Due = 0
	a.Due = w.due(a)
	e := w.emit(Escalated, i)
	e.Why, e.Tell = why, true
	return e
}

// pass is what time does: silences run out, and who does not answer is not
// waited for any longer.
func (w *work) pass() {
	for i := 0; i < len(w.Offs); {
		if w.Offs[i].Until > w.now {
			i++
			continue
		}
		w.lapseSwitch(i)
	}
	for i := range w.Alarms {
		a := &w.Alarms[i]
		if a.SoundUntil != 0 && a.SoundUntil <= w.now {
			w.lapse(i, "")
		}
		if due := w.due(&w.Alarms[i]); due != w.Alarms[i].Due {
			w.of(i).Due = due // the policy has changed
			w.emit(Updated, i)
		}
		if due := w.Alarms[i].Due; due != 0 && due <= w.now {
			w.unanswered(i)
		}
	}
}

// lapseSwitch ends the off at i, and says so even when nothing is wrong.
func (w *work) lapseSwitch(i int) {
	w.own()
	o := w.Offs[i]
	w.Offs = slices.Delete(w.Offs, i, i+1)
	if at := w.find(o.Rule, o.Part); at >= 0 && w.Alarms[at].Sound == Off {
		w.lapse(at, "")
		return
	}
	w.effects = append(w.effects, Effect{Kind: Lapsed, Alarm: w.nothing(o.Rule, o.Part), At: w.now})
}

// nothing stands in an effect for an alarm that is not there.
func (w *work) nothing(rule, part string) Alarm {
	return Alarm{Patient: w.Patient, Rule: rule, Part: part}
}

// lapse ends a silence that has run out: what is still there is told again.
func (w *work) lapse(i int, why string) {
	a := w.of(i)
	if a.Sound != Paused {
		a.Level = 0
	}
	a.Acknowledged, a.Told = nil, w.now
	a.loud()
	a.Due = w.due(a)
	w.emit(Lapsed, i).Why = why
	w.emit(Again, i).Tell = true
}

// unanswered escalates an alarm that was waited for long enough. Who was offered
// it or took it and does not answer has it no longer.
func (w *work) unanswered(i int) {
	why := "nobody has answered in time"
	if o := w.Alarms[i].Owner; o != nil {
		why = o.By + " has not answered in time"
		w.of(i).Owner = nil
	}
	w.escalate(i, why)
}

// leave closes everything: the patient was discharged. What was asked for in the
// same moment comes too late.
func (w *work) leave(commands []Command) {
	for len(w.Alarms) > 0 {
		w.close(0, "discharged")
	}
	w.State = State{Patient: w.Patient, Command: w.Command}
	w.owned = true
	for i := range commands {
		if c := &commands[i]; c.ID > w.Command {
			w.Command = c.ID
			w.refuse(c, -1, "the patient has left")
		}
	}
}
