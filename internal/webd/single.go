package webd

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Identity is what a hospital's sign-on calls a user.
type Identity struct {
	ID       string        `json:"id"`
	Provider string        `json:"provider"`
	Title    string        `json:"title"`
	Subject  string        `json:"subject"`
	Created  vital.Instant `json:"created"`
	By       string        `json:"by"`
	ByName   string        `json:"byName"`
}

type identityBody struct {
	Provider string `json:"provider"`
	Subject  string `json:"subject"`
}

// awayLife is how long a browser may stay at the sign-on, s.
const awayLife = 600

func (s *Server) awayCookie() string { return s.cookieName() + "-sso" }

func (s *Server) setAwayCookie(w http.ResponseWriter, value string, life int) {
	http.SetCookie(w, &http.Cookie{
		Name: s.awayCookie(), Value: value, Path: "/", MaxAge: life,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	})
}

// leaveForSignOn sends the browser to the hospital's sign-on.
func (s *Server) leaveForSignOn(c *call) error {
	query := c.r.URL.Query()
	var step *auth.Principal
	if query.Get("step") == "1" {
		p, err := s.peek(c.r)
		if err != nil {
			return err
		}
		if p.Class != auth.User || p.Session == "" || p.Half() {
			return vital.Errorf(vital.Unauthenticated, "sign in first")
		}
		step = &p
	}
	address, browser, err := s.gate.Leave(c.ctx(), c.r.PathValue("name"), query.Get("to"), step, s.from(c))
	if err != nil {
		return err
	}
	s.setAwayCookie(c.w, browser, awayLife)
	return c.goTo(address)
}

// arriveFromSignOn takes the browser that comes back. What went wrong is told on
// the sign-in page, for there is a person before it.
func (s *Server) arriveFromSignOn(c *call) error {
	browser := ""
	if cookie, err := c.r.Cookie(s.awayCookie()); err == nil {
		browser = cookie.Value
	}
	s.setAwayCookie(c.w, "", -1)
	a, err := s.gate.Arrive(c.ctx(), c.r.PathValue("name"), browser, c.r.URL.Query(), s.from(c))
	switch kind := vital.KindOf(err); {
	case err == nil:
	case kind == vital.Gone:
		return c.goTo("/sign-in?problem=sso-expired")
	case kind == vital.NotFound:
		return c.goTo("/sign-in?problem=sso-unknown")
	case kind == vital.Unauthenticated:
		return c.goTo("/sign-in?problem=sso-refused")
	default:
		return err
	}
	s.setCookie(c.w, a.Cookie, 0)
	if a.Principal.Half() {
		return c.goTo("/sign-in?to=" + url.QueryEscape(a.To))
	}
	return c.goTo(a.To)
}

// goTo sends the browser on.
func (c *call) goTo(address string) error {
	c.w.Header().Set("Location", address)
	c.w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (s *Server) identityView(i store.Identity, names names) Identity {
	title := i.Provider
	for _, o := range s.gate.SignOns() {
		if o.Name == i.Provider {
			title = cmp.Or(o.Title, o.Name)
		}
	}
	return Identity{ID: i.ID, Provider: i.Provider, Title: title, Subject: i.Subject, Created: i.Created, By: i.By, ByName: names.of(i.By)}
}

func (s *Server) identities(c *call) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	rows, err := s.gate.Identities(c.ctx(), u.ID)
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]Identity, len(rows))
	for i, r := range rows {
		views[i] = s.identityView(r, names)
	}
	return c.json(listOf(views))
}

func (s *Server) addIdentity(c *call) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	var body identityBody
	if err := c.body(&body); err != nil {
		return err
	}
	i, err := s.gate.Identify(c.ctx(), c.principal, u.ID, body.Provider, strings.TrimSpace(body.Subject))
	if err != nil {
		return inField("subject", err)
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	return c.created(s.identityView(i, names))
}

func (s *Server) removeIdentity(c *call) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if err := s.gate.Unlink(c.ctx(), c.principal, u.ID, c.r.PathValue("identity")); err != nil {
		return err
	}
	return c.nothing()
}
