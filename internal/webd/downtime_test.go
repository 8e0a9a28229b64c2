package webd_test

import (
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// The sheet is a page that can do nothing, is kept nowhere, and that somebody
// looked at it is noted.
func TestDowntimeSheet(t *testing.T) {
	w := newWorld(t)
	a := w.ask("nurse", "GET", "/wards/w-a/downtime.html", "")
	if a.status != 200 || !strings.Contains(string(a.body), "Abel") || strings.Contains(string(a.body), "Baker") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for header, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if a.header.Get(header) != want {
			t.Errorf("%s: %q", header, a.header.Get(header))
		}
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "style-src 'sha256-", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script") {
		t.Error(policy)
	}
	entries := must[[]store.AuditRow](t)(w.store.Audit(t.Context(), store.Everything(vital.DefaultSite), store.AuditFilter{Limit: 50}))
	noted := false
	for _, e := range entries {
		noted = noted || e.Action == "patient.observe" && e.Subject == "ward/w-a" && strings.Contains(e.Who, "nurse")
	}
	if !noted {
		t.Error("nobody noted the look", entries)
	}
	// Who knows where somebody lies and not how they are gets no paper that says it.
	for _, who := range []string{"administrator-only", "technician", "auditor", "patient", "family"} {
		if b := w.ask(who, "GET", "/wards/w-a/downtime.html", ""); b.status != 403 {
			t.Errorf("%s: %d", who, b.status)
		}
	}
	if b := w.ask("nurse", "GET", "/wards/w-b/downtime.html", ""); b.status != 404 || strings.Contains(string(b.body), "Baker") {
		t.Errorf("another ward: %d %s", b.status, b.body)
	}
}
