package store_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

func alarmOf(id, patient string, raised vital.Instant) alarm.Alarm {
	return alarm.Alarm{
		ID: id, Patient: vital.PatientID(patient), Rule: "spo2-low", Part: "spo2", Version: "0123456789ab", Title: "Oxygen saturation low",
		Text: "SpO2 84 % < 90 %", Metric: "spo2", Priority: vital.High, Peak: vital.High, Condition: alarm.Present,
		Since: raised - 10_000, Raised: raised, Changed: raised, Times: 1, Sound: alarm.On, Due: raised + 60_000,
		Evidence: []vital.Evidence{{Metric: "spo2", Value: "84", Unit: "%", At: raised - 500, Received: raised - 400, Device: "m-a1", Source: vital.Position{Partition: 1, Frame: 9, Index: 2}}},
	}
}

func siteAlarm(id string, raised vital.Instant) alarm.Alarm {
	a := alarmOf(id, string(store.SitePatient), raised)
	a.Rule, a.Part, a.Title, a.Text, a.Metric, a.Technical, a.Evidence = "disk", "", "The disk is nearly full", "2 % free", "", true, nil
	return a
}

func alarms(t *testing.T, d *store.DB, r store.Rows, f store.AlarmFilter) (ids []string) {
	t.Helper()
	for _, a := range got(d.Alarms(context.Background(), r, f))(t) {
		ids = append(ids, a.ID)
	}
	return ids
}

func TestAlarms(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 2)
		ward(t, d, "x", 1)
		first, second, site1 := alarmOf("al-1", "p-a1", t0+1000), alarmOf("al-2", "p-a1", t0+5000), siteAlarm("al-3", t0+5000)
		worse := first
		worse.Changed, worse.Peak = t0+2000, vital.High
		first.Priority, first.Peak = vital.Medium, vital.Medium
		commit(t, d, store.Batch{
			Alarms: []alarm.Alarm{first, site1, worse},
			Pages: []store.Page{
				{ID: "pg-1", Alarm: "al-1", Patient: "p-a1", Kind: "raised", Priority: vital.Medium, At: t0 + 1000},
				{ID: "pg-1", Alarm: "al-1", Patient: "p-a1", Kind: "raised", Priority: vital.Medium, At: t0 + 1000},
			},
		})
		// The patient moves, the alarm is where it was raised; the next is in the new bed.
		must(t, d.Discharge(ctx, entry("patient.discharge"), "p-x1", t0+3000, "home"))
		got(d.Transfer(ctx, entry("patient.transfer"), "p-a1", "b-x1", t0+4000))(t)
		closed := worse
		closed.Closed, closed.Changed, closed.Why, closed.Condition = t0+6000, t0+6000, "ended", alarm.Ended
		commit(t, d, store.Batch{Alarms: []alarm.Alarm{closed, second}})

		a := got(d.Alarm(ctx, everything, "al-1"))(t)
		if !reflect.DeepEqual(a, store.AlarmRow{Alarm: closed, Ward: "w-a", Bed: "b-a1"}) {
			t.Errorf("read back %+v", a)
		}
		if a := got(d.Alarm(ctx, everything, "al-2"))(t); a.Ward != "w-x" || a.Bed != "b-x1" {
			t.Errorf("after the transfer the alarm is in %s, %s", a.Ward, a.Bed)
		}
		if a := got(d.Alarm(ctx, everything, "al-3"))(t); a.Ward != "" || a.Bed != "" || !a.Technical {
			t.Errorf("an alarm of the site: %+v", a)
		}
		yes, no := true, false
		nurse, other := store.Rows{Site: site, Wards: []vital.WardID{"w-a"}}, store.Rows{Site: site, Wards: []vital.WardID{"w-none"}}
		for _, c := range []struct {
			name string
			r    store.Rows
			f    store.AlarmFilter
			want []string
		}{
			{"all, newest first, then by id", everything, store.AlarmFilter{}, []string{"al-3", "al-2", "al-1"}},
			{"open", everything, store.AlarmFilter{Open: &yes}, []string{"al-3", "al-2"}},
			{"closed", everything, store.AlarmFilter{Open: &no}, []string{"al-1"}},
			{"technical", everything, store.AlarmFilter{Technical: &yes}, []string{"al-3"}},
			{"of patients", everything, store.AlarmFilter{Technical: &no}, []string{"al-2", "al-1"}},
			{"of one patient", everything, store.AlarmFilter{Patient: "p-a1"}, []string{"al-2", "al-1"}},
			{"raised in a ward", everything, store.AlarmFilter{Ward: "w-a"}, []string{"al-1"}},
			{"raised in a time, half open", everything, store.AlarmFilter{From: t0 + 1000, To: t0 + 5000}, []string{"al-1"}},
			{"one at a time", everything, store.AlarmFilter{Limit: 1}, []string{"al-3"}},
			{"behind one of the same moment", everything, store.AlarmFilter{Before: store.AlarmMark{Raised: t0 + 5000, ID: "al-3"}}, []string{"al-2", "al-1"}},
			{"of a ward that had the patient, and of the site", nurse, store.AlarmFilter{}, []string{"al-3", "al-2", "al-1"}},
			{"of a ward that never had the patient", other, store.AlarmFilter{}, []string{"al-3"}},
			{"of nobody", store.Rows{Site: site}, store.AlarmFilter{}, nil},
			{"of a device", store.Rows{Site: site, Devices: []vital.DeviceID{"m-a1"}}, store.AlarmFilter{}, nil},
			{"of another site", store.Everything("elsewhere"), store.AlarmFilter{}, nil},
		} {
			if ids := alarms(t, d, c.r, c.f); !reflect.DeepEqual(ids, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, ids, c.want)
			}
		}
		_, err := d.Alarm(ctx, other, "al-1")
		kind(t, err, vital.NotFound)
		// Retention never removes one.
		got(d.Retain(ctx, site, t0+10*365*86400_000))(t)
		if ids := alarms(t, d, everything, store.AlarmFilter{}); len(ids) != 3 {
			t.Errorf("after ten years: %v", ids)
		}
	})
}

func TestAlarmDeeds(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		a := alarmOf("al-1", "p-a1", t0+1000)
		command := alarm.Command{ID: 77, Patient: "p-a1", Verb: alarm.HandOver, Alarm: "al-1", By: "u-1", Why: "break", To: "u-2", At: t0 + 3000}
		var deeds []store.AlarmDeed
		for _, e := range []alarm.Effect{
			{Kind: alarm.Raised, Alarm: a, At: t0 + 1000},
			{Kind: alarm.Updated, Alarm: a, At: t0 + 2000},
			{Kind: alarm.Done, Alarm: a, At: t0 + 3000, Command: &command},
			{Kind: alarm.Refused, Alarm: a, At: t0 + 4000, Command: &alarm.Command{ID: 78, Patient: "p-a1", Verb: alarm.SwitchOff, By: "u-1", Why: "probe"}, Why: "this alarm cannot be switched off"},
			{Kind: alarm.Closed, Alarm: a, At: t0 + 4000, Why: "ended"},
		} {
			if one, ok := store.DeedOf(e); ok {
				deeds = append(deeds, one)
			}
		}
		commit(t, d, store.Batch{Alarms: []alarm.Alarm{a}, Deeds: deeds})
		read := got(d.AlarmDeeds(ctx, everything, "al-1"))(t)
		for i := range deeds {
			deeds[i].N = i + 1
		}
		if !reflect.DeepEqual(read, deeds) {
			t.Fatalf("read back\n%+v, want\n%+v", read, deeds)
		}
		if d := read[0]; len(d.Evidence) != 1 || d.Evidence[0].Value != "84" || d.Text != a.Text {
			t.Errorf("what it was raised on: %+v", d)
		}
		if d := read[1]; d.Kind != alarm.Done || d.Verb != alarm.HandOver || d.By != "u-1" || d.Why != "break" || d.To != "u-2" {
			t.Errorf("done: %+v", d)
		}
		refused := got(d.DeedsOfCommand(ctx, everything, 78))(t)
		if len(refused) != 1 || refused[0].Kind != alarm.Refused || refused[0].Why != "this alarm cannot be switched off" {
			t.Errorf("refused: %+v", refused)
		}
		if n := len(got(d.DeedsOfCommand(ctx, everything, 0))(t)); n != 0 {
			t.Errorf("%d deeds of no command", n)
		}
		if n := len(got(d.AlarmDeeds(ctx, store.Rows{Site: site, Wards: []vital.WardID{"w-none"}}, "al-1"))(t)); n != 0 {
			t.Errorf("another ward sees %d deeds", n)
		}
	})
}

func TestCommandAlarm(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 2)
		over := alarmOf("al-2", "p-a1", t0+1000)
		over.Closed = t0 + 2000
		commit(t, d, store.Batch{Alarms: []alarm.Alarm{alarmOf("al-1", "p-a1", t0+1000), over, siteAlarm("al-3", t0)}, Controls: got(d.PendingControls(ctx, site, 0))(t)})
		e := entry("")
		id := got(d.CommandAlarm(ctx, e, alarm.Command{Verb: alarm.Acknowledge, Alarm: "al-1", Why: "seen", At: t0 + 3000}))(t)
		pending := got(d.PendingControls(ctx, site, 0))(t)
		if len(pending) != 1 || pending[0].ID != id || pending[0].Kind != store.ControlAlarm || pending[0].At != t0+3000 {
			t.Fatalf("pending %+v, want decision %d", pending, id)
		}
		var c alarm.Command
		unmarshal(t, pending[0].Body, &c)
		if c != (alarm.Command{Patient: "p-a1", Verb: alarm.Acknowledge, Alarm: "al-1", By: "u-1", Why: "seen", At: t0 + 3000}) {
			t.Errorf("the command: %+v", c)
		}
		log := got(d.Audit(ctx, everything, store.AuditFilter{Action: "alarm.acknowledge"}))(t)
		if len(log) != 1 || log[0].Subject != "alarm/al-1" || log[0].Patient != "p-a1" || log[0].Why != "seen" {
			t.Errorf("ledger: %+v", log)
		}
		got(d.CommandAlarm(ctx, e, alarm.Command{Verb: alarm.Pause, Patient: "p-a1", Until: t0 + 9000}))(t)
		got(d.CommandAlarm(ctx, e, alarm.Command{Verb: alarm.SwitchOff, Patient: "p-a1", Rule: "spo2-low", Until: t0 + 9000, Why: "probe"}))(t)
		got(d.CommandAlarm(ctx, e, alarm.Command{Verb: alarm.Accept, Alarm: "al-3"}))(t)
		if log := got(d.Audit(ctx, everything, store.AuditFilter{Action: "alarm.accept"}))(t); len(log) != 1 || log[0].Patient != "" {
			t.Errorf("the installation is no patient of the ledger: %+v", log)
		}
		before := len(got(d.PendingControls(ctx, site, 0))(t))
		for name, c := range map[string]struct {
			command alarm.Command
			want    vital.Kind
		}{
			"closed":              {alarm.Command{Verb: alarm.Acknowledge, Alarm: "al-2"}, vital.Conflict},
			"no such alarm":       {alarm.Command{Verb: alarm.Acknowledge, Alarm: "al-9"}, vital.NotFound},
			"of somebody else":    {alarm.Command{Verb: alarm.Acknowledge, Alarm: "al-1", Patient: "p-a2"}, vital.NotFound},
			"no such patient":     {alarm.Command{Verb: alarm.Pause, Patient: "p-none"}, vital.NotFound},
			"nothing of the kind": {alarm.Command{Verb: "shout", Alarm: "al-1"}, vital.Invalid},
		} {
			_, err := d.CommandAlarm(ctx, e, c.command)
			if err == nil || vital.KindOf(err) != c.want {
				t.Errorf("%s: got %v, want a %s", name, err, c.want)
			}
		}
		if after := len(got(d.PendingControls(ctx, site, 0))(t)); after != before {
			t.Errorf("what was refused left %d decisions", after-before)
		}
	})
}

func TestReport(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		must(t, d.Report(ctx, entry("platform.report"), vital.Finding{Rule: "disk", Title: "The disk is nearly full", Technical: true, Priority: vital.High, Stand: vital.Present, At: t0}))
		must(t, d.Report(ctx, entry("platform.report"), vital.Finding{Rule: "disk", Technical: true, Stand: vital.Absent}))
		kind(t, d.Report(ctx, entry("platform.report"), vital.Finding{Rule: "spo2-low", Title: "x", Priority: vital.High, Stand: vital.Present}), vital.Invalid)
		kind(t, d.Report(ctx, entry("platform.report"), vital.Finding{Rule: "disk", Technical: true, Stand: vital.Present}), vital.Invalid)
		pending := got(d.PendingControls(ctx, site, 0))(t)
		if len(pending) != 2 || pending[0].Kind != store.ControlReport {
			t.Fatalf("pending: %+v", pending)
		}
		var f vital.Finding
		unmarshal(t, pending[0].Body, &f)
		if f.Patient != store.SitePatient || f.Rule != "disk" || f.At != t0 {
			t.Errorf("the finding: %+v", f)
		}
	})
}
