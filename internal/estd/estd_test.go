package estd_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/estd"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// door is the door for certificates over TLS, with a real gate behind it.
type door struct {
	t         *testing.T
	store     *store.DB
	gate      *auth.Gate
	authority *ca.Authority
	url       string
	pool      *x509.CertPool
}

func newDoor(t *testing.T) *door {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "vigil.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	d := &door{t: t, store: db, gate: auth.New(auth.Options{Store: db}), pool: x509.NewCertPool()}
	if d.authority, err = ca.Open(t.Context(), ca.Options{Dir: t.TempDir(), Site: vital.DefaultSite}); err != nil {
		t.Fatal(err)
	}
	identity, err := d.authority.Server([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(estd.New(estd.Options{Gate: d.gate, Authority: d.authority, Site: vital.DefaultSite}).Handler())
	clients := x509.NewCertPool()
	d.authority.Trust(clients)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{identity}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients}
	s.StartTLS()
	t.Cleanup(s.Close)
	d.url = s.URL + estd.Path
	d.pool.AddCert(d.authority.Root())
	for _, id := range []vital.DeviceID{"monitor-1", "monitor-2"} {
		if err := db.PutDevice(t.Context(), audit.Entry{Site: vital.DefaultSite, Who: "test", Action: "test.furnish"}, store.Device{ID: id, Class: "device"}); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *door) secret(id vital.DeviceID) string {
	d.t.Helper()
	v, err := d.store.Device(d.t.Context(), store.Everything(vital.DefaultSite), id)
	if err != nil {
		d.t.Fatal(err)
	}
	secret, _, err := d.gate.NewEnrolment(d.t.Context(), auth.Principal{Class: auth.System}, v, time.Hour)
	if err != nil {
		d.t.Fatal(err)
	}
	return secret
}

// asking is one request of a device.
type asking struct {
	path, user, secret string
	kind               string
	body               []byte
	with               *tls.Certificate
	cookie             string
	bearer             string
}

func (d *door) ask(a asking) (*http.Response, []byte) {
	d.t.Helper()
	settings := &tls.Config{RootCAs: d.pool}
	if a.with != nil {
		settings.Certificates = []tls.Certificate{*a.with}
	}
	transport := &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}
	method := http.MethodPost
	if a.body == nil {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+a.path, bytes.NewReader(a.body))
	if err != nil {
		d.t.Fatal(err)
	}
	if a.kind == "" {
		a.kind = "application/pkcs10"
	}
	r.Header.Set("Content-Type", a.kind)
	if a.user != "" {
		r.SetBasicAuth(a.user, a.secret)
	}
	if a.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+a.bearer)
	}
	if a.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-vigil", Value: a.cookie})
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp, body
}

func key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func request(t *testing.T, k *ecdsa.PrivateKey, name string) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func lines(der []byte) []byte {
	text, out := base64.StdEncoding.EncodeToString(der), strings.Builder{}
	for ; len(text) > 0; text = text[min(76, len(text)):] {
		out.WriteString(text[:min(76, len(text))] + "\r\n")
	}
	return []byte(out.String())
}

// certificates reads an answer as RFC 7030 has it.
func (d *door) certificates(resp *http.Response, body []byte) []*x509.Certificate {
	d.t.Helper()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/pkcs7-mime") || resp.Header.Get("Content-Transfer-Encoding") != "base64" {
		d.t.Fatalf("%s %v: %s", resp.Status, resp.Header, body)
	}
	for line := range strings.Lines(string(body)) {
		if len(line) > 77 {
			d.t.Errorf("a line of %d characters", len(line))
		}
	}
	der, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\n", ""))
	if err != nil {
		d.t.Fatal(err)
	}
	message, err := pkcs7.Parse(der)
	if err != nil {
		d.t.Fatal(err)
	}
	return message.Certificates
}

// The four requests, in each form in which tools send a request for a certificate.
//
// Covers: D1 H7
func TestEnrol(t *testing.T) {
	d := newDoor(t)
	resp, body := d.ask(asking{path: "cacerts"})
	trusted := d.certificates(resp, body)
	if len(trusted) != 2 || !trusted[1].Equal(d.authority.Root()) {
		t.Errorf("cacerts are %d certificates", len(trusted))
	}
	resp, body = d.ask(asking{path: "csrattrs"})
	if resp.Header.Get("Content-Type") != "application/csrattrs" || resp.StatusCode != 200 || len(body) == 0 {
		t.Errorf("csrattrs: %s %v", resp.Status, resp.Header)
	}
	k := key(t)
	der := request(t, k, "monitor-1")
	for name, body := range map[string][]byte{
		"base64": []byte(base64.StdEncoding.EncodeToString(der)), "base64 in lines": lines(der), "DER": der,
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
	} {
		resp, answer := d.ask(asking{path: "simpleenroll", user: "monitor-1", secret: d.secret("monitor-1"), body: body})
		if got := d.certificates(resp, answer); len(got) != 1 || got[0].URIs[0].String() != "spiffe://main/device/monitor-1" {
			t.Errorf("%s: %v", name, got)
		}
	}
	resp, answer := d.ask(asking{path: "simpleenroll", user: "monitor-1", secret: d.secret("monitor-1"), body: der})
	first := d.certificates(resp, answer)[0]
	present := &tls.Certificate{Certificate: [][]byte{first.Raw}, PrivateKey: k}
	next := key(t)
	resp, answer = d.ask(asking{path: "simplereenroll", with: present, body: request(t, next, "monitor-1")})
	second := d.certificates(resp, answer)[0]
	if second.SerialNumber.Cmp(first.SerialNumber) == 0 || !next.PublicKey.Equal(second.PublicKey) {
		t.Error("it was not renewed")
	}
	renewed := &tls.Certificate{Certificate: [][]byte{second.Raw}, PrivateKey: next}
	resp, answer = d.ask(asking{path: "simplereenroll", with: renewed, body: request(t, key(t), "")}) // a request may leave the name out
	d.certificates(resp, answer)
}

// What is not enrolment gets no certificate, and what could have been does not
// use the secret up.
//
// Covers: S1 D1 H7 H8
func TestRefused(t *testing.T) {
	d := newDoor(t)
	k := key(t)
	der := request(t, k, "monitor-1")
	secret := d.secret("monitor-1")
	resp, answer := d.ask(asking{path: "simpleenroll", user: "monitor-2", secret: d.secret("monitor-2"), body: request(t, k, "monitor-2")})
	other := &tls.Certificate{Certificate: [][]byte{d.certificates(resp, answer)[0].Raw}, PrivateKey: k}
	_, token, err := d.gate.NewToken(t.Context(), auth.Principal{Class: auth.System}, store.Token{Name: "program", Class: "integration", Roles: []string{"administrator"}, AllWards: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		asking
		want int
	}{
		"no secret":                    {asking{path: "simpleenroll", body: der}, 401},
		"a wrong secret":               {asking{path: "simpleenroll", user: "monitor-1", secret: "AAAAA-AAAAA-AAAAA-AAAAA", body: der}, 401},
		"another device's secret":      {asking{path: "simpleenroll", user: "monitor-2", secret: secret, body: der}, 401},
		"a program's token":            {asking{path: "simpleenroll", bearer: token, body: der}, 401},
		"a person's cookie":            {asking{path: "simpleenroll", cookie: token, body: der}, 401},
		"a certificate, no secret":     {asking{path: "simpleenroll", with: other, body: der}, 401},
		"another's name":               {asking{path: "simpleenroll", user: "monitor-1", secret: secret, body: request(t, k, "monitor-2")}, 403},
		"renewal for another":          {asking{path: "simplereenroll", with: other, body: der}, 403},
		"renewal with the secret only": {asking{path: "simplereenroll", user: "monitor-1", secret: secret, body: der}, 403},
		"renewal with a token":         {asking{path: "simplereenroll", bearer: token, body: der}, 403},
		"not a request":                {asking{path: "simpleenroll", user: "monitor-1", secret: secret, body: []byte("hello")}, 400},
		"another content type":         {asking{path: "simpleenroll", user: "monitor-1", secret: secret, body: der, kind: "text/plain"}, 400},
		"too large":                    {asking{path: "simpleenroll", user: "monitor-1", secret: secret, body: bytes.Repeat([]byte("A"), 20<<10)}, 400},
		"server key generation":        {asking{path: "serverkeygen", user: "monitor-1", secret: secret, body: der}, 404},
		"get instead of post":          {asking{path: "simpleenroll", user: "monitor-1", secret: secret}, 405},
	} {
		resp, body := d.ask(c.asking)
		if resp.StatusCode != c.want || bytes.Contains(body, []byte("MII")) {
			t.Errorf("%s: %s, want %d: %s", name, resp.Status, c.want, body)
		}
		if resp.StatusCode == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: how to come in is not said: %v", name, resp.Header)
		}
	}
	resp, answer = d.ask(asking{path: "simpleenroll", user: "monitor-1", secret: secret, body: der})
	d.certificates(resp, answer)
	resp, answer = d.ask(asking{path: "simpleenroll", user: "monitor-1", secret: secret, body: der})
	if resp.StatusCode != 401 {
		t.Errorf("the secret again: %s %s", resp.Status, answer)
	}
	// Without TLS nothing is given, not even whom to trust.
	plain := httptest.NewServer(estd.New(estd.Options{Gate: d.gate, Authority: d.authority, Site: vital.DefaultSite}).Handler())
	defer plain.Close()
	clear, err := http.Get(plain.URL + estd.Path + "cacerts")
	if err != nil || clear.StatusCode != 403 {
		t.Errorf("in the clear: %v %v", clear, err)
	}
	clear.Body.Close()
}
