package watch

import (
	"slices"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// This file is the gap ledger: for each stream that the plan expects, what came,
// what is late and what is missing, since when and why.

// Grace is how much longer than its interval a stream may take before it counts
// as missing: one more interval. Between the two it is late.
const graceIntervals = 2

// Facts takes what places and people say of a patient at a time.
func (b *Board) Facts(f Facts, at vital.Instant) {
	b.pass(at)
	p := b.of(f.Patient)
	was := p.Present
	p.Present, p.Standby, p.Devices, p.About = f.Present, f.Standby, f.Devices, f.About
	p.Alarms.Patient = f.Patient
	if !slices.Equal(p.Plan, f.Plan) {
		p.Plan = f.Plan
		b.replan(f.Patient, p, at)
	}
	if !f.Present {
		b.closeAll(f.Patient, p, at)
	}
	b.judge(f.Patient, p, at)
	switch {
	case p.Present:
		b.adopt(f.Patient, p, at)
		b.silence(f.Patient, p, at)
	case was:
		b.leave(p, at)
	}
	b.moved[f.Patient] = struct{}{}
}

// replan keeps what is known of streams that are still expected.
func (b *Board) replan(id vital.PatientID, p *patient, at vital.Instant) {
	old := p.Streams
	p.Streams = make([]Stream, 0, len(p.Plan))
	for _, item := range p.Plan {
		i := slices.IndexFunc(old, func(s Stream) bool { return s.Metric == item.Metric })
		s := Stream{Metric: item.Metric, State: Tardy, Since: at, Cause: "nothing has come yet"}
		if i >= 0 {
			s = old[i]
			old = slices.Delete(slices.Clone(old), i, i+1)
		}
		s.Kind, s.Every = item.Kind, item.Every
		p.Streams = append(p.Streams, s)
	}
	for _, s := range old {
		b.endGap(id, s, at)
	}
}

// got marks a stream as flowing.
func (b *Board) got(id vital.PatientID, p *patient, metric string, at vital.Instant) {
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.Metric != metric || at <= s.Last && s.State == Got {
			continue
		}
		if s.State != Got {
			b.endGap(id, *s, at)
			s.State, s.Since, s.Cause = Got, at, ""
			s.Last = at
			b.judge(id, p, at)
			b.silence(id, p, at)
			b.moved[id] = struct{}{}
		}
		s.Last = max(s.Last, at)
	}
}

// doubtful remembers why a stream that sends is not usable.
func (b *Board) doubtful(id vital.PatientID, p *patient, metric string, q vital.Quality) {
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.Metric != metric {
			continue
		}
		cause := unusable(q)
		if s.State != Got && s.Cause != cause {
			s.Cause = cause
			b.moved[id] = struct{}{}
		}
		s.Doubt = cause
	}
}

func unusable(q vital.Quality) string {
	switch {
	case q.Has(vital.SensorOff):
		return "the sensor is off the patient"
	case q.Has(vital.Motion):
		return "movement disturbs the measurement"
	case q.Has(vital.Calibrating):
		return "the device is calibrating"
	case q.Has(vital.Test):
		return "the device sends test data"
	case q.Has(vital.Implausible):
		return "the values are not possible"
	}
	return "the device doubts its own values"
}

// Ticks come every five seconds. Longer than tickMost without one means that the
// server stood still or was not running: nobody was watched in that time.
const tickMost = 12_000

// causeServer is said of the time in which there was no server to watch.
const causeServer = "the server was not running"

// pass lets the clock go on, and notices when it had stopped.
func (b *Board) pass(at vital.Instant) {
	if at <= b.clock {
		return
	}
	b.clock = at
	if b.ticked == 0 || at.Sub(b.ticked) <= tickMost*time.Millisecond {
		return
	}
	from := b.ticked
	b.ticked = at
	for _, id := range b.Patients() {
		p := b.patients[id]
		if !p.Present || p.Standby.active(at) {
			continue
		}
		for i := range p.Streams {
			s := &p.Streams[i]
			if s.Kind != Continuous || s.State == Missing || s.Last == 0 {
				continue
			}
			s.State, s.Since, s.Cause, s.Doubt = Missing, max(from, s.Last), causeServer, ""
			s.Grace = at + vital.Instant(graceIntervals*s.Every)
			b.gaps = append(b.gaps, Gap{Patient: id, Metric: s.Metric, From: s.Since, State: Missing, Cause: s.Cause})
		}
		b.judge(id, p, at)
		b.moved[id] = struct{}{}
	}
}

// Tick judges every patient at a time on the fixed grid. behind is how long, in
// ms, the oldest packet that was acknowledged and not yet recorded has waited.
func (b *Board) Tick(at vital.Instant, behind int64) {
	b.pass(at)
	b.ticked, b.behind = max(b.ticked, at), behind
	for _, id := range b.Patients() {
		b.tick(id, b.patients[id], at)
	}
	b.judgeTick(Site, b.site, at)
}

func (b *Board) tick(id vital.PatientID, p *patient, at vital.Instant) {
	if p.Present {
		before := p.State
		changed := false
		for i := range p.Streams {
			changed = b.age(id, p, &p.Streams[i], at) || changed
		}
		if p.Standby.Until != 0 && at >= p.Standby.Until {
			p.Standby = Standby{}
			changed = true
		}
		if changed || before == OnStandby {
			b.judge(id, p, at)
		}
		if changed || p.State != before {
			b.moved[id] = struct{}{}
		}
		b.silence(id, p, at)
	}
	b.judgeTick(id, p, at)
}

// age moves a stream from got to late to missing.
func (b *Board) age(id vital.PatientID, p *patient, s *Stream, at vital.Instant) bool {
	from := max(s.Last, 0)
	if from == 0 {
		from = s.Since
	}
	silent := int64(at - from)
	state := Got
	switch {
	case s.Last == 0 && silent <= s.Every:
		return false // nothing yet, and nothing due
	case silent > graceIntervals*s.Every:
		state = Missing
	case silent > s.Every || s.Last == 0:
		state = Tardy
	}
	if state == s.State || state == Got {
		return false
	}
	if p.Standby.active(at) {
		return false // expected to be silent: the standby itself is shown and kept
	}
	s.Cause = b.cause(p, s, at)
	if state == Missing {
		s.Since = from
		b.gaps = append(b.gaps, Gap{Patient: id, Metric: s.Metric, From: from, State: Missing, Cause: s.Cause})
	} else if s.State == Got {
		s.Since = from
	}
	s.State = state
	s.Doubt = ""
	return true
}

// cause says why a stream is silent, as far as the journal can tell.
func (b *Board) cause(p *patient, s *Stream, at vital.Instant) string {
	if s.Doubt != "" {
		return s.Doubt
	}
	if b.behind > s.Every/2 {
		return "the server is behind with its work"
	}
	if len(p.Devices) == 0 && s.Kind == Continuous {
		return "no device is bound to the patient"
	}
	if s.Kind == Spot {
		return "not measured in time"
	}
	for _, o := range p.Streams {
		if o.Metric != s.Metric && o.Kind == Continuous && int64(at-o.Last) <= o.Every {
			return "the device sends, but not this"
		}
	}
	return "the device sends nothing"
}

func (b *Board) endGap(id vital.PatientID, s Stream, at vital.Instant) {
	if s.State == Missing {
		b.gaps = append(b.gaps, Gap{Patient: id, Metric: s.Metric, From: s.Since, To: at, State: Missing, Cause: s.Cause})
	}
}

func (b *Board) closeAll(id vital.PatientID, p *patient, at vital.Instant) {
	for _, s := range p.Streams {
		b.endGap(id, s, at)
	}
	p.Streams, p.Plan = nil, nil
	clear(p.Latest)
}

func (s Standby) active(at vital.Instant) bool {
	return s.From != 0 && at >= s.From && (s.Until == 0 || at < s.Until)
}

// judge derives the patient's state from the streams.
func (b *Board) judge(id vital.PatientID, p *patient, at vital.Instant) {
	state, cause := Watched, ""
	since := vital.Instant(0)
	continuous, missing := 0, 0
	for _, s := range p.Streams {
		if s.Kind != Continuous {
			if s.State == Missing && cause == "" {
				state, cause, since = Partly, s.Metric+": "+s.Cause, s.Since
			}
			continue
		}
		continuous++
		if s.State == Missing || s.Last == 0 {
			missing++
			state, cause = Partly, s.Metric+": "+s.Cause
			since = max(since, s.Since)
		}
	}
	switch {
	case p.Standby.active(at):
		state, cause, since = OnStandby, p.Standby.Reason, p.Standby.From
	case !p.Present || len(p.Streams) == 0:
		state, cause, since = Unplanned, "nothing is expected of this patient", at
	case continuous > 0 && missing == continuous:
		state, cause = NotWatched, worst(p.Streams)
	case continuous == 0 && state == Watched:
		since = at
	}
	if state == p.State && cause == p.Cause {
		return
	}
	if since == 0 || state == Watched {
		since = at
	}
	p.State, p.Cause, p.Since = state, cause, since
	b.moved[id] = struct{}{}
}

// worst returns the cause of the first silent continuous stream.
func worst(streams []Stream) string {
	for _, s := range streams {
		if s.Kind == Continuous && s.Cause != "" {
			return s.Cause
		}
	}
	return "nothing comes"
}
