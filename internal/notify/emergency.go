package notify

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Whom an emergency call goes to.
const (
	Contact = "contact" // whom the patient has named
	Team    = "team"    // those of the house who come: the addresses of the ward's chain
)

// Test sends a test page to one channel of a user, by the way that every page
// goes, and returns its delivery.
func (w *Worker) Test(ctx context.Context, e audit.Entry, user vital.UserID, channel string) (store.Delivery, error) {
	none := store.Delivery{}
	channels, err := w.store.ChannelsOf(ctx, w.site, user)
	if err != nil {
		return none, err
	}
	at := w.at()
	for _, c := range channels {
		if c.ID != channel {
			continue
		}
		recent, err := w.store.DeliveriesTo(ctx, w.site, string(user), at.Add(-time.Minute), 100)
		if err != nil {
			return none, err
		}
		tests := 0
		for _, d := range recent {
			if d.Told == "test" {
				tests++
			}
		}
		if tests >= mostTests {
			return none, vital.Errorf(vital.TooMuch, "at most %d test pages a minute", mostTests)
		}
		page := store.Page{ID: pageID(), Kind: "test", Priority: vital.Low, At: at}
		d := store.Delivery{Page: page.ID, Person: string(user), Channel: c.ID, Kind: c.Kind, Priority: page.Priority, State: store.Queued, At: at, Next: at}
		e.At, e.Subject = at, "channel/"+c.ID
		plan := store.PagePlan{People: []store.Planned{{Person: string(user), Channels: []store.Way{{ID: c.ID, Kind: c.Kind}}}}, Last: true}
		if err := w.store.OpenPage(ctx, e, store.PageStep{Page: page, Plan: plan, Add: []store.Delivery{d}, Next: never}); err != nil {
			return none, err
		}
		w.Wake()
		return w.store.Delivery(ctx, w.site, store.DeliveryID(w.site, page.ID, string(user), c.ID))
	}
	return none, vital.Errorf(vital.NotFound, "channel %s: not found", channel)
}

// mostTests a minute of one user.
const mostTests = 5

func pageID() string { return "pg-" + strings.ToLower(rand.Text()[:16]) }

// Emergency calls for help for the patient of an alarm: the emergency contact, or
// the team that comes. It is the one message that says who and what, so it goes
// only to a contact for whom the patient has agreed, or to addresses that the
// ward has named for it; the ledger keeps who called and why. by is the name of
// the caller.
func (w *Worker) Emergency(ctx context.Context, e audit.Entry, alarm store.AlarmRow, to, by, why string) (page string, err error) {
	at := w.at()
	var people []store.Planned
	switch to {
	case Contact:
		people, err = w.contact(ctx, alarm.Patient)
	case Team:
		people, err = w.team(ctx, alarm.Ward)
	default:
		err = vital.Errorf(vital.Invalid, "to %q: want contact or team", to)
	}
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(why) == "" {
		return "", vital.Errorf(vital.Invalid, "why: say for what help is needed")
	}
	p := store.Page{ID: pageID(), Alarm: alarm.ID, Patient: alarm.Patient, Ward: alarm.Ward, Kind: "emergency", Priority: vital.High, At: at}
	step := store.PageStep{Page: p, Next: at.Add(w.timing.Patience[vital.High]), Plan: store.PagePlan{People: people, Last: true, Note: by + ": " + why}}
	for _, who := range people {
		way := who.Channels[0]
		step.Add = append(step.Add, store.Delivery{
			Page: p.ID, Alarm: p.Alarm, Person: who.Person, Channel: way.ID, Kind: way.Kind, Level: len(store.Levels), Priority: vital.High,
			State: store.Queued, At: at, Next: at,
		})
	}
	e.At, e.Why, e.Subject = at, why, "alarm/"+alarm.ID
	if err := w.store.OpenPage(ctx, e, step); err != nil {
		return "", err
	}
	w.Wake()
	return p.ID, nil
}

func (w *Worker) contact(ctx context.Context, patient vital.PatientID) ([]store.Planned, error) {
	c, err := w.store.ContactOf(ctx, store.Everything(w.site), patient)
	if vital.KindOf(err) == vital.NotFound && err != nil {
		return nil, vital.Errorf(vital.Precondition, "nobody is named as the emergency contact of this patient")
	}
	if err != nil {
		return nil, err
	}
	if !c.Detail {
		return nil, vital.Errorf(vital.Precondition, "the patient has not agreed that this contact is told what is wrong: call by voice")
	}
	var channels []store.Way
	if c.Phone != "" && w.senders["sms"] != nil {
		channels = append(channels, store.Way{ID: "contact-sms", Kind: "sms"})
	}
	if c.Email != "" && w.senders["email"] != nil {
		channels = append(channels, store.Way{ID: "contact-email", Kind: "email"})
	}
	if len(channels) == 0 {
		return nil, vital.Errorf(vital.Precondition, "this installation cannot reach the contact: no phone or e-mail that it could send to")
	}
	return []store.Planned{{Person: Contact, Name: "the emergency contact", Channels: channels}}, nil
}

func (w *Worker) team(ctx context.Context, ward vital.WardID) ([]store.Planned, error) {
	chain, err := w.store.ChainOf(ctx, store.Everything(w.site), ward)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return nil, err
	}
	var people []store.Planned
	for _, a := range chain.Team {
		if w.senders[a.Kind] != nil {
			id := teamChannel(a)
			people = append(people, store.Planned{Person: Team + "/" + id, Name: a.Name, Channels: []store.Way{{ID: id, Kind: a.Kind}}})
		}
	}
	if len(people) == 0 {
		return nil, vital.Errorf(vital.Precondition, "the chain of this ward names no team that this installation can reach")
	}
	return people, nil
}

func teamChannel(a store.Team) string { return "team-" + short(a.Kind + a.Address)[:12] }

// standing reports whether a channel is none of a user's.
func standing(channel string) bool {
	return strings.HasPrefix(channel, "contact-") || strings.HasPrefix(channel, "team-")
}

// callForHelp says where an emergency call goes and what it says. It is written
// when it is sent and kept nowhere.
func (w *Worker) callForHelp(ctx context.Context, t *tongue, e store.Errand, m Message) (Recipient, Message, error) {
	to := Recipient{Person: e.Person, Ward: e.Ward}
	all := store.Everything(w.site)
	contact, err := w.store.ContactOf(ctx, all, e.Patient)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return to, m, err
	}
	switch e.Channel {
	case "contact-sms", "contact-email":
		if !contact.Detail {
			return to, m, vital.Errorf(vital.Denied, "the patient has not agreed, or no longer")
		}
		if to.Address = contact.Phone; e.Channel == "contact-email" {
			to.Address = contact.Email
		}
	default:
		chain, err := w.store.ChainOf(ctx, all, e.Ward)
		if err != nil {
			return to, m, err
		}
		for _, a := range chain.Team {
			if teamChannel(a) == e.Channel {
				to.Address = a.Address
			}
		}
	}
	if to.Address == "" {
		return to, m, vital.Errorf(vital.Gone, "the address was taken out")
	}
	p, err := w.store.Patient(ctx, all, e.Patient)
	if err != nil {
		return to, m, err
	}
	alarm, err := w.store.Alarm(ctx, all, e.Alarm)
	if err != nil {
		return to, m, err
	}
	plan, err := w.store.PagePlanOf(ctx, w.site, e.Page)
	if err != nil {
		return to, m, err
	}
	zone, err := time.LoadLocation(e.Zone)
	if err != nil {
		zone = time.UTC
	}
	where := t.place("", e.WardName, e.Bed)
	if contact.Address != "" {
		where = strings.TrimPrefix(where+t.home+contact.Address, "; ")
	}
	who := strings.TrimSpace(p.Given + " " + p.Family)
	if p.Birth != "" {
		who += t.born + p.Birth
	}
	m.Title, m.Link, m.Alarm = t.emergency, "", ""
	title, text := w.wording(t, alarm.Rule, alarm.Title, alarm.Text)
	m.Text = fmt.Sprintf(t.help, who, where, title, text, alarm.Raised.Time().In(zone).Format("15:04"), plan.Note)
	return to, m, nil
}
