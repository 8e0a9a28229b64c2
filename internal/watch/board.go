package watch

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Board is the watch over the patients of one partition. It belongs to one
// goroutine.
type Board struct {
	rules    *rule.Set
	patients map[vital.PatientID]*patient
	site     *patient                                // alarms about Vigil itself
	changed  map[vital.PatientID]map[string]struct{} // metrics with a new latest value, since the last Drain
	moved    map[vital.PatientID]struct{}            // watch states that changed
	worn     map[vital.DeviceID]vital.PatientID      // who wears what
	gaps     []Gap
	spans    []Span
	effects  []alarm.Effect
	derived  []vital.Reading

	clock  vital.Instant // newest time seen: records of several partitions interleave
	ticked vital.Instant // the last tick: a long time without one is a time without a server
	behind int64         // ms that the flow is behind its doors, as the last tick said
	// stalled is the last time in which ticks did not come as they should.
	stalled span
}

// patient is what a board knows of one patient.
type patient struct {
	Latest  map[string][]vital.Reading // by metric: newest of each device, preferred first
	Plan    []Plan
	Streams []Stream
	Standby Standby
	Present bool // admitted
	State   WatchState
	Since   vital.Instant
	Cause   string
	Devices []vital.DeviceID // bound now

	CauseKind CauseKind
	Ways      map[vital.DeviceID]*way // to the devices bound now
	Resting   vital.Instant           // standby since then, 0: none
	Reason    string                  // of it
	Unjudged  map[string]unjudged     // by rule that cannot be evaluated
	judged
}

// Plan is one line of what is expected of a patient.
type Plan struct {
	Metric string     `json:"metric"`
	Kind   StreamKind `json:"kind"`
	Every  int64      `json:"every"` // ms
}

// Standby is a time during which nothing is expected, by somebody's order.
type Standby struct {
	Reason string        `json:"reason"`
	By     string        `json:"by"`
	From   vital.Instant `json:"from"`
	Until  vital.Instant `json:"until"` // it ends by itself
}

// Gap is an interval of an expected stream without a usable reading. It is
// reported when it opens (To 0), and again when it closes.
type Gap struct {
	Patient  vital.PatientID
	Metric   string
	From, To vital.Instant
	State    StreamState // Got: it came, and was not judged
	Kind     CauseKind
	Cause    string
}

// Facts is what places and people say of a patient, as a control record brings
// it: the whole of it, replacing what was known.
type Facts struct {
	Patient vital.PatientID  `json:"patient"`
	Present bool             `json:"present"`
	Plan    []Plan           `json:"plan,omitempty"`
	Standby Standby          `json:"standby"`
	Devices []vital.DeviceID `json:"devices,omitempty"`
	About   About            `json:"about"`
	Links   []Link           `json:"links,omitempty"` // to the devices, as far as the doors know
}

// Drained is what changed since the last Drain.
type Drained struct {
	Values  []Value
	Watches []Watch
	Gaps    []Gap
	Spans   []Span
	Effects []alarm.Effect
}

// Fresh is how long a value counts as fresh beside a newer one of another
// device, ms.
const Fresh = 60_000

// NewBoard returns an empty board that judges by the set.
func NewBoard(set *rule.Set) *Board {
	return &Board{
		rules:    set,
		patients: map[vital.PatientID]*patient{},
		site:     newPatient(),
		changed:  map[vital.PatientID]map[string]struct{}{},
		moved:    map[vital.PatientID]struct{}{},
		worn:     map[vital.DeviceID]vital.PatientID{},
	}
}

func newPatient() *patient {
	return &patient{Latest: map[string][]vital.Reading{}, State: Unplanned, judged: judged{About: About{AgeYears: -1}}}
}

// memory is a board as its snapshot holds it. Rules is empty while the set of
// this program is in force: a newer program brings its own.
type memory struct {
	Patients map[vital.PatientID]*patient `json:"patients"`
	Site     *patient                     `json:"site"`
	Rules    []rule.File                  `json:"rules,omitempty"`
	Clock    vital.Instant                `json:"clock"`
	Ticked   vital.Instant                `json:"ticked"`
	Stalled  span                         `json:"stalled"`
	Behind   int64                        `json:"behind,omitempty"`
}

// Snapshot returns the board's memory; Restore takes it back.
func (b *Board) Snapshot() ([]byte, error) {
	m := memory{Patients: b.patients, Site: b.site, Clock: b.clock, Ticked: b.ticked, Stalled: b.stalled, Behind: b.behind}
	if b.rules.Version() != rule.Default().Version() {
		m.Rules = b.rules.Files()
	}
	return json.Marshal(m)
}

// Restore replaces the board's memory.
func (b *Board) Restore(body []byte) error {
	var m memory
	if err := json.Unmarshal(body, &m); err != nil {
		return vital.Errorf(vital.Internal, "read the watch's snapshot: %w", err)
	}
	if m.Patients == nil {
		m.Patients = map[vital.PatientID]*patient{}
	}
	if m.Site == nil {
		m.Site = newPatient()
	}
	if len(m.Rules) > 0 {
		set, problems := rule.Load(m.Rules)
		if set == nil {
			return vital.Errorf(vital.Internal, "load the rules of the watch's snapshot: %s", problems[0].Message)
		}
		b.rules = set
	}
	b.patients, b.site, b.clock, b.ticked = m.Patients, m.Site, m.Clock, m.Ticked
	b.stalled, b.behind = m.Stalled, m.Behind
	for id, p := range b.patients {
		if p.Latest == nil {
			p.Latest = map[string][]vital.Reading{}
		}
		if p.Present {
			b.wear(id, p, p.Devices)
			b.adopt(id, p, b.clock)
		}
	}
	return nil
}

func (b *Board) of(id vital.PatientID) *patient {
	p := b.patients[id]
	if p == nil {
		p = newPatient()
		b.patients[id] = p
	}
	return p
}

// Reading takes one reading of a bound patient.
func (b *Board) Reading(r vital.Reading) {
	if r.Patient == "" {
		return
	}
	p := b.of(r.Patient)
	if r.Quality.Has(vital.Late) {
		return
	}
	b.pass(r.Clocks.Receive)
	list := p.Latest[r.Metric]
	at := slices.IndexFunc(list, func(o vital.Reading) bool { return o.Device == r.Device })
	if at >= 0 {
		list[at] = r
	} else {
		list = append(list, r)
		at = len(list) - 1
	}
	p.Latest[r.Metric] = prefer(list, at)
	b.touch(r.Patient, r.Metric)
	p.heard(&r)
	if Usable(r.Quality) {
		b.got(r.Patient, p, r.Metric, r.Device, r.Clocks)
	} else {
		b.doubtful(r.Patient, p, r.Metric, r.Device, r.Quality)
	}
	if p.Latest[r.Metric][0].Device == r.Device {
		b.judgeReading(p, r)
	}
}

// prefer puts the source to show first: the one that was first stays so while it
// is fresh, a person's entry and a doubted value give way to a measured one.
func prefer(list []vital.Reading, at int) []vital.Reading {
	if len(list) == 1 {
		return list
	}
	newest := list[at].Clocks.Receive
	list = slices.DeleteFunc(list, func(o vital.Reading) bool { return o.Clocks.Receive < newest-10*Fresh })
	slices.SortStableFunc(list, func(x, y vital.Reading) int { return cmp.Compare(rank(x, newest), rank(y, newest)) })
	return list
}

func rank(r vital.Reading, newest vital.Instant) int {
	n := 0
	if r.Clocks.Receive < newest-Fresh {
		n += 4
	}
	if r.Quality&vital.Doubtful&^vital.Demo != 0 {
		n += 2
	}
	if r.Quality.Has(vital.Manual) {
		n++
	}
	return n
}

// Usable reports whether a reading proves that the patient is watched. Demo data
// is watched in its own world, which never mixes with the real one.
func Usable(q vital.Quality) bool {
	return q&(vital.Doubtful&^vital.Demo) == 0
}

// Forget takes back the values that a device gave in [from, to) to anybody but
// its rightful patient.
func (b *Board) Forget(device vital.DeviceID, from, to vital.Instant, except vital.PatientID) {
	for id, p := range b.patients {
		if id == except {
			continue
		}
		for metric, list := range p.Latest {
			kept := slices.DeleteFunc(list, func(r vital.Reading) bool {
				return r.Device == device && r.Clocks.Effective >= from && r.Clocks.Effective < to
			})
			if len(kept) == 0 {
				delete(p.Latest, metric)
			} else {
				p.Latest[metric] = kept
			}
		}
	}
}

// Wave takes one waveform block: it proves that its stream flows.
func (b *Board) Wave(w vital.Waveform) {
	if w.Patient == "" || w.Quality.Has(vital.Late) {
		return
	}
	b.pass(w.Clocks.Receive)
	p := b.of(w.Patient)
	if Usable(w.Quality) {
		b.got(w.Patient, p, w.Metric, w.Device, w.Clocks)
	} else {
		b.doubtful(w.Patient, p, w.Metric, w.Device, w.Quality)
	}
}

func (b *Board) touch(id vital.PatientID, metric string) {
	m := b.changed[id]
	if m == nil {
		m = map[string]struct{}{}
		b.changed[id] = m
	}
	m[metric] = struct{}{}
}

// Alarmed reports whether something happened to an alarm since the last Drain.
func (b *Board) Alarmed() bool { return len(b.effects) > 0 }

// Drain returns what changed since the last call.
func (b *Board) Drain() Drained {
	var d Drained
	for id, metrics := range b.changed {
		p := b.patients[id]
		for metric := range metrics {
			if v, ok := value(p.Latest[metric]); ok {
				d.Values = append(d.Values, v)
			}
		}
	}
	for id := range b.moved {
		d.Watches = append(d.Watches, b.watch(id, b.patients[id]))
	}
	d.Gaps, d.Spans, d.Effects = b.gaps, b.spans, b.effects
	clear(b.changed)
	clear(b.moved)
	b.gaps, b.spans, b.effects = nil, nil, nil
	slices.SortFunc(d.Values, func(x, y Value) int {
		return cmp.Or(cmp.Compare(x.Patient, y.Patient), cmp.Compare(x.Metric, y.Metric))
	})
	return d
}

// Derived returns the readings that were computed since the last call: to be
// stored like those that came.
func (b *Board) Derived() []vital.Reading {
	d := b.derived
	b.derived = nil
	return d
}

func value(list []vital.Reading) (Value, bool) {
	if len(list) == 0 {
		return Value{}, false
	}
	v := Value{Reading: list[0]}
	for _, o := range list[1:] {
		if o.Clocks.Receive >= v.Clocks.Receive-Fresh {
			v.Others = append(v.Others, o)
		}
	}
	return v, true
}

// Latest returns every latest value of a patient, by metric.
func (b *Board) Latest(id vital.PatientID) []Value {
	p := b.patients[id]
	if p == nil {
		return nil
	}
	values := make([]Value, 0, len(p.Latest))
	for _, list := range p.Latest {
		if v, ok := value(list); ok {
			v.Others = slices.Clone(v.Others)
			values = append(values, v)
		}
	}
	slices.SortFunc(values, func(x, y Value) int { return cmp.Compare(x.Metric, y.Metric) })
	return values
}

// Watch returns how the patient is watched.
func (b *Board) Watch(id vital.PatientID) (Watch, bool) {
	p := b.patients[id]
	if p == nil {
		return Watch{Patient: id, State: Unplanned}, false
	}
	return b.watch(id, p), true
}

func (b *Board) watch(id vital.PatientID, p *patient) Watch {
	w := Watch{Patient: id, State: p.State, Since: p.Since, Cause: p.Cause, CauseKind: p.CauseKind, Streams: slices.Clone(p.Streams)}
	spot := vital.Instant(0)
	for _, s := range p.Streams {
		if s.Kind == Continuous {
			w.Last = max(w.Last, s.Last)
		} else {
			spot = max(spot, s.Last)
		}
	}
	if w.DeclaredLimit() == 0 {
		w.Last = spot // nothing continuous: the last measurement
	}
	return w
}

// Patients returns every patient that the board knows, in a fixed order.
func (b *Board) Patients() []vital.PatientID {
	ids := make([]vital.PatientID, 0, len(b.patients))
	for id := range b.patients {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
