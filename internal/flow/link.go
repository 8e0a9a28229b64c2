package flow

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// This file takes from the doors who comes and who goes, and journals it where
// the watch over the patient reads it: why a stream fell silent is a fact like
// any other, and a replay must find the same one. It costs a record of the
// journal and nothing of the store, so that ten thousand devices may come back
// at once.

// Passage is that a device or a gateway connected to a door, or left it.
type Passage struct {
	Device     vital.DeviceID // of a device's own connection
	Gateway    string         // of a gateway's
	Credential vital.CredentialID
	Up         bool
	Goodbye    bool // it left in order
	Why        string
	At         vital.Instant
}

// links is what is known of the ways to devices in this process.
type links struct {
	mu      sync.Mutex
	open    map[vital.CredentialID]int // connections
	carried map[vital.CredentialID]map[vital.DeviceID]struct{}
	last    map[vital.DeviceID]watch.Link
}

func newLinks() *links {
	return &links{
		open: map[vital.CredentialID]int{}, carried: map[vital.CredentialID]map[vital.DeviceID]struct{}{},
		last: map[vital.DeviceID]watch.Link{},
	}
}

// mostCarried bounds how many devices are remembered of one gateway.
const mostCarried = 10_000

// carry notes that a gateway brought something of a device.
func (k *links) carry(by vital.CredentialID, device vital.DeviceID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	devices := k.carried[by]
	if devices == nil {
		devices = map[vital.DeviceID]struct{}{}
		k.carried[by] = devices
	}
	if len(devices) < mostCarried {
		devices[device] = struct{}{}
	}
}

// passed counts connections: a gateway with two of them that loses one is still
// there. It returns the devices that this is about, and whether it changes
// anything.
func (k *links) passed(p Passage) (devices []vital.DeviceID, changes bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p.Up {
		k.open[p.Credential]++
	} else {
		if k.open[p.Credential] > 1 {
			k.open[p.Credential]--
			return nil, false
		}
		delete(k.open, p.Credential)
	}
	if p.Gateway == "" {
		devices = []vital.DeviceID{p.Device}
	} else {
		for d := range k.carried[p.Credential] {
			devices = append(devices, d)
		}
		slices.Sort(devices)
	}
	for _, d := range devices {
		k.last[d] = p.link(nil)
	}
	return devices, true
}

// of returns the last passage of a device.
func (k *links) of(device vital.DeviceID) (watch.Link, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l, ok := k.last[device]
	l.Devices = []vital.DeviceID{device}
	return l, ok
}

func (p Passage) link(devices []vital.DeviceID) watch.Link {
	return watch.Link{Devices: devices, Gateway: p.Gateway, Up: p.Up, Goodbye: p.Goodbye, Why: p.Why, At: p.At}
}

// Link takes a passage from a door. Passages of one credential come in order. It
// returns when the records wait for their frame.
func (f *Flow) Link(ctx context.Context, p Passage) error {
	devices, changes := f.links.passed(p)
	if !changes {
		return nil
	}
	byPartition := make([][]vital.DeviceID, len(f.writers))
	for _, d := range devices {
		// Of a device that nobody wears the watch hears when somebody does.
		if b, ok := f.o.Registry.BindingAt(d, p.At); ok && b.Patient != "" {
			to := f.readingsPartition(b.Patient, d)
			byPartition[to] = append(byPartition[to], d)
		}
	}
	for to, list := range byPartition {
		switch {
		case p.Gateway != "" && p.Up:
			list = nil // back: of whatever it carried when it went
		case len(list) == 0:
			continue
		}
		if err := f.journalLink(ctx, uint16(to), p.link(list)); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) journalLink(ctx context.Context, to uint16, l watch.Link) error {
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	err = f.writers[to].Append(ctx, journal.Record{Kind: journal.KindLink, Body: body}, func(_ vital.Position, err error) {
		if err != nil {
			f.log.Warn("that a connection opened or broke could not be journalled", "error", err.Error())
		}
	})
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "journal that a connection opened or broke: %w", err)
	}
	return nil
}

// startLinks says to every partition that no connection outlived the last
// process.
func (f *Flow) startLinks(ctx context.Context) error {
	for to := range f.writers {
		if err := f.journalLink(ctx, uint16(to), watch.Link{Why: "start", At: f.now()}); err != nil {
			return err
		}
	}
	return nil
}

// linked applies what a door said.
func (p *partition) linked(body []byte) error {
	var l watch.Link
	if err := json.Unmarshal(body, &l); err != nil {
		return vital.Errorf(vital.Internal, "read a passage: %w", err)
	}
	p.board.Link(l)
	return nil
}

// problem lets the watch know that something of a device could not be read.
func (p *partition) problem(i *ingest.PacketInfo) {
	p.board.Unread(i.Device, i.Result == ingest.Failed, i.Received)
}

// wearer returns who wears a device, empty: nobody.
func (f *Flow) wearer(device vital.DeviceID, at vital.Instant) vital.PatientID {
	b, _ := f.o.Registry.BindingAt(device, at)
	return b.Patient
}

// waysOf returns what is known of the ways to some devices.
func (f *Flow) waysOf(devices []vital.DeviceID) []watch.Link {
	var known []watch.Link
	for _, d := range devices {
		if l, ok := f.links.of(d); ok {
			known = append(known, l)
		}
	}
	return known
}
