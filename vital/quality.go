package vital

import (
	"strings"
)

// Quality is a set of remarks on a reading. Zero means "no remark". The union of
// HL7 v2 OBX-8, the Bluetooth PLX status and IEEE 11073-10207 validity.
type Quality uint32

const (
	Bad          Quality = 1 << iota // the device calls it invalid
	Questionable                     // the device doubts it
	Early                            // estimate before the measurement settled
	Calibrating
	Test // made by a test
	Demo // made by a demonstration; never mixes with real
	Manual
	Estimated
	Derived
	RangeLow    // below what the device can measure
	RangeHigh   // above what the device can measure
	SensorOff   // lead off, probe off
	Motion      // disturbed by movement
	Implausible // outside what a living body can give; kept, never judged
	ClockSuspect
	Late // arrived after newer data of the same stream
	Unbound
	Paced
)

var qualityNames = []string{
	"bad", "questionable", "early", "calibrating", "test", "demo", "manual", "estimated", "derived",
	"range-low", "range-high", "sensor-off", "motion", "implausible", "clock-suspect", "late", "unbound", "paced",
}

// Doubtful are the remarks under which a value must not be judged as normal nor
// raise a physiological alarm.
const Doubtful = Bad | Questionable | Early | Calibrating | Test | Demo | SensorOff | Motion | Implausible

// Has reports whether q has every remark of r.
func (q Quality) Has(r Quality) bool { return q&r == r }

// Names returns the remarks in words, in a fixed order.
func (q Quality) Names() []string {
	var names []string
	for i, n := range qualityNames {
		if q&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

func (q Quality) String() string { return strings.Join(q.Names(), " ") }

// ParseQuality reads one remark as Names writes it.
func ParseQuality(name string) (Quality, error) {
	for i, n := range qualityNames {
		if n == name {
			return 1 << i, nil
		}
	}
	return 0, Errorf(Invalid, "quality %q: not one of %s", name, strings.Join(qualityNames, ", "))
}
