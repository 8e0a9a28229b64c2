package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// users makes nurses who see ward w-a.
func users(t *testing.T, d *store.DB, names ...string) {
	t.Helper()
	for _, n := range names {
		must(t, d.PutUser(context.Background(), entry("user.put"), store.User{ID: vital.UserID("u-" + n), Name: n, Username: n, Roles: []string{"nurse"}, Wards: []vital.WardID{"w-a"}}))
	}
}

const hour = vital.Instant(3600_000)

// covers is who covers the first bed at a time, and how many are uncovered.
func covers(t *testing.T, d *store.DB, at vital.Instant) (nurse, shift string, uncovered int) {
	t.Helper()
	c := got(d.Cover(context.Background(), everything, "w-a", at))(t)
	if n := c.Items[0].Nurse; n != nil {
		nurse = n.Name
	}
	return nurse, c.Shift.Name, c.Uncovered
}

// Two shifts a day, one of them over midnight, with half an hour in which both
// are there.
func TestCoverOverMidnight(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 2)
		users(t, d, "day", "night", "new")
		first := func(name, nurse string, from, to vital.Instant) store.Assignments {
			return store.Assignments{Ward: "w-a", Shift: store.Shift{Name: name, From: from, To: to}, Items: []store.Assignment{{Bed: "b-a1", Nurse: vital.UserID("u-" + nurse)}}}
		}
		begin := t0 + hour
		e := entry("duty.write")
		must(t, d.Assign(ctx, e, first("day", "day", begin, begin+12*hour+hour/2)))
		must(t, d.Assign(ctx, e, first("night", "night", begin+12*hour, begin+24*hour)))
		for at, want := range map[vital.Instant]string{
			begin - 1: "", begin: "day", begin + 12*hour - 1: "day", begin + 12*hour: "night", begin + 12*hour + hour/2: "night", begin + 24*hour - 1: "night", begin + 24*hour: "",
		} {
			if nurse, _, _ := covers(t, d, at); nurse != want {
				t.Errorf("%s after the beginning: %q covers the bed, want %q", (at - begin).Time().Sub(time.UnixMilli(0)), nurse, want)
			}
		}
		if _, shift, uncovered := covers(t, d, begin); shift != "day" || uncovered != 1 {
			t.Errorf("shift %q with %d beds uncovered, want day with 1", shift, uncovered)
		}
		// A shift that leaves the bed open leaves it with the one before, while that lasts.
		must(t, d.Assign(ctx, e, store.Assignments{Ward: "w-a", Shift: store.Shift{Name: "night", From: begin + 12*hour, To: begin + 24*hour}, Items: []store.Assignment{{Bed: "b-a2", Nurse: "u-night"}}}))
		if nurse, _, _ := covers(t, d, begin+12*hour+1); nurse != "day" {
			t.Errorf("%q covers the bed that the night left open, want the day's", nurse)
		}
		// What was is not rewritten by a change in the middle of the shift.
		later := e
		later.At = begin + 3*hour
		must(t, d.Assign(ctx, later, first("day", "new", begin, begin+12*hour)))
		for at, want := range map[vital.Instant]string{begin + 3*hour - 1: "day", begin + 3*hour: "new", begin + 12*hour - 1: "new", begin + 12*hour: ""} {
			if nurse, _, _ := covers(t, d, at); nurse != want {
				t.Errorf("after the change, %d ms after the beginning: %q, want %q", at-begin, nurse, want)
			}
		}
		u := got(d.UserByID(ctx, site, "u-new"))(t)
		u.State = "blocked"
		must(t, d.PutUser(ctx, e, u))
		if nurse, _, uncovered := covers(t, d, begin+4*hour); nurse != "" || uncovered != 2 {
			t.Errorf("a blocked user covers: %q, %d", nurse, uncovered)
		}
	})
}

func TestAssignRefuses(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		ward(t, d, "x", 1)
		users(t, d, "anna")
		must(t, d.PutUser(ctx, entry("user.put"), store.User{ID: "u-x", Name: "x", Username: "x", Roles: []string{"nurse"}, Wards: []vital.WardID{"w-x"}}))
		for _, c := range []struct {
			name     string
			from, to vital.Instant
			item     store.Assignment
			want     vital.Kind
		}{
			{"backwards", t0 + 2, t0 + 1, store.Assignment{}, vital.Invalid},
			{"over already", t0 - 9, t0 - 1, store.Assignment{}, vital.Conflict},
			{"three days", t0, t0 + 72*hour, store.Assignment{}, vital.Invalid},
			{"a bed of another ward", t0, t0 + hour, store.Assignment{Bed: "b-x1", Nurse: "u-anna"}, vital.NotFound},
			{"a nurse of another ward", t0, t0 + hour, store.Assignment{Bed: "b-a1", Nurse: "u-x"}, vital.Conflict},
			{"one's own backup", t0, t0 + hour, store.Assignment{Bed: "b-a1", Nurse: "u-anna", Backup: "u-anna"}, vital.Invalid},
			{"nobody known", t0, t0 + hour, store.Assignment{Bed: "b-a1", Nurse: "u-none"}, vital.NotFound},
		} {
			t.Run(c.name, func(t *testing.T) {
				kind(t, d.Assign(ctx, entry("duty.write"), store.Assignments{Ward: "w-a", Shift: store.Shift{Name: "day", From: c.from, To: c.to}, Items: []store.Assignment{c.item}}), c.want)
			})
		}
		kind(t, d.PutChain(ctx, entry("duty.write"), "w-a", store.Chain{Rungs: []store.Rung{{Level: 2, People: []store.Staff{{User: "u-x"}}}}}), vital.Conflict)
		kind(t, d.PutChain(ctx, entry("duty.write"), "w-a", store.Chain{Rungs: []store.Rung{{Level: 4}}}), vital.Invalid)
		kind(t, d.PutChain(ctx, entry("duty.write"), "w-a", store.Chain{Team: []store.Team{{Kind: "sms", Address: "call me"}}}), vital.Invalid)
	})
}

func TestChannels(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		users(t, d, "anna", "ben")
		put := func(c ...store.Channel) ([]store.Channel, error) {
			return d.SetChannels(ctx, entry("session.own"), "u-anna", c)
		}
		first := got(put(store.Channel{Kind: "webhook", Address: "https://example.org/h"}, store.Channel{Kind: "sms", Address: "+4179", Quiet: &store.Quiet{From: 1320, To: 360}}))(t)
		if first[0].Secret == "" || first[1].Secret != "" {
			t.Errorf("a webhook and only a webhook has a secret: %+v", first)
		}
		second := got(put(first[1], first[0]))(t)
		kept := got(d.ChannelsOf(ctx, site, "u-anna", "u-ben"))(t)
		if len(kept) != 2 || kept[0].ID != first[1].ID || kept[0].Quiet == nil || kept[0].Quiet.From != 1320 || kept[1].Secret != first[0].Secret {
			t.Errorf("changing the order changed more: %+v, %+v", second, kept)
		}
		moved := kept[0]
		moved.Address = "+41780"
		third := got(put(moved))(t)
		if third[0].ID == moved.ID {
			t.Error("another address kept the id of the old one")
		}
		if old := got(d.Channel(ctx, site, moved.ID))(t); old.Address != "+4179" {
			t.Errorf("what went to the old address now says %s", old.Address)
		}
		_, err := put(store.Channel{ID: "ch-none", Kind: "screen"})
		kind(t, err, vital.NotFound)
		for _, c := range []store.Channel{
			{Kind: "pigeon", Address: "x"}, {Kind: "email", Address: "Anna <a@example.org>"}, {Kind: "email", Address: "a@example.org\r\nBcc: x@y"},
			{Kind: "sms", Address: "+41 79"}, {Kind: "webhook", Address: "file:///etc/passwd"}, {Kind: "ntfy", Address: "gopher://x"},
			{Kind: "web-push", Address: `{"endpoint":"https://push.example.org/1"}`}, {Kind: "screen", Address: "x"}, {Kind: "sms", Address: "+4179", Quiet: &store.Quiet{From: -2}},
		} {
			if _, err := put(c); vital.KindOf(err) != vital.Invalid || err == nil {
				t.Errorf("%s %q was taken: %v", c.Kind, c.Address, err)
			}
		}
	})
}

func TestQuietHours(t *testing.T) {
	for _, c := range []struct {
		from, to, at int
		want         bool
	}{
		{1320, 360, 1319, false}, {1320, 360, 1320, true}, {1320, 360, 0, true}, {1320, 360, 359, true}, {1320, 360, 360, false},
		{600, 660, 599, false}, {600, 660, 600, true}, {600, 660, 660, false}, {600, 600, 600, false},
	} {
		q := &store.Quiet{From: c.from, To: c.to}
		if q.Holds(c.at) != c.want {
			t.Errorf("%v at minute %d: %v", *q, c.at, !c.want)
		}
	}
	if (*store.Quiet)(nil).Holds(5) {
		t.Error("no quiet hours hold")
	}
}

func TestStations(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		users(t, d, "anna")
		s := store.Station{ID: "s-1", Ward: "w-a", User: "u-anna", Sound: "ok", Tested: 7, Seen: t0}
		must(t, d.PutStation(ctx, site, s))
		s.Tested, s.Sound, s.Seen = 0, "muted", t0+5
		must(t, d.PutStation(ctx, site, s))
		all := got(d.Stations(ctx, everything, store.StationFilter{Ward: "w-a", Since: t0 + 5}))(t)
		if len(all) != 1 || all[0].Tested != 7 || all[0].Sound != "muted" || all[0].Name != "anna" {
			t.Errorf("stations: %+v", all)
		}
		s.User = "u-thief"
		kind(t, d.PutStation(ctx, site, s), vital.Conflict)
		s.Sound = "fine"
		kind(t, d.PutStation(ctx, site, s), vital.Invalid)
		if none := got(d.Stations(ctx, everything, store.StationFilter{Since: t0 + 6}))(t); len(none) != 0 {
			t.Errorf("a screen that was closed is open: %+v", none)
		}
	})
}
