// Package flow carries readings from the journal to the store and the screens.
// It owns partitions: for each raw partition one goroutine decodes and records,
// for each readings partition one applies and commits. A partition has one owner
// at a time, fenced by an epoch in the store.
//
// It exists so that a crash neither loses nor repeats: what a batch of frames
// does is one transaction that also moves the applied mark, and everything held
// in memory can be rebuilt from the last snapshot and the frames after it.
package flow

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

const (
	tickEvery     = watch.TickEvery * time.Millisecond
	snapshotEvery = time.Minute
	chunkAge      = time.Hour
	waveAge       = time.Minute
	// batchFrames bounds how many frames one transaction covers, so that a long
	// catch-up still commits often.
	batchFrames = 64
	// frameRecords bounds a frame of readings, so that what it does makes a short
	// transaction even when every one of them is an alarm.
	frameRecords = 512
)

// Options is what a Flow needs.
type Options struct {
	Site       vital.Site
	Store      *store.DB
	Log        journal.Log
	Keys       *journal.Ring
	Registry   *ingest.Registry
	Blobs      *journal.Blobs
	Door       *ingest.Door // for what people enter by hand
	Raw        int          // partitions of the raw stream
	Readings   int          // partitions of the readings stream
	Now        func() time.Time
	Logger     *slog.Logger
	Quarantine *journal.Quarantine
	// Break is told of each damaged frame that was quarantined.
	Break func(journal.Break)
	// Packet is told what became of each packet, in order per device. It must not block.
	Packet func(ingest.PacketInfo)
}

// Flow runs the partitions of one process.
type Flow struct {
	o          Options
	site       vital.Site
	db         *store.DB
	log        *slog.Logger
	writers    []*journal.Writer // readings
	parts      []*partition
	raws       []*rawPartition
	packets    *packets
	links      *links
	sinks      sinks
	wake       chan struct{} // controls are waiting
	loading    sync.Mutex    // one load of devices and bindings at a time: an older one must not take the place of a newer
	journalled int64         // newest control appended by this process; of controlForever alone
	caught     sync.WaitGroup
	counts     counts
	begun      atomic.Bool
	lasts      []uint64 // by raw partition: its newest frame at the last tick; of tickForever alone
}

// counts are what /metrics and the system page show.
type counts struct {
	packets, readings, waves, events, problems, duplicates atomic.Uint64
}

// tick is the body of a tick record.
type tick struct {
	At vital.Instant `json:"at"`
	// Behind is how long the oldest packet that was accepted and not yet recorded
	// has waited, ms: silence meanwhile is ours, not the device's.
	Behind int64 `json:"behind,omitempty"`
}

// control is the body of a control record: what was decided, and what follows
// from it for the watch.
type control struct {
	ID    int64           `json:"id"`
	At    vital.Instant   `json:"at"`
	Kind  string          `json:"kind"`
	Body  json.RawMessage `json:"body,omitempty"`
	Facts []watch.Facts   `json:"facts,omitempty"`
}

// New takes ownership of every partition and loads what the snapshots hold. Run
// does the rest.
func New(ctx context.Context, o Options) (*Flow, error) {
	f := &Flow{o: o, site: o.Site, db: o.Store, log: o.Logger, packets: newPackets(), links: newLinks(), wake: make(chan struct{}, 1)}
	if err := f.reload(ctx); err != nil {
		return nil, err
	}
	for n := range o.Readings {
		p, err := f.openPartition(ctx, uint16(n))
		if err != nil {
			return nil, err
		}
		w, err := journal.OpenWriter(ctx, journal.WriterOptions{
			Log: o.Log, Keys: o.Keys, Site: o.Site, Stream: journal.Readings, Partition: uint16(n), Epoch: p.epoch, Now: f.now,
			Limits: journal.Limits{Records: frameRecords},
		})
		if err != nil {
			return nil, vital.Errorf(vital.KindOf(err), "open the writer of readings %d: %w", n, err)
		}
		f.parts = append(f.parts, p)
		f.writers = append(f.writers, w)
	}
	for n := range o.Raw {
		f.raws = append(f.raws, &rawPartition{f: f, number: uint16(n), recorder: ingest.NewRecorder(o.Registry, past{f}, o.Blobs)})
	}
	return f, nil
}

func (f *Flow) now() vital.Instant { return vital.At(f.o.Now()) }

// Run works until ctx ends or something that must not fail does.
func (f *Flow) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				cancel(vital.Errorf(vital.KindOf(err), "%s: %w", name, err))
			}
		})
	}
	f.caught.Add(len(f.parts))
	for _, p := range f.parts {
		start("readings partition", p.run)
	}
	// A raw partition may go on only when every readings partition knows how far
	// it had been recorded.
	caught := make(chan struct{})
	go func() { f.caught.Wait(); f.begun.Store(true); close(caught) }()
	for _, r := range f.raws {
		start("raw partition", func(ctx context.Context) error {
			select {
			case <-caught:
			case <-ctx.Done():
				return nil
			}
			return r.run(ctx)
		})
	}
	if err := f.startLinks(ctx); err != nil {
		cancel(err)
	}
	start("clock", f.tickForever)
	start("screens", f.honestForever)
	start("controls", f.controlForever)
	start("evidence", f.gatherForever)
	<-ctx.Done()
	running.Wait()
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	var closing error
	for _, w := range f.writers {
		closing = errors.Join(closing, w.Close(end))
	}
	for _, p := range f.parts {
		closing = errors.Join(closing, p.park(end))
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return closing
}

// Begun reports whether the past has been worked off, so that the present is.
func (f *Flow) Begun() bool { return f.begun.Load() }

// tickForever writes a tick to every readings partition on a fixed grid of wall
// time, so that a replay sees time pass as it did. A tick is written only when
// the one before it is on the disk: a journal that stands still leaves a hole in
// the ticks, which is how the watch learns that the silence was ours.
func (f *Flow) tickForever(ctx context.Context) error {
	for {
		now := f.o.Now()
		next := now.Truncate(tickEvery).Add(tickEvery)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(next.Sub(now)):
		}
		body, err := json.Marshal(tick{At: vital.At(next), Behind: f.behind(ctx)})
		if err != nil {
			return err
		}
		written := make(chan error, len(f.writers))
		for _, w := range f.writers {
			if err := w.Append(ctx, journal.Record{Kind: journal.KindTick, Body: body}, func(_ vital.Position, err error) { written <- err }); err != nil {
				written <- err
			}
		}
		for range f.writers {
			select {
			case err := <-written:
				if err != nil && ctx.Err() == nil {
					return vital.Errorf(vital.KindOf(err), "write a tick: %w", err)
				}
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// behind returns how far recording is behind the doors, ms: 0 unless something
// that was there at the tick before is still not recorded. Of the ticker alone.
func (f *Flow) behind(ctx context.Context) (most int64) {
	if f.lasts == nil {
		f.lasts = make([]uint64, len(f.raws))
	}
	for n, r := range f.raws {
		_, last, err := f.o.Log.Bounds(ctx, journal.Raw, uint16(n))
		if err != nil {
			continue
		}
		if r.reached.Load() < f.lasts[n] {
			most = max(most, int64(f.now())-r.received.Load(), tickEvery.Milliseconds())
		}
		f.lasts[n] = last
	}
	return most
}

// readingsPartition says where the readings of a patient, else of a device, go.
func (f *Flow) readingsPartition(patient vital.PatientID, device vital.DeviceID) uint16 {
	key := string(patient)
	if key == "" {
		key = string(device)
	}
	return uint16(ingest.PartitionOf(key, f.o.Readings))
}

func (f *Flow) seriesOf(ctx context.Context, patient vital.PatientID, device vital.DeviceID, metric, unit, decoder string) (store.Series, error) {
	return f.db.Series(ctx, store.Series{Site: f.site, Patient: patient, Device: device, Metric: metric, Unit: unit, Decoder: decoder})
}
