package webd_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// pager stands in for the notifier.
type pager struct {
	store *store.DB
	calls []string
}

func (p *pager) Test(ctx context.Context, e audit.Entry, user vital.UserID, channel string) (store.Delivery, error) {
	all, err := p.store.ChannelsOf(ctx, vital.DefaultSite, user)
	if err != nil {
		return store.Delivery{}, err
	}
	for _, c := range all {
		if c.ID == channel {
			p.calls = append(p.calls, "test "+e.Who+" "+c.Kind)
			return store.Delivery{ID: "d-1", Told: "test", Kind: c.Kind, Channel: c.ID, State: store.HandingOver}, nil
		}
	}
	return store.Delivery{}, vital.Errorf(vital.NotFound, "channel %s: not found", channel)
}

func (p *pager) Opened(_ context.Context, token, _ string) (string, error) {
	if token != "right" {
		return "", vital.Errorf(vital.NotFound, "no such message")
	}
	return "al-1", nil
}

func (p *pager) Emergency(_ context.Context, e audit.Entry, a store.AlarmRow, to, by, why string) (string, error) {
	p.calls = append(p.calls, strings.Join([]string{e.Action, string(a.Patient), to, by, why}, "|"))
	return "pg-1", nil
}

func (p *pager) PushKey() string { return "BKey" }
func (p *pager) Kinds() []string { return []string{"screen", "sms", "webhook"} }

func TestDuty(t *testing.T) {
	w := newWorld(t)
	must[store.User](t)(store.User{}, w.store.PutUser(t.Context(), system, store.User{ID: "u-far", Name: "Far", Username: "far", Roles: []string{"nurse"}, Wards: []vital.WardID{"w-b"}}))
	must[store.User](t)(store.User{}, w.store.PutUser(t.Context(), system, store.User{ID: "u-blocked", Name: "Left", Username: "left", Roles: []string{"nurse"}, Wards: []vital.WardID{"w-a"}, State: "blocked"}))
	shift := `"shift":"day","from":"` + at(0) + `","to":"` + at(8*time.Hour) + `"`
	run(t, w, []scenario{
		{who: "nurse", method: "GET", path: "/wards/w-a/cover", status: 200, want: []string{`"uncovered":1`, `"patient":"p-a","nurse":null`, `"patient":null`, `{"level":3,"who":"supervisor","people":[]}`}},
		{who: "nurse", method: "GET", path: "/wards/w-b/cover", status: 404},
		{who: "technician", method: "GET", path: "/wards/w-a/cover", status: 403},
		{name: "who may be given a bed: who works there and sees the ward", who: "nurse", method: "GET", path: "/wards/w-a/staff", status: 200, want: []string{`{"user":"u-nurse","name":"The nurse"}`, "u-clinician", "u-administrator"}, not: []string{"u-far", "u-blocked", "u-technician", "u-auditor", "username", "roles"}},
		{who: "nurse", method: "GET", path: "/wards/w-b/staff", status: 404},
		{who: "technician", method: "GET", path: "/wards/w-a/staff", status: 403},
		{who: "administrator", method: "GET", path: "/wards/w-b/staff", status: 200, want: []string{"u-far"}, not: []string{"u-nurse"}},
		{who: "nurse", method: "PUT", path: "/wards/w-a/assignments", body: `{` + shift + `,"items":[{"bed":"b-a1","user":"u-nurse","backup":"u-clinician"}]}`, status: 200, want: []string{`"uncovered":0`, `"nurse":{"user":"u-nurse","name":"The nurse"}`, `"backup":{"user":"u-clinician"`, `"name":"day"`}},
		{who: "nurse", method: "PUT", path: "/wards/w-a/assignments", body: `{` + shift + `,"items":[{"bed":"b-a1","user":"u-far"}]}`, status: 409},
		{who: "nurse", method: "PUT", path: "/wards/w-a/assignments", body: `{` + shift + `,"items":[{"bed":"b-b1","user":"u-nurse"}]}`, status: 404},
		{who: "nurse", method: "PUT", path: "/wards/w-b/assignments", body: `{` + shift + `,"items":[]}`, status: 404},
		{who: "nurse", method: "PUT", path: "/wards/w-a/assignments", body: `{"shift":"","from":"` + at(0) + `","to":"` + at(time.Hour) + `","items":[]}`, status: 400, want: []string{`"field":"shift"`}},
		{who: "kiosk", method: "PUT", path: "/wards/w-a/assignments", body: `{}`, status: 403},
		{name: "tomorrow nobody is assigned", who: "nurse", method: "GET", path: "/wards/w-a/cover?at=" + at(9*time.Hour), status: 200, want: []string{`"uncovered":1`, `"name":""`}},
		{who: "nurse", method: "PUT", path: "/wards/w-a/chain", body: `{"items":[{"level":2,"people":["u-clinician"]},{"level":3,"people":["u-administrator"]}],"team":[{"name":"Rapid response","kind":"sms","address":"+41791234567"}]}`, status: 200, want: []string{`"people":[{"user":"u-clinician","name":"The clinician"}]`, `+41791234567`}},
		{who: "nurse", method: "PUT", path: "/wards/w-a/chain", body: `{"items":[{"level":7,"people":[]}]}`, status: 400},
		{who: "nurse", method: "PUT", path: "/wards/w-a/chain", body: `{"items":[{"level":2,"people":["u-far"]}]}`, status: 409},
		{who: "nurse", method: "GET", path: "/wards/w-a/chain", status: 200, want: []string{`"who":"lead"`, "Rapid response"}},
		{name: "the chain of the site", who: "nurse", method: "GET", path: "/chain", status: 404},
		{who: "administrator", method: "PUT", path: "/chain", body: `{"items":[{"level":3,"people":["u-administrator"]}]}`, status: 200, want: []string{"The administrator"}},
		{who: "nurse", method: "GET", path: "/wards/w-a/cover", status: 200, want: []string{`"level":2,"who":"lead","people":[{"user":"u-clinician"`}},
	})
}

func TestStations(t *testing.T) {
	run(t, newWorld(t), []scenario{
		{who: "kiosk", method: "POST", path: "/stations", body: `{"id":"s-1","ward":"w-a","sound":"blocked"}`, status: 200, want: []string{`"quiet":true`, `"sound":"blocked"`}},
		{who: "kiosk", method: "POST", path: "/stations", body: `{"id":"s-1","ward":"w-a","sound":"ok"}`, status: 200, want: []string{`"quiet":false`}},
		{who: "kiosk", method: "POST", path: "/stations", body: `{"id":"s-2","ward":"w-b","sound":"ok"}`, status: 404},
		{who: "kiosk", method: "POST", path: "/stations", body: `{"id":"s-2","sound":"loud"}`, status: 400, want: []string{`"field":"sound"`}},
		{name: "nobody speaks for another's screen", who: "nurse", method: "POST", path: "/stations", body: `{"id":"s-1","ward":"w-a","sound":"muted"}`, status: 409},
		{who: "nurse", method: "GET", path: "/stations?ward=w-a", status: 200, want: []string{`"id":"s-1"`}},
		{who: "technician", method: "GET", path: "/stations", status: 403},
	})
}

func TestOwnChannels(t *testing.T) {
	p := &pager{}
	w := newWorld(t, func(o *webd.Options) { p.store, o.Notifier = o.Store, p })
	run(t, w, []scenario{
		{who: "nurse", method: "GET", path: "/me/channels", status: 200, want: []string{`"items":[]`, `"kinds":["screen","sms","webhook"]`, `"pushKey":"BKey"`}},
		{who: "nurse", method: "PUT", path: "/me/channels", body: `{"items":[{"kind":"webhook","address":"https://example.org/h"},{"kind":"sms","address":"+41791234567","quiet":{"from":"22:00","to":"06:30"}}]}`, status: 200, want: []string{`"secret":"whsec_`, `"quiet":{"from":"22:00","to":"06:30"}`}},
		{name: "the secret is shown once", who: "nurse", method: "GET", path: "/me/channels", status: 200, want: []string{"+41791234567"}, not: []string{"whsec_"}},
		{who: "nurse", method: "PUT", path: "/me/channels", body: `{"items":[{"kind":"sms","address":"call me"}]}`, status: 400},
		{who: "nurse", method: "PUT", path: "/me/channels", body: `{"items":[{"kind":"sms","address":"+4179","quiet":{"from":"25:00","to":"06:00"}}]}`, status: 400, want: []string{`"field":"items[0].quiet"`}},
		{who: "kiosk", method: "PUT", path: "/me/channels", body: `{"items":[]}`, status: 412},
		{name: "another's channels stay their own", who: "clinician", method: "GET", path: "/me/channels", status: 200, not: []string{"+41791234567"}},
		{who: "nurse", method: "POST", path: "/me/channels/ch-none/test", status: 404},
		{who: "nurse", method: "GET", path: "/me/deliveries", status: 200, want: []string{`"items":[]`}},
	})
	mine := must[[]store.Channel](t)(w.store.ChannelsOf(t.Context(), vital.DefaultSite, "u-nurse"))
	run(t, w, []scenario{
		{who: "nurse", method: "POST", path: "/me/channels/" + mine[1].ID + "/test", status: 200, want: []string{`"state":"queued"`, `"told":"test"`}},
		{name: "nobody tests another's channel", who: "clinician", method: "POST", path: "/me/channels/" + mine[1].ID + "/test", status: 404},
	})
	if len(p.calls) != 1 || p.calls[0] != "test u-nurse sms" {
		t.Errorf("the notifier was asked %q", p.calls)
	}
}

func TestEmergencyAndSeen(t *testing.T) {
	p := &pager{}
	w := newWorld(t, func(o *webd.Options) { p.store, o.Notifier = o.Store, p })
	epoch := must[uint64](t)(w.store.Own(t.Context(), vital.DefaultSite, 9))
	now := vital.At(begun)
	for _, patient := range []vital.PatientID{"p-a", "p-b"} {
		a := alarm.Alarm{ID: "al-" + string(patient), Patient: patient, Rule: "fall", Title: "Fall", Priority: vital.High, Raised: now, Condition: alarm.Present}
		w.do(w.store.Commit(t.Context(), store.Batch{Site: vital.DefaultSite, Partition: 9, Epoch: epoch, Alarms: []alarm.Alarm{a}}))
	}
	w.do(w.store.OpenPage(t.Context(), system, store.PageStep{
		Page: store.Page{ID: "pg-1", Alarm: "al-p-a", Patient: "p-a", Kind: "emergency", Priority: vital.High, At: now},
		Add:  []store.Delivery{{Page: "pg-1", Alarm: "al-p-a", Person: "u-nurse", Channel: "screen", Kind: "screen", State: store.Queued, At: now}},
	}))
	mine := store.DeliveryID(vital.DefaultSite, "pg-1", "u-nurse", "screen")
	run(t, w, []scenario{
		{who: "nurse", method: "GET", path: "/patients/p-a/contact", status: 200, want: []string{`"name":""`}},
		{who: "nurse", method: "PUT", path: "/patients/p-a/contact", body: `{"name":"Eva Abel","relation":"daughter","phone":"+41 79 123","email":"","address":"Lane 5","detail":true}`, status: 200, want: []string{`"phone":"+4179123"`}},
		{who: "nurse", method: "PUT", path: "/patients/p-b/contact", body: `{"name":"X","relation":"","phone":"","email":"","address":"","detail":false}`, status: 404},
		{who: "technician", method: "GET", path: "/patients/p-a/contact", status: 403},
		{who: "nurse", method: "POST", path: "/alarms/al-p-a/emergency", body: `{"to":"contact","why":""}`, status: 400, want: []string{`"field":"why"`}},
		{who: "nurse", method: "POST", path: "/alarms/al-p-a/emergency", body: `{"to":"press","why":"fell"}`, status: 400, want: []string{`"field":"to"`}},
		{who: "nurse", method: "POST", path: "/alarms/al-p-b/emergency", body: `{"to":"team","why":"fell"}`, status: 404},
		{who: "kiosk", method: "POST", path: "/alarms/al-p-a/emergency", body: `{"to":"team","why":"fell"}`, status: 403},
		{who: "nurse", method: "POST", path: "/alarms/al-p-a/emergency", body: `{"to":"team","why":"fell"}`, status: 200, want: []string{`"page":"pg-1"`, `"kind":"screen"`}},
		{who: "clinician", method: "POST", path: "/deliveries/" + mine + "/seen", status: 404},
		{who: "nurse", method: "POST", path: "/deliveries/" + mine + "/seen", status: 200, want: []string{`"state":"seen"`}},
		{name: "a link needs no sign-in", who: "", method: "POST", path: "/deliveries/seen", body: `{"token":"right"}`, status: 200, want: []string{`{"alarm":"al-1"}`}},
		{who: "", method: "POST", path: "/deliveries/seen", body: `{"token":"wrong"}`, status: 404},
	})
	if len(p.calls) != 1 || p.calls[0] != "alarm.emergency|p-a|team|The nurse|fell" {
		t.Errorf("the notifier was asked %q", p.calls)
	}
}
