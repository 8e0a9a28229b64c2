package webd

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Consent is what a patient said about one kind of data, to one person or role,
// for one purpose; "all" where it is not narrowed.
type Consent struct {
	ID       string        `json:"id"`
	Data     vital.Data    `json:"data"`
	User     vital.UserID  `json:"user"`
	Name     string        `json:"name"`
	Role     string        `json:"role"`
	Purpose  string        `json:"purpose"`
	Permit   bool          `json:"permit"`
	From     vital.Instant `json:"from"`
	Until    vital.Instant `json:"until"`
	By       string        `json:"by"`
	ByName   string        `json:"byName"`
	Behalf   bool          `json:"behalf"` // entered by staff for the patient
	Why      string        `json:"why"`
	Ended    vital.Instant `json:"ended"`
	EndedBy  string        `json:"endedBy"`
	EndedWhy string        `json:"endedWhy"`
}

// Consents is what holds, and what can be chosen.
type Consents struct {
	Items    []Consent    `json:"items"`
	Data     []vital.Data `json:"data"`
	Roles    []string     `json:"roles"`
	Purposes []string     `json:"purposes"`
	Kept     []vital.Data `json:"kept"` // what the staff of the ward where the patient lies sees whatever is refused
	People   []Person     `json:"people"`
}

type consentBody struct {
	Data    vital.Data    `json:"data"`
	User    vital.UserID  `json:"user,omitempty"`
	Role    string        `json:"role,omitempty"`
	Purpose string        `json:"purpose,omitempty"`
	Permit  bool          `json:"permit"`
	Until   vital.Instant `json:"until,omitempty"`
	Why     string        `json:"why,omitempty"`
}

var (
	consentRoles = []string{string(auth.Clinician), string(auth.Nurse), string(auth.Technician), string(auth.Family), string(auth.Integration)}
	consentKept  = []vital.Data{vital.DataIdentity, vital.DataLocation, vital.DataAlarms}
)

func consentView(v store.Consent, n names) Consent {
	name := ""
	if v.User != "" {
		name = n.of(string(v.User))
	}
	return Consent{
		ID: v.ID, Data: v.Data, User: v.User, Name: name, Role: v.Role, Purpose: v.Purpose, Permit: v.Permit, From: v.From, Until: v.To,
		By: v.By, ByName: n.of(v.By), Behalf: v.Behalf, Why: v.Why, Ended: v.Ended, EndedBy: v.EndedBy, EndedWhy: v.EndedWhy,
	}
}

func (s *Server) consents(c *call) error {
	all, err := s.store.ConsentsOf(c.ctx(), c.rows, c.patient(), vital.At(s.now()))
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	view := Consents{
		Items: make([]Consent, len(all)), Data: append([]vital.Data{store.Everybody}, vital.AllData...),
		Roles: append([]string{store.Everybody}, consentRoles...), Purposes: []string{store.Everybody}, Kept: consentKept,
	}
	for _, p := range auth.Purposes {
		view.Purposes = append(view.Purposes, string(p))
	}
	for i, v := range all {
		view.Items[i] = consentView(v, names)
	}
	if view.People, err = s.people(c, consentable); err != nil {
		return err
	}
	return c.json(view)
}

// consentable is who can be named in a consent: those whom it can concern.
func consentable(u store.User) bool {
	return u.State == auth.UserActive && slices.ContainsFunc(u.Roles, func(r string) bool { return slices.Contains(consentRoles, r) })
}

func (s *Server) consentHistory(c *call) error {
	all, err := s.store.ConsentHistory(c.ctx(), c.rows, c.patient())
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]Consent, len(all))
	for i, v := range all {
		views[i] = consentView(v, names)
	}
	return c.json(listOf(views))
}

func (s *Server) setConsent(c *call) error {
	var body consentBody
	if err := c.body(&body); err != nil {
		return err
	}
	v := store.Consent{
		Patient: c.patient(), Data: body.Data, User: body.User, Role: cmp.Or(body.Role, store.Everybody), Purpose: cmp.Or(body.Purpose, store.Everybody),
		Permit: body.Permit, From: vital.At(s.now()), To: body.Until, Behalf: !c.isOwn(), Why: strings.TrimSpace(body.Why),
	}
	if err := c.reason(v.Why); err != nil {
		return err
	}
	switch {
	case v.Data != store.Everybody && !slices.Contains(vital.AllData, v.Data):
		return invalid("data", "data %.40q: there is no such kind of data", v.Data)
	case v.Role != store.Everybody && !slices.Contains(consentRoles, v.Role):
		return invalid("role", "role %.40q: want one of %s", v.Role, strings.Join(consentRoles, ", "))
	case v.Purpose != store.Everybody && !slices.Contains(auth.Purposes, auth.Purpose(v.Purpose)):
		return invalid("purpose", "purpose %.40q: there is no such purpose", v.Purpose)
	case v.User != "" && v.Role != store.Everybody:
		return invalid("user", "user: name a person or a role, not both")
	case v.To != 0 && v.To <= v.From:
		return invalid("until", "until: it is over already")
	}
	if v.User != "" {
		u, err := s.store.UserByID(c.ctx(), s.site, v.User)
		if err != nil || !consentable(u) {
			return invalid("user", "user: choose one of the people")
		}
	}
	said := map[bool]string{true: "permits", false: "refuses"}[v.Permit]
	entry := s.entry(c, "consent/"+string(v.Data), v.Why)
	entry.Action += "." + said
	if _, err := s.store.Consent(c.ctx(), entry, v); err != nil {
		return err
	}
	return s.consents(c)
}

func (s *Server) revokeConsent(c *call) error {
	var body whyBody
	if c.r.ContentLength != 0 {
		if err := c.body(&body); err != nil {
			return err
		}
	}
	why := strings.TrimSpace(body.Why)
	if err := c.reason(why); err != nil {
		return err
	}
	id := c.r.PathValue("consent")
	entry := s.entry(c, "consent/"+id, why)
	entry.Action += ".revokes"
	if err := s.store.Revoke(c.ctx(), entry, c.patient(), id); err != nil {
		return err
	}
	return s.consents(c)
}
