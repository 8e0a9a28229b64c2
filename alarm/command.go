package alarm

import (
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// command does what one person asks for, once.
func (w *work) command(c *Command) {
	if c.ID <= w.Command {
		return
	}
	w.Command = c.ID
	if w.Patient == "" {
		w.Patient = c.Patient
	}
	i := -1
	switch {
	case c.Alarm != "":
		i = slices.IndexFunc(w.Alarms, func(a Alarm) bool { return a.ID == c.Alarm })
	case c.Rule != "":
		i = w.find(c.Rule, c.Part)
	}
	if why := w.forbids(c, i); why != "" {
		w.refuse(c, i, why)
		return
	}
	switch c.Verb {
	case Acknowledge:
		w.acknowledge(c, i)
	case Accept:
		w.accept(c, i)
	case Decline:
		w.of(i).Owner = nil
		w.done(c, i, "")
		w.call(c, i)
	case HandOver:
		w.handOver(c, i)
	case Escalate:
		if o := w.Alarms[i].Owner; o != nil && !o.Accepted {
			w.of(i).Owner = nil
		}
		w.done(c, i, "")
		w.call(c, i)
	case Pause:
		w.each(c, i, w.pause)
	case Resume:
		w.each(c, i, w.resume)
	case Snooze:
		until, note := w.limit(c, w.policy.SnoozeMost)
		stop := w.quiet(c, i, Snoozed, until)
		w.done(c, i, note).Stop = stop
	case SwitchOff:
		w.switchOff(c, i)
	case SwitchOn:
		w.switchOn(c, i)
	}
}

// forbids says in plain words why a command cannot be carried out, or nothing.
func (w *work) forbids(c *Command, i int) string {
	none := ""
	switch {
	case c.Patient != "" && c.Patient != w.Patient:
		return "this is not an alarm of this patient"
	case c.By == "":
		return "say who you are"
	case i < 0 && c.Alarm != "":
		none = "this alarm is over"
	case i < 0 && c.Rule != "":
		none = "there is no such alarm now"
	case i < 0:
		none = "say which alarm"
	}
	switch c.Verb {
	case Acknowledge, Accept:
		if none == "" && c.At != 0 && c.At < w.Alarms[i].Told && w.Alarms[i].Told != w.Alarms[i].Raised {
			return "it became worse or came again meanwhile: look again"
		}
		return none
	case Decline:
		if none == "" {
			return w.forbidsDecline(c, &w.Alarms[i])
		}
		return none
	case HandOver:
		switch {
		case none != "":
			return none
		case c.To == "":
			return "say to whom"
		case c.To == c.By:
			return "accept it instead"
		}
		return silenced(&w.Alarms[i])
	case Escalate:
		if none == "" {
			return silenced(&w.Alarms[i])
		}
		return none
	case Pause:
		return w.forbidsPause(c, i, none)
	case Resume:
		return w.forbidsResume(c, i, none)
	case Snooze:
		if none == "" {
			return w.forbidsSnooze(c, &w.Alarms[i])
		}
		return none
	case SwitchOff:
		return w.forbidsOff(c, i, none)
	case SwitchOn:
		switch {
		case i < 0 && (c.Alarm != "" || c.Rule == ""):
			return none
		case i >= 0 && w.Alarms[i].Sound != Off, i < 0 && w.switched(c.Rule, c.Part) < 0:
			return "it is not switched off"
		}
		return ""
	}
	return "nobody knows how to do this"
}

func (w *work) forbidsDecline(c *Command, a *Alarm) string {
	switch o := a.Owner; {
	case silenced(a) != "":
		return silenced(a)
	case o != nil && o.Accepted && o.By != c.By:
		return o.By + " takes care of it"
	case a.Acknowledged != nil && a.Acknowledged.By != c.By && (o == nil || o.By != c.By):
		return a.Acknowledged.By + " has acknowledged it"
	}
	return ""
}

// silenced says why nobody can be told of an alarm now, or nothing.
func silenced(a *Alarm) string {
	switch a.Sound {
	case Off:
		return "it is switched off: switch it on first"
	case Snoozed:
		return "it is snoozed: resume it first"
	}
	return ""
}

func (w *work) forbidsPause(c *Command, i int, none string) string {
	switch {
	case c.Until != 0 && c.Until <= w.now:
		return "that time has passed"
	case w.policy.PauseMost <= 0:
		return "sound is not paused here"
	case i >= 0 && !w.Alarms[i].tells():
		return "it does not sound"
	case i < 0 && (c.Alarm != "" || c.Rule != ""):
		return none
	case i < 0 && !slices.ContainsFunc(w.Alarms, func(a Alarm) bool { return a.tells() }):
		return "no alarm sounds now"
	}
	return ""
}

func (w *work) forbidsResume(c *Command, i int, none string) string {
	switch {
	case i >= 0 && w.Alarms[i].SoundUntil == 0:
		return "its sound is not paused"
	case i < 0 && (c.Alarm != "" || c.Rule != ""):
		return none
	case i < 0 && !slices.ContainsFunc(w.Alarms, func(a Alarm) bool { return a.Sound == Paused }):
		return "no sound is paused"
	}
	return ""
}

func (w *work) forbidsSnooze(c *Command, a *Alarm) string {
	switch {
	case a.Always:
		return "this alarm cannot be snoozed: pause its sound or acknowledge it"
	case !a.Spot:
		return "this is measured all the time: pause its sound or acknowledge it"
	case a.Sound == Off:
		return "it is switched off"
	case c.Until != 0 && c.Until <= w.now:
		return "that time has passed"
	case w.policy.SnoozeMost <= 0:
		return "alarms are not snoozed here"
	}
	return ""
}

func (w *work) forbidsOff(c *Command, i int, none string) string {
	switch {
	case i < 0 && (c.Alarm != "" || c.Rule == ""):
		return none
	case i >= 0 && w.Alarms[i].Always:
		return "this alarm cannot be switched off"
	case c.Why == "":
		return "say why"
	case c.Until == 0:
		return "say until when"
	case c.Until <= w.now:
		return "that time has passed"
	case w.policy.OffMost <= 0:
		return "alarms are not switched off here"
	}
	return ""
}

func (w *work) refuse(c *Command, i int, why string) {
	a := w.nothing(c.Rule, c.Part)
	if i >= 0 {
		a = w.Alarms[i]
	}
	own := *c
	w.effects = append(w.effects, Effect{Kind: Refused, Alarm: a, At: w.now, Command: &own, Why: why})
}

func (w *work) done(c *Command, i int, why string) *Effect {
	own := *c
	e := w.emit(Done, i)
	e.Command, e.Why = &own, why
	return e
}

// deed is what a person did. The time is that at which they did it, and it cannot
// lie in the future.
func (w *work) deed(c *Command) *Deed {
	at := c.At
	if at == 0 || at > w.now {
		at = w.now
	}
	return &Deed{By: c.By, At: at, Why: c.Why}
}

// limit returns until when a silence lasts that may last that long at most, ms.
// A longer one is shortened, and that is said: the person wants it quiet, and
// refusing would only make them ask again.
func (w *work) limit(c *Command, most int64) (vital.Instant, string) {
	until := w.now + vital.Instant(most)
	if c.Until == 0 || c.Until == until {
		return until, ""
	}
	if c.Until > until {
		return until, "shortened to the longest time allowed"
	}
	return c.Until, ""
}

// quiet silences an alarm in somebody's name until a time, and reports whether
// that stops the telling.
func (w *work) quiet(c *Command, i int, sound Sound, until vital.Instant) (stop bool) {
	a := w.of(i)
	told := a.tells()
	a.Sound, a.SoundUntil, a.Silenced = sound, until, w.deed(c)
	a.Due = w.due(a)
	return told && !a.tells()
}

// see marks an alarm as seen. Who saw it first stays on record.
func (w *work) see(c *Command, i int) (stop bool) {
	a := w.of(i)
	stop = a.tells()
	if a.Acknowledged == nil {
		a.Acknowledged = w.deed(c)
	}
	if stop {
		a.loud()
	}
	a.Due = w.due(a)
	return stop
}

func (w *work) acknowledge(c *Command, i int) {
	stop := w.see(c, i)
	w.done(c, i, "").Stop = stop
	w.seen(c, i)
}

// seen closes an alarm whose condition has ended and that only waited for this.
func (w *work) seen(c *Command, i int) {
	if w.Alarms[i].Condition == Ended {
		own := *c
		w.close(i, "seen").Command = &own
	}
}

func (w *work) accept(c *Command, i int) {
	d := w.deed(c)
	o := &Owner{By: c.By, At: d.At, Accepted: true}
	if was := w.Alarms[i].Owner; was != nil && was.By != c.By {
		o.From = was.By
	} else if was != nil {
		o.From = was.From
	}
	w.of(i).Owner = o
	w.acknowledge(c, i)
}

// call tells the next level at somebody's wish. What was acknowledged is not any
// more: somebody else has to see it.
func (w *work) call(c *Command, i int) {
	a := w.of(i)
	a.Acknowledged = nil
	if a.Sound == Acknowledged {
		a.loud()
	}
	own := *c
	w.escalate(i, c.Why).Command = &own
}

// handOver offers an alarm to a person. Until that person accepts nobody has it,
// so it is told and escalates as if nobody had seen it.
func (w *work) handOver(c *Command, i int) {
	a := w.of(i)
	d := w.deed(c)
	a.Owner, a.Acknowledged = &Owner{By: c.To, From: c.By, At: d.At}, nil
	if a.Sound == Acknowledged {
		a.loud()
	}
	a.Due = 0
	a.Due = w.due(a)
	w.done(c, i, "").Tell = true
}

// each does something to one alarm, or to every one that it can be done to.
func (w *work) each(c *Command, i int, do func(c *Command, i int)) {
	if i >= 0 {
		do(c, i)
		return
	}
	for i := range w.Alarms {
		if c.Verb == Pause && w.Alarms[i].tells() || c.Verb == Resume && w.Alarms[i].Sound == Paused {
			do(c, i)
		}
	}
}

func (w *work) pause(c *Command, i int) {
	until, note := w.limit(c, w.policy.PauseMost)
	w.quiet(c, i, Paused, until)
	w.done(c, i, note)
}

// resume ends a silence by somebody's wish. Nobody stopped telling during a
// pause; after a snooze or an off the telling begins anew.
func (w *work) resume(c *Command, i int) {
	if w.Alarms[i].Sound == Paused {
		w.of(i).loud()
		w.done(c, i, "")
		return
	}
	if o := w.switched(w.Alarms[i].Rule, w.Alarms[i].Part); o >= 0 && w.Alarms[i].Sound == Off {
		w.own()
		w.Offs = slices.Delete(w.Offs, o, o+1)
	}
	a := w.of(i)
	a.loud()
	a.Acknowledged, a.Sound, a.Level, a.Told = nil, On, 0, w.now
	a.Due = w.due(a)
	own := *c
	w.done(c, i, "")
	e := w.emit(Again, i)
	e.Command, e.Tell = &own, true
}

// switchOff makes a condition raise nothing that is heard until a time: what
// happens is kept and shown all the same.
func (w *work) switchOff(c *Command, i int) {
	until, note := w.limit(c, w.policy.OffMost)
	d := w.deed(c)
	o := Switch{Rule: c.Rule, Part: c.Part, By: d.By, Why: d.Why, At: d.At, Until: until}
	if i >= 0 {
		o.Rule, o.Part = w.Alarms[i].Rule, w.Alarms[i].Part
	}
	w.own()
	if was := w.switched(o.Rule, o.Part); was >= 0 {
		w.Offs[was] = o
	} else {
		w.Offs = append(w.Offs, o)
	}
	if i < 0 {
		own := *c
		w.effects = append(w.effects, Effect{Kind: Done, Alarm: w.nothing(o.Rule, o.Part), At: w.now, Command: &own, Why: note})
		return
	}
	stop := w.quiet(c, i, Off, until)
	w.done(c, i, note).Stop = stop
}

func (w *work) switchOn(c *Command, i int) {
	if i >= 0 {
		w.resume(c, i)
		return
	}
	w.own()
	o := w.switched(c.Rule, c.Part)
	w.Offs = slices.Delete(w.Offs, o, o+1)
	own := *c
	w.effects = append(w.effects, Effect{Kind: Done, Alarm: w.nothing(c.Rule, c.Part), At: w.now, Command: &own})
}
