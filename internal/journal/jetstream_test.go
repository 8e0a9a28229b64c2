package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

func TestReopeningGoesOnWhereItWas(t *testing.T) {
	ctx := context.Background()
	directory := t.TempDir()
	k := openRing(t, &journal.MemoryKeys{})
	for i := range 4 {
		l := openJetStream(t, directory)
		w := openWriter(t, l, k)
		for n := range 3 {
			at, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindPacket, Body: fmt.Appendf(nil, "%d", i*3+n)}})
			if err != nil || at.Frame != uint64(i*3+n+1) {
				t.Fatalf("at %v, %v", at, err)
			}
		}
		closeWriter(t, w)
		frames, breaks := readAll(t, l, k)
		if len(frames) != (i+1)*3 || len(breaks) != 0 {
			t.Fatalf("%d frames, breaks %v", len(frames), breaks)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheNumberOfPartitionsIsFixed(t *testing.T) {
	directory := t.TempDir()
	open := func(n int) error {
		l, err := journal.OpenJetStream(context.Background(), journal.JetStreamOptions{Dir: directory,
			Partitions: map[journal.Stream]int{journal.Raw: n, journal.Readings: 1}})
		if err != nil {
			return err
		}
		defer l.Close()
		if lines := l.Lines(); len(lines) != n+1 {
			t.Errorf("%d partitions: lines %v", n, lines)
		}
		return nil
	}
	if err := open(3); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2, 4} {
		err := open(n)
		kindIs(t, err, vital.Precondition)
		if !strings.Contains(fmt.Sprint(err), "made with 3 partitions") {
			t.Errorf("%v does not say what to do", err)
		}
	}
	if err := open(3); err != nil {
		t.Error(err)
	}
	l := openAsFound(t, directory) // a tool asks for nothing and gets what is there
	if lines := l.Lines(); fmt.Sprint(lines) != "[raw/0 raw/1 raw/2 readings/0]" {
		t.Errorf("lines %v", lines)
	}
}

func openAsFound(t *testing.T, directory string) *journal.JetStream {
	t.Helper()
	l, err := journal.OpenJetStream(context.Background(), journal.JetStreamOptions{Dir: directory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestOneProcessPerDirectory(t *testing.T) {
	directory := t.TempDir()
	l := openJetStream(t, directory)
	_, err := journal.OpenJetStream(context.Background(), journal.JetStreamOptions{Dir: directory})
	kindIs(t, err, vital.Conflict)
	l.Close()
	openJetStream(t, directory)
}

func TestAClusterThatDoesNotSyncIsRefused(t *testing.T) {
	open := func(always bool, change func(*journal.JetStreamOptions, *server.Server)) error {
		s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPPort: -1, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: always})
		if err != nil {
			t.Fatal(err)
		}
		go s.Start()
		defer s.Shutdown()
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("the server does not start")
		}
		o := journal.JetStreamOptions{URL: s.ClientURL(), Partitions: map[journal.Stream]int{journal.Raw: 2}}
		change(&o, s)
		l, err := journal.OpenJetStream(context.Background(), o)
		if err != nil {
			return err
		}
		defer l.Close()
		_, err = l.Append(context.Background(), journal.Raw, 1, 0, []byte("frame"))
		return err
	}
	monitor := func(o *journal.JetStreamOptions, s *server.Server) {
		o.Monitors = []string{"http://" + s.MonitorAddr().String()}
	}
	if err := open(true, monitor); err != nil {
		t.Errorf("a server that syncs always: %v", err)
	}
	kindIs(t, open(false, monitor), vital.Precondition)
	kindIs(t, open(true, func(*journal.JetStreamOptions, *server.Server) {}), vital.Precondition)
	if err := open(true, func(o *journal.JetStreamOptions, _ *server.Server) { o.SyncAssured = true }); err != nil {
		t.Errorf("the operator's word: %v", err)
	}
	web := httptest.NewServer(nil)
	defer web.Close()
	kindIs(t, open(true, func(o *journal.JetStreamOptions, _ *server.Server) { o.Monitors = []string{web.URL} }), vital.Unavailable)
}

func TestJetStreamRefusesWhatItCannotKeep(t *testing.T) {
	ctx := context.Background()
	_, err := journal.OpenJetStream(ctx, journal.JetStreamOptions{})
	kindIs(t, err, vital.Invalid)
	_, err = journal.OpenJetStream(ctx, journal.JetStreamOptions{Dir: t.TempDir(), Replicas: 3})
	kindIs(t, err, vital.Invalid)
	_, err = journal.OpenJetStream(ctx, journal.JetStreamOptions{Dir: t.TempDir(), Partitions: map[journal.Stream]int{"other": 1}})
	kindIs(t, err, vital.Invalid)
	l := openJetStream(t, t.TempDir())
	_, err = l.Append(ctx, journal.Raw, 99, 0, []byte("x"))
	kindIs(t, err, vital.NotFound)
	_, err = l.Append(ctx, journal.Raw, 0, 0, make([]byte, 2<<20))
	kindIs(t, err, vital.TooMuch)
	if !slices.Contains(l.Lines(), journal.Line{Stream: journal.Raw, Partition: 1}) {
		t.Errorf("lines %v", l.Lines())
	}
}

func TestFollowEndsWhenTheLogIsClosed(t *testing.T) {
	l := openJetStream(t, t.TempDir())
	ended := make(chan error, 1)
	go func() {
		ended <- l.Follow(context.Background(), journal.Raw, 0, 1, func(uint64, []byte) error { return nil })
	}()
	time.Sleep(20 * time.Millisecond)
	l.Close()
	select {
	case err := <-ended:
		kindIs(t, err, vital.Unavailable)
	case <-time.After(10 * time.Second):
		t.Fatal("follow goes on")
	}
	_, err := l.Append(context.Background(), journal.Raw, 0, 0, []byte("x"))
	if err == nil {
		t.Error("a closed log takes a frame")
	}
}

// Why files and not JetStream on one machine: at the next start JetStream cuts a
// block off at the first record that is damaged, with all whole records behind
// it. What must hold all the same: whoever had read further is told.
func TestJetStreamThatLostItsEndIsNotReadOn(t *testing.T) {
	ctx := context.Background()
	directory := t.TempDir()
	k := openRing(t, &journal.MemoryKeys{})
	l := openJetStream(t, directory)
	w := openWriter(t, l, k)
	for i := range 40 {
		if _, err := w.AppendFrame(ctx, []journal.Record{{Kind: journal.KindPacket, Body: bytes.Repeat([]byte{byte(i)}, 2000)}}); err != nil {
			t.Fatal(err)
		}
	}
	closeWriter(t, w)
	l.Close()
	block := filepath.Join(directory, "jetstream", "$G", "streams", "VIGIL_raw_0", "msgs", "1.blk")
	content, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 0x10
	if err := os.WriteFile(block, content, 0o600); err != nil {
		t.Fatal(err)
	}
	l = openJetStream(t, directory)
	v, err := journal.Verify(ctx, l, k, vital.DefaultSite, journal.Line{Stream: journal.Raw})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("of 40 frames %d to %d are held, %d are good", v.First, v.Last, v.Frames)
	if v.Last == 40 {
		if len(v.Breaks) == 0 {
			t.Error("the damage went unseen")
		}
		return
	}
	r, err := journal.OpenReader(journal.ReaderOptions{Log: l, Keys: k, Site: vital.DefaultSite, Stream: journal.Raw, Broken: func(journal.Break) {}})
	if err != nil {
		t.Fatal(err)
	}
	kindIs(t, r.Follow(ctx, 41, func(journal.Frame) error { return nil }), vital.Precondition)
}
