package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// audit writes one line of the ledger. There is no method that changes one.
func (t *tx) audit(e audit.Entry) error {
	if e.At == 0 {
		e.At = now()
	}
	if e.Outcome == "" {
		e.Outcome = "done"
	}
	_, err := t.exec(`INSERT INTO audit (site, at, who, role, from_address, action, subject, patient, outcome, why)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		e.Site, e.At, e.Who, e.Role, e.From, e.Action, e.Subject, e.Patient, e.Outcome, e.Why)
	if err != nil {
		return fmt.Errorf("write the audit entry %s: %w", e.Action, err)
	}
	return nil
}

// AppendAudit adds entries that belong to no change: refusals, and looking.
func (d *DB) AppendAudit(ctx context.Context, entries ...audit.Entry) error {
	return d.transact(ctx, func(t *tx) error {
		for _, e := range entries {
			if e.Site == "" || e.Action == "" {
				return vital.Errorf(vital.Invalid, "an audit entry must say site and action")
			}
			if err := t.audit(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// AuditFilter narrows Audit; zero fields do not narrow. Newest first.
type AuditFilter struct {
	Patient vital.PatientID
	Who     string
	Action  string
	Before  vital.Instant
	Limit   int // 0: 200
}

// Audit reads the ledger. A caller with wards only sees the entries about its
// patients.
func (d *DB) Audit(ctx context.Context, r Rows, f AuditFilter) ([]audit.Entry, error) {
	q := ask(`SELECT a.site, a.at, a.who, a.role, a.from_address, a.action, a.subject, a.patient, a.outcome, a.why
		FROM audit a WHERE a.site = ?`, r.Site).
		when(f.Patient != "", " AND a.patient = ?", f.Patient).
		when(f.Who != "", " AND a.who = ?", f.Who).
		when(f.Action != "", " AND a.action = ?", f.Action).
		when(f.Before != 0, " AND a.at < ?", f.Before).
		seesPatient(r, "a.patient").
		add(" ORDER BY a.at DESC, a.id DESC LIMIT ?", atMost(f.Limit, 200))
	return collect(ctx, d.read, q, func(scan func(...any) error, e *audit.Entry) error {
		return scan(&e.Site, &e.At, &e.Who, &e.Role, &e.From, &e.Action, &e.Subject, &e.Patient, &e.Outcome, &e.Why)
	})
}

func atMost(limit, standard int) int {
	if limit <= 0 {
		return standard
	}
	return min(limit, 10000)
}
