package webd_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// quiet are the routes that change nothing of health data, rights or keys, each
// with the reason why they leave no entry.
var quiet = map[string]string{
	"PUT /me/preferences":              "language, theme and units of one's own screen",
	"POST /stations":                   "a screen says that it is open",
	"POST /rules/check":                "nothing is kept",
	"POST /session/step/begin":         "a question; its answer is noted",
	"POST /session/passkey/begin":      "a question; its answer is noted",
	"POST /me/passkeys/begin":          "a question; its answer is noted",
	"POST /telemetry":                  "what devices send is in the journal",
	"POST /telemetry/{device}":         "what devices send is in the journal",
	"POST /ledger/verify":              "reading what is there",
	"POST /me/channels/{channel}/test": "the notifier writes it (internal/notify)", "POST /alarms/{alarm}/emergency": "the notifier writes it (internal/notify)", "POST /deliveries/seen": "the notifier writes it (internal/notify)",
	"POST /me/notices/seen": "one's own notices", "DELETE /me/link": "there may be none", "DELETE /me/sessions": "there may be none",
	"POST /patients/{patient}/launch": "a question; letting the program in is noted",
}

// unseen are the routes that are read and leave no entry, each with the reason.
var unseen = map[string]string{
	"/session/methods": "before anybody is known", "/session/sso/{name}": "before anybody is known", "/session/sso/{name}/callback": "signing in is noted by the gate",
	"/me": "oneself", "/me/passkeys": "oneself", "/me/code": "oneself", "/me/sessions": "oneself", "/me/notices": "oneself", "/me/channels": "oneself", "/me/deliveries": "what was sent to oneself",
	"/me/patient": "who one is", "/me/programs": "oneself", "/programs": "oneself", "/let-in/{request}": "a question to oneself",
	"/metrics-table": "no patient in it", "/wards": "names of wards", "/rooms": "names of rooms", "/rules": "no patient in them", "/rules/versions": "no patient in them", "/rules/versions/{version}": "no patient in them",
	"/patients/{patient}/series.csv": "noted by its handler, each time", "/patients/{patient}/record.zip": "noted by its handler, each time", "/audit.ndjson": "noted by its handler, each time",
	"/alarms": "noted by its handler, with the patient or ward", "/alarms/{alarm}": "noted by its handler, with the patient", "/alarms/{alarm}/trace": "noted by its handler, with the patient",
	"/wards/{ward}/burden": "counts", "/wards/{ward}/cover": "who of the staff covers which bed", "/wards/{ward}/staff": "staff", "/wards/{ward}/chain": "staff", "/chain": "staff", "/stations": "screens",
	"/patients/{patient}/relations/people": "staff and followers", "/patients/{patient}/break-glass": "one's own emergency look", "/anomalies": "staff", "/anomalies/policy": "numbers",
	"/devices": "equipment", "/devices/{device}": "equipment", "/devices/{device}/certificates": "equipment", "/certificates": "equipment", "/certificates/ca.pem": "public by its nature", "/devices/{device}/qr.svg": "an address",
	"/system": "the machine", "/backups": "the machine", "/keys": "the machine", "/watchdog": "the machine", "/ledger": "the machine", "/ledger/checkpoint": "to be public by its nature",
	"/users": "staff", "/users/{user}/sessions": "staff", "/users/{user}/identities": "staff", "/tokens": "programs", "/clients": "programs",
	"/live": "noted by the socket, with the wards and patients asked for", "/openapi.json": "a description",
}

// Every route that shows something either leaves an entry or is said here to show
// nothing that asks for one; and nothing is said here of a route that is not.
//
// Covers: H5 HIPAA-164.312(b) O6
func TestEveryRouteThatShowsIsNoted(t *testing.T) {
	known := map[string]bool{}
	webd.EachRoute(func(method, path string, view, _ bool) {
		if method != "GET" {
			return
		}
		known[path] = true
		if _, said := unseen[path]; said == view {
			t.Errorf("GET %s: noted %t, and said to need no entry %t", path, view, said)
		}
	})
	for path := range unseen {
		if !known[path] {
			t.Errorf("%s is said to need no entry and is no route", path)
		}
	}
}

// entries is how many the ledger has.
func (w *world) entries() int64 {
	n, err := w.store.LedgerSize(w.t.Context(), vital.DefaultSite)
	w.do(err)
	return n
}

// pattern finds the route of a path.
var pattern = sync.OnceValue(func() func(method, path string) string {
	type known struct {
		name string
		path *regexp.Regexp
	}
	var all []known
	webd.EachRoute(func(method, path string, _, _ bool) {
		parts := regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
		all = append(all, known{method + " " + path, regexp.MustCompile("^" + method + " /api/v1" + parts + "$")})
	})
	return func(method, path string) string {
		path, _, _ = strings.Cut(path, "?")
		best := ""
		for _, k := range all {
			if k.path.MatchString(method+" "+path) && (best == "" || strings.Count(k.name, "{") < strings.Count(best, "{")) {
				best = k.name
			}
		}
		return best
	}
})

// noted holds every request of every test of this package to the rule that a
// change leaves an entry and that what failed leaves none but its refusal.
//
// Covers: H5 HIPAA-164.312(b) H1
func (w *world) noted(method, path string, status int, before int64) {
	w.t.Helper()
	if method == "GET" || !strings.HasPrefix(path, "/api/v1") {
		return
	}
	name := pattern()(method, path)
	if name == "" {
		return
	}
	rows, err := w.store.LedgerRows(w.t.Context(), vital.DefaultSite, before, 1000)
	w.do(err)
	done := 0
	for _, r := range rows {
		if r.Who == "" {
			w.t.Errorf("%s %s left an entry of nobody: %+v", method, path, r.Entry)
		}
		if r.Outcome == "done" {
			done++
		}
	}
	_, silent := quiet[name]
	if status >= 200 && status < 300 && done == 0 && !silent {
		w.t.Errorf("%s %s answered %d and left no entry in the ledger", method, path, status)
	}
}
