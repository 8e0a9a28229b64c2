package ca_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/vital"
)

var begun = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, now time.Time, sealer ca.Sealer) *ca.Authority {
	t.Helper()
	a, err := ca.Open(t.Context(), ca.Options{Dir: dir, Site: "main", Sealer: sealer, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func request(t *testing.T, key crypto.Signer, template x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func p256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func device(t *testing.T, a *ca.Authority, id vital.DeviceID) *x509.Certificate {
	t.Helper()
	r, err := ca.ReadRequest(request(t, p256(t), x509.CertificateRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Device(r, id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A device's certificate is good for a client, for 30 days, and names one device.
//
// Covers: S1 H7 D1 O5
func TestDeviceCertificate(t *testing.T) {
	a := open(t, t.TempDir(), begun, nil)
	c := device(t, a, "monitor-1")
	if life := c.NotAfter.Sub(c.NotBefore); life > 30*24*time.Hour {
		t.Errorf("it lives for %s", life)
	}
	if !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || c.IsCA || len(c.UnknownExtKeyUsage) > 0 || len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses) > 0 {
		t.Errorf("it is good for more than a client: %+v", c.ExtKeyUsage)
	}
	if len(c.URIs) != 1 || c.URIs[0].String() != "spiffe://main/device/monitor-1" {
		t.Errorf("it names %v", c.URIs)
	}
	pool := x509.NewCertPool()
	a.Trust(pool)
	for usage, good := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageClientAuth: true, x509.ExtKeyUsageServerAuth: false} {
		_, err := c.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: begun, KeyUsages: []x509.ExtKeyUsage{usage}})
		if (err == nil) != good {
			t.Errorf("usage %v: %v", usage, err)
		}
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: begun.AddDate(0, 0, 31), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("it is good after 31 days")
	}
	if id, err := ca.DeviceOf(c, "main"); err != nil || id != "monitor-1" {
		t.Errorf("it is of %q, %v", id, err)
	}
	if _, err := ca.DeviceOf(c, "other"); vital.KindOf(err) != vital.Denied {
		t.Errorf("another site takes it for its own: %v", err)
	}
	server, err := a.Server([]string{"localhost", "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: begun, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("the server's certificate is good for a client")
	}
	// What the issuing key signed cannot sign in its turn.
	for _, made := range []*x509.Certificate{c, server.Leaf} {
		if made.KeyUsage&x509.KeyUsageCertSign != 0 {
			t.Error("a leaf may sign")
		}
	}
}

// Nobody gets a certificate of somebody else, nor for a key that is weak or that
// is not the asker's.
//
// Covers: S1
func TestRequests(t *testing.T) {
	a := open(t, t.TempDir(), begun, nil)
	key := p256(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no weak keys: ", err)
	}
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	uri := func(s string) []*url.URL { u, _ := url.Parse(s); return []*url.URL{u} }
	forged := request(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "monitor-1"}})
	forged[len(forged)-1] ^= 1
	for name, c := range map[string]struct {
		der  []byte
		want vital.Kind // 255: given
	}{
		"nothing asked":       {request(t, key, x509.CertificateRequest{}), 255},
		"own name":            {request(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "monitor-1"}, URIs: uri("spiffe://main/device/monitor-1")}), 255},
		"ed25519":             {request(t, edwards, x509.CertificateRequest{}), 255},
		"another's name":      {request(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "monitor-2"}}), vital.Denied},
		"another's uri":       {request(t, key, x509.CertificateRequest{URIs: uri("spiffe://main/device/monitor-2")}), vital.Denied},
		"another site's uri":  {request(t, key, x509.CertificateRequest{URIs: uri("spiffe://other/device/monitor-1")}), vital.Denied},
		"two uris":            {request(t, key, x509.CertificateRequest{URIs: append(uri("spiffe://main/device/monitor-1"), uri("spiffe://main/device/monitor-2")...)}), vital.Denied},
		"a weak key":          {request(t, weak, x509.CertificateRequest{}), vital.Invalid},
		"a small curve":       {request(t, p224, x509.CertificateRequest{}), vital.Invalid},
		"not the key's owner": {forged, vital.Invalid},
		"not a request":       {[]byte("hello"), vital.Invalid},
	} {
		r, err := ca.ReadRequest(c.der)
		if err == nil {
			_, err = a.Device(r, "monitor-1")
		}
		if c.want == 255 && err != nil || c.want != 255 && (err == nil || vital.KindOf(err) != c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// What is asked for beside the name is not given.
	r, _ := ca.ReadRequest(request(t, key, x509.CertificateRequest{DNSNames: []string{"vigil.example.org"}, EmailAddresses: []string{"a@b.c"}}))
	c, err := a.Device(r, "monitor-1")
	if err != nil || len(c.DNSNames)+len(c.EmailAddresses) > 0 {
		t.Errorf("%v, %v", c, err)
	}
	for _, id := range []vital.DeviceID{"", "a/b", "a b", "a:b", "..", "ä", "a%2f"} {
		if _, err := a.Device(r, id); vital.KindOf(err) != vital.Invalid || err == nil {
			t.Errorf("device %q has a name: %v", id, err)
		}
	}
}

// Two installations have nothing in common, and one finds its own again.
//
// Covers: D1
func TestAuthorityIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	first, second := open(t, dir, begun, nil), open(t, t.TempDir(), begun, nil)
	if first.Fingerprint() == second.Fingerprint() || bytes.Equal(first.Root().RawSubjectPublicKeyInfo, second.Root().RawSubjectPublicKeyInfo) {
		t.Error("two installations have one root")
	}
	c := device(t, first, "monitor-1")
	if second.Issued(c) {
		t.Error("another installation believes the certificate")
	}
	again := open(t, dir, begun.AddDate(0, 6, 0), nil)
	if again.Fingerprint() != first.Fingerprint() || !again.Issued(c) {
		t.Error("after a restart it is another authority")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.key"))
	if len(files) != 2 {
		t.Fatalf("keys: %v", files)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
}

// The issuing key is replaced long before it ends; what the old one made counts
// until then.
func TestIssuingIsRenewed(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, begun, nil)
	old := device(t, a, "monitor-1")
	later := open(t, dir, begun.AddDate(4, 0, 0), nil)
	if later.Chain()[0].Equal(a.Chain()[0]) || !later.Root().Equal(a.Root()) {
		t.Error("the issuing certificate was not replaced, or the root was")
	}
	if !later.Issued(old) || !later.Issued(device(t, later, "monitor-2")) {
		t.Error("a certificate is not known again")
	}
	if last := later.Chain()[0].NotAfter; last.Before(begun.AddDate(8, 0, 0)) {
		t.Errorf("the new one ends %s", last)
	}
	// The power goes between the new key and its certificate.
	other := t.TempDir()
	open(t, other, begun, nil)
	key, err := os.ReadFile(filepath.Join(other, "issuing.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "issuing.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	cut := open(t, dir, begun.AddDate(4, 0, 0), nil)
	if !cut.Issued(old) || !cut.Issued(device(t, cut, "monitor-3")) {
		t.Error("after a renewal that was cut short a certificate is not known")
	}
	if err := os.Remove(filepath.Join(dir, "root.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Open(t.Context(), ca.Options{Dir: dir, Site: "main"}); vital.KindOf(err) != vital.Precondition || err == nil {
		t.Errorf("without the root's key: %v", err)
	}
}

// turned is a sealer that turns bits and remembers where.
type turned struct{ places []string }

func (s *turned) Seal(_ context.Context, _, subject, place string, plain []byte) ([]byte, error) {
	s.places = append(s.places, subject+" "+place)
	return flip(plain), nil
}

func (s *turned) Open(_ context.Context, _, subject, place string, sealed []byte) ([]byte, error) {
	if !slices.Contains(s.places, subject+" "+place) {
		return nil, vital.Errorf(vital.Denied, "never sealed at %s", place)
	}
	return flip(sealed), nil
}

func flip(b []byte) []byte {
	b = slices.Clone(b)
	for i := range b {
		b[i] ^= 0x5a
	}
	return b
}

// With a sealer no key lies on the disk as it is.
//
// Covers: O5
func TestKeysAreSealed(t *testing.T) {
	dir, sealer := t.TempDir(), &turned{}
	a := open(t, dir, begun, sealer)
	for _, name := range []string{"root.key", "issuing.key"} {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.Contains(body, []byte("PRIVATE KEY")) {
			t.Errorf("%s: %v %.40q", name, err, body)
		}
	}
	if again := open(t, dir, begun, sealer); !again.Issued(device(t, a, "monitor-1")) {
		t.Error("the sealed authority is another one")
	}
	if _, err := ca.Open(t.Context(), ca.Options{Dir: dir, Site: "main"}); vital.KindOf(err) != vital.Precondition || err == nil {
		t.Errorf("without the sealer: %v", err)
	}
}

func FuzzReadRequest(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "monitor-1"}}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := ca.ReadRequest(der)
		if err == nil && r.CheckSignature() != nil {
			t.Error("a request was read that its key did not sign")
		}
	})
}
