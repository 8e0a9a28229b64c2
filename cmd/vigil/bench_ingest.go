package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
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
	if err := b.acquaint(ctx, template, accounts); err != nil {
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
	plan := loadPlan{address: t.mqtt, accounts: accounts, window: b.window, rate: b.rate, warm: b.warm, measure: b.measure, kinds: b.kinds(), first: 1_000_000}
	result, err := plan.run(ctx)
	if err != nil {
		return result, fmt.Errorf("load %s: %w", name, err)
	}
	return result, nil
}

// kinds is how many pairs of metrics a device sends in turn: more than it has
// messages in flight.
func (b bench) kinds() int {
	if b.rate > 0 {
		return 1
	}
	return min(b.window+2, payloadKinds)
}

// acquaint lets every device send everything once before anything is measured:
// the first value of a metric costs a row of its own, and a ward's monitors are
// not new every morning.
func (b bench) acquaint(ctx context.Context, dir string, accounts []account) error {
	t, err := startVigil(ctx, dir)
	if err != nil {
		return err
	}
	defer t.stop()
	messages := b.kinds() * len(accounts)
	plan := loadPlan{address: t.mqtt, accounts: accounts, rate: min(float64(messages), 2000), kinds: b.kinds()}
	plan.measure = time.Duration(float64(messages) / plan.rate * float64(time.Second))
	r, err := plan.run(ctx)
	if err != nil {
		return fmt.Errorf("let the devices send once: %w", err)
	}
	b.say("%d devices have sent %d messages; waiting until they are stored", len(accounts), r.acks)
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		n, err := metricOf(ctx, "http://"+t.http+"/metrics", "vigil_readings_total")
		if err == nil && int(n) >= 2*r.acks {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("%.0f of %d readings are stored after two minutes: %w", n, 2*r.acks, errors.Join(err, ctx.Err()))
		}
	}
}

// metricOf reads one figure of a server's /metrics.
func metricOf(ctx context.Context, url, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(rest, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s: %s", url, name, answer.Status)
}
