package webd

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Anomaly is that somebody looked at more than a person cares for.
type Anomaly struct {
	ID         string        `json:"id"`
	At         vital.Instant `json:"at"`
	Who        string        `json:"who"`
	Name       string        `json:"name"`
	Role       string        `json:"role"`
	Kind       string        `json:"kind"` // "many", "unrelated"
	Looks      int           `json:"looks"`
	Patients   int           `json:"patients"`
	Minutes    int           `json:"minutes"`
	Limit      int           `json:"limit"`
	Seen       vital.Instant `json:"seen"`
	SeenBy     string        `json:"seenBy"`
	SeenByName string        `json:"seenByName"`
	Note       string        `json:"note"`
}

// Browsing is how much looking is more than a person cares for. It is a policy of
// the house, not a clinical limit.
type Browsing struct {
	Looks     int               `json:"looks"`     // in all, in Minutes
	Unrelated int               `json:"unrelated"` // patients without any relation, in Minutes
	Minutes   int               `json:"minutes"`
	Accounts  []BrowsingAccount `json:"accounts"` // those for whom others hold
}

// BrowsingAccount is what holds for one account.
type BrowsingAccount struct {
	User      vital.UserID `json:"user"`
	Name      string       `json:"name,omitempty"`
	Looks     int          `json:"looks"`
	Unrelated int          `json:"unrelated"`
}

type seenAnomaly struct {
	Note string `json:"note"`
}

const (
	browsingSetting = "browsing"
	browseEvery     = 15 * time.Second // an anomaly is told within a minute
	anomaliesShown  = 90 * 24 * time.Hour
)

// browsing is what holds; what nobody has said is the standard.
func (s *Server) browsing(ctx context.Context) (Browsing, error) {
	b := Browsing{Looks: 200, Unrelated: 20, Minutes: 10, Accounts: []BrowsingAccount{}}
	kept, err := s.store.Setting(ctx, s.site, browsingSetting)
	if vital.KindOf(err) == vital.NotFound && err != nil {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(kept, &b)
	}
	return b, err
}

func (b Browsing) limits(who string) (looks, unrelated int) {
	for _, a := range b.Accounts {
		if string(a.User) == who {
			return a.Looks, a.Unrelated
		}
	}
	return b.Looks, b.Unrelated
}

// watchBrowsing looks at the ledger again and again until ctx ends.
func (s *Server) watchBrowsing(ctx context.Context) {
	tick := time.NewTicker(browseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.noticeBrowsing(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("looking for browsing in the ledger", "error", err.Error())
		}
	}
}

// noticeBrowsing keeps, once in a window, that somebody passed a limit, and tells
// those who review.
func (s *Server) noticeBrowsing(ctx context.Context) error {
	b, err := s.browsing(ctx)
	if err != nil {
		return err
	}
	now := vital.At(s.now())
	since := now.Add(-time.Duration(b.Minutes) * time.Minute)
	lookers, err := s.store.Lookers(ctx, s.site, since)
	if err != nil {
		return err
	}
	known, err := s.store.Anomalies(ctx, s.site, since)
	if err != nil {
		return err
	}
	for _, l := range lookers {
		looks, unrelated := b.limits(l.Who)
		for _, a := range []store.Anomaly{
			{Kind: store.ManyLooks, Looks: l.Looks, Patients: l.Patients, Bound: looks},
			{Kind: store.Unrelated, Looks: l.Looks, Patients: l.Unrelated, Bound: unrelated},
		} {
			passed := a.Kind == store.ManyLooks && a.Looks >= a.Bound || a.Kind == store.Unrelated && a.Patients >= a.Bound
			told := slices.ContainsFunc(known, func(k store.Anomaly) bool { return k.Who == l.Who && k.Kind == a.Kind })
			if !passed || told {
				continue
			}
			a.At, a.Who, a.Role, a.Minutes = now, l.Who, l.Role, b.Minutes
			if err := s.tellAnomaly(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) tellAnomaly(ctx context.Context, a store.Anomaly) error {
	users, err := s.store.Users(ctx, s.site)
	if err != nil {
		return err
	}
	var tell []store.Notice
	for _, u := range users {
		if u.State == auth.UserActive && string(u.ID) != a.Who && auth.ScopeOf(principalOf(u), auth.AnomalyRead) != auth.Nowhere {
			tell = append(tell, store.Notice{Site: s.site, ID: auth.NewID("nt-"), User: u.ID, At: a.At, Kind: "browsing", By: a.Who})
		}
	}
	s.log.Warn("somebody looked at more patients than a person cares for", "who", a.Who, "kind", a.Kind, "looks", a.Looks, "patients", a.Patients, "minutes", a.Minutes)
	return s.store.PutAnomaly(ctx, audit.Entry{
		Site: s.site, At: a.At, Who: "system", Role: "system", Action: "anomaly.notice", Subject: "user/" + a.Who, Outcome: "done",
		Why: a.Kind + ": " + itoa(a.Looks) + " looks at " + itoa(a.Patients) + " patients in " + itoa(a.Minutes) + " minutes",
	}, a, tell)
}

func anomalyView(a store.Anomaly, n names) Anomaly {
	return Anomaly{
		ID: a.ID, At: a.At, Who: a.Who, Name: n.of(a.Who), Role: a.Role, Kind: a.Kind, Looks: a.Looks, Patients: a.Patients, Minutes: a.Minutes,
		Limit: a.Bound, Seen: a.Seen, SeenBy: a.SeenBy, SeenByName: n.of(a.SeenBy), Note: a.Note,
	}
}

func (s *Server) anomalies(c *call) error {
	all, err := s.store.Anomalies(c.ctx(), s.site, vital.At(s.now().Add(-anomaliesShown)))
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]Anomaly, len(all))
	for i, a := range all {
		views[i] = anomalyView(a, names)
	}
	return c.json(listOf(views))
}

func (s *Server) sawAnomaly(c *call) error {
	var body seenAnomaly
	if err := c.body(&body); err != nil {
		return err
	}
	note, id := strings.TrimSpace(body.Note), c.r.PathValue("anomaly")
	if note == "" || len(note) > mostReason {
		return invalid("note", "note: say in at most %d characters what you found", mostReason)
	}
	a, err := s.store.Anomaly(c.ctx(), s.site, id)
	if err != nil {
		return err
	}
	if a.Who == c.principal.ID {
		return vital.Errorf(vital.Denied, "nobody judges the own looking")
	}
	if err := s.store.SeeAnomaly(c.ctx(), s.entry(c, "anomaly/"+id, note), id, note); err != nil {
		return err
	}
	if a, err = s.store.Anomaly(c.ctx(), s.site, id); err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	return c.json(anomalyView(a, names))
}

func (s *Server) browsingPolicy(c *call) error {
	b, err := s.browsing(c.ctx())
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	for i, a := range b.Accounts {
		b.Accounts[i].Name = names.of(string(a.User))
	}
	return c.json(b)
}

func (s *Server) setBrowsingPolicy(c *call) error {
	var body Browsing
	if err := c.body(&body); err != nil {
		return err
	}
	fits := func(looks, unrelated int) bool {
		return looks >= 1 && looks <= 100_000 && unrelated >= 1 && unrelated <= 100_000
	}
	if !fits(body.Looks, body.Unrelated) || body.Minutes < 1 || body.Minutes > 24*60 || len(body.Accounts) > 1000 {
		return invalid("looks", "looks and unrelated: want 1 to 100000, minutes 1 to 1440")
	}
	for i, a := range body.Accounts {
		if _, err := s.store.UserByID(c.ctx(), s.site, a.User); err != nil || !fits(a.Looks, a.Unrelated) {
			return invalid("accounts["+itoa(i)+"]", "accounts[%d]: want a user, and limits of 1 to 100000", i)
		}
		body.Accounts[i].Name = ""
	}
	body.Accounts = full(body.Accounts)
	slices.SortFunc(body.Accounts, func(a, b BrowsingAccount) int { return cmp.Compare(a.User, b.User) })
	kept, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if err := s.store.PutSetting(c.ctx(), s.site, browsingSetting, kept); err != nil {
		return err
	}
	if err := s.store.AppendAudit(c.ctx(), s.entry(c, "setting/browsing", string(kept))); err != nil {
		return err
	}
	return s.browsingPolicy(c)
}
