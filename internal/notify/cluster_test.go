package notify_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Two workers of one site send each message once between them; and when one of
// them stops in the middle of a message, the other takes it up when its time is up.
func TestTwoWorkers(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir)
		defer w.store.Close()
		hang := make(chan struct{})
		w.phone.behave(func(ctx context.Context, r ring) (notify.Receipt, error) {
			select {
			case <-time.After(100 * time.Millisecond):
				return taken()
			case <-ctx.Done():
				return notify.Receipt{}, ctx.Err()
			case <-hang:
				return taken()
			}
		})
		shared := func(o *notify.Options) { o.Alone = false }
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 2)
		for range 2 {
			worker := w.worker(shared)
			go func() { ended <- worker.Run(ctx) }()
		}
		for i := range 60 {
			w.page(fmt.Sprintf("al-%d", i), "p-1", "raised", vital.High)
		}
		time.Sleep(5 * time.Second)
		count := map[string]int{}
		for _, r := range w.phone.rung(func(ring) bool { return true }) {
			count[r.m.ID]++
		}
		for id, n := range count {
			if n != 1 {
				t.Errorf("%s rang %d times", id, n)
			}
		}
		if len(count) != 60 {
			t.Errorf("%d messages, want 60", len(count))
		}
		stop()
		must(t, <-ended)
		must(t, <-ended)
		// One that was claimed by a worker that is gone.
		w.page("al-left", "p-1", "raised", vital.High)
		ctx, stop = context.WithCancel(context.Background())
		alone := w.worker(shared)
		w.phone.behave(func(ctx context.Context, r ring) (notify.Receipt, error) {
			<-ctx.Done()
			return notify.Receipt{}, ctx.Err()
		})
		go func() { ended <- alone.Run(ctx) }()
		time.Sleep(500 * time.Millisecond)
		stop()
		must(t, <-ended)
		w.phone.behave(nil)
		ctx, stop = context.WithCancel(context.Background())
		other := w.worker(shared)
		go func() { ended <- other.Run(ctx) }()
		time.Sleep(30 * time.Second)
		stop()
		must(t, <-ended)
		if all := w.deliveries("al-left"); !slices.Contains(all, "anna sms "+store.HandedOver) {
			t.Errorf("what a worker left behind: %v", all)
		}
		close(hang)
	})
}
