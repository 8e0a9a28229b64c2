package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Restore says what is brought back where.
type Restore struct {
	From  string // a backup
	Into  string // the data directory: no store and no journal may be in it
	Site  vital.Site
	Keys  *seal.Keeper // opened where they are kept: never from the backup
	Store string       // DSN of a PostgreSQL database that was brought back already; empty: the backup holds the store
	Now   func() time.Time
}

// Report is what was brought back, and how it was checked.
type Report struct {
	Manifest  Manifest
	Holds     store.Tally
	Behind    uint64 // frames of the journal that the store has still to take in
	Frames    uint64 // of the journal, whole
	Records   uint64
	Shredded  uint64 // records of who was forgotten
	Forgotten int
	Ledger    int64 // entries, every one checked
	Took      time.Duration
}

// Run brings a backup back, or refuses and leaves the directory as it was.
func (r Restore) Run(ctx context.Context) (rep Report, err error) {
	began := r.Now()
	m, body, err := Read(r.From)
	if err != nil {
		return rep, err
	}
	rep.Manifest = m
	if err := r.refuse(ctx, m, body); err != nil {
		return rep, fmt.Errorf("restore %s: %w", r.From, err)
	}
	for _, taken := range []string{storeFile, journalDir, blobDir} {
		if _, err := os.Stat(filepath.Join(r.Into, taken)); err == nil {
			return rep, vital.Errorf(vital.Conflict, "restore %s: %s is there already: move the old data directory away and keep its keys", r.From, filepath.Join(r.Into, taken))
		}
	}
	part, err := os.MkdirTemp(r.Into, ".restore-*")
	if err != nil {
		return rep, vital.Errorf(vital.Unavailable, "restore %s: %w", r.From, err)
	}
	defer os.RemoveAll(part)
	for _, f := range m.Files {
		name := filepath.FromSlash(f.Name)
		if err := errors.Join(copyFile(filepath.Join(r.From, name), filepath.Join(part, name)), ctx.Err()); err != nil {
			return rep, vital.Errorf(vital.Unavailable, "restore %s: %w", r.From, err)
		}
	}
	// What was copied is checked, and not what lay there before it was copied.
	if err := checkFiles(ctx, part, m); err != nil {
		return rep, fmt.Errorf("restore %s: %w", r.From, err)
	}
	if err := r.bury(ctx); err != nil {
		return rep, fmt.Errorf("restore %s: %w", r.From, err)
	}
	if err := r.check(ctx, part, &rep); err != nil {
		return rep, fmt.Errorf("restore %s: %w", r.From, err)
	}
	if err := r.place(part); err != nil {
		return rep, vital.Errorf(vital.Unavailable, "restore %s: %w", r.From, err)
	}
	rep.Took = r.Now().Sub(began)
	return rep, nil
}

// refuse says what speaks against a backup before anything is copied.
func (r Restore) refuse(ctx context.Context, m Manifest, body []byte) error {
	switch {
	case m.Site != r.Site:
		return vital.Errorf(vital.Precondition, "it is of site %q, and this is %q", m.Site, r.Site)
	case r.Keys.ID() == "":
		return vital.Errorf(vital.Precondition, "there are no keys: bring back the copy of key store %s and its root key first; they are never in a backup", m.KeyStore)
	case r.Keys.ID() != m.KeyStore:
		return vital.Errorf(vital.Precondition, "it was sealed with key store %s, and the keys that are here are %s", m.KeyStore, r.Keys.ID())
	case r.Keys.Revision() < m.Keys:
		return vital.Errorf(vital.Precondition, "the keys are older than the backup (revision %d, want at least %d): keys made since are missing, and what they sealed could not be read; bring back a newer copy of them", r.Keys.Revision(), m.Keys)
	case m.Dialect == "postgres" && r.Store == "":
		return vital.Errorf(vital.Precondition, "its store is in PostgreSQL: bring that back first with pg_restore, and name it with --store")
	}
	if err := proven(ctx, r.From, m, body, r.Keys); err != nil {
		return err
	}
	if err := newest(m); err != nil {
		return err
	}
	return fits(m)
}

// newest refuses a schema that this program does not know.
func newest(m Manifest) error {
	if known := store.Schema(); m.Schema > known {
		return vital.Errorf(vital.Precondition, "it has schema %d and this program knows up to %d: restore it with the newer program", m.Schema, known)
	}
	return nil
}

// fits refuses a store that knows of frames which the journal does not hold. The
// other way round is safe: the flow takes in what the store lacks.
func fits(m Manifest) error {
	last := map[journal.Line]Bounds{}
	for _, b := range m.Journal {
		last[b.Line] = b
	}
	for _, mark := range m.Marks {
		b := last[journal.Line{Stream: journal.Stream(mark.Stream), Partition: mark.Partition}]
		if mark.Frame > b.Last {
			return vital.Errorf(vital.Precondition, "the store is newer than the journal: it has taken in frame %d of %s/%d, and the journal ends at %d", mark.Frame, mark.Stream, mark.Partition, b.Last)
		}
		if mark.Frame+1 < b.First && b.First > 1 {
			return vital.Errorf(vital.Precondition, "the store is older than the journal reaches back: it needs frame %d of %s/%d next, and the journal begins at %d", mark.Frame+1, mark.Stream, mark.Partition, b.First)
		}
	}
	return nil
}

// bury replays the tombstones that lie beside the backups, before a row is looked
// at: an old copy of the keys may hold keys of who was forgotten since.
func (r Restore) bury(ctx context.Context) error {
	all, err := readStones(filepath.Dir(filepath.Clean(r.From)))
	if err != nil {
		return err
	}
	for patient, at := range all[r.Site] {
		if err := r.Keys.Destroy(ctx, r.Site, seal.Patient(patient), at); err != nil {
			return err
		}
	}
	return nil
}

// check opens what was copied as a server would, and reads all of it.
func (r Restore) check(ctx context.Context, part string, rep *Report) (err error) {
	dsn := r.Store
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(part, storeFile)
	}
	db, err := store.Open(ctx, store.Options{DSN: dsn, Keeper: r.Keys, Backups: filepath.Join(part, "backups")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Intact(ctx); err != nil {
		return err
	}
	m := Manifest{Site: r.Site}
	if err := describeStore(ctx, db, &m); err != nil {
		return err
	}
	if m.Journal, err = boundsOf(ctx, filepath.Join(part, journalDir)); err != nil {
		return err
	}
	if err := fits(m); err != nil {
		return err
	}
	rep.Holds = m.Holds
	rep.Behind = behind(m)
	gone, err := db.Forgotten(ctx, r.Site)
	if err != nil {
		return err
	}
	rep.Forgotten = len(gone)
	ledger, err := db.VerifyLedger(ctx, r.Site, nil, nil, nil)
	if err != nil {
		return err
	}
	if !ledger.Good() {
		return vital.Errorf(vital.Precondition, "the ledger does not hold together: %s", ledger.Findings[0])
	}
	rep.Ledger = ledger.Size
	return r.checkJournal(ctx, filepath.Join(part, journalDir), rep)
}

func behind(m Manifest) (n uint64) {
	marks := map[journal.Line]uint64{}
	for _, mark := range m.Marks {
		marks[journal.Line{Stream: journal.Stream(mark.Stream), Partition: mark.Partition}] = mark.Frame
	}
	for _, b := range m.Journal {
		n += b.Last - min(b.Last, marks[b.Line])
	}
	return n
}

func (r Restore) checkJournal(ctx context.Context, dir string, rep *Report) (err error) {
	ring, err := journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: r.Keys}, r.Site, func() vital.Instant { return vital.At(r.Now()) })
	if err != nil {
		return err
	}
	log, err := journal.OpenFiles(ctx, journal.FilesOptions{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	for _, l := range log.Lines() {
		v, err := journal.Verify(ctx, log, ring, r.Site, l)
		if err != nil {
			return err
		}
		if len(v.Breaks) > 0 {
			return vital.Errorf(vital.Precondition, "the journal does not hold together: %s", v.Breaks[0])
		}
		rep.Frames += v.Frames
		rep.Records += v.Records
		rep.Shredded += v.Shredded
	}
	return nil
}

// place gives the pieces their names, the store last: a start before that finds
// no store and a later restore says what is there.
func (r Restore) place(part string) error {
	if err := syncTree(part); err != nil {
		return err
	}
	for _, name := range []string{journalDir, blobDir, storeFile} {
		err := os.Rename(filepath.Join(part, name), filepath.Join(r.Into, name))
		if err != nil && !(errors.Is(err, fs.ErrNotExist) && name != journalDir) {
			return err
		}
	}
	return syncDirectory(r.Into)
}
