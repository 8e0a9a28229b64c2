package store

import (
	"context"
	"fmt"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// This file is the review of limits at the beginning of a shift: a limit of a
// patient's own that somebody set on the shift before was right for that shift,
// and the one who comes says whether it still is.

// RuleReview is the rule of the notice that a limit has not been reviewed.
const RuleReview = "limit-review"

// ReviewWithin is how long after the beginning of a shift its limits may wait.
const ReviewWithin = time.Hour

// Review is that somebody confirmed a limit.
type Review struct {
	Limit   string // OwnLimit.ID
	Patient vital.PatientID
	At      vital.Instant
	By      string
	Why     string
}

// ToReview is a limit that was set before the shift of its bed began.
type ToReview struct {
	OwnLimit
	Bed    vital.BedID
	Label  string
	Shift  Shift
	Review *Review // of this shift; nil: nobody has looked at it yet
}

// Overdue reports whether the review should have been done by then.
func (v ToReview) Overdue(at vital.Instant) bool {
	return v.Review == nil && at >= v.Shift.From.Add(ReviewWithin)
}

// LimitsToReview lists, bed by bed, the limits in force in a ward that were set
// before the shift of their bed, 0: now. A bed without a shift has none: nobody
// has come who could confirm.
func (d *DB) LimitsToReview(ctx context.Context, r Rows, ward vital.WardID, at vital.Instant) ([]ToReview, error) {
	if at == 0 {
		at = now()
	}
	cover, err := d.Cover(ctx, r, ward, at)
	if err != nil {
		return nil, err
	}
	var list []ToReview
	for _, bed := range cover.Items {
		if bed.Patient == "" || bed.Shift.Name == "" {
			continue
		}
		limits, err := d.LimitsOf(ctx, r, bed.Patient, at)
		if err != nil {
			return nil, err
		}
		var reviews []Review
		for _, l := range limits {
			if l.From >= bed.Shift.From {
				continue
			}
			if reviews == nil {
				if reviews, err = d.Reviews(ctx, r, bed.Patient, bed.Shift.From, at); err != nil {
					return nil, err
				}
			}
			v := ToReview{OwnLimit: l, Bed: bed.Bed, Label: bed.Label, Shift: bed.Shift}
			for i := range reviews {
				if reviews[i].Limit == l.ID {
					v.Review = &reviews[i]
				}
			}
			list = append(list, v)
		}
	}
	return list, nil
}

// Reviews lists who confirmed limits of a patient in [from, to], oldest first.
func (d *DB) Reviews(ctx context.Context, r Rows, patient vital.PatientID, from, to vital.Instant) ([]Review, error) {
	q := ask("SELECT v.own_limit, v.patient, v.at, v.by_whom, v.why FROM limit_review v WHERE v.site = ? AND v.patient = ? AND v.at >= ? AND v.at <= ?", r.Site, patient, from, to).
		seesKind(r, "v.patient", vital.DataVitals).add(" ORDER BY v.at, v.own_limit")
	all, err := collect(ctx, d.read, q, func(scan func(...any) error, v *Review) error {
		return scan(&v.Limit, &v.Patient, &v.At, &v.By, &v.Why)
	})
	if err != nil {
		return nil, fmt.Errorf("reviews of the limits of patient %s: %w", patient, err)
	}
	return all, nil
}

// ReviewLimit records that the limit in force of a metric was confirmed, and takes
// back the notice that it was not. No limit of the patient's own is a Conflict.
func (d *DB) ReviewLimit(ctx context.Context, e audit.Entry, patient vital.PatientID, metric, by, why string) error {
	if e.At == 0 {
		e.At = now()
	}
	e.Patient = patient
	return d.change(ctx, e, "review the limit of "+metric+" of patient "+string(patient), func(t *tx) error {
		running, err := t.limitAt(e.Site, patient, metric, e.At)
		if err != nil {
			return err
		}
		if len(running) == 0 {
			return vital.Errorf(vital.Conflict, "the patient has no limit of its own for %s", metric)
		}
		for _, l := range running {
			if _, err := t.exec("INSERT INTO limit_review (site, own_limit, patient, at, by_whom, why) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site, own_limit, at) DO NOTHING",
				e.Site, l.ID, patient, e.At, by, why); err != nil {
				return err
			}
		}
		return t.control(e.Site, ControlReport, e.At, ReviewFinding(patient, metric, vital.Absent, e.At))
	})
}

// ReviewFinding is the notice that a limit has not been reviewed, or its end.
func ReviewFinding(patient vital.PatientID, metric string, stand vital.Stand, at vital.Instant) vital.Finding {
	name := metric
	if m := vital.LookMetric(metric); m != nil {
		name = m.Label
	}
	return vital.Finding{
		Patient: patient, Rule: RuleReview, Part: metric, Version: "1", Title: "Limit was not reviewed", Metric: metric, Priority: vital.Low, Technical: true,
		Text: name + ": nobody has confirmed the patient's own limit since the shift began", Stand: stand, At: at,
	}
}
