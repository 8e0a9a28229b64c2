package rule

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/vital"
)

type point struct {
	at vital.Instant
	d  vital.Decimal
}

func points(t *rapid.T) []point {
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) point {
		return point{vital.Instant(rapid.Int64Range(1_000_000, 1_060_000).Draw(t, "at")), vital.Whole(rapid.Int64Range(-50, 50).Draw(t, "value"))}
	}), 1, 80).Draw(t, "points")
	return list
}

// TestWindowOrder: whatever the order and repetition of the readings within a
// window, it gives the same.
func TestWindowOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := points(t)
		const within = 60_000
		now := vital.Instant(1_060_000)
		var ordered, mixed window
		slices.SortFunc(list, func(a, b point) int { return int(a.at - b.at) })
		for _, p := range list {
			ordered.add(within, p.at, p.d)
		}
		for _, p := range rapid.Permutation(slices.Concat(list, list)).Draw(t, "order") {
			mixed.add(within, p.at, p.d)
		}
		for _, f := range functions {
			d, known, ok := ordered.get(f, within, now)
			e, also, fine := mixed.get(f, within, now)
			if d.Compare(e) != 0 || known != also || ok != fine {
				t.Fatalf("%s: %s %v %v in order, %s %v %v in another", f, d, known, ok, e, also, fine)
			}
		}
	})
}

// TestWindowOracle holds the window against all of its values.
func TestWindowOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := points(t)
		const within = 90_000 // all of them
		now := vital.Instant(1_060_000)
		var w window
		low, high := list[0].d, list[0].d
		first, last := list[0], list[0]
		for _, p := range list {
			w.add(within, p.at, p.d)
			if p.d.Compare(low) < 0 {
				low = p.d
			}
			if p.d.Compare(high) > 0 {
				high = p.d
			}
			if p.at < first.at || p.at == first.at && p.d.Compare(first.d) < 0 {
				first = p
			}
			if p.at > last.at || p.at == last.at && p.d.Compare(last.d) > 0 {
				last = p
			}
		}
		span := last.at - first.at
		of := func(a, b vital.Decimal) vital.Decimal { d, _ := subtract(a, b); return d }
		for name, want := range map[string]vital.Decimal{
			"min": low, "max": high, "range": of(high, low), "rise": of(last.d, low), "drop": of(high, last.d), "change": of(last.d, first.d),
		} {
			got, known, ok := w.get(name, within, now)
			partial := name == "rise" || name == "drop" || name == "range"
			if wanted := partial && span > 0 || !partial && span*2 >= within; known != wanted || !ok {
				t.Fatalf("%s over %d ms: known %v", name, span, known)
			}
			if known && got.Compare(want) != 0 {
				t.Fatalf("%s: want %s, got %s", name, want, got)
			}
		}
	})
}

// TestWindowLine: a straight line has its own slope, rate, mean and median.
func TestWindowLine(t *testing.T) {
	var w window
	const within = 600_000
	for i := range 61 { // every 10 s, by 2 a minute
		d, _ := divide(vital.Whole(int64(i)), vital.Whole(3))
		w.add(within, vital.Instant(1_200_000+i*10_000), d)
	}
	for name, want := range map[string]float64{"slope": 2, "rate": 2, "mean": 10, "median": 10, "change": 20} {
		got, known, ok := w.get(name, within, 1_800_000)
		if !known || !ok || math.Abs(got.Float()-want) > 0.5 || (name == "slope" || name == "rate") && math.Abs(got.Float()-want) > 1e-9 {
			t.Errorf("%s: want %g, got %s, %v", name, want, got, known)
		}
	}
}

// TestWindowBound: a window does not grow with time, and forgets.
func TestWindowBound(t *testing.T) {
	var w window
	for i := range 100_000 {
		w.add(60_000, vital.Instant(1+i*700), vital.Whole(int64(i)))
		if len(w.Parts) > parts+1 {
			t.Fatalf("%d parts", len(w.Parts))
		}
	}
	last := vital.Instant(1 + 99_999*700)
	if _, known, _ := w.get("max", 60_000, last+70_000); known {
		t.Error("a window of old values gives one")
	}
	if d, _, _ := w.get("min", 60_000, last); d.Mantissa < 99_999-90 {
		t.Errorf("min %s: older than the window and a part", d)
	}
	if w.add(60_000, 1, vital.Whole(1)) {
		t.Error("takes what is too old")
	}
}

// TestTruth is the table of docs/formats/rules.md.
func TestTruth(t *testing.T) {
	all := []truth{yes, no, unknown}
	for _, row := range []struct {
		name string
		got  func(a, b truth) truth
		want [3][3]truth
	}{
		{"and", both, [3][3]truth{{yes, no, unknown}, {no, no, no}, {unknown, no, unknown}}},
		{"or", either, [3][3]truth{{yes, yes, yes}, {yes, no, unknown}, {yes, unknown, unknown}}},
	} {
		for i, a := range all {
			for k, b := range all {
				if got := row.got(a, b); got != row.want[i][k] {
					t.Errorf("%s %s %s is %s", a, row.name, b, got)
				}
			}
		}
	}
	for i, want := range []truth{no, yes, unknown} {
		if got := not(all[i]); got != want {
			t.Errorf("not %s is %s", all[i], got)
		}
	}
}

// TestArithmetic: sums and products are exact or fail, quotients are rounded.
func TestArithmetic(t *testing.T) {
	d := func(s string) vital.Decimal {
		v, err := vital.ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, a := range []struct{ left, sign, right, want string }{
		{"0.1", "+", "0.2", "0.3"}, {"36.60", "-", "0.6", "36"}, {"1.1", "*", "1.1", "1.21"}, {"1", "/", "3", "0.333333333333333"},
		{"-1", "/", "8", "-0.125"}, {"9223372036854775807", "+", "1", ""}, {"9e100", "*", "9e100", ""}, {"1", "/", "0", ""},
		{"-9223372036854775808", "*", "-1", ""}, {"1e120", "/", "1e-100", ""}, {"0", "/", "5", "0"}, {"5000000000000000000", "*", "2", "10000000000000000000"},
	} {
		f := map[string]func(a, b vital.Decimal) (vital.Decimal, bool){"+": add, "-": subtract, "*": multiply, "/": divide}[a.sign]
		got, ok := f(d(a.left), d(a.right))
		if ok != (a.want != "") || ok && got.Compare(wantDecimal(a.want, d)) != 0 {
			t.Errorf("%s %s %s: want %q, got %s, %v", a.left, a.sign, a.right, a.want, got, ok)
		}
	}
	for in, want := range map[string]string{"1.2345": "1.235", "-1.2345": "-1.235", "5": "5", "0.0001": "0", "36.60": "36.60"} {
		if got := rounded(d(in)); got != want {
			t.Errorf("rounded %s: want %s, got %s", in, want, got)
		}
	}
}

// wantDecimal reads what may be too long for a mantissa.
func wantDecimal(s string, d func(string) vital.Decimal) vital.Decimal {
	if s == "10000000000000000000" {
		return d("1e19")
	}
	return d(s)
}
