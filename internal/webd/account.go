package webd

import (
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// User is somebody who may sign in.
type User struct {
	ID       vital.UserID   `json:"id"`
	Name     string         `json:"name"`
	Username string         `json:"username"`
	Roles    []string       `json:"roles"`
	Wards    []vital.WardID `json:"wards"`
	AllWards bool           `json:"allWards"`
	State    string         `json:"state"`
	Created  vital.Instant  `json:"created"`
	Password bool           `json:"password"` // has chosen one

	Passkeys   int  `json:"passkeys"`
	Code       bool `json:"code"`       // has an app that makes codes
	Identities int  `json:"identities"` // of the hospital's sign-on

	Patient vital.PatientID `json:"patient"` // who somebody of the role patient is
}

type userBody struct {
	Name     string         `json:"name"`
	Username string         `json:"username,omitempty"`
	Roles    []string       `json:"roles"`
	Wards    []vital.WardID `json:"wards,omitempty"`
	AllWards bool           `json:"allWards,omitempty"`
	State    string         `json:"state,omitempty"`

	Patient vital.PatientID `json:"patient,omitempty"` // who somebody of the role patient is
}

// Invited is a new user and the link by which it signs in first.
type Invited struct {
	User User   `json:"user"`
	Link string `json:"link"` // a path of this server; it works once, for a day
}

// LinkMade is a one-time link.
type LinkMade struct {
	Link string `json:"link"`
}

// Token is a program or a wall screen.
type Token struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Class    string         `json:"class"`
	Roles    []string       `json:"roles"`
	Wards    []vital.WardID `json:"wards"`
	AllWards bool           `json:"allWards"`
	Created  vital.Instant  `json:"created"`
	LastUsed vital.Instant  `json:"lastUsed"`
	Expires  vital.Instant  `json:"expires"`
	Secret   string         `json:"secret,omitempty"` // in the answer that makes it, never again
}

type tokenBody struct {
	Name     string         `json:"name"`
	Roles    []string       `json:"roles,omitempty"`
	Wards    []vital.WardID `json:"wards,omitempty"`
	AllWards bool           `json:"allWards,omitempty"`
	Expires  vital.Instant  `json:"expires,omitempty"`
}

type kioskBody struct {
	Ward vital.WardID `json:"ward"`
	Name string       `json:"name,omitempty"`
}

// Kiosk is a wall screen; its address signs it in for as long as the token lives.
type Kiosk struct {
	URL string `json:"url"`
	ID  string `json:"id"` // of the token that ends it
}

func userView(u store.User) User {
	return User{
		Patient: u.Patient,
		ID:      u.ID, Name: u.Name, Username: u.Username, Roles: full(u.Roles), Wards: full(u.Wards), AllWards: u.AllWards,
		State: u.State, Created: u.Created, Password: u.PasswordHash != "",
	}
}

func (s *Server) users(c *call) error {
	users, err := s.store.Users(c.ctx(), s.site)
	if err != nil {
		return err
	}
	views := make([]User, len(users))
	for i, u := range users {
		if views[i], err = s.userWays(c, u); err != nil {
			return err
		}
	}
	return c.json(listOf(views))
}

// userWays is userView with how the user can sign in.
func (s *Server) userWays(c *call, u store.User) (User, error) {
	v := userView(u)
	w, err := s.gate.Ways(c.ctx(), u.ID)
	v.Passkeys, v.Code, v.Identities = w.Passkeys, w.Code, w.Identities
	return v, err
}

// apply checks what was typed and puts it into u.
func (s *Server) apply(c *call, body userBody, u *store.User) error {
	u.Name, u.Username = strings.TrimSpace(body.Name), strings.ToLower(strings.TrimSpace(body.Username))
	u.Roles, u.Wards, u.AllWards = body.Roles, body.Wards, body.AllWards
	if body.State != "" {
		u.State = body.State
	}
	switch {
	case u.Name == "" || len(u.Name) > 200:
		return invalid("name", "name: want 1 to 200 characters")
	case !plainID(u.Username) || len(u.Username) > 64:
		return invalid("username", "username: want 1 to 64 letters, digits, - _ . or :")
	case u.State != auth.UserActive && u.State != auth.UserBlocked:
		return invalid("state", "state %q: want %s or %s", u.State, auth.UserActive, auth.UserBlocked)
	case len(u.Roles) == 0:
		return invalid("roles", "roles: want at least one")
	}
	for i, r := range u.Roles {
		if err := auth.CheckRole(r); err != nil {
			return inField("roles["+itoa(i)+"]", err)
		}
	}
	if err := s.applyPatient(c, body, u); err != nil {
		return err
	}
	return s.checkWards(c, u.Wards)
}

// applyPatient ties an account of the role patient to its record. Patients and
// families are nothing else: a colleague who is ill has two accounts.
func (s *Server) applyPatient(c *call, body userBody, u *store.User) error {
	patient, family := slices.Contains(u.Roles, string(auth.Patient)), slices.Contains(u.Roles, string(auth.Family))
	u.Patient = body.Patient
	switch {
	case (patient || family) && slices.ContainsFunc(u.Roles, func(r string) bool { return r != string(auth.Patient) && r != string(auth.Family) }):
		return invalid("roles", "roles: who is a patient or family here has another account for work")
	case (patient || family) && (u.AllWards || len(u.Wards) > 0):
		return invalid("wards", "wards: a patient or family sees people, not wards")
	case patient != (u.Patient != ""):
		return invalid("patient", "patient: name the record of a patient, and of nobody else")
	case !patient:
		return nil
	}
	if _, err := s.store.Patient(c.ctx(), store.Everything(s.site), u.Patient); err != nil {
		return inField("patient", err)
	}
	return nil
}

func (s *Server) checkWards(c *call, wards []vital.WardID) error {
	for i, w := range wards {
		if _, err := s.store.Ward(c.ctx(), store.Everything(s.site), w); err != nil {
			return inField("wards["+itoa(i)+"]", err)
		}
	}
	return nil
}

func (s *Server) makeUser(c *call) error {
	var body userBody
	if err := c.body(&body); err != nil {
		return err
	}
	u := store.User{Site: s.site, ID: vital.UserID(auth.NewID("u-")), State: auth.UserActive, Created: vital.At(s.now())}
	if err := s.apply(c, body, &u); err != nil {
		return err
	}
	if _, err := s.store.UserByName(c.ctx(), s.site, u.Username); err == nil {
		return inField("username", vital.Errorf(vital.Conflict, "user name %s is taken", u.Username))
	}
	if err := s.store.PutUser(c.ctx(), s.entry(c, "user/"+string(u.ID), ""), u); err != nil {
		return inField("username", err)
	}
	secret, err := s.gate.Link(c.ctx(), c.principal, u.ID)
	if err != nil {
		return err
	}
	return c.created(Invited{User: userView(u), Link: auth.LinkPath(secret)})
}

func (s *Server) userOf(c *call) (store.User, error) {
	return s.store.UserByID(c.ctx(), s.site, vital.UserID(c.r.PathValue("user")))
}

func (s *Server) changeUser(c *call) error {
	var body userBody
	if err := c.body(&body); err != nil {
		return err
	}
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if body.Username == "" {
		body.Username = u.Username
	}
	if err := s.apply(c, body, &u); err != nil {
		return err
	}
	if string(u.ID) == c.principal.ID && (u.State != auth.UserActive || !slices.Contains(u.Roles, string(auth.Administrator))) {
		return vital.Errorf(vital.Conflict, "an administrator cannot take the own rights away: let another one do it")
	}
	if err := s.store.PutUser(c.ctx(), s.entry(c, "user/"+string(u.ID), ""), u); err != nil {
		return err
	}
	if string(u.ID) == c.principal.ID {
		s.gate.Forget()
	} else if err := s.gate.EndSessions(c.ctx(), c.principal, u.ID, ""); err != nil {
		return err
	}
	v, err := s.userWays(c, u)
	if err != nil {
		return err
	}
	return c.json(v)
}

func (s *Server) makeLink(c *call) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	secret, err := s.gate.Link(c.ctx(), c.principal, u.ID)
	if err != nil {
		return err
	}
	return c.created(LinkMade{Link: auth.LinkPath(secret)})
}

func tokenView(t store.Token) Token {
	return Token{
		ID: t.ID, Name: t.Name, Class: t.Class, Roles: full(t.Roles), Wards: full(t.Wards), AllWards: t.AllWards,
		Created: t.Created, LastUsed: t.LastUsed, Expires: t.Expires,
	}
}

func (s *Server) tokens(c *call) error {
	tokens, err := s.store.Tokens(c.ctx(), s.site)
	if err != nil {
		return err
	}
	views := make([]Token, len(tokens))
	for i, t := range tokens {
		views[i] = tokenView(t)
	}
	return c.json(listOf(views))
}

func (s *Server) makeToken(c *call) error {
	var body tokenBody
	if err := c.body(&body); err != nil {
		return err
	}
	if err := s.checkWards(c, body.Wards); err != nil {
		return err
	}
	t, secret, err := s.gate.NewToken(c.ctx(), c.principal, store.Token{
		Name: strings.TrimSpace(body.Name), Class: string(auth.Integration), Roles: body.Roles, Wards: body.Wards, AllWards: body.AllWards, Expires: body.Expires,
	})
	if err != nil {
		return err
	}
	view := tokenView(t)
	view.Secret = secret
	return c.created(view)
}

func (s *Server) revokeToken(c *call) error {
	id := c.r.PathValue("token")
	if err := s.store.RevokeToken(c.ctx(), s.entry(c, "token/"+id, ""), id); err != nil {
		return err
	}
	s.gate.Forget()
	return c.nothing()
}

func (s *Server) makeKiosk(c *call) error {
	var body kioskBody
	if err := c.body(&body); err != nil {
		return err
	}
	ward, err := s.store.Ward(c.ctx(), store.Everything(s.site), body.Ward)
	if err != nil {
		return inField("ward", err)
	}
	name := strings.TrimSpace(body.Name)
	if name == "" {
		name = "Wall screen of " + ward.Name
	}
	t, secret, err := s.gate.NewToken(c.ctx(), c.principal, store.Token{Name: name, Class: string(auth.Kiosk), Wards: []vital.WardID{ward.ID}})
	if err != nil {
		return err
	}
	scheme := "http://"
	if s.secure {
		scheme = "https://"
	}
	return c.created(Kiosk{URL: scheme + c.r.Host + auth.LinkPath(secret), ID: t.ID})
}
