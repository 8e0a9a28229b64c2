package oauthd

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// What a request carries from one step to the next, beside what the engine knows.
const (
	storeLaunch   = "launch"
	storeAudience = "aud"
	storePatient  = "patient"
	storeAsked    = "asked"
	storeUser     = "fhir_user"
	storeAt       = "auth_time"
)

// begin notes what SMART adds to a request.
func (s *Server) begin(r *http.Request, as *goidc.AuthnSession, _ *goidc.Client) bool {
	as.Store = map[string]any{storeLaunch: r.FormValue("launch"), storeAudience: r.FormValue("aud")}
	return true
}

func refuse(code goidc.ErrorCode, why string) (goidc.Status, error) {
	return goidc.StatusFailure, goidc.NewError(code, why)
}

// answer takes a request to the person and comes back with the answer. It is
// called twice: when the program sends the browser, and when the person's page
// sends it back.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, as *goidc.AuthnSession, c *goidc.Client) (goidc.Status, error) {
	if as.Store[storeAsked] != true {
		return s.ask(w, r, as, c)
	}
	p, err := s.caller(r)
	if err != nil || p.Class != auth.User || p.App != nil {
		return s.toPerson(w, r, as)
	}
	answer, err := s.gate.Answered(r.Context(), p, as.ID)
	if err != nil {
		return refuse(goidc.ErrorCodeAccessDenied, "the request was not answered by the person who is signed in")
	}
	if answer == nil {
		return s.toPerson(w, r, as)
	}
	if answer.Scopes == "" {
		return refuse(goidc.ErrorCodeAccessDenied, "the person said no")
	}
	as.Subject, as.Username, as.GrantedScopes = p.ID, p.Name, answer.Scopes
	as.Store[storePatient] = string(answer.Patient)
	as.Store[storeUser] = fhirUser(p)
	as.Store[storeAt] = int(answer.At / 1000)
	return goidc.StatusSuccess, nil
}

// ask looks at a new request and sends the browser to the page of the answer.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, as *goidc.AuthnSession, c *goidc.Client) (goidc.Status, error) {
	if as.Prompt == goidc.PromptTypeNone {
		return refuse(goidc.ErrorCodeLoginRequired, "a person answers every request here")
	}
	if as.State == "" {
		return refuse(goidc.ErrorCodeInvalidRequest, "state is required: it ties the answer to who asked")
	}
	audience, _ := as.Store[storeAudience].(string)
	if strings.TrimSuffix(audience, "/") != s.issuer+s.api {
		return refuse(goidc.ErrorCodeInvalidRequest, "aud must be "+s.issuer+s.api+": a token is for this server alone")
	}
	words := strings.Fields(as.Scopes)
	scopes, err := auth.ParseSmartScopes(as.Scopes)
	if err != nil {
		return refuse(goidc.ErrorCodeInvalidScope, err.Error())
	}
	one := false
	for _, x := range scopes {
		if x.Context == "system" {
			return refuse(goidc.ErrorCodeInvalidScope, "system/ is for programs without a person")
		}
		one = one || x.Context == "patient"
	}
	program, err := s.gate.Program(r.Context(), c.ID)
	if err != nil {
		return goidc.StatusFailure, err
	}
	for _, word := range words {
		if !program.Lets(word) {
			return refuse(goidc.ErrorCodeInvalidScope, "the program was not let in for "+word)
		}
	}
	launched, _ := as.Store[storeLaunch].(string)
	if slices.Contains(words, "launch") != (launched != "") {
		return refuse(goidc.ErrorCodeInvalidRequest, "the scope launch and the parameter launch belong together")
	}
	ask := auth.Ask{Client: c.ID, Scopes: as.Scopes, Choose: one || slices.Contains(words, "launch/patient")}
	if u, err := url.Parse(as.RedirectURI); err == nil {
		ask.Redirect = u.Host
		if u.Host == "" {
			ask.Redirect = u.Scheme
		}
	}
	if err := s.gate.Asking(r.Context(), as.ID, launched, ask); err != nil {
		if vital.KindOf(err) == vital.Invalid {
			return refuse(goidc.ErrorCodeInvalidRequest, err.Error())
		}
		return goidc.StatusFailure, err
	}
	delete(as.Store, storeLaunch)
	as.Store[storeAsked] = true
	return s.toPerson(w, r, as)
}

func (s *Server) toPerson(w http.ResponseWriter, r *http.Request, as *goidc.AuthnSession) (goidc.Status, error) {
	http.Redirect(w, r, answerPath+"?request="+url.QueryEscape(as.ID), http.StatusSeeOther)
	return goidc.StatusPending, nil
}

// AnswerDone is where the person's page sends the browser when it has answered.
func AnswerDone(id string) string { return authorizePath + "/" + url.PathEscape(id) }

// fhirUser names the person as a FHIR resource.
func fhirUser(p auth.Principal) string { return "Practitioner/" + p.ID }

// identity are the claims about the person, if the program may know who it is.
func (s *Server) identity(_ context.Context, g *goidc.Grant) map[string]any {
	claims := map[string]any{}
	words := strings.Fields(g.Scopes)
	switch at := g.Store[storeAt].(type) { // a number that went through JSON is a float
	case int:
		claims["auth_time"] = at
	case float64:
		claims["auth_time"] = int64(at)
	}
	if user, ok := g.Store[storeUser].(string); ok && slices.Contains(words, "fhirUser") {
		claims["fhirUser"] = s.issuer + s.api + "/" + user
	}
	if g.Username != "" && slices.Contains(words, "profile") {
		claims["name"] = g.Username
	}
	return claims
}

// context are the claims that introspection adds: what the token is about.
func (s *Server) context(_ context.Context, _ *goidc.Token, g *goidc.Grant) map[string]any {
	claims := s.identity(nil, g)
	delete(claims, "auth_time")
	if p := patientOf(g); p != "" {
		claims["patient"] = string(p)
	}
	return claims
}

var errorPage = template.Must(template.New("error").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Vigil</title>
<h1>This program could not be let in</h1>
<p>{{.}}</p>
<p>Nothing was given to it. Close this page and begin again in the program; if it happens again, tell who runs it.</p>
`))

// renderError speaks to the person when there is no program to send back to.
func renderError(w http.ResponseWriter, _ *http.Request, err error) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.WriteHeader(http.StatusBadRequest)
	return errorPage.Execute(w, err.Error())
}
