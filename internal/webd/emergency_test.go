package webd_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// An emergency look lets somebody in who may not see the patient otherwise: with a
// reason, for a time, and every look under it is in the ledger by its name. When
// it ends the patient is as if not there again.
//
// Covers: H2 A12 HIPAA-164.312(a)(2)(ii)
func TestEmergencyLookIsInTheLedger(t *testing.T) {
	w := newWorld(t)
	if a := w.ask("nurse", "GET", "/patients/p-b", ""); a.status != 404 {
		t.Fatalf("before: %d", a.status)
	}
	if a := w.ask("nurse", "POST", "/patients/p-b/break-glass", `{"reason":"short"}`); a.status != 400 {
		t.Errorf("without a reason: %d %s", a.status, a.body)
	}
	if a := w.ask("technician", "POST", "/patients/p-b/break-glass", `{"reason":"found unconscious in the lift"}`); a.status != 403 {
		t.Errorf("a technician: %d %s", a.status, a.body)
	}
	opened := w.ask("nurse", "POST", "/patients/p-b/break-glass", `{"reason":"found unconscious in the lift","minutes":10}`)
	if opened.status != 201 {
		t.Fatalf("opening: %d %s", opened.status, opened.body)
	}
	glass := opened.json(t)["id"].(string)
	if a := w.ask("nurse", "GET", "/patients/p-b", ""); a.status != 200 || !strings.Contains(string(a.body), "Baker") {
		t.Errorf("under it: %d %s", a.status, a.body)
	}
	if a := w.ask("clinician", "GET", "/patients/p-b", ""); a.status != 404 {
		t.Errorf("it lets somebody else in: %d", a.status)
	}
	under := w.ask("auditor", "GET", "/audit?glass=true", "").json(t)
	looked := false
	for _, e := range under["items"].([]any) {
		line := e.(map[string]any)
		if line["glass"] != glass || line["who"] != "u-nurse" || line["patient"] != "p-b" {
			t.Errorf("under the emergency look: %v", line)
		}
		looked = looked || line["action"] == "patient.read" && line["outcome"] == "done"
	}
	if !looked {
		t.Errorf("the look is not in the ledger as one of an emergency: %v", under)
	}
	w.clock.pass(11 * time.Minute)
	if a := w.ask("nurse", "GET", "/patients/p-b", ""); a.status != 404 {
		t.Errorf("after its time: %d", a.status)
	}
}

// An auditor searches, pages and takes away; that it was done is an entry too.
//
// Covers: HIPAA-164.312(b) O6 BALP
func TestAuditorsSearch(t *testing.T) {
	w := newWorld(t)
	w.ask("nurse", "GET", "/patients/p-a", "")
	w.ask("nurse", "GET", "/patients/p-b", "")
	first := w.ask("auditor", "GET", "/audit?limit=3", "").json(t)
	next, _ := first["next"].(string)
	items := first["items"].([]any)
	if len(items) != 3 || next == "" || first["total"].(float64) < 10 || first["more"] != false {
		t.Fatalf("the first page: %v", first)
	}
	second := w.ask("auditor", "GET", "/audit?limit=3&before="+next, "").json(t)["items"].([]any)
	if last, then := items[2].(map[string]any)["n"].(float64), second[0].(map[string]any)["n"].(float64); then != last-1 {
		t.Errorf("the second page begins with %v after %v", then, last)
	}
	for query, want := range map[string]int{"outcome=wrong": 400, "glass=perhaps": 400, "before=x": 400, "from=yesterday": 400, "limit=0": 400, "outcome=refused&patient=p-b": 200} {
		if a := w.ask("auditor", "GET", "/audit?"+query, ""); a.status != want {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if a := w.ask("auditor", "GET", "/audit/counts?by=why", ""); a.status != 400 {
		t.Errorf("by why: %d %s", a.status, a.body)
	}
	if a := w.ask("auditor", "GET", "/audit/counts?by=day", ""); a.status != 200 || !strings.Contains(string(a.body), begun.Format(time.DateOnly)) {
		t.Errorf("by day: %d %s", a.status, a.body)
	}
	if a := w.ask("nurse", "GET", "/audit.ndjson", ""); a.status != 403 {
		t.Errorf("a nurse takes the ledger away: %d", a.status)
	}
	events := w.ask("auditor", "GET", "/audit.ndjson", "")
	lines, noted := 0, false
	for s := bufio.NewScanner(bytes.NewReader(events.body)); s.Scan(); lines++ {
		var v struct {
			ResourceType string
			Subtype      []struct{ Code string }
		}
		if err := json.Unmarshal(s.Bytes(), &v); err != nil || v.ResourceType != "AuditEvent" {
			t.Fatalf("%v: %s", err, s.Text())
		}
		noted = v.Subtype[1].Code == "audit.export"
	}
	if events.status != 200 || lines < 10 || !noted {
		t.Errorf("%d, %d events, the last says that they were taken away: %t", events.status, lines, noted)
	}
}
