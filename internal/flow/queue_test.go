package flow_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

const stopsAtOnce = `
rule heart-stops
  title "Heart stops"
  source "a test"
  source "the same test"
  when heart-rate < 20 /min priority high text "HR {heart-rate} < 20"
  fresh 1 h

  test "stops"
    at 00:00 heart-rate 70 /min
    at 00:01 heart-rate 5 /min
    expect 00:00 nothing
    expect 00:01 high
  test "beats"
    at 00:00 heart-rate 70 /min
    expect 00:00 nothing
`

// TestAHighAlarmOvertakes lets a store that stood still come back to thousands of
// medium alarms and, behind them all, one of high priority: it is stored and shown
// before nearly all of them, and every one of them comes, once.
func TestAHighAlarmOvertakes(t *testing.T) {
	const falls = 2000
	path := filepath.Join(t.TempDir(), "v.db")
	r := open(t, path, journal.NewMemory())
	r.furnish()
	rules := store.RuleSet{Version: "test", Why: "a test", Files: []store.RuleFile{{Name: "spo2.rule", Text: atOnce}, {Name: "heart.rule", Text: stopsAtOnce}}}
	if err := r.db.PutRules(t.Context(), entry("rules.put"), rules, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.flow.Changed(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := 0
	var waiting sync.WaitGroup
	send := func(metric string, value int, unit string) {
		sent++
		r.accept("m-a", fmt.Sprintf(`{"seq":%d,"time":%q,"readings":[{"metric":%q,"value":%d,"unit":%q}]}`,
			sent, (base+vital.Instant(sent)*100).String(), metric, value, unit), &waiting)
	}
	send("spo2", 97, "%")
	send("heart-rate", 70, "/min")
	waiting.Wait()
	r.settle()

	var mutex sync.Mutex
	seen := map[string]int{} // how many were seen before it
	stops := -1
	detach := r.flow.Attach(func(u *watch.Update) {
		mutex.Lock()
		defer mutex.Unlock()
		for _, a := range u.Alarms {
			switch _, known := seen[a.ID]; {
			case known:
			case a.Rule == "heart-stops":
				stops = len(seen)
				fallthrough
			case a.Rule == "spo2-low":
				seen[a.ID] = len(seen)
			}
		}
	})
	defer detach()
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	still, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := still.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for range falls {
		send("spo2", 86, "%")
		send("spo2", 97, "%")
	}
	send("heart-rate", 5, "/min")
	waiting.Wait()
	for end := time.Now().Add(8 * time.Second); r.flow.Totals().Packets < uint64(sent) && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if _, err := still.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	r.settle()
	mutex.Lock()
	defer mutex.Unlock()
	t.Logf("%d of %d alarms were shown before the one of high priority", stops, len(seen)-1)
	if len(seen) != falls+1 || stops < 0 || stops > falls/2 {
		t.Errorf("%d alarms, %d of them before the one of high priority; want %d and at most half", len(seen), stops, falls+1)
	}
	for rule, want := range map[string]int{"spo2-low": falls, "heart-stops": 1} {
		for table, query := range map[string]string{
			"alarms": "SELECT COUNT(*) FROM alarm WHERE rule = ?",
			"pages":  "SELECT COUNT(*) FROM page p JOIN alarm a ON a.site = p.site AND a.id = p.alarm WHERE a.rule = ? AND p.kind = 'raised'",
			"deeds":  "SELECT COUNT(*) FROM alarm_deed d JOIN alarm a ON a.site = d.site AND a.id = d.alarm WHERE a.rule = ? AND d.kind = 'raised'",
		} {
			n := 0
			if err := other.QueryRowContext(t.Context(), query, rule).Scan(&n); err != nil || n != want {
				t.Errorf("%d %s of %s, %v; want %d", n, table, rule, err, want)
			}
		}
	}
}
