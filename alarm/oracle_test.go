package alarm_test

import (
	"fmt"
	"slices"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

// This file is a second implementation, written from docs/clinical/alarms.md and
// not from the first. It keeps nothing: each time it goes through the whole log
// from the first line. It is slow and has no other ideas.

// picture is what the oracle thinks of one condition.
type picture struct {
	open                         bool
	id, text                     string
	latching, always, spot       bool
	stand                        alarm.Condition
	priority, peak               vital.Priority
	times                        int
	since, raised, told, closed  vital.Instant
	seenBy, quietBy, owner, from string
	accepted                     bool
	quietAt, until               vital.Instant
	quiet                        alarm.Sound // "", Paused, Snoozed or Off
	level                        int
	waits                        []vital.Instant // when it would escalate, by each moment since it began to wait
	evidence                     []vital.Evidence
	heard                        []vital.Finding // what counted, since it was last withdrawn
	noted                        vital.Instant   // when there was news in it, or the alarm closed
	news                         bool            // in the last of it
	off                          bool
	offBy                        string
	offAt, offUntil              vital.Instant
}

func (p *picture) sound() alarm.Sound {
	switch {
	case p.quiet != "":
		return p.quiet
	case p.seenBy != "":
		return alarm.Acknowledged
	}
	return alarm.On
}

func (p *picture) calling() bool {
	return p.open && (p.sound() == alarm.On || p.sound() == alarm.Paused)
}

func (p *picture) due() vital.Instant {
	if len(p.waits) == 0 {
		return 0
	}
	return slices.Min(p.waits)
}

// line is a picture, or an alarm, in words that can be compared.
func (p *picture) line() string {
	return fmt.Sprintf("%s %q %s %v peak %v x%d since %d raised %d told %d sound %s until %d by %q seen %q owner %q from %q %v level %d due %d",
		p.id, p.text, p.stand, p.priority, p.peak, p.times, p.since, p.raised, p.told, p.sound(), p.until, p.quietBy, p.seenBy, p.owner, p.from, p.accepted, p.level, p.due())
}

func lineOf(a alarm.Alarm) string {
	var seen, quiet string
	var o alarm.Owner
	if a.Acknowledged != nil {
		seen = a.Acknowledged.By
	}
	if a.Silenced != nil {
		quiet = a.Silenced.By
	}
	if a.Owner != nil {
		o = *a.Owner
	}
	return fmt.Sprintf("%s %q %s %v peak %v x%d since %d raised %d told %d sound %s until %d by %q seen %q owner %q from %q %v level %d due %d",
		a.ID, a.Text, a.Condition, a.Priority, a.Peak, a.Times, a.Since, a.Raised, a.Told, a.Sound, a.SoundUntil, quiet, seen, o.By, o.From, o.Accepted, a.Level, a.Due)
}

type condition struct{ rule, part string }

// oracle goes through a log.
type oracle struct {
	now     vital.Instant
	policy  alarm.Policy
	done    int64
	order   []condition
	of      map[condition]*picture
	effects map[condition][]string // of the last input
	closed  map[string]string      // alarm -> why
}

func recount(log []alarm.Input) *oracle {
	o := &oracle{of: map[condition]*picture{}, closed: map[string]string{}}
	for _, in := range log {
		o.now, o.policy, o.effects = in.Now, in.Policy, map[condition][]string{}
		if in.Leave {
			for _, c := range o.order {
				if o.of[c].open {
					o.end(c, "discharged")
				}
			}
			o.of, o.order = map[condition]*picture{}, nil
			for _, c := range in.Commands {
				if c.ID > o.done {
					o.done = c.ID
					o.say(condition{c.Rule, c.Part}, alarm.Refused, false, false)
				}
			}
			continue
		}
		for _, f := range in.Findings {
			o.found(f)
		}
		for _, c := range in.Commands {
			if c.ID > o.done {
				o.done = c.ID
				o.asked(c)
			}
		}
		for _, c := range o.order {
			o.later(c)
		}
	}
	return o
}

func (o *oracle) picture(c condition) *picture {
	if o.of[c] == nil {
		o.of[c] = &picture{}
		o.order = append(o.order, c)
	}
	return o.of[c]
}

func (o *oracle) say(c condition, k alarm.Kind, tell, stop bool) {
	o.effects[c] = append(o.effects[c], fmt.Sprintf("%s tell %v stop %v", k, tell, stop))
}

func said(e alarm.Effect) string { return fmt.Sprintf("%s tell %v stop %v", e.Kind, e.Tell, e.Stop) }

func (o *oracle) end(c condition, why string) {
	p := o.of[c]
	o.say(c, alarm.Closed, false, p.calling())
	o.closed[p.id] = why
	*p = picture{heard: p.heard, noted: o.now, off: p.off, offBy: p.offBy, offAt: p.offAt, offUntil: p.offUntil}
}

// wait notes, after anything that happened, until when the alarm waits.
func (o *oracle) wait(p *picture) {
	allowed := o.policy.Escalate[p.priority]
	if p.owner != "" && !p.accepted && allowed == 0 {
		allowed = o.policy.Escalate[vital.Medium]
	}
	if !p.calling() || allowed == 0 {
		p.waits = nil
		return
	}
	p.waits = append(p.waits, o.now+vital.Instant(allowed))
}

func newestReceived(f vital.Finding) (r vital.Instant) {
	for _, e := range f.Evidence {
		r = max(r, e.Received)
	}
	return r
}

func (o *oracle) stale(p *picture, f vital.Finding) bool {
	var at, received vital.Instant
	for _, h := range p.heard {
		at, received = max(at, h.At), max(received, newestReceived(h))
	}
	mine := newestReceived(f)
	if len(p.heard) > 0 && !p.open && p.noted < o.now-3600_000 {
		p.heard = nil // an hour without an alarm is forgotten
	}
	p.news = len(p.heard) == 0 || f.At > at || mine > received
	switch {
	case len(p.heard) == 0:
	case mine == 0 || mine >= received: // said now, or received in order
	case f.At < at, f.At == at && !(f.Stand == vital.Present && p.open && f.Priority > p.priority):
		return true
	}
	if p.news && (f.Stand != vital.Unknown || p.open) {
		p.noted = o.now
	}
	return false
}

func (o *oracle) found(f vital.Finding) {
	c := condition{f.Rule, f.Part}
	p := o.picture(c)
	f.At = min(f.At, o.now)
	if o.stale(p, f) {
		return
	}
	switch f.Stand {
	case vital.Unknown:
		if !p.open {
			return
		}
		p.heard = append(p.heard, f)
		if p.stand == alarm.Present {
			p.stand = alarm.Unknown
			o.say(c, alarm.Lost, false, false)
		}
	case vital.Withdrawn:
		p.heard = nil
		if p.open {
			o.end(c, "withdrawn")
		}
	case vital.Absent:
		p.heard = append(p.heard, f)
		if !p.open || p.stand == alarm.Ended {
			return
		}
		if p.stand == alarm.Unknown {
			o.say(c, alarm.Found, false, false)
		}
		p.stand = alarm.Ended
		switch {
		case !p.latching:
			o.end(c, "ended")
		case p.seenBy != "":
			o.end(c, "seen")
		default:
			if p.quiet == alarm.Snoozed {
				o.heardAgain(p)
			}
			o.say(c, alarm.Gone, false, false)
			o.wait(p)
		}
	case vital.Present:
		p.heard = append(p.heard, f)
		o.there(c, p, f)
	}
}

func (o *oracle) heardAgain(p *picture) {
	p.quiet, p.quietBy, p.quietAt, p.until = "", "", 0, 0
}

func (o *oracle) there(c condition, p *picture, f vital.Finding) {
	if !p.open {
		p.open, p.id = true, alarm.ID("p", f.Rule, f.Part, f.At, o.now)
		p.since, p.raised, p.told, p.times, p.stand = f.At, o.now, o.now, 1, alarm.Present
		p.take(f)
		p.peak = p.priority
		if p.off && !f.Always {
			p.quiet, p.quietBy, p.quietAt, p.until = alarm.Off, p.offBy, p.offAt, p.offUntil
		}
		o.say(c, alarm.Raised, p.calling(), false)
		if p.off && f.Always {
			p.off = false
			o.say(c, alarm.Lapsed, false, false)
		}
		o.wait(p)
		return
	}
	lost, gone, was := p.stand == alarm.Unknown, p.stand == alarm.Ended, p.priority
	same := p.text == f.Text && p.latching == f.Latching && p.always == f.Always && p.spot == f.Spot && p.priority == f.Priority && slices.Equal(p.evidence, f.Evidence)
	newer := len(f.Evidence) == 0 && f.At > p.quietAt
	for _, e := range f.Evidence {
		newer = newer || min(e.At, o.now) > p.quietAt
	}
	remeasured := p.quiet == alarm.Snoozed && newer && p.news
	mustSound := f.Always && (p.quiet == alarm.Snoozed || p.quiet == alarm.Off)
	if same && !lost && !gone && !remeasured && !mustSound {
		return
	}
	p.take(f)
	p.peak = max(p.peak, p.priority)
	p.stand = alarm.Present
	if gone {
		p.times++
	}
	if mustSound {
		p.off = false
		o.heardAgain(p)
		p.level = 0
	}
	again, worse := gone || remeasured || mustSound, p.priority > was
	if again || worse {
		if p.seenBy != "" || p.quiet == alarm.Snoozed || p.quiet == alarm.Off {
			p.level = 0
		}
		p.seenBy, p.told = "", o.now
		if p.quiet != alarm.Off {
			o.heardAgain(p)
		}
	}
	o.wait(p)
	if lost {
		o.say(c, alarm.Found, false, false)
	}
	if mustSound {
		o.say(c, alarm.Lapsed, false, false)
	}
	if again {
		o.say(c, alarm.Again, p.calling() && !worse, false)
	}
	if worse {
		o.say(c, alarm.Worse, p.calling(), false)
	} else if p.priority < was {
		o.say(c, alarm.Better, false, false)
	} else if !lost && !again {
		o.say(c, alarm.Updated, false, false)
	}
}

func (p *picture) take(f vital.Finding) {
	p.text, p.latching, p.always, p.spot, p.priority, p.evidence = f.Text, f.Latching, f.Always, f.Spot, f.Priority, f.Evidence
}

// may is the table of what can be done to an alarm, and when.
func (o *oracle) may(c alarm.Command, p *picture) bool {
	audible := p.quiet == "" || p.quiet == alarm.Paused
	timely := c.Until == 0 || c.Until > o.now
	switch c.Verb {
	case alarm.Acknowledge, alarm.Accept:
		return c.At == 0 || c.At >= p.told || p.told == p.raised
	case alarm.Decline:
		mine := p.owner == c.By
		return audible && !(p.owner != "" && p.accepted && !mine) && !(p.seenBy != "" && p.seenBy != c.By && !mine)
	case alarm.HandOver:
		return audible && c.To != "" && c.To != c.By
	case alarm.Escalate:
		return audible
	case alarm.Pause:
		return p.calling() && timely
	case alarm.Resume:
		return p.quiet != ""
	case alarm.Snooze:
		return p.spot && !p.always && p.quiet != alarm.Off && timely
	case alarm.SwitchOff:
		return !p.always && c.Why != "" && c.Until > o.now
	case alarm.SwitchOn:
		return p.quiet == alarm.Off
	}
	return false
}

func (o *oracle) asked(c alarm.Command) {
	var targets []condition
	where := condition{c.Rule, c.Part}
	for _, x := range o.order {
		p := o.of[x]
		switch {
		case !p.open:
		case c.Alarm != "" && p.id == c.Alarm, c.Alarm == "" && c.Rule != "" && x == where:
			targets = append(targets, x)
		case c.Alarm == "" && c.Rule == "" && (c.Verb == alarm.Pause && p.calling() || c.Verb == alarm.Resume && p.quiet == alarm.Paused):
			targets = append(targets, x)
		}
	}
	if len(targets) == 0 && c.Alarm == "" && c.Rule != "" && c.By != "" {
		p := o.picture(where)
		if c.Verb == alarm.SwitchOff && c.Why != "" && c.Until > o.now {
			o.switchOff(p, c)
			o.say(where, alarm.Done, false, false)
			return
		}
		if c.Verb == alarm.SwitchOn && p.off {
			p.off = false
			o.say(where, alarm.Done, false, false)
			return
		}
	}
	if len(targets) == 0 {
		o.say(where, alarm.Refused, false, false)
		return
	}
	refused := false
	for _, x := range targets {
		if c.By == "" || !o.may(c, o.of[x]) {
			if len(targets) == 1 && (c.Alarm != "" || c.Rule != "") {
				where = x
			}
			refused = true
		}
	}
	if refused {
		o.say(where, alarm.Refused, false, false)
		return
	}
	for _, x := range targets {
		o.do(c, x)
	}
}

func (o *oracle) until(c alarm.Command, most int64) vital.Instant {
	last := o.now + vital.Instant(most)
	if c.Until == 0 {
		return last
	}
	return min(last, c.Until)
}

func (o *oracle) switchOff(p *picture, c alarm.Command) {
	p.off, p.offBy, p.offAt, p.offUntil = true, c.By, o.when(c), o.until(c, o.policy.OffMost)
}

func (o *oracle) when(c alarm.Command) vital.Instant {
	if c.At == 0 {
		return o.now
	}
	return min(c.At, o.now)
}

func (o *oracle) do(c alarm.Command, x condition) {
	p := o.of[x]
	calling := p.calling()
	switch c.Verb {
	case alarm.Acknowledge, alarm.Accept:
		if c.Verb == alarm.Accept {
			if p.owner != c.By {
				p.from = p.owner
			}
			p.owner, p.accepted = c.By, true
		}
		if p.seenBy == "" {
			p.seenBy = c.By
		}
		if p.quiet == alarm.Paused {
			o.heardAgain(p)
		}
		o.wait(p)
		o.say(x, alarm.Done, false, calling)
		if p.stand == alarm.Ended {
			o.end(x, "seen")
		}
	case alarm.Decline, alarm.Escalate:
		if c.Verb == alarm.Decline || !p.accepted {
			p.owner, p.from, p.accepted = "", "", false
		}
		o.say(x, alarm.Done, false, false)
		p.seenBy = ""
		o.next(x, p)
	case alarm.HandOver:
		p.owner, p.from, p.accepted, p.seenBy = c.To, c.By, false, ""
		p.waits = nil
		o.wait(p)
		o.say(x, alarm.Done, true, false)
	case alarm.Pause:
		p.quiet, p.quietBy, p.quietAt, p.until = alarm.Paused, c.By, o.when(c), o.until(c, o.policy.PauseMost)
		o.wait(p)
		o.say(x, alarm.Done, false, false)
	case alarm.Snooze:
		p.quiet, p.quietBy, p.quietAt, p.until = alarm.Snoozed, c.By, o.when(c), o.until(c, o.policy.SnoozeMost)
		o.wait(p)
		o.say(x, alarm.Done, false, calling)
	case alarm.SwitchOff:
		o.switchOff(p, c)
		p.quiet, p.quietBy, p.quietAt, p.until = alarm.Off, p.offBy, p.offAt, p.offUntil
		o.wait(p)
		o.say(x, alarm.Done, false, calling)
	case alarm.Resume, alarm.SwitchOn:
		was := p.quiet
		o.heardAgain(p)
		o.say(x, alarm.Done, false, false)
		if was != alarm.Paused {
			p.off = p.off && was != alarm.Off
			p.seenBy, p.level, p.told = "", 0, o.now
			o.say(x, alarm.Again, true, false)
		}
		o.wait(p)
	}
}

func (o *oracle) next(x condition, p *picture) {
	p.level = min(p.level+1, o.policy.Levels-1)
	p.waits = nil
	o.wait(p)
	o.say(x, alarm.Escalated, true, false)
}

// later is what time does to a condition.
func (o *oracle) later(x condition) {
	p := o.of[x]
	over := p.off && p.offUntil <= o.now
	if over {
		p.off = false
	}
	if over && !p.open {
		o.say(x, alarm.Lapsed, false, false)
	}
	if !p.open {
		return
	}
	if p.quiet != "" && p.until <= o.now {
		if p.quiet != alarm.Paused {
			p.level = 0
		}
		o.heardAgain(p)
		p.seenBy, p.told = "", o.now
		o.say(x, alarm.Lapsed, false, false)
		o.say(x, alarm.Again, true, false)
	}
	o.wait(p)
	if due := p.due(); due != 0 && due <= o.now {
		p.owner, p.from, p.accepted = "", "", false
		o.next(x, p)
	}
}
