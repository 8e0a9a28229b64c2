package vital_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/vital"
	"pgregory.net/rapid"
)

func decimal(t testing.TB, s string) vital.Decimal {
	t.Helper()
	d, err := vital.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConvert(t *testing.T) {
	for _, c := range []struct{ value, from, to, want string }{
		{"98.6", "[degF]", "Cel", "37"},
		{"37.0", "Cel", "[degF]", "98.6"},
		{"-40", "Cel", "[degF]", "-40"},
		{"36.60", "Cel", "Cel", "36.60"}, // untouched, digits and all
		{"36.60", "Cel", "K", "309.75"},
		{"0", "K", "Cel", "-273.15"},
		{"120", "mm[Hg]", "kPa", "15.99864"},
		{"1", "mm[Hg]", "Pa", "133.322"},
		{"10", "cm[H2O]", "mm[Hg]", "7.3556127270818"},
		{"154", "[lb_av]", "kg", "69.85322498"},
		{"70", "kg", "[lb_av]", "154.323583529414"},
		{"72", "[in_i]", "cm", "182.88"},
		{"1", "Hz", "/min", "60"},
		{"72", "{beats}/min", "/min", "72"},
		{"72", "/min", "Hz", "1.2"},
		{"5.5", "10*9/L", "10*3/uL", "5.5"},
		{"5.5", "10*9/L", "/mm3", "5500"},
		{"140", "meq/L", "mmol/L", "140"},
		{"97", "10*-2", "%", "97"},
		{"1", "h", "s", "3600"},
		{"1", "wk", "d", "7"},
		{"30", "deg", "rad", "0.523598775598299"},
		{"7.4", "[pH]", "nmol/L", "39.8107170553"},
		{"1", "U", "nkat", "16.6666666666667"},
		{"3", "dB", "B", "0.3"},
		{"30", "dB[W]", "kW", "1"},
		{"0", "dB[SPL]", "uPa", "20"},
		{"5", "m[H2O]", "kPa", "49.03325"},
		{"1", "kg.m/s2", "N", "1"},
		{"1", "(m/s)2{speed}/kg", "m2.s-2/kg", ""},
		{"12", "mL/min/kg", "mL/(min.kg)", "12"},
		{"1", "[g]", "m/s2", "9.80665"},
		{"0.1", "L/(min.m2)", "mL/min/m2", "100"},
		{"1", "MiBy", "bit", "8388608"},
		{"250", "[iU]/mL", "k[iU]/L", "250"},
		{"1", "[diop]", "/m", "1"},
		{"1e30", "kg", "ng", "1e42"},
		{"9007199254740993", "g", "mg", "9007199254740993000"}, // beyond float64
	} {
		got, err := vital.Convert(decimal(t, c.value), c.from, c.to)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s %s in %s: got %v, want an error", c.value, c.from, c.to, got)
			}
			continue
		}
		if err != nil || got.String() != c.want && (got.Compare(decimal(t, c.want)) != 0 || c.from == c.to) {
			t.Errorf("%s %s in %s: got %v, %v, want %s", c.value, c.from, c.to, got, err, c.want)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{"kg", "m"}, {"mmol/L", "mg/dL"}, {"mmol/L", "10*9/L"}, {"mol", "1"}, {"[iU]", "mg"}, {"[iU]", "[USP'U]"}, {"[iU]", "1"}, {"Cel", "m"}, {"rad", "1"}, {"%", "Cel"},
	} {
		if got, err := vital.Convert(vital.Whole(1), c[0], c[1]); err == nil || vital.KindOf(err) != vital.Invalid {
			t.Errorf("1 %s in %s: got %v, %v", c[0], c[1], got, err)
		}
		if vital.Commensurable(c[0], c[1]) {
			t.Errorf("%s and %s said to be commensurable", c[0], c[1])
		}
	}
	if _, err := vital.Convert(vital.Whole(-1), "W", "dB[W]"); err == nil {
		t.Error("a negative power has a level")
	}
}

func TestValidUnit(t *testing.T) {
	for _, u := range []string{"1", "/min", "%", "mm[Hg]", "10*9/L", "10^9/L", "{steps}", "{beats}/min", "kg{dry}", "m2.s-1", "m+2", "(mg/dL)/min", "mg/(kg.h)", "[degF]", "dB[SPL]", "ug/m3", "uL", "Ohm", "[in_i'H2O]", "B[10.nV]", "dar", "g.m/(s2)", "daL", "2.m", "m0", "/(m.s)", "[car_Au]", "1/min"} {
		if err := vital.ValidUnit(u); err != nil {
			t.Error(err)
		}
	}
	for _, u := range []string{"", " ", "bpm", "mmHg", "C°", "°C", "m s", "mg/dl/", "kkg", "k%", "m--2", "m99", "(m", "m)", "{x", "x}", "{a{b}}", "[lb]", "mg//dL", ".m", "m.", "Cel.m", "Cel2", "Cel/h", "/Cel", "k[degF]", "0", "0.5", "m/0", "é", "{é}", "a\x00b", strings.Repeat("m.", 40) + "m", strings.Repeat("(", 20) + "m" + strings.Repeat(")", 20), "(10*30)30.(10*30)30.(10*30)30", "[iU].[iU]", "KG"} {
		if err := vital.ValidUnit(u); err == nil {
			t.Errorf("%q was taken for a unit", u)
		} else if vital.KindOf(err) != vital.Invalid {
			t.Errorf("%q: kind %v", u, vital.KindOf(err))
		}
	}
}

func TestConvertMetric(t *testing.T) {
	for _, c := range []struct{ metric, value, from, to, want string }{
		{"glucose", "100", "mg/dL", "mmol/L", "5.54994394556615"},
		{"glucose", "5.5", "mmol/L", "mg/dL", "99.1001"},
		{"glucose", "0.0012", "kg/L", "mg/dL", "120"},
		{"creatinine", "1", "mg/dL", "umol/L", "88.4016973125884"},
		{"potassium", "4.1", "meq/L", "mmol/L", "4.1"},
		{"calcium-ionised", "2.4", "meq/L", "mmol/L", "1.2"}, // two charges
		{"calcium-ionised", "1.2", "mmol/L", "mg/dL", "4.80936"},
		{"haemoglobin", "14", "g/dL", "mmol/L", "8.68782773278724"},
		{"x:unknown", "1", "m", "cm", "100"},
	} {
		got, err := vital.ConvertMetric(c.metric, decimal(t, c.value), c.from, c.to)
		if err != nil || got.Compare(decimal(t, c.want)) != 0 {
			t.Errorf("%s %s %s in %s: got %v, %v, want %s", c.metric, c.value, c.from, c.to, got, err, c.want)
		}
	}
	for _, c := range [][3]string{{"urea", "mmol/L", "mg/dL"}, {"glucose", "meq/L", "mmol/L"}, {"x:unknown", "mg/dL", "mmol/L"}, {"spo2", "1", "%"}} {
		if got, err := vital.ConvertMetric(c[0], vital.Whole(1), c[1], c[2]); err == nil {
			t.Errorf("%s %s in %s: got %v, want an error", c[0], c[1], c[2], got)
		}
	}
}

// Conversions among units of one kind compose: a to b to c is a to c.
func TestConvertComposes(t *testing.T) {
	kinds := [][]string{
		{"Cel", "[degF]", "K", "[degRe]"}, {"mm[Hg]", "kPa", "cm[H2O]", "[psi]", "bar", "Torr"}, {"kg", "g", "[lb_av]", "[oz_av]", "[stone_av]"},
		{"m", "[in_i]", "[ft_i]", "km", "[mi_i]"}, {"s", "min", "h", "d", "ms"}, {"L", "mL", "[foz_us]", "m3", "uL"}, {"J", "kcal", "[Btu]", "W.h"},
	}
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.SampledFrom(kinds).Draw(t, "kind")
		v := vital.Decimal{Mantissa: rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "m"), Exponent: rapid.Int8Range(-3, 3).Draw(t, "e")}
		a, b, c := rapid.SampledFrom(units).Draw(t, "a"), rapid.SampledFrom(units).Draw(t, "b"), rapid.SampledFrom(units).Draw(t, "c")
		ab, err := vital.Convert(v, a, b)
		if err != nil {
			t.Fatal(err)
		}
		abc, err := vital.Convert(ab, b, c)
		if err != nil {
			t.Fatal(err)
		}
		ac, err := vital.Convert(v, a, c)
		if err != nil {
			t.Fatal(err)
		}
		// Near absolute zero a difference of offsets cancels digits, so compare
		// absolutely there.
		if !near(abc, ac, 1e-11) && max(abc.Float()-ac.Float(), ac.Float()-abc.Float()) > 1e-6 {
			t.Fatalf("%v %s: %v %s by way of %s, %v straight", v, a, abc, c, b, ac)
		}
	})
}

// Every symbol of the table has a definition that parses.
func TestEveryAtom(t *testing.T) {
	for _, symbol := range vital.UnitSymbols() {
		if err := vital.ValidUnit(symbol); err != nil {
			t.Error(err)
		}
	}
	if n := len(vital.UnitSymbols()); n < 290 {
		t.Errorf("%d symbols", n)
	}
}

func FuzzUCUM(f *testing.F) {
	for _, m := range vital.Metrics {
		f.Add(m.Unit, "1")
	}
	f.Add("(mg/dL)2.m-3{x}/10*9", "[degF]")
	f.Fuzz(func(t *testing.T, a, b string) {
		if vital.ValidUnit(a) != nil || vital.ValidUnit(b) != nil {
			return
		}
		one, err := vital.Convert(vital.Whole(1), a, b)
		if err != nil {
			return
		}
		if !vital.Commensurable(a, b) || !vital.Commensurable(b, a) {
			t.Fatalf("%q converts to %q and is not commensurable", a, b)
		}
		if back, err := vital.Convert(one, b, a); err == nil && strings.IndexAny(a+b, "BN[") < 0 && !strings.Contains(a+b, "Cel") && !near(back, vital.Whole(1), 1e-9) {
			t.Fatalf("1 %q is %v %q is %v", a, one, b, back)
		}
	})
}

func BenchmarkAccepts(b *testing.B) {
	m := vital.LookMetric("temperature")
	for b.Loop() {
		if err := m.Accepts("[degF]"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	m := vital.LookMetric("temperature")
	for b.Loop() {
		if _, err := m.Convert(vital.Decimal{Mantissa: 986, Exponent: -1}, "[degF]", "Cel"); err != nil {
			b.Fatal(err)
		}
	}
}

// The quick way of a pair of units is the same as doing it step by step in
// ratios, to the last digit.
func TestConvertIsExact(t *testing.T) {
	pairs := []struct {
		from, to     string
		slope, shift string // result = value*slope + shift, computed by hand
	}{
		{"[degF]", "Cel", "5/9", "-160/9"}, {"Cel", "[degF]", "9/5", "32"}, {"Cel", "K", "1", "5463/20"},
		{"mm[Hg]", "kPa", "133322/1000000", "0"}, {"[lb_av]", "kg", "45359237/100000000", "0"}, {"kg", "[lb_av]", "100000000/45359237", "0"}, {"h", "wk", "1/168", "0"},
	}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(pairs).Draw(t, "pair")
		v := vital.Decimal{Mantissa: rapid.Int64().Draw(t, "m"), Exponent: rapid.Int8Range(-60, 60).Draw(t, "e")}
		slope, _ := new(big.Rat).SetString(p.slope)
		shift, _ := new(big.Rat).SetString(p.shift)
		want := new(big.Rat).Mul(exact(v), slope)
		want.Add(want, shift)
		got, err := vital.Convert(v, p.from, p.to)
		if err != nil {
			t.Fatal(err)
		}
		difference := new(big.Rat).Sub(exact(got), want)
		if difference.Sign() == 0 {
			return
		}
		// Rounded: to 15 digits, so off by at most half of the last of them.
		limit := new(big.Rat).Mul(want, big.NewRat(5, 1e15))
		if difference.Abs(difference).Cmp(limit.Abs(limit)) > 0 {
			t.Fatalf("%v %s in %s: got %v, off by %v", v, p.from, p.to, got, difference)
		}
		if digits := new(big.Int).Abs(big.NewInt(got.Mantissa)).String(); got.Exponent < 0 && len(digits) > 15 {
			t.Fatalf("%v was rounded to %d digits", got, len(digits))
		}
	})
}
