// Package backup copies a site so that it can be brought back from nothing, and
// brings it back. It exists because a copy that nobody has tried is a hope: every
// backup is checked when it is made, and a drill restores it for real into a
// folder of its own.
//
// A backup is a folder: the store as it was at one moment, then the journal,
// which is read after the store and so never ends before it, then the large
// bodies, and a manifest with the hash of every file. It holds no key. The keys
// are kept apart (docs/security/encryption.md): who finds a backup reads no name,
// and whoever was forgotten stays forgotten, because their keys are nowhere.
//
// Restoring checks before it changes anything, refuses what does not fit
// together and says why, replays tombstones before a row is looked at, and lets
// the flow catch up from the journal where the store is older.
package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

const (
	format       = "vigil backup 1"
	manifestFile = "manifest.json"
	proofFile    = "manifest.mac"
	storeFile    = "vigil.db"
	journalDir   = "journal"
	blobDir      = "blobs"
	stoneFile    = "forgotten.json" // in the folder of all backups
)

// Manifest says what a backup holds.
type Manifest struct {
	Format   string           `json:"format"`
	Name     string           `json:"name"`
	Site     vital.Site       `json:"site"`
	Created  vital.Instant    `json:"created"`
	Build    string           `json:"build"`
	Dialect  string           `json:"dialect"` // of the store; "postgres" is not in the backup
	Schema   int              `json:"schema"`
	KeyStore string           `json:"keyStore"`
	Keys     int64            `json:"keys"` // revision of the key store
	Marks    []store.LineMark `json:"marks"`
	Journal  []Bounds         `json:"journal"`
	Holds    store.Tally      `json:"holds"`
	Took     float64          `json:"took"` // seconds
	Files    []File           `json:"files"`
}

// Bounds are the frames of a line that a backup holds.
type Bounds struct {
	journal.Line
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Bytes is the size of all files.
func (m Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// Frames counts the frames.
func (m Manifest) Frames() (n uint64) {
	for _, b := range m.Journal {
		if b.Last > 0 {
			n += b.Last - b.First + 1
		}
	}
	return n
}

// list hashes every file below dir but the manifest's own.
func list(ctx context.Context, dir string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == manifestFile || name == proofFile {
			return err
		}
		f := File{Name: filepath.ToSlash(name)}
		if f.SHA256, f.Bytes, err = hashOf(path); err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	return files, err
}

func hashOf(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// describe fills in what the pieces in dir say of themselves.
func describe(ctx context.Context, dir string, m *Manifest) error {
	if _, err := os.Stat(filepath.Join(dir, storeFile)); err == nil {
		// Without keys: counting needs none, and nothing is changed.
		db, err := store.Open(ctx, store.Options{DSN: "sqlite:" + filepath.Join(dir, storeFile)})
		if err != nil {
			return err
		}
		if err := errors.Join(describeStore(ctx, db, m), db.Close()); err != nil {
			return err
		}
	}
	bounds, err := boundsOf(ctx, filepath.Join(dir, journalDir))
	if err != nil {
		return err
	}
	m.Journal = bounds
	m.Files, err = list(ctx, dir)
	return err
}

func describeStore(ctx context.Context, db *store.DB, m *Manifest) error {
	size, err := db.Size(ctx)
	if err != nil {
		return err
	}
	m.Dialect, m.Schema = size.Dialect, size.Schema
	if m.Marks, err = db.Marks(ctx, m.Site); err != nil {
		return err
	}
	m.Holds, err = db.Count(ctx, m.Site)
	return err
}

// boundsOf opens a journal in files and closes it again.
func boundsOf(ctx context.Context, dir string) ([]Bounds, error) {
	log, err := journal.OpenFiles(ctx, journal.FilesOptions{Dir: dir})
	if err != nil {
		return nil, err
	}
	var all []Bounds
	for _, l := range log.Lines() {
		b := Bounds{Line: l}
		if b.First, b.Last, err = log.Bounds(ctx, l.Stream, l.Partition); err != nil {
			break
		}
		all = append(all, b)
	}
	return all, errors.Join(err, log.Close())
}

// write keeps the manifest, with a keyed hash that only the site's keys can make.
func (m Manifest) write(ctx context.Context, dir string, keys *seal.Keeper) error {
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	body = append(body, '\n')
	proof, err := keys.Hash(ctx, string(m.Site), "backup/manifest", string(body))
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(dir, manifestFile), body); err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, proofFile), []byte(hex.EncodeToString(proof[0])+"\n"))
}

// Read returns the manifest of a backup.
func Read(dir string) (Manifest, []byte, error) {
	body, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, nil, vital.Errorf(vital.NotFound, "%s is no backup: it has no %s", dir, manifestFile)
	}
	if err != nil {
		return Manifest{}, nil, vital.Errorf(vital.Unavailable, "read the backup %s: %w", dir, err)
	}
	var m Manifest
	if err := json.Unmarshal(body, &m); err != nil || m.Format != format {
		return m, nil, vital.Errorf(vital.Precondition, "the manifest of %s cannot be read, or is of another version: %q", dir, m.Format)
	}
	return m, body, nil
}

// proven checks the manifest against the keys.
func proven(ctx context.Context, dir string, m Manifest, body []byte, keys *seal.Keeper) error {
	said, err := os.ReadFile(filepath.Join(dir, proofFile))
	if err != nil {
		return vital.Errorf(vital.Precondition, "the proof of the manifest is missing: %w", err)
	}
	proof, err := keys.Hash(ctx, string(m.Site), "backup/manifest", string(body))
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(bytes.TrimSpace(said), []byte(hex.EncodeToString(proof[0]))) != 1 {
		return vital.Errorf(vital.Precondition, "the manifest was altered, or made with other keys")
	}
	return nil
}

// checkFiles compares every file with the manifest.
func checkFiles(ctx context.Context, dir string, m Manifest) error {
	for _, want := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(want.Name)) {
			return vital.Errorf(vital.Precondition, "the manifest names a file outside of the backup: %q", want.Name)
		}
		sum, n, err := hashOf(filepath.Join(dir, filepath.FromSlash(want.Name)))
		if err != nil {
			return vital.Errorf(vital.Precondition, "file %s of the backup: %w", want.Name, err)
		}
		if sum != want.SHA256 || n != want.Bytes {
			return vital.Errorf(vital.Precondition, "file %s of the backup is not the one that was written: %d bytes, want %d", want.Name, n, want.Bytes)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
