package store_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// A curve says the same whether chunk rows answered or samples did.
func TestBucketsAreTheSamples(t *testing.T) {
	ctx := context.Background()
	d := open(t, "sqlite:"+filepath.Join(t.TempDir(), "vigil.db"))
	s := series(t, d, "p-1", "m-1", "heart-rate")
	var chunks []store.Chunk
	for i := 0; i < 1200; i += 60 {
		chunks = append(chunks, chunkOf(s, run(i, i+60)...))
	}
	late := chunkOf(s, sample(30), sample(500))
	late.Late = true
	commit(t, d, store.Batch{Chunks: append(chunks, late)})
	end := sample(1200).Effective
	rapid.Check(t, func(t *rapid.T) {
		from := t0 + vital.Instant(rapid.Int64Range(-1e6, int64(end-t0)).Draw(t, "from"))
		to := from + vital.Instant(rapid.Int64Range(1, int64(end-t0)).Draw(t, "length"))
		points := rapid.IntRange(1, 700).Draw(t, "points")
		q := store.Query{Patient: "p-1", From: from, To: to}
		tracks, err := d.Samples(ctx, everything, q)
		if err != nil {
			t.Fatal(err)
		}
		curves, err := d.Buckets(ctx, everything, q, points)
		if err != nil {
			t.Fatal(err)
		}
		if len(tracks) == 0 {
			if len(curves) != 0 {
				t.Fatalf("a curve without samples: %+v", curves)
			}
			return
		}
		width := (to - from + vital.Instant(points) - 1) / vital.Instant(points)
		var want []store.Bucket
		for _, x := range tracks[0].Samples {
			k := (x.Effective - from) / width
			begin := from + k*width
			if len(want) == 0 || want[len(want)-1].From != begin {
				want = append(want, store.Bucket{From: begin, To: min(begin+width, to), Low: math.Inf(1), High: math.Inf(-1)})
			}
			b := &want[len(want)-1]
			v := x.Value.Number.Float()
			b.Low, b.High, b.Count, b.Quality = min(b.Low, v), max(b.High, v), b.Count+1, b.Quality|x.Quality
		}
		got := slices.Clone(curves[0].Buckets)
		for i := range got {
			got[i].Last = store.Sample{}
		}
		if !slices.Equal(got, want) || len(got) > points {
			t.Fatalf("%d points:\ngot  %+v\nwant %+v", points, got, want)
		}
	})
}

// Late data, wide gaps and samples without order come back in order.
func TestChunksThatOverlap(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		s := series(t, d, "p-1", "m-1", "heart-rate")
		late := chunkOf(s, sample(5), sample(3), sample(40))
		late.Late = true
		sparse := store.NewHead(s) // one value in four hours: wider than queries look back
		for i := 60; i < 1500; i += 240 {
			sparse.Append(sample(i))
		}
		twin := chunkOf(s, sample(7))
		commit(t, d, store.Batch{Chunks: []store.Chunk{chunkOf(s, run(0, 3)...), chunkOf(s, run(8, 40)...), late, sparse.Seal(), twin, twin}})
		commit(t, d, store.Batch{Chunks: []store.Chunk{twin}})
		all := samplesOf(t, d, everything, "p-1")
		if len(all) != 3+32+3+6+3 || !slices.IsSortedFunc(all, func(a, b store.Sample) int { return int(a.Effective - b.Effective) }) {
			t.Fatalf("%d samples: %v", len(all), all)
		}
		at := sample(1260).Effective
		tr := got(d.Samples(context.Background(), everything, store.Query{Device: "m-1", From: at, To: at + 1}))(t)
		if len(tr) != 1 || tr[0].Samples[0] != sample(1260) {
			t.Errorf("a sample of a sparse series is not found at its time: %+v", tr)
		}
	})
}

// A vital a minute, with jitter and all clocks, takes at most 4 bytes a sample
// of the file, indexes and all.
func TestBytesOfASample(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "vigil.db")
	d := open(t, "sqlite:"+path)
	const people, each = 100, 24 * 60
	w := walk(each)
	for minute := 0; minute < each; minute += 120 { // in the order of time, as it comes
		var b store.Batch
		for p := range people {
			s := series(t, d, fmt.Sprintf("p-%d", p), fmt.Sprintf("m-%d", p), "heart-rate")
			b.Chunks = append(b.Chunks, chunkOf(s, w[minute:minute+120]...))
		}
		commit(t, d, b)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	must(t, open(t, "sqlite:"+empty).Close())
	n := float64(people * each)
	if st := got(d.Stats(ctx))(t); st.Samples != people*each {
		t.Fatalf("stored %d of %d", st.Samples, people*each)
	}
	must(t, d.Close())
	full, err := os.Stat(path)
	must(t, err)
	none, err := os.Stat(empty)
	must(t, err)
	bytes := float64(full.Size()-none.Size()) / n
	t.Logf("%.3f bytes a sample", bytes)
	if bytes > 4 {
		t.Errorf("%.3f bytes a sample, want at most 4", bytes)
	}
}

// Readers see whole batches while a writer goes on.
func TestReadersBesideAWriter(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		s := series(t, d, "p-1", "m-1", "heart-rate")
		epoch := got(d.Own(ctx, site, 1))(t)
		var wg sync.WaitGroup
		done := make(chan struct{})
		for range 3 {
			wg.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					tr, err := d.Samples(ctx, everything, store.Query{Patient: "p-1", From: t0, To: t0 + 1e9})
					if err != nil {
						t.Error(err)
						return
					}
					if len(tr) > 0 && len(tr[0].Samples)%20 != 0 {
						t.Errorf("half a batch was seen: %d samples", len(tr[0].Samples))
						return
					}
				}
			})
		}
		for i := range 40 {
			must(t, d.Commit(ctx, store.Batch{Site: site, Partition: 1, Epoch: epoch, Applied: uint64(i + 1),
				Chunks: []store.Chunk{chunkOf(s, run(i*20, i*20+10)...), chunkOf(s, run(i*20+10, i*20+20)...)}}))
		}
		close(done)
		wg.Wait()
	})
}
