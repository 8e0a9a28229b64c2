package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

var errEnough = errors.New("enough")

// clock is a time that moves a millisecond at each look.
func clock() func() vital.Instant {
	var now atomic.Int64
	now.Store(1795345800000)
	return func() vital.Instant { return vital.Instant(now.Add(1)) }
}

func openRing(t testing.TB, table journal.KeyTable) *journal.Ring {
	t.Helper()
	r, err := journal.OpenRing(context.Background(), table, vital.DefaultSite, [32]byte{1, 2, 3}, clock())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openWriter(t testing.TB, l journal.Log, k journal.Keys, change ...func(*journal.WriterOptions)) *journal.Writer {
	t.Helper()
	o := journal.WriterOptions{Log: l, Keys: k, Site: vital.DefaultSite, Stream: journal.Raw, Epoch: 1, Now: clock()}
	for _, c := range change {
		c(&o)
	}
	w, err := journal.OpenWriter(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		w.Close(ctx) // a second Close, or one of a writer that failed on purpose
	})
	return w
}

func limits(l journal.Limits) func(*journal.WriterOptions) {
	return func(o *journal.WriterOptions) { o.Limits = l }
}

func closeWriter(t testing.TB, w *journal.Writer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// readAll returns every frame of raw/0 and the breaks on the way.
func readAll(t testing.TB, l journal.Log, k journal.Keys, change ...func(*journal.ReaderOptions)) ([]journal.Frame, []journal.Break) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var frames []journal.Frame
	var breaks []journal.Break
	o := journal.ReaderOptions{Log: l, Keys: k, Site: vital.DefaultSite, Stream: journal.Raw,
		Broken: func(b journal.Break) { breaks = append(breaks, b) }}
	for _, c := range change {
		c(&o)
	}
	_, last, err := l.Bounds(ctx, o.Stream, o.Partition)
	if err != nil {
		t.Fatal(err)
	}
	if last == 0 {
		return nil, nil
	}
	r, err := journal.OpenReader(o)
	if err != nil {
		t.Fatal(err)
	}
	// A broken last frame is not yielded: its break ends the reading.
	ctx, stop := context.WithCancel(ctx)
	broken := r.Broken
	r.Broken = func(b journal.Break) {
		broken(b)
		if b.To == last {
			stop()
		}
	}
	err = r.Follow(ctx, 0, func(f journal.Frame) error {
		frames = append(frames, f)
		if f.Seq == last {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) && !errors.Is(err, context.Canceled) {
		t.Fatalf("read to frame %d: %v after %d frames, breaks %v", last, err, len(frames), breaks)
	}
	return frames, breaks
}

func TestWhatIsAcknowledgedReadsBackInOrder(t *testing.T) {
	for name, l := range logs(t) {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			k := openRing(t, &journal.MemoryKeys{})
			key, err := k.For(ctx, "device/monitor-1")
			if err != nil {
				t.Fatal(err)
			}
			w := openWriter(t, l, k)
			var mutex sync.Mutex
			acknowledged := map[string]vital.Position{}
			var order []vital.Position
			var group sync.WaitGroup
			for i := range 8 {
				group.Go(func() {
					for n := range 50 {
						body := fmt.Sprintf("device %d packet %d", i, n)
						err := w.Append(ctx, journal.Record{Kind: journal.KindPacket, Key: key, Body: []byte(body)}, func(at vital.Position, err error) {
							if err != nil {
								t.Error(err)
							}
							mutex.Lock()
							acknowledged[body] = at
							order = append(order, at)
							mutex.Unlock()
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			closeWriter(t, w)
			if len(acknowledged) != 400 {
				t.Fatalf("%d acknowledged", len(acknowledged))
			}
			for i := 1; i < len(order); i++ {
				a, b := order[i-1], order[i]
				if b.Frame < a.Frame || b.Frame == a.Frame && b.Index != a.Index+1 {
					t.Fatalf("done was called for %v after %v", b, a)
				}
			}
			frames, breaks := readAll(t, l, k)
			if len(breaks) != 0 {
				t.Fatalf("breaks: %v", breaks)
			}
			seen := 0
			for _, f := range frames {
				for i, r := range f.Records {
					if at := acknowledged[string(r.Body)]; at != (vital.Position{Frame: f.Seq, Index: uint32(i)}) {
						t.Errorf("%q was acknowledged at %v and lies at %d %d", r.Body, at, f.Seq, i)
					}
					seen++
				}
			}
			if seen != 400 {
				t.Errorf("%d records read back", seen)
			}
		})
	}
}

func TestAppendFrameKeepsItsRecordsTogether(t *testing.T) {
	ctx := context.Background()
	l, k := journal.NewMemory(), openRing(t, &journal.MemoryKeys{})
	w := openWriter(t, l, k)
	var records []journal.Record
	for i := range 1000 {
		records = append(records, journal.Record{Kind: journal.KindReading, Body: fmt.Appendf(nil, "reading %d", i)})
	}
	at, err := w.AppendFrame(ctx, records)
	if err != nil || at != (vital.Position{Frame: 1}) {
		t.Fatalf("at %v, %v", at, err)
	}
	frames, _ := readAll(t, l, k)
	if len(frames) != 1 || len(frames[0].Records) != 1000 || !bytes.Equal(frames[0].Records[999].Body, records[999].Body) {
		t.Errorf("%d frames", len(frames))
	}
}

func TestLimits(t *testing.T) {
	ctx := context.Background()
	w := openWriter(t, journal.NewMemory(), openRing(t, &journal.MemoryKeys{}))
	never := func(vital.Position, error) { t.Error("done was called for a refused record") }
	for _, test := range []struct {
		name   string
		record journal.Record
		want   vital.Kind
	}{
		{"too large", journal.Record{Kind: journal.KindPacket, Body: make([]byte, 256<<10+1)}, vital.TooMuch},
		{"no kind", journal.Record{Body: []byte("x")}, vital.Invalid},
		{"unknown key", journal.Record{Kind: journal.KindPacket, Key: 99}, vital.NotFound},
	} {
		if err := w.Append(ctx, test.record, never); err == nil || vital.KindOf(err) != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if _, err := w.AppendFrame(ctx, []journal.Record{test.record}); err == nil || vital.KindOf(err) != test.want {
			t.Errorf("%s in a frame: %v, want %v", test.name, err, test.want)
		}
	}
	half := journal.Record{Kind: journal.KindPacket, Body: make([]byte, 256<<10)}
	if _, err := w.AppendFrame(ctx, []journal.Record{half, half}); err == nil || vital.KindOf(err) != vital.TooMuch {
		t.Errorf("a frame over the limit: %v", err)
	}
	if _, err := w.AppendFrame(ctx, nil); err == nil || vital.KindOf(err) != vital.Invalid {
		t.Errorf("an empty frame: %v", err)
	}
	if _, err := w.AppendFrame(ctx, []journal.Record{half}); err != nil {
		t.Errorf("a record of the largest size: %v", err)
	}
}
