package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vigilcare/vigil/vital"
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

// held is growth that stops before its zeros until it is let go.
type held struct {
	begun, let chan struct{}
	over       atomic.Bool // nothing of it touches the file any more
}

// hold lets the line's next growth begin and no further.
func hold(line *fileLine) *held {
	h := &held{begun: make(chan struct{}), let: make(chan struct{})}
	own, zero := line.file, line.zero
	var once sync.Once
	line.zero = func(f *os.File, from, to int64) error {
		if f == own { // an append's own
			return zero(f, from, to)
		}
		once.Do(func() { close(h.begun) })
		<-h.let
		err := zero(f, from, to)
		h.over.Store(true)
		return err
	}
	return h
}

// Appends go on while growth is stuck, and wait for it only when nothing is left.
func TestAnAppendWaitsForNoGrowthThatItDoesNotNeed(t *testing.T) {
	l, line := oneLine(t, t.TempDir(), 64<<20)
	const size = 10_000
	last := appendNumbered(t, l, 0, size)
	h := hold(line)
	extent := line.extent
	for line.tail+entryHead+size <= extent {
		last = appendNumbered(t, l, last, size)
	}
	<-h.begun
	if line.extent != extent {
		t.Fatalf("the end moved from %d to %d before there were zeros", extent, line.extent)
	}
	real := line.sync
	line.sync = func(f *os.File) error {
		if !h.over.Load() {
			t.Error("a frame was written where growth was still at work")
		}
		return real(f)
	}
	time.AfterFunc(20*time.Millisecond, func() { close(h.let) })
	last = appendNumbered(t, l, last, size)
	if line.extent <= extent {
		t.Errorf("the end is still at %d", line.extent)
	}
	holdsNumbered(t, l, last)
}

func TestASegmentEndsAfterItsGrowth(t *testing.T) {
	directory := t.TempDir()
	const segment = 2<<20 - 100_000
	l, line := oneLine(t, directory, segment)
	last := uint64(0)
	for line.extent < segment { // step by step: then one more is due
		last = appendNumbered(t, l, last, 50_000)
		if err := line.awaitGrowth(); err != nil {
			t.Fatal(err)
		}
	}
	h := hold(line)
	for line.tail < segment {
		last = appendNumbered(t, l, last, 50_000)
	}
	<-h.begun
	tail, first := line.tail, line.segments[0].path
	time.AfterFunc(20*time.Millisecond, func() { close(h.let) })
	last = appendNumbered(t, l, last, 50_000)
	if !h.over.Load() || len(line.segments) != 2 {
		t.Errorf("%d segments; growth over: %v", len(line.segments), h.over.Load())
	}
	if info, err := os.Stat(first); err != nil || info.Size() != tail {
		t.Errorf("the ended segment has %d bytes, %v; its entries end at %d", info.Size(), err, tail)
	}
	holdsNumbered(t, l, last)
}

func TestCloseWaitsForGrowth(t *testing.T) {
	directory := t.TempDir()
	l, line := oneLine(t, directory, 64<<20)
	last := appendNumbered(t, l, 0, 1000)
	h := hold(line)
	last = appendNumbered(t, l, last, 2*growthStep)
	<-h.begun
	time.AfterFunc(20*time.Millisecond, func() { close(h.let) })
	if err := l.Close(); err != nil || !h.over.Load() {
		t.Errorf("%v; growth over: %v", err, h.over.Load())
	}
	l, _ = oneLine(t, directory, 64<<20)
	holdsNumbered(t, l, last)
}

// What a failed sync has dropped may be frames too: nothing more is written.
func TestAFailedSyncOfZerosIsFatal(t *testing.T) {
	ctx := context.Background()
	broken := errors.New("input/output error")
	for _, end := range []string{"append", "close"} {
		directory := t.TempDir()
		l, line := oneLine(t, directory, 64<<20)
		last := appendNumbered(t, l, 0, 1000)
		own, real := line.file, line.sync
		failed := make(chan struct{})
		line.sync = func(f *os.File) error {
			if f == own {
				return real(f)
			}
			close(failed)
			return broken
		}
		last = appendNumbered(t, l, last, 2*growthStep)
		<-failed
		if end == "append" {
			var err error
			// The outcome is heard by the next append or the one after it.
			for tries := 0; err == nil && tries < 1000; tries++ {
				if _, err = l.Append(ctx, Raw, 0, last, numbered(last+1, 16)); err == nil {
					last++
				}
			}
			if vital.KindOf(err) != vital.Internal || !errors.Is(err, broken) {
				t.Errorf("append: %v", err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(directory, cleanFile)); err == nil {
			t.Errorf("%s: the end is called orderly", end)
		}
		l, _ = oneLine(t, directory, 64<<20)
		holdsNumbered(t, l, last)
	}
}

// A full disk is no matter before an append needs the room, and is tried again
// only then.
func TestAFullDiskIsToldWhenRoomIsNeeded(t *testing.T) {
	ctx := context.Background()
	const size = 10_000
	for _, freed := range []bool{true, false} {
		l, line := oneLine(t, t.TempDir(), 64<<20)
		last := appendNumbered(t, l, 0, size)
		zero, extent := line.zero, line.extent
		var full atomic.Bool
		var refused atomic.Int32
		full.Store(true)
		line.zero = func(f *os.File, from, to int64) error {
			if !full.Load() {
				return zero(f, from, to)
			}
			refused.Add(1)
			return errors.Join(zero(f, from, from+5000), syscall.ENOSPC) // some of it fits
		}
		for line.tail+entryHead+size <= extent {
			last = appendNumbered(t, l, last, size)
		}
		line.writing.Lock()
		if err := line.awaitGrowth(); err != nil || refused.Load() != 1 {
			t.Errorf("%v, tried %d times", err, refused.Load())
		}
		line.writing.Unlock()
		full.Store(!freed)
		if freed {
			for range 300 { // and growth goes on
				last = appendNumbered(t, l, last, size)
			}
			if line.starved || line.extent < extent+2*growthAhead {
				t.Errorf("no growth after the disk had room again: %d, %d", extent, line.extent)
			}
			holdsNumbered(t, l, last)
			continue
		}
		_, err := l.Append(ctx, Raw, 0, last, numbered(last+1, size))
		if vital.KindOf(err) != vital.Internal || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("append to a full disk: %v", err)
		}
		holdsNumbered(t, l, last)
	}
}

// Frames of every size, over segments' ends, while growth and readers are at
// work: run with -race.
func TestFramesAndGrowthDoNotMeet(t *testing.T) {
	for seed := range uint64(3) {
		directory := t.TempDir()
		l, line := oneLine(t, directory, 3<<20)
		chance := rand.New(rand.NewPCG(seed, 1))
		const frames = 120
		var group sync.WaitGroup
		group.Go(func() {
			err := l.Follow(context.Background(), Raw, 0, 1, func(seq uint64, frame []byte) error {
				if !bytes.Equal(frame, numbered(seq, len(frame))) {
					return fmt.Errorf("frame %d is not as it was written", seq)
				}
				if seq == frames {
					return errStop
				}
				return nil
			})
			if err != errStop {
				t.Error(err)
			}
		})
		steps := 0
		for last := uint64(0); last < frames; {
			size := 1 + chance.IntN(120_000)
			if chance.IntN(20) == 0 {
				size = 1 + chance.IntN(2*growthAhead)
			}
			last = appendNumbered(t, l, last, size)
			if line.growing != nil {
				steps++
			}
		}
		group.Wait()
		if steps < 10 || len(line.segments) < 3 {
			t.Errorf("growth was under way behind %d appends, over %d segments", steps, len(line.segments))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l, _ = oneLine(t, directory, 3<<20)
		holdsNumbered(t, l, frames)
	}
}

// A power cut may leave any part of a step behind the frames: nothing of it, a
// part, all of it, more, and a hole instead of zeros.
func TestUnusedGrowthIsNoDamage(t *testing.T) {
	const frames = 7
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
	for step := tail/growthStep + 1; step <= tail/growthStep+9; step++ {
		ends = append(ends, step*growthStep-1, step*growthStep)
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
