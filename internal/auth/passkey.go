package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Party is what passkeys belong to: a name that browsers know this server by,
// and the addresses of its pages. A passkey made for one name works for no other,
// which is why it cannot be phished; and why an address of numbers has none.
type Party struct {
	ID      string // "vigil.hospital.example", or "localhost"
	Name    string // what the browser shows
	Origins []string
}

// Receive says under which name passkeys are made and asked for. Call it before
// anybody is answered.
func (g *Gate) Receive(p Party) error {
	party, err := webauthn.New(&webauthn.Config{
		RPID: p.ID, RPDisplayName: p.Name, RPOrigins: p.Origins, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: protocol.ResidentKeyRequired(), ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return vital.Errorf(vital.Invalid, "passkeys for the name %q: %w", p.ID, err)
	}
	g.party = party
	return nil
}

// Origins returns the addresses at which passkeys work; none: nowhere here.
func (g *Gate) Origins() []string {
	if g.party == nil {
		return nil
	}
	return g.party.Config.RPOrigins
}

// algorithms are the signatures that a passkey may use.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
}

// holder is an account as the library wants to see one.
type holder struct {
	user store.User
	keys []webauthn.Credential
	rows map[string]store.Passkey // by credential id
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.user.ID) }
func (h holder) WebAuthnName() string                       { return h.user.Username }
func (h holder) WebAuthnDisplayName() string                { return h.user.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// holder reads an account with its passkeys; suspended ones only when they are
// to be kept from being enrolled again.
func (g *Gate) holder(ctx context.Context, user vital.UserID, suspended bool) (holder, error) {
	h := holder{rows: make(map[string]store.Passkey)}
	var err error
	if h.user, err = g.store.UserByID(ctx, g.site, user); err != nil {
		return h, err
	}
	rows, err := g.store.Passkeys(ctx, g.site, user)
	if err != nil {
		return h, err
	}
	for _, r := range rows {
		if r.Suspended && !suspended {
			continue
		}
		var c webauthn.Credential
		if err := json.Unmarshal(r.Credential, &c); err != nil {
			return h, vital.Errorf(vital.Internal, "read passkey of %s: %w", user, err)
		}
		h.keys = append(h.keys, c)
		h.rows[string(c.ID)] = r
	}
	return h, nil
}

// Purposes of ceremonies.
const (
	forSignIn = "sign in"
	forStep   = "step"
	forEnrol  = "enrol"
)

var errNoPasskeys = vital.Errorf(vital.Precondition, "passkeys need a name that this server is known by: open it by that name, or as localhost")

// BeginPasskey begins to sign in by a passkey, whoever it is, and returns the
// name of the ceremony and the browser's options.
func (g *Gate) BeginPasskey(_ context.Context, from From) (name string, options any, err error) {
	if g.party == nil {
		return "", nil, errNoPasskeys
	}
	place := placeOf(from.Remote)
	if d := g.places.wait(place, g.now()); d > 0 {
		return "", nil, tooMuch(d)
	}
	assertion, state, err := g.party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", nil, vital.Errorf(vital.Internal, "begin a passkey: %w", err)
	}
	name = g.ceremonies.begin(&ceremony{purpose: forSignIn, place: place, state: state}, g.now())
	return name, assertion.Response, nil
}

// FinishPasskey signs in whoever the passkey belongs to. It is whole by itself:
// something one has, and a finger, a face or a PIN.
func (g *Gate) FinishPasskey(ctx context.Context, name string, answer []byte, from From) (Principal, string, error) {
	now := g.now()
	place := placeOf(from.Remote)
	if d := g.places.wait(place, now); d > 0 {
		g.refuse(ctx, g.signIn("passkey", from.Remote), "too many attempts")
		return Principal{}, "", tooMuch(d)
	}
	h, err := g.asserted(ctx, g.ceremonies.take(name, forSignIn, now), answer, from)
	if err == nil && h.user.State != UserActive {
		err = errNotAccepted
	}
	if err != nil {
		if vital.KindOf(err) == vital.Unauthenticated {
			g.places.failed(place, now)
			g.refuse(ctx, g.signIn(firstOf(string(h.user.ID), "passkey"), from.Remote), err.Error())
		}
		return Principal{}, "", err
	}
	g.owners.saw(h.user.Username+"\x00"+place, now)
	return g.open(ctx, h.user, from, now, ByPasskey)
}

// errNotAccepted says the same whatever was wrong: unknown, removed, not
// verified, of another page.
var errNotAccepted = vital.Errorf(vital.Unauthenticated, "this passkey was not accepted")

// asserted checks the answer of an authenticator and keeps its counter.
func (g *Gate) asserted(ctx context.Context, c *ceremony, answer []byte, from From) (holder, error) {
	var h holder
	if c == nil || g.party == nil {
		return h, vital.Errorf(vital.Unauthenticated, "this took too long, or was answered already: try again")
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return h, errNotAccepted
	}
	state := *c.state.(*webauthn.SessionData)
	var fault error
	found := func(_, handle []byte) (webauthn.User, error) {
		h, fault = g.holder(ctx, vital.UserID(handle), false)
		return h, fault
	}
	var credential *webauthn.Credential
	if c.user == "" {
		credential, err = g.party.ValidateDiscoverableLogin(found, state, parsed)
	} else if _, err = found(nil, []byte(c.user)); err == nil {
		credential, err = g.party.ValidateLogin(h, state, parsed)
	}
	if fault != nil && vital.KindOf(fault) != vital.NotFound {
		return h, fault
	}
	if err != nil || !parsed.Response.AuthenticatorData.Flags.HasUserVerified() {
		return h, errNotAccepted
	}
	row := h.rows[string(credential.ID)]
	who := Principal{Class: User, Site: g.site, ID: string(row.User), Remote: from.Remote}
	if credential.Authenticator.CloneWarning {
		err := g.store.SuspendPasskey(context.WithoutCancel(ctx), g.entry(who, "passkey.suspend", "user/"+who.ID), row.ID, g.notice(who, row.User, NoticePasskeySuspended))
		if err != nil {
			return h, err
		}
		return h, errNotAccepted
	}
	after, err := json.Marshal(credential)
	if err != nil {
		return h, vital.Errorf(vital.Internal, "write passkey: %w", err)
	}
	err = g.store.UsedPasskey(ctx, g.site, row.ID, row.Credential, after, vital.At(g.now()))
	if vital.KindOf(err) == vital.Conflict && err != nil {
		return h, errNotAccepted
	}
	return h, err
}

// BeginEnrol begins to make a passkey for the caller.
func (g *Gate) BeginEnrol(ctx context.Context, p Principal) (name string, options any, err error) {
	if _, _, err := g.mayEnrol(ctx, p); err != nil {
		return "", nil, err
	}
	if g.party == nil {
		return "", nil, errNoPasskeys
	}
	h, err := g.holder(ctx, vital.UserID(p.ID), true)
	if err != nil {
		return "", nil, err
	}
	if len(h.keys) >= mostPasskeys {
		return "", nil, vital.Errorf(vital.Conflict, "%d passkeys are enough: remove one first", mostPasskeys)
	}
	creation, state, err := g.party.BeginRegistration(h, webauthn.WithCredentialParameters(algorithms),
		webauthn.WithExclusions(webauthn.Credentials(h.keys).CredentialDescriptors()))
	if err != nil {
		return "", nil, vital.Errorf(vital.Internal, "begin to enrol a passkey: %w", err)
	}
	name = g.ceremonies.begin(&ceremony{purpose: forEnrol, user: h.user.ID, session: p.Session, place: placeOf(p.Remote), state: state}, g.now())
	return name, creation.Response, nil
}

const mostPasskeys = 20

// FinishEnrol keeps the passkey that the caller's authenticator made, and returns
// it and the new cookie of the session, which it makes whole.
func (g *Gate) FinishEnrol(ctx context.Context, p Principal, name, label string, answer []byte, cookie string) (store.Passkey, Principal, string, error) {
	none := store.Passkey{}
	if _, _, err := g.mayEnrol(ctx, p); err != nil {
		return none, p, "", err
	}
	label = strings.TrimSpace(label)
	if label == "" || len(label) > 100 {
		return none, p, "", vital.Errorf(vital.Invalid, "name: want 1 to 100 characters, so that the passkey can be told from others")
	}
	c := g.ceremonies.take(name, forEnrol, g.now())
	if c == nil || c.session != p.Session || c.user != vital.UserID(p.ID) || g.party == nil {
		return none, p, "", vital.Errorf(vital.Precondition, "this took too long: try again")
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return none, p, "", vital.Errorf(vital.Invalid, "credential: it is not what a browser sends")
	}
	h, err := g.holder(ctx, c.user, true)
	if err != nil {
		return none, p, "", err
	}
	credential, err := g.party.CreateCredential(h, *c.state.(*webauthn.SessionData), parsed)
	if err != nil || !credential.Flags.UserVerified || !allowedKey(credential.PublicKey) {
		return none, p, "", vital.Errorf(vital.Invalid, "credential: this passkey is not one that can be used here")
	}
	body, err := json.Marshal(credential)
	if err != nil {
		return none, p, "", vital.Errorf(vital.Internal, "write passkey: %w", err)
	}
	row := store.Passkey{
		Site: g.site, ID: base64.RawURLEncoding.EncodeToString(credential.ID), User: h.user.ID, Name: label,
		Credential: body, Created: vital.At(g.now()),
	}
	if err := g.store.PutPasskey(ctx, g.entry(p, "passkey.add", "user/"+p.ID), row, g.notice(p, h.user.ID, NoticePasskeyAdded)); err != nil {
		return none, p, "", err
	}
	p, cookie, err = g.prove(ctx, p, cookie, ByPasskey)
	return row, p, cookie, err
}

// allowedKey reports whether a public key is of an algorithm that was asked for.
func allowedKey(key []byte) bool {
	parsed, err := webauthncose.ParsePublicKey(key)
	if err != nil {
		return false
	}
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		return k.Algorithm == int64(webauthncose.AlgES256) && k.Curve == int64(webauthncose.P256)
	case webauthncose.OKPPublicKeyData:
		return k.Algorithm == int64(webauthncose.AlgEdDSA)
	}
	return false
}

// Passkeys lists the caller's.
func (g *Gate) Passkeys(ctx context.Context, p Principal) ([]store.Passkey, error) {
	if p.Class != User {
		return nil, nil
	}
	if p.Half() { // who knows a password need not know which devices there are
		return nil, nil
	}
	return g.store.Passkeys(ctx, g.site, vital.UserID(p.ID))
}

// Synced reports whether a passkey is one that its maker copies between devices.
func Synced(p store.Passkey) bool {
	var c webauthn.Credential
	return json.Unmarshal(p.Credential, &c) == nil && c.Flags.BackupEligible
}

// NamePasskey gives one of the caller's passkeys another name.
func (g *Gate) NamePasskey(ctx context.Context, p Principal, id, name string) error {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 100 {
		return vital.Errorf(vital.Invalid, "name: want 1 to 100 characters")
	}
	return g.store.NamePasskey(ctx, g.entry(p, "passkey.name", "user/"+p.ID), vital.UserID(p.ID), id, name)
}

// RemovePasskey forgets one of the caller's passkeys, unless nothing else would
// let the caller in.
func (g *Gate) RemovePasskey(ctx context.Context, p Principal, id string) error {
	if p.Class != User {
		return vital.Errorf(vital.NotFound, "passkey: not found")
	}
	user, w, err := g.mayEnrol(ctx, p)
	if err != nil {
		return err
	}
	h, err := g.holder(ctx, user.ID, true)
	if err != nil {
		return err
	}
	raw, _ := base64.RawURLEncoding.DecodeString(id)
	row, ok := h.rows[string(raw)]
	if !ok || !bytes.Equal([]byte(row.ID), []byte(id)) {
		return vital.Errorf(vital.NotFound, "passkey: not found")
	}
	if !row.Suspended {
		w.Passkeys--
	}
	if !w.enough() {
		return errLastWay
	}
	return g.store.RemovePasskey(ctx, g.entry(p, "passkey.remove", "user/"+p.ID), user.ID, id, g.notice(p, user.ID, NoticePasskeyRemoved))
}

var errLastWay = vital.Errorf(vital.Conflict, "this is the last way in: add another one first")
