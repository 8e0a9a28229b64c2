package oauthd_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/oauthd"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

const api = "/api/v1"

// world is a door over a real store and a real gate. Whoever stands in the
// header Person is signed in.
type world struct {
	t     *testing.T
	store *store.DB
	gate  *auth.Gate
	http  *httptest.Server
	door  *oauthd.Server
	admin auth.Principal
	p     map[string]vital.PatientID // by family name
}

func entry(action string) audit.Entry {
	return audit.Entry{Site: vital.DefaultSite, Who: "test", Role: "administrator", Action: action, Outcome: "done"}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, store.Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "vigil.db"), Keeper: seal.Ephemeral()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{t: t, store: db, gate: auth.New(auth.Options{Store: db}), p: map[string]vital.PatientID{}}
	w.admin = auth.Principal{Class: auth.User, Site: vital.DefaultSite, ID: "u-admin", Name: "Admin", Roles: []auth.Role{auth.Administrator}, AllWards: true}
	for _, ward := range []vital.WardID{"w-a", "w-b"} {
		_, err := db.PutWard(ctx, entry("ward.put"), store.Ward{ID: ward, Name: string(ward), Zone: "UTC", Kind: "adult"})
		w.ok(err)
		_, err = db.PutBed(ctx, entry("bed.put"), store.Bed{ID: vital.BedID("b-" + string(ward)), Ward: ward, Label: "1"})
		w.ok(err)
		who, err := db.PutPatient(ctx, entry("patient.put"), person.Person{Family: "In " + string(ward), Given: "Anna"})
		w.ok(err)
		_, err = db.Admit(ctx, entry("patient.admit"), who.Patient, vital.BedID("b-"+string(ward)), vital.At(time.Now()))
		w.ok(err)
		w.p[string(ward)] = who.Patient
	}
	for _, u := range []store.User{
		{ID: "u-ann", Name: "Ann Nurse", Username: "ann", Roles: []string{"clinician"}, Wards: []vital.WardID{"w-a"}},
		{ID: "u-bob", Name: "Bob Doctor", Username: "bob", Roles: []string{"clinician"}, Wards: []vital.WardID{"w-b"}},
	} {
		w.ok(db.PutUser(ctx, entry("user.put"), u))
	}
	var handler http.Handler
	w.http = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	t.Cleanup(w.http.Close)
	server, err := oauthd.New(ctx, oauthd.Options{
		Gate: w.gate, Store: db, Sealer: seal.Ephemeral(), Issuer: w.http.URL, API: api,
		Caller: func(r *http.Request) (auth.Principal, error) { return w.person(r.Header.Get("Person")) },
	})
	w.ok(err)
	server.Unlimited()
	w.door, handler = server, server.Handler()
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// person is the principal of a user, as its session would give it.
func (w *world) person(id string) (auth.Principal, error) {
	u, err := w.store.UserByID(w.t.Context(), vital.DefaultSite, vital.UserID(id))
	if err != nil {
		return auth.Principal{}, vital.Errorf(vital.Unauthenticated, "nobody is signed in")
	}
	return auth.Principal{Class: auth.User, Site: vital.DefaultSite, ID: id, Name: u.Name, Roles: []auth.Role{auth.Role(u.Roles[0])}, Wards: u.Wards}, nil
}

func (w *world) user(id string) auth.Principal {
	w.t.Helper()
	p, err := w.person(id)
	w.ok(err)
	return p
}

const chartScopes = "openid fhirUser profile launch launch/patient offline_access patient/Patient.rs patient/Observation.rs patient/Observation.rs?category=vital-signs user/Observation.rs"

// chart lets in a public program.
func (w *world) chart() auth.Program {
	w.t.Helper()
	p, _, err := w.gate.RegisterProgram(w.t.Context(), w.admin, auth.Program{
		Name: "Growth chart", Kind: auth.PublicProgram, Redirects: []string{"https://chart.example.org/back"}, LaunchURL: "https://chart.example.org/launch", Scopes: chartScopes,
	})
	w.ok(err)
	return p
}

const verifier = "a-verifier-that-is-long-enough-to-count-as-one-1234567890"

func challenge(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// wish is the query of an authorization request that is in order.
func (w *world) wish(client, scopes string, more ...string) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {"https://chart.example.org/back"}, "scope": {scopes}, "state": {"state-1"},
		"aud": {w.http.URL + api}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
		if more[i+1] == "" {
			q.Del(more[i])
		}
	}
	return q
}

// browse asks as a browser in which somebody is signed in, and follows nothing.
func (w *world) browse(path, who string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "GET", w.http.URL+path, nil)
	w.ok(err)
	r.Header.Set("Person", who)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	w.ok(err)
	w.t.Cleanup(func() { res.Body.Close() })
	return res
}

// request begins a request and returns its id, or what the program was told.
func (w *world) request(q url.Values, who string) (id string, refused url.Values, status int) {
	w.t.Helper()
	res := w.browse("/oauth/authorize?"+q.Encode(), who)
	to, err := url.Parse(res.Header.Get("Location"))
	w.ok(err)
	if to.Path == "/let-in" {
		return to.Query().Get("request"), nil, res.StatusCode
	}
	told := to.Query()
	if to.Fragment != "" {
		told, err = url.ParseQuery(to.Fragment)
		w.ok(err)
	}
	if res.StatusCode == http.StatusBadRequest {
		told = url.Values{"error": {"told the person"}}
	}
	return "", told, res.StatusCode
}

// finish returns to the door after the person answered.
func (w *world) finish(id, who string) url.Values {
	w.t.Helper()
	res := w.browse(oauthd.AnswerDone(id), who)
	to, err := url.Parse(res.Header.Get("Location"))
	w.ok(err)
	return to.Query()
}

// code goes the whole way of a request of the chart program by Ann about her patient.
func (w *world) code(client, scopes string) string {
	w.t.Helper()
	id, refused, _ := w.request(w.wish(client, scopes), "u-ann")
	if id == "" {
		w.t.Fatalf("refused: %v", refused)
	}
	w.ok(w.gate.AnswerAsk(w.t.Context(), w.user("u-ann"), id, scopes, w.p["w-a"]))
	back := w.finish(id, "u-ann")
	if back.Get("code") == "" || back.Get("state") != "state-1" || back.Get("iss") != w.http.URL {
		w.t.Fatalf("came back with %v", back)
	}
	return back.Get("code")
}

// post sends a form and reads the answer.
func (w *world) post(path string, form url.Values, header ...string) (int, map[string]any) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.http.URL+path, strings.NewReader(form.Encode()))
	w.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	w.ok(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	w.ok(err)
	var fields map[string]any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &fields); err != nil {
			w.t.Fatalf("%s: %v: %s", path, err, body)
		}
	}
	return res.StatusCode, fields
}

func (w *world) redeem(client, code string, more ...string) (int, map[string]any) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://chart.example.org/back"}, "client_id": {client}, "code_verifier": {verifier},
	}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return w.post("/oauth/token", form)
}

func (w *world) refresh(client, token, scopes string) (int, map[string]any) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {client}}
	if scopes != "" {
		form.Set("scope", scopes)
	}
	return w.post("/oauth/token", form)
}

// assertion signs a program's proof of itself.
func (w *world) assertion(key *ecdsa.PrivateKey, client string, change func(*jwt.Claims)) string {
	w.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k1").WithType("JWT"))
	w.ok(err)
	claims := jwt.Claims{
		Issuer: client, Subject: client, Audience: jwt.Audience{w.http.URL + "/oauth/token"}, ID: auth.NewSecret(),
		IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(4 * time.Minute)),
	}
	if change != nil {
		change(&claims)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	w.ok(err)
	return text
}
