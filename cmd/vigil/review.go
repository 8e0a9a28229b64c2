package main

import (
	"context"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// reviewEvery is how often limits that nobody has confirmed are looked for.
const reviewEvery = time.Minute

// review says of every limit that nobody confirmed within an hour of the shift
// that nobody did, and takes that back when there is nothing to confirm any more.
func (n *node) review(ctx context.Context) error {
	again := time.NewTicker(reviewEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		if !n.flow.Begun() {
			continue
		}
		if err := n.reviewLimits(ctx, vitalNow()); err != nil && ctx.Err() == nil {
			n.log.Error("limits that were not reviewed could not be told; it is tried again in a minute", "error", err.Error())
		}
	}
}

// reviewLimits compares what should have been confirmed with the notices that
// stand. One that stands outlives its shift: that the next one has begun confirms
// nothing.
func (n *node) reviewLimits(ctx context.Context, now vital.Instant) error {
	type limit struct {
		patient vital.PatientID
		metric  string
	}
	all := store.Everything(n.site)
	standing := map[limit]vital.Instant{}
	for _, a := range n.flow.Alarms(ctx, all, nil) {
		if a.Rule == store.RuleReview {
			standing[limit{a.Patient, a.Part}] = a.Raised
		}
	}
	off := func(l limit) bool { // switched off by somebody: not said again every minute
		for _, o := range n.flow.Offs(l.patient) {
			if o.Rule == store.RuleReview && o.Part == l.metric {
				return true
			}
		}
		return false
	}
	var findings []vital.Finding
	wards, err := n.store.Wards(ctx, all)
	if err != nil {
		return err
	}
	for _, w := range wards {
		due, err := n.store.LimitsToReview(ctx, all, w.ID, now)
		if err != nil {
			return vital.Errorf(vital.KindOf(err), "list the limits to review of ward %s: %w", w.ID, err)
		}
		for _, v := range due {
			key := limit{v.Patient, v.Metric}
			if _, stands := standing[key]; !stands && v.Overdue(now) && !off(key) {
				findings = append(findings, store.ReviewFinding(v.Patient, v.Metric, vital.Present, now))
			}
		}
	}
	for l, raised := range standing {
		wanted, err := n.wantsReview(ctx, l.patient, l.metric, raised, now)
		if err != nil {
			return err
		}
		if !wanted {
			findings = append(findings, store.ReviewFinding(l.patient, l.metric, vital.Absent, now))
		}
	}
	for _, f := range findings {
		e := audit.Entry{Site: n.site, At: now, Who: "system", Role: "system", Action: "limit.review.report", Subject: "patient/" + string(f.Patient), Outcome: "done", Why: f.Stand.String() + ": " + f.Text}
		if err := n.store.Report(ctx, e, f); err != nil {
			return err
		}
	}
	if len(findings) == 0 {
		return nil
	}
	return n.flow.Changed(ctx)
}

// wantsReview reports whether the limit that a notice is about still holds as it
// was when the notice was raised, and nobody has confirmed it since.
func (n *node) wantsReview(ctx context.Context, patient vital.PatientID, metric string, raised, now vital.Instant) (bool, error) {
	all := store.Everything(n.site)
	limits, err := n.store.LimitsOf(ctx, all, patient, now)
	if err != nil {
		return false, err
	}
	reviews, err := n.store.Reviews(ctx, all, patient, raised, now)
	if err != nil {
		return false, err
	}
	for _, l := range limits {
		if l.Metric != metric || l.From >= raised {
			continue
		}
		for _, v := range reviews {
			if v.Limit == l.ID {
				return false, nil
			}
		}
		return true, nil
	}
	return false, nil
}
