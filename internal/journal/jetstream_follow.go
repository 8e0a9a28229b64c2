package journal

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/vigilcare/vigil/vital"
)

const (
	followBytes = 8 << 20         // read ahead of the reader
	followIdle  = 2 * time.Second // silence after which the end is looked at
)

// Follow calls yield for each frame from sequence from on. It trusts the server
// with the bytes and not with the order: a consumer may pass over a message
// whose checksum fails without a word, so every step of the sequence is checked
// here. What the log no longer has is yielded as nil.
func (j *JetStream) Follow(ctx context.Context, s Stream, partition uint16, from uint64, yield func(seq uint64, frame []byte) error) error {
	stream, err := j.stream(s, partition)
	if err != nil {
		return err
	}
	f := follow{log: j, stream: stream, name: s, partition: partition, next: max(from, 1), yield: yield}
	pause := 50 * time.Millisecond
	for {
		before := f.next
		err := f.run(ctx)
		switch {
		case f.refused != nil:
			return f.refused
		case ctx.Err() != nil:
			return ctx.Err()
		case j.broken.Err() != nil:
			return vital.Errorf(vital.Unavailable, "follow %s/%d: %w", s, partition, context.Cause(j.broken))
		}
		// The server went away or dropped the consumer: begin again behind the
		// last frame that was yielded.
		if f.next > before {
			pause = 50 * time.Millisecond
		}
		if l := j.options.Logger; l != nil {
			l.Warn("journal follow interrupted", "stream", string(s), "partition", partition, "next", f.next, "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		case <-j.broken.Done():
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// follow is one Follow under way.
type follow struct {
	log       *JetStream
	stream    jetstream.Stream
	name      Stream
	partition uint16
	next      uint64 // due
	yield     func(seq uint64, frame []byte) error
	refused   error // what yield returned
}

// run reads through one consumer until something ends it.
func (f *follow) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.log.broken, cancel)()
	consumer, err := f.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       f.next,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		// It would go by itself after a minute; going now is only tidier.
		_ = f.stream.DeleteConsumer(ctx, consumer.CachedInfo().Name)
	}()
	messages, err := consumer.Messages(jetstream.PullMaxBytes(followBytes))
	if err != nil {
		return err
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next(jetstream.NextMaxWait(followIdle))
		if errors.Is(err, nats.ErrTimeout) {
			if err := f.catchUp(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if err := f.deliver(ctx, meta.Sequence.Stream, m.Data()); err != nil {
			return err
		}
	}
}

// deliver yields one frame and, before it, what the consumer passed over.
func (f *follow) deliver(ctx context.Context, seq uint64, frame []byte) error {
	if seq < f.next {
		return nil // it was fetched one by one while the consumer was silent
	}
	if seq > f.next {
		if err := f.fetch(ctx, seq-1); err != nil {
			return err
		}
	}
	return f.give(seq, frame)
}

func (f *follow) give(seq uint64, frame []byte) error {
	f.next = seq + 1
	if err := f.yield(seq, frame); err != nil {
		f.refused = err
		return err
	}
	return nil
}

// catchUp looks whether the log holds frames that the consumer does not send:
// the last one may be damaged, and nothing behind it would show that.
func (f *follow) catchUp(ctx context.Context) error {
	_, last, err := f.log.Bounds(ctx, f.name, f.partition)
	if err != nil || last < f.next {
		return err
	}
	return f.fetch(ctx, last)
}

// fetch yields what is due up to and with sequence last, one by one. Frames
// before the beginning have been expired and are no loss.
func (f *follow) fetch(ctx context.Context, last uint64) error {
	first, _, err := f.log.Bounds(ctx, f.name, f.partition)
	if err != nil {
		return err
	}
	f.next = max(f.next, first)
	for f.next <= last {
		m, err := f.stream.GetMsg(ctx, f.next)
		switch {
		case err == nil:
			err = f.give(f.next, m.Data)
		case errors.Is(err, jetstream.ErrMsgNotFound):
			err = f.give(f.next, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
