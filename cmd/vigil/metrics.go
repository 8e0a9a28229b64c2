package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
)

// timedLog measures how long the log takes to keep a frame.
type timedLog struct {
	journal.Log
	syncs *ingest.Latency
}

func (l timedLog) Append(ctx context.Context, s journal.Stream, partition uint16, last uint64, frame []byte) (uint64, error) {
	began := time.Now()
	seq, err := l.Log.Append(ctx, s, partition, last, frame)
	if err == nil {
		l.syncs.Add(time.Since(began))
	}
	return seq, err
}

// metrics answers /metrics for a scraper on this machine, and for others with a
// token that may see the system. Nothing in it is about a patient.
func (n *node) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "vigil", Name: name, Help: help}, value))
	}
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "vigil", Name: name, Help: help}, value))
	}
	counter("packets_accepted_total", "packets made durable and acknowledged", func() float64 { p, _ := n.door.Accepted(); return float64(p) })
	counter("packet_bytes_total", "bytes of packets made durable", func() float64 { _, b := n.door.Accepted(); return float64(b) })
	counter("packets_decoded_total", "packets worked off", func() float64 { return float64(n.flow.Totals().Packets) })
	counter("readings_total", "readings recorded", func() float64 { return float64(n.flow.Totals().Readings) })
	counter("waveform_blocks_total", "waveform blocks recorded", func() float64 { return float64(n.flow.Totals().Waves) })
	counter("packets_unreadable_total", "packets, or parts of one, that could not be read", func() float64 { return float64(n.flow.Totals().Problems) })
	counter("packets_repeated_total", "packets that had come before", func() float64 { return float64(n.flow.Totals().Duplicates) })
	gauge("mqtt_connections", "open MQTT connections", func() float64 { return float64(n.mqtt.Stats().Connections) })
	counter("mqtt_dropped_total", "QoS 0 messages dropped over capacity", func() float64 { return float64(n.mqtt.Stats().DroppedIn) })
	gauge("ack_p99_seconds", "time from receiving a packet to its acknowledgement, 99th percentile of a recent sample", func() float64 { return n.door.Waits.Quantiles(0.99)[0].Seconds() })
	gauge("journal_sync_p99_seconds", "time to keep a frame, 99th percentile of a recent sample", func() float64 { return n.syncs.Quantiles(0.99)[0].Seconds() })
	lag := func(s journal.Stream) func() float64 {
		return func() float64 {
			ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
			defer stop()
			behind, _ := n.behind(ctx, s, nil) // what cannot be read is not counted
			return float64(behind)
		}
	}
	gauge("raw_lag_frames", "accepted frames that are not decoded yet", lag(journal.Raw))
	gauge("readings_lag_frames", "recorded frames that are not applied yet", lag(journal.Readings))
	answer := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			p, err := n.gate.Bearer(r.Context(), token, r.RemoteAddr)
			if ok && err == nil {
				err = n.gate.Allow(r.Context(), p, auth.SystemRead, auth.Subject{Kind: "system"})
			}
			if !ok || err != nil {
				http.Error(w, "metrics are for this machine, or for a token that may see the system", http.StatusUnauthorized)
				return
			}
		}
		answer.ServeHTTP(w, r)
	})
}
