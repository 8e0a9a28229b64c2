// Package journaltest holds what every journal.Log must do, as a test suite, so
// that the log in memory and the log on disk cannot drift apart.
package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// Partitions is what a log under test must offer of each stream.
const Partitions = 2

var errEnough = errors.New("enough")

// Run tests the log that open makes, a new and empty one each time.
func Run(t *testing.T, open func(t *testing.T) journal.Log) {
	for _, test := range []struct {
		name string
		run  func(context.Context, *testing.T, journal.Log)
	}{
		{"an empty log has no bounds", emptyBounds},
		{"frames come back as they went in", roundTrip},
		{"sequences begin at 1 and have no holes", sequences},
		{"a wrong last sequence is a conflict and stores nothing", conflict},
		{"of many racing appends one wins", race},
		{"partitions and streams are apart", apart},
		{"Follow begins where it is told", followFrom},
		{"Follow waits for what comes", followWaits},
		{"Follow ends with its context", followEnds},
		{"Follow returns what yield returns", followYield},
		{"two followers see the same", followTwice},
		{"Expire removes the beginning and nothing else", expire},
		{"Expire keeps the last frame", expireAll},
		{"a frame of the largest size fits", large},
		{"the log does not hold on to the caller's bytes", aliasing},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			test.run(ctx, t, open(t))
		})
	}
}

func frame(i int) []byte { return fmt.Appendf(nil, "frame %d", i) }

// fill appends n frames to an empty raw/0.
func fill(ctx context.Context, t *testing.T, l journal.Log, n int) {
	t.Helper()
	for i := range n {
		if _, err := l.Append(ctx, journal.Raw, 0, uint64(i), frame(i+1)); err != nil {
			t.Fatalf("append frame %d: %v", i+1, err)
		}
	}
}

// read returns n frames from a sequence on, checking that sequences are
// consecutive.
func read(ctx context.Context, t *testing.T, l journal.Log, s journal.Stream, partition uint16, from uint64, n int) (first uint64, frames [][]byte) {
	t.Helper()
	err := l.Follow(ctx, s, partition, from, func(seq uint64, b []byte) error {
		if first == 0 {
			first = seq
		}
		if want := first + uint64(len(frames)); seq != want {
			t.Errorf("sequence %d, want %d", seq, want)
		}
		frames = append(frames, bytes.Clone(b))
		if len(frames) == n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("follow: %v after %d of %d frames", err, len(frames), n)
	}
	return first, frames
}

func bounds(ctx context.Context, t *testing.T, l journal.Log, wantFirst, wantLast uint64) {
	t.Helper()
	first, last, err := l.Bounds(ctx, journal.Raw, 0)
	if err != nil || first != wantFirst || last != wantLast {
		t.Errorf("bounds are %d to %d, %v; want %d to %d", first, last, err, wantFirst, wantLast)
	}
}

func emptyBounds(ctx context.Context, t *testing.T, l journal.Log) { bounds(ctx, t, l, 0, 0) }

func roundTrip(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 20)
	_, frames := read(ctx, t, l, journal.Raw, 0, 1, 20)
	for i, f := range frames {
		if !bytes.Equal(f, frame(i+1)) {
			t.Errorf("frame %d reads %q", i+1, f)
		}
	}
}

func sequences(ctx context.Context, t *testing.T, l journal.Log) {
	for i := range uint64(5) {
		seq, err := l.Append(ctx, journal.Readings, 1, i, []byte("x"))
		if err != nil || seq != i+1 {
			t.Fatalf("append %d gave sequence %d, %v", i+1, seq, err)
		}
	}
	first, last, err := l.Bounds(ctx, journal.Readings, 1)
	if err != nil || first != 1 || last != 5 {
		t.Errorf("bounds are %d to %d, %v", first, last, err)
	}
}

func conflict(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 3)
	for _, last := range []uint64{0, 2, 4, 99} {
		_, err := l.Append(ctx, journal.Raw, 0, last, []byte("stray"))
		if err == nil || vital.KindOf(err) != vital.Conflict {
			t.Errorf("append after %d of 3: %v, want a conflict", last, err)
		}
	}
	bounds(ctx, t, l, 1, 3)
	if _, err := l.Append(ctx, journal.Raw, 0, 3, frame(4)); err != nil {
		t.Errorf("append after the conflicts: %v", err)
	}
}

func race(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 1)
	var group sync.WaitGroup
	won := make(chan []byte, 16)
	for i := range 16 {
		group.Go(func() {
			mine := fmt.Appendf(nil, "racer %d", i)
			_, err := l.Append(ctx, journal.Raw, 0, 1, mine)
			switch {
			case err == nil:
				won <- mine
			case vital.KindOf(err) != vital.Conflict:
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	group.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d racers won", len(won))
	}
	_, frames := read(ctx, t, l, journal.Raw, 0, 2, 1)
	if winner := <-won; !bytes.Equal(frames[0], winner) {
		t.Errorf("%q lies there, %q was told that it won", frames[0], winner)
	}
	bounds(ctx, t, l, 1, 2)
}

func apart(ctx context.Context, t *testing.T, l journal.Log) {
	for _, s := range []journal.Stream{journal.Raw, journal.Readings} {
		for p := range uint16(Partitions) {
			if _, err := l.Append(ctx, s, p, 0, fmt.Appendf(nil, "%s %d", s, p)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range []journal.Stream{journal.Raw, journal.Readings} {
		for p := range uint16(Partitions) {
			_, frames := read(ctx, t, l, s, p, 1, 1)
			if want := fmt.Sprintf("%s %d", s, p); string(frames[0]) != want {
				t.Errorf("%s/%d reads %q", s, p, frames[0])
			}
		}
	}
}

func followFrom(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 10)
	for _, from := range []uint64{0, 1, 7, 10} {
		want := max(from, 1)
		first, frames := read(ctx, t, l, journal.Raw, 0, from, int(10-want+1))
		if first != want || !bytes.Equal(frames[0], frame(int(want))) {
			t.Errorf("from %d: begins at %d with %q", from, first, frames[0])
		}
	}
}

func followWaits(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 2)
	got := make(chan uint64)
	ended := make(chan error, 1)
	go func() {
		ended <- l.Follow(ctx, journal.Raw, 0, 1, func(seq uint64, _ []byte) error {
			got <- seq
			if seq == 4 {
				return errEnough
			}
			return nil
		})
	}()
	for want := range uint64(2) {
		if seq := <-got; seq != want+1 {
			t.Fatalf("got %d", seq)
		}
	}
	select {
	case seq := <-got:
		t.Fatalf("got frame %d before it was appended", seq)
	case <-time.After(20 * time.Millisecond):
	}
	for i := 2; i < 4; i++ {
		if _, err := l.Append(ctx, journal.Raw, 0, uint64(i), frame(i+1)); err != nil {
			t.Fatal(err)
		}
		if seq := <-got; seq != uint64(i+1) {
			t.Fatalf("got %d, want %d", seq, i+1)
		}
	}
	if err := <-ended; !errors.Is(err, errEnough) {
		t.Errorf("follow ended with %v", err)
	}
}

func followEnds(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 1)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	seen := make(chan bool, 1)
	go func() {
		ended <- l.Follow(ctx, journal.Raw, 0, 1, func(uint64, []byte) error { seen <- true; return nil })
	}()
	<-seen
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("follow ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("follow goes on")
	}
}

func followYield(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 3)
	calls := 0
	want := errors.New("the reader's own")
	err := l.Follow(ctx, journal.Raw, 0, 1, func(uint64, []byte) error { calls++; return want })
	if !errors.Is(err, want) || calls != 1 {
		t.Errorf("follow ended with %v after %d calls", err, calls)
	}
}

func followTwice(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 30)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			next := uint64(1)
			err := l.Follow(ctx, journal.Raw, 0, 1, func(seq uint64, b []byte) error {
				if seq != next || !bytes.Equal(b, frame(int(seq))) {
					return fmt.Errorf("frame %d reads %q, due was %d", seq, b, next)
				}
				next++
				if seq == 30 {
					return errEnough
				}
				return nil
			})
			if !errors.Is(err, errEnough) {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func expire(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 10)
	for _, step := range []struct{ keep, first uint64 }{{0, 1}, {1, 1}, {4, 4}, {2, 4}, {9, 9}} {
		if err := l.Expire(ctx, journal.Raw, 0, step.keep); err != nil {
			t.Fatal(err)
		}
		bounds(ctx, t, l, step.first, 10)
	}
	first, frames := read(ctx, t, l, journal.Raw, 0, 1, 2)
	if first != 9 || !bytes.Equal(frames[0], frame(9)) {
		t.Errorf("follow begins at %d with %q", first, frames[0])
	}
	if seq, err := l.Append(ctx, journal.Raw, 0, 10, frame(11)); err != nil || seq != 11 {
		t.Errorf("append after expiry gave %d, %v", seq, err)
	}
}

func expireAll(ctx context.Context, t *testing.T, l journal.Log) {
	fill(ctx, t, l, 5)
	if err := l.Expire(ctx, journal.Raw, 0, 99); err != nil {
		t.Fatal(err)
	}
	bounds(ctx, t, l, 5, 5)
	if seq, err := l.Append(ctx, journal.Raw, 0, 5, frame(6)); err != nil || seq != 6 {
		t.Errorf("append after expiry gave %d, %v", seq, err)
	}
}

func large(ctx context.Context, t *testing.T, l journal.Log) {
	b := bytes.Repeat([]byte{0xA5, 0, 0xFF, 7}, 512<<10/4)
	for i := range uint64(4) {
		if _, err := l.Append(ctx, journal.Raw, 0, i, b); err != nil {
			t.Fatal(err)
		}
	}
	_, frames := read(ctx, t, l, journal.Raw, 0, 1, 4)
	for i, f := range frames {
		if !bytes.Equal(f, b) {
			t.Errorf("frame %d of %d bytes differs", i+1, len(f))
		}
	}
}

func aliasing(ctx context.Context, t *testing.T, l journal.Log) {
	b := []byte("as it was")
	if _, err := l.Append(ctx, journal.Raw, 0, 0, b); err != nil {
		t.Fatal(err)
	}
	copy(b, "scribbled")
	_, frames := read(ctx, t, l, journal.Raw, 0, 1, 1)
	if string(frames[0]) != "as it was" {
		t.Errorf("reads %q", frames[0])
	}
}
