package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// reach gives a user other channels.
func (w *world) reach(user string, channels ...store.Channel) {
	w.t.Helper()
	got(w.store.SetChannels(context.Background(), entry("channels"), vital.UserID(user), channels))(w.t)
}

// findings is what was reported and not taken back, as "rule/part priority".
func (w *world) findings() map[string]string {
	w.t.Helper()
	rows := got(w.store.Audit(context.Background(), everything, store.AuditFilter{Action: "notifier.report", Limit: 1000}))(w.t)
	all := map[string]string{}
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].Why == "" {
			delete(all, rows[i].Subject)
		} else {
			all[rows[i].Subject] = rows[i].Why
		}
	}
	return all
}

const push = `{"endpoint":"https://push.example.org/1","keys":{"p256dh":"x","auth":"y"}}`

// A stop is a short text in the place of the page, by channels that can do that
// and that the page had gone out by, and nothing by the others.
func TestStopTakesThePlace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.reach("anna", store.Channel{Kind: "web-push", Address: push}, store.Channel{Kind: "sms", Address: "+4179"})
		w.page("al-1", "p-1", "raised", vital.High)
		time.Sleep(20 * time.Second) // by both by now
		w.acknowledge("al-1", "ben")
		time.Sleep(time.Minute)
		stops := w.phone.rung(func(r ring) bool { return r.m.Kind == "stop" })
		if len(stops) != 1 || stops[0].kind != "web-push" || !stops[0].m.Stop() {
			t.Fatalf("stops: %+v", stops)
		}
		page := w.phone.rung(func(r ring) bool { return r.kind == "web-push" })[0]
		if page.m.Tag != stops[0].m.Tag || stops[0].m.Text != "Taken care of: alarm, Ward A bed 1." {
			t.Errorf("%q takes the place of %q with %q", stops[0].m.Tag, page.m.Tag, stops[0].m.Text)
		}
	})
}

// A page speaks the language of who gets it.
func TestLanguageOfWhoIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		if err := w.store.SetPreferences(t.Context(), vital.DefaultSite, "anna", []byte(`{"language":"de"}`)); err != nil {
			t.Fatal(err)
		}
		w.reach("anna", store.Channel{Kind: "sms", Address: "+4179"})
		w.page("al-1", "p-1", "raised", vital.High)
		time.Sleep(time.Second)
		w.acknowledge("al-1", "anna")
		time.Sleep(time.Second)
		w.handOver("al-1", "anna", "sam")
		time.Sleep(time.Second)
		german, english := 0, 0
		for _, r := range w.phone.rung(func(r ring) bool { return !r.m.Stop() }) {
			isGerman := strings.Contains(r.m.Text, "Vigil öffnen.")
			if isGerman != (r.to.Person == "anna") {
				t.Errorf("%s reads %q", r.to.Person, r.m.Text)
			}
			if isGerman {
				german++
			} else {
				english++
			}
		}
		if german == 0 || english == 0 {
			t.Errorf("%d pages in German, %d in English", german, english)
		}
	})
}

// What is handed over goes to that person, whatever the ward's plan; when it gets
// worse, to whoever has it; when nobody answers, to the level.
func TestHandOver(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.page("al-1", "p-1", "raised", vital.Medium)
		time.Sleep(time.Second)
		w.acknowledge("al-1", "anna")
		time.Sleep(time.Second)
		w.handOver("al-1", "anna", "sam")
		time.Sleep(time.Second)
		w.want("al-1", "anna sms acknowledged", "sam sms handed-over")
		if r := w.phone.rung(func(r ring) bool { return r.to.Person == "sam" })[0]; r.m.Text != "Alarm handed over to you, Ward A bed 1, medium. Open Vigil." {
			t.Errorf("sam reads %q", r.m.Text)
		}
		w.page("al-1", "p-1", "worse", vital.High)
		time.Sleep(time.Second)
		w.want("al-1", "anna sms acknowledged", "sam sms handed-over", "sam sms handed-over")
		w.page("al-1", "p-1", "escalated", vital.High)
		time.Sleep(time.Second)
		w.want("al-1", "anna sms acknowledged", "ben sms handed-over", "sam sms handed-over", "sam sms handed-over")
	})
}

// An acknowledgement that comes before anybody was told leaves everybody alone.
func TestAcknowledgedBeforeTold(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, dir)
	defer w.store.Close()
	w.page("al-1", "p-1", "raised", vital.High)
	w.acknowledge("al-1", "anna")
	ctx, stop := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer stop()
	must(t, w.worker().Run(ctx))
	w.want("al-1")
	if s := got(w.worker().State(t.Context()))(t); s.Open != 0 || s.Unheard != 0 {
		t.Errorf("somebody still waits: %+v", s)
	}
}

// Quiet hours hold what is low or medium, and never what is high. The clock is
// that of the ward: 2000-01-01T00:00Z is 01:00 in Zurich.
func TestQuietHoursInTheWard(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.reach("anna", store.Channel{Kind: "sms", Address: "+4179", Quiet: &store.Quiet{From: 22 * 60, To: 6 * 60}})
		w.page("al-1", "p-1", "raised", vital.Low)
		w.page("al-2", "p-1", "raised", vital.High)
		time.Sleep(time.Second)
		w.want("al-1", "anna sms queued")
		w.want("al-2", "anna sms handed-over")
		time.Sleep(5*time.Hour - 2*time.Second)
		w.want("al-1", "anna sms queued")
		time.Sleep(2 * time.Second)
		w.want("al-1", "anna sms handed-over")
	})
}

// The clock goes forward in the quiet hours: they end by the clock, not by hours.
func TestQuietHoursOverSummerTime(t *testing.T) {
	zone := got(time.LoadLocation("Europe/Zurich"))(t)
	q := &store.Quiet{From: 22 * 60, To: 6 * 60}
	for from, want := range map[string]string{
		"2026-03-28T23:00:00+01:00": "2026-03-29T06:00:00+02:00", "2026-10-24T23:00:00+02:00": "2026-10-25T06:00:00+01:00",
		"2026-05-01T05:59:00+02:00": "2026-05-01T06:00:00+02:00",
	} {
		at := got(time.Parse(time.RFC3339, from))(t)
		if end := notify.QuietTill(q, vital.At(at), zone); end.Time().In(zone).Format(time.RFC3339) != want {
			t.Errorf("from %s quiet until %s, want %s", from, end.Time().In(zone).Format(time.RFC3339), want)
		}
	}
	at := got(time.Parse(time.RFC3339, "2026-05-01T06:00:00+02:00"))(t)
	if end := notify.QuietTill(q, vital.At(at), zone); end != 0 {
		t.Errorf("quiet after its end, until %s", end)
	}
}

// Many pages of low priority to one person become few messages; each of high
// priority goes out by itself, at once.
func TestDigest(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for i := range 30 {
			w.page(fmt.Sprintf("al-low-%d", i), "p-1", "raised", vital.Low)
		}
		for i := range 5 {
			w.page(fmt.Sprintf("al-high-%d", i), "p-1", "raised", vital.High)
		}
		time.Sleep(2 * time.Second)
		high := w.phone.rung(func(r ring) bool { return r.m.Priority == vital.High })
		if len(high) != 5 {
			t.Errorf("%d messages of high priority, want 5", len(high))
		}
		for i := 30; i < 50; i++ {
			w.page(fmt.Sprintf("al-low-%d", i), "p-1", "raised", vital.Low)
		}
		time.Sleep(3 * time.Minute)
		low, told := w.phone.rung(func(r ring) bool { return r.m.Priority == vital.Low }), 0
		for _, r := range low {
			told += max(r.m.Count, 1)
		}
		if told != 50 || len(low) > 6 {
			t.Errorf("%d messages told of %d low pages, want at most 6 of 50", len(low), told)
		}
		w.want("al-low-49", "anna sms handed-over")
		if last := low[len(low)-1].m; last.Kind != "digest" || !strings.Contains(last.Text, "alarms, Ward A bed 1, at most low") {
			t.Errorf("a digest says %q", last.Text)
		}
	})
}

// A kind of channel that fails for everybody is said, once, and taken back when
// it works again; what comes meanwhile goes by the next channel at once.
func TestDeadChannel(t *testing.T) {
	var said []string
	inBubble(t, func(t *testing.T, w *world) {
		var down atomic.Bool
		down.Store(true)
		w.phone.behave(func(_ context.Context, r ring) (notify.Receipt, error) {
			if down.Load() && r.kind == "sms" {
				return notify.Receipt{}, errDown
			}
			return taken()
		})
		w.page("al-1", "p-1", "raised", vital.High)
		w.page("al-2", "p-2", "raised", vital.High)
		w.page("al-3", "p-3", "raised", vital.High)
		time.Sleep(3 * time.Second)
		w.want("al-1", "anna email handed-over", "anna sms cancelled")
		if f := w.findings(); len(f) != 1 || !strings.Contains(f["rule/notifier-channel"], "No message by sms gets out since 00:00 UTC: the provider is down") {
			t.Errorf("findings %v", f)
		}
		w.page("al-4", "p-1", "raised", vital.Medium)
		time.Sleep(time.Second)
		if mails := w.phone.rung(func(r ring) bool { return r.kind == "email" && r.m.Alarm == "al-4" }); len(mails) != 1 {
			t.Errorf("%d mails for a medium page while SMS is dead, want 1 at once", len(mails))
		}
		down.Store(false)
		w.page("al-5", "p-1", "raised", vital.High)
		time.Sleep(time.Second)
		if f := w.findings(); len(f) != 0 {
			t.Errorf("findings that still hold: %v", f)
		}
	}, func(o *notify.Options) {
		o.Dead = func(kind string, since time.Time, reason string) {
			said = append(said, fmt.Sprintf("%s %t %s", kind, since.IsZero(), reason))
		}
	})
	if len(said) != 2 || said[0] != "sms false the provider is down" || said[1] != "sms true " {
		t.Errorf("said %q", said)
	}
}

// A receiver that hangs holds up neither other channels nor the person: the next
// channel is tried when the patience ends, whatever the first one does.
func TestHangingChannel(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		release := make(chan struct{})
		defer close(release)
		w.phone.behave(func(ctx context.Context, r ring) (notify.Receipt, error) {
			if r.kind == "sms" {
				<-release // and does not care that its time is up
			}
			return taken()
		})
		began := time.Now()
		w.page("al-1", "p-1", "raised", vital.High)
		time.Sleep(12 * time.Second)
		mails := w.phone.rung(func(r ring) bool { return r.kind == "email" })
		if len(mails) != 1 || mails[0].at.Sub(began) > 9*time.Second {
			t.Errorf("mails: %+v", mails)
		}
	})
}

// Nothing that leaves the house says who it is about or what was measured.
func TestNoHealthDetail(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for i, kind := range []string{"raised", "worse", "again", "escalated"} {
			w.page(fmt.Sprintf("al-%d", i), "p-1", kind, vital.High)
			w.page(fmt.Sprintf("al-low-%d", i), "p-2", kind, vital.Low)
			w.page(fmt.Sprintf("al-lower-%d", i), "p-2", kind, vital.Low)
		}
		time.Sleep(2 * time.Minute)
		w.acknowledge("al-1", "anna")
		time.Sleep(time.Second)
		rings := w.phone.rung(func(ring) bool { return true })
		for _, r := range rings {
			text := string(got(json.Marshal(r.m))(t))
			for _, secret := range []string{"Secretname", "SpO2", "84 %", "90 %", `"p-1"`, `"p-2"`} {
				if strings.Contains(text, secret) {
					t.Errorf("a message by %s holds %q: %s", r.kind, secret, text)
				}
			}
		}
		if len(rings) < 8 {
			t.Errorf("only %d messages were looked at", len(rings))
		}
	})
}

// An emergency call is the exception: it says who, where and what, to those that
// are marked for it, and nobody else.
func TestEmergencyCall(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.store.Close()
	worker := w.worker()
	w.page("al-1", "p-1", "raised", vital.Low)
	row := got(w.store.Alarm(t.Context(), everything, "al-1"))(t)
	call := func(to string) (string, error) {
		return worker.Emergency(t.Context(), entry("alarm.emergency"), row, to, "Anna", "fell in the bath")
	}
	for _, to := range []string{notify.Contact, notify.Team, "press"} {
		if _, err := call(to); err == nil {
			t.Errorf("%s was called, and is not known", to)
		}
	}
	contact := person.Contact{Patient: "p-1", Name: "Eva", Phone: "+41791111111", Address: "Lane 5"}
	must(t, w.store.PutContact(t.Context(), entry("contact"), contact))
	if _, err := call(notify.Contact); vital.KindOf(err) != vital.Precondition || err == nil {
		t.Errorf("a contact for whom the patient has not agreed: %v", err)
	}
	contact.Detail = true
	must(t, w.store.PutContact(t.Context(), entry("contact"), contact))
	must(t, w.store.PutChain(t.Context(), entry("chain"), "w-a", store.Chain{Team: []store.Team{{Name: "one", Kind: "sms", Address: "+41792222222"}, {Name: "two", Kind: "email", Address: "team@example.org"}}}))
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	got(call(notify.Contact))(t)
	got(call(notify.Team))(t)
	must(t, worker.Run(ctx))
	calls := map[string]string{}
	for _, r := range w.phone.rung(func(r ring) bool { return r.m.Kind == "emergency" }) {
		calls[r.to.Address] = r.m.Text
	}
	if len(calls) != 3 {
		t.Fatalf("called %v", calls)
	}
	for address, text := range calls {
		for _, part := range []string{"Secretname1", "Ward A bed 1", "Lane 5", "SpO2 84 % < 90 %", "Anna: fell in the bath"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s is told %q, without %q", address, text, part)
			}
		}
	}
	ledger := got(w.store.Audit(t.Context(), everything, store.AuditFilter{Patient: "p-1", Action: "alarm.emergency"}))(t)
	if len(ledger) != 2 || ledger[0].Why != "fell in the bath" {
		t.Errorf("the ledger says %+v", ledger)
	}
	w.acknowledge("al-1", "anna")
	if all := w.deliveries("al-1"); strings.Contains(strings.Join(all, ","), "contact sms cancelled") {
		t.Errorf("an emergency call was cancelled: %v", all)
	}
}

// A test page goes the way of every page, and its link proves the channel.
func TestTestPage(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer w.store.Close()
	worker := w.worker()
	mine := got(w.store.ChannelsOf(t.Context(), site, "anna"))(t)
	d := got(worker.Test(t.Context(), entry("test"), "anna", mine[0].ID))(t)
	if d.State != store.Queued || d.Told != "test" {
		t.Errorf("delivery %+v", d)
	}
	if _, err := worker.Test(t.Context(), entry("test"), "ben", mine[0].ID); vital.KindOf(err) != vital.NotFound {
		t.Errorf("another's channel: %v", err)
	}
	for range 4 {
		got(worker.Test(t.Context(), entry("test"), "anna", mine[0].ID))(t)
	}
	if _, err := worker.Test(t.Context(), entry("test"), "anna", mine[0].ID); vital.KindOf(err) != vital.TooMuch {
		t.Errorf("a sixth test page in a minute: %v", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	must(t, worker.Run(ctx))
	rings := w.phone.rung(func(r ring) bool { return r.m.ID == d.ID })
	if len(rings) != 1 {
		t.Fatalf("rang %d times", len(rings))
	}
	_, token, _ := strings.Cut(rings[0].m.Link, "#seen=")
	for _, bad := range []string{"", token + "x", d.ID, d.ID + ".", "d-none." + strings.SplitN(token, ".", 2)[1]} {
		if _, err := worker.Opened(t.Context(), bad, "10.0.0.1"); vital.KindOf(err) != vital.NotFound {
			t.Errorf("the token %q was taken: %v", bad, err)
		}
	}
	got(worker.Opened(t.Context(), token, "10.0.0.1"))(t)
	if _, err := worker.Opened(t.Context(), token, "10.0.0.1"); vital.KindOf(err) != vital.NotFound {
		t.Errorf("a link worked twice: %v", err)
	}
	if v := got(w.store.Delivery(t.Context(), site, d.ID))(t); v.State != store.Seen {
		t.Errorf("state %s", v.State)
	}
	if c := got(w.store.Channel(t.Context(), site, mine[0].ID))(t); c.Verified == 0 {
		t.Error("the channel is not proven")
	}
}
