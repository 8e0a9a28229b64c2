package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// LoadRoot reads the root key, which wraps every other key, or draws one and
// writes it when the file does not exist. The file is 64 hexadecimal digits and
// a line feed, readable by its owner only: who loses it loses the journal, who
// copies it can read the journal.
func LoadRoot(path string) ([32]byte, error) {
	key, err := readRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createRoot(path); err != nil {
			return [32]byte{}, fmt.Errorf("create root key %s: %w", path, err)
		}
		key, err = readRoot(path)
	}
	if err != nil {
		return [32]byte{}, fmt.Errorf("read root key %s: %w", path, err)
	}
	return key, nil
}

func readRoot(path string) ([32]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return [32]byte{}, err
	}
	if !info.Mode().IsRegular() {
		return [32]byte{}, vital.Errorf(vital.Precondition, "it is not a plain file")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return [32]byte{}, vital.Errorf(vital.Precondition, "others may read it (mode %04o): chmod 600 it, and think about who has", mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return [32]byte{}, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return [32]byte{}, vital.Errorf(vital.Precondition, "it does not hold 64 hexadecimal digits")
	}
	return [32]byte(key), nil
}

// createRoot writes a new key beside path and links it into place, so that a
// half-written key never bears the name and two starters cannot both win.
func createRoot(path string) error {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return err
	}
	directory := filepath.Dir(path)
	f, err := os.CreateTemp(directory, ".root-*") // CreateTemp gives mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := writeSynced(f, []byte(hex.EncodeToString(key[:])+"\n")); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(directory)
}

// writeSynced writes, syncs and closes f.
func writeSynced(f *os.File, parts ...[]byte) error {
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			f.Close()
			return err
		}
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// syncDirectory makes the names in a directory survive a power cut.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}
