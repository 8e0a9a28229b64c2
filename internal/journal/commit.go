package journal

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// appended is what became of one frame.
type appended struct {
	seq uint64
	err error
}

// commit is the writer's one goroutine: seal what is waiting, append it, call
// back. The callbacks of a frame run while the next is being synced, so that the
// disk never waits for them.
func (w *Writer) commit(ctx context.Context) {
	defer close(w.ended)
	frames := make(chan []byte)
	outcomes := make(chan appended)
	defer close(frames)
	go func() {
		for frame := range frames {
			seq, err := w.append(ctx, frame)
			outcomes <- appended{seq, err}
		}
	}()
	var settling *batch
	var at uint64
	for {
		b := w.take(settling == nil)
		if b == nil && settling == nil {
			return
		}
		if b == nil {
			w.settle(settling, at, nil)
			settling = nil
			continue
		}
		frame, err := w.seal(b)
		if err == nil {
			frames <- frame
		}
		if settling != nil {
			w.settle(settling, at, nil)
			settling = nil
		}
		var o appended
		if err == nil {
			o = <-outcomes
			err = o.err
		}
		if err != nil {
			w.fail(b, err)
			return
		}
		w.last, w.number, w.previous = o.seq, w.number+1, hashOf(frame)
		settling, at = b, o.seq
	}
}

// take removes the first waiting batch. With wait set it blocks until there is
// one; it returns nil when there is none, or at the end.
func (w *Writer) take(wait bool) *batch {
	for {
		w.mutex.Lock()
		if len(w.waiting) > 0 {
			b := w.waiting[0]
			w.waiting[0] = nil
			w.waiting = w.waiting[1:]
			w.mutex.Unlock()
			return b
		}
		closing := w.closing
		w.mutex.Unlock()
		if !wait || closing {
			return nil
		}
		<-w.wake
	}
}

// seal makes the bytes of a batch, behind the frame before it.
func (w *Writer) seal(b *batch) ([]byte, error) {
	return sealFrame(head{
		site: w.Site, stream: w.Stream, partition: w.Partition,
		writer: w.writer, epoch: w.Epoch, number: w.number + 1,
		previous: w.previous, sealed: w.Now(),
	}, b.records)
}

// settle calls every done of a batch, in order, and gives its room back.
func (w *Writer) settle(b *batch, seq uint64, err error) {
	for i, done := range b.done {
		if done == nil {
			continue
		}
		if err != nil {
			done(vital.Position{}, err)
			continue
		}
		done(vital.Position{Partition: w.Partition, Frame: seq, Index: uint32(i)}, nil)
	}
	w.room.Release(b.held)
}

// fail stops the writer: nothing that waits will be written. It does not try
// again, for after a failed sync the kernel may have dropped the very pages that
// a second sync would then report as written.
func (w *Writer) fail(b *batch, err error) {
	err = fmt.Errorf("append frame %d of writer %016x to %s/%d: %w", w.number+1, w.writer, w.Stream, w.Partition, err)
	w.mutex.Lock()
	w.err = err
	waiting := w.waiting
	w.waiting = nil
	w.mutex.Unlock()
	refused := vital.Errorf(vital.Unavailable, "not written: %w", err)
	for _, b := range append([]*batch{b}, waiting...) {
		w.settle(b, 0, refused)
	}
	w.fatal <- err
	close(w.fatal)
}

// append puts one frame into the log, at most once. An answer that does not tell
// whether the frame was written (vital.Unavailable) is followed by a look into
// the log; the same bytes are sent again only when they are not there, and the
// expected last sequence lets in only one of them.
func (w *Writer) append(ctx context.Context, frame []byte) (uint64, error) {
	giveUp := time.Now().Add(w.Limits.Patience)
	pause := 10 * time.Millisecond
	for {
		attempt, cancel := context.WithTimeout(ctx, w.Limits.Attempt)
		seq, err := w.Log.Append(attempt, w.Stream, w.Partition, w.last, frame)
		cancel()
		if err == nil {
			if seq != w.last+1 {
				return 0, vital.Errorf(vital.Internal, "the log gave sequence %d after %d", seq, w.last)
			}
			return seq, nil
		}
		kind := vital.KindOf(err)
		if kind != vital.Unavailable && kind != vital.Conflict {
			return 0, err
		}
		attempt, cancel = context.WithTimeout(ctx, w.Limits.Attempt)
		found, lookErr := w.look(attempt, frame)
		cancel()
		switch {
		case lookErr == nil && found:
			return w.last + 1, nil
		case lookErr != nil && vital.KindOf(lookErr) == vital.Conflict:
			return 0, lookErr
		case lookErr == nil && kind == vital.Conflict:
			return 0, err
		}
		if ctx.Err() != nil || time.Now().After(giveUp) {
			return 0, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, err
		}
		pause = min(2*pause, time.Second)
	}
}

// look tells whether the frame lies where it should. vital.Conflict: another
// frame does, and the partition is lost to another writer.
func (w *Writer) look(ctx context.Context, frame []byte) (bool, error) {
	_, last, err := w.Log.Bounds(ctx, w.Stream, w.Partition)
	if err != nil {
		return false, err
	}
	if last <= w.last {
		return false, nil
	}
	there, err := readOne(ctx, w.Log, w.Stream, w.Partition, w.last+1)
	if err != nil {
		return false, err
	}
	if bytes.Equal(there, frame) {
		return true, nil
	}
	return false, vital.Errorf(vital.Conflict, "frame %d is by another writer: the partition is lost", w.last+1)
}

// readOne returns the one frame at seq, which the log must hold; nil bytes when
// the log has lost it.
func readOne(ctx context.Context, l Log, s Stream, partition uint16, seq uint64) ([]byte, error) {
	var found []byte
	err := l.Follow(ctx, s, partition, seq, func(at uint64, frame []byte) error {
		if at == seq {
			found = bytes.Clone(frame)
		}
		return errStop
	})
	if err != errStop {
		return nil, err
	}
	return found, nil
}
