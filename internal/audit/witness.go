package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// Witness is a file outside of the data directory, best on another machine or a
// medium that can only be appended to. Each checkpoint is appended and synced. A
// database that is put back or rewritten later contradicts it.
type Witness struct {
	path string
	mu   sync.Mutex
	last Checkpoint
	err  error
}

// mostWitness is how much of a witness file is read back: its end. Rotating it is
// the operator's.
const mostWitness = 64 << 20

// OpenWitness makes the file if it is not there, and reads its last checkpoint.
// The file may be of another key's time: only what the key signed counts.
func OpenWitness(path, public string, site vital.Site) (*Witness, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "open the witness: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close(), syncDirectory(filepath.Dir(path))); err != nil {
		return nil, vital.Errorf(vital.Unavailable, "open the witness: %w", err)
	}
	w := &Witness{path: path}
	all, _, err := ReadWitness(path, public, site)
	if err != nil {
		return nil, fmt.Errorf("read the witness: %w", err)
	}
	if err := w.write("\n"); err != nil { // a power cut may have met the last one: what follows begins on a line of its own
		return nil, err
	}
	if len(all) > 0 {
		w.last = all[len(all)-1]
	}
	return w, nil
}

// ReadWitness reads the checkpoints of a witness file, at most its last 64 MB,
// and counts what is there and is none.
func ReadWitness(path, public string, site vital.Site) (all []Checkpoint, unread int, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, vital.Errorf(vital.NotFound, "%w", err)
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if info.Size() > mostWitness {
		if _, err := f.Seek(-mostWitness, io.SeekEnd); err != nil {
			return nil, 0, err
		}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, 0, err
	}
	return scanNotes(string(text), public, site, path)
}

// Add appends a checkpoint and syncs it.
func (w *Witness) Add(c Checkpoint) error {
	err := w.write(c.Note + "\n")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err = err; err == nil {
		w.last = c
	}
	return err
}

func (w *Witness) write(text string) error {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) // anew each time: it may have been rotated
	if err != nil {
		return vital.Errorf(vital.Unavailable, "write the witness: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return vital.Errorf(vital.Unavailable, "write the witness: %w", err)
	}
	return nil
}

// State is where the file is, the last checkpoint in it, and why the last one
// could not be added.
func (w *Witness) State() (path string, last Checkpoint, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.path, w.last, w.err
}
