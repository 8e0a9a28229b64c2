package score_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/vital"
	"pgregory.net/rapid"
)

// row is a line of a table keyed a second time: points from one charted value to
// another, both inclusive.
type row struct{ from, to, points int }

func look(rows []row, n int) int {
	for _, r := range rows {
		if n >= r.from && n <= r.to {
			return r.points
		}
	}
	panic(fmt.Sprint("no row for ", n))
}

// The tables of the other scores, keyed again in the order in which the copies
// print them, highest first.
var second = map[string]map[string][]row{
	"mews": {
		"systolic":    {{200, 350, 2}, {101, 199, 0}, {81, 100, 1}, {71, 80, 2}, {0, 70, 3}},
		"pulse":       {{130, 350, 3}, {111, 129, 2}, {101, 110, 1}, {51, 100, 0}, {41, 50, 1}, {0, 40, 2}},
		"resp-rate":   {{30, 120, 3}, {21, 29, 2}, {15, 20, 1}, {9, 14, 0}, {0, 8, 2}},
		"temperature": {{385, 470, 2}, {350, 384, 0}, {120, 349, 2}},
	},
	"qsofa": {
		"systolic":  {{101, 350, 0}, {0, 100, 1}},
		"resp-rate": {{22, 120, 1}, {0, 21, 0}},
		"gcs":       {{15, 15, 0}, {3, 14, 1}},
	},
	"meows": {
		"resp-rate":   {{31, 120, 2}, {21, 30, 1}, {10, 20, 0}, {0, 9, 2}},
		"spo2":        {{95, 100, 0}, {0, 94, 2}},
		"temperature": {{381, 470, 2}, {361, 380, 0}, {350, 360, 1}, {120, 349, 2}},
		"systolic":    {{161, 350, 2}, {150, 160, 1}, {101, 149, 0}, {90, 100, 1}, {0, 89, 2}},
		"diastolic":   {{101, 300, 2}, {90, 100, 1}, {0, 89, 0}},
		"pulse":       {{121, 350, 2}, {100, 120, 1}, {51, 99, 0}, {40, 50, 1}, {0, 39, 2}},
	},
}

// pewsSecond is the four charts, from the ranges "30 - 49.99" of the
// configuration document, by the age that lies in each.
var pewsSecond = []struct {
	ages []float64
	rows map[string][]row
}{
	{[]float64{0, 0.5, 0.999}, map[string][]row{
		"resp-rate": {{70, 120, 4}, {60, 69, 2}, {50, 59, 1}, {30, 49, 0}, {20, 29, 1}, {10, 19, 2}, {0, 9, 4}},
		"pulse":     {{180, 350, 4}, {170, 179, 2}, {150, 169, 1}, {110, 149, 0}, {90, 109, 1}, {80, 89, 2}, {0, 79, 4}},
		"systolic":  {{110, 350, 4}, {100, 109, 2}, {90, 99, 1}, {70, 89, 0}, {60, 69, 1}, {50, 59, 2}, {0, 49, 4}},
	}},
	{[]float64{1, 4.999}, map[string][]row{
		"resp-rate": {{60, 120, 4}, {50, 59, 2}, {40, 49, 1}, {20, 39, 0}, {10, 19, 2}, {0, 9, 4}},
		"pulse":     {{170, 350, 4}, {150, 169, 2}, {140, 149, 1}, {90, 139, 0}, {70, 89, 1}, {60, 69, 2}, {0, 59, 4}},
		"systolic":  {{130, 350, 4}, {120, 129, 2}, {100, 119, 1}, {80, 99, 0}, {60, 79, 1}, {50, 59, 2}, {0, 49, 4}},
	}},
	{[]float64{5, 12.999}, map[string][]row{
		"resp-rate": {{50, 120, 4}, {40, 49, 2}, {25, 39, 1}, {20, 24, 0}, {15, 19, 1}, {10, 14, 2}, {0, 9, 4}},
		"pulse":     {{160, 350, 4}, {140, 159, 2}, {120, 139, 1}, {80, 119, 0}, {70, 79, 1}, {60, 69, 2}, {0, 59, 4}},
		"systolic":  {{130, 350, 4}, {120, 129, 2}, {110, 119, 1}, {90, 109, 0}, {80, 89, 1}, {70, 79, 2}, {0, 69, 4}},
	}},
	{[]float64{13, 18.9}, map[string][]row{
		"resp-rate": {{40, 120, 4}, {30, 39, 2}, {25, 29, 1}, {15, 24, 0}, {10, 14, 1}, {0, 9, 4}},
		"pulse":     {{130, 350, 4}, {120, 129, 2}, {100, 119, 1}, {70, 99, 0}, {60, 69, 1}, {50, 59, 2}, {0, 49, 4}},
		"systolic":  {{140, 350, 4}, {130, 139, 2}, {120, 129, 1}, {100, 119, 0}, {90, 99, 1}, {80, 89, 2}, {0, 79, 4}},
	}},
}

// everything is a set from which every score can be computed in a person of that age.
func everything(t testing.TB, age float64) score.Vitals {
	v := well(t)
	v.AgeYears, v.Pregnant = age, score.Yes
	v.Diastolic, v.GCS = number(t, "70", "mm[Hg]"), number(t, "15", "{score}")
	v.CapillaryRefill, v.WorkOfBreathing, v.CarerConcern = number(t, "2", "s"), score.Code("none"), score.Code("same")
	return v
}

func put(t testing.TB, v *score.Vitals, part string, d vital.Decimal) {
	t.Helper()
	switch part {
	case "resp-rate":
		v.RespRate = score.Number(d, "/min")
	case "pulse":
		v.Pulse = score.Number(d, "/min")
	case "systolic":
		v.Systolic = score.Number(d, "mm[Hg]")
	case "diastolic":
		v.Diastolic = score.Number(d, "mm[Hg]")
	case "spo2":
		v.SpO2 = score.Number(d, "%")
	case "gcs":
		v.GCS = score.Number(d, "{score}")
	case "temperature":
		v.Temperature = score.Number(vital.Decimal{Mantissa: d.Mantissa, Exponent: d.Exponent - 1}, "Cel")
	default:
		t.Fatal(part)
	}
}

func TestGrids(t *testing.T) {
	check := func(name string, age float64, rows map[string][]row) {
		s, ok := score.Find(name)
		if !ok {
			t.Fatal(name)
		}
		for part, table := range rows {
			low, high := table[len(table)-1].from, table[0].to
			for n := low; n <= high; n++ {
				v := everything(t, age)
				put(t, &v, part, vital.Whole(int64(n)))
				r := s.Compute(v, 0)
				if r.Status != score.OK || points(t, r, part) != look(table, n) {
					t.Errorf("%s, %v years, %s %d: %s, %d points, want %d (%s)", name, age, part, n, r.Status, points(t, r, part), look(table, n), r.Reason)
				}
			}
		}
	}
	for name, rows := range second {
		check(name, 30, rows)
	}
	for _, chart := range pewsSecond {
		for _, age := range chart.ages {
			check("pews", age, chart.rows)
			check("pews", age, map[string][]row{"spo2": {{95, 100, 0}, {92, 94, 1}, {0, 91, 4}}})
		}
	}
}

func TestConsciousness(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"mews": {"A": 0, "V": 1, "P": 2, "U": 3, "C": -1}, "meows": {"A": 0, "V": 1, "P": 2, "U": 2, "C": -1}, "pews": {"A": 0, "V": 0, "P": 0, "U": 0, "C": -1},
		"qsofa": {"A": 0, "C": 1, "V": 1, "P": 1, "U": 1}, "news2": {"A": 0, "C": 3, "V": 3, "P": 3, "U": 3},
	} {
		s, _ := score.Find(name)
		for code, n := range want {
			v := everything(t, 18)
			if name == "news2" {
				v.Pregnant = score.No
			}
			v.Consciousness, v.GCS = score.Code(code), score.Input{}
			r := s.Compute(v, 0)
			if status := map[bool]score.Status{true: score.OK, false: score.Incomplete}[n >= 0]; r.Status != status || points(t, r, "consciousness") != max(n, 0) {
				t.Errorf("%s, %s: %s, %d points, want %d (%s)", name, code, r.Status, points(t, r, "consciousness"), n, r.Reason)
			}
		}
	}
}

// The edges between charted values, band by band.
func TestEdges(t *testing.T) {
	for _, c := range []struct {
		name  string
		age   float64
		part  string
		value string // temperature in tenths
		want  int
	}{
		{"mews", 40, "temperature", "349.4", 2}, {"mews", 40, "temperature", "349.5", 0}, {"mews", 40, "temperature", "384.4", 0}, {"mews", 40, "temperature", "384.5", 2},
		{"mews", 40, "pulse", "40.4", 2}, {"mews", 40, "pulse", "40.5", 1},
		{"qsofa", 40, "resp-rate", "21.4", 0}, {"qsofa", 40, "resp-rate", "21.5", 1}, {"qsofa", 40, "systolic", "100.4", 1}, {"qsofa", 40, "systolic", "100.5", 0},
		{"meows", 30, "temperature", "380.4", 0}, {"meows", 30, "temperature", "380.5", 2}, {"meows", 30, "spo2", "94.5", 0},
		// The document cuts: 49.99 is still in the row to 49.
		{"pews", 0.5, "resp-rate", "49.99", 0}, {"pews", 0.5, "resp-rate", "50", 1}, {"pews", 0.5, "pulse", "179.99", 2}, {"pews", 0.5, "systolic", "49.99", 4},
		{"pews", 0.5, "spo2", "91.5", 4}, {"pews", 0.5, "spo2", "94.99", 1}, {"pews", 0.5, "spo2", "92", 1},
	} {
		s, _ := score.Find(c.name)
		v := everything(t, c.age)
		put(t, &v, c.part, dec(t, c.value))
		if r := s.Compute(v, 0); r.Status != score.OK || points(t, r, c.part) != c.want {
			t.Errorf("%s, %s %s: %s, %d points, want %d", c.name, c.part, c.value, r.Status, points(t, r, c.part), c.want)
		}
	}
}

func TestExamples(t *testing.T) {
	change := func(age float64, f func(*score.Vitals)) score.Vitals {
		v := everything(t, age)
		f(&v)
		return v
	}
	for _, c := range []struct {
		what, name string
		v          score.Vitals
		score      string
		risk       string
	}{
		{"well adult", "mews", change(50, func(v *score.Vitals) { v.RespRate = number(t, "14", "/min") }), "0", "low"},
		{"ill adult", "mews", change(50, func(v *score.Vitals) { // 1 + 2 + 2 + 2 + 1
			v.Systolic, v.Pulse, v.RespRate, v.Temperature, v.Consciousness = number(t, "90", "mm[Hg]"), number(t, "115", "/min"), number(t, "25", "/min"), number(t, "39", "Cel"), score.Code("V")
		}), "8", "high"},
		{"four is not five", "mews", change(50, func(v *score.Vitals) { v.RespRate, v.Pulse = number(t, "25", "/min"), number(t, "120", "/min") }), "4", "low"},
		{"pneumonia", "qsofa", change(70, func(v *score.Vitals) { v.RespRate, v.Systolic = number(t, "24", "/min"), number(t, "95", "mm[Hg]") }), "2", "high"},
		{"one of three", "qsofa", change(70, func(v *score.Vitals) { v.GCS = number(t, "14", "{score}") }), "1", "low"},
		{"bleeding", "shock-index", change(40, func(v *score.Vitals) { v.Pulse, v.Systolic = number(t, "120", "/min"), number(t, "80", "mm[Hg]") }), "1.50", "raised"},
		{"usual", "shock-index", change(40, func(v *score.Vitals) { v.Pulse, v.Systolic = number(t, "70", "/min"), number(t, "120", "mm[Hg]") }), "0.58", "usual"},
		{"0.90 is not above 0.9", "shock-index", change(40, func(v *score.Vitals) { v.Pulse, v.Systolic = number(t, "90", "/min"), number(t, "100", "mm[Hg]") }), "0.90", "borderline"},
		{"in kilopascal", "shock-index", change(40, func(v *score.Vitals) { v.Pulse, v.Systolic = number(t, "1.5", "Hz"), number(t, "13.3322", "kPa") }), "0.90", "borderline"},
		{"0.95 at 10 years", "shock-index", change(10, func(v *score.Vitals) { v.Pulse, v.Systolic = number(t, "95", "/min"), number(t, "100", "mm[Hg]") }), "0.95", "usual"},
		{"0.95 at 13 years", "shock-index", change(13, func(v *score.Vitals) { v.Pulse, v.Systolic = number(t, "95", "/min"), number(t, "100", "mm[Hg]") }), "0.95", "raised"},
		{"well mother", "meows", everything(t, 30), "0", "none"},
		{"one yellow", "meows", change(30, func(v *score.Vitals) { v.Pulse = number(t, "105", "/min") }), "1", "none"},
		{"two yellow", "meows", change(30, func(v *score.Vitals) { v.Pulse, v.Diastolic = number(t, "105", "/min"), number(t, "95", "mm[Hg]") }), "2", "trigger"},
		{"one red", "meows", change(30, func(v *score.Vitals) { v.Systolic = number(t, "165", "mm[Hg]") }), "2", "trigger"},
		{"well infant", "pews", change(0.5, func(v *score.Vitals) {
			v.RespRate, v.Pulse, v.Systolic = number(t, "40", "/min"), number(t, "130", "/min"), number(t, "80", "mm[Hg]")
		}), "0", "none"},
		{"bronchiolitis", "pews", change(0.5, func(v *score.Vitals) { // 2 + 2 + 1 + 1 + 1 + 0 + 0
			v.RespRate, v.Pulse, v.Systolic = number(t, "65", "/min"), number(t, "155", "/min"), number(t, "80", "mm[Hg]")
			v.WorkOfBreathing, v.SpO2, v.OnOxygen, v.OxygenDevice, v.OxygenFlow = score.Code("moderate"), number(t, "93", "%"), score.Unknown, score.Code("nasal-cannula"), number(t, "1", "L/min")
		}), "7", "medium"},
		{"septic school child", "pews", change(8, func(v *score.Vitals) { // 1 + 1 + 1 + 4 + 4 + 2 + 2
			v.RespRate, v.Pulse, v.Systolic, v.CapillaryRefill = number(t, "30", "/min"), number(t, "165", "/min"), number(t, "75", "mm[Hg]"), number(t, "4", "s")
			v.WorkOfBreathing, v.SpO2, v.OnOxygen, v.OxygenDevice = score.Code("mild"), number(t, "94", "%"), score.Unknown, score.Code("high-flow")
		}), "15", "emergency"},
		{"well, but does not wake", "pews", change(8, func(v *score.Vitals) {
			v.RespRate, v.Pulse, v.Systolic, v.Consciousness = number(t, "22", "/min"), number(t, "90", "/min"), number(t, "100", "mm[Hg]"), score.Code("U")
		}), "0", "emergency"},
	} {
		s, _ := score.Find(c.name)
		r := s.Compute(c.v, 0)
		if r.Status != score.OK || r.Score.String() != c.score || r.Risk != c.risk || r.Response == "" || r.Band == "" {
			t.Errorf("%s: %s %s %q %s, want %s %s: %+v", c.what, c.name, r.Status, r.Score, r.Risk, c.score, c.risk, r)
		}
	}
}

func TestPEWSOxygen(t *testing.T) {
	for _, c := range []struct {
		what   string
		device string
		flow   string
		fio2   string
		want   int // -1 incomplete
	}{
		{"air", "air", "", "", 0}, {"no support, by fio2", "", "", "21", 0}, {"fio2 alone", "", "", "30", 2},
		{"a little", "nasal-cannula", "0.01", "", 1}, {"under two", "nasal-cannula", "1.99", "", 1}, {"two", "nasal-cannula", "2", "", 2}, {"under six", "simple-mask", "5.99", "", 2}, {"six", "simple-mask", "6", "", 4},
		{"28 %", "venturi", "", "28", 1}, {"29.99 %", "venturi", "", "29.99", 1}, {"30 %", "venturi", "", "30", 2}, {"50 %", "venturi", "", "50", 4}, {"both: the more", "venturi", "4", "60", 4},
		{"high flow", "high-flow", "2", "25", 4}, {"cpap", "cpap", "", "", 4}, {"device, amount unknown", "nasal-cannula", "", "", -1}, {"nothing known", "", "", "", -1},
	} {
		v := everything(t, 3)
		v.OnOxygen = score.Unknown
		if c.device != "" {
			v.OxygenDevice = score.Code(c.device)
		}
		if c.flow != "" {
			v.OxygenFlow = number(t, c.flow, "L/min")
		}
		if c.fio2 != "" {
			v.InspiredOxygen = number(t, c.fio2, "%")
		}
		r := score.PEWS(v, 0)
		if status := map[bool]score.Status{true: score.OK, false: score.Incomplete}[c.want >= 0]; r.Status != status || points(t, r, "oxygen") != max(0, c.want) {
			t.Errorf("%s: %s, %d points, want %d (%s)", c.what, r.Status, points(t, r, "oxygen"), c.want, r.Reason)
		}
	}
}

func TestWhoTheyAreNotFor(t *testing.T) {
	for _, c := range []struct {
		name     string
		age      float64
		pregnant score.Answer
		want     score.Status
	}{
		{"mews", 15.9, score.Yes, score.Refused}, {"mews", 16, score.Yes, score.OK}, {"mews", -1, score.Yes, score.Incomplete},
		{"qsofa", 17.9, score.Yes, score.Refused}, {"qsofa", 18, score.Yes, score.OK},
		{"shock-index", 6.9, score.Yes, score.Refused}, {"shock-index", 7, score.Yes, score.OK}, {"shock-index", -1, score.Yes, score.Incomplete},
		{"pews", 18.9, score.Yes, score.OK}, {"pews", 19, score.Yes, score.Refused}, {"pews", -1, score.Yes, score.Incomplete},
		{"meows", 30, score.Yes, score.OK}, {"meows", 30, score.No, score.Refused}, {"meows", 30, score.Unknown, score.Incomplete},
	} {
		s, _ := score.Find(c.name)
		v := everything(t, c.age)
		v.Pregnant = c.pregnant
		if r := s.Compute(v, 0); r.Status != c.want || r.Status != score.OK && r.Reason == "" {
			t.Errorf("%+v: %s %q", c, r.Status, r.Reason)
		}
		if ok, why := s.Applies(v); ok != (c.want != score.Refused) || ok == (why != "") {
			t.Errorf("%+v: applies %v %q", c, ok, why)
		}
	}
}

func faulty(r score.Result, part string) bool {
	return slices.ContainsFunc(r.Faults, func(f score.Fault) bool { return f.Part == part && f.Why != "" })
}

// Heart rate and pressure of a shock index are one observation.
func TestShockIndexTogether(t *testing.T) {
	now := vital.Instant(1_700_000_000_000)
	v := everything(t, 40)
	v.Pulse.At, v.Systolic.At = now, now.Add(-15*time.Minute)
	if r := score.ShockIndex(v, now); r.Status != score.OK {
		t.Errorf("%+v", r)
	}
	v.Systolic.At = now.Add(-16 * time.Minute)
	if r := score.ShockIndex(v, now); r.Status != score.Incomplete || r.Risk != "" || r.Score != (vital.Decimal{}) {
		t.Errorf("%+v", r)
	}
	v.Systolic = number(t, "0", "mm[Hg]")
	if r := score.ShockIndex(v, 0); r.Status != score.Refused || !faulty(r, "systolic") {
		t.Errorf("%+v", r)
	}
}

// For every score and any set: what is ok has every part; without one input the
// result is never ok, never more, and never called by its lowest name; garbage
// never panics and is named.
func TestEveryScore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(score.Catalogue).Draw(rt, "score")
		v := everything(t, rapid.SampledFrom([]float64{8, 13, 17, 18, 30, 80}).Draw(rt, "age"))
		if s.Name == "news2" {
			v.Pregnant = score.No
		}
		draw := func(name string, low, high int64) vital.Decimal {
			return vital.Decimal{Mantissa: rapid.Int64Range(low*10, high*10).Draw(rt, name), Exponent: -1}
		}
		for part, high := range map[string]int64{"resp-rate": 120, "pulse": 350, "systolic": 350, "diastolic": 300, "spo2": 100} {
			put(t, &v, part, draw(part, 1, high))
		}
		put(t, &v, "temperature", draw("temperature", 121, 469))
		full := s.Compute(v, 0)
		if ok, _ := s.Applies(v); !ok {
			if full.Status != score.Refused {
				rt.Fatalf("%+v", full)
			}
			return
		}
		if full.Status != score.OK || len(full.Missing) > 0 || full.Risk == "" {
			rt.Fatalf("%+v", full)
		}
		inputs := map[string]*score.Input{"resp-rate": &v.RespRate, "pulse": &v.Pulse, "systolic": &v.Systolic, "diastolic": &v.Diastolic, "spo2": &v.SpO2, "temperature": &v.Temperature, "capillary-refill": &v.CapillaryRefill, "work-of-breathing": &v.WorkOfBreathing}
		var used []string
		for _, p := range full.Parts {
			if inputs[p.Name] != nil {
				used = append(used, p.Name)
			}
		}
		gone := rapid.SampledFrom(used).Draw(rt, "gone")
		was := *inputs[gone]
		*inputs[gone] = score.Input{}
		part := s.Compute(v, 0)
		if part.Status != score.Incomplete || part.Score.Compare(full.Score) > 0 || !slices.Contains(part.Missing, gone) || slices.Contains([]string{"low", "none", "usual"}, part.Risk) {
			rt.Fatalf("without %s: %+v", gone, part)
		}
		*inputs[gone] = was
		inputs[gone].Value = vital.Num(vital.Whole(-1))
		inputs[gone].Value.Code = rapid.SampledFrom([]string{"", "x", "A"}).Draw(rt, "code")
		if bad := s.Compute(v, 0); bad.Status != score.Refused || !faulty(bad, gone) || bad.Reason == "" {
			rt.Fatalf("%s %+v: %+v", gone, *inputs[gone], bad)
		}
	})
}

// More of a bad thing is never fewer points: on each side of the normal row the
// points go up, for every score and every number it reads.
func TestMonotone(t *testing.T) {
	for _, s := range score.Catalogue {
		if s.Name == "shock-index" {
			continue
		}
		for _, age := range []float64{0.5, 3, 8, 14, 30} {
			for part, high := range map[string]int{"resp-rate": 120, "pulse": 350, "systolic": 350, "diastolic": 300, "temperature": 470, "spo2": 100} {
				if part == "temperature" && s.Name == "news2" && age < 16 {
					continue
				}
				low, falling, last := 0, true, 1<<30
				if part == "temperature" {
					low = 120
				}
				for n := low; n <= high; n++ {
					v := everything(t, age)
					if s.Name == "news2" {
						v.Pregnant = score.No
					}
					put(t, &v, part, vital.Whole(int64(n)))
					r := s.Compute(v, 0)
					if r.Status == score.Refused || !slices.ContainsFunc(r.Parts, func(p score.Part) bool { return p.Name == part }) {
						break
					}
					switch p := points(t, r, part); {
					case p < last && !falling:
						t.Errorf("%s at %v years: %s %d gives fewer points than one less", s.Name, age, part, n)
					case p > last:
						falling = false
						last = p
					default:
						last = p
					}
				}
			}
		}
	}
}
