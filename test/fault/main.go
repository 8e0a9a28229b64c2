// Command fault breaks a running Vigil on purpose and counts what was lost.
//
// An acknowledgement is a promise, and kill -9 does not test it: the kernel
// still holds what the process wrote. So the server runs on an ext4 image that
// lies on an XFS file system; at a random instant the image is cloned (one
// atomic reflink), which is what a power cut would have left on the disk. The
// clone is mounted, a new server starts on it, and everything that had been
// acknowledged before the cut must be readable, once.
//
// The ledger of acknowledgements is kept by another process, the load, which
// uses a foreign MQTT client. What the rig cannot show: a disk that lies about
// its own write cache.
//
//	go run ./test/fault -kind powercut -rounds 10     (root)
//	go run ./test/fault -kind kill -rounds 10
//	go run ./test/fault -kind full                    (root)
//	go run ./test/fault -kind silence                 (ten minutes)
//	go run ./test/fault -kind alarms -rounds 10 -cuts 5   (root, for the cuts)
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// result is what a run found; a promise kept is three zeros.
type result struct {
	Kind         string `json:"kind"`
	Rounds       int    `json:"rounds"`
	Seed         uint64 `json:"seed"`
	Acknowledged int    `json:"acknowledged"`
	Limbo        int    `json:"limbo"`  // sent, not acknowledged before the fault, sent again after it
	Resent       int    `json:"resent"` // sent again although acknowledged: a device that lost the answer
	Lost         int    `json:"lost"`
	Duplicates   int    `json:"duplicates"`
	Wrong        int    `json:"wrong"` // readings that nobody sent
	Resumed      *bool  `json:"resumed,omitempty"`
}

func (r result) kept() bool { return r.Lost == 0 && r.Duplicates == 0 && r.Wrong == 0 }

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "load":
			exit(runLoad(os.Stdin, os.Stdout))
		case "stand-in":
			exit(runStandIn(os.Args[2:]))
		}
	}
	var (
		kind    = flag.String("kind", "powercut", "powercut, kill, full, silence or alarms")
		rounds  = flag.Int("rounds", 10, "how many faults")
		cuts    = flag.Int("cuts", 5, "of alarms: how many power cuts, beside rounds of kills")
		seed    = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the instants at which faults strike")
		devices = flag.Int("devices", 20, "how many devices send")
		rate    = flag.Int("rate", 4000, "messages per second of all devices")
		binary  = flag.String("vigil", "", "the server's program (default: built from ./cmd/vigil)")
		standIn = flag.String("stand-in", "", "attack the rig's own small server instead: synced, lazy or repeating")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "vigil-fault-")
	if err != nil {
		exit(err)
	}
	r := rig{
		dir: dir, patience: 90 * time.Second, devices: *devices, rate: *rate,
		chance: rand.New(rand.NewPCG(*seed, 1)),
		result: result{Kind: *kind, Seed: *seed},
	}
	err = r.chooseServer(ctx, *binary, *standIn)
	if err == nil && *kind == "silence" {
		exit(r.silence(ctx, *seed))
	}
	if err == nil && *kind == "alarms" {
		exit(r.alarms(ctx, *seed, *rounds, *cuts))
	}
	if err == nil {
		err = r.run(ctx, *rounds)
	}
	r.close(err)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r.result)
	}
	if err == nil && !r.result.kept() {
		err = fmt.Errorf("a promise was broken: %d acknowledged readings lost, %d duplicates visible, %d readings nobody sent (repeat with -seed %d)",
			r.result.Lost, r.result.Duplicates, r.result.Wrong, *seed)
	}
	exit(err)
}

// silence runs, prints and judges the faults of a silence run.
func (r *rig) silence(ctx context.Context, seed uint64) error {
	result, err := r.runSilence(ctx, seed)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		return err
	}
	if wrong := result.wrong(); len(wrong) > 0 {
		return fmt.Errorf("silence is not told as it is (what is left lies in %s):\n  %s", r.dir, strings.Join(wrong, "\n  "))
	}
	return os.RemoveAll(r.dir)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func say(format string, values ...any) { fmt.Fprintf(os.Stderr, "fault: "+format+"\n", values...) }

// chooseServer says which program stands on the image.
func (r *rig) chooseServer(ctx context.Context, binary, standIn string) (err error) {
	if r.self, err = os.Executable(); err != nil {
		return err
	}
	switch {
	case standIn != "":
		r.program = []string{r.self, "stand-in", standIn}
		return nil
	case binary != "":
		r.program = []string{binary}
		return nil
	}
	out := filepath.Join(r.dir, "vigil")
	build := exec.CommandContext(ctx, "go", "build", "-o", out, "./cmd/vigil")
	build.Stderr = os.Stderr
	r.program = []string{out}
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the server (run this from the root of the clone): %w", err)
	}
	return nil
}
