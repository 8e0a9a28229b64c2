package watch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

func said(p watch.Page) string {
	var list []string
	for _, i := range p.Intervals {
		list = append(list, fmt.Sprintf("%d-%d %s %s", i.From/1000, i.To/1000, i.State, i.Kind))
	}
	return strings.ReplaceAll(strings.Join(list, "; "), " ;", ";")
}

// TestLedger walks through the cases; times are seconds, the stream is due every
// ten of them.
func TestLedger(t *testing.T) {
	span := func(from, to vital.Instant) watch.Span {
		return watch.Span{Metric: "spo2", Kind: watch.Continuous, Every: 10_000, From: from * 1000, To: to * 1000}
	}
	gap := func(from, to vital.Instant, state watch.StreamState, kind watch.CauseKind) watch.Gap {
		return watch.Gap{Metric: "spo2", From: from * 1000, To: to * 1000, State: state, Kind: kind}
	}
	burst := func(from, to vital.Instant) (came []vital.Instant) {
		for at := from; at <= to; at += 5 {
			came = append(came, at*1000)
		}
		return came
	}
	for _, c := range []struct {
		name  string
		spans []watch.Span
		gaps  []watch.Gap
		came  []vital.Instant
		want  string
	}{
		{"all of it came", []watch.Span{span(100, 0)}, nil, nil, "100-1000 got"},
		{"nothing was expected", nil, nil, nil, ""},
		{"expected for a while", []watch.Span{span(200, 300)}, nil, nil, "200-300 got"},
		{"a gap", []watch.Span{span(100, 0)}, []watch.Gap{gap(200, 300, watch.Missing, watch.ByDevice)}, nil, "100-200 got; 200-300 missing device; 300-1000 got"},
		{"a gap that lasts", []watch.Span{span(100, 0)}, []watch.Gap{gap(200, 0, watch.Missing, watch.ByNetwork)}, nil, "100-200 got; 200-1000 missing network"},
		{"two causes", []watch.Span{span(100, 0)}, []watch.Gap{gap(200, 250, watch.Missing, watch.ByServer), gap(250, 300, watch.Missing, watch.ByDevice)}, nil,
			"100-200 got; 200-250 missing server; 250-300 missing device; 300-1000 got"},
		{"what came later is late, not got", []watch.Span{span(100, 0)}, []watch.Gap{gap(200, 300, watch.Missing, watch.ByNetwork)}, burst(205, 295),
			"100-200 got; 200-295 late network; 295-300 missing network; 300-1000 got"},
		{"a part came later: it had measured", []watch.Span{span(100, 0)}, []watch.Gap{gap(200, 300, watch.Missing, watch.ByDevice)}, burst(240, 260),
			"100-200 got; 200-230 missing device; 230-260 late network; 260-300 missing device; 300-1000 got"},
		{"standby is its own", []watch.Span{span(100, 0)}, []watch.Gap{gap(200, 300, watch.Resting, watch.ByStandby)}, burst(205, 295),
			"100-200 got; 200-300 standby standby; 300-1000 got"},
		{"the time asked for cuts", []watch.Span{span(50, 0)}, []watch.Gap{gap(60, 120, watch.Missing, watch.BySensor)}, nil, "100-120 missing sensor; 120-1000 got"},
		{"a gap after the stay is none", []watch.Span{span(100, 400)}, []watch.Gap{gap(350, 600, watch.Missing, watch.BySensor)}, nil, "100-350 got; 350-400 missing sensor"},
	} {
		if got := strings.TrimRight(said(watch.Ledger("spo2", c.spans, c.gaps, c.came, 100_000, 2_000_000, 1_000_000)), " "); got != c.want {
			t.Errorf("%s:\n  got  %s\n  want %s", c.name, got, c.want)
		}
	}
}

// TestLedgerIsWhole: whatever was written down, each moment in which a stream was
// expected is in exactly one interval, and the sums are those of the intervals.
func TestLedgerIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instant := rapid.Int64Range(0, 1000)
		states := rapid.SampledFrom([]watch.StreamState{watch.Missing, watch.Tardy, watch.Resting, watch.Got})
		var spans []watch.Span
		at := vital.Instant(0)
		for range rapid.IntRange(0, 3).Draw(t, "spans") {
			from := at + vital.Instant(rapid.Int64Range(1, 200).Draw(t, "wait"))
			at = from + vital.Instant(rapid.Int64Range(1, 300).Draw(t, "lasts"))
			spans = append(spans, watch.Span{From: from, To: at, Every: 10})
		}
		var gaps []watch.Gap
		for range rapid.IntRange(0, 6).Draw(t, "gaps") {
			from := vital.Instant(instant.Draw(t, "from"))
			gaps = append(gaps, watch.Gap{From: from, To: from + vital.Instant(rapid.Int64Range(1, 300).Draw(t, "length")), State: states.Draw(t, "state"), Kind: watch.ByDevice})
		}
		var came []vital.Instant
		for range rapid.IntRange(0, 20).Draw(t, "came") {
			came = append(came, vital.Instant(instant.Draw(t, "measured")))
		}
		from, to, now := vital.Instant(instant.Draw(t, "begin")), vital.Instant(instant.Draw(t, "end")), vital.Instant(instant.Draw(t, "now"))
		p := watch.Ledger("spo2", spans, gaps, came, from, to, now)
		var sum, longest int64
		last := vital.Instant(-1)
		for _, i := range p.Intervals {
			if i.From >= i.To || i.From < last || i.From < from || i.To > min(to, now) {
				t.Fatalf("intervals %+v", p.Intervals)
			}
			last = i.To
			sum += int64(i.To - i.From)
			if i.State == watch.Missing {
				longest = max(longest, int64(i.To-i.From))
			}
			if !slices.ContainsFunc(spans, func(s watch.Span) bool { return s.From <= i.From && i.To <= s.To }) && len(spans) == 1 {
				t.Fatalf("%+v lies outside of what was expected", i)
			}
		}
		k := p.Coverage
		if sum != k.Expected || k.Got+k.Late+k.Missing+k.Standby != k.Expected || k.Longest != longest {
			t.Fatalf("sums %+v of %+v", k, p.Intervals)
		}
	})
}

// TestAsOf: the declared limit holds for what is shown, however long ago the
// board was last told anything.
func TestAsOf(t *testing.T) {
	b := watch.NewBoard(rule.Default())
	b.Facts(watch.Facts{Patient: "p", Present: true, Devices: []vital.DeviceID{"m"}, About: watch.About{AgeYears: 60}, Plan: []watch.Plan{
		{Metric: "spo2", Kind: watch.Continuous, Every: 10_000}, {Metric: "heart-rate", Kind: watch.Continuous, Every: 4_000},
	}}, day)
	for _, m := range []string{"spo2", "heart-rate"} {
		b.Reading(vital.Reading{Patient: "p", Device: "m", Metric: m, Unit: "1", Value: vital.Num(vital.Whole(97)), Clocks: vital.Clocks{Receive: day, Effective: day}})
	}
	w, _ := b.Watch("p")
	if w.DeclaredLimit() != 25_000 {
		t.Fatalf("the limit is %d ms", w.DeclaredLimit())
	}
	for _, c := range []struct {
		after vital.Instant
		want  watch.WatchState
	}{{0, watch.Watched}, {12_000, watch.Watched}, {13_000, watch.Partly}, {23_999, watch.Partly}, {25_000, watch.NotWatched}, {3600_000, watch.NotWatched}} {
		v := w.AsOf(day + c.after)
		if v.State != c.want || c.want == watch.NotWatched && v.CauseKind != watch.ByServer {
			t.Errorf("after %d ms: %s, %s %s; want %s", c.after, v.State, v.CauseKind, v.Cause, c.want)
		}
	}
	if w.State != watch.Watched || w.Streams[0].State != watch.Got {
		t.Error("what the board knows was changed")
	}
}
