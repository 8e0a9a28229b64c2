package store

import "math/bits"

// A signal is written as what a small adaptive filter did not foresee. The
// filter (signalFilter) runs the same in writer and reader and works in whole
// numbers, so that no rounding of any machine can part them. What is left over,
// the residual, goes through a binary range coder (rangecoder.go): first how
// many bits it has, under a context of how large the last residuals were, then
// its sign and its bits. The nine MIT-BIH recordings (360 Hz, 11 bit, both
// channels, blocks of 30 s) take 0.46 byte a sample, everything included. How it
// compared with other ways, and what was not tried, is in docs/formats/store.md.

// filterOrder is how many differences the filter looks back: 44 ms at 360 Hz,
// the width of a QRS flank. Longer ones won nothing.
const (
	filterOrder = 16
	filterShift = 12 // a weight of 1<<12 is one
	filterStep  = 4
)

// signalFilter foresees the next first difference by the signs of error and
// history (sign-sign LMS): robust, cheap, whole numbers only.
type signalFilter struct {
	weight [filterOrder]int32
	past   [2 * filterOrder]int32 // differences, the newest at at; the upper half repeats the lower
	signs  [2 * filterOrder]int32
	at     int
	last   int32
	guess  int32
}

// foresee returns the expected next sample.
func (f *signalFilter) foresee() int32 {
	past := f.past[f.at : f.at+filterOrder]
	var sum int64
	for i, w := range f.weight {
		sum += int64(w) * int64(past[i])
	}
	f.guess = int32((sum + 1<<(filterShift-1)) >> filterShift)
	return f.last + f.guess
}

// learn takes the sample that came.
func (f *signalFilter) learn(x int32) {
	d := x - f.last
	f.last = x
	if step := signOf(d-f.guess) * filterStep; step != 0 {
		signs := f.signs[f.at : f.at+filterOrder]
		for i := range f.weight {
			f.weight[i] += step * signs[i]
		}
	}
	f.at = (f.at + filterOrder - 1) % filterOrder
	f.past[f.at], f.past[f.at+filterOrder] = d, d
	s := signOf(d)
	f.signs[f.at], f.signs[f.at+filterOrder] = s, s
}

func signOf(x int32) int32 { return x>>31 | int32(uint32(-x)>>31) }

// residuals is the model of what is left over.
type residuals struct {
	size    [24][33]chance // number of bits, in unary, by context
	top     [33]chance     // the bit below the highest
	next    [33][2]chance  // the one below that
	fast    int32          // mean size of the last residuals, 8 and 64 of them, in 1/256
	slow    int32
	context int
}

func newResiduals() *residuals {
	m := &residuals{fast: 8 << 8, slow: 8 << 8}
	for i := range m.size {
		for j := range m.size[i] {
			m.size[i][j].even()
		}
	}
	for i := range m.top {
		m.top[i].even()
		m.next[i][0].even()
		m.next[i][1].even()
	}
	m.learn(8)
	return m
}

// learn moves the context: two steps per doubling of the mean size.
func (m *residuals) learn(size uint32) {
	a := int32(min(size, 1<<20)) << 8
	m.fast += (a - m.fast) >> 3
	m.slow += (a - m.slow) >> 6
	mean := uint32(5*m.fast+3*m.slow) >> 3 // of at most 1<<28
	n := bits.Len32(mean | 1)
	c := 2*n - 11 // a mean of 1/4 step is the first context that differs
	if n > 1 {
		c += int(mean >> (n - 2) & 1)
	}
	m.context = min(max(c, 0), len(m.size)-1)
}

// write codes one residual.
func (m *residuals) write(w *rangeWriter, e int32) {
	size := uint32(e)
	if e < 0 {
		size = -size
	}
	k := bits.Len32(size)
	chances := &m.size[m.context]
	for i := range k {
		w.bit(&chances[i], 1)
	}
	if k < 32 {
		w.bit(&chances[k], 0)
	}
	if k > 1 {
		t := size >> (k - 2) & 1
		w.bit(&m.top[k], t)
		if k > 2 {
			w.bit(&m.next[k][t], size>>(k-3)&1)
			w.even(size, k-3)
		}
	}
	if k > 0 {
		w.even(uint32(e)>>31, 1)
	}
	m.learn(size)
}

// read undoes write.
func (m *residuals) read(r *rangeReader) int32 {
	chances := &m.size[m.context]
	k := 0
	for k < 32 && r.bit(&chances[k]) == 1 {
		k++
	}
	var size uint32
	if k > 0 {
		size = 1
	}
	if k > 1 {
		t := r.bit(&m.top[k])
		size = size<<1 | t
		if k > 2 {
			size = size<<1 | r.bit(&m.next[k][t])
			size = size<<(k-3) | r.even(k-3)
		}
	}
	e := int32(size)
	if k > 0 && r.even(1) == 1 {
		e = -e
	}
	m.learn(size)
	return e
}

// appendSignal writes the samples of a block.
func appendSignal(b []byte, samples []int32) []byte {
	w := rangeWriter{b: b, width: 1<<32 - 1}
	m := newResiduals()
	var f signalFilter
	for _, x := range samples {
		m.write(&w, x-f.foresee())
		f.learn(x)
	}
	return w.finish()
}

// densest is more samples than a byte can hold, even of a flat line.
const densest = 1 << 14

// signal reads n samples up to the end of the body.
func (r *columnReader) signal(n int) []int32 {
	if r.bad || n > densest*(len(r.b)+1) {
		r.bad = true
		return nil
	}
	in := newRangeReader(r.b)
	m := newResiduals()
	var f signalFilter
	samples := make([]int32, n)
	for i := range samples {
		samples[i] = m.read(in) + f.foresee()
		f.learn(samples[i])
		if in.over() {
			r.bad = true
			return nil
		}
	}
	return samples
}
