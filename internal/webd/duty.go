package webd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Staff is somebody on duty.
type Staff struct {
	User vital.UserID `json:"user"`
	Name string       `json:"name"`
}

// Shift is a stretch of duty; without a name there is none.
type Shift struct {
	Name string        `json:"name"`
	From vital.Instant `json:"from"`
	To   vital.Instant `json:"to"`
}

// Cover is who takes care of every bed of a ward.
type Cover struct {
	Ward      vital.WardID `json:"ward"`
	Shift     Shift        `json:"shift"`
	Items     []CoveredBed `json:"items"`
	Chain     []Rung       `json:"chain"`
	Uncovered int          `json:"uncovered"` // beds with a patient and without a nurse
}

// CoveredBed is one bed.
type CoveredBed struct {
	Bed     vital.BedID      `json:"bed"`
	Label   string           `json:"label"`
	Patient *vital.PatientID `json:"patient"`
	Nurse   *Staff           `json:"nurse"`
	Backup  *Staff           `json:"backup"`
	Shift   string           `json:"shift"` // in which the nurse was assigned: another than the ward's where shifts overlap
}

// Rung is one level of a chain.
type Rung struct {
	Level  int     `json:"level"`
	Who    string  `json:"who"`
	People []Staff `json:"people"`
}

// Chain is who is told when nobody answers, and the addresses of the team that
// comes for an emergency.
type Chain struct {
	Items []Rung        `json:"items"`
	Team  []TeamAddress `json:"team"`
}

// TeamAddress is where an emergency call goes; it says who and what.
type TeamAddress struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Address string `json:"address"`
}

type assignmentsBody struct {
	Shift string           `json:"shift"`
	From  vital.Instant    `json:"from"`
	To    vital.Instant    `json:"to"`
	Items []assignmentBody `json:"items"`
}

type assignmentBody struct {
	Bed    vital.BedID  `json:"bed"`
	User   vital.UserID `json:"user"`
	Backup vital.UserID `json:"backup,omitempty"`
}

type chainBody struct {
	Items []rungBody    `json:"items"`
	Team  []TeamAddress `json:"team,omitempty"`
	Why   string        `json:"why,omitempty"`
}

type rungBody struct {
	Level  int            `json:"level"`
	People []vital.UserID `json:"people"`
}

func staffView(s *store.Staff) *Staff {
	if s == nil {
		return nil
	}
	return &Staff{s.User, s.Name}
}

func rungViews(rungs []store.Rung) []Rung {
	views := make([]Rung, len(store.Levels))
	for level, who := range store.Levels {
		views[level] = Rung{Level: level, Who: who, People: []Staff{}}
	}
	for _, r := range rungs {
		for _, p := range r.People {
			views[r.Level].People = append(views[r.Level].People, Staff{p.User, p.Name})
		}
	}
	return views
}

func (s *Server) cover(c *call) error {
	at, err := instantOf(c.r, "at", vital.At(s.now()))
	if err != nil {
		return err
	}
	return s.renderCover(c, at)
}

func (s *Server) renderCover(c *call, at vital.Instant) error {
	cover, err := s.store.Cover(c.ctx(), c.rows, c.ward(), at)
	if err != nil {
		return err
	}
	view := Cover{
		Ward: cover.Ward, Shift: Shift{cover.Shift.Name, cover.Shift.From, cover.Shift.To}, Items: make([]CoveredBed, len(cover.Items)),
		Chain: rungViews(cover.Chain), Uncovered: cover.Uncovered,
	}
	for i, b := range cover.Items {
		view.Items[i] = CoveredBed{Bed: b.Bed, Label: b.Label, Nurse: staffView(b.Nurse), Backup: staffView(b.Backup), Shift: b.Shift.Name}
		if b.Patient != "" {
			view.Items[i].Patient = &b.Patient
		}
	}
	return c.json(view)
}

func (s *Server) assign(c *call) error {
	var body assignmentsBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Shift = strings.TrimSpace(body.Shift); body.Shift == "" || len(body.Shift) > 60 {
		return invalid("shift", "shift: want a name of 1 to 60 characters")
	}
	if body.From == 0 || body.To <= body.From {
		return invalid("to", "to: want an end after from")
	}
	if _, err := s.store.Ward(c.ctx(), c.rows, c.ward()); err != nil {
		return err
	}
	a := store.Assignments{Ward: c.ward(), Shift: store.Shift{Name: body.Shift, From: body.From, To: body.To}}
	for _, i := range body.Items {
		a.Items = append(a.Items, store.Assignment{Bed: i.Bed, Nurse: i.User, Backup: i.Backup})
	}
	if err := s.store.Assign(c.ctx(), s.entry(c, "ward/"+string(c.ward()), "shift "+body.Shift), a); err != nil {
		return err
	}
	return s.renderCover(c, max(body.From, vital.At(s.now())))
}

// wardStaff is who may be given a bed of a ward: everybody who can sign in and may
// act on the ward's alarms. It says no more of them than a name.
func (s *Server) wardStaff(c *call) error {
	if _, err := s.store.Ward(c.ctx(), c.rows, c.ward()); err != nil {
		return err
	}
	users, err := s.store.Users(c.ctx(), s.site)
	if err != nil {
		return err
	}
	views := []Staff{}
	for _, u := range users {
		scope := auth.ScopeOf(principalOf(u), auth.AlarmAct)
		cares := scope == auth.Anywhere || scope != auth.Nowhere && (u.AllWards || slices.Contains(u.Wards, c.ward()))
		if u.State == auth.UserActive && cares {
			views = append(views, Staff{u.ID, cmp.Or(u.Name, u.Username)})
		}
	}
	slices.SortFunc(views, func(a, b Staff) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.User, b.User)) })
	return c.json(listOf(views))
}

// principalOf is a user as the policy knows one, to ask it what somebody who is not
// the caller may do.
func principalOf(u store.User) auth.Principal {
	p := auth.Principal{Class: auth.User, ID: string(u.ID), AllWards: u.AllWards, Wards: u.Wards, Patient: u.Patient}
	for _, r := range u.Roles {
		p.Roles = append(p.Roles, auth.Role(r))
	}
	return p
}

// chain is that of a ward, or of the site for who sees all of it.
func (s *Server) chain(c *call) error {
	if err := s.mayChain(c); err != nil {
		return err
	}
	chain, err := s.store.ChainOf(c.ctx(), c.rows, c.ward())
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return err
	}
	view := Chain{Items: rungViews(chain.Rungs), Team: []TeamAddress{}}
	for _, t := range chain.Team {
		view.Team = append(view.Team, TeamAddress(t))
	}
	return c.json(view)
}

func (s *Server) mayChain(c *call) error {
	if c.ward() != "" {
		_, err := s.store.Ward(c.ctx(), c.rows, c.ward())
		return err
	}
	if !c.rows.All {
		return vital.Errorf(vital.NotFound, "the chain of the site is for those who see all of it")
	}
	return nil
}

func (s *Server) setChain(c *call) error {
	var body chainBody
	if err := c.body(&body); err != nil {
		return err
	}
	if err := s.mayChain(c); err != nil {
		return err
	}
	var chain store.Chain
	for i, r := range body.Items {
		rung := store.Rung{Level: r.Level}
		for _, u := range r.People {
			rung.People = append(rung.People, store.Staff{User: u})
		}
		if len(rung.People) > 50 {
			return invalid(fmt.Sprintf("items[%d].people", i), "people: at most 50 of one level")
		}
		chain.Rungs = append(chain.Rungs, rung)
	}
	for _, t := range body.Team {
		chain.Team = append(chain.Team, store.Team(t))
	}
	if err := s.store.PutChain(c.ctx(), s.entry(c, "ward/"+string(c.ward()), body.Why), c.ward(), chain); err != nil {
		return err
	}
	return s.chain(c)
}

// Station is a screen that is open.
type Station struct {
	ID     string        `json:"id"`
	Ward   vital.WardID  `json:"ward"`
	User   string        `json:"user"`
	Name   string        `json:"name"`
	Sound  string        `json:"sound"`
	Tested vital.Instant `json:"tested"`
	Seen   vital.Instant `json:"seen"`
	Quiet  bool          `json:"quiet"` // it cannot sound
}

type stationBody struct {
	ID    string       `json:"id"`
	Ward  vital.WardID `json:"ward,omitempty"`
	Sound string       `json:"sound"`
}

func stationView(s store.Station) Station {
	return Station{ID: s.ID, Ward: s.Ward, User: s.User, Name: s.Name, Sound: s.Sound, Tested: s.Tested, Seen: s.Seen, Quiet: s.Sound != "ok"}
}

// station is said by a screen of itself, every few seconds.
func (s *Server) station(c *call) error {
	var body stationBody
	if err := c.body(&body); err != nil {
		return err
	}
	if !slices.Contains(store.Sounds, body.Sound) {
		return invalid("sound", "sound %q: want one of %s", body.Sound, strings.Join(store.Sounds, ", "))
	}
	if body.ID == "" || len(body.ID) > 80 {
		return invalid("id", "id: want 1 to 80 characters")
	}
	if body.Ward != "" {
		if _, err := s.store.Ward(c.ctx(), c.rows, body.Ward); err != nil {
			return inField("ward", err)
		}
	}
	now := vital.At(s.now())
	station := store.Station{ID: body.ID, Ward: body.Ward, User: c.principal.ID, Name: c.principal.Name, Sound: body.Sound, Seen: now}
	if body.Sound == "ok" {
		station.Tested = now
	}
	if err := s.store.PutStation(c.ctx(), s.site, station); err != nil {
		return err
	}
	return c.json(stationView(station))
}

// stationsSince is how long a screen that was closed is still listed.
const stationsSince = 24 * 3600 * 1000

func (s *Server) stations(c *call) error {
	all, err := s.store.Stations(c.ctx(), c.rows, store.StationFilter{
		Ward: vital.WardID(c.r.URL.Query().Get("ward")), Since: vital.At(s.now()) - stationsSince,
	})
	if err != nil {
		return err
	}
	views := make([]Station, len(all))
	for i, v := range all {
		views[i] = stationView(v)
	}
	return c.json(listOf(views))
}

// clock writes minutes of the day as "22:00".
func clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

func readClock(text string) (int, bool) {
	var h, m int
	if n, err := fmt.Sscanf(text, "%d:%d", &h, &m); n != 2 || err != nil || len(text) != 5 || h > 23 || m > 59 || h < 0 || m < 0 {
		return 0, false
	}
	return h*60 + m, true
}
