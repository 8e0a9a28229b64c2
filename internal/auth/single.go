package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// SignOn is a hospital's own sign-on (OpenID Connect). It says who somebody is;
// what they may do here, and that they may come in at all, an administrator says.
type SignOn struct {
	Name   string // in addresses
	Title  string // on the button
	Issuer string
	Client string
	Secret string
	Back   string // our address that it sends people back to

	Username string   // claim that equals a user name here; empty: only who was linked comes in
	Scopes   []string // beside openid
	AMR, ACR []string // any of these says that two factors were asked for; none: it never does

	HTTP *http.Client // how it is asked; nil: the usual way
}

// signOn is a SignOn whose addresses are found out when they are first needed:
// that it is down must not keep this server from starting.
type signOn struct {
	SignOn
	mu       sync.Mutex
	provider *oidc.Provider
}

// signAlgorithms are the signatures that are believed. None and secrets shared
// with the sign-on are not among them.
var signAlgorithms = []string{oidc.ES256, oidc.ES384, oidc.EdDSA, oidc.RS256, oidc.PS256}

func newSignOns(list []SignOn) (made []*signOn) {
	for _, s := range list {
		made = append(made, &signOn{SignOn: s})
	}
	return made
}

// SignOns lists the names and titles of the hospital's sign-ons.
func (g *Gate) SignOns() []SignOn {
	list := []SignOn{}
	for _, s := range g.signOns {
		list = append(list, SignOn{Name: s.Name, Title: cmp.Or(s.Title, s.Name), Issuer: s.Issuer})
	}
	return list
}

func (g *Gate) signOn(name string) (*signOn, error) {
	for _, s := range g.signOns {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, vital.Errorf(vital.NotFound, "sign-on %.40q: there is none of that name", name)
}

// signOnTimeout is how long the sign-on may take to answer us.
const signOnTimeout = 10 * time.Second

func (s *signOn) reach(ctx context.Context) (context.Context, context.CancelFunc) {
	client := s.HTTP
	if client == nil {
		client = &http.Client{Timeout: signOnTimeout}
	}
	return context.WithTimeout(oidc.ClientContext(ctx, client), signOnTimeout)
}

// discover finds the sign-on's addresses and keys.
func (s *signOn) discover(ctx context.Context) (*oidc.Provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider != nil {
		return s.provider, nil
	}
	// The provider outlives the request: it fetches new keys with this context.
	within, cancel := s.reach(context.WithoutCancel(ctx))
	defer cancel()
	p, err := oidc.NewProvider(within, s.Issuer)
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "ask %s for its addresses: %w", s.Name, err)
	}
	s.provider = p
	return p, nil
}

func (s *signOn) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: s.Client, ClientSecret: s.Secret, Endpoint: p.Endpoint(), RedirectURL: s.Back,
		Scopes: append([]string{oidc.ScopeOpenID}, s.Scopes...),
	}
}

// leaving is what is kept while somebody is at the sign-on.
type leaving struct {
	signOn          string
	nonce, verifier string
	browser         []byte // hash of what its cookie holds
	to              string
	step            *Principal // whose session is to be stepped up; nil: a sign-in
	began           time.Time
}

const forSignOn = "sso"

// Leave begins to sign in at the hospital's sign-on. address is where the browser
// goes; browser is what it keeps in a cookie meanwhile, so that the answer counts
// in this browser only. step, when not nil, is who asks for a fresh proof.
func (g *Gate) Leave(ctx context.Context, name, to string, step *Principal, from From) (address, browser string, err error) {
	s, err := g.signOn(name)
	if err != nil {
		return "", "", err
	}
	provider, err := s.discover(ctx)
	if err != nil {
		return "", "", err
	}
	l := leaving{signOn: name, nonce: NewSecret(), verifier: oauth2.GenerateVerifier(), to: localPath(to), step: step, began: g.now()}
	browser = NewSecret()
	l.browser = HashSecret(browser)
	state := g.ceremonies.begin(&ceremony{purpose: forSignOn, place: placeOf(from.Remote), state: l}, g.now())
	options := []oauth2.AuthCodeOption{oidc.Nonce(l.nonce), oauth2.S256ChallengeOption(l.verifier)}
	if len(s.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(s.ACR, " ")))
	}
	if step != nil {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return s.oauth(provider).AuthCodeURL(state, options...), browser, nil
}

// localPath lets a browser go on to a page of this server only.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") || u.Host != "" || u.Scheme != "" {
		return "/"
	}
	return to
}

// Arrived is what came of a sign-in at the hospital's sign-on.
type Arrived struct {
	Principal Principal
	Cookie    string
	To        string
}

// claims are the parts of an id token that count here.
type claims struct {
	Nonce    string   `json:"nonce"`
	Party    string   `json:"azp"`
	AMR      []string `json:"amr"`
	ACR      string   `json:"acr"`
	AuthTime int64    `json:"auth_time"`
}

// clockSkew is how far the sign-on's clock may be from ours.
const clockSkew = time.Minute

// Arrive takes what the sign-on sent the browser back with. Everything that is
// not as it should be is the same refusal; the ledger has the reason.
func (g *Gate) Arrive(ctx context.Context, name, browser string, query url.Values, from From) (Arrived, error) {
	s, err := g.signOn(name)
	if err != nil {
		return Arrived{}, err
	}
	now := g.now()
	place := placeOf(from.Remote)
	if d := g.places.wait(place, now); d > 0 {
		return Arrived{}, tooMuch(d)
	}
	refuse := func(who, why string) error {
		g.places.failed(place, now)
		e := g.signIn(firstOf(who, "sso/"+name), from.Remote)
		g.refuse(ctx, e, why)
		return vital.Errorf(vital.Unauthenticated, "the sign-in at %s was not accepted", cmp.Or(s.Title, s.Name))
	}
	c := g.ceremonies.take(query.Get("state"), forSignOn, now)
	if c == nil {
		return Arrived{}, vital.Errorf(vital.Gone, "this sign-in took too long: begin again")
	}
	l := c.state.(leaving)
	switch iss := query.Get("iss"); {
	case subtle.ConstantTimeCompare(l.browser, HashSecret(browser)) != 1:
		return Arrived{}, refuse("", "the answer came to another browser")
	case l.signOn != name:
		return Arrived{}, refuse("", "the answer came from another sign-on")
	case iss != "" && iss != s.Issuer:
		return Arrived{}, refuse("", "the answer names another issuer")
	case query.Get("error") != "":
		return Arrived{}, refuse("", "it answered "+cut(query.Get("error"), 60))
	}
	token, said, why, err := g.redeem(ctx, s, l, query.Get("code"))
	if err != nil {
		return Arrived{}, err
	}
	if why != "" {
		return Arrived{}, refuse("", why)
	}
	user, err := g.meant(ctx, s, token, from)
	if err != nil {
		if vital.KindOf(err) == vital.NotFound {
			g.refuse(ctx, g.signIn("sso/"+name, from.Remote), "nobody here is linked to that identity")
		}
		return Arrived{}, err
	}
	if user.State != UserActive {
		return Arrived{}, refuse(string(user.ID), "the account is "+user.State)
	}
	factor, proved := BySignOnOne, time.Time{}
	if slices.ContainsFunc(said.AMR, func(m string) bool { return slices.Contains(s.AMR, m) }) || said.ACR != "" && slices.Contains(s.ACR, said.ACR) {
		factor = BySignOn
	}
	if said.AuthTime > 0 { // how long ago it asked for a proof: it may have let somebody through who proved something this morning
		proved = time.Unix(said.AuthTime, 0)
		if proved.After(now) {
			proved = now
		}
	}
	a := Arrived{To: l.to}
	if l.step == nil {
		a.Principal, a.Cookie, err = g.open(ctx, user, from, proved, factor)
		return a, err
	}
	if vital.UserID(l.step.ID) != user.ID || factor != BySignOn || proved.Before(l.began.Add(-clockSkew)) {
		return a, refuse(string(user.ID), "it did not ask once more, or it was somebody else")
	}
	a.Principal, a.Cookie, err = g.prove(ctx, *l.step, from.Cookie, factor)
	return a, err
}

// redeem exchanges the code and checks the id token; why is the reason of a
// refusal.
func (g *Gate) redeem(ctx context.Context, s *signOn, l leaving, code string) (token *oidc.IDToken, said claims, why string, err error) {
	provider, err := s.discover(ctx)
	if err != nil {
		return nil, said, "", err
	}
	within, cancel := s.reach(ctx)
	defer cancel()
	got, err := s.oauth(provider).Exchange(within, code, oauth2.VerifierOption(l.verifier))
	if err != nil {
		return nil, said, "the code was not exchanged: " + cut(err.Error(), 120), nil
	}
	raw, _ := got.Extra("id_token").(string)
	verifier := provider.Verifier(&oidc.Config{ClientID: s.Client, SupportedSigningAlgs: signAlgorithms, Now: g.now})
	token, err = verifier.Verify(within, raw)
	if err != nil {
		return nil, said, "the id token: " + cut(err.Error(), 120), nil
	}
	if err := token.Claims(&said); err != nil {
		return nil, said, "the id token's claims: " + cut(err.Error(), 120), nil
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(said.Nonce), []byte(l.nonce)) != 1:
		return nil, said, "the id token is of another sign-in", nil
	case len(token.Audience) > 1 && said.Party != s.Client, said.Party != "" && said.Party != s.Client:
		return nil, said, "the id token was made for another party", nil
	case token.Subject == "" || len(token.Subject) > 255:
		return nil, said, "the id token names nobody", nil
	case token.IssuedAt.After(g.now().Add(clockSkew)):
		return nil, said, "the id token is of the future", nil
	}
	if hash := token.AccessTokenHash; hash != "" && token.VerifyAccessToken(got.AccessToken) != nil {
		return nil, said, "the id token belongs to another access token", nil
	}
	return token, said, "", nil
}

// meant returns whose account the token is of: the one that an administrator
// linked, or, where the sign-on says user names, the one of that name, which is
// linked from then on. Nobody gets an account by signing in.
func (g *Gate) meant(ctx context.Context, s *signOn, token *oidc.IDToken, from From) (store.User, error) {
	linked, err := g.store.IdentityOf(ctx, g.site, token.Issuer, token.Subject)
	if err == nil {
		return g.store.UserByID(ctx, g.site, linked.User)
	}
	unknownHere := vital.Errorf(vital.NotFound, "nobody here is linked to this identity: ask an administrator")
	if vital.KindOf(err) != vital.NotFound {
		return store.User{}, err
	}
	if s.Username == "" {
		return store.User{}, unknownHere
	}
	all := map[string]any{}
	if err := token.Claims(&all); err != nil {
		return store.User{}, unknownHere
	}
	name, _ := all[s.Username].(string)
	if name == "" {
		return store.User{}, unknownHere
	}
	user, err := g.store.UserByName(ctx, g.site, strings.ToLower(strings.TrimSpace(name)))
	if err != nil {
		return user, unknown(err, unknownHere)
	}
	others, err := g.store.Identities(ctx, g.site, user.ID)
	if err != nil {
		return user, err
	}
	// A name that the sign-on gave to somebody else since is another subject.
	if user.ID == VisitorID || user.State != UserActive || slices.ContainsFunc(others, func(i store.Identity) bool { return i.Issuer == token.Issuer }) {
		return user, unknownHere
	}
	who := Principal{Class: User, Site: g.site, ID: string(user.ID), Remote: from.Remote}
	_, err = g.link(ctx, who, s, user.ID, token.Subject)
	return user, err
}

// Identify links a subject of a sign-on to a user.
func (g *Gate) Identify(ctx context.Context, by Principal, user vital.UserID, name, subject string) (store.Identity, error) {
	s, err := g.signOn(name)
	if err != nil {
		return store.Identity{}, err
	}
	if subject == "" || len(subject) > 255 {
		return store.Identity{}, vital.Errorf(vital.Invalid, "subject: want what %s calls the person, 1 to 255 characters", s.Name)
	}
	return g.link(ctx, by, s, user, subject)
}

func (g *Gate) link(ctx context.Context, by Principal, s *signOn, user vital.UserID, subject string) (store.Identity, error) {
	i := store.Identity{
		Site: g.site, ID: identityID(s.Issuer, subject), User: user, Provider: s.Name, Issuer: s.Issuer, Subject: subject,
		Created: vital.At(g.now()), By: by.Who(),
	}
	return i, g.store.PutIdentity(ctx, g.entry(by, "identity.link", "user/"+string(user)), i, g.notice(by, user, NoticeSignOnLinked))
}

func identityID(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + subject))
	return "i-" + base64.RawURLEncoding.EncodeToString(sum[:9])
}

// Identities lists whom the sign-ons mean by a user.
func (g *Gate) Identities(ctx context.Context, user vital.UserID) ([]store.Identity, error) {
	return g.store.Identities(ctx, g.site, user)
}

// Unlink ends a link and the user's sessions.
func (g *Gate) Unlink(ctx context.Context, by Principal, user vital.UserID, id string) error {
	err := g.store.RemoveIdentity(ctx, g.entry(by, "identity.unlink", "user/"+string(user)), user, id, g.notice(by, user, NoticeSignOnUnlinked))
	if err == nil {
		g.Forget()
	}
	return err
}
