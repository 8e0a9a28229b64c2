package webd

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Relation is somebody of a patient's care team, or who follows the patient.
type Relation struct {
	ID     string        `json:"id"`
	User   vital.UserID  `json:"user"`
	Name   string        `json:"name"`
	Roles  []string      `json:"roles"`
	Kind   string        `json:"kind"` // "care-team", "family"
	From   vital.Instant `json:"from"`
	To     vital.Instant `json:"to"`
	By     string        `json:"by"`
	ByName string        `json:"byName"`
	Why    string        `json:"why"`
}

// Person is somebody who can be chosen.
type Person struct {
	ID    vital.UserID `json:"id"`
	Name  string       `json:"name"`
	Roles []string     `json:"roles"`
}

type relationBody struct {
	User  vital.UserID  `json:"user"`
	Kind  string        `json:"kind"`
	Until vital.Instant `json:"until,omitempty"`
	Why   string        `json:"why,omitempty"`
}

// OwnPatient is the record of somebody who signs in as a patient.
type OwnPatient struct {
	Patient vital.PatientID `json:"patient"`
	Name    string          `json:"name"`
}

// isOwn reports whether the caller is the patient of the path.
func (c *call) isOwn() bool { return c.principal.Patient != "" && c.principal.Patient == c.patient() }

func (s *Server) usersByID(c *call) (map[vital.UserID]store.User, error) {
	users, err := s.store.Users(c.ctx(), s.site)
	byID := make(map[vital.UserID]store.User, len(users))
	for _, u := range users {
		byID[u.ID] = u
	}
	return byID, err
}

func (s *Server) relations(c *call) error {
	all, err := s.store.RelationsOf(c.ctx(), c.rows, c.patient(), vital.At(s.now()))
	if err != nil {
		return err
	}
	users, err := s.usersByID(c)
	if err != nil {
		return err
	}
	views := make([]Relation, len(all))
	for i, v := range all {
		views[i] = relationView(v, users)
	}
	return c.json(listOf(views))
}

func relationView(v store.Related, users map[vital.UserID]store.User) Relation {
	return Relation{
		ID: v.ID, User: v.User, Name: cmp.Or(users[v.User].Name, string(v.User)), Roles: full(users[v.User].Roles), Kind: v.Kind,
		From: v.From, To: v.To, By: v.By, ByName: cmp.Or(users[vital.UserID(v.By)].Name, v.By), Why: v.Why,
	}
}

// fits reports whether somebody with these roles can stand in the relation.
func fitsRelation(u store.User, kind string) bool {
	role := func(r auth.Role) bool { return slices.Contains(u.Roles, string(r)) }
	switch {
	case u.State != auth.UserActive:
		return false
	case kind == store.CareTeam:
		return role(auth.Clinician) || role(auth.Nurse)
	case kind == store.Follower:
		return role(auth.Family)
	}
	return false
}

// relationPeople is who may be chosen. It says no more of them than name and roles.
func (s *Server) relationPeople(c *call) error {
	kind := cmp.Or(c.r.URL.Query().Get("kind"), store.CareTeam)
	if kind != store.CareTeam && kind != store.Follower {
		return invalid("kind", "kind %q: want %s or %s", kind, store.CareTeam, store.Follower)
	}
	people, err := s.people(c, func(u store.User) bool { return fitsRelation(u, kind) })
	if err != nil {
		return err
	}
	return c.json(listOf(people))
}

func (s *Server) people(c *call, fits func(store.User) bool) ([]Person, error) {
	users, err := s.store.Users(c.ctx(), s.site)
	if err != nil {
		return nil, err
	}
	people := []Person{}
	for _, u := range users {
		if fits(u) {
			people = append(people, Person{u.ID, cmp.Or(u.Name, u.Username), full(u.Roles)})
		}
	}
	slices.SortFunc(people, func(a, b Person) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return people, nil
}

func (s *Server) relate(c *call) error {
	var body relationBody
	if err := c.body(&body); err != nil {
		return err
	}
	why := strings.TrimSpace(body.Why)
	if err := c.reason(why); err != nil {
		return err
	}
	if c.isOwn() && body.Kind != store.Follower {
		return invalid("kind", "kind: who is of the care team is said by the staff")
	}
	users, err := s.usersByID(c)
	if err != nil {
		return err
	}
	if !fitsRelation(users[body.User], body.Kind) {
		return invalid("user", "user: choose somebody who can be of that kind")
	}
	v, err := s.store.Relate(c.ctx(), s.entry(c, "user/"+string(body.User), why), store.Related{
		Patient: c.patient(), User: body.User, Kind: body.Kind, From: vital.At(s.now()), To: body.Until, Why: why,
	})
	if err != nil {
		return err
	}
	return c.created(relationView(v, users))
}

// reason checks the reason of what is entered for a patient: staff say why, a
// patient needs none.
func (c *call) reason(why string) error {
	switch {
	case len(why) > mostReason:
		return invalid("why", "why: at most %d characters", mostReason)
	case why == "" && !c.isOwn():
		return invalid("why", "why: say why this is entered for the patient")
	}
	return nil
}

func (s *Server) endRelation(c *call) error {
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
	id := c.r.PathValue("relation")
	if c.isOwn() {
		all, err := s.store.RelationsOf(c.ctx(), c.rows, c.patient(), vital.At(s.now()))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(v store.Related) bool { return v.ID == id && v.Kind != store.Follower }) {
			return vital.Errorf(vital.Denied, "who is of the care team is said by the staff; what they see you can refuse")
		}
	}
	if err := s.store.EndRelation(c.ctx(), s.entry(c, "relation/"+id, why), c.patient(), id); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) ownPatient(c *call) error {
	if c.principal.Patient == "" {
		return vital.Errorf(vital.NotFound, "this account is no patient")
	}
	p, err := s.store.Patient(c.ctx(), s.gate.RowsFor(c.principal, auth.PatientRead), c.principal.Patient)
	if err != nil {
		return err
	}
	return c.json(OwnPatient{Patient: p.Patient, Name: strings.TrimSpace(p.Given + " " + p.Family)})
}
