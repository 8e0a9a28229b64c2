package flow

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
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
		f: f, number: number, epoch: epoch, board: watch.NewBoard(rule.Default()),
		heads: map[headKey]*store.Head{}, waveHeads: map[int64]*store.WaveHead{}, series: map[int64]store.Series{},
		reached: map[uint16]reach{}, latest: map[latestKey]struct{}{}, sent: map[vital.DeviceID]*store.DeviceSeen{}, marked: map[uint16]uint64{}, reworded: map[string]alarm.Alarm{}, ahead: map[string]alarm.Alarm{}, applied: mark.Applied, seen: mark.SnapshotAt, stored: mark.SnapshotAt,
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
	p.control, p.settled, p.saved = s.Control, s.Control, s.Saved
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
	frames := make(chan journal.Frame, 4*batchFrames)
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
		var next *journal.Frame
		select {
		case f := <-frames:
			next = &f
		default:
		}
		if next == nil && (len(p.queue) == 0 || p.behind(ctx)) {
			var soon <-chan time.Time // what is judged waits for the frames that are being read, not for those that will be written
			if len(p.queue) > 0 {
				soon = time.After(2 * time.Millisecond)
			}
			select {
			case <-ctx.Done():
			case <-soon:
			case f := <-frames:
				next = &f
			}
		}
		if ctx.Err() != nil {
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		}
		if err := p.batch(ctx, next, frames); err != nil {
			return err
		}
		if p.seen >= last && caught != nil {
			caught()
			caught = func() {}
		}
	}
}

// batch judges first and what waits behind it, and commits once: all of it, or as
// much of what waits as makes a short transaction. first nil: there is nothing new.
func (p *partition) batch(ctx context.Context, first *journal.Frame, more <-chan journal.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.judged = time.Now()
	}
	if first != nil && p.alarmsWaiting() < mostWaiting {
		if err := p.judge(ctx, *first, more); err != nil {
			return err
		}
	}
	if len(p.queue) > 0 && time.Since(p.judged) < judgeFirst && p.behind(ctx) {
		return nil // what comes may be more urgent
	}
	p.judged = time.Now()
	return p.commit(ctx)
}

// behind reports whether frames wait to be judged: more than the one that is just
// being written.
func (p *partition) behind(ctx context.Context) bool {
	_, last, err := p.f.o.Log.Bounds(ctx, journal.Readings, p.number)
	return err == nil && p.seen+1 < last
}

// judge applies first and what waits behind it. It ends at the applied mark, so
// that no batch is half repeated, and when alarms have waited for it long enough.
func (p *partition) judge(ctx context.Context, first journal.Frame, more <-chan journal.Frame) error {
	frames := []opened{{frame: first}}
	for len(frames) < batchFrames && frames[len(frames)-1].frame.Seq != p.applied {
		select {
		case f := <-more:
			frames = append(frames, opened{frame: f})
			continue
		default:
		}
		break
	}
	if err := p.open(ctx, frames); err != nil {
		return err
	}
	for i, f := range frames {
		if err := p.apply(ctx, f, len(frames) > 1); err != nil {
			return err
		}
		behind := i < len(frames)-1
		if behind && !p.board.Alarmed() {
			continue
		}
		if err := p.cut(ctx, behind); err != nil {
			return err
		}
	}
	return nil
}

// opened is a frame with its batches of readings decoded, by record.
type opened struct {
	frame   journal.Frame
	batches map[int]ingest.Batch
}

// open decodes the frames' readings and makes the series that are new, all of
// them at once.
func (p *partition) open(ctx context.Context, frames []opened) error {
	var unknown []store.Series
	asked := map[store.Series]struct{}{}
	ask := func(patient vital.PatientID, device vital.DeviceID, metric, unit, decoder string) {
		s := store.Series{Site: p.f.site, Patient: patient, Device: device, Metric: metric, Unit: unit, Decoder: decoder}
		if _, ok := asked[s]; !ok {
			asked[s] = struct{}{}
			unknown = append(unknown, s)
		}
	}
	for i := range frames {
		f := &frames[i]
		f.batches = make(map[int]ingest.Batch, len(f.frame.Records))
		for j, rec := range f.frame.Records {
			if rec.Kind != journal.KindReading || rec.Shredded {
				continue
			}
			p.breath.take(len(frames) > 1)
			t, err := ingest.DecodeBatch(rec.Body)
			if err != nil {
				return vital.Errorf(vital.KindOf(err), "read record %d of frame %d of readings %d: %w", j, f.frame.Seq, p.number, err)
			}
			f.batches[j] = t
			for _, r := range t.Readings {
				ask(r.Patient, r.Device, r.Metric, r.Unit, r.Decoder)
			}
			for _, w := range t.Waveforms {
				ask(w.Patient, w.Device, w.Metric, w.Unit, w.Decoder)
			}
		}
	}
	return p.f.db.MakeSeries(ctx, unknown)
}

// breath lets others run now and then. Decoding is all arithmetic, and Go lets
// such work run for ten milliseconds before it turns to somebody else: to a
// committer, say, whose frame is on the disk and whose senders wait to be told.
//
// Who yields waits until everybody else has had a turn, and a thousand
// connections that are told their packets are safe take long: so work that is
// behind holds on longer. An alarm that stands in the journal and on no screen is
// worse than an acknowledgement two milliseconds later.
type breath struct{ since time.Time }

const (
	breathApart  = 200 * time.Microsecond
	breathBehind = 2 * time.Millisecond // while frames wait
)

func (b *breath) take(behind bool) {
	apart := breathApart
	if behind {
		apart = breathBehind
	}
	if time.Since(b.since) < apart {
		return
	}
	runtime.Gosched()
	b.since = time.Now()
}

// park writes a last snapshot, so that the next start has little to run again.
func (p *partition) park(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen < p.applied {
		return nil
	}
	p.effects.snapshot, p.effects.now = true, true
	if err := p.cut(ctx, false); err != nil {
		return err
	}
	for len(p.queue) > 0 {
		if err := p.commit(ctx); err != nil {
			return err
		}
	}
	return nil
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
