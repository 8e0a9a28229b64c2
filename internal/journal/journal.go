// Package journal is the record of everything that reached Vigil and of every
// decision that changes an outcome. It exists so that an acknowledgement can be
// a promise: a packet is acknowledged only after the frame that holds it is on
// the disk, and everything later (the store, the screens, the alarms) can be
// rebuilt from it.
//
// Two streams. "raw" holds packets as they came, partitioned by credential.
// "readings" holds what they meant, partitioned by patient, with ticks and every
// command between them. Read docs/formats/journal.md for the bytes.
//
// Use OpenWriter to append, OpenReader to follow. A Log is where frames lie:
// JetStream (embedded or a cluster) or memory.
package journal

import (
	"context"
	"crypto/cipher"

	"github.com/vigilcare/vigil/vital"
)

// Stream names one of the two streams.
type Stream string

const (
	Raw      Stream = "raw"
	Readings Stream = "readings"
)

// Log keeps frames in order, per stream and partition. Append returns only when
// the frame survives a power cut. Sequence numbers start at 1 and have no holes
// except where Expire removed the beginning.
type Log interface {
	// Append adds one frame after the frame with sequence last; vital.Conflict
	// means that somebody else appended: the caller has lost the partition.
	// vital.Unavailable means that nobody knows whether the frame was stored: look
	// before trying again. After any other error it was not, and never try again:
	// the disk may have failed.
	Append(ctx context.Context, s Stream, partition uint16, last uint64, frame []byte) (uint64, error)
	// Follow calls yield for each frame from sequence from on, waiting for new
	// ones, until ctx ends or yield returns an error, which it returns. Frames
	// that should be there and are lost are passed over or yielded as nil; the
	// last one held in Bounds is always yielded. The bytes are valid until yield
	// returns.
	Follow(ctx context.Context, s Stream, partition uint16, from uint64, yield func(seq uint64, frame []byte) error) error
	// Bounds returns the first and last sequence held (last 0: empty).
	Bounds(ctx context.Context, s Stream, partition uint16) (first, last uint64, err error)
	// Expire removes frames before sequence keep, never the last one, which the
	// next frame names. Only the retention job calls it.
	Expire(ctx context.Context, s Stream, partition uint16, keep uint64) error
}

// Kind says what a record is.
type Kind uint8

const (
	KindPacket   Kind = 1 // raw: one packet as it came
	KindReading  Kind = 2
	KindWaveform Kind = 3
	KindEvent    Kind = 4
	KindProblem  Kind = 5 // a packet, or a part of it, that could not be decoded
	KindControl  Kind = 6 // binding, admission, limit, command, correction ...
	KindTick     Kind = 7
	KindLink     Kind = 8 // a device or gateway connected to a door, or left it
)

// KeyID names the key that seals a record, so that a person can be forgotten by
// destroying it. 0 is the site's own key, for records about nobody.
type KeyID uint64

// Record is one entry of a frame, opened.
type Record struct {
	Kind Kind
	Key  KeyID
	Body []byte
	// Shredded is set on reading when the key has been destroyed; Body is nil.
	Shredded bool
}

// Frame is what one Append wrote, opened and checked.
type Frame struct {
	Site      vital.Site
	Stream    Stream
	Partition uint16
	Seq       uint64 // log sequence: the Frame of a vital.Position
	Writer    uint64 // random id of the writer
	Epoch     uint64 // of the partition's owner
	Number    uint64 // consecutive per writer, from 1
	Sealed    vital.Instant
	Records   []Record
}

// Keys gives the cipher of a key. It returns vital.Gone when the key was
// destroyed.
type Keys interface {
	Cipher(id KeyID) (cipher.AEAD, error)
}
