package ingest

import (
	"github.com/vigilcare/vigil/vital"
)

// clock estimates how far a device's clock is from ours, from nothing but the
// packets it sends. A packet cannot arrive before it was sent, so of the
// differences receive - device of a steady run the least is nearest to the true
// offset; the others were delayed on the way.
//
// Stored data that a device sends in a burst looks like a wrong clock, but its
// differences fall from packet to packet, so it never makes a steady run: one
// begins only with differences that all lie together. A clock that steps ends the run and begins another.
type clock struct {
	Run    int64         // least difference of the present run, ms
	Most   int64         // greatest difference of the run, for the uncertainty
	Count  int           // packets in the run
	Began  vital.Instant // receive time of the first packet of the run
	First  int64         // least difference in the first minute of the run, for drift
	Used   int32         // offset in use, ms
	Spread int32         // uncertainty of it, ms
	Known  bool          // a steady run has been seen
	Lost   bool          // the clock is so far off that it was never set: its time says nothing
}

const (
	steadyWithin = 2000 // ms: differences of one run lie within this
	steadySpan   = 3000 // ms of receive time before a run counts
	steadyCount  = 4
	// A clock within a second of ours is taken as it is: correcting it by an
	// estimate made of network delays would only add noise.
	tolerated = 1000
	// The offset in use moves only when the estimate has moved by this much, so
	// that evenly spaced readings stay evenly spaced.
	hysteresis = 500
	// A clock that is weeks away has lost its battery and counts from some epoch.
	usableOffset = 20 * 86400_000
)

// observe takes the times of one packet.
func (c *clock) observe(device, receive vital.Instant) {
	d := int64(receive - device)
	begun := c.Count+1 < steadyCount || receive-c.Began <= steadySpan
	if c.Count == 0 || d < c.Run-steadyWithin || d > c.Run+steadyWithin || begun && max(c.Most, d)-min(c.Run, d) > steadyWithin {
		c.Run, c.Most, c.Count, c.Began, c.First = d, d, 1, receive, d
		return
	}
	c.Count++
	c.Run = min(c.Run, d)
	c.Most = max(c.Most, d)
	if receive-c.Began < 60_000 {
		c.First = min(c.First, d)
	}
	if c.Count < steadyCount || receive-c.Began < steadySpan {
		return
	}
	c.Known = true
	c.Spread = int32(min(c.Most-c.Run, steadyWithin))
	c.Lost = c.Run > usableOffset || c.Run < -usableOffset
	if c.Lost {
		c.Used = 0
		return
	}
	want := int32(c.Run)
	if want > -tolerated && want < tolerated {
		want = 0
	}
	if change := int64(want) - int64(c.Used); want == 0 || change > hysteresis || change < -hysteresis {
		c.Used = want
	}
}

// drift is the rate at which the device's clock runs away, in parts per million,
// over the present run; 0 before ten minutes of it.
func (c *clock) drift(now vital.Instant) float64 {
	span := int64(now - c.Began)
	if span < 600_000 {
		return 0
	}
	return float64(c.First-c.Run) / float64(span) * 1e6
}

// clocks returns the three times of a reading.
func (c *clock) clocks(device, receive vital.Instant) vital.Clocks {
	if !device.Known() {
		return vital.Clocks{Receive: receive, Effective: receive, Uncertainty: -1}
	}
	if c.Lost || int64(receive-device) > lostAge || int64(device-receive) > usableOffset {
		return vital.Clocks{Device: device, Receive: receive, Effective: receive, Uncertainty: -1}
	}
	k := vital.Clocks{Device: device, Receive: receive, Effective: device + vital.Instant(c.Used), Offset: c.Used, Uncertainty: -1}
	if c.Known {
		k.Uncertainty = c.Spread
	}
	return k
}

// lostAge is the age beyond which a device time is not believed, ms: no device
// stores readings for a year, and clocks that were never set start long ago.
const lostAge = 365 * 86400_000

// suspect reports whether the device's time is not to be believed: the effective
// time would be later than the moment it reached us, or was not used at all.
func suspect(k vital.Clocks) bool {
	return k.Device.Known() && (k.Effective > k.Receive+5000 || k.Effective == k.Receive && k.Offset == 0 && k.Device != k.Receive)
}
