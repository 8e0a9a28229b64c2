package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Link signs a user in once.
type Link struct {
	Site    vital.Site
	Hash    []byte
	User    vital.UserID
	Created vital.Instant
	Expires vital.Instant
}

// PutLink keeps a one-time link in place of any other of the user, and tells
// the user when n has a kind.
func (d *DB) PutLink(ctx context.Context, e audit.Entry, l Link, n Notice) error {
	return d.change(ctx, e, "put link", func(t *tx) error {
		if _, err := t.exec("DELETE FROM link WHERE site = $1 AND account = $2", e.Site, l.User); err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO link (hash, site, account, created, expires) VALUES ($1, $2, $3, $4, $5)", l.Hash, e.Site, l.User, l.Created, l.Expires); err != nil {
			return err
		}
		if n.Kind == "" {
			return nil
		}
		return t.notice(e.Site, n)
	})
}

// TakeLink spends a one-time link: of two callers one gets it. Every other way
// into the account ends in the same transaction, with its sessions: who holds
// the link begins anew. NotFound when the link is not there, was spent, or has
// expired by now.
func (d *DB) TakeLink(ctx context.Context, site vital.Site, hash []byte, now vital.Instant, done func(Link) (audit.Entry, Notice)) (Link, error) {
	var l Link
	return l, d.transact(ctx, func(t *tx) error {
		err := t.row("DELETE FROM link WHERE site = $1 AND hash = $2 RETURNING site, hash, account, created, expires", site, hash).
			Scan(&l.Site, &l.Hash, &l.User, &l.Created, &l.Expires)
		if missing(err) || err == nil && l.Expires <= now {
			return vital.Errorf(vital.NotFound, "link: not there, spent or expired")
		}
		if err != nil {
			return err
		}
		had := 0
		for _, table := range []string{"passkey", "code_generator", "identity"} {
			n, err := t.exec("DELETE FROM "+table+" WHERE site = $1 AND account = $2", site, l.User)
			if err != nil {
				return err
			}
			had += int(n)
		}
		n, err := t.exec("UPDATE account SET password_hash = '' WHERE site = $1 AND id = $2 AND password_hash <> ''", site, l.User)
		if err != nil {
			return err
		}
		if err := t.endSessions(site, l.User, ""); err != nil {
			return err
		}
		e, notice := done(l)
		if had+int(n) > 0 {
			if err := t.notice(site, notice); err != nil {
				return err
			}
		}
		return t.audit(e)
	})
}

// VoidLinks ends the one-time links of a user that were not used.
func (d *DB) VoidLinks(ctx context.Context, e audit.Entry, user vital.UserID) error {
	return d.change(ctx, e, "void links of "+string(user), func(t *tx) error {
		_, err := t.exec("DELETE FROM link WHERE site = $1 AND account = $2", e.Site, user)
		return err
	})
}
