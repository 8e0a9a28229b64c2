// Package ca is the site's own authority for certificates. It exists so that a
// device can prove who it is without a secret that somebody types, copies or
// reads off a label, and so that such a proof runs out by itself: a device
// certificate lives for 30 days at most, is good for a client and for nothing
// else, and names the device in one place, a URI like
//
//	spiffe://main/device/monitor-1
//
// There are two keys. The root signs issuing certificates and is what devices
// and browsers trust; the issuing key signs everything else and is replaced long
// before it ends, while what it signed stays good. Both are made at the first
// start: there is no key that somebody else could know. At rest they are sealed
// by a Sealer, or, without one, files that only their owner can read.
//
// The package turns bytes into certificates. It knows no store: who may ask for
// a certificate, and whether one still counts, is decided by who calls it.
package ca

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// How long certificates live.
const (
	DeviceLife  = 30 * 24 * time.Hour
	ServerLife  = 365 * 24 * time.Hour
	rootLife    = 25 * 365 * 24 * time.Hour
	issuingLife = 5 * 365 * 24 * time.Hour
	// An issuing certificate is replaced this long before it ends, so that it
	// outlives everything that it signed.
	issuingSpare = 2 * ServerLife
	// backdate lets a device whose clock is a little behind use what it was given.
	backdate = 5 * time.Minute
)

// Sealer keeps keys unreadable at rest; place is bound to what it seals.
type Sealer interface {
	Seal(ctx context.Context, site, subject, place string, plain []byte) ([]byte, error)
	Open(ctx context.Context, site, subject, place string, sealed []byte) ([]byte, error)
}

// Options says where an authority lives. Dir and Site are required.
type Options struct {
	Dir    string // a directory of its own
	Site   vital.Site
	Sealer Sealer // nil: the keys are files of mode 0600
	Now    func() time.Time
}

// Authority issues certificates.
type Authority struct {
	o    Options
	now  func() time.Time
	root pair

	mu      sync.Mutex
	issuing []pair // newest first; only the first has its key in use
}

// pair is a certificate and its key.
type pair struct {
	certificate *x509.Certificate
	key         crypto.Signer // nil: one that only has to be trusted still
}

// Open opens the authority in a directory, or makes it.
func Open(ctx context.Context, o Options) (*Authority, error) {
	a := &Authority{o: o, now: o.Now}
	if a.now == nil {
		a.now = time.Now
	}
	var err error
	if a.root, err = a.openRoot(ctx); err != nil {
		return nil, err
	}
	if a.issuing, err = a.openIssuing(ctx); err != nil {
		return nil, err
	}
	if err := a.renewIssuing(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Authority) openRoot(ctx context.Context) (pair, error) {
	list, err := a.load(ctx, "root")
	if err != nil || len(list) > 0 {
		if err == nil && list[0].key == nil {
			err = vital.Errorf(vital.Precondition, "the key of the root certificate is not in %s: restore the keys directory, or remove root.pem and enrol every device again", a.o.Dir)
		}
		return append(list, pair{})[0], err
	}
	key, err := newKey()
	if err != nil {
		return pair{}, err
	}
	template := authority("Vigil root", a.o.Site, a.now(), rootLife)
	template.MaxPathLen = 1
	made, err := sign(template, template, key.Public(), key)
	if err != nil {
		return pair{}, err
	}
	p := pair{made, key}
	return p, a.save(ctx, "root", []pair{p})
}

func (a *Authority) openIssuing(ctx context.Context) ([]pair, error) {
	list, err := a.load(ctx, "issuing")
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if err := p.certificate.CheckSignatureFrom(a.root.certificate); err != nil {
			return nil, vital.Errorf(vital.Precondition, "an issuing certificate in %s was not made by the root beside it: %w", a.o.Dir, err)
		}
	}
	return list, nil
}

// renewIssuing makes an issuing certificate when there is none that lasts.
func (a *Authority) renewIssuing(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if len(a.issuing) > 0 && a.issuing[0].key != nil && a.issuing[0].certificate.NotAfter.Sub(now) > issuingSpare {
		return nil
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	template := authority("Vigil issuing", a.o.Site, now, issuingLife)
	template.MaxPathLenZero = true
	made, err := sign(template, a.root.certificate, key.Public(), a.root.key)
	if err != nil {
		return err
	}
	list := []pair{{made, key}}
	for _, p := range a.issuing {
		if now.Before(p.certificate.NotAfter) {
			list = append(list, pair{certificate: p.certificate})
		}
	}
	if err := a.save(ctx, "issuing", list); err != nil {
		return err
	}
	a.issuing = list
	return nil
}

// Root returns the certificate to trust.
func (a *Authority) Root() *x509.Certificate { return a.root.certificate }

// Fingerprint returns the SHA-256 of the root certificate, hex: what a person
// compares.
func (a *Authority) Fingerprint() string { return Fingerprint(a.root.certificate) }

// Fingerprint returns the SHA-256 of a certificate, hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Chain returns the certificates of the authority, the issuing one in use first
// and the root last.
func (a *Authority) Chain() []*x509.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	return []*x509.Certificate{a.issuing[0].certificate, a.root.certificate}
}

// PEM returns the certificate to trust as a text file.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.certificate.Raw})
}

// Trust adds to pool whom a server believes that asks clients for certificates.
// The issuing ones are in it too: a device sends its own certificate only.
func (a *Authority) Trust(pool *x509.CertPool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pool.AddCert(a.root.certificate)
	for _, p := range a.issuing {
		pool.AddCert(p.certificate)
	}
}

func (a *Authority) signer() pair {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.issuing[0]
}

// Issued reports whether a certificate was made by this authority.
func (a *Authority) Issued(c *x509.Certificate) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.issuing {
		if c.CheckSignatureFrom(p.certificate) == nil {
			return true
		}
	}
	return false
}

// Name returns the name of a device in its certificate. A SPIFFE id has lower
// case letters, digits, ., - and _ in its first part; a site that is called
// otherwise is written with - for every other character.
//
// Source: SPIFFE-ID standard, sections 2.1 and 2.2 (spiffe.io).
func Name(site vital.Site, device vital.DeviceID) (*url.URL, error) {
	for _, r := range string(device) {
		if !plain(r) && !(r >= 'A' && r <= 'Z') {
			return nil, vital.Errorf(vital.Invalid, "device %q: a certificate can name a device with letters, digits, -, _ and . in its id only", device)
		}
	}
	if device == "" || device == "." || device == ".." {
		return nil, vital.Errorf(vital.Invalid, "device %q has no name that a certificate can carry", device)
	}
	domain := strings.Map(func(r rune) rune {
		if plain(r) {
			return r
		}
		return '-'
	}, strings.ToLower(string(site)))
	return &url.URL{Scheme: "spiffe", Host: domain, Path: "/device/" + string(device)}, nil
}

func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, vital.Errorf(vital.Internal, "make a key: %w", err)
	}
	return key, nil
}

func authority(name string, site vital.Site, now time.Time, life time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name + " of " + string(site), Organization: []string{"Vigil"}},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(life - backdate),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
}

// sign makes the certificate of a public key.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, vital.Errorf(vital.Internal, "make a serial number: %w", err)
	}
	template.SerialNumber = serial.Add(serial, new(big.Int).Lsh(big.NewInt(1), 126)) // positive, always 16 bytes
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, vital.Errorf(vital.Internal, "sign a certificate: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, vital.Errorf(vital.Internal, "read back a certificate: %w", err)
	}
	return c, nil
}
