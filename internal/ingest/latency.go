package ingest

import (
	"slices"
	"sync"
	"time"
)

// Latency keeps a sample of recent durations, so that the slow end can be told
// without keeping all of them.
type Latency struct {
	mu    sync.Mutex
	count uint64
	ring  [4096]time.Duration
	fill  int
}

// latencyEvery is how many durations share one place in the sample.
const latencyEvery = 4

// Add takes one duration.
func (l *Latency) Add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	if l.fill < len(l.ring) {
		l.ring[l.fill] = d
		l.fill++
		return
	}
	if l.count%latencyEvery == 0 {
		l.ring[l.count/latencyEvery%uint64(len(l.ring))] = d
	}
}

// Quantiles returns the durations below which the shares of the sample lie; zero
// when nothing was added.
func (l *Latency) Quantiles(shares ...float64) []time.Duration {
	l.mu.Lock()
	sample := slices.Clone(l.ring[:l.fill])
	l.mu.Unlock()
	slices.Sort(sample)
	out := make([]time.Duration, len(shares))
	for i, q := range shares {
		if len(sample) > 0 {
			out[i] = sample[min(int(q*float64(len(sample))), len(sample)-1)]
		}
	}
	return out
}
