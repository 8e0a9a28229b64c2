package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// Bearing is what of a patient's identity bears on how the patient is judged,
// without a name.
type Bearing struct {
	AgeYears float64 // -1: not known
	Demo     bool
}

// BearingOf returns it, with the age at that time.
func (d *DB) BearingOf(ctx context.Context, site vital.Site, patient vital.PatientID, at vital.Instant) (Bearing, error) {
	type row struct {
		sealed []byte
		demo   bool
	}
	q := ask(`SELECT n.body, p.demo FROM patient p LEFT JOIN person n ON n.site = p.site AND n.patient = p.id
		WHERE p.site = ? AND p.id = ?`, site, patient)
	r, err := one(ctx, d.read, q, fmt.Sprintf("patient %s", patient), func(scan func(...any) error, r *row) error { return scan(&r.sealed, &r.demo) })
	if err != nil {
		return Bearing{}, err
	}
	var body personBody
	if _, err := d.unsealJSON(ctx, site, patient, personPlace(patient), r.sealed, &body); err != nil {
		return Bearing{}, err
	}
	b := Bearing{AgeYears: -1, Demo: r.demo}
	if age, err := person.AgeOn(body.Birth, at.Time()); err == nil {
		b.AgeYears = float64(age.Years) + float64(age.Months)/12
	}
	return b, nil
}
