package journal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// oneLine opens a log of one partition.
func oneLine(t *testing.T, directory string, segment int64) (*Files, *fileLine) {
	t.Helper()
	l, err := OpenFiles(context.Background(), FilesOptions{Dir: directory, Partitions: map[Stream]int{Raw: 1}, Segment: segment})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.lines[Line{Stream: Raw}]
}

// numbered is a frame that tells where it belongs.
func numbered(seq uint64, size int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%016d", seq), size/16+1)[:size]
}

func appendNumbered(t *testing.T, l *Files, last uint64, size int) uint64 {
	t.Helper()
	seq, err := l.Append(context.Background(), Raw, 0, last, numbered(last+1, size))
	if err != nil || seq != last+1 {
		t.Fatalf("append frame %d: %d, %v", last+1, seq, err)
	}
	return seq
}

// holdsNumbered tells that frames 1 to last are as they were written.
func holdsNumbered(t *testing.T, l *Files, last uint64) {
	t.Helper()
	if _, held, err := l.Bounds(context.Background(), Raw, 0); err != nil || held != last {
		t.Fatalf("frames to %d, %v; want %d", held, err, last)
	}
	if last == 0 {
		return
	}
	next := uint64(1)
	err := l.Follow(context.Background(), Raw, 0, 1, func(seq uint64, frame []byte) error {
		if seq != next || !bytes.Equal(frame, numbered(seq, len(frame))) {
			return fmt.Errorf("frame %d, when %d is due, is not as it was written", seq, next)
		}
		if next++; seq == last {
			return errStop
		}
		return nil
	})
	if err != errStop {
		t.Fatal(err)
	}
}

// A power cut may leave any part of the zeros behind the frames: none, a part, all
// of them, more, and a hole instead.
func TestUnusedGrowthIsNoDamage(t *testing.T) {
	const frames, quarter = 7, growth / 4
	made := t.TempDir()
	l, line := oneLine(t, made, 64<<20)
	last := uint64(0)
	for range frames {
		last = appendNumbered(t, l, last, 100_000)
	}
	path, tail := filepath.Base(line.file.Name()), line.tail
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(made, "raw-0", path))
	if err != nil {
		t.Fatal(err)
	}
	content = content[:tail]
	ends := []int64{tail, tail + 1, tail + entryHead - 1, (tail/4096 + 1) * 4096, tail + 5000}
	for step := tail/quarter + 1; step <= tail/quarter+9; step++ {
		ends = append(ends, step*quarter-1, step*quarter)
	}
	for _, end := range ends {
		for _, state := range []string{"killed", "orderly", "hole", "half-written"} {
			t.Run(fmt.Sprintf("%s/%d behind the frames", state, end-tail), func(t *testing.T) {
				directory := t.TempDir()
				if err := os.CopyFS(directory, os.DirFS(made)); err != nil {
					t.Fatal(err)
				}
				segment := filepath.Join(directory, "raw-0", path)
				whole := append(bytes.Clone(content), make([]byte, end-tail)...)
				held := uint64(frames)
				switch state {
				case "hole":
					whole = content
				case "half-written": // the last frame, of which the second half is still zeros
					clear(whole[tail-50_000 : tail])
					held--
				}
				if err := os.WriteFile(segment, whole, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(segment, end); err != nil {
					t.Fatal(err)
				}
				if state != "orderly" {
					if err := os.Remove(filepath.Join(directory, cleanFile)); err != nil {
						t.Fatal(err)
					}
				}
				torn := 0
				l, err := OpenFiles(context.Background(), FilesOptions{Dir: directory, Segment: 64 << 20, Torn: func(Break) { torn++ }})
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				if (torn == 1) != (state == "half-written") {
					t.Errorf("%d ends are called half-written", torn)
				}
				holdsNumbered(t, l, held)
				for range 12 { // into the zeros and over their end
					held = appendNumbered(t, l, held, 100_000)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				again, _ := oneLine(t, directory, 64<<20)
				holdsNumbered(t, again, held)
			})
		}
	}
}
