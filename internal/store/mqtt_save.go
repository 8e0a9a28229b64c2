package store

import (
	"context"

	"github.com/vigilcare/vigil/vital"
)

// SaveMQTT makes a change of sessions and retained messages durable, all of it
// or nothing.
func (d *DB) SaveMQTT(ctx context.Context, site vital.Site, put []MQTTSession, end []string, retain []Retained, forget []string) error {
	return d.transact(ctx, func(t *tx) error {
		for _, s := range put {
			sealed, err := d.seal(ctx, site, "", sessionPlace(s.Client), s.Body)
			if err != nil {
				return err
			}
			if _, err := t.exec(`INSERT INTO mqtt_session (site, client, principal, expires, body) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (site, client) DO UPDATE SET principal = excluded.principal, expires = excluded.expires, body = excluded.body`,
				site, s.Client, string(s.Principal), s.Expires, notNil(sealed)); err != nil {
				return err
			}
		}
		for _, client := range end {
			if _, err := t.exec("DELETE FROM mqtt_session WHERE site = $1 AND client = $2", site, client); err != nil {
				return err
			}
		}
		for _, r := range retain {
			sealed, err := d.seal(ctx, site, "", retainedPlace(r.Topic), r.Body)
			if err != nil {
				return err
			}
			if _, err := t.exec(`INSERT INTO mqtt_retained (site, topic, qos, body, at, expires) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (site, topic) DO UPDATE SET qos = excluded.qos, body = excluded.body, at = excluded.at, expires = excluded.expires`,
				site, r.Topic, r.QoS, notNil(sealed), r.At, r.Expires); err != nil {
				return err
			}
		}
		for _, topic := range forget {
			if _, err := t.exec("DELETE FROM mqtt_retained WHERE site = $1 AND topic = $2", site, topic); err != nil {
				return err
			}
		}
		return nil
	})
}
