package store_test

import (
	"context"
	"testing"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// A limit from before the shift waits to be confirmed; one of this shift does not,
// and what was confirmed in one shift must be again in the next.
func TestLimitsToReview(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 2)
		users(t, d, "day", "night")
		begin := t0 + 10*hour
		e := entry("duty.write")
		e.At = t0
		assign := func(name string, from vital.Instant) {
			t.Helper()
			must(t, d.Assign(ctx, e, store.Assignments{Ward: "w-a", Shift: store.Shift{Name: name, From: from, To: from + 12*hour}, Items: []store.Assignment{{Bed: "b-a1", Nurse: vital.UserID("u-" + name)}}}))
		}
		set := func(metric, patient string, from vital.Instant) {
			t.Helper()
			got(d.SetLimit(ctx, entry("limit.set"), store.OwnLimit{Patient: vital.PatientID(patient), Metric: metric, Unit: "/min", High: decimal(t, "140"), Why: "fever", From: from}))(t)
		}
		set("heart-rate", "p-a1", t0+hour)
		set("heart-rate", "p-a2", t0+hour)
		due := func(at vital.Instant) []store.ToReview {
			t.Helper()
			return got(d.LimitsToReview(ctx, everything, "w-a", at))(t)
		}
		if n := due(begin); len(n) != 0 {
			t.Errorf("without a shift: %+v", n)
		}
		assign("day", begin)
		set("resp-rate", "p-a1", begin+60_000)
		n := due(begin + 2*hour)
		if len(n) != 1 || n[0].Metric != "heart-rate" || n[0].Bed != "b-a1" || n[0].Shift.Name != "day" || n[0].Review != nil {
			t.Fatalf("%+v", n)
		}
		if !n[0].Overdue(begin+hour) || n[0].Overdue(begin+hour-1) {
			t.Error("the hour is not an hour")
		}
		confirm := entry("limit.review")
		confirm.At = begin + 2*hour
		must(t, d.ReviewLimit(ctx, confirm, "p-a1", "heart-rate", "u-day", "still febrile"))
		must(t, d.ReviewLimit(ctx, confirm, "p-a1", "heart-rate", "u-day", "twice is once"))
		kind(t, d.ReviewLimit(ctx, confirm, "p-a1", "spo2", "u-day", ""), vital.Conflict)
		n = due(begin + 3*hour)
		if len(n) != 1 || n[0].Review == nil || n[0].Review.By != "u-day" || n[0].Review.Why != "still febrile" || n[0].Overdue(begin+3*hour) {
			t.Fatalf("%+v", n)
		}
		assign("night", begin+12*hour)
		if n = due(begin + 13*hour); len(n) != 2 || n[0].Review != nil || n[1].Review != nil || !n[0].Overdue(begin+13*hour) {
			t.Errorf("the next shift: %+v", n)
		}
		reports := 0
		for _, c := range got(d.PendingControls(ctx, entry("").Site, 100))(t) {
			if c.Kind == store.ControlReport {
				reports++
				var f vital.Finding
				unmarshal(t, c.Body, &f)
				if f.Rule != store.RuleReview || f.Stand != vital.Absent || f.Patient != "p-a1" || f.Part != "heart-rate" {
					t.Errorf("%+v", f)
				}
			}
		}
		if reports != 2 {
			t.Errorf("%d notices taken back", reports)
		}
	})
}
