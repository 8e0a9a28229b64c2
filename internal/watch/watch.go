// Package watch follows the readings of each patient: which value is the latest,
// whether every stream that is expected really comes, and since when it does not.
//
// It exists so that silence can be told apart from calm. A Board is fed the
// journal's records in order, ticks included, and nothing else: it reads no
// clock, so the same records give the same states, live or replayed.
package watch

import (
	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

// Value is the latest reading of one metric of one patient, chosen among its
// sources; the others are beside it so that a disagreement can be seen.
type Value struct {
	vital.Reading
	Others []vital.Reading // other devices that gave this metric within Fresh
}

// StreamKind says how often a stream is expected.
type StreamKind string

const (
	Continuous StreamKind = "continuous" // every few seconds, as long as the patient is connected
	Spot       StreamKind = "spot"       // a measurement now and then
)

// StreamState says how an expected stream stands.
type StreamState string

const (
	Got     StreamState = "got"
	Tardy   StreamState = "late"
	Missing StreamState = "missing"
	Resting StreamState = "standby" // in the ledger: nothing was expected, by somebody's order
)

// Stream is one expected stream of one patient.
type Stream struct {
	Metric string
	Kind   StreamKind
	Every  int64 // ms: the longest time between two readings that is still as expected
	State  StreamState
	Last   vital.Instant // receive time of the last usable reading, 0: never
	Since  vital.Instant // when State began
	Cause  string        // "" while got

	CauseKind CauseKind      // of Cause
	Device    vital.DeviceID // that gave the last reading
	From      vital.Instant  // since when it is expected: of the plan, or the end of a standby
	Told      vital.Instant  // since when the ledger says that it is expected

	Doubt     string // why what came since the last usable reading was not usable
	DoubtKind CauseKind
	Back      vital.Instant // the server was gone until then, and nothing has come since
	Grace     vital.Instant // and so long devices have to come back before there is an alarm
}

// WatchState is how well a patient is watched.
type WatchState string

const (
	Watched    WatchState = "watched"
	Partly     WatchState = "partly"
	NotWatched WatchState = "not-watched"
	OnStandby  WatchState = "standby"
	Unplanned  WatchState = "unplanned" // nothing is expected: nobody has said what to watch
)

// Watch is the state of one patient.
type Watch struct {
	Patient vital.PatientID
	State   WatchState
	Last    vital.Instant // of any expected stream
	Since   vital.Instant
	Cause   string
	Streams []Stream

	CauseKind CauseKind
}

// Update is what changed by a batch of records, ready for screens.
type Update struct {
	Values  []Value
	Waves   []vital.Waveform
	Events  []vital.Event
	Watches []Watch
	Alarms  []alarm.Alarm // as they are now; closed ones once
	// Changed is set when places, people or bindings changed: fetch them again.
	Changed bool
}

// Empty reports whether there is nothing to show.
func (u *Update) Empty() bool {
	return len(u.Values)+len(u.Waves)+len(u.Events)+len(u.Watches)+len(u.Alarms) == 0 && !u.Changed
}
