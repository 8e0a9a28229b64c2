package journal

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"flag"
	"hash/crc32"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/vital"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixedKeys has a cipher for every id below 100, and 13 destroyed.
type fixedKeys struct{}

func (fixedKeys) Cipher(id KeyID) (cipher.AEAD, error) {
	switch {
	case id == 13:
		return nil, vital.Errorf(vital.Gone, "key 13 has been destroyed")
	case id >= 100:
		return nil, vital.Errorf(vital.NotFound, "no key %d", id)
	}
	return newCipher([32]byte{byte(id), 'k'})
}

func seal(t testing.TB, h head, records ...Record) []byte {
	t.Helper()
	var sealings []sealing
	for _, r := range records {
		c, err := newCipher([32]byte{byte(r.Key), 'k'})
		if err != nil {
			t.Fatal(err)
		}
		sealings = append(sealings, sealing{r, c})
	}
	b, err := sealFrame(h, sealings)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var plainHead = head{
	site: "main", stream: Readings, partition: 3, writer: 0x0102030405060708, epoch: 9, number: 11,
	previous: Hash{1, 2, 3}, sealed: 1795345800123,
}

func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := head{
			site:      vital.Site(rapid.StringN(1, 40, 255).Draw(t, "site")),
			stream:    rapid.SampledFrom([]Stream{Raw, Readings}).Draw(t, "stream"),
			partition: rapid.Uint16().Draw(t, "partition"),
			writer:    rapid.Uint64().Draw(t, "writer"),
			epoch:     rapid.Uint64().Draw(t, "epoch"),
			number:    rapid.Uint64().Draw(t, "number"),
			previous:  Hash{rapid.Byte().Draw(t, "previous")},
			sealed:    vital.Instant(rapid.Int64().Draw(t, "sealed")),
		}
		records := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Record {
			return Record{
				Kind: Kind(rapid.IntRange(1, 255).Draw(t, "kind")),
				Key:  KeyID(rapid.IntRange(0, 99).Draw(t, "key")),
				Body: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body"),
			}
		}), 1, 20).Draw(t, "records")
		var sealings []sealing
		for _, r := range records {
			c, _ := newCipher([32]byte{byte(r.Key), 'k'})
			sealings = append(sealings, sealing{r, c})
		}
		b, err := sealFrame(h, sealings)
		if err != nil {
			t.Fatal(err)
		}
		f, err := decodeFrame(b)
		if err != nil {
			t.Fatal(err)
		}
		h.nonce = f.nonce // drawn while sealing
		if f.head != h {
			t.Fatalf("head is %+v, was %+v", f.head, h)
		}
		opened, err := f.open(fixedKeys{})
		if err != nil || len(opened) != len(records) {
			t.Fatalf("%d records, %v", len(opened), err)
		}
		for i, r := range records {
			o := opened[i]
			if o.Kind != r.Kind || o.Key != r.Key || o.Shredded != (r.Key == 13) || !o.Shredded && !bytes.Equal(o.Body, r.Body) {
				t.Fatalf("record %d is %+v, was %+v", i, o, r)
			}
		}
	})
}

// The hash chain, the checksum and the seals each see a flipped bit; here the
// checksum is mended after the flip, so that the seals alone must see it.
func TestEveryFlippedBitIsDetected(t *testing.T) {
	whole := seal(t, plainHead, Record{Kind: KindPacket, Key: 7, Body: []byte("seventy-two")}, Record{Kind: KindTick, Body: []byte("tick")})
	for bit := range len(whole) * 8 {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		if f, err := decodeFrame(b); err == nil {
			t.Fatalf("bit %d of byte %d flipped: decodes as %+v", bit%8, bit/8, f.head)
		}
		if hashOf(b) == hashOf(whole) {
			t.Fatal("the hash is the same")
		}
		if bit/8 >= len(b)-crcSize {
			continue
		}
		mend(b)
		f, err := decodeFrame(b)
		if err != nil {
			continue
		}
		if _, err := f.open(fixedKeys{}); err == nil {
			t.Fatalf("bit %d of byte %d flipped and the checksum mended: every seal holds", bit%8, bit/8)
		}
	}
}

// mend writes the checksum anew.
func mend(b []byte) {
	content := b[:len(b)-crcSize]
	copy(b[len(content):], le32(crc32c(content)))
}

func TestRecordsCannotBeMoved(t *testing.T) {
	a := seal(t, plainHead, Record{Kind: KindReading, Key: 7, Body: []byte("aaaa")}, Record{Kind: KindReading, Key: 7, Body: []byte("bbbb")})
	h := plainHead
	h.number++
	b := seal(t, h, Record{Kind: KindReading, Key: 7, Body: []byte("cccc")}, Record{Kind: KindReading, Key: 7, Body: []byte("dddd")})
	size := recordHead + sealSize + 4
	start := headSize + len(h.site)
	first, second := span2{start, start + size}, span2{start + size, start + 2*size}
	for name, change := range map[string]func() []byte{
		"swapped within a frame": func() []byte {
			c := bytes.Clone(a)
			copy(c[first.from:first.to], a[second.from:second.to])
			copy(c[second.from:second.to], a[first.from:first.to])
			return c
		},
		"taken from another frame": func() []byte {
			c := bytes.Clone(a)
			copy(c[first.from:first.to], b[first.from:first.to])
			return c
		},
		"under another frame's head": func() []byte {
			c := bytes.Clone(a)
			copy(c[:start], b[:start])
			return c
		},
	} {
		c := change()
		mend(c)
		f, err := decodeFrame(c)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := f.open(fixedKeys{}); err == nil {
			t.Errorf("%s: every seal holds", name)
		}
	}
}

type span2 struct{ from, to int }

func TestShreddingOneKeyLeavesTheRest(t *testing.T) {
	b := seal(t, plainHead,
		Record{Kind: KindReading, Key: 12, Body: []byte("kept")},
		Record{Kind: KindReading, Key: 13, Body: []byte("forgotten")},
		Record{Kind: KindReading, Key: 14, Body: []byte("kept too")})
	f, err := decodeFrame(b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.open(fixedKeys{})
	if err != nil {
		t.Fatal(err)
	}
	if string(r[0].Body) != "kept" || string(r[2].Body) != "kept too" {
		t.Errorf("the others read %q and %q", r[0].Body, r[2].Body)
	}
	if !r[1].Shredded || r[1].Body != nil || r[1].Kind != KindReading || r[1].Key != 13 {
		t.Errorf("the forgotten one reads %+v", r[1])
	}
	if bytes.Contains(b, []byte("kept")) || bytes.Contains(b, []byte("forgotten")) {
		t.Error("the frame holds open text")
	}
}

// A frame written by version 1 must stay readable for as long as journals live.
func TestGoldenFrame(t *testing.T) {
	const path = "testdata/frame-1.vjf"
	if *update {
		b := seal(t, plainHead, Record{Kind: KindPacket, Key: 7, Body: []byte(`{"metric":"heart-rate"}`)}, Record{Kind: KindTick})
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := decodeFrame(b)
	if err != nil {
		t.Fatal(err)
	}
	nonce := f.nonce
	f.head.nonce = [nonceSize]byte{}
	if f.head != plainHead {
		t.Errorf("head is %+v", f.head)
	}
	f.head.nonce = nonce
	records, err := f.open(fixedKeys{})
	if err != nil || len(records) != 2 || string(records[0].Body) != `{"metric":"heart-rate"}` || records[1].Kind != KindTick || len(records[1].Body) != 0 {
		t.Errorf("records are %+v, %v", records, err)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add(seal(f, plainHead, Record{Kind: KindPacket, Key: 7, Body: []byte("seventy-two")}))
	f.Add(seal(f, plainHead, Record{Kind: KindTick}, Record{Kind: KindTick}))
	f.Add([]byte(frameMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > crcSize {
			mend(b) // or no input would get past the checksum
		}
		decoded, err := decodeFrame(b)
		if err != nil {
			if vital.KindOf(err) != vital.Invalid {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		// What decodes is exactly what its parts would be written as.
		size := 0
		for _, r := range decoded.records {
			size += recordHead + len(r.body)
		}
		again := appendHead(nil, decoded.head, len(decoded.records), size)
		if !bytes.HasPrefix(b, again) || len(again)+size+crcSize != len(b) {
			t.Fatal("the same frame would be written differently")
		}
		// The seals were not made with these keys, or the frame is as it was.
		if _, err := decoded.open(fixedKeys{}); err != nil {
			switch vital.KindOf(err) {
			case vital.Invalid, vital.NotFound:
			default:
				t.Fatalf("open: %v", err)
			}
		}
	})
}

func crc32c(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
