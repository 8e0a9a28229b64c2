package auth

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// This file notices that the identity of a device is misused, and cuts it off.
// Three things show it, none of which an honest device does:
//
//   - it speaks as another device of the site, three times within an hour;
//   - two network places take its connection from each other, back and forth;
//   - its counter forks: numbers that were used already come again with other
//     contents, in between numbers that go on.
//
// A device that moves from one network to another takes its connection over
// once, one that starts again counts from the beginning once, and one that sends
// again sends the same bytes: none of them is cut off.

const (
	spokeMost   = 3         // times as another device
	spokeWithin = time.Hour //
	hopsMost    = 3         // take-overs back and forth
	hopsWithin  = 2 * time.Minute
	forksMost   = 5 // numbers that came again with other contents
	forksWithin = 10 * time.Minute
	forkMemory  = 64 // packets
)

// misuses is what was noticed of late, by device.
type misuses struct {
	mu    *sync.Mutex
	spoke map[string][]time.Time
	hops  map[string][]hop
	forks map[vital.DeviceID]*fork
}

// hop is a take-over of a connection by another network place.
type hop struct {
	from, to string
	at       time.Time
}

func newMisuses() misuses {
	return misuses{mu: new(sync.Mutex), spoke: map[string][]time.Time{}, hops: map[string][]hop{}, forks: map[vital.DeviceID]*fork{}}
}

// roomIn keeps a map bounded.
func roomIn[K comparable, V any](m map[K]V) {
	if len(m) >= remembered {
		clear(m)
	}
}

// spoke counts that a device spoke as another and reports whether that is enough.
func (m misuses) as(device string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	roomIn(m.spoke)
	times := slices.DeleteFunc(m.spoke[device], func(t time.Time) bool { return now.Sub(t) > spokeWithin })
	m.spoke[device] = append(times, now)
	return len(times)+1 >= spokeMost
}

// hopped notes a take-over and reports whether two places fight for the
// connection.
func (m misuses) hopped(key string, h hop) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	roomIn(m.hops)
	hops := slices.DeleteFunc(m.hops[key], func(o hop) bool { return h.at.Sub(o.at) > hopsWithin })
	if n := len(hops); n > 0 && (hops[n-1].from != h.to || hops[n-1].to != h.from) {
		hops = nil // it went on, not back
	}
	m.hops[key] = append(hops, h)
	return len(hops)+1 >= hopsMost
}

// forget drops what was noticed of a device, so that one that is let in again
// begins anew.
func (m misuses) forget(device vital.DeviceID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.spoke, string(device))
	delete(m.forks, device)
	for key := range m.hops {
		if id, _, _ := cutKey(key); id == string(device) {
			delete(m.hops, key)
		}
	}
}

func hopKey(device, client string) string { return device + "\x00" + client }

func cutKey(key string) (device, client string, ok bool) {
	for i := range len(key) {
		if key[i] == 0 {
			return key[:i], key[i+1:], true
		}
	}
	return key, "", false
}

// fork is what is remembered of a device's counter.
type fork struct {
	prints   [forkMemory]numbered
	next     int
	newest   uint64
	ahead    bool   // it went on since a number last came again
	last     uint64 // the number that came again
	repeated []vital.Instant
}

type numbered struct{ sequence, print uint64 }

// saw takes one packet and reports whether two senders are counting.
func (f *fork) saw(sequence, print uint64, at vital.Instant) bool {
	for _, p := range f.prints {
		if p.sequence != sequence {
			continue
		}
		if p.print != print && f.ahead {
			f.again(sequence, at)
		}
		return len(f.repeated) >= forksMost
	}
	f.prints[f.next] = numbered{sequence, print}
	f.next = (f.next + 1) % forkMemory
	if sequence > f.newest {
		f.newest, f.ahead = sequence, true
	}
	return false
}

// again notes that a number came again with other contents after the counter
// had gone on. A device that starts again repeats lower numbers each time; two
// that count both go on.
func (f *fork) again(sequence uint64, at vital.Instant) {
	if sequence <= f.last {
		f.repeated = nil
	}
	f.repeated = slices.DeleteFunc(f.repeated, func(t vital.Instant) bool { return at.Sub(t) > forksWithin })
	f.repeated, f.last, f.ahead = append(f.repeated, at), sequence, false
}

// Counted takes the number and a fingerprint of a packet that a device sent by
// itself. It does not wait.
func (g *Gate) Counted(device vital.DeviceID, sequence, print uint64, at vital.Instant) {
	if sequence == 0 || device == "" {
		return
	}
	m := g.misuses
	m.mu.Lock()
	f := m.forks[device]
	if f == nil {
		roomIn(m.forks)
		f = &fork{}
		m.forks[device] = f
	}
	forked := f.saw(sequence, print, at)
	if forked {
		delete(m.forks, device)
	}
	m.mu.Unlock()
	if forked {
		go g.quarantine(context.Background(), device, fmt.Sprintf("its counter forks at number %d: two senders count with one identity", sequence))
	}
}

// TakenOver is told that a second connection of p took the place of the first.
// An error means that the second is not to be let in either.
func (g *Gate) TakenOver(ctx context.Context, p Principal, client, from, to string) error {
	h := hop{hostOf(from), hostOf(to), g.now()}
	if h.from == h.to || !g.misuses.hopped(hopKey(p.ID, client), h) {
		return nil
	}
	why := fmt.Sprintf("two network places use its identity at once: %s and %s", h.from, h.to)
	g.quarantine(ctx, vital.DeviceID(p.ID), why)
	return vital.Errorf(vital.Denied, "device %s is quarantined: %s", p.ID, why)
}

// spokeAs counts that a device was refused what belongs to another device of the
// site. What is no device's is a mistake of its settings, and only refused.
func (g *Gate) spokeAs(ctx context.Context, p Principal, s Subject) {
	other := string(s.Device)
	if s.Kind == "topic" {
		other, _, _ = DeviceTopic(s.ID)
	}
	if p.Class == Device {
		g.claimed(ctx, p.ID, other)
	}
}

// claimed counts that a device, known by what it proved, called itself another.
func (g *Gate) claimed(ctx context.Context, device, other string) {
	if other == "" || other == device || device == "" {
		return
	}
	if _, err := g.store.Device(ctx, store.Everything(g.site), vital.DeviceID(other)); err != nil {
		return
	}
	if g.misuses.as(device, g.now()) {
		g.quarantine(ctx, vital.DeviceID(device), fmt.Sprintf("it spoke as device %s, %d times", other, spokeMost))
	}
}

// quarantine cuts a device off: it cannot connect until somebody has looked.
func (g *Gate) quarantine(ctx context.Context, device vital.DeviceID, why string) {
	ctx = context.WithoutCancel(ctx)
	err := g.store.QuarantineDevice(ctx, audit.Entry{
		Site: g.site, At: vital.At(g.now()), Who: "system", Role: "system", Action: "device.quarantine", Subject: "device/" + string(device), Outcome: "done", Why: why,
	}, device)
	g.misuses.forget(device)
	g.Forget()
	switch {
	case vital.KindOf(err) == vital.Conflict && err != nil:
		return // it is cut off already
	case err != nil:
		g.log.Error("a device whose identity is misused could not be quarantined", "device", string(device), "why", why, "error", err.Error())
		return
	}
	g.log.Warn("device quarantined", "device", string(device), "why", why)
	if g.cut != nil {
		g.cut(ctx, device)
	}
}
