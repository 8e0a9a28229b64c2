package auth_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/test/authenticator"
	"github.com/vigilcare/vigil/vital"
)

// sealer seals with one key, bound to the place.
type sealer struct{ aead cipher.AEAD }

func newSealer() sealer {
	key := make([]byte, 32)
	rand.Read(key)
	block, _ := aes.NewCipher(key)
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}
}

func (s sealer) Seal(_ context.Context, site, subject, place string, plain []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, plain, []byte(site+"/"+subject+"/"+place)), nil
}

func (s sealer) Open(_ context.Context, site, subject, place string, sealed []byte) ([]byte, error) {
	return s.aead.Open(nil, nil, sealed, []byte(site+"/"+subject+"/"+place))
}

const page = "http://localhost:8080"

// newHouse is a site that can seal secrets and takes passkeys as localhost.
func newHouse(t *testing.T, signOns ...auth.SignOn) *site {
	t.Helper()
	s := newSite(t)
	s.gate = auth.New(auth.Options{Store: s.store, Now: s.now, Keys: newSealer(), SignOn: signOns})
	s.ok(s.gate.Receive(auth.Party{ID: "localhost", Name: "Vigil", Origins: []string{page}}))
	return s
}

// begin signs a new user in by a one-time link.
func (s *site) begin(username string) (auth.Principal, string) {
	s.t.Helper()
	link, err := s.gate.Link(s.t.Context(), nobody, s.user(username, "nurse"))
	s.ok(err)
	p, cookie, err := s.gate.UseLink(s.t.Context(), link, at("10.0.0.1"))
	s.ok(err)
	return p, cookie
}

func (s *site) json(v any, err error) []byte {
	s.t.Helper()
	s.ok(err)
	body, err := json.Marshal(v)
	s.ok(err)
	return body
}

// enrol adds a passkey of the phone to a session.
func (s *site) enrol(p auth.Principal, cookie string, phone *authenticator.Authenticator) (auth.Principal, string, error) {
	s.t.Helper()
	name, options, err := s.gate.BeginEnrol(s.t.Context(), p)
	if err != nil {
		return p, "", err
	}
	made, err := phone.Make(s.json(options, nil), page)
	s.ok(err)
	_, p, cookie, err = s.gate.FinishEnrol(s.t.Context(), p, name, "phone", made, cookie)
	return p, cookie, err
}

// passkey signs in by the phone, from a page.
func (s *site) passkey(phone *authenticator.Authenticator, from string) (auth.Principal, string, error) {
	s.t.Helper()
	name, options, err := s.gate.BeginPasskey(s.t.Context(), at("10.0.0.1"))
	if err != nil {
		return auth.Principal{}, "", err
	}
	proof, err := phone.Assert(s.json(options, nil), from)
	s.ok(err)
	return s.gate.FinishPasskey(s.t.Context(), name, proof, at("10.0.0.1"))
}

// Covers: A10 O1 ASVS-6.3.3 HIPAA-164.312(d)
func TestPasskey(t *testing.T) {
	for name, phone := range map[string]*authenticator.Authenticator{
		"P-256": authenticator.New(), "Ed25519": {Ed25519: true}, "synced": {Synced: true},
	} {
		t.Run(name, func(t *testing.T) {
			if phone.Len() == 0 {
				fresh := authenticator.New()
				fresh.Ed25519, fresh.Synced = phone.Ed25519, phone.Synced
				phone = fresh
			}
			s := newHouse(t)
			p, cookie := s.begin("ann")
			if !p.Half() {
				t.Fatal("a one-time link alone makes a whole session")
			}
			whole, second, err := s.enrol(p, cookie, phone)
			s.ok(err)
			if whole.Half() || whole.Session != p.Session || second == cookie {
				t.Errorf("after enrolling: %+v", whole)
			}
			_, err = s.gate.Session(t.Context(), cookie)
			s.kind(err, vital.Unauthenticated, "the half session's cookie")
			for range 3 {
				got, cookie, err := s.passkey(phone, page)
				s.ok(err)
				if got.ID != p.ID || got.Half() || !slices.Equal(got.Factors, []string{auth.ByPasskey}) || !got.Fresh.Equal(s.now()) {
					t.Errorf("came in as %+v", got)
				}
				read, err := s.gate.Session(t.Context(), cookie)
				s.ok(err)
				if read.Half() || read.Session != got.Session {
					t.Errorf("the session is of %+v", read)
				}
			}
			_, options, err := s.gate.BeginEnrol(t.Context(), whole)
			if _, err = phone.Make(s.json(options, err), page); !errors.Is(err, authenticator.ErrExcluded) {
				t.Errorf("the same phone twice: %v", err)
			}
		})
	}
}

// What is not a right answer of a right person for this page is refused, in the
// same words.
//
// Covers: A10 O1 ASVS-6.3.3
func TestPasskeyIsRefused(t *testing.T) {
	s := newHouse(t)
	phone := authenticator.New()
	p, cookie := s.begin("ann")
	whole, _, err := s.enrol(p, cookie, phone)
	s.ok(err)
	for name, change := range map[string]func(*authenticator.Authenticator) string{
		"the person was not verified": func(a *authenticator.Authenticator) string { a.Unverified = true; return page },
		"nobody was there":            func(a *authenticator.Authenticator) string { a.Silent = true; return page },
		"another page":                func(*authenticator.Authenticator) string { return "http://localhost:9999" },
		"a page that looks like ours": func(*authenticator.Authenticator) string { return "https://localhost.evil.example" },
		"another party":               func(a *authenticator.Authenticator) string { a.RPID = "evil.example"; return page },
	} {
		t.Run(name, func(t *testing.T) {
			one := phone.Copy()
			from := change(one)
			one.Count = phone.Count
			_, _, err := s.passkey(one, from)
			s.kind(err, vital.Unauthenticated, name)
			if err.Error() != "this passkey was not accepted" {
				t.Errorf("it says why: %v", err)
			}
			s.pass(time.Hour)
		})
	}
	name, options, err := s.gate.BeginPasskey(t.Context(), at("10.0.0.1"))
	s.ok(err)
	proof, err := phone.Assert(s.json(options, nil), page)
	s.ok(err)
	_, _, err = s.gate.FinishPasskey(t.Context(), name, proof, at("10.0.0.1"))
	s.ok(err)
	_, _, err = s.gate.FinishPasskey(t.Context(), name, proof, at("10.0.0.1"))
	s.kind(err, vital.Unauthenticated, "an answer that was given before")
	name, _, err = s.gate.BeginPasskey(t.Context(), at("10.0.0.1"))
	s.ok(err)
	_, _, err = s.gate.FinishPasskey(t.Context(), name, proof, at("10.0.0.1"))
	s.kind(err, vital.Unauthenticated, "an old answer to a new challenge")
	name, options, err = s.gate.BeginPasskey(t.Context(), at("10.0.0.1"))
	s.ok(err)
	proof, err = phone.Assert(s.json(options, nil), page)
	s.ok(err)
	s.pass(6 * time.Minute)
	_, _, err = s.gate.FinishPasskey(t.Context(), name, proof, at("10.0.0.1"))
	s.kind(err, vital.Unauthenticated, "an answer that took too long")
	u, err := s.store.UserByID(t.Context(), vital.DefaultSite, vital.UserID(whole.ID))
	s.ok(err)
	u.State = auth.UserBlocked
	s.ok(s.store.PutUser(t.Context(), furnish, u))
	_, _, err = s.passkey(phone, page)
	s.kind(err, vital.Unauthenticated, "a blocked account")
}

// An enrolment is of a key that was asked for, verified, for the session that
// began it.
//
// Covers: A10 ASVS-6.3.3
func TestEnrolmentIsRefused(t *testing.T) {
	s := newHouse(t)
	p, cookie := s.begin("ann")
	for name, phone := range map[string]*authenticator.Authenticator{"P-384": {P384: true}, "unverified": {Unverified: true}, "nobody": {Silent: true}} {
		one := authenticator.New()
		one.P384, one.Unverified, one.Silent = phone.P384, phone.Unverified, phone.Silent
		_, _, err := s.enrol(p, cookie, one)
		s.kind(err, vital.Invalid, name)
	}
	other, _ := s.begin("bob")
	name, options, err := s.gate.BeginEnrol(t.Context(), other)
	s.ok(err)
	made, err := authenticator.New().Make(s.json(options, nil), page)
	s.ok(err)
	_, _, _, err = s.gate.FinishEnrol(t.Context(), p, name, "phone", made, cookie)
	s.kind(err, vital.Precondition, "another session's enrolment")
	if w, err := s.gate.Ways(t.Context(), vital.UserID(p.ID)); err != nil || w.Passkeys != 0 {
		t.Errorf("%+v, %v", w, err)
	}
}

// A copy of an authenticator that counts is found out by the count, and its key
// signs nobody in any more.
//
// Covers: A10 S2 ASVS-6.3.3
func TestPasskeyCopy(t *testing.T) {
	s := newHouse(t)
	phone := authenticator.New()
	p, cookie := s.begin("ann")
	_, _, err := s.enrol(p, cookie, phone)
	s.ok(err)
	copied := phone.Copy()
	for range 2 {
		_, _, err = s.passkey(phone, page)
		s.ok(err)
	}
	_, _, err = s.passkey(copied, page)
	s.kind(err, vital.Unauthenticated, "the copy, which is behind")
	phone.Count += 10
	_, _, err = s.passkey(phone, page)
	s.kind(err, vital.Unauthenticated, "either of the two, from now on")
	notices, err := s.store.Notices(t.Context(), vital.DefaultSite, vital.UserID(p.ID), 0)
	s.ok(err)
	if !slices.ContainsFunc(notices, func(n store.Notice) bool { return n.Kind == auth.NoticePasskeySuspended }) {
		t.Errorf("the person was told %+v", notices)
	}
	if w, err := s.gate.Ways(t.Context(), vital.UserID(p.ID)); err != nil || w.Passkeys != 0 {
		t.Errorf("%+v, %v", w, err)
	}
}

// Who knows a password of an account with a second factor cannot make another
// one up, nor go round it.
//
// Covers: A10 O1 ASVS-6.3.3
func TestPasskeyDowngrade(t *testing.T) {
	s := newHouse(t)
	p, cookie := s.begin("ann")
	cookie, err := s.gate.SetPassword(t.Context(), p, "", password, at("10.0.0.1"))
	s.ok(err)
	p, err = s.gate.Session(t.Context(), cookie)
	s.ok(err)
	p, cookie, err = s.enrol(p, cookie, authenticator.New())
	s.ok(err)
	thief, stolen, err := s.gate.Password(t.Context(), "ann", password, at("10.0.0.66"))
	s.ok(err)
	w, err := s.gate.Ways(t.Context(), vital.UserID(p.ID))
	s.ok(err)
	if next, _ := s.gate.Next(thief, w); next != auth.NextPasskey || !thief.Half() {
		t.Fatalf("a password alone is followed by %q: %+v", next, thief)
	}
	second := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, auth.ErrSecond) {
			t.Errorf("%s with a password alone: %v", what, err)
		}
	}
	_, _, err = s.gate.BeginEnrol(t.Context(), thief)
	second("a passkey", err)
	_, _, err = s.gate.BeginCode(t.Context(), thief)
	second("an app", err)
	_, err = s.gate.SetPassword(t.Context(), thief, password, "another good password", at("10.0.0.66"))
	second("another password", err)
	_, _, err = s.gate.BeginStep(t.Context(), thief)
	second("a step-up", err)
	second("removing a passkey", s.gate.RemovePasskey(t.Context(), thief, "x"))
	_, _, err = s.gate.Code(t.Context(), thief, "123456", stolen)
	s.kind(err, vital.Precondition, "a code where there is no app")
	for _, a := range []auth.Action{auth.WardList, auth.PatientRead, auth.LiveRead} {
		second(string(a), s.gate.Allow(t.Context(), thief, a, auth.Subject{}))
		if scope := auth.ScopeOf(thief, a); scope != auth.Nowhere {
			t.Errorf("%s reaches %s", a, scope)
		}
		if rows := s.gate.RowsFor(thief, a); rows.All || len(rows.Wards) > 0 || rows.For == nil || len(rows.For.Paths) > 0 {
			t.Errorf("%s sees %+v", a, rows)
		}
	}
	if keys, err := s.gate.Passkeys(t.Context(), thief); err != nil || len(keys) > 0 {
		t.Errorf("it sees which passkeys there are: %v %v", keys, err)
	}
	if err := s.gate.Allow(t.Context(), p, auth.WardList, auth.Subject{}); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

// The last way in is not taken away by mistake.
func TestTheLastWayIn(t *testing.T) {
	s := newHouse(t)
	p, cookie := s.begin("ann")
	p, cookie, err := s.enrol(p, cookie, authenticator.New())
	s.ok(err)
	keys, err := s.gate.Passkeys(t.Context(), p)
	s.ok(err)
	s.kind(s.gate.RemovePasskey(t.Context(), p, keys[0].ID), vital.Conflict, "the only passkey")
	p, _, err = s.enrol(p, cookie, authenticator.New())
	s.ok(err)
	s.ok(s.gate.RemovePasskey(t.Context(), p, keys[0].ID))
	s.kind(s.gate.RemovePasskey(t.Context(), p, keys[0].ID), vital.NotFound, "one that is gone")
	notices, err := s.gate.Notices(t.Context(), p)
	s.ok(err)
	var kinds []string
	for _, n := range notices {
		kinds = append(kinds, n.Kind)
	}
	slices.Sort(kinds)
	if strings.Join(kinds, " ") != "passkey-added passkey-added passkey-removed" {
		t.Errorf("told %v", kinds)
	}
}

// Covers: ASVS-7.5.3 O1
func TestStepUp(t *testing.T) {
	s := newHouse(t)
	phone := authenticator.New()
	p, cookie := s.begin("ann")
	p, cookie, err := s.enrol(p, cookie, phone)
	s.ok(err)
	p.Roles = []auth.Role{auth.Administrator}
	s.ok(s.gate.Allow(t.Context(), p, auth.UserWrite, auth.Subject{}))
	s.pass(5*time.Minute + time.Second)
	for _, a := range []auth.Action{auth.UserWrite, auth.TokenWrite, auth.RuleWrite} {
		if err := s.gate.Allow(t.Context(), p, a, auth.Subject{}); !errors.Is(err, auth.ErrStep) || vital.KindOf(err) != vital.Unauthenticated {
			t.Errorf("%s after five minutes: %v", a, err)
		}
	}
	s.ok(s.gate.Allow(t.Context(), p, auth.WardList, auth.Subject{}))
	_, _, err = s.gate.BeginEnrol(t.Context(), p)
	if !errors.Is(err, auth.ErrStep) {
		t.Errorf("a new passkey after five minutes: %v", err)
	}
	name, options, err := s.gate.BeginStep(t.Context(), p)
	s.ok(err)
	proof, err := phone.Assert(s.json(options, nil), page)
	s.ok(err)
	other, _ := s.begin("bob")
	_, _, err = s.gate.FinishStep(t.Context(), other, name, proof, "x")
	s.kind(err, vital.Unauthenticated, "another session's step-up")
	name, options, err = s.gate.BeginStep(t.Context(), p)
	s.ok(err)
	proof, err = phone.Assert(s.json(options, nil), page)
	s.ok(err)
	again, fresh, err := s.gate.FinishStep(t.Context(), p, name, proof, cookie)
	s.ok(err)
	s.ok(s.gate.Allow(t.Context(), again, auth.UserWrite, auth.Subject{}))
	if again.Session != p.Session || fresh == cookie {
		t.Error("a step-up keeps the session and changes its cookie")
	}
	old, err := s.gate.Session(t.Context(), cookie)
	if err != nil || !old.Fresh.Equal(p.Fresh) {
		t.Errorf("what was under way is worth what it was: %v %v", old.Fresh, err)
	}
	s.pass(6 * time.Second)
	_, err = s.gate.Session(t.Context(), cookie)
	s.kind(err, vital.Unauthenticated, "the old cookie")
	if got, err := s.gate.Follow(t.Context(), p); err != nil || !got.Fresh.Equal(again.Fresh) {
		t.Errorf("a socket of before the step-up: %+v %v", got, err)
	}
}

// Covers: A10 ASVS-7.2.4
func TestSessionFixation(t *testing.T) {
	s := newHouse(t)
	phone := authenticator.New()
	p, cookie := s.begin("ann")
	_, _, err := s.enrol(p, cookie, phone)
	s.ok(err)
	// The attacker puts the own half session's cookie into the victim's browser.
	s.user("eve", "nurse")
	eve, fixed := s.begin("eve")
	name, options, err := s.gate.BeginPasskey(t.Context(), at("10.0.0.1"))
	s.ok(err)
	proof, err := phone.Assert(s.json(options, nil), page)
	s.ok(err)
	got, fresh, err := s.gate.FinishPasskey(t.Context(), name, proof, auth.From{Remote: "10.0.0.1", Cookie: fixed})
	s.ok(err)
	if got.Session == eve.Session || fresh == fixed {
		t.Error("the victim signed in to a session that somebody else made")
	}
	_, err = s.gate.Session(t.Context(), fixed)
	s.kind(err, vital.Unauthenticated, "the cookie that was put there")
	rows, err := s.store.SessionsOf(t.Context(), vital.DefaultSite, vital.UserID(p.ID), 0)
	s.ok(err)
	for _, r := range rows {
		if strings.Contains(string(r.Hash), fresh) {
			t.Error("the cookie itself lies in the store")
		}
	}
}

// Ceremonies of one place push out only its own.
func TestCeremoniesAreBounded(t *testing.T) {
	s := newHouse(t)
	phone := authenticator.New()
	p, cookie := s.begin("ann")
	_, _, err := s.enrol(p, cookie, phone)
	s.ok(err)
	name, options, err := s.gate.BeginPasskey(t.Context(), at("10.0.0.1"))
	s.ok(err)
	for range 10_000 {
		_, _, err := s.gate.BeginPasskey(t.Context(), at("10.0.0.66"))
		s.ok(err)
	}
	proof, err := phone.Assert(s.json(options, nil), page)
	s.ok(err)
	_, _, err = s.gate.FinishPasskey(t.Context(), name, proof, at("10.0.0.1"))
	s.ok(err)
}
