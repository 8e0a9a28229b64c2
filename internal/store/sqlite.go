package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/vigilcare/vigil/vital"
)

// oldest is the first SQLite without the WAL-reset bug: earlier versions could
// corrupt a WAL database when a checkpoint met a commit.
const oldest = "3.51.3"

type sqlite struct{ path string }

func (s sqlite) dialect() dialect {
	return dialect{
		name: "sqlite", rows: 1, prepares: true, home: filepath.Dir(s.path), backupAdvice: "VACUUM INTO a new file, done automatically",
		words: strings.NewReplacer("{serial}", "INTEGER PRIMARY KEY", "{bytes}", "BLOB", "{keyed}", "WITHOUT ROWID"),
		open:  s.open, fresh: s.fresh, lock: s.lock, exists: s.exists, backup: s.backup, scrub: s.scrub, compact: s.compact, intact: s.intact, size: s.size, tend: s.tend, kind: s.kind,
	}
}

// lock does nothing: there is one writer connection and it begins IMMEDIATE.
func (s sqlite) lock(*tx, vital.Site) error { return nil }

func (s sqlite) open(ctx context.Context) (write, read *sql.DB, err error) {
	if s.path == "" || strings.Contains(s.path, ":memory:") {
		return nil, nil, vital.Errorf(vital.Invalid, "the path of the database is empty or in memory: it must be a file")
	}
	if err := s.create(); err != nil {
		return nil, nil, err
	}
	// Checkpoints are made beside the commits (tend); a commit makes one itself only
	// when the WAL has grown to 8192 pages, 32 MB.
	if write, err = sql.Open("sqlite", s.dsn("_txlock=immediate", "cache_size(-32768)", "wal_autocheckpoint(8192)", "secure_delete(FAST)", "journal_size_limit(67108864)")); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if err := s.check(ctx, write); err != nil {
		write.Close()
		return nil, nil, fmt.Errorf("%s: %w", s.path, err)
	}
	if read, err = sql.Open("sqlite", s.dsn("_txlock=deferred", "query_only(1)", "cache_size(-8192)")); err != nil {
		write.Close()
		return nil, nil, err
	}
	read.SetMaxOpenConns(4)
	read.SetMaxIdleConns(4)
	return write, read, nil
}

// fresh reports whether there is no database yet.
func (s sqlite) fresh() bool {
	info, err := os.Stat(s.path)
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
}

// create makes the file, for its owner alone; what SQLite puts beside it gets the
// same mode.
func (s sqlite) create() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// tendAt is the size of a WAL that is worth a checkpoint.
const tendAt = 4 << 20

// tend moves what is committed from the WAL into the database, beside readers and
// the writer, so that no commit has to wait for it.
func (s sqlite) tend(ctx context.Context, d *DB) error {
	if f, err := os.Stat(s.path + "-wal"); err != nil || f.Size() < tendAt {
		return nil
	}
	var busy, frames, moved int
	err := d.read.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &moved)
	if ctx.Err() != nil {
		return nil
	}
	return d.explain(err)
}

func (s sqlite) dsn(lock string, pragmas ...string) string {
	q := []string{lock}
	for _, p := range append([]string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}, pragmas...) {
		q = append(q, "_pragma="+url.QueryEscape(p))
	}
	return "file:" + (&url.URL{Path: s.path}).EscapedPath() + "?" + strings.Join(q, "&")
}

func (s sqlite) check(ctx context.Context, db *sql.DB) error {
	var version, mode string
	var full, keys int
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	if older(version, oldest) {
		return vital.Errorf(vital.Precondition, "SQLite %s is older than %s", version, oldest)
	}
	for _, p := range []struct {
		pragma string
		into   any
	}{{"journal_mode", &mode}, {"synchronous", &full}, {"foreign_keys", &keys}} {
		if err := db.QueryRowContext(ctx, "PRAGMA "+p.pragma).Scan(p.into); err != nil {
			return err
		}
	}
	if mode != "wal" || full != 2 || keys != 1 {
		return vital.Errorf(vital.Precondition, "SQLite runs with journal %s, synchronous %d, foreign keys %d; want wal, 2, 1", mode, full, keys)
	}
	return nil
}

// older compares dotted version numbers.
func older(a, b string) bool {
	var x, y [3]int
	fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2])
	fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2])
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}

func (s sqlite) exists(ctx context.Context, q querier, table string) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1", table).Scan(&n)
	return n > 0, err
}

// backup writes a consistent copy beside running readers, syncs it, and only
// then gives it its name.
func (s sqlite) backup(ctx context.Context, d *DB, path string) error {
	if _, err := os.Stat(path); err == nil {
		return vital.Errorf(vital.Conflict, "%s is there already", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	part := path + ".part"
	os.Remove(part)
	if _, err := d.write.ExecContext(ctx, "VACUUM INTO $1", part); err != nil {
		os.Remove(part)
		return err
	}
	if err := syncPath(part); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// scrub empties the WAL, which may still hold the old page; secure_delete zeroes
// the old bytes within the page.
func (s sqlite) scrub(ctx context.Context, d *DB, _ string) error {
	var busy, frames, moved int
	if err := d.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return d.explain(err)
	}
	if busy != 0 {
		return vital.Errorf(vital.Unavailable, "a reader keeps the old version of the row in the WAL: try again")
	}
	return nil
}

// compact writes the whole file anew.
func (s sqlite) compact(ctx context.Context, d *DB, _ []string) error {
	if _, err := d.write.ExecContext(ctx, "VACUUM"); err != nil {
		return d.explain(err)
	}
	return s.scrub(ctx, d, "")
}

func (s sqlite) intact(ctx context.Context, d *DB) (said string, err error) {
	err = d.read.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said)
	return said, err
}

func (s sqlite) size(ctx context.Context, d *DB) (bytes int64, version string, err error) {
	err = d.read.QueryRowContext(ctx, "SELECT page_count * page_size, sqlite_version() FROM pragma_page_count(), pragma_page_size()").Scan(&bytes, &version)
	if err != nil {
		return 0, "", err
	}
	if f, err := os.Stat(s.path + "-wal"); err == nil {
		bytes += f.Size()
	}
	return bytes, version, nil
}

func (s sqlite) kind(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return nil
	}
	return sqliteKind(e.Code())
}

func sqliteKind(code int) error {
	switch code & 0xff {
	case codes.SQLITE_IOERR, codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return errDisk
	case codes.SQLITE_FULL:
		return vital.Errorf(vital.Unavailable, "the disk is full")
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return vital.Errorf(vital.Unavailable, "the database is busy")
	case codes.SQLITE_CONSTRAINT:
		return constraint(code == codes.SQLITE_CONSTRAINT_FOREIGNKEY)
	}
	return nil
}

// constraint says what a broken constraint means to the caller.
func constraint(foreign bool) error {
	if foreign {
		return vital.Errorf(vital.NotFound, "it refers to something that is not there")
	}
	return vital.Errorf(vital.Conflict, "it contradicts what is stored")
}
