package auth_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// site is a gate over a real store, with a clock that the test moves.
type site struct {
	t     *testing.T
	store *store.DB
	gate  *auth.Gate
	mu    sync.Mutex
	time  time.Time
}

func newSite(t *testing.T) *site {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "vigil.db"), Keeper: seal.Ephemeral()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &site{t: t, store: db, time: time.Now().UTC().Truncate(time.Second)}
	s.gate = auth.New(auth.Options{Store: db, Now: s.now})
	return s
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.time
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.time = s.time.Add(d)
}

func (s *site) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) kind(err error, want vital.Kind, what string) {
	s.t.Helper()
	if err == nil || vital.KindOf(err) != want {
		s.t.Errorf("%s: %v, want %s", what, err, want)
	}
}

var (
	furnish = audit.Entry{Site: vital.DefaultSite, Who: "test", Action: "test.furnish"}
	nobody  = auth.Principal{Class: auth.System}
)

// device enrols a device and returns its secret.
func (s *site) device(id, class string) string {
	s.t.Helper()
	d := store.Device{ID: vital.DeviceID(id), Label: id, Kind: "monitor", Class: class, State: auth.DeviceActive}
	if class == "gateway" {
		d.Namespaces = []string{"v1/" + id + "-"}
	}
	s.ok(s.store.PutDevice(s.t.Context(), furnish, d))
	secret, err := s.gate.NewCredential(s.t.Context(), nobody, d)
	s.ok(err)
	return secret
}

func (s *site) login(client, username, secret string) (auth.Principal, error) {
	return s.gate.DeviceLogin(s.t.Context(), client, username, []byte(secret), nil, "10.0.0.7:4711")
}

func TestDeviceLogin(t *testing.T) {
	s := newSite(t)
	secret, other, hub := s.device("monitor-1", "device"), s.device("monitor-2", "device"), s.device("gw-1", "gateway")
	for _, c := range []struct {
		client, username, secret string
		want                     vital.Kind // 255: let in
	}{
		{"monitor-1", "monitor-1", secret, 255},
		{"", "monitor-1", secret, 255},
		{"monitor-2", "monitor-1", secret, vital.Denied},
		{"monitor-1x", "monitor-1", secret, vital.Denied},
		{"monitor-1", "monitor-1", other, vital.Unauthenticated},
		{"monitor-1", "monitor-1", "", vital.Unauthenticated},
		{"monitor-1", "monitor-1", secret + "x", vital.Unauthenticated},
		{"monitor-9", "monitor-9", secret, vital.Unauthenticated},
		{"monitor-1", "", secret, vital.Unauthenticated},
		{"gw-1-worker", "gw-1", hub, 255},
		{"gw-12", "gw-1", hub, vital.Denied},
	} {
		p, err := s.login(c.client, c.username, c.secret)
		if c.want == 255 {
			if err != nil || p.ID != c.username || p.Credential == "" || p.Remote != "10.0.0.7:4711" {
				t.Errorf("%+v: %+v, %v", c, p, err)
			}
			continue
		}
		s.kind(err, c.want, fmt.Sprintf("%+v", c))
	}
	if p, _ := s.login("", "gw-1", hub); len(p.Namespaces) != 1 || p.Class != auth.Gateway {
		t.Errorf("the gateway came as %+v", p)
	}
}

// What was taken away counts within five seconds, whatever is remembered.
func TestDeviceLoginEnds(t *testing.T) {
	for name, end := range map[string]func(s *site){
		"quarantined": func(s *site) {
			s.ok(s.store.SetDeviceState(s.t.Context(), furnish, "monitor-1", auth.DeviceQuarantined, "test"))
		},
		"retired": func(s *site) {
			s.ok(s.store.SetDeviceState(s.t.Context(), furnish, "monitor-1", auth.DeviceRetired, "test"))
		},
		"revoked": func(s *site) {
			all, err := s.store.CredentialsOf(s.t.Context(), vital.DefaultSite, "monitor-1")
			s.ok(err)
			s.ok(s.store.RevokeCredential(s.t.Context(), furnish, all[0].ID, vital.At(s.now())))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			secret := s.device("monitor-1", "device")
			_, err := s.login("monitor-1", "monitor-1", secret)
			s.ok(err)
			end(s)
			s.pass(5 * time.Second)
			_, err = s.login("monitor-1", "monitor-1", secret)
			s.kind(err, vital.Denied, name)
		})
	}
	s := newSite(t)
	old := s.device("monitor-1", "device")
	_, err := s.login("", "monitor-1", old)
	s.ok(err)
	fresh, err := s.gate.NewCredential(t.Context(), nobody, store.Device{ID: "monitor-1", Class: "device"})
	s.ok(err)
	_, err = s.login("", "monitor-1", old)
	s.kind(err, vital.Unauthenticated, "the old secret after a new one")
	_, err = s.login("", "monitor-1", fresh)
	s.ok(err)
}

// A device that tries with a wrong secret all day long fills no ledger, and the
// ledger says how often it tried.
//
// Covers: HIPAA-164.312(b) O6
func TestRefusalsAreCounted(t *testing.T) {
	s := newSite(t)
	s.device("monitor-1", "device")
	for range 50 {
		s.login("monitor-1", "monitor-1", "wrong")
	}
	s.pass(2 * time.Minute)
	s.login("monitor-1", "monitor-1", "wrong")
	entries, err := s.store.Audit(t.Context(), store.Everything(vital.DefaultSite), store.AuditFilter{Action: "device.connect"})
	s.ok(err)
	if len(entries) != 2 || entries[0].Outcome != "refused" || !strings.Contains(entries[0].Why, "49 more") {
		t.Errorf("%d entries: %+v", len(entries), entries)
	}
	for _, e := range entries {
		if strings.Contains(fmt.Sprint(e), "wrong\"") {
			t.Errorf("the ledger holds what was tried: %+v", e)
		}
	}
}

func (s *site) user(username string, roles ...string) vital.UserID {
	s.t.Helper()
	u := store.User{ID: vital.UserID("u-" + username), Name: username, Username: username, Roles: roles, AllWards: true, State: auth.UserActive}
	s.ok(s.store.PutUser(s.t.Context(), furnish, u))
	return u.ID
}

func (s *site) signUp(username, password string) auth.Principal {
	s.t.Helper()
	link, err := s.gate.Link(s.t.Context(), nobody, s.user(username, "nurse"))
	s.ok(err)
	p, _, err := s.gate.UseLink(s.t.Context(), link, at("10.0.0.1"))
	s.ok(err)
	_, err = s.gate.SetPassword(s.t.Context(), p, "", password, at("10.0.0.1"))
	s.ok(err)
	return p
}

func at(remote string) auth.From { return auth.From{Remote: remote} }

const password = "correct horse battery"

func TestPassword(t *testing.T) {
	s := newSite(t)
	p := s.signUp("ann", password)
	_, cookie, err := s.gate.Password(t.Context(), " Ann", password, at("10.0.0.1"))
	s.ok(err)
	got, err := s.gate.Session(t.Context(), cookie)
	s.ok(err)
	if got.ID != p.ID || got.Credential == "" || strings.Contains(cookie, string(got.Credential)) {
		t.Errorf("%+v", got)
	}
	users, err := s.store.Users(t.Context(), vital.DefaultSite)
	s.ok(err)
	if h := users[0].PasswordHash; !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(h, password) {
		t.Errorf("kept as %q", h)
	}
	for _, bad := range []string{"", "short", "aaaaaaaaaaaaaaaa", strings.Repeat("x", 300)} {
		_, err := s.gate.SetPassword(t.Context(), got, password, bad, at("10.0.0.1"))
		s.kind(err, vital.Invalid, "password "+bad)
	}
	_, err = s.gate.SetPassword(t.Context(), got, "not the old one", "another good password", at("10.0.0.1"))
	s.kind(err, vital.Denied, "a wrong old password")
	second, err := s.gate.SetPassword(t.Context(), got, password, "another good password", at("10.0.0.1"))
	s.ok(err)
	_, err = s.gate.Session(t.Context(), cookie)
	s.kind(err, vital.Unauthenticated, "an old session after a new password")
	_, err = s.gate.Session(t.Context(), second)
	s.ok(err)
}

func TestThrottle(t *testing.T) {
	s := newSite(t)
	s.signUp("ann", password)
	try := func(username, secret, from string) error {
		_, _, err := s.gate.Password(t.Context(), username, secret, at(from))
		return err
	}
	for range 6 {
		s.kind(try("ann", "wrong wrong wrong", "10.0.0.1"), vital.Unauthenticated, "a wrong password")
	}
	s.kind(try("ann", password, "10.0.0.1"), vital.TooMuch, "the right one, too soon")
	if err := try("ann", password, "10.0.0.2"); err != nil {
		t.Errorf("somebody else's guessing keeps the owner out: %v", err)
	}
	s.pass(3 * time.Second)
	if err := try("ann", password, "10.0.0.1"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	for i := range 31 {
		try(fmt.Sprintf("user-%d", i), "a password of many", "10.0.0.3")
	}
	s.kind(try("ann", password, "10.0.0.3"), vital.TooMuch, "one password tried on many accounts from one place")
}

// Covers: EN303645-5.1
func TestFirstLink(t *testing.T) {
	s := newSite(t)
	link, err := s.gate.FirstLink(t.Context())
	s.ok(err)
	if link == "" {
		t.Fatal("nobody can sign in, and there is no link")
	}
	_, _, err = s.gate.UseLink(t.Context(), link+"x", at("10.0.0.1"))
	s.kind(err, vital.Unauthenticated, "another link")
	var wins sync.Map
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if p, _, err := s.gate.UseLink(context.WithoutCancel(t.Context()), link, at("10.0.0.1")); err == nil {
				wins.Store(i, p)
			}
		})
	}
	all.Wait()
	count := 0
	var first auth.Principal
	wins.Range(func(_, p any) bool { count++; first = p.(auth.Principal); return true })
	if count != 1 || !first.Has(auth.Administrator) || !first.AllWards {
		t.Fatalf("%d took the link; it made %+v", count, first)
	}
	again, err := s.gate.FirstLink(t.Context())
	s.ok(err)
	if again == "" {
		t.Error("the link was spent without a password being chosen, and there is no other")
	}
	s.pass(25 * time.Hour)
	_, _, err = s.gate.UseLink(t.Context(), again, at("10.0.0.1"))
	s.kind(err, vital.Unauthenticated, "a link of yesterday")
	_, err = s.gate.SetPassword(t.Context(), first, "", password, at("10.0.0.1"))
	s.ok(err)
	if last, err := s.gate.FirstLink(t.Context()); err != nil || last != "" {
		t.Errorf("somebody can sign in, and there is still a first link: %q %v", last, err)
	}
}

// A blocked user is out, with every session, within five seconds.
func TestBlocked(t *testing.T) {
	s := newSite(t)
	s.signUp("ann", password)
	_, cookie, err := s.gate.Password(t.Context(), "ann", password, at("10.0.0.1"))
	s.ok(err)
	u, err := s.store.UserByName(t.Context(), vital.DefaultSite, "ann")
	s.ok(err)
	u.State = auth.UserBlocked
	s.ok(s.store.PutUser(t.Context(), furnish, u))
	s.pass(5 * time.Second)
	_, err = s.gate.Session(t.Context(), cookie)
	s.kind(err, vital.Unauthenticated, "a session of a blocked user")
	_, _, err = s.gate.Password(t.Context(), "ann", password, at("10.0.0.1"))
	s.kind(err, vital.Unauthenticated, "the password of a blocked user")
}

func TestOperator(t *testing.T) {
	s := newSite(t)
	secret := s.gate.Operator()
	p, err := s.gate.Bearer(t.Context(), secret, "console")
	s.ok(err)
	if auth.ScopeOf(p, auth.DeviceWrite) != auth.Anywhere {
		t.Errorf("the operator is %+v", p)
	}
	s.gate.Operator()
	_, err = s.gate.Bearer(t.Context(), secret, "console")
	s.kind(err, vital.Unauthenticated, "the operator's secret of another start")
	_, err = s.gate.Bearer(t.Context(), "", "console")
	s.kind(err, vital.Unauthenticated, "no secret")
}

// The policy gives nobody more than it says; a role that is not there has nothing.
func TestPolicy(t *testing.T) {
	for _, c := range []struct {
		who    auth.Principal
		action auth.Action
		want   auth.Scope
	}{
		{auth.Principal{Class: auth.User, Roles: []auth.Role{auth.Nurse}}, auth.PatientRead, auth.Its},
		{auth.Principal{Class: auth.User, Roles: []auth.Role{auth.Nurse, auth.Technician}}, auth.DeviceList, auth.Anywhere},
		{auth.Principal{Class: auth.User, Roles: []auth.Role{"device"}}, auth.TelemetrySend, auth.Nowhere}, // the name of a class is not a role
		{auth.Principal{Class: auth.User}, auth.WardList, auth.Nowhere},
		{auth.Principal{Class: auth.Kiosk, Roles: []auth.Role{auth.Administrator}}, auth.UserWrite, auth.Nowhere},
		{auth.Principal{Class: auth.Device, Roles: []auth.Role{auth.Administrator}}, auth.PatientRead, auth.Nowhere},
		{auth.Principal{Class: auth.Integration}, auth.PatientWrite, auth.Nowhere},
		{auth.Principal{Class: auth.Device, ID: "d"}, auth.TelemetrySend, auth.Oneself},
		{auth.Principal{Class: auth.User, Roles: []auth.Role{auth.Administrator}}, "no.such.action", auth.Nowhere},
	} {
		if got := auth.ScopeOf(c.who, c.action); got != c.want {
			t.Errorf("%s %v: %s is %q, want %q", c.who.Class, c.who.Roles, c.action, got, c.want)
		}
	}
}

func TestAllowOfDevices(t *testing.T) {
	s := newSite(t)
	d := auth.Principal{Class: auth.Device, ID: "monitor-1"}
	g := auth.Principal{Class: auth.Gateway, ID: "gw-1", Namespaces: []string{"v1/gw-1-"}}
	send := func(p auth.Principal, device string) error {
		return s.gate.Allow(t.Context(), p, auth.TelemetrySend, auth.Subject{Kind: "device", ID: device, Device: vital.DeviceID(device)})
	}
	s.ok(send(d, "monitor-1"))
	s.kind(send(d, "monitor-2"), vital.NotFound, "a device for another")
	s.ok(send(g, "gw-1-7"))
	s.ok(send(g, "gw-1"))
	s.kind(send(g, "gw-2-7"), vital.NotFound, "a gateway for another's device")
	s.kind(s.gate.Allow(t.Context(), d, auth.PatientRead, auth.Subject{Patient: "p-1"}), vital.Denied, "a device reading a patient")
	s.ok(s.gate.Allow(t.Context(), d, auth.Publish, auth.Subject{Kind: "topic", ID: "v1/monitor-1/telemetry"}))
	s.kind(s.gate.Allow(t.Context(), d, auth.Publish, auth.Subject{Kind: "topic", ID: "v1/monitor-2/telemetry"}), vital.Denied, "another's topic")
	nurse := auth.Principal{Class: auth.User, ID: "u-1", Roles: []auth.Role{auth.Nurse}, Wards: []vital.WardID{"w-1"}}
	s.kind(s.gate.Allow(t.Context(), nurse, auth.WardRead, auth.Subject{Ward: "w-2"}), vital.NotFound, "another ward")
	rows := s.gate.RowsFor(nurse, auth.UserWrite)
	if rows.All || len(rows.Wards)+len(rows.Devices) > 0 {
		t.Errorf("what may not be done sees %+v", rows)
	}
}
