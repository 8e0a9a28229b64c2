package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Sealer keeps secrets at rest. subject says whose, place where they lie: what
// was sealed for one place does not open in another.
type Sealer interface {
	Seal(ctx context.Context, site, subject, place string, plain []byte) ([]byte, error)
	Open(ctx context.Context, site, subject, place string, sealed []byte) ([]byte, error)
}

// A code is six digits of a shared secret and the time (RFC 6238), as every
// authenticator app makes them. It can be phished, so it is what there is where a
// passkey cannot be, and never more than one of two factors.
const (
	codePeriod  = 30      // seconds a step lasts
	codeAround  = 1       // steps before and after that count: clocks differ
	codeSecret  = 20      // bytes
	wrongCodes  = 5       // in a row end a half session, and are told to the person
	codeIssuer  = "Vigil" // what the app shows
	codeSubject = "site"
)

func codePlace(user vital.UserID) string { return "code_generator/secret/" + string(user) }

// HasCode reports whether the caller has a code generator in force, and since when.
func (g *Gate) HasCode(ctx context.Context, p Principal) (bool, vital.Instant, error) {
	if p.Class != User || p.Half() {
		return false, 0, nil
	}
	c, err := g.store.CodeGeneratorOf(ctx, g.site, vital.UserID(p.ID))
	if vital.KindOf(err) == vital.NotFound && err != nil {
		return false, 0, nil
	}
	if err != nil || !c.Confirmed {
		return false, 0, err
	}
	return true, c.Created, nil
}

// BeginCode makes a secret for the caller's app. It counts when a code of it was
// given.
func (g *Gate) BeginCode(ctx context.Context, p Principal) (secret, address string, err error) {
	user, _, err := g.mayEnrol(ctx, p)
	if err != nil {
		return "", "", err
	}
	if g.keys == nil {
		return "", "", vital.Errorf(vital.Unavailable, "codes cannot be kept here: there is no key to seal them with")
	}
	raw := make([]byte, codeSecret)
	rand.Read(raw)
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: codeIssuer, AccountName: user.Username, Secret: raw, Period: codePeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return "", "", vital.Errorf(vital.Internal, "make a code generator: %w", err)
	}
	sealed, err := g.keys.Seal(ctx, string(g.site), codeSubject, codePlace(user.ID), raw)
	if err != nil {
		return "", "", vital.Errorf(vital.KindOf(err), "seal the secret of a code generator: %w", err)
	}
	err = g.store.PutCodeGenerator(ctx, g.entry(p, "code.begin", "user/"+p.ID), store.CodeGenerator{
		Site: g.site, User: user.ID, Secret: sealed, Created: vital.At(g.now()),
	})
	return key.Secret(), key.URL(), err
}

// ConfirmCode puts the caller's new generator in force by its first code, and
// returns the session's new cookie.
func (g *Gate) ConfirmCode(ctx context.Context, p Principal, code, cookie string) (Principal, string, error) {
	user, w, err := g.mayEnrol(ctx, p)
	if err != nil {
		return p, "", err
	}
	if w.Code {
		return p, "", vital.Errorf(vital.Conflict, "there is a code generator already: remove it first")
	}
	now := g.now()
	if d := g.codes.wait(string(user.ID), now); d > 0 {
		return p, "", tooMuch(d)
	}
	c, err := g.store.CodeGeneratorOf(ctx, g.site, user.ID)
	if err != nil {
		return p, "", vital.Errorf(vital.Precondition, "there is no code generator to confirm: begin again")
	}
	step, ok, err := g.stepOf(ctx, c, code)
	if err != nil {
		return p, "", err
	}
	if !ok {
		g.codes.failed(string(user.ID), now)
		return p, "", vital.Errorf(vital.Invalid, "code: it is not the one that the app shows now; is the phone's clock right?")
	}
	if err := g.store.ConfirmCodeGenerator(ctx, g.entry(p, "code.add", "user/"+p.ID), user.ID, step, g.notice(p, user.ID, NoticeCodeAdded)); err != nil {
		return p, "", err
	}
	return g.prove(ctx, p, cookie, ByCode)
}

// Code is the second step after a password, and a step-up: it adds the code to
// the caller's session and returns its new cookie. A code works once.
func (g *Gate) Code(ctx context.Context, p Principal, code, cookie string) (Principal, string, error) {
	if p.Class != User || p.Session == "" {
		return p, "", vital.Errorf(vital.Unauthenticated, "sign in first")
	}
	now, user := g.now(), vital.UserID(p.ID)
	refused := g.entry(p, "session.prove", "user/"+p.ID)
	if d := g.codes.wait(p.ID, now); d > 0 {
		g.refuse(ctx, refused, "too many codes")
		return p, "", tooMuch(d)
	}
	c, err := g.store.CodeGeneratorOf(ctx, g.site, user)
	none := vital.Errorf(vital.Precondition, "this account has no code generator")
	switch {
	case err != nil:
		return p, "", unknown(err, none)
	case !c.Confirmed:
		return p, "", none
	}
	step, ok, err := g.stepOf(ctx, c, code)
	if err != nil {
		return p, "", err
	}
	if ok {
		err = g.store.UseCodeStep(ctx, g.site, user, step)
		ok = err == nil
		if err != nil && vital.KindOf(err) != vital.Conflict {
			return p, "", err
		}
	}
	if !ok {
		return p, "", g.wrongCode(ctx, p, refused, cookie, now)
	}
	g.codes.passed(p.ID)
	next, secret, err := g.prove(ctx, p, cookie, ByCode)
	if err == nil {
		if u, err := g.store.UserByID(ctx, g.site, user); err == nil {
			g.owners.saw(u.Username+"\x00"+placeOf(p.Remote), now)
		}
	}
	return next, secret, err
}

// wrongCode counts a wrong code. Five in a row end a half session, so that the
// password has to be given again, and are told to the person: somebody else may
// know it.
func (g *Gate) wrongCode(ctx context.Context, p Principal, refused audit.Entry, cookie string, now time.Time) error {
	g.refuse(ctx, refused, "wrong code, or one that was used")
	if g.codes.failed(p.ID, now)%wrongCodes != 0 {
		return vital.Errorf(vital.Unauthenticated, "code: wrong, or used already: wait for the next one")
	}
	e := g.entry(p, "user.notice", "user/"+p.ID)
	if err := g.store.PutNotice(context.WithoutCancel(ctx), e, g.notice(p, vital.UserID(p.ID), NoticeWrongCodes)); err != nil {
		return err
	}
	if !p.Half() {
		return vital.Errorf(vital.Unauthenticated, "code: wrong %d times", wrongCodes)
	}
	if err := g.SignOut(context.WithoutCancel(ctx), p, cookie); err != nil {
		return err
	}
	return vital.Errorf(vital.Unauthenticated, "code: wrong %d times: sign in from the beginning", wrongCodes)
}

// stepOf returns the time step that a code is of.
func (g *Gate) stepOf(ctx context.Context, c store.CodeGenerator, code string) (step int64, ok bool, err error) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
		return 0, false, nil
	}
	if g.keys == nil {
		return 0, false, vital.Errorf(vital.Unavailable, "codes cannot be checked here: there is no key to open them with")
	}
	raw, err := g.keys.Open(ctx, string(g.site), codeSubject, codePlace(c.User), c.Secret)
	if err != nil {
		return 0, false, vital.Errorf(vital.Internal, "open the secret of a code generator: %w", err)
	}
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
	now := g.now().Unix() / codePeriod
	for s := now - codeAround; s <= now+codeAround; s++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, vital.Errorf(vital.Internal, "compute a code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok, nil
}

// RemoveCode forgets the caller's generator, unless nothing else would let the
// caller in.
func (g *Gate) RemoveCode(ctx context.Context, p Principal) error {
	if p.Class != User {
		return vital.Errorf(vital.NotFound, "code generator: not found")
	}
	user, w, err := g.mayEnrol(ctx, p)
	if err != nil {
		return err
	}
	if !w.Code {
		return vital.Errorf(vital.NotFound, "code generator: not found")
	}
	if w.Code = false; !w.enough() {
		return errLastWay
	}
	return g.store.RemoveCodeGenerator(ctx, g.entry(p, "code.remove", "user/"+p.ID), user.ID, g.notice(p, user.ID, NoticeCodeRemoved))
}
