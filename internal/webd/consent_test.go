package webd_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// measure publishes a value of a patient, as the flow does.
func (w *world) measure(patient vital.PatientID, device vital.DeviceID, metric, unit string, value int64) {
	w.flow.publish(&watch.Update{Values: []watch.Value{{Reading: vital.Reading{
		Site: vital.DefaultSite, Patient: patient, Device: device, Metric: metric, Unit: unit, Value: vital.Num(vital.Whole(value)),
		Clocks: vital.Clocks{Receive: vital.At(begun), Effective: vital.At(begun)},
	}}}})
}

// forbid adds what nurse, clinician, programs and family of p-a may not see: a
// whole patient of the other ward, and glucose and notes of p-a, who refused them.
func (w *world) forbid() {
	ctx, earlier := w.t.Context(), vital.At(begun.Add(-30*time.Minute))
	must[person.Person](w.t)(w.store.PutPatient(ctx, system, person.Person{Patient: "p-c", Family: "Abelson", Given: "Vera", Birth: "1960-01-01", Numbers: []person.Number{{System: "mrn", Value: "100c"}}}))
	must[store.Admission](w.t)(w.store.Admit(ctx, system, "p-c", "b-b2", earlier))
	w.do(w.store.PutDevice(ctx, system, store.Device{ID: "monitor-c", Label: "Monitor c", Kind: "monitor", Class: "device", State: "active", Created: earlier}))
	must[store.Binding](w.t)(w.store.Bind(ctx, system, store.Binding{Device: "monitor-c", Patient: "p-c", From: earlier}))
	for _, p := range []vital.PatientID{"p-a", "p-c"} {
		must[store.Annotation](w.t)(w.store.Annotate(ctx, system, store.Annotation{ID: "n-" + string(p), Patient: p, At: earlier, Text: "a secret of " + string(p)}))
		must[store.Observation](w.t)(w.store.Observe(ctx, system, store.Observation{ID: "o-" + string(p), Patient: p, At: earlier, Note: "another secret"}))
	}
	w.measure("p-a", "monitor-a", "glucose", "mg/dL", 281)
	w.measure("p-c", "monitor-c", "heart-rate", "/min", 143)
	w.find(low("p-c", vital.At(begun)))
	high := vital.Whole(140)
	must[store.OwnLimit](w.t)(w.store.SetLimit(ctx, system, store.OwnLimit{Patient: "p-c", Metric: "heart-rate", Unit: "/min", High: &high, By: "u-else", Why: "fever", From: earlier}))
	w.flow.Changed(ctx)
}

// chances is what differs between two worlds by chance.
var chances = regexp.MustCompile(`\b(a|bn|al|rl|cs|o|n|l|s)-[0-9a-f]{10,20}\b|"(seq|now|time)":\d+|[0-9A-Z]{8}\.$`)

// TestForbiddenDataLeavesNoTrace asks everything that can be asked, by everybody
// who may not see some of it, in a world with and in a world without what they may
// not see. The answers are the same, byte for byte.
//
// Covers: A1 A2 A3 O2 ASVS-8.2.2 ASVS-8.2.3 ASVS-8.4.1 HIPAA-164.312(a)(1)
func TestForbiddenDataLeavesNoTrace(t *testing.T) {
	build := func(forbidden bool) (*world, []string) {
		w := newWorld(t)
		for _, d := range []vital.Data{vital.DataGlucose, vital.DataNotes} {
			must[store.Consent](t)(w.store.Consent(t.Context(), system, store.Consent{
				ID: "cs-" + string(d), Patient: "p-a", Data: d, Role: store.Everybody, Purpose: store.Everybody, From: vital.At(begun.Add(-time.Hour)),
			}))
		}
		raised := w.find(low("p-a", vital.At(begun)))[0].ID
		if forbidden {
			w.forbid()
		}
		return w, []string{"{alarm}", raised}
	}
	without, alarmWithout := build(false)
	with, alarmWith := build(true)
	who := []string{"nurse", "clinician", "integration", "kiosk", "family", "technician", "auditor", "patient", "administrator-only"}
	compared, shown := 0, 0
	for path, methods := range with.described().Paths {
		op, ok := methods["get"]
		if !ok || op.Action == "" || path == "/live" {
			continue
		}
		for _, caller := range who {
			switch {
			case auth.ScopeOf(principalOf(caller), auth.Action(op.Action)) == auth.Anywhere && op.Action != "rule.read" && op.Action != "metrics.read":
				continue // what may be seen everywhere shows that there is more
			case caller == "patient" && strings.Contains(path, "{patient}"):
				continue // it is theirs
			case strings.HasSuffix(path, "qr.svg"):
				continue // the picture of an address, with the port of the test's server in it
			case caller == "patient" && path == "/patients" || strings.HasPrefix(path, "/me"):
				continue
			}
			for _, about := range []string{"a", "c"} {
				query := map[string]string{
					"/patients/{patient}/series": "?metrics=heart-rate,glucose&from=" + at(-time.Hour), "/patients/{patient}/waveforms": "?metric=ecg-ii",
					"/patients": "?q=abel", "/patients/{patient}/relations/people": "?kind=family",
				}[path]
				fill := func(alarm []string) string {
					return strings.NewReplacer(append(alarm, "{patient}", "p-"+about, "{device}", "monitor-"+about, "{ward}", "w-"+map[string]string{"a": "a", "c": "b"}[about],
						"{version}", rule.Default().Version(), "{user}", "u-x", "{metric}", "glucose")...).Replace(path) + query
				}
				a, b := without.ask(caller, "GET", fill(alarmWithout), ""), with.ask(caller, "GET", fill(alarmWith), "")
				same := func(v answer) string { return chances.ReplaceAllString(unpacked(t, v.body), "") }
				if a.status != b.status || same(a) != same(b) {
					t.Errorf("%s asks %s (%s):\nwithout %d %s\nwith    %d %s", caller, path, about, a.status, same(a), b.status, same(b))
				}
				for _, secret := range []string{"281", "143", "Abelson", "p-c\"", "secret"} {
					if strings.Contains(unpacked(t, b.body), secret) && caller != "patient" && !strings.HasPrefix(path, "/rules") {
						t.Errorf("%s asks %s (%s) and reads %q: %s", caller, path, about, secret, b.body)
					}
				}
				compared++
				if b.status == 200 && len(b.body) > 20 {
					shown++
				}
			}
		}
	}
	for _, caller := range []string{"nurse", "clinician", "integration", "kiosk", "family"} {
		var heard [2]string
		for i, w := range []*world{without, with} {
			tab := w.open(caller)
			tab.until("hello")
			tab.say(`{"type":"watch","beds":["b-a1","b-a2","b-b1","b-b2"],"patient":"p-a"}`)
			snapshot := tab.until("snapshot")
			tab.say(`{"type":"alarms","ward":"*"}`)
			alarms := tab.until("alarms")
			heard[i] = chances.ReplaceAllString(fmt.Sprint(snapshot.json["beds"], len(alarms.items()), patientsOf(alarms)), "")
			compared++
		}
		if heard[0] != heard[1] {
			t.Errorf("%s watches:\nwithout %s\nwith    %s", caller, heard[0], heard[1])
		}
	}
	t.Logf("%d answers compared, %d with something in them", compared, shown)
	if compared < 300 || shown < 60 {
		t.Errorf("%d compared, %d with something in them: the walk is not whole", compared, shown)
	}
}

// unpacked is an answer as text: of an archive, its files. The manifest is left
// out: it holds the sums of files in which ids differ by chance.
func unpacked(t *testing.T, body []byte) string {
	if !bytes.HasPrefix(body, []byte("PK")) {
		return string(body)
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range archive.File {
		if f.Name == "manifest.json" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(f.Name + "\n" + string(content))
	}
	return text.String()
}

func patientsOf(h heard) (patients []string) {
	for _, i := range h.items() {
		patients = append(patients, fmt.Sprint(i["patient"]))
	}
	return patients
}

// A patient refuses something: lists, pages and the open screen obey at once, and
// what the staff of the ward must see to treat stays. What is revoked is undone.
//
// Covers: A3 A4 O2 ASVS-8.3.2 HIPAA-164.312(a)(1) HIPAA-164.508(b)(5)
func TestConsentCountsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.find(low("p-a", vital.At(begun)))
	tab := w.open("nurse")
	tab.until("hello")
	tab.say(`{"type":"watch","beds":["b-a1"],"patient":"p-a"}`)
	tab.until("snapshot")
	values := func() int {
		return len(w.ask("nurse", "GET", "/patients/p-a", "").json(t)["latest"].([]any))
	}
	if values() == 0 {
		t.Fatal("the nurse sees no value of her patient")
	}
	asked := time.Now()
	a := w.ask("patient", "PUT", "/patients/p-a/consents", `{"data":"vitals","role":"nurse","permit":false}`)
	if a.status != 200 {
		t.Fatalf("the patient refuses: %d %s", a.status, a.body)
	}
	if n := values(); n != 0 {
		t.Errorf("%d values after a refusal", n)
	}
	if closed := tab.closed(); closed != 4403 || time.Since(asked) > 2500*time.Millisecond {
		t.Errorf("the open screen ended with %d after %s", closed, time.Since(asked))
	}
	again := w.open("nurse")
	again.until("hello")
	again.say(`{"type":"watch","beds":["b-a1"],"patient":"p-a"}`)
	if beds := fmt.Sprint(again.until("snapshot").json["beds"]); strings.Contains(beds, "heart-rate") || !strings.Contains(beds, "Abel") || !strings.Contains(beds, "spo2-low") {
		t.Errorf("a screen opened after it: %s", beds)
	}
	w.measure("p-a", "monitor-a", "heart-rate", "/min", 177)
	if list := w.ask("nurse", "GET", "/alarms", ""); !strings.Contains(string(list.body), "spo2-low") {
		t.Errorf("the alarms of the bed: %d %s", list.status, list.body)
	}
	if v := w.ask("clinician", "GET", "/patients/p-a", ""); !strings.Contains(string(v.body), "heart-rate") {
		t.Errorf("what was refused to nurses is hidden from the clinician: %s", v.body)
	}
	id := a.json(t)["items"].([]any)
	for _, i := range id {
		if c := i.(map[string]any); c["role"] == "nurse" {
			if d := w.ask("patient", "DELETE", "/patients/p-a/consents/"+c["id"].(string), ""); d.status != 200 {
				t.Errorf("revoked: %d %s", d.status, d.body)
			}
		}
	}
	if values() == 0 {
		t.Error("no value after the refusal was revoked")
	}
	history := w.ask("patient", "GET", "/patients/p-a/consents/history", "")
	if !strings.Contains(string(history.body), `"endedBy":"u-patient"`) {
		t.Errorf("the history: %s", history.body)
	}
	run(t, w, []scenario{
		{name: "staff enter it with a reason", who: "nurse", method: "PUT", path: "/patients/p-a/consents", body: `{"data":"sleep","role":"family","permit":true}`, status: 400, want: []string{`"field":"why"`}},
		{name: "and it says so", who: "nurse", method: "PUT", path: "/patients/p-a/consents", body: `{"data":"sleep","role":"family","permit":true,"why":"said at the bedside"}`, status: 200, want: []string{`"behalf":true`}},
		{name: "of another patient", who: "patient", method: "GET", path: "/patients/p-b/consents", status: 404},
		{name: "a family decides nothing", who: "family", method: "PUT", path: "/patients/p-a/consents", body: `{"data":"all","permit":true}`, status: 403},
		{name: "an unknown kind", who: "patient", method: "PUT", path: "/patients/p-a/consents", body: `{"data":"gossip","permit":true}`, status: 400, want: []string{`"field":"data"`}},
		{name: "the family sees what it was permitted", who: "family", method: "GET", path: "/patients/p-a", status: 200, want: []string{"heart-rate", "Abel"}},
		{name: "and nobody else", who: "family", method: "GET", path: "/patients", status: 200, want: []string{"Abel"}, not: []string{"Baker"}},
		{name: "no alarms without a permission", who: "family", method: "GET", path: "/alarms", status: 200, want: []string{`"items":[]`}},
		{name: "whose record", who: "patient", method: "GET", path: "/me/patient", status: 200, want: []string{`"patient":"p-a"`, "Abel"}},
		{name: "nobody's", who: "nurse", method: "GET", path: "/me/patient", status: 404},
	})
}

// closed reads until the server ends the socket, and returns its code.
func (c *tab) closed() websocket.StatusCode {
	c.t.Helper()
	ctx, stop := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer stop()
	for {
		if _, _, err := c.conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

// A clinician of another ward breaks the glass: with a reason, for a time, seen by
// the patient and by reviewers, and ended by the clock.
//
// Covers: A12 A3 ASVS-8.3.2 HIPAA-164.312(a)(2)(ii) HIPAA-164.312(b)
func TestBreakGlass(t *testing.T) {
	w := newWorld(t)
	run(t, w, []scenario{
		{name: "before", who: "clinician", method: "GET", path: "/patients/p-b", status: 404},
		{name: "found by two identifiers", who: "clinician", method: "POST", path: "/break-glass/find", body: `{"family":"baker","birth":"1950-05-17"}`, status: 200, want: []string{`"id":"p-b"`}},
		{name: "one is wrong", who: "clinician", method: "POST", path: "/break-glass/find", body: `{"family":"baker","birth":"1950-05-18"}`, status: 200, want: []string{`"items":[]`}},
		{name: "without a reason", who: "clinician", method: "POST", path: "/patients/p-b/break-glass", body: `{"reason":"look"}`, status: 400, want: []string{`"field":"reason"`}},
		{name: "too long", who: "clinician", method: "POST", path: "/patients/p-b/break-glass", body: `{"reason":"found on the floor","minutes":300}`, status: 400, want: []string{`"field":"minutes"`}},
		{name: "an administrator", who: "administrator-only", method: "POST", path: "/patients/p-b/break-glass", body: `{"reason":"found on the floor"}`, status: 403},
		{name: "a family", who: "family", method: "POST", path: "/patients/p-b/break-glass", body: `{"reason":"found on the floor"}`, status: 403},
		{name: "broken", who: "clinician", method: "POST", path: "/patients/p-b/break-glass", body: `{"reason":"found on the floor"}`, status: 201, want: []string{`"state":"open"`}},
		{name: "twice", who: "clinician", method: "POST", path: "/patients/p-b/break-glass", body: `{"reason":"found on the floor"}`, status: 409},
		{name: "seen", who: "clinician", method: "GET", path: "/patients/p-b", status: 200, want: []string{"Baker", "heart-rate"}},
		{name: "it changes nothing", who: "clinician", method: "PUT", path: "/patients/p-b/care", body: `{"spo2Scale":2,"conditions":[],"why":"x"}`, status: 404},
		{name: "the colleague sees nothing by it", who: "nurse", method: "GET", path: "/patients/p-b", status: 404},
		{name: "in the queue", who: "auditor", method: "GET", path: "/break-glass", status: 200, want: []string{"found on the floor", `"state":"open"`, `"looks":1`}},
		{name: "not for the staff", who: "nurse", method: "GET", path: "/break-glass", status: 403},
	})
	if notices := w.ask("auditor", "GET", "/me/notices", ""); !strings.Contains(string(notices.body), "break-glass") {
		t.Errorf("the auditor was not told: %s", notices.body)
	}
	w.do(w.store.PutUser(t.Context(), system, store.User{ID: "u-baker", Name: "Baker", Username: "baker", Roles: []string{"patient"}, Patient: "p-b", State: auth.UserActive}))
	w.cookies["baker"] = w.signIn("u-baker", auth.ByPasskey)
	looked := w.ask("baker", "GET", "/patients/p-b/looked", "")
	for _, want := range []string{`"what":"break-glass"`, `"glass":true`, "The clinician", "opened your record"} {
		if !strings.Contains(string(looked.body), want) {
			t.Errorf("the patient does not read %s: %s", want, looked.body)
		}
	}
	list := w.ask("auditor", "GET", "/break-glass", "").json(t)["items"].([]any)
	id := list[0].(map[string]any)["id"].(string)
	w.clock.pass(4 * time.Minute)
	run(t, w, []scenario{
		{name: "a verdict needs words", who: "auditor", method: "POST", path: "/break-glass/" + id + "/review", body: `{"verdict":"unjustified"}`, status: 400, want: []string{`"field":"note"`}},
		{name: "not one's own", who: "clinician", method: "POST", path: "/break-glass/" + id + "/review", body: `{"verdict":"justified"}`, status: 403},
		{name: "a verdict", who: "auditor", method: "POST", path: "/break-glass/" + id + "/review", body: `{"verdict":"unjustified","note":"was not on duty"}`, status: 200, want: []string{`"state":"reviewed"`, "was not on duty"}},
	})
	w.clock.pass(57 * time.Minute)
	w.cookies["clinician"] = w.signIn("u-clinician", auth.ByPasskey)
	if a := w.ask("clinician", "GET", "/patients/p-b", ""); a.status != 404 {
		t.Errorf("after the time: %d", a.status)
	}
	w.clock.pass(10 * time.Minute)
	w.cookies["clinician"] = w.signIn("u-clinician", auth.ByPasskey)
	w.clock.pass(6 * time.Minute)
	if a := w.ask("clinician", "POST", "/patients/p-b/break-glass", `{"reason":"found on the floor again"}`); a.status != 401 {
		t.Errorf("without a fresh proof: %d %s", a.status, a.body)
	}
}

// Somebody browses: the ledger is counted, and administrators and auditors are told
// within a minute, once.
//
// Covers: A12 HIPAA-164.308(a)(1)(ii)(D) ASVS-16.3.1
func TestBrowsingIsNoticed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	now := vital.At(w.clock.Now())
	for i := range 200 {
		p := vital.PatientID(fmt.Sprintf("p-v%d", i))
		must[person.Person](t)(w.store.PutPatient(ctx, system, person.Person{Patient: p, Family: "Famous"}))
		w.do(w.store.AppendAudit(ctx, looking("u-clinician", p, now)))
	}
	for i := range 150 { // somebody busy, who is within the limits
		w.do(w.store.AppendAudit(ctx, looking("u-nurse", "p-a", now.Add(-time.Duration(i)*time.Second))))
	}
	before := w.ask("auditor", "GET", "/anomalies", "")
	if string(before.body) != "{\"items\":[]}\n" {
		t.Fatalf("before anything was counted: %s", before.body)
	}
	for range 3 {
		w.do(w.server.NoticeBrowsing(ctx))
	}
	list := w.ask("auditor", "GET", "/anomalies", "").json(t)["items"].([]any)
	kinds := map[string]map[string]any{}
	for _, i := range list {
		a := i.(map[string]any)
		if a["who"] != "u-clinician" {
			t.Errorf("noticed: %v", a)
		}
		kinds[a["kind"].(string)] = a
	}
	if len(list) != 2 || len(kinds) != 2 || kinds["many"]["looks"] != 200.0 || kinds["unrelated"]["patients"] != 200.0 {
		t.Fatalf("noticed: %v", list)
	}
	for _, who := range []string{"auditor", "administrator-only"} {
		if n := w.ask(who, "GET", "/me/notices", ""); strings.Count(string(n.body), `"browsing"`) != 2 {
			t.Errorf("%s was told %s", who, n.body)
		}
	}
	id := kinds["many"]["id"].(string)
	run(t, w, []scenario{
		{name: "the one who browsed", who: "clinician", method: "GET", path: "/anomalies", status: 403},
		{name: "a finding", who: "auditor", method: "POST", path: "/anomalies/" + id + "/seen", body: `{"note":"spoke with her"}`, status: 200, want: []string{"spoke with her", `"seenBy":"u-auditor"`}},
		{name: "a finding without words", who: "auditor", method: "POST", path: "/anomalies/" + id + "/seen", body: `{"note":" "}`, status: 400},
		{name: "the policy", who: "auditor", method: "GET", path: "/anomalies/policy", status: 200, want: []string{`"looks":200`, `"unrelated":20`, `"minutes":10`}},
		{name: "an auditor sets none", who: "auditor", method: "PUT", path: "/anomalies/policy", body: `{"looks":100,"unrelated":5,"minutes":5,"accounts":[]}`, status: 403},
		{name: "an administrator does", who: "administrator-only", method: "PUT", path: "/anomalies/policy", body: `{"looks":100,"unrelated":5,"minutes":10,"accounts":[{"user":"u-nurse","looks":1000,"unrelated":5}]}`, status: 200, want: []string{`"looks":100`}},
	})
}

func looking(who string, p vital.PatientID, at vital.Instant) audit.Entry {
	return audit.Entry{Site: vital.DefaultSite, At: at, Who: who, Action: "patient.read", Subject: "patient/" + string(p), Patient: p, Outcome: "done"}
}

// The words of a look are known for every action that is noted.
//
// Covers: A12
func TestEveryLookHasWords(t *testing.T) {
	w := newWorld(t)
	d, found := w.described(), 0
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, op := range d.Paths[path] {
			if !strings.Contains(path, "{patient}") || op.Action == "" {
				continue
			}
			found++
			if what, _ := webd.KindOfLook(op.Action); what == "other" {
				t.Errorf("%s (%s) has no words for the patient", op.Action, path)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d routes about a patient", found)
	}
}
