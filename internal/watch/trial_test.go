package watch_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// TestATrialOfWhatIsInForceRaisesWhatWasRaised judges an hour of a wandering
// saturation live and again as a trial.
func TestATrialOfWhatIsInForceRaisesWhatWasRaised(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	about := watch.About{AgeYears: 60, WardKind: "adult"}
	board := watch.NewBoard(rule.Default())
	board.Facts(watch.Facts{Patient: "p", Present: true, About: about}, day)
	same := watch.NewTrial(rule.Default(), about, "p", day)
	seventy, err := vital.ParseDecimal("70")
	if err != nil {
		t.Fatal(err)
	}
	about.Limits = []watch.Limit{{Metric: "spo2", Unit: "%", Low: &seventy}}
	lower := watch.NewTrial(rule.Default(), about, "p", day)
	var raised []string
	level := 95.0
	for second := range vital.Instant(3600) {
		at := day + second*1000 + 300
		if second%5 == 0 && second > 0 {
			board.Tick(day+second*1000, 0)
		}
		level += random.Float64()*2 - 1 + (93-level)/50
		r := vital.Reading{
			Patient: "p", Device: "m", Metric: "spo2", Unit: "%", Value: vital.Num(vital.Whole(int64(min(level, 100)))),
			Clocks: vital.Clocks{Receive: at, Effective: at, Device: at},
		}
		board.Reading(r)
		same.Reading(r)
		lower.Reading(r)
		for _, e := range board.Drain().Effects {
			if e.Kind == alarm.Raised {
				raised = append(raised, fmt.Sprintf("%s at %s", e.Alarm.Rule, e.Alarm.Raised))
			}
		}
	}
	var tried []string
	for _, e := range same.End(day + 3600_000) {
		tried = append(tried, fmt.Sprintf("%s at %s", e.Rule, e.Raised))
	}
	if len(raised) < 3 || fmt.Sprint(raised) != fmt.Sprint(tried) {
		t.Errorf("live   %v\ntrial  %v", raised, tried)
	}
	if quiet := lower.End(day + 3600_000); len(quiet) >= len(raised) {
		t.Errorf("with a limit of 70 %% there are still %d alarms of %d", len(quiet), len(raised))
	}
}
