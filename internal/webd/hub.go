package webd

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// How often the hub sends. Values wait a moment for their neighbours; waves wait
// a little longer, because a page draws them 30 times a second at most.
const (
	valuesEvery = 40 * time.Millisecond
	wavesEvery  = 80 * time.Millisecond
	beatEvery   = 4 * time.Second  // something is said at least this often, so that silence means a broken link
	placesEvery = 30 * time.Second // a stay that was entered ahead of its time begins without anybody doing anything
	changesKept = 8192             // changes of the watched state that a slow or returning reader can still get
)

// hub turns the updates of the flow into messages, once for all sockets that
// watch the same.
//
// It holds the latest value of everything with the sequence at which it changed.
// That is what makes slow readers and returning ones the same case: whoever has
// seen everything up to n gets what changed after n.
type hub struct {
	live    Live
	judged  Judged
	inForce func() *rule.Set
	places  func(ctx context.Context) ([]store.Admission, error)
	judge   judge // who may see what
	now     func() time.Time
	log     *slog.Logger

	inbox struct {
		sync.Mutex
		updates []*watch.Update
	}
	wake    chan struct{}
	watched atomic.Int64 // groups there are

	mu        sync.Mutex
	seq       uint64
	changedAt uint64 // sequence at which places, people or bindings last changed
	beds      map[vital.PatientID]vital.BedID
	values    map[valueKey]valueEntry
	metrics   map[vital.PatientID][]string // what values holds of a patient
	watches   map[vital.PatientID]watch.Watch
	changes   []watchChange // oldest first
	forgotten uint64        // sequence of the newest change that is no longer in changes
	groups    map[string]*group
	byPatient map[vital.PatientID][]*group
	wavesSent time.Time
	wavesWait bool
	alarms    alarmBoard
}

type valueKey struct {
	patient vital.PatientID
	metric  string
}

type valueEntry struct {
	seq   uint64
	value watch.Value
}

type watchChange struct {
	seq   uint64
	watch watch.Watch
}

func newHub(o Options, places func(context.Context) ([]store.Admission, error), people func(context.Context) (names, error), now func() time.Time, log *slog.Logger) *hub {
	if o.Rules == nil {
		o.Rules = func() *rule.Set { return nil }
	}
	return &hub{
		inForce: o.Rules, live: o.Live, judged: o.Judged, places: places, now: now, log: log, wake: make(chan struct{}, 1), alarms: newAlarmBoard(people),
		// Numbers begin above those of any earlier run, so that what a page has
		// seen of that run is never taken for ours.
		seq:       uint64(now().UnixMilli()) * 64,
		beds:      make(map[vital.PatientID]vital.BedID),
		values:    make(map[valueKey]valueEntry),
		metrics:   make(map[vital.PatientID][]string),
		watches:   make(map[vital.PatientID]watch.Watch),
		groups:    make(map[string]*group),
		byPatient: make(map[vital.PatientID][]*group),
	}
}

// take is the sink: it copies the update, which is the flow's, and returns.
// Waves are copied only while somebody watches.
func (h *hub) take(u *watch.Update) {
	mine := &watch.Update{Values: slices.Clone(u.Values), Watches: slices.Clone(u.Watches), Alarms: slices.Clone(u.Alarms), Changed: u.Changed}
	for i := range mine.Values {
		mine.Values[i].Others = slices.Clone(mine.Values[i].Others)
	}
	if h.watched.Load() > 0 {
		mine.Waves = slices.Clone(u.Waves)
		for i := range mine.Waves {
			w := &mine.Waves[i]
			w.Samples, w.Missing = slices.Clone(w.Samples), slices.Clone(w.Missing)
		}
	}
	if mine.Empty() {
		return
	}
	h.inbox.Lock()
	h.inbox.updates = append(h.inbox.updates, mine)
	h.inbox.Unlock()
	h.nudge()
}

func (h *hub) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run sends until ctx ends.
func (h *hub) run(ctx context.Context) error {
	h.mu.Lock()
	h.forgotten, h.alarms.forgotten = h.seq, h.seq
	h.mu.Unlock()
	detach := h.live.Attach(h.take)
	defer detach()
	h.begin(ctx)
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var sent, placed time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
			if wait := valuesEvery - time.Since(sent); wait > 0 {
				pause.Reset(wait)
				select {
				case <-ctx.Done():
					return nil
				case <-pause.C:
				}
			}
			sent = time.Now()
			if h.flush(ctx) {
				h.tell()
				placed = sent
			}
			if h.waiting() {
				h.nudge()
			}
		case <-beat.C:
			h.beat()
			h.heedRights(ctx)
			if time.Since(placed) >= placesEvery {
				placed = time.Now()
				if h.replace(ctx) {
					h.tell()
				}
			}
		}
	}
}

// begin takes what was known before the first update.
func (h *hub) begin(ctx context.Context) {
	h.replace(ctx)
	values := h.live.Latest(store.Rows{All: true}, nil)
	watches := h.live.Watches(nil)
	alarms := h.judged.Alarms(ctx, store.Rows{All: true}, nil)
	h.learn(ctx, alarms)
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range alarms {
		h.alarms.set(&alarms[i])
	}
	for i := range values {
		h.setValue(&values[i])
	}
	for _, w := range watches {
		h.watches[w.Patient] = w
	}
}

// setValue remembers a value as the latest of its patient and metric.
func (h *hub) setValue(v *watch.Value) {
	if v.Patient == "" {
		return
	}
	key := valueKey{v.Patient, v.Metric}
	if _, ok := h.values[key]; !ok {
		h.metrics[v.Patient] = append(h.metrics[v.Patient], v.Metric)
	}
	h.values[key] = valueEntry{h.seq, *v}
}

// flush applies what has come and sends it. It reports whether places changed.
func (h *hub) flush(ctx context.Context) (changed bool) {
	h.inbox.Lock()
	updates := h.inbox.updates
	h.inbox.updates = nil
	h.inbox.Unlock()
	for _, u := range updates {
		changed = changed || u.Changed
		h.learn(ctx, u.Alarms)
	}
	if changed {
		h.replace(ctx) // first: what came with it is of those who lie there now
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	// Alarms, values and states get a number each: a page that saw the first
	// message and lost the next must come back with a number between. Alarms are
	// first: a slow line brings them before all else.
	alarms, values, states := h.seq, h.seq, h.seq
	if len(updates) > 0 {
		alarms, values, states = h.seq+1, h.seq+2, h.seq+3
	}
	h.seq = alarms
	h.applyAlarms(updates)
	h.flushAlarms(alarms, vital.At(h.now()))
	h.seq = values
	for _, u := range updates {
		h.applyValues(u)
	}
	h.seq = states
	for _, u := range updates {
		h.applyStates(u)
	}
	now, sendWaves := h.now(), time.Since(h.wavesSent) >= wavesEvery
	if sendWaves {
		h.wavesSent = time.Now()
	}
	h.wavesWait = false
	for _, g := range h.groups {
		g.flush(values, states, now, sendWaves)
		h.wavesWait = h.wavesWait || g.blocks > 0
	}
	return changed
}

func (h *hub) waiting() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wavesWait
}

func (h *hub) applyValues(u *watch.Update) {
	for i := range u.Values {
		v := &u.Values[i]
		h.setValue(v)
		for _, g := range h.byPatient[v.Patient] {
			if g.shows(v.Patient, vital.DataOf(v.Metric)) {
				g.values = append(g.values, v)
			}
		}
	}
	for i := range u.Waves {
		for _, g := range h.byPatient[u.Waves[i].Patient] {
			if g.shows(u.Waves[i].Patient, vital.DataOf(u.Waves[i].Metric)) {
				g.wave(&u.Waves[i])
			}
		}
	}
}

func (h *hub) applyStates(u *watch.Update) {
	for _, w := range u.Watches {
		h.watches[w.Patient] = w
		h.changes = append(h.changes, watchChange{h.seq, w})
		for _, g := range h.byPatient[w.Patient] {
			if g.shows(w.Patient, vital.DataVitals) {
				g.watches = append(g.watches, w)
			}
		}
	}
	if extra := len(h.changes) - changesKept; extra > 0 {
		h.forgotten = h.changes[extra-1].seq
		h.changes = slices.Delete(h.changes, 0, extra)
	}
}

// replace reads again who lies where, and reports whether somebody moved.
func (h *hub) replace(ctx context.Context) (moved bool) {
	stays, err := h.places(ctx)
	if err != nil {
		h.log.Warn("reading who lies where for the live socket", "error", err.Error())
		return false // it is asked again; what was known stays
	}
	now := vital.At(h.now())
	wards := wardsOf(stays, now)
	beds := make(map[vital.PatientID]vital.BedID, len(stays))
	for _, a := range stays {
		if a.From <= now && (!a.To.Known() || a.To > now) {
			beds[a.Patient] = a.Bed
		}
	}
	if !h.settleAll(wards, beds) {
		return false
	}
	h.reconsider(ctx)
	return true
}

// settleAll takes over who lies where, and reports whether that is news.
func (h *hub) settleAll(wards map[vital.PatientID]vital.WardID, beds map[vital.PatientID]vital.BedID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.alarms.moved(wards) && maps.Equal(beds, h.beds) {
		return false
	}
	h.beds = beds
	for _, g := range h.groups {
		h.settle(g)
	}
	h.index()
	h.alarmsMoved()
	return true
}

// tell tells every page to fetch its ward again.
func (h *hub) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	h.changedAt = h.seq
	for _, g := range h.groups {
		g.changed(h.seq)
	}
}

// settle works out which patients a group watches now.
func (h *hub) settle(g *group) {
	g.patients = make(map[vital.PatientID]vital.BedID)
	for patient, bed := range h.beds {
		if _, ok := g.beds[bed]; ok {
			g.patients[patient] = bed
		}
	}
	if g.patient != "" {
		g.patients[g.patient] = h.beds[g.patient]
	}
}

func (h *hub) index() {
	h.watched.Store(int64(len(h.groups)))
	clear(h.byPatient)
	for _, g := range h.groups {
		for p := range g.patients {
			h.byPatient[p] = append(h.byPatient[p], g)
		}
	}
}

// beat says something on sockets that would otherwise be silent.
func (h *hub) beat() {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		if now.Sub(g.spoke) >= beatEvery {
			g.send(closeMessage(openMessage(nil, "values", h.seq, vital.At(now))), h.seq, now)
		}
	}
	for _, g := range h.alarms.groups {
		for s := range g.members {
			if s.group == nil {
				s.push(closeMessage(openMessage(nil, "values", h.seq, vital.At(now))), h.seq)
			}
		}
	}
}

// join puts the socket into the group that watches the same, and sends what it
// needs to begin: everything after resume, or the snapshot of beds.
func (h *hub) join(s *socket, w wanted, resume uint64, beds []Bed, rows store.Rows, seen map[vital.PatientID]vital.DataSet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.part(s)
	fresh := newGroup("", w)
	h.settle(fresh)
	fresh.seen, fresh.hidden = seen, hiddenKey(seen, fresh.ids())
	fresh.key = w.key() + "|" + fresh.hidden
	g := h.groups[fresh.key]
	if g == nil {
		g = fresh
		h.groups[g.key] = g
		h.index()
	}
	s.group, s.rows = g, rows
	if resume > 0 && resume >= h.forgotten && resume <= h.seq {
		s.restart(resume)
		h.since(s, resume)
	} else {
		s.restart(0)
		h.snapshot(s, beds)
	}
	h.alarmsSince(s, h.seq) // what waited in the queue went with it
	g.members[s] = struct{}{}
	g.spoke = time.Time{}
}

// leave takes the socket out of its groups.
func (h *hub) leave(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.part(s)
	h.partAlarms(s)
}

func (h *hub) part(s *socket) {
	g := s.group
	if g == nil {
		return
	}
	s.group = nil
	delete(g.members, s)
	if len(g.members) == 0 {
		delete(h.groups, g.key)
		h.index()
	}
}

// snapshot sends the beds with their latest values, and the values of who has no bed.
func (h *hub) snapshot(s *socket, beds []Bed) {
	now := vital.At(h.now())
	for i := range beds {
		b := &beds[i]
		b.Latest, b.Watched, b.Alarms = []Value{}, nil, []Alarm{}
		if b.Patient == nil {
			continue
		}
		if s.group.shows(b.Patient.ID, vital.DataAlarms) {
			b.Alarms = h.alarmsIn(b)
		}
		for _, metric := range h.metrics[b.Patient.ID] {
			if !s.group.shows(b.Patient.ID, vital.DataOf(metric)) {
				continue
			}
			b.Latest = append(b.Latest, valueOf(h.values[valueKey{b.Patient.ID, metric}].value, b.ID))
		}
		slices.SortFunc(b.Latest, func(x, y Value) int { return strings.Compare(x.Metric, y.Metric) })
		if w, ok := h.watches[b.Patient.ID]; ok && s.group.shows(b.Patient.ID, vital.DataVitals) {
			v := watchedOf(w, b.ID)
			b.Watched = &v
		}
	}
	s.bring(outgoing{data: message(struct {
		Type string `json:"type"`
		Seq  uint64 `json:"seq"`
		Now  int64  `json:"now"`
		Beds []Bed  `json:"beds"`
	}{"snapshot", h.seq, int64(now), full(beds)}), seq: h.seq})
	s.group.announceTo(s)
	p := s.group.patient
	if p != "" && !slices.ContainsFunc(beds, func(b Bed) bool { return b.Patient != nil && b.Patient.ID == p }) {
		h.since(s, 0)
	}
}
