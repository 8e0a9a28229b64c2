package auth_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// One password on many accounts, from an address and from a whole network.
//
// Covers: A10 ASVS-6.3.1
func TestSpray(t *testing.T) {
	s := newHouse(t)
	tried := 0
	for i := range 100 {
		from := []string{"203.0.113.9", "::ffff:203.0.113.9", fmt.Sprintf("203.0.113.9:%d", 1000+i)}[i%3]
		_, _, err := s.gate.Password(t.Context(), fmt.Sprintf("user-%d", i), password, at(from))
		if vital.KindOf(err) == vital.Unauthenticated {
			tried++
		}
	}
	if tried == 0 || tried > 31 {
		t.Errorf("from one address, however it is written, %d accounts could be tried", tried)
	}
	tried = 0
	for i := range 100 {
		_, _, err := s.gate.FinishPasskey(t.Context(), "x", []byte("{}"), at(fmt.Sprintf("2001:db8:1:2::%x", i+1)))
		if vital.KindOf(err) == vital.Unauthenticated {
			tried++
		}
	}
	if tried == 0 || tried > 31 {
		t.Errorf("from one IPv6 network %d attempts could be made", tried)
	}
	if _, _, err := s.gate.Password(t.Context(), "somebody", password, at("198.51.100.1")); vital.KindOf(err) != vital.Unauthenticated {
		t.Errorf("another address is kept out: %v", err)
	}
	if _, _, err := s.gate.BeginPasskey(t.Context(), at("2001:db8:1:3::1")); err != nil {
		t.Errorf("another network is kept out: %v", err)
	}
}

// One account, guessed at from everywhere: it gets slow for all but where its
// owner signed in lately.
//
// Covers: A10 ASVS-6.3.1
func TestOneAccountFromEverywhere(t *testing.T) {
	s := newHouse(t)
	_, secret := s.withCode("ann")
	p, cookie := s.half("ann")
	_, _, err := s.gate.Code(t.Context(), p, s.codeOf(secret), cookie)
	s.ok(err)
	waits := 0
	for i := range 56 {
		_, _, err := s.gate.Password(t.Context(), "ann", "not the right one", at(fmt.Sprintf("198.51.%d.%d", i/200, i%200+1)))
		if vital.KindOf(err) == vital.TooMuch {
			waits++
		}
	}
	if waits == 0 {
		t.Error("fifty-six addresses guessed as fast as one")
	}
	_, _, err = s.gate.Password(t.Context(), "ann", password, at("192.0.2.200"))
	s.kind(err, vital.TooMuch, "a new place")
	if _, _, err := s.gate.Password(t.Context(), "ann", password, at("10.0.0.1")); err != nil {
		t.Errorf("the owner at the usual place is kept out: %v", err)
	}
	s.pass(31 * time.Second)
	if _, _, err := s.gate.Password(t.Context(), "ann", password, at("192.0.2.200")); err != nil {
		t.Errorf("the owner at a new place, after half a minute: %v", err)
	}
}

// Two thousand sign-ins at once: each is answered, and the memory that they take
// is bounded. What a check takes is 19 MiB; unbounded these would be 38 GiB.
//
// Covers: A10 R3 ASVS-2.4.1
func TestLoginStorm(t *testing.T) {
	s := newHouse(t)
	s.signUp("ann", password)
	const callers = 2000
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	measured := make(chan struct{})
	over, stop := context.WithCancel(t.Context())
	go func() {
		defer close(measured)
		for over.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			time.Sleep(20 * time.Millisecond)
		}
	}()
	var kinds [256]atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			_, _, err := s.gate.Password(context.WithoutCancel(t.Context()), fmt.Sprintf("user-%d", i), "a password of many", at(fmt.Sprintf("198.51.%d.%d", i/200, i%200+1)))
			kinds[vital.KindOf(err)].Add(1)
		})
	}
	all.Wait()
	stop()
	<-measured
	grown := int64(peak.Load()) - int64(before.HeapInuse)
	checked, sentAway := kinds[vital.Unauthenticated].Load(), kinds[vital.Unavailable].Load()
	t.Logf("%d checked, %d told to come again, heap grew by at most %d MiB", checked, sentAway, grown>>20)
	if checked+sentAway != callers || sentAway == 0 || checked < 50 {
		t.Errorf("%d checked, %d told to come again, of %d", checked, sentAway, callers)
	}
	if grown > 192<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if _, _, err := s.gate.Password(t.Context(), "ann", password, at("10.0.0.1")); err != nil {
		t.Errorf("after the storm: %v", err)
	}
}

// What is remembered of attempts is bounded, whoever attempts.
//
// Covers: A10 R3
func TestAttemptsAreBounded(t *testing.T) {
	s := newHouse(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 20_000 {
		a := rand.Uint32()
		from := fmt.Sprintf("%d.%d.%d.%d", a>>24, a>>16&255, a>>8&255, a&255)
		if i%20 == 0 { // each of these is a line of the ledger
			_, _, err := s.gate.FinishPasskey(t.Context(), "no such ceremony", []byte("{}"), at(from))
			if vital.KindOf(err) != vital.Unauthenticated {
				t.Fatal(err)
			}
		}
		if _, _, err := s.gate.BeginPasskey(t.Context(), at(from)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 32<<20 {
		t.Errorf("twenty thousand attempts from as many addresses are remembered in %d MiB", grown>>20)
	}
}
