package journal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// siteSubject owns key 0, which seals records about nobody.
const siteSubject = "site"

// StoredKey is one key at rest, wrapped by the root key. Once destroyed, Wrapped
// is empty: then nobody can open what it sealed, in no copy of the journal.
type StoredKey struct {
	ID        KeyID
	Site      vital.Site
	Subject   string // "site", "device/monitor-1", "patient/p-5e1f0c2b9d"
	Wrapped   []byte
	Created   vital.Instant
	Destroyed vital.Instant
}

// KeyTable keeps keys. It lies apart from the journal and from its backups,
// since forgetting somebody means to erase a key everywhere.
type KeyTable interface {
	// PutKey adds a key, durably; vital.Conflict when the id is taken.
	PutKey(ctx context.Context, k StoredKey) error
	// Keys returns every key of a site, destroyed ones too, by creation.
	Keys(ctx context.Context, site vital.Site) ([]StoredKey, error)
	// DestroyKey overwrites Wrapped with nothing and sets Destroyed, durably.
	DestroyKey(ctx context.Context, site vital.Site, id KeyID, at vital.Instant) error
}

// Ring gives out the keys of one site. Reading a cipher takes no lock.
type Ring struct {
	table   KeyTable
	site    vital.Site
	root    cipher.AEAD // nil: the table wraps the keys itself
	now     func() vital.Instant
	mutex   sync.Mutex // around everything that changes the table
	ciphers sync.Map   // KeyID -> *ringKey
	current sync.Map   // subject -> KeyID
}

type ringKey struct {
	subject string
	cipher  cipher.AEAD // nil: destroyed
}

// OpenRing reads the keys of a site. It makes key 0 when there is none, and
// refuses a root key that does not fit what is there.
func OpenRing(ctx context.Context, table KeyTable, site vital.Site, root [32]byte, now func() vital.Instant) (*Ring, error) {
	wrap, err := newCipher(root)
	if err != nil {
		return nil, fmt.Errorf("open key ring of site %s: %w", site, err)
	}
	return openRing(ctx, &Ring{table: table, site: site, root: wrap, now: now})
}

// OpenKeptRing is OpenRing for a table that wraps the keys itself: Wrapped of its
// keys is the key.
func OpenKeptRing(ctx context.Context, table KeyTable, site vital.Site, now func() vital.Instant) (*Ring, error) {
	return openRing(ctx, &Ring{table: table, site: site, now: now})
}

func openRing(ctx context.Context, r *Ring) (*Ring, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err := r.load(ctx); err != nil {
		return nil, fmt.Errorf("open key ring of site %s: %w", r.site, err)
	}
	if _, ok := r.ciphers.Load(KeyID(0)); !ok {
		if err := r.add(ctx, 0, siteSubject); err != nil {
			return nil, fmt.Errorf("open key ring of site %s: %w", r.site, err)
		}
	}
	return r, nil
}

// For returns the key that seals new records about subject. A new key is on the
// disk before it is given out.
func (r *Ring) For(ctx context.Context, subject string) (KeyID, error) {
	if id, ok := r.current.Load(subject); ok {
		return id.(KeyID), nil
	}
	if subject == "" {
		return 0, vital.Errorf(vital.Invalid, "find key: no subject given")
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if id, ok := r.current.Load(subject); ok {
		return id.(KeyID), nil
	}
	id, err := r.create(ctx, subject)
	if err != nil {
		return 0, fmt.Errorf("make key of %s: %w", subject, err)
	}
	return id, nil
}

// Rotate gives subject a new key for what comes; the old ones still open what
// they sealed.
func (r *Ring) Rotate(ctx context.Context, subject string) (KeyID, error) {
	if subject == "" {
		return 0, vital.Errorf(vital.Invalid, "rotate key: no subject given")
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	id, err := r.create(ctx, subject)
	if err != nil {
		return 0, fmt.Errorf("rotate key of %s: %w", subject, err)
	}
	return id, nil
}

// Destroy destroys every key of subject: all its records, in every copy of the
// journal, are shredded. It cannot be undone. Destroying again does nothing.
func (r *Ring) Destroy(ctx context.Context, subject string) error {
	if subject == siteSubject {
		return vital.Errorf(vital.Precondition, "destroy key of %s: it seals what is about nobody and is never destroyed", subject)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	keys, err := r.table.Keys(ctx, r.site)
	if err != nil {
		return fmt.Errorf("destroy keys of %s: %w", subject, err)
	}
	found := false
	for _, k := range keys {
		if k.Subject != subject {
			continue
		}
		found = true
		if !k.Destroyed.Known() {
			if err := r.table.DestroyKey(ctx, r.site, k.ID, r.now()); err != nil {
				return fmt.Errorf("destroy key %d of %s: %w", k.ID, subject, err)
			}
		}
		r.current.Delete(subject)
		r.ciphers.Store(k.ID, &ringKey{subject: subject})
	}
	if !found {
		return vital.Errorf(vital.NotFound, "destroy keys of %s: it never had one", subject)
	}
	return nil
}

// Reload takes over what other processes changed in the table.
func (r *Ring) Reload(ctx context.Context) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err := r.load(ctx); err != nil {
		return fmt.Errorf("reload keys of site %s: %w", r.site, err)
	}
	return nil
}

// Cipher returns the cipher of a key: vital.Gone when it was destroyed,
// vital.NotFound when the table never had it.
func (r *Ring) Cipher(id KeyID) (cipher.AEAD, error) {
	k, err := r.key(id)
	if err != nil {
		return nil, err
	}
	if k.cipher == nil {
		return nil, vital.Errorf(vital.Gone, "key %d of %s has been destroyed", id, k.subject)
	}
	return k.cipher, nil
}

// Subject returns whose key it is, also of a destroyed one.
func (r *Ring) Subject(id KeyID) (string, error) {
	k, err := r.key(id)
	if err != nil {
		return "", err
	}
	return k.subject, nil
}

// key looks a key up and asks the table once more when another process may have
// made it.
func (r *Ring) key(id KeyID) (*ringKey, error) {
	if k, ok := r.ciphers.Load(id); ok {
		return k.(*ringKey), nil
	}
	if err := r.Reload(context.Background()); err != nil {
		return nil, err
	}
	if k, ok := r.ciphers.Load(id); ok {
		return k.(*ringKey), nil
	}
	return nil, vital.Errorf(vital.NotFound, "key %d is not in the key table of site %s", id, r.site)
}

// load reads the whole table. The mutex is held.
func (r *Ring) load(ctx context.Context) error {
	keys, err := r.table.Keys(ctx, r.site)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Destroyed.Known() {
			r.ciphers.Store(k.ID, &ringKey{subject: k.Subject})
			r.current.CompareAndDelete(k.Subject, k.ID)
			continue
		}
		if _, ok := r.ciphers.Load(k.ID); !ok {
			c, err := r.unwrap(k)
			if err != nil {
				return err
			}
			r.ciphers.Store(k.ID, &ringKey{subject: k.Subject, cipher: c})
		}
		r.current.Store(k.Subject, k.ID) // in order of creation: the newest stays
	}
	return nil
}

// create adds a key with a random id. The mutex is held.
func (r *Ring) create(ctx context.Context, subject string) (KeyID, error) {
	for {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return 0, fmt.Errorf("draw key id: %w", err)
		}
		// 63 bits: SQL integers are signed.
		id := KeyID(binary.LittleEndian.Uint64(b[:]) >> 1)
		if _, taken := r.ciphers.Load(id); taken || id == 0 {
			continue
		}
		return id, r.add(ctx, id, subject)
	}
}

// add draws, wraps and stores a key, and gives it out only then. The mutex is held.
func (r *Ring) add(ctx context.Context, id KeyID, subject string) error {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return fmt.Errorf("draw key: %w", err)
	}
	c, err := newCipher(key)
	if err != nil {
		return err
	}
	k := StoredKey{ID: id, Site: r.site, Subject: subject, Created: r.now()}
	if k.Wrapped, err = r.wrap(k, key); err != nil {
		return err
	}
	err = r.table.PutKey(ctx, k)
	if vital.KindOf(err) == vital.Conflict && err != nil {
		return r.load(ctx) // another process made it first: key 0 at the first start of a cluster
	}
	if err != nil {
		return err
	}
	r.ciphers.Store(id, &ringKey{subject: subject, cipher: c})
	r.current.Store(subject, id)
	return nil
}

func (r *Ring) wrap(k StoredKey, key [32]byte) ([]byte, error) {
	if r.root == nil {
		return key[:], nil
	}
	return closeKey(k, key, r.root)
}

func closeKey(k StoredKey, key [32]byte, root cipher.AEAD) ([]byte, error) {
	nonce := make([]byte, nonceSize, nonceSize+len(key)+sealSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("draw nonce: %w", err)
	}
	return root.Seal(nonce, nonce, key[:], wrapData(k)), nil
}

func (r *Ring) unwrap(k StoredKey) (cipher.AEAD, error) {
	key := k.Wrapped
	if r.root != nil {
		var err error
		if key, err = openKey(k, r.root); err != nil {
			return nil, err
		}
	}
	if len(key) != 32 {
		return nil, vital.Errorf(vital.Internal, "key %d of %s has %d bytes", k.ID, k.Subject, len(key))
	}
	return newCipher([32]byte(key))
}

// Unwrap returns a key that a root key wrapped.
func Unwrap(k StoredKey, root [32]byte) ([]byte, error) {
	wrap, err := newCipher(root)
	if err != nil {
		return nil, err
	}
	return openKey(k, wrap)
}

func openKey(k StoredKey, root cipher.AEAD) ([]byte, error) {
	if len(k.Wrapped) < nonceSize {
		return nil, vital.Errorf(vital.Internal, "key %d of %s: the wrapped key is cut off", k.ID, k.Subject)
	}
	key, err := root.Open(nil, k.Wrapped[:nonceSize], k.Wrapped[nonceSize:], wrapData(k))
	if err != nil || len(key) != 32 {
		return nil, vital.Errorf(vital.Precondition, "key %d of %s does not open: the root key is not the one that wrapped it", k.ID, k.Subject)
	}
	return key, nil
}

// wrapData binds a wrapped key to its row, so that rows cannot be exchanged.
func wrapData(k StoredKey) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(k.ID))
	b = append(b, byte(len(k.Site)))
	b = append(b, k.Site...)
	return append(b, k.Subject...)
}

func newCipher(key [32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	c, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return c, nil
}
