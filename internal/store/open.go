package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/vital"
)

// Options say where the data lies.
type Options struct {
	DSN     string // "sqlite:/path/vigil.db" or "postgres://..."
	Log     *slog.Logger
	Backups string       // folder for the copy made before a migration; empty: beside the database
	Ledger  *audit.Key   // marks the rows of the ledger; nil: they carry no mark
	Keeper  *seal.Keeper // nil: what is sealed can neither be read nor written
}

// DB is an open store. Its methods may be called from many goroutines.
type DB struct {
	dialect dialect
	write   *sql.DB
	read    *readers
	log     *slog.Logger
	ledger  *audit.Key
	keeper  *seal.Keeper

	readable bool                  // the migration found rows to seal: what is left of them between the others is removed after it
	broken   atomic.Pointer[error] // set once the disk refused a sync: nothing is written after that

	mutex  sync.Mutex
	series map[Series]int64

	rights atomic.Int64 // changes of relations, consents and broken glass

	stop   context.CancelFunc
	tended chan struct{}
}

// Open opens the database, refuses an engine that is too old or a schema that is
// newer than this program, takes a backup when there is something to migrate,
// and migrates.
func Open(ctx context.Context, o Options) (*DB, error) {
	d, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := d.begin(ctx, o.Backups, nil); err != nil {
		d.Close()
		return nil, err
	}
	if err := d.estimate(ctx); err != nil {
		d.Close()
		return nil, fmt.Errorf("tell the %s store what to expect: %w", d.dialect.name, err)
	}
	return d, nil
}

// begin brings an open database to this program's schema and to its keys.
func (d *DB) begin(ctx context.Context, backups string, trace func(version, statement int) error) error {
	if err := d.migrate(ctx, backups, trace); err != nil {
		return err
	}
	if err := d.claim(ctx); err != nil {
		return fmt.Errorf("look for the keys: %w", err)
	}
	if err := d.KeepForgotten(ctx); err != nil {
		return fmt.Errorf("keep forgotten who was forgotten: %w", err)
	}
	return nil
}

func dialectOf(o Options) (dialect, error) {
	switch {
	case strings.HasPrefix(o.DSN, "sqlite:"):
		return sqlite{strings.TrimPrefix(o.DSN, "sqlite:")}.dialect(), nil
	case strings.HasPrefix(o.DSN, "postgres://"), strings.HasPrefix(o.DSN, "postgresql://"):
		return postgres{o.DSN}.dialect(), nil
	}
	return dialect{}, vital.Errorf(vital.Invalid, "open store: the DSN must begin with sqlite: or postgres://")
}

func connect(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	kind, err := dialectOf(o)
	if err != nil {
		return nil, err
	}
	write, read, err := kind.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s store: %w", kind.name, err)
	}
	d := &DB{dialect: kind, log: o.Log, keeper: o.Keeper, ledger: o.Ledger, series: map[Series]int64{}, write: write, read: &readers{DB: read, prepares: kind.prepares}}
	tending, stop := context.WithCancel(context.Background())
	d.stop, d.tended = stop, make(chan struct{})
	go d.tendForever(tending)
	return d, nil
}

// tendEvery is how often the dialect looks after its files.
const tendEvery = time.Second

func (d *DB) tendForever(ctx context.Context) {
	defer close(d.tended)
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.dialect.tend(ctx, d); err != nil {
			d.log.Error("checkpoint failed", "error", err)
			if Fatal(err) {
				return // the next write says so to its caller
			}
		}
	}
}

// Close closes the database. What was committed stays.
func (d *DB) Close() error {
	d.stop()
	<-d.tended
	err := d.read.Close()
	if d.write != d.read.DB {
		err = errors.Join(err, d.write.Close())
	}
	return err
}

// Fatal reports whether err means that the disk refused to keep what was
// written. The state of the file is then unknown: the caller must stop, and
// start again from what is on the disk.
func Fatal(err error) bool { return errors.Is(err, errDisk) }

var errDisk = errors.New("the disk did not keep what was written")

// dialect is what differs between the two databases. Everything else is one text.
type dialect struct {
	name         string
	rows         int               // rows per INSERT that are quickest
	prepares     bool              // parsing a query is dear enough to remember it; pgx does so itself
	words        *strings.Replacer // of the placeholders in migration files
	home         string            // folder of the database, empty when it is a server
	backupAdvice string
	open         func(ctx context.Context) (write, read *sql.DB, err error)
	fresh        func() bool // nothing is there yet, and looking would make it
	tend         func(ctx context.Context, d *DB) error
	lock         func(t *tx, site vital.Site) error // makes changes to one site wait for each other
	exists       func(ctx context.Context, q querier, table string) (bool, error)
	backup       func(ctx context.Context, d *DB, path string) error
	compact      func(ctx context.Context, d *DB, tables []string) error // writes the tables anew, so that nothing deleted is left between the rows
	intact       func(ctx context.Context, d *DB) (string, error)        // "ok", or what is wrong
	scrub        func(ctx context.Context, d *DB, table string) error    // removes old versions of rows from the disk
	size         func(ctx context.Context, d *DB) (bytes int64, version string, err error)
	kind         func(err error) error // what the driver's error means: errDisk, a vital.Error, or nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// tx is one transaction with the context it lives under.
type tx struct {
	d   *DB
	ctx context.Context
	sql *sql.Tx

	entries []audit.Entry // of the ledger, written last
}

func (t *tx) exec(query string, args ...any) (int64, error) {
	r, err := t.sql.ExecContext(t.ctx, query, plain(args)...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *tx) row(query string, args ...any) *sql.Row {
	return t.sql.QueryRowContext(t.ctx, query, plain(args)...)
}

// transact runs f in one transaction and commits it. A failed sync breaks the
// store for good: a later commit could otherwise seem to succeed on top of pages
// that the kernel has already dropped.
func (d *DB) transact(ctx context.Context, f func(t *tx) error) error {
	if p := d.broken.Load(); p != nil {
		return *p
	}
	s, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return d.explain(err)
	}
	t := &tx{d: d, ctx: ctx, sql: s}
	err = f(t)
	if err == nil {
		err = t.writeEntries()
	}
	if err != nil {
		s.Rollback()
		return d.explain(err)
	}
	return d.explain(s.Commit())
}

func (d *DB) explain(err error) error {
	if err == nil {
		return nil
	}
	k := d.dialect.kind(err)
	if k == nil {
		return err
	}
	if k == errDisk {
		err = fmt.Errorf("%w: %w", errDisk, err)
		d.broken.CompareAndSwap(nil, &err)
		return err
	}
	var v *vital.Error
	if errors.As(k, &v) {
		return vital.Errorf(v.Kind, "%w: %w", v.Err, err)
	}
	return err
}

// change is transact for what a person does: one at a time per site, and with
// the entry in the ledger.
func (d *DB) change(ctx context.Context, e audit.Entry, what string, f func(t *tx) error) error {
	if e.Site == "" || e.Who == "" || e.Action == "" {
		return vital.Errorf(vital.Invalid, "%s: the audit entry must say site, who and action", what)
	}
	err := d.transact(ctx, func(t *tx) error {
		if err := d.dialect.lock(t, e.Site); err != nil {
			return err
		}
		if err := f(t); err != nil {
			return err
		}
		return t.audit(e)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// now is the wall clock; tests of expiry pass times of their own.
func now() vital.Instant { return vital.At(time.Now()) }

// plain turns named types into what every driver takes: int64, float64, bool,
// string, []byte. Text is made valid and free of NUL, which PostgreSQL refuses;
// what a device sent is kept exactly in bodies, never in text columns.
func plain(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case nil, int64, float64, bool:
			out[i] = v
		case []byte:
			if v != nil { // a nil slice is NULL for both drivers
				out[i] = v
			}
		case string:
			out[i] = cleanText(v)
		case sql.NullFloat64:
			if v.Valid {
				out[i] = v.Float64
			}
		default:
			out[i] = plainKind(a)
		}
	}
	return out
}

func plainKind(a any) any {
	v := reflect.ValueOf(a)
	switch v.Kind() {
	case reflect.String:
		return cleanText(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return int64(v.Uint())
	case reflect.Bool:
		return v.Bool()
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes()
		}
	}
	panic(fmt.Sprintf("store: no column takes a %T", a))
}

func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
