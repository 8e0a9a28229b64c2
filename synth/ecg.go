package synth

import (
	"math"
	"math/rand/v2"
)

// The ECG is the dynamical model of McSharry, Clifford, Tarassenko and Smith,
// "A dynamical model for generating synthetic electrocardiogram signals", IEEE
// Trans Biomed Eng 2003;50:289-294, doi 10.1109/TBME.2003.808805:
//
//	theta' = omega(t)                    on the limit cycle, radius 1
//	z'     = -sum a_i d_i exp(-d_i^2 / 2 b_i^2) - (z - z0),  d_i = theta - theta_i
//
// one turn for each beat, an attractor for each of P, Q, R, S, T. In the paper
// the trajectory is pulled to the unit circle in the (x, y) plane and stays
// there; here it starts on it, so theta is followed directly. z0 is the baseline
// that moves with breathing. Angles, heights and widths are table 1 of the paper;
// with the heart rate the angles and widths change as in the authors' ECGSYN.
type wavelet struct{ angle, height, width float64 }

var shapes = [...][5]wavelet{
	sinus: {
		{-math.Pi / 3, 1.2, 0.25}, {-math.Pi / 12, -5, 0.1}, {0, 30, 0.1}, {math.Pi / 12, -7.5, 0.1}, {math.Pi / 2, 0.75, 0.4},
	},
	conducted: { // no P wave
		{-math.Pi / 3, 0, 0.25}, {-math.Pi / 12, -5, 0.1}, {0, 30, 0.1}, {math.Pi / 12, -7.5, 0.1}, {math.Pi / 2, 0.75, 0.4},
	},
	ventricular: { // wide, no P wave, T against the QRS; angles and widths chosen by eye
		{-math.Pi / 3, 0, 0.25}, {-math.Pi / 8, -2, 0.14}, {0, 16, 0.16}, {math.Pi / 6, -5, 0.18}, {math.Pi / 2, -1.1, 0.4},
	},
}

const ecgHertz = 250

type ecg struct {
	random     *rand.Rand
	theta      float64 // 0 at the R wave, in (-pi, pi]
	omega      float64
	z          float64
	force      float64
	scale      float64 // mV for each unit of z
	this, next beatKind
	turned     bool // the second half of the turn has the shape of the next beat
	atrial     [3]float64
	hrAngle    float64
	hrWidth    float64
	steady     float64 // what keeps a wave's duration the same at any rate
}

func newECG(p Profile, random *rand.Rand) *ecg {
	e := &ecg{random: random, omega: 2 * math.Pi, hrAngle: 1, hrWidth: 1, steady: 1}
	// One beat at 60/min gives the height of R that the model makes, and so the
	// scale to the profile's voltage.
	top := 0.0
	e.theta = -math.Pi + 1e-9
	e.force = e.pull(e.theta, sinus)
	for range 2 * ecgHertz {
		e.integrate(0)
		top = math.Max(top, e.z)
	}
	e.scale = p.Voltage / top
	e.theta, e.z = 0, 0
	return e
}

// pull is the sum of the attractors at angle theta.
func (e *ecg) pull(theta float64, kind beatKind) float64 {
	sum := 0.0
	for i, w := range shapes[kind] {
		if w.height == 0 {
			continue
		}
		angle, width, height := w.angle, w.width*e.hrWidth, w.height
		switch {
		case i == 0 || i == 4:
			angle *= e.hrAngle
		case kind == ventricular: // spreads from cell to cell, in its own time
			angle, width, height = w.angle*e.steady, w.width*e.steady, w.height/e.steady
		default:
			angle *= e.hrWidth
		}
		d := theta - angle
		if d > math.Pi {
			d -= 2 * math.Pi
		} else if d < -math.Pi {
			d += 2 * math.Pi
		}
		if x := d / width; x > -5 && x < 5 {
			sum -= height * d * math.Exp(-x*x/2)
		}
	}
	return sum
}

func (e *ecg) kind() beatKind {
	if e.turned {
		return e.next
	}
	return e.this
}

// begin starts the turn from one R wave to the next, rr seconds away.
func (e *ecg) begin(rr float64, next beatKind) {
	e.this, e.next, e.turned = e.next, next, false
	e.omega = 2 * math.Pi / rr
	// ECGSYN: at a faster rate the waves take a larger share of the cycle.
	e.hrWidth = math.Sqrt(1 / rr)
	e.hrAngle = math.Sqrt(e.hrWidth)
	e.steady = clamp(1/rr, 0.5, 1.7)
}

// integrate moves on by one sample with the classical Runge-Kutta method, of
// which the middle steps share one evaluation because the pull does not depend
// on z. It reports whether the R wave was passed.
func (e *ecg) integrate(baseline float64) (passed bool) {
	const h = 1.0 / ecgHertz
	step := e.omega * h
	middle, end := wrap(e.theta+step/2), wrap(e.theta+step)
	if !e.turned && end < 0 && e.theta > 0 {
		e.turned = true
	}
	passed = e.theta < 0 && end >= 0 && e.turned
	f0, f1, f2 := e.force, e.pull(middle, e.kind()), e.pull(end, e.kind())
	k1 := f0 - (e.z - baseline)
	k2 := f1 - (e.z + h/2*k1 - baseline)
	k3 := f1 - (e.z + h/2*k2 - baseline)
	k4 := f2 - (e.z + h*k3 - baseline)
	e.z += h / 6 * (k1 + 2*k2 + 2*k3 + k4)
	e.theta, e.force = end, f2
	return passed
}

// sample returns the voltage in mV at the present moment.
func (e *ecg) sample(b *body, breath float64) float64 {
	v := e.scale*e.z*(1+0.04*math.Sin(breath)) + 0.004*e.random.NormFloat64()
	if b.fibrillating {
		v += e.fibrillation()
	}
	return v
}

// fibrillation is the fine uneven wave of fibrillating atria, 5 to 8 Hz.
func (e *ecg) fibrillation() float64 {
	sum := 0.0
	for i, hertz := range [...]float64{5.3, 6.4, 7.7} {
		e.atrial[i] += 2*math.Pi*hertz/ecgHertz + 0.03*e.random.NormFloat64()
		if e.atrial[i] > 2*math.Pi {
			e.atrial[i] -= 2 * math.Pi
		}
		sum += math.Sin(e.atrial[i])
	}
	return 0.025 * sum
}

func wrap(angle float64) float64 {
	if angle > math.Pi {
		return angle - 2*math.Pi
	}
	return angle
}
