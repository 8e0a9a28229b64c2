package journal

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Quarantine keeps copies of what could not be read, each with a note beside it
// saying where it lay and what is wrong, so that nothing damaged is lost and a
// person can look at it.
type Quarantine struct{ directory string }

// Quarantined is one entry of a quarantine.
type Quarantined struct {
	Name      string        `json:"name"`
	Stream    Stream        `json:"stream"`
	Partition uint16        `json:"partition"`
	From      uint64        `json:"from"`
	To        uint64        `json:"to"`
	Reason    string        `json:"reason"`
	Size      int           `json:"size"` // of the copy; 0: there were no bytes left
	Found     vital.Instant `json:"found"`
}

// OpenQuarantine opens the directory, made when it is not there.
func OpenQuarantine(directory string) (*Quarantine, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("open quarantine: %w", err)
	}
	return &Quarantine{directory}, nil
}

// Keep stores a copy and returns its file, or the file of its note when there
// are no bytes. The same damage found again is kept once.
func (q *Quarantine) Keep(b Break, raw []byte) (string, error) {
	hash := hashOf(raw)
	name := fmt.Sprintf("%s-%d-%016d-%s", b.Stream, b.Partition, b.From, hex.EncodeToString(hash[:6]))
	note := filepath.Join(q.directory, name+".json")
	copied := filepath.Join(q.directory, name+".frame")
	if _, err := os.Stat(note); err == nil {
		if len(raw) == 0 {
			return note, nil
		}
		return copied, nil
	}
	if len(raw) > 0 {
		if err := q.write(copied, raw); err != nil {
			return "", fmt.Errorf("quarantine %s: %w", name, err)
		}
	}
	text, err := json.MarshalIndent(Quarantined{
		Name: name, Stream: b.Stream, Partition: b.Partition, From: b.From, To: b.To,
		Reason: b.Reason, Size: len(raw), Found: vital.At(time.Now()),
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("quarantine %s: %w", name, err)
	}
	if err := q.write(note, append(text, '\n')); err != nil {
		return "", fmt.Errorf("quarantine %s: %w", name, err)
	}
	if len(raw) == 0 {
		return note, nil
	}
	return copied, nil
}

func (q *Quarantine) write(path string, content []byte) error {
	f, err := os.CreateTemp(q.directory, ".keep-*")
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
	return syncDirectory(q.directory)
}

// List returns what is in quarantine, in order of place.
func (q *Quarantine) List() ([]Quarantined, error) {
	entries, err := os.ReadDir(q.directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	var list []Quarantined
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(q.directory, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("list quarantine: %w", err)
		}
		var one Quarantined
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("list quarantine: note %s: %w", e.Name(), err)
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Quarantined) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Bytes returns the copy of one entry.
func (q *Quarantine) Bytes(name string) ([]byte, error) {
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return nil, vital.Errorf(vital.Invalid, "read quarantined %q: not a name of an entry", name)
	}
	content, err := os.ReadFile(filepath.Join(q.directory, name+".frame"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, vital.Errorf(vital.NotFound, "read quarantined %s: there is no copy", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read quarantined %s: %w", name, err)
	}
	return content, nil
}
