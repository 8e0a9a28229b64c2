package notify_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// copyOf is what a power cut leaves of the store: its files as they are now.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, f := range got(os.ReadDir(dir))(t) {
		if strings.HasPrefix(f.Name(), "vigil.db") && !strings.HasSuffix(f.Name(), "-shm") {
			must(t, os.WriteFile(filepath.Join(to, f.Name()), got(os.ReadFile(filepath.Join(dir, f.Name())))(t), 0o600))
		}
	}
	return to
}

// Pages times faults times power cuts. Whatever happens: every alarm of high
// priority is acknowledged or has come to the supervisor; no page goes twice to
// one person by one channel, but for what was under way at a power cut, and that
// under the same id.
func TestPagesAndPowerCuts(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	cuts := 0
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { cuts += powerCuts(t, uint64(round)) })
		})
	}
	if cuts < rounds/2 {
		t.Errorf("only %d power cuts in %d rounds", cuts, rounds)
	}
}

// slowly looks once a second: ten minutes are worked off in little time.
func slowly(o *notify.Options) { o.Timing.Poll = time.Second }

func powerCuts(t *testing.T, seed uint64) (cuts int) {
	chance := rand.New(rand.NewPCG(seed, 7))
	dir := t.TempDir()
	w := newWorld(t, dir)
	phone := w.phone
	down := map[string]bool{"sms": chance.IntN(3) == 0, "email": chance.IntN(3) == 0}
	cutAt := []int{chance.IntN(8), 8 + chance.IntN(12)}
	cut := make(chan struct{}, 1)
	asked := 0
	got1 := map[string]int{} // messages that the channel took, by id
	answered := map[string]time.Time{}
	off := false
	phone.behave(func(ctx context.Context, r ring) (notify.Receipt, error) {
		phone.mutex.Lock()
		asked++
		mine := asked
		how := chance.IntN(10)
		phone.mutex.Unlock()
		if slices.Contains(cutAt, mine) {
			// The channel may have taken it, but nobody will hear of that.
			if how < 5 && !down[r.kind] {
				phone.mutex.Lock()
				got1[r.m.ID]++
				phone.mutex.Unlock()
			}
			select {
			case cut <- struct{}{}:
			default:
			}
			<-ctx.Done()
			return notify.Receipt{}, ctx.Err()
		}
		switch {
		case off || down[r.kind]:
			return notify.Receipt{}, errDown
		case how == 0:
			<-ctx.Done()
			return notify.Receipt{}, ctx.Err()
		case how == 1:
			return notify.Receipt{}, errDown
		}
		phone.mutex.Lock()
		got1[r.m.ID]++
		if _, ok := answered[r.m.Alarm]; !ok && r.m.Alarm != "" && chance.IntN(3) == 0 {
			answered[r.m.Alarm] = time.Now().Add(20 * time.Second)
		}
		phone.mutex.Unlock()
		return taken()
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	run := func(worker *notify.Worker) { go func(ctx context.Context) { ended <- worker.Run(ctx) }(ctx) }
	run(w.worker(slowly))
	priorities := []vital.Priority{vital.High, vital.High, vital.Medium, vital.Low}
	due := map[string]time.Time{}
	for second := range 600 {
		if second < 60 && second%5 == 0 {
			id := fmt.Sprintf("al-%d", second)
			p := priorities[chance.IntN(4)]
			w.page(id, fmt.Sprintf("p-%d", 1+chance.IntN(3)), "raised", p)
			if p == vital.High {
				due[id] = time.Now().Add(time.Minute)
			}
		}
		time.Sleep(time.Second)
		select {
		case <-cut:
			synctest.Wait() // everybody waits: nothing is being written
			cuts++
			after := copyOf(t, dir)
			stop()
			must(t, <-ended)
			must(t, w.store.Close())
			dir = after
			alarms, frame := w.alarms, w.frame
			w = newWorld(t, dir)
			w.alarms, w.frame, w.phone = alarms, frame, phone
			ctx, stop = context.WithCancel(context.Background())
			run(w.worker(slowly))
		default:
		}
		for id, at := range due {
			a := w.alarms[id]
			if a.Acknowledged != nil {
				delete(due, id)
			} else if time.Now().After(at) {
				w.page(id, string(a.Patient), "escalated", vital.High)
				due[id] = time.Now().Add(time.Minute)
			}
		}
		phone.mutex.Lock()
		var take []string
		for id, at := range answered {
			if time.Now().After(at) {
				take = append(take, id)
				answered[id] = time.Now().Add(1000 * time.Hour)
			}
		}
		phone.mutex.Unlock()
		slices.Sort(take)
		for _, id := range take {
			w.acknowledge(id, "anna")
		}
	}
	stop()
	must(t, <-ended)
	for id, a := range w.alarms {
		if a.Priority < vital.High || a.Acknowledged != nil {
			continue
		}
		all := got(w.store.DeliveriesOf(context.Background(), everything, id))(t)
		if !slices.ContainsFunc(all, func(d store.Delivery) bool { return d.Level >= 3 }) {
			t.Errorf("seed %d: %s is neither acknowledged nor with the supervisor:\n\t%s", seed, id, strings.Join(w.deliveries(id), "\n\t"))
		}
	}
	for id, n := range got1 {
		if n > 1+cuts {
			t.Errorf("seed %d: message %s got through %d times with %d power cuts", seed, id, n, cuts)
		}
	}
	twice := 0
	for _, n := range got1 {
		twice += n - 1
	}
	if twice > cuts {
		t.Errorf("seed %d: %d repeats with %d power cuts", seed, twice, cuts)
	}
	must(t, w.store.Close())
	return cuts
}
