package edf_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/edf"
)

// file builds an EDF file column by column, as the specification draws it.
type file struct {
	version, kind, recording string
	records                  int
	duration                 string
	signals                  []column
}

type column struct {
	label, unit, pmin, pmax string
	dmin, dmax, per         int
}

func (f file) header() []byte {
	var b bytes.Buffer
	field := func(n int, v any) { fmt.Fprintf(&b, "%-*v", n, v) }
	if f.version == "" {
		f.version = "0"
	}
	if f.version[0] == 0xff {
		b.WriteString(f.version)
	} else {
		field(8, f.version)
	}
	field(80, "X X X X")
	field(80, f.recording)
	b.WriteString("24.12.9923.59.58")
	field(8, 256*(1+len(f.signals)))
	field(44, f.kind)
	field(8, f.records)
	field(8, f.duration)
	field(4, len(f.signals))
	for _, each := range []func(column){
		func(c column) { field(16, c.label) }, func(c column) { field(80, "") }, func(c column) { field(8, c.unit) },
		func(c column) { field(8, c.pmin) }, func(c column) { field(8, c.pmax) },
		func(c column) { field(8, c.dmin) }, func(c column) { field(8, c.dmax) },
		func(c column) { field(80, "HP:0.1Hz") }, func(c column) { field(8, c.per) }, func(c column) { field(32, "") },
	} {
		for _, c := range f.signals {
			each(c)
		}
	}
	return b.Bytes()
}

var ecg = column{"ECG II", "mV", "-5", "5", -1000, 1000, 2}

// text pads an annotation list to the bytes of its signal.
func text(n int, s string) string { return s + strings.Repeat("\x00", n-len(s)) }

func TestDecode(t *testing.T) {
	notes := column{"EDF Annotations", "", "-1", "1", -32768, 32767, 16}
	f := file{kind: "EDF+D", recording: "Startdate 24-DEC-1999 X X X", records: 3, duration: "0.5", signals: []column{ecg, notes}}
	b := f.header()
	b = append(b, "\x01\x00\xff\xff"+text(32, "+0.25\x14\x14\x00+0.4\x150.1\x14spike\x14\x00")...)
	b = append(b, "\xe8\x03\x18\xfc"+text(32, "+0.75\x14\x14\x00")...)
	b = append(b, "\x05\x00\x06\x00"+text(32, "+9\x14\x14gap\x14after\x14\x00")...)
	got, err := edf.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(1999, 12, 24, 23, 59, 58, 0, time.UTC); got.Header.Start != want || !got.Header.Gaps || got.Header.Bits != 16 {
		t.Errorf("header %+v", got.Header)
	}
	if len(got.Channels) != 1 || got.Channels[0].Hz != 4 {
		t.Fatalf("channels %+v", got.Channels)
	}
	want := []edf.Run{{At: 0.25, Samples: []int32{1, -1, 1000, -1000}}, {At: 9, Samples: []int32{5, 6}}}
	if !reflect.DeepEqual(got.Channels[0].Runs, want) {
		t.Errorf("runs %+v, want %+v", got.Channels[0].Runs, want)
	}
	notesWant := []edf.Annotation{{At: 0.4, Duration: 0.1, Text: "spike"}, {At: 9, Text: "gap"}, {At: 9, Text: "after"}}
	if !reflect.DeepEqual(got.Annotations, notesWant) {
		t.Errorf("annotations %+v, want %+v", got.Annotations, notesWant)
	}
	if v := got.Channels[0].Signal.Physical(1000); v != 5 {
		t.Errorf("1000 is %v mV, want 5", v)
	}
	short, err := edf.Decode(b[:len(b)-1])
	if vital.KindOf(err) != vital.Invalid || len(short.Channels[0].Runs) != 1 || len(short.Channels[0].Runs[0].Samples) != 4 {
		t.Errorf("cut file: %+v, %v; want two records and Invalid", short.Channels, err)
	}
}

func TestDecode24Bits(t *testing.T) {
	f := file{version: "\xffBIOSEMI", kind: "24BIT", records: -1, duration: "1", signals: []column{{"A1", "uV", "-262144", "262143", -8388608, 8388607, 3}}}
	b := append(f.header(), 0x56, 0x34, 0x12, 0xff, 0xff, 0xff, 0, 0, 0x80)
	got, err := edf.Decode(append(b, 1, 0, 0, 2, 0, 0, 3, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if want := []int32{0x123456, -1, -8388608, 1, 2, 3}; !reflect.DeepEqual(got.Channels[0].Runs[0].Samples, want) {
		t.Errorf("got %v, want %v", got.Channels[0].Runs, want)
	}
}

func TestRefuses(t *testing.T) {
	change := func(f func(*file)) []byte {
		x := file{records: 1, duration: "1", signals: []column{ecg}}
		f(&x)
		return append(x.header(), make([]byte, 64)...)
	}
	for name, b := range map[string][]byte{
		"short":           []byte("0       "),
		"another format":  change(func(f *file) { f.version = "RIFF" }),
		"no digits":       change(func(f *file) { f.duration = "one" }),
		"negative":        change(func(f *file) { f.duration = "-1" }),
		"records":         change(func(f *file) { f.records = -2 }),
		"samples in 0 s":  change(func(f *file) { f.duration = "0" }),
		"digital range":   change(func(f *file) { f.signals[0].dmax = -1000 }),
		"physical range":  change(func(f *file) { f.signals[0].pmax = "-5" }),
		"negative sample": change(func(f *file) { f.signals[0].per = -2 }),
		"header size":     bytes.Replace(change(func(*file) {}), []byte("512     "), []byte("768     "), 1),
		"header cut":      change(func(*file) {})[:400],
		"date":            bytes.Replace(change(func(*file) {}), []byte("24.12.99"), []byte("24.13.99"), 1),
		"annotation": change(func(f *file) {
			f.kind, f.signals = "EDF+C", []column{{"EDF Annotations", "", "-1", "1", -1, 1, 1}}
		})[:512:512],
	} {
		if name == "annotation" {
			b = append(b, "ab"...)
		}
		if got, err := edf.Decode(b); vital.KindOf(err) != vital.Invalid {
			t.Errorf("%s: got %+v, %v; want Invalid", name, got, err)
		}
	}
}

// Files written by EDFlib's own test generators.
func TestForeignFiles(t *testing.T) {
	for name, want := range map[string]struct {
		channels, notes int
		hz, seconds     float64
	}{
		"test_generator.bdf": {5, 0, 1000, 30},
		"test_subsecond.edf": {1, 4, 128, 698},
		"test_utf8.edf":      {1, 5, 128, 698},
	} {
		b, err := os.ReadFile(need.Data(t, "devices/edf/"+name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := edf.Decode(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got.Channels) != want.channels || len(got.Annotations) != want.notes || got.Channels[0].Hz != want.hz ||
			len(got.Channels[0].Runs) != 1 || float64(len(got.Channels[0].Runs[0].Samples)) != want.hz*want.seconds {
			t.Errorf("%s: %d channels, %d annotations, %d runs at %v Hz", name, len(got.Channels), len(got.Annotations), len(got.Channels[0].Runs), got.Channels[0].Hz)
		}
		if name == "test_subsecond.edf" && math.Abs(got.Channels[0].Runs[0].At-0.395) > 1e-3 {
			t.Errorf("%s begins %v s after its header's second, want a fraction of one", name, got.Channels[0].Runs[0].At)
		}
	}
}

func FuzzEDF(f *testing.F) {
	notes := column{"EDF Annotations", "", "-1", "1", -32768, 32767, 8}
	x := file{kind: "EDF+D", records: -1, duration: "1", signals: []column{ecg, notes}}
	f.Add(append(x.header(), "\x01\x00\xff\xff+0\x14\x14\x00+1\x152\x14a\x14\x00\x00"...))
	y := file{version: "\xffBIOSEMI", kind: "24BIT", records: 1, duration: "2", signals: []column{ecg}}
	f.Add(append(y.header(), "123456"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := edf.Decode(b)
		n := 0
		for _, c := range got.Channels {
			for _, r := range c.Runs {
				n += len(r.Samples)
			}
		}
		if n*got.Header.Bits/8 > len(b) {
			t.Fatalf("%d samples from %d bytes", n, len(b))
		}
		if err == nil && len(b) < 256 {
			t.Fatal("no error for less than a header")
		}
		if r, err := edf.NewReader(bytes.NewReader(b)); err == nil {
			for i := 0; ; i++ {
				if _, err := r.Next(); err != nil {
					break
				} else if i > len(b) {
					t.Fatal("more records than bytes")
				}
			}
		} else if err == io.EOF {
			t.Fatal("a header error must say what is wrong")
		}
	})
}
