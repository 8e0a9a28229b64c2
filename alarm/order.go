package alarm

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// remember is how long a condition without an alarm is remembered after there was
// news of it or its alarm closed, ms, and mostHeard how many of them. What is forgotten can be
// raised by a finding that is later than that: forgetting errs towards an alarm.
const (
	remember  = vital.Instant(3600_000)
	mostHeard = 64
)

// ID returns the name of the alarm that a condition of a patient, present since
// a time, became at another. Nothing else goes in, so a replay of the same
// record names the same alarms.
func ID(patient vital.PatientID, rule, part string, since, raised vital.Instant) string {
	var text []byte
	for _, s := range []string{string(patient), rule, part} {
		text = binary.AppendUvarint(text, uint64(len(s)))
		text = append(text, s...)
	}
	text = binary.BigEndian.AppendUint64(text, uint64(since))
	text = binary.BigEndian.AppendUint64(text, uint64(raised))
	sum := sha256.Sum256(text)
	return "a-" + hex.EncodeToString(sum[:10])
}

// Open returns the open alarms as a screen lists them: highest priority first,
// then the oldest.
func (s State) Open() []Alarm {
	open := slices.Clone(s.Alarms)
	slices.SortFunc(open, func(a, b Alarm) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Raised, b.Raised), cmp.Compare(a.ID, b.ID))
	})
	return open
}

// NextDue returns the earliest time at which something happens by itself: an
// escalation, or the end of a pause, a snooze or an off. 0: never.
func (s State) NextDue() vital.Instant {
	var next vital.Instant
	for i := range s.Alarms {
		next = sooner(next, s.Alarms[i].Due)
		next = sooner(next, s.Alarms[i].SoundUntil)
	}
	for i := range s.Offs {
		next = sooner(next, s.Offs[i].Until)
	}
	return next
}

func sooner(a, b vital.Instant) vital.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// clocks are the two times by which findings of one condition are put in order.
// At is the effective time, but nothing is known of the future; received is when
// Vigil had the newest evidence, 0 without any.
func clocks(f *vital.Finding, now vital.Instant) (at, received vital.Instant) {
	for i := range f.Evidence {
		received = max(received, f.Evidence[i].Received)
	}
	return min(f.At, now), received
}

// late reports whether a finding says less than what was heard before: it rests on
// evidence that Vigil received before that of another finding, and speaks of no
// later time. Of the same time, what makes an open alarm worse is never late.
//
// What rests on no evidence is what Vigil itself knows when it says so, and is
// never late, whatever time it speaks of: "not watched since 03:10" can be said
// after "watched" of 03:11. The clock of a device alone never makes a finding late
// either. Of two readings in one packet the order in which they come decides. All
// this because a finding that is left out is not said again.
func (w *work) late(i int, f *vital.Finding, at, received vital.Instant) bool {
	k := w.known(f.Rule, f.Part)
	if k < 0 || received == 0 || received >= w.Heard[k].Received || at > w.Heard[k].At {
		return false
	}
	worse := i >= 0 && f.Stand == vital.Present && severity(f.Priority) > w.Alarms[i].Priority
	return !worse || at < w.Heard[k].At
}

// forgotten reports whether something was heard of so long ago that it counts as
// never heard of. What has an open alarm is never forgotten.
func (w *work) forgotten(h Heard) bool {
	return h.Noted < w.now-remember && w.find(h.Rule, h.Part) < 0
}

// hear remembers that a condition was heard of, and reports whether that is news
// and not what was said before.
func (w *work) hear(f *vital.Finding, at, received vital.Instant) (news bool) {
	i := w.known(f.Rule, f.Part)
	if i >= 0 && at <= w.Heard[i].At && received <= w.Heard[i].Received {
		return false
	}
	w.own()
	if i >= 0 {
		h := &w.Heard[i]
		h.At, h.Received, h.Noted = max(h.At, at), max(h.Received, received), w.now
		return true
	}
	w.Heard = slices.DeleteFunc(w.Heard, func(h Heard) bool { return w.forgotten(h) })
	if len(w.Heard) >= mostHeard {
		w.forgetOldest()
	}
	w.Heard = append(w.Heard, Heard{Rule: f.Rule, Part: f.Part, At: at, Received: received, Noted: w.now})
	return true
}

func (w *work) forgetOldest() {
	oldest := -1
	for i, h := range w.Heard {
		if (oldest < 0 || h.Noted < w.Heard[oldest].Noted) && w.find(h.Rule, h.Part) < 0 {
			oldest = i
		}
	}
	if oldest >= 0 {
		w.Heard = slices.Delete(w.Heard, oldest, oldest+1)
	}
}

// forget makes a condition one that was never heard of.
func (w *work) forget(rule, part string) {
	if i := w.known(rule, part); i >= 0 {
		w.own()
		w.Heard = slices.Delete(w.Heard, i, i+1)
	}
}

// known returns where it is kept up to when a condition was heard of, or -1.
func (w *work) known(rule, part string) int {
	for i, h := range w.Heard {
		if h.Rule == rule && h.Part == part && !w.forgotten(h) {
			return i
		}
	}
	return -1
}
