package webd_test

import (
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// The nurse who comes sees what the shift before left, and confirms it.
func TestLimitReview(t *testing.T) {
	w := newWorld(t)
	high := vital.Whole(140)
	must[store.OwnLimit](t)(w.store.SetLimit(t.Context(), system, store.OwnLimit{
		Patient: "p-a", Metric: "heart-rate", Unit: "/min", High: &high, By: "u-clinician", Why: "fever", From: vital.At(begun.Add(-time.Hour)),
	}))
	if a := w.ask("nurse", "GET", "/wards/w-a/limits/review", ""); a.status != 200 || len(a.json(t)["items"].([]any)) != 0 {
		t.Fatalf("without a shift: %d %s", a.status, a.body)
	}
	w.do(w.store.Assign(t.Context(), system, store.Assignments{
		Ward: "w-a", Shift: store.Shift{Name: "late", From: vital.At(begun.Add(-time.Minute)), To: vital.At(begun.Add(8 * time.Hour))},
		Items: []store.Assignment{{Bed: "b-a1", Nurse: "u-nurse"}},
	}))
	w.clock.pass(time.Minute)
	look := func() map[string]any {
		t.Helper()
		a := w.ask("nurse", "GET", "/wards/w-a/limits/review", "")
		items := a.json(t)["items"].([]any)
		if a.status != 200 || len(items) != 1 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return items[0].(map[string]any)
	}
	one := look()
	own := one["own"].(map[string]any)
	if one["patient"] != "p-a" || one["bed"] != "b-a1" || one["reviewed"] != nil || own["name"] != "The clinician" || one["due"] != float64(begun.Add(59*time.Minute).UnixMilli()) {
		t.Errorf("%v", one)
	}
	for _, x := range []struct {
		who, path string
		status    int
	}{
		{"technician", "/patients/p-a/limits/heart-rate/review", 403},
		{"nurse", "/patients/p-b/limits/heart-rate/review", 404},
		{"nurse", "/patients/p-a/limits/spo2/review", 409},
		{"nurse", "/patients/p-a/limits/heart-rate/review", 204},
	} {
		if a := w.ask(x.who, "POST", x.path, `{"why":"still febrile"}`); a.status != x.status {
			t.Errorf("%s %s: %d %s", x.who, x.path, a.status, a.body)
		}
	}
	if r, ok := look()["reviewed"].(map[string]any); !ok || r["by"] != "u-nurse" || r["name"] != "The nurse" || r["why"] != "still febrile" {
		t.Errorf("%v", look())
	}
	entries := must[[]store.AuditRow](t)(w.store.Audit(t.Context(), store.Everything(vital.DefaultSite), store.AuditFilter{Limit: 50}))
	noted := 0
	for _, e := range entries {
		if e.Action == "limit.review" && e.Outcome == "done" && e.Patient == "p-a" && e.Why == "still febrile" {
			noted++
		}
	}
	if noted != 1 {
		t.Errorf("noted %d times", noted)
	}
}
