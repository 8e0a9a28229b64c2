package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"

	"github.com/vigilcare/vigil/vital"
)

const readWindow = 1 << 20 // bytes read at once

// Follow calls yield for each frame from sequence from on, then waits for more.
// A damaged frame is yielded as it lies; bytes that should have been frames are
// yielded as the first of them.
func (l *Files) Follow(ctx context.Context, s Stream, partition uint16, from uint64, yield func(seq uint64, frame []byte) error) error {
	line, err := l.line(s, partition)
	if err != nil {
		return err
	}
	r := lineReader{next: max(from, 1), yield: func(seq uint64, frame []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return yield(seq, frame)
	}}
	defer r.close()
	for {
		view := line.view()
		r.next = max(r.next, view.first)
		if r.next <= view.last {
			if err := r.read(view); err != nil {
				return err
			}
			continue
		}
		select {
		case <-view.grown:
		case <-ctx.Done():
			return ctx.Err()
		case <-l.closed:
			return vital.Errorf(vital.Unavailable, "follow %s/%d: %w", s, partition, errClosed)
		}
	}
}

// lineReader reads one line from segment to segment.
type lineReader struct {
	next   uint64 // to be yielded
	yield  func(seq uint64, frame []byte) error
	file   *os.File
	at     segment
	offset int64  // in file, at the start of an entry
	due    uint64 // sequence of that entry
	buffer []byte
}

func (r *lineReader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// read yields what the view holds of the segment in which the next frame lies.
func (r *lineReader) read(view lineView) error {
	// The last segment that begins at or before next.
	i := sort.Search(len(view.segments), func(i int) bool { return view.segments[i].first > r.next }) - 1
	if i < 0 {
		return r.lose(view.segments[0].first-1, nil)
	}
	s := view.segments[i]
	limit, last := view.tail, view.last
	if i+1 < len(view.segments) {
		limit, last = s.end, view.segments[i+1].first-1
	}
	if r.file == nil || r.at.first != s.first {
		r.close()
		f, err := os.Open(s.path)
		if errors.Is(err, fs.ErrNotExist) {
			// Expired while we came to it, or gone against the rules.
			return r.lose(last, nil)
		}
		if err != nil {
			return fmt.Errorf("read segment: %w", err)
		}
		r.file, r.at, r.offset, r.due = f, s, segmentHead, s.first
	}
	return r.walk(limit, last)
}

// walk yields up to a limit, where sequence last ends.
func (r *lineReader) walk(limit int64, last uint64) error {
	window := int64(readWindow)
	for r.offset < limit {
		size := min(window, limit-r.offset)
		if int64(cap(r.buffer)) < size {
			r.buffer = make([]byte, size)
		}
		b := r.buffer[:size]
		if n, err := r.file.ReadAt(b, r.offset); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read segment %s: %w", r.at.path, err)
		} else if n < len(b) { // shorter than it was: its end is gone
			b = b[:n]
			limit = r.offset + int64(n)
		}
		all := r.offset+int64(len(b)) >= limit
		stop, err := scan(b, r.due, all, func(p piece) error {
			r.due = p.seq + 1
			return r.give(p.seq, p.frame)
		})
		if err != nil {
			return err
		}
		r.offset += int64(stop)
		switch {
		case all && stop < len(b): // no head behind this
			left := b[stop:]
			if zeros(left) {
				left = nil
			}
			r.offset = limit
			return r.lose(last, left)
		case stop == 0:
			window *= 2
		default:
			window = readWindow
		}
	}
	return r.lose(last, nil)
}

// lose passes over what is due up to last: what is left of it is yielded as the
// first, and the last as lost, so that the reader knows how far it reaches.
func (r *lineReader) lose(last uint64, left []byte) error {
	r.due = max(r.due, last+1)
	if left != nil && r.next <= last {
		if err := r.give(r.next, left); err != nil {
			return err
		}
	}
	if r.next > last {
		return nil
	}
	return r.give(last, nil)
}

func (r *lineReader) give(seq uint64, frame []byte) error {
	if seq < r.next {
		return nil
	}
	r.next = seq + 1
	return r.yield(seq, frame)
}
