package journal_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// faulty is a log whose Append goes wrong as a test tells it. The answers are
// used up in order; then it works.
type faulty struct {
	journal.Log
	mutex   sync.Mutex
	answers []answer
	appends atomic.Int64
	blind   atomic.Int64 // so many Bounds fail first
}

// answer is what one Append does: store or not, and what it says about it.
type answer struct {
	stores bool
	says   error
}

func (f *faulty) Append(ctx context.Context, s journal.Stream, partition uint16, last uint64, frame []byte) (uint64, error) {
	f.appends.Add(1)
	f.mutex.Lock()
	var a *answer
	if len(f.answers) > 0 {
		a, f.answers = &f.answers[0], f.answers[1:]
	}
	f.mutex.Unlock()
	if a == nil || a.stores {
		seq, err := f.Log.Append(ctx, s, partition, last, frame)
		if a == nil || err != nil || a.says == nil {
			return seq, err
		}
	}
	return 0, a.says
}

func (f *faulty) Bounds(ctx context.Context, s journal.Stream, partition uint16) (uint64, uint64, error) {
	if f.blind.Add(-1) >= 0 {
		return 0, 0, unclear
	}
	return f.Log.Bounds(ctx, s, partition)
}

var (
	unclear = vital.Errorf(vital.Unavailable, "no answer in time")
	ruined  = vital.Errorf(vital.Internal, "fdatasync: input/output error")
	taken   = vital.Errorf(vital.Conflict, "wrong last sequence")
)

func TestAmbiguousAnswersNeitherLoseNorRepeat(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []answer
		blind   int64
	}{
		{"stored, the answer was lost", []answer{{true, unclear}}, 0},
		{"not stored, the answer was lost", []answer{{false, unclear}}, 0},
		{"lost twice, then stored without an answer", []answer{{false, unclear}, {false, unclear}, {true, unclear}}, 0},
		{"stored, and the retry meets itself", []answer{{true, unclear}, {false, taken}}, 1},
		{"stored, and looking fails for a while", []answer{{true, unclear}}, 3},
		{"a conflict with itself", []answer{{true, taken}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := context.Background()
			l := &faulty{Log: journal.NewMemory()}
			k := openRing(t, &journal.MemoryKeys{})
			w := openWriter(t, l, k)
			if _, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindTick, Body: []byte("before")}}); err != nil {
				t.Fatal(err)
			}
			l.mutex.Lock()
			l.answers = test.answers
			l.mutex.Unlock()
			l.blind.Store(test.blind)
			at, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindTick, Body: []byte("during")}})
			if err != nil || at.Frame != 2 {
				t.Fatalf("at %v, %v", at, err)
			}
			if at, err = w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindTick, Body: []byte("after")}}); err != nil || at.Frame != 3 {
				t.Fatalf("at %v, %v", at, err)
			}
			frames, breaks := readAll(t, l, k)
			if len(frames) != 3 || len(breaks) != 0 {
				t.Fatalf("%d frames, breaks %v", len(frames), breaks)
			}
			for i, want := range []string{"before", "during", "after"} {
				if got := string(frames[i].Records[0].Body); got != want {
					t.Errorf("frame %d reads %q", i+1, got)
				}
			}
		})
	}
}

func TestAFailedSyncStopsTheWriter(t *testing.T) {
	ctx := context.Background()
	hold := make(chan struct{})
	l := &faulty{Log: journal.NewMemory()}
	k := openRing(t, &journal.MemoryKeys{})
	w := openWriter(t, slow{l, hold}, k)
	l.answers = []answer{{true, nil}, {false, ruined}}
	var good, bad atomic.Int64
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			_, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindPacket, Body: fmt.Appendf(nil, "%d", i)}})
			switch {
			case err == nil:
				good.Add(1)
			case vital.KindOf(err) == vital.Unavailable:
				bad.Add(1)
			default:
				t.Errorf("the sender hears %v", err)
			}
		})
	}
	close(hold)
	select {
	case err := <-w.Fatal():
		if vital.KindOf(err) != vital.Internal {
			t.Errorf("fatal error is %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the writer goes on")
	}
	if w.Err() == nil {
		t.Error("Err is nil")
	}
	group.Wait()
	if n := l.appends.Load(); n != 2 {
		t.Errorf("the log was written %d times, not twice: a failed sync was tried again", n)
	}
	if good.Load() != 1 || bad.Load() != 9 {
		t.Errorf("%d done well, %d badly; of 10 the first was stored", good.Load(), bad.Load())
	}
	err := w.Append(ctx, journal.Record{Kind: journal.KindPacket}, func(vital.Position, error) {})
	kindIs(t, err, vital.Unavailable)
	_, err = w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindPacket}})
	kindIs(t, err, vital.Unavailable)
	if err := w.Close(ctx); err == nil {
		t.Error("Close of a writer that failed says that all is well")
	}
	frames, _ := readAll(t, l, k)
	stored := 0
	for _, f := range frames {
		stored += len(f.Records)
	}
	if int64(stored) != good.Load() {
		t.Errorf("%d records are stored, %d were acknowledged", stored, good.Load())
	}
}

// slow holds every Append until the channel is closed.
type slow struct {
	journal.Log
	hold <-chan struct{}
}

func (s slow) Append(ctx context.Context, stream journal.Stream, partition uint16, last uint64, frame []byte) (uint64, error) {
	select {
	case <-s.hold:
	case <-ctx.Done():
		return 0, vital.Errorf(vital.Unavailable, "hold: %w", ctx.Err())
	}
	return s.Log.Append(ctx, stream, partition, last, frame)
}

func TestALogThatNeverAnswersIsGivenUp(t *testing.T) {
	ctx := context.Background()
	l := slow{journal.NewMemory(), make(chan struct{})}
	w := openWriter(t, l, openRing(t, &journal.MemoryKeys{}), limits(journal.Limits{Attempt: 5 * time.Millisecond, Patience: 30 * time.Millisecond}))
	_, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindTick}})
	kindIs(t, err, vital.Unavailable)
	select {
	case <-w.Fatal():
	case <-time.After(5 * time.Second):
		t.Error("nobody hears that the writer stopped")
	}
}

func TestASecondWriterThrowsOutTheFirst(t *testing.T) {
	ctx := context.Background()
	for name, l := range logs(t) {
		k := openRing(t, &journal.MemoryKeys{})
		first := openWriter(t, l, k)
		record := []journal.Record{{Kind: journal.KindTick}}
		if _, err := first.AppendFrame(ctx, record); err != nil {
			t.Fatal(name, err)
		}
		second := openWriter(t, l, k, func(o *journal.WriterOptions) { o.Epoch = 2 })
		if _, err := second.AppendFrame(ctx, record); err != nil {
			t.Fatal(name, err)
		}
		_, err := first.AppendFrame(ctx, record)
		kindIs(t, err, vital.Unavailable)
		kindIs(t, <-first.Fatal(), vital.Conflict)
		if _, err := second.AppendFrame(ctx, record); err != nil {
			t.Errorf("%s: the second cannot go on: %v", name, err)
		}
		frames, breaks := readAll(t, l, k)
		if len(frames) != 3 || len(breaks) != 0 {
			t.Errorf("%s: %d frames, breaks %v", name, len(frames), breaks)
		}
	}
}

func TestAFullQueueHoldsTheSenderBack(t *testing.T) {
	ctx := context.Background()
	hold := make(chan struct{})
	l := journal.NewMemory()
	w := openWriter(t, slow{l, hold}, openRing(t, &journal.MemoryKeys{}), limits(journal.Limits{Record: 1000, Frame: 4000, Queue: 10_000}))
	var acknowledged atomic.Int64
	record := journal.Record{Kind: journal.KindPacket, Body: make([]byte, 1000)}
	done := func(vital.Position, error) { acknowledged.Add(1) }
	taken := 0
	for {
		wait, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		err := w.Append(wait, record, done)
		cancel()
		if err != nil {
			kindIs(t, err, vital.Unavailable)
			break
		}
		taken++
		if taken > 100 {
			t.Fatal("the queue has no end")
		}
	}
	if taken < 5 || taken > 10 {
		t.Errorf("a queue of 10,000 bytes took %d records of 1000", taken)
	}
	blocked := make(chan error, 1)
	go func() { blocked <- w.Append(ctx, record, done) }()
	select {
	case err := <-blocked:
		t.Fatalf("Append into a full queue returned %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(hold)
	if err := <-blocked; err != nil {
		t.Error(err)
	}
	closeWriter(t, w)
	if n := acknowledged.Load(); n != int64(taken+1) {
		t.Errorf("%d of %d were acknowledged", n, taken+1)
	}
}

func TestCloseWritesWhatIsWaiting(t *testing.T) {
	ctx := context.Background()
	hold := make(chan struct{})
	l := journal.NewMemory()
	w := openWriter(t, slow{l, hold}, openRing(t, &journal.MemoryKeys{}))
	var acknowledged atomic.Int64
	for range 100 {
		if err := w.Append(ctx, journal.Record{Kind: journal.KindPacket}, func(_ vital.Position, err error) {
			if err == nil {
				acknowledged.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	time.AfterFunc(10*time.Millisecond, func() { close(hold) })
	closeWriter(t, w)
	if n := acknowledged.Load(); n != 100 {
		t.Errorf("%d of 100 were acknowledged when Close returned", n)
	}
	kindIs(t, w.Append(ctx, journal.Record{Kind: journal.KindPacket}, nil), vital.Precondition)
}

func TestCloseGivesUpWhenItsTimeIsOver(t *testing.T) {
	l := slow{journal.NewMemory(), make(chan struct{})}
	w := openWriter(t, l, openRing(t, &journal.MemoryKeys{}))
	failed := make(chan error, 1)
	if err := w.Append(context.Background(), journal.Record{Kind: journal.KindPacket}, func(_ vital.Position, err error) { failed <- err }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := w.Close(ctx); err == nil {
		t.Error("Close says that all was written")
	}
	kindIs(t, <-failed, vital.Unavailable)
}
