package flow

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// saved is the snapshot of a partition.
type saved struct {
	Board   json.RawMessage  `json:"board"`
	Heads   []savedHead      `json:"heads"`
	Waves   []savedWave      `json:"waves"`
	Reached map[uint16]reach `json:"reached"`
	Control int64            `json:"control"`
	Saved   vital.Instant    `json:"saved"`
}

type savedHead struct {
	Series store.Series `json:"series"`
	Late   bool         `json:"late"`
	Body   []byte       `json:"body"`
}

type savedWave struct {
	Series store.Series `json:"series"`
	// Packets are written as the journal writes them: the store's coder makes
	// them a third as large, but takes so long that a screen would see it.
	Packets [][]byte `json:"packets"`
}

func (f *Flow) openPartition(ctx context.Context, number uint16) (*partition, error) {
	epoch, err := f.db.Own(ctx, f.site, number)
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "take readings partition %d: %w", number, err)
	}
	mark, err := f.db.Mark(ctx, f.site, number)
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "load the mark of readings partition %d: %w", number, err)
	}
	p := &partition{
		f: f, number: number, epoch: epoch, board: watch.NewBoard(),
		heads: map[headKey]*store.Head{}, waveHeads: map[int64]*store.WaveHead{}, series: map[int64]store.Series{},
		reached: map[uint16]reach{}, latest: map[latestKey]struct{}{}, sent: map[vital.DeviceID]*store.DeviceSeen{}, marked: map[uint16]uint64{}, applied: mark.Applied, seen: mark.SnapshotAt,
	}
	if len(mark.Snapshot) == 0 {
		return p, nil
	}
	if err := p.restore(mark.Snapshot); err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "load the snapshot of readings partition %d: %w", number, err)
	}
	return p, nil
}

func (p *partition) snapshot() ([]byte, error) {
	board, err := p.board.Snapshot()
	if err != nil {
		return nil, err
	}
	s := saved{Board: board, Reached: p.reached, Control: p.control, Saved: p.saved}
	for k, h := range p.heads {
		s.Heads = append(s.Heads, savedHead{Series: p.series[k.series], Late: k.late, Body: h.Peek().Body})
	}
	for id, h := range p.waveHeads {
		w := savedWave{Series: p.series[id]}
		for _, x := range h.Waveforms() {
			b := ingest.Batch{
				Source: x.Source, Device: x.Device, Patient: x.Patient, Receive: x.Clocks.Receive, Sequence: x.Sequence,
				Decoder: x.Decoder, Waveforms: []vital.Waveform{x},
			}
			w.Packets = append(w.Packets, b.Encode(p.f.site))
		}
		s.Waves = append(s.Waves, w)
	}
	return json.Marshal(s)
}

func (p *partition) restore(body []byte) error {
	var s saved
	if err := json.Unmarshal(body, &s); err != nil {
		return vital.Errorf(vital.Internal, "read it: %w", err)
	}
	if err := p.board.Restore(s.Board); err != nil {
		return err
	}
	for _, h := range s.Heads {
		samples, err := store.DecodeChunk(h.Body)
		if err != nil {
			return err
		}
		head := store.NewHead(h.Series)
		for _, x := range samples {
			head.Append(x)
		}
		p.heads[headKey{h.Series.ID, h.Late}] = head
		p.series[h.Series.ID] = h.Series
	}
	for _, w := range s.Waves {
		head := store.NewWaveHead(w.Series)
		for _, body := range w.Packets {
			t, err := ingest.DecodeBatch(body)
			if err != nil {
				return err
			}
			for _, x := range t.Waveforms {
				head.Append(x)
			}
		}
		p.waveHeads[w.Series.ID] = head
		p.series[w.Series.ID] = w.Series
	}
	if s.Reached != nil {
		p.reached = s.Reached
	}
	p.control, p.saved = s.Control, s.Saved
	return nil
}

// run follows the partition's frames for ever.
func (p *partition) run(ctx context.Context) error {
	_, last, err := p.f.o.Log.Bounds(ctx, journal.Readings, p.number)
	if err != nil {
		return err
	}
	caught := func() {}
	if p.seen >= last {
		p.f.caught.Done()
	} else {
		caught = p.f.caught.Done
	}
	frames := make(chan journal.Frame, batchFrames)
	reader, err := p.f.reader(journal.Readings, p.number)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		err := reader.Follow(ctx, p.seen+1, func(f journal.Frame) error {
			select {
			case frames <- f:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		cancel(err)
	}()
	for {
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		case f := <-frames:
			if err := p.batch(ctx, f, frames); err != nil {
				return err
			}
			if p.seen >= last && caught != nil {
				caught()
				caught = func() {}
			}
		}
	}
}

// batch applies first and what waits behind it, and commits once. It ends at the
// applied mark, so that no batch is half repeated.
func (p *partition) batch(ctx context.Context, first journal.Frame, more <-chan journal.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.apply(ctx, first); err != nil {
		return err
	}
	for range batchFrames {
		if p.seen == p.applied {
			break
		}
		select {
		case f := <-more:
			if err := p.apply(ctx, f); err != nil {
				return err
			}
			continue
		default:
		}
		break
	}
	update, err := p.finish(ctx)
	if err != nil {
		return err
	}
	if !update.Empty() {
		p.f.publish(&update)
	}
	return nil
}

// park writes a last snapshot, so that the next start has little to run again.
func (p *partition) park(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen < p.applied {
		return nil
	}
	p.effects.snapshot, p.effects.now = true, true
	_, err := p.finish(ctx)
	return err
}

// reader opens a reader that reports what is broken.
func (f *Flow) reader(s journal.Stream, partition uint16) (*journal.Reader, error) {
	return journal.OpenReader(journal.ReaderOptions{
		Log: f.o.Log, Keys: f.o.Keys, Site: f.site, Stream: s, Partition: partition, Quarantine: f.o.Quarantine,
		Broken: func(b journal.Break) {
			f.log.Error("the journal is damaged; the bytes are kept aside and reading goes on behind them", "where", b.String())
			if f.o.Break != nil {
				f.o.Break(b)
			}
		},
	})
}
