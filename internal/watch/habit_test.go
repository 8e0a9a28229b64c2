package watch_test

import (
	"math"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// lived is a board of one patient after some days of a heart that is slow at night.
func lived(t *testing.T, days int, restart bool) (*watch.Board, []vital.Reading) {
	t.Helper()
	b := watch.NewBoard(rule.Default())
	b.Facts(watch.Facts{Patient: "p-1", Present: true, About: watch.About{AgeYears: 70, Zone: "UTC", WardKind: "adult"}}, day)
	var told []vital.Reading
	for at := day; at < day.Add(time.Duration(days)*24*time.Hour); at += 5 * 60_000 {
		since := at - day
		hour, number := int(since/3600_000%24), int(since/86_400_000)
		rate := int64(70 + number%5)
		if hour < 6 {
			rate -= 15
		}
		beat(b, at, rate)
		b.Tick(at+1000, 0)
		told = append(told, zs(b)...)
		if restart && number == 15 && hour == 3 {
			b = again(t, b)
		}
	}
	return b, told
}

func beat(b *watch.Board, at vital.Instant, rate int64) {
	b.Reading(vital.Reading{
		Site: vital.DefaultSite, Patient: "p-1", Device: "monitor-1", Metric: "heart-rate", Unit: "/min", Value: vital.Num(vital.Whole(rate)),
		Clocks: vital.Clocks{Receive: at, Effective: at},
	})
}

func zs(b *watch.Board) (list []vital.Reading) {
	for _, r := range b.Derived() {
		if r.Metric == "heart-rate-baseline-z" {
			list = append(list, r)
		}
	}
	return list
}

func again(t *testing.T, b *watch.Board) *watch.Board {
	t.Helper()
	body, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back := watch.NewBoard(rule.Default())
	if err := back.Restore(body); err != nil {
		t.Fatal(err)
	}
	return back
}

// Two weeks of silence, then one number an hour; what is far is told at once; a
// restart in the middle changes nothing.
func TestBaseline(t *testing.T) {
	b, early := lived(t, 13, false)
	if len(early) != 0 {
		t.Errorf("%d numbers before the fourteenth day: %+v", len(early), early[0])
	}
	b, told := lived(t, 21, false)
	if n := len(told); n < 7*24 || n > 8*26 {
		t.Errorf("%d numbers in the eight days after, want one an hour", n)
	}
	for _, r := range told {
		if !r.Quality.Has(vital.Derived) || r.Unit != "{z}" || r.Device != "vigil" || r.Patient != "p-1" {
			t.Fatalf("%+v", r)
		}
	}
	restarted, same := lived(t, 21, true)
	if len(same) != len(told) {
		t.Fatalf("%d numbers after a restart, %d without", len(same), len(told))
	}
	for i := range told {
		if told[i] != same[i] {
			t.Fatalf("after a restart %+v, without %+v", same[i], told[i])
		}
	}
	if x, y := b.Baselines("p-1")[0], restarted.Baselines("p-1")[0]; x != y || !x.Ready || x.Days < 14 || x.Metric != "heart-rate" || x.Center < 68 || x.Center > 75 {
		t.Errorf("%+v\n%+v", x, y)
	}
	if y := b.Baselines("p-1")[1]; y.Metric != "resp-rate" || y.Ready || y.Days != 0 {
		t.Errorf("of a rate that never came: %+v", y)
	}
	// Far off: told when it becomes so, and not again within the hour.
	at := day.Add(21 * 24 * time.Hour)
	for ; at < day.Add(21*24*time.Hour+30*time.Minute); at += 5 * 60_000 {
		beat(b, at, 110) // below the limit of 120: nothing else would say so
		b.Tick(at+1000, 0)
	}
	far := zs(b)
	if len(far) != 1 || far[0].Value.Number.Float() < 3 {
		t.Fatalf("%+v", far)
	}
	v := b.Baselines("p-1")[0]
	if !v.Current || v.Now != 110 || math.Abs(v.Z-(v.Now-v.Center)/v.Spread) > 1e-9 || v.Z < 3 {
		t.Errorf("%+v", v)
	}
	// It is told and not alarmed: which z should alarm, no two sources agree on.
	for _, a := range b.Alarms("p-1") {
		if !a.Technical {
			t.Errorf("%+v", a)
		}
	}
	b.Facts(watch.Facts{Patient: "p-1"}, at)
	if b.Baselines("p-1") != nil {
		t.Error("a patient who has left has a baseline")
	}
}

// The snapshot of a patient with four weeks behind them stays small.
func TestBaselineIsSmall(t *testing.T) {
	b, _ := lived(t, 40, false)
	with, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	young, _ := lived(t, 1, false)
	without, err := young.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a day %d bytes, 40 days %d bytes", len(without), len(with))
	if len(with)-len(without) > 4000 {
		t.Errorf("a baseline takes %d bytes of the snapshot", len(with)-len(without))
	}
}

// A day in alarm does not become usual.
func TestBaselineStandsStillInAlarm(t *testing.T) {
	usual, _ := lived(t, 20, false)
	before := usual.Baselines("p-1")[0]
	start := day.Add(20 * 24 * time.Hour)
	b, _ := lived(t, 20, false)
	for at := start; at < start.Add(25*time.Hour); at += 10_000 {
		beat(b, at, 150)
		b.Tick(at+1000, 0)
	}
	wrong := false
	for _, a := range b.Alarms("p-1") {
		wrong = wrong || !a.Technical
	}
	if v := b.Baselines("p-1")[0]; !wrong || v.Days > before.Days || v.Center > 80 {
		t.Errorf("alarm %v: %+v, before %+v", wrong, v, before)
	}
}
