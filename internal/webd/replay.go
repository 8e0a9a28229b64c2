package webd

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Trials judges the past by other rules.
type Trials interface {
	Try(ctx context.Context, rows store.Rows, t flow.Trial) ([]flow.Trialled, error)
}

// replayBody says what to try. Without files the rules in force are tried with
// other limits; a limit without both bounds is taken away.
type replayBody struct {
	From   vital.Instant `json:"from"`
	To     vital.Instant `json:"to"`
	Limits []tryLimit    `json:"limits,omitempty"`
	Files  []RuleFile    `json:"files,omitempty"`
}

type tryLimit struct {
	Metric string         `json:"metric"`
	Unit   string         `json:"unit"`
	Low    *vital.Decimal `json:"low,omitempty"`
	High   *vital.Decimal `json:"high,omitempty"`
}

// Replay compares the alarms of the present setting with those of the trial.
type Replay struct {
	From     vital.Instant  `json:"from"`
	To       vital.Instant  `json:"to"`
	Patients int            `json:"patients"`
	BedDays  float64        `json:"bedDays"`
	Readings int            `json:"readings"`
	Before   Tally          `json:"before"`
	After    Tally          `json:"after"`
	Counts   ReplayCounts   `json:"counts"`
	Changes  []ReplayChange `json:"changes"` // at most mostChanges, the missed ones first
}

// ReplayCounts is how many alarms stayed the same and how many changed, by kind.
type ReplayCounts struct {
	Same     int `json:"same"`
	Missed   int `json:"missed"`
	Later    int `json:"later"`
	Milder   int `json:"milder"`
	New      int `json:"new"`
	Earlier  int `json:"earlier"`
	Stronger int `json:"stronger"`
}

func (n *ReplayCounts) add(kind string) {
	switch kind {
	case "missed":
		n.Missed++
	case "later":
		n.Later++
	case "milder":
		n.Milder++
	case "new":
		n.New++
	case "earlier":
		n.Earlier++
	case "stronger":
		n.Stronger++
	}
}

// Tally is how many alarms there were.
type Tally struct {
	Alarms     int         `json:"alarms"`
	PerBedDay  float64     `json:"perBedDay"`
	ByPriority Priorities  `json:"byPriority"`
	ByRule     []RuleTally `json:"byRule"`
}

// RuleTally is how many alarms one rule raised and how long they lasted.
type RuleTally struct {
	Rule      string            `json:"rule"`
	Title     string            `json:"title"`
	Titles    map[string]string `json:"titles,omitempty"` // in other languages
	Technical bool              `json:"technical"`
	Alarms    int               `json:"alarms"`
	Minutes   float64           `json:"minutes"`
}

// ReplayChange is an alarm that the trial raises at another time, with another
// priority, not at all, or alone. Times are ms since 1970.
type ReplayChange struct {
	Patient vital.PatientID   `json:"patient"`
	Rule    string            `json:"rule"`
	Title   string            `json:"title"`
	Titles  map[string]string `json:"titles,omitempty"` // in other languages
	Kind    string            `json:"kind"`             // missed, later, milder, new, earlier, stronger
	Seconds float64           `json:"seconds"`
	Was     *ReplayAlarm      `json:"was"`
	Is      *ReplayAlarm      `json:"is"`
}

// ReplayAlarm is one alarm of a trial; closed is 0 when it lasted to the end.
type ReplayAlarm struct {
	Raised   int64         `json:"raised"`
	Closed   int64         `json:"closed"`
	Priority alarmPriority `json:"priority"`
	Text     string        `json:"text"`
	Words    Words         `json:"words,omitempty"` // the text in other languages
}

const (
	mostReplay     = 14 * 24 * time.Hour // of one patient
	mostReplayWard = 72 * time.Hour      // of a whole ward
	replayTakes    = 60 * time.Second
	mostChanges    = 500
)

func (s *Server) replayPatient(c *call) error {
	return s.replay(c, []vital.PatientID{c.patient()}, mostReplay)
}

func (s *Server) replayWard(c *call) error {
	stays, err := s.store.Occupants(c.ctx(), c.rows, c.ward(), vital.At(s.now()))
	if err != nil {
		return err
	}
	var patients []vital.PatientID
	for _, a := range stays {
		patients = append(patients, a.Patient)
	}
	return s.replay(c, patients, mostReplayWard)
}

func (s *Server) replay(c *call, patients []vital.PatientID, most time.Duration) error {
	var body replayBody
	if err := c.body(&body); err != nil {
		return err
	}
	now := vital.At(s.now())
	if !body.To.Known() || body.To > now {
		body.To = now
	}
	if !body.From.Known() {
		body.From = body.To.Add(-24 * time.Hour)
	}
	if body.From >= body.To || body.To.Sub(body.From) > most {
		return invalid("from", "from: want a time before to, at most %d hours", int(most.Hours()))
	}
	trial := flow.Trial{Patients: patients, From: body.From, To: body.To}
	for _, l := range body.Limits {
		if m := vital.LookMetric(l.Metric); m == nil || m.Accepts(l.Unit) != nil {
			return invalid("limits", "limits: %q in %q cannot be limited", l.Metric, l.Unit)
		}
		trial.Limits = append(trial.Limits, rule.Limit{Metric: l.Metric, Unit: l.Unit, Low: l.Low, High: l.High})
	}
	if len(body.Files) > 0 {
		set, problems, err := loadRules(body.Files)
		if err != nil {
			return err
		}
		if set == nil {
			p := problems[0]
			return invalid("files", "%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
		}
		trial.Rules = set
	}
	ctx, stop := context.WithTimeout(c.ctx(), replayTakes)
	defer stop()
	tried, err := s.trials.Try(ctx, c.rows, trial)
	if err != nil {
		return err
	}
	return c.json(replayOf(body.From, body.To, tried).titled(s.inForce()))
}

// replayOf compares what was with what would have been.
func replayOf(from, to vital.Instant, tried []flow.Trialled) Replay {
	r := Replay{From: from, To: to, Patients: len(tried), Changes: []ReplayChange{}}
	var before, after []watch.Episode
	for _, t := range tried {
		r.Readings += t.Readings
		r.BedDays += t.To.Sub(t.From).Hours() / 24
		before, after = append(before, t.Before...), append(after, t.After...)
		r.compare(t, t.To)
	}
	r.Before, r.After = tally(before, to, r.BedDays), tally(after, to, r.BedDays)
	rank := []string{"missed", "later", "milder", "new", "earlier", "stronger"}
	slices.SortStableFunc(r.Changes, func(a, b ReplayChange) int {
		return cmp.Compare(slices.Index(rank, a.Kind), slices.Index(rank, b.Kind))
	})
	r.Changes = r.Changes[:min(len(r.Changes), mostChanges)]
	return r
}

// compare pairs the alarms of one patient: of the same condition, at the same
// time. One long alarm may stand for several short ones and the other way round;
// each is paired with the first that it overlaps.
func (r *Replay) compare(t flow.Trialled, to vital.Instant) {
	paired := map[int]bool{}
	for _, was := range t.Before {
		i := slices.IndexFunc(t.After, func(is watch.Episode) bool { return sameTime(was, is, to) })
		if i < 0 {
			r.change(t.Patient, "missed", &was, nil)
			continue
		}
		is, again := t.After[i], paired[i]
		paired[i] = true
		switch late := is.Raised.Sub(was.Raised); {
		case late > time.Second && !again:
			r.change(t.Patient, "later", &was, &is)
		case is.Priority < was.Priority:
			r.change(t.Patient, "milder", &was, &is)
		case late < -time.Second && !again:
			r.change(t.Patient, "earlier", &was, &is)
		case is.Priority > was.Priority && !again:
			r.change(t.Patient, "stronger", &was, &is)
		default:
			r.Counts.Same++
		}
	}
	for i, is := range t.After {
		if !paired[i] && !slices.ContainsFunc(t.Before, func(was watch.Episode) bool { return sameTime(was, is, to) }) {
			r.change(t.Patient, "new", nil, &is)
		}
	}
}

func sameTime(a, b watch.Episode, to vital.Instant) bool {
	return a.Rule == b.Rule && a.Part == b.Part && a.Raised <= orEnd(b.Closed, to) && b.Raised <= orEnd(a.Closed, to)
}

func orEnd(at, to vital.Instant) vital.Instant {
	if at == 0 {
		return to
	}
	return at
}

func (r *Replay) change(p vital.PatientID, kind string, was, is *watch.Episode) {
	r.Counts.add(kind)
	c := ReplayChange{Patient: p, Kind: kind, Was: replayAlarm(was), Is: replayAlarm(is)}
	for _, e := range []*watch.Episode{was, is} {
		if e != nil {
			c.Rule, c.Title = e.Rule, e.Title
		}
	}
	if was != nil && is != nil {
		c.Seconds = is.Raised.Sub(was.Raised).Seconds()
	}
	r.Changes = append(r.Changes, c)
}

func replayAlarm(e *watch.Episode) *ReplayAlarm {
	if e == nil {
		return nil
	}
	return &ReplayAlarm{Raised: int64(e.Raised), Closed: int64(e.Closed), Priority: alarmPriority(e.Priority.String()), Text: e.Text}
}

func tally(all []watch.Episode, to vital.Instant, bedDays float64) Tally {
	t := Tally{Alarms: len(all), ByRule: []RuleTally{}}
	if bedDays > 0 {
		t.PerBedDay = float64(len(all)) / bedDays
	}
	at := map[string]int{}
	for _, e := range all {
		t.ByPriority.add(e.Priority)
		i, ok := at[e.Rule]
		if !ok {
			i = len(t.ByRule)
			at[e.Rule] = i
			t.ByRule = append(t.ByRule, RuleTally{Rule: e.Rule, Title: e.Title, Technical: e.Technical})
		}
		t.ByRule[i].Alarms++
		t.ByRule[i].Minutes += orEnd(e.Closed, to).Sub(e.Raised).Minutes()
	}
	slices.SortFunc(t.ByRule, func(a, b RuleTally) int { return cmp.Or(cmp.Compare(b.Alarms, a.Alarms), cmp.Compare(a.Rule, b.Rule)) })
	return t
}
