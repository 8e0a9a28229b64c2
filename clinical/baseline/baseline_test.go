package baseline_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/vigilcare/vigil/clinical/baseline"
	"github.com/vigilcare/vigil/vital"
	"pgregory.net/rapid"
)

// oracle was computed once by the programs it names.
type oracle struct {
	Provenance string `json:"provenance"`
	Cases      []struct {
		Values                 []float64
		Median, Spread, Normal float64
	} `json:"cases"`
	RunLengths struct {
		Cusum map[string]float64 `json:"cusum"`
		EWMA  map[string]float64 `json:"ewma_fixed_limits"`
	} `json:"run_lengths"`
}

func readOracle(t *testing.T) (o oracle) {
	b, err := os.ReadFile("testdata/oracle.json")
	if err == nil {
		err = json.Unmarshal(b, &o)
	}
	if err != nil || len(o.Cases) < 10 || o.Provenance == "" {
		t.Fatal(err, len(o.Cases))
	}
	return o
}

// Median and spread are SciPy's, to the last digits.
func TestMedianAndSpread(t *testing.T) {
	near := func(a, b, by float64) bool { return math.Abs(a-b) <= by*math.Max(math.Abs(a), math.Abs(b)) }
	for _, c := range readOracle(t).Cases {
		order := slices.Clone(c.Values)
		if m := baseline.Median(c.Values); !near(m, c.Median, 1e-12) {
			t.Errorf("median of %v: %v, want %v", c.Values, m, c.Median)
		}
		// Two sources of the factor: 1.4826 as R prints it and 1/0.67449 as SciPy computes it.
		if s := baseline.Spread(c.Values); !near(s, c.Spread, 1e-12) || !near(s, c.Normal, 2e-6) {
			t.Errorf("spread of %v: %v, want %v, about %v", c.Values, s, c.Spread, c.Normal)
		}
		if !slices.Equal(order, c.Values) {
			t.Error("the values were put in another order")
		}
	}
	if baseline.Median(nil) != 0 || baseline.Spread(nil) != 0 {
		t.Error("nothing has a median")
	}
}

// The run lengths that the designs promise, by simulation of this code.
func TestRunLengths(t *testing.T) {
	chance := rand.New(rand.NewPCG(7, 11))
	run := func(step func(z float64) int, mu float64) (n int) {
		for n = 1; step(chance.NormFloat64()+mu) == 0; n++ {
		}
		return n
	}
	const rounds = 6000
	check := func(name, mu string, want float64, start func() func(float64) int) {
		var shift float64
		fmt.Sscan(mu, &shift)
		sum := 0
		for range rounds {
			sum += run(start(), shift)
		}
		// A run length scatters about as much as its mean, so the mean of 6000 is within 4 %.
		if got := float64(sum) / rounds; math.Abs(got-want) > 0.04*want {
			t.Errorf("%s at a shift of %s: %.1f steps, want %.1f", name, mu, got, want)
		}
	}
	lengths := readOracle(t).RunLengths
	for mu, want := range lengths.Cusum {
		check("CUSUM", mu, want, func() func(float64) int {
			var c baseline.Cusum
			return func(z float64) int { c = c.Step(z); return c.Out() }
		})
	}
	for mu, want := range lengths.EWMA {
		check("EWMA", mu, want, func() func(float64) int {
			e := baseline.EWMA{N: 1000} // the limits have settled
			return func(z float64) int { e = e.Step(z); return e.Out() }
		})
	}
	// The figures of the textbook.
	if l := lengths.Cusum; math.Abs(l["0"]-465) > 1 || math.Abs(l["1"]-10.4) > 0.05 {
		t.Error(l)
	}
}

func TestChartsKnowTheWay(t *testing.T) {
	for _, way := range []int{1, -1} {
		var c baseline.Cusum
		var e baseline.EWMA
		if c.Out() != 0 || e.Out() != 0 {
			t.Error("out before the first step")
		}
		for range 20 {
			c, e = c.Step(2*float64(way)), e.Step(2*float64(way))
		}
		if c.Out() != way || e.Out() != way {
			t.Errorf("moved %d: %d %d", way, c.Out(), e.Out())
		}
	}
}

const start = vital.Instant(1_700_006_400_000) // 2023-11-15 00:00 UTC

func at(day, hour, minute int) baseline.Moment {
	return baseline.Moment{At: start.Add(time.Duration(day)*24*time.Hour + time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute), MinuteOfDay: hour*60 + minute}
}

// heart is a heart rate that is slow at night, a little different every day.
func heart(day, hour int) float64 {
	rate := 70.0
	if hour < 6 {
		rate = 50
	}
	return rate + float64(day*7%5) - 2
}

func learn(s *baseline.State, days int, alarmed func(day, hour int) bool, rate func(day, hour int) float64) {
	for d := range days {
		for h := range 24 {
			for m := 0; m < 60; m += 15 {
				s.Add(at(d, h, m), rate(d, h), alarmed(d, h))
			}
		}
	}
}

func never(int, int) bool { return false }

func TestWarmUp(t *testing.T) {
	for days, want := range map[int]bool{0: false, 1: false, 13: false, 14: true, 28: true} {
		s := baseline.State{Floor: 1}
		learn(&s, days, never, heart)
		s.Add(at(days, 0, 0), 50, false) // closes the last hour
		_, _, _, ready := s.At(at(days, 12, 0))
		if z, ok := s.Z(at(days, 12, 0), 90); ready != want || ok != want || !ok && z != 0 {
			t.Errorf("after %d days: ready %v, z %v %v", days, ready, z, ok)
		}
	}
}

func TestTimeOfDay(t *testing.T) {
	s := baseline.State{Floor: 1}
	learn(&s, 20, never, heart)
	night, spread, n, _ := s.At(at(20, 3, 0))
	noon, _, _, _ := s.At(at(20, 12, 0))
	if night != 50 || noon != 70 || n != 60 || spread != 1.4826 {
		t.Errorf("night %v, noon %v, spread %v of %d", night, noon, spread, n)
	}
	// The same value is usual at noon and far off at night.
	if z, _ := s.Z(at(20, 12, 0), 70); z != 0 {
		t.Error(z)
	}
	if z, _ := s.Z(at(20, 3, 0), 70); z < 10 {
		t.Error(z)
	}
	// The neighbours of midnight are on the day before and after.
	if c, _, n, ready := s.At(at(20, 0, 0)); c != 51 || n == 0 || !ready {
		t.Errorf("midnight %v of %d", c, n)
	}
}

// An hour with an alarm in it does not enter, wherever in the hour the alarm was.
func TestFrozenInAlarm(t *testing.T) {
	calm, ill := baseline.State{Floor: 1}, baseline.State{Floor: 1}
	learn(&calm, 15, never, heart)
	learn(&ill, 15, never, heart)
	for d := 15; d < 28; d++ {
		for h := range 24 {
			for m := 0; m < 60; m += 15 {
				ill.Add(at(d, h, m), 140, m == 45)
			}
		}
	}
	for _, hour := range []int{3, 12} {
		want, spread, n, _ := calm.At(at(15, hour, 0))
		got, gotSpread, gotN, ready := ill.At(at(28, hour, 0))
		if hour == 12 && (got != want || gotN > n) || math.Abs(got-want) > 1 || gotSpread > spread+2 {
			t.Errorf("%d h: %v ± %v of %d (%v), want %v ± %v of %d", hour, got, gotSpread, gotN, ready, want, spread, n)
		}
	}
	if ill.Cusum.Out() != 1 || ill.EWMA.Out() != 1 {
		t.Error("the charts did not see two weeks at 140")
	}
	// Not said to be alarms, the same days would have become usual: the freeze is what holds.
	careless := baseline.State{Floor: 1}
	learn(&careless, 28, never, func(d, h int) float64 {
		if d >= 12 {
			return 140
		}
		return heart(d, h)
	})
	if c, _, _, _ := careless.At(at(28, 12, 0)); c != 140 {
		t.Errorf("center %v", c)
	}
}

// A fifth of the hours far off does not move the center much.
func TestRobust(t *testing.T) {
	s := baseline.State{Floor: 1}
	learn(&s, 28, never, func(d, h int) float64 {
		if (d*24+h)%5 == 0 {
			return 180
		}
		return heart(d, h)
	})
	if c, spread, _, _ := s.At(at(28, 12, 0)); c > 72 || spread > 4 {
		t.Errorf("%v ± %v", c, spread)
	}
}

func TestSpreadNeedsAFloor(t *testing.T) {
	var s baseline.State
	learn(&s, 20, never, func(int, int) float64 { return 60 })
	if _, _, _, ready := s.At(at(20, 12, 0)); ready {
		t.Error("values that never differ have a spread")
	}
	s.Floor = 1
	if z, ready := s.Z(at(20, 12, 0), 63); !ready || z != 3 {
		t.Error(z, ready)
	}
}

func TestOddInput(t *testing.T) {
	s := baseline.State{Floor: 1}
	learn(&s, 20, never, heart)
	before, _ := json.Marshal(s)
	s.Add(at(3, 12, 0), 999, false) // too late
	s.Add(at(20, 12, 0), math.NaN(), false)
	s.Add(at(20, 12, 0), math.Inf(1), true)
	if after, _ := json.Marshal(s); string(after) != string(before) {
		t.Error("what must be left out was not")
	}
	s.Add(baseline.Moment{At: at(21, 0, 0).At, MinuteOfDay: -5}, 60, false)
	s.Add(baseline.Moment{At: at(22, 0, 0).At, MinuteOfDay: 99999}, 60, false)
	if _, ok := s.Z(at(22, 12, 0), math.NaN()); ok {
		t.Error("NaN has a z")
	}
	if _, ok := s.Now(at(5, 5, 5)); ok {
		t.Error("another hour is in progress")
	}
	if z, ok := s.Now(baseline.Moment{At: at(22, 0, 0).At, MinuteOfDay: 99999}); !ok || z > -3 { // 60 against 70
		t.Error(z, ok)
	}
	// Clocks put back: the second three o'clock is an hour of its own.
	d := baseline.State{}
	first := baseline.Moment{At: start.Add(2 * time.Hour), MinuteOfDay: 180}
	again := baseline.Moment{At: start.Add(3 * time.Hour), MinuteOfDay: 180}
	d.Add(first, 50, false)
	d.Add(again, 70, false)
	d.Add(baseline.Moment{At: start.Add(4 * time.Hour), MinuteOfDay: 240}, 70, false)
	if len(d.Hours[3]) != 2 {
		t.Errorf("%+v", d.Hours[3])
	}
}

// The state is bounded and survives JSON in the middle of anything, and At is
// what a second, dumb computation over the whole log says.
func TestAgainstTheWholeLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type entry struct {
			at      baseline.Moment
			value   float64
			alarmed bool
		}
		var log []entry
		minute := 0
		for range rapid.IntRange(1, 400).Draw(rt, "n") {
			minute += rapid.OneOf(rapid.IntRange(0, 90), rapid.IntRange(0, 3000)).Draw(rt, "gap")
			m := at(0, 0, 0)
			m.At, m.MinuteOfDay = m.At.Add(time.Duration(minute)*time.Minute), minute%1440
			log = append(log, entry{m, float64(rapid.IntRange(400, 1400).Draw(rt, "v")) / 10, rapid.IntRange(0, 9).Draw(rt, "a") == 0})
		}
		s := baseline.State{Floor: 1}
		for i, e := range log {
			s.Add(e.at, e.value, e.alarmed)
			if i%50 == 17 {
				b, err := json.Marshal(s)
				var back baseline.State
				if err != nil || json.Unmarshal(b, &back) != nil || len(b) > 60_000 {
					rt.Fatalf("%d bytes, %v", len(b), err)
				}
				s = back
			}
		}
		// The dumb way: every hour of the log, its 5-minute averages, their median.
		type cell struct {
			day, hour int
			buckets   map[int][]float64
			alarmed   bool
		}
		var cells []*cell
		for i, e := range log {
			abs := int(e.at.At-start) / 60_000
			if i == 0 || abs/60 != int(log[i-1].at.At-start)/60_000/60 {
				cells = append(cells, &cell{day: int(e.at.At / 86_400_000), hour: abs / 60 % 24, buckets: map[int][]float64{}})
			}
			c := cells[len(cells)-1]
			c.buckets[abs%60/5] = append(c.buckets[abs%60/5], e.value)
			c.alarmed = c.alarmed || e.alarmed
		}
		last := log[len(log)-1].at
		hour := rapid.IntRange(0, 23).Draw(rt, "hour")
		now := baseline.Moment{At: last.At, MinuteOfDay: hour * 60}
		var values []float64
		days := map[int]bool{}
		for _, c := range cells[:len(cells)-1] {
			away := (c.hour - hour + 24) % 24
			if c.alarmed || int(now.At/86_400_000)-c.day >= baseline.Days || away != 0 && away != 1 && away != 23 {
				continue
			}
			var averages []float64
			for _, b := range c.buckets {
				sum := 0.0
				for _, v := range b {
					sum += v
				}
				averages = append(averages, sum/float64(len(b)))
			}
			values = append(values, baseline.Median(averages))
			days[c.day] = true
		}
		center, spread, n, ready := s.At(now)
		if n != len(values) || ready != (len(days) >= baseline.WarmUp) {
			rt.Fatalf("n %d, want %d; ready %v on %d days", n, len(values), ready, len(days))
		}
		if n > 0 && (math.Abs(center-baseline.Median(values)) > 1e-9 || math.Abs(spread-max(1, baseline.Spread(values))) > 1e-9) {
			rt.Fatalf("%v ± %v, want %v ± %v", center, spread, baseline.Median(values), baseline.Spread(values))
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	s := baseline.State{Floor: 1}
	learn(&s, 28, never, heart)
	m := at(28, 0, 0)
	for i := 0; b.Loop(); i++ {
		m.At += 1000
		m.MinuteOfDay = int(m.At-start) / 60_000 % 1440
		s.Add(m, 60, false)
	}
}

func BenchmarkAt(b *testing.B) {
	s := baseline.State{Floor: 1}
	learn(&s, 28, never, heart)
	for b.Loop() {
		s.At(at(28, 12, 0))
	}
}
