package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// Bucket is what a series did in [From, To). Low and High are NaN when it holds
// codes only; Last is its newest value.
type Bucket struct {
	From, To  vital.Instant
	Low, High float64
	Count     int
	Quality   vital.Quality
	Last      Sample // zero when the bucket was answered from chunk rows alone
}

// Curve is a series in buckets; empty buckets are left out.
type Curve struct {
	Series  Series
	Width   vital.Instant // ms
	Buckets []Bucket
	Damaged int
}

// Buckets reads a series for drawing: at most points buckets of even width. A
// chunk that lies in one bucket answers by its row, without being decoded.
func (d *DB) Buckets(ctx context.Context, r Rows, q Query, points int) ([]Curve, error) {
	if err := q.check("buckets"); err != nil {
		return nil, err
	}
	if points < 1 || q.To <= q.From {
		return nil, vital.Errorf(vital.Invalid, "buckets: want at least one point and an end after the beginning")
	}
	width := (q.To - q.From + vital.Instant(points) - 1) / vital.Instant(points)
	chunks, err := d.chunks(ctx, r, q)
	if err != nil {
		return nil, fmt.Errorf("buckets of patient %q device %q: %w", q.Patient, q.Device, err)
	}
	var curves []Curve
	var at map[vital.Instant]*Bucket
	finish := func() {
		if len(curves) == 0 {
			return
		}
		c := &curves[len(curves)-1]
		for _, b := range at {
			c.Buckets = append(c.Buckets, *b)
		}
		slices.SortFunc(c.Buckets, func(a, b Bucket) int { return cmp.Compare(a.From, b.From) })
	}
	for _, c := range chunks {
		if len(curves) == 0 || curves[len(curves)-1].Series.ID != c.series.ID {
			finish()
			curves, at = append(curves, Curve{Series: c.series, Width: width}), map[vital.Instant]*Bucket{}
		}
		bucket := func(t vital.Instant) *Bucket {
			k := (t - q.From) / width
			b := at[k]
			if b == nil {
				b = &Bucket{From: q.From + k*width, To: min(q.From+(k+1)*width, q.To), Low: math.NaN(), High: math.NaN()}
				at[k] = b
			}
			return b
		}
		if c.from >= q.From && c.to < q.To && (c.from-q.From)/width == (c.to-q.From)/width && !c.damaged {
			b := bucket(c.from)
			b.Count += c.count
			b.Quality |= c.quality
			if c.low != nil && c.high != nil {
				b.widen(*c.low)
				b.widen(*c.high)
			}
			continue
		}
		samples, err := d.open(ctx, nil, c)
		if err != nil {
			curves[len(curves)-1].Damaged++
			continue
		}
		for _, s := range samples {
			if s.Effective < q.From || s.Effective >= q.To {
				continue
			}
			b := bucket(s.Effective)
			b.Count++
			b.Quality |= s.Quality
			if !s.Value.IsCode() {
				b.widen(s.Value.Number.Float())
			}
			if b.Last.Effective <= s.Effective {
				b.Last = s
			}
		}
	}
	finish()
	return slices.DeleteFunc(curves, func(c Curve) bool { return len(c.Buckets) == 0 && c.Damaged == 0 }), nil
}

func (b *Bucket) widen(v float64) {
	if !(b.Low <= v) {
		b.Low = v
	}
	if !(b.High >= v) {
		b.High = v
	}
}
