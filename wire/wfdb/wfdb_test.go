package wfdb_test

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/wfdb"
)

func TestHeader(t *testing.T) {
	h, err := wfdb.ParseHeader([]byte("# before\r\n" +
		"rec01 3 360/1000(-5) 650000 23:59:58.25 24/12/1989\r\n" +
		"a.dat 212x2:3+17 200(512)/uV 11 1024 995 -22131 0 lead MLII\r\n" +
		"\r\n" +
		"a.dat 212x2 0 0 7\r\n" +
		"b.dat 16\r\n" +
		"# 69 M 1085 1629 x1\r\n#Aldomet\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := wfdb.Header{
		Record: "rec01", Frequency: 360, Counter: 1000, BaseCount: -5, Frames: 650000,
		Start: time.Date(1989, 12, 24, 23, 59, 58, 250e6, time.UTC), HasDate: true, HasTime: true,
		Signals: []wfdb.Signal{
			{File: "a.dat", Format: 212, PerFrame: 2, Skew: 3, Offset: 17, Gain: 200, Calibrated: true, Baseline: 512, Unit: "uV",
				Resolution: 11, Zero: 1024, First: 995, HasFirst: true, Checksum: -22131, HasSum: true, Name: "lead MLII"},
			{File: "a.dat", Format: 212, PerFrame: 2, Gain: 200, Baseline: 7, Unit: "mV", Resolution: 12, Zero: 7, First: 7},
			{File: "b.dat", Format: 16, PerFrame: 1, Gain: 200, Unit: "mV", Resolution: 16},
		},
		Comments: []string{"69 M 1085 1629 x1", "Aldomet"},
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("got  %+v\nwant %+v", h, want)
	}
}

func TestHeaderRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":               "",
		"comments only":       "# nothing\n",
		"no signal count":     "100\n",
		"negative signals":    "100 -1\n",
		"absurd signals":      "100 999999999\n",
		"too few lines":       "100 2 360\n100.dat 212\n",
		"zero frequency":      "100 0 0\n",
		"frequency not a one": "100 0 NaN\n",
		"negative samples":    "100 0 360 -5\n",
		"bad time":            "100 0 360 5 25:61:00:00\n",
		"bad date":            "100 0 360 5 10:00:00 1989-12-24\n",
		"unknown format":      "100 1 360\n100.dat 213\n",
		"FLAC format":         "100 1 360\n100.dat 516\n",
		"format letters":      "100 1 360\n100.dat 16y2\n",
		"format cut":          "100 1 360\n100.dat 16x\n",
		"zero per frame":      "100 1 360\n100.dat 16x0\n",
		"bad gain":            "100 1 360\n100.dat 16 2oo\n",
		"bad baseline":        "100 1 360\n100.dat 16 200(x)\n",
		"segments missing":    "100/2 1 360 10\na 5\n",
		"segment no length":   "100/1 1 360 10\na\n",
	} {
		if h, err := wfdb.ParseHeader([]byte(text)); vital.KindOf(err) != vital.Invalid {
			t.Errorf("%s: got %+v, %v; want an Invalid error", name, h, err)
		}
	}
}

// Packed by hand from the drawings in signal(5), not by our code.
func TestFormats(t *testing.T) {
	missing := int32(wfdb.Missing)
	for _, c := range []struct {
		format string
		first  string
		bytes  []byte
		want   []int32
	}{
		{"8", "100", []byte{0, 5, 0xfe, 0x80, 0x7f}, []int32{100, 105, 103, -25, 102}},
		{"16", "0", []byte{0x34, 0x12, 0xff, 0xff, 0x00, 0x80, 0x01, 0x80}, []int32{0x1234, -1, missing, -32767}},
		{"61", "0", []byte{0x12, 0x34, 0xff, 0xff, 0x80, 0x00, 0x80, 0x01}, []int32{0x1234, -1, missing, -32767}},
		{"80", "0", []byte{0x80, 0xff, 0x00, 0x01}, []int32{0, 127, missing, -127}},
		{"160", "0", []byte{0x00, 0x80, 0xff, 0xff, 0x00, 0x00, 0x01, 0x00}, []int32{0, 32767, missing, -32767}},
		{"24", "0", []byte{0x56, 0x34, 0x12, 0xff, 0xff, 0xff, 0, 0, 0x80}, []int32{0x123456, -1, missing}},
		{"32", "0", []byte{0x78, 0x56, 0x34, 0x12, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x80}, []int32{0x12345678, -1, missing}},
		// 995 = 0x3e3 and 1011 = 0x3f3 give e3 33 f3, as record 100 begins.
		{"212", "0", []byte{0xe3, 0x33, 0xf3, 0xff, 0x8f, 0x00}, []int32{995, 1011, -1, missing}},
		{"212", "0", []byte{0xe3, 0x33, 0xf3, 0x01, 0x02}, []int32{995, 1011, 0x201}}, // an odd number of samples
		// 1 -> word 0x0002, 2 -> 0x0004, 3 = 00000 00011 -> low half 3 in the top of the first word.
		{"310", "0", []byte{0x02, 0x18, 0x04, 0x00}, []int32{1, 2, 3}},
		// -1, -2, and 1000000000b = missing: low half 0, high half 10000.
		{"310", "0", []byte{0xfe, 0x07, 0xfc, 0x87}, []int32{-1, -2, missing}},
		{"310", "0", []byte{0x02, 0x18, 0x04, 0x00, 0x08, 0x00}, []int32{1, 2, 3, 4}},
		// 1 | 2<<10 | 3<<20 = 0x00300801
		{"311", "0", []byte{0x01, 0x08, 0x30, 0x00}, []int32{1, 2, 3}},
		// -1 | -2<<10 | 512<<20 = 3ff | ff800 | 20000000 = 0x200ffbff
		{"311", "0", []byte{0xff, 0xfb, 0x0f, 0x20, 0x05, 0x00}, []int32{-1, -2, missing, 5}},
		{"311", "0", []byte{0x01, 0x08, 0x00}, []int32{1, 2}},
	} {
		h, err := wfdb.ParseHeader([]byte("r 1 100\nr.dat " + c.format + " 1 0 0 " + c.first + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := wfdb.Decode(h, map[string][]byte{"r.dat": c.bytes})
		if err != nil {
			t.Errorf("format %s: %v", c.format, err)
			continue
		}
		if !reflect.DeepEqual(got[0].Samples, c.want) {
			t.Errorf("format %s, % x: got %v, want %v", c.format, c.bytes, got[0].Samples, c.want)
		}
	}
}

func TestFramesSkewAndFiles(t *testing.T) {
	h, err := wfdb.ParseHeader([]byte("r 3 100 3\n" +
		"a.dat 16x2+4 10(1)/mV 16 0 1 0 0 fast\n" +
		"a.dat 16:1 10/mV 16 0 100 0 0 late\n" +
		"b.dat 80 1/% 8 0 1 0 0 slow\n"))
	if err != nil {
		t.Fatal(err)
	}
	le := func(v ...int16) (b []byte) {
		for _, x := range v {
			b = append(b, byte(x), byte(uint16(x)>>8))
		}
		return b
	}
	got, err := wfdb.Decode(h, map[string][]byte{
		"a.dat": append([]byte("junk"), le(1, 2, 100, 3, 4, 101, 5, 6, 102, 9, 9, 9)...),
		"b.dat": {129, 130, 131, 132},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]int32{{1, 2, 3, 4, 5, 6}, {101, 102, wfdb.Missing}, {1, 2, 3}} {
		if !reflect.DeepEqual(got[i].Samples, want) {
			t.Errorf("signal %d: got %v, want %v", i, got[i].Samples, want)
		}
	}
	if got[0].Hz != 200 || got[1].Hz != 100 {
		t.Errorf("rates %v and %v, want 200 and 100", got[0].Hz, got[1].Hz)
	}
	if v := got[0].Signal.Physical(21); v != 2 {
		t.Errorf("physical value of 21 is %v, want 2", v)
	}
}

func TestTruncated(t *testing.T) {
	h, _ := wfdb.ParseHeader([]byte("r 2 100 4\nr.dat 16\nr.dat 16\n"))
	got, err := wfdb.Decode(h, map[string][]byte{"r.dat": {1, 0, 2, 0, 3, 0}})
	if vital.KindOf(err) != vital.Invalid || !strings.Contains(err.Error(), "after 1 frames of 4") {
		t.Errorf("error %v, want one that says where the files end", err)
	}
	if len(got) != 2 || !reflect.DeepEqual(got[0].Samples, []int32{1}) || !reflect.DeepEqual(got[1].Samples, []int32{2}) {
		t.Errorf("got %+v, want the one frame that is whole", got)
	}
	if _, err := wfdb.Decode(h, nil); vital.KindOf(err) != vital.NotFound {
		t.Errorf("without its file: %v, want NotFound", err)
	}
}

func TestCheck(t *testing.T) {
	read := func(line string) error {
		h, err := wfdb.ParseHeader([]byte("r 1 100\nr.dat 16 1 16 0 " + line + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := wfdb.Decode(h, map[string][]byte{"r.dat": {0xff, 0x7f, 0xff, 0x7f, 0x05, 0x00}})
		if err != nil {
			t.Fatal(err)
		}
		return c[0].Check()
	}
	// 32767 + 32767 + 5 = 65539 = 3 modulo 65536.
	for line, want := range map[string]bool{"32767 3": true, "32767 65539": true, "32767 4": false, "32766 3": false} {
		if err := read(line); (err == nil) != want {
			t.Errorf("first and checksum %q: %v", line, err)
		}
	}
}

func TestLoadSegments(t *testing.T) {
	files := map[string]string{
		"p/m.hea":      "m/4 2 100 7\nlayout 0\ns1 2\n~ 3\ns2 2\n",
		"p/layout.hea": "layout 2 100 0\n~ 0 10/mV 16 0 0 0 0 II\n~ 0 1/mmHg 16 0 0 0 0 ABP\n",
		"p/s1.hea":     "s1 1 100 2\ns1.dat 16 10/mV 16 0 1 3 0 II\n",
		"p/s1.dat":     "\x01\x00\x02\x00",
		"p/s2.hea":     "s2 2 100 2\ns2.dat 16 1/mmHg 16 0 80 161 0 ABP\ns2.dat 16 20(4)/mV 16 0 4 99 0 II\n",
		"p/s2.dat":     "\x50\x00\x04\x00\x51\x00\x18\x00",
	}
	open := func(p string) ([]byte, error) {
		if s, ok := files[p]; ok {
			return []byte(s), nil
		}
		return nil, vital.Errorf(vital.NotFound, "no %s", p)
	}
	r, err := wfdb.Load("p/m", open)
	if err != nil {
		t.Fatal(err)
	}
	x := int32(wfdb.Missing)
	// 24 at 20/mV over 4 is 1 mV, which is 10 in the layout's scale.
	if want := []int32{1, 2, x, x, x, 0, 10}; !reflect.DeepEqual(r.Channels[0].Samples, want) {
		t.Errorf("II: %v, want %v", r.Channels[0].Samples, want)
	}
	if want := []int32{x, x, x, x, x, 80, 81}; !reflect.DeepEqual(r.Channels[1].Samples, want) {
		t.Errorf("ABP: %v, want %v", r.Channels[1].Samples, want)
	}
	if len(r.Doubts) != 1 || !strings.Contains(r.Doubts[0].Error(), "checksum is 28") {
		t.Errorf("doubts %v, want the one wrong checksum", r.Doubts)
	}
	files["p/s1.hea"] = files["p/m.hea"]
	if _, err := wfdb.Load("p/m", open); vital.KindOf(err) != vital.Invalid {
		t.Errorf("segments within segments: %v, want Invalid", err)
	}
	delete(files, "p/s1.hea")
	if _, err := wfdb.Load("p/m", open); vital.KindOf(err) != vital.NotFound {
		t.Errorf("segment not there: %v, want NotFound", err)
	}
}

func TestAnnotations(t *testing.T) {
	b := []byte{
		0x00, 0x58, // sample 0, code 22: a note ...
		24, 0xfc, // ... of 24 bytes, which says what a tick is
	}
	b = append(b, "## time resolution: 360\x00"...)
	b = append(b,
		18, 28<<2, // sample 18, rhythm change
		3, 0xfc, '(', 'N', 0, 0, // text of 3 bytes, padded to 4
		59, 1<<2, // 59 later: normal beat at 77
		0xff, 62<<2|3>>8, // channel follows: low byte only is kept
		2, 5<<2|1, // 258 later: ventricular at 335
		0xfe, 60<<2|3, // number -2
		1, 61<<2, // subtype 1
		0, 59<<2, 0x01, 0x00, 0x02, 0x00, // skip 65538
		10, 1<<2, // and 10: 65883
		0, 0)
	got, err := wfdb.ParseAnnotations(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []wfdb.Annotation{
		{Sample: 18, Code: wfdb.Rhythm, Text: "(N"},
		{Sample: 77, Code: wfdb.Normal, Channel: 255},
		{Sample: 335, Code: wfdb.Ventricular, Channel: 255, Number: -2, Subtype: 1},
		{Sample: 65883, Code: wfdb.Normal, Channel: 255, Number: -2},
	}
	if got.Hz != 360 || !reflect.DeepEqual(got.Items, want) {
		t.Errorf("got %v Hz %+v\nwant %+v", got.Hz, got.Items, want)
	}
	for at := range b {
		if at%2 == 0 || at > len(b)-2 {
			if _, err := wfdb.ParseAnnotations(b[:at]); vital.KindOf(err) != vital.Invalid {
				t.Fatalf("cut after %d bytes: %v, want Invalid", at, err)
			}
		}
	}
	if _, err := wfdb.ParseAnnotations([]byte{0, 55 << 2, 0, 0}); vital.KindOf(err) != vital.Invalid {
		t.Errorf("code 55: %v, want Invalid", err)
	}
}

func open(t *testing.T, name string) func(string) ([]byte, error) {
	dir := need.Data(t, name)
	return func(p string) ([]byte, error) {
		p = filepath.Join(dir, p)
		if b, err := os.ReadFile(p); err == nil {
			return b, nil
		}
		f, err := os.Open(p + ".xz")
		if err != nil {
			return nil, vital.Errorf(vital.NotFound, "%w", err)
		}
		defer f.Close()
		r, err := xz.NewReader(f)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
}

// The header of each MIT-BIH record holds a checksum over all 650,000 samples of
// each signal; the number of beats is what the database's own tables give.
func TestArrhythmiaDatabase(t *testing.T) {
	from := open(t, "mitdb")
	beats := map[string]int{"100": 2273, "208": 2955, "222": 2483}
	for name, want := range beats {
		r, err := wfdb.Load(name, from)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Doubts) > 0 {
			t.Errorf("record %s: %v", name, r.Doubts)
		}
		for _, c := range r.Channels {
			if len(c.Samples) != 650000 || c.Hz != 360 || !c.Signal.HasSum {
				t.Errorf("record %s %s: %d samples at %v Hz", name, c.Signal.Name, len(c.Samples), c.Hz)
			}
		}
		b, err := from(name + ".atr")
		if err != nil {
			t.Fatal(err)
		}
		a, err := wfdb.ParseAnnotations(b)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, x := range a.Items {
			if x.Code.Beat() {
				got++
			}
		}
		if got != want {
			t.Errorf("record %s: %d beats, want %d", name, got, want)
		}
	}
}

func TestOddNumberOfPackedSamples(t *testing.T) {
	r, err := wfdb.Load("100_3chan", open(t, "devices/wfdb"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Doubts) > 0 || len(r.Channels) != 3 || len(r.Channels[2].Samples) != 999 {
		t.Errorf("%d channels, doubts %v", len(r.Channels), r.Doubts)
	}
	if v := r.Channels[0].Signal.Physical(r.Channels[0].Samples[0]); math.Abs(v+0.145) > 1e-12 {
		t.Errorf("the first value of I is %v mV, want -0.145", v)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("100 2 360 650000\n100.dat 212 200 11 1024 995 -22131 0 MLII\n100.dat 212 200 11 1024 1011 20052 0 V5\n# 69 M\n"), []byte{0xe3, 0x33, 0xf3})
	f.Add([]byte("r/2 1 250 10 12:00:00 1/2/2003\na 5\n~ 5\n"), []byte{})
	f.Add([]byte("r 2 1\nx 311x3:2+1\nx 311\n"), []byte("0123456789abcdef"))
	f.Add([]byte("r 1 1\nx 8 200(3)/mV\n"), []byte("0123456789abcdef"))
	f.Fuzz(func(t *testing.T, text, samples []byte) {
		h, err := wfdb.ParseHeader(text)
		if err != nil {
			return
		}
		files, perFrame := map[string][]byte{}, 0
		for _, s := range h.Signals {
			files[s.File] = samples
			perFrame += s.PerFrame + s.Skew*s.PerFrame
		}
		if perFrame > 1<<16 {
			return // slow, not wrong
		}
		channels, err := wfdb.Decode(h, files)
		for _, c := range channels {
			frames := len(c.Samples) / c.Signal.PerFrame
			if len(c.Samples)%c.Signal.PerFrame != 0 || frames != len(channels[0].Samples)/channels[0].Signal.PerFrame {
				t.Fatalf("signals end at different frames")
			}
			if h.Frames > 0 && err == nil && int64(frames) != h.Frames {
				t.Fatalf("%d frames without an error, the header says %d", frames, h.Frames)
			}
		}
	})
}

func FuzzAnnotations(f *testing.F) {
	f.Add([]byte{18, 28 << 2, 3, 0xfc, '(', 'N', 0, 0, 59, 1 << 2, 0, 0})
	f.Add([]byte{0, 59 << 2, 1, 0, 2, 0, 10, 4, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := wfdb.ParseAnnotations(b)
		if err != nil {
			return
		}
		if len(a.Items) > len(b)/2 {
			t.Fatalf("%d annotations from %d bytes", len(a.Items), len(b))
		}
		for _, x := range a.Items {
			if x.Sample < 0 {
				t.Fatalf("sample %d before the start", x.Sample)
			}
		}
	})
}
