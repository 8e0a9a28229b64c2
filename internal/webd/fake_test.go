package webd_test

import (
	"context"
	"slices"
	"sync"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// machine stands in for the machine behind the doors: what it knows is what a test
// tells it.
type machine struct {
	mu       sync.Mutex
	sinks    map[int]func(*watch.Update)
	next     int
	values   map[string]watch.Value // by patient and metric
	watches  map[vital.PatientID]watch.Watch
	tracks   []store.Track
	waves    []vital.Waveform
	events   []vital.Event
	packets  []ingest.PacketInfo
	observed []vital.Reading
	changes  int
	judged
}

func newFlow() *machine {
	return &machine{
		judged: newJudged(), sinks: make(map[int]func(*watch.Update)), values: make(map[string]watch.Value), watches: make(map[vital.PatientID]watch.Watch),
	}
}

// publish remembers an update and shows it, as the flow does after its commit.
func (f *machine) publish(u *watch.Update) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range u.Values {
		f.values[string(v.Patient)+"/"+v.Metric] = v
	}
	for _, w := range u.Watches {
		f.watches[w.Patient] = w
	}
	for _, sink := range f.sinks {
		sink(u)
	}
}

func (f *machine) Attach(sink func(*watch.Update)) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.next
	f.next++
	f.sinks[id] = sink
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.sinks, id)
	}
}

func (f *machine) attached() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sinks) > 0
}

func (f *machine) Latest(rows store.Rows, patients []vital.PatientID) []watch.Value {
	f.mu.Lock()
	defer f.mu.Unlock()
	var values []watch.Value
	for _, v := range f.values {
		if (patients == nil || slices.Contains(patients, v.Patient)) && f.judged.seen(rows, v.Patient).Has(vital.DataOf(v.Metric)) {
			values = append(values, v)
		}
	}
	return values
}

func (f *machine) Watches(patients []vital.PatientID) []watch.Watch {
	f.mu.Lock()
	defer f.mu.Unlock()
	var watches []watch.Watch
	for _, w := range f.watches {
		if patients == nil || slices.Contains(patients, w.Patient) {
			watches = append(watches, w)
		}
	}
	return watches
}

func (f *machine) Samples(_ context.Context, _ store.Rows, q store.Query) ([]store.Track, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var tracks []store.Track
	for _, t := range f.tracks {
		if q.Patient != "" && t.Series.Patient != q.Patient || q.Device != "" && t.Series.Device != q.Device ||
			len(q.Metrics) > 0 && !slices.Contains(q.Metrics, t.Series.Metric) {
			continue
		}
		part := store.Track{Series: t.Series}
		for _, s := range t.Samples {
			if s.Effective >= q.From && s.Effective < q.To {
				part.Samples = append(part.Samples, s)
			}
		}
		if len(part.Samples) > 0 {
			tracks = append(tracks, part)
		}
	}
	return tracks, nil
}

func (f *machine) Waves(context.Context, store.Rows, store.Query) ([]vital.Waveform, error) {
	return f.waves, nil
}

func (f *machine) Events(context.Context, store.Rows, store.Query) ([]vital.Event, error) {
	return f.events, nil
}

func (f *machine) Changed(ctx context.Context) error {
	f.mu.Lock()
	f.changes++
	f.mu.Unlock()
	u := &watch.Update{Changed: true}
	if err := f.judged.carryOut(ctx, u); err != nil {
		return err
	}
	f.publish(u)
	return nil
}

func (f *machine) Observe(_ context.Context, _ auth.Principal, _ vital.PatientID, readings []vital.Reading) (vital.Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.observed = append(f.observed, readings...)
	return vital.Position{Frame: 1}, nil
}

func (f *machine) Packets(_ context.Context, _ store.Rows, device vital.DeviceID, _ vital.Instant, limit int) ([]ingest.PacketInfo, error) {
	var of []ingest.PacketInfo
	for _, p := range f.packets {
		if p.Device == device && len(of) < limit {
			of = append(of, p)
		}
	}
	return of, nil
}

func (f *machine) Problems(context.Context, store.Rows, vital.Instant, int) ([]ingest.PacketInfo, error) {
	return slices.DeleteFunc(slices.Clone(f.packets), func(p ingest.PacketInfo) bool { return p.Result == ingest.Decoded }), nil
}

func (f *machine) system(context.Context) (webd.SystemState, error) {
	return webd.SystemState{Version: "test", Journal: []webd.JournalState{{Stream: "raw", Last: 3}}, Listeners: []webd.Listener{}, Links: []webd.Link{}}, nil
}
