package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Session is a signed-in browser. Hash is of the cookie's value, which changes
// with each proof; ID stays.
type Session struct {
	Site     vital.Site
	Hash     []byte
	ID       string
	User     vital.UserID
	Factors  []string // what was proved: "password", "code" ...
	Fresh    vital.Instant
	Created  vital.Instant
	LastSeen vital.Instant
	Expires  vital.Instant
	Remote   string
	Agent    string // what the browser calls itself
}

const selectSessions = `SELECT site, hash, id, account, factors, fresh, created, last_seen, expires, remote, agent
	FROM session WHERE site = ?`

func scanSession(scan func(...any) error, s *Session) error {
	return scan(&s.Site, &s.Hash, &s.ID, &s.User, listOf[string]{&s.Factors}, &s.Fresh, &s.Created, &s.LastSeen, &s.Expires, &s.Remote, &s.Agent)
}

// PutSession keeps a new session.
func (d *DB) PutSession(ctx context.Context, s Session) error {
	return d.transact(ctx, func(t *tx) error { return t.putSession(s) })
}

func (t *tx) putSession(s Session) error {
	_, err := t.exec(`INSERT INTO session (hash, site, id, account, factors, fresh, created, last_seen, expires, remote, agent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		s.Hash, s.Site, s.ID, s.User, list(s.Factors), s.Fresh, s.Created, s.LastSeen, s.Expires, s.Remote, s.Agent)
	return err
}

// SeenSession moves LastSeen. A session that has ended stays ended.
func (d *DB) SeenSession(ctx context.Context, site vital.Site, hash []byte, at vital.Instant) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE session SET last_seen = $1 WHERE site = $2 AND hash = $3", at, site, hash)
		return err
	})
}

// ReplaceSession ends the session with that hash and keeps next in its place: a
// proof gives a new cookie. NotFound when the old one has ended meanwhile.
func (d *DB) ReplaceSession(ctx context.Context, e audit.Entry, old []byte, next Session) error {
	return d.change(ctx, e, "renew session "+next.ID, func(t *tx) error {
		n, err := t.exec("DELETE FROM session WHERE site = $1 AND hash = $2", e.Site, old)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "session %s: it has ended", next.ID)
		}
		if err != nil {
			return err
		}
		return t.putSession(next)
	})
}

// SessionByHash returns a session; whether it has run out is for the caller.
func (d *DB) SessionByHash(ctx context.Context, site vital.Site, hash []byte) (Session, error) {
	return one(ctx, d.read, ask(selectSessions, site).add(" AND hash = ?", hash), "session", scanSession)
}

// SessionByID is SessionByHash by the id that stays.
func (d *DB) SessionByID(ctx context.Context, site vital.Site, id string) (Session, error) {
	return one(ctx, d.read, ask(selectSessions, site).add(" AND id = ?", id), "session "+id, scanSession)
}

// SessionsOf lists the sessions of a user that have not run out, newest first.
func (d *DB) SessionsOf(ctx context.Context, site vital.Site, user vital.UserID, now vital.Instant) ([]Session, error) {
	return collect(ctx, d.read, ask(selectSessions, site).add(" AND account = ? AND expires > ? ORDER BY created DESC, id", user, now), scanSession)
}

// EndSession forgets a session; one that is not there is ended already.
func (d *DB) EndSession(ctx context.Context, site vital.Site, hash []byte) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM session WHERE site = $1 AND hash = $2", site, hash)
		return err
	})
}

// EndSessionOf ends one session of a user.
func (d *DB) EndSessionOf(ctx context.Context, e audit.Entry, user vital.UserID, id string) error {
	return d.change(ctx, e, "end session "+id, func(t *tx) error {
		n, err := t.exec("DELETE FROM session WHERE site = $1 AND account = $2 AND id = $3", e.Site, user, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "session %s: not found", id)
		}
		return err
	})
}

// EndSessionsOf ends every session of a user but the one with the id except.
func (d *DB) EndSessionsOf(ctx context.Context, e audit.Entry, user vital.UserID, except string) error {
	return d.change(ctx, e, "end the sessions of "+string(user), func(t *tx) error { return t.endSessions(e.Site, user, except) })
}

func (t *tx) endSessions(site vital.Site, user vital.UserID, except string) error {
	_, err := t.exec("DELETE FROM session WHERE site = $1 AND account = $2 AND id <> $3", site, user, except)
	return err
}
