package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// rootPlace is where the root key is, by the configuration.
func (c *config) rootPlace() (seal.Place, error) {
	return seal.PlaceOf(c.RootKey, c.Data, os.Getenv("CREDENTIALS_DIRECTORY"))
}

// keyTable is where the keys are: a folder of this machine, or a database that
// every node of a cluster reaches.
func (c *config) keyTable(ctx context.Context) (seal.Table, error) {
	if strings.Contains(c.Keys, "://") {
		if c.Keys == c.Store {
			return nil, vital.Errorf(vital.Invalid, "keys: it is the database of the data: a backup of the data would hold the keys to it")
		}
		return store.OpenKeys(ctx, c.Keys)
	}
	return seal.NewFiles(c.keyFolder()), nil
}

// keyFolder is where the keys are on this machine; empty: in a database.
func (c *config) keyFolder() string {
	switch {
	case c.Keys == "":
		return filepath.Join(c.Data, "keys")
	case strings.Contains(c.Keys, "://"):
		return ""
	}
	return c.Keys
}

// openKeeper opens the keys that the configuration points to.
func openKeeper(ctx context.Context, c config) (*seal.Keeper, error) {
	place, err := c.rootPlace()
	if err != nil {
		return nil, err
	}
	table, err := c.keyTable(ctx)
	if err != nil {
		return nil, err
	}
	return seal.Open(ctx, seal.Options{Table: table, Root: place, Now: vitalNow})
}

// openRing opens the journal's keys, which lie beside those of the store.
func openRing(ctx context.Context, c config, k *seal.Keeper) (*journal.Ring, error) {
	return journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: k}, vital.Site(c.Site), vitalNow)
}
