package store

import (
	"context"

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
