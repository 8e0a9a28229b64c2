package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Credential is how a device proves who it is. The secret itself is never here.
type Credential struct {
	Site            vital.Site
	ID              vital.CredentialID
	Class           string // "device", "gateway", "integration"
	Subject         string // id of what it is for
	Username        string
	Hash            []byte
	CertFingerprint string // SHA-256 of the client certificate, hex
	Created         vital.Instant
	Expires         vital.Instant
	Revoked         vital.Instant
	LastUsed        vital.Instant
}

const selectCredentials = `SELECT site, id, class, subject, username, hash, fingerprint, created, expires, revoked, last_used
	FROM credential WHERE site = ?`

func scanCredential(scan func(...any) error, c *Credential) error {
	return scan(&c.Site, &c.ID, &c.Class, &c.Subject, &c.Username, &c.Hash, &c.CertFingerprint, &c.Created, &c.Expires, &c.Revoked, &c.LastUsed)
}

// PutCredential keeps a new credential, or changes one. A user name belongs to
// one credential that is in force; the Conflict says so.
func (d *DB) PutCredential(ctx context.Context, e audit.Entry, c Credential) error {
	if c.ID == "" {
		c.ID = vital.CredentialID(newID("c"))
	}
	if c.Created == 0 {
		c.Created = now()
	}
	return d.change(ctx, e, "put credential "+string(c.ID), func(t *tx) error {
		if c.Subject == "" || c.Username == "" && c.CertFingerprint == "" {
			return vital.Errorf(vital.Invalid, "a credential needs a subject, and a user name or a certificate")
		}
		var n int
		if err := t.row(`SELECT COUNT(*) FROM credential WHERE site = $1 AND id <> $2 AND revoked = 0
			AND ((username <> '' AND username = $3) OR (fingerprint <> '' AND fingerprint = $4))`, e.Site, c.ID, c.Username, c.CertFingerprint).Scan(&n); err != nil {
			return err
		}
		if n > 0 && c.Revoked == 0 {
			return vital.Errorf(vital.Conflict, "user name %s or its certificate has another credential: revoke that first", c.Username)
		}
		_, err := t.exec(`INSERT INTO credential (site, id, class, subject, username, hash, fingerprint, created, expires, revoked, last_used)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (site, id) DO UPDATE SET class = excluded.class, subject = excluded.subject, username = excluded.username,
			hash = excluded.hash, fingerprint = excluded.fingerprint, expires = excluded.expires, revoked = excluded.revoked`,
			e.Site, c.ID, c.Class, c.Subject, c.Username, c.Hash, c.CertFingerprint, c.Created, c.Expires, c.Revoked, c.LastUsed)
		return err
	})
}

// CredentialByName returns the newest credential with that user name, one that
// is in force before one that was revoked.
func (d *DB) CredentialByName(ctx context.Context, site vital.Site, username string) (Credential, error) {
	q := ask(selectCredentials, site).add(" AND username = ? ORDER BY revoked > 0, created DESC, id LIMIT 1", username)
	return one(ctx, d.read, q, "credential of "+username, scanCredential)
}

// CredentialByCert returns the credential of a client certificate.
func (d *DB) CredentialByCert(ctx context.Context, site vital.Site, fingerprint string) (Credential, error) {
	q := ask(selectCredentials, site).add(" AND fingerprint = ? AND fingerprint <> '' ORDER BY revoked > 0, created DESC, id LIMIT 1", fingerprint)
	return one(ctx, d.read, q, "credential of certificate "+fingerprint, scanCredential)
}

// CredentialsOf lists the credentials of a device, newest first.
func (d *DB) CredentialsOf(ctx context.Context, site vital.Site, subject string) ([]Credential, error) {
	return collect(ctx, d.read, ask(selectCredentials, site).add(" AND subject = ? ORDER BY created DESC, id", subject), scanCredential)
}

// RevokeCredential ends a credential for good.
func (d *DB) RevokeCredential(ctx context.Context, e audit.Entry, id vital.CredentialID, at vital.Instant) error {
	return d.change(ctx, e, "revoke credential "+string(id), func(t *tx) error {
		n, err := t.exec("UPDATE credential SET revoked = $1 WHERE site = $2 AND id = $3 AND revoked = 0", at, e.Site, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "credential %s: not found, or revoked already", id)
		}
		return err
	})
}

// UsedCredential notes when a credential was last used; it is no change that
// needs the ledger, since connections are logged.
func (d *DB) UsedCredential(ctx context.Context, site vital.Site, id vital.CredentialID, at vital.Instant) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE credential SET last_used = $1 WHERE site = $2 AND id = $3", at, site, id)
		return err
	})
}
