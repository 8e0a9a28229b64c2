package store_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

func sample(i int) store.Sample {
	at := t0 + vital.Instant(i)*60_000 + vital.Instant(i*i%50)
	return store.Sample{Effective: at, Device: at - 1500, Receive: at + vital.Instant(i*7%31), Offset: 1500, Uncertainty: 20,
		Value: vital.Num(vital.Decimal{Mantissa: 720 + int64(i%7), Exponent: -1}), Sequence: uint64(i + 1)}
}

func wave(start int64, n int) vital.Waveform {
	w := vital.Waveform{Start: start, MilliHz: 250_000, Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, Zero: -1024,
		Clocks: vital.Clocks{Effective: vital.Instant(start / 1000), Receive: vital.Instant(start/1000) + 40, Uncertainty: -1}, Sequence: uint64(start)}
	for i := range n {
		w.Samples = append(w.Samples, int32(1000+i*i%200))
	}
	return w
}

func TestCommitAndReadBack(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		s := got(d.Series(ctx, store.Series{Site: site, Patient: "p-a1", Device: "m-a1", Metric: "heart-rate", Unit: "/min", Decoder: "vigil-json@1"}))(t)
		again := got(d.Series(ctx, store.Series{Site: site, Patient: "p-a1", Device: "m-a1", Metric: "heart-rate", Unit: "/min", Decoder: "vigil-json@1"}))(t)
		if again != s || s.ID == 0 {
			t.Fatalf("series %+v and %+v", s, again)
		}
		ecg := got(d.Series(ctx, store.Series{Site: site, Patient: "p-a1", Device: "m-a1", Metric: "ecg-ii", Unit: "mV", Decoder: "vigil-wave@1"}))(t)
		epoch := got(d.Own(ctx, site, 3))(t)
		h := store.NewHead(s)
		var want []store.Sample
		for i := range 100 {
			h.Append(sample(i))
			want = append(want, sample(i))
		}
		wh := store.NewWaveHead(ecg)
		var packets []vital.Waveform
		for i := range 5 {
			w := wave(int64(t0)*1000+int64(i)*1_000_000, 250)
			if !wh.Fits(w) {
				t.Fatal("a packet that goes on does not fit")
			}
			wh.Append(w)
			w.Site, w.Patient, w.Device, w.Metric, w.Unit, w.Decoder = site, "p-a1", "m-a1", "ecg-ii", "mV", "vigil-wave@1"
			packets = append(packets, w)
		}
		beat := vital.Event{Site: site, Patient: "p-a1", Device: "m-a1", Kind: "beat", Code: "N", Clocks: vital.Clocks{Effective: t0 + 5, Receive: t0 + 6},
			Source: vital.Position{Partition: 3, Frame: 9, Index: 2}, Decoder: "wfdb@1", Sequence: 1 << 63}
		controls := got(d.PendingControls(ctx, site, 0))(t)
		b := store.Batch{Site: site, Partition: 3, Epoch: epoch, Applied: 10, Chunks: []store.Chunk{h.Seal()}, Waves: []store.WaveBlock{wh.Seal()},
			Events: []vital.Event{beat}, Controls: controls, Snapshot: []byte("snap"),
			Latest: []store.Latest{
				{Patient: "p-a1", Device: "m-a1", Metric: "heart-rate", Unit: "/min", Sample: sample(99)},
				{Patient: "p-a1", Device: "m-a1", Metric: "heart-rate", Unit: "/min", Sample: sample(7)},
				{Device: "m-loose", Metric: "spo2", Unit: "%", Sample: sample(3)}},
			Gaps: []store.Gap{{Patient: "p-a1", Metric: "spo2", From: t0, State: "late", Cause: "m-a1 sends nothing"}, {Patient: "p-a1", Metric: "spo2", From: t0, To: t0 + 5, State: "missing", Kind: "device"},
				{Patient: "p-a1", Metric: "spo2", From: t0, To: t0 + 5, State: "standby", Kind: "standby"}},
			Seen:     []store.DeviceSeen{{Device: "m-a1", At: t0, OffsetMs: 1500, Packets: 3, Readings: 9}, {Device: "m-a1", At: t0 + 1, OffsetMs: 1501, Packets: 2, Problems: 1}},
			Problems: []store.Problem{{Device: "m-a1", At: t0, Reason: "no unit", Preview: "{\x00}", Position: vital.Position{Partition: 1, Frame: 4, Index: 2}}},
			Marks:    []store.FrameMark{{Stream: "raw", Partition: 1, At: t0, Frame: 7}},
		}
		must(t, d.Commit(ctx, b))

		q := store.Query{Patient: "p-a1", Metrics: []string{"heart-rate"}, From: t0, To: t0 + 1e9}
		tracks := got(d.Samples(ctx, everything, q))(t)
		if len(tracks) != 1 || tracks[0].Series != s || !reflect.DeepEqual(tracks[0].Samples, want) {
			t.Fatalf("read back %+v", tracks)
		}
		q.From, q.To = want[10].Effective, want[20].Effective
		if n := len(got(d.Samples(ctx, everything, q))(t)[0].Samples); n != 10 {
			t.Errorf("half open interval has %d samples, want 10", n)
		}
		waves := got(d.Waves(ctx, everything, store.Query{Patient: "p-a1", From: t0, To: t0 + 1e6}))(t)
		if !reflect.DeepEqual(waves, packets) {
			t.Errorf("waves: got %d packets %+v", len(waves), waves[0].Clocks)
		}
		if n := len(got(d.Waves(ctx, everything, store.Query{Patient: "p-a1", From: t0 + 1500, To: t0 + 2500}))(t)); n != 2 {
			t.Errorf("waves of a second in the middle: %d packets, want 2", n)
		}
		if m := got(d.WaveMetrics(ctx, everything, "p-a1"))(t); len(m) != 1 || m[0] != "ecg-ii" {
			t.Errorf("wave metrics: %v", m)
		}
		if ev := got(d.Events(ctx, everything, store.Query{Patient: "p-a1"}))(t); len(ev) != 1 || ev[0] != beat {
			t.Errorf("events: %+v", ev)
		}
		l := got(d.LatestOf(ctx, everything, nil))(t)
		if len(l) != 2 || l[0].Patient != "" || l[1].Sample != sample(99) || l[1].Unit != "/min" {
			t.Errorf("latest: %+v", l)
		}
		b.Latest, b.Chunks, b.Waves, b.Events, b.Applied, b.Snapshot = []store.Latest{{Patient: "p-a1", Device: "m-a1", Metric: "heart-rate", Unit: "/min", Sample: sample(50)}}, nil, nil, nil, 11, nil
		must(t, d.Commit(ctx, b))
		if l := got(d.LatestOf(ctx, everything, []vital.PatientID{"p-a1"}))(t); len(l) != 1 || l[0].Sample != sample(99) {
			t.Errorf("late data replaced the latest value: %+v", l)
		}
		g := got(d.Gaps(ctx, everything, "p-a1", t0, 0))(t)
		slices.SortFunc(g, func(x, y store.Gap) int { return strings.Compare(x.State, y.State) })
		if len(g) != 2 || g[0].To != t0+5 || g[0].State != "missing" || g[0].Kind != "device" || g[1].Kind != "standby" {
			t.Errorf("a gap is replaced by its newer word, and a standby that begins with it is not it: %+v", g)
		}
		x := store.Batch{Site: site, Partition: 3, Epoch: epoch, Applied: 12}
		x.Spans = []store.Span{{Patient: "p-a1", Metric: "spo2", Kind: "continuous", Every: 10_000, From: t0}, {Patient: "p-a1", Metric: "pain", Kind: "spot", Every: 60_000, From: t0}}
		must(t, d.Commit(ctx, x))
		x.Spans, x.Applied = []store.Span{{Patient: "p-a1", Metric: "spo2", Kind: "continuous", Every: 10_000, From: t0, To: t0 + 9, Ended: "discharged"}}, 13
		must(t, d.Commit(ctx, x))
		if x := got(d.Spans(ctx, everything, "p-a1", t0, t0+99))(t); len(x) != 2 || x[0].Metric != "pain" || x[1].To != t0+9 || x[1].Ended != "discharged" {
			t.Errorf("what was expected: %+v", x)
		}
		if x := got(d.Spans(ctx, everything, "p-a1", t0+10, 0))(t); len(x) != 1 {
			t.Errorf("what was expected afterwards: %+v", x)
		}
		dev := got(d.Device(ctx, everything, "m-a1"))(t)
		if dev.Seen.Packets != 10 || dev.Seen.Readings != 18 || dev.Seen.At != t0+1 || dev.Seen.OffsetMs != 1501 {
			t.Errorf("seen: %+v", dev.Seen)
		}
		if p := got(d.Problems(ctx, everything, t0))(t); len(p) != 2 || p[0].Preview != "{\uFFFD}" || p[0].Position.Frame != 4 {
			t.Errorf("problems: %+v", p)
		}
		if f := got(d.FrameAt(ctx, site, "raw", 1, t0+99))(t); f != 7 {
			t.Errorf("frame mark %d", f)
		}
		if left := got(d.PendingControls(ctx, site, 0))(t); len(left) != 0 {
			t.Errorf("controls left: %+v", left)
		}
		if m := got(d.Mark(ctx, site, 3))(t); m.Applied != 13 || m.SnapshotAt != 10 || string(m.Snapshot) != "snap" {
			t.Errorf("mark: %+v", m)
		}
		if m := got(d.Mark(ctx, site, 4))(t); m.Applied != 0 || m.Snapshot != nil {
			t.Errorf("mark of a new partition: %+v", m)
		}
		// Somebody else takes the partition: nothing of the next batch remains.
		got(d.Own(ctx, site, 3))(t)
		b.Applied, b.Problems[0].Reason = 12, "fenced"
		kind(t, d.Commit(ctx, b), vital.Conflict)
		if n := len(got(d.Problems(ctx, everything, t0))(t)); n != 2 {
			t.Errorf("a fenced batch left rows: %d problems", n)
		}
	})
}
