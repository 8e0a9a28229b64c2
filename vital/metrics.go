package vital

// Metric is one thing that can be measured. Name is ours and stable; LOINC and
// MDC are how charts and devices call it.
type Metric struct {
	Name      string  // "heart-rate"
	Label     string  // "Heart rate": English, for logs and the API; screens use the message catalogue
	LOINC     string  // "8867-4", empty where none fits
	MDC       uint32  // IEEE 11073-10101 code, partition<<16 | term; 0 where none fits
	RefID     string  // "MDC_ECG_HEART_RATE"
	Unit      string  // UCUM, the canonical one: others are converted at display only
	Low, High Decimal // plausible range in Unit, both inclusive; outside is kept and marked Implausible
	Shape     Shape
	Group     string // "vital", "lab", "activity", "sleep", "glucose", "respiration", "cardiac", "environment", "equipment"
	Source    string // where range and codes come from
}

// Shape says what kind of data a metric is.
type Shape uint8

const (
	Numeric Shape = iota
	Code
	Wave
)

// Metrics is every metric that Vigil knows by name, read top to bottom.
var Metrics = []Metric{
	{Name: "heart-rate", Label: "Heart rate", LOINC: "8867-4", MDC: 147842, RefID: "MDC_ECG_HEART_RATE", Unit: "/min", Low: Whole(0), High: Whole(350), Group: "vital", Source: "IEEE 11073-10101; LOINC 2.77"},
	{Name: "spo2", Label: "Oxygen saturation", LOINC: "59408-5", MDC: 150456, RefID: "MDC_PULS_OXIM_SAT_O2", Unit: "%", Low: Whole(0), High: Whole(100), Group: "vital", Source: "IEEE 11073-10101; LOINC 2.77"},
	{Name: "resp-rate", Label: "Respiratory rate", LOINC: "9279-1", MDC: 151562, RefID: "MDC_RESP_RATE", Unit: "/min", Low: Whole(0), High: Whole(120), Group: "vital", Source: "IEEE 11073-10101; LOINC 2.77"},
}

// FindMetric returns the row with that name.
func FindMetric(name string) (Metric, bool) {
	for _, m := range Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}
