package auth

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// How long a one-time secret of a device is good.
const (
	EnrolmentLife     = 24 * time.Hour
	enrolmentLifeMost = 7 * 24 * time.Hour
)

// NewEnrolment makes a one-time secret by which a device asks for its first
// certificate. It is returned once and kept as a hash; an earlier one ends. It is
// short enough to be typed, 100 random bits, in groups of five.
func (g *Gate) NewEnrolment(ctx context.Context, p Principal, device store.Device, life time.Duration) (secret string, expires vital.Instant, err error) {
	if life <= 0 || life > enrolmentLifeMost {
		return "", 0, vital.Errorf(vital.Invalid, "a one-time secret is good for %s at most", enrolmentLifeMost)
	}
	if device.State != DeviceActive {
		return "", 0, vital.Errorf(vital.Conflict, "device %s is %s: it gets no certificate", device.ID, device.State)
	}
	if _, err := ca.Name(g.site, device.ID); err != nil {
		return "", 0, err
	}
	text := rand.Text()[:20]
	now := vital.At(g.now())
	expires = now.Add(life)
	err = g.store.PutEnrolment(ctx, g.entry(p, "device.enrolment", "device/"+string(device.ID)),
		store.Enrolment{Hash: enrolmentHash(device.ID, text), Device: device.ID, Created: now, Expires: expires})
	return text[:5] + "-" + text[5:10] + "-" + text[10:15] + "-" + text[15:], expires, err
}

// enrolmentHash binds the secret to its device.
func enrolmentHash(device vital.DeviceID, secret string) []byte {
	return HashSecret("enrolment\x00" + string(device) + "\x00" + strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(secret), "-", "")))
}

// Enrolling returns the device that may have a certificate for a one-time secret.
// The secret is not used up yet.
func (g *Gate) Enrolling(ctx context.Context, device, secret, remote string) (store.Device, error) {
	from, now := hostOf(remote), g.now()
	account := "enrolment\x00" + device + "\x00" + from
	if wait := max(g.accounts.wait(account, now), g.places.wait(from, now)); wait > 0 {
		return store.Device{}, tooMuch(wait)
	}
	d, err := g.enrolling(ctx, vital.DeviceID(device), secret)
	if k := vital.KindOf(err); err != nil && (k == vital.Unauthenticated || k == vital.Denied) {
		g.accounts.failed(account, now)
		g.places.failed(from, now)
		g.refuse(ctx, g.enrolmentEntry(device, remote, "device.enrol"), err.Error())
	}
	return d, err
}

func (g *Gate) enrolling(ctx context.Context, device vital.DeviceID, secret string) (store.Device, error) {
	wrong := vital.Errorf(vital.Unauthenticated, "wrong device or one-time secret, or one that was used or has run out")
	if device == "" || secret == "" {
		return store.Device{}, wrong
	}
	n, err := g.store.Enrolment(ctx, g.site, enrolmentHash(device, secret))
	if err != nil {
		return store.Device{}, unknown(err, wrong)
	}
	if n.Device != device || n.Used.Known() || n.Expires <= vital.At(g.now()) {
		return store.Device{}, wrong
	}
	return g.activeDevice(ctx, device)
}

func (g *Gate) activeDevice(ctx context.Context, id vital.DeviceID) (store.Device, error) {
	d, err := g.store.Device(ctx, store.Everything(g.site), id)
	if err != nil {
		return d, unknown(err, vital.Errorf(vital.Unauthenticated, "device %s is not enrolled", id))
	}
	if d.State != DeviceActive {
		return d, vital.Errorf(vital.Denied, "device %s is %s", d.ID, d.State)
	}
	return d, nil
}

func (g *Gate) enrolmentEntry(device, remote, action string) audit.Entry {
	return audit.Entry{
		Site: g.site, At: vital.At(g.now()), Who: firstOf(device, "unknown"), Role: "device", From: hostOf(remote), Action: action,
		Subject: "device/" + firstOf(device, "unknown"), Outcome: "done",
	}
}

// RefuseEnrolment writes to the ledger that a device asked for a certificate that
// it may not have. To ask for another device's counts as speaking as it.
func (g *Gate) RefuseEnrolment(ctx context.Context, device vital.DeviceID, asked, remote string, why error) {
	g.refuse(ctx, g.enrolmentEntry(string(device), remote, "device.enrol"), why.Error())
	g.claimed(ctx, string(device), asked)
}

// Enrolled uses the secret up for the certificate that was made. Of two that come
// with one secret one is refused.
func (g *Gate) Enrolled(ctx context.Context, d store.Device, secret, remote string, made *x509.Certificate) error {
	row, err := g.certificateRow(ctx, d, made)
	if err != nil {
		return err
	}
	e := g.enrolmentEntry(string(d.ID), remote, "device.enrol")
	e.Why = "certificate " + row.Serial
	err = g.store.EnrolCertificate(ctx, e, enrolmentHash(d.ID, secret), row)
	if err != nil && vital.KindOf(err) == vital.Denied {
		g.refuse(ctx, g.enrolmentEntry(string(d.ID), remote, "device.enrol"), err.Error())
	}
	return err
}

// Renewing returns the device whose certificate that is and which may have
// another one for it.
func (g *Gate) Renewing(ctx context.Context, certificate *x509.Certificate, remote string) (store.Device, error) {
	p, err := g.DeviceLogin(ctx, "", "", nil, certificate, remote)
	if err != nil {
		return store.Device{}, err
	}
	return g.activeDevice(ctx, vital.DeviceID(p.ID))
}

// Renewed keeps the certificate that was made for the one that the device has.
// That one counts until the new one is seen in use, or it ends.
func (g *Gate) Renewed(ctx context.Context, d store.Device, by *x509.Certificate, remote string, made *x509.Certificate) error {
	row, err := g.certificateRow(ctx, d, made)
	if err != nil {
		return err
	}
	e := g.enrolmentEntry(string(d.ID), remote, "device.renew")
	e.Why = "certificate " + row.Serial + " for " + SerialOf(by)
	return g.store.RenewCertificate(ctx, e, SerialOf(by), row)
}

// SerialOf is how a certificate's serial number is written: hex.
func SerialOf(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

func (g *Gate) certificateRow(ctx context.Context, d store.Device, made *x509.Certificate) (store.Certificate, error) {
	row := store.Certificate{
		Serial: SerialOf(made), Device: d.ID, Name: made.URIs[0].String(), Fingerprint: ca.Fingerprint(made),
		Issued: vital.At(g.now()), Expires: vital.At(made.NotAfter),
	}
	earlier, err := g.store.CertificatesOf(ctx, store.Everything(g.site), d.ID)
	if err != nil {
		return row, err
	}
	row.Credential = vital.CredentialID(NewID("c-"))
	if len(earlier) > 0 {
		row.Credential = earlier[0].Credential
	}
	return row, nil
}

// byCertificate returns the row of a certificate that Vigil issued, with the
// device that it names. NotFound: it was not issued here.
func (g *Gate) byCertificate(ctx context.Context, c *x509.Certificate) (store.Certificate, error) {
	row, err := g.store.CertificateByPrint(ctx, g.site, ca.Fingerprint(c))
	if err != nil {
		return row, err
	}
	named, err := ca.DeviceOf(c, g.site)
	if err != nil {
		return row, err
	}
	now := vital.At(g.now())
	switch {
	case named != row.Device:
		return row, vital.Errorf(vital.Denied, "the certificate names device %s and was enrolled for %s", named, row.Device)
	case row.Revoked.Known() && row.Why == store.WhySuperseded:
		return row, vital.Errorf(vital.Denied, "the certificate ended at %s, when its successor was first used", row.Revoked)
	case row.Revoked.Known():
		return row, vital.Errorf(vital.Denied, "the certificate was revoked at %s", row.Revoked)
	case row.Expires <= now:
		return row, vital.Errorf(vital.Denied, "the certificate ran out at %s", row.Expires)
	}
	return row, nil
}

// seenInUse notes the use of a certificate; the first ends its predecessors.
func (g *Gate) seenInUse(ctx context.Context, row store.Certificate, remote string) error {
	now := vital.At(g.now())
	if row.LastUsed.Known() && now.Sub(row.LastUsed) < usedEvery {
		return nil
	}
	e := g.enrolmentEntry(string(row.Device), remote, "certificate.supersede")
	e.Why = "certificate " + row.Serial + " was first used"
	if err := g.store.UsedCertificate(ctx, e, row, now); err != nil {
		return err
	}
	if !row.LastUsed.Known() {
		g.Forget() // the earlier ones count no more
	}
	return nil
}
