package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// tampered is a log that gives other bytes than were appended, or none.
type tampered struct {
	journal.Log
	change map[uint64]func([]byte) []byte // by sequence
	skip   map[uint64]bool                // passed over in silence
}

func (l tampered) Follow(ctx context.Context, s journal.Stream, partition uint16, from uint64, yield func(uint64, []byte) error) error {
	return l.Log.Follow(ctx, s, partition, from, func(seq uint64, frame []byte) error {
		if l.skip[seq] {
			return nil
		}
		if c := l.change[seq]; c != nil {
			frame = c(bytes.Clone(frame))
		}
		return yield(seq, frame)
	})
}

// written returns a log with n frames of two records each, and their bytes.
func written(t testing.TB, k journal.Keys, n int, change ...func(*journal.WriterOptions)) (*journal.Memory, [][]byte) {
	t.Helper()
	ctx := context.Background()
	l := journal.NewMemory()
	w := openWriter(t, l, k, change...)
	for i := range n {
		_, err := w.AppendFrame(ctx, []journal.Record{
			{Kind: journal.KindPacket, Body: fmt.Appendf(nil, "packet %d", i+1)}, {Kind: journal.KindTick}})
		if err != nil {
			t.Fatal(err)
		}
	}
	closeWriter(t, w)
	return l, rawFrames(t, l)
}

func rawFrames(t testing.TB, l journal.Log) [][]byte {
	t.Helper()
	_, last, err := l.Bounds(context.Background(), journal.Raw, 0)
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	err = l.Follow(context.Background(), journal.Raw, 0, 1, func(seq uint64, b []byte) error {
		frames = append(frames, bytes.Clone(b))
		if seq == last {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	return frames
}

func sequencesOf(frames []journal.Frame) []uint64 {
	var s []uint64
	for _, f := range frames {
		s = append(s, f.Seq)
	}
	return s
}

func TestBreaksAreReportedAndReadingGoesOn(t *testing.T) {
	k := openRing(t, &journal.MemoryKeys{})
	l, raw := written(t, k, 6)
	_, foreign := written(t, k, 6)
	flip := func(b []byte) []byte { b[len(b)/2] ^= 4; return b }
	for _, test := range []struct {
		name   string
		log    tampered
		good   []uint64
		broken [][2]uint64
		reason string
	}{
		{name: "nothing wrong", good: []uint64{1, 2, 3, 4, 5, 6}},
		{name: "one flipped bit", log: tampered{change: map[uint64]func([]byte) []byte{3: flip}},
			good: []uint64{1, 2, 4, 5, 6}, broken: [][2]uint64{{3, 3}}, reason: "checksum"},
		{name: "the first", log: tampered{change: map[uint64]func([]byte) []byte{1: flip}},
			good: []uint64{2, 3, 4, 5, 6}, broken: [][2]uint64{{1, 1}}, reason: "checksum"},
		{name: "the last", log: tampered{change: map[uint64]func([]byte) []byte{6: flip}},
			good: []uint64{1, 2, 3, 4, 5}, broken: [][2]uint64{{6, 6}}, reason: "checksum"},
		{name: "cut off", log: tampered{change: map[uint64]func([]byte) []byte{4: func(b []byte) []byte { return b[:40] }}},
			good: []uint64{1, 2, 3, 5, 6}, broken: [][2]uint64{{4, 4}}, reason: "too short"},
		{name: "lost by the log", log: tampered{change: map[uint64]func([]byte) []byte{4: func([]byte) []byte { return nil }}},
			good: []uint64{1, 2, 3, 5, 6}, broken: [][2]uint64{{4, 4}}, reason: "lost"},
		{name: "passed over in silence", log: tampered{skip: map[uint64]bool{3: true, 4: true}},
			good: []uint64{1, 2, 5, 6}, broken: [][2]uint64{{3, 4}}, reason: "missing"},
		{name: "the frame before instead", log: tampered{change: map[uint64]func([]byte) []byte{4: func([]byte) []byte { return raw[2] }}},
			good: []uint64{1, 2, 3, 6}, broken: [][2]uint64{{4, 4}, {5, 5}}, reason: "chain"},
		{name: "another journal's frame instead", log: tampered{change: map[uint64]func([]byte) []byte{4: func([]byte) []byte { return foreign[3] }}},
			good: []uint64{1, 2, 3, 6}, broken: [][2]uint64{{4, 4}, {5, 5}}, reason: "chain"},
		{name: "a frame left out, the rest moved up", log: tampered{change: map[uint64]func([]byte) []byte{
			3: func([]byte) []byte { return raw[3] }, 4: func([]byte) []byte { return raw[4] }, 5: func([]byte) []byte { return raw[5] }}},
			good: []uint64{1, 2, 4, 5}, broken: [][2]uint64{{3, 3}, {6, 6}}, reason: "chain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.log.Log = l
			q, err := journal.OpenQuarantine(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second reading finds the same and keeps nothing twice
				frames, breaks := readAll(t, test.log, k, func(o *journal.ReaderOptions) { o.Quarantine = q })
				if fmt.Sprint(sequencesOf(frames)) != fmt.Sprint(test.good) {
					t.Errorf("good frames %v, want %v", sequencesOf(frames), test.good)
				}
				var at [][2]uint64
				for _, b := range breaks {
					at = append(at, [2]uint64{b.From, b.To})
					if _, err := os.Stat(b.File); err != nil {
						t.Errorf("no copy of %v: %v", b, err)
					}
				}
				if fmt.Sprint(at) != fmt.Sprint(test.broken) {
					t.Errorf("breaks %v, want %v", breaks, test.broken)
				}
				if len(breaks) > 0 && !strings.Contains(breaks[0].Reason, test.reason) {
					t.Errorf("reason is %q, want something about %q", breaks[0].Reason, test.reason)
				}
			}
			list, err := q.List()
			if err != nil || len(list) != len(test.broken) {
				t.Fatalf("%d in quarantine, %v", len(list), err)
			}
			for _, one := range list {
				if one.Size == 0 {
					continue
				}
				if b, err := q.Bytes(one.Name); err != nil || len(b) != one.Size {
					t.Errorf("copy of %s has %d bytes, %v", one.Name, len(b), err)
				}
			}
		})
	}
}

func TestTheChainHoldsAcrossARestartOfTheReader(t *testing.T) {
	k := openRing(t, &journal.MemoryKeys{})
	l, raw := written(t, k, 5)
	// Frame 3 is replaced by an older one; a reader that begins there must see it.
	bad := tampered{Log: l, change: map[uint64]func([]byte) []byte{3: func([]byte) []byte { return raw[1] }}}
	var breaks []journal.Break
	r, err := journal.OpenReader(journal.ReaderOptions{Log: bad, Keys: k, Site: vital.DefaultSite, Stream: journal.Raw,
		Broken: func(b journal.Break) { breaks = append(breaks, b) }})
	if err != nil {
		t.Fatal(err)
	}
	err = r.Follow(context.Background(), 3, func(f journal.Frame) error {
		if f.Seq == 3 {
			t.Error("the replaced frame is yielded")
		}
		if f.Seq == 5 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || len(breaks) == 0 || breaks[0].From != 3 {
		t.Errorf("ended with %v, breaks %v", err, breaks)
	}
}

func TestFramesExpiredUnreadAreABreak(t *testing.T) {
	ctx := context.Background()
	for name, l := range logs(t) {
		k := openRing(t, &journal.MemoryKeys{})
		w := openWriter(t, l, k)
		for range 6 {
			if _, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindTick}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Expire(ctx, journal.Raw, 0, 5); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			from   uint64
			breaks string
		}{{0, "[]"}, {2, "[raw/0 frames 2 to 4: missing]"}, {5, "[]"}, {6, "[]"}} {
			var breaks []journal.Break
			r, err := journal.OpenReader(journal.ReaderOptions{Log: l, Keys: k, Site: vital.DefaultSite, Stream: journal.Raw,
				Broken: func(b journal.Break) { breaks = append(breaks, b) }})
			if err != nil {
				t.Fatal(err)
			}
			err = r.Follow(ctx, test.from, func(f journal.Frame) error {
				if f.Seq == 6 {
					return errEnough
				}
				return nil
			})
			if !errors.Is(err, errEnough) || fmt.Sprint(breaks) != test.breaks {
				t.Errorf("%s from %d: %v, breaks %v", name, test.from, err, breaks)
			}
		}
		closeWriter(t, w)
	}
}

func TestALogThatLostItsEndIsNotFollowed(t *testing.T) {
	k := openRing(t, &journal.MemoryKeys{})
	l, _ := written(t, k, 5)
	r, err := journal.OpenReader(journal.ReaderOptions{Log: l, Keys: k, Site: vital.DefaultSite, Stream: journal.Raw, Broken: func(journal.Break) {}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err = r.Follow(ctx, 6, func(journal.Frame) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("from the frame due next: %v", err)
	}
	kindIs(t, r.Follow(context.Background(), 7, func(journal.Frame) error { return nil }), vital.Precondition)
}

func TestAnotherKeyTableEndsTheReading(t *testing.T) {
	ctx := context.Background()
	k := openRing(t, &journal.MemoryKeys{})
	l := journal.NewMemory()
	w := openWriter(t, l, k)
	id, _ := k.For(ctx, "patient/p-1")
	if _, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindReading, Key: id, Body: []byte("72")}}); err != nil {
		t.Fatal(err)
	}
	r, err := journal.OpenReader(journal.ReaderOptions{Log: l, Keys: openRing(t, &journal.MemoryKeys{}), Site: vital.DefaultSite,
		Stream: journal.Raw, Broken: func(journal.Break) {}})
	if err != nil {
		t.Fatal(err)
	}
	wait, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	kindIs(t, r.Follow(wait, 0, func(journal.Frame) error { return nil }), vital.NotFound)
}

func TestAForgottenPersonReplaysAsShredded(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	k := openRing(t, table)
	l := journal.NewMemory()
	w := openWriter(t, l, k)
	one, _ := k.For(ctx, "patient/p-1")
	two, _ := k.For(ctx, "patient/p-2")
	records := []journal.Record{
		{Kind: journal.KindReading, Key: one, Body: []byte("of the first")},
		{Kind: journal.KindReading, Key: two, Body: []byte("of the second")},
		{Kind: journal.KindTick, Body: []byte("of nobody")},
	}
	if _, err := w.AppendFrame(ctx, records); err != nil {
		t.Fatal(err)
	}
	if err := k.Destroy(ctx, "patient/p-1"); err != nil {
		t.Fatal(err)
	}
	_, err := w.AppendFrame(ctx, records)
	kindIs(t, err, vital.Gone) // nothing more is written under a destroyed key
	for name, k := range map[string]*journal.Ring{"at once": k, "after a restart": openRing(t, table)} {
		frames, breaks := readAll(t, l, k)
		if len(frames) != 1 || len(breaks) != 0 {
			t.Fatalf("%s: %d frames, breaks %v", name, len(frames), breaks)
		}
		got := frames[0].Records
		if !got[0].Shredded || got[0].Body != nil || string(got[1].Body) != "of the second" || string(got[2].Body) != "of nobody" {
			t.Errorf("%s: records %+v", name, got)
		}
	}
}

// Whatever happens, each acknowledged record reads back once, in order, or the
// frame it lies in is reported.
func TestNothingAcknowledgedIsLostInSilence(t *testing.T) {
	k := openRing(t, &journal.MemoryKeys{})
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		base := journal.NewMemory()
		broken := &faulty{Log: base}
		var acknowledged []string // in order of position
		epoch := uint64(1)
		open := func() *journal.Writer {
			w, err := journal.OpenWriter(ctx, journal.WriterOptions{Log: broken, Keys: k, Site: vital.DefaultSite, Stream: journal.Raw, Epoch: epoch,
				Limits: journal.Limits{Record: 200, Frame: 900, Queue: 4000}})
			if err != nil {
				t.Fatal(err)
			}
			epoch++
			return w
		}
		w := open()
		for i := range rapid.IntRange(0, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"append", "append", "append", "append", "frame", "reopen", "unclear"}).Draw(t, "step") {
			case "append":
				body := fmt.Sprintf("record %d %s", i, strings.Repeat("x", rapid.IntRange(0, 150).Draw(t, "size")))
				if err := w.Append(ctx, journal.Record{Kind: journal.KindPacket, Body: []byte(body)}, func(_ vital.Position, err error) {
					if err != nil {
						t.Errorf("%v", err)
					}
					acknowledged = append(acknowledged, body)
				}); err != nil {
					t.Fatal(err)
				}
			case "frame":
				var records []journal.Record
				for n := range rapid.IntRange(1, 5).Draw(t, "records") {
					records = append(records, journal.Record{Kind: journal.KindPacket, Body: fmt.Appendf(nil, "frame %d record %d", i, n)})
				}
				if _, err := w.AppendFrame(ctx, records); err != nil {
					t.Fatal(err)
				}
				for _, r := range records {
					acknowledged = append(acknowledged, string(r.Body))
				}
			case "reopen":
				if err := w.Close(ctx); err != nil {
					t.Fatal(err)
				}
				w = open()
			case "unclear":
				broken.mutex.Lock()
				broken.answers = append(broken.answers, answer{rapid.Bool().Draw(t, "stored"), unclear})
				broken.mutex.Unlock()
			}
		}
		if err := w.Close(ctx); err != nil {
			t.Fatal(err)
		}
		_, last, _ := base.Bounds(ctx, journal.Raw, 0)
		if last == 0 {
			return
		}
		reading := tampered{Log: base, change: map[uint64]func([]byte) []byte{}, skip: map[uint64]bool{}}
		damaged := map[uint64]bool{}
		for range rapid.IntRange(0, 3).Draw(t, "damages") {
			seq := rapid.Uint64Range(1, last).Draw(t, "damaged")
			bit := rapid.IntRange(0, 1<<20).Draw(t, "bit")
			damaged[seq] = true
			reading.change[seq] = func(b []byte) []byte {
				bit := bit % (len(b) * 8)
				b[bit/8] ^= 1 << (bit % 8)
				return b
			}
		}
		whole := records(t, base, k, last, nil)
		if fmt.Sprint(whole) != fmt.Sprint(acknowledged) {
			t.Fatalf("read back %q, acknowledged %q", whole, acknowledged)
		}
		reported := map[uint64]bool{}
		records(t, reading, k, last, reported)
		if fmt.Sprint(reported) != fmt.Sprint(damaged) {
			t.Fatalf("reported %v, damaged %v", reported, damaged)
		}
	})
}

// records returns every body up to frame last, and notes the broken frames.
func records(t *rapid.T, l journal.Log, k journal.Keys, last uint64, broken map[uint64]bool) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var bodies []string
	r, err := journal.OpenReader(journal.ReaderOptions{Log: l, Keys: k, Site: vital.DefaultSite, Stream: journal.Raw, Broken: func(b journal.Break) {
		if broken == nil {
			t.Fatalf("break: %v", b)
		}
		for seq := b.From; seq <= b.To; seq++ {
			broken[seq] = true
		}
		if b.To == last {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = r.Follow(ctx, 1, func(f journal.Frame) error {
		for _, r := range f.Records {
			bodies = append(bodies, string(r.Body))
		}
		if f.Seq == last {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) && !errors.Is(err, context.Canceled) {
		t.Fatalf("follow: %v", err)
	}
	return bodies
}
