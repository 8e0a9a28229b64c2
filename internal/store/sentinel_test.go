package store_test

import (
	"context"
	"slices"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// The alarms of a sentinel are in the list of its ward or patient alone, and two
// days after they are over nothing of them is left; of everybody else's nothing goes.
func TestAlarmsOfSentinels(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		real, played, open := alarmOf("al-1", "p-a1", t0+1), alarmOf("al-2", store.SentinelPrefix+"x", t0+2), alarmOf("al-3", store.SentinelPrefix+"x", t0+3)
		real.Closed, played.Closed = t0+5, t0+5
		b := store.Batch{Alarms: []alarm.Alarm{real, played, open}}
		for _, a := range b.Alarms {
			b.Pages = append(b.Pages, store.Page{ID: "pg-" + a.ID, Alarm: a.ID, Patient: a.Patient, Kind: "raised", Priority: vital.Medium, At: a.Raised})
		}
		commit(t, d, b)
		var steps []store.PageStep
		for _, c := range got(d.Calls(ctx, site, 10))(t) {
			steps = append(steps, store.PageStep{Page: c.Page, Add: []store.Delivery{{Page: c.ID, Alarm: c.Alarm, Person: "u", Channel: "c", Kind: "sms", State: store.Queued, At: t0 + 9, Next: t0 + 9}}})
		}
		must(t, d.TakeUpPages(ctx, site, t0+9, steps))
		if got := alarms(t, d, everything, store.AlarmFilter{}); !slices.Equal(got, []string{"al-1"}) {
			t.Errorf("the list of all has %v", got)
		}
		of := store.AlarmFilter{Patient: store.SentinelPrefix + "x"}
		if got := alarms(t, d, everything, of); !slices.Equal(got, []string{"al-3", "al-2"}) {
			t.Errorf("the list of the sentinel has %v", got)
		}
		got(d.Retain(ctx, site, t0+3*86400_000))(t)
		if got := append(alarms(t, d, everything, store.AlarmFilter{}), alarms(t, d, everything, of)...); !slices.Equal(got, []string{"al-1", "al-3"}) {
			t.Errorf("after three days: %v", got)
		}
		for id, want := range map[string]int{"al-1": 1, "al-2": 0, "al-3": 1} {
			if got := got(d.DeliveriesOf(ctx, everything, id))(t); len(got) != want {
				t.Errorf("deliveries of %s: %d, want %d", id, len(got), want)
			}
		}
	})
}
