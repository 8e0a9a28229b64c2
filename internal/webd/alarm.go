package webd

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// AlarmView is an alarm with everything that happened to it and whom it was told.
type AlarmView struct {
	Alarm      Alarm       `json:"alarm"`
	Deeds      []AlarmDeed `json:"deeds"`
	Deliveries []Delivery  `json:"deliveries"`
}

// Off is a condition of a patient that raises nothing for a while.
type Off struct {
	Rule  string `json:"rule"`
	Part  string `json:"part"`
	By    string `json:"by"`
	Name  string `json:"name"`
	Why   string `json:"why"`
	At    int64  `json:"at"`
	Until int64  `json:"until"`
}

// alarmBody goes with what is asked of an alarm. Minutes are of pause, snooze and
// off, To of hand-over.
type alarmBody struct {
	Why     string       `json:"why,omitempty"`
	To      vital.UserID `json:"to,omitempty"`
	Minutes int          `json:"minutes,omitempty"`
}

// conditionBody names a condition, with or without an alarm.
type conditionBody struct {
	Rule string `json:"rule"`
	Part string `json:"part,omitempty"`
	Why  string `json:"why,omitempty"`
}

const (
	mostReason  = 400
	mostSilence = 24 * 60 // minutes; a ward may allow less, and then it is shortened
)

var alarmQuery = []parameter{
	{"ward", "only of this ward"}, {"patient", "only of this patient"}, {"state", "open, closed or all; open when left out"},
	{"from", "raised from then on, RFC 3339 or ms since 1970"}, {"to", "raised before"}, {"technical", "true or false: only those"},
	{"before", "next of the answer before"}, {"limit", "at most, 200"},
}

// alarms lists alarms: the open ones from memory, as they are this moment and
// highest first; others from the store, newest first.
func (s *Server) alarms(c *call) error {
	query := c.r.URL.Query()
	f := store.AlarmFilter{Patient: vital.PatientID(query.Get("patient")), Ward: vital.WardID(query.Get("ward"))}
	subject := auth.Subject{Kind: "alarms", Ward: f.Ward, Patient: f.Patient}
	switch {
	case f.Patient != "" && f.Patient != store.SitePatient:
		subject.Kind, subject.ID = "patient", string(f.Patient)
	case f.Ward != "":
		subject.Kind, subject.ID = "ward", string(f.Ward)
	}
	subject.Data = vital.DataAlarms
	asked := subject
	if f.Patient == store.SitePatient {
		asked.Patient = "" // it is in no ward and nobody's data
	}
	if err := s.gate.Allow(c.ctx(), c.principal, c.action, asked); err != nil {
		return err
	}
	s.noteView(c.ctx(), c.principal, c.action, asked)
	state := cmp.Or(query.Get("state"), "open")
	open, closed := state == "open", state == "closed"
	if !open && !closed && state != "all" {
		return invalid("state", "state %q: want open, closed or all", state)
	}
	var err error
	if f.From, err = instantOf(c.r, "from", 0); err != nil {
		return err
	}
	if f.To, err = instantOf(c.r, "to", 0); err != nil {
		return err
	}
	if f.Technical, err = choiceOf(c.r, "technical"); err != nil {
		return err
	}
	if f.Before, err = alarmMark(query.Get("before")); err != nil {
		return err
	}
	if f.Limit, err = numberOf(c.r, "limit", 200, 1, 1000); err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	where, err := s.spots(c.ctx())
	if err != nil {
		return err
	}
	if open {
		views, err := s.openAlarms(c, f, where, names)
		if err != nil {
			return err
		}
		return c.json(listOf(views))
	}
	if closed {
		f.Open = new(bool)
	}
	f.Limit++ // one more tells whether there is more
	found, err := s.store.Alarms(c.ctx(), c.rows, f)
	if err != nil {
		return err
	}
	var answer List[Alarm]
	if len(found) == f.Limit {
		found = found[:f.Limit-1]
		last := found[len(found)-1]
		answer.Next = strconv.FormatInt(int64(last.Raised), 10) + "." + last.ID
	}
	answer.Items = make([]Alarm, len(found))
	for i := range found {
		answer.Items[i] = rowView(&found[i], where, names, s.inForce())
	}
	return c.json(answer)
}

// openAlarms are the open alarms of those who lie in the caller's wards now, and
// those of the installation; of one patient, wherever.
func (s *Server) openAlarms(c *call, f store.AlarmFilter, where map[vital.PatientID]spot, n names) ([]Alarm, error) {
	placed := make(map[vital.PatientID]vital.WardID, len(where))
	for p, at := range where {
		placed[p] = at.ward
	}
	mine, err := s.sightOf(c.ctx(), c.rows, f.Ward, placed)
	if err != nil {
		return nil, err
	}
	var patients []vital.PatientID
	if f.Patient != "" {
		patients = []vital.PatientID{f.Patient}
	}
	open := s.judged.Alarms(c.ctx(), store.Everything(s.site), patients)
	highestFirst(open)
	views, set := make([]Alarm, 0, len(open)), s.inForce()
	for i := range open {
		a := &open[i]
		switch {
		case f.Patient != "" && a.Patient != f.Patient,
			f.Patient == "" && !mine.sees(a.Patient, where[a.Patient].ward),
			f.Technical != nil && a.Technical != *f.Technical,
			f.From != 0 && a.Raised < f.From, f.To != 0 && a.Raised >= f.To:
			continue
		}
		views = append(views, alarmView(a, where[a.Patient], n, set))
	}
	return views, nil
}

func rowView(a *store.AlarmRow, where map[vital.PatientID]spot, n names, set *rule.Set) Alarm {
	at := spot{a.Bed, a.Ward}
	if a.Closed == 0 {
		at = where[a.Patient]
	}
	return alarmView(&a.Alarm, at, n, set)
}

// alarmMark reads a place in the order of alarms: "<raised ms>.<id>".
func alarmMark(text string) (store.AlarmMark, error) {
	if text == "" {
		return store.AlarmMark{}, nil
	}
	at, id, ok := strings.Cut(text, ".")
	ms, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || ms <= 0 {
		return store.AlarmMark{}, invalid("before", "before: want the next of an earlier answer")
	}
	return store.AlarmMark{Raised: vital.Instant(ms), ID: id}, nil
}

// alarmOf is the alarm that the path names, if the caller may do this to it. One
// that is not there and one that may not be seen are the same answer.
func (s *Server) alarmOf(c *call) (store.AlarmRow, error) {
	id := c.r.PathValue("alarm")
	a, err := s.store.Alarm(c.ctx(), store.Everything(s.site), id)
	if err != nil {
		return a, err
	}
	subject := auth.Subject{Kind: "alarm", ID: id, Patient: a.Patient, Data: vital.DataAlarms}
	if a.Patient == store.SitePatient {
		_, err = s.store.Alarm(c.ctx(), c.rows, id)
		subject.Patient = ""
	} else {
		err = s.gate.Allow(c.ctx(), c.principal, c.action, subject)
	}
	if err != nil && vital.KindOf(err) == vital.NotFound {
		err = vital.Errorf(vital.NotFound, "alarm %s: not found", id)
	}
	return a, err
}

func (s *Server) alarm(c *call) error {
	row, err := s.alarmOf(c)
	if err != nil {
		return err
	}
	s.noteView(c.ctx(), c.principal, c.action, auth.Subject{Kind: "alarm", ID: row.ID, Patient: ofPatient(row.Patient)})
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	deeds, err := s.store.AlarmDeeds(c.ctx(), c.rows, row.ID)
	if err != nil {
		return err
	}
	deliveries, err := s.store.DeliveriesOf(c.ctx(), c.rows, row.ID)
	if err != nil {
		return err
	}
	view := AlarmView{Deeds: make([]AlarmDeed, len(deeds)), Deliveries: make([]Delivery, len(deliveries))}
	for i, d := range deeds {
		view.Deeds[i] = deedView(d, names, &row.Alarm, s.inForce())
	}
	for i, d := range deliveries {
		view.Deliveries[i] = deliveryView(d, names)
	}
	if view.Alarm, err = s.newestOf(c.ctx(), row, names); err != nil {
		return err
	}
	return c.json(view)
}

// newestOf is the alarm as it is now: from memory, else as it was closed.
func (s *Server) newestOf(ctx context.Context, row store.AlarmRow, n names) (Alarm, error) {
	where, err := s.spots(ctx)
	if err != nil {
		return Alarm{}, err
	}
	for _, a := range s.judged.Alarms(ctx, store.Everything(s.site), []vital.PatientID{row.Patient}) {
		if a.ID == row.ID {
			row.Alarm = a
			return rowView(&row, where, n, s.inForce()), nil
		}
	}
	if row, err = s.store.Alarm(ctx, store.Everything(s.site), row.ID); err != nil {
		return Alarm{}, err
	}
	return rowView(&row, where, n, s.inForce()), nil
}

var alarmVerbs = []alarm.Verb{
	alarm.Acknowledge, alarm.Accept, alarm.Decline, alarm.HandOver, alarm.Pause, alarm.Resume, alarm.Snooze,
	alarm.SwitchOff, alarm.SwitchOn, alarm.Escalate,
}

// actOnAlarm does what somebody asks of one alarm, and answers it as it is then.
func (s *Server) actOnAlarm(c *call) error {
	row, err := s.alarmOf(c)
	if err != nil {
		return err
	}
	verb := alarm.Verb(c.r.PathValue("verb"))
	if !slices.Contains(alarmVerbs, verb) {
		return vital.Errorf(vital.NotFound, "nothing can be done to an alarm that is called %.40q", verb)
	}
	command, err := s.commandOf(c, verb, row)
	if err != nil {
		return err
	}
	if row.Closed != 0 {
		if verb != alarm.SwitchOn {
			return vital.Errorf(vital.Conflict, "the alarm is over since %s", row.Closed)
		}
		// What is switched off stays so when its alarm is over: it is the condition
		// that is switched on again.
		command.Alarm, command.Rule, command.Part = "", row.Rule, row.Part
	}
	if err := s.command(c, command); err != nil {
		return s.overMeanwhile(c.ctx(), row, err)
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	view, err := s.newestOf(c.ctx(), row, names)
	if err != nil {
		return err
	}
	return c.json(view)
}

// overMeanwhile tells a command that was refused because the alarm ended on the
// way from one that may not be.
func (s *Server) overMeanwhile(ctx context.Context, row store.AlarmRow, refused error) error {
	if row.Closed != 0 || vital.KindOf(refused) != vital.Precondition {
		return refused
	}
	now, err := s.store.Alarm(ctx, store.Everything(s.site), row.ID)
	if err == nil && now.Closed != 0 {
		return vital.Errorf(vital.Conflict, "the alarm is over since %s", now.Closed)
	}
	return refused
}

// commandOf reads what is asked of an alarm. What a ward allows is decided where
// the alarm is; here only what cannot be meant is refused.
func (s *Server) commandOf(c *call, verb alarm.Verb, row store.AlarmRow) (alarm.Command, error) {
	var body alarmBody
	if c.r.ContentLength != 0 {
		if err := c.body(&body); err != nil {
			return alarm.Command{}, err
		}
	}
	now := vital.At(s.now())
	command := alarm.Command{Patient: row.Patient, Verb: verb, Alarm: row.ID, By: c.principal.ID, Why: strings.TrimSpace(body.Why), At: now}
	if len(command.Why) > mostReason {
		return command, invalid("why", "why: at most %d characters", mostReason)
	}
	silences := verb == alarm.Pause || verb == alarm.Snooze || verb == alarm.SwitchOff
	switch {
	case body.To != "" && verb != alarm.HandOver:
		return command, invalid("to", "to: only a hand-over names a person")
	case body.Minutes != 0 && !silences:
		return command, invalid("minutes", "minutes: this lasts no time")
	case body.Minutes < 0 || body.Minutes > mostSilence:
		return command, invalid("minutes", "minutes: want 1 to %d", mostSilence)
	case verb == alarm.SwitchOff && body.Minutes == 0:
		return command, invalid("minutes", "minutes: say for how long it is switched off, 1 to %d", mostSilence)
	case verb == alarm.SwitchOff && command.Why == "":
		return command, invalid("why", "why: say why it is switched off")
	case verb == alarm.HandOver:
		command.To = string(body.To)
		return command, s.mayTakeOver(c.ctx(), body.To, row)
	}
	if body.Minutes > 0 {
		command.Until = now.Add(time.Duration(body.Minutes) * time.Minute)
	}
	return command, nil
}

// mayTakeOver checks that somebody can be given the alarm: a person who may act on
// the alarms of this patient.
func (s *Server) mayTakeOver(ctx context.Context, id vital.UserID, row store.AlarmRow) error {
	if id == "" {
		return invalid("to", "to: say to whom")
	}
	users, err := s.store.Users(ctx, s.site)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(users, func(u store.User) bool { return u.ID == id && u.State == auth.UserActive })
	if i < 0 {
		return inField("to", vital.Errorf(vital.NotFound, "user %s: not found", id))
	}
	u := users[i]
	p := principalOf(u)
	scope := auth.ScopeOf(p, auth.AlarmAct)
	if scope == auth.Nowhere {
		return invalid("to", "to: %s does not act on alarms", u.Name)
	}
	if row.Patient == store.SitePatient || scope == auth.Anywhere {
		return nil
	}
	if _, err := s.store.Patient(ctx, s.gate.RowsFor(p, auth.AlarmAct), row.Patient); err != nil {
		if vital.KindOf(err) == vital.NotFound {
			return invalid("to", "to: %s does not work on the patient's ward", u.Name)
		}
		return err
	}
	return nil
}

// command keeps a command with its line in the ledger and waits until it was
// carried out. One that was refused is an error in the words of the refusal.
func (s *Server) command(c *call, command alarm.Command) error {
	entry := s.entry(c, "", command.Why)
	entry.Action = "alarm." + string(command.Verb)
	id, err := s.store.CommandAlarm(c.ctx(), entry, command)
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	deeds, err := s.store.DeedsOfCommand(c.ctx(), store.Everything(s.site), id)
	if err != nil {
		return err
	}
	var refused string
	for _, d := range deeds {
		if d.Kind != alarm.Refused {
			return nil
		}
		refused = d.Why
	}
	if refused == "" {
		return nil
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	return vital.Errorf(vital.Precondition, "%s", names.inText(refused))
}

// actOnPatient pauses or resumes the sound of every open alarm of a patient.
func (s *Server) pausePatient(c *call) error  { return s.actOnPatient(c, alarm.Pause) }
func (s *Server) resumePatient(c *call) error { return s.actOnPatient(c, alarm.Resume) }

func (s *Server) actOnPatient(c *call, verb alarm.Verb) error {
	command, err := s.commandOf(c, verb, store.AlarmRow{Alarm: alarm.Alarm{Patient: c.patient()}})
	if err != nil {
		return err
	}
	if err := s.command(c, command); err != nil {
		return err
	}
	return s.patientAlarms(c)
}

func (s *Server) patientAlarms(c *call) error {
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	where, err := s.spots(c.ctx())
	if err != nil {
		return err
	}
	views, err := s.openAlarms(c, store.AlarmFilter{Patient: c.patient()}, where, names)
	if err != nil {
		return err
	}
	return c.json(listOf(views))
}

// switchedOff lists what raises nothing for a patient, with who wanted that.
func (s *Server) switchedOff(c *call) error {
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	offs := s.judged.Offs(c.patient())
	if sees, err := s.sees(c, vital.DataAlarms); err != nil {
		return err
	} else if !sees {
		offs = nil
	}
	views := make([]Off, len(offs))
	for i, o := range offs {
		views[i] = Off{Rule: o.Rule, Part: o.Part, By: o.By, Name: names.of(o.By), Why: o.Why, At: int64(o.At), Until: int64(o.Until)}
	}
	return c.json(listOf(views))
}

// switchOn ends that a condition of a patient raises nothing.
func (s *Server) switchOn(c *call) error {
	var body conditionBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Rule == "" || len(body.Why) > mostReason {
		return invalid("rule", "rule: say which condition")
	}
	err := s.command(c, alarm.Command{
		Patient: c.patient(), Verb: alarm.SwitchOn, Rule: body.Rule, Part: body.Part, By: c.principal.ID, Why: strings.TrimSpace(body.Why), At: vital.At(s.now()),
	})
	if err != nil {
		return err
	}
	return s.switchedOff(c)
}

// ofPatient is the patient whom a line of the ledger is about: the installation
// is none.
func ofPatient(p vital.PatientID) vital.PatientID {
	if p == store.SitePatient {
		return ""
	}
	return p
}
