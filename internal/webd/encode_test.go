package webd

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

func someReading(t *rapid.T) vital.Reading {
	r := vital.Reading{
		Patient: vital.PatientID(rapid.String().Draw(t, "patient")), Device: vital.DeviceID(rapid.String().Draw(t, "device")),
		Metric: rapid.String().Draw(t, "metric"), Unit: rapid.SampledFrom([]string{"/min", "%", "[degF]", "\"<\u2028>\x00"}).Draw(t, "unit"),
		Quality: vital.Quality(rapid.Uint32Range(0, 1<<18-1).Draw(t, "quality")),
		Clocks: vital.Clocks{
			Effective: vital.Instant(rapid.Int64Range(0, 1<<43).Draw(t, "effective")), Receive: vital.Instant(rapid.Int64Range(0, 1<<43).Draw(t, "receive")),
		},
	}
	if rapid.Bool().Draw(t, "coded") {
		r.Value = vital.Coded(rapid.StringN(1, 5, -1).Draw(t, "code"))
	} else {
		r.Value = vital.Num(vital.Decimal{Mantissa: rapid.Int64().Draw(t, "mantissa"), Exponent: rapid.Int8Range(-10, 10).Draw(t, "exponent")})
	}
	return r
}

// What is written by hand for speed is what encoding/json would have written.
func TestValueByHandIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := watch.Value{Reading: someReading(t)}
		for range rapid.IntRange(0, 3).Draw(t, "others") {
			v.Others = append(v.Others, someReading(t))
		}
		bed := vital.BedID(rapid.String().Draw(t, "bed"))
		want, err := json.Marshal(valueOf(v, bed))
		if err != nil {
			t.Fatal(err)
		}
		got := appendValue(nil, &v, bed)
		var a, b any
		if err := json.Unmarshal(got, &a); err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("by hand %s\nby json %s", got, want)
		}
	})
}

// Every sample arrives at its height, and every missing one as missing.
func TestBlocksKeepTheirSamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &vital.Waveform{MilliHz: 250000, Start: 1795345800000500, Samples: rapid.SliceOfN(rapid.Int32(), 1, 300).Draw(t, "samples")}
		from := rapid.Uint32Range(0, 299).Draw(t, "from")
		w.Missing = []vital.Span{{From: from, To: from + rapid.Uint32Range(0, 50).Draw(t, "length")}}
		divisor := fit(w, 1)
		b, n := appendBlocks(nil, 7, divisor, w)
		if n != 1 || int(binary.LittleEndian.Uint16(b[2:])) != len(w.Samples) || len(b) != 16+2*len(w.Samples) {
			t.Fatalf("%d blocks in %d bytes for %d samples", n, len(b), len(w.Samples))
		}
		for i, want := range w.Samples {
			got := int16(binary.LittleEndian.Uint16(b[16+2*i:]))
			if missing := uint32(i) >= w.Missing[0].From && uint32(i) < w.Missing[0].To; missing != (got == noSample) {
				t.Fatalf("sample %d is %d, missing: %t", i, got, missing)
			} else if !missing && (int64(got)*int64(divisor)-int64(want) > int64(divisor) || int64(want)-int64(got)*int64(divisor) > int64(divisor)) {
				t.Fatalf("sample %d is %d times %d, want %d", i, got, divisor, want)
			}
		}
	})
}

func TestLongBlockIsCut(t *testing.T) {
	w := &vital.Waveform{MilliHz: 1000, Samples: make([]int32, mostSamples+10)}
	w.Samples[mostSamples] = 9
	w.Missing = []vital.Span{{From: mostSamples - 1, To: mostSamples}}
	b, n := appendBlocks(nil, 1, 1, w)
	second := b[16+2*mostSamples:]
	if n != 2 || binary.LittleEndian.Uint16(second[2:]) != 10 || binary.LittleEndian.Uint16(second[16:]) != 9 {
		t.Errorf("%d blocks, the second begins %v", n, second[:20])
	}
	if int16(binary.LittleEndian.Uint16(b[16+2*(mostSamples-1):])) != noSample {
		t.Error("the gap at the end of the first block is not there")
	}
}

// No cell begins as a formula does, and what was text is text again.
//
// Covers: A6
func FuzzCell(f *testing.F) {
	for _, seed := range []string{"=cmd()", "+1", "-x", "@a", "\tb", "\rc", `a"b,c`, "plain", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := csv.NewReader(strings.NewReader("x," + cell(text) + "\n")).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 {
			t.Fatalf("%q became %q: %v", text, cell(text), err)
		}
		got := rows[0][1]
		if got != "" && strings.ContainsRune("=+-@\t\r", rune(got[0])) {
			t.Errorf("%q begins a formula", got)
		}
		// encoding/csv reads \r\n within quotes as \n
		if want := strings.ReplaceAll(text, "\r\n", "\n"); strings.TrimPrefix(got, "'") != strings.TrimPrefix(want, "'") {
			t.Errorf("%q came back as %q", text, got)
		}
	})
}

// A client may say anything; the socket's reader must not fall over it.
func FuzzAsked(f *testing.F) {
	f.Add([]byte(`{"type":"watch","beds":["b-1"],"waves":["*"],"resume":12}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a asked
		if json.Unmarshal(data, &a) != nil {
			return
		}
		w := wanted{beds: a.Beds, patient: a.Patient, waves: a.Waves}
		if key := w.key(); newGroup(key, w).key != key {
			t.Error("a group has another key")
		}
	})
}

// Two watches of the same beds in another order share what is encoded.
func TestKeyOfTheSameWatch(t *testing.T) {
	a := wanted{beds: []vital.BedID{"b", "a", "b"}, waves: []string{"pleth", "ecg-ii"}}
	b := wanted{beds: []vital.BedID{"a", "b"}, waves: []string{"ecg-ii", "pleth"}}
	if a.key() != b.key() {
		t.Errorf("%q and %q", a.key(), b.key())
	}
	if c := (wanted{beds: []vital.BedID{"a"}, patient: "b", waves: b.waves}); c.key() == b.key() {
		t.Error("a patient is taken for a bed")
	}
}

// The code on the device has the quiet zone and nothing but cells.
func TestDrawCode(t *testing.T) {
	svg := drawCode([][]bool{{true, true, false}, {false, true, true}, {true, false, true}})
	for _, want := range []string{"M0 0h2v1h-2z", "M1 1h2v1h-2z", "M0 2h1v1h-1z", "M2 2h1v1h-1z"} {
		if !strings.Contains(svg, want) {
			t.Errorf("lacks %s: %s", want, svg)
		}
	}
	if bytes.Count([]byte(svg), []byte("z")) != 4+strings.Count(`shape-rendering="crispEdges"`, "z") {
		t.Errorf("more cells than there are: %s", svg)
	}
}
