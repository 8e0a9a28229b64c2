package webd

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Watchdog is whether the platform does its work, as GET /watchdog answers. It
// tells a sentinel, which trusts nothing of it that it can try itself, where the
// way of an alarm is broken. No patient is in it.
type Watchdog struct {
	Platform
	Now       vital.Instant   `json:"now"`
	Version   string          `json:"version"`
	Rules     RulesState      `json:"rules"`
	Wards     []WardSound     `json:"wards"`
	Sentinels []SentinelState `json:"sentinels"`
	Own       *OwnWay         `json:"own"` // of the sentinel that asks; null for others
}

// Platform is how the machine does. An empty text means that nothing is wrong.
type Platform struct {
	Ready   string        `json:"ready"`   // why it is not
	Journal string        `json:"journal"` // why it cannot be written
	Ticked  vital.Instant `json:"ticked"`  // until when time has passed for every patient
	Disk    DiskLeft      `json:"disk"`
	Lag     Lag           `json:"lag"`
	Pages   PagesState    `json:"pages"`
}

// DiskLeft is of the disk that the journal lies on, bytes.
type DiskLeft struct {
	Free  uint64 `json:"free"`
	Total uint64 `json:"total"`
}

// PagesState is how the paging does: for how long the oldest page of high
// priority has waited for an acknowledgement, and for a channel to take it, ms.
type PagesState struct {
	Open    int64         `json:"openMs"`
	Unheard int64         `json:"unheardMs"`
	Dead    []DeadChannel `json:"dead"`
	Problem string        `json:"problem"`
}

// DeadChannel is a kind of channel that works for nobody.
type DeadChannel struct {
	Kind   string        `json:"kind"`
	Since  vital.Instant `json:"since"`
	Reason string        `json:"reason"`
}

// RulesState is how the rules do.
type RulesState struct {
	Version  string `json:"version"`
	Sentinel bool   `json:"sentinel"` // the rule that answers a sentinel is in force
	Errors   int    `json:"errors"`   // open alarms about rules that cannot be used or calculated
	First    string `json:"first"`    // the words of one
}

// WardSound is which screens of a ward could be heard.
type WardSound struct {
	Ward     vital.WardID `json:"ward"`
	Name     string       `json:"name"`
	Patients int          `json:"patients"`
	Open     int          `json:"open"`     // screens
	Sounding int          `json:"sounding"` // of them, those that can sound
	Silent   []string     `json:"silent"`   // what the others say of their sound
}

// SentinelState is one that is enrolled.
type SentinelState struct {
	ID   string        `json:"id"`
	Name string        `json:"name"`
	Seen vital.Instant `json:"seen"`
}

// OwnWay is how far the test of a sentinel came: its newest alarm and what became
// of the page about it.
type OwnWay struct {
	Raised vital.Instant `json:"raised"`
	Closed vital.Instant `json:"closed"`
	Page   string        `json:"page"` // queued, handed-over ...; empty: nobody was to be told
	Reason string        `json:"reason"`
}

// stationLive is how long a screen that says nothing counts as open, ms.
const stationLive = 45_000

// watchers remembers when sentinels last asked.
type watchers struct {
	mu   sync.Mutex
	seen map[string]vital.Instant
}

func (w *watchers) since(id string, at vital.Instant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]vital.Instant{}
	}
	w.seen[id] = max(w.seen[id], at)
}

func (w *watchers) at(id string) vital.Instant {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[id]
}

func (s *Server) watchdog(c *call) error {
	now := vital.At(s.now())
	if c.principal.Class == auth.Sentinel {
		s.watchers.since(c.principal.ID, now)
	}
	view := Watchdog{Now: now, Version: s.version, Sentinels: []SentinelState{}}
	var err error
	if s.platform != nil {
		if view.Platform, err = s.platform(c.ctx()); err != nil {
			return err
		}
	}
	view.Pages.Dead = full(view.Pages.Dead)
	s.rulesState(c.ctx(), &view.Rules)
	if view.Wards, err = s.wardSounds(c.ctx(), now); err != nil {
		return err
	}
	all, err := s.sentinels(c.ctx())
	if err != nil {
		return err
	}
	for _, one := range all {
		view.Sentinels = append(view.Sentinels, SentinelState{one.ID, one.Name, s.watchers.at(one.ID)})
		if one.ID == c.principal.ID {
			if view.Own, err = s.ownWay(c.ctx(), one); err != nil {
				return err
			}
		}
	}
	return c.json(view)
}

func (s *Server) rulesState(ctx context.Context, r *RulesState) {
	set := s.inForce()
	r.Version = set.Version()
	for _, one := range set.Rules() {
		r.Sentinel = r.Sentinel || one.Name == "sentinel"
	}
	for _, a := range s.judged.Alarms(ctx, store.Everything(s.site), nil) {
		if a.Rule == "rules-refused" || a.Rule == "rule-error" {
			r.Errors++
			r.First = cmp.Or(r.First, a.Text)
		}
	}
}

// wardSounds says of every ward with patients, but of homes, which screens show it, and which of
// them can sound. A screen of no ward shows every ward of who is signed in there.
func (s *Server) wardSounds(ctx context.Context, now vital.Instant) ([]WardSound, error) {
	all := store.Everything(s.site)
	wards, err := s.store.Wards(ctx, all)
	if err != nil {
		return nil, err
	}
	stays, err := s.store.Occupants(ctx, all, "", now)
	if err != nil {
		return nil, err
	}
	stations, err := s.store.Stations(ctx, all, store.StationFilter{Since: now - stationLive})
	if err != nil {
		return nil, err
	}
	users, err := s.store.Users(ctx, s.site)
	if err != nil {
		return nil, err
	}
	shows := func(v store.Station, ward vital.WardID) bool {
		if v.Ward != "" {
			return v.Ward == ward
		}
		return slices.ContainsFunc(users, func(u store.User) bool {
			return string(u.ID) == v.User && (u.AllWards || slices.Contains(u.Wards, ward) || slices.Contains(u.Roles, string(auth.Administrator)))
		})
	}
	sounds := []WardSound{}
	for _, w := range wards {
		one := WardSound{Ward: w.ID, Name: w.Name, Silent: []string{}}
		for _, a := range stays {
			if a.Ward == w.ID && !store.SentinelPatient(a.Patient) {
				one.Patients++
			}
		}
		for _, v := range stations {
			if !shows(v, w.ID) {
				continue
			}
			if one.Open++; v.Sound == "ok" {
				one.Sounding++
			} else {
				one.Silent = append(one.Silent, v.Sound)
			}
		}
		if one.Patients > 0 && w.Kind != "home" { // at home no screen is expected to sound
			sounds = append(sounds, one)
		}
	}
	return sounds, nil
}

func (s *Server) ownWay(ctx context.Context, one sentinel) (*OwnWay, error) {
	all, own := store.Everything(s.site), &OwnWay{}
	found, err := s.store.Alarms(ctx, all, store.AlarmFilter{Patient: one.Patient, Limit: 1})
	if err != nil || len(found) == 0 {
		return own, err
	}
	own.Raised, own.Closed = found[0].Raised, found[0].Closed
	sent, err := s.store.DeliveriesOf(ctx, all, found[0].ID)
	for _, d := range sent {
		if d.Told != "stop" {
			own.Page, own.Reason = d.State, d.Reason
		}
	}
	return own, err
}

// sentinelSilence is how long a sentinel may say nothing before the server says so.
const sentinelSilence = 60 * time.Second

// ruleSentinelSilent names the alarm of the installation: nobody watches from
// outside.
const ruleSentinelSilent = "sentinel-silent"

// heedSentinels raises a low technical alarm while a sentinel is silent, until
// ctx ends.
func (s *Server) heedSentinels(ctx context.Context) {
	begun := vital.At(s.now())
	look := time.NewTicker(5 * time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if err := s.heed(ctx, begun); err != nil && ctx.Err() == nil {
			s.log.Error("looking after the sentinels", "error", err.Error())
		}
	}
}

func (s *Server) heed(ctx context.Context, begun vital.Instant) error {
	all, err := s.sentinels(ctx)
	if err != nil {
		return err
	}
	now := vital.At(s.now())
	standing := map[string]bool{}
	for _, a := range s.judged.Alarms(ctx, store.Everything(s.site), nil) {
		if a.Patient == store.SitePatient && a.Rule == ruleSentinelSilent && a.Ended == 0 {
			standing[a.Part] = true
		}
	}
	said := false
	for _, one := range all {
		silent := now.Sub(max(s.watchers.at(one.ID), begun)) > sentinelSilence
		if silent != standing[one.ID] {
			f := vital.Finding{
				Rule: ruleSentinelSilent, Part: one.ID, Version: "1", Title: "Sentinel silent", Text: "Nobody watches Vigil from outside: sentinel " + one.Name + " is silent",
				Priority: vital.Low, Technical: true, Stand: vital.Present, At: now,
			}
			if !silent {
				f.Stand = vital.Absent
			}
			if err := s.report(ctx, f); err != nil {
				return err
			}
			said = true
		}
		delete(standing, one.ID)
	}
	for id := range standing { // its token was revoked
		if err := s.report(ctx, vital.Finding{Rule: ruleSentinelSilent, Part: id, Version: "1", Technical: true, Stand: vital.Absent, At: now}); err != nil {
			return err
		}
		said = true
	}
	if !said {
		return nil
	}
	return s.commands.Changed(ctx)
}

func (s *Server) report(ctx context.Context, f vital.Finding) error {
	return s.store.Report(ctx, audit.Entry{
		Site: s.site, At: f.At, Who: "system", Role: "watchdog", Action: "sentinel.report", Subject: "token/" + f.Part, Outcome: "done", Why: f.Text,
	}, f)
}
