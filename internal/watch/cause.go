package watch

import (
	"maps"
	"slices"

	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// CauseKind says where the way from a body to a screen is broken. The words
// beside it are for people; the kind is for counting and for a sign.
type CauseKind string

const (
	ByDevice    CauseKind = "device"       // it is off, or on and says nothing, or nothing that can be read
	BySensor    CauseKind = "sensor"       // lead or probe off, movement; the device itself sends
	ByRange     CauseKind = "range"        // out of reach of its radio
	ByGateway   CauseKind = "gateway"      // what carried the device's data is gone
	ByNetwork   CauseKind = "network"      // the connection broke
	ByServer    CauseKind = "server"       // Vigil was not running, stood still or is behind
	ByRule      CauseKind = "rule"         // data came, and a rule could not judge it
	ByStandby   CauseKind = "standby"      // somebody ordered it
	ByUnbound   CauseKind = "unbound"      // no device is bound to the patient
	ByDischarge CauseKind = "discharged"   // the stay ended
	ByNobody    CauseKind = "not-measured" // a measurement that people make was not made
	ByPlan      CauseKind = "plan"         // it is no longer expected
)

// The words of the causes that are found here.
const (
	wordsRange   = "the device is out of radio range"
	wordsNothing = "the device sends nothing"
	wordsServer  = "the server was not running"
	wordsStill   = "the server stood still"
	wordsBehind  = "the server is behind with its work"
	wordsNotThis = "the device sends, but not this"
	wordsUnbound = "no device is bound to the patient"
	wordsUnread  = "what the device sends cannot be read"
	wordsConnect = "the device is connected, but sends nothing"
	wordsGateway = "the gateway that carries the device is gone"
	wordsBroken  = "the connection to the device broke"
	wordsGoodbye = "the device signed off"
	wordsNobody  = "not measured in time"
	wordsOldData = "what the device sends is old"
)

// Cause is a kind with its words.
type Cause struct {
	Kind  CauseKind
	Words string
}

// Link says that a way to devices opened or broke: their own connection, or that
// of the gateway that carries them.
type Link struct {
	Devices []vital.DeviceID `json:"devices,omitempty"`
	Gateway string           `json:"gateway,omitempty"` // empty: each device's own connection
	Up      bool             `json:"up,omitempty"`
	Goodbye bool             `json:"goodbye,omitempty"` // it left in order
	Why     string           `json:"why,omitempty"`     // a word of the door: "keep-alive", "reset" ...
	At      vital.Instant    `json:"at"`
}

// way is what is known of how the data of one device gets here.
type way struct {
	Gateway  string        `json:"gateway,omitempty"`
	Known    bool          `json:"known,omitempty"` // whether it is open is known
	Up       bool          `json:"up,omitempty"`
	Goodbye  bool          `json:"goodbye,omitempty"`
	Changed  vital.Instant `json:"changed,omitempty"`
	Off      vital.Instant `json:"off,omitempty"`      // it said that it would be switched off
	Far      vital.Instant `json:"far,omitempty"`      // its gateway said that it is out of range
	Strength float64       `json:"strength,omitempty"` // newest, dB[W]
	Before   float64       `json:"before,omitempty"`   // the strongest of the last minute before that
	Measured vital.Instant `json:"measured,omitempty"` // when Strength was received
	Strong   vital.Instant `json:"strong,omitempty"`   // when Before was
	Unread   vital.Instant `json:"unread,omitempty"`   // when something of it could not be read
	Heard    vital.Instant `json:"heard,omitempty"`    // when anything of it was
}

// What counts as a weak radio. The Bluetooth Core Specification (volume 6 part A,
// 4.1) asks a receiver for -70 dBm; common ones reach -95 dBm. A strength is kept
// in dB[W], 30 less than in dBm. Both limits are our setting.
const (
	weakStrength = -120 // dB[W], -90 dBm: at the edge of what a receiver hears
	fallingTo    = -113 // dB[W], -83 dBm ...
	fallingBy    = 12   // dB within a minute: ... and on the way out
	strengthAge  = 60_000
)

func (w *way) measured(strength float64, at vital.Instant) {
	if w.Measured == 0 || at-w.Strong > strengthAge || w.Strength > w.Before {
		w.Before, w.Strong = w.Strength, w.Measured
	}
	if w.Measured == 0 {
		w.Before, w.Strong = strength, at
	}
	w.Strength, w.Measured = strength, at
}

// far reports whether the device was leaving the reach of its radio when it fell
// silent.
func (w *way) far(since vital.Instant) bool {
	if w.Far != 0 {
		return true
	}
	if w.Measured == 0 || since-w.Measured > strengthAge {
		return false
	}
	return w.Strength <= weakStrength || w.Strength <= fallingTo && w.Before-w.Strength >= fallingBy
}

func (p *patient) way(id vital.DeviceID) *way {
	w := p.Ways[id]
	if w == nil {
		if p.Ways == nil {
			p.Ways = map[vital.DeviceID]*way{}
		}
		w = &way{}
		p.Ways[id] = w
	}
	return w
}

// Link takes that a way opened or broke. Without devices it is a gateway's that
// came back.
func (b *Board) Link(l Link) {
	b.pass(l.At)
	switch {
	case len(l.Devices) == 0 && l.Gateway == "":
		b.forgetWays() // a new process: no connection outlived the last one
		return
	case len(l.Devices) == 0 && l.Up:
		b.gatewayBack(l)
		return
	}
	for _, device := range l.Devices {
		id, worn := b.worn[device]
		if !worn {
			continue
		}
		p := b.patients[id]
		w := p.way(device)
		if !l.Up && l.Gateway == "" && w.Gateway != "" && w.Up {
			continue // a gateway carries it now
		}
		w.Gateway, w.Known, w.Up, w.Goodbye, w.Changed = l.Gateway, true, l.Up, l.Goodbye, l.At
		if p.Present {
			b.explainAgain(id, p, l.At)
		}
	}
}

func (b *Board) forgetWays() {
	for _, p := range b.patients {
		for _, w := range p.Ways {
			w.Known = false
		}
	}
}

func (b *Board) gatewayBack(l Link) {
	for _, id := range b.Patients() {
		for _, w := range b.patients[id].Ways {
			if w.Gateway == l.Gateway && w.Known && !w.Up {
				w.Up, w.Changed = true, l.At
			}
		}
	}
}

// wear notes who wears which device, so that what is said of a device finds its
// patient.
func (b *Board) wear(id vital.PatientID, p *patient, devices []vital.DeviceID) {
	for _, d := range p.Devices {
		if b.worn[d] == id && !slices.Contains(devices, d) {
			delete(b.worn, d)
		}
	}
	maps.DeleteFunc(p.Ways, func(d vital.DeviceID, _ *way) bool { return !slices.Contains(devices, d) })
	p.Devices = devices
	if !p.Present {
		return
	}
	for _, d := range devices {
		b.worn[d] = id
	}
}

// explainAgain gives what is silent the cause that is known only now: a broken
// connection is noticed long after the last value.
func (b *Board) explainAgain(id vital.PatientID, p *patient, at vital.Instant) {
	changed := false
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.State == Got || s.CauseKind != ByDevice || s.Kind != Continuous {
			continue
		}
		c := b.cause(p, s, at)
		if c.Kind == s.CauseKind && c.Words == s.Cause {
			continue
		}
		s.Cause, s.CauseKind = c.Words, c.Kind
		if s.State == Missing {
			b.tellGap(id, s, 0)
		}
		changed = true
	}
	if changed {
		b.judge(id, p, at)
		b.silence(id, p, at)
		b.moved[id] = struct{}{}
	}
}

// Unread takes that a packet of a device, or a part of it, could not be read.
func (b *Board) Unread(device vital.DeviceID, all bool, at vital.Instant) {
	id, worn := b.worn[device]
	if !worn || !b.patients[id].Present {
		return
	}
	p := b.patients[id]
	b.pass(at)
	w := p.way(device)
	w.Unread = at
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.Kind == Continuous && (s.Device == device || s.Device == "") && (all || s.State != Got) && at > s.Last {
			b.doubt(id, p, s, Cause{ByDevice, wordsUnread})
		}
	}
}

// happened takes what an event of a device says about the way to it.
func (b *Board) happened(p *patient, e *vital.Event) {
	if !slices.Contains(p.Devices, e.Device) {
		return
	}
	w := p.way(e.Device)
	at := e.Clocks.Receive
	w.Heard = max(w.Heard, at)
	switch e.Kind {
	case "out-of-range":
		w.Far = at
	case "in-range":
		w.Far = 0
	case "power-off":
		w.Off = at
	case "lead-off", "sensor-off", "probe-off":
		for i := range p.Streams {
			s := &p.Streams[i]
			if s.Kind == Continuous && s.Device == e.Device && (e.Code == "" || e.Code == s.Metric) {
				b.doubt(e.Patient, p, s, Cause{BySensor, "the sensor is off the patient"})
			}
		}
		return
	default:
		return
	}
	b.explainAgain(e.Patient, p, at)
}

// heard takes that a device gave a value: whatever was said of the way to it is
// over.
func (p *patient) heard(r *vital.Reading) {
	if !slices.Contains(p.Devices, r.Device) {
		return // a person's entry, or a device of the hour before
	}
	at := r.Clocks.Receive
	w := p.way(r.Device)
	w.Heard = max(w.Heard, at)
	if w.Known && !w.Up && at > w.Changed {
		w.Known = false
	}
	if at > w.Far {
		w.Far = 0
	}
	if at > w.Off {
		w.Off = 0
	}
	if r.Metric == "signal-strength" && !r.Value.IsCode() {
		w.measured(r.Value.Number.Float(), at)
	}
}

// doubtOf says what makes a value no proof that its patient is watched.
func doubtOf(q vital.Quality) Cause {
	switch {
	case q.Has(vital.SensorOff):
		return Cause{BySensor, "the sensor is off the patient"}
	case q.Has(vital.Motion):
		return Cause{BySensor, "movement disturbs the measurement"}
	case q.Has(vital.Calibrating):
		return Cause{ByDevice, "the device is calibrating"}
	case q.Has(vital.Test):
		return Cause{ByDevice, "the device sends test data"}
	case q.Has(vital.Implausible):
		return Cause{ByDevice, "the values are not possible"}
	}
	return Cause{ByDevice, "the device doubts its own values"}
}

// doubt remembers why a stream that sends is not usable.
func (b *Board) doubt(id vital.PatientID, p *patient, s *Stream, c Cause) {
	s.Doubt, s.DoubtKind = c.Words, c.Kind
	if s.State == Got || s.Cause == c.Words || s.CauseKind == ByServer && s.State == Missing {
		return
	}
	if s.CauseKind != ByDevice && s.CauseKind != "" {
		return // one gap, one cause: the first that is sure
	}
	s.Cause, s.CauseKind = c.Words, c.Kind
	if s.State == Missing {
		b.tellGap(id, s, 0)
	}
	b.moved[id] = struct{}{}
}

// cause says why a stream is silent, as far as the journal can tell.
func (b *Board) cause(p *patient, s *Stream, at vital.Instant) Cause {
	from := s.expected()
	if b.behind > s.Every/2 {
		return Cause{ByServer, wordsBehind}
	}
	if begun := from + vital.Instant(s.Every); b.stalled.To > from && b.stalled.From < begun && b.stalled.length() > min(s.Every/2, stallMost) {
		return Cause{ByServer, wordsStill}
	}
	if s.Doubt != "" {
		return Cause{s.DoubtKind, s.Doubt}
	}
	if s.Kind == Spot {
		return Cause{ByNobody, wordsNobody}
	}
	if len(p.Devices) == 0 {
		return Cause{ByUnbound, wordsUnbound}
	}
	device := s.Device
	if !slices.Contains(p.Devices, device) {
		device = p.Devices[0]
	}
	w := p.Ways[device]
	if w == nil {
		w = &way{}
	}
	others := p.sends(s, device, at)
	broken := w.Known && !w.Up
	switch {
	case broken && w.Gateway != "":
		return Cause{ByGateway, wordsGateway}
	case !others && w.far(from):
		return Cause{ByRange, wordsRange}
	case w.Off != 0:
		return Cause{ByDevice, "the device was switched off"}
	case broken && w.Goodbye:
		return Cause{ByDevice, wordsGoodbye}
	case broken:
		return Cause{ByNetwork, wordsBroken}
	case w.Unread > from:
		return Cause{ByDevice, wordsUnread}
	case others:
		return Cause{BySensor, wordsNotThis}
	case w.Known && w.Gateway == "":
		return Cause{ByDevice, wordsConnect}
	}
	return Cause{ByDevice, wordsNothing}
}

// sends reports whether another continuous stream of the device flows.
func (p *patient) sends(s *Stream, device vital.DeviceID, at vital.Instant) bool {
	for i := range p.Streams {
		o := &p.Streams[i]
		if o.Metric != s.Metric && o.Kind == Continuous && o.Device == device && o.Last > s.Last+vital.Instant(s.Every/2) && int64(at-o.Last) <= o.Every {
			return true
		}
	}
	return false
}

// unjudged keeps which rules cannot be evaluated for a patient: what they read
// came, and nobody looked at it.
func (b *Board) unjudged(id vital.PatientID, p *patient, findings []vital.Finding, at vital.Instant) {
	for i := range findings {
		f := &findings[i]
		if f.Rule != rule.ErrorRule {
			continue
		}
		_, was := p.Unjudged[f.Part]
		switch f.Stand {
		case vital.Present:
			if was {
				continue
			}
			if p.Unjudged == nil {
				p.Unjudged = map[string]unjudged{}
			}
			p.Unjudged[f.Part] = unjudged{From: at, Metrics: b.readBy(f.Part, f.Metric)}
			b.tellUnjudged(id, f.Part, p.Unjudged[f.Part], 0)
		case vital.Absent, vital.Withdrawn:
			if !was {
				continue
			}
			b.tellUnjudged(id, f.Part, p.Unjudged[f.Part], at)
			delete(p.Unjudged, f.Part)
		default:
			continue
		}
		b.judge(id, p, at)
		b.moved[id] = struct{}{}
	}
}

// unjudged is what one rule does not look at, since when.
type unjudged struct {
	From    vital.Instant `json:"from"`
	Metrics []string      `json:"metrics"`
}

// readBy returns what a rule reads.
func (b *Board) readBy(name, marks string) []string {
	for _, r := range b.rules.Rules() {
		if r.Name == name && len(r.Metrics) > 0 {
			return slices.Sorted(slices.Values(r.Metrics))
		}
	}
	if marks != "" {
		return []string{marks}
	}
	return []string{"*"} // all of it
}

func (b *Board) tellUnjudged(id vital.PatientID, name string, u unjudged, to vital.Instant) {
	for _, m := range u.Metrics {
		b.gaps = append(b.gaps, Gap{
			Patient: id, Metric: m, From: u.From, To: to, State: Got, Kind: ByRule, Cause: unjudgedWords(name),
		})
	}
}

func unjudgedWords(name string) string { return "it came, but the rule " + name + " cannot judge it" }
