package store

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/vigilcare/vigil/vital"
)

// WaveBlock is a run of waveform packets of one series as it is stored.
type WaveBlock struct {
	Series   int64
	From, To int64 // µs since 1970: first sample, and after the last
	MilliHz  uint32
	Gain     vital.Decimal
	Zero     int32
	Count    int           // samples
	Quality  vital.Quality // every remark that occurs
	Body     []byte
}

// A block is at most half a minute: enough for the coder to learn the signal,
// little enough to read for a strip on the screen.
const (
	waveSpan = 30_000_000 // µs
	waveMost = 1 << 20    // samples of a block that a reader accepts
)

// WaveHead collects the packets of one series until they make a block. It
// belongs to one goroutine.
type WaveHead struct {
	series  Series
	packets []vital.Waveform
	samples int
}

// NewWaveHead begins a block.
func NewWaveHead(s Series) *WaveHead { return &WaveHead{series: s} }

// length returns how long n samples last, in µs.
func length(n int, millihz uint32) int64 {
	if millihz == 0 {
		return 0
	}
	return int64(n) * 1_000_000_000 / int64(millihz)
}

// Fits reports whether w belongs to the block: it has the same scale and goes on
// where the block ends, within half a second, and the block is not full. If not,
// seal and begin a new one.
func (h *WaveHead) Fits(w vital.Waveform) bool {
	if len(h.packets) == 0 {
		return true
	}
	first, last := h.packets[0], h.packets[len(h.packets)-1]
	if w.MilliHz != first.MilliHz || w.Gain != first.Gain || w.Zero != first.Zero {
		return false
	}
	end := last.Start + length(len(last.Samples), last.MilliHz)
	if w.Start < end-500_000 || w.Start > end+500_000 || w.Start <= last.Start {
		return false
	}
	return w.Start+length(len(w.Samples), w.MilliHz)-first.Start <= waveSpan && h.samples+len(w.Samples) <= waveMost
}

// Append adds a packet that fits.
func (h *WaveHead) Append(w vital.Waveform) {
	h.packets = append(h.packets, w)
	h.samples += len(w.Samples)
}

// Len returns how many packets there are.
func (h *WaveHead) Len() int { return len(h.packets) }

// First returns when the block begins, in µs.
func (h *WaveHead) First() int64 {
	if len(h.packets) == 0 {
		return 0
	}
	return h.packets[0].Start
}

// Waveforms returns the packets; do not change them.
func (h *WaveHead) Waveforms() []vital.Waveform { return h.packets }

// Seal returns the block and empties the head.
func (h *WaveHead) Seal() WaveBlock {
	b := h.Peek()
	h.packets, h.samples = nil, 0
	return b
}

// Peek returns the block that Seal would make.
func (h *WaveHead) Peek() WaveBlock {
	b := WaveBlock{Series: h.series.ID, Count: h.samples}
	if len(h.packets) == 0 {
		b.Body = encodeWave(b, nil)
		return b
	}
	w := h.packets[0]
	b.From, b.To, b.MilliHz, b.Gain, b.Zero = w.Start, w.Start, w.MilliHz, w.Gain, w.Zero
	for _, w := range h.packets {
		b.Quality |= w.Quality
		b.To = max(b.To, w.Start+length(len(w.Samples), w.MilliHz))
	}
	b.Body = encodeWave(b, h.packets)
	return b
}

const waveVersion = 1

// The columns of the packets of a block, in their order, as in a chunk.
const (
	waveCount     = iota // samples
	waveStart            // start - where the packet before ended
	waveEffective        // effective - start in ms
	waveNoDevice
	waveDevice // effective - offset - device
	waveNoReceive
	waveReceive // receive - effective
	waveOffset
	waveUncertainty
	waveQuality
	waveSequence
	waveSpans // number of missing spans
	waveColumns
)

func encodeWave(b WaveBlock, packets []vital.Waveform) []byte {
	n := len(packets)
	cells := make([]int64, waveColumns*n)
	at := func(column int) []int64 { return cells[column*n : (column+1)*n] }
	expected := b.From
	var from, to []int64
	samples := make([]int32, 0, b.Count)
	for i, w := range packets {
		c := w.Clocks
		at(waveCount)[i] = int64(len(w.Samples))
		at(waveStart)[i] = w.Start - expected
		at(waveEffective)[i] = int64(c.Effective) - w.Start/1000
		if c.Device == 0 {
			at(waveNoDevice)[i] = 1
		} else {
			at(waveDevice)[i] = int64(c.Effective) - int64(c.Offset) - int64(c.Device)
		}
		if c.Receive == 0 {
			at(waveNoReceive)[i] = 1
		} else {
			at(waveReceive)[i] = int64(c.Receive) - int64(c.Effective)
		}
		at(waveOffset)[i], at(waveUncertainty)[i] = int64(c.Offset), int64(c.Uncertainty)
		at(waveQuality)[i], at(waveSequence)[i] = int64(w.Quality), int64(w.Sequence)
		at(waveSpans)[i] = int64(len(w.Missing))
		for _, s := range w.Missing {
			from, to = append(from, int64(s.From)), append(to, int64(s.To))
		}
		samples = append(samples, w.Samples...)
		expected = w.Start + length(len(w.Samples), b.MilliHz)
	}
	out := make([]byte, 0, 64+len(samples))
	out = binary.AppendUvarint(append(out, waveVersion), uint64(n))
	var mask uint64
	for c := range waveColumns {
		for _, v := range at(c) {
			if v != 0 {
				mask |= 1 << c
				break
			}
		}
	}
	out = binary.AppendUvarint(out, mask)
	var col column
	for c := range waveColumns {
		if mask&(1<<c) != 0 {
			out = col.append(out, at(c))
		}
	}
	if len(from) > 0 {
		out = col.append(col.append(out, from), to)
	}
	out = appendSignal(out, samples)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// DecodeWave returns the packets of a block: start, clocks, sequence, samples
// and missing spans as they came. Whose they are is known by the series. A body
// that does not check is an Internal error: quarantine it.
func DecodeWave(b WaveBlock) ([]vital.Waveform, error) {
	inner, err := checked(b.Body, "waveform block")
	if err != nil {
		return nil, err
	}
	b.Body = inner
	return decodeWave(b)
}

func decodeWave(b WaveBlock) ([]vital.Waveform, error) {
	r := columnReader{b: b.Body}
	if v := r.byte(); v != waveVersion {
		return nil, vital.Errorf(vital.Internal, "waveform block has version %d, this program reads %d", v, waveVersion)
	}
	n := r.count(chunkMost)
	mask := r.uvarint()
	if r.bad || mask>>waveColumns != 0 {
		r.bad = true
		return nil, r.check("waveform block")
	}
	cells := make([]int64, waveColumns*n)
	at := func(column int) []int64 { return cells[column*n : (column+1)*n] }
	for c := range waveColumns {
		if mask&(1<<c) != 0 {
			r.read(at(c))
		}
	}
	var total, spans int64
	for i := range n {
		c, s := at(waveCount)[i], at(waveSpans)[i]
		if c < 0 || s < 0 || c > waveMost || s > waveMost {
			r.bad = true
			break
		}
		total, spans = total+c, spans+s
	}
	if total > waveMost || spans > waveMost {
		r.bad = true
	}
	if err := r.check("waveform block"); err != nil {
		return nil, err
	}
	from, to := make([]int64, spans), make([]int64, spans)
	r.read(from)
	r.read(to)
	samples := r.signal(int(total))
	if err := r.check("waveform block"); err != nil {
		return nil, err
	}
	out := make([]vital.Waveform, n)
	expected := b.From
	for i := range out {
		w := &out[i]
		w.MilliHz, w.Gain, w.Zero = b.MilliHz, b.Gain, b.Zero
		w.Start = expected + at(waveStart)[i]
		w.Clocks.Effective = vital.Instant(w.Start/1000 + at(waveEffective)[i])
		w.Clocks.Offset, w.Clocks.Uncertainty = int32(at(waveOffset)[i]), int32(at(waveUncertainty)[i])
		if at(waveNoDevice)[i] == 0 {
			w.Clocks.Device = w.Clocks.Effective - vital.Instant(w.Clocks.Offset) - vital.Instant(at(waveDevice)[i])
		}
		if at(waveNoReceive)[i] == 0 {
			w.Clocks.Receive = w.Clocks.Effective + vital.Instant(at(waveReceive)[i])
		}
		w.Quality, w.Sequence = vital.Quality(at(waveQuality)[i]), uint64(at(waveSequence)[i])
		k := at(waveCount)[i]
		w.Samples, samples = samples[:k:k], samples[k:]
		for range at(waveSpans)[i] {
			w.Missing = append(w.Missing, vital.Span{From: uint32(from[0]), To: uint32(to[0])})
			from, to = from[1:], to[1:]
		}
		expected = w.Start + length(int(k), b.MilliHz)
	}
	return out, nil
}
