package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// ingest measures the MQTT door. Ours and the peer take turns, each as a new
// process on an empty folder, with the disk's own sync time taken beside every
// run of ours: that is what an honest promise costs in that minute.
func (b bench) ingest(ctx context.Context) ([]figures, error) {
	template := filepath.Join(b.dir, "template")
	accounts, err := enrol(ctx, template, b.clients)
	if err != nil {
		return nil, err
	}
	var acks, p50, p99, syncs, peers, echoes []float64
	for run := range b.runs {
		for _, name := range b.order(run) {
			dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, run))
			result, err := b.one(ctx, name, dir, template, accounts)
			if err != nil {
				return nil, err
			}
			b.say("run %d of %d: %s %.0f/s, p50 %.2f ms, p99 %.2f ms", run+1, b.runs, name, result.perSecond(), result.millis(0.5), result.millis(0.99))
			if name == "mosquitto" {
				peers = append(peers, result.perSecond())
				continue
			}
			acks = append(acks, result.perSecond())
			p50 = append(p50, result.millis(0.5))
			p99 = append(p99, result.millis(0.99))
		}
		s, err := syncMillis(b.dir, time.Second)
		if err != nil {
			return nil, err
		}
		e, err := echoPerSecond(b.clients, b.window, time.Second)
		if err != nil {
			return nil, fmt.Errorf("echo over TCP: %w", err)
		}
		syncs, echoes = append(syncs, s), append(echoes, e)
	}
	shape := fmt.Sprintf("%d connections x %d in flight", b.clients, b.window)
	if b.rate > 0 {
		shape = fmt.Sprintf("%d connections, open loop of %.0f msg/s", b.clients, b.rate)
	}
	f := figures{
		Mode: "ingest", Shape: shape, Runs: b.runs,
		AcksPerSecond: median(acks), AckP50Millis: median(p50), AckP99Millis: median(p99),
		SyncP99Millis: median(syncs), PeerPerSecond: median(peers), EchoPerSecond: median(echoes),
	}
	if f.PeerPerSecond != nil && *f.PeerPerSecond > 0 {
		ratio := *f.AcksPerSecond / *f.PeerPerSecond
		f.Ratio = &ratio
	}
	return []figures{f}, nil
}

// order lets each of the two go first as often as the other.
func (b bench) order(run int) []string {
	switch {
	case !b.peer:
		return []string{"vigil"}
	case run%2 == 0:
		return []string{"vigil", "mosquitto"}
	default:
		return []string{"mosquitto", "vigil"}
	}
}

// one starts one server, loads it and stops it.
func (b bench) one(ctx context.Context, name, dir, template string, accounts []account) (loadResult, error) {
	start := func() (target, error) { return startVigil(ctx, dir) }
	if name == "mosquitto" {
		template = ""
		start = func() (target, error) { return startMosquitto(ctx, dir, accounts) }
	}
	t, err := fresh(dir, template, start)
	if err != nil {
		return loadResult{}, err
	}
	defer t.stop()
	plan := loadPlan{address: t.mqtt, accounts: accounts, window: b.window, rate: b.rate, warm: b.warm, measure: b.measure}
	result, err := plan.run(ctx)
	if err != nil {
		return result, fmt.Errorf("load %s: %w", name, err)
	}
	return result, nil
}
