//go:build linux

package journal_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// The test binary is its own crash victim: with this variable set it is a writer
// that appends until it is killed.
const victimVariable = "VIGIL_JOURNAL_VICTIM"

func TestMain(m *testing.M) {
	if directory := os.Getenv(victimVariable); directory != "" {
		if err := victim(directory, os.Getenv("VIGIL_JOURNAL_FILE_LIMIT")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victim appends numbered records and prints each that was acknowledged. With a
// limit no file may grow beyond so many bytes, which stands for a disk that fails.
func victim(directory, limit string) error {
	if limit != "" {
		n, err := strconv.ParseUint(limit, 10, 64)
		if err != nil {
			return err
		}
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return err
		}
	}
	ctx := context.Background()
	l, err := openOnDisk(directory)
	if err != nil {
		return err
	}
	keys, err := journal.OpenRing(ctx, &journal.MemoryKeys{}, vital.DefaultSite, [32]byte{1}, func() vital.Instant { return 1 })
	if err != nil {
		return err
	}
	w, err := journal.OpenWriter(ctx, journal.WriterOptions{Log: l, Keys: keys, Site: vital.DefaultSite, Stream: journal.Raw, Epoch: 1})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	var count atomic.Int64
	for i := 0; ; i++ {
		err := w.Append(ctx, journal.Record{Kind: journal.KindPacket, Body: fmt.Appendf(make([]byte, 0, 512), "%0500d", i)}, func(at vital.Position, err error) {
			if err == nil {
				fmt.Fprintf(out, "%d %d %d\n", i, at.Frame, at.Index)
				if count.Add(1)%50 == 0 {
					out.Flush()
				}
			}
		})
		if err != nil {
			break
		}
	}
	started := time.Now()
	err = <-w.Fatal()
	out.Flush()
	fmt.Fprintf(os.Stderr, "fatal after %v: %v\n", time.Since(started).Round(time.Millisecond), err)
	return nil
}

// onDisk is a log that outlives its process.
type onDisk interface {
	journal.Log
	Close() error
}

// openOnDisk opens the kind of log that the directory is named after.
func openOnDisk(directory string) (onDisk, error) {
	partitions := map[journal.Stream]int{journal.Raw: 1}
	if filepath.Base(directory) == "jetstream" {
		return journal.OpenJetStream(context.Background(), journal.JetStreamOptions{Dir: directory, Partitions: partitions})
	}
	return journal.OpenFiles(context.Background(), journal.FilesOptions{Dir: directory, Partitions: partitions, Segment: 3 << 20})
}

var kinds = []string{"files", "jetstream"}

// Bodies stay sealed here, since the victim's keys die with it; what matters is
// that each acknowledged place is held by a frame that is whole.
//
// Covers: EN303645-5.9
func TestAKilledProcessLosesNothingAcknowledged(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), kind)
			for round := range 3 {
				acknowledged := runVictim(t, directory, "", 300*time.Millisecond)
				if len(acknowledged) < 50 {
					t.Fatalf("round %d: the victim got no further than %d records", round, len(acknowledged))
				}
				frames := checkWhole(t, directory, acknowledged)
				t.Logf("round %d: %d records acknowledged, %d frames held", round, len(acknowledged), frames)
			}
		})
	}
}

func TestADiskThatFailsEndsTheWriterAtOnce(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), kind)
			acknowledged := runVictim(t, directory, "2000000", 20*time.Second)
			if len(acknowledged) < 50 {
				t.Fatalf("the victim got no further than %d records", len(acknowledged))
			}
			checkWhole(t, directory, acknowledged)
		})
	}
}

// checkWhole verifies the chain and that every acknowledged place is in it.
func checkWhole(t *testing.T, directory string, acknowledged []vital.Position) uint64 {
	t.Helper()
	l, err := openOnDisk(directory)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	v, err := journal.Verify(context.Background(), l, nil, vital.DefaultSite, journal.Line{Stream: journal.Raw})
	if err != nil || len(v.Breaks) != 0 {
		t.Fatalf("%v, breaks %v", err, v.Breaks)
	}
	for _, at := range acknowledged {
		if at.Frame > v.Last {
			t.Fatalf("acknowledged in frame %d; the journal ends with %d", at.Frame, v.Last)
		}
	}
	if v.Records < uint64(len(acknowledged)) {
		t.Errorf("%d records held, %d acknowledged", v.Records, len(acknowledged))
	}
	return v.Frames
}

// runVictim starts one, kills it after a while unless it ends by itself, and
// returns what it said was acknowledged.
func runVictim(t *testing.T, directory, limit string, after time.Duration) []vital.Position {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), victimVariable+"="+directory, "VIGIL_JOURNAL_FILE_LIMIT="+limit)
	said, complained := speech{first: make(chan struct{})}, bytes.Buffer{}
	command.Stdout, command.Stderr = &said, &complained
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select { // a loaded machine takes its time to start it
	case <-said.first:
	case <-time.After(time.Minute):
	}
	select {
	case err := <-ended:
		if limit == "" || err != nil || !strings.Contains(complained.String(), "fatal after") {
			t.Fatalf("the victim ended by itself: %v, %s", err, complained.String())
		}
		t.Log(strings.TrimSpace(complained.String()))
	case <-time.After(after):
		if limit != "" {
			t.Errorf("the writer did not notice that the disk failed; %s", complained.String())
		}
		command.Process.Kill()
		<-ended
	}
	var acknowledged []vital.Position
	for text := range strings.Lines(said.text.String()) {
		var i int
		var at vital.Position
		// The last line may be cut off by the kill.
		if n, err := fmt.Sscanf(text, "%d %d %d\n", &i, &at.Frame, &at.Index); n == 3 && err == nil && strings.HasSuffix(text, "\n") {
			acknowledged = append(acknowledged, at)
		}
	}
	return acknowledged
}

// speech is what a victim says, and when it begins.
type speech struct {
	text  bytes.Buffer
	first chan struct{}
}

func (s *speech) Write(b []byte) (int, error) {
	if s.text.Len() == 0 {
		close(s.first)
	}
	return s.text.Write(b)
}
