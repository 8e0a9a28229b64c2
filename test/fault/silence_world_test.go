package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

const (
	site       vital.Site = "main"
	partitions            = 2
)

func entry(action string) audit.Entry {
	return audit.Entry{Site: site, At: now(), Who: "fault", Action: action, Outcome: "done", Why: "fault"}
}

// gate is a log whose disk can stand still, be slow or be full.
type gate struct {
	*journal.Memory
	mu    sync.Mutex
	shut  chan struct{} // nil: open
	delay time.Duration
	full  bool
}

func (g *gate) Append(ctx context.Context, s journal.Stream, partition uint16, last uint64, frame []byte) (uint64, error) {
	g.mu.Lock()
	shut, delay, full := g.shut, g.delay, g.full
	g.mu.Unlock()
	if full {
		return 0, vital.Errorf(vital.TooMuch, "the disk is full")
	}
	if shut != nil {
		<-shut
	}
	if delay > 0 {
		time.Sleep(delay)
	}
	return g.Memory.Append(context.WithoutCancel(ctx), s, partition, last, frame)
}

func (g *gate) set(change func(*gate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// world is one Vigil without sockets, and a ward of devices around it, in a time
// of its own.
type world struct {
	t      testing.TB
	dir    string
	count  int
	result *silenceResult
	chance *rand.Rand
	beds   []*bed
	blows  []blow

	mu     sync.Mutex
	path   string
	keeper *seal.Keeper
	log    *gate
	db     *store.DB
	door   *ingest.Door
	flow   *flow.Flow
	stop   func()
	alive  bool
	frozen bool
	shown  map[vital.PatientID]watch.Watch
	sim    *mutation
}

// mutation spoils what the screens are told: a harness that still passes measures
// nothing.
type mutation struct{ watches func(watch.Watch) watch.Watch }

func newWorld(t testing.TB, seed uint64, beds int, result *silenceResult) *world {
	w := &world{
		t: t, dir: t.TempDir(), result: result, chance: rand.New(rand.NewPCG(seed, 7)),
		keeper: seal.Ephemeral(), log: &gate{Memory: journal.NewMemory()}, shown: map[vital.PatientID]watch.Watch{},
	}
	w.path = filepath.Join(w.dir, "v.db")
	w.open()
	w.furnish(beds)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open starts a server on what the disk holds.
func (w *world) open() {
	ctx := context.WithoutCancel(w.t.Context())
	db, err := store.Open(ctx, store.Options{DSN: "sqlite:" + w.path, Log: slog.New(slog.DiscardHandler), Backups: w.dir, Keeper: w.keeper})
	w.must(err)
	ring, err := journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: w.keeper}, site, now)
	w.must(err)
	registry := &ingest.Registry{}
	var writers []*journal.Writer
	for i := range uint16(partitions) {
		one, err := journal.OpenWriter(ctx, journal.WriterOptions{Log: w.log, Keys: ring, Site: site, Stream: journal.Raw, Partition: i, Epoch: 1})
		w.must(err)
		writers = append(writers, one)
	}
	door := ingest.NewDoor(writers, ring, registry, nil)
	f, err := flow.New(ctx, flow.Options{
		Site: site, Store: db, Log: w.log, Keys: ring, Registry: registry, Door: door, Raw: partitions, Readings: partitions,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	w.must(err)
	run, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.Run(run) }()
	detach := f.Attach(func(u *watch.Update) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, s := range u.Watches {
			w.shown[s.Patient] = s
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.db, w.door, w.flow, w.alive = db, door, f, true
	clear(w.shown)
	w.stop = func() {
		detach()
		cancel()
		<-ended
		for _, one := range writers {
			one.Close(ctx)
		}
		db.Close()
	}
}

// furnish makes a ward; the first four beds are carried by a gateway.
func (w *world) furnish(beds int) {
	ctx := w.t.Context()
	_, err := w.db.PutWard(ctx, entry("ward.put"), store.Ward{ID: "w", Name: "W", Zone: "UTC", Kind: "adult"})
	w.must(err)
	for i := range beds {
		b := &bed{
			world: w, number: i, patient: vital.PatientID(fmt.Sprintf("p-%d", i)), device: vital.DeviceID(fmt.Sprintf("m-%d", i)),
			credential: vital.CredentialID(fmt.Sprintf("c-%d", i)), truth: newTruth(now()), chance: rand.New(rand.NewPCG(w.chance.Uint64(), 9)),
		}
		if i < 4 {
			b.gateway, b.credential = "gw", "c-gw"
		}
		place := vital.BedID(fmt.Sprintf("b-%d", i))
		_, err = w.db.PutBed(ctx, entry("bed.put"), store.Bed{ID: place, Ward: "w", Label: string(place), Position: i})
		w.must(err)
		_, err = w.db.PutPatient(ctx, entry("patient.put"), person.Person{Patient: b.patient, Family: string(b.patient), Given: "x"})
		w.must(err)
		_, err = w.db.Admit(ctx, entry("patient.admit"), b.patient, place, now())
		w.must(err)
		w.must(w.db.PutDevice(ctx, entry("device.put"), store.Device{ID: b.device, Label: string(b.device), Kind: "monitor", Class: "device", State: "active"}))
		w.must(w.db.SetPlan(ctx, entry("patient.plan"), b.patient, []store.PlanItem{
			{Metric: "heart-rate", Kind: "continuous", Every: silenceEvery / 1000}, {Metric: "spo2", Kind: "continuous", Every: silenceEvery / 1000},
		}))
		w.beds = append(w.beds, b)
	}
	for _, b := range w.beds {
		b.bind()
	}
	w.must(w.db.PutRules(ctx, entry("rules.put"), store.RuleSet{Version: "ratio", Files: []store.RuleFile{{Name: "ratio.rule", Text: ratioRule}}, Why: "fault"}, ""))
	w.must(w.flow.Changed(ctx))
	if rules := w.flow.Rules().Rules(); len(rules) != 1 || rules[0].Name != "ratio" {
		w.t.Fatalf("%d rules are in force, want the one that can break", len(rules))
	}
	w.connect()
	for _, b := range w.beds {
		go b.live()
	}
	go w.look()
}

// connect lets every device connect.
func (w *world) connect() {
	w.mu.Lock()
	f := w.flow
	w.mu.Unlock()
	w.must(f.Link(w.t.Context(), flow.Passage{Gateway: "gw", Credential: "c-gw", Up: true, At: now()}))
	for _, b := range w.beds {
		if b.gateway == "" {
			b.link(true, false)
		}
	}
}

// look samples what the screens show, every second.
func (w *world) look() {
	for w.t.Context().Err() == nil {
		select {
		case <-time.After(time.Second):
		case <-w.t.Context().Done():
			return
		}
		w.mu.Lock()
		f, seen := w.flow, w.alive && !w.frozen
		w.mu.Unlock()
		if !seen {
			continue // the screens say themselves that they are cut off
		}
		var held []func()
		for _, b := range w.beds {
			asked := f.Watches([]vital.PatientID{b.patient})
			w.mu.Lock()
			pushed, told := w.shown[b.patient]
			w.mu.Unlock()
			at := now()
			held = append(held, func() { b.sample(at, asked[0]) })
			if told {
				held = append(held, func() { b.sample(at, pushed) })
			}
		}
		time.Sleep(time.Millisecond) // what is acknowledged in this very instant counts
		for _, compare := range held {
			compare()
		}
	}
}

// copyDisk is what a kill leaves: the files as they are at this moment.
func (w *world) copyDisk() (path string, log *gate) {
	ctx := w.t.Context()
	raw, err := sql.Open("sqlite", w.path)
	w.must(err)
	defer raw.Close()
	w.count++
	path = filepath.Join(w.dir, fmt.Sprintf("v-%d.db", w.count))
	_, err = raw.ExecContext(ctx, "VACUUM INTO ?", path)
	w.must(err)
	to := journal.NewMemory()
	for i := range uint16(partitions) {
		for _, s := range []journal.Stream{journal.Raw, journal.Readings} {
			_, last, err := w.log.Memory.Bounds(ctx, s, i)
			w.must(err)
			if last == 0 {
				continue
			}
			enough := errors.New("enough")
			err = w.log.Memory.Follow(ctx, s, i, 1, func(seq uint64, frame []byte) error {
				if _, err := to.Append(ctx, s, i, seq-1, append([]byte(nil), frame...)); err != nil {
					return err
				}
				if seq == last {
					return enough
				}
				return nil
			})
			if err != nil && !errors.Is(err, enough) {
				w.t.Fatal(err)
			}
		}
	}
	return path, &gate{Memory: to}
}

// kill ends the server without a word and starts another one later.
func (w *world) kill(outage time.Duration) {
	w.mu.Lock()
	w.alive = false
	stop := w.stop
	w.mu.Unlock()
	path, log := w.copyDisk()
	w.log.set(func(g *gate) {
		g.full = false
		if g.shut != nil {
			close(g.shut)
			g.shut = nil
		}
	})
	stop()
	w.path, w.log = path, log
	time.Sleep(outage)
	w.open()
	w.connect()
}

// close ends the world and judges it.
func (w *world) close(gapsOf func([]watch.Gap) []watch.Gap) {
	ctx := context.WithoutCancel(w.t.Context())
	for _, b := range w.beds {
		rows, err := w.db.Gaps(ctx, store.Everything(site), b.patient, 1, 0)
		w.must(err)
		var gaps []watch.Gap
		for _, g := range rows {
			gaps = append(gaps, watch.Gap{
				Patient: g.Patient, Metric: g.Metric, From: g.From, To: g.To, State: watch.StreamState(g.State), Kind: watch.CauseKind(g.Kind), Cause: g.Cause,
			})
		}
		if gapsOf != nil {
			gaps = gapsOf(gaps)
		}
		for _, x := range w.blows {
			for _, id := range x.Patients {
				if id == b.patient {
					w.judge(x, b, gaps)
				}
			}
		}
	}
	w.mu.Lock()
	w.alive = false
	w.mu.Unlock()
	w.stop()
}

// judge holds one blow against the ledger of one bed.
func (w *world) judge(x blow, b *bed, gaps []watch.Gap) {
	if x.Kind == watch.ByRule {
		w.result.unjudged(x, b.patient, gaps)
		return
	}
	w.result.judge(x, b.patient, b.truth, gaps, streams)
}

// notifier reports that nobody can be told, and sees that the alarm is there and
// that the watch over the patients does not change by it.
func (w *world) notifier(wait time.Duration) {
	ctx := w.t.Context()
	finding := vital.Finding{
		Rule: "notifier-dead", Version: "1", Title: "Nobody can be told", Text: "No channel delivers", Technical: true,
		Priority: vital.High, Stand: vital.Present, At: now(),
	}
	w.must(w.db.Report(ctx, entry("report"), finding))
	w.must(w.flow.Changed(ctx))
	for _, a := range w.flow.Alarms(ctx, store.Everything(site), nil) {
		if a.Rule == "notifier-dead" && strings.Contains(a.Text, "No channel") {
			w.result.Notifier++
		}
	}
	time.Sleep(wait)
	finding.Stand, finding.At = vital.Absent, now()
	w.must(w.db.Report(ctx, entry("report"), finding))
	w.must(w.flow.Changed(ctx))
}
