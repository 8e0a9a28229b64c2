// Package vjson reads and writes Vigil JSON, the format for a device whose maker
// can choose: one object with a metric, a number with its digits, a UCUM unit,
// and a time with its offset. It is the one format that a person can type.
//
// A packet that is not JSON, or whose own sequence, time or device cannot be
// read, is an error that names the byte. A reading or event that is wrong in
// itself is a Problem, and the others count. Meaning (is this metric known, may
// it have this unit) is decided in wire/device, for all formats alike.
package vjson

import (
	"github.com/vigilcare/vigil/vital"
)

// Packet is one Vigil JSON packet. Sequence, Time and Quality hold for each
// reading and event that has none of its own.
type Packet struct {
	Sequence    uint64        // the device's own count, from 1; 0: none
	Time        vital.Instant // by the device's clock; 0: none
	ZoneMinutes int           // offset in which times are written, minutes east of UTC
	Device      vital.DeviceID
	Quality     vital.Quality
	Readings    []Reading
	Events      []Event
}

// Reading is one value as sent.
type Reading struct {
	Sequence uint64
	Time     vital.Instant
	Metric   string
	Value    vital.Value
	Unit     string // empty with a code
	Quality  vital.Quality
	Index    int // place in "readings"; -1: the packet itself is the reading
}

// Event is one event as sent.
type Event struct {
	Sequence uint64
	Time     vital.Instant
	Kind     string // "beat", "rhythm", "lead-off" ...
	Code     string
	Text     string
	Quality  vital.Quality
	Index    int
}

// Limits of one packet. What is over a limit is refused, never cut.
const (
	MaxBody     = 1 << 20
	MaxReadings = 1000
	MaxEvents   = 1000
	maxName     = 64
	maxText     = 1000
)
