package vital_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/vital"
)

var (
	nameForm  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	refForm   = regexp.MustCompile(`^MDC_[A-Za-z0-9]+(_[A-Za-z0-9]+)*$`)
	loincForm = regexp.MustCompile(`^[1-9][0-9]{1,6}-[0-9]$`)
	groups    = []string{"vital", "cardiac", "respiration", "glucose", "lab", "activity", "sleep", "environment", "equipment"}
)

func TestMetricRows(t *testing.T) {
	if len(vital.Metrics) < 80 {
		t.Errorf("%d rows: want at least 80", len(vital.Metrics))
	}
	seen := map[string]string{}
	unique := func(t *testing.T, what, value, name string) {
		if other, ok := seen[what+value]; ok {
			t.Errorf("%s %s is also that of %s", what, value, other)
		}
		seen[what+value] = name
	}
	group := 0
	for _, m := range vital.Metrics {
		t.Run(m.Name, func(t *testing.T) {
			if !nameForm.MatchString(m.Name) || len(m.Name) > 40 {
				t.Error("name is not lower-case words with hyphens")
			}
			unique(t, "name ", m.Name, m.Name)
			unique(t, "label ", m.Label, m.Name)
			if m.Label == "" || m.Source == "" {
				t.Error("label or source is missing")
			}
			if i := slices.Index(groups, m.Group); i < group {
				t.Errorf("group %q is unknown or out of order", m.Group)
			} else {
				group = i
			}
			if m.LOINC != "" {
				unique(t, "LOINC ", m.LOINC, m.Name)
				if !loincForm.MatchString(m.LOINC) || !checkDigit(m.LOINC) {
					t.Errorf("LOINC %s: bad form or check digit", m.LOINC)
				}
			}
			if (m.MDC != 0) != (m.RefID != "") {
				t.Error("MDC and RefID stand together or not at all")
			}
			if m.MDC != 0 {
				unique(t, "RefID ", m.RefID, m.Name)
				partition, term := m.MDC>>16, m.MDC&0xffff
				if !slices.Contains([]uint32{1, 2, 128, 129}, partition) || term >= 0xf000 || !refForm.MatchString(m.RefID) {
					t.Errorf("MDC %d is %d::%d, %s: partition unknown, or term private", m.MDC, partition, term, m.RefID)
				}
			}
			testShape(t, m)
			if got, ok := vital.FindMetric(m.Name); !ok || got.Label != m.Label || vital.LookMetric(m.Name).Name != m.Name {
				t.Error("cannot be found by name")
			}
		})
	}
	if _, ok := vital.FindMetric("no-such-metric"); ok || vital.LookMetric("") != nil {
		t.Error("found what is not there")
	}
}

func testShape(t *testing.T, m vital.Metric) {
	if m.Shape == vital.Code {
		if m.Unit != "" || m.Low != m.High || len(m.Display) > 0 || vital.UnitsOf(m.Name) != nil {
			t.Error("a code has neither unit nor range")
		}
		for i, c := range m.Codes {
			if c == "" || strings.TrimSpace(c) != c || slices.Contains(m.Codes[:i], c) {
				t.Errorf("code %q", c)
			}
		}
		return
	}
	if err := vital.ValidUnit(m.Unit); err != nil {
		t.Fatal(err)
	}
	if m.Low.Compare(m.High) >= 0 || len(m.Codes) > 0 {
		t.Errorf("range %v to %v, codes %v", m.Low, m.High, m.Codes)
	}
	units := vital.UnitsOf(m.Name)
	if units[0] != m.Unit || len(units) != 1+len(m.Display) {
		t.Errorf("units %v", units)
	}
	for _, u := range m.Display {
		if err := m.Accepts(u); err != nil {
			t.Errorf("display unit: %v", err)
		}
		// Both bounds go there and back: within 15 digits of themselves.
		for _, bound := range []vital.Decimal{m.Low, m.High} {
			there, err := m.Convert(bound, m.Unit, u)
			if err != nil {
				t.Fatal(err)
			}
			back, err := m.Convert(there, u, m.Unit)
			if err != nil || !near(back, bound, 1e-12) {
				t.Errorf("%v %s is %v %s is %v %s (%v)", bound, m.Unit, there, u, back, m.Unit, err)
			}
		}
	}
	if ok, err := m.Plausible(m.High, m.Unit); !ok || err != nil {
		t.Error("the upper bound is part of the range")
	}
}

// checkDigit is LOINC's mod 10: double every second digit from the right.
// Source: LOINC Users' Guide, appendix on check digits.
func checkDigit(code string) bool {
	digits, check, _ := strings.Cut(code, "-")
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return (10-sum%10)%10 == int(check[0]-'0')
}

func near(a, b vital.Decimal, tolerance float64) bool {
	x, y := a.Float(), b.Float()
	return x == y || max(x-y, y-x) <= tolerance*max(max(x, -x), max(y, -y))
}

// Codes that public messages and implementation guides use, copied from there.
func TestKnownCodes(t *testing.T) {
	for name, mdc := range map[string]uint32{
		"heart-rate": 147842, "pulse-rate": 149530, "spo2": 150456, "bp-systolic": 150021, "bp-diastolic": 150022, "bp-mean": 150023,
		"resp-rate": 151562, "pleth": 150452, "ecg-i": 131329, "perfusion-index": 150448, "qt-interval": 147232, "rhythm": 184327, "battery": 67996,
		"infusion-rate": 157784, "volume-infused": 157993, "volume-to-infuse": 157872,
	} {
		if m, _ := vital.FindMetric(name); m.MDC != mdc {
			t.Errorf("%s: MDC %d, want %d", name, m.MDC, mdc)
		}
	}
}

func TestAccepts(t *testing.T) {
	for _, c := range []struct {
		metric, unit string
		want         bool
	}{
		{"heart-rate", "/min", true}, {"heart-rate", "{beats}/min", true}, {"heart-rate", "Hz", true}, {"heart-rate", "%", false}, {"heart-rate", "", false}, {"heart-rate", "bpm", false}, {"heart-rate", "1", false},
		{"spo2", "%", true}, {"spo2", "1", false}, {"spo2", "{spo2}", false}, {"spo2", "10*-2", true},
		{"temperature", "Cel", true}, {"temperature", "[degF]", true}, {"temperature", "K", true}, {"temperature", "°C", false}, {"temperature", "C", false}, {"temperature", "F", false},
		{"glucose", "mg/dL", true}, {"glucose", "mmol/L", true}, {"glucose", "kg/L", true}, {"glucose", "g", false}, {"glucose", "meq/L", false},
		{"potassium", "mmol/L", true}, {"potassium", "meq/L", true}, {"potassium", "mg/dL", false},
		{"urea", "mg/dL", false}, {"calcium-ionised", "meq/L", true},
		{"weight", "[lb_av]", true}, {"weight", "kg", true}, {"weight", "m", false},
		{"pain", "{score}", true}, {"pain", "1", true}, {"pain", "%", false}, {"steps", "{steps}", true},
		{"pleth", "mV", true}, {"pleth", "1", true}, {"pleth", "no-unit", false}, {"ecg-ii", "mV", true}, {"ecg-ii", "uV", true}, {"ecg-ii", "mm[Hg]", false},
		{"noise", "dB[SPL]", true}, {"noise", "dB", false}, {"insulin-bolus", "[iU]", true}, {"insulin-bolus", "U", false},
	} {
		m := vital.LookMetric(c.metric)
		if m == nil {
			t.Fatal(c.metric)
		}
		if err := m.Accepts(c.unit); (err == nil) != c.want {
			t.Errorf("%s in %q: %v, want accepted %v", c.metric, c.unit, err, c.want)
		}
	}
}

func TestPlausible(t *testing.T) {
	for _, c := range []struct {
		metric, value, unit string
		want                bool
	}{
		{"heart-rate", "350", "/min", true}, {"heart-rate", "350.1", "/min", false}, {"heart-rate", "5.9", "Hz", false}, {"heart-rate", "5.8", "Hz", true},
		{"temperature", "98.6", "[degF]", true}, {"temperature", "36.6", "[degF]", false}, {"temperature", "36.6", "Cel", true}, {"temperature", "310", "K", true},
		{"spo2", "101", "%", false}, {"spo2", "0", "%", true}, {"glucose", "5.5", "mmol/L", true}, {"glucose", "100", "mmol/L", false},
		{"blood-ph", "7.4", "[pH]", true}, {"blood-ph", "40", "nmol/L", true}, {"blood-ph", "4000", "nmol/L", false}, {"base-excess", "-12", "mmol/L", true},
	} {
		for range 2 { // computed, then remembered
			got, err := vital.LookMetric(c.metric).Plausible(decimal(t, c.value), c.unit)
			if err != nil || got != c.want {
				t.Errorf("%s %s %s: plausible %v, %v, want %v", c.metric, c.value, c.unit, got, err, c.want)
			}
		}
	}
	if _, err := vital.LookMetric("heart-rate").Plausible(vital.Whole(1), "kg"); err == nil {
		t.Error("a heart rate in kg was judged")
	}
}
