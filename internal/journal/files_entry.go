package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Sizes of a segment file, in bytes; docs/formats/journal.md draws them.
const (
	segmentMagic = "VJS1"
	segmentHead  = 16
	entryMagic   = "VJE1"
	entryHead    = 24
	entryMost    = 16 << 20 // longer is damage
)

// entry is the head of one frame within a segment.
type entry struct {
	seq    uint64
	length uint32
	sum    uint32 // of the frame
}

func appendEntry(b []byte, seq uint64, frame []byte) []byte {
	start := len(b)
	b = append(b, entryMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(frame, castagnoli))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	return append(b, frame...)
}

// parseEntry reads a head; false when it is none.
func parseEntry(b []byte) (entry, bool) {
	if len(b) < entryHead || string(b[:4]) != entryMagic ||
		crc32.Checksum(b[:20], castagnoli) != binary.LittleEndian.Uint32(b[20:]) {
		return entry{}, false
	}
	e := entry{
		length: binary.LittleEndian.Uint32(b[4:]),
		seq:    binary.LittleEndian.Uint64(b[8:]),
		sum:    binary.LittleEndian.Uint32(b[16:]),
	}
	return e, e.length > 0 && e.length <= entryMost
}

// findEntry returns the offset in b of the first head behind a damage, or -1. The
// entry due lay at the beginning of b, so the one found has a later sequence, and
// so many entries as are missing must have had room before it.
func findEntry(b []byte, due uint64) int {
	for at := 1; at < len(b); {
		next := bytes.Index(b[at:], []byte(entryMagic))
		if next < 0 {
			return -1
		}
		at += next
		if e, ok := parseEntry(b[at:]); ok && e.seq > due && e.seq-due <= uint64(at)/(entryHead+1) {
			return at
		}
		at += len(entryMagic)
	}
	return -1
}

// piece is what one sequence of a segment holds: a frame, or bytes that should
// have been one.
type piece struct {
	seq   uint64
	frame []byte // as it lies; nil: nothing is left
	end   int    // offset behind it
	whole bool   // head and sum fit
}

// scan walks the entries in b, which is a segment from an entry's start on, and
// yields a piece for each sequence from due on. Where a head is damaged it looks
// for the next one that holds and yields the bytes between as the missing frame.
// It returns the offset at which it stopped: at zeros, at the end of b, or at
// bytes behind which no head follows. Unless b is all there is, an entry that
// reaches beyond b is left for another scan.
func scan(b []byte, due uint64, all bool, yield func(piece) error) (int, error) {
	at := 0
	for at < len(b) {
		e, ok := parseEntry(b[at:])
		end := at + entryHead + int(e.length)
		if ok && e.seq == due && end <= len(b) {
			frame := b[at+entryHead : end]
			whole := crc32.Checksum(frame, castagnoli) == e.sum
			if err := yield(piece{due, frame, end, whole}); err != nil {
				return at, err
			}
			at, due = end, due+1
			continue
		}
		if ok && e.seq == due && !all {
			return at, nil
		}
		next := findEntry(b[at:], due)
		if next < 0 {
			return at, nil
		}
		next += at
		found, _ := parseEntry(b[next:])
		left := b[at:next]
		for ; due < found.seq; due++ {
			if err := yield(piece{due, left, next, false}); err != nil {
				return at, err
			}
			left = nil
		}
		at = next
	}
	return at, nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
