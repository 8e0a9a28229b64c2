package score_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/vital"
	"pgregory.net/rapid"
)

// The table of NEWS2 keyed a second time, as points for every charted value
// rather than as bands, from the printed chart (RCP 2017, chart 1).
func secondPulse(n int) int {
	for _, row := range []struct{ from, to, points int }{{131, 350, 3}, {111, 130, 2}, {91, 110, 1}, {51, 90, 0}, {41, 50, 1}, {0, 40, 3}} {
		if n >= row.from && n <= row.to {
			return row.points
		}
	}
	panic("no row")
}

func secondRespRate(n int) int {
	for _, row := range []struct{ from, to, points int }{{25, 120, 3}, {21, 24, 2}, {12, 20, 0}, {9, 11, 1}, {0, 8, 3}} {
		if n >= row.from && n <= row.to {
			return row.points
		}
	}
	panic("no row")
}

func secondSystolic(n int) int {
	for _, row := range []struct{ from, to, points int }{{220, 350, 3}, {111, 219, 0}, {101, 110, 1}, {91, 100, 2}, {0, 90, 3}} {
		if n >= row.from && n <= row.to {
			return row.points
		}
	}
	panic("no row")
}

func secondTemperature(tenths int) int {
	for _, row := range []struct{ from, to, points int }{{391, 470, 2}, {381, 390, 1}, {361, 380, 0}, {351, 360, 1}, {120, 350, 3}} {
		if tenths >= row.from && tenths <= row.to {
			return row.points
		}
	}
	panic("no row")
}

func secondSpO2(scale int, oxygen bool, n int) int {
	type row struct{ from, to, points int }
	rows := []row{{96, 100, 0}, {94, 95, 1}, {92, 93, 2}, {0, 91, 3}}
	if scale == 2 {
		rows = []row{{97, 100, 3}, {95, 96, 2}, {93, 94, 1}, {88, 92, 0}, {86, 87, 1}, {84, 85, 2}, {0, 83, 3}}
		if !oxygen {
			rows = []row{{93, 100, 0}, {88, 92, 0}, {86, 87, 1}, {84, 85, 2}, {0, 83, 3}}
		}
	}
	for _, r := range rows {
		if n >= r.from && n <= r.to {
			return r.points
		}
	}
	panic("no row")
}

func dec(t testing.TB, s string) vital.Decimal {
	t.Helper()
	d, err := vital.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func number(t testing.TB, s, unit string) score.Input { return score.Number(dec(t, s), unit) }

// well is an adult in whom every parameter gives 0.
func well(t testing.TB) score.Vitals {
	return score.Vitals{
		RespRate: number(t, "16", "/min"), SpO2: number(t, "97", "%"), Systolic: number(t, "120", "mm[Hg]"), Pulse: number(t, "70", "/min"),
		Temperature: number(t, "37.0", "Cel"), Consciousness: score.Code("A"), OnOxygen: score.No, SpO2Scale: 1, AgeYears: 40, Pregnant: score.No,
	}
}

func points(t testing.TB, r score.Result, part string) int {
	t.Helper()
	for _, p := range r.Parts {
		if p.Name == part {
			return p.Points
		}
	}
	t.Fatalf("no part %s in %+v", part, r)
	return -1
}

// Every charted value of every row, against the second table.
func TestNEWS2Grid(t *testing.T) {
	check := func(what string, v score.Vitals, part string, want int) {
		t.Helper()
		r := score.NEWS2(v, 0)
		if r.Status != score.OK || points(t, r, part) != want {
			t.Errorf("%s: %s, %s gives %d, want %d (%s)", what, r.Status, part, points(t, r, part), want, r.Reason)
		}
	}
	for n := 0; n <= 120; n++ {
		v := well(t)
		v.RespRate = score.Number(vital.Whole(int64(n)), "/min")
		check(fmt.Sprint("rate ", n), v, "resp-rate", secondRespRate(n))
	}
	for n := 0; n <= 350; n++ {
		v := well(t)
		v.Pulse = score.Number(vital.Whole(int64(n)), "/min")
		check(fmt.Sprint("pulse ", n), v, "pulse", secondPulse(n))
		v = well(t)
		v.Systolic = score.Number(vital.Whole(int64(n)), "mm[Hg]")
		check(fmt.Sprint("systolic ", n), v, "systolic", secondSystolic(n))
	}
	for n := 120; n <= 470; n++ {
		v := well(t)
		v.Temperature = score.Number(vital.Decimal{Mantissa: int64(n), Exponent: -1}, "Cel")
		check(fmt.Sprint("tenths ", n), v, "temperature", secondTemperature(n))
	}
	for n := 0; n <= 100; n++ {
		for s := 1; s <= 2; s++ {
			for _, oxygen := range []score.Answer{score.No, score.Yes} {
				v := well(t)
				v.SpO2, v.SpO2Scale, v.OnOxygen = score.Number(vital.Whole(int64(n)), "%"), s, oxygen
				check(fmt.Sprint("spo2 ", n, " scale ", s, " oxygen ", oxygen), v, "spo2", secondSpO2(s, oxygen == score.Yes, n))
				check("oxygen", v, "oxygen", map[score.Answer]int{score.No: 0, score.Yes: 2}[oxygen])
			}
		}
	}
	for code, want := range map[string]int{"A": 0, "C": 3, "V": 3, "P": 3, "U": 3} {
		v := well(t)
		v.Consciousness = score.Code(code)
		check(code, v, "consciousness", want)
	}
}

// Between two steps of the chart: the nearest, halves up; other units exactly.
func TestNEWS2Rounding(t *testing.T) {
	for _, c := range []struct {
		part, value, unit string
		want              int
	}{
		{"temperature", "35.04", "Cel", 3}, {"temperature", "35.05", "Cel", 1}, {"temperature", "35.049999999999999", "Cel", 3},
		{"temperature", "36.04", "Cel", 1}, {"temperature", "36.05", "Cel", 0}, {"temperature", "36.0499999999", "Cel", 1},
		{"temperature", "38.04", "Cel", 0}, {"temperature", "38.05", "Cel", 1}, {"temperature", "39.04", "Cel", 1}, {"temperature", "39.05", "Cel", 2},
		{"temperature", "96.89", "[degF]", 0}, {"temperature", "96.88", "[degF]", 1}, {"temperature", "98.6", "[degF]", 0}, {"temperature", "95.0", "[degF]", 3},
		{"temperature", "309.20", "K", 0}, {"temperature", "309.19", "K", 1}, // 36.05 and 36.04 Cel
		{"resp-rate", "8.4", "/min", 3}, {"resp-rate", "8.5", "/min", 1}, {"resp-rate", "20.49", "/min", 0}, {"resp-rate", "20.5", "/min", 2}, {"resp-rate", "24.5", "/min", 3},
		{"resp-rate", "0.3", "Hz", 0}, {"resp-rate", "0.35", "Hz", 2},
		{"spo2", "91.4", "%", 3}, {"spo2", "91.5", "%", 2}, {"spo2", "95.5", "%", 0}, {"spo2", "95.49", "%", 1},
		{"systolic", "90.5", "mm[Hg]", 2}, {"systolic", "219.4", "mm[Hg]", 0}, {"systolic", "219.5", "mm[Hg]", 3}, {"systolic", "12", "kPa", 3}, {"systolic", "16", "kPa", 0},
		{"pulse", "130.4", "/min", 2}, {"pulse", "130.5", "/min", 3}, {"pulse", "40.50", "/min", 1},
	} {
		v := well(t)
		in := number(t, c.value, c.unit)
		switch c.part {
		case "temperature":
			v.Temperature = in
		case "resp-rate":
			v.RespRate = in
		case "spo2":
			v.SpO2 = in
		case "systolic":
			v.Systolic = in
		case "pulse":
			v.Pulse = in
		}
		if r := score.NEWS2(v, 0); r.Status != score.OK || points(t, r, c.part) != c.want {
			t.Errorf("%s %s %s: %s, %d points, want %d", c.part, c.value, c.unit, r.Status, points(t, r, c.part), c.want)
		}
	}
}

// Worked examples, added up by hand on the chart.
func TestNEWS2Examples(t *testing.T) {
	set := func(rr, spo2 string, scale int, oxygen score.Answer, sbp, pulse, acvpu, temp string) score.Vitals {
		v := well(t)
		v.RespRate, v.SpO2, v.Systolic, v.Pulse = number(t, rr, "/min"), number(t, spo2, "%"), number(t, sbp, "mm[Hg]"), number(t, pulse, "/min")
		v.Consciousness, v.Temperature, v.SpO2Scale, v.OnOxygen = score.Code(acvpu), number(t, temp, "Cel"), scale, oxygen
		return v
	}
	for _, c := range []struct {
		name  string
		v     score.Vitals
		score int
		risk  string
		hours float64
	}{
		{"well", well(t), 0, "low", 12},
		{"a little fast", set("18", "96", 1, score.No, "112", "95", "A", "38.2"), 2, "low", 6},
		{"confused, else well", set("16", "97", 1, score.No, "120", "70", "C", "37.0"), 3, "low-medium", 1},
		{"pneumonia", set("22", "93", 1, score.No, "112", "95", "A", "38.2"), 6, "medium", 1}, // 2+2+0+0+1+0+1
		{"five without a three", set("21", "95", 1, score.No, "105", "95", "A", "37"), 5, "medium", 1},
		{"septic shock", set("25", "91", 1, score.Yes, "90", "131", "V", "39.1"), 19, "high", 0.5},
		{"most there is", set("25", "91", 1, score.Yes, "90", "131", "U", "35.0"), 20, "high", 0.5},
		{"COPD at target on oxygen", set("20", "90", 2, score.Yes, "130", "88", "A", "37"), 2, "low", 6},
		{"COPD given too much oxygen", set("20", "97", 2, score.Yes, "130", "88", "A", "37"), 5, "medium", 1},
		{"COPD, 97 on air", set("20", "97", 2, score.No, "130", "88", "A", "37"), 0, "low", 12},
	} {
		r := score.NEWS2(c.v, 0)
		if r.Status != score.OK || r.Score.Compare(vital.Whole(int64(c.score))) != 0 || r.Risk != c.risk || r.Repeat.Hours() != c.hours {
			t.Errorf("%s: %s %s %s %v, want %d %s (%+v)", c.name, r.Status, r.Score, r.Risk, r.Repeat, c.score, c.risk, r.Parts)
		}
	}
}

func TestNEWS2WhoItIsNotFor(t *testing.T) {
	for _, c := range []struct {
		age      float64
		pregnant score.Answer
		scale    int
		oxygen   score.Answer
		want     score.Status
	}{
		{16, score.No, 1, score.No, score.OK},
		{15.999, score.No, 1, score.No, score.Refused},
		{0, score.No, 1, score.No, score.Refused},
		{30, score.Yes, 1, score.No, score.Refused},
		{30, score.Unknown, 1, score.No, score.OK},
		{-1, score.No, 1, score.No, score.Incomplete},
		{30, score.No, 0, score.No, score.Incomplete},
		{30, score.No, 3, score.No, score.Refused},
		{30, score.No, 1, score.Unknown, score.Incomplete},
		{30, score.No, 2, score.Unknown, score.Refused},
	} {
		v := well(t)
		v.AgeYears, v.Pregnant, v.SpO2Scale, v.OnOxygen = c.age, c.pregnant, c.scale, c.oxygen
		r := score.NEWS2(v, 0)
		if r.Status != c.want || r.Status != score.OK && r.Reason == "" {
			t.Errorf("%+v: %s, %q", c, r.Status, r.Reason)
		}
		if r.Status == score.Incomplete && r.Risk != "" {
			t.Errorf("%+v: an incomplete set of no points is called %s", c, r.Risk)
		}
	}
}

// A part that is missing, stale or doubted gives nothing, and the rest is a
// lower bound that still names the band it reaches.
func TestNEWS2Incomplete(t *testing.T) {
	now := vital.Instant(1_700_000_000_000)
	v := well(t)
	v.RespRate = number(t, "30", "/min")   // 3
	v.Pulse = number(t, "140", "/min")     // 3
	v.Systolic = number(t, "95", "mm[Hg]") // 2
	for _, in := range []*score.Input{&v.RespRate, &v.SpO2, &v.Systolic, &v.Pulse, &v.Temperature, &v.Consciousness} {
		in.At = now.Add(-time.Hour)
	}
	if r := score.NEWS2(v, now); r.Status != score.OK || r.Score != vital.Whole(8) || r.Repeat != 30*time.Minute {
		t.Fatalf("%+v", r)
	}
	missing := v
	missing.Temperature = score.Input{}
	r := score.NEWS2(missing, now)
	if r.Status != score.Incomplete || r.Score != vital.Whole(8) || r.Risk != "high" || r.Band != "at least 8" || len(r.Missing) != 1 || r.Missing[0] != "temperature" {
		t.Errorf("without a temperature: %+v", r)
	}
	stale := v
	stale.Pulse.At = now.Add(-13 * time.Hour)
	r = score.NEWS2(stale, now)
	if r.Status != score.Incomplete || r.Score != vital.Whole(5) || r.Risk != "medium" || points(t, r, "pulse") != 0 {
		t.Errorf("with an old pulse: %+v", r)
	}
	doubted := v
	doubted.Pulse.Quality = vital.Motion
	if r = score.NEWS2(doubted, now); r.Status != score.Incomplete || r.Score != vital.Whole(5) {
		t.Errorf("with a doubted pulse: %+v", r)
	}
	// The interval of the last response counts: after a score of 8 an hour is too long.
	again := v
	again.Repeat = 30 * time.Minute
	if r = score.NEWS2(again, now); r.Status != score.Incomplete || r.Repeat != 30*time.Minute || r.Risk != "" || len(r.Missing) != 6 {
		t.Errorf("an hour after a score of 8: %+v", r)
	}
	unknown := v
	unknown.Pulse.At = 0
	if r = score.NEWS2(unknown, now); r.Status != score.Incomplete {
		t.Errorf("a pulse of no time counted: %+v", r)
	}
}

func TestNEWS2RefusesNonsense(t *testing.T) {
	for _, c := range []struct{ value, unit string }{{"98.6", "Cel"}, {"370", "Cel"}, {"-3", "Cel"}, {"37", "%"}, {"37", ""}, {"11.9", "Cel"}, {"1e99", "Cel"}} {
		v := well(t)
		v.Temperature = number(t, c.value, c.unit)
		if r := score.NEWS2(v, 0); r.Status != score.Refused || r.Reason == "" {
			t.Errorf("%v: %+v", c, r)
		}
	}
	v := well(t)
	v.SpO2 = number(t, "400", "%")
	v.Consciousness = score.Code("X")
	if r := score.NEWS2(v, 0); r.Status != score.Refused || r.Score != (vital.Decimal{}) {
		t.Errorf("%+v", r)
	}
}

func TestOxygen(t *testing.T) {
	at := func(in score.Input, ms vital.Instant) score.Input { in.At = ms; return in }
	code := score.Code
	for _, c := range []struct {
		name         string
		device, flow score.Input
		want         int
		status       score.Status
	}{
		{"air", code("air"), score.Input{}, 0, score.OK},
		{"prongs", code("nasal-cannula"), score.Input{}, 2, score.OK},
		{"prongs at 2 L", code("nasal-cannula"), number(t, "2", "L/min"), 2, score.OK},
		{"mask, no flow noted", code("cpap"), number(t, "0", "L/min"), 2, score.OK},
		{"flow alone", score.Input{}, number(t, "0.5", "L/min"), 2, score.OK},
		{"no flow alone", score.Input{}, number(t, "0", "L/min"), 0, score.OK},
		{"air and flow at once", code("air"), number(t, "2", "L/min"), 2, score.OK},
		{"flow, then air", at(code("air"), 9), at(number(t, "2", "L/min"), 3), 0, score.OK},
		{"air, then flow", at(code("air"), 3), at(number(t, "2", "L/min"), 9), 2, score.OK},
		{"nothing", score.Input{}, score.Input{}, 0, score.Incomplete},
	} {
		v := well(t)
		v.OnOxygen, v.OxygenDevice, v.OxygenFlow = score.Unknown, c.device, c.flow
		r := score.NEWS2(v, 0)
		if r.Status != c.status || points(t, r, "oxygen") != c.want {
			t.Errorf("%s: %s, %d points (%s)", c.name, r.Status, points(t, r, "oxygen"), r.Reason)
		}
	}
}

// The sum of the parts is the score, for any set; taking an input away never
// makes the score more, and never calls it ok.
func TestNEWS2Sum(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := well(t)
		draw := func(name string, low, high int64, unit string) score.Input {
			return score.Number(vital.Decimal{Mantissa: rapid.Int64Range(low*100, high*100).Draw(rt, name), Exponent: -2}, unit)
		}
		v.RespRate, v.SpO2, v.Systolic, v.Pulse = draw("rr", 0, 120, "/min"), draw("spo2", 0, 100, "%"), draw("sbp", 0, 350, "mm[Hg]"), draw("pulse", 0, 350, "/min")
		v.Temperature = draw("temp", 12, 47, "Cel")
		v.Consciousness = score.Code(rapid.SampledFrom([]string{"A", "C", "V", "P", "U"}).Draw(rt, "acvpu"))
		v.SpO2Scale = rapid.IntRange(1, 2).Draw(rt, "scale")
		v.OnOxygen = rapid.SampledFrom([]score.Answer{score.No, score.Yes}).Draw(rt, "oxygen")
		full := score.NEWS2(v, 0)
		sum := int64(0)
		for _, p := range full.Parts {
			sum += int64(p.Points)
		}
		if full.Status != score.OK || full.Score != vital.Whole(sum) || sum < 0 || sum > 20 {
			rt.Fatalf("%+v", full)
		}
		inputs := []*score.Input{&v.RespRate, &v.SpO2, &v.Systolic, &v.Pulse, &v.Temperature, &v.Consciousness}
		*rapid.SampledFrom(inputs).Draw(rt, "gone") = score.Input{}
		part := score.NEWS2(v, 0)
		if part.Status != score.Incomplete || part.Score.Compare(full.Score) > 0 || part.Risk == "low" || len(part.Missing) != 1 {
			rt.Fatalf("%+v", part)
		}
	})
}

func TestCollect(t *testing.T) {
	readings := map[string]score.Input{
		"pulse-rate":       {Present: true, Value: vital.Num(vital.Whole(70)), Unit: "/min", At: 10},
		"heart-rate":       {Present: true, Value: vital.Num(vital.Whole(80)), Unit: "/min", At: 20, Quality: vital.Motion},
		"temperature":      {Present: true, Value: vital.Num(vital.Whole(37)), Unit: "Cel", At: 10},
		"temperature-core": {Present: true, Value: vital.Num(vital.Whole(38)), Unit: "Cel", At: 11},
	}
	v := score.Collect(func(m string) score.Input { return readings[m] })
	if v.Pulse.Metric != "pulse-rate" || v.Temperature.Metric != "temperature-core" || v.SpO2.Present || v.AgeYears != -1 {
		t.Errorf("%+v", v)
	}
	for _, s := range score.Catalogue {
		for _, m := range s.Reads {
			if vital.LookMetric(m) == nil {
				t.Errorf("%s reads %s, which is no metric", s.Name, m)
			}
		}
	}
}
