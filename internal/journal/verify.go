package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// Line names one partition of one stream.
type Line struct {
	Stream    Stream `json:"stream"`
	Partition uint16 `json:"partition"`
}

func (l Line) String() string { return fmt.Sprintf("%s/%d", l.Stream, l.Partition) }

// Source is what can be read of a journal: a Log, or a file exported from one.
type Source interface {
	Follow(ctx context.Context, s Stream, partition uint16, from uint64, yield func(seq uint64, frame []byte) error) error
	Bounds(ctx context.Context, s Stream, partition uint16) (first, last uint64, err error)
}

// Verdict is what a check of one line found.
type Verdict struct {
	Line
	First, Last uint64
	Frames      uint64 // that hold together
	Records     uint64
	Shredded    uint64 // records whose key was destroyed
	Sealed      uint64 // records left sealed, for want of keys to check with
	Bytes       uint64
	Writers     uint64
	From, To    vital.Instant // sealing times of the first and last good frame
	Breaks      []Break
}

// Verify walks one line from its first frame to its last: checksum, structure,
// number, chain, and, when keys are given, every seal. With nil keys the seals
// stay unchecked. With an empty site the first frame tells it. The error is for
// what kept it from looking; what it found wrong is in Breaks.
func Verify(ctx context.Context, source Source, keys Keys, site vital.Site, l Line) (Verdict, error) {
	v := Verdict{Line: l}
	var err error
	v.First, v.Last, err = source.Bounds(ctx, l.Stream, l.Partition)
	if err != nil {
		return v, fmt.Errorf("verify %s: %w", l, err)
	}
	if v.Last == 0 || v.First > v.Last {
		return v, nil
	}
	c := chain{site: site, stream: l.Stream, partition: l.Partition, next: v.First}
	writer := uint64(0)
	err = source.Follow(ctx, l.Stream, l.Partition, v.First, func(seq uint64, raw []byte) error {
		f, gap, reason := c.check(seq, raw)
		if gap.From != 0 {
			v.broken(gap.From, min(gap.To, v.Last), "missing")
		}
		v.Bytes += uint64(len(raw))
		if reason == "" && keys != nil {
			reason = v.unseal(f, keys)
		}
		if reason != "" {
			v.broken(seq, seq, reason)
		} else {
			v.count(f, keys == nil)
			if f.writer != writer {
				v.Writers++
			}
			writer = f.writer
		}
		if seq >= v.Last {
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return v, fmt.Errorf("verify %s: %w", l, err)
	}
	return v, nil
}

func (v *Verdict) broken(from, to uint64, reason string) {
	v.Breaks = append(v.Breaks, Break{Stream: v.Stream, Partition: v.Partition, From: from, To: to, Reason: reason})
}

func (v *Verdict) count(f sealedFrame, sealed bool) {
	v.Frames++
	v.Records += uint64(len(f.records))
	if sealed {
		v.Sealed += uint64(len(f.records))
	}
	if v.From == 0 {
		v.From = f.sealed
	}
	v.To = f.sealed
}

// unseal opens every record and returns what does not hold, or "".
func (v *Verdict) unseal(f sealedFrame, keys Keys) string {
	records, err := f.open(keys)
	if err != nil {
		return err.Error()
	}
	for i := range records {
		if records[i].Shredded {
			v.Shredded++
		}
	}
	return ""
}
