package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

type storedWave struct {
	id     int64
	series Series
	block  WaveBlock
}

const selectWaves = `SELECT w.id, s.id, s.site, s.patient, s.device, s.metric, s.unit, s.decoder, w.from_us, w.to_us, w.millihz,
	w.gain, w.gain_exponent, w.zero, w.samples, w.quality, w.body FROM series s JOIN wave w ON w.series = s.id WHERE s.site = ?`

func scanWave(scan func(...any) error, v *storedWave) error {
	s, b := &v.series, &v.block
	return scan(&v.id, &s.ID, &s.Site, &s.Patient, &s.Device, &s.Metric, &s.Unit, &s.Decoder, &b.From, &b.To, &b.MilliHz,
		&b.Gain.Mantissa, &b.Gain.Exponent, &b.Zero, &b.Count, &b.Quality, &b.Body)
}

// Waves reads the waveform packets that overlap the query, by metric and start.
// Blocks that cannot be read are put in quarantine and counted by Stats.
func (d *DB) Waves(ctx context.Context, r Rows, q Query) ([]vital.Waveform, error) {
	if err := q.check("waveforms"); err != nil {
		return nil, err
	}
	s := ask(selectWaves, r.Site)
	from, to := int64(q.From)*1000, int64(q.To)*1000
	q.narrow(s, r).add(" AND w.from_us >= ? AND w.from_us < ? AND w.to_us > ? AND w.superseded = 0 AND w.damaged = ?", from-waveLookBack, to, from, false)
	s.add(" ORDER BY s.metric, w.from_us, s.id, w.id")
	rows, err := collect(ctx, d.read, s, scanWave)
	if err != nil {
		return nil, fmt.Errorf("waveforms of patient %q device %q: %w", q.Patient, q.Device, err)
	}
	var out []vital.Waveform
	for _, v := range rows {
		packets, err := DecodeWave(v.block)
		if err != nil {
			d.quarantine(ctx, v.series, "waveform of "+vital.Instant(v.block.From/1000).String(), err, func(t *tx) (int64, error) {
				return t.exec("UPDATE wave SET damaged = $1 WHERE id = $2 AND damaged = $3", true, v.id, false)
			})
			continue
		}
		for _, w := range packets {
			if w.Start < to && w.Start+length(len(w.Samples), w.MilliHz) > from {
				out = append(out, v.series.label(w))
			}
		}
	}
	return out, nil
}

// waveLookBack is longer than a block: half a minute, or one packet of a slow
// signal. A packet that lasts longer is found by its beginning only.
const waveLookBack = 2 * 3600 * 1_000_000

// label says whose the packet is.
func (s Series) label(w vital.Waveform) vital.Waveform {
	w.Site, w.Patient, w.Device, w.Metric, w.Unit, w.Decoder = s.Site, s.Patient, s.Device, s.Metric, s.Unit, s.Decoder
	return w
}

// WaveMetrics lists the metrics of which a patient has waveforms: those that are
// stored, and those that have begun, whose first block is still open.
func (d *DB) WaveMetrics(ctx context.Context, r Rows, patient vital.PatientID) ([]string, error) {
	type row struct {
		metric string
		stored bool
	}
	q := ask(`SELECT DISTINCT s.metric, CASE WHEN EXISTS (SELECT 1 FROM wave w WHERE w.series = s.id) THEN 1 ELSE 0 END
		FROM series s WHERE s.site = ? AND s.patient = ?`, r.Site, patient).
		seesData(r, "s.patient", "s.device", dataOf("s.metric")).
		add(` AND (EXISTS (SELECT 1 FROM wave w WHERE w.series = s.id AND w.superseded = 0)
			OR NOT EXISTS (SELECT 1 FROM wave w WHERE w.series = s.id)) ORDER BY s.metric`)
	rows, err := collect(ctx, d.read, q, func(scan func(...any) error, w *row) error { return scan(&w.metric, &w.stored) })
	var metrics []string
	for _, w := range rows {
		m := vital.LookMetric(w.metric)
		if (w.stored || m != nil && m.Shape == vital.Wave) && !slices.Contains(metrics, w.metric) {
			metrics = append(metrics, w.metric)
		}
	}
	return metrics, err
}

// Events reads what happened, by time. Metrics of the query name kinds.
func (d *DB) Events(ctx context.Context, r Rows, q Query) ([]vital.Event, error) {
	if err := q.check("events"); err != nil {
		return nil, err
	}
	s := ask("SELECT "+eventColumns+" FROM event e WHERE e.site = ? AND e.superseded = 0", r.Site).
		when(q.Patient != "", " AND e.patient = ?", q.Patient).when(q.Device != "", " AND e.device = ?", q.Device).
		when(q.From != 0, " AND e.effective_ms >= ?", q.From).when(q.To != 0, " AND e.effective_ms < ?", q.To)
	if len(q.Metrics) > 0 {
		in(s.add(" AND e.kind "), q.Metrics)
	}
	s.seesData(r, "e.patient", "e.device", kind(vital.DataVitals)).add(" ORDER BY e.effective_ms, e.part, e.frame, e.idx, e.id")
	return collect(ctx, d.read, s, d.scanEvent(ctx))
}

func (d *DB) scanEvent(ctx context.Context) func(scan func(...any) error, e *vital.Event) error {
	return func(scan func(...any) error, e *vital.Event) error {
		var sequence int64
		var text []byte
		c := &e.Clocks
		err := scan(&e.Site, &e.Patient, &e.Device, &e.Kind, &e.Code, &text, &c.Device, &c.Receive, &c.Effective, &c.Offset, &c.Uncertainty,
			&e.Quality, &sequence, &e.Source.Partition, &e.Source.Frame, &e.Source.Index, &e.Decoder)
		if err != nil {
			return err
		}
		e.Sequence = uint64(sequence)
		return d.unsealText(ctx, e.Site, e.Patient, eventPlace, text, &e.Text)
	}
}

// Gaps reads the gaps of a patient that overlap [from, to), by time; to 0: no end.
func (d *DB) Gaps(ctx context.Context, r Rows, patient vital.PatientID, from, to vital.Instant) ([]Gap, error) {
	q := ask("SELECT g.id, g.patient, g.metric, g.from_ms, g.to_ms, g.state, g.kind, g.cause FROM gap g WHERE g.site = ? AND g.patient = ?", r.Site, patient).
		add(" AND (g.to_ms = 0 OR g.to_ms > ?)", from).when(to != 0, " AND g.from_ms < ?", to).
		seesData(r, "g.patient", "''", dataOf("g.metric")).add(" ORDER BY g.from_ms, g.metric, g.id")
	return collect(ctx, d.read, q, func(scan func(...any) error, g *Gap) error {
		return scan(&g.ID, &g.Patient, &g.Metric, &g.From, &g.To, &g.State, &g.Kind, &g.Cause)
	})
}

// Problems reads what could not be read since a time, newest first, at most 1000.
func (d *DB) Problems(ctx context.Context, r Rows, since vital.Instant) ([]Problem, error) {
	return d.ProblemsOf(ctx, r, "", since, 1000)
}

// ProblemsOf is Problems of one device (empty: of all), at most limit.
func (d *DB) ProblemsOf(ctx context.Context, r Rows, device vital.DeviceID, since vital.Instant, limit int) ([]Problem, error) {
	q := ask("SELECT p.device, p.credential, p.at, p.part, p.frame, p.idx, p.format, p.reason, p.preview FROM problem p WHERE p.site = ? AND p.at >= ?", r.Site, since).
		when(device != "", " AND p.device = ?", device).seesMoment(r, "p.device", "p.at").
		add(" ORDER BY p.at DESC, p.id DESC LIMIT ?", atMost(limit, 1000))
	return collect(ctx, d.read, q, func(scan func(...any) error, p *Problem) error {
		var preview []byte
		err := scan(&p.Device, &p.Credential, &p.At, &p.Position.Partition, &p.Position.Frame, &p.Position.Index, &p.Format, &p.Reason, &preview)
		if err != nil {
			return err
		}
		return d.unsealText(ctx, r.Site, "", previewPlace, preview, &p.Preview)
	})
}
