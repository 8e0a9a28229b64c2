package watch

import (
	"slices"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// This file says of each stream that the plan expects what came, what is late
// and what is missing, since when and why. What it finds is written down as gaps
// and spans; ledger.go makes the ledger of them.

// graceIntervals is how many of its intervals a stream may be silent before it
// counts as missing. Between one and so many it is late.
const graceIntervals = 2

// TickEvery is the grid of time on which streams age, ms.
const TickEvery = 5_000

// lead is how much sooner than its time a tick counts a stream as missing, so
// that the declared limit holds although a tick takes a moment to be written,
// synced and shown: a tenth of the interval, at most a second.
func lead(every int64) int64 { return min(every/10, 1000) }

// Limit is how long after its last value a continuous stream may still be shown
// as watched, ms: two of its intervals and one tick.
func (s *Stream) Limit() int64 { return graceIntervals*s.Every + TickEvery }

// expected is the time from which the silence of a stream counts.
func (s *Stream) expected() vital.Instant { return max(s.Last, s.From) }

// span is a piece of time.
type span struct{ From, To vital.Instant }

func (s span) length() int64 { return int64(s.To - s.From) }

// Facts takes what places and people say of a patient at a time.
func (b *Board) Facts(f Facts, at vital.Instant) {
	b.pass(at)
	p := b.of(f.Patient)
	was := p.Present
	p.Present, p.About = f.Present, f.About
	p.Alarms.Patient = f.Patient
	b.wear(f.Patient, p, f.Devices)
	for _, l := range f.Links {
		b.Link(l)
	}
	if !slices.Equal(p.Plan, f.Plan) {
		p.Plan = f.Plan
		b.replan(f.Patient, p, at)
	}
	if !f.Present {
		b.closeAll(f.Patient, p, at)
	}
	p.Standby = f.Standby
	b.rest(f.Patient, p, at)
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
		s := Stream{Metric: item.Metric, State: Tardy, Since: at, From: at, Cause: "nothing has come yet", CauseKind: ByDevice}
		if i := slices.IndexFunc(old, func(s Stream) bool { return s.Metric == item.Metric }); i >= 0 {
			s = old[i]
			old = slices.Delete(slices.Clone(old), i, i+1)
			if s.Kind != item.Kind || s.Every != item.Every {
				b.tellSpan(id, &s, at, ByPlan)
				s.Told = 0
			}
		}
		s.Kind, s.Every = item.Kind, item.Every
		if s.Told == 0 {
			s.Told = at
			b.tellSpan(id, &s, 0, "")
		}
		p.Streams = append(p.Streams, s)
	}
	why := ByPlan
	switch {
	case !p.Present:
		why = ByDischarge
	case len(p.Devices) == 0:
		why = ByUnbound
	}
	for i := range old {
		b.drop(id, p, &old[i], at, why)
	}
}

// drop ends the ledger of a stream that is no longer expected.
func (b *Board) drop(id vital.PatientID, p *patient, s *Stream, at vital.Instant, why CauseKind) {
	if p.Resting != 0 {
		b.tellRest(id, p, s, at)
	} else {
		b.endGap(id, s, at)
	}
	b.tellSpan(id, s, at, why)
}

// got marks a stream as flowing. at is when the value reached us, taken when it
// was measured.
func (b *Board) got(id vital.PatientID, p *patient, metric string, device vital.DeviceID, c vital.Clocks) {
	at := c.Receive
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.Metric != metric {
			continue
		}
		if age := ageOf(c); age > max(s.Every, ageLeast) {
			b.doubt(id, p, s, Cause{ByNetwork, wordsOldData})
			continue // it fills the ledger; it does not say that somebody watches now
		}
		if at <= s.Last && s.State == Got {
			continue
		}
		if s.State != Got && int64(b.clock-at) > s.Every {
			s.Last = max(s.Last, at) // the server works off what waited: this is not now yet
			continue
		}
		b.arrived(id, p, s, at)
		s.Doubt, s.DoubtKind, s.Device = "", "", device
		if s.State != Got {
			b.endGap(id, s, max(at, b.clock))
			s.State, s.Since, s.Cause, s.CauseKind, s.Back, s.Grace = Got, at, "", "", 0, 0
			s.Last = at
			b.judge(id, p, at)
			b.silence(id, p, at)
			b.moved[id] = struct{}{}
		}
		s.Last = max(s.Last, at)
	}
}

// ageLeast is the age up to which a value counts as of now whatever its
// interval, ms: clocks are known to a second or two.
const ageLeast = 5_000

// ageOf is how old a value was when it came, ms; 0 while its device's clock is
// not known.
func ageOf(c vital.Clocks) int64 {
	if !c.Device.Known() || c.Uncertainty < 0 {
		return 0
	}
	return int64(c.Receive - c.Effective)
}

// arrived writes down what no tick has seen: a silence that ends between two of
// them.
func (b *Board) arrived(id vital.PatientID, p *patient, s *Stream, at vital.Instant) {
	from := s.expected()
	silent := int64(at - from)
	if s.State == Missing || silent <= s.Every || from == 0 || p.Resting != 0 {
		return
	}
	if s.State == Got {
		c := b.cause(p, s, at)
		s.Cause, s.CauseKind, s.Since = c.Words, c.Kind, from
	}
	s.State = Tardy
	if silent >= graceIntervals*s.Every {
		s.State = Missing
	}
	s.Since = from
}

// doubtful remembers why a stream that sends is not usable.
func (b *Board) doubtful(id vital.PatientID, p *patient, metric string, device vital.DeviceID, q vital.Quality) {
	for i := range p.Streams {
		if s := &p.Streams[i]; s.Metric == metric {
			if s.Device == "" {
				s.Device = device
			}
			b.doubt(id, p, s, doubtOf(q))
		}
	}
}

// Ticks come every five seconds. Longer than tickMost without one means that the
// server stood still or was not running: nobody was watched in that time. A tick
// that is only late, by more than stallLate, is remembered, because a silence of
// that time is ours. All in ms.
const (
	tickMost  = 12_000
	stallLate = TickEvery + 1500
	stallMost = 5_000 // of standing still that is always to blame
)

// pass lets the clock go on, and notices when it had stopped.
func (b *Board) pass(at vital.Instant) {
	if at <= b.clock {
		return
	}
	b.clock = at
	if b.ticked == 0 || at.Sub(b.ticked) <= stallLate*time.Millisecond {
		return
	}
	if b.stalled.From == b.ticked {
		b.stalled.To = at
	} else {
		b.stalled = span{b.ticked, at}
	}
	if at.Sub(b.ticked) <= tickMost*time.Millisecond {
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
			s.State, s.Since, s.Cause, s.CauseKind = Missing, max(from, s.expected()), wordsServer, ByServer
			s.Doubt, s.DoubtKind = "", ""
			s.Back, s.Grace = at, at+vital.Instant(graceIntervals*s.Every)
			b.tellGap(id, s, 0)
		}
		b.judge(id, p, at)
		b.moved[id] = struct{}{}
	}
}

// Sealed takes when the records that follow were written: it is later than the
// times they carry by as much as the server was behind.
func (b *Board) Sealed(at vital.Instant) { b.pass(at) }

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
		changed := b.rest(id, p, at)
		for i := range p.Streams {
			changed = b.age(id, p, &p.Streams[i], at) || changed
		}
		if changed {
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
	if s.Told == 0 { // expected since before spans were written down
		s.Told = s.Since
		b.tellSpan(id, s, 0, "")
	}
	if p.Resting != 0 {
		return false // expected to be silent: the standby itself is shown and kept
	}
	from := s.expected()
	if from == 0 {
		from = s.Since
	}
	silent := int64(at - from)
	state := Got
	switch {
	case s.Last == 0 && silent <= s.Every:
		return false // nothing yet, and nothing due
	case silent >= graceIntervals*s.Every-lead(s.Every):
		state = Missing
	case silent > s.Every || s.Last == 0:
		state = Tardy
	}
	switch {
	case state == Missing && s.State == Missing:
		return b.goesOn(id, p, s, at)
	case state == s.State || state == Got || s.State == Missing:
		return false
	}
	c := b.cause(p, s, at)
	s.State, s.Since, s.Cause, s.CauseKind = state, from, c.Words, c.Kind
	if state == Missing {
		b.tellGap(id, s, 0)
	}
	s.Doubt, s.DoubtKind = "", ""
	return true
}

// goesOn looks again at a silence whose first cause is over: the server is back
// and nothing comes, the connection is up again and nothing comes. What follows
// has its own cause, and its own line in the ledger.
func (b *Board) goesOn(id vital.PatientID, p *patient, s *Stream, at vital.Instant) bool {
	over := vital.Instant(0)
	switch {
	case s.Back != 0 && at >= s.Grace:
		over = s.Back
	case s.CauseKind == ByNetwork || s.CauseKind == ByGateway:
		if w := p.Ways[s.Device]; w != nil && w.Known && w.Up && w.Changed > s.Since && int64(at-w.Changed) >= graceIntervals*s.Every {
			over = w.Changed
		}
	}
	if over == 0 {
		return false
	}
	before := *s
	s.Back, s.Grace = 0, 0
	s.From = max(s.From, over)
	c := b.cause(p, s, at)
	if c.Kind == before.CauseKind {
		return false
	}
	b.tellGap(id, &before, over)
	s.Since, s.Cause, s.CauseKind = over, c.Words, c.Kind
	b.tellGap(id, s, 0)
	return true
}

// rest begins and ends standby, and writes it down as a time of its own.
func (b *Board) rest(id vital.PatientID, p *patient, at vital.Instant) bool {
	active := p.Present && p.Standby.active(at)
	switch {
	case active && p.Resting == 0:
		p.Resting, p.Reason = max(p.Standby.From, 1), p.Standby.Reason
		for i := range p.Streams {
			s := &p.Streams[i]
			b.endGap(id, s, max(p.Resting, s.Since))
			if s.State != Got {
				s.State, s.Since, s.Cause, s.CauseKind = Tardy, p.Resting, p.Reason, ByStandby
			}
			b.tellRest(id, p, s, 0)
		}
		return true
	case !active && p.Resting != 0:
		end := at
		if p.Standby.Until != 0 && p.Standby.Until < at && p.Standby.Until > p.Resting {
			end = p.Standby.Until
		}
		for i := range p.Streams {
			s := &p.Streams[i]
			b.tellRest(id, p, s, end)
			s.From = end
			b.awake(id, s, end)
		}
		p.Resting, p.Reason, p.Standby = 0, "", Standby{}
		return true
	}
	return false
}

// awake looks at a stream when its standby ends. What did not go on in the
// meantime is not watched from this moment on, and has the time of its two
// intervals to begin before there is an alarm.
func (b *Board) awake(id vital.PatientID, s *Stream, at vital.Instant) {
	if s.State == Got && int64(at-s.Last) <= s.Every {
		return
	}
	s.State, s.Since, s.Cause, s.CauseKind, s.Doubt, s.DoubtKind = Tardy, at, "nothing has come since the standby", ByStandby, "", ""
	if s.Kind == Continuous {
		s.State, s.Back, s.Grace = Missing, at, at+vital.Instant(graceIntervals*s.Every)
		b.tellGap(id, s, 0)
	}
}

func (b *Board) tellRest(id vital.PatientID, p *patient, s *Stream, to vital.Instant) {
	from := max(p.Resting, s.Told)
	b.gaps = append(b.gaps, Gap{Patient: id, Metric: s.Metric, From: from, To: to, State: Resting, Kind: ByStandby, Cause: p.Reason})
}

// tellGap writes down the gap that a stream is in; to 0: it lasts.
func (b *Board) tellGap(id vital.PatientID, s *Stream, to vital.Instant) {
	b.gaps = append(b.gaps, Gap{Patient: id, Metric: s.Metric, From: s.Since, To: to, State: s.State, Kind: s.CauseKind, Cause: s.Cause})
}

// endGap closes the gap that a stream is in, if it is in one. A silence of less
// than two intervals is written down when it is over, as late.
func (b *Board) endGap(id vital.PatientID, s *Stream, at vital.Instant) {
	if s.State == Got || at <= s.Since || s.State == Tardy && int64(at-s.Since) <= s.Every {
		return
	}
	b.tellGap(id, s, at)
}

// tellSpan writes down that a stream is expected; to 0: it still is.
func (b *Board) tellSpan(id vital.PatientID, s *Stream, to vital.Instant, why CauseKind) {
	b.spans = append(b.spans, Span{Patient: id, Metric: s.Metric, Kind: s.Kind, Every: s.Every, From: s.Told, To: to, Ended: why})
}

func (b *Board) closeAll(id vital.PatientID, p *patient, at vital.Instant) {
	for i := range p.Streams {
		b.drop(id, p, &p.Streams[i], at, ByDischarge)
	}
	for name, u := range p.Unjudged {
		b.tellUnjudged(id, name, u, at)
	}
	p.Streams, p.Plan, p.Unjudged, p.Resting = nil, nil, nil, 0
	clear(p.Latest)
}

func (s Standby) active(at vital.Instant) bool {
	return s.From != 0 && at >= s.From && (s.Until == 0 || at < s.Until)
}

// judge derives the patient's state from the streams.
func (b *Board) judge(id vital.PatientID, p *patient, at vital.Instant) {
	v := summary(p.Streams)
	if v.State == Watched && len(p.Unjudged) > 0 {
		v = p.unjudgedView()
	}
	switch {
	case p.Resting != 0:
		v = view{OnStandby, Cause{ByStandby, p.Reason}, p.Resting}
	case !p.Present || len(p.Streams) == 0:
		v = view{Unplanned, Cause{ByPlan, "nothing is expected of this patient"}, at}
		if !p.Present {
			v.Kind = ByDischarge
		} else if len(p.Devices) == 0 {
			v.Kind = ByUnbound
		}
	}
	if v.State == p.State && v.Cause == (Cause{p.CauseKind, p.Cause}) {
		return
	}
	if v.Since == 0 || v.State == Watched {
		v.Since = at
	}
	p.State, p.Cause, p.CauseKind, p.Since = v.State, v.Words, v.Kind, v.Since
	b.moved[id] = struct{}{}
}
