package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Anomaly is that somebody looked at more than a person cares for.
type Anomaly struct {
	ID       string
	At       vital.Instant
	Who      string
	Role     string
	Kind     string // "many": looks in all; "unrelated": patients to whom there is no relation
	Looks    int
	Patients int
	Minutes  int // of how long
	Bound    int // that was passed
	Seen     vital.Instant
	SeenBy   string
	Note     string
}

// Kinds of anomaly.
const (
	ManyLooks = "many"
	Unrelated = "unrelated"
)

const selectAnomalies = "SELECT y.id, y.at, y.who, y.role, y.kind, y.looks, y.patients, y.minutes, y.bound, y.seen, y.seen_by, y.note FROM anomaly y WHERE y.site = ?"

func scanAnomaly(scan func(...any) error, a *Anomaly) error {
	return scan(&a.ID, &a.At, &a.Who, &a.Role, &a.Kind, &a.Looks, &a.Patients, &a.Minutes, &a.Bound, &a.Seen, &a.SeenBy, &a.Note)
}

// PutAnomaly keeps what was noticed, and tells the people given.
func (d *DB) PutAnomaly(ctx context.Context, e audit.Entry, a Anomaly, tell []Notice) error {
	if a.ID == "" {
		a.ID = newID("an")
	}
	return d.change(ctx, e, "anomaly of "+a.Who, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO anomaly (site, id, at, who, role, kind, looks, patients, minutes, bound, seen, seen_by, note)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, '', '')`, e.Site, a.ID, a.At, a.Who, a.Role, a.Kind, a.Looks, a.Patients, a.Minutes, a.Bound); err != nil {
			return err
		}
		for _, n := range tell {
			if err := t.notice(e.Site, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Anomalies lists what was noticed since a time, newest first, at most 200.
func (d *DB) Anomalies(ctx context.Context, site vital.Site, since vital.Instant) ([]Anomaly, error) {
	return collect(ctx, d.read, ask(selectAnomalies, site).add(" AND y.at >= ? ORDER BY y.at DESC, y.id LIMIT 200", since), scanAnomaly)
}

// Anomaly returns one.
func (d *DB) Anomaly(ctx context.Context, site vital.Site, id string) (Anomaly, error) {
	return one(ctx, d.read, ask(selectAnomalies, site).add(" AND y.id = ?", id), "anomaly "+id, scanAnomaly)
}

// SeeAnomaly keeps what somebody found behind it.
func (d *DB) SeeAnomaly(ctx context.Context, e audit.Entry, id, note string) error {
	return d.change(ctx, e, "see anomaly "+id, func(t *tx) error {
		n, err := t.exec("UPDATE anomaly SET seen = $1, seen_by = $2, note = $3 WHERE site = $4 AND id = $5", e.At, e.Who, note, e.Site, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "anomaly %s: not found", id)
		}
		return err
	})
}

// Looker is how much somebody looked at lately.
type Looker struct {
	Who       string
	Role      string
	Looks     int // entries about a patient
	Patients  int // different ones
	Unrelated int // of them those who lay in no ward of the looker, and to whom there was no other relation
}

// Lookers counts, for everybody who signs in, the looks of the ledger since a
// time. A relation that holds, or held since then, is one; so is broken glass,
// which is reviewed by itself.
func (d *DB) Lookers(ctx context.Context, site vital.Site, since vital.Instant) ([]Looker, error) {
	q := ask(`SELECT l.who, MAX(l.role), SUM(l.looks), COUNT(*), SUM(l.strange) FROM (
		SELECT a.who AS who, MAX(a.role) AS role, a.patient AS patient, COUNT(*) AS looks, CASE WHEN
			n.patient = a.patient
			OR EXISTS (SELECT 1 FROM relation r WHERE r.site = a.site AND r.account = a.who AND r.patient = a.patient AND (r.to_ms = 0 OR r.to_ms > ?))
			OR EXISTS (SELECT 1 FROM glass g WHERE g.site = a.site AND g.account = a.who AND g.patient = a.patient AND g.until_ms > ?)
			OR EXISTS (SELECT 1 FROM admission s WHERE s.site = a.site AND s.patient = a.patient AND (s.to_ms = 0 OR s.to_ms > ?) AND n.wards LIKE '%"' || s.ward || '"%')
			THEN 0 ELSE 1 END AS strange
		FROM audit a JOIN account n ON n.site = a.site AND n.id = a.who
		WHERE a.site = ? AND a.at >= ? AND a.patient <> '' AND a.outcome = 'done' GROUP BY a.site, a.who, a.patient, n.patient, n.wards) l GROUP BY l.who ORDER BY l.who`,
		since, since, since, site, since)
	return collect(ctx, d.read, q, func(scan func(...any) error, l *Looker) error {
		return scan(&l.Who, &l.Role, &l.Looks, &l.Patients, &l.Unrelated)
	})
}

// Look is an entry of the ledger about one patient, for the patient.
type Look struct {
	At      vital.Instant
	Who     string
	Role    string
	Action  string
	Subject string
	Outcome string
	Why     string
	Purpose string
	Glass   bool
}

// LooksAt lists who looked at or changed what is kept of a patient before a time
// (0: now), newest first: the entries about the patient, and those about a whole
// ward while the patient lay there.
func (d *DB) LooksAt(ctx context.Context, r Rows, patient vital.PatientID, before vital.Instant, limit int) ([]Look, error) {
	if before == 0 {
		before = 1 << 62
	}
	q := ask(`SELECT a.at, a.who, a.role, a.action, a.subject, a.outcome, a.why, a.purpose, CASE WHEN EXISTS (SELECT 1 FROM glass g WHERE g.site = a.site
		AND g.account = a.who AND g.patient = ? AND g.from_ms <= a.at AND a.at < CASE WHEN g.ended > 0 THEN g.ended ELSE g.until_ms END) THEN 1 ELSE 0 END
		FROM audit a JOIN patient p ON p.site = a.site AND p.id = ? WHERE a.site = ? AND a.at < ? AND (a.patient = p.id
		OR a.patient = '' AND a.outcome = 'done' AND a.subject LIKE 'ward/%' AND EXISTS (SELECT 1 FROM admission s WHERE s.site = a.site AND s.patient = p.id
			AND 'ward/' || s.ward = a.subject AND s.from_ms <= a.at AND (s.to_ms = 0 OR s.to_ms > a.at)))`, patient, patient, r.Site, before).
		seesPatient(r, "p.id").add(" ORDER BY a.at DESC, a.id DESC LIMIT ?", atMost(limit, 200))
	return collect(ctx, d.read, q, func(scan func(...any) error, l *Look) error {
		return scan(&l.At, &l.Who, &l.Role, &l.Action, &l.Subject, &l.Outcome, &l.Why, &l.Purpose, &l.Glass)
	})
}
