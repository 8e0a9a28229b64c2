package flow_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// saturate sends n packets of one saturation for patient a, a second apart by
// the device's clock.
func (r *rig) saturate(from, n, value int) {
	r.t.Helper()
	var waiting sync.WaitGroup
	for i := range n {
		body := fmt.Sprintf(`{"seq":%d,"time":%q,"readings":[{"metric":"spo2","value":%d,"unit":"%%"}]}`, from+i, (base + vital.Instant(from+i)*1000).String(), value)
		r.accept("m-a", body, &waiting)
	}
	waiting.Wait()
}

// physiological returns the stored alarms about patient a's body, oldest first.
func (r *rig) physiological() []store.AlarmRow {
	r.t.Helper()
	no := false
	rows, err := r.db.Alarms(r.t.Context(), store.Everything(site), store.AlarmFilter{Patient: "p-a", Technical: &no})
	if err != nil {
		r.t.Fatal(err)
	}
	return rows
}

// atOnce is a rule that does not wait: the packets of a test come in one burst.
const atOnce = `
rule spo2-low
  title "Oxygen saturation low"
  source "a test"
  source "the same test"
  when spo2 < 90 % priority medium text "SpO2 {spo2} < 90 %"
  fresh 1 h

  test "falls"
    at 00:00 spo2 97 %
    at 00:01 spo2 86 %
    expect 00:00 nothing
    expect 00:01 medium
  test "stays"
    at 00:00 spo2 97 %
    expect 00:00 nothing
`

// TestFlowAlarmsOnceOverAnyCrash makes an episode, takes the store at moments
// within it, and goes on from each: one alarm, one page, whatever was repeated.
func TestFlowAlarmsOnceOverAnyCrash(t *testing.T) {
	dir := t.TempDir()
	path, log := filepath.Join(dir, "v.db"), journal.NewMemory()
	r := open(t, path, log)
	r.furnish()
	rules := store.RuleSet{Version: "test", Why: "a test", Files: []store.RuleFile{{Name: "spo2.rule", Text: atOnce}}}
	if err := r.db.PutRules(t.Context(), entry("rules.put"), rules, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.flow.Changed(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	type moment struct {
		path string
		log  *journal.Memory
		sent int
	}
	var moments []moment
	for i, step := range []struct{ n, value int }{{20, 97}, {6, 86}, {6, 86}, {10, 86}, {5, 86}} {
		sent := 1
		if len(moments) > 0 {
			sent = moments[i-1].sent
		}
		r.saturate(sent, step.n, step.value)
		m := moment{path: filepath.Join(dir, fmt.Sprintf("crash-%d.db", i)), sent: sent + step.n}
		if _, err := raw.ExecContext(t.Context(), "VACUUM INTO ?", m.path); err != nil {
			t.Fatal(err)
		}
		m.log = copyLog(t, log)
		moments = append(moments, m)
	}
	r.settle()
	if rows := r.physiological(); len(rows) != 1 || rows[0].Rule != "spo2-low" || rows[0].Priority != vital.Medium {
		t.Fatalf("alarms without a crash: %+v", rows)
	}
	r.stop()
	for i, m := range moments {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			again := open(t, m.path, m.log)
			again.settle()
			again.saturate(m.sent, 80-m.sent, 86)
			again.settle()
			rows := again.physiological()
			if len(rows) != 1 || rows[0].Closed != 0 {
				t.Fatalf("%d alarms: %+v", len(rows), rows)
			}
			deeds, err := again.db.AlarmDeeds(t.Context(), store.Everything(site), rows[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			raised := 0
			for _, d := range deeds {
				if d.Kind == alarm.Raised {
					raised++
				}
			}
			if raised != 1 {
				t.Errorf("it was raised %d times", raised)
			}
			pages := 0
			other, err := sql.Open("sqlite", m.path)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if err := other.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM page WHERE alarm = ? AND kind = 'raised'", rows[0].ID).Scan(&pages); err != nil || pages != 1 {
				t.Errorf("%d pages, %v; want 1", pages, err)
			}
			// The screens have it too, and somebody can take it.
			if open := again.flow.Alarms(t.Context(), store.Everything(site), []vital.PatientID{"p-a"}); len(open) == 0 {
				t.Error("the memory holds no alarm")
			}
			command := alarm.Command{Alarm: rows[0].ID, Verb: alarm.Accept, By: "u-anna"}
			if _, err := again.db.CommandAlarm(t.Context(), entry("alarm.accept"), command); err != nil {
				t.Fatal(err)
			}
			if err := again.flow.Changed(t.Context()); err != nil {
				t.Fatal(err)
			}
			row, err := again.db.Alarm(t.Context(), store.Everything(site), rows[0].ID)
			if err != nil || row.Owner == nil || row.Owner.By != "u-anna" || row.Sound != alarm.Acknowledged {
				t.Errorf("after it was taken: %+v, %v", row.Alarm, err)
			}
		})
	}
}

// TestATrialBeginsWithTheStay asks for a day of a patient who came just now:
// nothing is overdue from before.
func TestATrialBeginsWithTheStay(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "v.db"), journal.NewMemory())
	r.furnish()
	r.saturate(1, 5, 97)
	r.settle()
	tried, err := r.flow.Try(t.Context(), store.Everything(site), flow.Trial{Patients: []vital.PatientID{"p-a"}, From: now() - 86_400_000, To: now()})
	if err != nil || len(tried) != 1 {
		t.Fatalf("%d patients tried, %v", len(tried), err)
	}
	if long := tried[0].To.Sub(tried[0].From); long > time.Minute || len(tried[0].Before) != 0 {
		t.Errorf("tried over %s, %d alarms", long, len(tried[0].Before))
	}
}
