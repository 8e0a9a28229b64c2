package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Passkey is a key pair of a person's authenticator; only its public half is
// here. ID is the credential's own, base64url.
type Passkey struct {
	Site       vital.Site
	ID         string
	User       vital.UserID
	Name       string
	Credential []byte // as the auth package writes it
	Created    vital.Instant
	LastUsed   vital.Instant
	Suspended  bool
}

const selectPasskeys = "SELECT site, id, account, name, credential, created, last_used, suspended FROM passkey WHERE site = ?"

func scanPasskey(scan func(...any) error, p *Passkey) error {
	return scan(&p.Site, &p.ID, &p.User, &p.Name, &p.Credential, &p.Created, &p.LastUsed, &p.Suspended)
}

// Passkeys lists a user's passkeys, oldest first.
func (d *DB) Passkeys(ctx context.Context, site vital.Site, user vital.UserID) ([]Passkey, error) {
	return collect(ctx, d.read, ask(selectPasskeys, site).add(" AND account = ? ORDER BY created, id", user), scanPasskey)
}

// PutPasskey keeps a new passkey. One that is enrolled already is a Conflict,
// whoever has it.
func (d *DB) PutPasskey(ctx context.Context, e audit.Entry, p Passkey, n Notice) error {
	return d.change(ctx, e, "put passkey", func(t *tx) error {
		if _, err := t.exec("INSERT INTO passkey (site, id, account, name, credential, created, last_used, suspended) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			e.Site, p.ID, p.User, p.Name, p.Credential, p.Created, p.LastUsed, p.Suspended); err != nil {
			return err
		}
		return t.notice(e.Site, n)
	})
}

// NamePasskey gives a user's passkey another name.
func (d *DB) NamePasskey(ctx context.Context, e audit.Entry, user vital.UserID, id, name string) error {
	return d.change(ctx, e, "name passkey", func(t *tx) error {
		return t.one("passkey", "UPDATE passkey SET name = $1 WHERE site = $2 AND account = $3 AND id = $4", name, e.Site, user, id)
	})
}

// UsedPasskey keeps the new counter of a passkey. before is what the caller had
// read: of two who use the same counter at once one gets a Conflict.
func (d *DB) UsedPasskey(ctx context.Context, site vital.Site, id string, before, credential []byte, at vital.Instant) error {
	return d.transact(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE passkey SET credential = $1, last_used = $2 WHERE site = $3 AND id = $4 AND credential = $5 AND suspended = $6",
			credential, at, site, id, before, false)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.Conflict, "passkey: it was used at the same moment")
		}
		return err
	})
}

// SuspendPasskey keeps a passkey from being used until it is enrolled anew.
func (d *DB) SuspendPasskey(ctx context.Context, e audit.Entry, id string, n Notice) error {
	return d.change(ctx, e, "suspend passkey", func(t *tx) error {
		if err := t.one("passkey", "UPDATE passkey SET suspended = $1 WHERE site = $2 AND id = $3", true, e.Site, id); err != nil {
			return err
		}
		return t.notice(e.Site, n)
	})
}

// RemovePasskey forgets a user's passkey.
func (d *DB) RemovePasskey(ctx context.Context, e audit.Entry, user vital.UserID, id string, n Notice) error {
	return d.change(ctx, e, "remove passkey", func(t *tx) error {
		if err := t.one("passkey", "DELETE FROM passkey WHERE site = $1 AND account = $2 AND id = $3", e.Site, user, id); err != nil {
			return err
		}
		return t.notice(e.Site, n)
	})
}

// CodeGenerator makes the six digits of a person's app. Secret is sealed.
type CodeGenerator struct {
	Site      vital.Site
	User      vital.UserID
	Secret    []byte
	Confirmed bool
	LastStep  int64
	Created   vital.Instant
}

// CodeGeneratorOf returns a user's generator; NotFound when there is none.
func (d *DB) CodeGeneratorOf(ctx context.Context, site vital.Site, user vital.UserID) (CodeGenerator, error) {
	q := ask("SELECT site, account, secret, confirmed, last_step, created FROM code_generator WHERE site = ? AND account = ?", site, user)
	return one(ctx, d.read, q, "code generator of "+string(user), func(scan func(...any) error, c *CodeGenerator) error {
		return scan(&c.Site, &c.User, &c.Secret, &c.Confirmed, &c.LastStep, &c.Created)
	})
}

// PutCodeGenerator keeps a generator that is not confirmed yet, in place of
// another such one. One that is confirmed is a Conflict.
func (d *DB) PutCodeGenerator(ctx context.Context, e audit.Entry, c CodeGenerator) error {
	return d.change(ctx, e, "put code generator of "+string(c.User), func(t *tx) error {
		n, err := t.exec(`INSERT INTO code_generator (site, account, secret, confirmed, last_step, created) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (site, account) DO UPDATE SET secret = excluded.secret, last_step = excluded.last_step, created = excluded.created
			WHERE code_generator.confirmed = $4`, e.Site, c.User, c.Secret, false, c.LastStep, c.Created)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.Conflict, "there is a code generator already: remove it first")
		}
		return err
	})
}

// ConfirmCodeGenerator puts a generator in force by the code of a step.
func (d *DB) ConfirmCodeGenerator(ctx context.Context, e audit.Entry, user vital.UserID, step int64, n Notice) error {
	return d.change(ctx, e, "confirm code generator of "+string(user), func(t *tx) error {
		if err := t.one("code generator", "UPDATE code_generator SET confirmed = $1, last_step = $2 WHERE site = $3 AND account = $4 AND confirmed = $5 AND last_step < $2",
			true, step, e.Site, user, false); err != nil {
			return err
		}
		return t.notice(e.Site, n)
	})
}

// UseCodeStep spends the code of a step: of two callers one gets it. Conflict
// when it, or a later one, was spent before.
func (d *DB) UseCodeStep(ctx context.Context, site vital.Site, user vital.UserID, step int64) error {
	return d.transact(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE code_generator SET last_step = $1 WHERE site = $2 AND account = $3 AND confirmed = $4 AND last_step < $1", step, site, user, true)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.Conflict, "the code was used before")
		}
		return err
	})
}

// RemoveCodeGenerator forgets a user's generator.
func (d *DB) RemoveCodeGenerator(ctx context.Context, e audit.Entry, user vital.UserID, n Notice) error {
	return d.change(ctx, e, "remove code generator of "+string(user), func(t *tx) error {
		if err := t.one("code generator", "DELETE FROM code_generator WHERE site = $1 AND account = $2", e.Site, user); err != nil {
			return err
		}
		return t.notice(e.Site, n)
	})
}

// Identity says whom the hospital's sign-on means by a subject.
type Identity struct {
	Site     vital.Site
	ID       string
	User     vital.UserID
	Provider string
	Issuer   string
	Subject  string
	Created  vital.Instant
	By       string
}

const selectIdentities = "SELECT site, id, account, provider, issuer, subject, created, by_whom FROM identity WHERE site = ?"

func scanIdentity(scan func(...any) error, i *Identity) error {
	return scan(&i.Site, &i.ID, &i.User, &i.Provider, &i.Issuer, &i.Subject, &i.Created, &i.By)
}

// IdentityOf returns whom an issuer means by a subject.
func (d *DB) IdentityOf(ctx context.Context, site vital.Site, issuer, subject string) (Identity, error) {
	return one(ctx, d.read, ask(selectIdentities, site).add(" AND issuer = ? AND subject = ?", issuer, subject), "identity", scanIdentity)
}

// Identities lists a user's identities, oldest first.
func (d *DB) Identities(ctx context.Context, site vital.Site, user vital.UserID) ([]Identity, error) {
	return collect(ctx, d.read, ask(selectIdentities, site).add(" AND account = ? ORDER BY created, id", user), scanIdentity)
}

// PutIdentity links a subject to a user. A subject that is linked is a Conflict.
func (d *DB) PutIdentity(ctx context.Context, e audit.Entry, i Identity, n Notice) error {
	return d.change(ctx, e, "link identity "+i.ID, func(t *tx) error {
		if _, err := t.exec("INSERT INTO identity (site, id, account, provider, issuer, subject, created, by_whom) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			e.Site, i.ID, i.User, i.Provider, i.Issuer, i.Subject, i.Created, i.By); err != nil {
			return err
		}
		return t.notice(e.Site, n)
	})
}

// RemoveIdentity ends a link; what it let in ends with it.
func (d *DB) RemoveIdentity(ctx context.Context, e audit.Entry, user vital.UserID, id string, n Notice) error {
	return d.change(ctx, e, "unlink identity "+id, func(t *tx) error {
		if err := t.one("identity", "DELETE FROM identity WHERE site = $1 AND account = $2 AND id = $3", e.Site, user, id); err != nil {
			return err
		}
		if err := t.endSessions(e.Site, user, ""); err != nil {
			return err
		}
		return t.notice(e.Site, n)
	})
}

// one runs a change that must meet exactly one row.
func (t *tx) one(what, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err == nil && n == 0 {
		err = vital.Errorf(vital.NotFound, "%s: not found", what)
	}
	return err
}
