package wfdb

import (
	"math"
	"path"

	"github.com/vigilcare/vigil/vital"
)

// Record is a whole recording in memory.
type Record struct {
	Header   Header
	Channels []Channel
	// Doubts are checksums or first values that do not agree with the header.
	// The samples are what the files hold all the same.
	Doubts []error
}

// maxJoined bounds the samples of a joined multi-segment record: gaps are free
// in the files and not in memory.
const maxJoined = 1 << 26

// Load reads a record by name ("100", "p00/p000020") with what it refers to.
// open returns the bytes of a file, decompressed, whose path is relative to the
// same place as name; a file that is not there is vital.NotFound.
func Load(name string, open func(path string) ([]byte, error)) (Record, error) {
	text, err := open(name + ".hea")
	if err != nil {
		return Record{}, vital.Errorf(vital.KindOf(err), "wfdb record %s: reading the header: %w", name, err)
	}
	h, err := ParseHeader(text)
	if err != nil {
		return Record{}, err
	}
	dir := path.Dir(name)
	if len(h.Segments) > 0 {
		return join(h, dir, open)
	}
	files := map[string][]byte{}
	for _, s := range h.Signals {
		if _, have := files[s.File]; have || s.File == "~" {
			continue
		}
		if files[s.File], err = open(path.Join(dir, s.File)); err != nil {
			return Record{}, vital.Errorf(vital.KindOf(err), "wfdb record %s: reading %s: %w", name, s.File, err)
		}
	}
	r := Record{Header: h}
	if r.Channels, err = Decode(h, files); err != nil {
		return Record{}, err
	}
	for _, c := range r.Channels {
		if err := c.Check(); err != nil {
			r.Doubts = append(r.Doubts, err)
		}
	}
	return r, nil
}

// join reads the segments of h one after the other. In a variable layout the
// first segment has no samples: it lists every signal that occurs, and a segment
// that lacks one leaves a gap. In a fixed layout every segment has all signals.
func join(h Header, dir string, open func(string) ([]byte, error)) (Record, error) {
	out := Record{Header: h}
	segments := h.Segments
	if segments[0].Frames == 0 && segments[0].Record != "~" {
		text, err := open(path.Join(dir, segments[0].Record) + ".hea")
		if err != nil {
			return Record{}, vital.Errorf(vital.KindOf(err), "wfdb record %s: reading the layout %s: %w", h.Record, segments[0].Record, err)
		}
		layout, err := ParseHeader(text)
		if err != nil {
			return Record{}, err
		}
		out.lay(layout.Signals)
		segments = segments[1:]
	}
	for _, s := range segments {
		if s.Record == "~" {
			if err := out.gap(s.Frames, nil); err != nil {
				return Record{}, err
			}
			continue
		}
		part, err := Load(path.Join(dir, s.Record), refuseSegments(open))
		if err != nil {
			return Record{}, err
		}
		if out.Channels == nil {
			out.lay(part.Header.Signals)
		}
		if err := out.append(part, s); err != nil {
			return Record{}, err
		}
		out.Doubts = append(out.Doubts, part.Doubts...)
	}
	return out, nil
}

// refuseSegments keeps a segment from having segments, which header(5) forbids
// and a damaged file could turn into an endless descent.
func refuseSegments(open func(string) ([]byte, error)) func(string) ([]byte, error) {
	return func(p string) ([]byte, error) {
		b, err := open(p)
		if err != nil || path.Ext(p) != ".hea" {
			return b, err
		}
		if h, err := ParseHeader(b); err == nil && len(h.Segments) > 0 {
			return nil, vital.Errorf(vital.Invalid, "segment %s has segments itself", p)
		}
		return b, nil
	}
}

func (r *Record) lay(signals []Signal) {
	r.Header.Signals = signals
	for _, s := range signals {
		r.Channels = append(r.Channels, Channel{Signal: s, Hz: r.Header.Frequency * float64(s.PerFrame)})
	}
}

// gap adds frames without a measurement to the channels that are not in have.
func (r *Record) gap(frames int64, have map[int]bool) error {
	for i := range r.Channels {
		if have[i] {
			continue
		}
		c := &r.Channels[i]
		n := frames * int64(c.Signal.PerFrame)
		if n < 0 || n > maxJoined || int64(len(c.Samples))+n > maxJoined {
			return vital.Errorf(vital.TooMuch, "wfdb record %s: more than %d samples in signal %s", r.Header.Record, maxJoined, c.Signal.Name)
		}
		for range n {
			c.Samples = append(c.Samples, Missing)
		}
	}
	return nil
}

func (r *Record) append(part Record, s Segment) error {
	have := map[int]bool{}
	for k, c := range part.Channels {
		i := r.find(c.Signal.Name, k, have)
		if i < 0 {
			return vital.Errorf(vital.Invalid, "wfdb record %s: segment %s has a signal %q that the layout lacks", r.Header.Record, s.Record, c.Signal.Name)
		}
		to := &r.Channels[i]
		if c.Signal.PerFrame != to.Signal.PerFrame {
			return vital.Errorf(vital.Invalid, "wfdb record %s: segment %s changes the rate of signal %q", r.Header.Record, s.Record, c.Signal.Name)
		}
		if int64(len(c.Samples)) != s.Frames*int64(c.Signal.PerFrame) {
			return vital.Errorf(vital.Invalid, "wfdb record %s: segment %s holds %d samples of %q, the header says %d frames", r.Header.Record, s.Record, len(c.Samples), c.Signal.Name, s.Frames)
		}
		to.Samples = append(to.Samples, rescaled(c, to.Signal)...)
		have[i] = true
	}
	return r.gap(s.Frames, have)
}

// find returns which channel a segment's signal k belongs to: by name, else by place.
func (r *Record) find(name string, k int, taken map[int]bool) int {
	for i, c := range r.Channels {
		if c.Signal.Name == name && !taken[i] {
			return i
		}
	}
	if name == "" && k < len(r.Channels) && !taken[k] {
		return k
	}
	return -1
}

// rescaled returns c's samples in the scale of to; the physical values stay.
func rescaled(c Channel, to Signal) []int32 {
	if c.Signal.Gain == to.Gain && c.Signal.Baseline == to.Baseline {
		return c.Samples
	}
	out := make([]int32, len(c.Samples))
	for i, v := range c.Samples {
		if out[i] = Missing; v == Missing {
			continue
		}
		if d := math.Round(c.Signal.Physical(v)*to.Gain + float64(to.Baseline)); d > math.MinInt32 && d <= math.MaxInt32 {
			out[i] = int32(d)
		}
	}
	return out
}
