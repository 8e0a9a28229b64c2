package webd_test

import (
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

func TestReplayNamesWhatChanges(t *testing.T) {
	at := func(rule string, p vital.Priority, raised, closed int) watch.Episode {
		return watch.Episode{Rule: rule, Title: rule, Priority: p, Raised: vital.Instant(raised * 1000), Closed: vital.Instant(closed * 1000)}
	}
	tests := []struct {
		name          string
		before, after []watch.Episode
		want          webd.ReplayCounts
	}{
		{"nothing changed", []watch.Episode{at("a", vital.Medium, 10, 20)}, []watch.Episode{at("a", vital.Medium, 10, 20)}, webd.ReplayCounts{Same: 1}},
		{"missed", []watch.Episode{at("a", vital.Medium, 10, 20)}, nil, webd.ReplayCounts{Missed: 1}},
		{"another time is another alarm", []watch.Episode{at("a", vital.Medium, 10, 20)}, []watch.Episode{at("a", vital.Medium, 30, 40)}, webd.ReplayCounts{Missed: 1, New: 1}},
		{"another rule is another alarm", []watch.Episode{at("a", vital.Medium, 10, 20)}, []watch.Episode{at("b", vital.Medium, 10, 20)}, webd.ReplayCounts{Missed: 1, New: 1}},
		{"later", []watch.Episode{at("a", vital.Medium, 10, 20)}, []watch.Episode{at("a", vital.Medium, 15, 20)}, webd.ReplayCounts{Later: 1}},
		{"earlier", []watch.Episode{at("a", vital.Medium, 10, 20)}, []watch.Episode{at("a", vital.Medium, 5, 20)}, webd.ReplayCounts{Earlier: 1}},
		{"milder", []watch.Episode{at("a", vital.High, 10, 20)}, []watch.Episode{at("a", vital.Medium, 10, 20)}, webd.ReplayCounts{Milder: 1}},
		{"stronger", []watch.Episode{at("a", vital.Low, 10, 20)}, []watch.Episode{at("a", vital.Medium, 10, 20)}, webd.ReplayCounts{Stronger: 1}},
		{"it lasts to the end", []watch.Episode{at("a", vital.Low, 10, 0)}, []watch.Episode{at("a", vital.Low, 10, 0)}, webd.ReplayCounts{Same: 1}},
		{"one long for two short", []watch.Episode{at("a", vital.Low, 10, 20), at("a", vital.Low, 30, 40)}, []watch.Episode{at("a", vital.Low, 10, 40)}, webd.ReplayCounts{Same: 2}},
		{"two short for one long", []watch.Episode{at("a", vital.Low, 10, 40)}, []watch.Episode{at("a", vital.Low, 10, 20), at("a", vital.Low, 30, 40)}, webd.ReplayCounts{Same: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := webd.ReplayOf(0, 86_400_000, []flow.Trialled{{Patient: "p", To: 86_400_000, Before: tt.before, After: tt.after}})
			if r.Counts != tt.want {
				t.Errorf("changes %+v, want %+v", r.Counts, tt.want)
			}
			if r.BedDays != 1 || r.Before.Alarms != len(tt.before) || r.After.PerBedDay != float64(len(tt.after)) {
				t.Errorf("%v bed days, %d before, %v after per bed and day", r.BedDays, r.Before.Alarms, r.After.PerBedDay)
			}
		})
	}
}

func TestBurdenCountsHowAlarmsWereMet(t *testing.T) {
	row := func(bed vital.BedID, rule string, raised, closed, met int, owned bool) store.AlarmRow {
		a := alarm.Alarm{Rule: rule, Title: rule, Peak: vital.Medium, Raised: vital.Instant(raised * 1000), Closed: vital.Instant(closed * 1000)}
		if met > 0 {
			a.Acknowledged = &alarm.Deed{By: "u", At: vital.Instant(met * 1000)}
		}
		if owned {
			a.Owner = &alarm.Owner{By: "u", Accepted: true}
		}
		return store.AlarmRow{Alarm: a, Ward: "w", Bed: bed}
	}
	b := webd.BurdenOf([]store.AlarmRow{
		row("1", "spo2-low", 0, 60, 30, true), row("1", "spo2-low", 3600, 3610, 0, false),
		row("2", "heart-rate-high", 7200, 7260, 7210, false), row("1", "spo2-low", 9000, 9100, 9020, false),
	}, 0, 86_400_000, time.UTC)
	if b.Alarms != 4 || b.Actionable.Alarms != 1 || b.Met.Share != 0.75 || b.SelfEnded.Alarms != 1 {
		t.Errorf("burden %+v", b)
	}
	if b.ToMeet.Median != 20 || b.ToMeet.P90 != 30 {
		t.Errorf("time to acknowledge %+v, want 20 and 30 s", b.ToMeet)
	}
	if b.ByRule[0].Rule != "spo2-low" || b.ByRule[0].Alarms != 3 || b.ByBed[0].Bed != "1" || b.ByHour[2] != 2 || b.ByDay[0].Alarms != 4 {
		t.Errorf("by rule %+v, by bed %+v, by hour %v", b.ByRule, b.ByBed, b.ByHour)
	}
}
