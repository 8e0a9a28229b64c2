package webd

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// programPaths are where programs are let in. What programPosts lists may come
// from another site's page: no cookie counts there, and it changes nothing that
// the sender did not bring along.
var (
	programPaths = []string{"/oauth/", "/.well-known/openid-configuration", "/.well-known/smart-configuration", base + "/.well-known/smart-configuration"}
	programPosts = []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/authorize"}
)

// Program is a program that was let in over OAuth.
type Program struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Kind      string          `json:"kind"`
	Redirects []string        `json:"redirects"`
	LaunchURL string          `json:"launchUrl,omitempty"`
	Scopes    []string        `json:"scopes"`
	Keys      json.RawMessage `json:"keys,omitempty"`
	KeysURL   string          `json:"keysUrl,omitempty"`
	Wards     []vital.WardID  `json:"wards"`
	AllWards  bool            `json:"allWards"`
	Created   vital.Instant   `json:"created"`
	By        string          `json:"by"`
	Ended     vital.Instant   `json:"ended,omitempty"`
	Secret    string          `json:"secret,omitempty"` // shown once
}

func programView(p auth.Program, n names) Program {
	return Program{
		ID: p.ID, Name: p.Name, Kind: p.Kind, Redirects: full(p.Redirects), LaunchURL: p.LaunchURL, Scopes: full(strings.Fields(p.Scopes)), Keys: p.Keys,
		KeysURL: p.KeysURL, Wards: full(p.Wards), AllWards: p.AllWards, Created: p.Created, By: n.of(string(p.By)), Ended: p.Revoked,
	}
}

type programBody struct {
	Name      string          `json:"name"`
	Kind      string          `json:"kind"`
	Redirects []string        `json:"redirects"`
	LaunchURL string          `json:"launchUrl"`
	Scopes    []string        `json:"scopes"`
	Keys      json.RawMessage `json:"keys"`
	KeysURL   string          `json:"keysUrl"`
	Wards     []vital.WardID  `json:"wards"`
	AllWards  bool            `json:"allWards"`
}

func (s *Server) clients(c *call) error {
	programs, err := s.gate.Programs(c.ctx())
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]Program, len(programs))
	for i, p := range programs {
		views[i] = programView(p, names)
	}
	return c.json(listOf(views))
}

func (s *Server) makeClient(c *call) error {
	var body programBody
	if err := c.body(&body); err != nil {
		return err
	}
	if err := s.checkWards(c, body.Wards); err != nil {
		return err
	}
	p, secret, err := s.gate.RegisterProgram(c.ctx(), c.principal, auth.Program{
		Name: body.Name, Kind: body.Kind, Redirects: body.Redirects, LaunchURL: body.LaunchURL, Scopes: strings.Join(body.Scopes, " "),
		Keys: body.Keys, KeysURL: body.KeysURL, Wards: body.Wards, AllWards: body.AllWards,
	})
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	view := programView(p, names)
	view.Secret = secret
	return c.created(view)
}

func (s *Server) endClient(c *call) error {
	if err := s.gate.EndProgram(c.ctx(), c.principal, c.r.PathValue("client")); err != nil {
		return err
	}
	return c.nothing()
}

// Launchable is a program that can be opened from a patient's page.
type Launchable struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *Server) launchable(c *call) error {
	programs, err := s.gate.Programs(c.ctx())
	if err != nil {
		return err
	}
	views := []Launchable{}
	for _, p := range programs {
		if p.LaunchURL != "" && !p.Revoked.Known() {
			views = append(views, Launchable{p.ID, p.Name})
		}
	}
	return c.json(listOf(views))
}

type launchBody struct {
	Program string `json:"program"`
}

// Launched is the address that opens the program.
type Launched struct {
	URL string `json:"url"`
}

func (s *Server) launch(c *call) error {
	var body launchBody
	if err := c.body(&body); err != nil {
		return err
	}
	p, secret, err := s.gate.Launch(c.ctx(), c.principal, body.Program, c.patient())
	if err != nil {
		return inField("program", err)
	}
	to, err := url.Parse(p.LaunchURL)
	if err != nil {
		return err
	}
	query := to.Query()
	query.Set("iss", s.public+base)
	query.Set("launch", secret)
	to.RawQuery = query.Encode()
	return c.json(Launched{URL: to.String()})
}

// Wish is what a program asks of the person, to be said in plain words.
type Wish struct {
	Program Launchable    `json:"program"`
	Kind    string        `json:"kind"`
	Returns string        `json:"returns"` // host to which the person goes back
	Scopes  []WishScope   `json:"scopes"`
	Choose  bool          `json:"choose"`            // a patient must be chosen
	Patient *Named        `json:"patient,omitempty"` // the program was opened for this one
	Expires vital.Instant `json:"expires"`
}

// Named is a patient as the person knows them.
type Named struct {
	ID     vital.PatientID `json:"id"`
	Family string          `json:"family"`
	Given  string          `json:"given"`
}

// WishScope is one scope, taken apart for who must read it.
type WishScope struct {
	Scope    string   `json:"scope"`
	Context  string   `json:"context,omitempty"` // "patient" or "user"
	Resource string   `json:"resource,omitempty"`
	Read     bool     `json:"read,omitempty"`
	Write    bool     `json:"write,omitempty"`
	Category []string `json:"category,omitempty"`
}

func (s *Server) wish(c *call) error {
	ask, program, err := s.gate.Asked(c.ctx(), c.principal, c.r.PathValue("request"))
	if err != nil {
		return err
	}
	w := Wish{Program: Launchable{program.ID, program.Name}, Kind: program.Kind, Returns: ask.Redirect, Choose: ask.Choose, Expires: ask.Expires}
	for _, word := range strings.Fields(ask.Scopes) {
		view := WishScope{Scope: word}
		if !auth.LaunchScope(word) {
			parsed, err := auth.ParseSmartScope(word)
			if err != nil {
				return err
			}
			view.Context, view.Resource = parsed.Context, parsed.Resource
			view.Read, view.Write = strings.ContainsAny(parsed.Rights, "rs"), strings.ContainsAny(parsed.Rights, "cud")
			view.Category = parsed.Query["category"]
		}
		w.Scopes = append(w.Scopes, view)
	}
	if ask.Patient != "" {
		p, err := s.store.Patient(c.ctx(), s.gate.RowsFor(c.principal, auth.PatientRead), ask.Patient)
		if err != nil {
			return err
		}
		w.Patient = &Named{p.Patient, p.Family, p.Given}
	}
	return c.json(w)
}

type wishAnswer struct {
	Scopes  []string        `json:"scopes"` // none: no
	Patient vital.PatientID `json:"patient"`
}

// Answered is where the browser goes next.
type Answered struct {
	Next string `json:"next"`
}

func (s *Server) answerWish(c *call) error {
	var body wishAnswer
	if err := c.body(&body); err != nil {
		return err
	}
	id := c.r.PathValue("request")
	if err := s.gate.AnswerAsk(c.ctx(), c.principal, id, strings.Join(body.Scopes, " "), body.Patient); err != nil {
		return err
	}
	return c.json(Answered{Next: "/oauth/authorize/" + url.PathEscape(id)})
}

// OwnProgram is a program that acts for the person.
type OwnProgram struct {
	ID      string          `json:"id"`
	Program string          `json:"program"`
	Scopes  []string        `json:"scopes"`
	Patient vital.PatientID `json:"patient,omitempty"`
	Since   vital.Instant   `json:"since"`
	Until   vital.Instant   `json:"until,omitempty"` // of its right to renew; 0: until the token runs out
}

func (s *Server) ownPrograms(c *call) error {
	grants, err := s.store.ClientGrantsOf(c.ctx(), s.site, vital.UserID(c.principal.ID))
	if err != nil {
		return err
	}
	programs, err := s.gate.Programs(c.ctx())
	if err != nil {
		return err
	}
	called := make(map[string]string, len(programs))
	for _, p := range programs {
		called[p.ID] = p.Name
	}
	views := make([]OwnProgram, len(grants))
	for i, g := range grants {
		views[i] = OwnProgram{ID: g.ID, Program: called[g.Client], Scopes: full(strings.Fields(g.Scopes)), Patient: g.Patient, Since: g.Created, Until: g.Expires}
	}
	return c.json(listOf(views))
}

func (s *Server) endOwnProgram(c *call) error {
	id := c.r.PathValue("grant")
	grant, err := s.store.ClientGrantByID(c.ctx(), s.site, id)
	if err != nil || grant.Account != vital.UserID(c.principal.ID) {
		return vital.Errorf(vital.NotFound, "program right %s: there is no such right", id)
	}
	e := s.entry(c, "client/"+grant.Client, "taken back by the person")
	e.Patient = grant.Patient
	if err := s.store.RevokeClientGrant(c.ctx(), e, id, e.At); err != nil {
		return err
	}
	s.gate.Forget()
	return c.nothing()
}
