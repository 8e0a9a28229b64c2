package journal_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/journal/journaltest"
	"github.com/vigilcare/vigil/vital"
)

// startCluster starts three servers that sync always and replicate to each
// other, on ports of loopback that the system chooses.
func startCluster(t *testing.T) []*server.Server {
	t.Helper()
	var servers []*server.Server
	ports, routes := make([]int, 3), make([]*url.URL, 3)
	for i := range ports { // each must know the others before it starts
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = free.Addr().(*net.TCPAddr).Port
		routes[i] = &url.URL{Scheme: "nats", Host: free.Addr().String()}
		free.Close()
	}
	for i := range 3 {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("node-%d", i), Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPPort: -1, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, DisableJetStreamBanner: true,
			Cluster: server.ClusterOpts{Name: "vigil", Host: "127.0.0.1", Port: ports[i]}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		go s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers = append(servers, s)
	}
	for _, s := range servers {
		if !s.ReadyForConnections(20 * time.Second) {
			t.Fatal("a server does not start")
		}
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		leader := 0
		for _, s := range servers {
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == 3 {
				leader++
			}
		}
		if leader == 1 {
			return servers
		}
		if time.Now().After(end) {
			t.Fatal("the cluster finds no leader")
		}
	}
}

func clusterOptions(servers []*server.Server) journal.JetStreamOptions {
	o := journal.JetStreamOptions{Replicas: 3, Partitions: map[journal.Stream]int{journal.Raw: journaltest.Partitions, journal.Readings: journaltest.Partitions}}
	var addresses []string
	for _, s := range servers {
		addresses = append(addresses, s.ClientURL())
		o.Monitors = append(o.Monitors, "http://"+s.MonitorAddr().String())
	}
	o.URL = strings.Join(addresses, ",")
	return o
}

// openCluster opens the log. Servers that got no processor for a while take each
// other for gone, and refuse; they come back by themselves.
func openCluster(t *testing.T, servers []*server.Server) *journal.JetStream {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		l, err := journal.OpenJetStream(context.Background(), clusterOptions(servers))
		if err == nil {
			return l
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// Both parts of one test, since starting the cluster is what takes the time.
func TestAClusterIsALog(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster of three takes seconds to start")
	}
	servers := startCluster(t)
	t.Run("as every log", func(t *testing.T) {
		if os.Getenv("VIGIL_FAULT") == "" {
			t.Skip("takes 15 s; make verify does it")
		}
		journaltest.Run(t, func(t *testing.T) journal.Log {
			clearCluster(t, servers)
			l := openCluster(t, servers)
			t.Cleanup(func() { l.Close() })
			return l
		})
	})
	t.Run("one of three may go", func(t *testing.T) { oneGoes(t, servers) })
}

func clearCluster(t *testing.T, servers []*server.Server) {
	t.Helper()
	c, err := nats.Connect(clusterOptions(servers).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if err := js.DeleteStream(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
}

// oneGoes stops a server while a writer is at work: what was acknowledged before
// and after is there once, in order.
func oneGoes(t *testing.T, servers []*server.Server) {
	clearCluster(t, servers)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	l, err := journal.OpenJetStream(ctx, clusterOptions(servers))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k := openRing(t, &journal.MemoryKeys{})
	w := openWriter(t, l, k, limits(journal.Limits{Attempt: 2 * time.Second, Patience: time.Minute}))
	const frames = 60
	for i := range frames {
		if i == 20 {
			for _, s := range servers {
				if s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, "VIGIL_raw_0") {
					s.Shutdown()
				}
			}
		}
		at, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindPacket, Body: fmt.Appendf(nil, "%d", i)}})
		if err != nil || at.Frame != uint64(i+1) {
			t.Fatalf("frame %d lies at %v, %v", i+1, at, err)
		}
	}
	v, err := journal.Verify(ctx, l, k, vital.DefaultSite, journal.Line{Stream: journal.Raw})
	if err != nil || v.Frames != frames || len(v.Breaks) != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if v.Writers != 1 {
		t.Errorf("%d writers", v.Writers)
	}
}
