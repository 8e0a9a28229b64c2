package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// States of a delivery. The first two are what is still to be done, the next
// four how far a message came, the last three that it does not go on.
const (
	Queued       = "queued"
	HandingOver  = "handing-over" // the receiver is being spoken to; after a crash nobody knows whether it listened
	HandedOver   = "handed-over"  // the channel has taken it
	Delivered    = "delivered"    // it is on the person's device, where the channel can say so
	Seen         = "seen"
	Acknowledged = "acknowledged" // the person took the alarm
	Failed       = "failed"       // the channel did not take it, after every attempt
	Dead         = "dead"         // the receiver says that there is no such address, or the channel is gone
	Cancelled    = "cancelled"    // it was not needed any more before it went out
)

// Delivery is one message of one page to one person by one channel.
type Delivery struct {
	ID       string
	Page     string
	Alarm    string
	Person   string // user id; "contact", "team" or "station/..." where it is no user
	Channel  string // id of the channel
	Kind     string // of the channel
	Level    int
	Priority vital.Priority
	State    string
	Attempts int
	At       vital.Instant // when it was decided
	Changed  vital.Instant
	Next     vital.Instant // when to try, or of handing-over: when to give up waiting for its outcome
	Reason   string
	Replaces bool // the channel can put another text in place of this message

	Name    string // of the person; filled on reading
	Address string // of the channel; filled on reading
	Told    string // kind of the page; filled on reading
}

// Final reports whether the message did not and will not get out.
func (d Delivery) Final() bool { return d.State == Failed || d.State == Dead || d.State == Cancelled }

// Out reports whether the channel has taken the message.
func (d Delivery) Out() bool {
	return d.State == HandedOver || d.State == Delivered || d.State == Seen || d.State == Acknowledged
}

// DeliveryID is the same for the same page, person and channel: a receiver that
// gets it twice can drop the second.
func DeliveryID(site vital.Site, page, person, channel string) string {
	h := sha256.Sum256([]byte(string(site) + "\x00" + page + "\x00" + person + "\x00" + channel))
	return "d-" + hex.EncodeToString(h[:12])
}

func (t *tx) addDelivery(site vital.Site, d Delivery) error {
	_, err := t.exec(`INSERT INTO delivery (site, id, page, alarm, person, channel, kind, level, priority, state, attempts, at, changed, next_ms, reason, replaces, opened)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13, $14, $15, 0) ON CONFLICT DO NOTHING`,
		site, DeliveryID(site, d.Page, d.Person, d.Channel), d.Page, d.Alarm, d.Person, d.Channel, d.Kind, d.Level, d.Priority,
		d.State, d.At, d.At, d.Next, d.Reason, d.Replaces)
	return err
}

const selectDeliveries = `SELECT d.id, d.page, d.alarm, d.person, d.channel, d.kind, d.level, d.priority, d.state, d.attempts, d.at, d.changed,
	d.next_ms, d.reason, d.replaces, COALESCE(a.name, ''), c.body, p.kind
	FROM delivery d JOIN page p ON p.site = d.site AND p.id = d.page
	LEFT JOIN account a ON a.site = d.site AND a.id = d.person LEFT JOIN channel c ON c.site = d.site AND c.id = d.channel
	WHERE d.site = ?`

func (d *DB) scanDelivery(ctx context.Context, site vital.Site) func(scan func(...any) error, v *Delivery) error {
	return func(scan func(...any) error, v *Delivery) error {
		var sealed []byte
		if err := scan(&v.ID, &v.Page, &v.Alarm, &v.Person, &v.Channel, &v.Kind, &v.Level, &v.Priority, &v.State, &v.Attempts, &v.At, &v.Changed,
			&v.Next, &v.Reason, &v.Replaces, &v.Name, &sealed, &v.Told); err != nil {
			return err
		}
		b, err := d.openChannel(ctx, site, v.Channel, sealed)
		v.Address = b.Address
		return err
	}
}

// DeliveriesOf lists every message of an alarm, oldest first.
func (d *DB) DeliveriesOf(ctx context.Context, r Rows, alarm string) ([]Delivery, error) {
	q := ask(selectDeliveries, r.Site).add(" AND d.alarm = ?", alarm).seesAlarm(r, "p.patient").add(" ORDER BY d.at, d.level, d.id")
	all, err := collect(ctx, d.read, q, d.scanDelivery(ctx, r.Site))
	if err != nil {
		return nil, fmt.Errorf("deliveries of alarm %s: %w", alarm, err)
	}
	return all, nil
}

// DeliveriesTo lists what was sent to a person since then, newest first.
func (d *DB) DeliveriesTo(ctx context.Context, site vital.Site, person string, since vital.Instant, limit int) ([]Delivery, error) {
	q := ask(selectDeliveries, site).add(" AND d.person = ? AND d.at >= ? ORDER BY d.at DESC, d.id LIMIT ?", person, since, atMost(limit, 100))
	return collect(ctx, d.read, q, d.scanDelivery(ctx, site))
}

// Delivery returns one delivery.
func (d *DB) Delivery(ctx context.Context, site vital.Site, id string) (Delivery, error) {
	return one(ctx, d.read, ask(selectDeliveries, site).add(" AND d.id = ?", id), "delivery "+id, d.scanDelivery(ctx, site))
}

// Errand is a delivery that is due, with what its text is made of.
type Errand struct {
	Delivery
	Patient   vital.PatientID
	Ward      vital.WardID
	WardName  string
	Zone      string
	Bed       string // its label
	Technical bool
	Raised    vital.Instant // of the page
	Quiet     *Quiet        // of the channel
	Secret    string
	Standing  string // of the channel: "active", "dead", "" when it is gone
}

const selectErrands = `SELECT d.id, d.page, d.alarm, d.person, d.channel, d.kind, d.level, d.priority, d.state, d.attempts, d.at, d.changed,
	d.next_ms, d.reason, d.replaces, COALESCE(u.name, ''), c.body, p.kind,
	p.patient, p.ward, COALESCE(w.name, ''), COALESCE(w.zone, ''), COALESCE(b.label, ''), p.technical, p.at,
	COALESCE(c.quiet_from, -1), COALESCE(c.quiet_to, -1), CASE WHEN c.removed > 0 THEN '' ELSE COALESCE(c.state, '') END
	FROM delivery d JOIN page p ON p.site = d.site AND p.id = d.page
	LEFT JOIN ward w ON w.site = p.site AND w.id = p.ward
	LEFT JOIN alarm l ON l.site = p.site AND l.id = p.alarm LEFT JOIN bed b ON b.site = l.site AND b.id = l.bed
	LEFT JOIN account u ON u.site = d.site AND u.id = d.person LEFT JOIN channel c ON c.site = d.site AND c.id = d.channel
	WHERE d.site = ? AND d.state IN ('queued', 'handing-over')`

func (d *DB) scanErrand(ctx context.Context, site vital.Site) func(scan func(...any) error, e *Errand) error {
	return func(scan func(...any) error, e *Errand) error {
		v, q := &e.Delivery, Quiet{}
		var sealed []byte
		if err := scan(&v.ID, &v.Page, &v.Alarm, &v.Person, &v.Channel, &v.Kind, &v.Level, &v.Priority, &v.State, &v.Attempts, &v.At, &v.Changed,
			&v.Next, &v.Reason, &v.Replaces, &v.Name, &sealed, &v.Told,
			&e.Patient, &e.Ward, &e.WardName, &e.Zone, &e.Bed, &e.Technical, &e.Raised, &q.From, &q.To, &e.Standing); err != nil {
			return err
		}
		if q.From >= 0 {
			e.Quiet = &q
		}
		b, err := d.openChannel(ctx, site, v.Channel, sealed)
		v.Address, e.Secret = b.Address, b.Secret
		return err
	}
}

// Due lists what is to be handed over by now, oldest first: of high priority, or
// all the rest. What was being handed over and whose time is up is among it: the
// one who did it has stopped in the middle.
func (d *DB) Due(ctx context.Context, site vital.Site, at vital.Instant, high bool, limit int) (all []Errand, err error) {
	priorities := []vital.Priority{vital.High}
	if !high {
		priorities = []vital.Priority{vital.Medium, vital.Low, vital.NoPriority}
	}
	for _, priority := range priorities { // each is read from its index as far as it is wanted
		if len(all) == limit {
			break
		}
		q := ask(selectErrands, site).add(" AND d.priority = ? AND d.next_ms <= ? ORDER BY d.next_ms, d.id LIMIT ?", priority, at, limit-len(all))
		some, err := collect(ctx, d.read, q, d.scanErrand(ctx, site))
		if err != nil {
			return nil, fmt.Errorf("find what is to be sent: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// Claim begins the handing over of deliveries, until then, and returns those that
// nobody else has begun. Attempts counts them before the first byte goes out.
func (d *DB) Claim(ctx context.Context, site vital.Site, errands []Errand, at, until vital.Instant) (won map[string]bool, err error) {
	err = d.transact(ctx, func(t *tx) error {
		won = map[string]bool{}
		for _, e := range errands {
			n, err := t.exec(`UPDATE delivery SET state = $1, attempts = attempts + 1, next_ms = $2, changed = $3
				WHERE site = $4 AND id = $5 AND attempts = $6 AND state = $7`, HandingOver, until, at, site, e.ID, e.Attempts, e.State)
			if err != nil {
				return err
			}
			won[e.ID] = n == 1
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin to hand over: %w", err)
	}
	return won, nil
}

// Result is what became of an attempt, or of one that was not made.
type Result struct {
	ID       string
	Page     string
	State    string
	Reason   string
	Next     vital.Instant // of Queued: when to try again
	Replaces bool
}

// Finish keeps what became of attempts. Who does not get the message is told to
// the page at once, so that somebody else is.
func (d *DB) Finish(ctx context.Context, site vital.Site, at vital.Instant, results ...Result) error {
	err := d.transact(ctx, func(t *tx) error {
		for _, r := range results {
			if _, err := t.exec(`UPDATE delivery SET state = $1, reason = $2, next_ms = $3, changed = $4, replaces = $5
				WHERE site = $6 AND id = $7 AND state IN ('queued', 'handing-over')`, r.State, r.Reason, r.Next, at, r.Replaces, site, r.ID); err != nil {
				return err
			}
			if _, err := t.exec("UPDATE paging SET next_ms = $1 WHERE site = $2 AND page = $3 AND ended = 0 AND next_ms > $4", at, site, r.Page, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep what became of messages: %w", err)
	}
	return nil
}

// Hold lets deliveries that have not begun wait until then.
func (d *DB) Hold(ctx context.Context, site vital.Site, ids []string, until vital.Instant) error {
	return d.transact(ctx, func(t *tx) error {
		for some := range slices.Chunk(ids, 500) {
			q := in(ask("UPDATE delivery SET next_ms = ? WHERE site = ? AND state = 'queued' AND id ", until, site), some)
			if _, err := t.exec(q.text.String(), q.args...); err != nil {
				return fmt.Errorf("let messages wait: %w", err)
			}
		}
		return nil
	})
}

// TakeUp makes what was being handed over when this process stopped due at once.
// It is for a site that one process serves.
func (d *DB) TakeUp(ctx context.Context, site vital.Site, at vital.Instant) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE delivery SET next_ms = $1 WHERE site = $2 AND state = 'handing-over' AND next_ms > $3", at, site, at)
		return err
	})
}

// SeenBy notes that a message was seen, by the person it went to, and that the
// channel is proven. It is a Conflict when it never went out.
func (d *DB) SeenBy(ctx context.Context, e audit.Entry, id string) error {
	return d.change(ctx, e, "delivery "+id+" seen", func(t *tx) error { return t.seen(e.Site, id, e.At) })
}

// Opened is SeenBy for who followed the link in the message: a link works once.
func (d *DB) Opened(ctx context.Context, e audit.Entry, id string) (alarm string, err error) {
	return alarm, d.change(ctx, e, "delivery "+id+" opened", func(t *tx) error {
		err := t.row("UPDATE delivery SET opened = $1 WHERE site = $2 AND id = $3 AND opened = 0 RETURNING alarm", e.At, e.Site, id).Scan(&alarm)
		if missing(err) {
			return vital.Errorf(vital.NotFound, "there is no such message, or it was opened before")
		}
		if err != nil {
			return err
		}
		return t.seen(e.Site, id, e.At)
	})
}

func (t *tx) seen(site vital.Site, id string, at vital.Instant) error {
	var channel, state string
	err := t.row("SELECT channel, state FROM delivery WHERE site = $1 AND id = $2", site, id).Scan(&channel, &state)
	if missing(err) {
		return vital.Errorf(vital.NotFound, "delivery %s: not found", id)
	}
	if err != nil {
		return err
	}
	switch state {
	case Seen, Acknowledged:
		return nil
	case Failed, Dead, Cancelled:
		return vital.Errorf(vital.Conflict, "the message did not go out")
	}
	if _, err := t.exec("UPDATE delivery SET state = $1, changed = $2 WHERE site = $3 AND id = $4", Seen, at, site, id); err != nil {
		return err
	}
	_, err = t.exec("UPDATE channel SET verified = $1 WHERE site = $2 AND id = $3", at, site, channel)
	return err
}
