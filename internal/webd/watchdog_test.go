package webd_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// A sentinel is enrolled with everything that it needs, may ask the watchdog and
// nothing else, and is a patient whom no ordinary view takes for one.
func TestEnrolSentinel(t *testing.T) {
	w := newWorld(t, func(o *webd.Options) { o.MQTT = "mqtt://127.0.0.1:1" })
	body := `{"name":"lodge","webhook":"https://example.org/page"}`
	for _, who := range []string{"nurse", "technician", "integration", "kiosk"} {
		if a := w.ask(who, "POST", "/sentinels", body); a.status != 403 {
			t.Errorf("%s enrolled a sentinel: %d", who, a.status)
		}
	}
	if a := w.ask("administrator", "POST", "/sentinels", `{"name":" ","webhook":"https://example.org/page"}`); a.status != 400 {
		t.Errorf("a sentinel without a name: %d", a.status)
	}
	a := w.ask("administrator", "POST", "/sentinels", body)
	var made webd.SentinelMade
	if a.status != 201 || json.Unmarshal(a.body, &made) != nil {
		t.Fatalf("enrol: %d %s", a.status, a.body)
	}
	if made.MQTT != "mqtt://127.0.0.1:1" || made.Token == "" || made.Secret == "" || made.Account.Password == "" {
		t.Errorf("something is missing: %+v", made)
	}
	w.tokens["sentinel"] = made.Token
	d := w.described()
	for path := range d.Paths {
		for method, op := range d.Paths[path] {
			if op.Action == "" || strings.Contains(path, "telemetry") || path == "/watchdog" || path == "/session" {
				continue
			}
			if got := w.ask("sentinel", strings.ToUpper(method), path, ""); got.status < 400 {
				t.Errorf("a sentinel may %s %s: %d", method, path, got.status)
			}
		}
	}
	a = w.ask("sentinel", "GET", "/watchdog", "")
	var dog webd.Watchdog
	if a.status != 200 || json.Unmarshal(a.body, &dog) != nil {
		t.Fatalf("watchdog: %d %s", a.status, a.body)
	}
	if len(dog.Sentinels) != 1 || dog.Sentinels[0].Seen != vital.At(begun) || dog.Own == nil || !dog.Rules.Sentinel {
		t.Errorf("watchdog: %s", a.body)
	}
	if strings.Contains(string(a.body), "Abel") || strings.Contains(string(a.body), "p-a") {
		t.Errorf("the watchdog names a patient: %s", a.body)
	}
	for _, ward := range dog.Wards {
		if ward.Ward == made.Ward {
			t.Errorf("the sentinel's own ward counts as one with patients")
		}
	}
	if a := w.ask("nurse", "GET", "/watchdog", ""); a.status != 403 {
		t.Errorf("a nurse asks the watchdog: %d", a.status)
	}
	// A receiver whom nobody can sign in as, told of one ward and nothing else.
	users := must[[]store.User](t)(w.store.Users(t.Context(), vital.DefaultSite))
	for _, u := range users {
		if strings.HasPrefix(u.Username, "sentinel-") && (u.PasswordHash != "" || u.AllWards || len(u.Wards) != 1 || u.Wards[0] != made.Ward) {
			t.Errorf("the receiver may too much: %+v", u)
		}
	}
	if _, _, err := w.gate.NewToken(t.Context(), auth.Principal{Class: auth.System}, store.Token{Name: "x", Class: string(auth.Sentinel), AllWards: true}); err == nil {
		t.Error("a sentinel's token with wards was made")
	}
}

// The watchdog says which wards cannot be heard.
func TestWatchdogStations(t *testing.T) {
	w := newWorld(t)
	sounding := func() map[string]string {
		var dog webd.Watchdog
		w.do(json.Unmarshal(w.ask("administrator", "GET", "/watchdog", "").body, &dog))
		said := map[string]string{}
		for _, v := range dog.Wards {
			said[string(v.Ward)] = strings.Repeat("*", v.Sounding) + strings.Join(v.Silent, ",")
		}
		return said
	}
	if got := sounding(); len(got) != 2 || got["w-a"] != "" {
		t.Errorf("without a screen: %v", got)
	}
	w.ask("nurse", "POST", "/stations", `{"id":"s1","ward":"w-a","sound":"muted"}`)
	w.ask("administrator", "POST", "/stations", `{"id":"s2","ward":"","sound":"ok"}`)
	if got := sounding(); got["w-a"] != "*muted" || got["w-b"] != "*" {
		t.Errorf("with two screens: %v", got)
	}
	w.clock.pass(46 * time.Second)
	if got := sounding(); got["w-a"] != "" || got["w-b"] != "" {
		t.Errorf("screens that were closed: %v", got)
	}
}
