// Package oauthd is the door for programs: an OAuth 2 and OpenID Connect
// authorization server as SMART App Launch 2 and SMART Backend Services want it.
//
// It exists so that a program never sees a person's password, gets what the
// person agreed to and nothing more, and can be shut out at once: access tokens
// are opaque, so a right that was taken back ends with the next request. The
// protocol is go-oidc's; who a person is, what a program may ask for and what a
// person answered is decided by auth. Nobody can register a program but an
// administrator.
package oauthd

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Lifetimes, in seconds. A backend's token is short, because it has no person
// who could take it back (SMART Backend Services: at most 300 s).
const (
	accessLife  = 15 * 60
	backendLife = 5 * 60
	refreshLife = 30 * 24 * 3600
	codeLife    = 60
	requestLife = 10 * 60
	// assertionLife is how long a program may let its own assertion live.
	assertionLife = 5 * 60
)

// Sealer seals what must come back in the clear.
type Sealer interface {
	Seal(ctx context.Context, site, subject, place string, plain []byte) ([]byte, error)
	Open(ctx context.Context, site, subject, place string, sealed []byte) ([]byte, error)
}

// Options says how a server is built. All but Now, Log and HTTP are required.
type Options struct {
	Gate   *auth.Gate
	Store  *store.DB
	Site   vital.Site
	Sealer Sealer
	Issuer string // this server's own address: https://vigil.example.org
	API    string // path of the API that the tokens are for: /api/v1
	Caller func(r *http.Request) (auth.Principal, error)
	HTTP   *http.Client // fetches programs' keys; nil: only keys that were given count
	Now    func() time.Time
	Log    *slog.Logger
}

// Server answers programs.
type Server struct {
	gate     *auth.Gate
	store    *store.DB
	site     vital.Site
	sealer   Sealer
	issuer   string
	api      string
	caller   func(r *http.Request) (auth.Principal, error)
	now      func() time.Time
	log      *slog.Logger
	keys     goidc.JSONWebKeySet
	provider http.Handler
	limits   *limits
	// tokens lets one token request in at a time: a code that two send at once is
	// redeemed once.
	tokens sync.Mutex
}

// Paths of the door.
const (
	authorizePath  = "/oauth/authorize"
	tokenPath      = "/oauth/token"
	introspectPath = "/oauth/introspect"
	revokePath     = "/oauth/revoke"
	keysPath       = "/oauth/keys"
	userPath       = "/oauth/user"
	answerPath     = "/let-in" // the page on which a person answers
)

// New returns a server. It makes its signing key at the first start.
func New(ctx context.Context, o Options) (*Server, error) {
	s := &Server{
		gate: o.Gate, store: o.Store, site: cmp.Or(o.Site, vital.DefaultSite), sealer: o.Sealer, issuer: strings.TrimSuffix(o.Issuer, "/"),
		api: o.API, caller: o.Caller, now: o.Now, log: o.Log, limits: newLimits(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	key, err := s.signingKey(ctx)
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "open the key that signs identity tokens: %w", err)
	}
	s.keys = goidc.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}
	client := o.HTTP
	if client == nil {
		client = &http.Client{Transport: nowhere{}}
	}
	p, err := provider.New(s.issuer, grants{s}, func(context.Context) (goidc.JSONWebKeySet, error) { return s.keys, nil },
		provider.WithAuthorizeEndpoint(authorizePath), provider.WithTokenEndpoint(tokenPath), provider.WithJWKSEndpoint(keysPath), provider.WithUserInfoEndpoint(userPath),
		provider.WithTokenIntrospectionEndpoint(introspectPath), provider.WithTokenRevocationEndpoint(revokePath),
		provider.WithAuthCodeGrant(requests{s}), provider.WithRefreshTokenGrant(grants{s}), provider.WithClientCredentialsGrant(),
		provider.WithAuthCodeLifetime(codeLife), provider.WithAuthSessionLifetime(requestLife),
		provider.WithRefreshTokenRotation(), provider.WithRefreshTokenLifetime(refreshLife), provider.WithRefreshTokenShouldIssue(mayRefresh),
		provider.WithOpaqueTokens(tokens{s}), provider.WithTokenOptions(lifetimes), provider.WithOpaqueTokenFunc(func(context.Context, *goidc.Grant) string { return auth.ProgramToken + auth.NewSecret() }),
		provider.WithRefreshTokenFunc(secret), provider.WithAuthCodeFunc(secret), provider.WithAuthnSessionIDFunc(secret), provider.WithGrantIDFunc(func(context.Context) string { return auth.NewID("g-") }),
		provider.WithPKCERequired(goidc.CodeChallengeMethodSHA256), provider.WithIssuerResponseParameter(),
		provider.WithNoneAuthn(), provider.WithSecretBasicAuthn(), provider.WithPrivateKeyJWTAuthn(goidc.ES384, goidc.RS384, goidc.ES256),
		provider.WithClientSecretVerifier(verifySecret), provider.WithJTIConsumer(s.spend), provider.WithJWTLifetime(assertionLife),
		provider.WithIDTokenSignatureAlgs(goidc.ES256), provider.WithUserInfoSignatureAlgs(goidc.ES256),
		provider.WithGrantHandler(s.within), provider.WithIDTokenClaims(s.identity), provider.WithUserInfoClaims(s.identity), provider.WithTokenClaims(s.context),
		provider.WithScopes(scopes()...), provider.WithClaims("fhirUser"), provider.WithPolicies(goidc.NewPolicy("person", s.begin, s.answer)),
		// Programs are looked up as if they had registered themselves; the address
		// for doing so is not served (see Handler).
		provider.WithDCR(programs{s}), provider.WithDCRInitialTokenValidator(func(context.Context, string) error {
			return goidc.NewError(goidc.ErrorCodeAccessDenied, "an administrator lets programs in")
		}),
		provider.WithTokenIntrospection(func(_ context.Context, c *goidc.Client, info goidc.TokenInfo) bool { return info.ClientID == c.ID }),
		provider.WithTokenRevocation(func(context.Context, *goidc.Client) bool { return true }),
		provider.WithErrorHandler(s.failed), provider.WithErrorRenderer(renderError), provider.WithHTTPClientFunc(func(context.Context) *http.Client { return client }),
	)
	if err != nil {
		return nil, vital.Errorf(vital.Internal, "set up the authorization server: %w", err)
	}
	s.provider = p.Handler()
	return s, nil
}

// nowhere is a network that leads nowhere.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, vital.Errorf(vital.Unavailable, "this server fetches no keys of programs: give them when the program is let in")
}

func secret(context.Context) string { return auth.NewSecret() }

// mayRefresh: only who asked to stay, and never a backend.
func mayRefresh(_ context.Context, _ *goidc.Client, g *goidc.Grant) bool {
	words := strings.Fields(g.Scopes)
	return slices.Contains(words, "offline_access") || slices.Contains(words, "online_access")
}

func lifetimes(_ context.Context, g *goidc.Grant, c *goidc.Client) goidc.TokenOptions {
	if g.Subject == c.ID {
		return goidc.NewOpaqueTokenOptions(backendLife)
	}
	return goidc.NewOpaqueTokenOptions(accessLife)
}

// anyResource is how the engine calls every scope that names a resource.
const anyResource = "patient/Observation.rs"

// scopes are what the server knows of at all; which a program may ask for stands
// in the program.
func scopes() []goidc.Scope {
	var all []goidc.Scope
	for _, s := range auth.LaunchScopes() {
		all = append(all, goidc.NewScope(s))
	}
	return append(all, goidc.NewDynamicScope(anyResource, func(asked string) bool {
		_, err := auth.ParseSmartScope(asked)
		return err == nil
	}))
}

// within refuses a grant beyond what the program was let in for.
func (s *Server) within(ctx context.Context, kind goidc.GrantType, g *goidc.Grant) error {
	program, err := s.gate.Program(ctx, g.ClientID)
	if err != nil {
		return err
	}
	words := strings.Fields(g.Scopes)
	if len(words) == 0 {
		return goidc.NewError(goidc.ErrorCodeInvalidScope, "scope is required: say what the program wants")
	}
	for _, word := range words {
		if !program.Lets(word) {
			return goidc.NewError(goidc.ErrorCodeInvalidScope, "the program was not let in for "+word)
		}
	}
	if (kind == goidc.GrantClientCredentials) != (program.Kind == auth.BackendProgram) {
		return goidc.NewError(goidc.ErrorCodeUnauthorizedClient, "this way is not for this kind of program")
	}
	return nil
}

func verifySecret(_ context.Context, stored, presented string) error {
	want, err := hex.DecodeString(stored)
	if err != nil || len(want) == 0 || subtle.ConstantTimeCompare(want, auth.HashSecret(presented)) != 1 {
		return errors.New("the secret is not the program's")
	}
	return nil
}

// spend keeps an assertion's id as long as the assertion could count.
func (s *Server) spend(ctx context.Context, id string) error {
	if len(id) > 256 {
		return errors.New("jti: it is longer than 256 letters")
	}
	return s.store.SpendClientWait(ctx, store.ClientWait{
		Site: s.site, Hash: auth.HashSecret("assertion " + id), Kind: "assertion", Expires: vital.At(s.now().Add(2 * assertionLife * time.Second)),
	})
}

func (s *Server) failed(_ context.Context, err error) {
	s.log.Info("a program was refused", "error", err.Error())
}
