package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Channel is one way to reach a user. The address is never logged.
type Channel struct {
	ID       string
	User     vital.UserID
	Kind     string // one of ChannelKinds
	Address  string // e-mail, phone, URL, or the JSON of a push subscription
	Secret   string // of a webhook: what its messages are signed with
	Order    int
	Quiet    *Quiet
	State    string        // "active"; "dead": the receiver said that the address is no more
	Verified vital.Instant // when a message was seen that went this way, 0: never
	Created  vital.Instant
}

// ChannelKinds are the ways there are.
var ChannelKinds = []string{"screen", "web-push", "ntfy", "sms", "email", "webhook"}

// Quiet is when a channel is left alone by what is not of high priority, in
// minutes of the ward's day. It may go over midnight.
type Quiet struct{ From, To int }

// Holds reports whether minute lies in the quiet hours.
func (q *Quiet) Holds(minute int) bool {
	switch {
	case q == nil || q.From == q.To:
		return false
	case q.From < q.To:
		return q.From <= minute && minute < q.To
	}
	return minute >= q.From || minute < q.To
}

// mostChannels bounds how many ways a user may name.
const mostChannels = 20

// SetChannels replaces the channels of a user, in their order. One that keeps
// its id and address keeps its secret and that it was verified.
func (d *DB) SetChannels(ctx context.Context, e audit.Entry, user vital.UserID, channels []Channel) ([]Channel, error) {
	channels = slices.Clone(channels)
	if e.At == 0 {
		e.At = now()
	}
	err := d.change(ctx, e, "channels of user "+string(user), func(t *tx) error {
		if len(channels) > mostChannels {
			return vital.Errorf(vital.TooMuch, "at most %d channels", mostChannels)
		}
		old, err := collect(t.ctx, t.sql, ask(selectChannels, e.Site).add(" AND account = ? AND removed = 0", user), d.scanChannel(ctx, e.Site))
		if err != nil {
			return err
		}
		if _, err := t.exec("UPDATE channel SET removed = $1 WHERE site = $2 AND account = $3 AND removed = 0", e.At, e.Site, user); err != nil {
			return err
		}
		for i := range channels {
			c := &channels[i]
			if err := checkAddress(c.Kind, c.Address); err != nil {
				return err
			}
			was := slices.IndexFunc(old, func(o Channel) bool { return o.ID == c.ID && c.ID != "" })
			if was < 0 && c.ID != "" {
				return vital.Errorf(vital.NotFound, "channel %s: not found", c.ID)
			}
			c.User, c.Order, c.State, c.Secret, c.Verified, c.Created = user, i, "active", "", 0, e.At
			switch {
			case was >= 0 && old[was].Kind == c.Kind && old[was].Address == c.Address:
				o := old[was]
				c.Secret, c.Verified, c.Created, c.State = o.Secret, o.Verified, o.Created, o.State
			default:
				c.ID = newID("ch") // another address is another channel: what went to the old one stays said of it
			}
			if c.Kind == "webhook" && c.Secret == "" {
				c.Secret = "whsec_" + rand.Text()
			}
			if err := t.putChannel(e.Site, *c); err != nil {
				return err
			}
		}
		return nil
	})
	return channels, err
}

func (t *tx) putChannel(site vital.Site, c Channel) error {
	from, to := -1, -1
	if q := c.Quiet; q != nil {
		if from, to = q.From, q.To; from < 0 || from >= 24*60 || to < 0 || to >= 24*60 {
			return vital.Errorf(vital.Invalid, "quiet hours: want times from 00:00 to 23:59")
		}
	}
	sealed, err := t.d.sealJSON(t.ctx, site, "", channelPlace(c.ID), channelBody{c.Address, c.Secret})
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO channel (site, id, account, kind, body, position, quiet_from, quiet_to, state, verified, created, removed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)
		ON CONFLICT (site, id) DO UPDATE SET position = excluded.position, quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to, removed = 0`,
		site, c.ID, c.User, c.Kind, sealed, c.Order, from, to, c.State, c.Verified, c.Created)
	return err
}

const selectChannels = `SELECT id, account, kind, body, position, quiet_from, quiet_to, state, verified, created FROM channel WHERE site = ?`

// channelBody is what is sealed of a channel.
type channelBody struct {
	Address string `json:"address,omitempty"`
	Secret  string `json:"secret,omitempty"`
}

func (d *DB) scanChannel(ctx context.Context, site vital.Site) func(scan func(...any) error, c *Channel) error {
	return func(scan func(...any) error, c *Channel) error {
		var q Quiet
		var sealed []byte
		if err := scan(&c.ID, &c.User, &c.Kind, &sealed, &c.Order, &q.From, &q.To, &c.State, &c.Verified, &c.Created); err != nil {
			return err
		}
		if q.From >= 0 {
			c.Quiet = &q
		}
		b, err := d.openChannel(ctx, site, c.ID, sealed)
		c.Address, c.Secret = b.Address, b.Secret
		return err
	}
}

func (d *DB) openChannel(ctx context.Context, site vital.Site, id string, sealed []byte) (b channelBody, err error) {
	_, err = d.unsealJSON(ctx, site, "", channelPlace(id), sealed, &b)
	return b, err
}

// ChannelsOf lists the channels of users, each one's in order.
func (d *DB) ChannelsOf(ctx context.Context, site vital.Site, users ...vital.UserID) ([]Channel, error) {
	if len(users) == 0 {
		return nil, nil
	}
	q := in(ask(selectChannels, site).add(" AND removed = 0 AND account "), users).add(" ORDER BY account, position, id")
	all, err := collect(ctx, d.read, q, d.scanChannel(ctx, site))
	if err != nil {
		return nil, fmt.Errorf("channels: %w", err)
	}
	return all, nil
}

// Channel returns one channel, also one that was removed since.
func (d *DB) Channel(ctx context.Context, site vital.Site, id string) (Channel, error) {
	return one(ctx, d.read, ask(selectChannels, site).add(" AND id = ?", id), "channel "+id, d.scanChannel(ctx, site))
}

// KillChannel notes that the receiver said that this address is no more.
func (d *DB) KillChannel(ctx context.Context, site vital.Site, id string) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE channel SET state = 'dead' WHERE site = $1 AND id = $2", site, id)
		return err
	})
}

var phone = regexp.MustCompile(`^\+?[0-9]{4,15}$`)

// checkAddress refuses what could never be reached, before somebody relies on it.
func checkAddress(kind, address string) error {
	if len(address) > 2000 || strings.ContainsAny(address, "\r\n\x00") {
		return vital.Errorf(vital.Invalid, "address of a %s channel: too long, or with a line break", kind)
	}
	switch kind {
	case "screen":
		if address != "" {
			return vital.Errorf(vital.Invalid, "a screen channel has no address: it is wherever the user is signed in")
		}
		return nil
	case "email":
		a, err := mail.ParseAddress(address)
		if err != nil || a.Address != address {
			return vital.Errorf(vital.Invalid, "address: want an e-mail address like name@example.org")
		}
		return nil
	case "sms":
		if !phone.MatchString(address) {
			return vital.Errorf(vital.Invalid, "address: want a phone number of digits, like +41791234567")
		}
		return nil
	case "webhook", "ntfy":
		return checkURL(address)
	case "web-push":
		var s struct {
			Endpoint string
			Keys     struct{ P256dh, Auth string }
		}
		if err := json.Unmarshal([]byte(address), &s); err != nil || s.Keys.P256dh == "" || s.Keys.Auth == "" {
			return vital.Errorf(vital.Invalid, "address: want the JSON of a push subscription")
		}
		return checkURL(s.Endpoint)
	}
	return vital.Errorf(vital.Invalid, "kind %q: want one of %s", kind, strings.Join(ChannelKinds, ", "))
}

func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" {
		return vital.Errorf(vital.Invalid, "address: want a URL that begins with https://")
	}
	return nil
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs cannot fail
	}
	return string(b)
}
