package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// SitePatient stands where a patient would for what is wrong with the
// installation and not with a patient. Its alarms are technical, hold nothing
// about anybody, and are seen by everybody who sees a ward.
const SitePatient vital.PatientID = "site"

// AlarmRow is an alarm and where the patient lay when it was raised.
type AlarmRow struct {
	alarm.Alarm
	Ward vital.WardID `json:"ward"` // empty: the patient was in no bed, or there is none
	Bed  vital.BedID  `json:"bed"`
}

// AlarmDeed is one thing that happened to an alarm, or that somebody asked of a
// patient's alarms; then Alarm is empty.
type AlarmDeed struct {
	Alarm    string          `json:"alarm"`
	Patient  vital.PatientID `json:"patient"`
	N        int             `json:"n"` // among the deeds of the answer, from 1; filled on reading
	At       vital.Instant   `json:"at"`
	Kind     alarm.Kind      `json:"kind"`
	Verb     alarm.Verb      `json:"verb"`    // of done and refused
	Command  int64           `json:"command"` // of done and refused: the decision
	By       string          `json:"by"`
	Why      string          `json:"why"`
	Text     string          `json:"text"` // what the alarm said then
	Level    int             `json:"level"`
	Priority vital.Priority  `json:"priority"`
	DeedDetail
}

// DeedDetail is what of a deed is only shown, never asked for.
type DeedDetail struct {
	To       string           `json:"to,omitempty"`    // of hand-over
	Until    vital.Instant    `json:"until,omitempty"` // of pause, snooze and off
	Evidence []vital.Evidence `json:"evidence,omitempty"`
}

// DeedOf is the record of an effect; false: it is for screens only.
func DeedOf(e alarm.Effect) (AlarmDeed, bool) {
	if e.Kind == alarm.Updated {
		return AlarmDeed{}, false
	}
	a := e.Alarm
	d := AlarmDeed{Alarm: a.ID, Patient: a.Patient, At: e.At, Kind: e.Kind, Why: e.Why, Text: a.Text, Level: a.Level, Priority: a.Priority}
	switch e.Kind {
	case alarm.Raised, alarm.Worse, alarm.Better, alarm.Again, alarm.Gone, alarm.Found:
		d.Evidence = a.Evidence
	}
	if c := e.Command; c != nil {
		d.Patient, d.Verb, d.Command, d.By, d.To, d.Until = c.Patient, c.Verb, c.ID, c.By, c.To, c.Until
		if d.Why == "" {
			d.Why = c.Why
		}
	}
	return d, true
}

// putAlarms keeps how the alarms are now. Where the patient lay is taken from the
// stay at the moment the alarm was raised, and never changes.
func putAlarms(t *tx, b *Batch) error {
	if len(b.Alarms) == 0 {
		return nil
	}
	at := map[string]int{}
	var alarms []alarm.Alarm
	var patients []vital.PatientID
	for _, a := range b.Alarms {
		if i, ok := at[a.ID]; ok {
			alarms[i] = a
			continue
		}
		at[a.ID] = len(alarms)
		alarms = append(alarms, a)
		patients = append(patients, a.Patient)
	}
	stays, err := t.staysOf(b.Site, patients)
	if err != nil {
		return err
	}
	in := t.insert("INSERT INTO alarm (site, id, patient, ward, bed, rule, part, technical, priority, peak, raised, closed, changed, body)", 14,
		` ON CONFLICT (site, id) DO UPDATE SET priority = excluded.priority, peak = excluded.peak, closed = excluded.closed,
		changed = excluded.changed, body = excluded.body`)
	for _, a := range alarms {
		body, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("write alarm %s: %w", a.ID, err)
		}
		stay := stays.at(a.Patient, a.Raised)
		in.add(b.Site, a.ID, a.Patient, stay.Ward, stay.Bed, a.Rule, a.Part, a.Technical, a.Priority, a.Peak, a.Raised, a.Closed, a.Changed, string(body))
	}
	return in.done("alarms")
}

func putDeeds(t *tx, b *Batch) error {
	in := t.insert("INSERT INTO alarm_deed (site, alarm, patient, at, kind, verb, command, by_whom, why, text, level, priority, body)", 13, "")
	for _, d := range b.Deeds {
		body, err := json.Marshal(d.DeedDetail)
		if err != nil {
			return fmt.Errorf("write what happened to alarm %s: %w", d.Alarm, err)
		}
		in.add(b.Site, d.Alarm, d.Patient, d.At, string(d.Kind), string(d.Verb), d.Command, d.By, d.Why, d.Text, d.Level, d.Priority, string(body))
	}
	return in.done("what happened to alarms")
}

// stays is where some patients lay, by patient, newest first.
type stays map[vital.PatientID][]Admission

// staysOf reads the stays of patients inside the transaction.
func (t *tx) staysOf(site vital.Site, patients []vital.PatientID) (stays, error) {
	patients = slices.Clone(patients)
	slices.Sort(patients)
	found := stays{}
	for some := range slices.Chunk(slices.Compact(patients), 500) {
		q := in(ask("SELECT patient, ward, bed, from_ms, to_ms FROM admission WHERE site = ? AND patient ", site), some).add(" ORDER BY from_ms DESC, id")
		all, err := collect(t.ctx, t.sql, q, func(scan func(...any) error, a *Admission) error {
			return scan(&a.Patient, &a.Ward, &a.Bed, &a.From, &a.To)
		})
		if err != nil {
			return nil, fmt.Errorf("find where patients lay: %w", err)
		}
		for _, a := range all {
			found[a.Patient] = append(found[a.Patient], a)
		}
	}
	return found, nil
}

func (s stays) at(p vital.PatientID, at vital.Instant) Admission {
	for _, a := range s[p] {
		if a.From <= at && (a.To == 0 || a.To > at) {
			return a
		}
	}
	return Admission{}
}

// AlarmFilter narrows Alarms; zero fields do not narrow. Newest first.
type AlarmFilter struct {
	Patient   vital.PatientID
	Ward      vital.WardID  // in which it was raised
	Open      *bool         // nil: open and closed
	From, To  vital.Instant // raised in [From, To)
	Technical *bool
	Before    AlarmMark // what comes behind this one
	Limit     int       // 0: 200
}

// AlarmMark is a place in the order of alarms.
type AlarmMark struct {
	Raised vital.Instant
	ID     string
}

// seesAlarm adds the row filter for a column that holds the patient of an alarm:
// a patient's, as everything of the patient; the site's, whoever sees any ward.
func (q *query) seesAlarm(r Rows, column string) *query {
	if r.everything() {
		return q
	}
	q.add(" AND (").sees(r, column, kind(vital.DataAlarms))
	return q.when(r.All || len(r.Wards) > 0, " OR "+column+" = ?", SitePatient).add(")")
}

const selectAlarms = "SELECT a.body, a.ward, a.bed FROM alarm a WHERE a.site = ?"

func scanAlarm(scan func(...any) error, a *AlarmRow) error {
	return scan(jsonOf[alarm.Alarm]{&a.Alarm}, &a.Ward, &a.Bed)
}

// Alarms lists alarms; those of sentinels only when their ward or patient is asked for.
func (d *DB) Alarms(ctx context.Context, r Rows, f AlarmFilter) ([]AlarmRow, error) {
	q := ask(selectAlarms, r.Site).
		when(f.Patient != "", " AND a.patient = ?", f.Patient).
		when(f.Ward != "", " AND a.ward = ?", f.Ward).
		when(f.Patient == "" && f.Ward == "", " AND a.patient NOT LIKE '"+SentinelPrefix+"%'").
		when(f.Open != nil && *f.Open, " AND a.closed = 0").
		when(f.Open != nil && !*f.Open, " AND a.closed > 0").
		when(f.From != 0, " AND a.raised >= ?", f.From).
		when(f.To != 0, " AND a.raised < ?", f.To).
		when(f.Technical != nil, " AND a.technical = ?", f.Technical != nil && *f.Technical).
		when(f.Before.Raised != 0, " AND (a.raised < ? OR a.raised = ? AND a.id < ?)", f.Before.Raised, f.Before.Raised, f.Before.ID).
		seesAlarm(r, "a.patient").
		add(" ORDER BY a.raised DESC, a.id DESC LIMIT ?", atMost(f.Limit, 200))
	all, err := collect(ctx, d.read, q, scanAlarm)
	if err != nil {
		return nil, fmt.Errorf("list alarms: %w", err)
	}
	return all, nil
}

// Alarm returns one alarm as the last commit left it.
func (d *DB) Alarm(ctx context.Context, r Rows, id string) (AlarmRow, error) {
	return one(ctx, d.read, ask(selectAlarms, r.Site).add(" AND a.id = ?", id).seesAlarm(r, "a.patient"), "alarm "+id, scanAlarm)
}

const selectDeeds = `SELECT e.alarm, e.patient, e.at, e.kind, e.verb, e.command, e.by_whom, e.why, e.text, e.level, e.priority, e.body
	FROM alarm_deed e WHERE e.site = ?`

func scanDeed(scan func(...any) error, d *AlarmDeed) error {
	return scan(&d.Alarm, &d.Patient, &d.At, &d.Kind, &d.Verb, &d.Command, &d.By, &d.Why, &d.Text, &d.Level, &d.Priority, jsonOf[DeedDetail]{&d.DeedDetail})
}

// AlarmDeeds lists what happened to an alarm, oldest first.
func (d *DB) AlarmDeeds(ctx context.Context, r Rows, id string) ([]AlarmDeed, error) {
	return d.deeds(ctx, ask(selectDeeds, r.Site).add(" AND e.alarm = ?", id).seesAlarm(r, "e.patient").add(" ORDER BY e.id"))
}

// DeedsOfCommand lists what a command did, or why it was refused.
func (d *DB) DeedsOfCommand(ctx context.Context, r Rows, command int64) ([]AlarmDeed, error) {
	q := ask(selectDeeds, r.Site).add(" AND e.command = ? AND e.command > 0", command)
	return d.deeds(ctx, q.seesAlarm(r, "e.patient").add(" ORDER BY e.id"))
}

func (d *DB) deeds(ctx context.Context, q *query) ([]AlarmDeed, error) {
	all, err := collect(ctx, d.read, q, scanDeed)
	if err != nil {
		return nil, fmt.Errorf("list what happened to alarms: %w", err)
	}
	for i := range all {
		all[i].N = i + 1
	}
	return all, nil
}

// CommandAlarm keeps what somebody asks of an alarm, of a condition or of all
// alarms of a patient, and returns the number of the decision, under which the
// flow carries it out or says why not. An alarm that is closed is a Conflict.
func (d *DB) CommandAlarm(ctx context.Context, e audit.Entry, c alarm.Command) (id int64, err error) {
	if c.By == "" {
		c.By = e.Who
	}
	if c.At == 0 {
		c.At = now()
	}
	if e.Action == "" {
		e.Action = "alarm." + string(c.Verb)
	}
	if e.Why == "" {
		e.Why = c.Why
	}
	what := string(c.Verb) + " of " + commanded(c)
	if e.Subject == "" {
		e.Subject = commanded(c)
	}
	if c.Alarm != "" {
		// Whose alarm it is never changes: it need not be read in the transaction.
		a, err := d.Alarm(ctx, Everything(e.Site), c.Alarm)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
		if c.Patient != "" && c.Patient != a.Patient {
			return 0, vital.Errorf(vital.NotFound, "%s: the patient has no such alarm", what)
		}
		c.Patient = a.Patient
	}
	e.Patient = ofPatient(c.Patient)
	return id, d.change(ctx, e, what, func(t *tx) (err error) {
		if err := t.mayCommand(e.Site, c); err != nil {
			return err
		}
		id, err = t.decide(e.Site, ControlAlarm, c.At, c)
		return err
	})
}

var verbs = []alarm.Verb{
	alarm.Acknowledge, alarm.Accept, alarm.Decline, alarm.HandOver, alarm.Pause, alarm.Resume, alarm.Snooze,
	alarm.SwitchOff, alarm.SwitchOn, alarm.Escalate,
}

func (t *tx) mayCommand(site vital.Site, c alarm.Command) error {
	if !slices.Contains(verbs, c.Verb) {
		return vital.Errorf(vital.Invalid, "nothing can be done called %q", c.Verb)
	}
	if c.Alarm == "" {
		if c.Patient == SitePatient {
			return nil
		}
		_, err := t.patientIsDemo(site, c.Patient)
		return err
	}
	var closed vital.Instant
	if err := t.row("SELECT closed FROM alarm WHERE site = $1 AND id = $2", site, c.Alarm).Scan(&closed); err != nil {
		return err
	}
	if closed != 0 {
		return vital.Errorf(vital.Conflict, "the alarm was over at %s", closed)
	}
	return nil
}

func commanded(c alarm.Command) string {
	switch {
	case c.Alarm != "":
		return "alarm/" + c.Alarm
	case c.Rule != "":
		return "rule/" + c.Rule
	}
	return "patient/" + string(c.Patient)
}

// ofPatient is the patient of a line of the ledger: the installation is none.
func ofPatient(p vital.PatientID) vital.PatientID {
	if p == SitePatient {
		return ""
	}
	return p
}

// Report tells the flow of a condition of the platform itself, or that it is
// over: a full disk, a notifier that cannot send. Without a patient it is of the
// site.
func (d *DB) Report(ctx context.Context, e audit.Entry, f vital.Finding) error {
	if f.Patient == "" {
		f.Patient = SitePatient
	}
	if f.At == 0 {
		f.At = now()
	}
	e.Patient = ofPatient(f.Patient)
	return d.change(ctx, e, "report "+f.Rule, func(t *tx) error {
		if f.Rule == "" || !f.Technical || f.Stand == vital.Present && (f.Title == "" || f.Priority == vital.NoPriority) {
			return vital.Errorf(vital.Invalid, "a report is technical and needs a rule, and what is wrong a title and a priority")
		}
		return t.control(e.Site, ControlReport, f.At, f)
	})
}
