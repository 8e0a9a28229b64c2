package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// Series is one metric of one patient from one device, read by one decoder. ID
// is for the store's own rows; it stands for the whole key, the site included.
type Series struct {
	ID      int64           `json:"id"`
	Site    vital.Site      `json:"site"`
	Patient vital.PatientID `json:"patient"`
	Device  vital.DeviceID  `json:"device"`
	Metric  string          `json:"metric"`
	Unit    string          `json:"unit"`
	Decoder string          `json:"decoder"`
}

const selectSeries = "SELECT s.id, s.site, s.patient, s.device, s.metric, s.unit, s.decoder FROM series s WHERE s.site = ?"

func scanSeries(scan func(...any) error, s *Series) error {
	return scan(&s.ID, &s.Site, &s.Patient, &s.Device, &s.Metric, &s.Unit, &s.Decoder)
}

// Series finds a series or makes it, and returns it with its ID. The answer is
// remembered for as long as the store is open.
func (d *DB) Series(ctx context.Context, s Series) (Series, error) {
	s.ID = 0
	id, ok := d.knownSeries(s)
	if !ok {
		if err := d.MakeSeries(ctx, []Series{s}); err != nil {
			return s, err
		}
		id, _ = d.knownSeries(s)
	}
	s.ID = id
	return s, nil
}

// MakeSeries finds or makes all of these in one transaction, so that a thousand
// devices that send for the first time wait for one sync and not for thousands.
func (d *DB) MakeSeries(ctx context.Context, all []Series) error {
	made := map[Series]int64{}
	for _, s := range all {
		s.ID = 0
		if _, ok := d.knownSeries(s); !ok {
			made[s] = 0
		}
	}
	if len(made) == 0 {
		return nil
	}
	err := d.transact(ctx, func(t *tx) error {
		for s := range made {
			id, err := t.series(s)
			if err != nil {
				return fmt.Errorf("series %s of device %s: %w", s.Metric, s.Device, err)
			}
			made[s] = id
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for s, id := range made {
		d.series[s] = id
	}
	return nil
}

func (d *DB) knownSeries(s Series) (int64, bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	id, ok := d.series[s]
	return id, ok
}

func (t *tx) series(s Series) (id int64, err error) {
	if s.Site == "" || s.Metric == "" || s.Device == "" && s.Patient == "" {
		return 0, vital.Errorf(vital.Invalid, "a series needs a site, a metric, and a patient or a device")
	}
	// The update that changes nothing makes RETURNING answer for a row that is there.
	err = t.row(`INSERT INTO series (site, patient, metric, device, unit, decoder) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (site, patient, metric, device, unit, decoder) DO UPDATE SET unit = excluded.unit RETURNING id`,
		s.Site, s.Patient, s.Metric, s.Device, s.Unit, s.Decoder).Scan(&id)
	return id, err
}

// SpanOf returns the times between which lies what is stored of a patient and the
// caller sees; zeros: nothing.
func (d *DB) SpanOf(ctx context.Context, r Rows, patient vital.PatientID) (from, to vital.Instant, err error) {
	type span struct{ from, to vital.Instant }
	q := ask(`SELECT COALESCE(MIN(x.a), 0), COALESCE(MAX(x.b), 0) FROM (
		SELECT c.from_ms AS a, c.to_ms AS b FROM series s JOIN chunk c ON c.series = s.id WHERE s.site = ? AND s.patient = ?`, r.Site, patient).
		seesData(r, "s.patient", "s.device", dataOf("s.metric")).
		add(" UNION ALL SELECT w.from_us / 1000, w.to_us / 1000 FROM series s JOIN wave w ON w.series = s.id WHERE s.site = ? AND s.patient = ?", r.Site, patient).
		seesData(r, "s.patient", "s.device", dataOf("s.metric")).add(") x")
	v, err := one(ctx, d.read, q, "how far the data of patient "+string(patient)+" reaches", func(scan func(...any) error, v *span) error { return scan(&v.from, &v.to) })
	return v.from, v.to, err
}
