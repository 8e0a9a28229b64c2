package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// FilesOptions say where a log in plain files lies.
type FilesOptions struct {
	// Dir holds the log. It is locked: one process.
	Dir string
	// Partitions of each stream, fixed when the log is first made. Nil: open what
	// is there and make nothing.
	Partitions map[Stream]int
	// Segment is the size in bytes at which a new file is begun; 64 MiB when zero.
	Segment int64
	// Quarantine takes what a power cut left half-written at the end; nil: it is
	// dropped. It was never acknowledged.
	Quarantine *Quarantine
	// Torn hears of such an end; nil: nobody does.
	Torn func(Break)
}

// Files is a Log in plain files for one machine. It exists because a journal
// must give back every frame that is still whole: a flipped bit costs the frame
// it lies in and nothing behind it, and nothing is ever truncated away that was
// acknowledged. The bytes are drawn in docs/formats/journal.md.
type Files struct {
	options FilesOptions
	lock    *os.File
	lines   map[Line]*fileLine
	closed  chan struct{}
	once    sync.Once
	problem error // of closing
}

const (
	defaultSegment = 64 << 20
	layoutFile     = "layout.json"
	cleanFile      = "clean" // the last sequences, there after an orderly end
)

// filesLayout is what layout.json holds.
type filesLayout struct {
	Version    int            `json:"version"`
	Partitions map[Stream]int `json:"partitions"`
}

// OpenFiles opens the log in a directory, or makes it.
func OpenFiles(_ context.Context, o FilesOptions) (*Files, error) {
	if o.Segment == 0 {
		o.Segment = defaultSegment
	}
	l := &Files{options: o, lines: map[Line]*fileLine{}, closed: make(chan struct{})}
	if err := l.open(); err != nil {
		l.release()
		return nil, fmt.Errorf("open journal %s: %w", o.Dir, err)
	}
	return l, nil
}

func (l *Files) open() error {
	o := l.options
	if o.Dir == "" {
		return vital.Errorf(vital.Invalid, "a directory is needed")
	}
	for s, n := range o.Partitions {
		if streamCode(s) == 0 || n < 1 || n > 1<<16 {
			return vital.Errorf(vital.Invalid, "%d partitions of stream %q", n, s)
		}
	}
	_, err := os.Stat(filepath.Join(o.Dir, layoutFile))
	if o.Partitions == nil && err != nil {
		return vital.Errorf(vital.NotFound, "there is no journal in files here")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	if l.lock, err = lockFile(filepath.Join(o.Dir, "lock")); err != nil {
		return vital.Errorf(vital.Conflict, "it is in use by another process: %w", err)
	}
	layout, err := l.layout()
	if err != nil {
		return err
	}
	clean := filepath.Join(o.Dir, cleanFile)
	ends, orderly := readClean(clean)
	for s, n := range layout.Partitions {
		for p := range n {
			at := Line{s, uint16(p)}
			line, err := openLine(filepath.Join(o.Dir, fmt.Sprintf("%s-%d", s, p)), at, o.Segment)
			if err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			l.lines[at] = line
			if err := l.mend(line, ends[at.String()]); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		}
	}
	if !orderly {
		return nil
	}
	if err := os.Remove(clean); err != nil {
		return err
	}
	return syncDirectory(o.Dir)
}

// readClean returns the last sequence of each line as an orderly end noted it.
func readClean(path string) (map[string]uint64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	var ends map[string]uint64
	if err := json.Unmarshal(text, &ends); err != nil {
		return nil, true // it tells nothing, and must go
	}
	return ends, true
}

// mend looks at the end of a line. After an orderly end, frames that are missing
// there were acknowledged: their places are kept, so that no sequence is ever
// given twice. Otherwise what is half-written is cleared.
func (l *Files) mend(line *fileLine, noted uint64) error {
	for line.last < noted {
		left := line.torn
		if err := line.clearTorn(); err != nil {
			return err
		}
		if len(left) == 0 || len(left) > entryMost {
			left = []byte{0} // a place with nothing in it: no frame
		}
		if _, err := line.append(line.last, left); err != nil {
			return err
		}
	}
	if len(line.torn) == 0 {
		return nil
	}
	b := Break{Stream: line.at.Stream, Partition: line.at.Partition, From: line.last + 1, To: line.last + 1,
		Reason: fmt.Sprintf("the end was half-written (%d bytes); it was not acknowledged", len(line.torn))}
	if q := l.options.Quarantine; q != nil {
		file, err := q.Keep(b, line.torn)
		if err != nil {
			return err
		}
		b.File = file
	}
	if err := line.clearTorn(); err != nil {
		return err
	}
	if l.options.Torn != nil {
		l.options.Torn(b)
	}
	return nil
}

// layout reads the fixed partition counts, or fixes them.
func (l *Files) layout() (filesLayout, error) {
	path := filepath.Join(l.options.Dir, layoutFile)
	asked := filesLayout{Version: 1, Partitions: l.options.Partitions}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err := json.Marshal(asked)
		if err != nil {
			return filesLayout{}, err
		}
		return asked, ReplaceFile(path, append(text, '\n'))
	}
	if err != nil {
		return filesLayout{}, err
	}
	var made filesLayout
	if err := json.Unmarshal(text, &made); err != nil || made.Version != 1 {
		return filesLayout{}, vital.Errorf(vital.Precondition, "%s: version %d, %v: this build reads version 1", layoutFile, made.Version, err)
	}
	if asked.Partitions == nil {
		return made, nil
	}
	for _, s := range []Stream{Raw, Readings} {
		if made.Partitions[s] != asked.Partitions[s] {
			return filesLayout{}, wrongCount(s, fmt.Sprint(made.Partitions[s]), asked.Partitions[s])
		}
	}
	return made, nil
}

// ReplaceFile puts content at path so that either the old or the new is there
// after a power cut, never a half. Only its owner can read it.
func ReplaceFile(path string, content []byte) error {
	directory := filepath.Dir(path)
	f, err := os.CreateTemp(directory, ".new-*")
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
	return syncDirectory(directory)
}

func (l *Files) line(s Stream, partition uint16) (*fileLine, error) {
	line, ok := l.lines[Line{s, partition}]
	if !ok {
		return nil, vital.Errorf(vital.NotFound, "journal has no partition %s/%d", s, partition)
	}
	return line, nil
}

// Lines returns every line that the log holds, in order.
func (l *Files) Lines() []Line {
	var lines []Line
	for at := range l.lines {
		lines = append(lines, at)
	}
	slices.SortFunc(lines, compareLines)
	return lines
}

func compareLines(a, b Line) int {
	return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Partition, b.Partition))
}

// Append adds one frame after the frame with sequence last.
func (l *Files) Append(ctx context.Context, s Stream, partition uint16, last uint64, frame []byte) (uint64, error) {
	line, err := l.line(s, partition)
	if err != nil {
		return 0, err
	}
	if len(frame) == 0 || len(frame) > entryMost {
		return 0, vital.Errorf(vital.TooMuch, "append to %s/%d: a frame of %d bytes; 1 to %d fit", s, partition, len(frame), entryMost)
	}
	if err := ctx.Err(); err != nil {
		return 0, vital.Errorf(vital.Unavailable, "append to %s/%d: %w", s, partition, err)
	}
	seq, err := line.append(last, frame)
	if err != nil {
		return 0, fmt.Errorf("append to %s/%d: %w", s, partition, err)
	}
	return seq, nil
}

// Bounds returns the first and last sequence held.
func (l *Files) Bounds(_ context.Context, s Stream, partition uint16) (first, last uint64, err error) {
	line, err := l.line(s, partition)
	if err != nil {
		return 0, 0, err
	}
	view := line.view()
	if view.last == 0 {
		return 0, 0, nil
	}
	return view.first, view.last, nil
}

// Expire removes the frames before sequence keep, never the last one: the next
// frame names it.
func (l *Files) Expire(_ context.Context, s Stream, partition uint16, keep uint64) error {
	line, err := l.line(s, partition)
	if err != nil {
		return err
	}
	if err := line.expire(keep); err != nil {
		return fmt.Errorf("expire %s/%d before frame %d: %w", s, partition, keep, err)
	}
	return nil
}

// Close ends every Follow, notes that the end is in order, and gives the
// directory free.
func (l *Files) Close() error {
	l.once.Do(func() {
		close(l.closed)
		ends, whole := map[string]uint64{}, true
		for at, line := range l.lines {
			whole = line.close() && whole
			ends[at.String()] = line.last
		}
		if whole {
			text, err := json.Marshal(ends)
			l.problem = errors.Join(err, ReplaceFile(filepath.Join(l.options.Dir, cleanFile), text))
		}
		l.release()
	})
	return l.problem
}

// release gives back what open took.
func (l *Files) release() {
	for _, line := range l.lines {
		line.close()
	}
	if l.lock != nil {
		l.lock.Close()
	}
}
