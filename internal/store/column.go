package store

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/vigilcare/vigil/vital"
)

// A column is a run of int64 that is written in whichever of six ways takes the
// fewest bytes. All arithmetic wraps, so that every int64 comes back.
//
//	constant  value
//	plain     least, then v-least
//	line      v0, slope, least, then v - (v0 + slope*i) - least
//	delta     v0, least, then v[i]-v[i-1]-least
//	rice1     v0, k, then the differences in Rice code
//	rice2     v0, d0, k, then the differences of the differences in Rice code
//
// plain, line and delta pack their remainders as digits of a number with as many
// values per 64-bit word as fit: 40 values of {-1, 0, 1} take 8 bytes and 50
// different milliseconds take 5.8 bits, not 6.
const (
	constant = iota
	plainly
	line
	delta
	rice1
	rice2
)

// slopeBits are the fractional bits of a line's slope.
const slopeBits = 8

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func appendVar(b []byte, v int64) []byte { return binary.AppendUvarint(b, zigzag(v)) }

func lineAt(first, slope int64, i int) int64 {
	return first + (int64(i)*slope+(1<<(slopeBits-1)))>>slopeBits
}

// column is the scratch space of an encoder.
type column struct {
	work, best []byte
	rest       []int64
}

// append writes v at the end of b.
func (c *column) append(b []byte, v []int64) []byte {
	same := true
	for _, x := range v {
		same = same && x == v[0]
	}
	if same {
		return appendVar(append(b, constant), v[0])
	}
	c.best = c.best[:0]
	c.rest = append(c.rest[:0], v...)
	c.try(plainly, nil)
	if slope, ok := slopeOf(v); ok {
		for i := range v {
			c.rest[i] = v[i] - lineAt(v[0], slope, i)
		}
		c.try(line, v[:1], slope)
	}
	c.rest = c.rest[:0]
	for i := 1; i < len(v); i++ {
		c.rest = append(c.rest, v[i]-v[i-1])
	}
	c.try(delta, v[:1])
	c.tryRice(rice1, v[0])
	if len(c.rest) > 1 {
		d0, before := c.rest[0], c.rest[0]
		for i := 1; i < len(c.rest); i++ {
			before, c.rest[i-1] = c.rest[i], c.rest[i]-before
		}
		c.rest = c.rest[:len(c.rest)-1]
		c.tryRice(rice2, v[0], d0)
	}
	return append(b, c.best...)
}

func (c *column) keep() {
	if len(c.best) == 0 || len(c.work) < len(c.best) {
		c.work, c.best = c.best, c.work
	}
}

// try packs c.rest as digits.
func (c *column) try(mode byte, first []int64, more ...int64) {
	low, high := c.rest[0], c.rest[0]
	for _, x := range c.rest {
		low, high = min(low, x), max(high, x)
	}
	// The size is known beforehand: pack only what can win.
	spread := uint64(high) - uint64(low)
	if size := digitBytes(spread, len(c.rest)); len(c.best) > 0 && size >= len(c.best) {
		return
	}
	c.work = append(c.work[:0], mode)
	for _, x := range first {
		c.work = appendVar(c.work, x)
	}
	for _, x := range more {
		c.work = appendVar(c.work, x)
	}
	c.work = appendVar(c.work, low)
	c.work = binary.AppendUvarint(c.work, spread)
	c.work = appendDigits(c.work, c.rest, low, spread)
	c.keep()
}

// slopeOf returns the slope between the ends in 1/256, unless it would overflow.
func slopeOf(v []int64) (int64, bool) {
	d := v[len(v)-1] - v[0]
	if d > 1<<46 || d < -1<<46 || len(v) < 3 {
		return 0, false
	}
	return (d << slopeBits) / int64(len(v)-1), true
}

// perWord returns how many digits of base spread+1 fit 64 bits.
func perWord(spread uint64) int {
	if spread >= 1<<32 {
		return 1
	}
	n, power := 0, uint64(1)
	for n < 64 && power <= math.MaxUint64/(spread+1) {
		power *= spread + 1
		n++
	}
	return n
}

// wordBytes returns how many bytes hold n digits of base spread+1.
func wordBytes(spread uint64, n int) int {
	if n == 1 {
		return (bits.Len64(spread) + 7) / 8
	}
	top, base := uint64(0), spread+1
	for range n {
		top = top*base + spread
	}
	return (bits.Len64(top) + 7) / 8
}

func digitBytes(spread uint64, n int) int {
	per := perWord(spread)
	size := n / per * wordBytes(spread, per)
	if r := n % per; r > 0 {
		size += wordBytes(spread, r)
	}
	return size
}

func appendDigits(b []byte, v []int64, low int64, spread uint64) []byte {
	per := perWord(spread)
	for len(v) > 0 {
		n := min(per, len(v))
		var word uint64
		for i := n - 1; i >= 0; i-- {
			word = word*(spread+1) + uint64(v[i]) - uint64(low)
		}
		b = appendWord(b, word, wordBytes(spread, n))
		v = v[n:]
	}
	return b
}

func appendWord(b []byte, word uint64, size int) []byte {
	for range size {
		b = append(b, byte(word))
		word >>= 8
	}
	return b
}

// unary is the longest run of ones in a Rice code; a longer one is followed by
// the value in 64 bits.
const unary = 24

func (c *column) tryRice(mode byte, head ...int64) {
	var sum uint64
	for _, x := range c.rest {
		sum += min(zigzag(x), 1<<40)
	}
	guess := max(bits.Len64(sum/uint64(len(c.rest)))-1, 0)
	bestK, least := 0, int(^uint(0)>>1)
	for k := max(guess-1, 0); k <= guess+1; k++ {
		size := 0
		for _, x := range c.rest {
			if q := zigzag(x) >> k; q < unary {
				size += int(q) + 1 + k
			} else {
				size += unary + 64
			}
		}
		if size < least {
			bestK, least = k, size
		}
	}
	if len(c.best) > 0 && least/8 >= len(c.best) {
		return
	}
	c.work = append(c.work[:0], mode)
	for _, x := range head {
		c.work = appendVar(c.work, x)
	}
	c.work = append(c.work, byte(bestK))
	w := bitWriter{b: c.work}
	for _, x := range c.rest {
		w.rice(zigzag(x), bestK)
	}
	c.work = w.flush()
	c.keep()
}

// columnReader reads what column wrote, and anything else without harm.
type columnReader struct {
	b   []byte
	bad bool
}

func (r *columnReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *columnReader) varint() int64 { return unzigzag(r.uvarint()) }

func (r *columnReader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// count reads a length and refuses what no writer makes.
func (r *columnReader) count(limit int) int {
	n := r.uvarint()
	if n > uint64(limit) {
		r.bad, n = true, 0
	}
	return int(n)
}

// text reads a length and so many bytes.
func (r *columnReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, n = true, 0
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// read fills out with one column.
func (r *columnReader) read(out []int64) {
	if len(out) == 0 || r.bad {
		return
	}
	switch mode := r.byte(); mode {
	case constant:
		v := r.varint()
		for i := range out {
			out[i] = v
		}
	case plainly:
		r.digits(out)
	case line:
		first, slope := r.varint(), r.varint()
		r.digits(out)
		for i := range out {
			out[i] += lineAt(first, slope, i)
		}
	case delta:
		out[0] = r.varint()
		r.digits(out[1:])
		for i := 1; i < len(out); i++ {
			out[i] += out[i-1]
		}
	case rice1:
		out[0] = r.varint()
		r.rice(out[1:])
		for i := 1; i < len(out); i++ {
			out[i] += out[i-1]
		}
	case rice2:
		out[0] = r.varint()
		d := r.varint()
		if len(out) < 2 {
			r.bad = true
			return
		}
		r.rice(out[2:])
		out[1] = out[0] + d
		for i := 2; i < len(out); i++ {
			d += out[i]
			out[i] = out[i-1] + d
		}
	default:
		r.bad = true
	}
}

func (r *columnReader) digits(out []int64) {
	low, spread := r.varint(), r.uvarint()
	per := perWord(spread)
	size := wordBytes(spread, per)
	for len(out) > 0 && !r.bad {
		n := min(per, len(out))
		if n < per {
			size = wordBytes(spread, n)
		}
		if len(r.b) < size {
			r.bad = true
			return
		}
		var word uint64
		for i := size - 1; i >= 0; i-- {
			word = word<<8 | uint64(r.b[i])
		}
		r.b = r.b[size:]
		if n == 1 {
			out[0] = int64(word + uint64(low))
		} else {
			for i := range n {
				out[i] = int64(word%(spread+1) + uint64(low))
				word /= spread + 1
			}
		}
		out = out[n:]
	}
}

func (r *columnReader) rice(out []int64) {
	k := int(r.byte())
	if k > 63 {
		r.bad = true
		return
	}
	in := bitReader{b: r.b}
	for i := range out {
		out[i] = unzigzag(in.rice(k))
		if in.bad {
			r.bad = true
			return
		}
	}
	r.b = r.b[in.used():]
}

// check returns what a reader says of a body that nobody wrote.
func (r *columnReader) check(what string) error {
	if r.bad {
		return vital.Errorf(vital.Internal, "%s is damaged", what)
	}
	return nil
}
