package webd_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// program lets one in and gives it a token of somebody with these scopes, under
// the name of the scopes.
func (w *world) program(who vital.UserID, patient vital.PatientID, scopes string) string {
	w.t.Helper()
	ctx := w.t.Context()
	p := auth.Program{Name: "Chart", Kind: auth.PublicProgram, Redirects: []string{"https://chart.example.org/back"}, Scopes: scopes}
	if who == "" {
		p.Kind, p.Redirects, p.KeysURL, p.Wards = auth.BackendProgram, nil, "https://chart.example.org/keys", []vital.WardID{"w-a"}
	}
	p, _, err := w.gate.RegisterProgram(ctx, auth.Principal{Class: auth.System}, p)
	w.do(err)
	grant := store.ClientGrant{ID: auth.NewID("g-"), Client: p.ID, Account: who, Patient: patient, Scopes: scopes, Created: vital.At(begun)}
	w.do(w.store.PutClientGrant(ctx, system, grant))
	secret := auth.ProgramToken + auth.NewSecret()
	w.do(w.store.PutClientToken(ctx, store.ClientToken{
		Site: vital.DefaultSite, Hash: auth.HashSecret(secret), Grant: grant.ID, Scopes: scopes, Created: vital.At(begun), Expires: vital.At(time.Now().Add(time.Hour)),
	}))
	name := scopes + " of " + string(who)
	w.tokens[name] = secret
	return name
}

// TestAProgramGetsWhatItWasGiven asks routes as programs of different scopes.
// Covers: A3 O2 HIPAA-164.312(a)(1)
func TestAProgramGetsWhatItWasGiven(t *testing.T) {
	w := newWorld(t)
	one := w.program("u-clinician", "p-a", "openid patient/Observation.rs")
	narrow := w.program("u-clinician", "p-a", "patient/Observation.rs?category=activity patient/Patient.r")
	every := w.program("u-clinician", "", "user/Patient.rs user/Observation.rs")
	stranger := w.program("u-clinician", "p-b", "patient/Observation.rs")
	backend := w.program("", "", "system/Observation.rs system/Patient.rs")
	nurse := w.program("u-nurse", "p-a", "patient/*.cruds")
	for _, ask := range []struct {
		who, method, path string
		want              int
	}{
		{one, "GET", "/patients/p-a/series?metrics=heart-rate", 200},
		{one, "GET", "/patients/p-a/waveforms?metric=ecg-ii", 200},
		{one, "GET", "/patients/p-b/series?metrics=heart-rate", 404},
		{one, "GET", "/patients/p-a", 403},
		{one, "GET", "/patients", 403},
		{one, "GET", "/me", 200},
		{one, "GET", "/wards/w-a", 403},
		{one, "GET", "/patients/p-a/series.csv?metrics=heart-rate", 403},
		{one, "GET", "/audit", 403},
		{one, "GET", "/me/channels", 403},
		{one, "GET", "/live", 403},
		{one, "POST", "/patients/p-a/annotations", 403},
		{narrow, "GET", "/patients/p-a/series?metrics=steps", 200},
		{narrow, "GET", "/patients/p-a/waveforms?metric=ecg-ii", 403},
		{narrow, "GET", "/patients/p-a", 200},
		{narrow, "GET", "/patients/p-b", 404},
		{every, "GET", "/patients", 200},
		{every, "GET", "/patients/p-a", 200},
		{every, "GET", "/patients/p-b", 404}, // the person may not
		{stranger, "GET", "/patients/p-b/series?metrics=heart-rate", 404},
		{backend, "GET", "/patients/p-a/series?metrics=heart-rate", 200},
		{backend, "GET", "/patients/p-b/series?metrics=heart-rate", 404},
		{backend, "GET", "/devices", 403},
		{nurse, "GET", "/patients/p-a/alarms/off", 403},
		{nurse, "PUT", "/patients/p-a", 403},
		{nurse, "GET", "/devices", 403},
		{nurse, "GET", "/clients", 403},
		{nurse, "DELETE", "/session", 403},
	} {
		if got := w.ask(ask.who, ask.method, ask.path, ""); got.status != ask.want {
			t.Errorf("%s: %s %s: %d, want %d: %.200s", ask.who, ask.method, ask.path, got.status, ask.want, got.body)
		}
	}
	got := w.ask(narrow, "GET", "/patients/p-a/series?metrics=heart-rate,steps", "")
	if text := string(got.body); strings.Contains(text, "heart-rate") || !strings.Contains(text, "steps") {
		t.Errorf("narrowed to activity: %s", text)
	}
}

// TestEveryProgramRouteExists holds the list of what programs may ask against the
// routes that there are.
func TestEveryProgramRouteExists(t *testing.T) {
	there := map[string]bool{}
	for _, r := range webd.Routes() {
		there[r] = true
	}
	for _, r := range webd.ProgramRoutes() {
		if !there[r] {
			t.Errorf("%s is for programs and does not exist", r)
		}
	}
}

// TestPeopleAndTheirPrograms: a person sees and ends what acts for them, and
// nobody else's; an administrator lets programs in.
// Covers: A3
func TestPeopleAndTheirPrograms(t *testing.T) {
	w := newWorld(t)
	const body = `{"name":"Chart","kind":"confidential","redirects":["https://chart.example.org/back"],"launchUrl":"https://chart.example.org/launch","scopes":["openid","launch","patient/Observation.rs"]}`
	if got := w.ask("clinician", "POST", "/clients", body); got.status != http.StatusForbidden {
		t.Errorf("a clinician let a program in: %d", got.status)
	}
	made := w.ask("administrator", "POST", "/clients", body).json(t)
	if made["secret"] == nil || made["id"] == nil {
		t.Fatalf("made: %v", made)
	}
	if got := w.ask("administrator", "GET", "/clients", ""); strings.Contains(string(got.body), made["secret"].(string)) || strings.Contains(string(got.body), `"hash"`) {
		t.Errorf("a secret is shown again: %s", got.body)
	}
	for body, field := range map[string]string{
		`{"name":"","kind":"public","redirects":["https://a.example.org"],"scopes":["openid"]}`:                            "name",
		`{"name":"A","kind":"public","redirects":["http://a.example.org"],"scopes":["openid"]}`:                            "https",
		`{"name":"A","kind":"public","redirects":["https://a.example.org"],"scopes":["patient/Claim.rs"]}`:                 "Claim",
		`{"name":"A","kind":"backend","keysUrl":"https://a.example.org/k","wards":["w-z"],"scopes":["system/Patient.rs"]}`: "wards",
	} {
		if got := w.ask("administrator", "POST", "/clients", body); got.status < 400 || got.status > 404 || !strings.Contains(string(got.body), field) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	opened := w.ask("clinician", "POST", "/patients/p-a/launch", `{"program":"`+made["id"].(string)+`"}`)
	if opened.status != http.StatusOK || !strings.Contains(string(opened.body), "launch=") {
		t.Errorf("opened: %d %s", opened.status, opened.body)
	}
	if got := w.ask("clinician", "POST", "/patients/p-b/launch", `{"program":"`+made["id"].(string)+`"}`); got.status != http.StatusNotFound {
		t.Errorf("opened for another ward's patient: %d %s", got.status, got.body)
	}
	name := w.program("u-clinician", "p-a", "patient/Observation.rs")
	own := w.ask("clinician", "GET", "/me/programs", "").json(t)["items"].([]any)
	if len(own) != 1 {
		t.Fatalf("own programs: %v", own)
	}
	id := own[0].(map[string]any)["id"].(string)
	if got := w.ask("nurse", "DELETE", "/me/programs/"+id, ""); got.status != http.StatusNotFound {
		t.Errorf("somebody else took it back: %d", got.status)
	}
	if got := w.ask("clinician", "DELETE", "/me/programs/"+id, ""); got.status != http.StatusNoContent {
		t.Errorf("taking it back: %d %s", got.status, got.body)
	}
	if got := w.ask(name, "GET", "/patients/p-a/series?metrics=heart-rate", ""); got.status != http.StatusUnauthorized {
		t.Errorf("the program goes on: %d", got.status)
	}
	if got := w.ask("clinician", "GET", "/let-in/none", ""); got.status != http.StatusNotFound {
		t.Errorf("a request that is not there: %d", got.status)
	}
}
