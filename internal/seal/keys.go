package seal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/vigilcare/vigil/vital"
)

// refresh takes over what other processes changed. The mutex is held.
func (k *Keeper) refresh(ctx context.Context) error {
	revision, err := k.table.Check(ctx)
	if err != nil {
		return err
	}
	if revision == k.header.Revision {
		return nil
	}
	return k.reload(ctx)
}

func (k *Keeper) reload(ctx context.Context) error {
	header, keys, err := k.table.Load(ctx)
	if err != nil {
		return err
	}
	if k.header.ID != "" && header.ID != k.header.ID {
		return vital.Errorf(vital.Precondition, "the key store is another one now: %q, it was %q", header.ID, k.header.ID)
	}
	if header.ID != "" && header.Root != k.root.Check() {
		// Another process rotated the root key.
		root, err := k.place.load(header)
		if err != nil {
			return err
		}
		k.root = root
	}
	k.take(header, keys)
	return nil
}

func (k *Keeper) refreshed(ctx context.Context, one *held) (*held, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	if again := k.data[owner{string(one.Site), one.Subject, one.Use}]; again != one && again != nil && !again.Destroyed.Known() {
		return again, nil
	}
	return nil, nil
}

// Check says whether the root key and the key store are where they were and fit
// together, and takes over what other processes changed. What is in memory goes
// on working when they do not.
func (k *Keeper) Check(ctx context.Context) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.header.ID == "" {
		return nil
	}
	if err := k.refresh(ctx); err != nil {
		return fmt.Errorf("look at the key store: %w", err)
	}
	root, err := k.place.read(k.place.path)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "the root key %s cannot be read, a restart would fail: %w", k.place.path, err)
	}
	if root.Check() != k.header.Root {
		return vital.Errorf(vital.Unavailable, "the root key %s is not the one in use, a restart would fail", k.place.path)
	}
	return nil
}

// Keys lists the keys of one use, destroyed ones too, by creation.
func (k *Keeper) Keys(ctx context.Context, site vital.Site, use string) ([]Key, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	_ = k.refresh(ctx) // as in find: what is known is known
	var keys []Key
	for _, one := range k.keys {
		if one.Site == site && one.Use == use {
			keys = append(keys, one.Key)
		}
	}
	slices.SortFunc(keys, byCreation)
	return keys, nil
}

// Secret opens a key of the uses index and journal.
func (k *Keeper) Secret(key Key) ([]byte, error) {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	return k.root.unwrap(key, key.Wrapped)
}

// Add keeps a key that was drawn elsewhere: the journal's. A key that is there
// already is a Conflict.
func (k *Keeper) Add(ctx context.Context, key Key, secret []byte) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if _, ok := k.keys[key.ID]; ok {
		return vital.Errorf(vital.Conflict, "key %d is there already", key.ID)
	}
	return k.add(ctx, key, secret)
}

// Adopt is Add for a key that was kept elsewhere, wrapped by the root key itself;
// open unwraps it. What is there already stays.
func (k *Keeper) Adopt(ctx context.Context, key Key, open func(root [32]byte) ([]byte, error)) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if _, ok := k.keys[key.ID]; ok {
		return nil
	}
	if err := k.found(ctx); err != nil {
		return err
	}
	if key.Destroyed.Known() {
		return k.swap(ctx, k.root, []Key{key})
	}
	secret, err := open(k.root.secret)
	if err != nil {
		return err
	}
	return k.add(ctx, key, secret)
}

// Destroy destroys every key of a subject. Everything ever sealed with them is
// gone, in the store, the journal and every backup. It leaves a tombstone, also
// when there never was a key; destroying again destroys what came since.
func (k *Keeper) Destroy(ctx context.Context, site vital.Site, subject string, at vital.Instant) error {
	if subject == Site || subject == "" {
		return vital.Errorf(vital.Precondition, "destroy keys of %q: the installation's own keys are never destroyed", subject)
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if err := k.found(ctx); err != nil {
		return err
	}
	if err := k.refresh(ctx); err != nil {
		return fmt.Errorf("destroy keys of %s: %w", subject, err)
	}
	var dead []Key
	stone := false
	for _, one := range k.keys {
		if one.Site != site || one.Subject != subject {
			continue
		}
		stone = stone || one.Use == Data
		if !one.Destroyed.Known() {
			key := one.Key
			key.Wrapped, key.Destroyed = nil, at
			dead = append(dead, key)
		}
	}
	if !stone {
		dead = append(dead, Key{ID: newID(), Site: site, Subject: subject, Use: Data, Created: at, Destroyed: at})
	}
	if len(dead) == 0 {
		return nil
	}
	return k.swap(ctx, k.root, dead)
}

// DestroyKey destroys one key of the journal.
func (k *Keeper) DestroyKey(ctx context.Context, site vital.Site, id uint64, at vital.Instant) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	one := k.keys[id]
	if one == nil || one.Site != site {
		return vital.Errorf(vital.NotFound, "destroy key %d: site %s has no such key", id, site)
	}
	key := one.Key
	key.Wrapped, key.Destroyed = nil, at
	return k.swap(ctx, k.root, []Key{key})
}

// Destroyed lists the subjects of a site that were forgotten, with when.
func (k *Keeper) Destroyed(site vital.Site) map[string]vital.Instant {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	gone := map[string]vital.Instant{}
	for who, one := range k.data {
		if one.Site == site && who.use == Data && one.Destroyed.Known() {
			gone[who.subject] = one.Destroyed
		}
	}
	return gone
}

// Rotate gives a subject a new data key for what comes; the older ones go on
// opening what they sealed.
func (k *Keeper) Rotate(ctx context.Context, site vital.Site, subject string) error {
	if _, err := k.dataKey(ctx, string(site), subject); err != nil {
		return fmt.Errorf("rotate the key of %s: %w", subject, err)
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if err := k.refresh(ctx); err != nil {
		return fmt.Errorf("rotate the key of %s: %w", subject, err)
	}
	one := k.data[owner{string(site), subject, Data}]
	if one == nil || one.Destroyed.Known() {
		return vital.Errorf(vital.Gone, "rotate the key of %s: it was forgotten", subject)
	}
	key := one.Key
	secret, err := k.root.unwrap(key, key.Wrapped)
	if err != nil {
		return err
	}
	if secret, err = withNewPrimary(secret); err != nil {
		return fmt.Errorf("rotate the key of %s: %w", subject, err)
	}
	key.Changed = k.now()
	if key.Wrapped, err = k.root.wrap(key, secret); err != nil {
		return err
	}
	return k.swap(ctx, k.root, []Key{key})
}

// withNewPrimary adds a key to a keyset and makes it the one that seals.
func withNewPrimary(secret []byte) ([]byte, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(secret)))
	if err != nil {
		return nil, err
	}
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	if h, err = m.Handle(); err != nil {
		return nil, err
	}
	return clear(h)
}

// RotateRoot draws a new root key and wraps every key with it. A crash at any
// moment leaves a root key that fits the keys: the new one is on the disk, beside
// the old one, before the keys change, and takes its place after. Where systemd
// gives the root key, the new one is written to the file named and has to be made
// the credential before the next start.
func (k *Keeper) RotateRoot(ctx context.Context, into string) (wrapped int, err error) {
	if k.place.given == (into == "") {
		return 0, vital.Errorf(vital.Invalid, "rotate the root key: name a file for the new one exactly when systemd gives the old one")
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if err := k.found(ctx); err != nil {
		return 0, err
	}
	if err := k.refresh(ctx); err != nil {
		return 0, fmt.Errorf("rotate the root key: %w", err)
	}
	next := newRoot()
	all := make([]Key, 0, len(k.keys))
	for _, one := range k.keys {
		key := one.Key
		if !key.Destroyed.Known() {
			secret, err := k.root.unwrap(key, key.Wrapped)
			if err != nil {
				return 0, err
			}
			if key.Wrapped, err = next.wrap(key, secret); err != nil {
				return 0, err
			}
			wrapped++
		}
		all = append(all, key)
	}
	path := into
	if path == "" {
		path = k.place.path + nextRoot
		os.Remove(path) // of a rotation that failed
	}
	if err := writeRoot(path, next); err != nil {
		return 0, vital.Errorf(vital.Unavailable, "rotate the root key: write the new one: %w", err)
	}
	if err := k.swap(ctx, next, all); err != nil {
		return 0, err
	}
	if into != "" {
		return wrapped, nil
	}
	return wrapped, k.place.finish()
}

// swap replaces keys at rest and then in memory. The mutex is held.
func (k *Keeper) swap(ctx context.Context, root Root, keys []Key) error {
	if err := k.table.Swap(ctx, root.Check(), keys); err != nil {
		return fmt.Errorf("change the key store: %w", err)
	}
	k.root = root
	k.header.Root = root.Check()
	k.header.Revision++
	for _, key := range keys {
		one := &held{Key: key}
		k.keep(one)
	}
	return nil
}

func byCreation(a, b Key) int {
	switch {
	case a.Created != b.Created:
		return int(max(-1, min(1, a.Created-b.Created)))
	case a.ID < b.ID:
		return -1
	}
	return 1
}

// Count is how many keys there are, and of which kind.
type Count struct {
	Living    int `json:"living"`
	Destroyed int `json:"destroyed"`
	Subjects  int `json:"subjects"` // that have a living key for rows
}

// Count counts.
func (k *Keeper) Count() Count {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	var c Count
	for _, one := range k.keys {
		switch {
		case one.Destroyed.Known():
			c.Destroyed++
		default:
			c.Living++
			if one.Use == Data {
				c.Subjects++
			}
		}
	}
	return c
}
