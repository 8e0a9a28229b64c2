package mqttd

import (
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// sight is what Options.Visible said about one device, remembered for a moment:
// the question may cost a look at the store, and it is asked for every delivery. A
// device that is moved to another ward is out of a program's sight so much later.
type sight struct {
	visible bool
	until   time.Time
}

const (
	sightTime  = 2 * time.Second
	mostSights = 10_000 // of one session
)

// mayReceive decides whether the session's client may have m now. Devices and
// gateways could only subscribe to their own; programs see devices of their wards,
// and each other's messages when they may see every ward that the publisher may
// see. The caller holds x.mu.
func (x *session) mayReceive(m *message) bool {
	p := &x.principal
	if p.Class != auth.Integration {
		return true
	}
	if m.device != "" {
		return x.sees(m.device, x.server.now())
	}
	if p.AllWards || m.from.Class == auth.Integration && m.from.ID == p.ID {
		return true
	}
	return !m.from.AllWards && !slices.ContainsFunc(m.from.Wards, func(w vital.WardID) bool { return !slices.Contains(p.Wards, w) })
}

func (x *session) sees(d vital.DeviceID, now time.Time) bool {
	visible := x.server.visible
	if visible == nil {
		return x.principal.AllWards
	}
	if s, ok := x.sights[d]; ok && now.Before(s.until) {
		return s.visible
	}
	if x.sights == nil || len(x.sights) >= mostSights {
		x.sights = make(map[vital.DeviceID]sight)
	}
	s := sight{visible(x.principal, d), now.Add(sightTime)}
	x.sights[d] = s
	return s.visible
}

// wants reports whether the client is connected, and whether m may be given to its
// session: to one that is offline only if it waits for messages.
func (x *session) wants(m *message) (online, wants bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	online = x.connection != nil
	return online, !x.lost && (online || x.expiry > 0) && x.mayReceive(m)
}
