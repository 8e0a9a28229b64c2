package wfdb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// Missing stands for "no measurement here" among decoded samples. On disk each
// format marks it with its most negative value; format 8 cannot mark it.
const Missing = math.MinInt32

// unpacker turns one group of bytes into the samples packed in it. When a file
// ends inside a group, needs[k] is how many of its bytes hold k+1 samples.
type unpacker struct {
	bytes  int
	needs  []int
	absent int32 // the value that means Missing
	unpack func(b []byte, out []int32)
}

// noAbsent is outside every format that uses it: nothing is marked missing.
const noAbsent = math.MaxInt32

var unpackers = map[int]unpacker{
	// First differences of one byte; the Reader adds them up.
	8: {1, []int{1}, noAbsent, func(b []byte, out []int32) { out[0] = int32(int8(b[0])) }},
	// Two's complement, little endian.
	16: {2, []int{2}, math.MinInt16, func(b []byte, out []int32) { out[0] = int32(int16(binary.LittleEndian.Uint16(b))) }},
	24: {3, []int{3}, -1 << 23, func(b []byte, out []int32) {
		out[0] = int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24) >> 8
	}},
	32: {4, []int{4}, math.MinInt32, func(b []byte, out []int32) { out[0] = int32(binary.LittleEndian.Uint32(b)) }},
	// Two's complement, big endian.
	61: {2, []int{2}, math.MinInt16, func(b []byte, out []int32) { out[0] = int32(int16(binary.BigEndian.Uint16(b))) }},
	// Offset binary: 128 or 32768 is zero.
	80:  {1, []int{1}, math.MinInt8, func(b []byte, out []int32) { out[0] = int32(b[0]) - 128 }},
	160: {2, []int{2}, math.MinInt16, func(b []byte, out []int32) { out[0] = int32(binary.LittleEndian.Uint16(b)) - 32768 }},
	// Two samples of 12 bits in three bytes: the middle byte holds the high bits of both.
	212: {3, []int{2, 3}, -1 << 11, func(b []byte, out []int32) {
		out[0] = signed(uint32(b[0])|uint32(b[1]&0x0f)<<8, 12)
		out[1] = signed(uint32(b[2])|uint32(b[1]>>4)<<8, 12)
	}},
	// Three samples of 10 bits in two 16-bit words. The first two lie in bits 1
	// to 10 of a word each; the third has its low half in the top of the first
	// word and its high half in the top of the second.
	310: {4, []int{2, 4, 4}, -1 << 9, func(b []byte, out []int32) {
		p, q := uint32(binary.LittleEndian.Uint16(b)), uint32(binary.LittleEndian.Uint16(b[2:]))
		out[0] = signed(p>>1&0x3ff, 10)
		out[1] = signed(q>>1&0x3ff, 10)
		out[2] = signed(p>>11|q>>11<<5, 10)
	}},
	// Three samples of 10 bits in one 32-bit word, lowest first, two bits unused.
	311: {4, []int{2, 3, 4}, -1 << 9, func(b []byte, out []int32) {
		w := binary.LittleEndian.Uint32(b)
		out[0] = signed(w&0x3ff, 10)
		out[1] = signed(w>>10&0x3ff, 10)
		out[2] = signed(w>>20&0x3ff, 10)
	}},
}

// signed reads v as two's complement of that many bits.
func signed(v uint32, bits uint) int32 { return int32(v<<(32-bits)) >> (32 - bits) }

// sampleStream gives the samples of one file in the order in which they lie.
type sampleStream struct {
	from   *bufio.Reader
	u      unpacker
	group  []byte
	ready  []int32
	at     int
	ended  bool
	failed error
}

func newSampleStream(r io.Reader, offset int64, u unpacker) *sampleStream {
	s := &sampleStream{from: bufio.NewReaderSize(r, 1<<16), u: u, group: make([]byte, u.bytes)}
	// A short prolog shows as an end at once, which the Reader reports.
	if _, err := io.CopyN(io.Discard, s.from, offset); err != nil {
		s.ended = true
		if !errors.Is(err, io.EOF) {
			s.failed = err
		}
	}
	return s
}

// next returns the next sample, or false at the end of the file.
func (s *sampleStream) next() (int32, bool) {
	if s.at < len(s.ready) {
		v := s.ready[s.at]
		s.at++
		return v, true
	}
	if s.ended {
		return 0, false
	}
	n, err := io.ReadFull(s.from, s.group)
	whole := len(s.u.needs)
	if err != nil {
		s.ended = true
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			s.failed = err
		}
		for whole > 0 && s.u.needs[whole-1] > n {
			whole--
		}
		if whole == 0 {
			return 0, false
		}
		clear(s.group[n:])
	}
	s.ready = append(s.ready[:0], 0, 0, 0)[:len(s.u.needs)]
	s.u.unpack(s.group, s.ready)
	s.ready, s.at = s.ready[:whole], 1
	return s.ready[0], true
}
