package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// figures are what a measurement may say; the names are a contract with whoever
// keeps the history. A figure that a mode does not measure is absent, not zero.
type figures struct {
	Mode            string   `json:"mode"`
	Shape           string   `json:"shape"`
	Runs            int      `json:"runs"`
	AcksPerSecond   *float64 `json:"acks_per_s,omitempty"`
	AckP50Millis    *float64 `json:"ack_p50_ms,omitempty"`
	AckP99Millis    *float64 `json:"ack_p99_ms,omitempty"`
	SyncP99Millis   *float64 `json:"fsync_p99_ms,omitempty"`
	PeerPerSecond   *float64 `json:"peer_acks_per_s,omitempty"`
	Ratio           *float64 `json:"ratio,omitempty"`
	EchoPerSecond   *float64 `json:"echo_per_s,omitempty"`
	BytesPerSample  *float64 `json:"bytes_per_sample,omitempty"`
	QueryP99Millis  *float64 `json:"query_p99_ms,omitempty"`
	LatestP99Millis *float64 `json:"latest_p99_ms,omitempty"`
	LiveP99Millis   *float64 `json:"live_p99_ms,omitempty"`
	SeenShare       *float64 `json:"seen_share,omitempty"` // of the readings sent; the rest was superseded before it left
	FrameGapMillis  *float64 `json:"frame_gap_max_ms,omitempty"`
}

// bench is what the modes share: how long, how often, where, how to report.
type bench struct {
	w        world
	json     bool
	runs     int
	clients  int
	window   int
	rate     float64
	measure  time.Duration
	warm     time.Duration
	dir      string
	peer     bool
	readings int // live: readings per second
	beds     int // live: beds, each with one device
	samples  int // store: samples in the query's database
	data     string
	alarms   alarmSize
}

const benchUsage = `usage: vigil bench ingest|store|live|alarm [flags]

ingest  what the MQTT door acknowledges once it is synced, beside Mosquitto, which does not sync
store   bytes per sample on the disk, and how long a day of one vital takes to read
live    from a device's send to a browser's socket
alarm   from the reading that decides to the alarm on a screen: none missed, none twice, beside Mosquitto and Node-RED

Every server is a fresh process with credentials and topic checks on. Figures
are medians of the runs; runs of ours and of the peer take turns.
`

func runBench(ctx context.Context, w world, args []string) error {
	if len(args) > 0 && slices.Contains([]string{"-h", "--help", "help"}, args[0]) {
		args = []string{"ingest", "-h"} // the flags of all are one set
	}
	if len(args) == 0 {
		fmt.Fprint(w.err, benchUsage)
		return vital.Errorf(vital.Invalid, "say what to measure")
	}
	b := bench{w: w}
	set := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	set.SetOutput(w.err)
	set.Usage = func() { fmt.Fprint(w.err, benchUsage, "\n"); set.PrintDefaults() }
	set.BoolVar(&b.json, "json", false, "print one JSON object")
	set.IntVar(&b.runs, "runs", 5, "how many runs the medians are of")
	set.IntVar(&b.clients, "clients", 100, "ingest: connections")
	set.IntVar(&b.window, "window", 10, "ingest: publishes in flight on each connection")
	set.Float64Var(&b.rate, "rate", 0, "ingest: messages per second, sent when due; 0: as fast as acknowledgements return")
	set.DurationVar(&b.measure, "measure", 4*time.Second, "how long each run is measured")
	set.DurationVar(&b.warm, "warm", time.Second, "how long each run warms up before")
	set.StringVar(&b.dir, "dir", "", "folder for servers' data, on the disk to measure (default: a new one under the system's)")
	set.BoolVar(&b.peer, "peer", true, "ingest, alarm: run Mosquitto, Mosquitto and Node-RED too")
	set.IntVar(&b.readings, "readings", 10000, "live, alarm: readings per second")
	set.IntVar(&b.beds, "beds", 64, "live: occupied beds, each with one device")
	set.IntVar(&b.samples, "samples", 20_000_000, "store: samples in the database that is queried")
	set.StringVar(&b.data, "data", "../shared/data", "store: folder of recordings")
	set.IntVar(&b.alarms.patients, "patients", 1000, "alarm: patients, each with one device")
	set.IntVar(&b.alarms.seconds, "seconds", 30, "alarm: how long each run sends")
	set.IntVar(&b.alarms.storm, "storm", 10000, "alarm: devices that fall into alarm at once while one heart stops; 0: none")
	set.BoolVar(&b.alarms.full, "full", true, "alarm: also run as fast as acknowledgements return")
	set.StringVar(&b.alarms.nodeRed, "node-modules", "", "alarm: folder of node modules with node-red (default: test/bench/node_modules, else npm installs it)")
	if err := set.Parse(args[1:]); err != nil {
		return vital.Errorf(vital.Invalid, "%w", err)
	}
	if set.NArg() > 0 {
		return vital.Errorf(vital.Invalid, "unexpected argument %q", set.Arg(0))
	}
	if b.runs < 1 || b.clients < 1 || b.window < 1 || b.window >= inFlightLimit || b.measure <= 0 {
		return vital.Errorf(vital.Invalid, "runs, clients, window (below %d) and measure are positive", inFlightLimit)
	}
	dir, err := os.MkdirTemp(b.dir, "vigil-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the servers: %w", err)
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	var f []figures
	switch args[0] {
	case "ingest":
		f, err = b.ingest(ctx)
	case "store":
		f, err = b.store(ctx)
	case "live":
		f, err = b.live(ctx)
	case "alarm":
		return b.alarm(ctx)
	default:
		return vital.Errorf(vital.Invalid, "there is no measurement %q: ingest, store, live or alarm", args[0])
	}
	if err != nil {
		return err
	}
	return b.report(f)
}

// report prints one JSON object per shape, or lines for people.
func (b bench) report(all []figures) error {
	for _, f := range all {
		if b.json {
			if err := json.NewEncoder(b.w.out).Encode(f); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(b.w.out, "%s, %s (median of %d, %d cores)\n", f.Mode, f.Shape, f.Runs, runtime.NumCPU())
		for _, line := range []struct {
			name, unit string
			value      *float64
		}{
			{"acknowledged, synced", "/s", f.AcksPerSecond},
			{"  to the acknowledgement, p50", "ms", f.AckP50Millis},
			{"  to the acknowledgement, p99", "ms", f.AckP99Millis},
			{"the disk's own sync, p99", "ms", f.SyncP99Millis},
			{"Mosquitto, not synced", "/s", f.PeerPerSecond},
			{"ratio", "x", f.Ratio},
			{"plain TCP echo", "/s", f.EchoPerSecond},
			{"stored", "bytes a sample", f.BytesPerSample},
			{"24 h of one vital, p99", "ms", f.QueryP99Millis},
			{"latest of all patients, p99", "ms", f.LatestP99Millis},
			{"device to socket, p99", "ms", f.LiveP99Millis},
			{"readings that reached the socket", "of all", f.SeenShare},
			{"longest gap between waveform frames", "ms", f.FrameGapMillis},
		} {
			if line.value != nil {
				fmt.Fprintf(b.w.out, "  %-38s %12.2f %s\n", line.name, *line.value, line.unit)
			}
		}
	}
	return nil
}

// say tells the one who waits what is going on; figures go to the output alone.
func (b bench) say(format string, values ...any) {
	fmt.Fprintf(b.w.err, "bench: "+format+"\n", values...)
}

// median of at least one value; the values are reordered.
func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	m := values[len(values)/2]
	if len(values)%2 == 0 {
		m = (m + values[len(values)/2-1]) / 2
	}
	return &m
}
