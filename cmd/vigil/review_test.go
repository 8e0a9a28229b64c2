package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// An hour into the shift a limit that nobody confirmed is a low technical alarm,
// once; confirming it ends that, and so does ending the limit.
func TestLimitsThatNobodyReviewed(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	c := defaults()
	c.Data, c.HTTP, c.MQTT = t.TempDir(), "", ""
	n, err := openNode(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- n.flow.Run(ctx) }()
	defer func() {
		stop()
		<-ran
		n.close(context.Background())
	}()
	for !n.flow.Begun() {
		time.Sleep(5 * time.Millisecond)
	}
	now := vitalNow()
	ago := func(d time.Duration) vital.Instant { return now.Add(-d) }
	e := audit.Entry{Site: n.site, At: ago(4 * time.Hour), Who: "test", Action: "test.furnish"}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(n.store.PutWard(ctx, e, store.Ward{ID: "w-a", Name: "A", Zone: "UTC", Kind: "adult"}))
	must(n.store.PutBed(ctx, e, store.Bed{ID: "b-1", Ward: "w-a", Label: "1"}))
	must(n.store.PutPatient(ctx, e, person.Person{Patient: "p-a", Family: "Abel"}))
	must(n.store.Admit(ctx, e, "p-a", "b-1", ago(4*time.Hour)))
	must(nil, n.store.PutUser(ctx, e, store.User{ID: "u-n", Name: "Nora", Username: "nora", Roles: []string{"nurse"}, Wards: []vital.WardID{"w-a"}, State: "active"}))
	limit := func(metric string) {
		t.Helper()
		high := vital.Whole(140)
		must(n.store.SetLimit(ctx, e, store.OwnLimit{Patient: "p-a", Metric: metric, Unit: "/min", High: &high, By: "u-n", Why: "fever", From: ago(3 * time.Hour)}))
	}
	limit("heart-rate")
	limit("resp-rate")
	e.At = ago(2 * time.Hour)
	must(nil, n.store.Assign(ctx, e, store.Assignments{
		Ward: "w-a", Shift: store.Shift{Name: "late", From: ago(2 * time.Hour), To: now.Add(6 * time.Hour)}, Items: []store.Assignment{{Bed: "b-1", Nurse: "u-n"}},
	}))
	must(nil, n.flow.Changed(ctx))
	notices := func(at vital.Instant) (parts []string) {
		t.Helper()
		must(nil, n.reviewLimits(ctx, at))
		for _, a := range n.flow.Alarms(ctx, store.Everything(n.site), nil) {
			if a.Rule == store.RuleReview {
				if !a.Technical || a.Priority != vital.Low || a.Patient != "p-a" {
					t.Errorf("%+v", a)
				}
				parts = append(parts, a.Part)
			}
		}
		return parts
	}
	if p := notices(ago(time.Hour + time.Minute)); len(p) != 0 {
		t.Errorf("within the hour: %q", p)
	}
	for range 2 {
		if p := notices(vitalNow()); len(p) != 2 {
			t.Fatalf("%q, want one notice of each limit", p)
		}
	}
	e.At = vitalNow()
	must(nil, n.store.ReviewLimit(ctx, e, "p-a", "heart-rate", "u-n", ""))
	must(nil, n.flow.Changed(ctx))
	if p := notices(vitalNow()); len(p) != 1 || p[0] != "resp-rate" {
		t.Errorf("after a review: %q", p)
	}
	must(nil, n.store.EndLimit(ctx, e, "p-a", "resp-rate", vitalNow(), "no fever"))
	if p := notices(vitalNow().Add(time.Second)); len(p) != 0 {
		t.Errorf("after the limit ended: %q", p)
	}
}
