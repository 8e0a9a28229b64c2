package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// filled makes a log of n frames in one directory and returns the segments of
// raw/0, in order. It is left as a killed process leaves it, unless orderly.
func filled(t *testing.T, k journal.Keys, n int, orderly string) (string, []string) {
	t.Helper()
	ctx := context.Background()
	directory := filepath.Join(t.TempDir(), "journal")
	l := openFiles(t, directory, func(o *journal.FilesOptions) { o.Segment = 12_000 })
	w := openWriter(t, l, k)
	for i := range n {
		if _, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindPacket, Body: bytes.Repeat([]byte{byte(i)}, 2000)}}); err != nil {
			t.Fatal(err)
		}
	}
	closeWriter(t, w)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if orderly == "killed" {
		if err := os.Remove(filepath.Join(directory, "clean")); err != nil {
			t.Fatal(err)
		}
	}
	segments, err := filepath.Glob(filepath.Join(directory, "raw-0", "*.vjs"))
	if err != nil || len(segments) < 3 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	return directory, segments
}

func verifyFiles(t *testing.T, k journal.Keys, directory string, change ...func(*journal.FilesOptions)) journal.Verdict {
	t.Helper()
	l := openFiles(t, directory, change...)
	defer l.Close()
	v, err := journal.Verify(context.Background(), l, k, vital.DefaultSite, journal.Line{Stream: journal.Raw})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A flipped bit costs the frame it lies in, and nothing else, wherever it is and
// however the process ended.
func TestOneFlippedBitCostsOneFrame(t *testing.T) {
	k := openRing(t, &journal.MemoryKeys{})
	const frames = 17
	for _, end := range []string{"orderly", "killed"} {
		_, segments := filled(t, k, frames, end)
		for s, path := range segments {
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			used := len(bytes.TrimRight(whole, "\x00"))
			// Every byte of the first heads, then some of the rest.
			for at := 0; at < used; at++ {
				if (at > 40 || s != 1) && at%1201 != 40 && at != used-1 {
					continue
				}
				t.Run(fmt.Sprintf("%s/segment %d/byte %d", end, s, at), func(t *testing.T) {
					damaged := bytes.Clone(whole)
					damaged[at] ^= 0x10
					directory := t.TempDir()
					if err := os.CopyFS(directory, os.DirFS(filepath.Dir(filepath.Dir(path)))); err != nil {
						t.Fatal(err)
					}
					copied := filepath.Join(directory, "raw-0", filepath.Base(path))
					if err := os.WriteFile(copied, damaged, 0o600); err != nil {
						t.Fatal(err)
					}
					v := verifyFiles(t, k, directory)
					switch {
					case at < 16: // the head of a segment says nothing that its name does not
						if v.Frames != frames || len(v.Breaks) != 0 {
							t.Errorf("%d good frames, breaks %v", v.Frames, v.Breaks)
						}
					case end == "killed" && v.Last == frames-1:
						// The very last frame cannot be told from a half-written one.
						if s != len(segments)-1 || v.Frames != frames-1 || len(v.Breaks) != 0 {
							t.Errorf("the end is gone: %+v", v)
						}
					default:
						if v.Last != frames || v.Frames != frames-1 || len(v.Breaks) != 1 || v.Breaks[0].From != v.Breaks[0].To {
							t.Errorf("frames to %d, %d good, breaks %v", v.Last, v.Frames, v.Breaks)
						}
					}
				})
			}
		}
	}
}

// A power cut leaves any part of the frame that was being written.
func TestAHalfWrittenFrameIsCleared(t *testing.T) {
	ctx := context.Background()
	k := openRing(t, &journal.MemoryKeys{})
	for _, kept := range []int{1, 3, 4, 20, 23, 24, 25, 500, 2000, 2100} {
		for _, zeros := range []bool{false, true} {
			directory, segments := filled(t, k, 17, "killed")
			before := filepath.Join(t.TempDir(), "before")
			if err := os.CopyFS(before, os.DirFS(directory)); err != nil {
				t.Fatal(err)
			}
			last := segments[len(segments)-1]
			content, err := os.ReadFile(last)
			if err != nil {
				t.Fatal(err)
			}
			// The last frame stands for the one that was being written.
			start := bytes.LastIndex(content, []byte("VJE1"))
			torn := bytes.Clone(content[:start+kept])
			if zeros { // the file had been lengthened already
				torn = append(torn, make([]byte, len(content)-len(torn))...)
			}
			if err := os.WriteFile(last, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			q, err := journal.OpenQuarantine(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			var heard []journal.Break
			v := verifyFiles(t, k, directory, func(o *journal.FilesOptions) {
				o.Quarantine = q
				o.Torn = func(b journal.Break) { heard = append(heard, b) }
			})
			if v.Last != 16 || v.Frames != 16 || len(v.Breaks) != 0 {
				t.Errorf("%d bytes kept, zeros %v: frames to %d, %d good, breaks %v", kept, zeros, v.Last, v.Frames, v.Breaks)
			}
			if list, err := q.List(); err != nil || len(list) != 1 || len(heard) != 1 || heard[0].From != 17 {
				t.Errorf("%d bytes kept: quarantine %v, %v; heard %v", kept, list, err, heard)
			}
			l := openFiles(t, directory)
			w := openWriter(t, l, k)
			if at, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindTick}}); err != nil || at.Frame != 17 {
				t.Errorf("the next frame lies at %v, %v", at, err)
			}
			closeWriter(t, w)
			l.Close()
			if v := verifyFiles(t, k, directory); v.Frames != 17 || len(v.Breaks) != 0 {
				t.Errorf("after going on: %+v", v)
			}
		}
	}
}

// After an orderly end nothing can be half-written: what is missing at the end
// was acknowledged, and its places are never given to other frames.
func TestALostEndKeepsItsPlaces(t *testing.T) {
	ctx := context.Background()
	k := openRing(t, &journal.MemoryKeys{})
	directory, segments := filled(t, k, 17, "orderly")
	last := segments[len(segments)-1]
	if err := os.Truncate(last, 16); err != nil {
		t.Fatal(err)
	}
	held := 17 - (17 % 5) // frames of the segments before
	v := verifyFiles(t, k, directory)
	if v.Last != 17 || v.Frames >= 17 || len(v.Breaks) != 17-int(v.Frames) {
		t.Fatalf("about %d frames held: %+v", held, v)
	}
	l := openFiles(t, directory)
	w := openWriter(t, l, k)
	if at, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindTick}}); err != nil || at.Frame != 18 {
		t.Errorf("the next frame lies at %v, %v", at, err)
	}
}

func TestAMissingSegmentIsABreak(t *testing.T) {
	k := openRing(t, &journal.MemoryKeys{})
	for which := range 2 {
		directory, segments := filled(t, k, 17, "orderly")
		if err := os.Remove(segments[which]); err != nil {
			t.Fatal(err)
		}
		v := verifyFiles(t, k, directory)
		missing := uint64(0)
		for _, b := range v.Breaks {
			missing += b.To - b.From + 1
		}
		if v.Last != 17 || missing == 0 || v.Frames+missing != 17 {
			t.Errorf("segment %d removed: frames %d to %d, %d good, breaks %v", which, v.First, v.Last, v.Frames, v.Breaks)
		}
	}
}

func TestExpiryRemovesFiles(t *testing.T) {
	ctx := context.Background()
	k := openRing(t, &journal.MemoryKeys{})
	directory, segments := filled(t, k, 17, "orderly")
	l := openFiles(t, directory)
	if err := l.Expire(ctx, journal.Raw, 0, 15); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(directory, "raw-0", "*.vjs"))
	if err != nil || len(left) >= len(segments) {
		t.Errorf("%d of %d segments are left, %v", len(left), len(segments), err)
	}
	l.Close()
	if v := verifyFiles(t, k, directory); v.First != 15 || v.Last != 17 || v.Frames != 3 || len(v.Breaks) != 0 {
		t.Errorf("after opening anew: %+v", v)
	}
}

func TestFilesRefuseWhatDoesNotFit(t *testing.T) {
	ctx := context.Background()
	directory := filepath.Join(t.TempDir(), "journal")
	_, err := journal.OpenFiles(ctx, journal.FilesOptions{Dir: directory})
	kindIs(t, err, vital.NotFound)
	_, err = journal.OpenFiles(ctx, journal.FilesOptions{Dir: directory, Partitions: map[journal.Stream]int{"other": 1}})
	kindIs(t, err, vital.Invalid)
	l := openFiles(t, directory)
	_, err = journal.OpenFiles(ctx, journal.FilesOptions{Dir: directory})
	kindIs(t, err, vital.Conflict)
	_, err = l.Append(ctx, journal.Raw, 99, 0, []byte("x"))
	kindIs(t, err, vital.NotFound)
	_, err = l.Append(ctx, journal.Raw, 0, 0, nil)
	kindIs(t, err, vital.TooMuch)
	l.Close()
	_, err = l.Append(ctx, journal.Raw, 0, 0, []byte("x"))
	kindIs(t, err, vital.Internal)
	_, err = journal.OpenFiles(ctx, journal.FilesOptions{Dir: directory, Partitions: map[journal.Stream]int{journal.Raw: 3, journal.Readings: 2}})
	kindIs(t, err, vital.Precondition)
	if !strings.Contains(fmt.Sprint(err), "made with 2 partitions") {
		t.Errorf("%v does not say what to do", err)
	}
	again, err := journal.OpenFiles(ctx, journal.FilesOptions{Dir: directory})
	if err != nil || fmt.Sprint(again.Lines()) != "[raw/0 raw/1 readings/0 readings/1]" {
		t.Errorf("as found: %v", err)
	}
	again.Close()
}
