package store

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/vital"
)

// The queries that screens wait for never scan a table of data.
func TestQueriesUseTheirIndexes(t *testing.T) {
	ctx := context.Background()
	d, err := Open(ctx, Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "vigil.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.FrameAt(ctx, "main", "raw", 1, 5) // a plan alone does not notice that the schema has changed since the connection was made
	nurse := Rows{Site: "main", Wards: []vital.WardID{"w-1", "w-2"}, Devices: []vital.DeviceID{"m-1"}}
	seen, open := 0, true
	d.read.watch = func(query string, args []any) {
		seen++
		rows, err := d.read.DB.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var what string
			if err := rows.Scan(&id, &parent, &unused, &what); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(what, "SCAN") || strings.HasSuffix(what, "(site=?)") && !aside(what) {
				t.Errorf("%s in %s", what, query)
			}
		}
	}
	for _, r := range []Rows{Everything("main"), nurse} {
		for _, q := range []Query{{Patient: "p-1", Metrics: []string{"spo2"}, From: 1, To: 2}, {Device: "m-1", From: 1, To: 2}} {
			d.Samples(ctx, r, q)
			d.Buckets(ctx, r, q, 10)
			d.Waves(ctx, r, q)
			d.Events(ctx, r, q)
		}
		d.LatestOf(ctx, r, []vital.PatientID{"p-1"})
		d.Gaps(ctx, r, "p-1", 1, 2)
		d.Spans(ctx, r, "p-1", 1, 2)
		d.StaysIn(ctx, r, "w-1", 1, 2)
		d.WaveMetrics(ctx, r, "p-1")
		d.Patient(ctx, r, "p-1")
		d.Occupants(ctx, r, "w-1", 5)
		d.Bindings(ctx, r, BindingFilter{Device: "m-1"})
		d.Device(ctx, r, "m-1")
		d.ProblemsOf(ctx, r, "m-1", 5, 10)
		d.Audit(ctx, r, AuditFilter{Patient: "p-1"})
		d.Timeline(ctx, r, "p-1", 1, 2)
		d.Alarms(ctx, r, AlarmFilter{Open: &open})
		d.Alarms(ctx, r, AlarmFilter{Patient: "p-1", Open: &open})
		d.Alarms(ctx, r, AlarmFilter{Ward: "w-1", From: 1, To: 2})
		d.Alarms(ctx, r, AlarmFilter{From: 1, To: 2, Before: AlarmMark{2, "al-1"}})
		d.Alarm(ctx, r, "al-1")
		d.AlarmDeeds(ctx, r, "al-1")
		d.DeedsOfCommand(ctx, r, 7)
		d.LimitsOf(ctx, r, "p-1", 5)
		d.CareOf(ctx, r, "p-1")
	}
	d.SessionByHash(ctx, "main", []byte{1})
	d.TokenByHash(ctx, "main", []byte{1})
	d.CredentialByName(ctx, "main", "m-1")
	d.PendingControls(ctx, "main", 10)
	d.ActiveRules(ctx, "main")
	d.FrameAt(ctx, "main", "raw", 1, 5)
	if seen < 40 {
		t.Errorf("only %d queries were looked at", seen)
	}
}

// aside reports whether a step walks through an index that holds only what is
// open or in force.
func aside(step string) bool {
	return strings.Contains(step, "INDEX alarm_open") || strings.Contains(step, "INDEX rule_set_active")
}
