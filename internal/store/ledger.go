package store

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

const auditColumns = "site, at, who, role, from_address, action, subject, patient, outcome, why, purpose, glass, n, salt, leaf, mark"

// writeEntries puts what t.audit collected into the ledger, as the last thing
// that the transaction does. The head row of the site gives the numbers: it is
// locked from here to the commit, so that they are dense and in order although
// PostgreSQL has many writers, and nothing else is locked after it, so that no two
// transactions can wait for each other.
func (t *tx) writeEntries() error {
	for len(t.entries) > 0 {
		site := t.entries[0].Site
		var mine, others []audit.Entry
		for _, e := range t.entries {
			if e.Site == site {
				mine = append(mine, e)
			} else {
				others = append(others, e)
			}
		}
		if err := t.writeLedger(site, mine); err != nil {
			return fmt.Errorf("write %d entries into the ledger: %w", len(mine), err)
		}
		t.entries = others
	}
	return nil
}

func (t *tx) writeLedger(site vital.Site, entries []audit.Entry) error {
	n, err := t.numbers(site, len(entries))
	if err != nil {
		return err
	}
	in := t.insert("INSERT INTO audit ("+auditColumns+")", 16, "")
	for i, e := range entries {
		r := audit.Stamp(e, n+int64(i), t.d.ledger)
		in.add(r.Site, r.At, r.Who, r.Role, r.From, r.Action, r.Subject, r.Patient, r.Outcome, r.Why, r.Purpose, r.Glass, r.N, r.Salt, r.Leaf[:], r.Mark)
	}
	if err := in.done("entries"); err != nil {
		return err
	}
	return t.fold(site, n, n+int64(len(entries)))
}

// numbers takes the next count numbers of a site and returns the first.
func (t *tx) numbers(site vital.Site, count int) (int64, error) {
	var size int64
	err := t.row("UPDATE ledger_head SET size = size + $2 WHERE site = $1 RETURNING size", site, count).Scan(&size)
	if missing(err) { // the first entry of a site, or somebody took the head away
		err = t.row(`INSERT INTO ledger_head (site, size) VALUES ($1, (SELECT COALESCE(MAX(n) + 1, 0) FROM audit WHERE site = $1) + $2)
			ON CONFLICT (site) DO UPDATE SET size = ledger_head.size + $2 RETURNING size`, site, count).Scan(&size)
	}
	return size - int64(count), err
}

// fold stores the hash over each tile that became whole between two sizes. A tile
// with a hole is left alone: the change that is being written must not fail over
// what somebody did to the ledger, and checkpoints and verification say so.
func (t *tx) fold(site vital.Site, before, after int64) error {
	for level := audit.TileHeight; ; level += audit.TileHeight {
		first, end := before>>level, after>>level
		if first == end {
			return nil
		}
		for n := first; n < end; n++ {
			hashes, err := ledgerHashes(t.ctx, t.sql, site, level-audit.TileHeight, n*audit.TileWidth, (n+1)*audit.TileWidth)
			if err != nil {
				return err
			}
			if len(hashes) != audit.TileWidth {
				continue
			}
			h := audit.Fold(hashes)
			if _, err := t.exec("INSERT INTO ledger_node (site, level, n, hash) VALUES ($1, $2, $3, $4) ON CONFLICT (site, level, n) DO NOTHING", site, level, n, h[:]); err != nil {
				return err
			}
		}
	}
}

// takeIn brings the rows from before the ledger into it, in their order.
func (t *tx) takeIn() error {
	for {
		type old struct {
			id int64
			e  audit.Entry
		}
		rows, err := collect(t.ctx, t.sql, ask("SELECT id, site, at, who, role, from_address, action, subject, patient, outcome, why FROM audit WHERE n IS NULL ORDER BY site, id LIMIT 1000"),
			func(scan func(...any) error, o *old) error {
				e := &o.e
				return scan(&o.id, &e.Site, &e.At, &e.Who, &e.Role, &e.From, &e.Action, &e.Subject, &e.Patient, &e.Outcome, &e.Why)
			})
		if err != nil || len(rows) == 0 {
			return err
		}
		for len(rows) > 0 {
			site, count := rows[0].e.Site, 1
			for count < len(rows) && rows[count].e.Site == site {
				count++
			}
			n, err := t.numbers(site, count)
			if err != nil {
				return err
			}
			for i, o := range rows[:count] {
				r := audit.Stamp(o.e, n+int64(i), t.d.ledger)
				if _, err := t.exec("UPDATE audit SET n = $2, salt = $3, leaf = $4, mark = $5 WHERE id = $1", o.id, r.N, r.Salt, r.Leaf[:], r.Mark); err != nil {
					return err
				}
			}
			if err := t.fold(site, n, n+int64(count)); err != nil {
				return err
			}
			rows = rows[count:]
		}
	}
}

func ledgerHashes(ctx context.Context, on querier, site vital.Site, level int, from, to int64) ([]tlog.Hash, error) {
	q := ask("SELECT hash FROM ledger_node WHERE site = ? AND level = ? AND n >= ? AND n < ? ORDER BY n", site, level, from, to)
	if level == 0 {
		q = ask("SELECT leaf FROM audit WHERE site = ? AND n >= ? AND n < ? ORDER BY n", site, from, to)
	}
	return collect(ctx, on, q, func(scan func(...any) error, h *tlog.Hash) error { return scan(hashOf{h}) })
}

// hashOf reads a column that holds a hash; one of another length was tampered with
// and reads as none, so that it is found and not stumbled over.
type hashOf struct{ into *tlog.Hash }

func (h hashOf) Scan(v any) error {
	*h.into = tlog.Hash{}
	if b, ok := v.([]byte); ok && len(b) == tlog.HashSize {
		*h.into = tlog.Hash(b)
	}
	return nil
}

// LedgerHashes reads the stored hashes of a site's tree.
func (d *DB) LedgerHashes(site vital.Site) audit.Hashes {
	return func(ctx context.Context, level int, from, to int64) ([]tlog.Hash, error) {
		return ledgerHashes(ctx, d.read, site, level, from, to)
	}
}

// LedgerSize is how many entries a site's ledger has.
func (d *DB) LedgerSize(ctx context.Context, site vital.Site) (size int64, err error) {
	err = d.read.QueryRowContext(ctx, "SELECT COALESCE(MAX(size), 0) FROM ledger_head WHERE site = $1", string(site)).Scan(&size)
	if err != nil {
		return 0, fmt.Errorf("size of the ledger: %w", err)
	}
	return size, nil
}

// LedgerRows returns at most limit rows from a number on, in order.
func (d *DB) LedgerRows(ctx context.Context, site vital.Site, from int64, limit int) ([]audit.Row, error) {
	rows, err := collect(ctx, d.read, ask("SELECT "+auditColumns+", erased FROM audit WHERE site = ? AND n >= ? ORDER BY n LIMIT ?", site, from, limit), scanRow)
	if err != nil {
		return nil, fmt.Errorf("read the ledger from entry %d: %w", from, err)
	}
	return rows, nil
}

func scanRow(scan func(...any) error, r *audit.Row) error {
	return scan(&r.Site, &r.At, &r.Who, &r.Role, &r.From, &r.Action, &r.Subject, &r.Patient, &r.Outcome, &r.Why, &r.Purpose, &r.Glass,
		&r.N, &r.Salt, hashOf{&r.Leaf}, &r.Mark, &r.Erased)
}

// PutCheckpoint keeps a signed checkpoint.
func (d *DB) PutCheckpoint(ctx context.Context, c audit.Checkpoint) error {
	err := d.transact(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO ledger_checkpoint (site, size, at, note) VALUES ($1, $2, $3, $4) ON CONFLICT (site, size) DO NOTHING", c.Site, c.Size, c.At, c.Note)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the checkpoint of %d entries: %w", c.Size, err)
	}
	return nil
}

// CheckpointNotes returns the signed texts of a site's checkpoints, the longest first,
// at most limit.
func (d *DB) CheckpointNotes(ctx context.Context, site vital.Site, limit int) ([]string, error) {
	notes, err := collect(ctx, d.read, ask("SELECT note FROM ledger_checkpoint WHERE site = ? ORDER BY size DESC LIMIT ?", site, limit), scanInto[string])
	if err != nil {
		return nil, fmt.Errorf("read the checkpoints: %w", err)
	}
	return notes, nil
}

// ThinCheckpoints keeps of the checkpoints from before a time the last of each
// hour: they are signed each second, and what is old needs no finer ones.
func (d *DB) ThinCheckpoints(ctx context.Context, site vital.Site, before vital.Instant) error {
	err := d.transact(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM ledger_checkpoint WHERE site = $1 AND at < $2 AND size NOT IN
			(SELECT MAX(size) FROM ledger_checkpoint WHERE site = $1 AND at < $2 GROUP BY at / 3600000)`, site, before)
		return err
	})
	if err != nil {
		return fmt.Errorf("thin out the checkpoints: %w", err)
	}
	return nil
}

// ledgerPage is how many rows are verified at a time.
const ledgerPage = 4 * audit.TileWidth

// VerifyLedger holds a site's ledger against its key (nil: marks are not looked
// at) and against checkpoints whose signatures have been checked. pause is called
// between pages, so that a busy server can spread the work; nil: never.
func (d *DB) VerifyLedger(ctx context.Context, site vital.Site, key *audit.Key, checkpoints []audit.Checkpoint, pause func(context.Context) error) (audit.Report, error) {
	v := audit.NewVerifier(site, key, checkpoints)
	size, err := d.LedgerSize(ctx, site) // after the checkpoints: what is written from now on is not looked at
	if err != nil {
		return audit.Report{}, err
	}
	for from := int64(0); ; {
		rows, err := d.LedgerRows(ctx, site, from, ledgerPage)
		if err != nil {
			return audit.Report{}, err
		}
		for _, r := range rows {
			if from = r.N + 1; r.N < size {
				v.Row(r)
			}
		}
		if len(rows) < ledgerPage || from >= size {
			break
		}
		if pause != nil {
			if err := pause(ctx); err != nil {
				return audit.Report{}, err
			}
		}
	}
	if err := d.verifyBeside(ctx, site, size, v); err != nil {
		return audit.Report{}, err
	}
	return v.Done(size), nil
}

// verifyBeside looks at what lies beside the rows: those that no verification
// would see, and the stored hashes above the leaves.
func (d *DB) verifyBeside(ctx context.Context, site vital.Site, size int64, v *audit.Verifier) error {
	var beside int64
	err := d.read.QueryRowContext(ctx, "SELECT COUNT(*) FROM audit WHERE site = $1 AND n IS NULL", string(site)).Scan(&beside)
	if err != nil {
		return fmt.Errorf("count rows beside the ledger: %w", err)
	}
	v.Beside(beside)
	for level := audit.TileHeight; size>>level > 0; level += audit.TileHeight {
		hashes, err := ledgerHashes(ctx, d.read, site, level, 0, size>>level)
		if err != nil {
			return fmt.Errorf("read the hashes of level %d: %w", level, err)
		}
		v.Stored(level, hashes)
	}
	return nil
}

// EraseReasons takes the reasons out of every entry about a patient, and leaves an
// entry that says so. The ledger still proves everything else.
func (d *DB) EraseReasons(ctx context.Context, e audit.Entry, patient vital.PatientID) (erased int, err error) {
	e.Action, e.Patient, e.Subject = audit.ErasePatient, patient, "patient/"+string(patient)
	err = d.change(ctx, e, "erase the reasons in the ledger about "+string(patient), func(t *tx) error {
		rows, err := collect(t.ctx, t.sql, ask("SELECT "+auditColumns+", erased FROM audit WHERE site = ? AND patient = ? AND why <> '' ORDER BY n", e.Site, patient), scanRow)
		if err != nil {
			return err
		}
		for _, r := range rows {
			before := bytes.Clone(r.Erased)
			if r.Erase(); before != nil {
				continue
			}
			if _, err := t.exec("UPDATE audit SET why = '', salt = $3, erased = $4 WHERE site = $1 AND n = $2", e.Site, r.N, r.Salt, r.Erased); err != nil {
				return err
			}
			erased++
		}
		return nil
	})
	if err != nil || erased == 0 {
		return 0, err
	}
	return erased, d.dialect.scrub(ctx, d, "audit")
}
