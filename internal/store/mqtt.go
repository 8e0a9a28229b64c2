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

// MQTTSessions returns every session, expired ones too, by client.
func (d *DB) MQTTSessions(ctx context.Context, site vital.Site) ([]MQTTSession, error) {
	q := ask("SELECT client, principal, expires, body FROM mqtt_session WHERE site = ? ORDER BY client", site)
	return collect(ctx, d.read, q, func(scan func(...any) error, s *MQTTSession) error {
		var sealed []byte
		if err := scan(&s.Client, &s.Principal, &s.Expires, &sealed); err != nil {
			return err
		}
		var err error
		s.Body, err = d.unseal(ctx, site, "", sessionPlace(s.Client), sealed)
		return err
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

// RetainedAll returns every retained message by topic.
func (d *DB) RetainedAll(ctx context.Context, site vital.Site) ([]Retained, error) {
	q := ask("SELECT topic, qos, body, at, expires FROM mqtt_retained WHERE site = ? ORDER BY topic", site)
	return collect(ctx, d.read, q, func(scan func(...any) error, r *Retained) error {
		var sealed []byte
		if err := scan(&r.Topic, &r.QoS, &sealed, &r.At, &r.Expires); err != nil {
			return err
		}
		var err error
		r.Body, err = d.unseal(ctx, site, "", retainedPlace(r.Topic), sealed)
		return err
	})
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
