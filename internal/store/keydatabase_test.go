package store_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
)

// Keys in a folder, in memory and in a database of their own behave alike, for
// two nodes that share them.
//
// Covers: K1 K2
func TestKeyTables(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) func() seal.Table{
		"files": func(t *testing.T) func() seal.Table {
			dir := t.TempDir()
			return func() seal.Table { return seal.NewFiles(filepath.Join(dir, "keys")) }
		},
		"memory": func(*testing.T) func() seal.Table { m := &seal.Memory{}; return func() seal.Table { return m } },
		"postgres": func(t *testing.T) func() seal.Table {
			dsn := need.Postgres(t)
			return func() seal.Table {
				k := got(store.OpenKeys(context.Background(), dsn))(t)
				t.Cleanup(func() { k.Close() })
				return k
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			place := got(seal.PlaceOf("", t.TempDir(), ""))(t)
			table := make(t)
			node := func() *seal.Keeper {
				return got(seal.Open(ctx, seal.Options{Table: table(), Root: place, Now: func() vital.Instant { return t0 }}))(t)
			}
			one := node()
			id := got(one.Found(ctx))(t)
			two := node()
			if two.ID() != id || id == "" {
				t.Fatalf("key stores %q and %q", id, two.ID())
			}
			b := got(one.Seal(ctx, "main", "patient/p-1", "a/b/c", []byte("Ada")))(t)
			if plain := got(two.Open(ctx, "main", "patient/p-1", "a/b/c", b))(t); string(plain) != "Ada" {
				t.Errorf("another node opens %q", plain)
			}
			must(t, two.Rotate(ctx, "main", "patient/p-1"))
			c := got(two.Seal(ctx, "main", "patient/p-1", "a/b/c", []byte("Bob")))(t)
			if plain := got(one.Open(ctx, "main", "patient/p-1", "a/b/c", c))(t); string(plain) != "Bob" {
				t.Errorf("after another node rotated: %q", plain)
			}
			if n := got(one.RotateRoot(ctx, ""))(t); n != 1 {
				t.Errorf("%d keys wrapped anew", n)
			}
			must(t, two.Check(ctx))
			got(two.Seal(ctx, "main", "patient/p-2", "a/b/c", []byte("Cyd")))(t)
			must(t, one.Destroy(ctx, "main", "patient/p-1", 9))
			must(t, two.Check(ctx))
			_, err := two.Open(ctx, "main", "patient/p-1", "a/b/c", b)
			kind(t, err, vital.Gone)
			if last := node(); last.Revision() != one.Revision() || last.Count().Destroyed != 1 {
				t.Errorf("revision %d, want %d: %+v", last.Revision(), one.Revision(), last.Count())
			}
			kind(t, table().Found(ctx, seal.Header{ID: "x"}), vital.Conflict)
		})
	}
}

// A database that holds data takes no keys.
//
// Covers: K2
func TestKeysWantADatabaseOfTheirOwn(t *testing.T) {
	dsn := need.Postgres(t)
	open(t, dsn)
	_, err := store.OpenKeys(t.Context(), dsn)
	kind(t, err, vital.Precondition)
	_, err = store.OpenKeys(t.Context(), "sqlite:x")
	kind(t, err, vital.Invalid)
}
