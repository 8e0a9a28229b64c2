package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Certificate is one that Vigil issued to a device. Credential stays the same
// over all certificates of a device, so that what it sends stays in one order.
type Certificate struct {
	Site        vital.Site
	Serial      string // hex
	Device      vital.DeviceID
	Credential  vital.CredentialID
	Name        string // spiffe://site/device/id
	Fingerprint string // SHA-256, hex
	Issued      vital.Instant
	Expires     vital.Instant
	LastUsed    vital.Instant
	Revoked     vital.Instant
	Why         string // it was revoked
}

// WhySuperseded is why a certificate ended whose successor was seen in use.
const WhySuperseded = "superseded"

// Enrolment is a one-time secret by which a device asks for a certificate. The
// secret itself is never here.
type Enrolment struct {
	Hash    []byte
	Device  vital.DeviceID
	Created vital.Instant
	Expires vital.Instant
	Used    vital.Instant
}

const selectCertificates = `SELECT c.site, c.serial, c.device, c.credential, c.name, c.fingerprint, c.issued, c.not_after, c.last_used, c.revoked, c.why
	FROM certificate c WHERE c.site = ?`

func scanCertificate(scan func(...any) error, c *Certificate) error {
	return scan(&c.Site, &c.Serial, &c.Device, &c.Credential, &c.Name, &c.Fingerprint, &c.Issued, &c.Expires, &c.LastUsed, &c.Revoked, &c.Why)
}

// PutEnrolment keeps a new one-time secret of a device; an earlier one that was
// not used ends.
func (d *DB) PutEnrolment(ctx context.Context, e audit.Entry, n Enrolment) error {
	return d.change(ctx, e, "make a one-time secret for device "+string(n.Device), func(t *tx) error {
		if len(n.Hash) == 0 || n.Expires <= n.Created {
			return vital.Errorf(vital.Invalid, "a one-time secret needs a hash and an end")
		}
		if _, err := t.exec("DELETE FROM enrolment WHERE site = $1 AND device = $2", e.Site, n.Device); err != nil {
			return err
		}
		_, err := t.exec("INSERT INTO enrolment (hash, site, device, created, expires, used) VALUES ($1, $2, $3, $4, $5, 0)",
			n.Hash, e.Site, n.Device, n.Created, n.Expires)
		return err
	})
}

// Enrolment returns the one-time secret with that hash.
func (d *DB) Enrolment(ctx context.Context, site vital.Site, hash []byte) (Enrolment, error) {
	q := ask("SELECT hash, device, created, expires, used FROM enrolment WHERE site = ?", site).add(" AND hash = ?", hash)
	return one(ctx, d.read, q, "the one-time secret", func(scan func(...any) error, n *Enrolment) error {
		return scan(&n.Hash, &n.Device, &n.Created, &n.Expires, &n.Used)
	})
}

// EnrolCertificate uses a one-time secret up and keeps the certificate that was
// made for it, both or neither. Of two that come with the same secret at once
// one is refused: Denied.
func (d *DB) EnrolCertificate(ctx context.Context, e audit.Entry, hash []byte, c Certificate) error {
	return d.change(ctx, e, "enrol a certificate of device "+string(c.Device), func(t *tx) error {
		n, err := t.exec("UPDATE enrolment SET used = $1 WHERE site = $2 AND hash = $3 AND device = $4 AND used = 0 AND expires > $1",
			c.Issued, e.Site, hash, c.Device)
		if err != nil {
			return err
		}
		if n != 1 {
			return vital.Errorf(vital.Denied, "the one-time secret of device %s was used or has run out", c.Device)
		}
		return t.putCertificate(e.Site, c)
	})
}

// RenewCertificate keeps a certificate that a device asked for with the one it
// has, which must still count.
func (d *DB) RenewCertificate(ctx context.Context, e audit.Entry, by string, c Certificate) error {
	return d.change(ctx, e, "renew the certificate of device "+string(c.Device), func(t *tx) error {
		var n int
		if err := t.row("SELECT COUNT(*) FROM certificate WHERE site = $1 AND serial = $2 AND device = $3 AND revoked = 0 AND not_after > $4",
			e.Site, by, c.Device, c.Issued).Scan(&n); err != nil {
			return err
		}
		if n != 1 {
			return vital.Errorf(vital.Denied, "certificate %s of device %s does not count any more", by, c.Device)
		}
		return t.putCertificate(e.Site, c)
	})
}

func (t *tx) putCertificate(site vital.Site, c Certificate) error {
	if c.Serial == "" || c.Fingerprint == "" || c.Credential == "" || c.Expires <= c.Issued {
		return vital.Errorf(vital.Invalid, "a certificate needs a serial number, a fingerprint, a credential and an end")
	}
	_, err := t.exec(`INSERT INTO certificate (site, serial, device, credential, name, fingerprint, issued, not_after, last_used, revoked, why)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '')`,
		site, c.Serial, c.Device, c.Credential, c.Name, c.Fingerprint, c.Issued, c.Expires)
	return err
}

// CertificateByPrint returns the certificate with that fingerprint.
func (d *DB) CertificateByPrint(ctx context.Context, site vital.Site, fingerprint string) (Certificate, error) {
	return one(ctx, d.read, ask(selectCertificates, site).add(" AND c.fingerprint = ?", fingerprint), "certificate "+fingerprint, scanCertificate)
}

// CertificatesOf lists the certificates of a device, newest first.
func (d *DB) CertificatesOf(ctx context.Context, r Rows, device vital.DeviceID) ([]Certificate, error) {
	q := ask(selectCertificates, r.Site).add(" AND c.device = ?", device).seesDevice(r, "c.device").add(" ORDER BY c.issued DESC, c.serial")
	return collect(ctx, d.read, q, scanCertificate)
}

// Certificates lists the certificates that count, the one that ends first before
// the others.
func (d *DB) Certificates(ctx context.Context, r Rows, now vital.Instant) ([]Certificate, error) {
	q := ask(selectCertificates, r.Site).add(" AND c.revoked = 0 AND c.not_after > ?", now).seesDevice(r, "c.device").add(" ORDER BY c.not_after, c.serial")
	return collect(ctx, d.read, q, scanCertificate)
}

// RevokeCertificate ends a certificate for good.
func (d *DB) RevokeCertificate(ctx context.Context, e audit.Entry, device vital.DeviceID, serial string, at vital.Instant, why string) error {
	return d.change(ctx, e, "revoke certificate "+serial, func(t *tx) error {
		n, err := t.exec("UPDATE certificate SET revoked = $1, why = $2 WHERE site = $3 AND serial = $4 AND device = $5 AND revoked = 0", at, why, e.Site, serial, device)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "certificate %s of device %s: not found, or revoked already", serial, device)
		}
		return err
	})
}

// UsedCertificate notes that a certificate was used. The first use ends the
// earlier ones of its device: that is what the ledger's line is about, and there
// is none when nothing ends.
func (d *DB) UsedCertificate(ctx context.Context, e audit.Entry, c Certificate, at vital.Instant) error {
	return d.transact(ctx, func(t *tx) error {
		if _, err := t.exec("UPDATE certificate SET last_used = $1 WHERE site = $2 AND serial = $3", at, e.Site, c.Serial); err != nil {
			return err
		}
		if c.LastUsed.Known() {
			return nil
		}
		n, err := t.exec(`UPDATE certificate SET revoked = $1, why = $2 WHERE site = $3 AND device = $4 AND serial <> $5 AND issued <= $6 AND revoked = 0`,
			at, WhySuperseded, e.Site, c.Device, c.Serial, c.Issued)
		if err != nil || n == 0 {
			return err
		}
		return t.audit(e)
	})
}
