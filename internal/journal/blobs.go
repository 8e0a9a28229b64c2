package journal

import (
	"bytes"
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
	"time"

	"github.com/vigilcare/vigil/vital"
)

const (
	blobMagic = "VJB1"
	blobHead  = 4 + 8 + nonceSize
	blobMost  = 64 << 20
)

// BlobName is the SHA-256 of a blob's file: it both finds and proves it.
type BlobName [sha256.Size]byte

func (n BlobName) String() string { return hex.EncodeToString(n[:]) }

// ParseBlobName reads a name as String writes it.
func ParseBlobName(text string) (BlobName, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != sha256.Size || strings.ToLower(text) != text {
		return BlobName{}, vital.Errorf(vital.Invalid, "blob name %q: want 64 hexadecimal digits", text)
	}
	return BlobName(b), nil
}

// Blobs keeps bodies that are too large for a record. Put one first; append the
// record that names it after that, so that no record names what a power cut took.
type Blobs struct {
	directory string
	keys      Keys
}

// OpenBlobs opens the directory, made when it is not there.
func OpenBlobs(directory string, keys Keys) (*Blobs, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(directory, ".put-*"))
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	for _, path := range left { // of a Put that a crash cut short; no record names it
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("open blobs: %w", err)
		}
	}
	return &Blobs{directory, keys}, nil
}

func (b *Blobs) path(n BlobName) string {
	name := n.String()
	return filepath.Join(b.directory, name[:2], name)
}

// Put seals a body under a key and returns its name once it is on the disk.
func (b *Blobs) Put(key KeyID, body []byte) (BlobName, error) {
	if len(body) > blobMost {
		return BlobName{}, vital.Errorf(vital.TooMuch, "put blob of %d bytes; at most %d", len(body), blobMost)
	}
	c, err := b.keys.Cipher(key)
	if err != nil {
		return BlobName{}, fmt.Errorf("put blob: %w", err)
	}
	content := make([]byte, 0, blobHead+len(body)+sealSize)
	content = append(content, blobMagic...)
	content = binary.LittleEndian.AppendUint64(content, uint64(key))
	var nonce [nonceSize]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return BlobName{}, fmt.Errorf("put blob: draw nonce: %w", err)
	}
	content = append(content, nonce[:]...)
	content = c.Seal(content, nonce[:], body, content[:blobHead-nonceSize])
	name := BlobName(sha256.Sum256(content))
	if err := b.write(name, content); err != nil {
		return BlobName{}, vital.Errorf(vital.Internal, "put blob %s: %w", name, err)
	}
	return name, nil
}

func (b *Blobs) write(name BlobName, content []byte) error {
	path := b.path(name)
	folder := filepath.Dir(path)
	if err := os.Mkdir(folder, 0o700); err == nil {
		if err := syncDirectory(b.directory); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.CreateTemp(b.directory, ".put-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := writeSynced(f, content); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDirectory(folder)
}

// Check reads a blob's file and compares it with its name, without any key.
// vital.NotFound: it is not there; vital.Invalid: it is damaged.
func (b *Blobs) Check(name BlobName) error {
	_, err := b.read(name)
	return err
}

// Get returns the body. vital.Gone: its key was destroyed.
func (b *Blobs) Get(name BlobName) ([]byte, error) {
	content, err := b.read(name)
	if err != nil {
		return nil, err
	}
	key := KeyID(binary.LittleEndian.Uint64(content[4:]))
	c, err := b.keys.Cipher(key)
	if err != nil {
		return nil, fmt.Errorf("get blob %s: %w", name, err)
	}
	body, err := c.Open(nil, content[blobHead-nonceSize:blobHead], content[blobHead:], content[:blobHead-nonceSize])
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "get blob %s under key %d: the seal does not hold", name, key)
	}
	return body, nil
}

func (b *Blobs) read(name BlobName) ([]byte, error) {
	content, err := os.ReadFile(b.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, vital.Errorf(vital.NotFound, "read blob %s: it is not there", name)
	}
	if err != nil {
		return nil, vital.Errorf(vital.Internal, "read blob %s: %w", name, err)
	}
	if sha256.Sum256(content) != name {
		return nil, vital.Errorf(vital.Invalid, "read blob %s: its %d bytes are not the ones that were put", name, len(content))
	}
	if len(content) < blobHead+sealSize || !bytes.HasPrefix(content, []byte(blobMagic)) {
		return nil, vital.Errorf(vital.Invalid, "read blob %s: it does not begin as a blob", name)
	}
	return content, nil
}

// Names calls yield with the name of every blob, in order, until it fails.
func (b *Blobs) Names(yield func(BlobName, fs.FileInfo) error) error {
	return filepath.WalkDir(b.directory, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := ParseBlobName(e.Name())
		if err != nil {
			return nil // not a blob
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return yield(name, info)
	})
}

// Expire removes the blobs put before a time and returns how many. The retention
// job calls it with the time up to which raw packets have been expired.
func (b *Blobs) Expire(before time.Time) (int, error) {
	removed := 0
	err := b.Names(func(name BlobName, info fs.FileInfo) error {
		if !info.ModTime().Before(before) {
			return nil
		}
		removed++
		return os.Remove(b.path(name))
	})
	if err != nil {
		return removed, fmt.Errorf("expire blobs before %s: %w", before.UTC().Format(time.RFC3339), err)
	}
	return removed, nil
}
