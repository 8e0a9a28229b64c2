package oauthd

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"github.com/vigilcare/vigil/internal/auth"
)

// mostForm bounds the body of a request, in bytes.
const mostForm = 64 << 10

// Handler answers programs, and nobody else.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(authorizePath, s.provider)
	mux.Handle(authorizePath+"/", s.provider)
	mux.HandleFunc("POST "+tokenPath, s.serveToken)
	mux.Handle("POST "+introspectPath, s.provider)
	mux.Handle("POST "+revokePath, s.provider)
	mux.Handle("GET "+keysPath, s.provider)
	mux.Handle(userPath, s.provider)
	mux.Handle("GET /.well-known/openid-configuration", s.provider)
	mux.HandleFunc("GET /.well-known/smart-configuration", s.serveSmart)
	mux.HandleFunc("GET "+s.api+"/.well-known/smart-configuration", s.serveSmart)
	return s.guard(mux)
}

// guard bounds what one address may ask, and how much.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && !s.limits.allow(r.RemoteAddr) {
			w.Header().Set("Retry-After", "5")
			answer(w, http.StatusTooManyRequests, map[string]string{"error": "slow_down", "error_description": "too many requests from this address: wait 5 seconds"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostForm)
		w.Header().Set("Cache-Control", "no-store")
		if openToPages(r.URL.Path) { // programs in browsers read it; no cookie counts here
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
			if r.Method == http.MethodOptions {
				w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
				w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func openToPages(path string) bool {
	return path == tokenPath || path == revokePath || path == keysPath || strings.Contains(path, "/.well-known/")
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// serveToken lets the engine answer and adds what SMART wants to stand beside
// the token: whom it is about.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	s.tokens.Lock()
	defer s.tokens.Unlock()
	held := &heldAnswer{header: w.Header(), status: http.StatusOK}
	s.provider.ServeHTTP(held, r)
	body := held.body.Bytes()
	if held.status == http.StatusOK {
		body = s.withContext(r, body)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(held.status)
	w.Write(body)
}

func (s *Server) withContext(r *http.Request, body []byte) []byte {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	token, _ := fields["access_token"].(string)
	row, err := s.store.ClientTokenByHash(r.Context(), s.site, auth.HashSecret(token))
	if err != nil {
		return body
	}
	grant, err := s.store.ClientGrantByID(r.Context(), s.site, row.Grant)
	if err != nil || grant.Patient == "" {
		return body
	}
	fields["patient"], fields["need_patient_banner"] = string(grant.Patient), true
	more, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return more
}

// heldAnswer keeps an answer back until it is whole.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

// Requests of one address: 5 a second, 20 at once.
const (
	perSecond  = 5
	atOnce     = 20
	remembered = 10_000
)

// limits bounds requests by address, and how many addresses are remembered.
type limits struct {
	mu        sync.Mutex
	all       map[string]*rate.Limiter
	perSecond rate.Limit
}

func newLimits() *limits { return &limits{all: map[string]*rate.Limiter{}, perSecond: perSecond} }

func (l *limits) allow(remote string) bool {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.all[remote]
	if limiter == nil {
		if len(l.all) >= remembered {
			clear(l.all)
		}
		limiter = rate.NewLimiter(l.perSecond, atOnce)
		l.all[remote] = limiter
	}
	return limiter.Allow()
}

// serveSmart tells programs what they can do here.
func (s *Server) serveSmart(w http.ResponseWriter, _ *http.Request) {
	supported := auth.LaunchScopes()
	for _, context := range []string{"patient", "user", "system"} {
		for _, resource := range auth.ScopeResources() {
			supported = append(supported, context+"/"+resource+".rs")
		}
	}
	answer(w, http.StatusOK, map[string]any{
		"issuer": s.issuer, "jwks_uri": s.issuer + keysPath,
		"authorization_endpoint": s.issuer + authorizePath, "token_endpoint": s.issuer + tokenPath,
		"introspection_endpoint": s.issuer + introspectPath, "revocation_endpoint": s.issuer + revokePath,
		"grant_types_supported":                            []string{"authorization_code", "refresh_token", "client_credentials"},
		"response_types_supported":                         []string{"code"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt", "client_secret_basic"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS384", "ES384", "ES256"},
		"scopes_supported":                                 supported,
		"capabilities": []string{
			"launch-ehr", "launch-standalone", "authorize-post", "client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
			"sso-openid-connect", "context-ehr-patient", "context-standalone-patient", "context-banner",
			"permission-patient", "permission-user", "permission-offline", "permission-online", "permission-v1", "permission-v2",
		},
	})
}
