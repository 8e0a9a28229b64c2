package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/vigilcare/vigil/test/need"
)

func TestCompare(t *testing.T) {
	at := func(n uint64) reading {
		return reading{Sequence: n, Metric: "heart-rate", Value: json.Number(valueOf(n)), Unit: "/min"}
	}
	other := func(change func(*reading)) reading { r := at(2); change(&r); return r }
	owed := map[uint64]bool{1: true, 2: true}
	for _, c := range []struct {
		name   string
		stored []reading
		want   finding
	}{
		{"kept", []reading{at(1), at(2)}, finding{}},
		{"sent but not owed", []reading{at(1), at(2), at(3)}, finding{}},
		{"lost", []reading{at(1)}, finding{lost: 1}},
		{"nothing left", nil, finding{lost: 2}},
		{"shown twice", []reading{at(1), at(2), at(2)}, finding{duplicates: 1}},
		{"never sent", []reading{at(1), at(2), at(4)}, finding{wrong: 1}},
		{"other value", []reading{at(1), at(2), other(func(r *reading) { r.Value = "61.00" })}, finding{wrong: 1}},
		{"other unit", []reading{at(1), at(2), other(func(r *reading) { r.Unit = "Hz" })}, finding{wrong: 1}},
		{"other metric", []reading{at(1), other(func(r *reading) { r.Metric = "spo2" })}, finding{lost: 1, wrong: 1}},
	} {
		if got := compare(c.stored, owed, 3); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestLedgerBeforeTheCut(t *testing.T) {
	name := t.TempDir() + "/ledger"
	os.WriteFile(name, []byte("ack d 1 100\nack d 2 200\nack d 3 300\nsent d 5 0\n"), 0o600)
	p := newPromises()
	if err := p.readLedger(name, time.Unix(0, 200)); err != nil {
		t.Fatal(err)
	}
	if p.count() != 2 || p.acknowledged["d"][3] || p.sent["d"] != 5 {
		t.Errorf("acknowledged %v, sent %v: want 1 and 2 owed, 5 sent", p.acknowledged, p.sent)
	}
}

// TestRig runs the rig against its own small servers: a good one passes, and
// each bad one is caught.
func TestRig(t *testing.T) {
	if os.Getenv("VIGIL_FAULT") == "" {
		need.Missing(t, "faults are struck when VIGIL_FAULT=1 (make verify)")
	}
	for _, c := range []struct {
		kind, mode string
		root, kept bool
	}{
		{"kill", "synced", false, true},
		{"kill", "repeating", false, false},
		{"powercut", "synced", true, true},
		{"powercut", "lazy", true, false},
	} {
		t.Run(c.kind+" "+c.mode, func(t *testing.T) {
			t.Parallel()
			if c.root {
				need.Superuser(t)
				for _, tool := range []string{"mkfs.xfs", "mkfs.ext4", "mount"} {
					need.Tool(t, tool)
				}
			}
			r := rig{
				dir: t.TempDir(), program: []string{os.Args[0], "stand-in", c.mode}, devices: 4, rate: 400,
				chance: rand.New(rand.NewPCG(1, 1)), result: result{Kind: c.kind}, self: os.Args[0], patience: time.Second,
			}
			defer r.close(nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := r.run(ctx, 1); err != nil {
				t.Fatal(err)
			}
			if r.result.Acknowledged == 0 || r.result.Resent == 0 {
				t.Errorf("%+v: the load did nothing", r.result)
			}
			if r.result.kept() != c.kept {
				t.Errorf("a %s server and a %s: %+v", c.mode, c.kind, r.result)
			}
		})
	}
}

// TestMain lets the test's own program be the rig's other processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "load" || os.Args[1] == "stand-in") {
		main()
	}
	os.Exit(m.Run())
}
