package webd

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// alarmBoard is the part of the hub that knows the open alarms. A socket that
// asks for alarms gets all that it may see, and from then on every change of one,
// whichever beds it watches. Nothing of them is ever dropped: a reader that fell
// behind gets what changed meanwhile, or, where that is not kept any more, all
// open ones anew. All of it is under the hub's lock.
type alarmBoard struct {
	open      map[vital.PatientID][]alarm.Alarm
	changes   []alarmChange // oldest first
	forgotten uint64        // sequence of the newest change that is no longer in changes
	movedAt   uint64        // sequence at which somebody last lay elsewhere than before
	wards     map[vital.PatientID]vital.WardID
	groups    map[string]*alarmGroup
	names     names

	people  func(ctx context.Context) (names, error)
	learned time.Time // when names was read; of the hub's goroutine alone
}

type alarmChange struct {
	seq     uint64
	patient vital.PatientID
	body    []byte // the Alarm as JSON
}

// alarmGroup is the sockets that see the same alarms.
type alarmGroup struct {
	key     string
	sight   sight
	members map[*socket]struct{}
	items   [][]byte // of this flush
}

func newAlarmBoard(people func(context.Context) (names, error)) alarmBoard {
	return alarmBoard{
		open: make(map[vital.PatientID][]alarm.Alarm), wards: make(map[vital.PatientID]vital.WardID),
		groups: make(map[string]*alarmGroup), people: people,
	}
}

// standing is what of an alarm is more than its words and numbers: while it stays
// the same, the newest of several changes is enough.
type standing struct {
	priority                    vital.Priority
	condition                   alarm.Condition
	sound                       alarm.Sound
	until, ended, lost, closed  vital.Instant
	times, level                int
	acknowledged, silenced      alarm.Deed
	owner                       alarm.Owner
	hasAcknowledged, hasSilence bool
}

func standingOf(a *alarm.Alarm) standing {
	s := standing{
		priority: a.Priority, condition: a.Condition, sound: a.Sound, until: a.SoundUntil, ended: a.Ended, lost: a.Unknown, closed: a.Closed,
		times: a.Times, level: a.Level, hasAcknowledged: a.Acknowledged != nil, hasSilence: a.Silenced != nil,
	}
	if a.Acknowledged != nil {
		s.acknowledged = *a.Acknowledged
	}
	if a.Silenced != nil {
		s.silenced = *a.Silenced
	}
	if a.Owner != nil {
		s.owner = *a.Owner
	}
	return s
}

// learnEvery bounds how often unknown names are looked for.
const learnEvery = time.Second

// learn reads the names of people again when an alarm shows one that is not known.
func (h *hub) learn(ctx context.Context, alarms []alarm.Alarm) {
	h.mu.Lock()
	known := h.alarms.names
	h.mu.Unlock()
	unknown := func(a alarm.Alarm) bool {
		return slices.ContainsFunc(people(&a), func(id string) bool { return known[id] == "" })
	}
	if time.Since(h.alarms.learned) < learnEvery || !slices.ContainsFunc(alarms, unknown) {
		return
	}
	h.alarms.learned = time.Now()
	n, err := h.alarms.people(ctx)
	if err != nil {
		h.log.Warn("reading names for the live socket", "error", err.Error())
		return // the id stands where the name would
	}
	h.mu.Lock()
	h.alarms.names = n
	h.mu.Unlock()
}

// applyAlarms remembers how alarms are now and hands the changes to who sees them.
func (h *hub) applyAlarms(updates []*watch.Update) {
	b := &h.alarms
	var fresh []alarmChange
	last := make(map[string]int) // of an alarm, its newest in fresh
	before := make(map[string]standing)
	for _, u := range updates {
		for i := range u.Alarms {
			a := &u.Alarms[i]
			b.set(a)
			change := alarmChange{h.seq, a.Patient, alarmJSON(alarmView(a, spot{h.beds[a.Patient], b.wards[a.Patient]}, b.names, h.inForce()))}
			now := standingOf(a)
			if at, ok := last[a.ID]; ok && before[a.ID] == now {
				fresh[at] = change
				continue
			}
			last[a.ID], before[a.ID] = len(fresh), now
			fresh = append(fresh, change)
		}
	}
	b.changes = append(b.changes, fresh...)
	if extra := len(b.changes) - changesKept; extra > 0 {
		b.forgotten = b.changes[extra-1].seq
		b.changes = slices.Delete(b.changes, 0, extra)
	}
	for _, g := range b.groups {
		for _, c := range fresh {
			if g.sight.sees(c.patient, b.wards[c.patient]) {
				g.items = append(g.items, c.body)
			}
		}
	}
}

// set remembers an open alarm as it is now, or forgets one that is over.
func (b *alarmBoard) set(a *alarm.Alarm) {
	of := b.open[a.Patient]
	at := slices.IndexFunc(of, func(o alarm.Alarm) bool { return o.ID == a.ID })
	switch {
	case a.Closed == 0 && at < 0:
		b.open[a.Patient] = append(of, *a)
	case a.Closed == 0:
		of[at] = *a
	case at >= 0 && len(of) == 1:
		delete(b.open, a.Patient)
	case at >= 0:
		b.open[a.Patient] = slices.Delete(of, at, at+1)
	}
}

func alarmJSON(a Alarm) []byte {
	body, err := json.Marshal(a)
	if err != nil {
		panic("webd: an alarm that JSON cannot hold: " + err.Error()) // only texts and whole numbers
	}
	return body
}

func (h *hub) flushAlarms(seq uint64, now vital.Instant) {
	for _, g := range h.alarms.groups {
		if len(g.items) == 0 {
			continue
		}
		data := alarmsMessage(seq, now, false, g.items)
		for s := range g.members {
			s.pushAlarms(data, seq, seq)
		}
		g.items = nil
	}
}

func alarmsMessage(seq uint64, now vital.Instant, full bool, items [][]byte) []byte {
	size := 100
	for _, i := range items {
		size += len(i) + 1
	}
	b := append(make([]byte, 0, size), liveVersion, kindJSON)
	b = append(b, `{"type":"alarms","seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"now":`...)
	b = strconv.AppendInt(b, int64(now), 10)
	b = append(b, `,"full":`...)
	b = strconv.AppendBool(b, full)
	b = append(b, `,"items":[`...)
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item...)
	}
	return append(b, "]}"...)
}

// askAlarms begins to send alarms to a socket: what changed after resume, or all
// open ones.
func (h *hub) askAlarms(s *socket, v sight, resume uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.partAlarms(s)
	key := v.key()
	g := h.alarms.groups[key]
	if g == nil {
		g = &alarmGroup{key: key, sight: v, members: make(map[*socket]struct{})}
		h.alarms.groups[key] = g
	}
	s.alarms = g
	g.members[s] = struct{}{}
	if resume > h.seq || resume < h.alarms.movedAt {
		resume = 0 // another server's number, or somebody moved since
	}
	s.alarmsFrom(resume)
	h.alarmsSince(s, h.seq)
}

func (h *hub) partAlarms(s *socket) {
	g := s.alarms
	if g == nil {
		return
	}
	s.alarms = nil
	delete(g.members, s)
	if len(g.members) == 0 {
		delete(h.alarms.groups, g.key)
	}
}

// alarmsSince sends what changed after what the socket has seen of alarms. label
// is the number that the message shows.
func (h *hub) alarmsSince(s *socket, label uint64) {
	if s.alarms == nil {
		return
	}
	b, seen := &h.alarms, s.alarmsSeen()
	if seen == 0 || seen < b.forgotten {
		s.bring(outgoing{data: alarmsMessage(label, vital.At(h.now()), true, h.openFor(s.alarms.sight)), seq: label, alarms: h.seq})
		return
	}
	at, _ := slices.BinarySearchFunc(b.changes, seen+1, func(c alarmChange, seq uint64) int {
		if c.seq < seq {
			return -1
		}
		return 1
	})
	var items [][]byte
	for _, c := range b.changes[at:] {
		if s.alarms.sight.sees(c.patient, b.wards[c.patient]) {
			items = append(items, c.body)
		}
	}
	s.bring(outgoing{data: alarmsMessage(label, vital.At(h.now()), false, items), seq: label, alarms: h.seq})
}

// openFor is every open alarm that is seen, the most urgent first.
func (h *hub) openFor(v sight) [][]byte {
	b := &h.alarms
	var open []alarm.Alarm
	for patient, of := range b.open {
		if v.sees(patient, b.wards[patient]) {
			open = append(open, of...)
		}
	}
	highestFirst(open)
	items := make([][]byte, len(open))
	for i := range open {
		a := &open[i]
		items[i] = alarmJSON(alarmView(a, spot{h.beds[a.Patient], b.wards[a.Patient]}, b.names, h.inForce()))
	}
	return items
}

// alarmsMoved sends everybody all open alarms anew: patients lie elsewhere now.
func (h *hub) alarmsMoved() {
	h.seq++
	h.alarms.movedAt = h.seq
	for _, g := range h.alarms.groups {
		data := alarmsMessage(h.seq, vital.At(h.now()), true, h.openFor(g.sight))
		for s := range g.members {
			s.pushAlarms(data, h.seq, h.seq)
		}
	}
}

// alarmsIn are the open alarms of the patient of a bed.
func (h *hub) alarmsIn(bed *Bed) []Alarm {
	open := slices.Clone(h.alarms.open[bed.Patient.ID])
	highestFirst(open)
	views := make([]Alarm, len(open))
	for i := range open {
		views[i] = alarmView(&open[i], spot{bed.ID, bed.Ward}, h.alarms.names, h.inForce())
	}
	return views
}

// wardsOf is in which ward everybody lies.
func wardsOf(stays []store.Admission, now vital.Instant) map[vital.PatientID]vital.WardID {
	wards := make(map[vital.PatientID]vital.WardID, len(stays))
	for _, a := range stays {
		if a.From <= now && (!a.To.Known() || a.To > now) {
			wards[a.Patient] = a.Ward
		}
	}
	return wards
}

// moved reports whether somebody lies in another ward than before, and takes over
// where everybody lies.
func (b *alarmBoard) moved(wards map[vital.PatientID]vital.WardID) bool {
	same := maps.Equal(wards, b.wards)
	b.wards = wards
	return !same
}
