package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/vigilcare/vigil/vital"
)

const (
	exportTitle = "vigil journal export 1\n"
	exportEntry = 1 + 2 + 8 + 4 // stream, partition, sequence, length
	exportEnd   = 1 + 8 + sha256.Size
	exportFrame = 16 << 20 // longer is not a frame, it is damage
)

// exportHead is the second line of an exported file.
type exportHead struct {
	Site    vital.Site    `json:"site"`
	Created vital.Instant `json:"created"`
	Build   string        `json:"build"`
	Lines   []exportLine  `json:"lines"`
}

type exportLine struct {
	Line
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Export writes the frames of the given lines, as they lie and still sealed, to
// w, in the form of docs/formats/journal.md. It returns how many frames it wrote.
func Export(ctx context.Context, source Source, w io.Writer, site vital.Site, build string, at vital.Instant, lines []Line) (uint64, error) {
	head := exportHead{Site: site, Created: at, Build: build}
	for _, l := range lines {
		first, last, err := source.Bounds(ctx, l.Stream, l.Partition)
		if err != nil {
			return 0, fmt.Errorf("export %s: %w", l, err)
		}
		head.Lines = append(head.Lines, exportLine{l, first, last})
	}
	text, err := json.Marshal(head)
	if err != nil {
		return 0, fmt.Errorf("export: %w", err)
	}
	e := exporter{out: bufio.NewWriterSize(w, 1<<20), sum: sha256.New()}
	e.write([]byte(exportTitle))
	e.write(append(text, '\n'))
	for _, l := range head.Lines {
		if err := e.line(ctx, source, l); err != nil {
			return e.frames, fmt.Errorf("export %s: %w", l.Line, err)
		}
	}
	e.write(binary.LittleEndian.AppendUint64([]byte{0}, e.frames))
	e.write(e.sum.Sum(nil))
	if err := errors.Join(e.err, e.out.Flush()); err != nil {
		return e.frames, fmt.Errorf("export: %w", err)
	}
	return e.frames, nil
}

type exporter struct {
	out    *bufio.Writer
	sum    hash.Hash
	frames uint64
	err    error
}

func (e *exporter) write(b []byte) {
	if e.err == nil {
		_, e.err = e.out.Write(b)
		e.sum.Write(b)
	}
}

func (e *exporter) line(ctx context.Context, source Source, l exportLine) error {
	if l.Last == 0 || l.First > l.Last {
		return nil
	}
	err := source.Follow(ctx, l.Stream, l.Partition, l.First, func(seq uint64, frame []byte) error {
		if seq > l.Last {
			return errStop
		}
		entry := append(make([]byte, 0, exportEntry), streamCode(l.Stream))
		entry = binary.LittleEndian.AppendUint16(entry, l.Partition)
		entry = binary.LittleEndian.AppendUint64(entry, seq)
		entry = binary.LittleEndian.AppendUint32(entry, uint32(len(frame)))
		e.write(entry)
		e.write(frame)
		e.frames++
		if e.err != nil {
			return e.err
		}
		if seq == l.Last {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// Exported is a file written by Export, open for reading. It is a Source.
type Exported struct {
	Site    vital.Site
	Created vital.Instant
	Build   string
	Lines   []Line
	// Damage says why the file as a whole is not what Export wrote; nil: it is.
	// Its frames can be checked one by one all the same.
	Damage error

	in     io.ReaderAt
	bounds map[Line]exportLine
	frames map[Line][]exportedFrame
}

type exportedFrame struct {
	seq    uint64
	offset int64
	length uint32
}

// OpenExported reads through a file of so many bytes, checks its sum, and notes
// where each frame lies.
func OpenExported(in io.ReaderAt, size int64) (*Exported, error) {
	x := &Exported{in: in, bounds: map[Line]exportLine{}, frames: map[Line][]exportedFrame{}}
	sum := sha256.New()
	body := max(size-sha256.Size, 0)
	r := bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(in, 0, body), sum), 1<<20)
	title, err := r.ReadString('\n')
	if err != nil || title != exportTitle {
		return nil, vital.Errorf(vital.Invalid, "open exported journal: it does not begin as one")
	}
	text, err := r.ReadBytes('\n')
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "open exported journal: its head is cut off")
	}
	var head exportHead
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, vital.Errorf(vital.Invalid, "open exported journal: its head: %w", err)
	}
	x.Site, x.Created, x.Build = head.Site, head.Created, head.Build
	for _, l := range head.Lines {
		x.Lines = append(x.Lines, l.Line)
		x.bounds[l.Line] = l
	}
	x.Damage = x.index(r, int64(len(title)+len(text)))
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, vital.Errorf(vital.Internal, "open exported journal: %w", err)
	}
	kept := make([]byte, sha256.Size)
	if _, err := in.ReadAt(kept, body); err != nil || !bytes.Equal(kept, sum.Sum(nil)) {
		if x.Damage == nil {
			x.Damage = vital.Errorf(vital.Invalid, "the sum over the file differs: it was cut off or changed")
		}
	}
	return x, nil
}

// index notes the place of each frame up to the end or the first damage.
func (x *Exported) index(r *bufio.Reader, offset int64) error {
	for count := uint64(0); ; count++ {
		code, err := r.ReadByte()
		if err != nil {
			return vital.Errorf(vital.Invalid, "the file ends after %d frames, without an end", count)
		}
		if code == 0 {
			var end [8]byte
			if _, err := io.ReadFull(r, end[:]); err != nil || binary.LittleEndian.Uint64(end[:]) != count {
				return vital.Errorf(vital.Invalid, "the file holds %d frames and says %d", count, binary.LittleEndian.Uint64(end[:]))
			}
			return nil
		}
		var entry [exportEntry - 1]byte
		if _, err := io.ReadFull(r, entry[:]); err != nil {
			return vital.Errorf(vital.Invalid, "frame %d is cut off", count+1)
		}
		l := Line{streamOf(code), binary.LittleEndian.Uint16(entry[:])}
		f := exportedFrame{binary.LittleEndian.Uint64(entry[2:]), offset + exportEntry, binary.LittleEndian.Uint32(entry[10:])}
		if _, ok := x.bounds[l]; !ok || f.length > exportFrame {
			return vital.Errorf(vital.Invalid, "what should be frame %d is not one", count+1)
		}
		if _, err := r.Discard(int(f.length)); err != nil {
			return vital.Errorf(vital.Invalid, "frame %d is cut off", count+1)
		}
		x.frames[l] = append(x.frames[l], f)
		offset = f.offset + int64(f.length)
	}
}

// Bounds returns the first and last sequence that the journal held.
func (x *Exported) Bounds(_ context.Context, s Stream, partition uint16) (first, last uint64, err error) {
	l := x.bounds[Line{s, partition}]
	return l.First, l.Last, nil
}

// Follow yields the frames of a line from sequence from on and returns at the
// end. When the file lacks the last one, that is yielded as lost.
func (x *Exported) Follow(ctx context.Context, s Stream, partition uint16, from uint64, yield func(seq uint64, frame []byte) error) error {
	l := Line{s, partition}
	for _, f := range x.frames[l] {
		if f.seq < from {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var frame []byte
		if f.length > 0 {
			frame = make([]byte, f.length)
			if _, err := x.in.ReadAt(frame, f.offset); err != nil {
				return vital.Errorf(vital.Internal, "read frame %d of %s: %w", f.seq, l, err)
			}
		}
		if err := yield(f.seq, frame); err != nil {
			return err
		}
		from = f.seq + 1
	}
	if last := x.bounds[l].Last; from <= last {
		return yield(last, nil)
	}
	return nil
}
