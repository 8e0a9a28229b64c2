package synth

import "math"

const plethHertz = 125

// pleth is the light absorbed by the finger: one pulse for each heart beat that
// moves blood, later than the R wave by the pulse arrival time, a steep rise, a
// slower fall and a second, lower crest. Its height follows the stroke volume,
// which follows how long the heart had to fill.
type pleth struct {
	pulses [4]pulse // the latest; the older ones have died away
	latest int
}

type pulse struct {
	at, height, stretch float64 // s since the beginning; relative; of its time axis
}

// arrival is the time from the R wave to the foot of the pulse at the finger, in
// s: about 0.25 at rest, shorter with a higher pressure. Source: Mukkamala et al.
// 2015, doi 10.1109/TBME.2015.2441951, for sign and size.
func arrival(b *body) float64 {
	return clamp(0.25-0.0009*(b.systolic-120)-0.0005*(b.heartRate-70), 0.16, 0.36)
}

// beat adds the pulse of a heart beat at time now that came rr seconds after the
// one before it, and returns when it reaches the finger and how high it is.
func (p *pleth) beat(now, rr float64, kind beatKind, b *body, breath float64) pulse {
	filled := clamp(math.Sqrt(rr*b.heartRate/60), 0.3, 1.25)
	if kind == ventricular {
		filled *= 0.6 // out of step with the atria
	}
	height := b.stroke * b.perfusion * filled * (1 - 0.06*math.Sin(breath))
	next := pulse{at: now + arrival(b), height: height, stretch: clamp(math.Sqrt(60/b.heartRate), 0.6, 1.25)}
	p.latest = (p.latest + 1) % len(p.pulses)
	p.pulses[p.latest] = next
	return next
}

// value returns the waveform at time now, about 0 to 1 for a healthy pulse.
func (p *pleth) value(now, breath float64) float64 {
	sum := 0.02 * math.Sin(breath-1)
	for _, x := range p.pulses {
		t := (now - x.at) / x.stretch
		if x.height == 0 || t < -0.05 || t > 1.6 {
			continue
		}
		width := 0.055
		if t > 0.15 {
			width = 0.13
		}
		sum += x.height * (0.9*bell((t-0.15)/width) + 0.36*bell((t-0.42)/0.12))
	}
	return sum
}

func bell(x float64) float64 {
	if x > 5 || x < -5 {
		return 0
	}
	return math.Exp(-x * x / 2)
}
