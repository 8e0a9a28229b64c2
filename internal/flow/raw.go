package flow

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// rawPartition decodes the packets of one raw partition and records what they
// meant. After a restart it decodes again from its last mark, and writes only
// what the readings partitions have not got.
type rawPartition struct {
	f        *Flow
	number   uint16
	recorder *ingest.Recorder
	reached  atomic.Uint64 // done, for others to read
	received atomic.Int64  // when the last packet that is recorded was received, ms
	done     uint64        // last frame whose readings are recorded
	marked   uint64        // done as the store knows it
	savedAt  vital.Instant // when the mark was last written
	again    []reach       // by readings partition: recorded before this start
	wrote    []reach       // by readings partition: how many records of the present packet
	breath   breath
	behind   bool // frames wait
}

func (r *rawPartition) run(ctx context.Context) error {
	mark, err := r.load(ctx)
	if err != nil {
		return err
	}
	r.done, r.marked = mark, mark
	r.reached.Store(mark)
	r.wrote = make([]reach, len(r.f.parts))
	for _, p := range r.f.parts {
		p.mu.RLock()
		r.again = append(r.again, p.reached[r.number])
		p.mu.RUnlock()
	}
	frames := make(chan journal.Frame, 64)
	reader, err := r.f.reader(journal.Raw, r.number)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		cancel(reader.Follow(ctx, mark+1, func(f journal.Frame) error {
			select {
			case frames <- f:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}))
	}()
	for {
		select {
		case <-ctx.Done():
			err := context.Cause(ctx)
			if errors.Is(err, context.Canceled) {
				return r.mark(context.WithoutCancel(ctx))
			}
			return err
		case f := <-frames:
			if err := r.batch(ctx, f, frames); err != nil {
				return err
			}
		}
	}
}

// batch records first and what waits behind it, and waits until all of it is in
// the journal before it goes on: at most one batch can be half recorded.
func (r *rawPartition) batch(ctx context.Context, first journal.Frame, more <-chan journal.Frame) error {
	var w recording
	r.behind = len(more) > 0
	if err := r.frame(ctx, first, &w); err != nil {
		return err
	}
	for range 63 {
		select {
		case f := <-more:
			r.behind = true
			if err := r.frame(ctx, f, &w); err != nil {
				return err
			}
			continue
		default:
		}
		break
	}
	if err := w.wait(); err != nil {
		return vital.Errorf(vital.KindOf(err), "record the readings of raw %d frame %d: %w", r.number, r.done, err)
	}
	for _, i := range w.infos {
		r.f.tell(i)
	}
	r.reached.Store(r.done) // not before: what is under way is not done
	if now := r.f.now(); now.Sub(r.savedAt) >= snapshotEvery/6 {
		r.savedAt = now
		return r.mark(ctx)
	}
	return nil
}

// recording waits for appends and keeps the first error.
type recording struct {
	pending sync.WaitGroup
	mu      sync.Mutex
	err     error
	infos   []ingest.PacketInfo
}

func (w *recording) wait() error {
	w.pending.Wait()
	return w.err
}

func (r *rawPartition) frame(ctx context.Context, f journal.Frame, w *recording) error {
	for i, rec := range f.Records {
		at := vital.Position{Partition: r.number, Frame: f.Seq, Index: uint32(i)}
		batches, info, err := r.recorder.Record(ctx, at, rec)
		if err != nil {
			return vital.Errorf(vital.KindOf(err), "decode packet %d of frame %d of raw %d: %w", i, f.Seq, r.number, err)
		}
		for _, t := range batches {
			if info.Gateway {
				r.f.links.carry(info.Credential, t.Device)
			}
			to := r.f.readingsPartition(t.Patient, t.Device)
			key, err := r.f.o.Keys.For(ctx, t.Subject())
			if err != nil {
				return vital.Errorf(vital.KindOf(err), "find the key of a reading: %w", err)
			}
			if err := r.append(ctx, w, to, at, journal.Record{Kind: journal.KindReading, Key: key, Body: t.Encode(r.f.site)}); err != nil {
				return err
			}
		}
		if info.Result == ingest.Failed || info.Result == ingest.Partly {
			body, err := json.Marshal(info)
			if err != nil {
				return err
			}
			// Where its patient is watched: what cannot be read is no sign of life.
			to := r.f.readingsPartition(r.f.wearer(info.Device, info.Received), info.Device)
			if err := r.append(ctx, w, to, at, journal.Record{Kind: journal.KindProblem, Key: rec.Key, Body: body}); err != nil {
				return err
			}
		}
		w.infos = append(w.infos, info)
		r.received.Store(int64(info.Received))
		r.breath.take(r.behind)
	}
	r.done = f.Seq
	return nil
}

func (r *rawPartition) append(ctx context.Context, w *recording, to uint16, at vital.Position, rec journal.Record) error {
	if r.wrote[to].At != at {
		r.wrote[to] = reach{At: at}
	}
	r.wrote[to].Count++
	before := r.again[to]
	if !later(at, before.At) && (at != before.At || r.wrote[to].Count <= before.Count) {
		return nil // recorded before the restart
	}
	w.pending.Add(1)
	err := r.f.writers[to].Append(ctx, rec, func(_ vital.Position, err error) {
		if err != nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
		}
		w.pending.Done()
	})
	if err != nil {
		w.pending.Done()
		return vital.Errorf(vital.KindOf(err), "append to readings %d: %w", to, err)
	}
	return nil
}

// load takes up the recorder's memory and says at which frame it was.
func (r *rawPartition) load(ctx context.Context) (uint64, error) {
	mark, body, err := r.f.db.RawMark(ctx, r.f.site, r.number)
	if err != nil || len(body) == 0 {
		return mark, err
	}
	return mark, r.recorder.Restore(body)
}

// mark writes down how far this partition is, with the recorder's memory.
func (r *rawPartition) mark(ctx context.Context) error {
	if r.done == r.marked {
		return nil
	}
	body, err := r.recorder.Snapshot()
	if err != nil {
		return err
	}
	if err := r.f.db.SetRawMark(ctx, r.f.site, r.number, r.done, body); err != nil {
		return err
	}
	r.marked = r.done
	return nil
}
