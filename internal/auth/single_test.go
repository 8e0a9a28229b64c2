package auth_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/test/issuer"
	"github.com/vigilcare/vigil/vital"
)

// hospital is a site with a sign-on that says user names.
func hospital(t *testing.T, change ...func(*auth.SignOn)) (*site, *issuer.Issuer) {
	t.Helper()
	s := newSite(t)
	i := issuer.New(t, s.now)
	on := auth.SignOn{
		Name: "house", Title: "The house", Issuer: i.URL, Client: i.Client, Secret: i.Secret, Back: page + "/api/v1/session/sso/house/callback",
		Username: "preferred_username", AMR: []string{"mfa"}, ACR: []string{"silver"},
	}
	for _, f := range change {
		f(&on)
	}
	s.gate = auth.New(auth.Options{Store: s.store, Now: s.now, Keys: newSealer(), SignOn: []auth.SignOn{on}})
	return s, i
}

// through goes to the sign-on and comes back.
func (s *site) through(i *issuer.Issuer) (auth.Arrived, error) {
	s.t.Helper()
	address, browser, err := s.gate.Leave(s.t.Context(), "house", "/wards", nil, at("10.0.0.1"))
	s.ok(err)
	return s.gate.Arrive(s.t.Context(), "house", browser, i.SignIn(s.t, address), at("10.0.0.1"))
}

// Covers: A10 O1 ASVS-6.8.1 HIPAA-164.312(d)
func TestSignOn(t *testing.T) {
	s, i := hospital(t)
	s.user("ann", "nurse")
	i.Claims = map[string]any{"preferred_username": " Ann", "amr": []string{"pwd", "mfa"}}
	a, err := s.through(i)
	s.ok(err)
	if a.Principal.ID != "u-ann" || a.Principal.Half() || a.To != "/wards" || !a.Principal.Fresh.Equal(s.now()) {
		t.Errorf("%+v", a)
	}
	if got, err := s.gate.Session(t.Context(), a.Cookie); err != nil || got.Half() {
		t.Errorf("%+v %v", got, err)
	}
	linked, err := s.gate.Identities(t.Context(), "u-ann")
	s.ok(err)
	if len(linked) != 1 || linked[0].Subject != "subject-1" || linked[0].Issuer != i.URL {
		t.Fatalf("linked %+v", linked)
	}
	// From now on the subject counts, whatever it is called.
	i.Claims = map[string]any{"preferred_username": "somebody", "acr": "silver"}
	a, err = s.through(i)
	s.ok(err)
	if a.Principal.ID != "u-ann" || a.Principal.Half() {
		t.Errorf("%+v", a)
	}
	// It let her through on a proof of this morning.
	i.Claims = map[string]any{"acr": "silver", "auth_time": s.now().Add(-3 * time.Hour).Unix()}
	a, err = s.through(i)
	s.ok(err)
	if a.Principal.Half() || s.now().Sub(a.Principal.Fresh) < 3*time.Hour {
		t.Errorf("an old proof counts as fresh: %+v", a.Principal)
	}
	// It does not say that it asked for two factors.
	i.Claims = map[string]any{"amr": []string{"pwd"}}
	a, err = s.through(i)
	s.ok(err)
	if !a.Principal.Half() {
		t.Errorf("one factor is enough: %+v", a.Principal)
	}
	s.ok(s.gate.Unlink(t.Context(), nobody, "u-ann", linked[0].ID))
	_, err = s.gate.Session(t.Context(), a.Cookie)
	s.kind(err, vital.Unauthenticated, "a session of an identity that was unlinked")
}

// Nobody gets an account, a role or another one's account by signing in there.
//
// Covers: A10 A3 ASVS-6.8.1
func TestSignOnGivesNoRights(t *testing.T) {
	s, i := hospital(t)
	s.user("ann", "nurse")
	blocked := s.user("cut", "administrator")
	u, err := s.store.UserByID(t.Context(), vital.DefaultSite, blocked)
	s.ok(err)
	u.State = auth.UserBlocked
	s.ok(s.store.PutUser(t.Context(), furnish, u))
	for name, claims := range map[string]map[string]any{
		"a stranger":         {"preferred_username": "stranger", "roles": []string{"administrator"}},
		"no name":            {},
		"a name of no text":  {"preferred_username": []string{"ann"}},
		"a blocked account":  {"preferred_username": "cut"},
		"the demo's visitor": {"preferred_username": "visitor"},
		"an e-mail of hers":  {"email": "ann"},
		"a name and a blank": {"preferred_username": "ann " + "x"},
	} {
		i.Subject, i.Claims = "new-"+name, claims
		claims["amr"] = []string{"mfa"}
		if a, err := s.through(i); vital.KindOf(err) != vital.NotFound || err == nil || a.Cookie != "" {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
	i.Subject, i.Claims = "subject-1", map[string]any{"preferred_username": "ann", "amr": []string{"mfa"}, "roles": []string{"administrator"}}
	a, err := s.through(i)
	s.ok(err)
	if !slices.Equal(a.Principal.Roles, []auth.Role{auth.Nurse}) {
		t.Errorf("it said her roles: %v", a.Principal.Roles)
	}
	// The sign-on gave the name to somebody else since.
	i.Subject = "subject-2"
	_, err = s.through(i)
	s.kind(err, vital.NotFound, "another subject of the same name")
	users, err := s.store.Users(t.Context(), vital.DefaultSite)
	s.ok(err)
	if len(users) != 2 {
		t.Errorf("accounts were made: %+v", users)
	}
	// Without a claim that says user names only who was linked comes in.
	s, i = hospital(t, func(o *auth.SignOn) { o.Username = "" })
	s.user("ann", "nurse")
	i.Claims = map[string]any{"preferred_username": "ann", "amr": []string{"mfa"}}
	_, err = s.through(i)
	s.kind(err, vital.NotFound, "a name that does not count")
	_, err = s.gate.Identify(t.Context(), nobody, "u-ann", "house", i.Subject)
	s.ok(err)
	if a, err := s.through(i); err != nil || a.Principal.ID != "u-ann" {
		t.Errorf("whom an administrator linked: %+v %v", a, err)
	}
	s.user("bob", "nurse")
	_, err = s.gate.Identify(t.Context(), nobody, "u-bob", "house", i.Subject)
	s.kind(err, vital.Conflict, "a subject that is linked to somebody")
}

// A token that is not a right one of this sign-in for this server is refused.
//
// Covers: A10 O3 ASVS-9.1.1 ASVS-10.5.1
func TestSignOnIsRefused(t *testing.T) {
	hour := func(s *site, by time.Duration) int64 { return s.now().Add(by).Unix() }
	for name, change := range map[string]func(*site, *issuer.Issuer){
		"another nonce":           func(_ *site, i *issuer.Issuer) { i.Claims["nonce"] = "x" },
		"no nonce":                func(_ *site, i *issuer.Issuer) { i.Claims["nonce"] = "" },
		"another audience":        func(_ *site, i *issuer.Issuer) { i.Claims["aud"] = "another" },
		"another party as well":   func(_ *site, i *issuer.Issuer) { i.Claims["aud"] = []string{"vigil", "another"} },
		"made for another":        func(_ *site, i *issuer.Issuer) { i.Claims["azp"] = "another" },
		"another issuer":          func(_ *site, i *issuer.Issuer) { i.Claims["iss"] = "https://evil.example" },
		"expired":                 func(s *site, i *issuer.Issuer) { i.Claims["exp"] = hour(s, -time.Hour) },
		"of the future":           func(s *site, i *issuer.Issuer) { i.Claims["iat"] = hour(s, time.Hour) },
		"nobody":                  func(_ *site, i *issuer.Issuer) { i.Claims["sub"] = "" },
		"not signed":              func(_ *site, i *issuer.Issuer) { i.Algorithm = "none" },
		"signed by our secret":    func(_ *site, i *issuer.Issuer) { i.Algorithm = "HS256" },
		"signed by another key":   func(_ *site, i *issuer.Issuer) { i.Algorithm = "other" },
		"of another access token": func(_ *site, i *issuer.Issuer) { i.Claims["at_hash"] = "bm90IHRoZSByaWdodCBvbmU" },
	} {
		t.Run(name, func(t *testing.T) {
			s, i := hospital(t)
			s.user("ann", "nurse")
			i.Claims = map[string]any{"preferred_username": "ann", "amr": []string{"mfa"}}
			_, err := s.through(i)
			s.ok(err)
			change(s, i)
			a, err := s.through(i)
			s.kind(err, vital.Unauthenticated, name)
			if a.Cookie != "" || !strings.Contains(fmt.Sprint(err), "was not accepted") {
				t.Errorf("%+v %v", a, err)
			}
			lines, err := s.store.Audit(t.Context(), store.Everything(vital.DefaultSite), store.AuditFilter{Who: "sso/house"})
			s.ok(err)
			if !slices.ContainsFunc(lines, func(e store.AuditRow) bool { return e.Outcome == "refused" }) {
				t.Error("the refusal is not in the ledger")
			}
		})
	}
}

// What the browser comes back with counts once, soon, in the browser that left,
// for the sign-on that it went to.
//
// Covers: A10 O3 ASVS-10.2.1
func TestSignOnStateIsBound(t *testing.T) {
	s, i := hospital(t)
	s.user("ann", "nurse")
	i.Claims = map[string]any{"preferred_username": "ann", "amr": []string{"mfa"}}
	leave := func() (url.Values, string) {
		t.Helper()
		address, browser, err := s.gate.Leave(t.Context(), "house", "/", nil, at("10.0.0.1"))
		s.ok(err)
		return i.SignIn(t, address), browser
	}
	arrive := func(browser string, back url.Values) error {
		_, err := s.gate.Arrive(t.Context(), "house", browser, back, at("10.0.0.1"))
		return err
	}
	back, browser := leave()
	s.kind(arrive("", back), vital.Unauthenticated, "in another browser")
	s.kind(arrive(browser, back), vital.Gone, "after it was refused once")
	back, browser = leave()
	s.ok(arrive(browser, back))
	s.kind(arrive(browser, back), vital.Gone, "the second time")
	back, browser = leave()
	s.pass(11 * time.Minute)
	s.kind(arrive(browser, back), vital.Gone, "too late")
	back, browser = leave()
	back.Set("iss", "https://evil.example")
	s.kind(arrive(browser, back), vital.Unauthenticated, "from another issuer")
	back, browser = leave()
	back.Set("error", "access_denied")
	s.kind(arrive(browser, back), vital.Unauthenticated, "an error")
	// A code that was begun in one sign-in, in the answer of another: PKCE.
	stolen, _ := leave()
	back, browser = leave()
	back.Set("code", stolen.Get("code"))
	exchanged := i.Exchanges
	s.kind(arrive(browser, back), vital.Unauthenticated, "another sign-in's code")
	if i.Exchanges != exchanged {
		t.Error("another sign-in's code was redeemed")
	}
	back, browser = leave()
	_, err := s.gate.Arrive(t.Context(), "other", browser, back, at("10.0.0.1"))
	s.kind(err, vital.NotFound, "a sign-on that there is not")
	for _, to := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/\t/evil.example"} {
		address, browser, err := s.gate.Leave(t.Context(), "house", to, nil, at("10.0.0.1"))
		s.ok(err)
		if a, err := s.gate.Arrive(t.Context(), "house", browser, i.SignIn(t, address), at("10.0.0.1")); err != nil || a.To != "/" {
			t.Errorf("%q leads to %q (%v)", to, a.To, err)
		}
	}
}

// Two sign-ons: what one says is not taken for what the other said.
//
// Covers: A10 O3
func TestSignOnMixUp(t *testing.T) {
	s := newSite(t)
	honest, evil := issuer.New(t, s.now), issuer.New(t, s.now)
	on := func(name string, i *issuer.Issuer) auth.SignOn {
		return auth.SignOn{Name: name, Issuer: i.URL, Client: i.Client, Back: page + "/" + name, Username: "preferred_username", AMR: []string{"mfa"}}
	}
	s.gate = auth.New(auth.Options{Store: s.store, Now: s.now, SignOn: []auth.SignOn{on("honest", honest), on("evil", evil)}})
	s.user("ann", "nurse")
	for _, i := range []*issuer.Issuer{honest, evil} {
		i.Claims = map[string]any{"preferred_username": "ann", "amr": []string{"mfa"}}
	}
	address, browser, err := s.gate.Leave(t.Context(), "honest", "/", nil, at("10.0.0.1"))
	s.ok(err)
	back := honest.SignIn(t, address)
	_, err = s.gate.Arrive(t.Context(), "evil", browser, back, at("10.0.0.1"))
	s.kind(err, vital.Unauthenticated, "the honest one's answer at the other's address")
	if honest.Exchanges+evil.Exchanges > 0 {
		t.Error("the code was handed to somebody")
	}
	// The same subject of another issuer is somebody else.
	_, err = s.gate.Identify(t.Context(), nobody, "u-ann", "honest", "subject-1")
	s.ok(err)
	evil.Claims["preferred_username"] = "nobody"
	address, browser, err = s.gate.Leave(t.Context(), "evil", "/", nil, at("10.0.0.1"))
	s.ok(err)
	_, err = s.gate.Arrive(t.Context(), "evil", browser, evil.SignIn(t, address), at("10.0.0.1"))
	s.kind(err, vital.NotFound, "the other's subject of the same number")
}

// Covers: ASVS-7.5.3 O1
func TestSignOnStepUp(t *testing.T) {
	s, i := hospital(t)
	s.user("ann", "nurse")
	i.Claims = map[string]any{"preferred_username": "ann", "amr": []string{"mfa"}}
	a, err := s.through(i)
	s.ok(err)
	s.pass(time.Hour / 5)
	step := func(from auth.Arrived) (auth.Arrived, error) {
		address, browser, err := s.gate.Leave(t.Context(), "house", "/people", &from.Principal, at("10.0.0.1"))
		s.ok(err)
		if !strings.Contains(address, "prompt=login") || !strings.Contains(address, "max_age=0") {
			t.Errorf("it is not asked for a fresh proof: %s", address)
		}
		return s.gate.Arrive(t.Context(), "house", browser, i.SignIn(t, address), auth.From{Remote: "10.0.0.1", Cookie: from.Cookie})
	}
	i.Claims["auth_time"] = s.now().Add(-time.Hour).Unix()
	_, err = step(a)
	s.kind(err, vital.Unauthenticated, "a proof of an hour ago")
	delete(i.Claims, "auth_time")
	i.Claims["amr"] = []string{"pwd"}
	_, err = step(a)
	s.kind(err, vital.Unauthenticated, "one factor")
	i.Claims["amr"] = []string{"mfa"}
	again, err := step(a)
	s.ok(err)
	if !again.Principal.Fresh.Equal(s.now()) || again.Principal.Session != a.Principal.Session || again.Cookie == a.Cookie {
		t.Errorf("%+v", again)
	}
	s.user("bob", "nurse")
	i.Subject, i.Claims["preferred_username"] = "subject-2", "bob"
	_, err = step(again)
	s.kind(err, vital.Unauthenticated, "somebody else's proof")
}
