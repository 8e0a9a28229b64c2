package flow_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// TestAStormOfConnectionsIsCheap: ten thousand devices that come back at once
// cost frames of the journal that many of them share, and no transaction.
func TestAStormOfConnectionsIsCheap(t *testing.T) {
	log := journal.NewMemory()
	r := open(t, filepath.Join(t.TempDir(), "v.db"), log)
	r.furnish()
	const bound = 2 // a and b; the rest is worn by nobody
	began := time.Now()
	for i := range 10_000 {
		device := fmt.Sprintf("x-%d", i)
		if i < bound {
			device = "m-" + string(rune('a'+i))
		}
		for _, up := range []bool{true, false, true} {
			p := flow.Passage{Device: vital.DeviceID(device), Credential: vital.CredentialID("c-" + device), Up: up, At: now()}
			if err := r.flow.Link(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("30,000 passages took %v", took)
	}
	r.settle()
}

// TestAGatewayIsMissed: when what carries a device is gone, that is the cause of
// the device's silence.
func TestAGatewayIsMissed(t *testing.T) {
	log := journal.NewMemory()
	path := filepath.Join(t.TempDir(), "v.db")
	r := open(t, path, log)
	r.furnish()
	ctx := t.Context()
	if err := r.db.SetPlan(ctx, audit.Entry{Site: site, At: now(), Who: "test", Action: "plan", Outcome: "done"}, "p-a", []store.PlanItem{{Metric: "heart-rate", Kind: "continuous", Every: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := r.flow.Changed(ctx); err != nil {
		t.Fatal(err)
	}
	gateway := flow.Passage{Gateway: "gw", Credential: "c-gw", Up: true, At: now()}
	if err := r.flow.Link(ctx, gateway); err != nil {
		t.Fatal(err)
	}
	acknowledged := make(chan error, 1)
	err := r.door.Accept(ctx, ingest.Packet{
		Site: site, Credential: "c-gw", Device: "m-a", Gateway: true, Door: "mqtt", Topic: "v1/m-a/telemetry", Received: now(),
		Body: []byte(`{"seq":1,"readings":[{"metric":"heart-rate","value":70,"unit":"/min"}]}`),
	}, func(_ ingest.Receipt, err error) { acknowledged <- err })
	if err != nil {
		t.Fatal(err)
	}
	if err := <-acknowledged; err != nil {
		t.Fatal(err)
	}
	r.settle()
	gateway.Up, gateway.At = false, now()
	if err := r.flow.Link(ctx, gateway); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		w := r.flow.Watches([]vital.PatientID{"p-a"})[0]
		if string(w.CauseKind) == "gateway" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the cause is %s: %s", w.CauseKind, w.Cause)
		}
	}
}
