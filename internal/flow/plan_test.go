package flow_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// A monitor that is bound is expected to send, also when the clock journals the
// binding before the flow was told that the device is there: its patient was once
// shown as one of whom nothing is expected.
func TestADeviceIsExpectedBeforeAnybodySaidSo(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.db.PutWard(ctx, entry("ward.put"), store.Ward{ID: "w", Name: "W", Zone: "UTC", Kind: "adult"})
	must(err)
	_, err = r.db.PutBed(ctx, entry("bed.put"), store.Bed{ID: "b", Ward: "w", Label: "1"})
	must(err)
	_, err = r.db.PutPatient(ctx, entry("patient.put"), person.Person{Patient: "p-a", Family: "A", Given: "x"})
	must(err)
	_, err = r.db.Admit(ctx, entry("patient.admit"), "p-a", "b", now())
	must(err)
	must(r.db.PutDevice(ctx, entry("device.put"), store.Device{ID: "m-a", Kind: "monitor", Class: "device", State: "active"}))
	_, err = r.db.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-a", Patient: "p-a", From: now()})
	must(err)
	for deadline := time.Now().Add(12 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		pending, err := r.db.PendingControls(ctx, site, 0)
		must(err)
		if len(pending) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the clock does not journal what was decided")
		}
	}
	w := r.flow.Watches([]vital.PatientID{"p-a"})
	if len(w) != 1 || w[0].State == watch.Unplanned || len(w[0].Streams) != 3 {
		t.Errorf("patient on a monitor: %+v, want three expected streams", w)
	}
}
