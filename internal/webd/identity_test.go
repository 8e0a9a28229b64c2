package webd_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pquerna/otp/totp"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/test/authenticator"
	"github.com/vigilcare/vigil/test/issuer"
	"github.com/vigilcare/vigil/vital"
)

// browser keeps the cookie of one person and asks as a page would.
type browser struct {
	w      *world
	host   string
	cookie string
}

// house is a world whose server can keep codes and takes passkeys as localhost.
func house(t *testing.T, signOns ...auth.SignOn) (*world, *browser) {
	t.Helper()
	w := newWorldWith(t, auth.Options{Keys: seal.Ephemeral(), SignOn: signOns})
	u, err := url.Parse(w.http.URL)
	w.do(err)
	b := &browser{w: w, host: "localhost:" + u.Port()}
	w.do(w.gate.Receive(auth.Party{ID: "localhost", Name: "Vigil", Origins: []string{"http://" + b.host}}))
	return w, b
}

func (b *browser) origin() string { return "http://" + b.host }

func (b *browser) ask(method, path string, body any) answer {
	b.w.t.Helper()
	text := ""
	if body != nil {
		raw, err := json.Marshal(body)
		b.w.do(err)
		text = string(raw)
	}
	a := b.w.ask("", method, path, text, "Host", b.host, "Cookie", "vigil="+b.cookie, "User-Agent", "Ward tablet")
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == "vigil" {
			b.cookie = c.Value
		}
	}
	return a
}

// want asks and fails unless the status is that.
func (b *browser) want(status int, method, path string, body any) map[string]any {
	b.w.t.Helper()
	a := b.ask(method, path, body)
	if a.status != status {
		b.w.t.Fatalf("%s %s: %d, want %d\n%s", method, path, a.status, status, a.body)
	}
	if len(a.body) == 0 {
		return nil
	}
	return a.json(b.w.t)
}

type object = map[string]any

// link signs in by a new one-time link.
func (b *browser) link(user vital.UserID) map[string]any {
	b.w.t.Helper()
	secret, err := b.w.gate.Link(b.w.t.Context(), principal, user)
	b.w.do(err)
	return b.want(200, "POST", "/session/link", object{"token": secret})
}

// enrol makes a passkey of the phone.
func (b *browser) enrol(phone *authenticator.Authenticator) map[string]any {
	b.w.t.Helper()
	begun := b.want(200, "POST", "/me/passkeys/begin", object{})
	made, err := phone.Make(raw(b.w, begun["options"]), b.origin())
	b.w.do(err)
	return b.want(201, "POST", "/me/passkeys/finish", object{"ceremony": begun["ceremony"], "name": "Her phone", "credential": json.RawMessage(made)})
}

func (b *browser) prove(phone *authenticator.Authenticator, way string, status int) map[string]any {
	b.w.t.Helper()
	begun := b.want(200, "POST", way+"/begin", object{})
	proof, err := phone.Assert(raw(b.w, begun["options"]), b.origin())
	b.w.do(err)
	return b.want(status, "POST", way+"/finish", object{"ceremony": begun["ceremony"], "credential": json.RawMessage(proof)})
}

func raw(w *world, v any) []byte {
	w.t.Helper()
	body, err := json.Marshal(v)
	w.do(err)
	return body
}

func (w *world) code(secret string) string {
	w.t.Helper()
	code, err := totp.GenerateCode(secret, w.clock.Now())
	w.do(err)
	return code
}

// A nurse's first day, by the requests that her browser makes.
//
// Covers: A10 O1 ASVS-6.3.3 ASVS-7.2.4 HIPAA-164.312(d)
func TestEnrolAndSignIn(t *testing.T) {
	w, b := house(t)
	phone := authenticator.New()
	if me := b.link("u-nurse"); me["next"] != "enrol" || len(me["actions"].([]any)) != 1 {
		t.Fatalf("after the link: %v", me)
	}
	refused := b.want(401, "GET", "/wards", nil)
	if refused["second"] != true || refused["step"] != nil {
		t.Errorf("a half sign-in is told %v", refused)
	}
	half := b.cookie
	made := b.enrol(phone)
	if me := made["me"].(map[string]any); me["next"] != "" || me["passkeys"] != 1.0 {
		t.Errorf("after enrolling: %v", me)
	}
	if a := w.ask("", "GET", "/me", "", "Cookie", "vigil="+half); a.status != 401 || b.cookie == half {
		t.Errorf("the half session's cookie: %d", a.status)
	}
	b.want(200, "GET", "/wards", nil)
	b.want(204, "DELETE", "/session", nil)
	b.want(401, "GET", "/wards", nil)
	if me := b.prove(phone, "/session/passkey", 200); me["id"] != "u-nurse" || me["next"] != "" {
		t.Errorf("by the passkey: %v", me)
	}
	b.want(200, "GET", "/wards/w-a", nil)

	b.want(204, "POST", "/me/password", object{"old": "", "new": "correct horse battery"})
	app := b.want(201, "POST", "/me/code", object{})
	if !strings.HasPrefix(app["url"].(string), "otpauth://totp/") || !strings.HasPrefix(app["qr"].(string), "<svg") {
		t.Errorf("the app is told %v", app)
	}
	b.want(200, "POST", "/me/code/confirm", object{"code": w.code(app["secret"].(string))})
	b.want(204, "DELETE", "/session", nil)
	w.clock.pass(time.Minute)
	me := b.want(200, "POST", "/session", object{"username": "nurse", "password": "correct horse battery"})
	if me["next"] != "passkey" || len(me["methods"].([]any)) != 2 || me["passkeys"] != 0.0 {
		t.Errorf("after the password: %v", me)
	}
	b.want(401, "POST", "/me/passkeys/begin", object{})
	b.want(401, "GET", "/me/sessions", nil)
	b.want(401, "GET", "/me/notices", nil)
	code := w.code(app["secret"].(string))
	if me := b.want(200, "POST", "/session/code", object{"code": code}); me["next"] != "" {
		t.Errorf("after the code: %v", me)
	}
	b.want(401, "POST", "/session/step/finish", object{"code": code})
	sessions := b.want(200, "GET", "/me/sessions", nil)["items"].([]any)
	one := sessions[0].(map[string]any)
	if one["agent"] != "Ward tablet" || one["from"] != "127.0.0.1" || one["whole"] != true {
		t.Errorf("sessions: %v", sessions)
	}
	if notices := b.want(200, "GET", "/me/notices", nil)["items"].([]any); len(notices) < 2 {
		t.Errorf("notices: %v", notices)
	}
	b.want(204, "POST", "/me/notices/seen", object{})
	if me := b.want(200, "GET", "/me", nil); me["notices"] != 0.0 {
		t.Errorf("%v", me["notices"])
	}
}

// Covers: ASVS-7.5.3 O1
func TestStepUpBeforeAdministration(t *testing.T) {
	w, b := house(t)
	phone := authenticator.New()
	b.link("u-administrator")
	b.enrol(phone)
	b.want(200, "GET", "/users", nil)
	w.clock.pass(5*time.Minute + time.Second)
	b.want(200, "GET", "/users", nil)
	before := b.want(200, "GET", "/me", nil)["session"]
	for method, path := range map[string]string{"PUT": "/rules", "POST": "/users", "DELETE": "/users/u-nurse/sessions"} {
		if a := b.want(401, method, path, object{}); a["step"] != true || a["second"] != nil {
			t.Errorf("%s %s is told %v", method, path, a)
		}
	}
	if a := b.want(401, "POST", "/me/passkeys/begin", object{}); a["step"] != true {
		t.Errorf("a new passkey is told %v", a)
	}
	me := b.prove(phone, "/session/step", 200)
	if me["session"] != before {
		t.Error("a step-up is another session")
	}
	b.want(204, "DELETE", "/users/u-nurse/sessions", nil)
	b.want(201, "POST", "/users", object{"name": "New", "username": "new", "roles": []string{"nurse"}})
	// A program is not asked: its token says what it is for.
	_, token, err := w.gate.NewToken(t.Context(), principal, store.Token{Name: "sync", Class: "integration", Roles: []string{"administrator"}, AllWards: true})
	w.do(err)
	w.tokens["sync"] = token
	if a := w.ask("sync", "POST", "/users", `{"name":"N","username":"by-sync","roles":["nurse"]}`); a.status != 201 {
		t.Errorf("a program with the right to: %d %s", a.status, a.body)
	}
}

// Recovery needs a person who has just shown who that is, is told to whom it is
// about, ends what was, and cannot be done for oneself or by a program.
//
// Covers: A10 ASVS-6.4.4
func TestRecovery(t *testing.T) {
	w, nurse := house(t)
	nurse.link("u-nurse")
	phone := authenticator.New()
	nurse.enrol(phone)
	admin := &browser{w: w, host: nurse.host}
	admin.link("u-administrator")
	key := authenticator.New()
	admin.enrol(key)
	admin.want(403, "POST", "/users/u-administrator/link", nil)
	_, token, err := w.gate.NewToken(t.Context(), principal, store.Token{Name: "sync", Class: "integration", Roles: []string{"administrator"}, AllWards: true})
	w.do(err)
	w.tokens["sync"] = token
	if a := w.ask("sync", "POST", "/users/u-nurse/link", ""); a.status != 403 {
		t.Errorf("a program recovers an account: %d", a.status)
	}
	w.clock.pass(6 * time.Minute)
	admin.want(401, "POST", "/users/u-nurse/link", nil)
	admin.prove(key, "/session/step", 200)
	link := admin.want(201, "POST", "/users/u-nurse/link", nil)["link"].(string)
	// She sees it where she is signed in, and says that she did not ask.
	if me := nurse.want(200, "GET", "/me", nil); me["notices"] == 0.0 {
		t.Error("she is not told")
	}
	notices := nurse.want(200, "GET", "/me/notices", nil)["items"].([]any)
	if n := notices[0].(map[string]any); n["kind"] != "link-made" || n["byName"] != "The administrator" {
		t.Errorf("she is told %v", n)
	}
	nurse.want(204, "DELETE", "/me/link", nil)
	stranger := &browser{w: w, host: nurse.host}
	_, secret, _ := strings.Cut(link, "#")
	stranger.want(401, "POST", "/session/link", object{"token": secret})
	nurse.want(200, "GET", "/wards", nil)
	// This time she did.
	_, secret, _ = strings.Cut(admin.want(201, "POST", "/users/u-nurse/link", nil)["link"].(string), "#")
	again := &browser{w: w, host: nurse.host}
	if me := again.want(200, "POST", "/session/link", object{"token": secret}); me["next"] != "enrol" {
		t.Errorf("after a recovery: %v", me)
	}
	nurse.want(401, "GET", "/me", nil)
	begun := again.want(200, "POST", "/session/passkey/begin", object{})
	proof, err := phone.Assert(raw(w, begun["options"]), again.origin())
	w.do(err)
	again.want(401, "POST", "/session/passkey/finish", object{"ceremony": begun["ceremony"], "credential": json.RawMessage(proof)})
	again.want(401, "GET", "/wards", nil)
	again.enrol(authenticator.New())
	again.want(200, "GET", "/wards", nil)
}

// Whoever lost a right, a session or the account is out of the live socket within
// five seconds of the clock on the wall.
//
// Covers: A4 ASVS-7.4.3 ASVS-8.3.2
func TestARevokedClinicianIsCutOff(t *testing.T) {
	for name, revoke := range map[string]func(t *testing.T, w *world){
		"blocked by another process": func(t *testing.T, w *world) { // nobody calls Forget
			u, err := w.store.UserByID(t.Context(), vital.DefaultSite, "u-clinician")
			w.do(err)
			u.State = auth.UserBlocked
			w.do(w.store.PutUser(t.Context(), system, u))
		},
		"a role less": func(t *testing.T, w *world) {
			u, err := w.store.UserByID(t.Context(), vital.DefaultSite, "u-clinician")
			w.do(err)
			u.Roles = []string{"auditor"}
			w.do(w.store.PutUser(t.Context(), system, u))
		},
		"signed out everywhere": func(t *testing.T, w *world) {
			if a := w.ask("administrator", "DELETE", "/users/u-clinician/sessions", ""); a.status != 204 {
				t.Error(a.status)
			}
		},
		"one session ended": func(t *testing.T, w *world) {
			items := w.ask("administrator", "GET", "/users/u-clinician/sessions", "").json(t)["items"].([]any)
			id := items[0].(map[string]any)["id"].(string)
			if a := w.ask("administrator", "DELETE", "/users/u-clinician/sessions/"+id, ""); a.status != 204 {
				t.Error(a.status)
			}
		},
		"recovered": func(t *testing.T, w *world) {
			secret, err := w.gate.Link(t.Context(), principal, "u-clinician")
			w.do(err)
			if a := w.ask("", "POST", "/session/link", `{"token":"`+secret+`"}`); a.status != 200 {
				t.Error(a.status)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.open("clinician")
			c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
			c.until("snapshot")
			revoke(t, w)
			// The clock of the test stands still but for this: what the gate
			// remembers is as old as the time that passes.
			began := time.Now()
			stop := time.AfterFunc(3*time.Second, func() { w.clock.pass(3 * time.Second) })
			defer stop.Stop()
			for {
				_, err := c.hear()
				if err == nil {
					continue
				}
				took := time.Since(began)
				if took > 5*time.Second {
					t.Errorf("the socket stayed for %s", took)
				}
				if code := websocket.CloseStatus(err); code != 4401 && code != 4403 {
					t.Errorf("it ended with %v", err)
				}
				t.Logf("cut off after %s", took.Round(10*time.Millisecond))
				return
			}
		})
	}
}

// A step-up changes the cookie; the sockets of the session stay open.
func TestLiveStaysOverAStepUp(t *testing.T) {
	w, b := house(t)
	phone := authenticator.New()
	b.link("u-nurse")
	b.enrol(phone)
	w.cookies["own"] = b.cookie
	c := w.open("own")
	c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
	c.until("snapshot")
	b.prove(phone, "/session/step", 200)
	w.clock.pass(10 * time.Second)
	time.Sleep(2500 * time.Millisecond)
	if a := w.ask("own", "GET", "/me", ""); a.status != 401 {
		t.Errorf("the old cookie: %d", a.status)
	}
	c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
	c.until("snapshot")
}

// Covers: A10 O3 HIPAA-164.312(d)
func TestSignOnOverHTTP(t *testing.T) {
	i := issuer.New(t, time.Now)
	on := auth.SignOn{Name: "house", Title: "St. Elsewhere", Issuer: i.URL, Client: i.Client, Secret: i.Secret, Back: "http://localhost/api/v1/session/sso/house/callback", Username: "preferred_username", AMR: []string{"mfa"}}
	w, b := house(t, on)
	i.Now = w.clock.Now
	if methods := b.want(200, "GET", "/session/methods", nil); methods["passkey"] != true || len(methods["sso"].([]any)) != 1 {
		t.Errorf("%v", methods)
	}
	elsewhere := w.ask("", "GET", "/session/methods", "").json(t)
	if elsewhere["passkey"] != false || elsewhere["passkeyAddress"] != b.origin()+"/sign-in" {
		t.Errorf("by a number: %v", elsewhere)
	}
	away := func(to string) (answer, string) {
		t.Helper()
		a := b.ask("GET", "/session/sso/house?to="+url.QueryEscape(to), nil)
		if a.status != 303 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			if c.Name == "vigil-sso" && c.HttpOnly && c.SameSite == http.SameSiteLaxMode {
				return a, c.Value
			}
		}
		t.Fatal("no cookie binds the answer to this browser")
		return a, ""
	}
	back := func(cookie string, query url.Values) answer {
		t.Helper()
		a := w.ask("", "GET", "/session/sso/house/callback?"+query.Encode(), "", "Host", b.host, "Cookie", "vigil-sso="+cookie)
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			if c.Name == "vigil" {
				b.cookie = c.Value
			}
		}
		return a
	}
	for _, c := range []struct {
		name   string
		claims map[string]any
		to     string
	}{
		{"", object{"preferred_username": "nurse", "amr": []string{"mfa"}}, "/wards/w-a"},
		{"one factor", object{"preferred_username": "nurse", "amr": []string{"pwd"}}, "/sign-in?to=%2Fwards%2Fw-a"},
		{"a stranger", object{"preferred_username": "stranger", "sub": "subject-9"}, "/sign-in?problem=sso-unknown"},
		{"a lie", object{"nonce": "x"}, "/sign-in?problem=sso-refused"},
	} {
		i.Claims = c.claims
		a, cookie := away("/wards/w-a")
		if got := back(cookie, i.SignIn(t, a.header.Get("Location"))); got.status != 303 || got.header.Get("Location") != c.to {
			t.Errorf("%s: %d to %q, want %q", c.name, got.status, got.header.Get("Location"), c.to)
		}
		if c.name == "" {
			b.want(200, "GET", "/wards/w-a", nil)
		}
	}
	if got := back("", url.Values{"state": {"x"}}); got.header.Get("Location") != "/sign-in?problem=sso-expired" {
		t.Errorf("%v", got.header)
	}
	if a := b.ask("GET", "/session/sso/none", nil); a.status != 404 {
		t.Errorf("a sign-on that there is not: %d", a.status)
	}
}
