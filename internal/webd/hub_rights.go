package webd

import (
	"context"
	"maps"
	"slices"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// This file is how a change of what somebody may see reaches open screens. What a
// group shows was worked out when its members joined; it is worked out again when
// patients lie elsewhere, and within a second of a change of a relation, a
// consent or a broken glass. A reader of whom something else is hidden then than
// before is taken out of the group and has to connect again.

// judge knows who may see what; nil functions: everybody everything.
type judge struct {
	epoch   func(ctx context.Context) (uint64, error) // another number when somebody may see more or less
	seen    func(ctx context.Context, rows store.Rows, placed map[vital.PatientID]vital.WardID, patients []vital.PatientID) (map[vital.PatientID]vital.DataSet, error)
	resight func(ctx context.Context, v *sight, placed map[vital.PatientID]vital.WardID) error

	last uint64 // of the hub's goroutine alone
}

// ids are the patients whom a group watches.
func (g *group) ids() []vital.PatientID { return slices.Sorted(maps.Keys(g.patients)) }

// placed is in which ward everybody lies.
func (h *hub) placed() map[vital.PatientID]vital.WardID {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.alarms.wards)
}

// patientsIn is whom a group that wants this would watch now.
func (h *hub) patientsIn(w wanted) []vital.PatientID {
	g := newGroup("", w)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settle(g)
	return g.ids()
}

// heedRights works out again what is shown when somebody's rights have changed.
func (h *hub) heedRights(ctx context.Context) {
	if h.judge.epoch == nil {
		return
	}
	epoch, err := h.judge.epoch(ctx)
	if err != nil {
		h.log.Warn("asking whether somebody may see more or less", "error", err.Error())
		return
	}
	if epoch != h.judge.last {
		h.judge.last = epoch
		h.reconsider(ctx)
	}
}

// onlooker is the members of a group for whom the same is hidden.
type onlooker struct {
	group    *group
	patients []vital.PatientID
	rows     store.Rows
	members  []*socket
	seen     map[vital.PatientID]vital.DataSet
}

// reconsider works out what every group shows, and every sight of alarms.
func (h *hub) reconsider(ctx context.Context) {
	if h.judge.seen == nil {
		return
	}
	lookers, sights, placed := h.onlookers()
	for i := range lookers {
		l := &lookers[i]
		seen, err := h.judge.seen(ctx, l.rows, placed, l.patients)
		if err != nil {
			h.log.Error("working out who may see what; nothing is shown until it is known", "error", err.Error())
		}
		l.seen = seen
	}
	news := make(map[*alarmGroup]sight, len(sights))
	for g, v := range sights {
		if err := h.judge.resight(ctx, &v, placed); err != nil {
			h.log.Error("working out who may see which alarms", "error", err.Error())
			continue
		}
		news[g] = v
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range lookers {
		h.show(l)
	}
	for g, v := range news {
		if h.alarms.groups[g.key] != g || v.certain == g.sight.certain && maps.Equal(v.seen, g.sight.seen) {
			continue
		}
		g.sight = v
		data := alarmsMessage(h.seq, vital.At(h.now()), true, h.openFor(v))
		for s := range g.members {
			s.pushAlarms(data, h.seq, h.seq)
		}
	}
}

// onlookers are whom to ask about: one for each caller in each group.
func (h *hub) onlookers() (lookers []onlooker, sights map[*alarmGroup]sight, placed map[vital.PatientID]vital.WardID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		by := make(map[string]int)
		for s := range g.members {
			key := ""
			if s.rows.For != nil {
				key = string(s.rows.For.User)
			}
			at, ok := by[key]
			if !ok {
				at = len(lookers)
				by[key] = at
				lookers = append(lookers, onlooker{group: g, patients: g.ids(), rows: s.rows})
			}
			lookers[at].members = append(lookers[at].members, s)
		}
	}
	sights = make(map[*alarmGroup]sight, len(h.alarms.groups))
	for _, g := range h.alarms.groups {
		sights[g] = g.sight
	}
	return lookers, sights, maps.Clone(h.alarms.wards)
}

// show takes over what was worked out. Who is to see something else than the rest
// of the group leaves it at once.
func (h *hub) show(l onlooker) {
	if hiddenKey(l.seen, l.patients) == l.group.hidden {
		l.group.seen = l.seen
		return
	}
	for _, s := range l.members {
		if s.group != l.group {
			continue // it watches something else meanwhile
		}
		h.part(s)
		select {
		case s.gone <- struct{}{}:
		default:
		}
	}
}
