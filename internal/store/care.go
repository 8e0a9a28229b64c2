package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Standby is a period in which nobody expects data: the patient is in the
// operating theatre, or takes a shower. It ends by itself.
type Standby struct {
	ID      string          `json:"id"`
	Patient vital.PatientID `json:"patient"`
	Reason  string          `json:"reason"`
	By      string          `json:"by"`
	From    vital.Instant   `json:"from"`
	Until   vital.Instant   `json:"until"`
}

// PlanItem is what is expected of one stream.
type PlanItem struct {
	Metric string `json:"metric"`
	Kind   string `json:"kind"`  // "continuous" or "spot"
	Every  int    `json:"every"` // seconds
}

// PlanChange is the body of ControlPlan.
type PlanChange struct {
	Patient vital.PatientID `json:"patient"`
	Items   []PlanItem      `json:"items"`
}

// Observation is one bed round. Its values travel as readings through the
// journal; this row keeps who and the note.
type Observation struct {
	ID      string          `json:"id"`
	Patient vital.PatientID `json:"patient"`
	At      vital.Instant   `json:"at"`
	By      string          `json:"by"`
	Items   []ObservedItem  `json:"items"`
	Note    string          `json:"note"`
}

// ObservedItem is one value of a bed round: a number with its unit, or a code.
type ObservedItem struct {
	Metric string         `json:"metric"`
	Value  *vital.Decimal `json:"value,omitempty"`
	Code   string         `json:"code,omitempty"`
	Unit   string         `json:"unit,omitempty"`
}

// Annotation is a remark on the timeline.
type Annotation struct {
	ID      string          `json:"id"`
	Patient vital.PatientID `json:"patient"`
	At      vital.Instant   `json:"at"`
	By      string          `json:"by"`
	Kind    string          `json:"kind"`
	Text    string          `json:"text"`
}

// SetStandby begins a standby and ends one that still runs.
func (d *DB) SetStandby(ctx context.Context, e audit.Entry, s Standby) (Standby, error) {
	if s.ID == "" {
		s.ID = newID("s")
	}
	if s.By == "" {
		s.By = e.Who
	}
	e.Patient = s.Patient
	return s, d.change(ctx, e, "standby of patient "+string(s.Patient), func(t *tx) error {
		if s.Reason == "" || s.From == 0 || s.Until <= s.From {
			return vital.Errorf(vital.Invalid, "a standby needs a reason and an end after its beginning")
		}
		if err := t.endStandby(e.Site, s.Patient, s.From); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO standby (site, id, patient, reason, by_whom, from_ms, until_ms, ended)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`, e.Site, s.ID, s.Patient, s.Reason, s.By, s.From, s.Until); err != nil {
			return err
		}
		return t.control(e.Site, ControlStandby, s.From, s)
	})
}

// EndStandby ends the standby that runs at that time; none is a Conflict.
func (d *DB) EndStandby(ctx context.Context, e audit.Entry, patient vital.PatientID, at vital.Instant) error {
	e.Patient = patient
	return d.change(ctx, e, "end standby of patient "+string(patient), func(t *tx) error {
		running, err := t.standbyAt(e.Site, patient, at)
		if err != nil {
			return err
		}
		if len(running) == 0 {
			return vital.Errorf(vital.Conflict, "the patient is not on standby")
		}
		return t.endStandby(e.Site, patient, at)
	})
}

// The end that was planned stays in until_ms; ended is what happened.
const selectStandby = `SELECT s.id, s.patient, s.reason, s.by_whom, s.from_ms, CASE WHEN s.ended > 0 THEN s.ended ELSE s.until_ms END
	FROM standby s WHERE s.site = ?`

func scanStandby(scan func(...any) error, s *Standby) error {
	return scan(&s.ID, &s.Patient, &s.Reason, &s.By, &s.From, &s.Until)
}

func (t *tx) standbyAt(site vital.Site, patient vital.PatientID, at vital.Instant) ([]Standby, error) {
	return collect(t.ctx, t.sql, ask(selectStandby, site).add(" AND s.patient = ? AND s.ended = 0 AND s.until_ms > ?", patient, at), scanStandby)
}

func (t *tx) endStandby(site vital.Site, patient vital.PatientID, at vital.Instant) error {
	running, err := t.standbyAt(site, patient, at)
	if err != nil {
		return err
	}
	for _, s := range running {
		s.Until = max(at, s.From)
		if _, err := t.exec("UPDATE standby SET ended = $1 WHERE site = $2 AND id = $3", s.Until, site, s.ID); err != nil {
			return err
		}
		if err := t.control(site, ControlStandbyEnd, s.Until, s); err != nil {
			return err
		}
	}
	return nil
}

// StandbyOf returns the standby that runs now; false when there is none.
func (d *DB) StandbyOf(ctx context.Context, r Rows, patient vital.PatientID) (Standby, bool, error) {
	all, err := d.standbys(ctx, r, patient, now())
	if err != nil || len(all) == 0 {
		return Standby{}, false, err
	}
	return all[0], true, nil
}

// Standbys lists every standby that runs at that time.
func (d *DB) Standbys(ctx context.Context, r Rows, at vital.Instant) ([]Standby, error) {
	return d.standbys(ctx, r, "", at)
}

func (d *DB) standbys(ctx context.Context, r Rows, patient vital.PatientID, at vital.Instant) ([]Standby, error) {
	q := ask(selectStandby, r.Site).when(patient != "", " AND s.patient = ?", patient).
		add(" AND s.from_ms <= ? AND s.until_ms > ? AND (s.ended = 0 OR s.ended > ?)", at, at, at).
		seesKind(r, "s.patient", vital.DataNotes).add(" ORDER BY s.from_ms DESC, s.id")
	return collect(ctx, d.read, q, scanStandby)
}

// SetPlan replaces what is expected of the streams of a patient.
func (d *DB) SetPlan(ctx context.Context, e audit.Entry, patient vital.PatientID, items []PlanItem) error {
	e.Patient = patient
	return d.change(ctx, e, "plan of patient "+string(patient), func(t *tx) error {
		if _, err := t.exec("DELETE FROM plan_item WHERE site = $1 AND patient = $2", e.Site, patient); err != nil {
			return err
		}
		for _, i := range items {
			if i.Metric == "" || i.Every <= 0 || i.Kind != "continuous" && i.Kind != "spot" {
				return vital.Errorf(vital.Invalid, "plan item %q: kind is continuous or spot, every is in seconds", i.Metric)
			}
			if _, err := t.exec("INSERT INTO plan_item (site, patient, metric, kind, every_s) VALUES ($1, $2, $3, $4, $5)",
				e.Site, patient, i.Metric, i.Kind, i.Every); err != nil {
				return err
			}
		}
		return t.control(e.Site, ControlPlan, now(), PlanChange{patient, items})
	})
}

// PlanOf returns what is expected of the streams of one patient.
func (d *DB) PlanOf(ctx context.Context, r Rows, patient vital.PatientID) ([]PlanItem, error) {
	q := ask("SELECT i.metric, i.kind, i.every_s FROM plan_item i WHERE i.site = ? AND i.patient = ?", r.Site, patient).
		seesData(r, "i.patient", "''", dataOf("i.metric")).add(" ORDER BY i.metric")
	return collect(ctx, d.read, q, func(scan func(...any) error, i *PlanItem) error { return scan(&i.Metric, &i.Kind, &i.Every) })
}

// Plans returns every plan of the site, for the flow.
func (d *DB) Plans(ctx context.Context, site vital.Site) (map[vital.PatientID][]PlanItem, error) {
	type row struct {
		patient vital.PatientID
		item    PlanItem
	}
	q := ask("SELECT patient, metric, kind, every_s FROM plan_item WHERE site = ? ORDER BY patient, metric", site)
	rows, err := collect(ctx, d.read, q, func(scan func(...any) error, v *row) error {
		return scan(&v.patient, &v.item.Metric, &v.item.Kind, &v.item.Every)
	})
	plans := map[vital.PatientID][]PlanItem{}
	for _, v := range rows {
		plans[v.patient] = append(plans[v.patient], v.item)
	}
	return plans, err
}

// Observe keeps a bed round and hands its values to the flow.
func (d *DB) Observe(ctx context.Context, e audit.Entry, o Observation) (Observation, error) {
	if o.ID == "" {
		o.ID = newID("o")
	}
	if o.By == "" {
		o.By = e.Who
	}
	e.Patient = o.Patient
	return o, d.change(ctx, e, "observe patient "+string(o.Patient), func(t *tx) error {
		if o.At == 0 || len(o.Items) == 0 && o.Note == "" {
			return vital.Errorf(vital.Invalid, "an observation needs a time and a value or a note")
		}
		for _, i := range o.Items {
			if i.Metric == "" || (i.Value == nil) == (i.Code == "") || i.Value != nil && i.Unit == "" {
				return vital.Errorf(vital.Invalid, "item %q: want a number with its unit, or a code", i.Metric)
			}
		}
		note, err := d.seal(ctx, e.Site, o.Patient, notePlace(o.ID), []byte(cleanText(o.Note)))
		if err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO observation (site, id, patient, at, by_whom, items, note) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			e.Site, o.ID, o.Patient, o.At, o.By, list(o.Items), note); err != nil {
			return err
		}
		return t.control(e.Site, ControlObserve, o.At, o)
	})
}

// Observations lists bed rounds in [from, to), oldest first; to 0: no end.
func (d *DB) Observations(ctx context.Context, r Rows, patient vital.PatientID, from, to vital.Instant) ([]Observation, error) {
	q := ask("SELECT o.id, o.patient, o.at, o.by_whom, o.items, o.note FROM observation o WHERE o.site = ? AND o.patient = ? AND o.at >= ?", r.Site, patient, from).
		when(to != 0, " AND o.at < ?", to).seesKind(r, "o.patient", vital.DataNotes).add(" ORDER BY o.at, o.id")
	return collect(ctx, d.read, q, func(scan func(...any) error, o *Observation) error {
		var note []byte
		if err := scan(&o.ID, &o.Patient, &o.At, &o.By, listOf[ObservedItem]{&o.Items}, &note); err != nil {
			return err
		}
		return d.unsealText(ctx, r.Site, o.Patient, notePlace(o.ID), note, &o.Note)
	})
}

// Annotate puts a remark on the timeline.
func (d *DB) Annotate(ctx context.Context, e audit.Entry, a Annotation) (Annotation, error) {
	if a.ID == "" {
		a.ID = newID("n")
	}
	if a.By == "" {
		a.By = e.Who
	}
	e.Patient = a.Patient
	return a, d.change(ctx, e, "annotate patient "+string(a.Patient), func(t *tx) error {
		if a.At == 0 || strings.TrimSpace(a.Text) == "" {
			return vital.Errorf(vital.Invalid, "an annotation needs a time and a text")
		}
		text, err := d.seal(ctx, e.Site, a.Patient, remarkPlace(a.ID), []byte(cleanText(a.Text)))
		if err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO annotation (site, id, patient, at, by_whom, kind, text) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			e.Site, a.ID, a.Patient, a.At, a.By, a.Kind, text)
		return err
	})
}

// Annotations lists remarks in [from, to), oldest first; to 0: no end.
func (d *DB) Annotations(ctx context.Context, r Rows, patient vital.PatientID, from, to vital.Instant) ([]Annotation, error) {
	q := ask("SELECT a.id, a.patient, a.at, a.by_whom, a.kind, a.text FROM annotation a WHERE a.site = ? AND a.patient = ? AND a.at >= ?", r.Site, patient, from).
		when(to != 0, " AND a.at < ?", to).seesKind(r, "a.patient", vital.DataNotes).add(" ORDER BY a.at, a.id")
	return collect(ctx, d.read, q, func(scan func(...any) error, a *Annotation) error {
		var text []byte
		if err := scan(&a.ID, &a.Patient, &a.At, &a.By, &a.Kind, &text); err != nil {
			return err
		}
		return d.unsealText(ctx, r.Site, a.Patient, remarkPlace(a.ID), text, &a.Text)
	})
}

// Moment is one line of a patient's timeline.
type Moment struct {
	At   vital.Instant `json:"at"`
	Kind string        `json:"kind"` // observation, annotation, event, binding, admission, standby, gap
	Text string        `json:"text"`
	By   string        `json:"by"`
	Ref  string        `json:"ref"`
}

// Timeline puts together everything that happened to a patient in [from, to) and
// is not a number, oldest first. Beats are left out: there are 100,000 a day.
func (d *DB) Timeline(ctx context.Context, r Rows, patient vital.PatientID, from, to vital.Instant) ([]Moment, error) {
	if to == 0 {
		to = 1 << 62
	}
	q := new(query)
	for i, part := range []struct{ text, data string }{
		{"SELECT o.at AS at, 'observation' AS kind, '' AS text, o.by_whom AS by_whom, o.id AS ref, o.note AS sealed FROM observation o WHERE o.site = ? AND o.patient = ? AND o.at >= ? AND o.at < ?", kind(vital.DataNotes)},
		{"SELECT o.at, 'annotation', '', o.by_whom, o.id, o.text FROM annotation o WHERE o.site = ? AND o.patient = ? AND o.at >= ? AND o.at < ?", kind(vital.DataNotes)},
		{"SELECT o.effective_ms, 'event', o.kind || ' ' || o.code, o.device, '', o.text FROM event o WHERE o.superseded = 0 AND o.kind <> 'beat' AND o.site = ? AND o.patient = ? AND o.effective_ms >= ? AND o.effective_ms < ?", kind(vital.DataVitals)},
		{"SELECT o.from_ms, 'binding', 'bound ' || COALESCE((SELECT d.label FROM device d WHERE d.site = o.site AND d.id = o.device AND d.label <> ''), o.device), o.by_whom, o.id, NULL FROM binding o WHERE o.site = ? AND o.patient = ? AND o.from_ms >= ? AND o.from_ms < ?", kind(vital.DataLocation)},
		{"SELECT o.to_ms, 'binding', 'unbound ' || COALESCE((SELECT d.label FROM device d WHERE d.site = o.site AND d.id = o.device AND d.label <> ''), o.device), '', o.id, NULL FROM binding o WHERE o.to_ms > 0 AND o.site = ? AND o.patient = ? AND o.to_ms >= ? AND o.to_ms < ?", kind(vital.DataLocation)},
		{"SELECT o.from_ms, 'admission', 'into bed ' || COALESCE((SELECT b.label FROM bed b WHERE b.site = o.site AND b.id = o.bed), o.bed), '', o.id, NULL FROM admission o WHERE o.site = ? AND o.patient = ? AND o.from_ms >= ? AND o.from_ms < ?", kind(vital.DataLocation)},
		{"SELECT o.to_ms, 'admission', 'out of bed ' || COALESCE((SELECT b.label FROM bed b WHERE b.site = o.site AND b.id = o.bed), o.bed) || ' ' || o.why, '', o.id, NULL FROM admission o WHERE o.to_ms > 0 AND o.site = ? AND o.patient = ? AND o.to_ms >= ? AND o.to_ms < ?", kind(vital.DataLocation)},
		{"SELECT o.from_ms, 'standby', o.reason, o.by_whom, o.id, NULL FROM standby o WHERE o.site = ? AND o.patient = ? AND o.from_ms >= ? AND o.from_ms < ?", kind(vital.DataNotes)},
		{"SELECT o.from_ms, 'gap', o.metric || ' ' || o.state || ' ' || o.cause, '', o.id, NULL FROM gap o WHERE o.site = ? AND o.patient = ? AND o.from_ms >= ? AND o.from_ms < ?", dataOf("o.metric")},
	} {
		q.when(i > 0, " UNION ALL ").add(part.text, r.Site, patient, from, to).seesData(r, "o.patient", "''", part.data)
	}
	all, err := collect(ctx, d.read, q, func(scan func(...any) error, m *Moment) error {
		var sealed []byte
		if err := scan(&m.At, &m.Kind, &m.Text, &m.By, &m.Ref, &sealed); err != nil {
			return err
		}
		place := map[string]string{"observation": notePlace(m.Ref), "annotation": remarkPlace(m.Ref), "event": eventPlace}[m.Kind]
		text, err := d.unseal(ctx, r.Site, patient, place, sealed)
		m.Text += " " + string(text)
		return err
	})
	for i := range all {
		all[i].Text = strings.Join(strings.Fields(all[i].Text), " ")
	}
	slices.SortStableFunc(all, func(a, b Moment) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Ref, b.Ref), strings.Compare(a.Text, b.Text))
	})
	return all, err
}
