package notify_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Ten thousand pages of low priority, to people whose channel is slow, delay one
// of high priority by less than a second, and by the same slow channel.
func TestStorm(t *testing.T) {
	pages := 10_000
	if testing.Short() {
		pages = 2000
	}
	w := newWorld(t, t.TempDir())
	defer w.store.Close()
	w.phone.behave(func(ctx context.Context, r ring) (notify.Receipt, error) {
		if r.m.Priority < vital.High {
			select {
			case <-time.After(300 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		return taken()
	})
	batch := store.Batch{Site: site, Epoch: w.epoch}
	now := vital.At(time.Now())
	for i := range pages {
		a := alarm.Alarm{ID: fmt.Sprintf("al-low-%d", i), Patient: vital.PatientID(fmt.Sprintf("p-%d", 1+i%3)), Rule: "x", Title: "x", Priority: vital.Low, Raised: now, Condition: alarm.Present, Times: 1}
		batch.Alarms = append(batch.Alarms, a)
		batch.Pages = append(batch.Pages, store.Page{ID: "pg-" + a.ID, Alarm: a.ID, Patient: a.Patient, Kind: "raised", Priority: vital.Low, At: now})
	}
	must(t, w.store.Commit(t.Context(), batch))
	worker := w.worker()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	longest := time.Duration(0)
	for i := range 8 {
		time.Sleep(200 * time.Millisecond)
		id := fmt.Sprintf("al-high-%d", i)
		w.page(id, "p-1", "raised", vital.High)
		began := time.Now()
		worker.Wake()
		for len(w.phone.rung(func(r ring) bool { return r.m.Alarm == id })) == 0 && time.Since(began) < 10*time.Second {
			time.Sleep(time.Millisecond)
		}
		longest = max(longest, time.Since(began))
	}
	rang := len(w.phone.rung(func(r ring) bool { return r.m.Priority < vital.High }))
	stop()
	must(t, <-ended)
	if longest >= time.Second {
		t.Errorf("a page of high priority waited %s in a storm of %d", longest, pages)
	}
	if rang == 0 {
		t.Error("the storm was no storm: no low page went out")
	}
	t.Logf("high waited %s at most; %d messages of low priority meanwhile", longest, rang)
}
