package store_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/ulikunitz/xz"
	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// anyInt draws small numbers, and now and then the extremes.
func anyInt() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(-100000, 100000), rapid.Int64(), rapid.SampledFrom([]int64{-1 << 63, 1<<63 - 1}))
}

func TestChunkComesBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "n")
		wild := rapid.Bool().Draw(t, "wild")
		small := rapid.Int64Range(-5, 60)
		if wild {
			small = anyInt()
		}
		h := store.NewHead(store.Series{ID: 7})
		var want []store.Sample
		for i := range n {
			at := vital.Instant(int64(t0) + int64(i)*60000 + small.Draw(t, "jitter"))
			s := store.Sample{Effective: at, Quality: vital.Quality(rapid.SampledFrom([]uint32{0, 0, 0, 1, 1 << 31}).Draw(t, "quality")),
				Offset: int32(small.Draw(t, "offset")), Uncertainty: int32(small.Draw(t, "uncertainty")), Sequence: uint64(small.Draw(t, "sequence"))}
			if rapid.IntRange(0, 9).Draw(t, "device") > 0 {
				s.Device = at - vital.Instant(s.Offset)
			}
			if rapid.IntRange(0, 9).Draw(t, "receive") > 0 {
				s.Receive = at + vital.Instant(small.Draw(t, "delay"))
			}
			if rapid.IntRange(0, 9).Draw(t, "code") == 0 {
				s.Value = vital.Coded(rapid.SampledFrom([]string{"A", "C", "V", "P", "U", "ä\x00"}).Draw(t, "text"))
			} else {
				s.Value = vital.Num(vital.Decimal{Mantissa: small.Draw(t, "mantissa"), Exponent: int8(rapid.IntRange(-128, 127).Draw(t, "exponent"))})
			}
			h.Append(s)
			want = append(want, s)
		}
		c := h.Seal()
		got, err := store.DecodeChunk(c.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
		if h.Len() != 0 || c.Count != n || c.Series != 7 {
			t.Fatalf("sealed %d of %d, %d left", c.Count, n, h.Len())
		}
	})
}

func TestWaveComesBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := store.NewWaveHead(store.Series{ID: 7})
		var want []vital.Waveform
		start := int64(t0) * 1000
		for i := range rapid.IntRange(1, 6).Draw(t, "packets") {
			w := vital.Waveform{MilliHz: 360000, Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, Zero: -1024, Start: start + rapid.Int64Range(-9000, 9000).Draw(t, "jitter")}
			w.Clocks = vital.Clocks{Effective: vital.Instant(w.Start / 1000), Receive: vital.Instant(w.Start/1000 + anyInt().Draw(t, "delay")%1e12),
				Offset: int32(anyInt().Draw(t, "offset")), Uncertainty: -1}
			if rapid.Bool().Draw(t, "device") {
				w.Clocks.Device = w.Clocks.Effective - vital.Instant(w.Clocks.Offset)
			}
			w.Quality, w.Sequence = vital.Quality(rapid.Uint32().Draw(t, "quality")), uint64(i)
			x := int32(0)
			wild := rapid.IntRange(0, 4).Draw(t, "wild") == 0
			for range rapid.IntRange(1, 400).Draw(t, "n") {
				if wild {
					x = rapid.OneOf(rapid.Int32(), rapid.SampledFrom([]int32{-1 << 31, 1<<31 - 1, -32768})).Draw(t, "x")
				} else {
					x += rapid.Int32Range(-20, 20).Draw(t, "x")
				}
				w.Samples = append(w.Samples, x)
			}
			if rapid.Bool().Draw(t, "missing") {
				w.Missing = []vital.Span{{From: 3, To: 9}, {From: 1 << 31, To: 1<<32 - 1}}
			}
			if !h.Fits(w) {
				break
			}
			h.Append(w)
			want = append(want, w)
			start = w.Start + int64(len(w.Samples))*1e9/360000
		}
		got, err := store.DecodeWave(h.Seal())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestWaveBlockEnds(t *testing.T) {
	h := store.NewWaveHead(store.Series{ID: 1})
	first := wave(int64(t0)*1000, 250)
	h.Append(first)
	second := int64(1_000_000)
	for name, c := range map[string]struct {
		change func(*vital.Waveform)
		fits   bool
	}{
		"goes on":        {func(w *vital.Waveform) {}, true},
		"a little late":  {func(w *vital.Waveform) { w.Start += 20_000 }, true},
		"gap":            {func(w *vital.Waveform) { w.Start += second }, false},
		"came late":      {func(w *vital.Waveform) { w.Start -= 5 * second }, false},
		"other gain":     {func(w *vital.Waveform) { w.Gain.Mantissa++ }, false},
		"other rate":     {func(w *vital.Waveform) { w.MilliHz++ }, false},
		"other zero":     {func(w *vital.Waveform) { w.Zero++ }, false},
		"over 30 s long": {func(w *vital.Waveform) { w.Samples = make([]int32, 250*30) }, false},
	} {
		w := wave(first.Start+second, 250)
		c.change(&w)
		if h.Fits(w) != c.fits {
			t.Errorf("%s: fits %t, want %t", name, !c.fits, c.fits)
		}
	}
}

func TestDamageIsFound(t *testing.T) {
	h := store.NewHead(store.Series{ID: 1})
	for i := range 120 {
		h.Append(sample(i))
	}
	body := h.Seal().Body
	for i := range body {
		b := bytes.Clone(body)
		b[i] ^= 0x10
		if _, err := store.DecodeChunk(b); err == nil {
			t.Fatalf("byte %d of %d changed, and nobody saw it", i, len(body))
		}
	}
	for _, n := range []int{0, 1, 4, 5, len(body) - 1} {
		if _, err := store.DecodeChunk(body[:n]); err == nil {
			t.Errorf("cut to %d bytes, and nobody saw it", n)
		}
	}
}

func sum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clip(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// The checksum is put right, so that the fuzzer gets to what is behind it.
func FuzzDecodeChunk(f *testing.F) {
	h := store.NewHead(store.Series{ID: 1})
	for i := range 120 {
		s := sample(i)
		if i%10 == 0 {
			s.Value = vital.Coded("A")
		}
		h.Append(s)
	}
	b := h.Seal().Body
	f.Add(b[:len(b)-4])
	f.Fuzz(func(t *testing.T, b []byte) {
		samples, err := store.DecodeChunk(sum(b))
		if err == nil && len(samples) > 1<<16 {
			t.Fatalf("%d bytes became %d samples", len(b), len(samples))
		}
	})
}

func FuzzDecodeWave(f *testing.F) {
	h := store.NewWaveHead(store.Series{ID: 1})
	h.Append(wave(int64(t0)*1000, 250))
	b := h.Seal()
	f.Add(b.Body[:len(b.Body)-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		c := b
		c.Body = sum(body)
		packets, err := store.DecodeWave(c)
		n := 0
		for _, w := range packets {
			n += len(w.Samples)
		}
		if err == nil && n > 1<<20 {
			t.Fatalf("%d bytes became %d samples", len(body), n)
		}
	})
}

// walk is a vital sign once a minute with 0 to 49 ms of jitter in the device's
// clock, and again on the way.
func walk(n int) []store.Sample {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]store.Sample, n)
	v := int64(720)
	for i := range out {
		v += r.Int64N(7) - 3
		device := t0 + vital.Instant(i)*60_000 + vital.Instant(r.IntN(50))
		out[i] = store.Sample{Effective: device + 137, Device: device, Offset: 137, Uncertainty: 12, Receive: device + 137 + vital.Instant(r.IntN(50)),
			Value: vital.Num(vital.Decimal{Mantissa: v, Exponent: -1}), Sequence: uint64(i + 1)}
	}
	return out
}

func BenchmarkChunk(b *testing.B) {
	samples := walk(120 * 100)
	var size, n int
	h := store.NewHead(store.Series{ID: 1})
	for b.Loop() {
		size, n = 0, 0
		for _, s := range samples {
			h.Append(s)
			if h.Full() {
				n += h.Len()
				size += len(h.Seal().Body)
			}
		}
	}
	b.ReportMetric(float64(size)/float64(n), "bytes/sample")
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
}

// recordings reads the MIT-BIH recordings (format 212: two channels of 12 bits
// in 3 bytes), at most so many seconds of each.
func recordings(t testing.TB, seconds int) map[string][2][]int32 {
	names, _ := filepath.Glob("../../../shared/data/mitdb/*.dat.xz")
	if len(names) == 0 {
		t.Skip("skipped: the MIT-BIH recordings are not in ../shared/data/mitdb")
	}
	out := map[string][2][]int32{}
	for _, n := range names {
		f, err := os.Open(n)
		if err != nil {
			t.Fatal(err)
		}
		r, err := xz.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.LimitReader(r, int64(seconds)*360*3))
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		var rec [2][]int32
		for ; len(b) >= 3; b = b[3:] {
			rec[0] = append(rec[0], int32(uint32(b[0])<<20|uint32(b[1]&0x0f)<<28)>>20)
			rec[1] = append(rec[1], int32(uint32(b[2])<<20|uint32(b[1]&0xf0)<<24)>>20)
		}
		out[filepath.Base(n)[:3]] = rec
	}
	return out
}

// packed makes blocks of one channel from packets of a second.
func packed(x []int32) (blocks []store.WaveBlock, packets []vital.Waveform) {
	h := store.NewWaveHead(store.Series{ID: 1})
	r := rand.New(rand.NewPCG(3, 4))
	for i := 0; i < len(x); i += 360 {
		start := int64(t0)*1000 + int64(i)*1e9/360000
		at := vital.Instant(start / 1000)
		w := vital.Waveform{Start: start, MilliHz: 360000, Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, Zero: -1024, Sequence: uint64(i/360 + 1),
			Clocks:  vital.Clocks{Effective: at, Device: at - 90, Offset: 90, Uncertainty: 8, Receive: at + 1000 + vital.Instant(r.IntN(50))},
			Samples: x[i:min(i+360, len(x))]}
		if !h.Fits(w) {
			blocks = append(blocks, h.Seal())
		}
		h.Append(w)
		packets = append(packets, w)
	}
	return append(blocks, h.Seal()), packets
}

// Every recording comes back as it was, in at most 0.60 byte a sample.
func TestRecordingsAreSmallAndExact(t *testing.T) {
	var size, n int
	for name, rec := range recordings(t, 300) {
		for ch, x := range rec {
			blocks, packets := packed(x)
			var back []vital.Waveform
			for _, b := range blocks {
				w, err := store.DecodeWave(b)
				if err != nil {
					t.Fatal(err)
				}
				back = append(back, w...)
				size += len(b.Body)
			}
			if !reflect.DeepEqual(back, packets) {
				t.Errorf("record %s channel %d came back changed", name, ch)
			}
			n += len(x)
		}
	}
	t.Logf("%d samples, %.4f byte a sample", n, float64(size)/float64(n))
	if float64(size)/float64(n) > 0.60 {
		t.Errorf("%.4f byte a sample, want at most 0.60", float64(size)/float64(n))
	}
}

func BenchmarkWave(b *testing.B) {
	recs := recordings(b, 1<<20)
	for _, way := range []string{"encode", "decode"} {
		b.Run(way, func(b *testing.B) {
			var size, n int
			var blocks []store.WaveBlock
			if way == "decode" {
				for _, rec := range recs {
					for _, x := range rec {
						bs, _ := packed(x)
						blocks = append(blocks, bs...)
					}
				}
			}
			for b.Loop() {
				size, n = 0, 0
				for _, w := range blocks {
					if _, err := store.DecodeWave(w); err != nil {
						b.Fatal(err)
					}
					size, n = size+len(w.Body), n+w.Count
				}
				if way == "decode" {
					continue
				}
				for _, rec := range recs {
					for _, x := range rec {
						bs, _ := packed(x)
						for _, w := range bs {
							size += len(w.Body)
						}
						n += len(x)
					}
				}
			}
			b.ReportMetric(float64(size)/float64(n), "bytes/sample")
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
		})
	}
}
