package webd

import (
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Session is a browser in which somebody is signed in.
type Session struct {
	ID       string        `json:"id"`
	Created  vital.Instant `json:"created"`
	LastSeen vital.Instant `json:"lastSeen"`
	Expires  vital.Instant `json:"expires"`
	From     string        `json:"from"`
	Agent    string        `json:"agent"`
	Factors  []string      `json:"factors"`
	Whole    bool          `json:"whole"`   // false: its sign-in lacks the second step
	Current  bool          `json:"current"` // the one that asks
}

// AccountNotice is something that happened to an account.
type AccountNotice struct {
	ID     string        `json:"id"`
	At     vital.Instant `json:"at"`
	Kind   string        `json:"kind"`
	By     string        `json:"by"`
	ByName string        `json:"byName"`
	From   string        `json:"from"`
	Seen   vital.Instant `json:"seen"`
}

func (s *Server) sessionsOf(c *call, user vital.UserID) error {
	rows, err := s.gate.Sessions(c.ctx(), user)
	if err != nil {
		return err
	}
	views := make([]Session, len(rows))
	for i, r := range rows {
		views[i] = sessionView(r, c.principal)
	}
	return c.json(listOf(views))
}

func sessionView(r store.Session, p auth.Principal) Session {
	return Session{
		ID: r.ID, Created: r.Created, LastSeen: r.LastSeen, Expires: r.Expires, From: r.Remote, Agent: r.Agent,
		Factors: full(r.Factors), Whole: auth.Whole(r.Factors), Current: r.ID == p.Session,
	}
}

// self is the account of the caller, "" when it is not a person.
func (c *call) self() vital.UserID {
	if c.principal.Class != auth.User {
		return ""
	}
	return vital.UserID(c.principal.ID)
}

func (s *Server) ownSessions(c *call) error { return s.sessionsOf(c, c.self()) }

func (s *Server) endOwnSession(c *call) error {
	if err := s.gate.EndSession(c.ctx(), c.principal, c.self(), c.r.PathValue("session")); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) endOtherSessions(c *call) error {
	if user := c.self(); user != "" {
		if err := s.gate.EndSessions(c.ctx(), c.principal, user, c.principal.Session); err != nil {
			return err
		}
	}
	return c.nothing()
}

func (s *Server) userSessions(c *call) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	return s.sessionsOf(c, u.ID)
}

func (s *Server) endUserSession(c *call) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if err := s.gate.EndSession(c.ctx(), c.principal, u.ID, c.r.PathValue("session")); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) endUserSessions(c *call) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if err := s.gate.EndSessions(c.ctx(), c.principal, u.ID, ""); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) notices(c *call) error {
	rows, err := s.gate.Notices(c.ctx(), c.principal)
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]AccountNotice, len(rows))
	for i, n := range rows {
		views[i] = AccountNotice{ID: n.ID, At: n.At, Kind: n.Kind, By: n.By, ByName: names.of(n.By), From: n.From, Seen: n.Seen}
	}
	return c.json(listOf(views))
}

func (s *Server) seenNotices(c *call) error {
	var body nothingBody
	if err := c.body(&body); err != nil {
		return err
	}
	if err := s.gate.SeenNotices(c.ctx(), c.principal); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) voidLinks(c *call) error {
	if err := s.gate.VoidLinks(c.ctx(), c.principal); err != nil {
		return err
	}
	return c.nothing()
}
