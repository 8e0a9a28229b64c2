package seal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// Files is a Table in one file of a directory, for one machine. A new key is a
// line that is appended and synced; every other change writes the file anew,
// beside the old one, and takes its name when it is whole. So a crash leaves the
// keys from before or from after. docs/formats/keys.md draws the lines.
type Files struct {
	dir   string
	mutex sync.Mutex
	known contents
}

// contents are what a file held when it was looked at last.
type contents struct {
	file   fs.FileInfo
	header Header
	keys   []Key
	whole  int64 // bytes of whole lines: what follows was being written when the machine stopped and never counted
}

var _ Table = (*Files)(nil)

const (
	keyFile  = "keys.jsonl"
	lockName = "lock"
)

// NewFiles keeps keys in a directory, which is made with the first key.
func NewFiles(dir string) *Files { return &Files{dir: dir} }

func (f *Files) path() string { return filepath.Join(f.dir, keyFile) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// line is one line of the file: a checksum, a blank, JSON.
func line(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(fmt.Appendf(nil, "%08x %s", crc32.Checksum(body, castagnoli), body), '\n'), nil
}

func parseLine(text []byte, into any) error {
	sum, body, ok := bytes.Cut(text, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !ok || err != nil || crc32.Checksum(body, castagnoli) != uint32(want) {
		return vital.Errorf(vital.Internal, "its checksum does not fit")
	}
	return json.Unmarshal(body, into)
}

func (f *Files) Load(context.Context) (Header, []Key, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	c, err := f.load()
	return c.header, slices.Clone(c.keys), err
}

// load reads the file, unless it is the one that was read last.
func (f *Files) load() (contents, error) {
	file, err := os.Open(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return contents{}, nil
	}
	if err != nil {
		return contents{}, vital.Errorf(vital.Unavailable, "read the key store: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return contents{}, vital.Errorf(vital.Unavailable, "read the key store: %w", err)
	}
	if k := f.known.file; k != nil && os.SameFile(k, info) && k.Size() == info.Size() && k.ModTime().Equal(info.ModTime()) {
		return f.known, nil
	}
	c := contents{file: info}
	r := bufio.NewReader(file)
	for n := 1; ; n++ {
		text, err := r.ReadBytes('\n')
		if err != nil {
			break // the end, or half a line before it
		}
		if err := c.add(n, text[:len(text)-1]); err != nil {
			return contents{}, vital.Errorf(vital.Internal, "key store %s, line %d: %w: put its copy back", f.path(), n, err)
		}
		c.whole += int64(len(text))
	}
	if c.header.ID == "" {
		return contents{}, vital.Errorf(vital.Internal, "key store %s has no header: put its copy back", f.path())
	}
	f.known = c
	return c, nil
}

func (c *contents) add(n int, text []byte) error {
	if n == 1 {
		return parseLine(text, &c.header)
	}
	var k Key
	if err := parseLine(text, &k); err != nil {
		return err
	}
	c.keys = append(c.keys, k)
	c.header.Revision++
	return nil
}

func (f *Files) Found(ctx context.Context, h Header) error {
	return f.locked(func() error {
		if _, err := os.Stat(f.path()); err == nil {
			return vital.Errorf(vital.Conflict, "the key store was begun already")
		}
		return f.write(h, nil)
	})
}

func (f *Files) Put(_ context.Context, k Key) error {
	text, err := line(k)
	if err != nil {
		return err
	}
	return f.locked(func() error {
		c, err := f.load()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(c.keys, func(o Key) bool { return o.ID == k.ID }) {
			return vital.Errorf(vital.Conflict, "key %d is there already", k.ID)
		}
		file, err := os.OpenFile(f.path(), os.O_WRONLY, 0) // never made anew: a key store that is gone is gone
		if err != nil {
			return err
		}
		if _, err = file.WriteAt(text, c.whole); err == nil {
			err = file.Truncate(c.whole + int64(len(text)))
		}
		if err := errors.Join(err, file.Sync()); err != nil {
			file.Close()
			return err
		}
		info, err := file.Stat()
		if c.file = info; err == nil {
			c.keys, c.whole = append(c.keys, k), c.whole+int64(len(text))
			c.header.Revision++
			f.known = c
		}
		return errors.Join(err, file.Close())
	})
}

func (f *Files) Swap(_ context.Context, root string, keys []Key) error {
	return f.locked(func() error {
		c, err := f.load()
		if err != nil {
			return err
		}
		h, all := c.header, slices.Clone(c.keys)
		if h.ID == "" {
			return vital.Errorf(vital.Unavailable, "the key store is gone")
		}
		h.Root = root
		all = swapped(all, keys)
		h.Revision = h.Revision + 1 - int64(len(all)) // the lines count themselves
		return f.write(h, all)
	})
}

// write puts a new file in the place of the old one and overwrites that.
func (f *Files) write(h Header, keys []Key) error {
	text, err := line(h)
	if err != nil {
		return err
	}
	for _, k := range keys {
		more, err := line(k)
		if err != nil {
			return err
		}
		text = append(text, more...)
	}
	old, err := os.OpenFile(f.path(), os.O_WRONLY, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next, err := os.CreateTemp(f.dir, ".keys-*") // CreateTemp gives mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(next.Name())
	_, err = next.Write(text)
	if err := errors.Join(err, next.Sync(), next.Close()); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(next.Name(), f.path()), syncDirectory(f.dir)); err != nil {
		return err
	}
	if old == nil {
		return nil
	}
	return errors.Join(blank(old), old.Close())
}

// locked runs a change while no other process makes one.
func (f *Files) locked(change func() error) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return vital.Errorf(vital.Unavailable, "the key store cannot be written: %w", err)
	}
	unlock, err := lock(filepath.Join(f.dir, lockName))
	if err != nil {
		return vital.Errorf(vital.Unavailable, "lock the key store: %w", err)
	}
	err = change()
	unlock()
	if err != nil && (vital.KindOf(err) == vital.Internal || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		return vital.Errorf(vital.Unavailable, "the key store cannot be written: %w", err)
	}
	return err
}

// Check looks whether the file can be read and written, and reads it when it has
// changed since.
func (f *Files) Check(context.Context) (int64, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	c, err := f.load()
	if err != nil {
		return 0, err
	}
	if c.header.ID == "" {
		return 0, vital.Errorf(vital.Unavailable, "the key store %s is not there, a restart would fail: put its copy back", f.path())
	}
	file, err := os.OpenFile(f.path(), os.O_WRONLY, 0)
	if err != nil {
		return 0, vital.Errorf(vital.Unavailable, "the key store cannot be written, no new patient or device can be taken: %w", err)
	}
	return c.header.Revision, file.Close()
}
