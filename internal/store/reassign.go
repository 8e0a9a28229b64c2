package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Reassignment says that what a device measured in [From, To) belongs to another
// patient. It holds for what is stored and for what is stored later: samples of
// that time that still wait in an open chunk, or come late, go to Patient too.
type Reassignment struct {
	ID       int64             `json:"id"`
	Device   vital.DeviceID    `json:"device"`
	From     vital.Instant     `json:"from"`
	To       vital.Instant     `json:"to"`
	Patient  vital.PatientID   `json:"patient"`
	Patients []vital.PatientID `json:"patients"` // who had the data before
}

func (k Reassignment) covers(at vital.Instant) bool { return k.From <= at && at < k.To }

// moves reports whether the correction touches rows of that series and time.
func (k Reassignment) moves(s Series, from, to vital.Instant) bool {
	return s.Device == k.Device && s.Patient != k.Patient && from < k.To && to >= k.From
}

// Reassign gives what a device measured in [from, to) to another patient. New
// rows take the place of the old ones, which stay and say which correction
// superseded them.
func (d *DB) Reassign(ctx context.Context, e audit.Entry, device vital.DeviceID, from, to vital.Instant, patient vital.PatientID) error {
	e.Patient = patient
	return d.change(ctx, e, fmt.Sprintf("reassign device %s to patient %s", device, patient), func(t *tx) error {
		if from == 0 || to <= from {
			return vital.Errorf(vital.Invalid, "a correction needs a beginning before its end")
		}
		if err := t.bothMade(e.Site, device, patient); err != nil {
			return err
		}
		k := Reassignment{Device: device, From: from, To: to, Patient: patient}
		if err := t.row("INSERT INTO correction (site, at, device, from_ms, to_ms, patient, who, why) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
			e.Site, now(), device, from, to, patient, e.Who, e.Why).Scan(&k.ID); err != nil {
			return err
		}
		for _, move := range []func(audit.Entry, *Reassignment) error{t.moveChunks, t.moveWaves, t.moveEvents} {
			if err := move(e, &k); err != nil {
				return err
			}
		}
		if err := t.moveLatest(e.Site, k); err != nil {
			return err
		}
		for _, p := range k.Patients {
			before := e
			before.Patient = p
			if err := t.audit(before); err != nil {
				return err
			}
		}
		return t.control(e.Site, ControlReassign, from, k)
	})
}

// bothMade checks that device and patient are there, and both real or both made up.
func (t *tx) bothMade(site vital.Site, device vital.DeviceID, patient vital.PatientID) error {
	var demo bool
	err := t.row("SELECT demo FROM device WHERE site = $1 AND id = $2", site, device).Scan(&demo)
	if missing(err) {
		return vital.Errorf(vital.NotFound, "device %s: not found", device)
	}
	if err != nil {
		return err
	}
	made, err := t.patientIsDemo(site, patient)
	if err == nil && made != demo {
		err = vital.Errorf(vital.Conflict, "demo and real never mix: device demo %t, patient demo %t", demo, made)
	}
	return err
}

func (k *Reassignment) was(p vital.PatientID) {
	if p != "" && !slices.Contains(k.Patients, p) {
		k.Patients = append(k.Patients, p)
	}
}

func (t *tx) moveChunks(e audit.Entry, k *Reassignment) error {
	q := ask(selectChunks, e.Site).add(" AND s.device = ? AND s.patient <> ? AND c.from_ms < ? AND c.to_ms >= ? AND c.superseded = 0 AND c.damaged = ? ORDER BY s.id, c.from_ms, c.version",
		k.Device, k.Patient, k.To, k.From, false)
	rows, err := collect(t.ctx, t.sql, q, scanChunk)
	if err != nil {
		return err
	}
	for _, c := range rows {
		parts, err := t.splitChunk(Chunk{Series: c.series.ID, From: c.from, To: c.to, Late: c.late, Body: c.body}, c.series, *k)
		if err != nil {
			return fmt.Errorf("chunk of %s: %w", c.from, err)
		}
		if parts == nil {
			continue
		}
		if err := t.putChunks(parts, k.ID); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE chunk SET superseded = $1 WHERE series = $2 AND from_ms = $3 AND version = $4", k.ID, c.series.ID, c.from, c.version); err != nil {
			return err
		}
		k.was(c.series.Patient)
	}
	return nil
}

// splitChunk returns the chunks that take the place of c, or nil if no sample of
// it belongs to the other patient.
func (t *tx) splitChunk(c Chunk, s Series, k Reassignment) ([]Chunk, error) {
	samples, err := DecodeChunk(c.Body)
	if err != nil {
		return nil, err
	}
	var stay, leave []Sample
	for _, x := range samples {
		if k.covers(x.Effective) {
			leave = append(leave, x)
		} else {
			stay = append(stay, x)
		}
	}
	if len(leave) == 0 {
		return nil, nil
	}
	to, err := t.seriesFor(s, k.Patient)
	if err != nil {
		return nil, err
	}
	return append(sealAll(to, c.Late, leave), sealAll(s, c.Late, stay)...), nil
}

// seriesFor returns the same series of another patient.
func (t *tx) seriesFor(s Series, p vital.PatientID) (Series, error) {
	s.Patient = p
	id, err := t.series(s)
	s.ID = id
	return s, err
}

func (t *tx) moveWaves(e audit.Entry, k *Reassignment) error {
	q := ask(selectWaves, e.Site).add(" AND s.device = ? AND s.patient <> ? AND w.from_us < ? AND w.to_us > ? AND w.superseded = 0 AND w.damaged = ? ORDER BY w.id",
		k.Device, k.Patient, int64(k.To)*1000, int64(k.From)*1000, false)
	rows, err := collect(t.ctx, t.sql, q, scanWave)
	if err != nil {
		return err
	}
	for _, w := range rows {
		parts, err := t.splitWave(w.block, w.series, *k)
		if err != nil {
			return fmt.Errorf("waveform block %d: %w", w.id, err)
		}
		if parts == nil {
			continue
		}
		if err := t.putWaves(parts, k.ID); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE wave SET superseded = $1 WHERE id = $2", k.ID, w.id); err != nil {
			return err
		}
		k.was(w.series.Patient)
	}
	return nil
}

// splitWave is splitChunk for a block; a packet belongs to where it begins.
func (t *tx) splitWave(b WaveBlock, s Series, k Reassignment) ([]WaveBlock, error) {
	packets, err := DecodeWave(b)
	if err != nil {
		return nil, err
	}
	var out []WaveBlock
	moved := false
	head, target := NewWaveHead(s), false
	for _, w := range packets {
		there := k.covers(vital.Instant(w.Start / 1000))
		if there != target || !head.Fits(w) {
			if head.Len() > 0 {
				out = append(out, head.Seal())
			}
			to := s
			if there {
				moved = true
				if to, err = t.seriesFor(s, k.Patient); err != nil {
					return nil, err
				}
			}
			head, target = NewWaveHead(to), there
		}
		head.Append(w)
	}
	if !moved {
		return nil, nil
	}
	return append(out, head.Seal()), nil
}

func (t *tx) moveEvents(e audit.Entry, k *Reassignment) error {
	type row struct {
		id    int64
		event vital.Event
	}
	q := ask("SELECT id, "+eventColumns+" FROM event e WHERE e.site = ? AND e.device = ? AND e.patient <> ? AND e.effective_ms >= ? AND e.effective_ms < ? AND e.superseded = 0 ORDER BY id",
		e.Site, k.Device, k.Patient, k.From, k.To)
	rows, err := collect(t.ctx, t.sql, q, func(scan func(...any) error, r *row) error {
		return t.d.scanEvent(t.ctx)(func(into ...any) error { return scan(append([]any{&r.id}, into...)...) }, &r.event)
	})
	if err != nil {
		return err
	}
	moved := make([]vital.Event, 0, len(rows))
	for _, r := range rows {
		k.was(r.event.Patient)
		r.event.Patient = k.Patient
		moved = append(moved, r.event)
		if _, err := t.exec("UPDATE event SET superseded = $1 WHERE id = $2", k.ID, r.id); err != nil {
			return err
		}
	}
	return t.putEvents(e.Site, moved, k.ID)
}

// moveLatest takes values of that time from those who had them, and finds what
// is newest then for everybody concerned.
func (t *tx) moveLatest(site vital.Site, k Reassignment) error {
	metrics, err := collect(t.ctx, t.sql, ask("SELECT DISTINCT metric FROM series WHERE site = ? AND device = ? ORDER BY metric", site, k.Device), scanInto[string])
	if err != nil {
		return err
	}
	for _, p := range k.Patients {
		if _, err := t.exec("DELETE FROM latest WHERE site = $1 AND patient = $2 AND device = $3 AND effective_ms >= $4 AND effective_ms < $5",
			site, p, k.Device, k.From, k.To); err != nil {
			return err
		}
	}
	if _, err := t.exec("DELETE FROM latest WHERE site = $1 AND patient = '' AND loose = $2 AND effective_ms >= $3 AND effective_ms < $4", site, k.Device, k.From, k.To); err != nil {
		return err
	}
	var found []Latest
	for _, p := range append(slices.Clone(k.Patients), k.Patient) {
		for _, m := range metrics {
			l, ok, err := t.newest(site, p, m)
			if err != nil {
				return err
			}
			if ok {
				found = append(found, l)
			}
		}
	}
	return putLatest(t, &Batch{Site: site, Latest: found})
}

func (t *tx) newest(site vital.Site, p vital.PatientID, metric string) (Latest, bool, error) {
	q := ask(selectChunks, site).add(" AND s.patient = ? AND s.metric = ? AND c.superseded = 0 AND c.damaged = ? ORDER BY c.to_ms DESC, c.from_ms DESC, c.version DESC LIMIT 1", p, metric, false)
	rows, err := collect(t.ctx, t.sql, q, scanChunk)
	if err != nil || len(rows) == 0 {
		return Latest{}, false, err
	}
	samples, err := DecodeChunk(rows[0].body)
	if err != nil || len(samples) == 0 {
		return Latest{}, false, err
	}
	l := Latest{Patient: p, Device: rows[0].series.Device, Metric: metric, Unit: rows[0].series.Unit}
	for _, s := range samples {
		if s.Effective >= l.Effective {
			l.Sample = s
		}
	}
	return l, true, nil
}

// correct applies the corrections of the site to what a batch brings.
func (t *tx) correct(b *Batch) error {
	corrections, err := corrections(t.ctx, t.sql, b.Site)
	if err != nil || len(corrections) == 0 {
		return err
	}
	series := map[int64]Series{}
	find := func(id int64) (Series, error) {
		s, ok := series[id]
		if ok {
			return s, nil
		}
		s, err := one(t.ctx, t.sql, ask(selectSeries, b.Site).add(" AND s.id = ?", id), "series", scanSeries)
		series[id] = s
		return s, err
	}
	for _, k := range corrections {
		var chunks []Chunk
		for _, c := range b.Chunks {
			s, err := find(c.Series)
			if err != nil {
				return err
			}
			var parts []Chunk
			if k.moves(s, c.From, c.To) {
				if parts, err = t.splitChunk(c, s, k); err != nil {
					return err
				}
			}
			if parts == nil {
				parts = []Chunk{c}
			}
			chunks = append(chunks, parts...)
		}
		var waves []WaveBlock
		for _, w := range b.Waves {
			s, err := find(w.Series)
			if err != nil {
				return err
			}
			var parts []WaveBlock
			if k.moves(s, vital.Instant(w.From/1000), vital.Instant(w.To/1000)) {
				if parts, err = t.splitWave(w, s, k); err != nil {
					return err
				}
			}
			if parts == nil {
				parts = []WaveBlock{w}
			}
			waves = append(waves, parts...)
		}
		b.Chunks, b.Waves = chunks, waves
		b.Events, b.Latest = slices.Clone(b.Events), slices.Clone(b.Latest)
		for i := range b.Events {
			if e := &b.Events[i]; e.Device == k.Device && k.covers(e.Clocks.Effective) {
				e.Patient = k.Patient
			}
		}
		for i := range b.Latest {
			if l := &b.Latest[i]; l.Device == k.Device && k.covers(l.Effective) {
				l.Patient = k.Patient
			}
		}
	}
	return nil
}
