package auth

import (
	"context"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/vigilcare/vigil/vital"
)

// BeginStep begins a fresh proof by one of the caller's passkeys; an empty name
// when there is none that could be asked for.
func (g *Gate) BeginStep(ctx context.Context, p Principal) (name string, options any, err error) {
	if p.Class != User || p.Session == "" {
		return "", nil, vital.Errorf(vital.Denied, "only a person who signed in can show once more who that is")
	}
	if p.Half() {
		return "", nil, vital.Errorf(vital.Unauthenticated, "%w", ErrSecond)
	}
	h, err := g.holder(ctx, vital.UserID(p.ID), false)
	if err != nil || g.party == nil || len(h.keys) == 0 {
		return "", nil, err
	}
	place := placeOf(p.Remote)
	if d := g.places.wait(place, g.now()); d > 0 {
		return "", nil, tooMuch(d)
	}
	assertion, state, err := g.party.BeginLogin(h, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", nil, vital.Errorf(vital.Internal, "begin a step-up: %w", err)
	}
	name = g.ceremonies.begin(&ceremony{purpose: forStep, user: h.user.ID, session: p.Session, place: place, state: state}, g.now())
	return name, assertion.Response, nil
}

// FinishStep counts the answer of the caller's passkey as a fresh proof, and
// returns the session's new cookie.
func (g *Gate) FinishStep(ctx context.Context, p Principal, name string, answer []byte, cookie string) (Principal, string, error) {
	now := g.now()
	place := placeOf(p.Remote)
	if d := g.places.wait(place, now); d > 0 {
		return p, "", tooMuch(d)
	}
	c := g.ceremonies.take(name, forStep, now)
	if c != nil && (c.session != p.Session || c.user != vital.UserID(p.ID)) {
		c = nil
	}
	if _, err := g.asserted(ctx, c, answer, From{Remote: p.Remote}); err != nil {
		if vital.KindOf(err) == vital.Unauthenticated {
			g.places.failed(place, now)
			g.refuse(ctx, g.entry(p, "session.prove", "user/"+p.ID), err.Error())
		}
		return p, "", err
	}
	return g.prove(ctx, p, cookie, ByPasskey)
}
