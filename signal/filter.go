package signal

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
)

// Section is one second-order section of a digital filter:
//
//	H(z) = (B0 + B1/z + B2/z^2) / (1 + A1/z + A2/z^2)
type Section struct{ B0, B1, B2, A1, A2 float64 }

// Filter is a cascade of sections. As one polynomial a filter of order eight at
// 0.5 Hz of 500 Hz would drown in rounding; sections do not.
type Filter []Section

const maxOrder = 20

// Lowpass returns a Butterworth filter that passes below cut Hz (-3 dB there),
// of order 1 to 20, for a signal of hz samples per second.
// Source: Butterworth 1930; Oppenheim and Schafer, Discrete-Time Signal
// Processing, 3rd edition 2010, section 7.2 (bilinear transform, prewarped).
func Lowpass(order int, cut, hz float64) (Filter, error) {
	if err := checkDesign(order, hz, cut); err != nil {
		return nil, err
	}
	return edge(order, cut, hz, false), nil
}

// Highpass is Lowpass that passes above cut Hz.
func Highpass(order int, cut, hz float64) (Filter, error) {
	if err := checkDesign(order, hz, cut); err != nil {
		return nil, err
	}
	return edge(order, cut, hz, true), nil
}

func checkDesign(order int, hz float64, cuts ...float64) error {
	if order < 1 || order > maxOrder {
		return fmt.Errorf("filter of order %d: want 1 to %d", order, maxOrder)
	}
	last := 0.0
	for _, cut := range cuts {
		if !(cut > last) || !(cut < hz/2) || math.IsInf(hz, 0) {
			return fmt.Errorf("filter at %v Hz of %v Hz: want frequencies that rise between 0 and half the rate", cuts, hz)
		}
		last = cut
	}
	return nil
}

// edge builds a low-pass or high-pass from the pole pairs of the prototype: each
// is a section with the damping of its angle.
func edge(order int, cut, hz float64, high bool) Filter {
	k := math.Tan(math.Pi * cut / hz)
	var f Filter
	if order%2 == 1 {
		s := Section{B0: k / (1 + k), B1: k / (1 + k), A1: (k - 1) / (k + 1)}
		if high {
			s.B0, s.B1 = 1/(1+k), -1/(1+k)
		}
		f = append(f, s)
	}
	for i := range order / 2 {
		damping := 2 * math.Sin(math.Pi*float64(2*i+1)/float64(2*order)) // 1/Q of the pole pair
		norm := 1 / (1 + damping*k + k*k)
		s := Section{B0: k * k * norm, B1: 2 * k * k * norm, B2: k * k * norm, A1: 2 * (k*k - 1) * norm, A2: (1 - damping*k + k*k) * norm}
		if high {
			s.B0, s.B1, s.B2 = norm, -2*norm, norm
		}
		f = append(f, s)
	}
	return f
}

// Bandpass returns a Butterworth filter that passes from low to high Hz. Its
// slopes are those of the given order on each side, so it has twice the poles.
// Source: as Lowpass; the prototype's poles p move to the roots of
// s^2 - p*B*s + w^2 with bandwidth B and centre w.
func Bandpass(order int, low, high, hz float64) (Filter, error) {
	if err := checkDesign(order, hz, low, high); err != nil {
		return nil, err
	}
	// Analogue frequencies in units of twice the rate: the bilinear transform is
	// then z = (1+s)/(1-s).
	lower, upper := math.Tan(math.Pi*low/hz), math.Tan(math.Pi*high/hz)
	band, centre := upper-lower, math.Sqrt(lower*upper)
	var f Filter
	for i := range (order + 1) / 2 {
		angle := math.Pi * (0.5 + float64(2*i+1)/float64(2*order))
		p := cmplx.Rect(band/2, angle)
		root := cmplx.Sqrt(p*p - complex(centre*centre, 0))
		if 2*i+1 == order { // the real pole of an odd order gives one section
			f = append(f, bandSection(p+root, p-root))
			continue
		}
		for _, s := range [...]complex128{p + root, p - root} {
			f = append(f, bandSection(s, cmplx.Conj(s)))
		}
	}
	// The gain at the centre is 1, shared among the sections.
	at := cmplx.Rect(1, 2*math.Atan(centre))
	for i := range f {
		g := 1 / cmplx.Abs(f[i].response(at))
		f[i].B0, f[i].B2 = f[i].B0*g, f[i].B2*g
	}
	return f, nil
}

// bandSection is the section with zeros at 0 Hz and half the rate and the
// analogue poles s and t, which are conjugate or both real.
func bandSection(s, t complex128) Section {
	u, v := (1+s)/(1-s), (1+t)/(1-t)
	return Section{B0: 1, B2: -1, A1: -real(u + v), A2: real(u * v)}
}

// Notch returns a filter that removes at Hz and passes the rest; at/q is the
// width of what it removes, at -3 dB. 50 Hz mains: Notch(50, 30, hz).
// Source: Orfanidis, Introduction to Signal Processing, 1996, section 11.3.
func Notch(at, q, hz float64) (Filter, error) {
	if err := checkDesign(1, hz, at); err != nil {
		return nil, err
	}
	if !(q > 0) || math.IsInf(q, 0) {
		return nil, errors.New("notch without a width: q must be above 0")
	}
	w := 2 * math.Pi * at / hz
	gain := 1 / (1 + math.Tan(w/q/2))
	return Filter{{B0: gain, B1: -2 * gain * math.Cos(w), B2: gain, A1: -2 * gain * math.Cos(w), A2: 2*gain - 1}}, nil
}

// Response returns the gain and phase of f at a frequency as a complex number.
func (f Filter) Response(at, hz float64) complex128 {
	h := complex128(1)
	for _, s := range f {
		h *= s.response(cmplx.Rect(1, 2*math.Pi*at/hz))
	}
	return h
}

func (s Section) response(z complex128) complex128 {
	d := 1 / z
	return (complex(s.B0, 0) + complex(s.B1, 0)*d + complex(s.B2, 0)*d*d) / (1 + complex(s.A1, 0)*d + complex(s.A2, 0)*d*d)
}

// Stream applies a filter to a signal that comes in pieces. Its zero value
// passes everything; NewStream starts one at rest.
type Stream struct {
	filter Filter
	state  [][2]float64
}

// NewStream returns a stream at rest: as if the signal had been zero for ever.
func NewStream(f Filter) *Stream { return &Stream{filter: f, state: make([][2]float64, len(f))} }

// settle puts the stream where it would be had the signal been x for ever.
func (r *Stream) settle(x float64) {
	for i, s := range r.filter {
		y := x * (s.B0 + s.B1 + s.B2) / (1 + s.A1 + s.A2)
		r.state[i] = [2]float64{y - s.B0*x, s.B2*x - s.A2*y}
		x = y
	}
}

// Next returns the filtered x.
func (r *Stream) Next(x float64) float64 {
	for i := range r.filter {
		s, z := &r.filter[i], &r.state[i] // transposed direct form II
		y := s.B0*x + z[0]
		z[0] = s.B1*x - s.A1*y + z[1]
		z[1] = s.B2*x - s.A2*y
		x = y
	}
	return x
}

// Apply filters x forward, from rest. The result lags, as a live one would.
func (f Filter) Apply(x []float64) []float64 {
	r, y := NewStream(f), make([]float64, len(x))
	for i, v := range x {
		y[i] = r.Next(v)
	}
	return y
}

// ZeroPhase filters x forward and backward: no lag, and twice the slope. The
// ends are continued by turning the signal about its first and last sample.
// One sample, or none, is returned as it is.
// Source: Gustafsson 1996, doi:10.1109/78.492552 (the problem); padding and
// initial state as in SciPy's sosfiltfilt.
func (f Filter) ZeroPhase(x []float64) []float64 {
	if len(x) < 2 || len(f) == 0 {
		return append([]float64(nil), x...)
	}
	taps := 2*len(f) + 1
	if f[0].B2 == 0 && f[0].A2 == 0 { // the first-order section of an odd order
		taps--
	}
	pad := min(3*taps, len(x)-1)
	last := len(x) - 1
	y := make([]float64, len(x)+2*pad)
	copy(y[pad:], x)
	for i := 1; i <= pad; i++ {
		y[pad-i] = 2*x[0] - x[i]
		y[pad+last+i] = 2*x[last] - x[last-i]
	}
	r := NewStream(f)
	r.settle(y[0])
	for i, v := range y {
		y[i] = r.Next(v)
	}
	r.settle(y[len(y)-1])
	for i := len(y) - 1; i >= 0; i-- {
		y[i] = r.Next(y[i])
	}
	return y[pad : pad+len(x) : pad+len(x)]
}
