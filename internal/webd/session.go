package webd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// Me is who is calling.
type Me struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Class       auth.Class     `json:"class"`
	Roles       []auth.Role    `json:"roles"`
	Wards       []vital.WardID `json:"wards"`
	AllWards    bool           `json:"allWards"`
	Actions     []auth.Action  `json:"actions"`
	Password    bool           `json:"password"` // false: choose one now
	Demo        bool           `json:"demo"`
	Preferences Preferences    `json:"preferences"`
	Site        vital.Site     `json:"site"`
	Version     string         `json:"version"`
	Catalogue   string         `json:"catalogue"` // changes when the table of metrics does

	Next     string        `json:"next"`    // what the sign-in still lacks: code, passkey, sso or enrol; empty: nothing
	Methods  []string      `json:"methods"` // by which more can be proved: passkey, code, sso
	Factors  []string      `json:"factors"` // what was proved
	Fresh    vital.Instant `json:"fresh"`   // when something was proved last
	Session  string        `json:"session"`
	Passkeys int           `json:"passkeys"`
	Code     bool          `json:"code"`
	Notices  int           `json:"notices"` // about the own account, not seen yet

	Patient vital.PatientID `json:"patient"` // the own record of somebody who is a patient
	Purpose auth.Purpose    `json:"purpose"` // what is looked at for, when nothing else is said
}

// Preferences is how a person wants to see things.
type Preferences struct {
	Language string            `json:"language,omitempty"`
	Theme    string            `json:"theme,omitempty"`
	Units    map[string]string `json:"units,omitempty"`
	Privacy  bool              `json:"privacy"`
}

type signIn struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type linkUse struct {
	Token string `json:"token"`
}

type passwordChange struct {
	Old string `json:"old"`
	New string `json:"new"`
}

func (s *Server) openSession(c *call) error {
	var body signIn
	if err := c.body(&body); err != nil {
		return err
	}
	p, cookie, err := s.gate.Password(c.ctx(), body.Username, body.Password, s.from(c))
	if err != nil {
		return err
	}
	return s.signedIn(c, p, cookie)
}

// kioskCookieLife keeps a wall screen signed in over a restart of its browser, s.
const kioskCookieLife = 10 * 365 * 24 * 3600

func (s *Server) openSessionByLink(c *call) error {
	var body linkUse
	if err := c.body(&body); err != nil {
		return err
	}
	p, cookie, err := s.gate.UseLink(c.ctx(), body.Token, s.from(c))
	if err != nil {
		return err
	}
	life := 0
	if p.Class == auth.Kiosk {
		life = kioskCookieLife
	}
	s.setCookie(c.w, cookie, life)
	return s.renderMe(c, p)
}

func (s *Server) closeSession(c *call) error {
	if secret := s.secretOf(c.r); secret != "" {
		if err := s.gate.SignOut(c.ctx(), c.principal, secret); err != nil {
			return err
		}
	}
	s.setCookie(c.w, "", -1)
	return c.nothing()
}

// from says where a request to sign in comes from.
func (s *Server) from(c *call) auth.From {
	return auth.From{Remote: remoteOf(c.r), Agent: c.r.UserAgent(), Cookie: s.cookie(c)}
}

// cookie is the session's cookie of a request; "" when there is none.
func (s *Server) cookie(c *call) string {
	return s.secretOf(c.r)
}

// signedIn answers who signed in, with the new cookie.
func (s *Server) signedIn(c *call, p auth.Principal, cookie string) error {
	s.setCookie(c.w, cookie, 0)
	return s.renderMe(c, p)
}

func (s *Server) setCookie(w http.ResponseWriter, value string, life int) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: s.stamp(value), Path: "/", MaxAge: life,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	})
}

func (s *Server) me(c *call) error { return s.renderMe(c, c.principal) }

func (s *Server) renderMe(c *call, p auth.Principal) error {
	me, err := s.describeMe(c, p)
	if err != nil {
		return err
	}
	return c.json(me)
}

func (s *Server) describeMe(c *call, p auth.Principal) (Me, error) {
	me := Me{
		Patient: p.Patient, Purpose: p.LooksFor(),
		ID: p.ID, Name: p.Name, Class: p.Class, Roles: full(p.Roles), Wards: full(p.Wards), AllWards: p.AllWards,
		Demo: s.demo, Site: s.site, Version: s.version, Catalogue: catalogue(), Actions: []auth.Action{}, Password: true,
		Methods: []string{}, Factors: full(p.Factors), Session: p.Session,
	}
	if !p.Fresh.IsZero() {
		me.Fresh = vital.At(p.Fresh)
	}
	for _, a := range auth.Actions() {
		if auth.ScopeOf(p, a) != auth.Nowhere {
			me.Actions = append(me.Actions, a)
		}
	}
	if p.Class == auth.User {
		if err := s.renderProofs(c, p, &me); err != nil {
			return me, err
		}
		user, err := s.store.UserByID(c.ctx(), s.site, vital.UserID(p.ID))
		if err != nil {
			return me, err
		}
		me.Password = user.PasswordHash != "" || user.ID == auth.VisitorID
		if len(user.Preferences) > 0 {
			if err := json.Unmarshal(user.Preferences, &me.Preferences); err != nil {
				return me, fmt.Errorf("preferences of user %s: %w", user.ID, err)
			}
		}
	}
	return me, nil
}

// renderProofs says what the sign-in lacks and what the account has.
func (s *Server) renderProofs(c *call, p auth.Principal, me *Me) error {
	w, err := s.gate.Ways(c.ctx(), vital.UserID(p.ID))
	if err != nil {
		return err
	}
	me.Next, me.Methods = s.gate.Next(p, w)
	if p.Half() {
		return nil // who knows a password need not know the rest
	}
	me.Passkeys, me.Code = w.Passkeys, w.Code
	notices, err := s.gate.Notices(c.ctx(), p)
	for _, n := range notices {
		if !n.Seen.Known() {
			me.Notices++
		}
	}
	return err
}

func (s *Server) setPreferences(c *call) error {
	var body Preferences
	if err := c.body(&body); err != nil {
		return err
	}
	if c.principal.Class != auth.User {
		return vital.Errorf(vital.Denied, "only a user has preferences")
	}
	switch body.Theme {
	case "", "dark", "light", "auto":
	default:
		return invalid("theme", "theme %q: want dark, light or auto", body.Theme)
	}
	if len(body.Language) > 35 || len(body.Units) > 500 {
		return vital.Errorf(vital.Invalid, "preferences: too long")
	}
	for metric, unit := range body.Units {
		m := vital.LookMetric(metric)
		if m == nil {
			return invalid("units."+metric, "there is no metric %q", metric)
		}
		if err := m.Accepts(unit); err != nil {
			return inField("units."+metric, err)
		}
	}
	kept, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if err := s.store.SetPreferences(c.ctx(), s.site, vital.UserID(c.principal.ID), kept); err != nil {
		return err
	}
	return c.json(body)
}

func (s *Server) setPassword(c *call) error {
	var body passwordChange
	if err := c.body(&body); err != nil {
		return err
	}
	cookie, err := s.gate.SetPassword(c.ctx(), c.principal, body.Old, body.New, s.from(c))
	if err != nil {
		return err
	}
	s.setCookie(c.w, cookie, 0)
	return c.nothing()
}

// catalogue names the state of the table of metrics.
var catalogue = sync.OnceValue(func() string {
	h := sha256.New()
	for _, m := range vital.Metrics {
		fmt.Fprintf(h, "%s %s %v\n", m.Name, m.Unit, m.Display)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
})

// MetricRow is one metric.
type MetricRow struct {
	Name   string         `json:"name"`
	Label  string         `json:"label"`
	LOINC  string         `json:"loinc"`
	MDC    uint32         `json:"mdc"`
	Unit   string         `json:"unit"`
	Units  []string       `json:"units"`
	Low    *vital.Decimal `json:"low"`
	High   *vital.Decimal `json:"high"`
	Group  string         `json:"group"`
	Shape  string         `json:"shape"`
	Codes  []string       `json:"codes"`
	Source string         `json:"source"`
}

func (s *Server) metricsTable(c *call) error {
	rows := make([]MetricRow, 0, len(vital.Metrics))
	for _, m := range vital.Metrics {
		row := MetricRow{
			Name: m.Name, Label: m.Label, LOINC: m.LOINC, MDC: m.MDC, Unit: m.Unit, Units: full(vital.UnitsOf(m.Name)),
			Group: m.Group, Shape: m.Shape.String(), Codes: full(m.Codes), Source: m.Source,
		}
		if m.Shape != vital.Code {
			row.Low, row.High = &m.Low, &m.High
		}
		rows = append(rows, row)
	}
	c.w.Header().Set("Cache-Control", "private, max-age=300")
	return c.json(listOf(rows))
}
