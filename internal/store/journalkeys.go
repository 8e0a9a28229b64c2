package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/vital"
)

// JournalKeys lets the journal keep its keys beside those of the store, so that
// one destruction forgets a person in both. They are wrapped here: the journal
// hands them over and gets them back as they are.
type JournalKeys struct{ Keeper *seal.Keeper }

var _ journal.KeyTable = JournalKeys{}

// PutKey adds a key, durably; Conflict when the id is taken.
func (j JournalKeys) PutKey(ctx context.Context, k journal.StoredKey) error {
	key := seal.Key{ID: uint64(k.ID), Site: k.Site, Subject: k.Subject, Use: seal.Journal, Created: k.Created}
	return j.Keeper.Add(ctx, key, k.Wrapped)
}

// Keys returns every key of a site, destroyed ones too, by creation.
func (j JournalKeys) Keys(ctx context.Context, site vital.Site) ([]journal.StoredKey, error) {
	keys, err := j.Keeper.Keys(ctx, site, seal.Journal)
	if err != nil {
		return nil, err
	}
	all := make([]journal.StoredKey, len(keys))
	for i, k := range keys {
		all[i] = journal.StoredKey{ID: journal.KeyID(k.ID), Site: k.Site, Subject: k.Subject, Created: k.Created, Destroyed: k.Destroyed}
		if k.Destroyed.Known() {
			continue
		}
		if all[i].Wrapped, err = j.Keeper.Secret(k); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// DestroyKey destroys one key.
func (j JournalKeys) DestroyKey(ctx context.Context, site vital.Site, id journal.KeyID, at vital.Instant) error {
	return j.Keeper.DestroyKey(ctx, site, uint64(id), at)
}
