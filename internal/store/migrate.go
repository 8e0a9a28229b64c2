package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Step is one migration that Open would apply.
type Step struct {
	Version    int
	Name       string
	Statements int
	Backup     string // what is done, or what to run, before it
}

type migration struct {
	version    int
	name       string
	statements []string
}

// migrations reads the numbered files. A file is a list of statements, each
// ended by a semicolon at the end of a line.
func migrations(words *strings.Replacer) ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, n := range names {
		base := strings.TrimSuffix(filepath.Base(n), ".sql")
		number, name, _ := strings.Cut(base, "_")
		v, err := strconv.Atoi(number)
		if err != nil || v != i+1 {
			return nil, fmt.Errorf("migration %s: numbers must be 1, 2, 3 without a hole", n)
		}
		text, err := migrationFiles.ReadFile(n)
		if err != nil {
			return nil, err
		}
		m := migration{version: v, name: name}
		for _, s := range strings.Split(words.Replace(string(text)), ";\n") {
			if s = withoutComments(s); s != "" {
				m.statements = append(m.statements, s)
			}
		}
		all = append(all, m)
	}
	return all, nil
}

func withoutComments(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, ""))
}

// Schema is the newest that this program knows.
func Schema() int {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err) // only a malformed pattern fails
	}
	return len(names)
}

// Plan says what Open would do to this database, and does nothing.
func Plan(ctx context.Context, o Options) ([]Step, error) {
	kind, err := dialectOf(o)
	if err != nil {
		return nil, err
	}
	todo, err := migrations(kind.words)
	from, advice := 0, kind.backupAdvice
	if err == nil && !kind.fresh() {
		todo, from, err = pendingIn(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	var steps []Step
	for _, m := range todo {
		s := Step{Version: m.version, Name: m.name, Statements: len(m.statements), Backup: "none: the database is empty"}
		if from > 0 {
			s.Backup = advice
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func pendingIn(ctx context.Context, o Options) (todo []migration, from int, err error) {
	d, err := connect(ctx, o)
	if err != nil {
		return nil, 0, err
	}
	defer d.Close()
	return d.pending(ctx)
}

// schema returns the version of the schema in the database, 0 when it is empty.
func (d *DB) schema(ctx context.Context, q querier) (int, error) {
	there, err := d.dialect.exists(ctx, q, "schema_version")
	if err != nil || !there {
		return 0, err
	}
	var v sql.NullInt64
	err = q.QueryRowContext(ctx, "SELECT MAX(version) FROM schema_version").Scan(&v)
	return int(v.Int64), err
}

func (d *DB) pending(ctx context.Context) (todo []migration, from int, err error) {
	all, err := migrations(d.dialect.words)
	if err != nil {
		return nil, 0, err
	}
	if from, err = d.schema(ctx, d.read); err != nil {
		return nil, 0, fmt.Errorf("read the schema version: %w", err)
	}
	if from > len(all) {
		return nil, from, vital.Errorf(vital.Precondition,
			"the database has schema %d and this program knows up to %d: start the newer program, or restore the backup made before it migrated", from, len(all))
	}
	return all[from:], from, nil
}

// migrate applies what is missing, each migration in one transaction together
// with its version row, so that a crash leaves the schema before or after it.
// trace is called before every statement; tests stop the world there.
func (d *DB) migrate(ctx context.Context, backups string, trace func(version, statement int) error) error {
	todo, from, err := d.pending(ctx)
	if err != nil || len(todo) == 0 {
		return err
	}
	if from > 0 {
		if err := d.backupBefore(ctx, backups, from); err != nil {
			return fmt.Errorf("back up before migrating from schema %d: %w", from, err)
		}
	}
	for _, m := range todo {
		if err := d.apply(ctx, m, trace); err != nil {
			return fmt.Errorf("migrate to schema %d (%s): %w", m.version, m.name, err)
		}
		d.log.Info("schema migrated", "version", m.version, "name", m.name)
	}
	if d.readable {
		d.log.Warn("names, notes and addresses are sealed now; the copy made before still holds them readable: remove it once you are content", "folder", backups)
		return d.dialect.compact(ctx, d, sealedTables)
	}
	return nil
}

func (d *DB) apply(ctx context.Context, m migration, trace func(version, statement int) error) error {
	return d.transact(ctx, func(t *tx) error {
		if _, err := t.exec("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL)"); err != nil {
			return err
		}
		if err := d.dialect.lock(t, "migration"); err != nil {
			return err
		}
		// Another process may have migrated while this one waited for the lock.
		if v, err := d.schema(ctx, t.sql); err != nil || v >= m.version {
			return err
		}
		for i, s := range m.statements {
			if trace != nil {
				if err := trace(m.version, i); err != nil {
					return err
				}
			}
			if _, err := t.exec(s); err != nil {
				return fmt.Errorf("statement %d: %w", i+1, err)
			}
		}
		if m.name == "seal" {
			if err := t.sealRows(); err != nil {
				return fmt.Errorf("seal what was readable: %w", err)
			}
		}
		if m.name == "ledger" {
			if err := t.takeIn(); err != nil {
				return fmt.Errorf("take the rows into the ledger: %w", err)
			}
		}
		_, err := t.exec("INSERT INTO schema_version (version, name, at) VALUES ($1, $2, $3)", m.version, m.name, now())
		return err
	})
}

func (d *DB) backupBefore(ctx context.Context, folder string, from int) error {
	if d.dialect.home == "" {
		d.log.Warn("migrating without a backup of its own", "advice", d.dialect.backupAdvice)
		return nil
	}
	if folder == "" {
		folder = d.dialect.home
	}
	name := fmt.Sprintf("vigil-schema%d-%s.db", from, now().Time().Format("20060102T150405.000"))
	path := filepath.Join(folder, name)
	if err := d.dialect.backup(ctx, d, path); err != nil {
		return err
	}
	d.log.Info("backed up before migrating", "file", path)
	return nil
}
