package webd_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// A one-time secret is shown once, with all that a device needs beside it, to who
// may enrol devices; and nothing is promised where no certificate can be given.
//
// Covers: D1 S1
func TestEnrolment(t *testing.T) {
	authority, err := ca.Open(t.Context(), ca.Options{Dir: t.TempDir(), Site: vital.DefaultSite})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *webd.Options) {
		o.Authority, o.EST = authority, "https://vigil.example.org:8443/.well-known/est"
	})
	a := w.ask("technician", "POST", "/devices/monitor-a/enrolment", `{}`)
	var e webd.Enrolment
	w.do(json.Unmarshal(a.body, &e))
	if a.status != 201 || e.Device != "monitor-a" || len(e.Secret) != 23 || e.EST == "" || e.Authority != authority.Fingerprint() || !strings.HasPrefix(e.QR, "<svg") || e.Expires != vital.At(begun).Add(auth.EnrolmentLife) {
		t.Errorf("%d %+v", a.status, e)
	}
	if u := e.URI(); !strings.Contains(u, e.Secret) || !strings.Contains(u, e.Authority) || !strings.Contains(u, "vigil.example.org%3A8443") {
		t.Errorf("the code says %s", u)
	}
	if _, err := w.gate.Enrolling(t.Context(), "monitor-a", e.Secret, "10.0.0.7:1"); err != nil {
		t.Errorf("the secret that was shown is not good: %v", err)
	}
	if line := string(w.ask("administrator", "GET", "/audit", "").body); strings.Contains(line, e.Secret) || !strings.Contains(line, "device.enrolment") {
		t.Error("the ledger has no line of it, or the secret in it")
	}
	for name, c := range map[string]struct {
		who, path, body string
		want            int
	}{
		"a nurse":                {"nurse", "/devices/monitor-a/enrolment", `{}`, 403},
		"too long":               {"technician", "/devices/monitor-a/enrolment", `{"hours":169}`, 400},
		"never":                  {"technician", "/devices/monitor-a/enrolment", `{"hours":-1}`, 400},
		"no such device":         {"technician", "/devices/none/enrolment", `{}`, 404},
		"a week":                 {"technician", "/devices/monitor-a/enrolment", `{"hours":168}`, 201},
		"revoking without a why": {"technician", "/devices/monitor-a/certificates/1", `{}`, 400},
	} {
		method := "POST"
		if strings.Contains(c.path, "certificates") {
			method = "DELETE"
		}
		if a := w.ask(c.who, method, c.path, c.body); a.status != c.want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := w.ask("", "GET", "/certificates/ca.pem", ""); a.status != 200 || string(a.body) != string(authority.PEM()) {
		t.Errorf("whom to trust: %d %s", a.status, a.body)
	}
	plain := newWorld(t, func(o *webd.Options) { o.Authority = authority })
	if a := plain.ask("technician", "POST", "/devices/monitor-a/enrolment", `{}`); a.status != 503 || !strings.Contains(string(a.body), "http-devices") {
		t.Errorf("without TLS: %d %s", a.status, a.body)
	}
}

// Where the administration and the devices have addresses of their own, what is
// theirs is refused elsewhere, with the address where it is done.
//
// Covers: H8 O2
func TestEntrances(t *testing.T) {
	elsewhere := webd.Elsewhere{Screens: "https://screens", Devices: "https://devices", Administration: "https://administration"}
	at := func(e webd.Entrance) *world {
		return newWorld(t, func(o *webd.Options) { o.Entrance, o.Elsewhere, o.EntranceKey = e, elsewhere, []byte("key") })
	}
	send := func(w *world, cookie string, method, path string) (int, string) {
		r := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader("{}"))
		r.Host = "localhost"
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "vigil", Value: cookie})
		}
		answer := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(answer, r)
		return answer.Code, answer.Body.String()
	}
	screens := at(webd.Clinicians)
	if status, text := send(screens, "", "POST", "/telemetry"); status != 403 || !strings.Contains(text, elsewhere.Devices) {
		t.Errorf("telemetry at the screens: %d %s", status, text)
	}
	for _, path := range []string{"/users", "/tokens"} {
		if status, text := send(screens, "", "GET", path); status != 403 || !strings.Contains(text, elsewhere.Administration) {
			t.Errorf("%s at the screens: %d %s", path, status, text)
		}
	}
	if status, _ := send(screens, screens.cookies["administrator"], "GET", "/me"); status != 401 {
		t.Errorf("a cookie without the mark of the place: %d", status)
	}
	devices := at(webd.Devices)
	for _, path := range []string{"/me", "/wards", "/users", "/devices", "/patients", "/openapi.json"} {
		if status, text := send(devices, devices.cookies["administrator"], "GET", path); status != 403 || !strings.Contains(text, elsewhere.Screens) {
			t.Errorf("%s at the devices': %d %s", path, status, text)
		}
	}
	if status, _ := send(devices, "", "POST", "/telemetry"); status != 200 {
		t.Errorf("telemetry at its own address: %d", status)
	}
}
