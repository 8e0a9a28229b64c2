package synth

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Output is what the devices on a body measured during one step. Times count
// from the patient's beginning.
type Output struct {
	Numerics []Numeric
	Waves    []Wave
	Events   []Event // what a device knows: a lead came off
	Truth    []Event // what only the simulation knows: each beat, a fall, an onset
}

// Numeric is one value.
type Numeric struct {
	At      time.Duration
	Metric  string
	Value   vital.Decimal
	Unit    string
	Quality vital.Quality
}

// Wave is a stretch of one waveform. Physical = (sample + Zero) * Gain.
type Wave struct {
	At      time.Duration
	Metric  string
	Unit    string
	Gain    vital.Decimal
	Zero    int32
	MilliHz uint32
	Quality vital.Quality
	Samples []int16 // Missing: no measurement
}

// Missing is the sample that stands for no measurement.
const Missing = math.MinInt16

// Event is something that happened.
type Event struct {
	At         time.Duration
	Kind, Code string
	Text       string
}

// Patient is one simulated person. It is not safe for concurrent use.
type Patient struct {
	profile   Profile
	scenarios []Scenario
	faults    []Fault

	body     *body
	heart    *heart
	ecg      *ecg
	pleth    pleth
	breath   *breathing
	motion   *motion
	monitor  monitor
	artefact *rand.Rand
	shake    wander

	tick                    int64         // of 4 ms
	over                    time.Duration // part of a tick left from the last step
	rr                      float64       // s of the beat under way
	last                    beatKind
	walk                    float64
	script                  []float64 // s of script time for each scenario
	off                     map[FaultKind]bool
	monitored, sugar, moved bool
	pending                 Output
	waves                   [6]*Wave
}

const tickLength = time.Second / ecgHertz

// NewPatient makes the patient of that seed. The same arguments give the same
// patient, to the last bit.
func NewPatient(seed uint64, p Profile, scenarios []Scenario, faults []Fault) *Patient {
	p = p.withDefaults()
	stream := func(s uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, s)) }
	x := &Patient{
		profile: p, scenarios: slices.Clone(scenarios), faults: slices.Clone(faults), body: newBody(p, stream(streamBody)), heart: newHeart(p, seed),
		ecg: newECG(p, stream(streamSensor)), breath: newBreathing(stream(streamBreath)), motion: newMotion(stream(streamMotion)),
		artefact: stream(streamArtefact), shake: newWander(1.0/ecgHertz, 0.3), script: make([]float64, len(scenarios)), off: map[FaultKind]bool{},
		monitored: slices.Contains(p.Wears, Monitor), sugar: slices.Contains(p.Wears, GlucoseSensor), moved: slices.Contains(p.Wears, Accelerometer),
	}
	x.monitor = newMonitor(stream(streamGlucose))
	if p.Fibrillating {
		x.body.fibrillating, x.ecg.this, x.ecg.next = true, conducted, conducted
		x.body.heartRate += 12
	}
	x.rr = 60 / x.body.heartRate
	rr, kind := x.heart.next(x.body, 0)
	x.rr = rr
	x.ecg.begin(rr, kind)
	return x
}

// Profile returns the profile with its defaults filled in.
func (x *Patient) Profile() Profile { return x.profile }

// Now returns how long the patient has been simulated.
func (x *Patient) Now() time.Duration { return time.Duration(x.tick) * tickLength }

// Step simulates dt and returns what was measured. What is shorter than a tick
// of 4 ms is kept for the next step.
func (x *Patient) Step(dt time.Duration) Output {
	x.over += dt
	x.pending = Output{}
	x.waves = [6]*Wave{}
	for ; x.over >= tickLength; x.over -= tickLength {
		x.advance()
	}
	for _, w := range x.waves {
		if w != nil {
			x.pending.Waves = append(x.pending.Waves, *w)
		}
	}
	return x.pending
}

// advance simulates one tick.
func (x *Patient) advance() {
	const perSecond = ecgHertz
	now := x.Now()
	seconds := now.Seconds()
	if x.tick%perSecond == 0 {
		x.second(now)
	}
	if x.tick%(perSecond/4) == 0 {
		x.heart.quarter()
	}
	if x.breath.step(1.0/ecgHertz, seconds, x.body.respRate) {
		x.monitor.breaths.add(seconds)
	}
	x.beat(now, seconds)
	if x.monitored {
		x.sample(now, seconds)
	}
	if x.moved && x.tick%(ecgHertz/accelHertz) == 0 {
		a, b, c := x.motion.sample(x.walk)
		x.put(3, "accel-x", "m/s2", accelGain, accelHertz, now, a, 0)
		x.put(4, "accel-y", "m/s2", accelGain, accelHertz, now, b, 0)
		x.put(5, "accel-z", "m/s2", accelGain, accelHertz, now, c, 0)
	}
	x.tick++
}

// beat moves the heart on, and hands each beat to the ECG, the pulse and the truth.
func (x *Patient) beat(now time.Duration, seconds float64) {
	baseline := 0.0
	if x.monitored {
		// The chest moves the electrodes: the z0 of the model, 0.15 in the paper.
		baseline = 0.15 / x.ecg.scale * 0.4 * (x.breath.volume(x.body.depth) - 0.5)
	}
	if !x.ecg.integrate(baseline) {
		return
	}
	kind := x.ecg.next
	before := x.rr
	rr, next := x.heart.next(x.body, x.breath.phase)
	x.rr = rr
	x.ecg.begin(rr, next)
	x.monitor.beats.add(seconds)
	p := x.pleth.beat(seconds, before, kind, x.body, x.breath.phase)
	if p.height > 0.03 { // weaker ones are not felt by the probe
		x.monitor.pulses.add(p.at)
	}
	x.last = kind
	x.pending.Truth = append(x.pending.Truth, Event{At: now, Kind: "beat", Code: kind.code()})
}

// Gains of the waveforms, in their unit for each step.
var (
	ecgGain   = vital.Decimal{Mantissa: 25, Exponent: -4} // 2.5 uV
	plethGain = vital.Decimal{Mantissa: 5, Exponent: -4}
	respGain  = vital.Decimal{Mantissa: 1, Exponent: -3}
	accelGain = vital.Decimal{Mantissa: 5, Exponent: -3}
)

// sample takes the samples that the monitor takes in this tick.
func (x *Patient) sample(now time.Duration, seconds float64) {
	b := x.body
	shake, quality := 0.0, vital.Quality(0)
	if size := x.faultSize(Artefact); size > 0 {
		shake, quality = size*x.shake.next(x.artefact), vital.Motion
	}
	v := math.NaN()
	if !x.off[LeadOff] {
		v = x.ecg.sample(b, x.breath.phase) + 0.35*shake
		if shake != 0 {
			v += 0.06 * x.artefact.NormFloat64() // muscle
		}
	}
	x.put(0, "ecg-ii", "mV", ecgGain, ecgHertz, now, v, quality)
	if x.tick%(ecgHertz/plethHertz) == 0 {
		v := math.NaN()
		if !x.off[ProbeOff] {
			v = x.pleth.value(seconds, x.breath.phase) + 0.3*shake
		}
		x.put(1, "pleth", "1", plethGain, plethHertz, now, v, quality)
	}
	if x.tick%(ecgHertz/respHertz) == 0 {
		v := math.NaN()
		if !x.off[LeadOff] {
			v = x.breath.volume(b.depth) + 0.015*math.Sin(x.ecg.theta) + 0.2*shake
		}
		x.put(2, "resp-wave", "1", respGain, respHertz, now, v, quality)
	}
}

// put appends one sample to a waveform of the present step.
func (x *Patient) put(i int, metric, unit string, gain vital.Decimal, hertz int, now time.Duration, v float64, q vital.Quality) {
	w := x.waves[i]
	if w == nil {
		w = &Wave{At: now, Metric: metric, Unit: unit, Gain: gain, MilliHz: uint32(hertz) * 1000, Samples: make([]int16, 0, hertz/4+1)}
		x.waves[i] = w
	}
	w.Quality |= q
	if math.IsNaN(v) {
		w.Quality |= vital.SensorOff
		w.Samples = append(w.Samples, Missing)
		return
	}
	w.Samples = append(w.Samples, int16(clamp(math.Round(v/gain.Float()), -math.MaxInt16, math.MaxInt16)))
}

// second is what happens once a second: causes, body, numbers.
func (x *Patient) second(now time.Duration) {
	var cause [causes]float64
	pace := 1.0
	for i, s := range x.scenarios {
		if now < s.Start {
			continue
		}
		if x.script[i] == 0 {
			x.pending.Truth = append(x.pending.Truth, Event{At: now, Kind: "scenario", Code: s.Name})
		}
		for c, v := range s.script.strength(time.Duration(x.script[i] * float64(time.Second))) {
			cause[c] += v
		}
		x.script[i] += s.Pace
		pace = math.Max(pace, s.Pace)
	}
	walk, fell := x.motion.second(x.profile.Active, cause[Exertion], cause[Fallen])
	x.walk = walk
	if fell {
		x.pending.Truth = append(x.pending.Truth, Event{At: now, Kind: "fall"})
	}
	cause[Exertion] = walk
	was := x.body.fibrillating
	x.body.second(cause, pace)
	if x.body.fibrillating != was {
		x.pending.Truth = append(x.pending.Truth, Event{At: now, Kind: "rhythm", Code: map[bool]string{true: "AFIB", false: "N"}[x.body.fibrillating]})
	}
	for _, k := range [...]FaultKind{LeadOff, ProbeOff} {
		on := x.faultSize(k) > 0
		if on != x.off[k] {
			kind := map[bool]string{true: "lead-off", false: "lead-on"}[on]
			x.event(now, kind, map[FaultKind]string{LeadOff: "ecg-ii", ProbeOff: "pleth"}[k])
		}
		x.off[k] = on
	}
	x.measure(now)
}

func (x *Patient) event(now time.Duration, kind, code string) {
	if x.monitored {
		x.pending.Events = append(x.pending.Events, Event{At: now, Kind: kind, Code: code})
	}
}

// faultSize returns the size of the strongest fault of that kind now, 0 for none.
func (x *Patient) faultSize(kind FaultKind) float64 {
	size := 0.0
	for _, f := range x.faults {
		if f.Kind == kind && f.On(x.Now()) {
			size = math.Max(size, f.Size)
		}
	}
	return size
}
