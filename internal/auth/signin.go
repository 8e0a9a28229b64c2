package auth

import (
	"context"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Password signs a user in and returns the value of the session cookie.
func (g *Gate) Password(ctx context.Context, username, password, remote string) (Principal, string, error) {
	now := g.now()
	username = strings.ToLower(strings.TrimSpace(username))
	account, place := username+"\x00"+hostOf(remote), hostOf(remote)
	if d := max(g.accounts.wait(account, now), g.places.wait(place, now)); d > 0 {
		g.refuse(ctx, g.signIn(username, remote), "too many attempts")
		return Principal{}, "", tooMuch(d)
	}
	user, err := g.store.UserByName(ctx, g.site, username)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return Principal{}, "", err
	}
	ok, err2 := g.hasher.matches(ctx, user.PasswordHash, password)
	if err2 != nil {
		return Principal{}, "", err2
	}
	if err != nil || !ok || user.State != UserActive {
		g.accounts.failed(account, now)
		g.places.failed(place, now)
		g.refuse(ctx, g.signIn(username, remote), "wrong user name or password")
		return Principal{}, "", vital.Errorf(vital.Unauthenticated, "wrong user name or password")
	}
	g.accounts.passed(account)
	return g.open(ctx, user, remote, "password")
}

func (g *Gate) signIn(username, remote string) audit.Entry {
	if len(username) > 64 {
		username = username[:64]
	}
	return audit.Entry{Site: g.site, Who: username, From: remote, Action: "session.open", Subject: "user"}
}

// SetPassword changes the caller's own password, ends all its sessions and
// returns the cookie of a new one. The old password is asked for unless there is
// none yet.
func (g *Gate) SetPassword(ctx context.Context, p Principal, old, password string) (cookie string, err error) {
	if p.Class != User || p.ID == string(VisitorID) {
		return "", vital.Errorf(vital.Denied, "only a user has a password")
	}
	user, err := g.store.UserByID(ctx, g.site, vital.UserID(p.ID))
	if err != nil {
		return "", err
	}
	if err := checkNewPassword(password, user.Username); err != nil {
		return "", err
	}
	now := g.now()
	account := user.Username + "\x00" + hostOf(p.Remote)
	if d := g.accounts.wait(account, now); d > 0 {
		return "", tooMuch(d)
	}
	if user.PasswordHash != "" {
		ok, err := g.hasher.matches(ctx, user.PasswordHash, old)
		if err != nil {
			return "", err
		}
		if !ok {
			g.accounts.failed(account, now)
			return "", vital.Errorf(vital.Denied, "old password: it is not the one in use")
		}
	}
	if user.PasswordHash, err = g.hasher.hash(ctx, password); err != nil {
		return "", err
	}
	if err := g.store.PutUser(ctx, g.entry(p, "user.password", "user/"+p.ID), user); err != nil {
		return "", err
	}
	if err := g.EndSessions(ctx, user.ID); err != nil {
		return "", err
	}
	_, cookie, err = g.open(ctx, user, p.Remote, "new password")
	return cookie, err
}

func (g *Gate) entry(p Principal, action, subject string) audit.Entry {
	return audit.Entry{
		Site: g.site, At: vital.At(g.now()), Who: p.Who(), Role: p.Role(), From: p.Remote,
		Action: action, Subject: subject, Outcome: "done",
	}
}

// linkLife is how long a one-time link can be used.
const linkLife = 24 * time.Hour

// FirstLink returns the secret of a one-time link for the first administrator,
// or "" when somebody can already sign in. No password exists before somebody
// chooses one.
func (g *Gate) FirstLink(ctx context.Context) (string, error) {
	users, err := g.store.Users(ctx, g.site)
	if err != nil {
		return "", err
	}
	first := store.User{}
	for _, u := range users {
		if u.State == UserActive && u.PasswordHash != "" && u.ID != VisitorID {
			return "", nil
		}
		if u.Username == "administrator" {
			first = u
		}
	}
	system := Principal{Class: System, Site: g.site}
	if first.ID == "" {
		first = store.User{
			Site: g.site, ID: vital.UserID(NewID("u-")), Name: "Administrator", Username: "administrator",
			Roles: []string{string(Administrator)}, AllWards: true, State: UserActive, Created: vital.At(g.now()),
		}
		if err := g.store.PutUser(ctx, g.entry(system, "user.first", "user/"+string(first.ID)), first); err != nil {
			return "", err
		}
	}
	return g.Link(ctx, system, first.ID)
}

// Link makes a one-time link by which a user signs in to choose a password.
func (g *Gate) Link(ctx context.Context, p Principal, user vital.UserID) (string, error) {
	secret := NewSecret()
	now := g.now()
	err := g.store.PutLink(ctx, g.entry(p, "user.link", "user/"+string(user)), store.Link{
		Site: g.site, Hash: HashSecret(secret), User: user, Created: vital.At(now), Expires: vital.At(now.Add(linkLife)),
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// UseLink signs in by a one-time link, which is then spent, or by the link of a
// wall screen, which stays.
func (g *Gate) UseLink(ctx context.Context, secret, remote string) (Principal, string, error) {
	now := g.now()
	place := hostOf(remote)
	if d := g.places.wait(place, now); d > 0 {
		return Principal{}, "", tooMuch(d)
	}
	hash := HashSecret(secret)
	if p, err := g.token(ctx, hash); err == nil && p.Class == Kiosk {
		p.Remote = remote
		return p, secret, nil
	}
	link, err := g.store.TakeLink(ctx, g.site, hash, vital.At(now))
	if err != nil {
		g.places.failed(place, now)
		g.refuse(ctx, g.signIn("link", remote), "link is not known, spent or too old")
		return Principal{}, "", vital.Errorf(vital.Unauthenticated, "this link is not known, was used already or is too old")
	}
	user, err := g.store.UserByID(ctx, g.site, link.User)
	if err != nil {
		return Principal{}, "", err
	}
	if user.State != UserActive {
		return Principal{}, "", vital.Errorf(vital.Unauthenticated, "the account is %s", user.State)
	}
	// Whoever holds the link chooses the password: the old one ends here.
	if user.PasswordHash != "" {
		user.PasswordHash = ""
		if err := g.store.PutUser(ctx, g.entry(g.principalOf(user, remote), "user.password", "user/"+string(user.ID)), user); err != nil {
			return Principal{}, "", err
		}
	}
	return g.open(ctx, user, remote, "one-time link")
}

// VisitorID is the user that a demonstration signs in by itself.
const VisitorID vital.UserID = "u-visitor"

// Visitor returns the principal of a demonstration's visitor, who may do
// everything and whose data is demonstration data.
func (g *Gate) Visitor(ctx context.Context, remote string) (Principal, error) {
	user, err := g.store.UserByID(ctx, g.site, VisitorID)
	if err != nil && vital.KindOf(err) == vital.NotFound {
		user = store.User{
			Site: g.site, ID: VisitorID, Name: "Visitor", Username: "visitor", AllWards: true,
			Roles: []string{string(Administrator)}, State: UserActive, Created: vital.At(g.now()),
		}
		err = g.store.PutUser(ctx, g.entry(Principal{Class: System, Site: g.site}, "user.visitor", "user/"+string(VisitorID)), user)
	}
	if err != nil {
		return Principal{}, err
	}
	p := g.principalOf(user, remote)
	p.Credential = "s-visitor"
	return p, nil
}

// hostOf cuts the port off a remote address.
func hostOf(remote string) string {
	if i := strings.LastIndexByte(remote, ':'); i > 0 {
		return remote[:i]
	}
	return remote
}

// LinkPath is the address of a one-time link on this server. The secret stands
// behind the #, so that it reaches no log on the way.
func LinkPath(secret string) string { return "/sign-in#" + secret }
