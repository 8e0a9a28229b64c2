// Package seal keeps what identifies a person unreadable to whoever has the
// disk, the database or a backup and not the keys. It exists so that a person
// can be forgotten: everything sealed about somebody hangs on keys of that
// person alone, those keys lie in one place outside of every database and every
// backup of it, and destroying them there destroys the person everywhere.
//
// Three layers. A data key seals: one Tink AES-256-GCM keyset for each site and
// subject ("site", "patient/p-5e1f0c2b9d"). A Table keeps data keys, and those of
// the journal, wrapped. The root key wraps them, through a key derived from it;
// it lies in a file or comes as a credential of systemd. What is sealed is bound
// to its place (table, column, row): moved elsewhere it does not open.
//
// All wrapped keys are held in memory. A key store that vanishes while Vigil
// runs stops new keys from being made and nothing else.
package seal

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/vigilcare/vigil/vital"
)

// Site is the subject of what belongs to nobody: secrets of the installation.
const Site = "site"

// Patient returns the subject of a patient's data.
func Patient(id vital.PatientID) string { return "patient/" + string(id) }

// Keeper seals, opens, and keeps the keys. Its methods may be called from many
// goroutines; all processes that share a table may have one each.
type Keeper struct {
	table Table
	place Place
	now   func() vital.Instant

	mutex  sync.RWMutex
	root   Root
	header Header
	keys   map[uint64]*held
	data   map[owner]*held // of uses "data" and "index"; destroyed ones too
}

type owner struct{ site, subject, use string }

// held is a key in memory.
type held struct {
	Key
	once   sync.Once
	aead   tink.AEAD
	failed error
}

// Options say where the keys are.
type Options struct {
	Table Table
	Root  Place
	Now   func() vital.Instant
}

// Open reads the keys. A new table gets its header only with Found: until then
// nothing is written, so that the caller can see first whether there should have
// been keys. A missing root key is made for a new table and refused for any other.
func Open(ctx context.Context, o Options) (*Keeper, error) {
	k := &Keeper{table: o.Table, place: o.Root, now: o.Now}
	header, keys, err := o.Table.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the key store: %w", err)
	}
	if k.root, err = o.Root.load(header); err != nil {
		return nil, fmt.Errorf("open the key store: %w", err)
	}
	k.take(header, keys)
	return k, nil
}

// take replaces what is in memory; opened keys that are still there stay opened.
func (k *Keeper) take(h Header, keys []Key) {
	before := k.keys
	k.header, k.keys, k.data = h, make(map[uint64]*held, len(keys)), map[owner]*held{}
	for _, key := range keys {
		one := &held{Key: key}
		if old := before[key.ID]; old != nil && bytes.Equal(old.Wrapped, key.Wrapped) {
			one = old
		}
		k.keep(one)
	}
}

func (k *Keeper) keep(one *held) {
	k.keys[one.ID] = one
	if one.Use != Journal {
		k.data[owner{string(one.Site), one.Subject, one.Use}] = one
	}
}

// ID names the key store; empty: it is new and nothing has been sealed with it.
func (k *Keeper) ID() string {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	return k.header.ID
}

// Revision counts the changes of the key store. A copy with a lower one is older.
func (k *Keeper) Revision() int64 {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	return k.header.Revision
}

// Found begins a new key store and returns its name; one that is there keeps its
// own.
func (k *Keeper) Found(ctx context.Context) (string, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.header.ID, k.found(ctx)
}

func (k *Keeper) found(ctx context.Context) error {
	if k.header.ID != "" {
		return nil
	}
	var id [8]byte
	rand.Read(id[:])
	if err := k.table.Found(ctx, Header{ID: hex.EncodeToString(id[:]), Root: k.root.Check()}); err != nil {
		return fmt.Errorf("begin the key store: %w", err)
	}
	return k.reload(ctx)
}

// Seal seals plain for a subject and binds it to a place ("person/body/p-1"). The
// subject's first seal makes its key, which is on the disk before it is used.
// vital.Gone: the subject was forgotten. vital.Unavailable: the key store cannot
// take a new key. There is no way round either: nothing is ever kept unsealed.
func (k *Keeper) Seal(ctx context.Context, site, subject, place string, plain []byte) ([]byte, error) {
	one, err := k.dataKey(ctx, site, subject)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", place, err)
	}
	c, err := k.cipher(one)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", place, err)
	}
	sealed, err := c.Encrypt(plain, boundTo(site, subject, place))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", place, err)
	}
	return sealed, nil
}

// Open opens what Seal returned. vital.Gone: the subject was forgotten and nobody
// can open it. vital.Internal: it was altered, moved, or sealed with other keys.
func (k *Keeper) Open(ctx context.Context, site, subject, place string, sealed []byte) ([]byte, error) {
	one, err := k.find(ctx, owner{site, subject, Data})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, err)
	}
	c, err := k.cipher(one)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, err)
	}
	plain, err := c.Decrypt(sealed, boundTo(site, subject, place))
	if err == nil {
		return plain, nil
	}
	// Another process may have given the subject a new key.
	if again, failed := k.refreshed(ctx, one); failed == nil && again != nil {
		if c, err := k.cipher(again); err == nil {
			if plain, err := c.Decrypt(sealed, boundTo(site, subject, place)); err == nil {
				return plain, nil
			}
		}
	}
	return nil, vital.Errorf(vital.Internal, "open %s: it was altered, moved or sealed with another key", place)
}

// hashSize is what is kept of a keyed hash: a chance of 2^-96 to meet.
const hashSize = 12

// Hash returns the keyed hash of a text under a key of the site, so that a text
// can be looked up that is nowhere readable.
func (k *Keeper) Hash(ctx context.Context, site, place string, texts ...string) ([][]byte, error) {
	one, err := k.find(ctx, owner{site, Site, Index})
	if vital.KindOf(err) == vital.NotFound && err != nil {
		one, err = k.create(ctx, owner{site, Site, Index}, newSecret)
	}
	if err != nil {
		return nil, fmt.Errorf("hash for %s: %w", place, err)
	}
	secret, err := k.secret(one)
	if err != nil {
		return nil, fmt.Errorf("hash for %s: %w", place, err)
	}
	hashes := make([][]byte, len(texts))
	for i, text := range texts {
		h := hmac.New(sha256.New, secret)
		h.Write(boundTo(site, Site, place))
		h.Write([]byte(text))
		hashes[i] = h.Sum(nil)[:hashSize]
	}
	return hashes, nil
}

// boundTo is the associated data. Lengths keep the parts apart.
func boundTo(parts ...string) []byte {
	b := []byte("vigil 1")
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

// dataKey returns the subject's key and makes it when there is none.
func (k *Keeper) dataKey(ctx context.Context, site, subject string) (*held, error) {
	if site == "" || subject == "" {
		return nil, vital.Errorf(vital.Invalid, "no site or no subject given")
	}
	who := owner{site, subject, Data}
	one, err := k.find(ctx, who)
	if vital.KindOf(err) == vital.NotFound && err != nil {
		return k.create(ctx, who, newKeyset)
	}
	return one, err
}

// find returns a living key and asks the table once more when there is none.
func (k *Keeper) find(ctx context.Context, who owner) (*held, error) {
	k.mutex.RLock()
	one := k.data[who]
	k.mutex.RUnlock()
	if one == nil {
		k.mutex.Lock()
		_ = k.refresh(ctx) // that the table cannot be read is told by Check; what is known is known
		one = k.data[who]
		k.mutex.Unlock()
	}
	switch {
	case one == nil:
		return nil, vital.Errorf(vital.NotFound, "%s has no key", who.subject)
	case one.Destroyed.Known():
		return nil, vital.Errorf(vital.Gone, "%s was forgotten: its key has been destroyed", who.subject)
	}
	return one, nil
}

func (k *Keeper) create(ctx context.Context, who owner, draw func() ([]byte, error)) (*held, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if one := k.data[who]; one != nil && !one.Destroyed.Known() {
		return one, nil
	}
	secret, err := draw()
	if err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	key := Key{ID: newID(), Site: vital.Site(who.site), Subject: who.subject, Use: who.use, Created: k.now()}
	if err := k.add(ctx, key, secret); err != nil {
		return nil, err
	}
	return k.keys[key.ID], nil
}

// add wraps and keeps a key. The mutex is held.
func (k *Keeper) add(ctx context.Context, key Key, secret []byte) (err error) {
	if err := k.found(ctx); err != nil {
		return err
	}
	if key.Wrapped, err = k.root.wrap(key, secret); err != nil {
		return err
	}
	if err := k.table.Put(ctx, key); err != nil {
		return fmt.Errorf("keep the key of %s: %w", key.Subject, err)
	}
	k.header.Revision++
	k.keep(&held{Key: key})
	return nil
}

// newID draws 63 bits: SQL integers are signed. 0 is the journal's key of the site.
func newID() uint64 {
	for {
		var b [8]byte
		rand.Read(b[:])
		if id := binary.LittleEndian.Uint64(b[:]) >> 1; id != 0 {
			return id
		}
	}
}

func newSecret() ([]byte, error) {
	b := make([]byte, 32)
	_, err := rand.Read(b)
	return b, err
}

func newKeyset() ([]byte, error) {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	return clear(h)
}

// clear writes a keyset unsealed; it is wrapped before it leaves the memory.
func clear(h *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&b))
	return b.Bytes(), err
}

func (k *Keeper) secret(one *held) ([]byte, error) {
	k.mutex.RLock()
	root := k.root
	wrapped := one.Wrapped
	k.mutex.RUnlock()
	return root.unwrap(one.Key, wrapped)
}

// cipher opens a keyset, once.
func (k *Keeper) cipher(one *held) (tink.AEAD, error) {
	one.once.Do(func() {
		secret, err := k.secret(one)
		if err != nil {
			one.failed = err
			return
		}
		h, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(secret)))
		if err != nil {
			one.failed = err
			return
		}
		one.aead, one.failed = aead.New(h)
	})
	if one.failed != nil {
		return nil, fmt.Errorf("open the key of %s: %w", one.Subject, one.failed)
	}
	return one.aead, nil
}
