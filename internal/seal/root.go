package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// Root is the key above all others. It wraps through a key derived from it.
type Root struct{ secret [32]byte }

const (
	nonceSize = 12
	nextRoot  = ".next" // beside the root key while it is rotated
)

func (r Root) derive(what string, n int) []byte {
	b, err := hkdf.Key(sha256.New, r.secret[:], nil, "vigil 1 "+what, n)
	if err != nil {
		panic(err) // only a length beyond 8160 bytes fails
	}
	return b
}

// Check returns a value that tells root keys apart and says nothing about them.
func (r Root) Check() string { return hex.EncodeToString(r.derive("check", 8)) }

func (r Root) aead() cipher.AEAD {
	block, err := aes.NewCipher(r.derive("wrap", 32))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	c, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return c
}

func (r Root) wrap(k Key, secret []byte) ([]byte, error) {
	nonce := make([]byte, nonceSize, nonceSize+len(secret)+16)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	return r.aead().Seal(nonce, nonce, secret, wrapData(k)), nil
}

func (r Root) unwrap(k Key, wrapped []byte) ([]byte, error) {
	if len(wrapped) < nonceSize {
		return nil, vital.Errorf(vital.Internal, "key %d of %s is cut off", k.ID, k.Subject)
	}
	secret, err := r.aead().Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], wrapData(k))
	if err != nil {
		return nil, vital.Errorf(vital.Precondition, "key %d of %s does not open: the root key is not the one that wrapped it", k.ID, k.Subject)
	}
	return secret, nil
}

// wrapData binds a wrapped key to its row.
func wrapData(k Key) []byte {
	return boundTo("wrapped key", string(binary.LittleEndian.AppendUint64(nil, k.ID)), string(k.Site), k.Subject, k.Use)
}

// Place is where the root key is.
type Place struct {
	path  string
	given bool // by systemd: it is never made or replaced here
}

// PlaceOf reads the configuration: empty is root.key in the data directory,
// "credential:NAME" a credential of systemd, anything else a file.
func PlaceOf(setting, data, credentials string) (Place, error) {
	name, ok := strings.CutPrefix(setting, "credential:")
	switch {
	case ok && credentials == "":
		return Place{}, vital.Errorf(vital.Precondition, "the root key is to come as the credential %s and systemd gives none: $CREDENTIALS_DIRECTORY is not set; want LoadCredentialEncrypted=%s in the unit", name, name)
	case ok && (name == "" || name != filepath.Base(name)):
		return Place{}, vital.Errorf(vital.Invalid, "root-key %q: want credential:NAME", setting)
	case ok:
		return Place{filepath.Join(credentials, name), true}, nil
	case setting == "":
		return Place{path: filepath.Join(data, "root.key")}, nil
	}
	return Place{path: setting}, nil
}

// Path is the file that holds the root key.
func (p Place) Path() string { return p.path }

// load reads the root key of a table. A new table may have a new key. After a
// rotation that a crash cut short the table says which of two keys holds.
func (p Place) load(h Header) (Root, error) {
	root, err := p.read(p.path)
	if errors.Is(err, fs.ErrNotExist) && h.ID == "" && !p.given {
		if err := writeRoot(p.path, newRoot()); err != nil && !errors.Is(err, fs.ErrExist) {
			return Root{}, vital.Errorf(vital.Unavailable, "make the root key %s: %w", p.path, err)
		}
		root, err = p.read(p.path)
	}
	if h.ID != "" && (err != nil || root.Check() != h.Root) && !p.given {
		if next, failed := p.read(p.path + nextRoot); failed == nil && next.Check() == h.Root {
			return next, p.finish()
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Root{}, vital.Errorf(vital.Precondition, "the root key %s is not there, and without it nothing that is sealed can be read: put its copy back", p.path)
	}
	if err != nil {
		return Root{}, vital.Errorf(vital.Precondition, "read the root key %s: %w", p.path, err)
	}
	if h.ID != "" && root.Check() != h.Root {
		return Root{}, vital.Errorf(vital.Precondition, "the root key %s is not the one that wrapped the keys of key store %s: put the right one back", p.path, h.ID)
	}
	if h.ID != "" && !p.given {
		os.Remove(p.path + nextRoot) // of a rotation that never reached the table
	}
	return root, nil
}

func (p Place) read(path string) (Root, error) {
	look := os.Lstat
	if p.given {
		look = os.Stat // a link is systemd's own business
	}
	info, err := look(path)
	if err != nil {
		return Root{}, err
	}
	if !info.Mode().IsRegular() {
		return Root{}, vital.Errorf(vital.Precondition, "it is not a plain file")
	}
	closed := fs.FileMode(0o077)
	if p.given {
		closed = 0o007 // systemd lets the unit's own user in by an access list, which shows as the group's mode
	}
	if mode := info.Mode().Perm(); mode&closed != 0 {
		return Root{}, vital.Errorf(vital.Precondition, "others may read it (mode %04o): chmod 600 it, and think about who has", mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Root{}, err
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != 32 {
		return Root{}, vital.Errorf(vital.Precondition, "it does not hold 64 hexadecimal digits")
	}
	return Root{[32]byte(b)}, nil
}

func newRoot() Root {
	var r Root
	rand.Read(r.secret[:])
	return r
}

// finish gives the next root key its place. The old one is overwritten: whoever
// finds its bytes later finds nothing.
func (p Place) finish() error {
	old, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return vital.Errorf(vital.Unavailable, "finish the rotation of the root key: %w", err)
	}
	if err := errors.Join(os.Rename(p.path+nextRoot, p.path), syncDirectory(filepath.Dir(p.path))); err != nil {
		return vital.Errorf(vital.Unavailable, "finish the rotation of the root key: %w", err)
	}
	if old != nil {
		return errors.Join(blank(old), old.Close())
	}
	return nil
}

// writeRoot writes a key beside path and links it into place: a half-written key
// never bears the name, and two that start at once cannot both win.
func writeRoot(path string, r Root) error {
	directory := filepath.Dir(path)
	f, err := os.CreateTemp(directory, ".root-*") // CreateTemp gives mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(r.secret[:]) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDirectory(directory)
}

// blank overwrites a file with zeros. A disk that writes elsewhere (flash, copy
// on write) may keep the old bytes: docs/security/encryption.md says what then.
func blank(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(make([]byte, info.Size()), 0); err != nil {
		return err
	}
	return f.Sync()
}

func syncDirectory(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
