package vital

import "slices"

// Data is a kind of what is known of a person, as far as the person may decide
// on it apart from the rest.
type Data string

const (
	DataVitals     Data = "vitals"     // measured numbers, laboratory values, events and what is expected of the streams
	DataWaveforms  Data = "waveforms"  // curves: ECG, pulse, breath, movement
	DataActivity   Data = "activity"   // steps, energy
	DataSleep      Data = "sleep"      // phases and length of sleep
	DataGlucose    Data = "glucose"    // sugar and what was eaten
	DataMedication Data = "medication" // what was given: insulin, oxygen
	DataLocation   Data = "location"   // where somebody lies and lay, and which device is with whom
	DataNotes      Data = "notes"      // bed rounds, remarks, why data is not expected
	DataRisk       Data = "risk"       // scores, the person's own baseline, what judging must know
	DataIdentity   Data = "identity"   // name, birth, numbers, whom to call
	DataAlarms     Data = "alarms"     // alarms, what was done about them, who was told
)

// AllData is every kind, in the order in which they are shown.
var AllData = []Data{
	DataVitals, DataWaveforms, DataActivity, DataSleep, DataGlucose, DataMedication, DataLocation, DataNotes, DataRisk, DataIdentity, DataAlarms,
}

// computed are the metrics that say how somebody does rather than what was
// measured, and given those that were given to somebody: the groups of the table
// of metrics do not tell them apart.
var (
	computed = []string{"news2", "mews", "qsofa", "shock-index", "pews", "meows"}
	given    = []string{"insulin-bolus", "insulin-basal", "oxygen-flow", "oxygen-device"}
)

// DataOf is the kind of data that a metric is; one that is not in the table is a
// vital sign.
func DataOf(metric string) Data {
	m := LookMetric(metric)
	switch {
	case m == nil:
		return DataVitals
	case m.Shape == Wave:
		return DataWaveforms
	case slices.Contains(computed, metric) || m.Unit == "{z}":
		return DataRisk
	case slices.Contains(given, metric):
		return DataMedication
	}
	switch m.Group {
	case "activity":
		return DataActivity
	case "sleep":
		return DataSleep
	case "glucose":
		return DataGlucose
	}
	return DataVitals
}

// DataSet is which kinds of data may be seen; the zero value is none.
type DataSet uint16

// EveryData is all kinds.
const EveryData DataSet = 1<<11 - 1

// DataSetOf is the set of these kinds; what is no kind is left out.
func DataSetOf(kinds ...Data) (s DataSet) {
	for _, d := range kinds {
		if i := slices.Index(AllData, d); i >= 0 {
			s |= 1 << i
		}
	}
	return s
}

// Has reports whether the kind is in the set.
func (s DataSet) Has(d Data) bool { return s&DataSetOf(d) != 0 }
