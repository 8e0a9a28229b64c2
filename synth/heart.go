package synth

import (
	"math"
	"math/rand/v2"
)

// beatKind is how a beat comes about; each has its shape in the ECG.
type beatKind uint8

const (
	sinus       beatKind = iota // begins in the sinus node: P wave, narrow
	conducted                   // conducted from fibrillating atria: no P wave, narrow
	ventricular                 // premature, from the ventricle: no P wave, wide
)

func (k beatKind) code() string { return [...]string{"N", "N", "V"}[k] }

// heart decides when the next beat comes. In sinus rhythm the interval has a mean
// from the body's heart rate, a part that breathing makes (respiratory sinus
// arrhythmia, the high-frequency part of heart rate variability), a part around
// 0.1 Hz from the baroreflex, and a little noise; the shares follow Profile.
// Source of the two-band spectrum: McSharry et al. 2003, doi
// 10.1109/TBME.2003.808805; of the bands: Task Force 1996, doi
// 10.1161/01.CIR.93.5.1043. In fibrillation the intervals have no memory.
type heart struct {
	p       Profile
	random  *rand.Rand
	slow    resonance
	pending float64 // s: a compensatory pause still due after a premature beat
	random2 *rand.Rand
}

func newHeart(p Profile, seed uint64) *heart {
	return &heart{p: p, random: rand.New(rand.NewPCG(seed, streamHeart)), random2: rand.New(rand.NewPCG(seed, streamHeart+100)),
		slow: newResonance(0.25, 0.1, 0.03)}
}

// quarter moves the slow oscillation on; it is called four times a second.
func (h *heart) quarter() { h.slow.next(h.random2) }

// next returns the interval in seconds until the next beat, and what beat that
// is. breath is the phase of breathing, 0 at the start of an inspiration.
func (h *heart) next(b *body, breath float64) (float64, beatKind) {
	mean := 60 / b.heartRate
	if b.fibrillating {
		h.pending = 0
		// Log-normal with a coefficient of variation of 0.22, bounded by how fast
		// the node can conduct.
		const sigma = 0.22
		return math.Max(mean*math.Exp(sigma*h.random.NormFloat64()-sigma*sigma/2), 0.27), conducted
	}
	if h.pending > 0 {
		rr := h.pending
		h.pending = 0
		return rr, sinus
	}
	if h.random.Float64() < b.p.Ectopy*mean/60 {
		rr := 0.62 * mean
		h.pending = 2*mean - rr
		return rr, ventricular
	}
	deviation := b.p.Variability / 1000 * b.variability
	low := deviation * math.Sqrt(b.p.Balance/(1+b.p.Balance))
	high := deviation * math.Sqrt(2/(1+b.p.Balance)) * b.depth
	rr := mean + low*h.slow.value - high*math.Sin(breath-0.6) + 0.002*h.random.NormFloat64()
	return clamp(rr, 0.6*mean, 1.6*mean), sinus
}

// resonance is noise around one frequency with standard deviation 1: a second
// order autoregression.
type resonance struct {
	value, before float64
	a, b, push    float64
}

// newResonance takes the step in s, the frequency and the width in Hz.
func newResonance(step, frequency, width float64) resonance {
	radius := math.Exp(-math.Pi * width * step)
	r := resonance{a: 2 * radius * math.Cos(2*math.Pi*frequency*step), b: -radius * radius}
	r.push = math.Sqrt((1 + r.b) * ((1-r.b)*(1-r.b) - r.a*r.a) / (1 - r.b))
	return r
}

func (r *resonance) next(random *rand.Rand) {
	r.value, r.before = r.a*r.value+r.b*r.before+r.push*random.NormFloat64(), r.value
}
