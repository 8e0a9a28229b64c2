package store

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"math"
	"strings"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Batch is everything that a run of journal frames did to one partition. It is
// applied as a whole or not at all.
type Batch struct {
	Site      vital.Site
	Partition uint16
	Epoch     uint64 // as Own returned it
	Applied   uint64 // last readings frame in this batch
	Chunks    []Chunk
	Waves     []WaveBlock
	Events    []vital.Event
	Latest    []Latest
	Gaps      []Gap
	Spans     []Span
	Alarms    []alarm.Alarm // as they are now
	Deeds     []AlarmDeed   // what happened to them, in order
	Pages     []Page
	Seen      []DeviceSeen
	Problems  []Problem
	Controls  []Control // journalled by now: marked as such
	Audit     []audit.Entry
	Marks     []FrameMark
	Snapshot  []byte // nil: none; kept with Applied as its own mark
}

// Latest is the newest value of one metric of a patient, or of a device that
// nobody wears.
type Latest struct {
	Patient      vital.PatientID
	Device       vital.DeviceID
	Metric, Unit string
	Sample
}

// Gap is a time in which something was expected and did not come. Without an ID
// it is known by patient, metric and From, and a later one replaces it.
type Gap struct {
	ID       string
	Patient  vital.PatientID
	Metric   string
	From, To vital.Instant // To 0: it lasts
	State    string        // "late", "missing", "standby"; "got": it came and was not judged
	Kind     string        // of the cause: "device", "network" ...
	Cause    string
}

// Span is a time in which a stream was expected. It is known by patient, metric
// and From, and a later one replaces it.
type Span struct {
	Patient  vital.PatientID
	Metric   string
	Kind     string // "continuous", "spot"
	Every    int64  // ms
	From, To vital.Instant
	Ended    string // why it was no longer expected; "" while To is 0
}

// Problem is a packet, or a part of one, that could not be read.
type Problem struct {
	Device     vital.DeviceID
	Credential vital.CredentialID
	At         vital.Instant
	Position   vital.Position // in the raw stream
	Format     string
	Reason     string
	Preview    string
}

// FrameMark says that a frame was sealed at that time: a sparse index, so that a
// time leads to a place in the journal.
type FrameMark struct {
	Stream    string
	Partition uint16
	At        vital.Instant
	Frame     uint64
}

// Commit applies a batch. Conflict means that somebody else owns the partition
// by now: stop working on it.
func (d *DB) Commit(ctx context.Context, b Batch) error {
	chunks, err := narrow(b.Chunks)
	if err != nil {
		return fmt.Errorf("commit partition %d: %w", b.Partition, err)
	}
	b.Chunks = chunks
	err = d.transact(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE owner SET applied = $1 WHERE site = $2 AND part = $3 AND epoch = $4", b.Applied, b.Site, b.Partition, b.Epoch)
		if err != nil {
			return err
		}
		if n == 0 {
			return vital.Errorf(vital.Conflict, "epoch %d does not own it any more", b.Epoch)
		}
		if err := t.correct(&b); err != nil {
			return err
		}
		for _, step := range []func(*tx, *Batch) error{
			putChunks, putWaves, putEvents, putLatest, putGaps, putSpans, putAlarms, putDeeds, putPages, putSeen, putProblems, putMarks, markControls, putSnapshot,
		} {
			if err := step(t, &b); err != nil {
				return err
			}
		}
		for _, e := range b.Audit {
			if err := t.audit(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("commit partition %d up to frame %d: %w", b.Partition, b.Applied, err)
	}
	return nil
}

// narrow splits chunks that span more time than the queries look back.
func narrow(chunks []Chunk) ([]Chunk, error) {
	wide := false
	for _, c := range chunks {
		wide = wide || c.To-c.From > chunkSpan
	}
	if !wide {
		return chunks, nil
	}
	var out []Chunk
	for _, c := range chunks {
		if c.To-c.From <= chunkSpan {
			out = append(out, c)
			continue
		}
		samples, err := DecodeChunk(c.Body)
		if err != nil {
			return nil, err
		}
		out = append(out, sealAll(Series{ID: c.Series}, c.Late, samples)...)
	}
	return out, nil
}

func number(f float64) sql.NullFloat64 {
	return sql.NullFloat64{Float64: f, Valid: !math.IsNaN(f) && !math.IsInf(f, 0)}
}

func putChunks(t *tx, b *Batch) error { return t.putChunks(b.Chunks, 0) }

func (t *tx) putChunks(chunks []Chunk, correction int64) error {
	type key struct {
		series int64
		from   vital.Instant
	}
	before := map[key]int{} // rows of one statement do not see each other
	in := t.insert("INSERT INTO chunk (series, from_ms, version, to_ms, samples, low, high, quality, late, made_by, superseded, damaged, body)", 14, "")
	in.row = "(?, ?, (SELECT COALESCE(MAX(c.version), 0) FROM chunk c WHERE c.series = ? AND c.from_ms = ?) + ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)"
	for _, c := range chunks {
		k := key{c.Series, c.From}
		before[k]++
		in.add(c.Series, c.From, c.Series, c.From, before[k], c.To, c.Count, number(c.Low), number(c.High), c.Quality, c.Late, correction, false, c.Body)
		if t.d.dialect.rows == 1 {
			delete(before, k)
		}
	}
	return in.done("chunks")
}

func putWaves(t *tx, b *Batch) error { return t.putWaves(b.Waves, 0) }

func (t *tx) putWaves(waves []WaveBlock, correction int64) error {
	in := t.insert(`INSERT INTO wave (series, from_us, to_us, millihz, gain, gain_exponent, zero, samples, quality,
		made_by, superseded, damaged, body)`, 13, "")
	for _, w := range waves {
		in.add(w.Series, w.From, w.To, w.MilliHz, w.Gain.Mantissa, w.Gain.Exponent, w.Zero, w.Count, w.Quality, correction, 0, false, w.Body)
	}
	return in.done("waveforms")
}

const eventColumns = `site, patient, device, kind, code, text, device_ms, receive_ms, effective_ms, offset_ms, uncertainty_ms,
	quality, sequence, part, frame, idx, decoder`

func putEvents(t *tx, b *Batch) error { return t.putEvents(b.Site, b.Events, 0) }

func (t *tx) putEvents(site vital.Site, events []vital.Event, correction int64) error {
	in := t.insert("INSERT INTO event ("+eventColumns+", made_by, superseded)", 19, "")
	for _, e := range events {
		c := e.Clocks
		text, err := t.d.sealLate(t.ctx, site, e.Patient, eventPlace, []byte(cleanText(e.Text)))
		if err != nil {
			return err
		}
		in.add(site, e.Patient, e.Device, e.Kind, e.Code, text, c.Device, c.Receive, c.Effective, c.Offset, c.Uncertainty,
			e.Quality, e.Sequence, e.Source.Partition, e.Source.Frame, e.Source.Index, e.Decoder, correction, 0)
	}
	return in.done("events")
}

// putLatest keeps the newest: a value that comes late never replaces a newer one.
func putLatest(t *tx, b *Batch) error {
	type key struct {
		patient vital.PatientID
		loose   vital.DeviceID
		metric  string
	}
	newest := map[key]int{}
	var order []key
	for i, l := range b.Latest {
		k := key{l.Patient, loose(l.Patient, l.Device), l.Metric}
		j, ok := newest[k]
		if !ok {
			order = append(order, k)
		}
		if !ok || b.Latest[j].Effective <= l.Effective {
			newest[k] = i
		}
	}
	in := t.insert("INSERT INTO latest (site, patient, loose, metric, device, unit, effective_ms, body)", 8, ` ON CONFLICT (site, patient, loose, metric)
		DO UPDATE SET device = excluded.device, unit = excluded.unit, effective_ms = excluded.effective_ms, body = excluded.body
		WHERE excluded.effective_ms >= latest.effective_ms`)
	for _, k := range order {
		l := b.Latest[newest[k]]
		in.add(b.Site, l.Patient, k.loose, l.Metric, l.Device, l.Unit, l.Effective, l.Sample.pack())
	}
	return in.done("latest values")
}

func loose(p vital.PatientID, d vital.DeviceID) vital.DeviceID {
	if p != "" {
		return ""
	}
	return d
}

func putGaps(t *tx, b *Batch) error {
	at := map[string]int{}
	var gaps []Gap
	for _, g := range b.Gaps {
		if g.ID == "" {
			h := fnv.New64a()
			fmt.Fprintf(h, "%s\x00%s\x00%d", g.Patient, g.Metric, g.From)
			if g.State == "got" || g.State == "standby" { // may begin when a silence does
				fmt.Fprintf(h, "\x00%s\x00%s", g.State, g.Cause)
			}
			g.ID = fmt.Sprintf("g-%016x", h.Sum64())
		}
		if i, ok := at[g.ID]; ok {
			gaps[i] = g
			continue
		}
		at[g.ID] = len(gaps)
		gaps = append(gaps, g)
	}
	in := t.insert("INSERT INTO gap (site, id, patient, metric, from_ms, to_ms, state, kind, cause)", 9,
		" ON CONFLICT (site, id) DO UPDATE SET to_ms = excluded.to_ms, state = excluded.state, kind = excluded.kind, cause = excluded.cause")
	for _, g := range gaps {
		in.add(b.Site, g.ID, g.Patient, g.Metric, g.From, g.To, g.State, g.Kind, g.Cause)
	}
	return in.done("gaps")
}

func putSeen(t *tx, b *Batch) error {
	at := map[vital.DeviceID]int{}
	var seen []DeviceSeen
	for _, s := range b.Seen {
		i, ok := at[s.Device]
		if !ok {
			at[s.Device] = len(seen)
			seen = append(seen, s)
			continue
		}
		o := seen[i]
		s.Packets, s.Readings, s.Problems, s.Duplicates = s.Packets+o.Packets, s.Readings+o.Readings, s.Problems+o.Problems, s.Duplicates+o.Duplicates
		s.At = max(s.At, o.At)
		seen[i] = s
	}
	in := t.insert("INSERT INTO device_seen (site, device, at, offset_ms, uncertainty_ms, drift_ppm, packets, readings, problems, duplicates)", 10,
		` ON CONFLICT (site, device) DO UPDATE SET at = CASE WHEN excluded.at > device_seen.at THEN excluded.at ELSE device_seen.at END,
		offset_ms = excluded.offset_ms, uncertainty_ms = excluded.uncertainty_ms, drift_ppm = excluded.drift_ppm,
		packets = device_seen.packets + excluded.packets, readings = device_seen.readings + excluded.readings,
		problems = device_seen.problems + excluded.problems, duplicates = device_seen.duplicates + excluded.duplicates`)
	for _, s := range seen {
		in.add(b.Site, s.Device, s.At, s.OffsetMs, s.UncertaintyMs, s.DriftPPM, s.Packets, s.Readings, s.Problems, s.Duplicates)
	}
	return in.done("devices seen")
}

func putProblems(t *tx, b *Batch) error {
	in := t.insert("INSERT INTO problem (site, device, credential, at, part, frame, idx, format, reason, preview)", 10, "")
	for _, p := range b.Problems {
		preview, err := t.d.seal(t.ctx, b.Site, "", previewPlace, []byte(cleanText(p.Preview)))
		if err != nil {
			return err
		}
		in.add(b.Site, p.Device, p.Credential, p.At, p.Position.Partition, p.Position.Frame, p.Position.Index, p.Format, p.Reason, preview)
	}
	return in.done("problems")
}

func putMarks(t *tx, b *Batch) error {
	in := t.insert("INSERT INTO frame_mark (site, stream, part, at, frame)", 5, " ON CONFLICT (site, stream, part, at) DO NOTHING")
	for _, m := range b.Marks {
		in.add(b.Site, m.Stream, m.Partition, m.At, m.Frame)
	}
	return in.done("frame marks")
}

func markControls(t *tx, b *Batch) error {
	for _, c := range b.Controls {
		if _, err := t.exec("UPDATE control SET journalled = $1 WHERE site = $2 AND id = $3", true, b.Site, c.ID); err != nil {
			return err
		}
	}
	return nil
}

func putSnapshot(t *tx, b *Batch) error {
	if b.Snapshot == nil {
		return nil
	}
	_, err := t.exec(`INSERT INTO snapshot (site, part, applied, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT (site, part) DO UPDATE SET applied = excluded.applied, body = excluded.body`, b.Site, b.Partition, b.Applied, b.Snapshot)
	return err
}

// inserter adds rows, as many per statement as the database likes best.
type inserter struct {
	t          *tx
	head, tail string
	row        string // one row of values; empty: a ? per column
	columns    int    // parameters per row
	args       []any
	full       *sql.Stmt
	err        error
}

func (t *tx) insert(head string, columns int, tail string) *inserter {
	return &inserter{t: t, head: head, columns: columns, tail: tail}
}

func (i *inserter) add(args ...any) {
	if i.err != nil {
		return
	}
	i.args = append(i.args, args...)
	rows := i.t.d.dialect.rows
	if len(i.args) < rows*i.columns {
		return
	}
	if i.full == nil {
		i.full, i.err = i.t.sql.PrepareContext(i.t.ctx, i.text(rows))
		if i.err != nil {
			return
		}
	}
	_, i.err = i.full.ExecContext(i.t.ctx, plain(i.args)...)
	i.args = i.args[:0]
}

func (i *inserter) text(rows int) string {
	q := new(query)
	q.add(i.head + " VALUES ")
	one := i.row
	if one == "" {
		one = "(" + strings.TrimSuffix(strings.Repeat("?, ", i.columns), ", ") + ")"
	}
	none := make([]any, i.columns)
	for r := range rows {
		q.when(r > 0, ", ").add(one, none...)
	}
	return q.add(i.tail).text.String()
}

func (i *inserter) done(what string) error {
	if i.err == nil && len(i.args) > 0 {
		_, i.err = i.t.exec(i.text(len(i.args)/i.columns), i.args...)
	}
	if i.full != nil {
		i.full.Close()
	}
	if i.err != nil {
		return fmt.Errorf("write %s: %w", what, i.err)
	}
	return nil
}
