package store_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// commit stores chunks and more for one partition, as the flow does.
func commit(t *testing.T, d *store.DB, b store.Batch) {
	t.Helper()
	ctx := context.Background()
	b.Site, b.Partition = site, 1
	b.Epoch = got(d.Own(ctx, site, 1))(t)
	b.Applied = got(d.Mark(ctx, site, 1))(t).Applied + 1
	must(t, d.Commit(ctx, b))
}

func series(t *testing.T, d *store.DB, patient, device, metric string) store.Series {
	t.Helper()
	return got(d.Series(context.Background(), store.Series{Site: site, Patient: vital.PatientID(patient), Device: vital.DeviceID(device), Metric: metric, Unit: "/min", Decoder: "x@1"}))(t)
}

func chunkOf(s store.Series, samples ...store.Sample) store.Chunk {
	h := store.NewHead(s)
	for _, x := range samples {
		h.Append(x)
	}
	return h.Seal()
}

func run(from, to int) (out []store.Sample) {
	for i := from; i < to; i++ {
		out = append(out, sample(i))
	}
	return out
}

func samplesOf(t *testing.T, d *store.DB, r store.Rows, patient string) (out []store.Sample) {
	t.Helper()
	for _, tr := range got(d.Samples(context.Background(), r, store.Query{Patient: vital.PatientID(patient), From: t0 - 1e6, To: t0 + 1e9}))(t) {
		out = append(out, tr.Samples...)
	}
	return out
}

func TestReassign(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 2)
		s := series(t, d, "p-a1", "m-a1", "heart-rate")
		ecg := series(t, d, "p-a1", "m-a1", "ecg-ii")
		wh := store.NewWaveHead(ecg)
		for i := range 5 {
			wh.Append(wave(int64(t0)*1000+int64(i)*1_000_000, 250))
		}
		beat := func(at vital.Instant) vital.Event {
			return vital.Event{Site: site, Patient: "p-a1", Device: "m-a1", Kind: "beat", Clocks: vital.Clocks{Effective: at}}
		}
		commit(t, d, store.Batch{
			Chunks: []store.Chunk{chunkOf(s, run(0, 50)...), chunkOf(s, run(50, 100)...)}, Waves: []store.WaveBlock{wh.Seal()},
			Events: []vital.Event{beat(t0 + 1000), beat(t0 + 3_000_000)},
			Latest: []store.Latest{{Patient: "p-a1", Device: "m-a1", Metric: "heart-rate", Unit: "/min", Sample: sample(99)}},
		})
		// From the 31st sample on it was somebody else; the two first seconds of the ECG too.
		must(t, d.Reassign(ctx, entry("device.reassign"), "m-a1", sample(30).Effective, t0+1e9, "p-a2"))
		must(t, d.Reassign(ctx, entry("device.reassign"), "m-a1", t0, t0+2000, "p-a2"))
		if one, two := samplesOf(t, d, everything, "p-a1"), samplesOf(t, d, everything, "p-a2"); !reflect.DeepEqual(one, run(1, 30)) ||
			!reflect.DeepEqual(two, append(run(0, 1), run(30, 100)...)) {
			t.Errorf("after the correction: %d and %d samples", len(one), len(two))
		}
		q := store.Query{Patient: "p-a1", From: t0, To: t0 + 1e9}
		one := got(d.Waves(ctx, everything, q))(t)
		q.Patient = "p-a2"
		two := got(d.Waves(ctx, everything, q))(t)
		if len(one) != 3 || len(two) != 2 || two[0].Start != int64(t0)*1000 || two[0].Patient != "p-a2" {
			t.Errorf("packets of the ECG: %d and %d, want 3 and 2", len(one), len(two))
		}
		if ev := got(d.Events(ctx, everything, q))(t); len(ev) != 2 {
			t.Errorf("events of p-a2: %+v", ev)
		}
		l := got(d.LatestOf(ctx, everything, nil))(t)
		if len(l) != 2 || l[0].Patient != "p-a1" || l[0].Sample != sample(29) || l[1].Patient != "p-a2" || l[1].Sample != sample(99) {
			t.Errorf("latest: %+v", l)
		}
		// Nothing was overwritten: 2 old chunks superseded, their 100 samples in force once.
		if st := got(d.Stats(ctx))(t); st.Samples != 100 || st.Chunks < 5 {
			t.Errorf("stats: %+v", st)
		}
		// What still waited in memory, or comes late, follows the correction.
		commit(t, d, store.Batch{Chunks: []store.Chunk{chunkOf(s, sample(20), sample(40))},
			Latest: []store.Latest{{Patient: "p-a1", Device: "m-a1", Metric: "heart-rate", Unit: "/min", Sample: sample(120)}}})
		if one, two := len(samplesOf(t, d, everything, "p-a1")), len(samplesOf(t, d, everything, "p-a2")); one != 30 || two != 72 {
			t.Errorf("late data: %d and %d samples, want 30 and 72", one, two)
		}
		if l := got(d.LatestOf(ctx, everything, []vital.PatientID{"p-a2"}))(t); len(l) != 1 || l[0].Sample != sample(120) {
			t.Errorf("latest of p-a2: %+v", l)
		}
		// Back again: a correction can be corrected.
		must(t, d.Reassign(ctx, entry("device.reassign"), "m-a1", t0, t0+1e9, "p-a1"))
		if n := len(samplesOf(t, d, everything, "p-a2")); n != 0 {
			t.Errorf("%d samples stayed with p-a2", n)
		}
		if n := len(samplesOf(t, d, everything, "p-a1")); n != 102 {
			t.Errorf("%d samples came back, want 102", n)
		}
		if e := got(d.Audit(ctx, everything, store.AuditFilter{Action: "device.reassign", Patient: "p-a2"}))(t); len(e) != 3 {
			t.Errorf("ledger of p-a2: %d entries, want 3", len(e))
		}
		kind(t, d.Reassign(ctx, entry("device.reassign"), "m-a1", t0, t0, "p-a1"), vital.Invalid)
		kind(t, d.Reassign(ctx, entry("device.reassign"), "m-a1", t0, t0+1, "p-none"), vital.NotFound)
	})
}
