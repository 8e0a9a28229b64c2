package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"github.com/vigilcare/vigil/vital"
)

// A frame is told to nobody, writer or reader, before it is synced; and after a
// sync that failed there is no second one.
func TestNothingIsTrueBeforeTheSync(t *testing.T) {
	ctx := context.Background()
	directory := t.TempDir()
	l, err := OpenFiles(ctx, FilesOptions{Dir: directory, Partitions: map[Stream]int{Raw: 1}})
	if err != nil {
		t.Fatal(err)
	}
	line := l.lines[Line{Stream: Raw}]
	real := line.sync
	syncs := 0
	line.sync = func(f *os.File) error {
		syncs++
		content, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Contains(content, []byte("first frame")) {
			t.Errorf("the frame is not written when it is synced: %v", err)
		}
		if _, last, err := l.Bounds(ctx, Raw, 0); err != nil || last != 0 {
			t.Errorf("before the sync readers are shown %d frames, %v", last, err)
		}
		return real(f)
	}
	if seq, err := l.Append(ctx, Raw, 0, 0, []byte("first frame")); err != nil || seq != 1 || syncs != 1 {
		t.Fatalf("sequence %d, %v, after %d syncs", seq, err, syncs)
	}
	broken := errors.New("input/output error")
	line.sync = func(*os.File) error { syncs++; return broken }
	for range 2 {
		_, err := l.Append(ctx, Raw, 0, 1, []byte("second frame"))
		if err == nil || vital.KindOf(err) != vital.Internal || !errors.Is(err, broken) {
			t.Errorf("append: %v", err)
		}
	}
	if syncs != 2 {
		t.Errorf("%d syncs: one that failed was tried again", syncs-1)
	}
	if _, last, err := l.Bounds(ctx, Raw, 0); err != nil || last != 1 {
		t.Errorf("readers are shown frames to %d, %v", last, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(directory + "/" + cleanFile); err == nil {
		t.Error("the end is called orderly")
	}
}
