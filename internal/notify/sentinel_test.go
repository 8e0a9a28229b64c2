package notify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// A test by a sentinel wakes nobody but its receiver: not the supervisor of the
// site, and not when its own channel fails.
func TestSentinelWakesNobodyElse(t *testing.T) {
	w := newWorld(t, t.TempDir())
	ctx := context.Background()
	must(t, w.store.PutChain(ctx, entry("chain"), "", store.Chain{Rungs: []store.Rung{{Level: 3, People: []store.Staff{{User: "sam"}}}}}))
	n := w.worker()
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(run) }()
	defer func() { stop(); <-ended }()
	w.page("al-played", store.SentinelPrefix+"x", "raised", vital.Medium)
	w.page("al-real", "p-1", "raised", vital.Medium)
	n.Wake()
	for end := time.Now().Add(10 * time.Second); len(w.deliveries("al-real")) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the real alarm was told nobody")
		}
	}
	if got := w.deliveries("al-played"); len(got) != 0 {
		t.Errorf("a test woke %v", got)
	}
	controls, err := w.store.PendingControls(ctx, vital.DefaultSite, 100)
	must(t, err)
	for _, c := range controls {
		if strings.Contains(string(c.Body), "nobody-on-duty") {
			t.Errorf("a test was reported as a page that found nobody: %s", c.Body)
		}
	}
}
