package csvfile_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/csvfile"
)

func TestParse(t *testing.T) {
	got, err := csvfile.Parse([]byte("\xef\xbb\xbf# a bed round\n" +
		"time,heart-rate [/min],nibp-systolic [mm[Hg]],consciousness\n" +
		"2026-11-22T09:30:00.5+01:00,72,120.50,A\n" +
		"2026-11-22T08:30:02Z, 73 ,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := csvfile.Table{
		Start: time.Date(2026, 11, 22, 8, 30, 0, 5e8, time.UTC), Times: []int64{0, 1_500_000},
		Columns: []csvfile.Column{
			{Metric: "heart-rate", Unit: "/min", Cells: []vital.Value{vital.Num(vital.Whole(72)), vital.Num(vital.Whole(73))}, Present: []bool{true, true}},
			{Metric: "nibp-systolic", Unit: "mm[Hg]", Cells: []vital.Value{vital.Num(vital.Decimal{Mantissa: 12050, Exponent: -2}), {}}, Present: []bool{true, false}},
			{Metric: "consciousness", Cells: []vital.Value{vital.Coded("A"), {}}, Present: []bool{true, false}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, text := range []string{"time [ms];a [1]\n100;1\n350;2\n", "time\ta [1]\n0.1\t1\n0.35\t2\n"} {
		got, err := csvfile.Parse([]byte(text))
		if err != nil || !reflect.DeepEqual(got.Times, []int64{0, 250_000}) || !got.Start.IsZero() {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":              "",
		"no rows":            "time,a [1]\n",
		"no metric":          "time\n1\n",
		"first is not time":  "when,a [1]\n1,2\n",
		"time in fortnights": "time [fortnight],a [1]\n1,2\n",
		"name twice":         "time,a [1],a [1]\n1,2,3\n",
		"no name":            "time,[1]\n1,2\n",
		"not a number":       "time,a [1]\n1,high\n",
		"local time":         "time,a [1]\n2026-11-22 09:30:00,1\n",
		"times fall":         "time,a [1]\n2,1\n1,1\n",
		"mixed times":        "time,a [1]\n2026-11-22T09:30:00Z,1\n3,1\n",
		"short row":          "time,a [1],b [1]\n1,2\n",
	} {
		if got, err := csvfile.Parse([]byte(text)); vital.KindOf(err) != vital.Invalid {
			t.Errorf("%s: got %+v, %v; want Invalid", name, got, err)
		}
	}
}

func TestRate(t *testing.T) {
	table := func(at func(i int) string) csvfile.Table {
		var b strings.Builder
		b.WriteString("time,a [1]\n")
		for i := range 500 {
			fmt.Fprintf(&b, "%s,%d\n", at(i), i)
		}
		got, err := csvfile.Parse([]byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, c := range map[string]struct {
		at   func(i int) string
		want float64
	}{
		"125 Hz exact":       {func(i int) string { return fmt.Sprintf("%.3f", float64(i)/125) }, 125},
		"360 Hz rounded":     {func(i int) string { return fmt.Sprintf("%.3f", float64(i)/360) }, 360},
		"1 Hz":               {func(i int) string { return fmt.Sprint(i) }, 1},
		"one row missing":    {func(i int) string { return fmt.Sprintf("%.3f", float64(i+i/250)/125) }, 0},
		"by hand, irregular": {func(i int) string { return fmt.Sprint(i*i + i) }, 0},
	} {
		hz, even := table(c.at).Rate()
		if even != (c.want > 0) || math.Abs(hz-c.want) > c.want/500 {
			t.Errorf("%s: %v, %v; want %v", name, hz, even, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("time,heart-rate [/min],c\n2026-11-22T09:30:00Z,72,A\n2026-11-22T09:30:01Z,,\n"))
	f.Add([]byte("time [ms];a [mm[Hg]]\n1;2\n3;4\n5;6\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := csvfile.Parse(b)
		if err != nil {
			return
		}
		for _, c := range got.Columns {
			if len(c.Cells) != len(got.Times) || len(c.Present) != len(got.Times) {
				t.Fatalf("column %q has %d cells for %d rows", c.Metric, len(c.Cells), len(got.Times))
			}
		}
		for i := 1; i < len(got.Times); i++ {
			if got.Times[i] < got.Times[i-1] {
				t.Fatal("times fall")
			}
		}
		if hz, even := got.Rate(); even && !(hz > 0 && !math.IsInf(hz, 0)) {
			t.Fatalf("rate %v", hz)
		}
	})
}
