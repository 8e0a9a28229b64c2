package mqtt_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/mqttc"
	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// peer is a Mosquitto server that keeps its sessions on disk.
type peer struct {
	t       *testing.T
	conf    string
	address string
	cmd     *exec.Cmd
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	need.Tool(t, "mosquitto")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, address: l.Addr().String()}
	l.Close()
	_, port, _ := net.SplitHostPort(p.address)
	dir := t.TempDir()
	p.conf = filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\nlog_type none\nuser root\n", port, dir)
	if err := os.WriteFile(p.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *peer) start() {
	p.t.Helper()
	p.cmd = exec.Command(need.Tool(p.t, "mosquitto"), "-c", p.conf)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	for range 500 {
		if c, err := net.Dial("tcp", p.address); err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatal("mosquitto does not answer")
}

// stop lets it save its sessions.
func (p *peer) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// TestOwnClientAgainstMosquitto: Vigil's own client with a server that others wrote,
// every QoS, both levels, both directions, over a restart of that server.
func TestOwnClientAgainstMosquitto(t *testing.T) {
	for _, level := range []mqtt.Level{mqtt.Level4, mqtt.Level5} {
		for qos := byte(0); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("level%d/qos%d", level, qos), func(t *testing.T) {
				t.Parallel()
				p := newPeer(t)
				o := mqttc.Options{Address: p.address, ClientID: "listener", Level: level, SessionExpiry: time.Hour, Reconnect: 100 * time.Millisecond}
				var mu sync.Mutex
				var got []string
				listener, err := mqttc.Dial(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				defer listener.Close()
				if err := listener.Subscribe(t.Context(), "a/+", qos, func(_ string, body []byte) {
					mu.Lock()
					defer mu.Unlock()
					got = append(got, string(body))
				}); err != nil {
					t.Fatal(err)
				}
				o.ClientID, o.InFlight = "speaker", 10
				speaker, err := mqttc.Dial(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				defer speaker.Close()
				const count = 300
				var acknowledged atomic.Int64
				for i, n := range numbers(count) {
					if i == 100 && qos > 0 {
						p.stop()
						p.start()
					}
					if err := speaker.PublishAsync("a/b", []byte(n), qos, func(err error) {
						if err != nil {
							t.Error(err)
						}
						acknowledged.Add(1)
					}); err != nil {
						t.Fatal(err)
					}
				}
				all := func() []string {
					mu.Lock()
					defer mu.Unlock()
					s := slices.Clone(got)
					if qos == 1 { // repeated is allowed, missing is not
						slices.Sort(s)
						s = slices.Compact(s)
					}
					return s
				}
				for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && (len(all()) < count || acknowledged.Load() < count); {
					time.Sleep(5 * time.Millisecond)
				}
				want := numbers(count)
				if qos == 1 {
					slices.Sort(want)
				}
				same(t, "received", all(), want)
				if n := acknowledged.Load(); n != count {
					t.Errorf("%d acknowledged, want %d", n, count)
				}
			})
		}
	}
}
