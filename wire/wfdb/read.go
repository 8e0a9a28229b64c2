package wfdb

import (
	"bytes"
	"io"

	"github.com/vigilcare/vigil/vital"
)

// Channel is the decoded samples of one signal. A sample is a digital value or
// Missing; Physical gives its meaning.
type Channel struct {
	Signal  Signal
	Hz      float64
	Samples []int32
	first   int32
	sum     uint16
}

// Physical returns sample v in the signal's unit; of Missing it means nothing.
func (s Signal) Physical(v int32) float64 { return (float64(v) - float64(s.Baseline)) / s.Gain }

// Check compares what was read with the first value and the checksum that the
// header gives, over a whole signal. A difference means that the header and the
// samples do not belong together, or that one of them is damaged.
func (c Channel) Check() error {
	if len(c.Samples) == 0 {
		return nil
	}
	if c.Signal.HasFirst && c.Signal.Format != 8 && c.first != c.Signal.First {
		return vital.Errorf(vital.Conflict, "wfdb signal %s: first value is %d, the header says %d", c.Signal.Name, c.first, c.Signal.First)
	}
	if c.Signal.HasSum && int16(c.sum) != c.Signal.Checksum {
		return vital.Errorf(vital.Conflict, "wfdb signal %s: checksum is %d, the header says %d", c.Signal.Name, int16(c.sum), c.Signal.Checksum)
	}
	return nil
}

// Reader decodes a single-segment record frame by frame.
type Reader struct {
	header  Header
	files   []*file
	signals []*track
	given   int64 // frames handed out
	stored  int64 // frames taken from the files
	ended   bool
}

type file struct {
	name    string
	stream  *sampleStream
	signals []*track
}

// track is one signal while it is being read.
type track struct {
	signal  Signal
	absent  int32
	level   int32   // format 8: the running value
	skip    int64   // samples still to be left out because of skew
	frame   []int32 // as stored
	pending []int32 // decoded, not yet given
	first   int32
	sum     uint16
	begun   bool
}

// Open prepares to decode h from its signal files, which hold the bytes after
// decompression.
func Open(h Header, files map[string]io.Reader) (*Reader, error) {
	if len(h.Segments) > 0 {
		return nil, vital.Errorf(vital.Invalid, "wfdb record %s has segments: read each, or use Load", h.Record)
	}
	r := &Reader{header: h}
	byName := map[string]*file{}
	for _, s := range h.Signals {
		f := byName[s.File]
		if f == nil {
			from := files[s.File]
			if from == nil {
				return nil, vital.Errorf(vital.NotFound, "wfdb record %s: signal file %q is not there", h.Record, s.File)
			}
			u, known := unpackers[s.Format]
			if !known {
				return nil, vital.Errorf(vital.Invalid, "wfdb record %s: format %d is not read", h.Record, s.Format)
			}
			f = &file{name: s.File, stream: newSampleStream(from, s.Offset, u)}
			byName[s.File] = f
			r.files = append(r.files, f)
		} else if f.signals[0].signal.Format != s.Format {
			return nil, vital.Errorf(vital.Invalid, "wfdb record %s: file %s is said to have formats %d and %d", h.Record, s.File, f.signals[0].signal.Format, s.Format)
		}
		t := &track{signal: s, absent: unpackers[s.Format].absent, level: s.First, skip: int64(s.Skew) * int64(s.PerFrame)}
		f.signals = append(f.signals, t)
		r.signals = append(r.signals, t)
	}
	r.ended = len(r.signals) == 0
	return r, nil
}

// Read returns the next frames, at most n of them, one Channel per signal, and
// io.EOF when there are none left. Files that end before the header's number of
// frames are Invalid, after everything that they do hold has been returned.
func (r *Reader) Read(n int) ([]Channel, error) {
	if n <= 0 {
		return nil, vital.Errorf(vital.Invalid, "wfdb record %s: read of %d frames", r.header.Record, n)
	}
	if total := r.header.Frames; total > 0 && r.given+int64(n) > total {
		n = int(total - r.given)
	}
	for !r.ended && r.short(n) {
		if err := r.frame(); err != nil {
			return nil, err
		}
	}
	if n = r.ready(n); n == 0 {
		if r.header.Frames > 0 && r.stored < r.header.Frames && len(r.signals) > 0 {
			return nil, vital.Errorf(vital.Invalid, "wfdb record %s: the files end after %d frames of %d", r.header.Record, r.stored, r.header.Frames)
		}
		return nil, io.EOF
	}
	out := make([]Channel, len(r.signals))
	for i, t := range r.signals {
		want := n * t.signal.PerFrame
		samples := make([]int32, want)
		have := copy(samples, t.pending)
		for k := have; k < want; k++ {
			samples[k] = Missing // the tail that skew leaves empty
		}
		t.pending = append(t.pending[:0], t.pending[have:]...)
		out[i] = Channel{Signal: t.signal, Hz: r.header.Frequency * float64(t.signal.PerFrame), Samples: samples, first: t.first, sum: t.sum}
	}
	r.given += int64(n)
	return out, nil
}

// short reports whether a signal has fewer than n frames ready.
func (r *Reader) short(n int) bool {
	for _, t := range r.signals {
		if len(t.pending) < n*t.signal.PerFrame {
			return true
		}
	}
	return false
}

// ready returns how many frames, at most n, can be given now. After the end a
// skewed signal is filled up with Missing, so the longest one decides.
func (r *Reader) ready(n int) int {
	if !r.ended {
		return n
	}
	return int(min(int64(n), r.stored-r.given))
}

// frame takes one frame from every file. A frame that the files begin and do not
// finish is left out, so that every signal ends at the same one.
func (r *Reader) frame() error {
	if r.header.Frames > 0 && r.stored == r.header.Frames {
		r.ended = true
		return nil
	}
	for _, f := range r.files {
		for _, t := range f.signals {
			t.frame = t.frame[:0]
			for range t.signal.PerFrame {
				v, more := f.stream.next()
				if !more {
					r.ended = true
					if f.stream.failed != nil {
						return vital.Errorf(vital.Unavailable, "wfdb record %s: reading %s: %w", r.header.Record, f.name, f.stream.failed)
					}
					return nil
				}
				t.frame = append(t.frame, v)
			}
		}
	}
	for _, t := range r.signals {
		for _, v := range t.frame {
			t.take(v)
		}
	}
	r.stored++
	return nil
}

func (t *track) take(v int32) {
	if t.signal.Format == 8 {
		t.level += v
		v = t.level
	}
	if !t.begun {
		t.first, t.begun = v, true
	}
	t.sum += uint16(v)
	if t.skip > 0 {
		t.skip--
		return
	}
	if v == t.absent {
		v = Missing
	}
	t.pending = append(t.pending, v)
}

// Decode reads a whole single-segment record from the bytes of its files.
func Decode(h Header, files map[string][]byte) ([]Channel, error) {
	readers := make(map[string]io.Reader, len(files))
	for name, b := range files {
		readers[name] = bytes.NewReader(b)
	}
	r, err := Open(h, readers)
	if err != nil {
		return nil, err
	}
	var whole []Channel
	for {
		part, err := r.Read(4096)
		if err == io.EOF {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
		if whole == nil {
			whole = part
			continue
		}
		for i := range whole {
			whole[i].Samples = append(whole[i].Samples, part[i].Samples...)
			whole[i].sum, whole[i].first = part[i].sum, part[i].first
		}
	}
}
