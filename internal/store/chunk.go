package store

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// Sample is one value of a series with everything that is known of its time.
type Sample struct {
	Effective   vital.Instant
	Device      vital.Instant // 0: the device gave none
	Receive     vital.Instant
	Offset      int32 // ms, added to Device
	Uncertainty int32 // ms, -1: not known
	Value       vital.Value
	Quality     vital.Quality
	Sequence    uint64
}

// Chunk is a run of samples as it is stored. Low and High are over its numbers
// and NaN when it holds codes only.
type Chunk struct {
	Series    int64
	From, To  vital.Instant // least and greatest effective time
	Count     int
	Low, High float64
	Quality   vital.Quality // every remark that occurs
	Late      bool
	Body      []byte
}

// A chunk is about two hours of a value a minute: long enough that the row
// around it costs less than a byte a sample, short enough to read alone.
const (
	chunkSamples = 120
	chunkSpan    = vital.Instant(2 * 3600 * 1000) // ms; queries look back so far
)

// Head is the open chunk of a series, in memory. It belongs to one goroutine.
type Head struct {
	series  Series
	samples []Sample
	from    vital.Instant
	to      vital.Instant
}

// NewHead begins a chunk.
func NewHead(s Series) *Head { return &Head{series: s} }

// Append adds a sample; the order is kept.
func (h *Head) Append(s Sample) {
	if len(h.samples) == 0 {
		h.from, h.to = s.Effective, s.Effective
		if h.samples == nil {
			h.samples = make([]Sample, 0, 16)
		}
	}
	h.from, h.to = min(h.from, s.Effective), max(h.to, s.Effective)
	h.samples = append(h.samples, s)
}

// Full reports whether it is time to seal.
func (h *Head) Full() bool { return len(h.samples) >= chunkSamples || h.to-h.from >= chunkSpan }

// Len returns how many samples there are.
func (h *Head) Len() int { return len(h.samples) }

// First returns the least effective time.
func (h *Head) First() vital.Instant { return h.from }

// Last returns the greatest effective time.
func (h *Head) Last() vital.Instant { return h.to }

// Series returns whose samples they are.
func (h *Head) Series() Series { return h.series }

// Samples returns the samples in the order they came; do not change them.
func (h *Head) Samples() []Sample { return h.samples }

// Seal returns the chunk and empties the head.
func (h *Head) Seal() Chunk {
	c := h.Peek()
	h.samples, h.from, h.to = h.samples[:0], 0, 0
	return c
}

// Peek returns the chunk that Seal would make.
func (h *Head) Peek() Chunk {
	c := Chunk{Series: h.series.ID, From: h.from, To: h.to, Count: len(h.samples), Low: math.NaN(), High: math.NaN()}
	for _, s := range h.samples {
		c.Quality |= s.Quality
		if s.Value.IsCode() {
			continue
		}
		f := s.Value.Number.Float()
		if !(c.Low <= f) {
			c.Low = f
		}
		if !(c.High >= f) {
			c.High = f
		}
	}
	c.Body = encodeChunk(h.samples)
	return c
}

// sealAll makes chunks of samples that are in order of time.
func sealAll(s Series, late bool, samples []Sample) []Chunk {
	var out []Chunk
	h := NewHead(s)
	seal := func() {
		if h.Len() > 0 {
			c := h.Seal()
			c.Late = late
			out = append(out, c)
		}
	}
	for _, x := range samples {
		if h.Full() || h.Len() > 0 && max(h.to, x.Effective)-min(h.from, x.Effective) > chunkSpan {
			seal()
		}
		h.Append(x)
	}
	seal()
	return out
}

const (
	chunkVersion = 1
	chunkMost    = 1 << 16 // samples that a reader accepts
)

// The columns of a chunk, in their order. One that is zero throughout is left
// out, and its bit in the mask is not set.
const (
	ofEffective = iota
	ofNoDevice  // 1: no device time, and the next column is 0
	ofDevice    // effective - offset - device
	ofNoReceive // 1: no receive time, and the next column is 0
	ofReceive   // receive - effective
	ofOffset
	ofUncertainty
	ofMantissa
	ofExponent
	ofQuality
	ofSequence
	ofCode // 0: a number; n: the n-th code of the list
	ofCount
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeChunk(samples []Sample) []byte {
	n := len(samples)
	cells := make([]int64, ofCount*n)
	at := func(column int) []int64 { return cells[column*n : (column+1)*n] }
	var codes []string
	number := map[string]int64{}
	for i, s := range samples {
		at(ofEffective)[i] = int64(s.Effective)
		if s.Device == 0 {
			at(ofNoDevice)[i] = 1
		} else {
			at(ofDevice)[i] = int64(s.Effective) - int64(s.Offset) - int64(s.Device)
		}
		if s.Receive == 0 {
			at(ofNoReceive)[i] = 1
		} else {
			at(ofReceive)[i] = int64(s.Receive) - int64(s.Effective)
		}
		at(ofOffset)[i], at(ofUncertainty)[i] = int64(s.Offset), int64(s.Uncertainty)
		at(ofMantissa)[i], at(ofExponent)[i] = s.Value.Number.Mantissa, int64(s.Value.Number.Exponent)
		at(ofQuality)[i], at(ofSequence)[i] = int64(s.Quality), int64(s.Sequence)
		if c := s.Value.Code; c != "" {
			if number[c] == 0 {
				codes = append(codes, c)
				number[c] = int64(len(codes))
			}
			at(ofCode)[i] = number[c]
		}
	}
	var mask uint64
	for c := range ofCount {
		for _, v := range at(c) {
			if v != 0 {
				mask |= 1 << c
				break
			}
		}
	}
	b := make([]byte, 0, 64+4*n)
	b = binary.AppendUvarint(append(b, chunkVersion), uint64(n))
	b = binary.AppendUvarint(b, mask)
	if mask&(1<<ofCode) != 0 {
		b = binary.AppendUvarint(b, uint64(len(codes)))
		for _, c := range codes {
			b = append(binary.AppendUvarint(b, uint64(len(c))), c...)
		}
	}
	var col column
	for c := range ofCount {
		if mask&(1<<c) != 0 {
			b = col.append(b, at(c))
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// DecodeChunk returns the samples of a chunk in the order they were appended,
// bit for bit. A body that does not check is an Internal error: quarantine it.
func DecodeChunk(body []byte) ([]Sample, error) { return appendChunk(nil, body) }

// appendChunk is DecodeChunk into a slice that may have room already.
func appendChunk(out []Sample, body []byte) ([]Sample, error) {
	inner, err := checked(body, "chunk")
	if err != nil {
		return out, err
	}
	return decodeChunk(out, inner)
}

// checked cuts off the checksum at the end and compares it.
func checked(body []byte, what string) ([]byte, error) {
	if len(body) < 5 {
		return nil, vital.Errorf(vital.Internal, "%s is damaged: %d bytes", what, len(body))
	}
	inner, sum := body[:len(body)-4], binary.LittleEndian.Uint32(body[len(body)-4:])
	if crc32.Checksum(inner, castagnoli) != sum {
		return nil, vital.Errorf(vital.Internal, "%s is damaged: its checksum does not fit", what)
	}
	return inner, nil
}

// scratch is room for the columns of a chunk between two uses.
var scratch = sync.Pool{New: func() any { return new([]int64) }}

func decodeChunk(out []Sample, b []byte) ([]Sample, error) {
	r := columnReader{b: b}
	if v := r.byte(); v != chunkVersion {
		return out, vital.Errorf(vital.Internal, "chunk has version %d, this program reads %d", v, chunkVersion)
	}
	n := r.count(chunkMost)
	mask := r.uvarint()
	var codes []string
	if mask&(1<<ofCode) != 0 {
		for range r.count(min(n, len(r.b))) {
			codes = append(codes, r.text())
		}
	}
	if r.bad || mask>>ofCount != 0 {
		r.bad = true
		return out, r.check("chunk")
	}
	room := scratch.Get().(*[]int64)
	defer scratch.Put(room)
	if cap(*room) < ofCount*n {
		*room = make([]int64, ofCount*n)
	}
	cells := (*room)[:ofCount*n]
	clear(cells)
	at := func(column int) []int64 { return cells[column*n : (column+1)*n] }
	for c := range ofCount {
		if mask&(1<<c) != 0 {
			r.read(at(c))
		}
	}
	if err := r.check("chunk"); err != nil {
		return out, err
	}
	begin := len(out)
	out = slices.Grow(out, n)[:begin+n]
	for i := range n {
		s := &out[begin+i]
		*s = Sample{}
		s.Effective = vital.Instant(at(ofEffective)[i])
		s.Offset, s.Uncertainty = int32(at(ofOffset)[i]), int32(at(ofUncertainty)[i])
		if at(ofNoDevice)[i] == 0 {
			s.Device = s.Effective - vital.Instant(s.Offset) - vital.Instant(at(ofDevice)[i])
		}
		if at(ofNoReceive)[i] == 0 {
			s.Receive = s.Effective + vital.Instant(at(ofReceive)[i])
		}
		s.Value.Number = vital.Decimal{Mantissa: at(ofMantissa)[i], Exponent: int8(at(ofExponent)[i])}
		s.Quality, s.Sequence = vital.Quality(at(ofQuality)[i]), uint64(at(ofSequence)[i])
		switch code := at(ofCode)[i]; {
		case code < 0 || code > int64(len(codes)):
			return out[:begin], vital.Errorf(vital.Internal, "chunk is damaged: code %d of %d", code, len(codes))
		case code > 0:
			s.Value.Code = codes[code-1]
		}
	}
	return out, nil
}
