package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// What can be proved in a session.
const (
	ByPassword  = "password"
	ByCode      = "code"       // six digits of an app, used once
	ByPasskey   = "passkey"    // with user verification: a device and a finger, a face or a PIN
	BySignOn    = "sso"        // the hospital's sign-on, which says that it asked for two factors
	BySignOnOne = "sso-single" // the same, which does not say so
	ByLink      = "link"       // a one-time link
	ByVisitor   = "visitor"    // of a demonstration
)

// Whole reports whether somebody who proved these has proved enough: two
// factors, or one that holds two. A code without a password is one.
func Whole(factors []string) bool {
	has := func(f string) bool { return slices.Contains(factors, f) }
	return has(ByPasskey) || has(BySignOn) || has(ByVisitor) || has(ByCode) && (has(ByPassword) || has(BySignOnOne))
}

// Half reports whether p is a person who signed in with less than two factors.
// Such a session can be finished, or used to enrol a second factor where there is
// none, and nothing else.
func (p Principal) Half() bool { return p.Class == User && p.Session != "" && !Whole(p.Factors) }

// ErrSecond and ErrStep say what a person has to prove before the same call can
// work. Both are of the kind Unauthenticated.
var (
	ErrSecond = errors.New("sign in with a second step first")
	ErrStep   = errors.New("show once more that it is you")
)

// stepLife is how long a proof counts for what asks for a fresh one.
const stepLife = 5 * time.Minute

// assured decides whether the caller has proved enough, and lately enough, for
// the action, whatever its role. A program's token says what it is for, so it is
// not asked again.
func (g *Gate) assured(p Principal, a Action) error {
	switch {
	case p.Class != User:
		return nil
	case p.Half() && a != SessionOwn:
		return vital.Errorf(vital.Unauthenticated, "%w", ErrSecond)
	case asksForStep(p, a):
		return g.recent(p)
	}
	return nil
}

// recent is nil when the last proof is fresh.
func (g *Gate) recent(p Principal) error {
	if g.now().Sub(p.Fresh) > stepLife {
		return vital.Errorf(vital.Unauthenticated, "%w", ErrStep)
	}
	return nil
}

// Ways is what lets a person into an account.
type Ways struct {
	Password   bool
	Code       bool
	Passkeys   int // that are not suspended
	Identities int // of the hospital's sign-on
}

// any reports whether somebody has ever signed in to the account.
func (w Ways) any() bool { return w.Password || w.Code || w.Passkeys > 0 || w.Identities > 0 }

// enough reports whether the ways make a whole session.
func (w Ways) enough() bool { return w.Passkeys > 0 || w.Identities > 0 || w.Password && w.Code }

// Ways returns what lets a person into an account.
func (g *Gate) Ways(ctx context.Context, user vital.UserID) (w Ways, err error) {
	u, err := g.store.UserByID(ctx, g.site, user)
	if err != nil {
		return w, err
	}
	return g.waysOf(ctx, u)
}

func (g *Gate) waysOf(ctx context.Context, u store.User) (w Ways, err error) {
	w.Password = u.PasswordHash != ""
	keys, err := g.store.Passkeys(ctx, g.site, u.ID)
	if err != nil {
		return w, err
	}
	for _, k := range keys {
		if !k.Suspended {
			w.Passkeys++
		}
	}
	code, err := g.store.CodeGeneratorOf(ctx, g.site, u.ID)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return w, err
	}
	w.Code = err == nil && code.Confirmed
	linked, err := g.store.Identities(ctx, g.site, u.ID)
	w.Identities = len(linked)
	return w, err
}

// Steps a half session may have to take next.
const (
	NextCode    = "code"
	NextPasskey = "passkey"
	NextSignOn  = "sso"
	NextEnrol   = "enrol"
)

// Next returns what a session still lacks, "" when it is whole, and by which
// means its person can prove something more.
func (g *Gate) Next(p Principal, w Ways) (next string, means []string) {
	means = []string{}
	if w.Passkeys > 0 {
		means = append(means, NextPasskey)
	}
	if w.Code {
		means = append(means, NextCode)
	}
	if w.Identities > 0 {
		means = append(means, NextSignOn)
	}
	switch {
	case !p.Half():
		return "", means
	case slices.Contains(p.Factors, ByLink): // every other way ended with the link
		return NextEnrol, means
	case w.Passkeys > 0:
		return NextPasskey, means
	case w.Code:
		return NextCode, means
	case w.Identities > 0 && !slices.Contains(p.Factors, BySignOnOne):
		return NextSignOn, means
	}
	return NextEnrol, means
}

// mayEnrol decides whether the caller may add or remove a way into the own
// account: with a fresh proof, or, in a half session, where there is no second
// factor that could have been asked for. Otherwise who knows a password could
// make the second factor up.
func (g *Gate) mayEnrol(ctx context.Context, p Principal) (store.User, Ways, error) {
	if p.Class != User || p.Session == "" {
		return store.User{}, Ways{}, vital.Errorf(vital.Denied, "only a person who signed in has passkeys, codes and a password")
	}
	user, err := g.store.UserByID(ctx, g.site, vital.UserID(p.ID))
	if err != nil {
		return user, Ways{}, err
	}
	w, err := g.waysOf(ctx, user)
	if err != nil {
		return user, w, err
	}
	if !p.Half() {
		return user, w, g.recent(p)
	}
	if next, _ := g.Next(p, w); next != NextEnrol {
		return user, w, vital.Errorf(vital.Unauthenticated, "%w", ErrSecond)
	}
	return user, w, nil
}
