package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// CopyTo writes the log as it is into an empty directory, beside whoever appends
// and reads: every frame that was acknowledged before the call is in it. It
// opens as a Files log and is synced.
func (l *Files) CopyTo(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	if err := copyFile(filepath.Join(l.options.Dir, layoutFile), filepath.Join(dir, layoutFile), -1); err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	for at, line := range l.lines {
		if err := line.copyTo(filepath.Join(dir, filepath.Base(line.directory))); err != nil {
			return fmt.Errorf("copy %s: %w", at, err)
		}
	}
	return syncDirectory(dir)
}

// copyTo copies whole segments, and the last one as far as its frames go. What
// expires meanwhile may be missing: the note of the first frame comes last and
// says so.
func (l *fileLine) copyTo(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	view := l.view()
	for i, s := range view.segments {
		size := int64(-1)
		if i == len(view.segments)-1 {
			size = view.tail
		}
		err := copyFile(s.path, filepath.Join(dir, filepath.Base(s.path)), size)
		if errors.Is(err, fs.ErrNotExist) && i < len(view.segments)-1 {
			continue
		}
		if err != nil {
			return err
		}
	}
	err := copyFile(filepath.Join(l.directory, firstFile), filepath.Join(dir, firstFile), -1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDirectory(dir)
}

// copyFile copies the first bytes of a file (-1: all of it) and syncs the copy.
func copyFile(from, to string, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var source io.Reader = in
	if size >= 0 {
		source = io.LimitReader(in, size)
	}
	if _, err := io.Copy(out, source); err != nil {
		out.Close()
		return err
	}
	return errors.Join(out.Sync(), out.Close())
}
