package mqttd_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// TestPassages holds that who comes and who goes is told in order, with the
// reason, and that nobody is said to be gone when it is the server that stops.
func TestPassages(t *testing.T) {
	var mu sync.Mutex
	var told []string
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Passed: func(_ context.Context, p mqttd.Passage) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf("%s %s up=%v goodbye=%v %s", p.Principal.Class, p.Principal.ID, p.Up, p.Goodbye, p.Why))
	}})
	wants := func(want ...string) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			mu.Lock()
			same := slices.Equal(told, want)
			mu.Unlock()
			if same {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("told %q, want %q", told, want)
			}
		}
	}
	first := h.dial(h.as("monitor-1", mqtt.Level5))
	wants("device monitor-1 up=true goodbye=false ")
	second := h.dial(h.as("monitor-1", mqtt.Level5))
	all := []string{"device monitor-1 up=true goodbye=false ", "device monitor-1 up=false goodbye=false taken over", "device monitor-1 up=true goodbye=false "}
	wants(all...)
	_ = first
	second.Close()
	all = append(all, "device monitor-1 up=false goodbye=true goodbye")
	wants(all...)
	h.dial(h.as("gateway-1", mqtt.Level4))
	all = append(all, "gateway gateway-1 up=true goodbye=false ")
	wants(all...)
	h.stop()
	wants(all...)
}
