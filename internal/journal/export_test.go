package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

var exportedLines = []journal.Line{{Stream: journal.Raw}, {Stream: journal.Raw, Partition: 1}, {Stream: journal.Readings}}

// exported returns the file of a journal with frames in two of three lines.
func exported(t *testing.T, k journal.Keys) []byte {
	t.Helper()
	ctx := context.Background()
	l, _ := written(t, k, 8)
	w := openWriter(t, l, k, func(o *journal.WriterOptions) { o.Partition = 1 })
	if _, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindPacket, Body: []byte("heart-rate")}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Expire(ctx, journal.Raw, 0, 3); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	n, err := journal.Export(ctx, l, &file, vital.DefaultSite, "0.1", 1795345800000, exportedLines)
	if err != nil || n != 7 {
		t.Fatalf("%d frames exported, %v", n, err)
	}
	return file.Bytes()
}

func TestAnExportedJournalCanBeVerified(t *testing.T) {
	ctx := context.Background()
	k := openRing(t, &journal.MemoryKeys{})
	file := exported(t, k)
	x, err := journal.OpenExported(bytes.NewReader(file), int64(len(file)))
	if err != nil || x.Damage != nil {
		t.Fatal(err, x.Damage)
	}
	if x.Site != vital.DefaultSite || x.Build != "0.1" || x.Created != 1795345800000 || fmt.Sprint(x.Lines) != fmt.Sprint(exportedLines) {
		t.Errorf("head %+v", x)
	}
	for i, want := range []struct{ first, last, frames, records uint64 }{{3, 8, 6, 12}, {1, 1, 1, 1}, {0, 0, 0, 0}} {
		for _, keys := range []journal.Keys{nil, k} {
			v, err := journal.Verify(ctx, x, keys, x.Site, x.Lines[i])
			if err != nil || len(v.Breaks) != 0 || v.First != want.first || v.Last != want.last || v.Frames != want.frames || v.Records != want.records {
				t.Errorf("%s: %+v, %v", x.Lines[i], v, err)
			}
			if keys == nil && v.Sealed != want.records {
				t.Errorf("%s: %d of %d records say that their seal was not checked", x.Lines[i], v.Sealed, want.records)
			}
		}
	}
	if bytes.Contains(file, []byte("heart-rate")) {
		t.Error("the file holds open text")
	}
}

func TestADamagedExportIsSeen(t *testing.T) {
	ctx := context.Background()
	k := openRing(t, &journal.MemoryKeys{})
	file := exported(t, k)
	// sound tells whether a file passes for what was exported.
	sound := func(b []byte) bool {
		x, err := journal.OpenExported(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return false
		}
		for _, l := range x.Lines {
			if _, err := journal.Verify(ctx, x, nil, x.Site, l); err != nil {
				t.Fatalf("verify of a damaged file: %v", err)
			}
		}
		return x.Damage == nil
	}
	if !sound(file) {
		t.Fatal("the whole file does not pass")
	}
	for at := 0; at < len(file); at += 7 {
		b := bytes.Clone(file)
		b[at] ^= 0x20
		if sound(b) {
			t.Errorf("byte %d changed: it passes", at)
		}
		if sound(file[:at]) {
			t.Errorf("cut off at byte %d: it passes", at)
		}
	}
	if sound(append(bytes.Clone(file), 0)) {
		t.Error("a byte more: it passes")
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	k := openRing(t, table)
	l, raw := written(t, k, 6)
	bad := tampered{Log: l, change: map[uint64]func([]byte) []byte{
		2: func(b []byte) []byte { b[50] ^= 1; return b },
		5: func([]byte) []byte { return raw[0] },
	}}
	v, err := journal.Verify(ctx, bad, k, vital.DefaultSite, journal.Line{Stream: journal.Raw})
	if err != nil || v.Frames != 3 || len(v.Breaks) != 3 || v.Breaks[0].From != 2 || v.Breaks[1].From != 5 || v.Breaks[2].From != 6 {
		t.Errorf("%+v, %v", v, err)
	}
	other, err := journal.OpenRing(ctx, &journal.MemoryKeys{}, vital.DefaultSite, [32]byte{7}, clock())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := journal.Verify(ctx, l, other, vital.DefaultSite, journal.Line{Stream: journal.Raw}); err != nil || len(v.Breaks) != 6 {
		t.Errorf("with another site's keys: %+v, %v", v, err)
	}
	if v, err := journal.Verify(ctx, l, k, "elsewhere", journal.Line{Stream: journal.Raw}); err != nil || len(v.Breaks) != 6 {
		t.Errorf("as another site's journal: %+v, %v", v, err)
	}
}
