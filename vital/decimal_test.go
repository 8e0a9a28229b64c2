package vital_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/vital"
	"pgregory.net/rapid"
)

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		text string
		want vital.Decimal
	}{
		{"0", vital.Decimal{}},
		{"-0", vital.Decimal{}},
		{"36.60", vital.Decimal{Mantissa: 3660, Exponent: -2}},
		{"-0.005", vital.Decimal{Mantissa: -5, Exponent: -3}},
		{"+7", vital.Decimal{Mantissa: 7}},
		{"1e3", vital.Decimal{Mantissa: 1, Exponent: 3}},
		{"1.50E-2", vital.Decimal{Mantissa: 150, Exponent: -4}},
		{"9223372036854775807", vital.Decimal{Mantissa: math.MaxInt64}},
		{"-9223372036854775808", vital.Decimal{Mantissa: math.MinInt64}},
		{"0.000000000000000000000000001", vital.Decimal{Mantissa: 1, Exponent: -27}},
		{"1e127", vital.Decimal{Mantissa: 1, Exponent: 127}},
		{"1e-128", vital.Decimal{Mantissa: 1, Exponent: -128}},
	} {
		got, err := vital.ParseDecimal(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "1e", "1e+", "1e9999", "1.2.3", "0x10", "NaN", "Inf", " 1", "1 ", "１",
		"9223372036854775808", "-9223372036854775809", "1e128", "1e-129", "0.1e-128", strings.Repeat("1", 65), "1_000", "--1", "1e1.5"} {
		if got, err := vital.ParseDecimal(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		} else if vital.KindOf(err) != vital.Invalid {
			t.Errorf("%q: kind %v", text, vital.KindOf(err))
		}
	}
}

// exact returns the value of d as a ratio, computed without our code.
func exact(d vital.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(strconv.FormatInt(d.Mantissa, 10) + "e" + strconv.Itoa(int(d.Exponent)))
	if !ok {
		panic("cannot happen")
	}
	return r
}

func anyDecimal(t *rapid.T, label string) vital.Decimal {
	m := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0, -1})).Draw(t, label+" mantissa")
	e := rapid.OneOf(rapid.Int8(), rapid.Int8Range(-20, 20)).Draw(t, label+" exponent")
	return vital.Decimal{Mantissa: m, Exponent: e}
}

// What String prints is a JSON number that reads back to the same value, and to
// the same digits where the exponent is not positive.
func TestDecimalRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecimal(t, "d")
		text := d.String()
		if !json.Valid([]byte(text)) {
			t.Fatalf("%+v prints %s, which is not JSON", d, text)
		}
		back, err := vital.ParseDecimal(text)
		if err != nil || back.Compare(d) != 0 || d.Exponent <= 0 && back != d {
			t.Fatalf("%+v prints %s, reads back %+v, %v", d, text, back, err)
		}
		b, err := json.Marshal(d)
		if err != nil || string(b) != text {
			t.Fatalf("JSON %s, %v, want %s", b, err, text)
		}
		if f, _ := exact(d).Float64(); f != d.Float() {
			t.Fatalf("%+v as a float: got %v, want the nearest %v", d, d.Float(), f)
		}
	})
}

func TestDecimalCompareIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal(t, "a"), anyDecimal(t, "b")
		if rapid.Bool().Draw(t, "near") { // the hard cases: equal or almost equal values
			b = vital.Decimal{Mantissa: a.Mantissa/10 + rapid.Int64Range(-1, 1).Draw(t, "by"), Exponent: a.Exponent}
			if a.Exponent < 127 {
				b.Exponent++
			}
		}
		if got, want := a.Compare(b), exact(a).Cmp(exact(b)); got != want {
			t.Fatalf("%+v against %+v: got %d, want %d", a, b, got, want)
		}
	})
}

func TestDecimalAddAndFloor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal(t, "a"), anyDecimal(t, "b")
		if sum, ok := a.Add(b); ok {
			if want := new(big.Rat).Add(exact(a), exact(b)); exact(sum).Cmp(want) != 0 {
				t.Fatalf("%v + %v = %v, want %v", a, b, sum, want)
			}
		} else if max(a.Exponent, b.Exponent)-min(a.Exponent, b.Exponent) == 0 && math.Abs(float64(a.Mantissa)+float64(b.Mantissa)) < 9e18 {
			t.Fatalf("%v + %v fits and was refused", a, b)
		}
		places := rapid.IntRange(-6, 6).Draw(t, "places")
		if n, ok := a.Floor(places); ok {
			scaled := new(big.Rat).Mul(exact(a), exact(vital.Decimal{Mantissa: 1, Exponent: int8(places)}))
			want := new(big.Int).Div(scaled.Num(), scaled.Denom()) // Euclidean: floor, for a positive divisor
			if want.Cmp(big.NewInt(n)) != 0 {
				t.Fatalf("floor of %v: got %d, want %d", scaled, n, want)
			}
		}
	})
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"36.60", "-1e-128", "9223372036854775807", "0.000", "1e127", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := vital.ParseDecimal(s)
		same, errBytes := vital.ParseDecimalBytes([]byte(s))
		if d != same || (err == nil) != (errBytes == nil) {
			t.Fatalf("%q: as text %v %v, as bytes %v %v", s, d, err, same, errBytes)
		}
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if !ok || exact(d).Cmp(want) != 0 {
			t.Fatalf("%q was read as %+v", s, d)
		}
	})
}
