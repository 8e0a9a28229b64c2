package auth

import (
	"sync"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// throttle slows down whoever guesses. It counts failures per key (an account,
// an address, or both together) and makes the key wait twice as long after each
// failure past the free ones. It is bounded: the key that failed longest ago is
// forgotten first.
type throttle struct {
	mu    sync.Mutex
	free  int           // failures that cost nothing
	first time.Duration // the first wait
	most  time.Duration // the longest wait, and how long a quiet key is remembered
	size  int
	keys  map[string]*failures
}

type failures struct {
	count int
	last  time.Time
	until time.Time
}

func newThrottle(free int, first, most time.Duration) *throttle {
	return &throttle{free: free, first: first, most: most, size: 4096, keys: make(map[string]*failures)}
}

// wait returns how long the key must still wait; 0: go ahead.
func (t *throttle) wait(key string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.keys[key]
	if f == nil {
		return 0
	}
	if now.Sub(f.last) > t.most {
		delete(t.keys, key)
		return 0
	}
	return max(0, f.until.Sub(now))
}

// failed counts a failure and returns how many there were in a row.
func (t *throttle) failed(key string, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.keys[key]
	if f == nil {
		t.makeRoom()
		f = &failures{}
		t.keys[key] = f
	}
	f.count++
	f.last = now
	if past := f.count - t.free; past > 0 {
		wait := t.first
		for range min(past-1, 20) {
			wait = min(2*wait, t.most)
		}
		f.until = now.Add(wait)
	}
	return f.count
}

// passed forgets the failures of a key.
func (t *throttle) passed(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.keys, key)
}

func (t *throttle) makeRoom() {
	if len(t.keys) < t.size {
		return
	}
	oldest, at := "", time.Time{}
	for key, f := range t.keys {
		if oldest == "" || f.last.Before(at) {
			oldest, at = key, f.last
		}
	}
	delete(t.keys, oldest)
}

// Wait is a refusal that says when to come back.
type Wait struct{ For time.Duration }

func (w *Wait) Error() string {
	return "too many attempts: wait " + w.For.Round(time.Second).String()
}

func tooMuch(d time.Duration) error {
	return vital.Errorf(vital.TooMuch, "signing in: %w", &Wait{For: max(d, time.Second)})
}
