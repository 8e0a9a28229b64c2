package journal

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/vigilcare/vigil/vital"
)

// Limits bound what a writer takes. A zero field means the default.
type Limits struct {
	Frame    int           // bytes of one frame; 512 KiB. A lost frame loses no more
	Record   int           // bytes of one body; 256 KiB. Larger bodies are blobs
	Records  int           // of one frame; 0: as many as fit
	Queue    int64         // bytes waiting for a frame before Append blocks; 8 MiB
	Attempt  time.Duration // wait for the log's answer before asking what became of the frame; 5 s
	Patience time.Duration // wait for a log that gives no clear answer before giving up; 30 s
}

func (l Limits) orDefault() Limits {
	if l.Frame == 0 {
		l.Frame = 512 << 10
	}
	if l.Record == 0 {
		l.Record = 256 << 10
	}
	if l.Queue == 0 {
		l.Queue = 8 << 20
	}
	if l.Attempt == 0 {
		l.Attempt = 5 * time.Second
	}
	if l.Patience == 0 {
		l.Patience = 30 * time.Second
	}
	return l
}

// WriterOptions say where a writer writes and under whose name.
type WriterOptions struct {
	Log       Log
	Keys      Keys
	Site      vital.Site
	Stream    Stream
	Partition uint16
	Epoch     uint64               // of the partition's owner; each new owner has a higher one
	Now       func() vital.Instant // nil: the machine's clock
	Limits    Limits
}

// Writer appends records to one partition. There is one writer per partition at
// a time; the log's expected last sequence throws out a second one.
//
// Records are grouped without a timer: while one frame is being synced, the next
// collects. So a lone record waits for nothing, and a thousand share one sync.
type Writer struct {
	WriterOptions
	room *semaphore.Weighted // bytes that may still wait

	mutex   sync.Mutex
	waiting []*batch
	closing bool
	err     error
	wake    chan struct{} // has room for one: something is waiting, or the end

	stop  context.CancelFunc // aborts an append under way
	ended chan struct{}
	fatal chan error

	// Only the committer touches what follows.
	writer   uint64
	number   uint64
	last     uint64
	previous Hash
}

// batch is what becomes one frame.
type batch struct {
	records []sealing
	done    []func(vital.Position, error)
	bytes   int   // of bodies
	held    int64 // of room
	whole   bool  // takes no more records
}

// recordCost is what a waiting record holds of the queue beside its body.
const recordCost = 128

// OpenWriter starts a writer behind the last frame of a partition.
func OpenWriter(ctx context.Context, o WriterOptions) (*Writer, error) {
	o.Limits = o.Limits.orDefault()
	if o.Now == nil {
		o.Now = func() vital.Instant { return vital.At(time.Now()) }
	}
	where := fmt.Sprintf("open writer of %s/%d", o.Stream, o.Partition)
	if o.Log == nil || o.Keys == nil || streamCode(o.Stream) == 0 || len(o.Site) == 0 || len(o.Site) > 255 {
		return nil, vital.Errorf(vital.Invalid, "%s: log, keys, stream and site are needed", where)
	}
	if frameSize(o.Site, 1, o.Limits.Record) > o.Limits.Frame || int64(o.Limits.Frame) > o.Limits.Queue {
		return nil, vital.Errorf(vital.Invalid, "%s: a record must fit a frame and a frame the queue: %+v", where, o.Limits)
	}
	w := &Writer{
		WriterOptions: o,
		room:          semaphore.NewWeighted(o.Limits.Queue),
		wake:          make(chan struct{}, 1),
		ended:         make(chan struct{}),
		fatal:         make(chan error, 1),
	}
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("%s: draw writer id: %w", where, err)
	}
	w.writer = binary.LittleEndian.Uint64(id[:])
	_, last, err := o.Log.Bounds(ctx, o.Stream, o.Partition)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	w.last = last
	if last > 0 {
		frame, err := readOne(ctx, o.Log, o.Stream, o.Partition, last)
		if err != nil {
			return nil, fmt.Errorf("%s: read frame %d: %w", where, last, err)
		}
		w.previous = hashOf(frame) // of whatever lies there, also when it is damaged
	}
	// What is under way ends by Close, not with the context of the opening.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	go w.commit(running)
	return w, nil
}

// Append hands one record over. It returns once the record waits for its frame,
// and blocks while too much is waiting. Then done is called exactly once: with
// the record's position after the frame is synced, or with an error when it is
// not. Calls come in order, from one goroutine that everybody waits for: done
// must not block. The body must stay as it is until then. When Append returns an
// error, done is not called.
func (w *Writer) Append(ctx context.Context, r Record, done func(vital.Position, error)) error {
	c, err := w.admit(r)
	if err != nil {
		return err
	}
	cost := int64(len(r.Body)) + recordCost
	if err := w.room.Acquire(ctx, cost); err != nil {
		return vital.Errorf(vital.Unavailable, "append to %s/%d: wait for room: %w", w.Stream, w.Partition, err)
	}
	w.mutex.Lock()
	if err := w.refusal(); err != nil {
		w.mutex.Unlock()
		w.room.Release(cost)
		return err
	}
	b := w.open(len(r.Body))
	b.records = append(b.records, sealing{r, c})
	b.done = append(b.done, done)
	b.bytes += len(r.Body)
	b.held += cost
	w.mutex.Unlock()
	w.nudge()
	return nil
}

// AppendFrame writes the records as one frame of their own and returns the
// position of the first when it is synced.
func (w *Writer) AppendFrame(ctx context.Context, records []Record) (vital.Position, error) {
	if len(records) == 0 {
		return vital.Position{}, vital.Errorf(vital.Invalid, "append frame to %s/%d: no records", w.Stream, w.Partition)
	}
	b := &batch{whole: true}
	for _, r := range records {
		c, err := w.admit(r)
		if err != nil {
			return vital.Position{}, err
		}
		b.records = append(b.records, sealing{r, c})
		b.bytes += len(r.Body)
	}
	if size := frameSize(w.Site, len(records), b.bytes); size > w.Limits.Frame {
		return vital.Position{}, vital.Errorf(vital.TooMuch, "append frame to %s/%d: %d records make %d bytes; a frame holds %d",
			w.Stream, w.Partition, len(records), size, w.Limits.Frame)
	}
	// A frame is smaller than the queue, but its book-keeping might not be.
	b.held = min(int64(b.bytes)+int64(len(records))*recordCost, w.Limits.Queue)
	if err := w.room.Acquire(ctx, b.held); err != nil {
		return vital.Position{}, vital.Errorf(vital.Unavailable, "append frame to %s/%d: wait for room: %w", w.Stream, w.Partition, err)
	}
	type outcome struct {
		at  vital.Position
		err error
	}
	settled := make(chan outcome, 1)
	b.done = make([]func(vital.Position, error), len(records))
	b.done[0] = func(at vital.Position, err error) { settled <- outcome{at, err} }
	w.mutex.Lock()
	if err := w.refusal(); err != nil {
		w.mutex.Unlock()
		w.room.Release(b.held)
		return vital.Position{}, err
	}
	w.waiting = append(w.waiting, b)
	w.mutex.Unlock()
	w.nudge()
	select {
	case o := <-settled:
		return o.at, o.err
	case <-ctx.Done():
		return vital.Position{}, vital.Errorf(vital.Unavailable, "append frame to %s/%d: it may still be written: %w", w.Stream, w.Partition, ctx.Err())
	}
}

// admit checks one record and finds its cipher.
func (w *Writer) admit(r Record) (cipher.AEAD, error) {
	if r.Kind == 0 {
		return nil, vital.Errorf(vital.Invalid, "append to %s/%d: the record has no kind", w.Stream, w.Partition)
	}
	if len(r.Body) > w.Limits.Record {
		return nil, vital.Errorf(vital.TooMuch, "append to %s/%d: a record of %d bytes; at most %d, larger bodies are blobs",
			w.Stream, w.Partition, len(r.Body), w.Limits.Record)
	}
	c, err := w.Keys.Cipher(r.Key)
	if err != nil {
		return nil, fmt.Errorf("append to %s/%d: %w", w.Stream, w.Partition, err)
	}
	return c, nil
}

// refusal says why nothing is taken any more. The mutex is held.
func (w *Writer) refusal() error {
	if w.err != nil {
		return vital.Errorf(vital.Unavailable, "append to %s/%d: the writer has stopped: %w", w.Stream, w.Partition, w.err)
	}
	if w.closing {
		return vital.Errorf(vital.Precondition, "append to %s/%d: the writer is closed", w.Stream, w.Partition)
	}
	return nil
}

// open returns the batch that takes one more body of so many bytes. The mutex is
// held.
func (w *Writer) open(bytes int) *batch {
	if n := len(w.waiting); n > 0 {
		b := w.waiting[n-1]
		if !b.whole && (w.Limits.Records == 0 || len(b.records) < w.Limits.Records) && frameSize(w.Site, len(b.records)+1, b.bytes+bytes) <= w.Limits.Frame {
			return b
		}
	}
	b := &batch{}
	w.waiting = append(w.waiting, b)
	return b
}

func (w *Writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Err returns why the writer stopped, nil while it runs.
func (w *Writer) Err() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.err
}

// Fatal gives the error that stopped the writer, once. After it, acknowledge
// nothing: the process should end and start again from what is on the disk.
func (w *Writer) Fatal() <-chan error { return w.fatal }

// Close takes no more records, writes what is waiting, and returns when the last
// done has been called. When ctx ends first, what is under way is given up.
func (w *Writer) Close(ctx context.Context) error {
	w.mutex.Lock()
	w.closing = true
	w.mutex.Unlock()
	w.nudge()
	select {
	case <-w.ended:
	case <-ctx.Done():
		w.stop()
		<-w.ended
	}
	w.stop()
	if err := w.Err(); err != nil {
		return fmt.Errorf("close writer of %s/%d: %w", w.Stream, w.Partition, err)
	}
	return nil
}
