package webd

import (
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// This file is how a reader that fell behind, or came back, gets what is newer
// than what it has seen.

// catchUp brings a reader that fell behind up to now; the caller is its writer.
func (h *hub) catchUp(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	from := s.resumeFrom()
	if s.group == nil {
		h.alarmsSince(s, h.seq)
		return
	}
	h.alarmsSince(s, from)
	h.since(s, from)
}

// since sends everything newer than from: what channels mean, values, states,
// and that places changed. Only the last message carries the newest number, so
// that a page which loses one of them asks again from where it was.
func (h *hub) since(s *socket, from uint64) {
	g, now := s.group, vital.At(h.now())
	g.announceTo(s)
	states, changed := h.statesSince(g, from), h.changedAt > from
	label := func(last bool) uint64 {
		if last {
			return h.seq
		}
		return from
	}
	seq := label(len(states) == 0 && !changed)
	s.bring(outgoing{data: h.valuesSince(g, from, seq, now), seq: seq})
	if len(states) > 0 {
		seq = label(!changed)
		s.bring(outgoing{data: watchedMessage(seq, now, states), seq: seq})
	}
	if changed {
		s.bring(outgoing{data: changedMessage(h.seq), seq: h.seq})
	}
}

func (h *hub) valuesSince(g *group, from, seq uint64, now vital.Instant) []byte {
	b, n := openMessage(nil, "values", seq, now), 0
	for patient, bed := range g.patients {
		for _, metric := range h.metrics[patient] {
			e := h.values[valueKey{patient, metric}]
			if e.seq <= from || !g.shows(patient, vital.DataOf(metric)) {
				continue
			}
			if n > 0 {
				b = append(b, ',')
			}
			b, n = appendValue(b, &e.value, bed), n+1
		}
	}
	return closeMessage(b)
}

// statesSince is every change of the watched states after from; where not every
// one is kept any more, how they stand now.
func (h *hub) statesSince(g *group, from uint64) []Watched {
	var states []Watched
	if from < h.forgotten {
		for patient, bed := range g.patients {
			if w, ok := h.watches[patient]; ok && g.shows(patient, vital.DataVitals) {
				states = append(states, watchedOf(w, bed))
			}
		}
		return states
	}
	at, _ := slices.BinarySearchFunc(h.changes, from+1, func(c watchChange, seq uint64) int {
		if c.seq < seq {
			return -1
		}
		return 1
	})
	for _, c := range h.changes[at:] {
		if bed, ok := g.patients[c.watch.Patient]; ok && g.shows(c.watch.Patient, vital.DataVitals) {
			states = append(states, watchedOf(c.watch, bed))
		}
	}
	return states
}
