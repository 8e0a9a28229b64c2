package webd

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// Notifier pages people.
type Notifier interface {
	// Test sends a test page to one channel of a user.
	Test(ctx context.Context, e audit.Entry, user vital.UserID, channel string) (store.Delivery, error)
	// Opened notes that the link of a message was followed; it returns the alarm.
	Opened(ctx context.Context, token, remote string) (alarm string, err error)
	// Emergency calls the contact or the team, and returns the page.
	Emergency(ctx context.Context, e audit.Entry, alarm store.AlarmRow, to, by, why string) (page string, err error)
	// PushKey is what a browser needs to be reached by web push.
	PushKey() string
	// Kinds are the kinds of channel that there are.
	Kinds() []string
}

// errNoNotifier is the answer where nobody is paged.
var errNoNotifier = vital.Errorf(vital.Precondition, "this server pages nobody")

// Channel is one way to reach the caller.
type Channel struct {
	ID       string        `json:"id"`
	Kind     string        `json:"kind"`
	Address  string        `json:"address"` // of web-push: the push service only
	Order    int           `json:"order"`
	Quiet    *QuietHours   `json:"quiet"`
	State    string        `json:"state"` // active; dead: the receiver says that there is no such address
	Verified vital.Instant `json:"verified"`
	Secret   string        `json:"secret,omitempty"` // of a webhook, in the answer that makes it, never again
}

// QuietHours are times of the ward's day: "22:00".
type QuietHours struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Channels is how the caller can be reached and could be.
type Channels struct {
	Items   []Channel `json:"items"`
	Kinds   []string  `json:"kinds"`
	PushKey string    `json:"pushKey"`
}

type channelsBody struct {
	Items []channelBody `json:"items"`
}

type channelBody struct {
	ID      string      `json:"id,omitempty"`
	Kind    string      `json:"kind"`
	Address string      `json:"address,omitempty"` // empty with an id: as it is
	Order   int         `json:"order,omitempty"`
	Quiet   *QuietHours `json:"quiet,omitempty"`

	State    string        `json:"state,omitempty"`
	Verified vital.Instant `json:"verified,omitempty"`
}

func channelView(c store.Channel) Channel {
	v := Channel{ID: c.ID, Kind: c.Kind, Address: c.Address, Order: c.Order, State: c.State, Verified: c.Verified}
	if c.Kind == "web-push" {
		v.Address = pushService(c.Address)
	}
	if c.Quiet != nil {
		v.Quiet = &QuietHours{clock(c.Quiet.From), clock(c.Quiet.To)}
	}
	return v
}

// pushService is whose service a subscription is of: the rest is a secret.
func pushService(subscription string) string {
	var s struct{ Endpoint string }
	if json.Unmarshal([]byte(subscription), &s) != nil {
		return ""
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

func (s *Server) channels(c *call) error { return s.renderChannels(c, nil) }

func (s *Server) renderChannels(c *call, secrets map[string]string) error {
	all, err := s.store.ChannelsOf(c.ctx(), s.site, vital.UserID(c.principal.ID))
	if err != nil {
		return err
	}
	view := Channels{Items: make([]Channel, len(all)), Kinds: []string{}}
	for i, v := range all {
		view.Items[i] = channelView(v)
		view.Items[i].Secret = secrets[v.ID]
	}
	if s.notifier != nil {
		view.Kinds, view.PushKey = full(s.notifier.Kinds()), s.notifier.PushKey()
	}
	return c.json(view)
}

func (s *Server) setChannels(c *call) error {
	var body channelsBody
	if err := c.body(&body); err != nil {
		return err
	}
	if c.principal.Class != auth.User {
		return vital.Errorf(vital.Precondition, "only a user has channels")
	}
	user := vital.UserID(c.principal.ID)
	old, err := s.store.ChannelsOf(c.ctx(), s.site, user)
	if err != nil {
		return err
	}
	known := map[string]store.Channel{}
	for _, o := range old {
		known[o.ID] = o
	}
	var channels []store.Channel
	for i, b := range body.Items {
		channel := store.Channel{ID: b.ID, Kind: b.Kind, Address: strings.TrimSpace(b.Address)}
		if o, ok := known[b.ID]; ok && (channel.Address == "" || b.Kind == "web-push" && channel.Address == pushService(o.Address)) {
			channel.Address = o.Address
		}
		if q := b.Quiet; q != nil {
			from, ok := readClock(q.From)
			to, also := readClock(q.To)
			if !ok || !also {
				return invalid(fmt.Sprintf("items[%d].quiet", i), "quiet: want times like 22:00")
			}
			channel.Quiet = &store.Quiet{From: from, To: to}
		}
		channels = append(channels, channel)
	}
	kept, err := s.store.SetChannels(c.ctx(), s.entry(c, "user/"+string(user), "channels"), user, channels)
	if err != nil {
		return err
	}
	secrets := map[string]string{}
	for _, k := range kept {
		if _, ok := known[k.ID]; !ok {
			secrets[k.ID] = k.Secret
		}
	}
	return s.renderChannels(c, secrets)
}

// nothingBody is the body of what needs none.
type nothingBody struct{}

func (s *Server) testChannel(c *call) error {
	if s.notifier == nil {
		return errNoNotifier
	}
	d, err := s.notifier.Test(c.ctx(), s.entry(c, "", "test page"), vital.UserID(c.principal.ID), c.r.PathValue("channel"))
	if err != nil {
		return err
	}
	return c.json(ownDelivery(d))
}

// OwnDelivery is a message to the caller.
type OwnDelivery struct {
	ID       string        `json:"id"`
	Page     string        `json:"page"`
	Alarm    string        `json:"alarm"`
	Told     string        `json:"told"` // raised, worse, again, escalated, stop, test
	Kind     string        `json:"kind"`
	Channel  string        `json:"channel"`
	State    string        `json:"state"`
	Attempts int           `json:"attempts"`
	At       vital.Instant `json:"at"`
	Changed  vital.Instant `json:"changed"`
	Reason   string        `json:"reason"`

	ReasonSaid *words.Said `json:"reasonSaid,omitempty"`
}

func ownDelivery(d store.Delivery) OwnDelivery {
	state := d.State
	if state == store.HandingOver {
		state = store.Queued
	}
	return OwnDelivery{
		ID: d.ID, Page: d.Page, Alarm: d.Alarm, Told: d.Told, Kind: d.Kind, Channel: d.Channel, State: state, Attempts: d.Attempts,
		At: d.At, Changed: d.Changed, Reason: d.Reason, ReasonSaid: words.Find(d.Reason),
	}
}

func (s *Server) ownDeliveries(c *call) error {
	limit, err := numberOf(c.r, "limit", 100, 1, 1000)
	if err != nil {
		return err
	}
	since, err := instantOf(c.r, "since", vital.At(s.now().Add(-24*time.Hour)))
	if err != nil {
		return err
	}
	all, err := s.store.DeliveriesTo(c.ctx(), s.site, c.principal.ID, since, limit)
	if err != nil {
		return err
	}
	views := make([]OwnDelivery, len(all))
	for i, d := range all {
		views[i] = ownDelivery(d)
	}
	return c.json(listOf(views))
}

// seenDelivery is said by the person it went to, or at the screen it was on.
func (s *Server) seenDelivery(c *call) error {
	id := c.r.PathValue("delivery")
	d, err := s.store.Delivery(c.ctx(), s.site, id)
	if err != nil {
		return err
	}
	mine := d.Person == c.principal.ID
	if station, ok := strings.CutPrefix(d.Person, "station/"); ok {
		all, err := s.store.Stations(c.ctx(), store.Everything(s.site), store.StationFilter{User: c.principal.ID})
		if err != nil {
			return err
		}
		for _, v := range all {
			mine = mine || v.ID == station
		}
	}
	if !mine {
		return vital.Errorf(vital.NotFound, "delivery %s: not found", id)
	}
	e := s.entry(c, "delivery/"+id, "")
	e.Action = "delivery.seen"
	if err := s.store.SeenBy(c.ctx(), e, id); err != nil {
		return err
	}
	if d, err = s.store.Delivery(c.ctx(), s.site, id); err != nil {
		return err
	}
	return c.json(ownDelivery(d))
}

type seenBody struct {
	Token string `json:"token"`
}

// SeenAlarm is what the link of a message leads to.
type SeenAlarm struct {
	Alarm string `json:"alarm"` // empty: of a test page
}

// seenByLink is asked by the page that a message's link opens, before anybody has
// signed in: who holds the link has seen the message, and learns nothing by it.
func (s *Server) seenByLink(c *call) error {
	var body seenBody
	if err := c.body(&body); err != nil {
		return err
	}
	if s.notifier == nil {
		return errNoNotifier
	}
	alarm, err := s.notifier.Opened(c.ctx(), body.Token, c.principal.Remote)
	if err != nil {
		return err
	}
	return c.json(SeenAlarm{alarm})
}

// Contact is whom to call for a patient, and where the patient lives.
type Contact struct {
	Name     string `json:"name"`
	Relation string `json:"relation"`
	Phone    string `json:"phone"`
	Email    string `json:"email"`
	Address  string `json:"address"`
	Detail   bool   `json:"detail"` // the patient has agreed that the contact is told what is wrong
}

func (s *Server) contact(c *call) error {
	v, err := s.store.ContactOf(c.ctx(), c.rows, c.patient())
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return err
	}
	return c.json(Contact{v.Name, v.Relation, v.Phone, v.Email, v.Address, v.Detail})
}

func (s *Server) setContact(c *call) error {
	var body Contact
	if err := c.body(&body); err != nil {
		return err
	}
	contact := person.Contact{
		Patient: c.patient(), Name: strings.TrimSpace(body.Name), Relation: strings.TrimSpace(body.Relation),
		Phone: strings.ReplaceAll(body.Phone, " ", ""), Email: strings.TrimSpace(body.Email), Address: strings.TrimSpace(body.Address), Detail: body.Detail,
	}
	if err := s.store.PutContact(c.ctx(), s.entry(c, "patient/"+string(c.patient()), "emergency contact"), contact); err != nil {
		return err
	}
	return s.contact(c)
}

type emergencyBody struct {
	To  string `json:"to"`
	Why string `json:"why"`
}

// Emergency is a call for help that was made.
type Emergency struct {
	Page       string        `json:"page"`
	Deliveries []OwnDelivery `json:"deliveries"`
}

func (s *Server) callEmergency(c *call) error {
	alarm, err := s.store.Alarm(c.ctx(), c.rows, c.r.PathValue("alarm"))
	if err != nil {
		return err
	}
	var body emergencyBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.To != "contact" && body.To != "team" {
		return invalid("to", "to %q: want contact or team", body.To)
	}
	if body.Why = strings.TrimSpace(body.Why); body.Why == "" || len(body.Why) > 300 {
		return invalid("why", "why: want 1 to 300 characters")
	}
	if s.notifier == nil {
		return errNoNotifier
	}
	e := s.entry(c, "alarm/"+alarm.ID, body.Why)
	e.Action = "alarm.emergency"
	page, err := s.notifier.Emergency(c.ctx(), e, alarm, body.To, cmp.Or(c.principal.Name, c.principal.ID), body.Why)
	if err != nil {
		return err
	}
	all, err := s.store.DeliveriesOf(c.ctx(), c.rows, alarm.ID)
	if err != nil {
		return err
	}
	view := Emergency{Page: page, Deliveries: []OwnDelivery{}}
	for _, d := range all {
		if d.Page == page {
			view.Deliveries = append(view.Deliveries, ownDelivery(d))
		}
	}
	return c.json(view)
}
