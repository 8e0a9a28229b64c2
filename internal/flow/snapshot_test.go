package flow_test

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// A tick asks for a snapshot while records of its own frame are still to come.
// The snapshot once left them out and yet said that it held the whole frame: a
// crash then lost what was in open chunks, and showed the rest twice.
func TestASnapshotHoldsItsWholeFrame(t *testing.T) {
	dir := t.TempDir()
	path, log := filepath.Join(dir, "v.db"), journal.NewMemory()
	r := open(t, path, log)
	r.furnish()
	r.stop()

	ctx := t.Context()
	d, err := store.Open(ctx, store.Options{DSN: "sqlite:" + path, Backups: dir, Keeper: keeperOf(t)})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: keeperOf(t)}, site, now)
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := d.Own(ctx, site, 0)
	if err != nil {
		t.Fatal(err)
	}
	w, err := journal.OpenWriter(ctx, journal.WriterOptions{Log: log, Keys: ring, Site: site, Stream: journal.Readings, Epoch: epoch})
	if err != nil {
		t.Fatal(err)
	}
	tick, err := json.Marshal(map[string]vital.Instant{"at": now()})
	if err != nil {
		t.Fatal(err)
	}
	source := vital.Position{Frame: 1}
	batch := ingest.Batch{Source: source, Device: "m-a", Receive: now(), Sequence: 1, Decoder: "vigil-json@1", Readings: []vital.Reading{{
		Site: site, Device: "m-a", Metric: "heart-rate", Unit: "/min", Value: vital.Num(vital.Whole(72)), Sequence: 1, Source: source,
		Clocks: vital.Clocks{Device: base, Effective: base, Receive: base, Uncertainty: -1}, Decoder: "vigil-json@1",
	}}}
	_, err = w.AppendFrame(ctx, []journal.Record{
		{Kind: journal.KindTick, Body: tick},
		{Kind: journal.KindReading, Body: batch.Encode(site)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
	d.Close()

	r = open(t, path, log)
	r.settle()
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	crash := filepath.Join(dir, "crash.db")
	if _, err := raw.ExecContext(ctx, "VACUUM INTO ?", crash); err != nil {
		t.Fatal(err)
	}
	kept := copyLog(t, log)
	r.stop()

	r = open(t, crash, kept)
	r.settle()
	tracks, err := r.flow.Samples(ctx, store.Everything(site), store.Query{Device: "m-a", From: 1, To: now() + 1e9})
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, track := range tracks {
		count += len(track.Samples)
	}
	if count != 1 {
		t.Errorf("%d readings after the crash, want the one that followed the tick", count)
	}
}
