package store

import "math/bits"

// bitWriter appends bits, the first in the highest place of a byte.
type bitWriter struct {
	b    []byte
	word uint64 // the bits that are not a whole byte yet, in the low places
	held int
}

// put writes the low n bits of v, n at most 56.
func (w *bitWriter) put(v uint64, n int) {
	w.word = w.word<<n | v&(1<<n-1)
	w.held += n
	for w.held >= 8 {
		w.held -= 8
		w.b = append(w.b, byte(w.word>>w.held))
	}
}

func (w *bitWriter) put64(v uint64) {
	w.put(v>>32, 32)
	w.put(v, 32)
}

// rice writes v as v>>k ones, a zero, and the low k bits.
func (w *bitWriter) rice(v uint64, k int) {
	q := v >> k
	if q >= unary {
		w.put(1<<unary-1, unary)
		w.put64(v)
		return
	}
	w.put((1<<q-1)<<1, int(q)+1)
	if k > 32 {
		w.put(v>>32, k-32)
		w.put(v, 32)
		return
	}
	w.put(v, k)
}

func (w *bitWriter) flush() []byte {
	if w.held > 0 {
		w.put(0, 8-w.held)
	}
	return w.b
}

// bitReader reads what bitWriter wrote.
type bitReader struct {
	b    []byte
	at   int // next bit
	bad  bool
	word uint64 // the next bits, the first in the highest place
	held int
}

func (r *bitReader) fill() {
	for r.held <= 56 {
		i := (r.at + r.held) >> 3
		if i >= len(r.b) {
			return
		}
		r.word |= uint64(r.b[i]) << (56 - r.held)
		r.held += 8
	}
}

// get reads n bits, n at most 32.
func (r *bitReader) get(n int) uint64 {
	if n == 0 {
		return 0
	}
	r.fill()
	if r.held < n {
		r.bad = true
		return 0
	}
	v := r.word >> (64 - n)
	r.take(n)
	return v
}

func (r *bitReader) take(n int) {
	r.word <<= n
	r.held -= n
	r.at += n
}

func (r *bitReader) rice(k int) uint64 {
	r.fill()
	q := bits.LeadingZeros64(^r.word)
	if q >= unary {
		if r.held < unary {
			r.bad = true
			return 0
		}
		r.take(unary)
		return r.get(32)<<32 | r.get(32)
	}
	if r.held < q+1 {
		r.bad = true
		return 0
	}
	r.take(q + 1)
	v := uint64(q)
	if k > 32 {
		return v<<k | r.get(k-32)<<32 | r.get(32)
	}
	return v<<k | r.get(k)
}

// used returns how many bytes were touched.
func (r *bitReader) used() int { return (r.at + 7) / 8 }
