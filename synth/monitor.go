package synth

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// monitor turns beats, pulses and breaths into the numbers that a bedside
// monitor shows, with its averaging: a number is what a device says, not what
// the body does.
type monitor struct {
	random   *rand.Rand
	beats    times
	pulses   times
	breaths  times
	shown    float64 // saturation, averaged over about 8 s as oximeters do
	sensor   wander  // of the glucose sensor, minutes of memory
	lastStep int
}

func newMonitor(r *rand.Rand) monitor {
	return monitor{random: r, sensor: newWander(300, 900)}
}

// times are when the latest events of a kind happened, s.
type times struct {
	at    [16]float64
	count int
}

func (t *times) add(at float64) {
	t.at[t.count%len(t.at)] = at
	t.count++
}

// rate returns events a minute from the last intervals, at most that many, or
// false when there are fewer than three events or the last is older than stale.
func (t *times) rate(now float64, intervals int, stale float64) (float64, bool) {
	// A pulse may be on its way and not yet at the finger.
	last := t.count
	for last > 0 && t.count-last < len(t.at) && t.at[(last-1)%len(t.at)] > now {
		last--
	}
	kept := len(t.at) - (t.count - last)
	n := min(last-1, kept-1, intervals)
	if n < 2 {
		return 0, false
	}
	newest, oldest := t.at[(last-1)%len(t.at)], t.at[(last-1-n)%len(t.at)]
	if now-newest > stale || newest <= oldest {
		return 0, false
	}
	return 60 * float64(n) / (newest - oldest), true
}

// measure writes the numbers that are due in this second.
func (x *Patient) measure(now time.Duration) {
	if x.monitored {
		x.measureHeart(now)
		x.measureBreath(now)
		x.measureOxygen(now)
		x.measurePressure(now)
	}
	if x.sugar && due(now, 5*time.Minute) {
		v, q := x.body.tissue+3.5*x.monitor.sensor.next(x.monitor.random), vital.Quality(0)
		if v < 40 { // what the sensor can tell apart
			v, q = 40, vital.RangeLow
		} else if v > 400 {
			v, q = 400, vital.RangeHigh
		}
		x.say(now, "glucose-sensor", v, 0, "mg/dL", q)
	}
	if x.moved && due(now, time.Minute) && now > 0 {
		x.say(now, "step-rate", float64(x.motion.steps-x.monitor.lastStep), 0, "{steps}/min", 0)
		x.say(now, "steps", float64(x.motion.steps), 0, "{steps}", 0)
		x.monitor.lastStep = x.motion.steps
	}
}

func (x *Patient) measureHeart(now time.Duration) {
	if x.off[LeadOff] {
		x.monitor.beats.count = 0 // the monitor begins anew
		return
	}
	rate, known := x.monitor.beats.rate(now.Seconds(), 8, 4)
	if !known {
		return
	}
	q := vital.Quality(0)
	if size := x.faultSize(Artefact); size > 0 {
		// Muscle and movement are counted as beats.
		rate += size * 6 * math.Abs(x.artefact.NormFloat64())
		q = vital.Motion | vital.Questionable
	}
	x.say(now, "heart-rate", rate, 0, "/min", q)
}

func (x *Patient) measureBreath(now time.Duration) {
	if x.off[LeadOff] {
		return
	}
	rate, known := x.monitor.breaths.rate(now.Seconds(), 6, 40)
	switch {
	case known && now.Seconds()-x.breath.inspiration > 20:
		rate = 0 // no breath for 20 s is apnoea, and a monitor says so
	case !known && now.Seconds()-x.breath.inspiration > 40:
		rate = 0
	case !known:
		return
	}
	q := vital.Quality(0)
	if x.faultSize(Artefact) > 0 {
		q = vital.Motion | vital.Questionable
	}
	x.say(now, "resp-rate", rate, 0, "/min", q)
}

func (x *Patient) measureOxygen(now time.Duration) {
	if x.off[ProbeOff] {
		x.monitor.pulses.count, x.monitor.shown = 0, 0
		return
	}
	b := x.body
	if x.monitor.shown == 0 {
		x.monitor.shown = b.saturation
	}
	x.monitor.shown += lag(1, 8) * (b.saturation - x.monitor.shown)
	rate, known := x.monitor.pulses.rate(now.Seconds(), 8, 4)
	if !known {
		return
	}
	shown, q := x.monitor.shown, vital.Quality(0)
	if size := x.faultSize(Artefact); size > 0 {
		shown -= size * 3 * math.Abs(x.artefact.NormFloat64())
		q = vital.Motion | vital.Questionable
	}
	if b.perfusion*b.stroke < 0.2 {
		q |= vital.Questionable // a weak pulse
	}
	x.say(now, "pulse-rate", rate, 0, "/min", q)
	x.say(now, "spo2", math.Min(shown, 100), 0, "%", q)
	x.say(now, "perfusion-index", math.Max(0.1, 3.5*b.perfusion*b.stroke), 1, "%", q)
}

// measurePressure is the cuff and the thermometer.
func (x *Patient) measurePressure(now time.Duration) {
	p, b := x.profile, x.body
	// The first measurement comes a minute after the devices are put on.
	if p.PressureEvery > 0 && due(now-time.Minute, p.PressureEvery) && now >= time.Minute {
		wrong := 2.5 * x.monitor.random.NormFloat64()
		systolic, diastolic := math.Round(b.systolic+wrong), math.Round(b.diastolic+0.7*wrong)
		x.say(now, "bp-systolic", systolic, 0, "mm[Hg]", 0)
		x.say(now, "bp-diastolic", diastolic, 0, "mm[Hg]", 0)
		x.say(now, "bp-mean", diastolic+(systolic-diastolic)/3, 0, "mm[Hg]", 0)
	}
	if p.TemperatureEvery > 0 && due(now, p.TemperatureEvery) {
		x.say(now, "temperature", b.temperature+0.03*x.monitor.random.NormFloat64(), 1, "Cel", 0)
	}
}

// due reports whether something done every so often, in whole seconds, is due.
func due(now, every time.Duration) bool {
	return now%max(every.Truncate(time.Second), time.Second) == 0
}

// say adds a number rounded to so many places.
func (x *Patient) say(now time.Duration, metric string, v float64, places int, unit string, q vital.Quality) {
	d := vital.Decimal{Mantissa: int64(math.Round(v * math.Pow10(places))), Exponent: int8(-places)}
	x.pending.Numerics = append(x.pending.Numerics, Numeric{At: now, Metric: metric, Value: d, Unit: unit, Quality: q})
}
