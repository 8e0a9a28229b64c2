package store

// A range coder spends on each bit what it tells, -log2 of its chance, and not a
// whole bit. Chances are learnt as the bits come: the first few change them
// much, later ones little. (Martin 1979; the carry is handled as in LZMA.)

// chance is how likely the next bit is 0, in 1/65536.
type chance struct {
	p    uint16
	seen uint8
}

func (c *chance) even() { *c = chance{p: 1 << 15} }

// The least and the greatest chance: never so sure that a surprise costs more
// than 11 bits.
const (
	chanceLow  = 32
	chanceHigh = 65536 - chanceLow
)

// share is 65536 / (seen + 1.6): how much a new bit moves the chance.
var share = func() (t [256]uint32) {
	for i := range t {
		t[i] = 65536 * 10 / (10*uint32(i) + 16)
	}
	return t
}()

// patience is how many bits of the past count.
const patience = 200

func (c *chance) learn(bit uint32) {
	move := share[c.seen]
	if c.seen < patience {
		c.seen++
	}
	p := uint32(c.p)
	if bit == 0 {
		p += (65536 - p) * move >> 16
	} else {
		p -= p * move >> 16
	}
	c.p = uint16(min(max(p, chanceLow), chanceHigh))
}

type rangeWriter struct {
	b       []byte
	low     uint64
	width   uint32
	cache   byte
	pending int // bytes of 0xff after the cache that a carry would turn
	begun   bool
}

func (w *rangeWriter) bit(c *chance, bit uint32) {
	split := w.width >> 16 * uint32(c.p)
	if bit == 0 {
		w.width = split
	} else {
		w.low += uint64(split)
		w.width -= split
	}
	c.learn(bit)
	for w.width < 1<<24 {
		w.width <<= 8
		w.shift()
	}
}

// even writes the low n bits of v, each as likely 0 as 1.
func (w *rangeWriter) even(v uint32, n int) {
	for i := n - 1; i >= 0; i-- {
		w.width >>= 1
		if v>>i&1 == 1 {
			w.low += uint64(w.width)
		}
		for w.width < 1<<24 {
			w.width <<= 8
			w.shift()
		}
	}
}

// shift moves the highest byte of low out, once no carry can change it.
func (w *rangeWriter) shift() {
	if w.low < 0xff000000 || w.low > 0xffffffff {
		carry := byte(w.low >> 32)
		if w.begun {
			w.b = append(w.b, w.cache+carry)
		}
		for ; w.pending > 0; w.pending-- {
			w.b = append(w.b, 0xff+carry)
		}
		w.begun, w.cache = true, byte(w.low>>24)
	} else {
		w.pending++
	}
	w.low = w.low << 8 & 0xffffffff
}

// finish writes what is needed to tell the last bit; zeros at the end are left
// to the reader, who takes what is missing for zero.
func (w *rangeWriter) finish() []byte {
	start := len(w.b)
	for range 5 {
		w.shift()
	}
	for n := len(w.b); n > start && w.b[n-1] == 0; n-- {
		w.b = w.b[:n-1]
	}
	return w.b
}

type rangeReader struct {
	b     []byte
	at    int
	width uint32
	code  uint32
}

func newRangeReader(b []byte) *rangeReader {
	r := &rangeReader{b: b, width: 1<<32 - 1}
	for range 4 {
		r.next()
	}
	return r
}

func (r *rangeReader) next() {
	var c byte
	if r.at < len(r.b) {
		c = r.b[r.at]
	}
	r.at++
	r.code = r.code<<8 | uint32(c)
}

// over reports whether more was read than any writer leaves out.
func (r *rangeReader) over() bool { return r.at > len(r.b)+8 }

func (r *rangeReader) bit(c *chance) uint32 {
	split := r.width >> 16 * uint32(c.p)
	var bit uint32
	if r.code < split {
		r.width = split
	} else {
		r.code -= split
		r.width -= split
		bit = 1
	}
	c.learn(bit)
	for r.width < 1<<24 {
		r.width <<= 8
		r.next()
	}
	return bit
}

func (r *rangeReader) even(n int) uint32 {
	var v uint32
	for range n {
		r.width >>= 1
		v <<= 1
		if r.code >= r.width {
			r.code -= r.width
			v |= 1
		}
		for r.width < 1<<24 {
			r.width <<= 8
			r.next()
		}
	}
	return v
}
