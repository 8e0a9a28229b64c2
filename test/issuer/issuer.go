// Package issuer is a hospital's sign-on in software (OpenID Connect): enough of
// one to sign somebody in, and everything that a wrong or a hostile one could say.
package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Issuer is a running sign-on.
type Issuer struct {
	URL    string
	Client string
	Now    func() time.Time

	// What the next tokens say, and how they are signed.
	Subject   string
	Claims    map[string]any // beside and over the usual ones
	Algorithm string         // "ES256", "none", "HS256" with the client's secret, "other": a key that is not published
	Secret    string

	Exchanges int // codes that were redeemed

	mu     sync.Mutex
	key    *ecdsa.PrivateKey
	codes  map[string]url.Values // what was asked, by code
	server *httptest.Server
}

var encoding = base64.RawURLEncoding

// New starts a sign-on that knows one client.
func New(t *testing.T, now func() time.Time) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{Client: "vigil", Secret: "the client's secret", Now: now, Subject: "subject-1", Algorithm: "ES256", key: key, codes: make(map[string]url.Values)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("POST /token", i.token)
	i.server = httptest.NewServer(mux)
	i.URL = i.server.URL
	t.Cleanup(i.server.Close)
	return i
}

// SignIn is what a person does at the sign-on: it takes the address that the
// browser was sent to and returns what the browser is sent back with.
func (i *Issuer) SignIn(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	asked := u.Query()
	for name, want := range map[string]string{"response_type": "code", "client_id": i.Client, "code_challenge_method": "S256"} {
		if asked.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, asked.Get(name), want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge", "redirect_uri"} {
		if asked.Get(name) == "" {
			t.Errorf("%s is missing in %s", name, address)
		}
	}
	code := rand.Text()
	i.mu.Lock()
	i.codes[code] = asked
	i.mu.Unlock()
	return url.Values{"code": {code}, "state": {asked.Get("state")}, "iss": {i.URL}}
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	respond(w, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"response_types_supported": []string{"code"}, "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	point, _ := i.key.PublicKey.Bytes()
	respond(w, map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
		"x": encoding.EncodeToString(point[1:33]), "y": encoding.EncodeToString(point[33:]),
	}}})
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	asked := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if asked == nil || encoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		respond(w, map[string]string{"error": "invalid_grant"})
		return
	}
	i.Exchanges++
	now := i.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": i.Client, "sub": i.Subject, "nonce": asked.Get("nonce"), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": now.Unix(),
	}
	maps.Copy(claims, i.Claims)
	respond(w, map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": i.sign(claims)})
}

func (i *Issuer) sign(claims map[string]any) string {
	algorithm := i.Algorithm
	if algorithm == "other" {
		algorithm = "ES256"
	}
	head, _ := json.Marshal(map[string]string{"alg": algorithm, "kid": "1", "typ": "JWT"})
	body, _ := json.Marshal(claims)
	signed := encoding.EncodeToString(head) + "." + encoding.EncodeToString(body)
	var signature []byte
	switch i.Algorithm {
	case "none":
	case "HS256":
		h := hmac.New(crypto.SHA256.New, []byte(i.Secret))
		h.Write([]byte(signed))
		signature = h.Sum(nil)
	default:
		key := i.key
		if i.Algorithm == "other" {
			key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		sum := sha256.Sum256([]byte(signed))
		r, s, _ := ecdsa.Sign(rand.Reader, key, sum[:])
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	return signed + "." + encoding.EncodeToString(signature)
}

func respond(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
