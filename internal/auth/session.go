package auth

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// From is where a request to sign in comes from.
type From struct {
	Remote string // network address
	Agent  string // what the browser calls itself
	Cookie string // of a session that this one takes the place of
}

// session is a remembered browser session.
type session struct {
	principal Principal
	row       store.Session // User "": a wall screen
	checked   time.Time     // when the store was last asked
	written   time.Time     // when LastSeen was last written
}

// seenEvery is how exactly LastSeen is kept at rest; in memory it is exact.
const seenEvery = time.Minute

// grace is how long a cookie is still answered after a step-up has replaced it:
// what a page had under way must not find its reader signed out. It is worth what
// it was worth before the step-up.
const grace = 5 * time.Second

// halfLife is how long a session may stay without a second factor.
const halfLife = time.Hour

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
		if err := g.store.SeenSession(ctx, row.Site, row.Hash, row.LastSeen); err != nil {
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

// Follow is Peek for what outlives a request: it finds the session by its id,
// which a step-up leaves as it is.
func (g *Gate) Follow(ctx context.Context, p Principal) (Principal, error) {
	g.mu.Lock()
	s := g.sessions[p.Session]
	g.mu.Unlock()
	s, err := g.current(ctx, s, func() (*session, error) {
		row, err := g.store.SessionByID(ctx, g.site, p.Session)
		if err != nil {
			return nil, unknown(err, errEnded)
		}
		return g.load(ctx, row)
	})
	if err != nil {
		return Principal{}, err
	}
	return s.principal, nil
}

var errEnded = vital.Errorf(vital.Unauthenticated, "the session has ended: sign in again")

func (g *Gate) find(ctx context.Context, cookie string) (*session, error) {
	if cookie == "" {
		return nil, vital.Errorf(vital.Unauthenticated, "sign in first")
	}
	hash := HashSecret(cookie)
	g.mu.Lock()
	s := g.sessions[g.cookies[string(hash)]]
	moved, ok := g.moved[string(hash)]
	g.mu.Unlock()
	if ok && g.now().Before(moved.until) {
		return &session{principal: moved.principal}, nil
	}
	if s != nil && !bytes.Equal(s.row.Hash, hash) {
		s = nil
	}
	return g.current(ctx, s, func() (*session, error) {
		row, err := g.store.SessionByHash(ctx, g.site, hash)
		if err == nil {
			return g.load(ctx, row)
		}
		if vital.KindOf(err) != vital.NotFound {
			return nil, err
		}
		p, err := g.token(ctx, hash)
		if err != nil || p.Class != Kiosk {
			return nil, errEnded
		}
		return &session{principal: p, row: store.Session{Hash: hash, ID: p.ID}, checked: g.now()}, nil
	})
}

// current returns a session that the store was asked about lately, and that has
// not run out. s is what is remembered of it, if anything.
func (g *Gate) current(ctx context.Context, s *session, read func() (*session, error)) (*session, error) {
	now := g.now()
	if s == nil || now.Sub(s.checked) >= fresh {
		again, err := read()
		if err != nil {
			if s != nil {
				g.drop(s.row)
			}
			return nil, err
		}
		s = g.keep(again)
	}
	if s.row.User == "" {
		return s, nil
	}
	g.mu.Lock()
	row := s.row
	g.mu.Unlock()
	switch {
	case !now.Before(row.Expires.Time()):
		return nil, g.over(ctx, row, "the session has lasted "+row.Expires.Sub(row.Created).String()+": sign in again")
	case now.Sub(row.LastSeen.Time()) >= g.idle:
		return nil, g.over(ctx, row, "no activity for "+g.idle.String()+": sign in again")
	}
	return s, nil
}

// keep remembers what was read of a session.
func (g *Gate) keep(s *session) *session {
	g.mu.Lock()
	defer g.mu.Unlock()
	if old := g.sessions[s.row.ID]; old != nil && old.row.LastSeen > s.row.LastSeen {
		s.row.LastSeen, s.written = old.row.LastSeen, old.written
	}
	if len(g.sessions) >= remembered || len(g.cookies) >= remembered {
		clear(g.sessions)
		clear(g.cookies)
	}
	g.sessions[s.row.ID] = s
	g.cookies[string(s.row.Hash)] = s.row.ID
	return s
}

// over ends a session that has run out.
func (g *Gate) over(ctx context.Context, row store.Session, why string) error {
	g.drop(row)
	if err := g.store.EndSession(context.WithoutCancel(ctx), row.Site, row.Hash); err != nil {
		return err
	}
	return vital.Errorf(vital.Unauthenticated, "%s", why)
}

func (g *Gate) drop(row store.Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, row.ID)
	delete(g.cookies, string(row.Hash))
}

// load reads whose session it is.
func (g *Gate) load(ctx context.Context, row store.Session) (*session, error) {
	user, err := g.store.UserByID(ctx, g.site, row.User)
	if err != nil {
		return nil, vital.Errorf(vital.Unauthenticated, "the account of this session is gone: %w", err)
	}
	if user.State != UserActive {
		return nil, vital.Errorf(vital.Unauthenticated, "the account is %s", user.State)
	}
	return &session{principal: g.sessionPrincipal(user, row), row: row, checked: g.now(), written: row.LastSeen.Time()}, nil
}

func (g *Gate) sessionPrincipal(user store.User, row store.Session) Principal {
	p := g.principalOf(user, row.Remote)
	p.Session, p.Credential = row.ID, vital.CredentialID(row.ID)
	p.Factors, p.Fresh = row.Factors, row.Fresh.Time()
	return p
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
		AllWards: u.AllWards, Wards: u.Wards, Patient: u.Patient, Remote: remote,
	}
}

// open makes a session for the user and returns the cookie's value. A new
// secret each time, and the session of the cookie that the browser had ends:
// nobody can fix a session beforehand.
func (g *Gate) open(ctx context.Context, user store.User, from From, proved time.Time, factors ...string) (Principal, string, error) {
	if from.Cookie != "" {
		old := HashSecret(from.Cookie)
		g.forgetCookie(old)
		if err := g.store.EndSession(ctx, g.site, old); err != nil {
			return Principal{}, "", err
		}
	}
	secret := NewSecret()
	row := store.Session{Site: g.site, Hash: HashSecret(secret), ID: NewID("s-"), User: user.ID, Factors: factors, Remote: from.Remote, Agent: cut(from.Agent, 200)}
	if !proved.IsZero() {
		row.Fresh = vital.At(proved)
	}
	g.begin(&row)
	if err := g.store.PutSession(ctx, row); err != nil {
		return Principal{}, "", err
	}
	p := g.sessionPrincipal(user, row)
	err := g.store.AppendAudit(ctx, g.proof(p, "session.open", factors))
	return p, secret, err
}

// begin sets the times of a session that begins, by what it has proved.
func (g *Gate) begin(row *store.Session) {
	now, life := g.now(), g.absolute
	if !Whole(row.Factors) {
		life = min(life, halfLife)
	}
	row.Created, row.LastSeen, row.Expires = vital.At(now), vital.At(now), vital.At(now.Add(life))
}

// proof is the ledger's line of a sign-in or of what was added to one.
func (g *Gate) proof(p Principal, action string, factors []string) audit.Entry {
	e := g.entry(p, action, "user/"+p.ID)
	for i, f := range factors {
		if i > 0 {
			e.Why += " and "
		}
		e.Why += f
	}
	return e
}

// prove adds a factor to the caller's session and returns its new cookie.
func (g *Gate) prove(ctx context.Context, p Principal, cookie, factor string) (Principal, string, error) {
	hash := HashSecret(cookie)
	row, err := g.store.SessionByHash(ctx, g.site, hash)
	if err != nil || row.ID != p.Session {
		return Principal{}, "", errEnded
	}
	secret, was := NewSecret(), Whole(row.Factors)
	next := row
	next.Hash, next.Fresh = HashSecret(secret), vital.At(g.now())
	if !slices.Contains(row.Factors, factor) {
		next.Factors = append(slices.Clone(row.Factors), factor)
	}
	if !was {
		g.begin(&next)
	}
	if err := g.store.ReplaceSession(ctx, g.proof(p, "session.prove", []string{factor}), hash, next); err != nil {
		return Principal{}, "", unknown(err, errEnded)
	}
	g.drop(row)
	if was { // a half session's cookie ends at once: it may have been fixed by somebody
		g.mu.Lock()
		if len(g.moved) >= remembered {
			clear(g.moved)
		}
		g.moved[string(hash)] = known{p, g.now().Add(grace)}
		g.mu.Unlock()
	}
	p.Factors, p.Fresh = next.Factors, next.Fresh.Time()
	return p, secret, nil
}

// SignOut ends the session of the cookie.
func (g *Gate) SignOut(ctx context.Context, p Principal, cookie string) error {
	hash := HashSecret(cookie)
	g.forgetCookie(hash)
	if err := g.store.EndSession(ctx, g.site, hash); err != nil && vital.KindOf(err) != vital.NotFound {
		return err
	}
	return g.store.AppendAudit(ctx, g.entry(p, "session.close", "user/"+p.ID))
}

func (g *Gate) forgetCookie(hash []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, g.cookies[string(hash)])
	delete(g.cookies, string(hash))
	delete(g.moved, string(hash))
}

// Sessions lists a user's sessions that have not run out, newest first.
func (g *Gate) Sessions(ctx context.Context, user vital.UserID) ([]store.Session, error) {
	now := g.now()
	rows, err := g.store.SessionsOf(ctx, g.site, user, vital.At(now))
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range rows {
		if s := g.sessions[rows[i].ID]; s != nil {
			rows[i].LastSeen = max(rows[i].LastSeen, s.row.LastSeen)
		}
	}
	return slices.DeleteFunc(rows, func(s store.Session) bool { return now.Sub(s.LastSeen.Time()) >= g.idle }), nil
}

// EndSession ends one session of a user; its sockets end with it.
func (g *Gate) EndSession(ctx context.Context, by Principal, user vital.UserID, id string) error {
	if err := g.store.EndSessionOf(ctx, g.entry(by, "session.end", "user/"+string(user)), user, id); err != nil {
		return err
	}
	g.Forget()
	return nil
}

// EndSessions ends every session of a user but the one with the id except: a
// changed password or role counts from the next call on.
func (g *Gate) EndSessions(ctx context.Context, by Principal, user vital.UserID, except string) error {
	if err := g.store.EndSessionsOf(ctx, g.entry(by, "session.end", "user/"+string(user)), user, except); err != nil {
		return err
	}
	g.Forget()
	return nil
}

func cut(s string, n int) string { return s[:min(len(s), n)] }
