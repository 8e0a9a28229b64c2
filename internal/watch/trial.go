package watch

import (
	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Episode is one alarm of a trial.
type Episode struct {
	Rule, Part, Title, Text string
	Priority                vital.Priority // the highest it was
	Technical               bool
	Raised, Closed          vital.Instant // Closed 0: it lasted to the end
}

// Trial judges what was measured of one patient once more, by other rules or
// limits, without anybody being told. It is the board itself that judges, so a
// trial of what is in force raises what was raised.
//
// What a trial leaves out: what people did then, and silence, which no rule or
// limit changes. A latching alarm ends with its condition.
type Trial struct {
	board    *Board
	patient  vital.PatientID
	next     vital.Instant // tick
	open     map[string]int
	episodes []Episode
	commands int64
}

// NewTrial begins a trial at a time, of a patient of whom that is known.
func NewTrial(set *rule.Set, about About, patient vital.PatientID, from vital.Instant) *Trial {
	t := &Trial{board: NewBoard(set), patient: patient, next: from - from%TickEvery + TickEvery, open: map[string]int{}}
	t.board.Facts(Facts{Patient: patient, Present: true, About: about}, from)
	t.drain()
	return t
}

// Reading takes the next reading, in the order in which they were received.
func (t *Trial) Reading(r vital.Reading) {
	t.pass(r.Clocks.Receive)
	r.Patient = t.patient
	t.board.Reading(r)
	t.drain()
}

// Event takes the next event.
func (t *Trial) Event(e vital.Event) {
	t.pass(e.Clocks.Receive)
	e.Patient = t.patient
	t.board.Event(e)
	t.drain()
}

// End lets time pass to the end and returns every alarm there was.
func (t *Trial) End(to vital.Instant) []Episode {
	t.pass(to)
	return t.episodes
}

func (t *Trial) pass(to vital.Instant) {
	for ; t.next <= to; t.next += TickEvery {
		t.board.Tick(t.next, 0)
		t.drain()
	}
}

func (t *Trial) drain() {
	b := t.board
	b.derived, b.gaps = nil, nil
	clear(b.changed)
	clear(b.moved)
	for len(b.effects) > 0 {
		effects := b.effects
		b.effects = nil
		for _, e := range effects {
			t.note(e)
		}
	}
}

func (t *Trial) note(e alarm.Effect) {
	a := e.Alarm
	i, known := t.open[a.ID]
	if !known {
		if e.Kind != alarm.Raised {
			return
		}
		i = len(t.episodes)
		t.open[a.ID] = i
		t.episodes = append(t.episodes, Episode{Rule: a.Rule, Part: a.Part, Title: a.Title, Text: a.Text, Technical: a.Technical, Raised: a.Raised})
	}
	at := &t.episodes[i]
	if a.Peak > at.Priority {
		at.Priority, at.Text = a.Peak, a.Text
	}
	switch e.Kind {
	case alarm.Closed:
		at.Closed = e.At
		delete(t.open, a.ID)
	case alarm.Gone: // nobody is there to see it
		t.commands++
		t.board.Command(alarm.Command{ID: t.commands, Patient: t.patient, Verb: alarm.Acknowledge, Alarm: a.ID, By: "trial", At: e.At})
	}
}
