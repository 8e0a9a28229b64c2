package webd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/report"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// begun is when every test begins: a moment of the real present, because the
// store asks the real clock which stays and bindings hold now.
var begun = time.Now().UTC().Truncate(time.Second)

// world is a server over a real store, with two wards:
//
//	w-a  bed b-a1: patient p-a (Abel), monitor-a on it    bed b-a2: free
//	w-b  bed b-b1: patient p-b (Baker), monitor-b on it
//
// and one caller of each kind, who has ward w-a where it has one.
type world struct {
	t       *testing.T
	store   *store.DB
	gate    *auth.Gate
	flow    *machine
	server  *webd.Server
	http    *httptest.Server
	clock   *clock
	tokens  map[string]string // by caller
	cookies map[string]string
	log     *bytes.Buffer
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var page = fstest.MapFS{
	"index.html":          {Data: []byte(`<!doctype html><meta name="csp-nonce" content="__VIGIL_NONCE__"><script type="module" src="/assets/main-1a2b.js"></script>`)},
	"assets/main-1a2b.js": {Data: []byte(strings.Repeat("console.log('vigil');\n", 200))},
	"mark.svg":            {Data: []byte("<svg/>")},
}

func newWorld(t *testing.T, change ...func(*webd.Options)) *world {
	t.Helper()
	return newWorldWith(t, auth.Options{}, change...)
}

func newWorldWith(t *testing.T, gate auth.Options, change ...func(*webd.Options)) *world {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, store.Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "vigil.db"), Keeper: seal.Ephemeral()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, store: db, flow: newFlow(), clock: &clock{now: begun}, tokens: map[string]string{}, cookies: map[string]string{}, log: &bytes.Buffer{},
	}
	t.Cleanup(func() { db.Close() })
	log := slog.New(slog.NewTextHandler(&lockedWriter{w: w.log}, nil))
	gate.Store, gate.Now, gate.Log = db, w.clock.Now, log
	w.gate = auth.New(gate)
	o := webd.Options{
		Gate: w.gate, Store: db, Live: w.flow, Judged: w.flow, Rules: w.flow.Rules, Trials: w.flow, Tracer: w.flow, History: w.flow, Commands: w.flow, Packets: w.flow, System: w.flow.system,
		Telemetry: telemetry{},
		Assets:    page, Log: log, Now: w.clock.Now, Version: "test",
	}
	w.flow.judged.store = db
	sheets := report.New(report.Options{Store: db, Now: w.clock.Now, Samples: w.flow.Samples, Bedside: func(_ context.Context, patients []vital.PatientID) (list []report.Bedside) {
		for _, p := range patients {
			list = append(list, report.Bedside{Patient: p, State: "watched"})
		}
		return list
	}})
	o.Sheet = func(ctx context.Context, rows store.Rows, ward vital.WardID) ([]byte, error) {
		s, err := sheets.Sheet(ctx, rows, ward)
		if err != nil {
			return nil, err
		}
		return s.HTML()
	}
	for _, f := range change {
		f(&o)
	}
	if w.server, err = webd.New(o); err != nil {
		t.Fatal(err)
	}
	w.http = httptest.NewServer(w.server.Handler())
	t.Cleanup(w.http.Close)
	run, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.server.Run(run)
	}()
	t.Cleanup(func() { stop(); <-ended })
	for !w.flow.attached() {
		time.Sleep(time.Millisecond)
	}
	w.furnish(ctx)
	return w
}

type telemetry struct{}

func (telemetry) Receive(w http.ResponseWriter, _ *http.Request) error {
	_, err := io.WriteString(w, `{"door":true}`)
	return err
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// must fails the test when a step of the furnishing fails.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

var system = audit.Entry{Site: vital.DefaultSite, Who: "system", Action: "test.furnish"}

// people are the users of the world. The administrator is a clinician too, as the
// first one of an installation is; the administrator-only is nothing else. The
// patient is p-a, whom the family follows.
var people = []string{"administrator", "administrator-only", "clinician", "nurse", "technician", "auditor", "patient", "family"}

func rolesOf(who string) []string {
	switch who {
	case "administrator":
		return []string{"administrator", "clinician"}
	case "administrator-only":
		return []string{"administrator"}
	}
	return []string{who}
}

func (w *world) furnish(ctx context.Context) {
	earlier := vital.At(begun.Add(-time.Hour))
	for _, l := range []string{"a", "b"} {
		ward := vital.WardID("w-" + l)
		must[store.Ward](w.t)(w.store.PutWard(ctx, system, store.Ward{ID: ward, Name: "Ward " + l, Zone: "Europe/Zurich", Kind: "adult"}))
		must[store.Room](w.t)(w.store.PutRoom(ctx, system, store.Room{ID: vital.RoomID("r-" + l), Ward: ward, Name: "Room " + l}))
		for i := range 2 {
			bed := store.Bed{ID: vital.BedID(fmt.Sprintf("b-%s%d", l, i+1)), Ward: ward, Label: fmt.Sprint(i + 1), Position: i + 1}
			must[store.Bed](w.t)(w.store.PutBed(ctx, system, bed))
		}
		family := map[string]string{"a": "Abel", "b": "Baker"}[l]
		p := person.Person{
			Patient: vital.PatientID("p-" + l), Family: family, Given: "Ida", Birth: "1950-05-17", Sex: "female",
			Numbers: []person.Number{{System: "mrn", Value: "100" + l}},
		}
		must[person.Person](w.t)(w.store.PutPatient(ctx, system, p))
		must[store.Admission](w.t)(w.store.Admit(ctx, system, p.Patient, vital.BedID("b-"+l+"1"), earlier))
		d := store.Device{ID: vital.DeviceID("monitor-" + l), Label: "Monitor " + l, Kind: "monitor", Class: "device", State: "active", Created: earlier}
		w.do(w.store.PutDevice(ctx, system, d))
		must[store.Binding](w.t)(w.store.Bind(ctx, system, store.Binding{Device: d.ID, Patient: p.Patient, From: earlier}))
	}
	w.do(w.store.PutDevice(ctx, system, store.Device{ID: "pump-1", Label: "Pump", Kind: "pump", Class: "device", State: "active", Created: earlier}))
	for _, role := range people {
		u := store.User{
			ID: vital.UserID("u-" + role), Name: "The " + role, Username: role, Roles: rolesOf(role),
			Wards: []vital.WardID{"w-a"}, AllWards: strings.HasPrefix(role, "administrator"), State: auth.UserActive,
		}
		switch role {
		case "patient":
			u.Patient, u.Wards = "p-a", nil
		case "family":
			u.Wards = nil
		}
		w.do(w.store.PutUser(ctx, system, u))
		w.cookies[role] = w.signIn(u.ID, auth.ByPasskey)
	}
	must[store.Related](w.t)(w.store.Relate(ctx, system, store.Related{Patient: "p-a", User: "u-family", Kind: store.Follower, From: earlier}))
	must[store.Consent](w.t)(w.store.Consent(ctx, system, store.Consent{
		Patient: "p-a", Data: vital.DataVitals, User: "u-family", Role: store.Everybody, Purpose: store.Everybody, Permit: true, From: earlier,
	}))
	for _, class := range []auth.Class{auth.Integration, auth.Kiosk} {
		_, secret, err := w.gate.NewToken(ctx, auth.Principal{Class: auth.System}, store.Token{Name: string(class), Class: string(class), Wards: []vital.WardID{"w-a"}})
		w.do(err)
		w.tokens[string(class)] = secret
	}
	w.cookies["kiosk"] = w.tokens["kiosk"]
	delete(w.tokens, "kiosk")
	reading := vital.Reading{
		Site: vital.DefaultSite, Patient: "p-a", Device: "monitor-a", Metric: "heart-rate", Unit: "/min", Value: vital.Num(vital.Whole(72)),
		Clocks: vital.Clocks{Receive: vital.At(begun), Effective: vital.At(begun)},
	}
	other := reading
	other.Patient, other.Device, other.Value = "p-b", "monitor-b", vital.Num(vital.Whole(99))
	w.flow.publish(&watch.Update{
		Values:  []watch.Value{{Reading: reading}, {Reading: other}},
		Watches: []watch.Watch{{Patient: "p-a", State: watch.Watched, Last: vital.At(begun)}, {Patient: "p-b", State: watch.NotWatched, Cause: "monitor-b sends nothing"}},
	})
	w.flow.packets = []ingest.PacketInfo{
		{Device: "monitor-a", Result: ingest.Decoded, Readings: 1, Received: vital.At(begun)},
		{Device: "monitor-a", Result: ingest.Failed, Reason: "readings[0].unit: missing", Received: vital.At(begun)},
	}
	w.flow.Changed(ctx)
}

// signIn opens a session in which that was proved, and returns its cookie.
func (w *world) signIn(user vital.UserID, factors ...string) string {
	w.t.Helper()
	cookie, now := auth.NewSecret(), vital.At(w.clock.Now())
	w.do(w.store.PutSession(w.t.Context(), store.Session{
		Site: vital.DefaultSite, Hash: auth.HashSecret(cookie), ID: auth.NewID("s-"), User: user, Factors: factors, Fresh: now,
		Created: now, LastSeen: now, Expires: now.Add(12 * time.Hour), Remote: "127.0.0.1",
	}))
	return cookie
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// json reads the body into a map.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("answer is not JSON: %v\n%s", err, a.body)
	}
	return v
}

// ask sends a request as somebody: a role, "integration", "kiosk", or "" for nobody.
func (w *world) ask(who, method, path, body string, header ...string) answer {
	w.t.Helper()
	if !strings.HasPrefix(path, "/api") && !strings.HasPrefix(path, "!") {
		path = "/api/v1" + path
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+strings.TrimPrefix(path, "!"), strings.NewReader(body))
	w.do(err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c := w.cookies[who]; c != "" {
		r.AddCookie(&http.Cookie{Name: "vigil", Value: c})
	}
	if token := w.tokens[who]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	before := w.entries()
	resp, err := client.Do(r)
	w.do(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	w.do(err)
	w.noted(method, path, resp.StatusCode, before)
	return answer{resp.StatusCode, resp.Header, text}
}
