package mqttd_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/mqttc"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// instant is a Door that accepts at once, in the way that a journal does: another
// goroutine answers everything that has come meanwhile.
type instant struct {
	mu      sync.Mutex
	pending []func(ingest.Receipt, error)
	wake    chan struct{}
}

func newInstant(b *testing.B) *instant {
	d := &instant{wake: make(chan struct{}, 1)}
	stop := make(chan struct{})
	b.Cleanup(func() { close(stop) })
	go func() {
		var ready []func(ingest.Receipt, error)
		for {
			select {
			case <-d.wake:
			case <-stop:
				return
			}
			d.mu.Lock()
			ready, d.pending = d.pending, ready[:0]
			d.mu.Unlock()
			for i, done := range ready {
				done(ingest.Receipt{}, nil)
				ready[i] = nil
			}
		}
	}()
	return d
}

func (d *instant) Accept(_ context.Context, _ ingest.Packet, done func(ingest.Receipt, error)) error {
	d.mu.Lock()
	d.pending = append(d.pending, done)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return nil
}

// shape is a load: so many connections with so many packets unacknowledged each.
type shape struct{ connections, inFlight int }

func (s shape) String() string { return fmt.Sprintf("%dx%d", s.connections, s.inFlight) }

// closedLoop publishes QoS 1 packets of 200 bytes for as long as it takes and
// reports acknowledgements per second and the time to one.
func closedLoop(b *testing.B, s shape, dial func(i int) mqttc.Options) {
	payload := make([]byte, 200)
	clients := make([]*mqttc.Client, s.connections)
	for i := range clients {
		o := dial(i)
		o.InFlight = s.inFlight
		c, err := mqttc.Dial(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		clients[i] = c
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	times := make([][]time.Duration, s.connections)
	b.ResetTimer()
	start := time.Now()
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			topic := fmt.Sprintf("v1/monitor-%d/telemetry", i)
			var under sync.WaitGroup
			for left.Add(-1) >= 0 {
				under.Add(1)
				sent := time.Now()
				err := c.PublishAsync(topic, payload, 1, func(err error) {
					if err == nil {
						times[i] = append(times[i], time.Since(sent))
					}
					under.Done()
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
			under.Wait()
		})
	}
	all.Wait()
	took := time.Since(start)
	b.StopTimer()
	sorted := slices.Concat(times...)
	slices.Sort(sorted)
	if len(sorted) != b.N {
		b.Fatalf("%d of %d acknowledged", len(sorted), b.N)
	}
	b.ReportMetric(float64(b.N)/took.Seconds(), "acks/s")
	b.ReportMetric(float64(sorted[len(sorted)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(sorted[len(sorted)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkAcknowledge compares this server, with credentials and topic checks on
// and a Door that takes no time, with Mosquitto in the same run.
func BenchmarkAcknowledge(b *testing.B) {
	for _, s := range []shape{{100, 10}, {1000, 1}} {
		b.Run("vigil/"+s.String(), func(b *testing.B) {
			var devices []auth.Principal
			for i := range s.connections {
				devices = append(devices, auth.Principal{Class: auth.Device, ID: fmt.Sprintf("monitor-%d", i), Credential: "c"})
			}
			h := open(b, mqttd.Options{Gate: newGate(devices...), Door: newInstant(b), Log: slog.New(slog.DiscardHandler), Limits: mqttd.Limits{ConnectsPerSecond: 100_000}})
			closedLoop(b, s, func(i int) mqttc.Options { return h.as(fmt.Sprintf("monitor-%d", i), mqtt.Level5) })
		})
		b.Run("mosquitto/"+s.String(), func(b *testing.B) {
			address := mosquitto(b)
			closedLoop(b, s, func(i int) mqttc.Options {
				return mqttc.Options{Address: address, ClientID: fmt.Sprintf("monitor-%d", i), Level: mqtt.Level5, Clean: true}
			})
		})
	}
}

// mosquitto starts the peer on a free port for the length of the test.
func mosquitto(t testing.TB) string {
	program := need.Tool(t, "mosquitto")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := "listener " + port + " 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\nmax_inflight_messages 1000\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("mosquitto does not answer")
	return ""
}
