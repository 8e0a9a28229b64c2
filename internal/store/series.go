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
	key := s
	key.ID = 0
	d.mutex.Lock()
	id, ok := d.series[key]
	d.mutex.Unlock()
	if ok {
		s.ID = id
		return s, nil
	}
	err := d.transact(ctx, func(t *tx) (err error) {
		s.ID, err = t.series(key)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("series %s of device %s: %w", s.Metric, s.Device, err)
	}
	d.mutex.Lock()
	d.series[key] = s.ID
	d.mutex.Unlock()
	return s, nil
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
