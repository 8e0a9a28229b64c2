package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// partition applies the readings of one partition: it keeps the open chunks and
// the watch, and commits what a batch of frames did in one transaction. Its
// state follows from the records alone, so a restart loads the snapshot and runs
// the records after it again, without their effects up to the applied mark.
type partition struct {
	f      *Flow
	number uint16
	epoch  uint64

	mu        sync.RWMutex // held for writing while a batch is applied and committed
	board     *watch.Board
	heads     map[headKey]*store.Head
	waveHeads map[int64]*store.WaveHead
	series    map[int64]store.Series
	reached   map[uint16]reach                     // by raw partition: the newest source recorded here
	marked    map[uint16]uint64                    // by raw partition: the newest frame with a mark
	control   int64                                // newest control applied
	settled   int64                                // newest control whose effects are in the store
	applied   uint64                               // last frame whose effects are in the store
	seen      uint64                               // last frame applied in memory
	stored    uint64                               // last frame of which nothing waits for the store
	judged    time.Time                            // since when what waits for the store has waited
	saved     vital.Instant                        // when the snapshot was taken, by tick
	ticked    vital.Instant                        // the last tick applied
	latest    map[latestKey]struct{}               // changed since the last tick
	sent      map[vital.DeviceID]*store.DeviceSeen // what devices sent since the last tick
	reworded  map[string]alarm.Alarm               // alarms whose text alone changed since the last commit
	effects   effects
	queue     []waiting              // judged and not stored yet, oldest first
	ahead     map[string]alarm.Alarm // stored before its turn in the queue: as it is now
	snap      bool                   // a snapshot is due once the queue is empty
	shown     shown
	breath    breath
}

type headKey struct {
	series int64
	late   bool
}

type latestKey struct {
	patient vital.PatientID
	metric  string
}

// effects is what a batch of frames wants stored and shown.
type effects struct {
	batch  store.Batch
	update watch.Update
	now    bool // something must be committed even if nothing else is due
	// A snapshot is due. It is taken when the batch is committed, not at the tick:
	// it says how far it is by frame, and records follow a tick in its frame.
	snapshot bool
}

// apply runs one frame through the partition; behind: it is not the only one.
func (p *partition) apply(ctx context.Context, f opened, behind bool) error {
	p.board.Sealed(f.frame.Sealed)
	for i, rec := range f.frame.Records {
		p.breath.take(behind)
		if rec.Shredded {
			continue
		}
		if err := p.record(ctx, f, i, rec); err != nil {
			return vital.Errorf(vital.KindOf(err), "apply record %d of frame %d of readings %d: %w", i, f.frame.Seq, p.number, err)
		}
	}
	p.seen = f.frame.Seq
	return nil
}

func (p *partition) record(ctx context.Context, f opened, i int, rec journal.Record) error {
	switch rec.Kind {
	case journal.KindReading:
		return p.readings(ctx, f.batches[i])
	case journal.KindTick:
		var t tick
		if err := json.Unmarshal(rec.Body, &t); err != nil {
			return vital.Errorf(vital.Internal, "read a tick: %w", err)
		}
		return p.tick(ctx, t)
	case journal.KindControl:
		var c control
		if err := json.Unmarshal(rec.Body, &c); err != nil {
			return vital.Errorf(vital.Internal, "read a control: %w", err)
		}
		return p.steer(c)
	case journal.KindLink:
		return p.linked(rec.Body)
	case journal.KindProblem:
		var i ingest.PacketInfo
		if err := json.Unmarshal(rec.Body, &i); err != nil {
			return vital.Errorf(vital.Internal, "read a problem: %w", err)
		}
		p.reach(i.At)
		p.problem(&i)
		if d := p.from(i.Device, i.Received); d != nil {
			d.Problems++
			if i.Result == ingest.Failed {
				d.Packets++
			}
		}
		p.effects.batch.Problems = append(p.effects.batch.Problems, store.Problem{
			Device: i.Device, Credential: i.Credential, At: i.Received, Position: i.At, Format: i.Format, Reason: i.Reason, Preview: i.Preview,
		})
	}
	return nil
}

// reach is how far a raw partition has been recorded in a readings partition:
// the newest packet, and how many records of it are there.
type reach struct {
	At    vital.Position
	Count int
}

func (p *partition) reach(source vital.Position) {
	r := p.reached[source.Partition]
	switch {
	case source == r.At:
		r.Count++
	case later(source, r.At):
		r = reach{At: source, Count: 1}
	}
	p.reached[source.Partition] = r
}

func later(a, b vital.Position) bool {
	return a.Frame > b.Frame || a.Frame == b.Frame && a.Index > b.Index
}

func (p *partition) readings(ctx context.Context, t ingest.Batch) error {
	p.reach(t.Source)
	p.heard(t)
	for _, r := range t.Readings {
		if err := p.reading(ctx, r); err != nil {
			return err
		}
	}
	for _, w := range t.Waveforms {
		if err := p.wave(ctx, w); err != nil {
			return err
		}
	}
	for _, e := range t.Events {
		p.board.Event(e)
	}
	p.effects.batch.Events = append(p.effects.batch.Events, t.Events...)
	p.effects.update.Events = append(p.effects.update.Events, t.Events...)
	return nil
}

func (p *partition) reading(ctx context.Context, r vital.Reading) error {
	if err := p.keep(ctx, r); err != nil {
		return err
	}
	p.board.Reading(r)
	return nil
}

// keep puts a reading into the open chunk of its series.
func (p *partition) keep(ctx context.Context, r vital.Reading) error {
	s, err := p.f.seriesOf(ctx, r.Patient, r.Device, r.Metric, r.Unit, r.Decoder)
	if err != nil {
		return err
	}
	key := headKey{s.ID, r.Quality.Has(vital.Late)}
	h := p.heads[key]
	if h == nil {
		h = store.NewHead(s)
		p.heads[key] = h
		p.series[s.ID] = s
	}
	h.Append(store.Sample{
		Effective: r.Clocks.Effective, Device: r.Clocks.Device, Receive: r.Clocks.Receive, Offset: r.Clocks.Offset,
		Uncertainty: r.Clocks.Uncertainty, Value: r.Value, Quality: r.Quality, Sequence: r.Sequence,
	})
	if h.Full() {
		p.seal(key, h)
	}
	return nil
}

// from returns the line of a device for what it sent since the last tick.
func (p *partition) from(id vital.DeviceID, at vital.Instant) *store.DeviceSeen {
	if _, ok := p.f.o.Registry.Device(id); !ok {
		return nil // a person's entry
	}
	d := p.sent[id]
	if d == nil {
		d = &store.DeviceSeen{Device: id, UncertaintyMs: -1}
		p.sent[id] = d
	}
	d.At = max(d.At, at)
	return d
}

// heard counts a packet of a device and takes over what is known of its clock.
func (p *partition) heard(t ingest.Batch) {
	d := p.from(t.Device, t.Receive)
	if d == nil {
		return
	}
	d.Packets++
	d.Readings += uint64(len(t.Readings))
	k := vital.Clocks{Uncertainty: -1}
	switch {
	case len(t.Readings) > 0:
		k = t.Readings[0].Clocks
	case len(t.Waveforms) > 0:
		k = t.Waveforms[0].Clocks
	case len(t.Events) > 0:
		k = t.Events[0].Clocks
	}
	d.OffsetMs, d.UncertaintyMs = int64(k.Offset), int64(k.Uncertainty)
}

func (p *partition) writeSeen() {
	for id, d := range p.sent {
		d.DriftPPM = p.f.drift(id)
		d.Duplicates = p.f.packets.repeated(id)
		p.effects.batch.Seen = append(p.effects.batch.Seen, *d)
	}
	clear(p.sent)
}

// writeMarks notes how far the journal is at this time, so that a time leads to
// a place in it.
func (p *partition) writeMarks(at vital.Instant) {
	b := &p.effects.batch
	b.Marks = append(b.Marks, store.FrameMark{Stream: string(journal.Readings), Partition: p.number, At: at, Frame: p.seen})
	for raw, r := range p.reached {
		if r.At.Frame > 0 && p.marked[raw] != r.At.Frame {
			p.marked[raw] = r.At.Frame
			b.Marks = append(b.Marks, store.FrameMark{Stream: string(journal.Raw), Partition: raw, At: at, Frame: r.At.Frame})
		}
	}
}

// seal closes an open chunk and hands it to the batch.
func (p *partition) seal(key headKey, h *store.Head) {
	c := h.Seal()
	c.Late = key.late
	p.effects.batch.Chunks = append(p.effects.batch.Chunks, c)
	delete(p.heads, key)
}

func (p *partition) wave(ctx context.Context, w vital.Waveform) error {
	s, err := p.f.seriesOf(ctx, w.Patient, w.Device, w.Metric, w.Unit, w.Decoder)
	if err != nil {
		return err
	}
	p.series[s.ID] = s
	h := p.waveHeads[s.ID]
	if h == nil {
		h = store.NewWaveHead(s)
		p.waveHeads[s.ID] = h
	}
	if !h.Fits(w) {
		p.effects.batch.Waves = append(p.effects.batch.Waves, h.Seal())
		h = store.NewWaveHead(s)
		p.waveHeads[s.ID] = h
	}
	h.Append(w)
	p.board.Wave(w)
	if !w.Quality.Has(vital.Late) {
		p.effects.update.Waves = append(p.effects.update.Waves, w)
	}
	return nil
}

// tick is what the fixed grid of time does: streams age, chunks that have been
// open too long are closed, the latest values and the watch are written down.
func (p *partition) tick(ctx context.Context, t tick) error {
	at := t.At
	p.ticked = max(p.ticked, at)
	p.board.Tick(at, t.Behind)
	for _, r := range p.board.Derived() {
		if err := p.keep(ctx, r); err != nil {
			return err
		}
	}
	for key, h := range p.heads {
		if at.Sub(h.Samples()[0].Receive) >= chunkAge {
			p.seal(key, h)
		}
	}
	for id, h := range p.waveHeads {
		if at.Sub(h.Waveforms()[0].Clocks.Receive) >= waveAge {
			p.effects.batch.Waves = append(p.effects.batch.Waves, h.Seal())
			delete(p.waveHeads, id)
		}
	}
	p.inOrder()
	p.writeSeen()
	p.effects.now = true
	if at.Sub(p.saved) >= snapshotEvery {
		p.effects.snapshot = true
		p.saved = at
		p.writeMarks(at)
	}
	return nil
}

// steer applies a control record once, whatever number of times it was written.
func (p *partition) steer(c control) error {
	if c.ID != 0 && c.ID <= p.control {
		return nil
	}
	p.control = max(p.control, c.ID)
	if c.Kind == store.ControlReassign {
		if err := p.reassign(c.Body); err != nil {
			return err
		}
	}
	if err := p.steerAlarms(c); err != nil {
		return err
	}
	for _, f := range c.Facts {
		if p.mine(f.Patient) {
			p.board.Facts(f, c.At)
		}
	}
	if p.number == 0 && c.ID != 0 {
		p.effects.batch.Controls = append(p.effects.batch.Controls, store.Control{ID: c.ID, At: c.At, Kind: c.Kind})
	}
	if c.Kind != store.ControlAlarm && c.Kind != store.ControlReport {
		p.effects.update.Changed = true // an alarm that changed travels by itself: no ward has to be fetched for it
	}
	p.effects.now = true
	return nil
}

// reassign closes what is open of a device whose hours belong to another
// patient: the store moves those hours as it takes the chunks. What the wrong
// patient's screen showed of them is taken back.
func (p *partition) reassign(body []byte) error {
	var k store.Reassignment
	if err := json.Unmarshal(body, &k); err != nil {
		return vital.Errorf(vital.Internal, "read a reassignment: %w", err)
	}
	for key, h := range p.heads {
		if p.series[key.series].Device == k.Device {
			p.seal(key, h)
		}
	}
	for id, h := range p.waveHeads {
		if p.series[id].Device == k.Device {
			p.effects.batch.Waves = append(p.effects.batch.Waves, h.Seal())
			delete(p.waveHeads, id)
		}
	}
	p.inOrder()
	p.board.Forget(k.Device, k.From, k.To, k.Patient)
	return nil
}

// inOrder sorts what was closed while walking a map: its order must not decide
// the order in the store.
func (p *partition) inOrder() {
	slices.SortStableFunc(p.effects.batch.Chunks, func(a, b store.Chunk) int { return cmp.Compare(a.Series, b.Series) })
	slices.SortStableFunc(p.effects.batch.Waves, func(a, b store.WaveBlock) int { return cmp.Compare(a.Series, b.Series) })
}

func (p *partition) writeLatest(b *store.Batch) {
	patients := map[vital.PatientID]struct{}{}
	for k := range p.latest {
		patients[k.patient] = struct{}{}
	}
	for id := range patients {
		for _, v := range p.board.Latest(id) {
			if _, changed := p.latest[latestKey{id, v.Metric}]; !changed {
				continue
			}
			b.Latest = append(b.Latest, store.Latest{
				Patient: v.Patient, Device: v.Device, Metric: v.Metric, Unit: v.Unit,
				Sample: store.Sample{
					Effective: v.Clocks.Effective, Device: v.Clocks.Device, Receive: v.Clocks.Receive, Offset: v.Clocks.Offset,
					Uncertainty: v.Clocks.Uncertainty, Value: v.Value, Quality: v.Quality, Sequence: v.Sequence,
				},
			})
		}
	}
	clear(p.latest)
}
