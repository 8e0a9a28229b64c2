package rule

import (
	"github.com/vigilcare/vigil/vital"
)

// ErrorRule is the rule of a finding that says that another rule, its Part,
// cannot be evaluated.
const ErrorRule = "rule-error"

// maxFollow is how long at most the device that gave a value is preferred to
// others, ms: as long as a screen shows its value. It is shorter where a rule
// calls the value too old before.
const maxFollow = 60_000

// Reading takes one reading of the patient and returns what it changes. A
// reading that is late, unbound or of no rule's measure changes nothing, nor
// does one that is not newer than the last of its measure, but for windows,
// which take it in whatever order it comes. A doubted one is not judged: it only
// makes unknown what it would tell.
func (s *Set) Reading(st *State, sub *Subject, r vital.Reading, now vital.Instant) []vital.Finding {
	found := s.ready(st, sub, now)
	index, ok := s.metricAt[r.Metric]
	if !ok || r.Quality&(vital.Late|vital.Unbound) != 0 {
		return found
	}
	v := &st.values[index]
	at := effectiveTime(r.Clocks, now)
	if at <= 0 {
		return found
	}
	other := (v.known() || v.Doubted != 0) && v.Device != r.Device
	if r.Quality&sub.doubts() != 0 {
		if !other && at > v.At {
			v.Device, v.Doubted = r.Device, max(v.Doubted, at)
		}
		return found
	}
	number, ok := s.number(index, &r)
	if !ok {
		return found
	}
	older := v.known() && !v.before(at, number, r.Value.Code)
	if patience := s.follow[index]; other && v.Doubted == 0 && at-v.At <= patience && now-v.At <= patience {
		return found
	}
	if older && (other || at == v.At && v.Number == number && v.Code == r.Value.Code) {
		return found
	}
	changed := !older
	if !r.Value.IsCode() {
		for _, w := range s.windowsOf[index] {
			changed = st.windows[w].add(s.windows[w].within, at, number) || changed
		}
	}
	if !changed {
		return found
	}
	if older {
		at = v.At
	} else {
		v.Number, v.Own, v.Unit, v.Code = number, r.Value.Number, r.Unit, r.Value.Code
		v.At, v.Received, v.Device, v.Source = at, r.Clocks.Receive, r.Device, r.Source
		if other || at >= v.Doubted {
			v.Doubted = 0
		}
	}
	j := judge{set: s, state: st, subject: sub, now: now, at: at}
	for _, i := range s.rulesOf[index] {
		if st.applies[i] {
			found = j.rule(i, found)
		}
	}
	return found
}

// effectiveTime is when something was measured; never in the future, so that a
// clock that runs ahead does not keep a value fresh.
func effectiveTime(c vital.Clocks, now vital.Instant) vital.Instant {
	if c.Effective == 0 {
		return min(c.Receive, now)
	}
	return min(c.Effective, now)
}

// number returns a reading's number in the unit of its metric; false where the
// reading is none that can be judged.
func (s *Set) number(index int, r *vital.Reading) (vital.Decimal, bool) {
	m := s.measures[index]
	if r.Value.IsCode() {
		return vital.Decimal{}, m.Shape == vital.Code
	}
	if m.Shape != vital.Numeric {
		return vital.Decimal{}, false
	}
	if r.Unit == m.Unit {
		return r.Value.Number, true
	}
	d, err := m.Convert(r.Value.Number, r.Unit, m.Unit)
	return d, err == nil
}

// doubts are the remarks under which a value of this patient is not judged.
func (s *Subject) doubts() vital.Quality {
	q := vital.Doubtful
	if s.Demo {
		q &^= vital.Demo
	}
	if s.Test {
		q &^= vital.Test
	}
	return q
}

// Event takes one event of the patient and returns what it changes. The newest
// event of a kind counts; of two at the same time, the one with the larger code,
// whichever came first.
func (s *Set) Event(st *State, sub *Subject, e vital.Event, now vital.Instant) []vital.Finding {
	found := s.ready(st, sub, now)
	index, ok := s.eventAt[e.Kind]
	if !ok || e.Quality&(vital.Late|vital.Unbound) != 0 || e.Quality&sub.doubts() != 0 {
		return found
	}
	at := effectiveTime(e.Clocks, now)
	h := &st.events[index]
	if at <= 0 || at < h.At || at == h.At && e.Code <= h.Code {
		return found
	}
	h.Code, h.At, h.Received, h.Device, h.Source = e.Code, at, e.Clocks.Receive, e.Device, e.Source
	j := judge{set: s, state: st, subject: sub, now: now, at: at}
	for _, i := range s.rulesOfEvent[index] {
		if st.applies[i] {
			found = j.rule(i, found)
		}
	}
	return found
}

// Tick lets time pass: what lasts long enough, what has become too old, what is
// missing, and what the time of the day changes. Rules of which nothing stands
// and that do not look at the time are left out: values that become too old make
// less known and never begin anything.
func (s *Set) Tick(st *State, sub *Subject, now vital.Instant) []vital.Finding {
	found := s.ready(st, sub, now)
	j := judge{set: s, state: st, subject: sub, now: now, at: now}
	for i, c := range s.rules {
		if st.applies[i] && (c.timed || st.changed || !st.rules[i].idle()) {
			found = j.rule(i, found)
		}
	}
	st.changed = false
	return found
}

// Adopt judges everything anew after the set or the patient changed. What no
// longer applies is withdrawn; a changed rule starts fresh.
func (s *Set) Adopt(st *State, sub *Subject, now vital.Instant) []vital.Finding {
	st.set = nil
	return s.Tick(st, sub, now)
}

// ready brings a state up to this set, this patient and this minute.
func (s *Set) ready(st *State, sub *Subject, now vital.Instant) (found []vital.Finding) {
	changed := st.set != s
	if changed {
		found = s.align(st, now)
	}
	if changed || !st.subject.same(sub) {
		st.subject = sub.copied()
		st.clock, st.changed = 0, true
		for i, c := range s.rules {
			applies := c.applies == nil || sub.truth(c.applies) == yes
			if !applies {
				found = append(found, withdraw(&st.rules[i], now)...)
				st.rules[i] = standing{Rule: c.name, Version: c.version, Runs: make([]run, len(c.levels))}
			}
			st.applies[i] = applies
		}
	}
	if minute := 1 + now/60_000; st.clock != minute {
		limits := st.clock == 0 || s.timed
		st.clock = minute
		if s.timed || limits {
			st.minute, st.weekday = sub.local(now)
		}
		if limits {
			for i := range s.limits {
				st.limits[i] = s.effectiveLimit(&s.limits[i], sub, st.minute, st.weekday)
			}
		}
	}
	for i := range found {
		found[i].Patient = sub.Patient
	}
	return found
}

// withdraw ends what a rule has said because nobody looks for it any more.
func withdraw(g *standing, now vital.Instant) (found []vital.Finding) {
	if g.open() {
		f := *g.Last
		f.Stand, f.At, f.Evidence = vital.Withdrawn, now, nil
		found = append(found, f)
		g.Last = nil
	}
	if g.Error != "" {
		found = append(found, vital.Finding{Rule: ErrorRule, Part: g.Rule, Version: g.Version, Title: errorTitle, Technical: true,
			Priority: vital.Medium, Stand: vital.Withdrawn, At: now, Text: g.Rule + ": " + g.Error})
		g.Error = ""
	}
	return found
}

const errorTitle = "A rule cannot be evaluated"

// rule judges one rule and adds what it newly says.
func (j *judge) rule(index int, found []vital.Finding) []vital.Finding {
	c, g := j.set.rules[index], &j.state.rules[index]
	if len(c.active) > 0 && !j.inForce(c) {
		if g.idle() {
			return found
		}
		for _, f := range withdraw(g, j.now) {
			f.Patient = j.subject.Patient
			found = append(found, f)
		}
		*g = standing{Rule: c.name, Version: c.version, Runs: make([]run, len(c.levels))}
		return found
	}
	j.failed = ""
	var answers [maxLevels]truth
	some, lost := no, true
	for i := range c.levels {
		answers[i] = j.follow(&g.Runs[i], c.levels[i].cond, c.levels[i].hold, c.calm())
		some = either(some, answers[i])
		if r := &g.Runs[i]; r.Active && (answers[i] != unknown || j.now <= r.Expires) {
			lost = false
		}
	}
	best := -1
	for i, r := range g.Runs {
		if r.Active && (best < 0 || c.levels[i].priority > c.levels[best].priority) {
			best = i
		}
	}
	if best < 0 && !g.open() {
		if j.failed != "" || g.Error != "" {
			found = j.report(c, g, some, found)
		}
		return found
	}
	stand := vital.Present
	cleared := unknown
	if c.clear != nil {
		cleared = j.follow(&g.Clear, c.clear.cond, c.clear.hold, 0)
	}
	switch {
	case c.clear != nil && g.Clear.Active && cleared == yes && some != yes:
		stand = vital.Absent
	case best >= 0 && lost:
		stand = vital.Unknown
	case best < 0 && c.clear == nil && some != yes && ended(g, answers[:]):
		stand = vital.Absent
	case best < 0 && some != yes && cleared == unknown && !j.fresh(g):
		stand = vital.Unknown
	}
	found = j.say(c, g, stand, best, some, answers[:], found)
	return j.report(c, g, some, found)
}

// ended reports whether every level that was there in this finding is known to
// be there no longer. A level that never was says nothing about it.
func ended(g *standing, answers []truth) bool {
	for i, r := range g.Runs {
		if r.Said && answers[i] != no {
			return false
		}
	}
	return true
}

// fresh reports whether anything still counts that the finding, or its end,
// rests on. What holds without any value is no such thing.
func (j *judge) fresh(g *standing) bool {
	for _, r := range g.Runs {
		if r.Said && r.Expires != forever && j.now <= r.Expires {
			return true
		}
	}
	return g.Clear.Expires != forever && j.now <= g.Clear.Expires
}

func (j *judge) inForce(c *compiled) bool {
	for _, p := range c.active {
		if p.has(j.state.minute, j.state.weekday) {
			return true
		}
	}
	return false
}

// follow evaluates a condition and keeps count of how long it has been so. A
// time without an answer neither breaks a run nor ends it, as long as the values
// of the last answer still count; after that the run begins anew.
func (j *judge) follow(r *run, cond *node, hold, calm int64) truth {
	j.expires = forever
	before := j.failed
	t := j.truth(cond)
	if j.failed != before {
		t = unknown
	}
	switch t {
	case yes:
		if r.Since == 0 || j.at > r.Expires {
			r.Since = j.at
		}
		r.Expires, r.Off = j.expires, 0
		if j.at-r.Since >= vital.Instant(hold) {
			r.Active, r.Said = true, true
		}
	case no:
		if r.Off == 0 || j.at > r.Expires {
			r.Off = j.at
		}
		r.Expires, r.Since = j.expires, 0
		if r.Active && j.at-r.Off >= vital.Instant(calm) {
			r.Active = false
		}
		if !r.Active {
			r.Off = 0
		}
	default:
		if j.now > r.Expires {
			r.Since, r.Off = 0, 0
		}
	}
	return t
}

// say adds a finding if it differs from the last one.
func (j *judge) say(c *compiled, g *standing, stand vital.Stand, best int, some truth, answers []truth, found []vital.Finding) []vital.Finding {
	last := g.Last
	if last == nil && stand != vital.Present {
		return found
	}
	f := vital.Finding{Patient: j.subject.Patient, Rule: c.name, Version: c.version, Title: c.title, Metric: c.marks, Technical: c.technical,
		Latching: c.latching, Always: c.always, Spot: c.spot, Stand: stand}
	level := best
	if level < 0 {
		level = c.floor()
	}
	f.Priority = c.levels[level].priority
	switch {
	case answers[level] == yes && (best >= 0 || g.said()) || last == nil:
		f.Text = j.render(c.levels[level].message, last)
	case best < 0 && some == yes && !g.said(): // a changed rule, which has not looked for long enough to say more
		f.Priority, f.Text = last.Priority, last.Text
	case stand == vital.Present && best < 0 && c.clear != nil:
		f.Text = j.waiting(c, last)
	default:
		f.Text = last.Text
	}
	if stand != vital.Present {
		f.Priority, f.Text = last.Priority, last.Text
	}
	if last != nil && last.Stand == stand && last.Priority == f.Priority && last.Text == f.Text && last.Version == f.Version {
		return found
	}
	f.At = j.since(c, g, stand, last)
	f.Evidence = j.evidence(c)
	if stand == vital.Absent {
		g.Last, g.Clear = nil, run{}
		clear(g.Runs)
	} else {
		kept := f
		kept.Evidence = nil
		g.Last = &kept
	}
	return append(found, f)
}

// since is the effective time since when a stand holds.
func (j *judge) since(c *compiled, g *standing, stand vital.Stand, last *vital.Finding) vital.Instant {
	switch {
	case last != nil && last.Stand == stand:
		return last.At
	case stand == vital.Present:
		at := j.at
		for _, r := range g.Runs {
			if r.Active && r.Since != 0 {
				at = min(at, r.Since)
			}
		}
		return at
	case stand == vital.Absent && g.Clear.Since != 0:
		return g.Clear.Since
	}
	return j.at
}

// waiting is the text while a finding has not been cleared although none of its
// levels is there any more.
func (j *judge) waiting(c *compiled, last *vital.Finding) string {
	var space [256]byte
	b := space[:0]
	if c.marks == "" {
		b = append(b, c.title...)
	} else {
		v := &j.state.values[c.metrics[0]]
		b = append(b, shortName(c.marks)...)
		switch {
		case v.Code != "":
			b = append(append(b, ' '), v.Code...)
		case v.known():
			b = appendValue(append(b, ' '), v.Own, v.Unit)
		}
	}
	b = append(append(b, ", over once "...), c.clear.text...)
	return kept(b, last)
}

const maxEvidence = 8

// evidence is what the rule looked at, newest last.
func (j *judge) evidence(c *compiled) []vital.Evidence {
	var list []vital.Evidence
	insert := func(e vital.Evidence) {
		i := len(list)
		for i > 0 && list[i-1].At > e.At {
			i--
		}
		list = append(list, vital.Evidence{})
		copy(list[i+1:], list[i:])
		list[i] = e
	}
	for _, m := range c.metrics {
		if v := &j.state.values[m]; v.known() && len(list) < maxEvidence {
			e := vital.Evidence{Metric: v.Metric, Value: v.Code, Unit: v.Unit, At: v.At, Received: v.Received, Device: v.Device, Source: v.Source}
			if v.Code == "" {
				e.Value = v.Own.String()
			}
			insert(e)
		}
	}
	for _, i := range c.events {
		if h := &j.state.events[i]; h.At != 0 && len(list) < maxEvidence {
			insert(vital.Evidence{Metric: h.Kind, Value: h.Code, At: h.At, Received: h.Received, Device: h.Device, Source: h.Source})
		}
	}
	return list
}

// report says that the rule cannot be evaluated, or that it can again: what is
// unknown is no proof of that.
func (j *judge) report(c *compiled, g *standing, some truth, found []vital.Finding) []vital.Finding {
	if j.failed == g.Error || j.failed == "" && some == unknown {
		return found
	}
	f := vital.Finding{Patient: j.subject.Patient, Rule: ErrorRule, Part: c.name, Version: c.version, Title: errorTitle, Metric: c.marks,
		Technical: true, Priority: vital.Medium, Stand: vital.Present, At: j.at, Text: c.name + ": " + j.failed, Evidence: j.evidence(c)}
	if j.failed == "" {
		f.Stand, f.Text = vital.Absent, c.name+": "+g.Error
	} else if g.Error != "" {
		f.At = g.Since
	}
	g.Error, g.Since = j.failed, f.At
	if g.Error == "" {
		g.Since = 0
	}
	return append(found, f)
}
