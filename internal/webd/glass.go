package webd

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// Glass is a look in an emergency at a patient whom somebody may not see
// otherwise.
type Glass struct {
	ID             string          `json:"id"`
	Patient        vital.PatientID `json:"patient"`
	PatientName    string          `json:"patientName"`
	User           vital.UserID    `json:"user"`
	Name           string          `json:"name"`
	Role           string          `json:"role"`
	Reason         string          `json:"reason"`
	From           vital.Instant   `json:"from"`
	Until          vital.Instant   `json:"until"`
	Ended          vital.Instant   `json:"ended"`
	State          string          `json:"state"` // "open", "waiting" for a review, "reviewed"
	Reviewed       vital.Instant   `json:"reviewed"`
	ReviewedBy     string          `json:"reviewedBy"`
	ReviewedByName string          `json:"reviewedByName"`
	Verdict        string          `json:"verdict"`
	Note           string          `json:"note"`
	Looks          int             `json:"looks"` // entries of the ledger under it
}

// Found is a patient found by two identifiers.
type Found struct {
	ID     vital.PatientID `json:"id"`
	Family string          `json:"family"`
	Given  string          `json:"given"`
	Birth  string          `json:"birth"`
}

type findBody struct {
	Family string `json:"family,omitempty"`
	Number string `json:"number,omitempty"`
	Birth  string `json:"birth"`
}

type glassBody struct {
	Reason  string `json:"reason"`
	Minutes int    `json:"minutes,omitempty"`
}

type verdictBody struct {
	Verdict string `json:"verdict"`
	Note    string `json:"note,omitempty"`
}

// How long an emergency look lasts, and how short a reason cannot be.
const (
	glassMinutes     = 60
	mostGlassMinutes = 240
	leastGlassReason = 10
)

var verdicts = []string{"justified", "unjustified", "unclear"}

// findForGlass finds a patient of any ward by two identifiers that must both be
// right: nothing can be browsed by it. Each try is in the ledger.
func (s *Server) findForGlass(c *call) error {
	var body findBody
	if err := c.body(&body); err != nil {
		return err
	}
	family, number := strings.TrimSpace(body.Family), strings.TrimSpace(body.Number)
	if _, err := time.Parse(time.DateOnly, body.Birth); err != nil {
		return invalid("birth", "birth %.20q: want a date like 1957-03-21", body.Birth)
	}
	if (family == "") == (number == "") {
		return invalid("family", "family: give the family name or a record number, with the date of birth")
	}
	people, err := s.store.Patients(c.ctx(), c.rows, family+number, "")
	if err != nil {
		return err
	}
	found := []Found{}
	for _, p := range people {
		numbered := slices.ContainsFunc(p.Numbers, func(n person.Number) bool { return n.Value == number })
		if p.Birth == body.Birth && (family != "" && strings.EqualFold(p.Family, family) || number != "" && numbered) {
			found = append(found, Found{p.Patient, p.Family, p.Given, p.Birth})
		}
	}
	entry := s.entry(c, "patient", "searched by two identifiers: "+itoa(len(found))+" found")
	entry.Action = "glass.find"
	if len(found) == 1 {
		entry.Patient = found[0].ID
	}
	if err := s.store.AppendAudit(c.ctx(), entry); err != nil {
		return err
	}
	return c.json(listOf(found))
}

func (s *Server) breakGlass(c *call) error {
	var body glassBody
	if err := c.body(&body); err != nil {
		return err
	}
	reason, minutes := strings.TrimSpace(body.Reason), cmp.Or(body.Minutes, glassMinutes)
	switch {
	case len([]rune(reason)) < leastGlassReason || len(reason) > mostReason:
		return invalid("reason", "reason: say in %d to %d characters why you must see this patient now", leastGlassReason, mostReason)
	case minutes < 1 || minutes > mostGlassMinutes:
		return invalid("minutes", "minutes: want 1 to %d", mostGlassMinutes)
	case c.principal.Class != auth.User:
		return vital.Errorf(vital.Denied, "only a person breaks the glass")
	}
	now := vital.At(s.now())
	entry := s.entry(c, "patient/"+string(c.patient()), reason)
	g, err := s.store.BreakGlass(c.ctx(), entry, store.BrokenGlass{
		User: vital.UserID(c.principal.ID), Role: c.principal.Role(), Patient: c.patient(), Reason: reason,
		From: now, Until: now.Add(time.Duration(minutes) * time.Minute),
	})
	if err != nil {
		return err
	}
	if err := s.tellOfGlass(c, g); err != nil {
		return err
	}
	views, err := s.glassViews(c, []store.BrokenGlass{g})
	if err != nil {
		return err
	}
	return c.created(views[0])
}

// tellOfGlass leaves a notice with everybody who reviews, with the people who lead
// the patient's ward, and with the patient, where those have an account.
func (s *Server) tellOfGlass(c *call, g store.BrokenGlass) error {
	users, err := s.store.Users(c.ctx(), s.site)
	if err != nil {
		return err
	}
	leads := map[vital.UserID]bool{}
	where, err := s.spots(c.ctx())
	if err != nil {
		return err
	}
	if ward := where[g.Patient].ward; ward != "" {
		chain, err := s.store.ChainOf(c.ctx(), store.Everything(s.site), ward)
		if err != nil && vital.KindOf(err) != vital.NotFound {
			return err
		}
		for _, rung := range chain.Rungs {
			for _, p := range rung.People {
				leads[p.User] = leads[p.User] || rung.Level == len(chain.Rungs)-1
			}
		}
	}
	for _, u := range users {
		reviews := auth.ScopeOf(principalOf(u), auth.GlassReview) != auth.Nowhere
		if u.State != auth.UserActive || u.ID == g.User || !reviews && !leads[u.ID] && u.Patient != g.Patient {
			continue
		}
		e := audit.Entry{
			Site: s.site, At: g.From, Who: "system", Role: "system", Action: "glass.notice", Subject: "user/" + string(u.ID), Patient: g.Patient, Outcome: "done",
		}
		if err := s.store.PutNotice(c.ctx(), e, store.Notice{Site: s.site, ID: auth.NewID("nt-"), User: u.ID, At: g.From, Kind: "break-glass", By: string(g.User)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) ownGlass(c *call) error {
	open, err := s.store.Glasses(c.ctx(), s.site, store.GlassFilter{User: vital.UserID(c.principal.ID), Patient: c.patient(), OpenAt: vital.At(s.now())})
	if err != nil {
		return err
	}
	views, err := s.glassViews(c, open)
	if err != nil {
		return err
	}
	return c.json(listOf(views))
}

func (s *Server) endGlass(c *call) error {
	if err := s.store.EndGlass(c.ctx(), s.entry(c, "patient/"+string(c.patient()), ""), vital.UserID(c.principal.ID), c.patient()); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) glasses(c *call) error {
	f := store.GlassFilter{}
	switch state := cmp.Or(c.r.URL.Query().Get("state"), "waiting"); state {
	case "open":
		f.OpenAt = vital.At(s.now())
	case "waiting":
		f.Reviewed = new(bool)
	case "reviewed":
		f.Reviewed = new(bool)
		*f.Reviewed = true
	case "all":
	default:
		return invalid("state", "state %.20q: want open, waiting, reviewed or all", state)
	}
	all, err := s.store.Glasses(c.ctx(), s.site, f)
	if err != nil {
		return err
	}
	views, err := s.glassViews(c, all)
	if err != nil {
		return err
	}
	return c.json(listOf(views))
}

func (s *Server) glassViews(c *call, all []store.BrokenGlass) ([]Glass, error) {
	names, err := s.names(c.ctx())
	if err != nil {
		return nil, err
	}
	now, views := vital.At(s.now()), make([]Glass, len(all))
	for i, g := range all {
		v := Glass{
			ID: g.ID, Patient: g.Patient, User: g.User, Name: names.of(string(g.User)), Role: g.Role, Reason: g.Reason, From: g.From, Until: g.Until,
			Ended: g.Ended, State: "waiting", Reviewed: g.Reviewed, ReviewedBy: g.ReviewedBy, ReviewedByName: names.of(g.ReviewedBy), Verdict: g.Verdict, Note: g.Note,
		}
		switch {
		case g.Reviewed != 0:
			v.State = "reviewed"
		case g.Over() > now:
			v.State = "open"
		}
		if p, err := s.store.Patient(c.ctx(), c.rows, g.Patient); err == nil {
			v.PatientName = strings.TrimSpace(p.Given + " " + p.Family)
		}
		if v.Looks, err = s.store.LooksUnder(c.ctx(), s.site, g); err != nil {
			return nil, err
		}
		views[i] = v
	}
	return views, nil
}

func (s *Server) reviewGlass(c *call) error {
	var body verdictBody
	if err := c.body(&body); err != nil {
		return err
	}
	note := strings.TrimSpace(body.Note)
	switch {
	case !slices.Contains(verdicts, body.Verdict):
		return invalid("verdict", "verdict %.20q: want %s", body.Verdict, strings.Join(verdicts, ", "))
	case len(note) > mostReason || note == "" && body.Verdict != "justified":
		return invalid("note", "note: say in at most %d characters what you found", mostReason)
	}
	id := c.r.PathValue("glass")
	of := func() ([]store.BrokenGlass, error) {
		found, err := s.store.Glasses(c.ctx(), s.site, store.GlassFilter{ID: id})
		if err == nil && len(found) == 0 {
			err = vital.Errorf(vital.NotFound, "emergency look %s: not found", id)
		}
		return found, err
	}
	found, err := of()
	if err != nil {
		return err
	}
	if string(found[0].User) == c.principal.ID {
		return vital.Errorf(vital.Denied, "nobody reviews the own emergency look")
	}
	entry := s.entry(c, "glass/"+id, body.Verdict+" "+note)
	entry.Patient = found[0].Patient
	if err := s.store.ReviewGlass(c.ctx(), entry, id, body.Verdict, note); err != nil {
		return err
	}
	if found, err = of(); err != nil {
		return err
	}
	views, err := s.glassViews(c, found)
	if err != nil {
		return err
	}
	return c.json(views[0])
}
