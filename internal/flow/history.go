package flow

import (
	"cmp"
	"context"
	"slices"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Samples returns what the store holds and what is still in open chunks, as one.
func (f *Flow) Samples(ctx context.Context, rows store.Rows, q store.Query) ([]store.Track, error) {
	var open []store.Track
	unlock := f.hold(q)
	for _, p := range f.holding(q) {
		for k, h := range p.heads {
			s := p.series[k.series]
			if !wants(q, s) {
				continue
			}
			t := store.Track{Series: s}
			for _, x := range h.Samples() {
				if x.Effective >= q.From && x.Effective < q.To {
					t.Samples = append(t.Samples, x)
				}
			}
			if len(t.Samples) > 0 {
				open = append(open, t)
			}
		}
		for i := range p.queue {
			for _, c := range p.queue[i].batch.Chunks {
				s := p.series[c.Series]
				if !wants(q, s) || c.To < q.From || c.From >= q.To {
					continue
				}
				samples, err := store.DecodeChunk(c.Body)
				if err != nil {
					unlock()
					return nil, err
				}
				t := store.Track{Series: s}
				for _, x := range samples {
					if x.Effective >= q.From && x.Effective < q.To {
						t.Samples = append(t.Samples, x)
					}
				}
				if len(t.Samples) > 0 {
					open = append(open, t)
				}
			}
		}
	}
	// The store is asked while the partitions stand still: a chunk is open, or
	// waits for the store, or is in it; never none of them.
	stored, err := f.db.Samples(ctx, rows, q)
	unlock()
	if err != nil {
		return nil, err
	}
	if len(open) == 0 {
		return stored, nil
	}
	of := make([]vital.PatientID, 0, len(open))
	for _, t := range open {
		of = append(of, t.Series.Patient)
	}
	sees := f.sight(ctx, rows, of)
	for _, t := range open {
		if !sees(t.Series.Patient, vital.DataOf(t.Series.Metric)) && !slices.Contains(rows.Devices, t.Series.Device) {
			continue
		}
		i := slices.IndexFunc(stored, func(o store.Track) bool { return o.Series.ID == t.Series.ID })
		if i < 0 {
			stored = append(stored, t)
			continue
		}
		stored[i].Samples = append(stored[i].Samples, t.Samples...)
	}
	for i := range stored {
		slices.SortStableFunc(stored[i].Samples, func(a, b store.Sample) int {
			return cmp.Or(cmp.Compare(a.Effective, b.Effective), cmp.Compare(a.Sequence, b.Sequence))
		})
	}
	return stored, nil
}

// Waves returns what the store holds and what is still in open blocks, as one.
func (f *Flow) Waves(ctx context.Context, rows store.Rows, q store.Query) ([]vital.Waveform, error) {
	var open []vital.Waveform
	unlock := f.hold(q)
	for _, p := range f.holding(q) {
		for id, h := range p.waveHeads {
			if !wants(q, p.series[id]) {
				continue
			}
			for _, w := range h.Waveforms() {
				if end := w.Start + int64(len(w.Samples))*1_000_000_000/int64(max(w.MilliHz, 1)); end > int64(q.From)*1000 && w.Start < int64(q.To)*1000 {
					open = append(open, w)
				}
			}
		}
		for i := range p.queue {
			for _, b := range p.queue[i].batch.Waves {
				s := p.series[b.Series]
				if !wants(q, s) || b.To <= int64(q.From)*1000 || b.From >= int64(q.To)*1000 {
					continue
				}
				packets, err := store.DecodeWave(b)
				if err != nil {
					unlock()
					return nil, err
				}
				for _, w := range packets {
					w.Site, w.Patient, w.Device, w.Metric, w.Unit, w.Decoder = s.Site, s.Patient, s.Device, s.Metric, s.Unit, s.Decoder
					open = append(open, w)
				}
			}
		}
	}
	stored, err := f.db.Waves(ctx, rows, q)
	unlock()
	if err != nil || len(open) == 0 {
		return stored, err
	}
	of := make([]vital.PatientID, 0, len(open))
	for _, w := range open {
		of = append(of, w.Patient)
	}
	sees := f.sight(ctx, rows, of)
	stored = append(stored, slices.DeleteFunc(open, func(w vital.Waveform) bool {
		return !sees(w.Patient, vital.DataOf(w.Metric)) && !slices.Contains(rows.Devices, w.Device)
	})...)
	slices.SortStableFunc(stored, func(a, b vital.Waveform) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Start, b.Start))
	})
	return stored, nil
}

func wants(q store.Query, s store.Series) bool {
	return (q.Patient == "" || s.Patient == q.Patient) && (q.Device == "" || s.Device == q.Device) &&
		(len(q.Metrics) == 0 || slices.Contains(q.Metrics, s.Metric))
}

// holding returns the partitions where the answer may lie.
func (f *Flow) holding(q store.Query) []*partition {
	if q.Patient != "" {
		n := f.readingsPartition(q.Patient, "")
		return f.parts[n : n+1]
	}
	return f.parts
}

// hold keeps those partitions from committing until unlock.
func (f *Flow) hold(q store.Query) (unlock func()) {
	parts := f.holding(q)
	for _, p := range parts {
		p.mu.RLock()
	}
	return func() {
		for _, p := range parts {
			p.mu.RUnlock()
		}
	}
}

// past lets a recorder ask whether a reading is there already.
type past struct{ f *Flow }

func (p past) Stored(ctx context.Context, r vital.Reading) (bool, error) {
	// The clock estimate may have changed between the first and the second
	// arrival: look where the reading would lie with it and without.
	for _, at := range []vital.Instant{r.Clocks.Effective, r.Clocks.Device} {
		tracks, err := p.f.Samples(ctx, store.Everything(p.f.site), store.Query{
			Device: r.Device, Metrics: []string{r.Metric}, From: at - pastMargin, To: at + pastMargin,
		})
		if err != nil {
			return false, err
		}
		for _, t := range tracks {
			for _, s := range t.Samples {
				if s.Device == r.Clocks.Device && s.Value == r.Value && s.Sequence == r.Sequence && t.Series.Unit == r.Unit {
					return true, nil
				}
			}
		}
		if r.Clocks.Offset == 0 {
			break
		}
	}
	return false, nil
}

// pastMargin covers small moves of the clock estimate, ms.
const pastMargin = 10_000

func (p past) StoredWave(ctx context.Context, w vital.Waveform) (bool, error) {
	at := vital.Instant(w.Start / 1000)
	waves, err := p.f.Waves(ctx, store.Everything(p.f.site), store.Query{
		Device: w.Device, Metrics: []string{w.Metric}, From: at - 60_000, To: at + 60_000,
	})
	if err != nil {
		return false, err
	}
	for _, o := range waves {
		if o.Clocks.Device == w.Clocks.Device && o.Sequence == w.Sequence && slices.Equal(o.Samples, w.Samples) {
			return true, nil
		}
	}
	return false, nil
}
