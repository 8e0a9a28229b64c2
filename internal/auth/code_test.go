package auth_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// withCode makes an account with a password and an app, and returns the app's
// secret.
func (s *site) withCode(username string) (auth.Principal, string) {
	s.t.Helper()
	p, _ := s.begin(username)
	cookie, err := s.gate.SetPassword(s.t.Context(), p, "", password, at("10.0.0.1"))
	s.ok(err)
	p, err = s.gate.Session(s.t.Context(), cookie)
	s.ok(err)
	secret, address, err := s.gate.BeginCode(s.t.Context(), p)
	s.ok(err)
	if len(address) < 20 || address[:10] != "otpauth://" {
		s.t.Errorf("the app is told %q", address)
	}
	p, _, err = s.gate.ConfirmCode(s.t.Context(), p, s.codeOf(secret), cookie)
	s.ok(err)
	if p.Half() {
		s.t.Errorf("password and code are not enough: %+v", p)
	}
	s.pass(time.Minute)
	return p, secret
}

func (s *site) codeOf(secret string) string {
	s.t.Helper()
	code, err := totp.GenerateCode(secret, s.now())
	s.ok(err)
	return code
}

func (s *site) half(username string) (auth.Principal, string) {
	s.t.Helper()
	p, cookie, err := s.gate.Password(s.t.Context(), username, password, at("10.0.0.1"))
	s.ok(err)
	return p, cookie
}

// Covers: A10 O1 ASVS-6.3.3 ASVS-6.5.1 HIPAA-164.312(d)
func TestCode(t *testing.T) {
	s := newHouse(t)
	_, secret := s.withCode("ann")
	p, cookie := s.half("ann")
	w, err := s.gate.Ways(t.Context(), vital.UserID(p.ID))
	s.ok(err)
	if next, _ := s.gate.Next(p, w); next != auth.NextCode || !p.Half() {
		t.Fatalf("a password is followed by %q", next)
	}
	code := s.codeOf(secret)
	whole, second, err := s.gate.Code(t.Context(), p, code[:3]+" "+code[3:], cookie)
	s.ok(err)
	if whole.Half() || !slices.Equal(whole.Factors, []string{auth.ByPassword, auth.ByCode}) || second == cookie {
		t.Errorf("%+v", whole)
	}
	p, cookie = s.half("ann")
	_, _, err = s.gate.Code(t.Context(), p, code, cookie)
	s.kind(err, vital.Unauthenticated, "the same code again")
	s.pass(90 * time.Second)
	_, _, err = s.gate.Code(t.Context(), p, code, cookie)
	s.kind(err, vital.Unauthenticated, "the code of a while ago")
	late, err := totp.GenerateCode(secret, s.now().Add(-30*time.Second))
	s.ok(err)
	_, _, err = s.gate.Code(t.Context(), p, late, cookie)
	s.ok(err)
	before, err := totp.GenerateCode(secret, s.now().Add(-60*time.Second))
	s.ok(err)
	p, cookie = s.half("ann")
	_, _, err = s.gate.Code(t.Context(), p, before, cookie)
	s.kind(err, vital.Unauthenticated, "a code before one that was used")
	for _, wrong := range []string{"", "12345", "1234567", "１２３４５６"} {
		_, _, err = s.gate.Code(t.Context(), p, wrong, cookie)
		s.kind(err, vital.Unauthenticated, wrong)
	}
}

// Of many who use one code at once, one gets in.
//
// Covers: A10 ASVS-6.5.1
func TestACodeWorksOnce(t *testing.T) {
	s := newHouse(t)
	_, secret := s.withCode("ann")
	code := s.codeOf(secret)
	type half struct {
		p      auth.Principal
		cookie string
	}
	var halves []half
	for range 8 {
		p, cookie := s.half("ann")
		halves = append(halves, half{p, cookie})
	}
	var in atomic.Int64
	var all sync.WaitGroup
	for _, h := range halves {
		all.Go(func() {
			if _, _, err := s.gate.Code(context.WithoutCancel(t.Context()), h.p, code, h.cookie); err == nil {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Errorf("%d came in by one code", in.Load())
	}
}

// Who knows the password gets five tries, then has to begin again, and its
// owner is told. A day of trying is worth a few hundred codes of a million.
//
// Covers: A10 ASVS-6.3.3
func TestCodesCannotBeGuessed(t *testing.T) {
	s := newHouse(t)
	owner, secret := s.withCode("ann")
	right := s.codeOf(secret)
	wrong := "000000"
	if right == wrong {
		wrong = "000001"
	}
	p, cookie := s.half("ann")
	for range 5 {
		_, _, err := s.gate.Code(t.Context(), p, wrong, cookie)
		s.kind(err, vital.Unauthenticated, "a wrong code")
	}
	_, err := s.gate.Session(t.Context(), cookie)
	s.kind(err, vital.Unauthenticated, "the half session after five wrong codes")
	notices, err := s.gate.Notices(t.Context(), owner)
	s.ok(err)
	if !slices.ContainsFunc(notices, func(n store.Notice) bool { return n.Kind == auth.NoticeWrongCodes && !n.Seen.Known() }) {
		t.Errorf("the owner was told %+v", notices)
	}
	tried := 0
	for end := s.now().Add(24 * time.Hour); s.now().Before(end); {
		_, err := s.gate.Session(t.Context(), cookie)
		if err != nil {
			if p, cookie, err = s.gate.Password(t.Context(), "ann", password, at("10.0.0.1")); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = s.gate.Code(t.Context(), p, wrong, cookie)
		var wait *auth.Wait
		switch {
		case err == nil:
			t.Fatal("guessed")
		case errors.As(err, &wait):
			s.pass(wait.For)
		default:
			tried++
		}
		if right = s.codeOf(secret); right == wrong {
			s.pass(time.Minute)
		}
	}
	if tried == 0 || tried > 200 {
		t.Errorf("%d codes could be tried in a day", tried)
	}
}

// The secret of an app does not lie in the store as it is.
//
// Covers: A10 HIPAA-164.312(a)(2)(iv)
func TestTheSecretOfAnAppIsSealed(t *testing.T) {
	s := newHouse(t)
	p, secret := s.withCode("ann")
	row, err := s.store.CodeGeneratorOf(t.Context(), vital.DefaultSite, vital.UserID(p.ID))
	s.ok(err)
	if len(row.Secret) == 0 || bytes.Contains(row.Secret, []byte(secret)) || len(row.Secret) < 20+16 {
		t.Errorf("kept as %q", row.Secret)
	}
	other, _ := s.withCode("bob")
	row.User, row.LastStep = vital.UserID(other.ID), 0
	s.ok(s.store.RemoveCodeGenerator(t.Context(), furnish, row.User, store.Notice{ID: "n-1", User: row.User}))
	s.ok(s.store.PutCodeGenerator(t.Context(), furnish, row))
	s.ok(s.store.ConfirmCodeGenerator(t.Context(), furnish, row.User, 1, store.Notice{ID: "n-2", User: row.User}))
	bob, cookie := s.half("bob")
	if _, _, err := s.gate.Code(t.Context(), bob, s.codeOf(secret), cookie); err == nil {
		t.Error("a sealed secret that was moved to another account let its owner in there")
	}
}

// A generator that was begun and not confirmed lets nobody in, and does not keep
// anybody out.
func TestAnUnconfirmedAppCountsForNothing(t *testing.T) {
	s := newHouse(t)
	p, _ := s.begin("ann")
	cookie, err := s.gate.SetPassword(t.Context(), p, "", password, at("10.0.0.1"))
	s.ok(err)
	p, err = s.gate.Session(t.Context(), cookie)
	s.ok(err)
	secret, _, err := s.gate.BeginCode(t.Context(), p)
	s.ok(err)
	again, cookie := s.half("ann")
	_, _, err = s.gate.Code(t.Context(), again, s.codeOf(secret), cookie)
	s.kind(err, vital.Precondition, "a code of an app that was not confirmed")
	w, err := s.gate.Ways(t.Context(), vital.UserID(p.ID))
	s.ok(err)
	if next, _ := s.gate.Next(again, w); next != auth.NextEnrol {
		t.Errorf("next is %q", next)
	}
	other, _, err := s.gate.BeginCode(t.Context(), again)
	s.ok(err)
	if other == secret {
		t.Error("the same secret twice")
	}
	_, _, err = s.gate.ConfirmCode(t.Context(), again, s.codeOf(secret), cookie)
	s.kind(err, vital.Invalid, "a code of the first secret")
	whole, _, err := s.gate.ConfirmCode(t.Context(), again, s.codeOf(other), cookie)
	s.ok(err)
	if whole.Half() {
		t.Errorf("%+v", whole)
	}
	_, _, err = s.gate.BeginCode(t.Context(), whole)
	s.kind(err, vital.Conflict, "a second app in place of the first, without removing it")
	s.kind(s.gate.RemoveCode(t.Context(), whole), vital.Conflict, "the last second factor")
}
