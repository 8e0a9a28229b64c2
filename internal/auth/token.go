package auth

import (
	"context"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Operator makes the secret by which whoever owns the data directory may
// administer the running server. It is kept in memory only; the last one made
// counts.
func (g *Gate) Operator() string {
	secret := NewSecret()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.operator = HashSecret(secret)
	return secret
}

// operatorCredential is how the ledger names the operator's secret.
const operatorCredential vital.CredentialID = "operator"

// isOperator reports whether the hash is of the operator's secret.
func (g *Gate) isOperator(hash []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.operator != nil && subtle.ConstantTimeCompare(g.operator, hash) == 1
}

// Bearer returns the program that the token belongs to.
func (g *Gate) Bearer(ctx context.Context, token, remote string) (Principal, error) {
	hash := HashSecret(token)
	if g.isOperator(hash) {
		return Principal{
			Class: Integration, Site: g.site, ID: "operator", Name: "Operator at the server", Roles: []Role{Administrator, Clinician},
			AllWards: true, Credential: operatorCredential, Remote: remote,
		}, nil
	}
	p, ok := g.recall(g.bearers, string(hash))
	if !ok {
		var err error
		if p, err = g.bearer(ctx, token, hash); err != nil {
			return Principal{}, err
		}
		g.remember(g.bearers, string(hash), p)
	}
	p.Remote = remote
	return p, nil
}

func (g *Gate) bearer(ctx context.Context, token string, hash []byte) (Principal, error) {
	if strings.HasPrefix(token, ProgramToken) {
		return g.program(ctx, hash)
	}
	return g.token(ctx, hash)
}

// How exactly it is kept when a token or a device's credential was last used.
// Devices are many, and connect all at once after a power cut.
const (
	tokenUsedEvery = time.Minute
	usedEvery      = time.Hour
)

func (g *Gate) token(ctx context.Context, hash []byte) (Principal, error) {
	t, err := g.store.TokenByHash(ctx, g.site, hash)
	if err != nil {
		return Principal{}, unknown(err, vital.Errorf(vital.Unauthenticated, "the token is not known or was revoked"))
	}
	if t.Expires.Known() && t.Expires <= vital.At(g.now()) {
		return Principal{}, vital.Errorf(vital.Unauthenticated, "the token expired at %s", t.Expires)
	}
	if now := vital.At(g.now()); now.Sub(t.LastUsed) >= tokenUsedEvery {
		if err := g.store.UsedToken(ctx, g.site, t.ID, now); err != nil {
			return Principal{}, err
		}
	}
	roles := make([]Role, len(t.Roles))
	for i, r := range t.Roles {
		roles[i] = Role(r)
	}
	return Principal{
		Class: Class(t.Class), Site: g.site, ID: t.ID, Name: t.Name, Roles: roles,
		AllWards: t.AllWards, Wards: t.Wards, Credential: vital.CredentialID(t.ID),
	}, nil
}

// NewToken makes a token for a program, a wall screen or a sentinel; the secret is returned
// once and never stored.
func (g *Gate) NewToken(ctx context.Context, p Principal, t store.Token) (store.Token, string, error) {
	switch Class(t.Class) {
	case Integration:
	case Kiosk:
		if t.AllWards || len(t.Wards) != 1 || len(t.Roles) > 0 {
			return t, "", vital.Errorf(vital.Invalid, "a wall screen reads exactly one ward and has no role")
		}
	case Sentinel:
		if t.AllWards || len(t.Wards) > 0 || len(t.Roles) > 0 {
			return t, "", vital.Errorf(vital.Invalid, "a sentinel reads no ward and has no role")
		}
	default:
		return t, "", vital.Errorf(vital.Invalid, "class %q: want integration, kiosk or sentinel", t.Class)
	}
	if t.Name == "" {
		return t, "", vital.Errorf(vital.Invalid, "name: say which program it is for")
	}
	for _, r := range t.Roles {
		if err := CheckRole(r); err != nil {
			return t, "", err
		}
	}
	secret := NewSecret()
	t.ID, t.Site, t.Hash, t.Created = NewID("t-"), g.site, HashSecret(secret), vital.At(g.now())
	if err := g.store.PutToken(ctx, g.entry(p, "token.make", "token/"+t.ID), t); err != nil {
		return t, "", err
	}
	return t, secret, nil
}

// CheckRole says whether there is such a role.
func CheckRole(name string) error {
	switch Role(name) {
	case Administrator, Clinician, Nurse, Technician, Auditor, Patient, Family:
		return nil
	}
	return vital.Errorf(vital.Invalid, "role %q: want administrator, clinician, nurse, technician, auditor, patient or family", name)
}
