package audit

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/vital"
)

// Key signs the checkpoints of one site's ledger and marks its rows. The
// signature is for everybody (Ed25519, a signed note); the mark is for the server
// alone (HMAC) and is what a forger with nothing but the database cannot make.
// A nil Key marks nothing.
type Key struct {
	signer note.Signer
	public string
	secret []byte // of the marks
}

const markSize = 16

// origin names a site's ledger: in its checkpoints, and as the name of its key.
func origin(site vital.Site) string {
	return "vigil/ledger/" + strings.ReplaceAll(url.PathEscape(string(site)), "+", "%2B")
}

// newKey reads a signing key in the form of a signed note's.
func newKey(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	s, err := note.NewSigner(text)
	if err != nil {
		return nil, vital.Errorf(vital.Precondition, "it does not hold a signing key")
	}
	// PRIVATE+KEY+name+hash+base64(algorithm, seed): base64 may hold a plus itself.
	parts := strings.SplitN(text, "+", 5)
	raw, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil {
		return nil, vital.Errorf(vital.Precondition, "it does not hold a signing key")
	}
	secret, err := hkdf.Key(sha256.New, raw[1:], nil, "vigil/ledger/mark", 32)
	if err != nil {
		return nil, err
	}
	k := &Key{signer: s, secret: secret}
	k.public, err = publicOf(s.Name(), raw[1:])
	return k, err
}

// MakeKey draws a key; its text is what LoadKey keeps in a file.
func MakeKey(site vital.Site) (*Key, string, error) {
	text, _, err := note.GenerateKey(rand.Reader, origin(site))
	if err != nil {
		return nil, "", err
	}
	k, err := newKey(text)
	return k, text, err
}

// Sealer seals secrets for the disk.
type Sealer interface {
	Seal(ctx context.Context, site, subject, place string, plain []byte) ([]byte, error)
	Open(ctx context.Context, site, subject, place string, sealed []byte) ([]byte, error)
}

// sealedKey begins the text of a key file that is sealed.
const sealedKey = "sealed "

// LoadKey reads the key of a site's ledger, or draws one when the file is not
// there. It is sealed when there is a sealer (nil: it lies open), and only its
// owner may read the file: who has it can sign another history. Beside it lies
// the public key, for everybody.
func LoadKey(ctx context.Context, path string, site vital.Site, sealer Sealer) (*Key, error) {
	k, err := ReadKey(ctx, path, site, sealer)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(ctx, path, site, sealer); err != nil {
			return nil, fmt.Errorf("create the ledger's key %s: %w", path, err)
		}
		k, err = ReadKey(ctx, path, site, sealer)
	}
	if err == nil {
		err = publish(PublicFile(path), k.public)
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger's key %s: %w", path, err)
	}
	return k, nil
}

// PublicFile is where the public key lies beside a key.
func PublicFile(path string) string { return path + ".pub" }

func publish(path, public string) error {
	if before, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(before)) == public {
		return nil
	}
	return os.WriteFile(path, []byte(public+"\n"), 0o644)
}

func place(site vital.Site) string { return "ledger/key/" + string(site) }

// ReadKey is LoadKey, and makes nothing.
func ReadKey(ctx context.Context, path string, site vital.Site, sealer Sealer) (*Key, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, vital.Errorf(vital.Precondition, "it is not a plain file")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, vital.Errorf(vital.Precondition, "others may read it (mode %04o): chmod 600 it, and think about who has", mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if sealed, ok := strings.CutPrefix(string(text), sealedKey); ok {
		if sealer == nil {
			return nil, vital.Errorf(vital.Precondition, "it is sealed, and the keys are not there")
		}
		body, err := base64.StdEncoding.DecodeString(strings.TrimSpace(sealed))
		if err != nil {
			return nil, vital.Errorf(vital.Precondition, "it does not hold a signing key")
		}
		if text, err = sealer.Open(ctx, string(site), "site", place(site), body); err != nil {
			return nil, err
		}
	}
	k, err := newKey(string(text))
	if err != nil {
		return nil, err
	}
	if k.signer.Name() != origin(site) {
		return nil, vital.Errorf(vital.Precondition, "it is of %s, not of site %s", k.signer.Name(), site)
	}
	return k, nil
}

// createKey links a synced file into place: a half-written key never bears the
// name, and of two starters one wins.
func createKey(ctx context.Context, path string, site vital.Site, sealer Sealer) error {
	_, text, err := MakeKey(site)
	if err != nil {
		return err
	}
	if sealer != nil {
		sealed, err := sealer.Seal(ctx, string(site), "site", place(site), []byte(text))
		if err != nil {
			return err
		}
		text = sealedKey + base64.StdEncoding.EncodeToString(sealed)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ledger-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Public is the key that others check checkpoints with; keep it outside.
func (k *Key) Public() string { return k.public }

// mark binds a leaf to its number under the key.
func (k *Key) mark(n int64, leaf tlog.Hash) []byte {
	if k == nil {
		return nil
	}
	return mark(k.mac(), n, leaf)
}

func (k *Key) mac() hash.Hash { return hmac.New(sha256.New, k.secret) }

func mark(mac hash.Hash, n int64, leaf tlog.Hash) []byte {
	var text [8 + tlog.HashSize]byte
	binary.BigEndian.PutUint64(text[:8], uint64(n))
	copy(text[8:], leaf[:])
	mac.Reset()
	mac.Write(text[:])
	return mac.Sum(nil)[:markSize]
}
