package notify

import (
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// stride is what a page needs next.
type stride struct {
	person    int // of the plan, with way: open this one
	way       int // -1: open none
	wait      vital.Instant
	cancel    []string
	exhausted bool // every channel of everybody has failed
}

// never is later than every deadline: only a result or a stop moves the page.
const never = vital.Instant(1) << 60

// next walks a plan as far as its deliveries allow. It is a pure function, so
// that every order of failures can be tried.
//
// One person after the other, one channel after the other. The next channel is
// tried when the one before has failed, when its kind is dead, when the first
// attempt of a high page failed, or when nobody has seen the message in time. The
// next person is told when every channel of the one before has failed.
func next(plan store.PagePlan, sent []store.Delivery, priority vital.Priority, now vital.Instant, patience time.Duration, dead func(kind string) bool) stride {
	for p, person := range plan.People {
		s := stride{person: p, way: -1, wait: never}
		out, trying := false, false
		var late []string
		for i, way := range person.Channels {
			d, ok := find(sent, person.Person, way.ID)
			if !ok {
				s.way = i
				return s
			}
			if d.Final() {
				continue
			}
			if d.State == store.Seen || d.State == store.Acknowledged {
				s.cancel = late
				return s
			}
			if d.Out() {
				out = true
			} else {
				trying = true
				if d.State == store.Queued && d.Attempts > 0 {
					late = append(late, d.ID)
				}
				if way.Hold <= now && (dead(d.Kind) || priority == vital.High && d.Attempts > 0 && d.State == store.Queued) {
					continue
				}
			}
			if patience == 0 {
				return s.keeping(out, late)
			}
			if due := max(d.At, way.Hold).Add(patience); due > now {
				s.wait = due
				return s.keeping(out, late)
			}
		}
		if out || trying {
			return s.keeping(out, late)
		}
	}
	return stride{way: -1, wait: never, exhausted: true}
}

// keeping cancels further attempts by channels that failed once the person was
// reached by another.
func (s stride) keeping(out bool, late []string) stride {
	if out {
		s.cancel = late
	}
	return s
}

func find(sent []store.Delivery, person, channel string) (store.Delivery, bool) {
	for _, d := range sent {
		if d.Person == person && d.Channel == channel {
			return d, true
		}
	}
	return store.Delivery{}, false
}
