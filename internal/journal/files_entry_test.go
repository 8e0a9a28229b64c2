package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
)

// segmentOf returns the entries of frames 1 to n.
func segmentOf(n int) []byte {
	var b []byte
	for i := range n {
		b = appendEntry(b, uint64(i+1), fmt.Appendf(nil, "frame %d", i+1))
	}
	return b
}

// FuzzScan feeds damaged segments: nothing may be read twice or out of order, no
// whole frame may differ from what was written under its sums, and no sequence
// may be made up that would not have had room.
func FuzzScan(f *testing.F) {
	f.Add(segmentOf(5), uint16(0), false)
	f.Add(segmentOf(5), uint16(33), true)
	damaged := segmentOf(9)
	damaged[40] ^= 1
	f.Add(damaged, uint16(100), false)
	f.Add(append(segmentOf(3), make([]byte, 100)...), uint16(1), true)
	f.Fuzz(func(t *testing.T, b []byte, at uint16, mend bool) {
		if mend && int(at)+entryHead <= len(b) { // a head that holds, wherever it is
			head := b[at:]
			copy(head, entryMagic)
			binary.LittleEndian.PutUint32(head[20:], crc32.Checksum(head[:20], castagnoli))
		}
		due := uint64(1)
		pieces := 0
		stop, err := scan(b, 1, true, func(p piece) error {
			if p.seq != due {
				t.Fatalf("sequence %d, due was %d", p.seq, due)
			}
			if p.whole && !bytes.Contains(b, p.frame) {
				t.Fatal("a whole frame is not in the segment")
			}
			due++
			pieces++
			return nil
		})
		if err != nil || stop < 0 || stop > len(b) || pieces > len(b)/(entryHead+1)+1 {
			t.Fatalf("stopped at %d of %d after %d pieces, %v", stop, len(b), pieces, err)
		}
	})
}

// What is left behind a damage is found, whatever the window it is read through.
func TestScanInPartsFindsTheSame(t *testing.T) {
	whole := segmentOf(50)
	for at := 0; at < len(whole); at += 11 {
		b := bytes.Clone(whole)
		b[at] ^= 0x40
		var all, parts []string
		note := func(list *[]string) func(piece) error {
			return func(p piece) error { *list = append(*list, fmt.Sprint(p.seq, p.whole)); return nil }
		}
		if _, err := scan(b, 1, true, note(&all)); err != nil {
			t.Fatal(err)
		}
		offset, due := 0, uint64(1)
		for window := 40; offset < len(b); {
			end := min(offset+window, len(b))
			stop, err := scan(b[offset:end], due, end == len(b), func(p piece) error { due = p.seq + 1; return note(&parts)(p) })
			if err != nil {
				t.Fatal(err)
			}
			offset += stop
			if end == len(b) {
				break
			}
			if stop == 0 {
				window *= 2
			}
		}
		if fmt.Sprint(all) != fmt.Sprint(parts) {
			t.Fatalf("byte %d flipped: at once %v, in parts %v", at, all, parts)
		}
	}
}
