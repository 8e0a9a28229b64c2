package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// Query asks for data of one patient, or of one device, in [From, To).
type Query struct {
	Patient  vital.PatientID
	Device   vital.DeviceID
	Metrics  []string // none: all
	From, To vital.Instant
}

// Track is the samples of one series in order of effective time, then sequence.
// Damaged counts the chunks in this time that cannot be read.
type Track struct {
	Series  Series
	Samples []Sample
	Damaged int
}

func (q Query) check(what string) error {
	if q.Patient == "" && q.Device == "" {
		return vital.Errorf(vital.Invalid, "%s: name a patient or a device", what)
	}
	return nil
}

// narrow adds whose series, and the row filter.
func (q Query) narrow(s *query, r Rows) *query {
	s.when(q.Patient != "", " AND s.patient = ?", q.Patient).when(q.Device != "", " AND s.device = ?", q.Device)
	if len(q.Metrics) > 0 {
		in(s.add(" AND s.metric "), q.Metrics)
	}
	return s.seesData(r, "s.patient", "s.device")
}

type storedChunk struct {
	id        int64
	series    Series
	from, to  vital.Instant
	count     int
	low, high *float64
	quality   vital.Quality
	late      bool
	damaged   bool
	body      []byte
}

const selectChunks = `SELECT c.id, s.id, s.site, s.patient, s.device, s.metric, s.unit, s.decoder, c.from_ms, c.to_ms, c.samples,
	c.low, c.high, c.quality, c.late, c.damaged, c.body FROM series s JOIN chunk c ON c.series = s.id WHERE s.site = ?`

func scanChunk(scan func(...any) error, c *storedChunk) error {
	v := &c.series
	return scan(&c.id, &v.ID, &v.Site, &v.Patient, &v.Device, &v.Metric, &v.Unit, &v.Decoder, &c.from, &c.to, &c.count,
		&c.low, &c.high, &c.quality, &c.late, &c.damaged, &c.body)
}

// chunks reads the chunks that overlap the query, in force, by series and time.
func (d *DB) chunks(ctx context.Context, r Rows, q Query) ([]storedChunk, error) {
	s := ask(selectChunks, r.Site)
	q.narrow(s, r).add(" AND c.from_ms >= ? AND c.from_ms < ? AND c.to_ms >= ? AND c.superseded = 0", q.From-chunkSpan, q.To, q.From)
	return collect(ctx, d.read, s.add(" ORDER BY s.metric, s.device, s.id, c.from_ms, c.id"), scanChunk)
}

// Samples reads what is stored: overlapping chunks are merged, corrected ones
// replaced by their newest version.
func (d *DB) Samples(ctx context.Context, r Rows, q Query) ([]Track, error) {
	if err := q.check("samples"); err != nil {
		return nil, err
	}
	chunks, err := d.chunks(ctx, r, q)
	if err != nil {
		return nil, fmt.Errorf("samples of patient %q device %q: %w", q.Patient, q.Device, err)
	}
	var tracks []Track
	for _, c := range chunks {
		if len(tracks) == 0 || tracks[len(tracks)-1].Series.ID != c.series.ID {
			tracks = append(tracks, Track{Series: c.series})
		}
		t := &tracks[len(tracks)-1]
		samples, err := d.open(ctx, c)
		if err != nil {
			t.Damaged++
			continue
		}
		for _, s := range samples {
			if s.Effective >= q.From && s.Effective < q.To {
				t.Samples = append(t.Samples, s)
			}
		}
	}
	for _, t := range tracks {
		slices.SortStableFunc(t.Samples, func(a, b Sample) int {
			return cmp.Or(cmp.Compare(a.Effective, b.Effective), cmp.Compare(a.Sequence, b.Sequence))
		})
	}
	return slices.DeleteFunc(tracks, func(t Track) bool { return len(t.Samples) == 0 && t.Damaged == 0 }), nil
}

// open decodes a chunk. One that does not check is put in quarantine.
func (d *DB) open(ctx context.Context, c storedChunk) ([]Sample, error) {
	if c.damaged {
		return nil, vital.Errorf(vital.Internal, "chunk %d is in quarantine", c.id)
	}
	samples, err := DecodeChunk(c.body)
	if err != nil {
		d.quarantine(ctx, "chunk", c.id, c.series, err)
	}
	return samples, err
}

// Visible reports whether the caller sees the patient, or the device, of a query.
func (d *DB) Visible(ctx context.Context, r Rows, q Query) (bool, error) {
	if r.All {
		return true, nil
	}
	if err := q.check("visible"); err != nil {
		return false, err
	}
	s := ask("SELECT 1 FROM (SELECT ? AS patient, ? AS device) s WHERE TRUE", string(q.Patient), string(q.Device)).seesData(r, "s.patient", "s.device")
	found, err := collect(ctx, d.read, s, scanInto[int])
	return len(found) > 0, err
}

// LatestOf returns the newest value of every metric of the patients (nil: of all
// that the caller sees), by patient and metric. Values of devices that nobody
// wears have an empty patient and come only when patients is nil.
func (d *DB) LatestOf(ctx context.Context, r Rows, patients []vital.PatientID) ([]Latest, error) {
	q := ask("SELECT "+latestColumns+" FROM latest l WHERE l.site = ?", r.Site)
	if patients != nil {
		in(q.add(" AND l.patient "), patients)
	}
	q.seesData(r, "l.patient", "l.device").add(" ORDER BY l.patient, l.loose, l.metric")
	return collect(ctx, d.read, q, func(scan func(...any) error, l *Latest) error {
		var alone string
		var sequence int64
		n := &l.Value.Number
		err := scan(&l.Patient, &alone, &l.Metric, &l.Device, &l.Unit, &n.Mantissa, &n.Exponent, &l.Value.Code, &l.Sample.Device, &l.Receive,
			&l.Effective, &l.Offset, &l.Uncertainty, &l.Quality, &sequence)
		l.Sequence = uint64(sequence)
		return err
	})
}

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
		samples, err := d.open(ctx, c)
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
