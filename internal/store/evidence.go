package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// PutEvidence keeps what an alarm rests on. It is gathered once: a second one is
// left aside.
func (d *DB) PutEvidence(ctx context.Context, site vital.Site, alarm string, patient vital.PatientID, at vital.Instant, body []byte) error {
	sealed, err := d.sealLate(ctx, site, patient, evidencePlace(alarm), body)
	if err != nil {
		return fmt.Errorf("keep what alarm %s rests on: %w", alarm, err)
	}
	err = d.transact(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO alarm_evidence (site, alarm, patient, at, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site, alarm) DO NOTHING",
			site, alarm, patient, at, notNil(sealed))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep what alarm %s rests on: %w", alarm, err)
	}
	return nil
}

// EvidenceOf returns it; NotFound when it has not been gathered yet.
func (d *DB) EvidenceOf(ctx context.Context, r Rows, alarm string) ([]byte, error) {
	q := ask("SELECT e.patient, e.body FROM alarm_evidence e WHERE e.site = ? AND e.alarm = ?", r.Site, alarm).seesAlarm(r, "e.patient")
	return one(ctx, d.read, q, "evidence of alarm "+alarm, func(scan func(...any) error, body *[]byte) error {
		var patient vital.PatientID
		var sealed []byte
		if err := scan(&patient, &sealed); err != nil {
			return err
		}
		var err error
		*body, err = d.unseal(ctx, r.Site, patient, evidencePlace(alarm), sealed)
		return err
	})
}

// WithoutEvidence lists alarms about patients that were raised in [from, to) and
// whose evidence has not been gathered, oldest first.
func (d *DB) WithoutEvidence(ctx context.Context, site vital.Site, from, to vital.Instant, limit int) ([]AlarmRow, error) {
	q := ask(selectAlarms, site).add(` AND a.raised >= ? AND a.raised < ? AND a.technical = ?
		AND NOT EXISTS (SELECT 1 FROM alarm_evidence e WHERE e.site = a.site AND e.alarm = a.id)`, from, to, false).
		add(" ORDER BY a.raised, a.id LIMIT ?", atMost(limit, 50))
	return collect(ctx, d.read, q, scanAlarm)
}
