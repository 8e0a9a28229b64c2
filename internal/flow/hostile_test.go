package flow_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// Ten thousand packets that were overheard are sent again, three times over: each
// is stored once, and that they came again is counted.
//
// Covers: S3
func TestTenThousandPacketsAreReplayed(t *testing.T) {
	const each = 5000
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	r.furnish()
	for round := range 4 {
		r.send(1, each)
		r.settle()
		r.wantEach(1, each)
		if again, want := r.flow.Totals().Duplicates, uint64(round*2*each); again != want {
			t.Errorf("after %d replays %d packets are counted as sent again, want %d", round, again, want)
		}
	}
}

// skewed is a device whose clock is wrong from its 21st packet on.
type skewed struct {
	id      string
	seconds int64
}

// A clock is set wrong, by any amount, while a patient worsens. Everything is
// kept with both times; the alarm comes by the time of receipt; and a time that
// is not believed is marked.
//
// Covers: S4
func TestAClockThatIsWrong(t *testing.T) {
	const year = int64(365.25 * 86400)
	list := []int64{
		0, 10 * year, -10 * year, year, -year, 300 * 86400, -300 * 86400, 30 * 86400, -30 * 86400, 86400, -86400, 7200, -7200, 3600, -3600, 60, -60, 1, -1,
		-now().Time().Unix() + 86400, -(now().Time().Unix() - time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()),
	}
	random := rand.New(rand.NewPCG(4, 2))
	for range 19 { // from a second to thirty years, evenly over the orders of magnitude
		s := int64(math.Exp(random.Float64() * math.Log(float64(30*year))))
		list = append(list, s*(1-2*random.Int64N(2)))
	}
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	r.furnish()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	devices := make([]skewed, len(list))
	for i, s := range list {
		id := fmt.Sprintf("s-%02d", i)
		devices[i] = skewed{id, s}
		_, err := r.db.PutBed(ctx, entry("bed.put"), store.Bed{ID: vital.BedID("bed-" + id), Ward: "w", Label: id, Position: i + 2})
		must(err)
		_, err = r.db.PutPatient(ctx, entry("patient.put"), person.Person{Patient: vital.PatientID("p-" + id), Family: id, Given: "x", Birth: "1950-01-01"})
		must(err)
		_, err = r.db.Admit(ctx, entry("patient.admit"), vital.PatientID("p-"+id), vital.BedID("bed-"+id), now())
		must(err)
		must(r.db.PutDevice(ctx, entry("device.put"), store.Device{ID: vital.DeviceID(id), Label: id, Kind: "monitor", Class: "device", State: "active"}))
		_, err = r.db.Bind(ctx, entry("device.bind"), store.Binding{Device: vital.DeviceID(id), Patient: vital.PatientID("p-" + id), From: now() - 3600_000})
		must(err)
	}
	must(r.flow.Changed(ctx))
	const right, wrong = 20, 100
	start := now()
	var waiting sync.WaitGroup
	for n := range right + wrong {
		at, saturation := start+vital.Instant(n*1000), 97
		for _, d := range devices {
			device := at
			if n >= right {
				device, saturation = at+vital.Instant(d.seconds*1000), 80
			}
			waiting.Add(1)
			must(r.door.Accept(ctx, ingest.Packet{
				Site: site, Credential: vital.CredentialID("c-" + d.id), Device: vital.DeviceID(d.id), Door: "mqtt", Topic: "v1/" + d.id + "/telemetry", Received: at,
				Body: fmt.Appendf(nil, `{"seq":%d,"time":%q,"metric":"spo2","value":%d,"unit":"%%"}`, n+1, device.String(), saturation),
			}, func(_ ingest.Receipt, err error) {
				if err != nil {
					t.Errorf("not acknowledged: %v", err)
				}
				waiting.Done()
			}))
		}
	}
	waiting.Wait()
	r.settle()
	raised := map[vital.PatientID]vital.Instant{}
	for _, a := range r.flow.Alarms(ctx, store.Everything(site), nil) {
		if strings.HasPrefix(a.Rule, "spo2") && !a.Technical {
			raised[a.Patient] = a.Raised
		}
	}
	for _, d := range devices {
		patient := vital.PatientID("p-" + d.id)
		tracks, err := r.flow.Samples(ctx, store.Everything(site), store.Query{Device: vital.DeviceID(d.id), Metrics: []string{"spo2"}, From: -1 << 60, To: 1 << 60})
		must(err)
		kept := 0
		for _, track := range tracks {
			for _, s := range track.Samples {
				kept++
				shift := int64(s.Effective-s.Receive) / 1000
				told := s.Receive.Known()
				if ahead := shift > 5; !told || ahead && !s.Quality.Has(vital.ClockSuspect) {
					t.Errorf("clock off by %d s: %+v %s", d.seconds, s, s.Quality)
				}
				off := int64(s.Device-s.Receive) / 1000
				if believed := s.Effective != s.Receive || s.Offset != 0; !believed && (off > 5 || off < -5) && !s.Quality.Has(vital.ClockSuspect) {
					t.Errorf("clock off by %d s: its time is not used, and nothing says so: %+v %s", d.seconds, s, s.Quality)
				}
			}
		}
		if kept != right+wrong {
			t.Errorf("clock off by %d s: %d of %d readings are kept", d.seconds, kept, right+wrong)
		}
		began := start + right*1000
		if at, ok := raised[patient]; !ok || at < began || at > began+60_000 {
			t.Errorf("clock off by %d s: the alarm came %s after the patient worsened (%v)", d.seconds, at.Sub(began), ok)
		}
	}
}
