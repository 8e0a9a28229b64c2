package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
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
	return s.seesData(r, "s.patient", "s.device", dataOf("s.metric"))
}

type storedChunk struct {
	version   int64
	series    Series
	from, to  vital.Instant
	count     int
	low, high *float64
	quality   vital.Quality
	late      bool
	damaged   bool
	body      []byte
}

const selectChunks = `SELECT c.version, s.id, s.site, s.patient, s.device, s.metric, s.unit, s.decoder, c.from_ms, c.to_ms, c.samples,
	c.low, c.high, c.quality, c.late, c.damaged, c.body FROM series s JOIN chunk c ON c.series = s.id WHERE s.site = ?`

func scanChunk(scan func(...any) error, c *storedChunk) error {
	v := &c.series
	return scan(&c.version, &v.ID, &v.Site, &v.Patient, &v.Device, &v.Metric, &v.Unit, &v.Decoder, &c.from, &c.to, &c.count,
		&c.low, &c.high, &c.quality, &c.late, &c.damaged, &c.body)
}

// chunks reads the chunks that overlap the query, in force, by series and time.
func (d *DB) chunks(ctx context.Context, r Rows, q Query) ([]storedChunk, error) {
	s := ask(selectChunks, r.Site)
	q.narrow(s, r).add(" AND c.from_ms >= ? AND c.from_ms < ? AND c.to_ms >= ? AND c.superseded = 0", q.From-chunkSpan, q.To, q.From)
	return collect(ctx, d.read, s.add(" ORDER BY s.metric, s.device, s.id, c.from_ms, c.version"), scanChunk)
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
	for i, c := range chunks {
		if i == 0 || chunks[i-1].series.ID != c.series.ID {
			tracks = append(tracks, Track{Series: c.series, Samples: make([]Sample, 0, countOf(chunks[i:]))})
		}
		t := &tracks[len(tracks)-1]
		begin := len(t.Samples)
		if t.Samples, err = d.open(ctx, t.Samples, c); err != nil {
			t.Samples = t.Samples[:begin]
			t.Damaged++
			continue
		}
		if c.from >= q.From && c.to < q.To {
			continue
		}
		inside := t.Samples[:begin]
		for _, s := range t.Samples[begin:] {
			if s.Effective >= q.From && s.Effective < q.To {
				inside = append(inside, s)
			}
		}
		t.Samples = inside
	}
	for _, t := range tracks {
		if !slices.IsSortedFunc(t.Samples, inTime) {
			slices.SortStableFunc(t.Samples, inTime)
		}
	}
	return slices.DeleteFunc(tracks, func(t Track) bool { return len(t.Samples) == 0 && t.Damaged == 0 }), nil
}

func inTime(a, b Sample) int {
	return cmp.Or(cmp.Compare(a.Effective, b.Effective), cmp.Compare(a.Sequence, b.Sequence))
}

// countOf returns how many samples the chunks at the beginning hold that are of
// one series.
func countOf(chunks []storedChunk) (n int) {
	for _, c := range chunks {
		if c.series.ID != chunks[0].series.ID {
			break
		}
		n += min(c.count, chunkMost)
	}
	return n
}

// open decodes a chunk behind out. One that does not check is put in quarantine.
func (d *DB) open(ctx context.Context, out []Sample, c storedChunk) ([]Sample, error) {
	if c.damaged {
		return out, vital.Errorf(vital.Internal, "the chunk of %s is in quarantine", c.from)
	}
	out, err := appendChunk(out, c.body)
	if err != nil {
		d.quarantine(ctx, c.series, "chunk of "+c.from.String(), err, func(t *tx) (int64, error) {
			return t.exec("UPDATE chunk SET damaged = $1 WHERE series = $2 AND from_ms = $3 AND version = $4 AND damaged = $5", true, c.series.ID, c.from, c.version, false)
		})
	}
	return out, err
}

// LatestOf returns the newest value of every metric of the patients (nil: of all
// that the caller sees), by patient and metric. Values of devices that nobody
// wears have an empty patient and come only when patients is nil.
func (d *DB) LatestOf(ctx context.Context, r Rows, patients []vital.PatientID) ([]Latest, error) {
	q := ask("SELECT l.patient, l.metric, l.device, l.unit, l.body FROM latest l WHERE l.site = ?", r.Site)
	if patients != nil {
		in(q.add(" AND l.patient "), patients)
	}
	q.seesData(r, "l.patient", "l.device", dataOf("l.metric")).add(" ORDER BY l.patient, l.loose, l.metric")
	// Plain strings scan without reflection, and this is read for whole wards.
	var patient, device string
	var body sql.RawBytes
	return collect(ctx, d.read, q, func(scan func(...any) error, l *Latest) error {
		if err := scan(&patient, &l.Metric, &device, &l.Unit, &body); err != nil {
			return err
		}
		l.Patient, l.Device = vital.PatientID(patient), vital.DeviceID(device)
		return l.Sample.unpack(body)
	})
}
