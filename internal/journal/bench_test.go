//go:build linux

package journal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// BenchmarkWriterJetStream and BenchmarkWriterFiles measure what a door sees: so
// many senders, each waiting for its acknowledgement before it sends again, 200
// bytes a record. The disk's own time for one synced write is measured right
// before, on the same disk, since it moves by the minute.
func BenchmarkWriterJetStream(b *testing.B) {
	benchmarkWriter(b, func(b *testing.B, directory string) journal.Log { return openJetStream(b, directory) })
}

func BenchmarkWriterFiles(b *testing.B) {
	benchmarkWriter(b, func(b *testing.B, directory string) journal.Log { return openFiles(b, directory) })
}

func benchmarkWriter(b *testing.B, open func(b *testing.B, directory string) journal.Log) {
	for _, senders := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			directory := b.TempDir()
			raw := syncTimes(b, directory)
			l := open(b, filepath.Join(directory, "journal"))
			k := openRing(b, &journal.MemoryKeys{})
			w := openWriter(b, l, k)
			times := send(b, k, w, senders)
			closeWriter(b, w)
			_, last, err := l.Bounds(context.Background(), journal.Raw, 0)
			if err != nil {
				b.Fatal(err)
			}
			elapsed := b.Elapsed().Seconds()
			b.ReportMetric(float64(b.N)/elapsed, "records/s")
			b.ReportMetric(float64(last)/elapsed, "frames/s")
			b.ReportMetric(milliseconds(times, 0.5), "p50-ms")
			b.ReportMetric(milliseconds(times, 0.99), "p99-ms")
			b.ReportMetric(milliseconds(raw, 0.5), "disk-p50-ms")
			b.ReportMetric(milliseconds(raw, 0.99), "disk-p99-ms")
		})
	}
}

// send appends b.N records from so many senders and returns how long each waited.
func send(b *testing.B, k *journal.Ring, w *journal.Writer, senders int) []time.Duration {
	ctx := context.Background()
	times := make([]time.Duration, b.N)
	body := make([]byte, 200)
	var group sync.WaitGroup
	keys := make([]journal.KeyID, senders)
	for i := range senders {
		var err error
		if keys[i], err = k.For(ctx, fmt.Sprintf("device/monitor-%d", i)); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(body)))
	b.ResetTimer()
	for i := range senders {
		group.Go(func() {
			acknowledged := make(chan error, 1)
			done := func(_ vital.Position, err error) { acknowledged <- err }
			for n := i; n < b.N; n += senders {
				start := time.Now()
				if err := w.Append(ctx, journal.Record{Kind: journal.KindPacket, Key: keys[i], Body: body}, done); err != nil {
					b.Error(err)
					return
				}
				if err := <-acknowledged; err != nil {
					b.Error(err)
					return
				}
				times[n] = time.Since(start)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	return times
}

// syncTimes writes and syncs 4 KiB at a time, appending.
func syncTimes(b *testing.B, directory string) []time.Duration {
	f, err := os.Create(filepath.Join(directory, "sync"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	times := make([]time.Duration, 200)
	page := make([]byte, 4096)
	for i := range times {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		times[i] = time.Since(start)
	}
	return times
}

func milliseconds(times []time.Duration, q float64) float64 {
	slices.Sort(times)
	return float64(times[int(q*float64(len(times)-1))].Microseconds()) / 1000
}

// BenchmarkReplay measures reading back: open, check and unseal 200-byte records
// in frames of 500.
func BenchmarkReplay(b *testing.B) {
	b.Run("jetstream", func(b *testing.B) { benchmarkReplay(b, openJetStream(b, b.TempDir())) })
	b.Run("files", func(b *testing.B) { benchmarkReplay(b, openFiles(b, b.TempDir())) })
}

func benchmarkReplay(b *testing.B, l journal.Log) {
	ctx := context.Background()
	k := openRing(b, &journal.MemoryKeys{})
	w := openWriter(b, l, k)
	key, err := k.For(ctx, "device/monitor-1")
	if err != nil {
		b.Fatal(err)
	}
	records := make([]journal.Record, 500)
	for i := range records {
		records[i] = journal.Record{Kind: journal.KindReading, Key: key, Body: make([]byte, 200)}
	}
	const frames = 800
	for range frames {
		if _, err := w.AppendFrame(ctx, records); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	count := 0
	for b.Loop() {
		got, breaks := readAll(b, l, k)
		if len(got) != frames || len(breaks) != 0 {
			b.Fatalf("%d frames, breaks %v", len(got), breaks)
		}
		count += len(got) * len(records)
	}
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "records/s")
}
