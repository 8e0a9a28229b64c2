package wave_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/wave"
	"pgregory.net/rapid"
)

func block() wave.Block {
	return wave.Block{Sequence: 9, Start: 1795345800000000, MilliHz: 50_000, Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, Zero: -1024,
		Quality: vital.Motion, Metric: "ecg-ii", Unit: "mV", Samples: []int16{0, 1, -1, 32767, wave.Missing}}
}

// The bytes, written by hand from the drawing in docs/formats/payload.md.
const drawn = "565731 0a" + // VW1\n
	"0900000000000000" + "0072a884db600600" + "50c30000" +
	"0500000000000000" + "fd" + "00fcffff" + "00100000" +
	"06" + "6563672d6969" + "02" + "6d56" + "05000000" +
	"0000" + "0100" + "ffff" + "ff7f" + "0080"

func TestLayout(t *testing.T) {
	want, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(drawn), []byte(" "), nil)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := wave.Encode(block())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got  %x, %v\nwant %x", got, err, want)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := wave.Block{
			Sequence: rapid.Uint64().Draw(t, "seq"), Start: rapid.Int64Range(0, 253_402_300_799_999_999).Draw(t, "start"),
			Gain: vital.Decimal{Mantissa: rapid.Int64Range(1, 1<<62).Draw(t, "gain"), Exponent: rapid.Int8().Draw(t, "exp")},
			Zero: rapid.Int32().Draw(t, "zero"), Quality: vital.Quality(rapid.Uint32().Draw(t, "quality")),
			Metric: rapid.StringMatching(`[a-z-]{1,64}`).Draw(t, "metric"), Unit: rapid.StringMatching(`[a-zA-Z/]{1,64}`).Draw(t, "unit"),
			Samples: rapid.SliceOfN(rapid.Int16(), 10, 200).Draw(t, "samples"),
		}
		b.MilliHz = uint32(len(b.Samples)) * 1000 // one second
		body, err := wave.Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wave.Decode(body)
		if err != nil || !slices.Equal(back.Samples, b.Samples) {
			t.Fatalf("%+v, %v", back, err)
		}
		again, err := wave.Encode(back)
		if err != nil || !bytes.Equal(again, body) {
			t.Fatalf("%x, %v, want %x", again, err, body)
		}
	})
}

// Every beginning of a block, and every block with something after it, is refused.
func TestDecodeRefusesPieces(t *testing.T) {
	body, err := wave.Encode(block())
	if err != nil {
		t.Fatal(err)
	}
	for n := range body {
		if b, err := wave.Decode(body[:n]); err == nil || vital.KindOf(err) != vital.Invalid {
			t.Errorf("%d bytes were read as %+v, %v", n, b, err)
		}
	}
	if _, err := wave.Decode(append(body, 0)); err == nil {
		t.Error("a byte too many was not seen")
	}
}

func TestRefuses(t *testing.T) {
	for name, change := range map[string]func(*wave.Block){
		"no rate":          func(b *wave.Block) { b.MilliHz = 0 },
		"rate too high":    func(b *wave.Block) { b.MilliHz = 200_000_000 },
		"too short":        func(b *wave.Block) { b.MilliHz = 500_000 },
		"too long":         func(b *wave.Block) { b.MilliHz = 100 },
		"no gain":          func(b *wave.Block) { b.Gain = vital.Decimal{} },
		"no metric":        func(b *wave.Block) { b.Metric = "" },
		"no unit":          func(b *wave.Block) { b.Unit = "" },
		"no samples":       func(b *wave.Block) { b.Samples = nil },
		"too many samples": func(b *wave.Block) { b.Samples = make([]int16, wave.MaxSamples+1) },
		"before 1970":      func(b *wave.Block) { b.Start = -1 },
		"after 9999":       func(b *wave.Block) { b.Start = 253_402_300_800_000_000 },
	} {
		b := block()
		change(&b)
		if _, err := wave.Encode(b); err == nil || vital.KindOf(err) != vital.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
