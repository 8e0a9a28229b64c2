package store_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// paged is an alarm of the first bed with a page, taken up with one delivery to
// anna by a channel of hers.
func paged(t *testing.T, d *store.DB, id, kind string, at vital.Instant, priority vital.Priority) (store.Page, store.Delivery) {
	t.Helper()
	ctx := context.Background()
	a := alarmOf("al-"+id, "p-a1", t0+1)
	page := store.Page{ID: "pg-" + id + kind, Alarm: a.ID, Patient: "p-a1", Kind: kind, Priority: priority, At: at}
	commit(t, d, store.Batch{Alarms: []alarm.Alarm{a}, Pages: []store.Page{page}})
	var call store.Call
	for _, c := range got(d.Calls(ctx, site, 10))(t) {
		if c.ID == page.ID {
			call = c
		}
	}
	if call.Ward != "w-a" || call.Bed != "b-a1" || call.Alert.ID != a.ID || call.Hushed() {
		t.Fatalf("call %+v", call)
	}
	mine := got(d.ChannelsOf(ctx, site, "u-anna"))(t)
	v := store.Delivery{Page: page.ID, Alarm: a.ID, Person: "u-anna", Channel: mine[0].ID, Kind: "webhook", Priority: priority, State: store.Queued, At: at, Next: at}
	step := store.PageStep{Page: call.Page, Add: []store.Delivery{v}, Next: at + 15000, Plan: store.PagePlan{People: []store.Planned{{Person: "u-anna", Name: "anna"}}}}
	must(t, d.TakeUpPages(ctx, site, at, []store.PageStep{step, step})) // the same page twice is taken up once
	v.ID = store.DeliveryID(site, v.Page, v.Person, v.Channel)
	return call.Page, v
}

func pagedWorld(t *testing.T, dsn string) *store.DB {
	t.Helper()
	d := open(t, dsn)
	ward(t, d, "a", 1)
	users(t, d, "anna")
	got(d.SetChannels(context.Background(), entry("session.own"), "u-anna", []store.Channel{{Kind: "webhook", Address: "https://example.org/h", Quiet: &store.Quiet{From: 60, To: 120}}}))(t)
	return d
}

// The life of a delivery: due, claimed once, tried again, handed over, seen.
func TestDelivery(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := pagedWorld(t, dsn)
		page, v := paged(t, d, "1", "raised", t0+10, vital.High)
		if w := got(d.PagesWaiting(ctx, site))(t); w.Open != t0+10 || w.Unheard != t0+10 {
			t.Errorf("waiting: %+v", w)
		}
		if low := got(d.Due(ctx, site, t0+10, false, 10))(t); len(low) != 0 {
			t.Errorf("a high delivery is among the others: %+v", low)
		}
		due := got(d.Due(ctx, site, t0+10, true, 10))(t)
		if len(due) != 1 || due[0].ID != v.ID || due[0].WardName != "Ward a" || due[0].Bed != "a1" || due[0].Secret == "" || due[0].Standing != "active" || due[0].Quiet == nil || due[0].Told != "raised" {
			t.Fatalf("due: %+v", due)
		}
		for i, want := range []bool{true, false} {
			if won := got(d.Claim(ctx, site, due, t0+11, t0+5000))(t); won[v.ID] != want {
				t.Errorf("claim %d: %v", i, won)
			}
		}
		if again := got(d.Due(ctx, site, t0+4999, true, 10))(t); len(again) != 0 {
			t.Errorf("due while it is handed over: %+v", again)
		}
		must(t, d.TakeUp(ctx, site, t0+20))
		again := got(d.Due(ctx, site, t0+20, true, 10))(t)
		if len(again) != 1 || again[0].State != store.HandingOver || again[0].Attempts != 1 {
			t.Fatalf("after a crash: %+v", again)
		}
		if won := got(d.Claim(ctx, site, again, t0+21, t0+5000))(t); !won[v.ID] {
			t.Error("what a crash left cannot be claimed")
		}
		must(t, d.Finish(ctx, site, t0+22, store.Result{ID: v.ID, Page: v.Page, State: store.Queued, Reason: "busy", Next: t0 + 30}))
		if p := got(d.Pagings(ctx, site, t0+22, 10))(t); len(p) != 1 || p[0].ID != page.ID || len(p[0].Deliveries) != 1 || p[0].Deliveries[0].Reason != "busy" || p[0].Plan.People[0].Name != "anna" {
			t.Fatalf("pages to go on with: %+v", p)
		}
		must(t, d.Hold(ctx, site, []string{v.ID}, t0+40))
		if early := got(d.Due(ctx, site, t0+39, true, 10))(t); len(early) != 0 {
			t.Errorf("held and due: %+v", early)
		}
		due = got(d.Due(ctx, site, t0+40, true, 10))(t)
		got(d.Claim(ctx, site, due, t0+40, t0+5000))(t)
		must(t, d.Finish(ctx, site, t0+41, store.Result{ID: v.ID, Page: v.Page, State: store.HandedOver, Replaces: true}))
		if w := got(d.PagesWaiting(ctx, site))(t); w.Open != t0+10 || w.Unheard != 0 {
			t.Errorf("waiting after it was handed over: %+v", w)
		}
		e := entry("delivery.seen")
		if id := got(d.Opened(ctx, e, v.ID))(t); id != "al-1" {
			t.Errorf("opened %q", id)
		}
		_, err := d.Opened(ctx, e, v.ID)
		kind(t, err, vital.NotFound)
		must(t, d.SeenBy(ctx, e, v.ID))
		kind(t, d.SeenBy(ctx, e, "d-none"), vital.NotFound)
		all := got(d.DeliveriesOf(ctx, everything, "al-1"))(t)
		if len(all) != 1 || all[0].State != store.Seen || all[0].Attempts != 3 || all[0].Name != "anna" || all[0].Address != "https://example.org/h" {
			t.Errorf("deliveries: %+v", all)
		}
		if mine := got(d.DeliveriesTo(ctx, site, "u-anna", t0, 5))(t); len(mine) != 1 {
			t.Errorf("to anna: %+v", mine)
		}
		if c := got(d.Channel(ctx, site, all[0].Channel))(t); c.Verified != t0 {
			t.Errorf("verified %d", c.Verified)
		}
	})
}

// Escalating settles the page and gives one command, with its line in the ledger,
// however often it is asked.
func TestEscalateOnce(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := pagedWorld(t, dsn)
		page, _ := paged(t, d, "1", "raised", t0+10, vital.High)
		step := store.PageStep{Page: page, Escalate: "no channel reached anna", Outcome: "escalated", Settle: true}
		for range 2 {
			must(t, d.GoOn(ctx, entry("alarm.escalate"), []store.PageStep{step}))
		}
		var commands []alarm.Command
		for _, c := range got(d.PendingControls(ctx, site, 100))(t) {
			if c.Kind == store.ControlAlarm {
				var command alarm.Command
				must(t, json.Unmarshal(c.Body, &command))
				commands = append(commands, command)
			}
		}
		if len(commands) != 1 || commands[0].Verb != alarm.Escalate || commands[0].Alarm != "al-1" || commands[0].Patient != "p-a1" || commands[0].Why != "no channel reached anna" {
			t.Errorf("commands: %+v", commands)
		}
		if l := got(d.Audit(ctx, everything, store.AuditFilter{Action: "alarm.escalate"}))(t); len(l) != 1 || l[0].Patient != "p-a1" {
			t.Errorf("ledger: %+v", l)
		}
		if w := got(d.PagesWaiting(ctx, site))(t); w.Open != 0 {
			t.Errorf("a page that was escalated still waits: %+v", w)
		}
	})
}

// A stop cancels what has not gone out, marks who acknowledged, and is sent only
// where it takes the place of the page. What comes after it is not touched.
func TestStop(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := pagedWorld(t, dsn)
		page, v := paged(t, d, "1", "raised", t0+10, vital.High)
		due := got(d.Due(ctx, site, t0+10, true, 10))(t)
		got(d.Claim(ctx, site, due, t0+11, t0+5000))(t)
		must(t, d.Finish(ctx, site, t0+12, store.Result{ID: v.ID, Page: v.Page, State: store.HandedOver, Replaces: true}))
		other := v
		other.Channel, other.Kind = "screen", "screen"
		must(t, d.GoOn(ctx, entry("x"), []store.PageStep{{Page: page, Add: []store.Delivery{other}, Next: t0 + 99}}))
		a := alarmOf("al-1", "p-a1", t0+1)
		stop := store.Page{ID: "pg-stop", Alarm: a.ID, Patient: "p-a1", Kind: "stop", Priority: vital.High, At: t0 + 20}
		later := store.Page{ID: "pg-later", Alarm: a.ID, Patient: "p-a1", Kind: "again", Priority: vital.High, At: t0 + 21}
		commit(t, d, store.Batch{Alarms: []alarm.Alarm{a}, Pages: []store.Page{stop, later}})
		calls := got(d.Calls(ctx, site, 10))(t)
		if len(calls) != 2 || calls[0].ID != "pg-stop" || calls[0].Hushed() || calls[1].Hushed() {
			t.Fatalf("calls: %+v", calls)
		}
		for range 2 {
			must(t, d.Stop(ctx, site, t0+22, calls[0]))
		}
		states := map[string]string{}
		for _, s := range got(d.DeliveriesOf(ctx, everything, "al-1"))(t) {
			states[s.Told+" "+s.Kind] = s.State
		}
		if len(states) != 3 || states["raised webhook"] != store.HandedOver || states["raised screen"] != store.Cancelled || states["stop webhook"] != store.Queued {
			t.Errorf("states: %v", states)
		}
		if left := got(d.Calls(ctx, site, 10))(t); len(left) != 1 || left[0].ID != "pg-later" {
			t.Errorf("calls after the stop: %+v", left)
		}
		if p := got(d.Pagings(ctx, site, t0+1e6, 10))(t); len(p) != 0 {
			t.Errorf("pages that go on: %+v", p)
		}
		// anna acknowledges what has not gone out to her yet.
		_, second := paged(t, d, "2", "raised", t0+30, vital.High)
		b := alarmOf("al-2", "p-a1", t0+1)
		b.Sound, b.Acknowledged = alarm.Acknowledged, &alarm.Deed{By: "u-anna", At: t0 + 40}
		commit(t, d, store.Batch{Alarms: []alarm.Alarm{b}, Pages: []store.Page{{ID: "pg-stop2", Alarm: b.ID, Patient: "p-a1", Kind: "stop", Priority: vital.High, At: t0 + 40}}})
		for _, c := range got(d.Calls(ctx, site, 10))(t) {
			if c.ID == "pg-stop2" {
				if !c.Hushed() {
					t.Error("an alarm that is acknowledged is told")
				}
				must(t, d.Stop(ctx, site, t0+41, c))
			}
		}
		if v := got(d.Delivery(ctx, site, second.ID))(t); v.State != store.Acknowledged {
			t.Errorf("who acknowledged has the delivery %+v", v)
		}
	})
}
