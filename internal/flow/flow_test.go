package flow_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
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
	"github.com/vigilcare/vigil/wire/wave"
)

const site vital.Site = "main"

// rig is one node without doors: a log, a store and a flow between them.
type rig struct {
	registry *ingest.Registry
	t        testing.TB
	path     string
	db       *store.DB
	log      *journal.Memory
	ring     *journal.Ring
	writers  []*journal.Writer
	door     *ingest.Door
	flow     *flow.Flow
	stop     func()
}

func now() vital.Instant { return vital.At(time.Now()) }

func entry(action string) audit.Entry {
	return audit.Entry{Site: site, At: now(), Who: "test", Action: action, Outcome: "done"}
}

// keepers are the keys of each test, so that a store file and its copies can be
// opened again.
var keepers sync.Map

func keeperOf(t testing.TB) *seal.Keeper {
	name, _, _ := strings.Cut(t.Name(), "/")
	k, _ := keepers.LoadOrStore(name, seal.Ephemeral())
	return k.(*seal.Keeper)
}

// open starts a flow over a store file and a log.
func open(t testing.TB, path string, log *journal.Memory) *rig {
	t.Helper()
	ctx := t.Context()
	r := &rig{t: t, path: path, log: log}
	var err error
	if r.db, err = store.Open(ctx, store.Options{DSN: "sqlite:" + path, Log: slog.New(slog.DiscardHandler), Backups: t.TempDir(), Keeper: keeperOf(t)}); err != nil {
		t.Fatal(err)
	}
	if r.ring, err = journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: keeperOf(t)}, site, now); err != nil {
		t.Fatal(err)
	}
	registry := &ingest.Registry{}
	r.registry = registry
	for i := range 2 {
		w, err := journal.OpenWriter(ctx, journal.WriterOptions{Log: log, Keys: r.ring, Site: site, Stream: journal.Raw, Partition: uint16(i), Epoch: 1})
		if err != nil {
			t.Fatal(err)
		}
		r.writers = append(r.writers, w)
	}
	r.door = ingest.NewDoor(r.writers, r.ring, registry, nil)
	r.flow, err = flow.New(ctx, flow.Options{
		Site: site, Store: r.db, Log: log, Keys: r.ring, Registry: registry, Door: r.door, Raw: 2, Readings: 2,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	run, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.flow.Run(run) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("flow: %v", err)
		}
		for _, w := range r.writers {
			if err := w.Close(context.WithoutCancel(ctx)); err != nil {
				t.Errorf("close a writer: %v", err)
			}
		}
		r.db.Close()
	})
	t.Cleanup(r.stop)
	return r
}

// furnish makes a ward with patients a and b, each on a monitor.
func (r *rig) furnish() {
	r.t.Helper()
	ctx := r.t.Context()
	must := func(err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	_, err := r.db.PutWard(ctx, entry("ward.put"), store.Ward{ID: "w", Name: "W", Zone: "UTC", Kind: "adult"})
	must(err)
	for i, name := range []string{"a", "b"} {
		bed := vital.BedID("bed-" + name)
		_, err = r.db.PutBed(ctx, entry("bed.put"), store.Bed{ID: bed, Ward: "w", Label: name, Position: i})
		must(err)
		_, err = r.db.PutPatient(ctx, entry("patient.put"), person.Person{Patient: vital.PatientID("p-" + name), Family: name, Given: "x"})
		must(err)
		_, err = r.db.Admit(ctx, entry("patient.admit"), vital.PatientID("p-"+name), bed, now())
		must(err)
		must(r.db.PutDevice(ctx, entry("device.put"), store.Device{ID: vital.DeviceID("m-" + name), Label: name, Kind: "monitor", Class: "device", State: "active"}))
		_, err = r.db.Bind(ctx, entry("device.bind"), store.Binding{Device: vital.DeviceID("m-" + name), Patient: vital.PatientID("p-" + name), From: now() - 3600_000})
		must(err)
	}
	must(r.flow.Changed(ctx))
}

// accept hands a packet of a device to the door; waiting is done when the packet
// is acknowledged.
func (r *rig) accept(device, body string, waiting *sync.WaitGroup) {
	r.t.Helper()
	waiting.Add(1)
	err := r.door.Accept(r.t.Context(), ingest.Packet{
		Site: site, Credential: vital.CredentialID("c-" + device), Device: vital.DeviceID(device), Door: "mqtt",
		Topic: "v1/" + device + "/telemetry", Received: now(), Body: []byte(body),
	}, func(_ ingest.Receipt, err error) {
		if err != nil {
			r.t.Errorf("not acknowledged: %v", err)
		}
		waiting.Done()
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// send accepts n packets per device and waits for their acknowledgements.
func (r *rig) send(from, n int) {
	r.t.Helper()
	var waiting sync.WaitGroup
	for i := range n {
		for _, d := range []string{"m-a", "m-b"} {
			body := fmt.Sprintf(`{"seq":%d,"time":%q,"readings":[{"metric":"heart-rate","value":%d,"unit":"/min"},{"metric":"spo2","value":%d.%d,"unit":"%%"}]}`,
				from+i, (base + vital.Instant(from+i)*1000).String(), 60+i%40, 90+i%9, i%10)
			r.accept(d, body, &waiting)
		}
	}
	waiting.Wait()
}

var base = now() - 3000_000

// sequences returns the device sequences stored for a patient's metric, sorted.
func (r *rig) sequences(patient, metric string) []uint64 {
	r.t.Helper()
	tracks, err := r.flow.Samples(r.t.Context(), store.Everything(site), store.Query{Patient: vital.PatientID(patient), Metrics: []string{metric}, From: 1, To: now() + 1e9})
	if err != nil {
		r.t.Fatal(err)
	}
	var all []uint64
	for _, t := range tracks {
		for _, s := range t.Samples {
			all = append(all, s.Sequence)
		}
	}
	slices.Sort(all)
	return all
}

// settle waits until every frame is applied.
func (r *rig) settle() {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		lag := uint64(0)
		for _, s := range []journal.Stream{journal.Raw, journal.Readings} { // what is raw becomes readings
			for i := range uint16(2) {
				_, last, err := r.log.Bounds(r.t.Context(), s, i)
				if err != nil {
					r.t.Fatal(err)
				}
				lag += r.flow.Lag(s, i, last)
			}
		}
		if lag == 0 {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d frames are still not applied", lag)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (r *rig) wantEach(from, n int) {
	r.t.Helper()
	for _, patient := range []string{"p-a", "p-b"} {
		for _, metric := range []string{"heart-rate", "spo2"} {
			got := r.sequences(patient, metric)
			for i := range n {
				if i >= len(got) || got[i] != uint64(from+i) {
					r.t.Fatalf("%s %s: %d stored, want %d to %d each once; first difference at %d: %v", patient, metric, len(got), from, from+n-1, i, got[max(0, i-2):min(len(got), i+3)])
				}
			}
			if len(got) != n {
				r.t.Fatalf("%s %s: %d stored, want %d", patient, metric, len(got), n)
			}
		}
	}
}

func TestFlowCarriesReadings(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	r.furnish()
	var mu sync.Mutex
	shown := map[string]int{}
	detach := r.flow.Attach(func(u *watch.Update) {
		mu.Lock()
		defer mu.Unlock()
		for _, v := range u.Values {
			shown[string(v.Patient)+" "+v.Metric]++
		}
	})
	defer detach()
	r.send(1, 300)
	r.settle()
	r.wantEach(1, 300)
	mu.Lock()
	defer mu.Unlock()
	for _, k := range []string{"p-a heart-rate", "p-b spo2"} {
		if shown[k] == 0 {
			t.Errorf("%s was never shown", k)
		}
	}
	for _, w := range r.flow.Watches([]vital.PatientID{"p-a"}) {
		if w.State == watch.Unplanned || len(w.Streams) != 3 {
			t.Errorf("patient on a monitor: watch = %+v, want three expected streams", w)
		}
	}
	latest := r.flow.Latest(store.Everything(site), []vital.PatientID{"p-a"})
	if len(latest) != 2 || latest[0].Unit == "" {
		t.Errorf("latest = %+v", latest)
	}
	if got := r.flow.Latest(store.Rows{Site: site}, []vital.PatientID{"p-a"}); len(got) != 0 {
		t.Errorf("a caller who may see nothing sees %+v", got)
	}
}

func TestFlowKeepsWhatItCannotRead(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	r.furnish()
	done := make(chan ingest.Receipt, 1)
	err := r.door.Accept(t.Context(), ingest.Packet{Site: site, Credential: "c", Device: "m-a", Door: "mqtt", Topic: "v1/m-a/telemetry", Received: now(),
		Body: []byte(`{"metric":"heart-rate","value":72}`)}, func(at ingest.Receipt, err error) { done <- at })
	if err != nil {
		t.Fatal(err)
	}
	info, err := r.flow.Decoded(t.Context(), (<-done).At)
	if err != nil || info.Result != ingest.Failed || !strings.Contains(info.Reason, "unit") {
		t.Fatalf("decoded: %+v, %v", info, err)
	}
	r.settle()
	problems, err := r.flow.Problems(t.Context(), store.Everything(site), 0, 10)
	if err != nil || len(problems) != 1 || problems[0].Device != "m-a" || !strings.Contains(problems[0].Reason, "unit") {
		t.Fatalf("problems = %+v, %v", problems, err)
	}
}

// Hours that belong to another patient move, those in open chunks too, and the
// wrong patient's latest values are taken back.
func TestFlowReassign(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	r.furnish()
	r.send(1, 200)
	r.settle()
	if err := r.db.Reassign(t.Context(), entry("device.reassign"), "m-a", base, base+3600_000, "p-b"); err != nil {
		t.Fatal(err)
	}
	if err := r.flow.Changed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.sequences("p-a", "heart-rate"); len(got) != 0 {
		t.Errorf("the wrong patient still has %d readings", len(got))
	}
	if got := r.sequences("p-b", "heart-rate"); len(got) != 400 {
		t.Errorf("the right patient has %d readings, want 200 of each monitor", len(got))
	}
	if got := r.flow.Latest(store.Everything(site), []vital.PatientID{"p-a"}); len(got) != 0 {
		t.Errorf("the wrong patient still shows %+v", got)
	}
	r.send(201, 10) // later packets of those hours follow
	r.settle()
	if got := r.sequences("p-a", "heart-rate"); len(got) != 0 {
		t.Errorf("%d readings of those hours still go to the wrong patient", len(got))
	}
}

// Stopping and starting again loses and repeats nothing.
func TestFlowRestart(t *testing.T) {
	path, log := filepath.Join(t.TempDir(), "v.db"), journal.NewMemory()
	n := 0
	for round := range 4 {
		r := open(t, path, log)
		if round == 0 {
			r.furnish()
		}
		r.send(n+1, 130)
		n += 130
		if round%2 == 1 {
			r.settle()
		}
		r.stop()
	}
	r := open(t, path, log)
	r.settle()
	r.wantEach(1, n)
}

// Waveform packets in open blocks come back exactly over restarts.
func TestFlowWavesOverRestarts(t *testing.T) {
	path, log := filepath.Join(t.TempDir(), "v.db"), journal.NewMemory()
	const hz, packets = 250, 50
	sample := func(i int) int32 { return int32(i*i%997) - 400 }
	for round := range 3 {
		r := open(t, path, log)
		if round == 0 {
			r.furnish()
		}
		var waiting sync.WaitGroup
		for i := round * packets; i < (round+1)*packets; i++ {
			b := wave.Block{
				Sequence: uint64(i + 1), Start: int64(base)*1000 + int64(i)*1_000_000, MilliHz: hz * 1000,
				Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, Metric: "ecg-ii", Unit: "mV",
			}
			for j := range hz {
				b.Samples = append(b.Samples, int16(sample(i*hz+j)))
			}
			body, err := wave.Encode(b)
			if err != nil {
				t.Fatal(err)
			}
			waiting.Add(1)
			err = r.door.Accept(t.Context(), ingest.Packet{Site: site, Credential: "c-m-a", Device: "m-a", Door: "mqtt", Topic: "v1/m-a/wave", Received: now(), Body: body},
				func(_ ingest.Receipt, err error) { waiting.Done() })
			if err != nil {
				t.Fatal(err)
			}
		}
		waiting.Wait()
		if round != 1 {
			r.settle()
		}
		r.stop()
	}
	r := open(t, path, log)
	r.settle()
	waves, err := r.flow.Waves(t.Context(), store.Everything(site), store.Query{Patient: "p-a", Metrics: []string{"ecg-ii"}, From: 1, To: now() + 1e9})
	if err != nil {
		t.Fatal(err)
	}
	if len(waves) != 3*packets {
		t.Fatalf("%d packets came back, want %d", len(waves), 3*packets)
	}
	for i, w := range waves {
		if w.Sequence != uint64(i+1) || len(w.Samples) != hz || w.Samples[7] != sample(i*hz+7) || w.Unit != "mV" {
			t.Fatalf("packet %d came back as sequence %d with %d samples", i+1, w.Sequence, len(w.Samples))
		}
	}
}

// A patient's strip is offered from the first packet on, not from the first
// block that is full.
func TestFlowOffersAWaveformAtOnce(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	r.furnish()
	body, err := wave.Encode(wave.Block{Sequence: 1, MilliHz: 250_000, Gain: vital.Whole(1), Metric: "ecg-ii", Unit: "mV", Samples: make([]int16, 250)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	err = r.door.Accept(t.Context(), ingest.Packet{Site: site, Credential: "c", Device: "m-a", Door: "mqtt", Topic: "v1/m-a/wave", Received: now(), Body: body},
		func(_ ingest.Receipt, err error) { done <- err })
	if err != nil || <-done != nil {
		t.Fatal("the packet was not accepted")
	}
	r.settle()
	r.send(1, 1) // numbers are no waveforms
	r.settle()
	names, err := r.db.WaveMetrics(t.Context(), store.Everything(site), "p-a")
	if err != nil || !slices.Equal(names, []string{"ecg-ii"}) {
		t.Fatalf("waveforms of the patient: %q, %v; want ecg-ii, whose block is still open", names, err)
	}
}

// A crash at any moment: the store as it was on disk then, and the log, which is
// always at least as far. Nothing acknowledged is lost, nothing is there twice.
func TestFlowCrashAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	path, log := filepath.Join(dir, "v.db"), journal.NewMemory()
	r := open(t, path, log)
	r.furnish()
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	type moment struct {
		path string
		log  *journal.Memory
		sent int
	}
	var moments []moment
	sent := 0
	for i := range 8 {
		r.send(sent+1, 60)
		sent += 60
		if i%3 == 0 {
			time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		}
		m := moment{path: filepath.Join(dir, fmt.Sprintf("crash-%d.db", i)), sent: sent}
		if _, err := raw.ExecContext(t.Context(), "VACUUM INTO ?", m.path); err != nil {
			t.Fatal(err)
		}
		m.log = copyLog(t, log) // after the store: the log is never behind it
		moments = append(moments, m)
	}
	r.stop()
	for i, m := range moments {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			again := open(t, m.path, m.log)
			again.settle()
			again.wantEach(1, m.sent)
			again.send(m.sent+1, 20) // and it goes on
			again.settle()
			again.wantEach(1, m.sent+20)
		})
	}
}

func copyLog(t testing.TB, from *journal.Memory) *journal.Memory {
	t.Helper()
	to := journal.NewMemory()
	for i := range uint16(2) {
		for _, s := range []journal.Stream{journal.Raw, journal.Readings} {
			_, last, err := from.Bounds(t.Context(), s, i)
			if err != nil {
				t.Fatal(err)
			}
			if last == 0 {
				continue
			}
			enough := fmt.Errorf("enough")
			err = from.Follow(t.Context(), s, i, 1, func(seq uint64, frame []byte) error {
				if _, err := to.Append(t.Context(), s, i, seq-1, slices.Clone(frame)); err != nil {
					return err
				}
				if seq == last {
					return enough
				}
				return nil
			})
			if err != enough {
				t.Fatal(err)
			}
		}
	}
	return to
}
