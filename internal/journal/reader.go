package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// errStop ends a Follow from inside.
var errStop = errors.New("enough")

// Break is a place where the journal does not hold together: a damaged frame, a
// missing one, or one that does not follow the frame before it.
type Break struct {
	Stream    Stream
	Partition uint16
	From, To  uint64 // sequences, both included
	Reason    string
	File      string // quarantined copy of the bytes, when there are any
}

func (b Break) String() string {
	where := fmt.Sprintf("%s/%d frame %d", b.Stream, b.Partition, b.From)
	if b.To != b.From {
		where = fmt.Sprintf("%s/%d frames %d to %d", b.Stream, b.Partition, b.From, b.To)
	}
	if b.File != "" {
		return where + ": " + b.Reason + "; kept as " + b.File
	}
	return where + ": " + b.Reason
}

// ReaderOptions say what a reader reads.
type ReaderOptions struct {
	Log       Log
	Keys      Keys
	Site      vital.Site
	Stream    Stream
	Partition uint16
	// Quarantine takes a copy of every frame that cannot be read; nil keeps none.
	// The original stays in the log.
	Quarantine *Quarantine
	// Broken hears of every break before reading goes on behind it. It is
	// required: a break must never pass in silence.
	Broken func(Break)
}

// Reader follows one partition and checks it on the way.
type Reader struct{ ReaderOptions }

// OpenReader returns a reader of one partition.
func OpenReader(o ReaderOptions) (*Reader, error) {
	if o.Log == nil || o.Keys == nil || o.Broken == nil || o.Site == "" || streamCode(o.Stream) == 0 {
		return nil, vital.Errorf(vital.Invalid, "open reader of %s/%d: log, keys, site, stream and Broken are needed", o.Stream, o.Partition)
	}
	return &Reader{o}, nil
}

// Follow yields every frame from sequence from on, opened and checked, then
// waits for new ones until ctx ends or yield returns an error, which it returns.
// From 0 means from the first frame that is held; a higher from that has already
// been expired is a break. When the log ends before the frame that was due next,
// it has lost its end and would give sequences twice: that ends the reading. A frame that fails a check is not yielded: it is
// copied to quarantine and reported, and reading goes on with the next.
//
// A key that the key table does not know ends the reading: then the table is not
// the one that belongs to the journal, and every frame would fail.
func (r *Reader) Follow(ctx context.Context, from uint64, yield func(Frame) error) error {
	first, last, err := r.Log.Bounds(ctx, r.Stream, r.Partition)
	if err != nil {
		return fmt.Errorf("follow %s/%d: %w", r.Stream, r.Partition, err)
	}
	if from > last+1 {
		return vital.Errorf(vital.Precondition, "follow %s/%d from frame %d: the log ends with frame %d; frames that were read before are gone",
			r.Stream, r.Partition, from, last)
	}
	c := chain{site: r.Site, stream: r.Stream, partition: r.Partition, next: from}
	start := from
	switch {
	case from == 0:
		c.next = max(first, 1)
		start = c.next
	case from > 1 && from > first && from <= last+1:
		// The frame before tells what the first one must follow.
		start = from - 1
		c.next = start
	}
	return r.Log.Follow(ctx, r.Stream, r.Partition, start, func(seq uint64, raw []byte) error {
		f, gap, reason := c.check(seq, raw)
		if gap.From != 0 && gap.To >= from {
			r.report(gap.From, gap.To, "missing", nil)
		}
		if seq < from {
			return nil
		}
		if reason != "" {
			r.report(seq, seq, reason, raw)
			return nil
		}
		records, err := f.open(r.Keys)
		if vital.KindOf(err) == vital.Invalid && err != nil {
			r.report(seq, seq, err.Error(), raw)
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow %s/%d: frame %d: %w", r.Stream, r.Partition, seq, err)
		}
		return yield(Frame{
			Site: f.site, Stream: f.stream, Partition: f.partition, Seq: seq,
			Writer: f.writer, Epoch: f.epoch, Number: f.number, Sealed: f.sealed, Records: records,
		})
	})
}

func (r *Reader) report(from, to uint64, reason string, raw []byte) {
	b := Break{Stream: r.Stream, Partition: r.Partition, From: from, To: to, Reason: reason}
	if r.Quarantine != nil {
		file, err := r.Quarantine.Keep(b, raw)
		if err != nil {
			b.Reason += "; quarantine: " + err.Error()
		}
		b.File = file
	}
	r.Broken(b)
}

// chain checks that each frame follows the one before it.
type chain struct {
	site      vital.Site
	stream    Stream
	partition uint16
	next      uint64 // sequence expected
	before    head   // the last good frame
	hash      Hash   // of its bytes
	at        uint64 // its sequence; 0: none yet
}

// span is a range of sequences, both included; zero when there is none.
type span struct{ From, To uint64 }

// check decodes one frame. It returns the sequences skipped before it, and why
// the frame is broken, or "".
func (c *chain) check(seq uint64, raw []byte) (sealedFrame, span, string) {
	var gap span
	if seq > c.next {
		gap = span{c.next, seq - 1}
	}
	c.next = seq + 1
	if raw == nil {
		return sealedFrame{}, gap, "the log has lost it"
	}
	f, err := decodeFrame(raw)
	if err != nil {
		return sealedFrame{}, gap, err.Error()
	}
	if c.site == "" {
		c.site = f.site
	}
	if f.site != c.site || f.stream != c.stream || f.partition != c.partition {
		return sealedFrame{}, gap, fmt.Sprintf("it belongs to site %s %s/%d", f.site, f.stream, f.partition)
	}
	hash := hashOf(raw)
	reason := c.follows(f.head, seq)
	c.before, c.hash, c.at = f.head, hash, seq
	return f, gap, reason
}

// follows returns why a frame cannot stand behind the last good one, or "".
// Directly behind it, hash and number must fit; behind frames that could not be
// read only the number of the same writer tells anything.
func (c *chain) follows(h head, seq uint64) string {
	if c.at == 0 {
		if seq == 1 && (h.previous != Hash{} || h.number != 1) {
			return "it is the first frame and claims that others came before"
		}
		return ""
	}
	same := h.writer == c.before.writer
	distance := seq - c.at
	switch {
	case distance == 1 && h.previous != c.hash:
		return "it does not name the frame before it: the chain is broken"
	case same && h.number != c.before.number+distance:
		return fmt.Sprintf("it is number %d of its writer; %d was due", h.number, c.before.number+distance)
	case !same && distance == 1 && h.number != 1:
		return fmt.Sprintf("it is number %d of a writer whose earlier frames are missing", h.number)
	case h.epoch < c.before.epoch:
		return fmt.Sprintf("it is of epoch %d, after epoch %d", h.epoch, c.before.epoch)
	}
	return ""
}
