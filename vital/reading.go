package vital

// Position is a place in the journal; every id derives from one, so a replay
// gives the same ids.
type Position struct {
	Partition uint16 `json:"partition"`
	Frame     uint64 `json:"frame"` // log sequence within the partition, from 1
	Index     uint32 `json:"index"` // within the frame
}

// Reading is one measured or entered value of one metric, with its unit.
type Reading struct {
	Site     Site
	Device   DeviceID
	Patient  PatientID // empty: the device was not bound at that time
	Metric   string    // Name of a row of Metrics, or "x:<name>" for what the table does not know
	Value    Value
	Unit     string // UCUM, as stored; never empty for a number ("1" for a pure number)
	Clocks   Clocks
	Quality  Quality
	Sequence uint64 // the device's own count, 0: none
	Source   Position
	Decoder  string // name@version of what turned bytes into this
}

// Value is a number or a code. Missing values do not exist: what was not
// measured is not a Reading.
type Value struct {
	Number Decimal
	Code   string // set: the value is a code such as "A" of ACVPU, and Number is zero
}

// Num returns a numeric value.
func Num(d Decimal) Value { return Value{Number: d} }

// Coded returns a coded value.
func Coded(code string) Value { return Value{Code: code} }

// IsCode reports whether the value is a code.
func (v Value) IsCode() bool { return v.Code != "" }

func (v Value) String() string {
	if v.Code != "" {
		return v.Code
	}
	return v.Number.String()
}

// Waveform is a block of evenly spaced samples of one metric, 1 to 10 s long.
// Physical value in Unit = (sample + Zero) * Gain.
type Waveform struct {
	Site     Site
	Device   DeviceID
	Patient  PatientID
	Metric   string  // "ecg-ii", "pleth", "resp-wave", "accel-x" ...
	Unit     string  // UCUM, e.g. "mV"
	Gain     Decimal // Unit per step, e.g. 0.005
	Zero     int32   // steps
	MilliHz  uint32  // samples per 1000 s: 360 Hz = 360000
	Start    int64   // microseconds since 1970, device time corrected as Clocks say
	Clocks   Clocks
	Quality  Quality
	Sequence uint64
	Samples  []int32
	Missing  []Span // index ranges without a measurement (lead off)
	Source   Position
	Decoder  string
}

// Span is a half-open range of indexes.
type Span struct{ From, To uint32 }

// Event is something that happened at one time: a beat, a rhythm change, a
// button, a fall, lead off.
type Event struct {
	Site     Site
	Device   DeviceID
	Patient  PatientID
	Kind     string // "beat", "rhythm", "lead-off", "note" ...
	Code     string // "N", "AFIB", ...
	Text     string
	Clocks   Clocks
	Quality  Quality
	Sequence uint64
	Source   Position
	Decoder  string
}
