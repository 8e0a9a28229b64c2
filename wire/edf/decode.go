package edf

import (
	"bytes"
	"io"
	"math"

	"github.com/vigilcare/vigil/vital"
)

// Channel is one decoded signal: stretches of samples without a gap.
type Channel struct {
	Signal Signal
	Hz     float64
	Runs   []Run
}

// Run is a stretch of evenly spaced samples.
type Run struct {
	At      float64 // s from Header.Start, of the first sample
	Samples []int32
}

// Recording is a whole file.
type Recording struct {
	Header      Header
	Channels    []Channel // those that are not annotations
	Annotations []Annotation
}

// Decode reads a whole file. When it ends early, what was read is returned with
// the error.
func Decode(b []byte) (Recording, error) {
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return Recording{}, err
	}
	out := Recording{Header: r.Header}
	place := make([]int, len(r.Header.Signals))
	for i, s := range r.Header.Signals {
		if place[i] = -1; s.Annotations || s.PerRecord == 0 {
			continue
		}
		place[i] = len(out.Channels)
		out.Channels = append(out.Channels, Channel{Signal: s, Hz: float64(s.PerRecord) / r.Header.RecordDuration})
	}
	expected, first := 0.0, true
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, vital.Errorf(vital.KindOf(err), "%w", err)
		}
		// A record that begins when the one before ended continues its runs.
		// Onsets are decimal text, so a microsecond either way is no gap.
		follows := !first && math.Abs(rec.At-expected) < 1e-6
		for i, samples := range rec.Samples {
			if place[i] < 0 {
				continue
			}
			c := &out.Channels[place[i]]
			if follows {
				last := &c.Runs[len(c.Runs)-1]
				last.Samples = append(last.Samples, samples...)
			} else {
				c.Runs = append(c.Runs, Run{At: rec.At, Samples: samples})
			}
		}
		out.Annotations = append(out.Annotations, rec.Annotations...)
		expected, first = rec.At+r.Header.RecordDuration, false
	}
}
