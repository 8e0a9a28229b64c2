package audit_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

var update = flag.Bool("update", false, "write the golden files")

// samples are one entry of each shape.
func samples() []audit.Entry {
	at := vital.Instant(1_795_000_000_000)
	return []audit.Entry{
		{At: at, Who: "u-1", Role: "nurse", From: "10.0.0.7", Action: "patient.read", Subject: "patient/p-1", Patient: "p-1", Outcome: "done", Purpose: "treatment"},
		{At: at + 1, Who: "u-1", Role: "nurse", From: "10.0.0.7", Action: "ward.read", Subject: "ward/w-1", Outcome: "done"},
		{At: at + 2, Who: "u-2", Role: "clinician,administrator", From: "2001:db8::1", Action: "limit.write", Subject: "patient/p-1", Patient: "p-1", Outcome: "done", Why: "COPD"},
		{At: at + 3, Who: "u-3", Role: "nurse", From: "10.0.0.8", Action: "patient.read", Subject: "patient/p-2", Patient: "p-2", Outcome: "refused", Why: "not of this ward"},
		{At: at + 4, Who: "u-2", Role: "clinician", From: "10.0.0.9", Action: "glass.open", Subject: "patient/p-2", Patient: "p-2", Outcome: "done", Why: "unconscious in the corridor", Glass: "gl-1", Purpose: "treatment"},
		{At: at + 5, Who: "x", From: "10.0.0.66", Action: "session.open", Subject: "user", Outcome: "refused", Why: "wrong user name or password"},
		{At: at + 6, Who: "system", Role: "system", Action: "store.retain", Subject: "retention/waveforms", Outcome: "done", Why: "kept 7 days, 12 removed"},
		{At: at + 7, Who: "u-4", Role: "auditor", From: "10.0.0.4", Action: "audit.export", Outcome: "done"},
		{At: at + 8, Who: "u-1", Role: "nurse", From: "10.0.0.7", Action: "patient.find", Subject: "site", Outcome: "done"},
		{At: at + 9, Who: "u-5", Role: "administrator", From: "10.0.0.5", Action: "user.write", Subject: "user/u-1", Outcome: "done"},
	}
}

// fixed stamps an entry with a salt that does not change.
func fixed(e audit.Entry, n int64) audit.Row {
	e.Site = site
	r := audit.Row{Entry: e, N: n, Salt: bytes.Repeat([]byte{byte(n)}, 32)}
	copy(r.Leaf[:], bytes.Repeat([]byte{0xa0 + byte(n)}, 32))
	return r
}

// The export has the shape that is on file, and every event what R4 requires and,
// where it names a profile of BALP, what that requires.
//
// Covers: BALP HIPAA-164.312(b) ASVS-16.2.1
func TestEvents(t *testing.T) {
	o := audit.Observer{Site: site, Address: "https://vigil.example.org"}
	var out bytes.Buffer
	claimed := map[string]int{}
	for i, e := range samples() {
		r := fixed(e, int64(i))
		if i == 2 {
			r.Erase()
			r.Erased = bytes.Repeat([]byte{0xee}, 32)
		}
		body, err := audit.Event(r, map[string]string{"u-1": "Ann Lee"}[e.Who], o)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(body, '\n'))
		var v map[string]any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		for _, problem := range append(required(v), balp(v)...) {
			t.Errorf("%s: %s", e.Action, problem)
		}
		if m, ok := v["meta"].(map[string]any); ok {
			p := m["profile"].([]any)[0].(string)
			claimed[p[strings.LastIndex(p, "IHE.BasicAudit."):]]++
		}
	}
	for _, p := range []string{"IHE.BasicAudit.PatientRead", "IHE.BasicAudit.Read", "IHE.BasicAudit.PatientUpdate"} {
		if claimed[p] == 0 {
			t.Errorf("no sample has the profile %s: %v", p, claimed)
		}
	}
	const golden = "testdata/events.ndjson"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, out.Bytes()) {
		t.Errorf("the events are not those of %s; -update writes them\n%s", golden, out.Bytes())
	}
}

// required is what the definition of AuditEvent in R4 asks: the elements with a
// least number of one, the closed value sets, and the invariant sev-1.
// Source: https://hl7.org/fhir/R4/auditevent-definitions.html
func required(v map[string]any) (problems []string) {
	want := func(ok bool, what string) {
		if !ok {
			problems = append(problems, "R4: "+what)
		}
	}
	has := func(m map[string]any, key string) bool { return m != nil && m[key] != nil && m[key] != "" }
	coded := func(m any) bool { c, _ := m.(map[string]any); return has(c, "system") && has(c, "code") }
	want(v["resourceType"] == "AuditEvent", "resourceType")
	want(coded(v["type"]), "type 1..1")
	for _, s := range v["subtype"].([]any) {
		want(coded(s), "subtype is a Coding")
	}
	recorded, _ := v["recorded"].(string)
	_, err := time.Parse(time.RFC3339Nano, recorded)
	want(err == nil, "recorded 1..1, an instant with a zone")
	want(slices.Contains([]any{"C", "R", "U", "D", "E"}, v["action"]), "action of its value set")
	want(slices.Contains([]any{"0", "4", "8", "12"}, v["outcome"]), "outcome of its value set")
	agents, _ := v["agent"].([]any)
	want(len(agents) > 0, "agent 1..*")
	requestors := 0
	for _, a := range agents {
		m := a.(map[string]any)
		asked, ok := m["requestor"].(bool)
		want(ok, "agent.requestor 1..1")
		if asked {
			requestors++
		}
		if n, ok := m["network"].(map[string]any); ok {
			want(slices.Contains([]any{"1", "2", "3", "4", "5"}, n["type"]) && has(n, "address"), "agent.network of its value set")
		}
	}
	want(requestors == 1, "one agent asked")
	source, _ := v["source"].(map[string]any)
	want(has(source, "observer"), "source.observer 1..1")
	entities, _ := v["entity"].([]any)
	for _, e := range entities {
		m := e.(map[string]any)
		want(!(has(m, "name") && has(m, "query")), "sev-1: name or query")
		if details, ok := m["detail"].([]any); ok {
			for _, d := range details {
				want(has(d.(map[string]any), "type") && has(d.(map[string]any), "valueString"), "entity.detail has type and value")
			}
		}
	}
	return problems
}

// balp is what the profiles Read, PatientRead, Update and PatientUpdate of BALP
// 1.1 ask beyond that.
// Source: https://profiles.ihe.net/ITI/BALP/artifacts.html
func balp(v map[string]any) (problems []string) {
	m, ok := v["meta"].(map[string]any)
	if !ok {
		return nil
	}
	want := func(ok bool, what string) {
		if !ok {
			problems = append(problems, "BALP: "+what)
		}
	}
	profile := strings.TrimPrefix(m["profile"].([]any)[0].(string), "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.")
	patient := strings.HasPrefix(profile, "Patient")
	code := func(m any) string {
		c, _ := m.(map[string]any)
		s, _ := c["code"].(string)
		return s
	}
	want(code(v["type"]) == "rest" && v["outcome"] == "0", "a successful rest event")
	action, source, destination, users := "R", "server", "client", []string{"IRCP"}
	if strings.HasSuffix(profile, "Update") {
		action, source, destination, users = "U", "client", "server", []string{"AUT", "INF", "CST"}
	}
	want(v["action"] == action, "action")
	found := map[string]int{}
	for _, a := range v["agent"].([]any) {
		m := a.(map[string]any)
		kind := code(m["type"].(map[string]any)["coding"].([]any)[0])
		want(m["who"] != nil, "agent.who 1..1")
		switch {
		case kind == "110153":
			found[source]++
			want(m["network"] != nil, source+".network 1..1")
		case kind == "110152":
			found[destination]++
			want(m["network"] != nil, destination+".network 1..1")
		default:
			found["user"]++
			want(slices.Contains(users, kind) && m["requestor"] == true && m["network"] == nil, "the user")
		}
	}
	want(found["client"] == 1 && found["server"] == 1 && found["user"] == 1, "client, server, user")
	entities := map[string]int{}
	for _, e := range v["entity"].([]any) {
		m := e.(map[string]any)
		entities[code(m["type"])+"/"+code(m["role"])]++
		want(m["what"] != nil, "entity.what 1..1")
	}
	want(entities["2/4"] == 1 && (entities["1/1"] == 1) == patient, "entities of data and patient")
	return problems
}
