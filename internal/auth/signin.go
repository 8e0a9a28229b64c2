package auth

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Password checks the first of two factors and returns the value of the session
// cookie. The session is half: Next says what it lacks.
func (g *Gate) Password(ctx context.Context, username, password string, from From) (Principal, string, error) {
	now := g.now()
	username = strings.ToLower(strings.TrimSpace(username))
	place := placeOf(from.Remote)
	account := username + "\x00" + place
	wait := max(g.accounts.wait(account, now), g.places.wait(place, now))
	if !g.known(account, now) { // a place where the owner was lately is not kept out by guessing elsewhere
		wait = max(wait, g.names.wait(username, now))
	}
	if wait > 0 {
		g.refuse(ctx, g.signIn(username, from.Remote), "too many attempts")
		return Principal{}, "", tooMuch(wait)
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
		g.names.failed(username, now)
		g.refuse(ctx, g.signIn(username, from.Remote), "wrong user name or password")
		return Principal{}, "", vital.Errorf(vital.Unauthenticated, "wrong user name or password")
	}
	g.accounts.passed(account)
	return g.open(ctx, user, from, now, ByPassword)
}

func (g *Gate) signIn(username, remote string) audit.Entry {
	return audit.Entry{Site: g.site, Who: cut(username, 64), From: remote, Action: "session.open", Subject: "user"}
}

// SetPassword changes the caller's own password, ends all its sessions and
// returns the cookie of a new one. The old password is asked for unless there is
// none yet.
func (g *Gate) SetPassword(ctx context.Context, p Principal, old, password string, from From) (cookie string, err error) {
	if p.Class != User || p.ID == string(VisitorID) {
		return "", vital.Errorf(vital.Denied, "only a user has a password")
	}
	user, _, err := g.mayEnrol(ctx, p)
	if err != nil {
		return "", err
	}
	if err := checkNewPassword(password, user.Username); err != nil {
		return "", err
	}
	now := g.now()
	account := user.Username + "\x00" + placeOf(p.Remote)
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
	had := user.PasswordHash != ""
	if user.PasswordHash, err = g.hasher.hash(ctx, password); err != nil {
		return "", err
	}
	if err := g.store.PutUser(ctx, g.entry(p, "user.password", "user/"+p.ID), user); err != nil {
		return "", err
	}
	if had {
		if err := g.store.PutNotice(ctx, g.entry(p, "user.notice", "user/"+p.ID), g.notice(p, user.ID, NoticePassword)); err != nil {
			return "", err
		}
	}
	if err := g.EndSessions(ctx, p, user.ID, ""); err != nil {
		return "", err
	}
	factors := p.Factors
	if !slices.Contains(factors, ByPassword) {
		factors = append(slices.Clone(factors), ByPassword)
	}
	_, cookie, err = g.open(ctx, user, From{Remote: from.Remote, Agent: from.Agent}, now, factors...)
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
		if u.ID == VisitorID {
			continue
		}
		w, err := g.waysOf(ctx, u)
		if err != nil {
			return "", err
		}
		if u.State == UserActive && w.any() {
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
			Roles: []string{string(Administrator), string(Clinician)}, AllWards: true, State: UserActive, Created: vital.At(g.now()),
		}
		if err := g.store.PutUser(ctx, g.entry(system, "user.first", "user/"+string(first.ID)), first); err != nil {
			return "", err
		}
	}
	return g.Link(ctx, system, first.ID)
}

// Link makes a one-time link by which a user signs in to enrol. Where the user
// could sign in before, it is a recovery: only another person who has just shown
// who they are, or the operator at the server, can make it, and its user is told.
func (g *Gate) Link(ctx context.Context, p Principal, user vital.UserID) (string, error) {
	w, err := g.Ways(ctx, user)
	if err != nil {
		return "", err
	}
	operator := p.Class == System || p.Credential == operatorCredential
	switch {
	case p.Class == User && p.ID == string(user):
		return "", vital.Errorf(vital.Denied, "nobody recovers the own account: another administrator makes the link, or `vigil user link` at the server")
	case p.Class == User:
		if err := g.recent(p); err != nil {
			return "", err
		}
	case w.any() && !operator:
		return "", vital.Errorf(vital.Denied, "%s can sign in already: only a person, or `vigil user link` at the server, recovers an account", user)
	}
	secret := NewSecret()
	now := g.now()
	notice := store.Notice{}
	if w.any() {
		notice = g.notice(p, user, NoticeLinkMade)
	}
	err = g.store.PutLink(ctx, g.entry(p, "user.link", "user/"+string(user)), store.Link{
		Site: g.site, Hash: HashSecret(secret), User: user, Created: vital.At(now), Expires: vital.At(now.Add(linkLife)),
	}, notice)
	if err != nil {
		return "", err
	}
	return secret, nil
}

// VoidLinks ends the caller's own one-time links that were not used: somebody
// else asked for them.
func (g *Gate) VoidLinks(ctx context.Context, p Principal) error {
	if p.Class != User {
		return nil
	}
	return g.store.VoidLinks(ctx, g.entry(p, "user.link-void", "user/"+p.ID), vital.UserID(p.ID))
}

// UseLink signs in by a one-time link, which is then spent, or by the link of a
// wall screen, which stays. By a one-time link every other way into the account
// ends, with its sessions; its user begins anew with a half session.
func (g *Gate) UseLink(ctx context.Context, secret string, from From) (Principal, string, error) {
	now := g.now()
	place := placeOf(from.Remote)
	if d := g.places.wait(place, now); d > 0 {
		return Principal{}, "", tooMuch(d)
	}
	hash := HashSecret(secret)
	if p, err := g.token(ctx, hash); err == nil && p.Class == Kiosk {
		p.Remote = from.Remote
		return p, secret, nil
	}
	link, err := g.store.TakeLink(ctx, g.site, hash, vital.At(now), func(l store.Link) (audit.Entry, store.Notice) {
		who := Principal{Class: User, Site: g.site, ID: string(l.User), Remote: from.Remote}
		return g.entry(who, "user.link-used", "user/"+who.ID), g.notice(who, l.User, NoticeLinkUsed)
	})
	if err != nil {
		if vital.KindOf(err) != vital.NotFound {
			return Principal{}, "", err
		}
		g.places.failed(place, now)
		g.refuse(ctx, g.signIn("link", from.Remote), "link is not known, spent or too old")
		return Principal{}, "", vital.Errorf(vital.Unauthenticated, "this link is not known, was used already or is too old")
	}
	g.Forget()
	user, err := g.store.UserByID(ctx, g.site, link.User)
	if err != nil {
		return Principal{}, "", err
	}
	if user.State != UserActive {
		return Principal{}, "", vital.Errorf(vital.Unauthenticated, "the account is %s", user.State)
	}
	return g.open(ctx, user, from, now, ByLink)
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
			Roles: []string{string(Administrator), string(Clinician)}, State: UserActive, Created: vital.At(g.now()),
		}
		err = g.store.PutUser(ctx, g.entry(Principal{Class: System, Site: g.site}, "user.visitor", "user/"+string(VisitorID)), user)
	}
	if err != nil {
		return Principal{}, err
	}
	p := g.principalOf(user, remote)
	p.Credential, p.Factors, p.Fresh = "s-visitor", []string{ByVisitor}, g.now()
	return p, nil
}

// hostOf cuts the port off a remote address.
func hostOf(remote string) string {
	if i := strings.LastIndexByte(remote, ':'); i > 0 {
		return remote[:i]
	}
	return remote
}

// placeOf is what attempts are counted by: an address, or the network of one
// under IPv6, where a house has as many addresses as it likes.
func placeOf(remote string) string {
	host := strings.Trim(hostOf(remote), "[]")
	a, err := netip.ParseAddr(remote)
	if err != nil {
		if a, err = netip.ParseAddr(host); err != nil {
			return host
		}
	}
	if a = a.Unmap(); a.Is6() {
		network, _ := a.WithZone("").Prefix(64)
		return network.String()
	}
	return a.String()
}

// LinkPath is the address of a one-time link on this server. The secret stands
// behind the #, so that it reaches no log on the way.
func LinkPath(secret string) string { return "/sign-in#" + secret }
