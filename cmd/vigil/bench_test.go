package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
)

func TestBenchPayloadIsWhatADeviceSends(t *testing.T) {
	c := &publisher{body: 2}
	for _, f := range benchForms(payloadKinds) {
		f.bytes = append([]byte{0, 0}, f.bytes...)
		c.packet = append(c.packet, f)
	}
	metrics := map[string]bool{}
	for i := range 20 * payloadKinds {
		now := time.Date(2026, 11, 22, 9, 30, 0, i*1e6, time.UTC)
		text := c.next(nil, now, now)[2:]
		if len(text) != payloadBytes {
			t.Fatalf("payload of %d bytes, want %d", len(text), payloadBytes)
		}
		var p struct {
			Seq      int
			Time     time.Time
			Readings []struct {
				Metric, Unit string
				Value        vital.Decimal
			}
		}
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if p.Seq != i+1 || !p.Time.Equal(now) || len(p.Readings) != 2 {
			t.Fatalf("%s: want sequence %d at %v", text, i+1, now)
		}
		for _, r := range p.Readings {
			m, known := vital.FindMetric(r.Metric)
			if !known || m.Unit != r.Unit || r.Value.Compare(m.Low) < 0 || r.Value.Compare(m.High) > 0 {
				t.Fatalf("%s: %s %s %s is nothing that a device measures", text, r.Metric, r.Value, r.Unit)
			}
			metrics[r.Metric] = true
		}
	}
	if len(metrics) != 2*payloadKinds {
		t.Errorf("%d metrics, want %d", len(metrics), 2*payloadKinds)
	}
}

// TestLoadAgainstMosquitto measures the generator against the peer: closed and
// open loop, right and wrong passwords.
func TestLoadAgainstMosquitto(t *testing.T) {
	need.Tool(t, "mosquitto")
	accounts := make([]account, 20)
	for i := range accounts {
		accounts[i] = account{fmt.Sprintf("bench-%02d", i), fmt.Sprintf("bench-%02d", i), fmt.Sprintf("secret-%d", i)}
	}
	peer, err := startMosquitto(t.Context(), t.TempDir(), slices.Clone(accounts))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.stop()
	plan := loadPlan{address: peer.mqtt, accounts: accounts, window: 5, warm: 50 * time.Millisecond, measure: 300 * time.Millisecond}
	r, err := plan.run(t.Context())
	if err != nil || r.acks < 500 || len(r.micros) != r.acks || r.millis(0.99) < r.millis(0.5) {
		t.Errorf("closed loop: %d acknowledgements, p50 %v, p99 %v, %v", r.acks, r.millis(0.5), r.millis(0.99), err)
	}
	plan.rate = 1000
	r, err = plan.run(t.Context())
	if err != nil || r.acks < 290 || r.acks > 310 {
		t.Errorf("open loop of 1000/s for 0.3 s: %d acknowledgements, %v", r.acks, err)
	}
	plan.accounts = []account{{"bench-00", "bench-00", "wrong"}}
	if _, err := plan.run(t.Context()); err == nil {
		t.Error("the peer takes a wrong password: its checks are off, the comparison is void")
	}
}

// TestLoadChargesStalls: a server that stops answering for a while must show in
// the open loop's latency for every message that fell due meanwhile.
func TestLoadChargesStalls(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go stallingServer(l, 100*time.Millisecond, 200*time.Millisecond)
	plan := loadPlan{address: l.Addr().String(), accounts: []account{{"d", "d", "d"}}, rate: 200, measure: 500 * time.Millisecond}
	r, err := plan.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slow := len(r.micros) - slices.IndexFunc(r.micros, func(m uint32) bool { return m > 50_000 }); r.millis(1) < 150 || slow < 20 {
		t.Errorf("longest %v ms and %d messages over 50 ms, want about 200 ms and 30 messages", r.millis(1), slow)
	}
}

// stallingServer acknowledges at once, but not between from and from+for.
func stallingServer(l net.Listener, from, stall time.Duration) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	start := time.Now()
	buffer := make([]byte, 4096)
	conn.Read(buffer)
	conn.Write([]byte{0x20, 2, 0, 0})
	size := 2 + 1 + 2 + len("v1/d/telemetry") + 2 + payloadBytes
	held := 0
	for {
		n, err := conn.Read(buffer[held:])
		if err != nil {
			return
		}
		if since := time.Since(start); since > from && since < from+stall {
			time.Sleep(from + stall - since)
		}
		held += n
		for ; held >= size; held -= size {
			id := 1 + 2 + 2 + len("v1/d/telemetry")
			conn.Write([]byte{0x40, 2, buffer[id], buffer[id+1]})
			copy(buffer, buffer[size:held])
		}
	}
}

func TestBenchNeedsAMeasurement(t *testing.T) {
	for _, args := range [][]string{{}, {"nothing"}, {"ingest", "--runs", "0"}, {"ingest", "extra"}} {
		var w world
		w.out, w.err = discard{}, discard{}
		if err := runBench(context.Background(), w, args); err == nil {
			t.Errorf("vigil bench %q: want an error", args)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{3: {5, 1, 3}, 2.5: {4, 1, 2, 3}, 7: {7}} {
		if got := *median(values); got != want {
			t.Errorf("median %v = %v, want %v", values, got, want)
		}
	}
	if median(nil) != nil {
		t.Error("the median of nothing is not zero")
	}
}
