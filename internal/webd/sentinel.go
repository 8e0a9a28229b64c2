package webd

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// newSentinel asks for a sentinel. Webhook is the address at which it listens for
// its pages.
type newSentinel struct {
	Name    string `json:"name"`
	Webhook string `json:"webhook"`
}

// SentinelMade is everything that a sentinel needs to begin, shown this once.
type SentinelMade struct {
	ID      string         `json:"id"` // of its token: revoking it ends the sentinel
	Name    string         `json:"name"`
	Ward    vital.WardID   `json:"ward"`
	Device  vital.DeviceID `json:"device"`
	MQTT    string         `json:"mqtt"` // where devices send to; empty when the server does not run
	Account Credential     `json:"credential"`
	Secret  string         `json:"secret"` // that its pages are signed with
	Token   string         `json:"token"`
}

// sentinel is what is kept of one, by the id of its token.
type sentinel struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Ward    vital.WardID    `json:"ward"`
	Patient vital.PatientID `json:"patient"`
	Device  vital.DeviceID  `json:"device"`
}

// sentinelSetting keeps a sentinel; the id of its token follows.
const sentinelSetting = "sentinel."

// makeSentinel makes everything by which a sentinel can go the way of a real
// alarm and nobody is taken for a patient: a ward of its own with one bed, a
// patient who is only played, a device, a receiver who is told of this ward and
// of nothing else, and a token that reads the watchdog and nothing else.
func (s *Server) makeSentinel(c *call) error {
	var body newSentinel
	if err := c.body(&body); err != nil {
		return err
	}
	body.Name = strings.TrimSpace(body.Name)
	if body.Name == "" || len(body.Name) > 60 {
		return invalid("name", "name: want 1 to 60 characters that say where the sentinel runs")
	}
	ctx, now := c.ctx(), vital.At(s.now())
	id := auth.NewID("")
	label := "Sentinel " + body.Name
	ward, err := s.store.PutWard(ctx, s.entry(c, "ward", label), store.Ward{Name: label, Zone: "UTC", Kind: "adult"})
	if err != nil {
		return err
	}
	bed, err := s.store.PutBed(ctx, s.entry(c, "ward/"+string(ward.ID), label), store.Bed{Ward: ward.ID, Label: "T", Position: 1})
	if err != nil {
		return err
	}
	user := store.User{
		Site: s.site, ID: vital.UserID(auth.NewID("u-")), Name: label, Username: "sentinel-" + strings.ToLower(id), Roles: []string{string(auth.Nurse)},
		Wards: []vital.WardID{ward.ID}, State: auth.UserActive, Created: now,
	}
	if err := s.store.PutUser(ctx, s.entry(c, "user/"+string(user.ID), label), user); err != nil {
		return err
	}
	channels, err := s.store.SetChannels(ctx, s.entry(c, "user/"+string(user.ID), label), user.ID, []store.Channel{{Kind: "webhook", Address: strings.TrimSpace(body.Webhook)}})
	if err != nil {
		return inField("webhook", err)
	}
	chain := store.Chain{Rungs: []store.Rung{{Level: 0, People: []store.Staff{{User: user.ID}}}}}
	if err := s.store.PutChain(ctx, s.entry(c, "ward/"+string(ward.ID), label), ward.ID, chain); err != nil {
		return err
	}
	patient := vital.PatientID(store.SentinelPrefix + id)
	if _, err := s.store.PutPatient(ctx, s.entry(c, "patient/"+string(patient), label), person.Person{
		Patient: patient, Family: "Sentinel", Given: body.Name, Sex: "unknown", Flags: []string{"test, nobody"}, Demo: s.demo,
	}); err != nil {
		return err
	}
	if _, err := s.store.Admit(ctx, s.entry(c, "patient/"+string(patient), label), patient, bed.ID, now); err != nil {
		return err
	}
	if _, err := s.store.SetCare(ctx, s.entry(c, "patient/"+string(patient), label), store.Care{Patient: patient, Conditions: []string{"vigil-sentinel"}}); err != nil {
		return err
	}
	enrolled, err := s.enrol(c, store.Device{
		ID: vital.DeviceID(store.SentinelPrefix + id), Label: label, Kind: "sentinel", Class: string(auth.Device), Model: "vigil sentinel",
		Regulatory: "unknown", State: auth.DeviceActive,
	})
	if err != nil {
		return err
	}
	if _, err := s.store.Bind(ctx, s.entry(c, "device/"+string(enrolled.Device.ID), label), store.Binding{
		Device: enrolled.Device.ID, Patient: patient, From: now, By: c.principal.ID, Why: label,
	}); err != nil {
		return err
	}
	token, secret, err := s.gate.NewToken(ctx, c.principal, store.Token{Name: label, Class: string(auth.Sentinel)})
	if err != nil {
		return err
	}
	kept, err := json.Marshal(sentinel{token.ID, body.Name, ward.ID, patient, enrolled.Device.ID})
	if err != nil {
		return err
	}
	if err := s.store.PutSetting(ctx, s.site, sentinelSetting+token.ID, kept); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.created(SentinelMade{
		ID: token.ID, Name: body.Name, Ward: ward.ID, Device: enrolled.Device.ID, MQTT: s.mqtt, Account: enrolled.Credential,
		Secret: channels[0].Secret, Token: secret,
	})
}

// sentinels are those whose token is in force.
func (s *Server) sentinels(ctx context.Context) ([]sentinel, error) {
	tokens, err := s.store.Tokens(ctx, s.site)
	if err != nil {
		return nil, err
	}
	tokens = slices.DeleteFunc(tokens, func(t store.Token) bool {
		return t.Class != string(auth.Sentinel) || t.Expires.Known() && t.Expires <= vital.At(s.now())
	})
	all := make([]sentinel, 0, len(tokens))
	for _, t := range tokens {
		one, err := s.sentinelOf(ctx, t.ID)
		if err != nil {
			return nil, err
		}
		s.watchers.since(t.ID, max(t.LastUsed, t.Created))
		all = append(all, one)
	}
	return all, nil
}

func (s *Server) sentinelOf(ctx context.Context, token string) (one sentinel, err error) {
	kept, err := s.store.Setting(ctx, s.site, sentinelSetting+token)
	if err != nil {
		return one, err
	}
	return one, json.Unmarshal(kept, &one)
}
