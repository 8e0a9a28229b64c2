package flow

import "github.com/vigilcare/vigil/vital"

// Ticked returns how far the slowest partition has let time pass: the last tick
// that it has applied. A machine that is well is at most two ticks behind. It
// answers also while a partition waits for its disk.
func (f *Flow) Ticked() vital.Instant {
	var oldest vital.Instant
	for i, p := range f.parts {
		if t := vital.Instant(p.shown.alive.Load()); i == 0 || t < oldest {
			oldest = t
		}
	}
	return oldest
}
