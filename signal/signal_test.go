package signal_test

import (
	"encoding/json"
	"math"
	"math/cmplx"
	"os"
	"slices"
	"sort"
	"testing"

	"github.com/vigilcare/vigil/signal"
	"pgregory.net/rapid"
)

// golden are vectors made with SciPy by testdata/golden.py.
type golden struct {
	Hz      float64
	X, Flat []float64
	Filters []struct {
		Kind          string
		Order         int
		Cut           []float64
		Forward, Both []float64
	}
	Resample []struct {
		Up, Down int
		Y        []float64
	}
	Peaks []struct {
		Of         string
		Height     *float64
		Distance   int
		Prominence float64
		At         []int
	}
	Quantiles struct{ Q, Y []float64 }
	Gradient  []float64
}

func load(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.X) != 500 || len(g.Filters) < 15 || len(g.Resample) < 6 || len(g.Peaks) < 10 {
		t.Fatal("golden.json is not whole")
	}
	return g
}

// apart returns the largest difference of two slices of one length.
func apart(t *testing.T, a, b []float64) float64 {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d samples, want %d", len(a), len(b))
	}
	worst := 0.0
	for i := range a {
		d := math.Abs(a[i] - b[i])
		if math.IsNaN(d) {
			t.Fatalf("sample %d is %v, want %v", i, a[i], b[i])
		}
		worst = max(worst, d)
	}
	return worst
}

func design(t rapid.TB, kind string, order int, cut []float64, hz float64) signal.Filter {
	t.Helper()
	var f signal.Filter
	var err error
	switch kind {
	case "low":
		f, err = signal.Lowpass(order, cut[0], hz)
	case "high":
		f, err = signal.Highpass(order, cut[0], hz)
	case "band":
		f, err = signal.Bandpass(order, cut[0], cut[1], hz)
	case "notch":
		f, err = signal.Notch(cut[0], float64(order), hz)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFiltersAsSciPy(t *testing.T) {
	g := load(t)
	before := slices.Clone(g.X)
	for _, c := range g.Filters {
		f := design(t, c.Kind, c.Order, c.Cut, g.Hz)
		if d := apart(t, f.Apply(g.X), c.Forward); d > 1e-9 {
			t.Errorf("%s %d %v forward: apart by %g", c.Kind, c.Order, c.Cut, d)
		}
		if d := apart(t, f.ZeroPhase(g.X), c.Both); d > 1e-7 {
			t.Errorf("%s %d %v both ways: apart by %g", c.Kind, c.Order, c.Cut, d)
		}
	}
	if !slices.Equal(before, g.X) {
		t.Error("the input was changed")
	}
}

// Closed form: a Butterworth filter of order n has the squared gain
// 1/(1+(w/wc)^2n) in prewarped frequency, so it is -3 dB at its edges, 1 at the
// heart of its band, and its poles lie within the unit circle.
func TestButterworthGain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hz := rapid.Float64Range(50, 1000).Draw(t, "hz")
		order := rapid.IntRange(1, 8).Draw(t, "order")
		low := hz * rapid.Float64Range(0.005, 0.2).Draw(t, "low")
		high := low + hz*rapid.Float64Range(0.02, 0.25).Draw(t, "width")
		at := hz * rapid.Float64Range(0.001, 0.49).Draw(t, "at")
		warp := func(f float64) float64 { return math.Tan(math.Pi * f / hz) }
		n2 := float64(2 * order)
		w, l, h := warp(at), warp(low), warp(high)
		for kind, gain := range map[string]float64{
			"low":  1 / math.Sqrt(1+math.Pow(w/l, n2)),
			"high": 1 / math.Sqrt(1+math.Pow(l/w, n2)),
			"band": 1 / math.Sqrt(1+math.Pow(math.Abs(w*w-l*h)/(w*(h-l)), n2)),
		} {
			f := design(t, kind, order, []float64{low, high}, hz)
			if got := cmplx.Abs(f.Response(at, hz)); math.Abs(got-gain) > 1e-6 {
				t.Fatalf("%s of order %d at %v: gain %v, want %v", kind, order, at, got, gain)
			}
			for _, s := range f {
				if !(math.Abs(s.A2) < 1 && math.Abs(s.A1) < 1+s.A2) {
					t.Fatalf("section %+v is not stable", s)
				}
			}
		}
	})
}

func TestNotch(t *testing.T) {
	f, err := signal.Notch(50, 30, 360)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ at, want, within float64 }{{50, 0, 1e-12}, {0, 1, 1e-12}, {180, 1, 1e-12}, {10, 1, 1e-3}, {50 - 50.0/60, math.Sqrt(0.5), 0.01}} {
		if got := cmplx.Abs(f.Response(c.at, 360)); math.Abs(got-c.want) > c.within {
			t.Errorf("gain at %v Hz: %v, want %v", c.at, got, c.want)
		}
	}
}

func TestDesignRefuses(t *testing.T) {
	for name, err := range map[string]error{
		"order 0":      second(signal.Lowpass(0, 1, 100)),
		"order 21":     second(signal.Highpass(21, 1, 100)),
		"at 0":         second(signal.Lowpass(2, 0, 100)),
		"at half":      second(signal.Lowpass(2, 50, 100)),
		"NaN":          second(signal.Lowpass(2, math.NaN(), 100)),
		"no rate":      second(signal.Lowpass(2, 1, math.NaN())),
		"band upside":  second(signal.Bandpass(2, 20, 10, 100)),
		"notch":        second(signal.Notch(50, 0, 360)),
		"resample 0/1": second(signal.Resample(nil, 0, 1)),
		"resample big": second(signal.Resample(nil, 10_007, 10_009)),
	} {
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A constant stays where it is, a stream in pieces is the stream in one.
func TestStream(t *testing.T) {
	g := load(t)
	f := design(t, "low", 5, []float64{10}, g.Hz)
	r := signal.NewStream(f)
	var y []float64
	for _, v := range g.X {
		y = append(y, r.Next(v))
	}
	if d := apart(t, y, f.Apply(g.X)); d != 0 {
		t.Errorf("apart by %g", d)
	}
	flat := slices.Repeat([]float64{3.5}, 100)
	if d := apart(t, f.ZeroPhase(flat), flat); d > 1e-9 {
		t.Errorf("a constant moved by %g", d)
	}
	for n := range 4 { // shorter than the padding, down to nothing
		if got := f.ZeroPhase(g.X[:n]); len(got) != n {
			t.Errorf("%d samples became %d", n, len(got))
		}
	}
	var zero signal.Stream
	if zero.Next(7) != 7 {
		t.Error("the zero stream does not pass what comes")
	}
}

func TestResampleAsSciPy(t *testing.T) {
	g := load(t)
	for _, c := range g.Resample {
		y, err := signal.Resample(g.X, c.Up, c.Down)
		if err != nil {
			t.Fatal(err)
		}
		if d := apart(t, y, c.Y); d > 1e-9 {
			t.Errorf("%d/%d: apart by %g", c.Up, c.Down, d)
		}
	}
	same, err := signal.Resample(g.X, 4, 4)
	if err != nil || !slices.Equal(same, g.X) {
		t.Error("4/4 changed the signal")
	}
	if none, err := signal.Resample(nil, 2, 1); err != nil || len(none) != 0 {
		t.Error("nothing became something")
	}
}

// A sine well below the new limit keeps its shape at its new times.
func TestResampleSine(t *testing.T) {
	x := make([]float64, 3600)
	for i := range x {
		x[i] = math.Sin(2 * math.Pi * 5 * float64(i) / 360)
	}
	y, err := signal.Resample(x, 250, 360)
	if err != nil {
		t.Fatal(err)
	}
	for i := 100; i < len(y)-100; i++ {
		if want := math.Sin(2 * math.Pi * 5 * float64(i) / 250); math.Abs(y[i]-want) > 0.002 {
			t.Fatalf("sample %d is %v, want %v", i, y[i], want)
		}
	}
}

func TestPeaksAsSciPy(t *testing.T) {
	g := load(t)
	for _, c := range g.Peaks {
		x := g.X
		if c.Of == "flat" {
			x = g.Flat
			if c.Distance > 0 {
				continue // which of two equal peaks stays is not defined there
			}
		}
		got := signal.Peaks(x, signal.PeakRule{Height: c.Height, Distance: c.Distance, Prominence: c.Prominence})
		if !slices.Equal(got, c.At) {
			t.Errorf("%s %v %d %v:\ngot  %v\nwant %v", c.Of, c.Height, c.Distance, c.Prominence, got, c.At)
		}
	}
	if got := signal.Peaks([]float64{0, 2, 0, 2, 0, 2, 0, 1, 0}, signal.PeakRule{Distance: 3}); !slices.Equal(got, []int{1, 5}) {
		t.Errorf("of equal peaks the earlier stays: %v", got)
	}
	for _, x := range [][]float64{nil, {1}, {1, 2}, {1, 2, 2}, {2, 2, 1}, {1, 1, 1, 1}} {
		if got := signal.Peaks(x, signal.PeakRule{}); len(got) > 0 {
			t.Errorf("%v has peaks at %v", x, got)
		}
	}
}

func TestSlopeAndQuantilesAsNumPy(t *testing.T) {
	g := load(t)
	if d := apart(t, signal.Derivative(g.X, g.Hz), g.Gradient); d > 1e-9 {
		t.Errorf("slope: apart by %g", d)
	}
	for i, q := range g.Quantiles.Q {
		if got := signal.Quantile(g.X, q); math.Abs(got-g.Quantiles.Y[i]) > 1e-12 {
			t.Errorf("quantile %v: %v, want %v", q, got, g.Quantiles.Y[i])
		}
	}
	if y := signal.Derivative([]float64{3}, 1); len(y) != 1 || y[0] != 0 {
		t.Errorf("slope of one sample: %v", y)
	}
	if !math.IsNaN(signal.Median(nil)) || !math.IsNaN(signal.Deviation([]float64{1})) || !math.IsNaN(signal.Mean(nil)) {
		t.Error("too little must be NaN, not zero")
	}
	if d := signal.Deviation([]float64{2, 4, 4, 4, 5, 5, 7, 9}); math.Abs(d-math.Sqrt(32.0/7)) > 1e-12 {
		t.Errorf("deviation %v", d)
	}
}

// Moving mean and median are the plain ones of each window.
func TestMoving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-1000, 1000), 1, 60).Draw(t, "x")
		size := rapid.IntRange(1, 70).Draw(t, "size")
		mean, median := signal.MovingMean(x, size), signal.MovingMedian(x, size)
		for i := range x {
			from := max(i-size/2, 0)
			window := slices.Clone(x[from:min(i-size/2+size, len(x))])
			sort.Float64s(window)
			if want := signal.Mean(window); math.Abs(mean[i]-want) > 1e-9 {
				t.Fatalf("mean %d of %d: %v, want %v", i, size, mean[i], want)
			}
			if want := signal.Median(window); math.Abs(median[i]-want) > 1e-9 {
				t.Fatalf("median %d of %d: %v, want %v", i, size, median[i], want)
			}
		}
	})
}

func TestWindows(t *testing.T) {
	var got []int
	for from, to := range signal.Windows(10, 4, 3) {
		got = append(got, from, to)
	}
	if !slices.Equal(got, []int{0, 4, 3, 7, 6, 10}) {
		t.Errorf("windows %v", got)
	}
	for range signal.Windows(3, 4, 1) {
		t.Error("a window larger than the signal")
	}
	for range signal.Windows(10, 0, 1) {
		t.Error("a window of nothing")
	}
}
