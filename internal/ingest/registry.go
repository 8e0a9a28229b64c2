package ingest

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/vigilcare/vigil/vital"
)

// DeviceFacts is what ingest must know of a device.
type DeviceFacts struct {
	ID       vital.DeviceID
	Kind     string // "monitor", "glucose-sensor" ...
	Demo     bool
	Wellness bool // not a medical device by its maker's own word
}

// Binding says who wore a device, or where it stood, from From until To.
type Binding struct {
	Device   vital.DeviceID
	Patient  vital.PatientID
	Room     vital.RoomID
	From, To vital.Instant // half open; To 0: until further notice
}

// Registry answers which device is whose at a time. It is replaced as a whole
// when the store changes, so that the hot path takes no lock.
type Registry struct{ now atomic.Pointer[registry] }

type registry struct {
	devices     map[vital.DeviceID]DeviceFacts
	bindings    map[vital.DeviceID][]Binding // newest first
	corrections map[vital.DeviceID][]Binding // newest first; they win
}

// Replace takes what the store holds now. Corrections say, after the fact, whose
// hours of a device were; they are in the order in which they were made, and a
// later one wins over an earlier one and over every binding.
func (r *Registry) Replace(devices []DeviceFacts, bindings, corrections []Binding) {
	next := &registry{
		devices: make(map[vital.DeviceID]DeviceFacts, len(devices)), bindings: map[vital.DeviceID][]Binding{},
		corrections: map[vital.DeviceID][]Binding{},
	}
	for _, c := range slices.Backward(corrections) {
		next.corrections[c.Device] = append(next.corrections[c.Device], c)
	}
	for _, d := range devices {
		next.devices[d.ID] = d
	}
	for _, b := range bindings {
		next.bindings[b.Device] = append(next.bindings[b.Device], b)
	}
	for _, list := range next.bindings {
		slices.SortFunc(list, func(a, b Binding) int { return cmp.Compare(b.From, a.From) })
	}
	r.now.Store(next)
}

// Device returns what is known of a device.
func (r *Registry) Device(id vital.DeviceID) (DeviceFacts, bool) {
	g := r.now.Load()
	if g == nil {
		return DeviceFacts{}, false
	}
	f, ok := g.devices[id]
	return f, ok
}

// BindingAt returns the binding of the device at that time.
func (r *Registry) BindingAt(id vital.DeviceID, at vital.Instant) (Binding, bool) {
	g := r.now.Load()
	if g == nil {
		return Binding{}, false
	}
	for _, list := range [][]Binding{g.corrections[id], g.bindings[id]} {
		for _, b := range list {
			if at >= b.From && (b.To == 0 || at < b.To) {
				return b, true
			}
		}
	}
	return Binding{}, false
}
