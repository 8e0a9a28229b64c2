package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// authority makes certificates of the site.
func (s *site) authority() *ca.Authority {
	s.t.Helper()
	a, err := ca.Open(s.t.Context(), ca.Options{Dir: s.t.TempDir(), Site: vital.DefaultSite, Now: s.now})
	s.ok(err)
	return a
}

func (s *site) certificate(a *ca.Authority, id vital.DeviceID) *x509.Certificate {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.ok(err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	s.ok(err)
	r, err := ca.ReadRequest(der)
	s.ok(err)
	c, err := a.Device(r, id)
	s.ok(err)
	return c
}

// enrolled gives a device, which must be known, its first certificate.
func (s *site) enrolled(a *ca.Authority, id vital.DeviceID) *x509.Certificate {
	s.t.Helper()
	secret := s.enrolment(id)
	d, err := s.gate.Enrolling(s.t.Context(), string(id), secret, "10.0.0.7:1")
	s.ok(err)
	c := s.certificate(a, id)
	s.ok(s.gate.Enrolled(s.t.Context(), d, secret, "10.0.0.7:1", c))
	return c
}

func (s *site) enrolment(id vital.DeviceID) string {
	s.t.Helper()
	d, err := s.store.Device(s.t.Context(), store.Everything(vital.DefaultSite), id)
	s.ok(err)
	secret, _, err := s.gate.NewEnrolment(s.t.Context(), nobody, d, auth.EnrolmentLife)
	s.ok(err)
	return secret
}

func (s *site) comes(c *x509.Certificate, client, username string) (auth.Principal, error) {
	return s.gate.DeviceLogin(s.t.Context(), client, username, nil, c, "10.0.0.7:4711")
}

// A one-time secret is good for its device, for a day, and once: of many that
// come with it at the same moment one gets a certificate.
//
// Covers: S1 D1
func TestEnrolmentIsUsedOnce(t *testing.T) {
	s := newSite(t)
	a := s.authority()
	s.device("monitor-1", "device")
	s.device("monitor-2", "device")
	secret := s.enrolment("monitor-1")
	for name, try := range map[string][2]string{
		"another device": {"monitor-2", secret}, "a guess": {"monitor-1", "AAAAA-AAAAA-AAAAA-AAAAA"}, "nothing": {"monitor-1", ""},
		"no device": {"", secret}, "a device that is not": {"monitor-9", secret},
	} {
		_, err := s.gate.Enrolling(t.Context(), try[0], try[1], "10.0.0.7:1")
		s.kind(err, vital.Unauthenticated, name)
	}
	d, err := s.gate.Enrolling(t.Context(), "monitor-1", " "+strings.ToLower(secret)+"\n", "10.0.0.7:1") // as somebody types it
	s.ok(err)
	var given atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		c := s.certificate(a, "monitor-1")
		all.Go(func() {
			if err := s.gate.Enrolled(t.Context(), d, secret, "10.0.0.7:1", c); err == nil {
				given.Add(1)
			} else if vital.KindOf(err) != vital.Denied {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if given.Load() != 1 {
		t.Errorf("%d certificates for one secret", given.Load())
	}
	rows, err := s.store.CertificatesOf(t.Context(), store.Everything(vital.DefaultSite), "monitor-1")
	if err != nil || len(rows) != 1 {
		t.Errorf("%d certificates are kept, %v", len(rows), err)
	}
	_, err = s.gate.Enrolling(t.Context(), "monitor-1", secret, "10.0.0.7:1")
	s.kind(err, vital.Unauthenticated, "a used secret")
	secret = s.enrolment("monitor-1")
	earlier := secret
	secret = s.enrolment("monitor-1")
	_, err = s.gate.Enrolling(t.Context(), "monitor-1", earlier, "10.0.0.8:1")
	s.kind(err, vital.Unauthenticated, "a secret that another one took the place of")
	s.pass(auth.EnrolmentLife)
	_, err = s.gate.Enrolling(t.Context(), "monitor-1", secret, "10.0.0.9:1")
	s.kind(err, vital.Unauthenticated, "a secret that ran out")
	s.ok(s.store.SetDeviceState(t.Context(), furnish, "monitor-1", auth.DeviceQuarantined, "lost"))
	d.State = auth.DeviceQuarantined
	_, _, err = s.gate.NewEnrolment(t.Context(), nobody, d, auth.EnrolmentLife)
	s.kind(err, vital.Conflict, "a secret for a device that is quarantined")
}

// Guessing one-time secrets gets slower and slower, and is in the ledger.
//
// Covers: A10 D1
func TestEnrolmentIsThrottled(t *testing.T) {
	s := newSite(t)
	s.device("monitor-1", "device")
	secret := s.enrolment("monitor-1")
	kinds := map[vital.Kind]int{}
	for range 20 {
		_, err := s.gate.Enrolling(t.Context(), "monitor-1", "AAAAA-AAAAA-AAAAA-AAAAB", "10.0.0.66:1")
		kinds[vital.KindOf(err)]++
	}
	if kinds[vital.TooMuch] == 0 || kinds[vital.Unauthenticated] > 10 {
		t.Errorf("20 guesses: %v", kinds)
	}
	if _, err := s.gate.Enrolling(t.Context(), "monitor-1", secret, "10.0.0.7:1"); err != nil {
		t.Errorf("somebody else's guesses keep the device out: %v", err)
	}
	entries, err := s.store.Audit(t.Context(), store.Everything(vital.DefaultSite), store.AuditFilter{Action: "device.enrol"})
	if err != nil || len(entries) == 0 || entries[0].Outcome != "refused" || entries[0].From != "10.0.0.66" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// A device that renews has two certificates, until the new one is first used; a
// stolen copy of the old one is worth nothing from then on.
//
// Covers: S1 D1 H7
func TestRotation(t *testing.T) {
	s := newSite(t)
	a := s.authority()
	s.device("monitor-1", "device")
	first := s.enrolled(a, "monitor-1")
	p, err := s.comes(first, "monitor-1", "")
	s.ok(err)
	renew := func(by *x509.Certificate) *x509.Certificate {
		t.Helper()
		d, err := s.gate.Renewing(t.Context(), by, "10.0.0.7:1")
		s.ok(err)
		c := s.certificate(a, d.ID)
		s.ok(s.gate.Renewed(t.Context(), d, by, "10.0.0.7:1", c))
		return c
	}
	s.pass(20 * 24 * time.Hour)
	second := renew(first)
	if _, err := s.comes(first, "monitor-1", ""); err != nil {
		t.Errorf("the old one does not count beside the new one: %v", err)
	}
	s.pass(time.Hour)
	q, err := s.comes(second, "monitor-1", "")
	s.ok(err)
	if q.Credential != p.Credential || q.ID != p.ID {
		t.Errorf("after the rotation it is %+v, was %+v", q, p)
	}
	_, err = s.comes(first, "monitor-1", "")
	s.kind(err, vital.Denied, "the old one after the new one was used")
	_, err = s.gate.Renewing(t.Context(), first, "10.0.0.7:1")
	s.kind(err, vital.Denied, "renewal by the old one")

	third := renew(second)
	s.pass(31 * 24 * time.Hour)
	for name, c := range map[string]*x509.Certificate{"used": second, "never used": third} {
		_, err = s.comes(c, "monitor-1", "")
		s.kind(err, vital.Denied, "a certificate that ran out, "+name)
	}
	fourth := s.enrolled(a, "monitor-1") // with a new secret
	s.ok(s.store.RevokeCertificate(t.Context(), furnish, "monitor-1", auth.SerialOf(fourth), vital.At(s.now()), "lost"))
	_, err = s.comes(fourth, "monitor-1", "")
	s.kind(err, vital.Denied, "a revoked one")
}

// A certificate counts that is in the registry, of a device that is active; that
// the authority signed it is not enough.
//
// Covers: S1
func TestOnlyEnrolledCertificatesCount(t *testing.T) {
	s := newSite(t)
	a := s.authority()
	s.device("monitor-1", "device")
	s.device("monitor-2", "device")
	_, err := s.comes(s.certificate(a, "monitor-1"), "monitor-1", "")
	s.kind(err, vital.Unauthenticated, "signed and not enrolled")
	// Enrolled for one device, naming another: what a fault in us would make.
	secret := s.enrolment("monitor-2")
	d, err := s.gate.Enrolling(t.Context(), "monitor-2", secret, "10.0.0.7:1")
	s.ok(err)
	wrong := s.certificate(a, "monitor-1")
	s.ok(s.gate.Enrolled(t.Context(), d, secret, "10.0.0.7:1", wrong))
	_, err = s.comes(wrong, "", "")
	s.kind(err, vital.Denied, "a certificate that names another device")
	good := s.enrolled(a, "monitor-1")
	_, err = s.comes(good, "monitor-1", "monitor-1")
	s.ok(err)
	s.ok(s.store.SetDeviceState(t.Context(), furnish, "monitor-1", auth.DeviceQuarantined, "test"))
	s.pass(5 * time.Second)
	_, err = s.comes(good, "monitor-1", "")
	s.kind(err, vital.Denied, "of a device that is quarantined")
}
