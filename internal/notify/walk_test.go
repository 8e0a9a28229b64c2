package notify_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

var twoPeople = store.PagePlan{People: []store.Planned{
	{Person: "anna", Channels: []store.Way{{ID: "a-sms", Kind: "sms"}, {ID: "a-mail", Kind: "email"}}},
	{Person: "ben", Channels: []store.Way{{ID: "b-sms", Kind: "sms"}}},
}}

func sent(person, channel, kind, state string, attempts int, at vital.Instant) store.Delivery {
	return store.Delivery{ID: person + channel, Person: person, Channel: channel, Kind: kind, State: state, Attempts: attempts, At: at}
}

func TestNext(t *testing.T) {
	const patience = 15 * time.Second
	alive, dead := func(string) bool { return false }, func(k string) bool { return k == "sms" }
	for _, c := range []struct {
		name      string
		sent      []store.Delivery
		priority  vital.Priority
		now       vital.Instant
		patience  time.Duration
		dead      func(string) bool
		opens     string // person/channel
		wait      vital.Instant
		cancel    []string
		exhausted bool
	}{
		{name: "nothing yet", priority: vital.High, patience: patience, dead: alive, opens: "anna/a-sms"},
		{name: "under way", sent: []store.Delivery{sent("anna", "a-sms", "sms", store.HandingOver, 1, 0)}, priority: vital.High, patience: patience, dead: alive, wait: 15000},
		{name: "the first attempt of a high page failed", sent: []store.Delivery{sent("anna", "a-sms", "sms", store.Queued, 1, 0)}, priority: vital.High, patience: patience, dead: alive, opens: "anna/a-mail"},
		{name: "the first attempt of another failed", sent: []store.Delivery{sent("anna", "a-sms", "sms", store.Queued, 1, 0)}, priority: vital.Medium, patience: patience, dead: alive, wait: 15000},
		{name: "its kind is dead", sent: []store.Delivery{sent("anna", "a-sms", "sms", store.Queued, 0, 0)}, priority: vital.Medium, patience: patience, dead: dead, opens: "anna/a-mail"},
		{name: "handed over, there is time", sent: []store.Delivery{sent("anna", "a-sms", "sms", store.HandedOver, 1, 0)}, now: 14999, priority: vital.High, patience: patience, dead: alive, wait: 15000},
		{name: "handed over, nobody has seen it", sent: []store.Delivery{sent("anna", "a-sms", "sms", store.HandedOver, 1, 0)}, now: 15000, priority: vital.High, patience: patience, dead: alive, opens: "anna/a-mail"},
		{name: "of low priority nobody is pressed", sent: []store.Delivery{sent("anna", "a-sms", "sms", store.HandedOver, 1, 0)}, now: 1e9, priority: vital.Low, dead: alive, wait: notify.Never},
		{name: "seen", sent: []store.Delivery{sent("anna", "a-sms", "sms", store.Seen, 1, 0)}, now: 1e9, priority: vital.High, patience: patience, dead: alive, wait: notify.Never},
		{name: "reached by the second, so the first stops", now: 1, priority: vital.High, patience: patience, dead: alive, wait: 15001, cancel: []string{"annaa-sms"},
			sent: []store.Delivery{sent("anna", "a-sms", "sms", store.Queued, 2, 0), sent("anna", "a-mail", "email", store.HandedOver, 1, 1)}},
		{name: "the first person failed altogether", priority: vital.High, patience: patience, dead: alive, opens: "ben/b-sms",
			sent: []store.Delivery{sent("anna", "a-sms", "sms", store.Failed, 4, 0), sent("anna", "a-mail", "email", store.Dead, 1, 1)}},
		{name: "everything failed", priority: vital.High, patience: patience, dead: alive, exhausted: true, wait: notify.Never,
			sent: []store.Delivery{sent("anna", "a-sms", "sms", store.Failed, 4, 0), sent("anna", "a-mail", "email", store.Dead, 1, 1), sent("ben", "b-sms", "sms", store.Failed, 4, 2)}},
		{name: "one of two got through", now: 1e6, priority: vital.High, patience: patience, dead: alive, wait: notify.Never,
			sent: []store.Delivery{sent("anna", "a-sms", "sms", store.HandedOver, 1, 0), sent("anna", "a-mail", "email", store.Failed, 4, 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			person, way, wait, cancel, exhausted := notify.Next(twoPeople, c.sent, c.priority, c.now, c.patience, c.dead)
			opens := ""
			if way >= 0 {
				opens, wait = twoPeople.People[person].Person+"/"+twoPeople.People[person].Channels[way].ID, 0
			}
			if opens != c.opens || wait != c.wait || exhausted != c.exhausted || !slices.Equal(cancel, c.cancel) {
				t.Errorf("opens %q, waits until %d, cancels %v, exhausted %t; want %q, %d, %v, %t", opens, wait, cancel, exhausted, c.opens, c.wait, c.cancel, c.exhausted)
			}
		})
	}
}

// Whatever channels answer and in whatever order: no channel is opened twice,
// nobody is told before everybody ahead has failed altogether, and a walk ends
// with somebody reached or with every channel of everybody failed.
func TestWalkProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		priority := rapid.SampledFrom([]vital.Priority{vital.Low, vital.Medium, vital.High}).Draw(t, "priority")
		patience := map[vital.Priority]time.Duration{vital.Medium: time.Minute, vital.High: 15 * time.Second}[priority]
		var plan store.PagePlan
		for p := range rapid.IntRange(1, 4).Draw(t, "people") {
			person := store.Planned{Person: string(rune('a' + p))}
			for w := range rapid.IntRange(1, 3).Draw(t, "channels") {
				person.Channels = append(person.Channels, store.Way{ID: person.Person + string(rune('0'+w)), Kind: string(rune('x' + w))})
			}
			plan.People = append(plan.People, person)
		}
		down := rapid.SliceOf(rapid.SampledFrom([]string{"x", "y", "z"})).Draw(t, "dead kinds")
		dead := func(k string) bool { return slices.Contains(down, k) }
		var all []store.Delivery
		now := vital.Instant(1000)
		for range 400 {
			person, way, wait, cancel, exhausted := notify.Next(plan, all, priority, now, patience, dead)
			open := slices.DeleteFunc(slices.Clone(all), func(d store.Delivery) bool { return d.Final() || d.Out() })
			if exhausted {
				for _, p := range plan.People {
					for _, c := range p.Channels {
						if !slices.ContainsFunc(all, func(d store.Delivery) bool { return d.Channel == c.ID && d.Final() }) {
							t.Fatalf("given up, and %s was not tried to the end: %+v", c.ID, all)
						}
					}
				}
				return
			}
			for _, id := range cancel {
				for i := range all {
					if all[i].ID == id {
						if all[i].Out() {
							t.Fatalf("%s got through and is cancelled", id)
						}
						all[i].State = store.Cancelled
					}
				}
			}
			if way >= 0 {
				p := plan.People[person]
				c := p.Channels[way]
				for _, d := range all {
					if d.Channel == c.ID {
						t.Fatalf("%s is opened twice", c.ID)
					}
					if d.Person != p.Person && !d.Final() {
						t.Fatalf("%s is told while %s is still tried by %s, %s", p.Person, d.Person, d.Channel, d.State)
					}
				}
				all = append(all, store.Delivery{ID: c.ID, Person: p.Person, Channel: c.ID, Kind: c.Kind, State: store.Queued, At: now})
				continue
			}
			reached := slices.ContainsFunc(all, store.Delivery.Out)
			if len(open) == 0 {
				if !reached {
					t.Fatalf("nothing is under way, nobody is reached, and it waits: %+v", all)
				}
				if wait == notify.Never {
					return
				}
				now = max(now, wait)
				continue
			}
			// The world moves: an attempt ends somehow, or time passes.
			i := slices.IndexFunc(all, func(d store.Delivery) bool { return d.ID == rapid.SampledFrom(open).Draw(t, "one").ID })
			if i < 0 {
				i = slices.IndexFunc(all, func(d store.Delivery) bool { return d.ID == open[0].ID })
			}
			all[i].Attempts++
			all[i].State = rapid.SampledFrom([]string{store.Queued, store.Failed, store.Dead, store.HandedOver, store.Delivered, store.Seen}).Draw(t, "becomes")
			if all[i].Attempts >= 4 && all[i].State == store.Queued {
				all[i].State = store.Failed
			}
			now += vital.Instant(rapid.IntRange(0, 20000).Draw(t, "ms"))
		}
		t.Fatal("the walk does not end")
	})
}
