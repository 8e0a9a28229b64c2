package webd_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// Another site's page cannot act with the visitor's cookie.
func TestCrossSite(t *testing.T) {
	w := newWorld(t)
	body := `{"reason":"theatre","minutes":5}`
	for name, header := range map[string][]string{
		"fetch":  {"Sec-Fetch-Site", "cross-site"},
		"origin": {"Origin", "https://evil.example"},
	} {
		if a := w.ask("nurse", "POST", "/patients/p-a/standby", body, header...); a.status != 403 {
			t.Errorf("%s: %d %s, want 403", name, a.status, a.body)
		}
	}
	if a := w.ask("nurse", "POST", "/patients/p-a/standby", body, "Sec-Fetch-Site", "same-origin"); a.status != 201 {
		t.Errorf("our own page got %d: %s", a.status, a.body)
	}
}

// A name that is not ours is not answered: a page of somebody else could point
// its own name at this machine, and the demonstration asks for no password.
func TestForeignName(t *testing.T) {
	w := newWorld(t, func(o *webd.Options) { o.Demo = true })
	for host, want := range map[string]int{"127.0.0.1:80": 200, "localhost": 200, "[::1]:9": 200, "evil.example": 403, "127.0.0.1.evil.example": 403} {
		if a := w.ask("", "GET", "/me", "", "Host", host); a.status != want {
			t.Errorf("Host %s got %d, want %d", host, a.status, want)
		}
	}
	listed := newWorld(t, func(o *webd.Options) { o.Hosts = []string{"vigil.hospital.example"} })
	if a := listed.ask("nurse", "GET", "/me", "", "Host", "vigil.hospital.example:443"); a.status != 200 {
		t.Errorf("a listed name got %d", a.status)
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"!/", "!/ward/w-a", "/me", "!/assets/main-1a2b.js", "/none"} {
		h := w.ask("nurse", "GET", path, "").header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Embedder-Policy": "require-corp", "Referrer-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %q lets what is inline run or style", path, policy)
		}
	}
	secure := newWorld(t, func(o *webd.Options) { o.Secure = true })
	if h := secure.ask("", "GET", "/me", "").header; !strings.Contains(h.Get("Strict-Transport-Security"), "max-age") {
		t.Error("no HSTS under TLS")
	}
}

// Each page gets a nonce of its own, in the policy and in the page alike; only
// what carries it runs.
// Covers: A11 ASVS-3.4.3
func TestPage(t *testing.T) {
	w := newWorld(t)
	nonces := map[string]bool{}
	for range 2 {
		a := w.ask("", "GET", "!/patients/p-a?tab=trends", "")
		nonce := regexp.MustCompile(`'nonce-([A-Z2-7]+)'`).FindStringSubmatch(a.header.Get("Content-Security-Policy"))
		if a.status != 200 || nonce == nil || !strings.Contains(string(a.body), `<script nonce="`+nonce[1]+`" type="module"`) ||
			!strings.Contains(a.header.Get("Content-Security-Policy"), "script-src 'nonce-"+nonce[1]+"' 'strict-dynamic';") || strings.Contains(string(a.body), "__VIGIL_NONCE__") {
			t.Fatalf("%d %q %s", a.status, a.header.Get("Content-Security-Policy"), a.body)
		}
		if a.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("the page may be kept: %q", a.header.Get("Cache-Control"))
		}
		nonces[nonce[1]] = true
	}
	if len(nonces) != 2 {
		t.Error("two pages share a nonce")
	}
	for _, c := range []struct {
		index string
		want  bool
	}{{`<head><meta name="trusted-types" content="default" /></head>`, true}, {`<head></head>`, false}} {
		w := newWorld(t, func(o *webd.Options) { o.Assets = fstest.MapFS{"index.html": {Data: []byte(c.index)}} })
		a := w.ask("", "GET", "!/", "")
		if got := strings.Contains(a.header.Get("Content-Security-Policy"), "require-trusted-types-for 'script'"); got != c.want {
			t.Errorf("%s: Trusted Types are asked for: %v", c.index, got)
		}
		if !strings.Contains(string(a.body), `<meta property="csp-nonce" nonce="`) {
			t.Errorf("the page's scripts cannot give the nonce to what they add: %s", a.body)
		}
	}
	packed := w.ask("", "GET", "!/assets/main-1a2b.js", "", "Accept-Encoding", "gzip")
	unpacked, err := gzip.NewReader(bytes.NewReader(packed.body))
	w.do(err)
	text, err := io.ReadAll(unpacked)
	w.do(err)
	if !bytes.Equal(text, page["assets/main-1a2b.js"].Data) || !strings.Contains(packed.header.Get("Cache-Control"), "immutable") {
		t.Errorf("asset: %v", packed.header)
	}
	if a := w.ask("", "GET", "!/assets/main-1a2b.js", "", "If-None-Match", packed.header.Get("ETag")); a.status != 304 {
		t.Errorf("an asset that is there already got %d, want 304", a.status)
	}
	if a := w.ask("", "GET", "!/assets/gone-9f.js", ""); a.status != 404 {
		t.Errorf("an asset of another build got %d, want 404", a.status)
	}
}

func TestDemoSignsIn(t *testing.T) {
	w := newWorld(t, func(o *webd.Options) { o.Demo = true })
	run(t, w, []scenario{
		{who: "", method: "GET", path: "/me", status: 200, want: []string{`"demo":true`, `"name":"Visitor"`, `"password":true`}},
		{who: "", method: "GET", path: "/wards/w-b", status: 200, want: []string{"Baker"}},
		{who: "", method: "PUT", path: "/me/preferences", body: `{"theme":"light","privacy":false}`, status: 200},
		{who: "", method: "POST", path: "/me/password", body: `{"old":"","new":"correct horse battery"}`, status: 403},
		{who: "", method: "POST", path: "/patients", body: `{"family":"Made","given":"Up","birth":"","sex":"","numbers":[]}`, status: 201, want: []string{`"demo":true`}},
		{name: "a real device never measures a made-up patient", who: "", method: "POST", path: "/devices/pump-1/bind", body: `{"patient":"p-a","confirm":{"family":"Abel","number":"100a"}}`, status: 201},
	})
	if h := w.open("").until("hello"); h.json["demo"] != true {
		t.Error("the live socket does not say that this is a demonstration")
	}
}

// Signing in: the cookie cannot be read by scripts, and under TLS is bound to the host.
func TestSignIn(t *testing.T) {
	for _, secure := range []bool{false, true} {
		w := newWorld(t, func(o *webd.Options) { o.Secure = secure })
		made := w.ask("administrator", "GET", "/me", "")
		if secure {
			w.cookies["administrator"] = "" // the test's cookies carry the other name
		} else if made.status != 200 {
			t.Fatal(made.status)
		}
		u, err := w.store.UserByName(t.Context(), vital.DefaultSite, "nurse")
		w.do(err)
		link, err := w.gate.Link(t.Context(), principal, u.ID)
		w.do(err)
		a := w.ask("", "POST", "/session/link", `{"token":"`+link+`"}`)
		if a.status != 200 || a.json(t)["password"] != false {
			t.Fatalf("link: %d %s", a.status, a.body)
		}
		cookies := (&http.Response{Header: a.header}).Cookies()
		if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].Path != "/" ||
			cookies[0].Secure != secure || strings.HasPrefix(cookies[0].Name, "__Host-") != secure || cookies[0].Domain != "" {
			t.Fatalf("cookie %+v", cookies)
		}
		again := w.ask("", "POST", "/session/link", `{"token":"`+link+`"}`)
		if again.status != 401 {
			t.Errorf("a link worked twice: %d", again.status)
		}
		signed := cookies[0].Name + "=" + cookies[0].Value
		if a := w.ask("", "POST", "/me/password", `{"old":"","new":"short"}`, "Cookie", signed); a.status != 400 {
			t.Errorf("a short password got %d", a.status)
		}
		if a := w.ask("", "POST", "/me/password", `{"old":"","new":"correct horse battery"}`, "Cookie", signed); a.status != 204 {
			t.Fatalf("password: %d %s", a.status, a.body)
		}
		if a := w.ask("", "GET", "/me", "", "Cookie", signed); a.status != 401 {
			t.Errorf("the old session lives on after a new password: %d", a.status)
		}
		if a := w.ask("", "POST", "/session", `{"username":"Nurse ","password":"correct horse battery"}`); a.status != 200 {
			t.Errorf("sign in: %d %s", a.status, a.body)
		}
		for range 6 {
			w.ask("", "POST", "/session", `{"username":"nurse","password":"wrong horse battery"}`)
		}
		slow := w.ask("", "POST", "/session", `{"username":"nurse","password":"correct horse battery"}`)
		if slow.status != 429 || slow.header.Get("Retry-After") == "" {
			t.Errorf("after six wrong passwords: %d, want 429 with Retry-After", slow.status)
		}
		w.clock.pass(16 * time.Minute)
		if a := w.ask("", "POST", "/session", `{"username":"nurse","password":"correct horse battery"}`); a.status != 200 {
			t.Errorf("after the wait: %d", a.status)
		}
	}
}

// An empty chair is signed out, whatever its page asks by itself; a wall screen is not.
//
// Covers: HIPAA-164.312(a)(2)(iii)
func TestIdle(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.clock.pass(10 * time.Minute)
		if a := w.ask("nurse", "GET", "/me", ""); a.status != 200 {
			t.Fatalf("somebody who works was signed out: %d", a.status)
		}
	}
	for range 2 {
		w.clock.pass(8 * time.Minute)
		w.ask("nurse", "GET", "/me", "", "Vigil-Background", "1")
	}
	if a := w.ask("nurse", "GET", "/me", ""); a.status != 401 {
		t.Errorf("16 minutes of nothing but the page's own requests: %d, want 401", a.status)
	}
	w.clock.pass(13 * time.Hour)
	if a := w.ask("kiosk", "GET", "/wards/w-a", ""); a.status != 200 {
		t.Errorf("a wall screen was signed out: %d", a.status)
	}
	other := newWorld(t)
	for range 80 {
		other.clock.pass(10 * time.Minute)
		other.ask("nurse", "GET", "/me", "")
	}
	if a := other.ask("nurse", "GET", "/me", ""); a.status != 401 {
		t.Errorf("after 13 hours of work: %d, want 401", a.status)
	}
}

// trend fills the flow with a heart rate each 10 s for an hour, with a hole.
func trend(w *world) {
	track := store.Track{Series: store.Series{Patient: "p-a", Device: "monitor-a", Metric: "heart-rate", Unit: "/min"}}
	for i := range 360 {
		at := begun.Add(-time.Hour).Add(time.Duration(i) * 10 * time.Second)
		if i >= 100 && i < 160 {
			continue
		}
		track.Samples = append(track.Samples, store.Sample{
			Effective: vital.At(at), Device: vital.At(at), Receive: vital.At(at), Sequence: uint64(i + 1),
			Value: vital.Num(vital.Decimal{Mantissa: int64(700 + i%10), Exponent: -1}),
		})
	}
	code := store.Track{Series: store.Series{Patient: "p-a", Device: "=cmd()", Metric: "consciousness"}, Samples: []store.Sample{
		{Effective: vital.At(begun.Add(-30 * time.Minute)), Value: vital.Coded("A")},
	}}
	hot := store.Track{Series: store.Series{Patient: "p-a", Device: "monitor-a", Metric: "temperature", Unit: "[degF]"}, Samples: []store.Sample{
		{Effective: vital.At(begun.Add(-30 * time.Minute)), Value: vital.Num(vital.Decimal{Mantissa: 986, Exponent: -1})},
	}}
	w.flow.tracks = []store.Track{track, code, hot}
}

func TestSeries(t *testing.T) {
	w := newWorld(t)
	trend(w)
	period := "&from=" + at(-time.Hour) + "&to=" + at(0)
	var view struct {
		Series []struct {
			Metric, Unit string
			Points       []*[]json.RawMessage
		}
	}
	read := func(query string) {
		t.Helper()
		a := w.ask("nurse", "GET", "/patients/p-a/series?"+query+period, "")
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		view.Series = nil
		w.do(json.Unmarshal(a.body, &view))
	}
	read("metrics=heart-rate,consciousness,temperature,spo2&points=3600")
	if len(view.Series) != 4 || view.Series[3].Metric != "spo2" || len(view.Series[3].Points) != 0 {
		t.Fatalf("want four series in the order asked, the last empty: %+v", view.Series)
	}
	gaps := 0
	for i, p := range view.Series[0].Points {
		if p == nil {
			gaps++
			if i != 100 {
				t.Errorf("the gap stands at %d, want 100", i)
			}
			continue
		}
		if v := string((*p)[1]); !strings.HasPrefix(v, "70.") || len(v) != 4 {
			t.Errorf("point %d is %s: its digits are lost", i, v)
		}
	}
	if gaps != 1 || len(view.Series[0].Points) != 301 {
		t.Errorf("%d points with %d gaps, want 301 with one", len(view.Series[0].Points), gaps)
	}
	if p := *view.Series[1].Points[0]; string(p[1]) != `"A"` {
		t.Errorf("a code came as %s", p)
	}
	if s := view.Series[2]; s.Unit != "Cel" || string((*s.Points[0])[1]) != "37.0" && string((*s.Points[0])[1]) != "37" {
		t.Errorf("98.6 [degF] came as %s %s", (*s.Points[0])[1], s.Unit)
	}
	read("metrics=heart-rate&points=60")
	first := *view.Series[0].Points[0]
	if string(first[2]) != "70.0" || string(first[3]) != "70.5" || string(first[5]) != "6" {
		t.Errorf("a minute of 70.0 to 70.5 came as %s", first)
	}
	for query, field := range map[string]string{"": "metrics", "metrics=a&points=0": "points", "metrics=a&points=x": "points"} {
		if a := w.ask("nurse", "GET", "/patients/p-a/series?"+query+period, ""); a.status != 400 || !strings.Contains(string(a.body), `"field":"`+field+`"`) {
			t.Errorf("%q: %d %s", query, a.status, a.body)
		}
	}
	if a := w.ask("nurse", "GET", "/patients/p-b/series?metrics=heart-rate", ""); a.status != 404 {
		t.Errorf("another ward's trend: %d", a.status)
	}
}

// A spreadsheet must not run what a device called itself.
//
// Covers: A6 O4
func TestCSVIsNoFormula(t *testing.T) {
	w := newWorld(t)
	trend(w)
	if a := w.ask("nurse", "GET", "/patients/p-a/series.csv", ""); a.status != 403 {
		t.Errorf("a nurse exported: %d", a.status)
	}
	a := w.ask("clinician", "GET", "/patients/p-a/series.csv?from="+at(-2*time.Hour)+"&to="+at(0), "")
	rows, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
	w.do(err)
	if len(rows) != 1+300+2 || rows[1][2] != "70.0" {
		t.Errorf("%d rows, the first %v", len(rows), rows[1])
	}
	formula := false
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") || strings.HasPrefix(cell, "+") {
				t.Errorf("cell %q is a formula", cell)
			}
			formula = formula || cell == "'=cmd()"
		}
	}
	if !formula {
		t.Error("the test's formula is not there")
	}
	if entries := string(w.ask("auditor", "GET", "/audit?patient=p-a", "").body); !strings.Contains(entries, `"action":"patient.export"`) {
		t.Error("an export is not in the ledger")
	}
}

func TestReadings(t *testing.T) {
	w := newWorld(t)
	trend(w)
	a := w.ask("integration", "GET", "/devices/monitor-a/readings", "")
	lines := strings.Split(strings.TrimSpace(string(a.body)), "\n")
	if a.status != 200 || len(lines) != 301 || a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d, %d lines, %v", a.status, len(lines), a.header)
	}
	var first struct {
		Sequence                               uint64
		DeviceTime, ReceiveTime, EffectiveTime string
		Metric, Unit                           string
		Value                                  json.Number
		Quality                                []string
	}
	w.do(json.Unmarshal([]byte(lines[0]), &first))
	if first.Sequence != 1 || first.Value != "70.0" || first.Metric != "heart-rate" || first.Unit != "/min" || first.DeviceTime == "" || first.Quality == nil {
		t.Errorf("%+v", first)
	}
	if a := w.ask("integration", "GET", "/devices/monitor-b/readings", ""); a.status != 404 {
		t.Errorf("another ward's device: %d", a.status)
	}
}

func TestWaveforms(t *testing.T) {
	w := newWorld(t)
	off := wave("p-a", "ecg-ii", 5, 6, 7)
	off.Missing = []vital.Span{{From: 1, To: 2}}
	w.flow.waves = []vital.Waveform{off}
	run(t, w, []scenario{
		{who: "nurse", method: "GET", path: "/patients/p-a/waveforms?metric=ecg-ii", status: 200, want: []string{`"samples":[5,null,7]`, `"gain":0.005`, `"zero":-1024`, `"start":1795345800000.5`}},
		{who: "nurse", method: "GET", path: "/patients/p-a/waveforms", status: 400, want: []string{`"field":"metric"`}},
		{who: "nurse", method: "GET", path: "/patients/p-a/waveforms?metric=ecg-ii&from=" + at(-time.Hour), status: 400, want: []string{`"field":"from"`}},
		{who: "nurse", method: "GET", path: "/patients/p-b/waveforms?metric=ecg-ii", status: 404},
		{who: "nurse", method: "GET", path: "/patients/p-a/waveform-metrics", status: 200, want: []string{`"items":[]`}},
		{who: "nurse", method: "GET", path: "/patients/p-a/events", status: 200, want: []string{`"items":[]`}},
	})
}
