package rule

import (
	"encoding/json"

	"github.com/vigilcare/vigil/vital"
)

// State is what judging remembers of one patient. The zero value is ready. It
// belongs to one goroutine, and its size is bounded by the set of rules.
//
// In memory its lists stand in the order of the set; in JSON, which a snapshot
// keeps, each entry has its name, and empty ones are left out.
type State struct {
	Version string        `json:"version"`         // of the set
	Began   vital.Instant `json:"began,omitempty"` // of the watch over this patient

	values  []value
	rules   []standing
	windows []window
	events  []happened

	// What follows from the set, the patient and the time of the day.
	set     *Set
	subject Subject
	applies []bool
	limits  []effective
	changed bool          // the set or the patient, since the last tick
	clock   vital.Instant // minute for which minute, weekday and limits are
	minute  int
	weekday int
}

// value is the newest value of one measure, of the device that is followed. There
// may be only doubt: At is 0 then.
type value struct {
	Metric   string         `json:"metric"`
	Number   vital.Decimal  `json:"number,omitzero"` // in the metric's own unit
	Own      vital.Decimal  `json:"own,omitzero"`    // as measured
	Unit     string         `json:"unit,omitempty"`
	Code     string         `json:"code,omitempty"`
	At       vital.Instant  `json:"at"` // effective
	Received vital.Instant  `json:"received"`
	Doubted  vital.Instant  `json:"doubted,omitempty"` // a newer value that is doubted
	Device   vital.DeviceID `json:"device,omitempty"`
	Source   vital.Position `json:"source,omitzero"`
}

func (v *value) known() bool { return v.At != 0 }

// before reports whether v gives way to a value of that time. Of two at the same
// time the larger counts, whichever came first.
func (v *value) before(at vital.Instant, number vital.Decimal, code string) bool {
	if at != v.At {
		return at > v.At
	}
	if code != v.Code {
		return code > v.Code
	}
	return number.Compare(v.Number) > 0
}

// happened is the newest event of one kind.
type happened struct {
	Kind     string         `json:"kind"`
	Code     string         `json:"code,omitempty"`
	At       vital.Instant  `json:"at"`
	Received vital.Instant  `json:"received"`
	Device   vital.DeviceID `json:"device,omitempty"`
	Source   vital.Position `json:"source"`
}

// standing is how one rule stands.
type standing struct {
	Rule    string         `json:"rule"`
	Version string         `json:"version"`
	Runs    []run          `json:"runs,omitempty"` // of its levels
	Clear   run            `json:"clear"`
	Last    *vital.Finding `json:"last,omitempty"`  // what was said last, while it is not over
	Error   string         `json:"error,omitempty"` // why it could not be evaluated
	Since   vital.Instant  `json:"since,omitempty"` // of the error
}

// run is how long a condition has been as it is.
type run struct {
	Since   vital.Instant `json:"since,omitempty"`   // true since
	Expires vital.Instant `json:"expires,omitempty"` // of the values that the last answer rests on
	Off     vital.Instant `json:"off,omitempty"`     // false since
	Active  bool          `json:"active,omitempty"`  // it lasted long enough
	Said    bool          `json:"said,omitempty"`    // it did at some time in this finding
}

// idle reports whether nothing of a run has to be remembered.
func (r run) idle() bool { return r.Since == 0 && r.Off == 0 && !r.Active && !r.Said }

// open reports whether the rule has said something that is not over.
func (g *standing) open() bool { return g.Last != nil }

// said reports whether any level was there in this finding.
func (g *standing) said() bool {
	for _, r := range g.Runs {
		if r.Said {
			return true
		}
	}
	return false
}

// idle reports whether nothing of a standing has to be remembered.
func (g *standing) idle() bool {
	for _, r := range g.Runs {
		if !r.idle() {
			return false
		}
	}
	return g.Last == nil && g.Error == "" && g.Clear.idle()
}

// stored is a State in JSON.
type stored struct {
	Version string        `json:"version"`
	Began   vital.Instant `json:"began,omitempty"`
	Values  []value       `json:"values,omitempty"`
	Rules   []standing    `json:"rules,omitempty"`
	Windows []window      `json:"windows,omitempty"`
	Events  []happened    `json:"events,omitempty"`
}

// MarshalJSON writes what is not empty.
func (s State) MarshalJSON() ([]byte, error) {
	out := stored{Version: s.Version, Began: s.Began}
	for i := range s.values {
		if s.values[i].known() || s.values[i].Doubted != 0 {
			out.Values = append(out.Values, s.values[i])
		}
	}
	for i := range s.rules {
		if !s.rules[i].idle() {
			out.Rules = append(out.Rules, s.rules[i])
		}
	}
	for i := range s.windows {
		if len(s.windows[i].Parts) > 0 {
			out.Windows = append(out.Windows, s.windows[i])
		}
	}
	for i := range s.events {
		if s.events[i].At != 0 {
			out.Events = append(out.Events, s.events[i])
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON takes back what MarshalJSON wrote.
func (s *State) UnmarshalJSON(body []byte) error {
	var in stored
	if err := json.Unmarshal(body, &in); err != nil {
		return vital.Errorf(vital.Invalid, "read the state of the rules: %w", err)
	}
	for i := range in.Windows {
		if !in.Windows[i].bounded() {
			return vital.Errorf(vital.Invalid, "read the state of the rules: the window of %s is too large", in.Windows[i].Metric)
		}
	}
	*s = State{Version: in.Version, Began: in.Began, values: in.Values, rules: in.Rules, windows: in.Windows, events: in.Events}
	return nil
}

// known returns what a list already holds of something, else a fresh one.
func known[T any](list []T, fresh T, is func(*T) bool) T {
	for i := range list {
		if is(&list[i]) {
			return list[i]
		}
	}
	return fresh
}

// align puts the lists into the order of the set and keeps what still has a
// meaning. It returns what was said by rules that the set no longer has.
func (s *Set) align(st *State, now vital.Instant) (gone []vital.Finding) {
	if st.Began == 0 {
		st.Began = now
	}
	values := make([]value, len(s.metrics))
	for i, name := range s.metrics {
		values[i] = known(st.values, value{Metric: name}, func(v *value) bool { return v.Metric == name })
	}
	windows := make([]window, len(s.windows))
	for i, key := range s.windows {
		fresh := window{Metric: s.metrics[key.metric], Within: key.within}
		windows[i] = known(st.windows, fresh, func(w *window) bool { return w.Metric == fresh.Metric && w.Within == fresh.Within })
	}
	events := make([]happened, len(s.events))
	for i, kind := range s.events {
		events[i] = known(st.events, happened{Kind: kind}, func(e *happened) bool { return e.Kind == kind })
	}
	rules := make([]standing, len(s.rules))
	for i, c := range s.rules {
		rules[i] = standing{Rule: c.name, Version: c.version, Runs: make([]run, len(c.levels))}
	}
	for _, g := range st.rules {
		at, ok := s.ruleAt[g.Rule]
		switch {
		case !ok:
			gone = append(gone, withdraw(&g, now)...)
		case g.Version == s.rules[at].version && len(g.Runs) == len(rules[at].Runs):
			rules[at] = g
		default: // a changed rule looks again, but what it said still stands
			rules[at].Last, rules[at].Error, rules[at].Since = g.Last, g.Error, g.Since
		}
	}
	st.values, st.windows, st.events, st.rules = values, windows, events, rules
	st.set, st.Version = s, s.version
	st.applies, st.limits = make([]bool, len(s.rules)), make([]effective, len(s.limits))
	return gone
}
