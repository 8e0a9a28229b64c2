package auth

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// session is a remembered browser session.
type session struct {
	principal Principal
	row       store.Session
	checked   time.Time // when the store was last asked
	written   time.Time // when LastSeen was last written
}

// seenEvery is how exactly LastSeen is kept at rest; in memory it is exact.
const seenEvery = time.Minute

// Session returns who the cookie belongs to and counts the call as activity.
func (g *Gate) Session(ctx context.Context, cookie string) (Principal, error) {
	s, err := g.find(ctx, cookie)
	if err != nil {
		return Principal{}, err
	}
	if s.row.User == "" {
		return s.principal, nil // a wall screen: nobody is idle
	}
	now := g.now()
	g.mu.Lock()
	s.row.LastSeen = vital.At(now)
	row, write := s.row, now.Sub(s.written) >= seenEvery
	if write {
		s.written = now
	}
	g.mu.Unlock()
	if write {
		if err := g.store.PutSession(ctx, row); err != nil {
			return Principal{}, err
		}
	}
	return s.principal, nil
}

// Peek is Session without counting as activity: a screen that refreshes by
// itself must not keep an empty chair signed in.
func (g *Gate) Peek(ctx context.Context, cookie string) (Principal, error) {
	s, err := g.find(ctx, cookie)
	if err != nil {
		return Principal{}, err
	}
	return s.principal, nil
}

func (g *Gate) find(ctx context.Context, cookie string) (*session, error) {
	if cookie == "" {
		return nil, vital.Errorf(vital.Unauthenticated, "sign in first")
	}
	hash := HashSecret(cookie)
	now := g.now()
	g.mu.Lock()
	s := g.sessions[string(hash)]
	g.mu.Unlock()
	if s == nil || now.Sub(s.checked) >= fresh {
		read, err := g.load(ctx, hash)
		if err != nil {
			g.drop(hash)
			return nil, err
		}
		g.mu.Lock()
		if s != nil && s.row.LastSeen > read.row.LastSeen {
			read.row.LastSeen, read.written = s.row.LastSeen, s.written
		}
		if len(g.sessions) >= remembered {
			clear(g.sessions)
		}
		g.sessions[string(hash)] = read
		g.mu.Unlock()
		s = read
	}
	if s.row.User == "" {
		return s, nil
	}
	g.mu.Lock()
	row := s.row
	g.mu.Unlock()
	switch {
	case !now.Before(row.Expires.Time()):
		return nil, g.over(ctx, row, "the session has lasted "+g.absolute.String()+": sign in again")
	case now.Sub(row.LastSeen.Time()) >= g.idle:
		return nil, g.over(ctx, row, "no activity for "+g.idle.String()+": sign in again")
	}
	return s, nil
}

// over ends a session that has run out.
func (g *Gate) over(ctx context.Context, row store.Session, why string) error {
	g.drop(row.Hash)
	if err := g.store.EndSession(context.WithoutCancel(ctx), row.Site, row.Hash); err != nil {
		return err
	}
	return vital.Errorf(vital.Unauthenticated, "%s", why)
}

func (g *Gate) drop(hash []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, string(hash))
}

// load reads a session, or the token of a wall screen, from the store.
func (g *Gate) load(ctx context.Context, hash []byte) (*session, error) {
	row, err := g.store.SessionByHash(ctx, g.site, hash)
	if vital.KindOf(err) == vital.NotFound && err != nil {
		p, err := g.token(ctx, hash)
		if err != nil || p.Class != Kiosk {
			return nil, vital.Errorf(vital.Unauthenticated, "the session has ended: sign in again")
		}
		return &session{principal: p, checked: g.now()}, nil
	}
	if err != nil {
		return nil, err
	}
	user, err := g.store.UserByID(ctx, g.site, row.User)
	if err != nil {
		return nil, vital.Errorf(vital.Unauthenticated, "the account of this session is gone: %w", err)
	}
	if user.State != UserActive {
		return nil, vital.Errorf(vital.Unauthenticated, "the account is %s", user.State)
	}
	p := g.principalOf(user, row.Remote)
	p.Credential = sessionName(hash)
	return &session{principal: p, row: row, checked: g.now(), written: row.LastSeen.Time()}, nil
}

// sessionName names a session in the ledger without giving it away.
func sessionName(hash []byte) vital.CredentialID {
	return vital.CredentialID("s-" + hex.EncodeToString(hash[:5]))
}

// States of a user.
const (
	UserActive  = "active"
	UserBlocked = "blocked"
)

func (g *Gate) principalOf(u store.User, remote string) Principal {
	roles := make([]Role, len(u.Roles))
	for i, r := range u.Roles {
		roles[i] = Role(r)
	}
	return Principal{
		Class: User, Site: g.site, ID: string(u.ID), Name: u.Name, Roles: roles,
		AllWards: u.AllWards, Wards: u.Wards, Remote: remote,
	}
}

// open makes a session for the user and returns the cookie's value. A new
// secret each time: nobody can fix a session beforehand.
func (g *Gate) open(ctx context.Context, user store.User, remote, how string) (Principal, string, error) {
	secret := NewSecret()
	now := g.now()
	row := store.Session{
		Site: g.site, Hash: HashSecret(secret), User: user.ID, Remote: remote,
		Created: vital.At(now), LastSeen: vital.At(now), Expires: vital.At(now.Add(g.absolute)),
	}
	if err := g.store.PutSession(ctx, row); err != nil {
		return Principal{}, "", err
	}
	p := g.principalOf(user, remote)
	p.Credential = sessionName(row.Hash)
	err := g.store.AppendAudit(ctx, audit.Entry{
		Site: g.site, At: vital.At(now), Who: p.Who(), Role: p.Role(), From: remote,
		Action: "session.open", Subject: "user/" + p.ID, Outcome: "done", Why: how,
	})
	return p, secret, err
}

// SignOut ends the session of the cookie.
func (g *Gate) SignOut(ctx context.Context, p Principal, cookie string) error {
	hash := HashSecret(cookie)
	g.drop(hash)
	if err := g.store.EndSession(ctx, g.site, hash); err != nil && vital.KindOf(err) != vital.NotFound {
		return err
	}
	return g.store.AppendAudit(ctx, audit.Entry{
		Site: g.site, At: vital.At(g.now()), Who: p.Who(), Role: p.Role(), From: p.Remote,
		Action: "session.close", Subject: "user/" + p.ID, Outcome: "done",
	})
}

// EndSessions ends every session of a user: a changed password or role counts
// from the next call on.
func (g *Gate) EndSessions(ctx context.Context, user vital.UserID) error {
	g.Forget()
	return g.store.EndSessionsOf(ctx, g.site, user)
}
