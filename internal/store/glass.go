package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// BrokenGlass is that somebody saw a patient in an emergency whom they may not
// see otherwise, for a time, and what was thought of it afterwards.
type BrokenGlass struct {
	ID         string
	User       vital.UserID
	Role       string
	Patient    vital.PatientID
	Reason     string
	From       vital.Instant
	Until      vital.Instant
	Ended      vital.Instant // by the person, before it was over
	Reviewed   vital.Instant
	ReviewedBy string
	Verdict    string
	Note       string
}

// Over is when it ended, or will.
func (g BrokenGlass) Over() vital.Instant {
	if g.Ended != 0 {
		return g.Ended
	}
	return g.Until
}

const selectGlass = `SELECT g.id, g.account, g.role, g.patient, g.reason, g.from_ms, g.until_ms, g.ended, g.reviewed, g.reviewed_by, g.verdict, g.note
	FROM glass g WHERE g.site = ?`

func scanGlass(scan func(...any) error, g *BrokenGlass) error {
	return scan(&g.ID, &g.User, &g.Role, &g.Patient, &g.Reason, &g.From, &g.Until, &g.Ended, &g.Reviewed, &g.ReviewedBy, &g.Verdict, &g.Note)
}

// BreakGlass lets a user see a patient until a time. While one is open a second
// is a Conflict.
func (d *DB) BreakGlass(ctx context.Context, e audit.Entry, g BrokenGlass) (BrokenGlass, error) {
	if g.ID == "" {
		g.ID = newID("gl")
	}
	e.Patient = g.Patient
	defer d.rights.Add(1)
	return g, d.change(ctx, e, "break the glass before patient "+string(g.Patient), func(t *tx) error {
		if g.Reason == "" || g.Until <= g.From {
			return vital.Errorf(vital.Invalid, "say why, and for how long")
		}
		if _, err := t.patientIsDemo(e.Site, g.Patient); err != nil {
			return err
		}
		var open int
		err := t.row("SELECT COUNT(*) FROM glass WHERE site = $1 AND account = $2 AND patient = $3 AND until_ms > $4 AND ended = 0", e.Site, g.User, g.Patient, g.From).Scan(&open)
		if err != nil {
			return err
		}
		if open > 0 {
			return vital.Errorf(vital.Conflict, "you see this patient in an emergency already")
		}
		_, err = t.exec(`INSERT INTO glass (site, id, account, role, patient, reason, from_ms, until_ms, ended, reviewed, reviewed_by, verdict, note)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '', '', '')`, e.Site, g.ID, g.User, g.Role, g.Patient, g.Reason, g.From, g.Until)
		return err
	})
}

// EndGlass ends that a user sees a patient in an emergency; NotFound when it is over.
func (d *DB) EndGlass(ctx context.Context, e audit.Entry, user vital.UserID, patient vital.PatientID) error {
	e.Patient = patient
	defer d.rights.Add(1)
	return d.change(ctx, e, "end the emergency look at patient "+string(patient), func(t *tx) error {
		n, err := t.exec("UPDATE glass SET ended = $1 WHERE site = $2 AND account = $3 AND patient = $4 AND until_ms > $1 AND ended = 0", e.At, e.Site, user, patient)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "no emergency look at patient %s is open", patient)
		}
		return err
	})
}

// GlassFilter narrows Glasses; zero fields do not narrow. Newest first.
type GlassFilter struct {
	ID       string
	User     vital.UserID
	Patient  vital.PatientID
	OpenAt   vital.Instant // seeing at that time
	Reviewed *bool
	Limit    int // 0: 200
}

// Glasses lists who broke the glass in a site: for reviewers and for the patient,
// who are asked for before.
func (d *DB) Glasses(ctx context.Context, site vital.Site, f GlassFilter) ([]BrokenGlass, error) {
	q := ask(selectGlass, site).
		when(f.ID != "", " AND g.id = ?", f.ID).
		when(f.User != "", " AND g.account = ?", f.User).
		when(f.Patient != "", " AND g.patient = ?", f.Patient).
		when(f.OpenAt != 0, " AND g.from_ms <= ? AND g.until_ms > ? AND g.ended = 0", f.OpenAt, f.OpenAt).
		when(f.Reviewed != nil && *f.Reviewed, " AND g.reviewed > 0").
		when(f.Reviewed != nil && !*f.Reviewed, " AND g.reviewed = 0").
		add(" ORDER BY g.from_ms DESC, g.id DESC LIMIT ?", atMost(f.Limit, 200))
	return collect(ctx, d.read, q, scanGlass)
}

// ReviewGlass keeps what a reviewer thinks; a second opinion replaces the first,
// and both are in the ledger.
func (d *DB) ReviewGlass(ctx context.Context, e audit.Entry, id, verdict, note string) error {
	return d.change(ctx, e, "review emergency look "+id, func(t *tx) error {
		n, err := t.exec("UPDATE glass SET reviewed = $1, reviewed_by = $2, verdict = $3, note = $4 WHERE site = $5 AND id = $6", e.At, e.Who, verdict, note, e.Site, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "emergency look %s: not found", id)
		}
		return err
	})
}

// LooksUnder counts the entries of the ledger that one emergency look led to.
func (d *DB) LooksUnder(ctx context.Context, site vital.Site, g BrokenGlass) (int, error) {
	q := ask("SELECT COUNT(*) FROM audit a WHERE a.site = ? AND a.who = ? AND a.patient = ? AND a.at >= ? AND a.at < ? AND a.outcome = 'done' AND a.action NOT LIKE 'glass.%'",
		site, g.User, g.Patient, g.From, g.Over())
	return one(ctx, d.read, q, "looks under "+g.ID, scanInto[int])
}
