package vital

import (
	"sync"
	"sync/atomic"
)

// Metric is one thing that can be measured. Name is ours and stable; LOINC and
// MDC are how charts and devices call it.
type Metric struct {
	Name      string  // "heart-rate"
	Label     string  // "Heart rate": English, for logs and the API; screens use the message catalogue
	LOINC     string  // "8867-4", empty where none fits
	MDC       uint32  // IEEE 11073-10101 code, partition<<16 | term; 0 where none fits
	RefID     string  // "MDC_ECG_HEART_RATE"
	Unit      string  // UCUM, the canonical one: others are converted at display only; empty for a code
	Low, High Decimal // plausible range in Unit, both inclusive; outside is kept and marked Implausible
	Shape     Shape
	Group     string   // "vital", "lab", "activity", "sleep", "glucose", "respiration", "cardiac", "environment", "equipment"
	Display   []string // units a person may choose besides Unit
	Codes     []string // of a Code: the values allowed; empty: any
	Molar     Decimal  // g/mol, bridges mg/dL and mmol/L; zero: the two cannot be converted
	Charge    int      // equivalents per mol, bridges meq/L and mmol/L; zero: they cannot
	Source    string   // where range and codes come from
}

// Shape says what kind of data a metric is.
type Shape uint8

const (
	Numeric Shape = iota
	Code
	Wave
)

func (s Shape) String() string {
	switch s {
	case Code:
		return "code"
	case Wave:
		return "wave"
	}
	return "numeric"
}

var metricByName = func() map[string]*Metric {
	byName := make(map[string]*Metric, len(Metrics))
	for i := range Metrics {
		byName[Metrics[i].Name] = &Metrics[i]
	}
	return byName
}()

// FindMetric returns the row with that name.
func FindMetric(name string) (Metric, bool) {
	if m, ok := metricByName[name]; ok {
		return *m, true
	}
	return Metric{}, false
}

// LookMetric is FindMetric without a copy of the row, for code that asks per
// reading. The row must not be changed.
func LookMetric(name string) *Metric { return metricByName[name] }

// Accepts returns nil if a number of this metric may be sent in that unit: one
// that converts to Unit, by molar mass or charge where the row states them.
// A bare count ("1", "{steps}") is not taken for a percentage: 97 of nothing
// must not become 9700 %.
func (m *Metric) Accepts(unit string) error {
	if unit == m.Unit {
		return nil
	}
	u, err := lookUnit(unit)
	if err != nil {
		return err
	}
	canonical, err := lookUnit(m.Unit)
	if err != nil {
		return err
	}
	if m.Shape == Wave && canonical.bare {
		return nil // a relative signal, such as a pleth: only its form means something
	}
	if u.dim != canonical.dim || u.arbitrary != canonical.arbitrary {
		if _, ok := bridgeUnits(u, canonical, m.Molar, m.Charge); !ok {
			return Errorf(Invalid, "unit %q does not measure %s: want %s or a unit that converts to it", unit, m.Name, m.Unit)
		}
	}
	if u.bare != canonical.bare {
		return Errorf(Invalid, "unit %q is not on the scale of %s: want %s", unit, m.Name, m.Unit)
	}
	return nil
}

// Plausible reports whether v, in the given unit, lies in the row's range. The
// bounds are converted, once per unit, and not the value.
func (m *Metric) Plausible(v Decimal, unit string) (bool, error) {
	low, high := m.Low, m.High
	if unit != m.Unit {
		b, err := m.boundsIn(unit)
		if err != nil {
			return false, err
		}
		low, high = b.low, b.high
	}
	return v.Compare(low) >= 0 && v.Compare(high) <= 0, nil
}

type bounds struct{ low, high Decimal }

// convertedBounds remembers them; a stranger cannot fill it, since annotations
// that make new names for a unit stop being kept at maxParsed.
var (
	convertedBounds sync.Map // metric name + " " + unit -> bounds
	convertedCount  atomic.Int32
)

func (m *Metric) boundsIn(unit string) (bounds, error) {
	key := m.Name + " " + unit
	if b, ok := convertedBounds.Load(key); ok {
		return b.(bounds), nil
	}
	low, err := m.Convert(m.Low, m.Unit, unit)
	if err != nil {
		return bounds{}, err
	}
	high, err := m.Convert(m.High, m.Unit, unit)
	if err != nil {
		return bounds{}, err
	}
	if low.Compare(high) > 0 { // a scale that runs the other way, as pH does
		low, high = high, low
	}
	b := bounds{low, high}
	if convertedCount.Load() < maxParsed {
		if _, loaded := convertedBounds.LoadOrStore(key, b); !loaded {
			convertedCount.Add(1)
		}
	}
	return b, nil
}

// Convert is Convert that also crosses between mass and amount of substance, and
// between equivalents and amount, with this row's molar mass and charge.
func (m *Metric) Convert(v Decimal, from, to string) (Decimal, error) {
	if from == to {
		return v, ValidUnit(from)
	}
	f, t, err := parsePair(from, to)
	if err != nil {
		return Decimal{}, err
	}
	bridge, ok := bridgeUnits(f, t, m.Molar, m.Charge)
	if !ok || f.bare != t.bare && f.dim == (dimension{}) {
		return Decimal{}, Errorf(Invalid, "%s in %q cannot be converted to %q", m.Name, from, to)
	}
	return convert(v, f, t, bridge, from, to)
}

// ConvertMetric is Metric.Convert by name; a name that the table does not know
// is converted by units alone.
func ConvertMetric(metric string, v Decimal, from, to string) (Decimal, error) {
	m := LookMetric(metric)
	if m == nil {
		return Convert(v, from, to)
	}
	return m.Convert(v, from, to)
}

// UnitsOf returns the units that a person may choose for a metric, the canonical
// one first; nil for a code or an unknown name.
func UnitsOf(metric string) []string {
	m := LookMetric(metric)
	if m == nil || m.Unit == "" {
		return nil
	}
	return append([]string{m.Unit}, m.Display...)
}
