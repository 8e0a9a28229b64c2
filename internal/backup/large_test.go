package backup_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// large is how much is restored; make it a gigabyte to measure:
// go test ./internal/backup -run TestRestoreTime -v -restore.bytes 1000000000
var large = flag.Int("restore.bytes", 16<<20, "bytes that TestRestoreTime backs up and restores")

// mostRestore is what restoring a gigabyte may take.
const mostRestore = 5 * time.Minute

// Half of it lies in the store, in rows of 64 KiB, half in the journal, in
// records of 64 KiB. Restoring copies, hashes and opens every one of them.
//
// Covers: H8
func TestRestoreTime(t *testing.T) {
	const piece = 64 << 10
	backups := t.TempDir()
	i := install(t, t.TempDir(), backups, "")
	i.live(1)
	ctx := t.Context()
	ring := got(journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: i.keys}, site, now))(t)
	key := got(ring.For(ctx, seal.Patient("p-1")))(t)
	chance := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, piece)
	pieces := *large / piece / 2
	synced := make(chan error, pieces)
	for n := range pieces {
		for at := 0; at < piece; at += 8 {
			v := chance.Uint64()
			for b := range 8 {
				body[at+b] = byte(v >> (8 * b))
			}
		}
		must(t, i.db.PutEvidence(ctx, site, fmt.Sprintf("al-%d", n), "p-1", vital.Instant(n), body))
		record := journal.Record{Kind: journal.KindWaveform, Key: key, Body: append([]byte(nil), body...)}
		must(t, i.writer.Append(ctx, record, func(_ vital.Position, err error) { synced <- err }))
		if n%16 == 15 || n == pieces-1 {
			for range n%16 + 1 {
				must(t, <-synced)
			}
		}
	}
	began := time.Now()
	m := got(i.maker.Make(ctx, "u-1"))(t)
	backed := time.Since(began)
	into := bring(t, i.data)
	rep := got(restore(t, filepath.Join(backups, m.Name), into))(t)
	t.Logf("%d bytes: backed up in %.1f s, restored and checked in %.1f s (%d frames, %d records, %d entries)",
		m.Bytes(), backed.Seconds(), rep.Took.Seconds(), rep.Frames, rep.Records, rep.Ledger)
	if rep.Took > mostRestore || m.Bytes() < int64(*large)*9/10 {
		t.Errorf("restoring %d bytes took %v", m.Bytes(), rep.Took)
	}
}
