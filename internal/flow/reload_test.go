package flow_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Two decide at the same time, each about a device of its own. Whoever is told
// that the decision holds finds it so: what was loaded earlier once took the
// place of what was loaded later, and a monitor that was taken off went on
// measuring the patient who had worn it.
func TestDecisionsAtOnceAllHold(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	r.furnish()
	ctx := t.Context()
	var both sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		both.Go(func() {
			device, patient := vital.DeviceID("m-"+name), vital.PatientID("p-"+name)
			holds := func(what string, bound bool) {
				if err := r.flow.Changed(ctx); err != nil {
					t.Errorf("%s %s: %v", what, device, err)
				}
				if _, is := r.registry.BindingAt(device, now()+1000); is != bound {
					t.Errorf("%s %s: it is bound: %v", what, device, is)
				}
			}
			for range 60 {
				if _, err := r.db.Unbind(ctx, entry("device.unbind"), device, now()); err != nil {
					t.Errorf("take off %s: %v", device, err)
				}
				holds("taken off:", false)
				if _, err := r.db.Bind(ctx, entry("device.bind"), store.Binding{Device: device, Patient: patient, From: now()}); err != nil {
					t.Errorf("put on %s: %v", device, err)
				}
				holds("put on:", true)
			}
		})
	}
	both.Wait()
}
