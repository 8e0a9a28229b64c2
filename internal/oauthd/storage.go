package oauthd

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// The parts below are what go-oidc keeps, in the store. Codes and tokens are
// looked up by their hashes; what must come back in the clear is sealed.

// unknown turns "no such row" into what the engine expects.
func unknown(err error) error {
	if err != nil && vital.KindOf(err) == vital.NotFound {
		return goidc.ErrNotFound
	}
	return err
}

func hashOf(secret string) []byte {
	if secret == "" {
		return nil
	}
	return auth.HashSecret(secret)
}

func instant(seconds int) vital.Instant { return vital.Instant(seconds) * 1000 }

// seal and open keep v of a row under the site's own key.
func (s *Server) seal(ctx context.Context, place string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.sealer.Seal(ctx, string(s.site), "site", place, body)
}

func (s *Server) open(ctx context.Context, place string, sealed []byte, v any) error {
	body, err := s.sealer.Open(ctx, string(s.site), "site", place, sealed)
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "open %s: %w", place, err)
	}
	return json.Unmarshal(body, v)
}

// grants keep what people let programs do.
type grants struct{ s *Server }

func (g grants) SaveGrant(ctx context.Context, grant *goidc.Grant) error {
	s := g.s
	body, err := s.seal(ctx, "client_grant/body/"+grant.ID, grant)
	if err != nil {
		return err
	}
	row := store.ClientGrant{
		ID: grant.ID, Client: grant.ClientID, Scopes: grant.Scopes, Created: instant(grant.CreatedAt), Expires: instant(grant.RefreshTokenExpiresAt),
		Revoked: instant(grant.RevokedAt), Code: hashOf(grant.AuthCode), Refresh: hashOf(grant.RefreshToken), Body: body,
	}
	who, role := grant.Subject, "person through a program"
	if grant.Subject == grant.ClientID {
		role = "program"
	} else {
		row.Account = vital.UserID(grant.Subject)
		row.Patient = patientOf(grant)
	}
	why := "granted " + grant.Scopes
	switch {
	case grant.RevokedAt != 0:
		why = "taken back, or a code or token was used twice"
	case grant.AuthCodeConsumedAt != 0:
		why = "fetched or renewed " + grant.Scopes
	}
	return s.store.PutClientGrant(ctx, audit.Entry{
		Site: s.site, At: vital.At(s.now()), Who: who, Role: role, Action: "client.grant", Subject: "client/" + grant.ClientID,
		Patient: row.Patient, Outcome: "done", Why: why,
	}, row)
}

// patientOf is the one patient whom the person chose or from whose page the
// program was opened.
func patientOf(g *goidc.Grant) vital.PatientID {
	text, _ := g.Store[storePatient].(string)
	return vital.PatientID(text)
}

func (g grants) read(ctx context.Context, row store.ClientGrant, err error) (*goidc.Grant, error) {
	if err != nil {
		return nil, unknown(err)
	}
	var grant goidc.Grant
	if err := g.s.open(ctx, "client_grant/body/"+row.ID, row.Body, &grant); err != nil {
		return nil, err
	}
	if row.Revoked.Known() && grant.RevokedAt == 0 {
		grant.RevokedAt = int(row.Revoked / 1000) // it was taken back elsewhere: by the person, or with the program
	}
	return &grant, nil
}

func (g grants) Grant(ctx context.Context, id string) (*goidc.Grant, error) {
	row, err := g.s.store.ClientGrantByID(ctx, g.s.site, id)
	return g.read(ctx, row, err)
}

// GrantByRefreshToken finds a grant by its refresh token. One that was replaced
// before means that two hold it: the grant ends for both.
func (g grants) GrantByRefreshToken(ctx context.Context, token string) (*goidc.Grant, error) {
	row, used, err := g.s.store.ClientGrantByRefresh(ctx, g.s.site, hashOf(token))
	if err == nil && used {
		e := audit.Entry{
			Site: g.s.site, At: vital.At(g.s.now()), Who: row.Client, Role: "program", Action: "client.reuse", Subject: "client/" + row.Client,
			Patient: row.Patient, Outcome: "refused", Why: "a refresh token was used a second time",
		}
		if err := g.s.store.RevokeClientGrant(ctx, e, row.ID, e.At); err != nil && vital.KindOf(err) != vital.NotFound {
			return nil, err
		}
		g.s.gate.Forget()
		return nil, goidc.ErrNotFound
	}
	return g.read(ctx, row, err)
}

// requests keep what waits for a person's answer.
type requests struct{ s *Server }

func (r requests) SaveSession(ctx context.Context, as *goidc.AuthnSession) error {
	s := r.s
	body, err := s.seal(ctx, "client_wait/body/"+hex.EncodeToString(hashOf(as.ID)), as)
	if err != nil {
		return err
	}
	expires := instant(as.ExpiresAt)
	if as.Status != goidc.StatusPending {
		expires = vital.At(s.now()) - 1 // answered: it counts no more
	}
	return s.store.PutClientWait(ctx, store.ClientWait{Site: s.site, Hash: hashOf(as.ID), Kind: "request", Expires: expires, Body: body})
}

func (r requests) Session(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	row, err := r.s.store.ClientWaitByHash(ctx, r.s.site, "request", hashOf(id))
	if err != nil {
		return nil, unknown(err)
	}
	var as goidc.AuthnSession
	err = r.s.open(ctx, "client_wait/body/"+hex.EncodeToString(row.Hash), row.Body, &as)
	return &as, err
}

func (r requests) GrantByAuthCode(ctx context.Context, code string) (*goidc.Grant, error) {
	row, err := r.s.store.ClientGrantByCode(ctx, r.s.site, hashOf(code))
	return grants(r).read(ctx, row, err)
}

// tokens keep access tokens.
type tokens struct{ s *Server }

func (t tokens) SaveToken(ctx context.Context, k *goidc.Token) error {
	err := t.s.store.PutClientToken(ctx, store.ClientToken{
		Site: t.s.site, Hash: hashOf(k.ID), Grant: k.GrantID, Scopes: k.Scopes,
		Created: instant(k.CreatedAt), Expires: instant(k.ExpiresAt), Revoked: instant(k.RevokedAt),
	})
	if k.RevokedAt != 0 {
		t.s.gate.Forget()
	}
	return err
}

func (t tokens) Token(ctx context.Context, token string) (*goidc.Token, error) {
	row, err := t.s.store.ClientTokenByHash(ctx, t.s.site, hashOf(token))
	if err != nil {
		return nil, unknown(err)
	}
	grant, err := t.s.store.ClientGrantByID(ctx, t.s.site, row.Grant)
	if err != nil {
		return nil, unknown(err)
	}
	subject := string(grant.Account)
	if subject == "" {
		subject = grant.Client
	}
	return &goidc.Token{
		ID: token, GrantID: row.Grant, ClientID: grant.Client, Subject: subject, Scopes: row.Scopes, Format: goidc.TokenFormatOpaque,
		Type: goidc.TokenTypeBearer, CreatedAt: int(row.Created / 1000), ExpiresAt: int(row.Expires / 1000), RevokedAt: int(row.Revoked / 1000),
	}, nil
}

// programs finds what an administrator let in; it changes nothing.
type programs struct{ s *Server }

func (p programs) SaveClient(context.Context, *goidc.Client) error {
	return vital.Errorf(vital.Denied, "an administrator lets programs in")
}

func (p programs) DeleteClient(context.Context, string) error {
	return vital.Errorf(vital.Denied, "an administrator ends programs")
}

func (p programs) Client(ctx context.Context, id string) (*goidc.Client, error) {
	program, err := p.s.gate.Program(ctx, id)
	if err != nil {
		return nil, unknown(err)
	}
	c := &goidc.Client{ID: program.ID, Secret: program.Hash, CreatedAt: int(program.Created / 1000)}
	c.Name, c.ScopeIDs, c.JWKSURI = program.Name, program.Scopes+" "+anyResource, program.KeysURL
	c.RedirectURIs, c.ResponseTypes = program.Redirects, []goidc.ResponseType{goidc.ResponseTypeCode}
	c.GrantTypes = []goidc.GrantType{goidc.GrantAuthorizationCode, goidc.GrantRefreshToken}
	c.ApplicationType = goidc.ApplicationTypeWeb
	if len(program.Keys) > 0 {
		c.JWKS = new(goidc.JSONWebKeySet)
		if err := json.Unmarshal(program.Keys, c.JWKS); err != nil {
			return nil, vital.Errorf(vital.Internal, "read the keys of program %s: %w", program.ID, err)
		}
	}
	switch {
	case program.Kind == auth.BackendProgram:
		c.GrantTypes, c.ResponseTypes = []goidc.GrantType{goidc.GrantClientCredentials}, nil
		c.TokenAuthnMethod = goidc.AuthnMethodPrivateKeyJWT
	case program.Kind == auth.PublicProgram:
		c.TokenAuthnMethod, c.ApplicationType = goidc.AuthnMethodNone, goidc.ApplicationTypeNative
		c.RedirectURIs = withoutPorts(program.Redirects)
	case program.Hash != "":
		c.TokenAuthnMethod = goidc.AuthnMethodSecretBasic
	default:
		c.TokenAuthnMethod = goidc.AuthnMethodPrivateKeyJWT
	}
	c.TokenIntrospectionAuthnMethod, c.TokenRevocationAuthnMethod = c.TokenAuthnMethod, c.TokenAuthnMethod
	return c, nil
}

// withoutPorts adds to addresses on this machine the same without a port: a
// program on a desk listens wherever there is room (RFC 8252, 7.3), and the
// engine compares such addresses without their port.
func withoutPorts(redirects []string) []string {
	all := slices.Clone(redirects)
	for _, r := range redirects {
		u, err := url.Parse(r)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); u.Scheme != "http" || ip == nil || !ip.IsLoopback() {
			continue
		}
		if u.Host = u.Hostname(); strings.Contains(u.Host, ":") {
			u.Host = "[" + u.Host + "]"
		}
		all = append(all, u.String())
	}
	return all
}
