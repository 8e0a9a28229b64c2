package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/webd"
)

// gauge remembers counters of a while ago, so that rates can be told.
type gauge struct {
	mu   sync.Mutex
	past []reading
}

type reading struct {
	at                             time.Time
	packets, readings, waves, acks uint64
}

// sampleEvery is how often the counters are remembered.
const sampleEvery = 2 * time.Second

// sample remembers the counters for ten seconds, until ctx ends.
func (n *node) sample(ctx context.Context) error {
	for {
		n.gauge.add(n.counters())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sampleEvery):
		}
	}
}

func (n *node) counters() reading {
	t := n.flow.Totals()
	accepted, _ := n.door.Accepted()
	return reading{time.Now(), t.Packets, t.Readings, t.Waves, accepted}
}

func (g *gauge) add(r reading) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.past = append(g.past, r)
	for len(g.past) > 1 && r.at.Sub(g.past[0].at) > 10*time.Second {
		g.past = g.past[1:]
	}
}

// rates returns what the counters grew by per second over the last ten seconds.
func (g *gauge) rates(now reading) webd.Rates {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.past) == 0 {
		return webd.Rates{}
	}
	then := g.past[0]
	s := now.at.Sub(then.at).Seconds()
	if s <= 0 {
		return webd.Rates{}
	}
	per := func(a, b uint64) float64 { return math.Round(float64(b-a)/s*10) / 10 }
	return webd.Rates{
		Packets: per(then.packets, now.packets), Readings: per(then.readings, now.readings),
		Waves: per(then.waves, now.waves), Acks: per(then.acks, now.acks),
	}
}

// system says how the machine does.
func (n *node) system(ctx context.Context) (webd.SystemState, error) {
	s := webd.SystemState{
		Rates:   n.gauge.rates(n.counters()),
		Clients: n.mqtt.Stats().Connections, Uptime: int64(time.Since(n.began).Seconds()), Version: version,
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s.Memory = memory.Sys - memory.HeapReleased
	var err error
	s.Lag, err = n.lag(ctx, func(stream journal.Stream, partition uint16, first, last uint64) {
		s.Journal = append(s.Journal, webd.JournalState{Stream: string(stream), Partition: partition, First: first, Last: last, Bytes: n.journalBytes(stream, int(partition))})
	})
	if err != nil {
		return s, err
	}
	s.Disk.Free, s.Disk.Total = n.diskLeft()
	acks, syncs := n.door.Waits.Quantiles(0.5, 0.99), n.syncs.Quantiles(0.99)
	s.Ack = webd.AckTimes{P50: acks[0].Seconds() * 1000, P99: acks[1].Seconds() * 1000}
	s.Fsync = webd.SyncTimes{P99: syncs[0].Seconds() * 1000}
	stats, err := n.store.Size(ctx)
	if err != nil {
		return s, err
	}
	s.Store = webd.StoreState{Dialect: stats.Dialect, Version: stats.Version, Bytes: stats.Bytes, Schema: stats.Schema}
	policy, err := n.store.Retentions(ctx, n.site)
	if err != nil {
		return s, err
	}
	for _, p := range policy {
		s.Retention = append(s.Retention, webd.RetentionLine{What: p.What, Days: p.Days, LastRun: p.LastRun, Removed: p.Removed})
	}
	s.Listeners, s.Links = n.openDoors(), links(n.mqtt.Clients())
	s.Disk.Data = n.gauge.folder(n.config.Data)
	return s, nil
}

// partitionSeer is told the first and the newest frame of a partition.
type partitionSeer func(stream journal.Stream, partition uint16, first, last uint64)

// lag says how much of the journal is not applied yet. A partition that cannot be
// read is left out and is the error.
func (n *node) lag(ctx context.Context, see partitionSeer) (l webd.Lag, err error) {
	l.Raw, err = n.behind(ctx, journal.Raw, see)
	readings, failed := n.behind(ctx, journal.Readings, see)
	if failed != nil {
		err = failed
	}
	l.Readings = readings
	return l, err
}

// behind is lag of one stream; see may be nil.
func (n *node) behind(ctx context.Context, stream journal.Stream, see partitionSeer) (frames uint64, err error) {
	for i := range n.config.Partitions {
		first, last, failed := n.journal.Bounds(ctx, stream, uint16(i))
		if failed != nil {
			err = failed
			continue
		}
		if see != nil {
			see(stream, uint16(i), first, last)
		}
		frames += n.flow.Lag(stream, uint16(i), last)
	}
	return frames, err
}

// diskLeft is of the disk that the data lies on, bytes; zeros: it cannot be told.
func (n *node) diskLeft() (free, total uint64) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(n.config.Data, &disk); err != nil {
		return 0, 0
	}
	return disk.Bavail * uint64(disk.Bsize), disk.Blocks * uint64(disk.Bsize)
}

// journalBytes returns what a partition takes on this machine's disk; 0 when it
// lies on another.
func (n *node) journalBytes(s journal.Stream, partition int) uint64 {
	files := filepath.Join(n.config.Data, "journal", fmt.Sprintf("%s-%d", s, partition))
	if _, err := os.Stat(files); err == nil {
		return n.gauge.folder(files)
	}
	kept, err := filepath.Glob(filepath.Join(n.config.Data, "journal", "jetstream", "*", "streams", fmt.Sprintf("VIGIL_%s_%d", s, partition)))
	if err != nil || len(kept) == 0 {
		return 0
	}
	return n.gauge.folder(kept[0])
}

// folder returns the bytes under a directory.
func (g *gauge) folder(dir string) uint64 {
	var bytes uint64
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what vanishes while we look is not counted
		}
		if info, err := d.Info(); err == nil {
			bytes += uint64(info.Size())
		}
		return nil
	})
	return bytes
}
