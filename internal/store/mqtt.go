package store

import (
	"context"

	"github.com/vigilcare/vigil/vital"
)

// MQTTSession is what must survive a restart of one client's session. Body is
// the front's own.
type MQTTSession struct {
	Client    string
	Principal []byte // JSON
	Expires   vital.Instant
	Body      []byte
}

// PutMQTTSessions keeps sessions, all of them in one transaction.
func (d *DB) PutMQTTSessions(ctx context.Context, site vital.Site, sessions ...MQTTSession) error {
	return d.transact(ctx, func(t *tx) error {
		for _, s := range sessions {
			_, err := t.exec(`INSERT INTO mqtt_session (site, client, principal, expires, body) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (site, client) DO UPDATE SET principal = excluded.principal, expires = excluded.expires, body = excluded.body`,
				site, s.Client, string(s.Principal), s.Expires, notNil(s.Body))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// PutMQTTSession keeps one session.
func (d *DB) PutMQTTSession(ctx context.Context, site vital.Site, s MQTTSession) error {
	return d.PutMQTTSessions(ctx, site, s)
}

// DeleteMQTTSession forgets the session of a client.
func (d *DB) DeleteMQTTSession(ctx context.Context, site vital.Site, client string) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM mqtt_session WHERE site = $1 AND client = $2", site, client)
		return err
	})
}

// MQTTSessions returns every session, expired ones too, by client.
func (d *DB) MQTTSessions(ctx context.Context, site vital.Site) ([]MQTTSession, error) {
	q := ask("SELECT client, principal, expires, body FROM mqtt_session WHERE site = ? ORDER BY client", site)
	return collect(ctx, d.read, q, func(scan func(...any) error, s *MQTTSession) error {
		return scan(&s.Client, &s.Principal, &s.Expires, &s.Body)
	})
}

// Retained is the last retained message of a topic.
type Retained struct {
	Topic   string
	QoS     byte
	Body    []byte // payload, and what else the front keeps of it
	At      vital.Instant
	Expires vital.Instant
}

// PutRetained keeps a retained message in place of the one before.
func (d *DB) PutRetained(ctx context.Context, site vital.Site, r Retained) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO mqtt_retained (site, topic, qos, body, at, expires) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (site, topic) DO UPDATE SET qos = excluded.qos, body = excluded.body, at = excluded.at, expires = excluded.expires`,
			site, r.Topic, r.QoS, notNil(r.Body), r.At, r.Expires)
		return err
	})
}

// DeleteRetained forgets the retained message of a topic.
func (d *DB) DeleteRetained(ctx context.Context, site vital.Site, topic string) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM mqtt_retained WHERE site = $1 AND topic = $2", site, topic)
		return err
	})
}

// RetainedAll returns every retained message by topic.
func (d *DB) RetainedAll(ctx context.Context, site vital.Site) ([]Retained, error) {
	q := ask("SELECT topic, qos, body, at, expires FROM mqtt_retained WHERE site = ? ORDER BY topic", site)
	return collect(ctx, d.read, q, func(scan func(...any) error, r *Retained) error {
		return scan(&r.Topic, &r.QoS, &r.Body, &r.At, &r.Expires)
	})
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
