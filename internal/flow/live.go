package flow

import (
	"context"
	"slices"
	"sync"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// sinks are the screens that want to hear.
type sinks struct {
	mu   sync.RWMutex
	next int
	all  map[int]func(*watch.Update)
}

// Attach calls sink with every update from now on, until detach. A sink must not
// block and must not keep or change the update.
func (f *Flow) Attach(sink func(*watch.Update)) (detach func()) {
	s := &f.sinks
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[int]func(*watch.Update){}
	}
	id := s.next
	s.next++
	s.all[id] = sink
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, id)
	}
}

func (f *Flow) publish(u *watch.Update) {
	f.sinks.mu.RLock()
	defer f.sinks.mu.RUnlock()
	for _, sink := range f.sinks.all {
		sink(u)
	}
}

// Latest returns the latest values, from memory, of those of the patients that
// rows lets through; nil: of all of those.
func (f *Flow) Latest(rows store.Rows, patients []vital.PatientID) []watch.Value {
	var values []watch.Value
	for _, p := range f.parts {
		p.mu.RLock()
		for _, id := range p.among(patients) {
			values = append(values, p.board.Latest(id)...)
		}
		p.mu.RUnlock()
	}
	of := make([]vital.PatientID, 0, len(values))
	for _, v := range values {
		of = append(of, v.Patient)
	}
	sees := f.sight(context.Background(), rows, of)
	return slices.DeleteFunc(values, func(v watch.Value) bool { return !sees(v.Patient, vital.DataOf(v.Metric)) })
}

// among returns those of the patients that belong to the partition; nil: all it
// knows.
func (p *partition) among(patients []vital.PatientID) []vital.PatientID {
	if patients == nil {
		return p.board.Patients()
	}
	var mine []vital.PatientID
	for _, id := range patients {
		if p.mine(id) {
			mine = append(mine, id)
		}
	}
	return mine
}

// packets remembers the latest packets of each device and who waits for one.
type packets struct {
	mu      sync.Mutex
	device  map[vital.DeviceID][]ingest.PacketInfo // newest last
	recent  map[vital.Position]ingest.PacketInfo
	order   []vital.Position // of recent, oldest first from next
	next    int
	waiting map[vital.Position][]chan ingest.PacketInfo
	again   map[vital.DeviceID]uint64 // duplicates since they were last written down
}

const (
	packetsPerDevice = 50
	packetsRecent    = 8192
)

func newPackets() *packets {
	return &packets{
		device: map[vital.DeviceID][]ingest.PacketInfo{}, recent: map[vital.Position]ingest.PacketInfo{},
		waiting: map[vital.Position][]chan ingest.PacketInfo{}, again: map[vital.DeviceID]uint64{},
	}
}

func (k *packets) add(i ingest.PacketInfo) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i.Result == ingest.Duplicate {
		k.again[i.Device]++
	}
	list := k.device[i.Device]
	if len(list) >= 2*packetsPerDevice {
		list = append(list[:0], list[len(list)-packetsPerDevice:]...)
	}
	k.device[i.Device] = append(list, i)
	if len(k.order) < packetsRecent {
		k.order = append(k.order, i.At)
	} else {
		delete(k.recent, k.order[k.next])
		k.order[k.next] = i.At
		k.next = (k.next + 1) % packetsRecent
	}
	k.recent[i.At] = i
	for _, c := range k.waiting[i.At] {
		c <- i
	}
	delete(k.waiting, i.At)
}

// repeated takes the count of a device's duplicates since the last call.
func (k *packets) repeated(id vital.DeviceID) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := k.again[id]
	delete(k.again, id)
	return n
}

// drift returns the last known drift of a device's clock, parts per million.
func (f *Flow) drift(id vital.DeviceID) float64 {
	f.packets.mu.Lock()
	defer f.packets.mu.Unlock()
	if list := f.packets.device[id]; len(list) > 0 {
		return list[len(list)-1].DriftPPM
	}
	return 0
}

// tell records what became of a packet and passes it on.
func (f *Flow) tell(i ingest.PacketInfo) {
	f.counts.packets.Add(1)
	f.counts.readings.Add(uint64(i.Readings))
	f.counts.waves.Add(uint64(i.Waves))
	f.counts.events.Add(uint64(i.Events))
	switch i.Result {
	case ingest.Failed, ingest.Partly:
		f.counts.problems.Add(1)
	case ingest.Duplicate:
		f.counts.duplicates.Add(1)
	}
	f.packets.add(i)
	if f.o.Packet != nil {
		f.o.Packet(i)
	}
}

// Packets returns the latest packets of a device that were received before that
// time (0: now), newest first.
func (f *Flow) Packets(ctx context.Context, rows store.Rows, id vital.DeviceID, before vital.Instant, limit int) ([]ingest.PacketInfo, error) {
	if _, err := f.db.Device(ctx, rows, id); err != nil {
		return nil, err
	}
	shown, err := f.moments(ctx, rows, id)
	if err != nil {
		return nil, err
	}
	f.packets.mu.Lock()
	defer f.packets.mu.Unlock()
	var list []ingest.PacketInfo
	for _, i := range slices.Backward(f.packets.device[id]) {
		if len(list) == limit {
			break
		}
		if (before == 0 || i.Received < before) && shown(i.Received) {
			list = append(list, i)
		}
	}
	return list, nil
}

// moments answers at which times what a device sent may be shown: while nobody
// wore it, or somebody of whom the caller sees everything. A packet is not taken
// apart to show half of it.
func (f *Flow) moments(ctx context.Context, rows store.Rows, id vital.DeviceID) (func(vital.Instant) bool, error) {
	if rows.All || slices.Contains(rows.Devices, id) {
		if rows.For == nil || !slices.ContainsFunc(rows.For.Paths, func(p store.Path) bool { return p.By != store.ByAnyone }) {
			return func(vital.Instant) bool { return true }, nil
		}
	}
	bindings, err := f.db.Bindings(ctx, store.Everything(f.site), store.BindingFilter{Device: id})
	if err != nil {
		return nil, err
	}
	rooms, err := f.db.Rooms(ctx, rows, "")
	if err != nil {
		return nil, err
	}
	var patients []vital.PatientID
	for _, b := range bindings {
		if b.Patient != "" {
			patients = append(patients, b.Patient)
		}
	}
	seen, err := f.db.Sees(ctx, rows, patients)
	if err != nil {
		return nil, err
	}
	return func(at vital.Instant) bool {
		return !slices.ContainsFunc(bindings, func(b store.Binding) bool {
			return b.Covers(at) && seen[b.Patient] != vital.EveryData && !slices.ContainsFunc(rooms, func(r store.Room) bool { return r.ID == b.Room })
		})
	}, nil
}

// Problems returns what could not be read since that time, newest first.
func (f *Flow) Problems(ctx context.Context, rows store.Rows, since vital.Instant, limit int) ([]ingest.PacketInfo, error) {
	stored, err := f.db.Problems(ctx, rows, since)
	if err != nil {
		return nil, err
	}
	list := make([]ingest.PacketInfo, 0, len(stored))
	for _, p := range stored[:min(limit, len(stored))] {
		list = append(list, ingest.PacketInfo{
			At: p.Position, Received: p.At, Device: p.Device, Credential: p.Credential, Format: p.Format,
			Result: ingest.Failed, Reason: p.Reason, Preview: p.Preview,
		})
	}
	return list, nil
}

// Events returns what the store holds.
func (f *Flow) Events(ctx context.Context, rows store.Rows, q store.Query) ([]vital.Event, error) {
	return f.db.Events(ctx, rows, q)
}

// Totals are counts since the process started.
type Totals struct {
	Packets, Readings, Waves, Events, Problems, Duplicates uint64
}

// Totals returns what has been decoded since the process started.
func (f *Flow) Totals() Totals {
	c := &f.counts
	return Totals{c.packets.Load(), c.readings.Load(), c.waves.Load(), c.events.Load(), c.problems.Load(), c.duplicates.Load()}
}

// Lag returns how many frames of a partition are not worked off yet, given its
// newest.
func (f *Flow) Lag(s journal.Stream, partition uint16, last uint64) uint64 {
	done := uint64(0)
	if s == journal.Raw {
		done = f.raws[partition].reached.Load()
	} else {
		p := f.parts[partition]
		p.mu.RLock()
		done = p.stored
		p.mu.RUnlock()
	}
	if done > last {
		return 0
	}
	return last - done
}
