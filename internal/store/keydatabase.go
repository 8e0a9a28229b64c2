package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/vital"
)

// KeyDatabase is a key store in a PostgreSQL database of its own, for nodes that
// share one. It is never the database of the data: a dump of that would hold the
// keys to what it holds.
type KeyDatabase struct{ db *sql.DB }

var _ seal.Table = (*KeyDatabase)(nil)

var keyTables = []string{
	"CREATE TABLE IF NOT EXISTS vigil_key_store (one BOOLEAN NOT NULL PRIMARY KEY CHECK (one), id TEXT NOT NULL, root TEXT NOT NULL, revision BIGINT NOT NULL)",
	`CREATE TABLE IF NOT EXISTS vigil_key (id BIGINT NOT NULL PRIMARY KEY, site TEXT NOT NULL, subject TEXT NOT NULL, use TEXT NOT NULL, wrapped BYTEA,
		created BIGINT NOT NULL, changed BIGINT NOT NULL, destroyed BIGINT NOT NULL)`,
}

// OpenKeys opens a key store by DSN and makes its tables. vital.Precondition: the
// database holds data.
func OpenKeys(ctx context.Context, dsn string) (*KeyDatabase, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return nil, vital.Errorf(vital.Invalid, "open the key store: want a folder or postgres://")
	}
	p := postgres{dsn}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "open the key store: %w", err)
	}
	db.SetMaxOpenConns(2)
	k := &KeyDatabase{db}
	if err := p.check(ctx, db); err != nil {
		db.Close()
		return nil, k.explain(err)
	}
	data, err := p.exists(ctx, db, "schema_version")
	if err == nil && data {
		err = vital.Errorf(vital.Precondition, "open the key store: this database holds data; the keys want one of their own, which no backup of the data takes along")
	}
	for _, s := range keyTables {
		if err == nil {
			_, err = db.ExecContext(ctx, s)
		}
	}
	if err != nil {
		db.Close()
		return nil, k.explain(err)
	}
	return k, nil
}

func (k *KeyDatabase) explain(err error) error {
	if err == nil {
		return nil
	}
	var p postgres
	if what := p.kind(err); what != nil && vital.KindOf(what) == vital.Conflict {
		return vital.Errorf(vital.Conflict, "the key is there already: %w", err)
	}
	if vital.KindOf(err) != vital.Internal {
		return err
	}
	return vital.Errorf(vital.Unavailable, "the key database: %w", err)
}

// Close closes the connections.
func (k *KeyDatabase) Close() error { return k.db.Close() }

// Load returns everything, by creation.
func (k *KeyDatabase) Load(ctx context.Context) (h seal.Header, keys []seal.Key, err error) {
	err = k.transact(ctx, func(t *sql.Tx) error {
		err := t.QueryRowContext(ctx, "SELECT id, root, revision FROM vigil_key_store").Scan(&h.ID, &h.Root, &h.Revision)
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		keys, err = collect(ctx, t, ask("SELECT id, site, subject, use, wrapped, created, changed, destroyed FROM vigil_key ORDER BY created, id"),
			func(scan func(...any) error, v *seal.Key) error {
				var id int64
				err := scan(&id, &v.Site, &v.Subject, &v.Use, &v.Wrapped, &v.Created, &v.Changed, &v.Destroyed)
				v.ID = uint64(id)
				return err
			})
		return err
	})
	return h, keys, err
}

// Found begins the key store.
func (k *KeyDatabase) Found(ctx context.Context, h seal.Header) error {
	_, err := k.db.ExecContext(ctx, "INSERT INTO vigil_key_store (one, id, root, revision) VALUES (TRUE, $1, $2, 0)", h.ID, h.Root)
	return k.explain(err)
}

// Put adds a key.
func (k *KeyDatabase) Put(ctx context.Context, v seal.Key) error {
	return k.transact(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, "INSERT INTO vigil_key (id, site, subject, use, wrapped, created, changed, destroyed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", keyArgs(v)...)
		if err != nil {
			return err
		}
		return bump(ctx, t, "UPDATE vigil_key_store SET revision = revision + 1")
	})
}

// Swap replaces keys, and removes the old ones from the table's pages.
func (k *KeyDatabase) Swap(ctx context.Context, root string, keys []seal.Key) error {
	err := k.transact(ctx, func(t *sql.Tx) error {
		for _, v := range keys {
			_, err := t.ExecContext(ctx, `INSERT INTO vigil_key (id, site, subject, use, wrapped, created, changed, destroyed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped, changed = excluded.changed, destroyed = excluded.destroyed`, keyArgs(v)...)
			if err != nil {
				return err
			}
		}
		return bump(ctx, t, "UPDATE vigil_key_store SET revision = revision + 1, root = $1", root)
	})
	if err != nil {
		return err
	}
	_, err = k.db.ExecContext(ctx, "VACUUM vigil_key")
	return k.explain(err)
}

// Check says whether the database answers, and the revision.
func (k *KeyDatabase) Check(ctx context.Context) (revision int64, err error) {
	err = k.db.QueryRowContext(ctx, "SELECT revision FROM vigil_key_store").Scan(&revision)
	if missing(err) {
		return 0, vital.Errorf(vital.Unavailable, "the key database is empty, a restart would fail: restore its copy")
	}
	return revision, k.explain(err)
}

func keyArgs(v seal.Key) []any {
	return plain([]any{v.ID, v.Site, v.Subject, v.Use, v.Wrapped, v.Created, v.Changed, v.Destroyed})
}

// bump changes the one row of the key store, which is also what makes changes
// wait for each other; no row means that the key store is gone.
func bump(ctx context.Context, t *sql.Tx, query string, args ...any) error {
	r, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return vital.Errorf(vital.Unavailable, "the key database is empty: restore its copy")
	}
	return nil
}

func (k *KeyDatabase) transact(ctx context.Context, f func(t *sql.Tx) error) error {
	t, err := k.db.BeginTx(ctx, nil)
	if err != nil {
		return k.explain(err)
	}
	if err := f(t); err != nil {
		t.Rollback()
		return k.explain(err)
	}
	return k.explain(t.Commit())
}
