package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// Setting returns a small value of the site; NotFound when it was never put.
func (d *DB) Setting(ctx context.Context, site vital.Site, name string) ([]byte, error) {
	q := ask("SELECT value FROM setting WHERE site = ? AND name = ?", site, name)
	return one(ctx, d.read, q, "setting "+name, scanInto[[]byte])
}

// PutSetting keeps a small value of the site, such as a generated key.
func (d *DB) PutSetting(ctx context.Context, site vital.Site, name string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO setting (site, name, value) VALUES ($1, $2, $3) ON CONFLICT (site, name) DO UPDATE SET value = excluded.value", site, name, value)
		return err
	})
}

var _ journal.KeyTable = (*DB)(nil)

// PutKey adds a sealing key, durably; Conflict when the id is taken.
func (d *DB) PutKey(ctx context.Context, k journal.StoredKey) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO sealing_key (site, id, subject, wrapped, created, destroyed) VALUES ($1, $2, $3, $4, $5, $6)",
			k.Site, k.ID, k.Subject, k.Wrapped, k.Created, k.Destroyed)
		return err
	})
}

// Keys returns every key of a site, destroyed ones too, by creation.
func (d *DB) Keys(ctx context.Context, site vital.Site) ([]journal.StoredKey, error) {
	q := ask("SELECT id, site, subject, wrapped, created, destroyed FROM sealing_key WHERE site = ? ORDER BY created, id", site)
	return collect(ctx, d.read, q, func(scan func(...any) error, k *journal.StoredKey) error {
		var id int64
		err := scan(&id, &k.Site, &k.Subject, &k.Wrapped, &k.Created, &k.Destroyed)
		k.ID = journal.KeyID(id)
		return err
	})
}

// DestroyKey overwrites a key with nothing, in the file too: what it sealed can
// never be opened again.
func (d *DB) DestroyKey(ctx context.Context, site vital.Site, id journal.KeyID, at vital.Instant) error {
	err := d.transact(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE sealing_key SET wrapped = NULL, destroyed = $1 WHERE site = $2 AND id = $3", at, site, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "destroy key %d: site %s has no such key", id, site)
		}
		return err
	})
	if err != nil {
		return err
	}
	return d.dialect.scrub(ctx, d, "sealing_key")
}
