package oauthd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

const asked = "openid fhirUser launch/patient offline_access patient/Patient.rs patient/Observation.rs"

// TestStandaloneLaunch goes the way of SMART App Launch 2: a program that was
// opened by itself, a person who answers, a code, a token, its identity token,
// and a token that is renewed.
// Covers: O3 A3
func TestStandaloneLaunch(t *testing.T) {
	w := newWorld(t)
	app := w.chart()
	status, got := w.redeem(app.ID, w.code(app.ID, asked))
	if status != http.StatusOK || got["patient"] != string(w.p["w-a"]) || got["token_type"] != "Bearer" || got["need_patient_banner"] != true {
		t.Fatalf("%d %v", status, got)
	}
	p, err := w.gate.Bearer(t.Context(), got["access_token"].(string), "192.0.2.1")
	w.ok(err)
	if p.ID != "u-ann" || p.App == nil || p.App.Patient != w.p["w-a"] || p.App.Client != app.ID || !slices.Equal(p.Wards, []vital.WardID{"w-a"}) {
		t.Fatalf("the token is of %+v, %+v", p, p.App)
	}
	if _, err := p.App.Within("Device", 'r'); err == nil {
		t.Error("the program got what it was not given")
	}

	// The identity token is signed by the key that the server shows.
	res := w.browse("/oauth/keys", "")
	var keys jose.JSONWebKeySet
	w.ok(json.NewDecoder(res.Body).Decode(&keys))
	if len(keys.Keys) != 1 || !keys.Keys[0].IsPublic() {
		t.Fatalf("the keys that are shown: %d, public %v", len(keys.Keys), keys.Keys[0].IsPublic())
	}
	token, err := jwt.ParseSigned(got["id_token"].(string), []jose.SignatureAlgorithm{jose.ES256})
	w.ok(err)
	var claims struct {
		jwt.Claims
		FHIRUser string `json:"fhirUser"`
	}
	w.ok(token.Claims(keys.Keys[0].Key, &claims))
	if body, err := base64.RawURLEncoding.DecodeString(strings.Split(got["id_token"].(string), ".")[1]); err != nil || strings.Contains(string(body), "e+") {
		t.Errorf("a time is written as %s, %v", body, err)
	}
	if claims.Issuer != w.http.URL || claims.Subject != "u-ann" || claims.FHIRUser != w.http.URL+api+"/Practitioner/u-ann" || !slices.Contains(claims.Audience, app.ID) {
		t.Errorf("identity token: %+v", claims)
	}

	status, renewed := w.refresh(app.ID, got["refresh_token"].(string), "patient/Observation.rs")
	if status != http.StatusOK || renewed["scope"] != "patient/Observation.rs" || renewed["patient"] != string(w.p["w-a"]) {
		t.Fatalf("renewed: %d %v", status, renewed)
	}
}

// TestLaunchFromAPatient opens a program from a patient's page: it is about that
// patient, it counts once, and only for who opened it.
// Covers: A3
func TestLaunchFromAPatient(t *testing.T) {
	w := newWorld(t)
	app := w.chart()
	const scopes = "openid launch patient/Observation.rs"
	_, secret, err := w.gate.Launch(t.Context(), w.user("u-ann"), app.ID, w.p["w-a"])
	w.ok(err)
	id, refused, _ := w.request(w.wish(app.ID, scopes, "launch", secret), "u-ann")
	if id == "" {
		t.Fatalf("refused: %v", refused)
	}
	if err := w.gate.AnswerAsk(t.Context(), w.user("u-bob"), id, scopes, ""); vital.KindOf(err) != vital.Denied {
		t.Errorf("somebody else answered: %v", err)
	}
	if err := w.gate.AnswerAsk(t.Context(), w.user("u-ann"), id, scopes, w.p["w-b"]); vital.KindOf(err) != vital.Invalid {
		t.Errorf("the patient was swapped: %v", err)
	}
	w.ok(w.gate.AnswerAsk(t.Context(), w.user("u-ann"), id, scopes, ""))
	_, got := w.redeem(app.ID, w.finish(id, "u-ann").Get("code"))
	if got["patient"] != string(w.p["w-a"]) {
		t.Fatalf("the token is about %v", got["patient"])
	}
	if id, refused, _ := w.request(w.wish(app.ID, scopes, "launch", secret), "u-ann"); id != "" || refused.Get("error") != "invalid_request" {
		t.Errorf("a launch counted twice: %q %v", id, refused)
	}
	other, _, err := w.gate.RegisterProgram(t.Context(), w.admin, auth.Program{Name: "Other", Kind: auth.PublicProgram, Redirects: []string{"https://chart.example.org/back"}, Scopes: chartScopes})
	w.ok(err)
	_, secret, err = w.gate.Launch(t.Context(), w.user("u-ann"), app.ID, w.p["w-a"])
	w.ok(err)
	if id, _, _ := w.request(w.wish(other.ID, scopes, "launch", secret), "u-ann"); id != "" {
		t.Error("a launch served another program")
	}
}

// TestRefusedRequests sends what a hostile or broken program would.
// Covers: O3 A3
func TestRefusedRequests(t *testing.T) {
	w := newWorld(t)
	app := w.chart()
	for name, change := range map[string][]string{
		"no proof key":              {"code_challenge", "", "code_challenge_method", ""},
		"a plain proof key":         {"code_challenge_method", "plain"},
		"no state":                  {"state", ""},
		"another server's token":    {"aud", "https://evil.example.org/fhir"},
		"no audience":               {"aud", ""},
		"a token in the address":    {"response_type", "token"},
		"a scope it was not let in": {"scope", "user/Patient.rs"},
		"system rights":             {"scope", "system/Observation.rs"},
		"an unknown resource":       {"scope", "patient/Coverage.rs"},
		"a launch without scope":    {"launch", "anything", "scope", "openid"},
		"nobody there":              {"prompt", "none"},
		"a request by reference":    {"request_uri", "https://evil.example.org/r"},
	} {
		id, refused, _ := w.request(w.wish(app.ID, asked, change...), "u-ann")
		if id != "" || refused.Get("error") == "" || refused.Get("code") != "" {
			t.Errorf("%s: request %q, answer %v", name, id, refused)
		}
	}
	// Where it cannot be sure of the program it sends the person nowhere.
	for name, change := range map[string][]string{
		"another address":       {"redirect_uri", "https://evil.example.org/back"},
		"an address with more":  {"redirect_uri", "https://chart.example.org/back/../evil"},
		"an address as a query": {"redirect_uri", "https://chart.example.org/back?to=https://evil.example.org"},
		"no address":            {"redirect_uri", ""},
		"an unknown program":    {"client_id", "app-none"},
		"no program":            {"client_id", ""},
	} {
		res := w.browse("/oauth/authorize?"+w.wish(app.ID, asked, change...).Encode(), "u-ann")
		if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d, to %q", name, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

// TestTheAnswerIsThePersons shows that what a program gets is what the signed-in
// person said, about a patient whom that person may see.
// Covers: A3 O3
func TestTheAnswerIsThePersons(t *testing.T) {
	w := newWorld(t)
	app := w.chart()
	id, _, _ := w.request(w.wish(app.ID, asked), "u-ann")
	if back := w.browse("/oauth/authorize/"+id, "u-ann"); back.Header.Get("Location") == "" || strings.Contains(back.Header.Get("Location"), "code=") {
		t.Errorf("without an answer: %s", back.Header.Get("Location"))
	}
	if err := w.gate.AnswerAsk(t.Context(), w.user("u-ann"), id, asked+" user/Observation.rs", w.p["w-a"]); vital.KindOf(err) != vital.Invalid {
		t.Errorf("more than was asked for: %v", err)
	}
	if err := w.gate.AnswerAsk(t.Context(), w.user("u-ann"), id, asked, w.p["w-b"]); vital.KindOf(err) != vital.NotFound {
		t.Errorf("another ward's patient: %v", err)
	}
	if err := w.gate.AnswerAsk(t.Context(), w.user("u-ann"), id, asked, ""); vital.KindOf(err) != vital.Invalid {
		t.Errorf("nobody was chosen: %v", err)
	}
	w.ok(w.gate.AnswerAsk(t.Context(), w.user("u-ann"), id, asked, w.p["w-a"]))
	if back := w.finish(id, "u-bob"); back.Get("code") != "" || back.Get("error") != "access_denied" {
		t.Errorf("another browser fetched the answer: %v", back)
	}
	id, _, _ = w.request(w.wish(app.ID, asked), "u-ann")
	w.ok(w.gate.AnswerAsk(t.Context(), w.user("u-ann"), id, "", ""))
	if back := w.finish(id, "u-ann"); back.Get("error") != "access_denied" || back.Get("code") != "" {
		t.Errorf("a no: %v", back)
	}
}

// TestCodesCountOnce: a code that is shown again ends everything it gave, also
// when two show it at the same moment.
// Covers: O3
func TestCodesCountOnce(t *testing.T) {
	w := newWorld(t)
	app := w.chart()
	code := w.code(app.ID, asked)
	_, got := w.redeem(app.ID, code)
	token := got["access_token"].(string)
	if status, again := w.redeem(app.ID, code); status == http.StatusOK || again["access_token"] != nil {
		t.Fatalf("a code counted twice: %d %v", status, again)
	}
	w.gate.Forget()
	if _, err := w.gate.Bearer(t.Context(), token, ""); vital.KindOf(err) != vital.Unauthenticated {
		t.Errorf("the first token lives on: %v", err)
	}

	code = w.code(app.ID, asked)
	var wait sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 4 {
		wait.Go(func() {
			status, _ := w.redeem(app.ID, code)
			mu.Lock()
			defer mu.Unlock()
			if status == http.StatusOK {
				won++
			}
		})
	}
	wait.Wait()
	if won > 1 {
		t.Errorf("one code gave %d tokens", won)
	}

	code = w.code(app.ID, asked)
	if status, got := w.redeem(app.ID, code, "code_verifier", "another-verifier-that-is-long-enough-to-count-as-one-12345"); status == http.StatusOK {
		t.Errorf("without the proof key: %v", got)
	}
	other := w.chart()
	code = w.code(app.ID, asked)
	if status, got := w.redeem(other.ID, code); status == http.StatusOK {
		t.Errorf("another program fetched it: %v", got)
	}
	code = w.code(app.ID, asked)
	if status, got := w.redeem(app.ID, code, "redirect_uri", "https://evil.example.org/back"); status == http.StatusOK {
		t.Errorf("with another address: %v", got)
	}
}

// TestRefreshTokensRotate: the one before shows that two hold it, and ends both;
// a renewal never widens.
// Covers: O3 A3
func TestRefreshTokensRotate(t *testing.T) {
	w := newWorld(t)
	app := w.chart()
	_, got := w.redeem(app.ID, w.code(app.ID, asked))
	first := got["refresh_token"].(string)
	if status, wide := w.refresh(app.ID, first, "patient/Observation.rs user/Observation.rs"); status == http.StatusOK {
		t.Fatalf("a renewal widened: %v", wide)
	}
	status, second := w.refresh(app.ID, first, "")
	if status != http.StatusOK || second["refresh_token"] == first {
		t.Fatalf("renewed: %d %v", status, second)
	}
	if status, _ := w.refresh(app.ID, first, ""); status == http.StatusOK {
		t.Fatal("a refresh token counted twice")
	}
	if status, _ := w.refresh(app.ID, second["refresh_token"].(string), ""); status == http.StatusOK {
		t.Error("the one that followed lives on")
	}
	if _, err := w.gate.Bearer(t.Context(), second["access_token"].(string), ""); vital.KindOf(err) != vital.Unauthenticated {
		t.Errorf("its access token lives on: %v", err)
	}
}

// TestTakenBack: a program, a grant and a person that were ended end the tokens.
// Covers: A4 O2
func TestTakenBack(t *testing.T) {
	w := newWorld(t)
	app := w.chart()
	_, got := w.redeem(app.ID, w.code(app.ID, asked))
	token := got["access_token"].(string)
	bob := entry("user.put")
	u, err := w.store.UserByID(t.Context(), vital.DefaultSite, "u-ann")
	w.ok(err)
	u.State = auth.UserBlocked
	w.ok(w.store.PutUser(t.Context(), bob, u))
	w.gate.Forget()
	if _, err := w.gate.Bearer(t.Context(), token, ""); vital.KindOf(err) != vital.Unauthenticated {
		t.Errorf("a blocked person's program: %v", err)
	}
	u.State = auth.UserActive
	w.ok(w.store.PutUser(t.Context(), bob, u))
	w.gate.Forget()
	if _, err := w.gate.Bearer(t.Context(), token, ""); err != nil {
		t.Fatalf("the person is back: %v", err)
	}
	status, info := w.post("/oauth/introspect", url.Values{"token": {token}, "client_id": {app.ID}})
	if status != http.StatusOK || info["active"] != true || info["patient"] != string(w.p["w-a"]) {
		t.Errorf("introspection: %d %v", status, info)
	}
	other := w.chart()
	if status, info := w.post("/oauth/introspect", url.Values{"token": {token}, "client_id": {other.ID}}); status == http.StatusOK && info["active"] == true {
		t.Errorf("another program learned of it: %v", info)
	}
	if status, _ := w.post("/oauth/revoke", url.Values{"token": {token}, "client_id": {app.ID}}); status != http.StatusOK {
		t.Errorf("giving it back: %d", status)
	}
	if _, err := w.gate.Bearer(t.Context(), token, ""); vital.KindOf(err) != vital.Unauthenticated {
		t.Errorf("a token that was given back: %v", err)
	}
	_, got = w.redeem(app.ID, w.code(app.ID, asked))
	w.ok(w.gate.EndProgram(t.Context(), w.admin, app.ID))
	if _, err := w.gate.Bearer(t.Context(), got["access_token"].(string), ""); vital.KindOf(err) != vital.Unauthenticated {
		t.Errorf("an ended program: %v", err)
	}
	if id, _, _ := w.request(w.wish(app.ID, asked), "u-ann"); id != "" {
		t.Error("an ended program may ask")
	}
}

// TestBackend goes the way of SMART Backend Services, and tries what must fail.
// Covers: O3
func TestBackend(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	w.ok(err)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES384", Use: "sig"}}})
	w.ok(err)
	app, _, err := w.gate.RegisterProgram(t.Context(), w.admin, auth.Program{Name: "Registry", Kind: auth.BackendProgram, Keys: keys, Scopes: "system/Observation.rs system/Device.rs", Wards: []vital.WardID{"w-b"}})
	w.ok(err)
	ask := func(assertion, scopes string) (int, map[string]any) {
		return w.post("/oauth/token", url.Values{
			"grant_type": {"client_credentials"}, "scope": {scopes}, "client_assertion": {assertion},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		})
	}
	proof := w.assertion(key, app.ID, nil)
	status, got := ask(proof, "system/Observation.rs")
	if status != http.StatusOK || got["refresh_token"] != nil || got["expires_in"].(float64) > 300 {
		t.Fatalf("%d %v", status, got)
	}
	p, err := w.gate.Bearer(t.Context(), got["access_token"].(string), "")
	w.ok(err)
	if p.Class != auth.Integration || p.AllWards || !slices.Equal(p.Wards, []vital.WardID{"w-b"}) || p.App == nil {
		t.Errorf("the backend is %+v", p)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	w.ok(err)
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + strings.Split(w.assertion(key, app.ID, nil), ".")[1] + "."
	for name, assertion := range map[string]string{
		"shown a second time": proof,
		"without a signature": unsigned,
		"a stranger's key":    w.assertion(stranger, app.ID, nil),
		"too long a life":     w.assertion(key, app.ID, func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(time.Hour)) }),
		"run out":             w.assertion(key, app.ID, func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Hour)) }),
		"for another server":  w.assertion(key, app.ID, func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://evil.example.org"} }),
		"of somebody else":    w.assertion(key, app.ID, func(c *jwt.Claims) { c.Issuer, c.Subject = "app-other", "app-other" }),
		"without an id":       w.assertion(key, app.ID, func(c *jwt.Claims) { c.ID = "" }),
	} {
		if status, got := ask(assertion, "system/Observation.rs"); status == http.StatusOK || got["access_token"] != nil {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	for _, scopes := range []string{"system/Patient.rs", "system/Observation.rs system/Patient.rs", "user/Observation.rs", "", "offline_access"} {
		if status, got := ask(w.assertion(key, app.ID, nil), scopes); status == http.StatusOK {
			t.Errorf("asked for %q, which it was not let in for: %v", scopes, got)
		}
	}
}

// TestPrograms says which programs an administrator cannot let in.
func TestPrograms(t *testing.T) {
	w := newWorld(t)
	good := auth.Program{Name: "Chart", Kind: auth.PublicProgram, Redirects: []string{"https://a.example.org/b"}, Scopes: "openid patient/Observation.rs"}
	if _, secret, err := w.gate.RegisterProgram(t.Context(), w.admin, good); err != nil || secret != "" {
		t.Fatalf("a good one: %v", err)
	}
	for name, spoil := range map[string]func(*auth.Program){
		"without a name":          func(p *auth.Program) { p.Name = " " },
		"without scopes":          func(p *auth.Program) { p.Scopes = "" },
		"with system rights":      func(p *auth.Program) { p.Scopes = "system/Observation.rs" },
		"with a resource we lack": func(p *auth.Program) { p.Scopes = "patient/Claim.rs" },
		"without an address":      func(p *auth.Program) { p.Redirects = nil },
		"in plain text":           func(p *auth.Program) { p.Redirects = []string{"http://a.example.org/b"} },
		"with a wildcard":         func(p *auth.Program) { p.Redirects = []string{"https://*.example.org/b"} },
		"with a fragment":         func(p *auth.Program) { p.Redirects = []string{"https://a.example.org/b#c"} },
		"with a script":           func(p *auth.Program) { p.Redirects = []string{"javascript:alert(1)"} },
		"of no kind":              func(p *auth.Program) { p.Kind = "" },
		"public with a key":       func(p *auth.Program) { p.KeysURL = "https://a.example.org/keys" },
		"a backend without a key": func(p *auth.Program) {
			p.Kind, p.Redirects, p.Scopes, p.AllWards = auth.BackendProgram, nil, "system/Observation.rs", true
		},
		"keys in plain text": func(p *auth.Program) { p.Kind, p.KeysURL = auth.ConfidentialProgram, "http://a.example.org/keys" },
	} {
		p := good
		spoil(&p)
		if _, _, err := w.gate.RegisterProgram(t.Context(), w.admin, p); vital.KindOf(err) != vital.Invalid {
			t.Errorf("a program %s was let in: %v", name, err)
		}
	}
}

// TestSmartConfiguration shows what programs read first.
func TestSmartConfiguration(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/.well-known/smart-configuration", api + "/.well-known/smart-configuration", "/.well-known/openid-configuration"} {
		res := w.browse(path, "")
		var fields map[string]any
		w.ok(json.NewDecoder(res.Body).Decode(&fields))
		if fields["issuer"] != w.http.URL || fields["token_endpoint"] != w.http.URL+"/oauth/token" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, fields)
		}
	}
	if res := w.browse("/register", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("programs can let themselves in: %d", res.StatusCode)
	}
}

// TestAnAddressIsLimited: who asks for tokens without end is told to wait.
// Covers: A10
func TestAnAddressIsLimited(t *testing.T) {
	w := newWorld(t)
	w.door.Limited()
	waits := 0
	for range 60 {
		if status, _ := w.refresh("app-none", "guess", ""); status == http.StatusTooManyRequests {
			waits++
		}
	}
	if waits < 20 {
		t.Errorf("%d of 60 requests at once had to wait", waits)
	}
}

// TestAProgramOnTheDesk: it comes back to any port of this machine, and to no
// other path or machine.
// Covers: O3
func TestAProgramOnTheDesk(t *testing.T) {
	w := newWorld(t)
	app, _, err := w.gate.RegisterProgram(t.Context(), w.admin, auth.Program{
		Name: "Desk", Kind: auth.PublicProgram, Redirects: []string{"http://127.0.0.1:5000/back", "http://[::1]:5000/back"}, Scopes: "openid",
	})
	w.ok(err)
	for address, good := range map[string]bool{
		"http://127.0.0.1:5000/back": true, "http://127.0.0.1:41234/back": true, "http://[::1]:7/back": true,
		"http://127.0.0.1:5000/other": false, "http://127.0.0.2:5000/back": false, "http://localhost:5000/back": false, "https://127.0.0.1:5000/back": false,
		"http://127.0.0.1.example.org:5000/back": false, "http://127.0.0.1:5000@evil.example.org/back": false,
	} {
		id, _, _ := w.request(w.wish(app.ID, "openid", "redirect_uri", address), "u-ann")
		if (id != "") != good {
			t.Errorf("%s: taken %v, want %v", address, id != "", good)
		}
	}
}
