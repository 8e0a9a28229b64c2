package main

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// handed is one message as a nurse's webhook got it.
type handed struct {
	to, key           string
	page, alarm, kind string
	technical         bool
	arrived, answered time.Time
	taken             bool // answered with 200
}

// receiver is what the nurses' webhooks lead to. It is slow now and then, and now
// and then it refuses, as receivers are.
type receiver struct {
	address string
	server  *http.Server
	rings   chan struct{}

	mu       sync.Mutex
	chance   *rand.Rand
	messages []handed
}

func newReceiver(seed uint64) (*receiver, error) {
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{rings: make(chan struct{}), address: "http://" + door.Addr().String(), chance: rand.New(rand.NewPCG(seed, 7))}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /nurse/{name}", r.take)
	r.server = &http.Server{Handler: mux}
	go r.server.Serve(door)
	return r, nil
}

func (r *receiver) take(w http.ResponseWriter, q *http.Request) {
	m := handed{to: q.PathValue("name"), key: q.Header.Get("Idempotency-Key"), arrived: time.Now()}
	body, err := io.ReadAll(q.Body)
	select {
	case r.rings <- struct{}{}:
	default:
	}
	var said struct {
		Page, Alarm, Kind string
		Technical         bool
	}
	if err != nil || json.Unmarshal(body, &said) != nil {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	m.page, m.alarm, m.kind, m.technical = said.Page, said.Alarm, said.Kind, said.Technical
	r.mu.Lock()
	wait := time.Duration(r.chance.IntN(150)) * time.Millisecond
	m.taken = r.chance.IntN(20) > 0
	r.mu.Unlock()
	time.Sleep(wait)
	m.answered = time.Now()
	if !m.taken {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	r.mu.Lock()
	r.messages = append(r.messages, m)
	r.mu.Unlock()
}

// next waits for the next message, so long at most.
func (r *receiver) next(limit time.Duration) {
	select {
	case <-r.rings:
	case <-time.After(limit):
	}
}
