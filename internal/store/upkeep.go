package store

import (
	"context"
	"fmt"
	"sort"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Retention says how many days something is kept; 0: for good. It is data: the
// site changes it with an entry in the ledger, and the job that applies it
// writes one too.
type Retention struct {
	What    string // one of the Keep names
	Days    int
	LastRun vital.Instant
	Removed int64 // rows, or frames, by the last run
}

// What can expire. Vitals, events, observations and the ledger never do, nor does
// an alarm of anybody who is not only played.
const (
	KeepRaw       = "raw"       // raw packets in the journal; the journal's own job removes them and reports here
	KeepWaveforms = "waveforms" // waveform blocks
	KeepProblems  = "problems"  // what could not be read
	KeepMarks     = "marks"     // places of the journal by time
	KeepTests     = "tests"     // alarms of sentinels, three a minute, with the pages about them
	KeepSessions  = "sessions"  // sign-ins and links that have run out, retained messages that have expired
)

// standardDays hold until the site says otherwise.
var standardDays = map[string]int{KeepRaw: 30, KeepWaveforms: 7, KeepProblems: 30, KeepMarks: 30, KeepTests: 2, KeepSessions: 1}

const day = vital.Instant(24 * 3600 * 1000)

// Retentions returns the policy of a site, by name.
func (d *DB) Retentions(ctx context.Context, site vital.Site) ([]Retention, error) {
	set, err := collect(ctx, d.read, ask("SELECT what, days, last_run, removed FROM retention WHERE site = ?", site),
		func(scan func(...any) error, r *Retention) error {
			return scan(&r.What, &r.Days, &r.LastRun, &r.Removed)
		})
	if err != nil {
		return nil, fmt.Errorf("retention of site %s: %w", site, err)
	}
	known := map[string]bool{}
	for _, r := range set {
		known[r.What] = true
	}
	for what, days := range standardDays {
		if !known[what] {
			set = append(set, Retention{What: what, Days: days})
		}
	}
	sort.Slice(set, func(i, j int) bool { return set[i].What < set[j].What })
	return set, nil
}

// PutRetention changes how long something is kept.
func (d *DB) PutRetention(ctx context.Context, e audit.Entry, what string, days int) error {
	return d.change(ctx, e, "retention of "+what, func(t *tx) error {
		if _, ok := standardDays[what]; !ok || days < 0 {
			return vital.Errorf(vital.Invalid, "%s never expires, or %d is no number of days", what, days)
		}
		_, err := t.exec(`INSERT INTO retention (site, what, days, last_run, removed) VALUES ($1, $2, $3, 0, 0)
			ON CONFLICT (site, what) DO UPDATE SET days = excluded.days`, e.Site, what, days)
		return err
	})
}

// Removed reports what a job outside of the store removed, such as raw packets.
func (d *DB) Removed(ctx context.Context, e audit.Entry, what string, removed int64) error {
	return d.change(ctx, e, "report the removal of "+what, func(t *tx) error { return t.ran(e.Site, what, removed, e.At) })
}

func (t *tx) ran(site vital.Site, what string, removed int64, at vital.Instant) error {
	if at == 0 {
		at = now()
	}
	_, err := t.exec(`INSERT INTO retention (site, what, days, last_run, removed) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (site, what) DO UPDATE SET last_run = excluded.last_run, removed = excluded.removed`, site, what, standardDays[what], at, removed)
	return err
}

// expiry is what Retain removes of each kind, at most $3 rows in one
// transaction, so that a long-neglected store does not stand still.
var expiry = map[string][]string{
	KeepWaveforms: {"DELETE FROM wave WHERE id IN (SELECT w.id FROM series s JOIN wave w ON w.series = s.id WHERE s.site = $1 AND w.to_us / 1000 < $2 AND NOT w.damaged LIMIT $3)"},
	KeepProblems:  {"DELETE FROM problem WHERE id IN (SELECT id FROM problem WHERE site = $1 AND at < $2 LIMIT $3)"},
	KeepMarks:     {"DELETE FROM frame_mark WHERE site = $1 AND at < $2 AND $3 > 0"},
	KeepTests: {
		"DELETE FROM delivery WHERE site = $1 AND id IN (SELECT d.id FROM alarm a JOIN delivery d ON d.site = a.site AND d.alarm = a.id" + ofTests,
		"DELETE FROM paging WHERE site = $1 AND page IN (SELECT p.id FROM alarm a JOIN page p ON p.site = a.site AND p.alarm = a.id JOIN paging g ON g.site = p.site AND g.page = p.id" + ofTests,
		"DELETE FROM page WHERE site = $1 AND id IN (SELECT p.id FROM alarm a JOIN page p ON p.site = a.site AND p.alarm = a.id" + ofTests,
		"DELETE FROM alarm_deed WHERE site = $1 AND id IN (SELECT d.id FROM alarm a JOIN alarm_deed d ON d.site = a.site AND d.alarm = a.id" + ofTests,
		"DELETE FROM alarm WHERE site = $1 AND id IN (SELECT a.id FROM alarm a" + ofTests,
	},
	KeepSessions: {
		"DELETE FROM session WHERE site = $1 AND expires < $2 AND $3 > 0",
		"DELETE FROM link WHERE site = $1 AND expires < $2 AND $3 > 0",
		"DELETE FROM mqtt_session WHERE site = $1 AND expires > 0 AND expires < $2 AND $3 > 0",
		"DELETE FROM mqtt_retained WHERE site = $1 AND expires > 0 AND expires < $2 AND $3 > 0",
	},
}

// ofTests are the alarms of sentinels that are over.
const ofTests = " WHERE a.site = $1 AND a.patient LIKE '" + SentinelPrefix + "%' AND a.raised < $2 AND a.closed > 0 LIMIT $3)"

const expireAtOnce = 1000

// Retain removes what has expired by now under the policy of the site, and
// writes per kind what it removed, into the policy and the ledger. Chunks of
// vitals, events, corrections, damaged rows and the ledger stay.
func (d *DB) Retain(ctx context.Context, site vital.Site, now vital.Instant) ([]Retention, error) {
	policy, err := d.Retentions(ctx, site)
	if err != nil {
		return nil, err
	}
	var done []Retention
	for _, p := range policy {
		statements := expiry[p.What]
		if p.Days == 0 || statements == nil {
			continue
		}
		p.LastRun, p.Removed = now, 0
		for _, s := range statements {
			n, err := d.expire(ctx, s, site, now-vital.Instant(p.Days)*day)
			if err != nil {
				return done, fmt.Errorf("remove expired %s: %w", p.What, err)
			}
			p.Removed += n
		}
		e := audit.Entry{Site: site, At: now, Who: "system", Action: "store.retain", Subject: "retention/" + p.What,
			Why: fmt.Sprintf("kept %d days, %d removed", p.Days, p.Removed)}
		if err := d.change(ctx, e, "note what expired", func(t *tx) error { return t.ran(site, p.What, p.Removed, now) }); err != nil {
			return done, err
		}
		done = append(done, p)
	}
	return done, nil
}

func (d *DB) expire(ctx context.Context, statement string, site vital.Site, before vital.Instant) (total int64, err error) {
	for {
		var n int64
		err := d.transact(ctx, func(t *tx) (err error) {
			n, err = t.exec(statement, site, before, expireAtOnce)
			return err
		})
		total += n
		if err != nil || n < expireAtOnce {
			return total, err
		}
	}
}

// Backup writes a consistent copy of the database into a new file, while it is
// used. PostgreSQL has its own tool: the error names it.
func (d *DB) Backup(ctx context.Context, path string) error {
	if err := d.dialect.backup(ctx, d, path); err != nil {
		return fmt.Errorf("back up to %s: %w", path, d.explain(err))
	}
	return nil
}

// Intact lets the database check its own pages; what is wrong is the error.
func (d *DB) Intact(ctx context.Context) error {
	said, err := d.dialect.intact(ctx, d)
	if err != nil {
		return fmt.Errorf("check the database: %w", d.explain(err))
	}
	if said != "ok" {
		return vital.Errorf(vital.Precondition, "the database is damaged: %s", said)
	}
	return nil
}

// Size is what is known of the database without counting.
type Size struct {
	Dialect string
	Version string // of the database
	Schema  int
	Bytes   int64
}

// Size is quick: ask it as often as you like.
func (d *DB) Size(ctx context.Context) (Size, error) {
	s := Size{Dialect: d.dialect.name}
	var err error
	if s.Bytes, s.Version, err = d.dialect.size(ctx, d); err != nil {
		return s, fmt.Errorf("size of the store: %w", err)
	}
	if s.Schema, err = d.schema(ctx, d.read); err != nil {
		return s, fmt.Errorf("schema of the store: %w", err)
	}
	return s, nil
}

// Stats is how the store does.
type Stats struct {
	Size
	Series  int64
	Chunks  int64
	Samples int64 // in chunks, in force
	Waves   int64 // blocks
	Damaged int64 // rows in quarantine
}

// Stats counts what is stored: it reads every row, a second for tens of millions
// of samples.
func (d *DB) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	var err error
	if s.Size, err = d.Size(ctx); err != nil {
		return s, err
	}
	err = d.read.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM series), (SELECT COUNT(*) FROM chunk),
		(SELECT COALESCE(SUM(samples), 0) FROM chunk WHERE superseded = 0), (SELECT COUNT(*) FROM wave),
		(SELECT COUNT(*) FROM chunk WHERE damaged) + (SELECT COUNT(*) FROM wave WHERE damaged)`).
		Scan(&s.Series, &s.Chunks, &s.Samples, &s.Waves, &s.Damaged)
	if err != nil {
		return s, fmt.Errorf("count what is stored: %w", err)
	}
	return s, nil
}
