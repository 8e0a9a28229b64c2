package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// audit puts one line into the ledger when the transaction ends. There is no
// method that changes one.
func (t *tx) audit(e audit.Entry) error {
	if e.At == 0 {
		e.At = now()
	}
	if e.Outcome == "" {
		e.Outcome = "done"
	}
	e.Site, e.Patient = vital.Site(cleanText(string(e.Site))), vital.PatientID(cleanText(string(e.Patient)))
	for _, s := range []*string{&e.Who, &e.Role, &e.From, &e.Action, &e.Subject, &e.Outcome, &e.Why, &e.Purpose, &e.Glass} {
		*s = cleanText(*s) // its hash must be that of what is read back
	}
	t.entries = append(t.entries, e)
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

// AuditFilter narrows Audit; zero fields do not narrow.
type AuditFilter struct {
	Patient  vital.PatientID
	Who      string
	Action   string // or the beginning of one
	Outcome  string
	Purpose  string
	Text     string // words of the reason that must all occur
	Glass    *bool  // only under a break-glass, or only without
	From, To vital.Instant
	Before   int64 // only entries with a smaller number; 0: all
	Limit    int   // 0: 200
}

// AuditRow is an entry as it is shown.
type AuditRow struct {
	audit.Entry
	N      int64
	Erased bool // its reason was erased
}

// auditWhere adds the conditions of a filter, but for Before.
func (q *query) auditWhere(r Rows, f AuditFilter) *query {
	q.add("a.site = ?", r.Site).
		when(f.Patient != "", " AND a.patient = ?", f.Patient).
		when(f.Who != "", " AND a.who = ?", f.Who).
		when(f.Action != "", " AND a.action >= ? AND a.action < ?", f.Action, f.Action+"\U0010FFFF").
		when(f.Outcome != "", " AND a.outcome = ?", f.Outcome).
		when(f.Purpose != "", " AND a.purpose = ?", f.Purpose).
		when(f.From != 0, " AND a.at >= ?", f.From).
		when(f.To != 0, " AND a.at < ?", f.To)
	if f.Glass != nil {
		q.when(*f.Glass, " AND a.glass <> ''").when(!*f.Glass, " AND a.glass = ''")
	}
	return q.likeAll("LOWER(a.why)", f.Text).seesPatient(r, "a.patient")
}

// Audit reads the ledger, newest first. A caller with wards only sees the entries
// about its patients, and no numbers: the gaps between them would tell how much
// happened elsewhere.
func (d *DB) Audit(ctx context.Context, r Rows, f AuditFilter) ([]AuditRow, error) {
	number := "0"
	if r.All {
		number = "a.n"
	}
	q := ask("SELECT a.site, a.at, a.who, a.role, a.from_address, a.action, a.subject, a.patient, a.outcome, a.why, a.purpose, a.glass, "+number+", a.erased IS NOT NULL FROM audit a WHERE ").
		auditWhere(r, f).
		when(f.Before > 0 && r.All, " AND a.n < ?", f.Before).
		add(" ORDER BY a.n DESC LIMIT ?", atMost(f.Limit, 200))
	rows, err := collect(ctx, d.read, q, func(scan func(...any) error, e *AuditRow) error {
		return scan(&e.Site, &e.At, &e.Who, &e.Role, &e.From, &e.Action, &e.Subject, &e.Patient, &e.Outcome, &e.Why, &e.Purpose, &e.Glass, &e.N, &e.Erased)
	})
	if err != nil {
		return nil, fmt.Errorf("search the ledger: %w", err)
	}
	return rows, nil
}

// AuditRows reads whole rows of the ledger with what proves them, oldest first,
// from a number on, for who takes them away.
func (d *DB) AuditRows(ctx context.Context, r Rows, f AuditFilter, from int64, limit int) ([]audit.Row, error) {
	if !r.All {
		return nil, vital.Errorf(vital.Denied, "only who sees the whole ledger may take it away")
	}
	columns := "a." + strings.ReplaceAll(auditColumns, ", ", ", a.") + ", a.erased"
	q := ask("SELECT "+columns+" FROM audit a WHERE ").auditWhere(r, f).add(" AND a.n >= ? ORDER BY a.n LIMIT ?", from, limit)
	rows, err := collect(ctx, d.read, q, scanRow)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return rows, nil
}

// auditCounted is up to where matches are counted.
const auditCounted = 10_000

// AuditCount is how many entries match, counted up to 10,000; more says that
// there are others.
func (d *DB) AuditCount(ctx context.Context, r Rows, f AuditFilter) (count int, more bool, err error) {
	q := ask("SELECT COUNT(*) FROM (SELECT 1 FROM audit a WHERE ").auditWhere(r, f).add(" LIMIT ?) found", auditCounted+1)
	if err := d.read.QueryRowContext(ctx, q.text.String(), plain(q.args)...).Scan(&count); err != nil {
		return 0, false, fmt.Errorf("count in the ledger: %w", err)
	}
	return min(count, auditCounted), count > auditCounted, nil
}

// AuditTally is how many entries share one value.
type AuditTally struct {
	Key   string
	Count int64
}

// auditBy is what entries can be counted by.
var auditBy = map[string]string{
	"who": "a.who", "action": "a.action", "outcome": "a.outcome", "patient": "a.patient", "role": "a.role", "purpose": "a.purpose",
	"day": "CAST(a.at / 86400000 AS BIGINT)",
}

// AuditCounts counts the entries that match by who, action, outcome, patient,
// role, purpose or day (days since 1970 in UTC, the newest first; all others by
// their number, the most first), at most 100.
func (d *DB) AuditCounts(ctx context.Context, r Rows, f AuditFilter, by string) ([]AuditTally, error) {
	column, ok := auditBy[by]
	if !ok {
		return nil, vital.Errorf(vital.Invalid, "by %q: want who, action, outcome, patient, role, purpose or day", by)
	}
	q := ask("SELECT CAST("+column+" AS TEXT), COUNT(*) FROM audit a WHERE ").auditWhere(r, f).add(" GROUP BY " + column)
	q.when(by == "day", " ORDER BY "+column+" DESC LIMIT 100").when(by != "day", " ORDER BY COUNT(*) DESC, "+column+" LIMIT 100")
	counts, err := collect(ctx, d.read, q, func(scan func(...any) error, t *AuditTally) error { return scan(&t.Key, &t.Count) })
	if err != nil {
		return nil, fmt.Errorf("count in the ledger: %w", err)
	}
	return counts, nil
}

func atMost(limit, standard int) int {
	if limit <= 0 {
		return standard
	}
	return min(limit, 10000)
}
