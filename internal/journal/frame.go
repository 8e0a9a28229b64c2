package journal

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/vigilcare/vigil/vital"
)

// The sizes of docs/formats/journal.md, in bytes.
const (
	frameMagic   = "VJF1"
	frameVersion = 1
	headSize     = 96 // before the site's name
	recordHead   = 13 // kind, key, length
	sealSize     = 16 // what sealing adds to a body
	nonceSize    = 12
	crcSize      = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Hash names the bytes of one frame; the next frame of the partition carries it.
type Hash [sha256.Size]byte

// hashOf returns the hash of a frame as it lies in the log.
func hashOf(frame []byte) Hash { return sha256.Sum256(frame) }

// head is what a frame says about itself; everything but the bodies of its
// records, readable without any key.
type head struct {
	site      vital.Site
	stream    Stream
	partition uint16
	writer    uint64
	epoch     uint64
	number    uint64
	previous  Hash
	sealed    vital.Instant
	nonce     [nonceSize]byte
}

// sealing is a record on its way into a frame, with the cipher of its key.
type sealing struct {
	record Record
	cipher cipher.AEAD
}

// frameSize returns the size of a frame of so many records and bytes of bodies.
func frameSize(site vital.Site, records, bytes int) int {
	return headSize + len(site) + records*(recordHead+sealSize) + bytes + crcSize
}

// streamCode is the stream as one byte on disk; 0 is no stream.
func streamCode(s Stream) uint8 {
	switch s {
	case Raw:
		return 1
	case Readings:
		return 2
	}
	return 0
}

func streamOf(code uint8) Stream {
	switch code {
	case 1:
		return Raw
	case 2:
		return Readings
	}
	return ""
}

// sealFrame writes the bytes of one frame. Each body is sealed by its own key
// under a nonce of its own, so that destroying one key shreds one person's
// records and the rest of the frame still opens. The whole header is part of
// what each seal protects: a record cannot be moved to another place, frame or
// site by somebody who can write to the disk and has no key.
func sealFrame(h head, records []sealing) ([]byte, error) {
	if len(h.site) == 0 || len(h.site) > 255 {
		return nil, vital.Errorf(vital.Invalid, "seal frame: site %q: want 1 to 255 bytes", h.site)
	}
	if streamCode(h.stream) == 0 {
		return nil, vital.Errorf(vital.Invalid, "seal frame: stream %q: not one of raw, readings", h.stream)
	}
	if _, err := rand.Read(h.nonce[:]); err != nil {
		return nil, fmt.Errorf("seal frame: draw nonce: %w", err)
	}
	bytes := 0
	for i := range records {
		bytes += len(records[i].record.Body)
	}
	size := frameSize(h.site, len(records), bytes)
	frame := make([]byte, 0, size)
	frame = appendHead(frame, h, len(records), bytes+len(records)*(recordHead+sealSize))
	protected := make([]byte, len(frame), len(frame)+recordHead)
	copy(protected, frame)
	for i := range records {
		r := &records[i].record
		frame = append(frame, byte(r.Kind))
		frame = binary.LittleEndian.AppendUint64(frame, uint64(r.Key))
		frame = binary.LittleEndian.AppendUint32(frame, uint32(len(r.Body)+sealSize))
		nonce := recordNonce(h.nonce, uint32(i))
		frame = records[i].cipher.Seal(frame, nonce[:], r.Body, protect(protected, r.Kind, r.Key, uint32(i)))
	}
	return binary.LittleEndian.AppendUint32(frame, crc32.Checksum(frame, castagnoli)), nil
}

func appendHead(b []byte, h head, records, body int) []byte {
	b = append(b, frameMagic...)
	b = binary.LittleEndian.AppendUint16(b, frameVersion)
	b = append(b, streamCode(h.stream), byte(len(h.site)))
	b = binary.LittleEndian.AppendUint16(b, h.partition)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(records))
	b = binary.LittleEndian.AppendUint64(b, h.writer)
	b = binary.LittleEndian.AppendUint64(b, h.epoch)
	b = binary.LittleEndian.AppendUint64(b, h.number)
	b = append(b, h.previous[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.sealed))
	b = binary.LittleEndian.AppendUint32(b, uint32(body))
	b = append(b, h.nonce[:]...)
	return append(b, h.site...)
}

// protect returns the additional data of one record: the header, then kind, key
// and index. It writes behind the header in b's spare capacity.
func protect(b []byte, kind Kind, key KeyID, index uint32) []byte {
	b = append(b, byte(kind))
	b = binary.LittleEndian.AppendUint64(b, uint64(key))
	return binary.LittleEndian.AppendUint32(b, index)
}

// recordNonce returns the frame's base with the record's index mixed into its
// last four bytes: distinct within the frame, random between frames.
func recordNonce(base [nonceSize]byte, index uint32) [nonceSize]byte {
	last := binary.LittleEndian.Uint32(base[8:])
	binary.LittleEndian.PutUint32(base[8:], last^index)
	return base
}

// sealedRecord is a record as it lies in a frame.
type sealedRecord struct {
	kind Kind
	key  KeyID
	body []byte
}

// sealedFrame is a frame whose bytes hold together, its bodies still sealed. It
// refers to the bytes it was decoded from.
type sealedFrame struct {
	head
	records []sealedRecord
	raw     []byte
}

// decodeFrame checks the checksum and the structure of one frame.
func decodeFrame(b []byte) (sealedFrame, error) {
	f, err := parseFrame(b)
	if err != nil {
		return sealedFrame{}, vital.Errorf(vital.Invalid, "decode frame of %d bytes: %w", len(b), err)
	}
	return f, nil
}

func parseFrame(b []byte) (sealedFrame, error) {
	if len(b) < headSize+1+crcSize {
		return sealedFrame{}, errors.New("too short for a header")
	}
	if string(b[:4]) != frameMagic {
		return sealedFrame{}, errors.New("does not begin as a frame")
	}
	content := b[:len(b)-crcSize]
	if sum := crc32.Checksum(content, castagnoli); sum != binary.LittleEndian.Uint32(b[len(content):]) {
		return sealedFrame{}, errors.New("checksum differs")
	}
	if v := binary.LittleEndian.Uint16(b[4:]); v != frameVersion {
		return sealedFrame{}, fmt.Errorf("version %d: this build reads version %d", v, frameVersion)
	}
	site := int(b[7])
	f := sealedFrame{raw: b, head: head{
		stream:    streamOf(b[6]),
		partition: binary.LittleEndian.Uint16(b[8:]),
		writer:    binary.LittleEndian.Uint64(b[16:]),
		epoch:     binary.LittleEndian.Uint64(b[24:]),
		number:    binary.LittleEndian.Uint64(b[32:]),
		previous:  Hash(b[40:72]),
		sealed:    vital.Instant(binary.LittleEndian.Uint64(b[72:])),
		nonce:     [nonceSize]byte(b[84:96]),
	}}
	switch {
	case f.stream == "":
		return sealedFrame{}, fmt.Errorf("stream code %d is unknown", b[6])
	case site == 0 || headSize+site > len(content):
		return sealedFrame{}, errors.New("the site's name does not fit")
	case binary.LittleEndian.Uint16(b[10:]) != 0:
		return sealedFrame{}, errors.New("reserved bytes are not zero")
	}
	f.site = vital.Site(b[headSize : headSize+site])
	rest := content[headSize+site:]
	if uint64(binary.LittleEndian.Uint32(b[80:])) != uint64(len(rest)) {
		return sealedFrame{}, errors.New("the length of the records differs")
	}
	var err error
	f.records, err = parseRecords(rest, binary.LittleEndian.Uint32(b[12:]))
	return f, err
}

func parseRecords(rest []byte, count uint32) ([]sealedRecord, error) {
	if count == 0 || uint64(count) > uint64(len(rest)/(recordHead+sealSize)) {
		return nil, fmt.Errorf("%d records do not fit into %d bytes", count, len(rest))
	}
	records := make([]sealedRecord, count)
	for i := range records {
		if len(rest) < recordHead {
			return nil, fmt.Errorf("record %d is cut off", i)
		}
		length := uint64(binary.LittleEndian.Uint32(rest[9:]))
		if length < sealSize || length > uint64(len(rest)-recordHead) {
			return nil, fmt.Errorf("record %d claims %d bytes", i, length)
		}
		records[i] = sealedRecord{
			kind: Kind(rest[0]),
			key:  KeyID(binary.LittleEndian.Uint64(rest[1:])),
			body: rest[recordHead : recordHead+length],
		}
		rest = rest[recordHead+length:]
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%d bytes follow the last record", len(rest))
	}
	return records, nil
}

// open returns the records with their bodies. A record whose key was destroyed
// comes back as shredded. Bodies of one frame share one piece of memory.
func (f sealedFrame) open(keys Keys) ([]Record, error) {
	size := 0
	for i := range f.records {
		size += len(f.records[i].body) - sealSize
	}
	arena := make([]byte, 0, size)
	protected := make([]byte, 0, headSize+len(f.site)+recordHead)
	protected = append(protected, f.raw[:headSize+len(f.site)]...)
	records := make([]Record, len(f.records))
	for i := range f.records {
		s := &f.records[i]
		records[i] = Record{Kind: s.kind, Key: s.key}
		c, err := keys.Cipher(s.key)
		if vital.KindOf(err) == vital.Gone {
			records[i].Shredded = true
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open record %d: %w", i, err)
		}
		nonce := recordNonce(f.nonce, uint32(i))
		start := len(arena)
		arena, err = c.Open(arena, nonce[:], s.body, protect(protected, s.kind, s.key, uint32(i)))
		if err != nil {
			return nil, vital.Errorf(vital.Invalid, "open record %d under key %d: the seal does not hold", i, s.key)
		}
		records[i].Body = arena[start:len(arena):len(arena)]
	}
	return records, nil
}
