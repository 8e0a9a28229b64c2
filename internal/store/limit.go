package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// OwnLimit is an alarm limit of one patient, in place of the one that the rules
// give: set by somebody, with a reason, and for a time unless Until is 0. Of each
// metric at most one is in force.
type OwnLimit struct {
	ID       string          `json:"id"`
	Patient  vital.PatientID `json:"patient"`
	Metric   string          `json:"metric"`
	Unit     string          `json:"unit"`
	Low      *vital.Decimal  `json:"low"` // nil: no bound on that side
	High     *vital.Decimal  `json:"high"`
	By       string          `json:"by"`
	Why      string          `json:"why"`
	From     vital.Instant   `json:"from"`
	Until    vital.Instant   `json:"until"`
	Ended    vital.Instant   `json:"ended"` // before its time, by somebody; 0: it was not
	EndedBy  string          `json:"endedBy"`
	EndedWhy string          `json:"endedWhy"`
}

// SetLimit gives a patient a limit of its own and ends the one before.
func (d *DB) SetLimit(ctx context.Context, e audit.Entry, l OwnLimit) (OwnLimit, error) {
	if l.ID == "" {
		l.ID = newID("l")
	}
	if l.By == "" {
		l.By = e.Who
	}
	if l.From == 0 {
		l.From = now()
	}
	e.Patient = l.Patient
	return l, d.change(ctx, e, "limit of "+l.Metric+" of patient "+string(l.Patient), func(t *tx) error {
		if err := l.check(); err != nil {
			return err
		}
		if _, err := t.patientIsDemo(e.Site, l.Patient); err != nil {
			return err
		}
		before, err := t.limitAt(e.Site, l.Patient, l.Metric, l.From)
		if err != nil {
			return err
		}
		for _, old := range before {
			if err := t.endLimit(e.Site, old, max(old.From, l.From), l.By, "another limit was set"); err != nil {
				return err
			}
		}
		if _, err := t.exec(`INSERT INTO own_limit (site, id, patient, metric, unit, low, high, by_whom, why, from_ms, until_ms, ended, ended_by, ended_why)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '', '')`,
			e.Site, l.ID, l.Patient, l.Metric, l.Unit, bound(l.Low), bound(l.High), l.By, l.Why, l.From, l.Until); err != nil {
			return err
		}
		return t.control(e.Site, ControlLimits, l.From, l)
	})
}

func (l OwnLimit) check() error {
	switch {
	case l.Metric == "" || l.Unit == "":
		return vital.Errorf(vital.Invalid, "a limit needs a metric and its unit")
	case l.Low == nil && l.High == nil:
		return vital.Errorf(vital.Invalid, "a limit needs a low or a high bound")
	case l.Low != nil && l.High != nil && l.Low.Compare(*l.High) >= 0:
		return vital.Errorf(vital.Invalid, "the low bound %s is not below the high bound %s", l.Low, l.High)
	case strings.TrimSpace(l.Why) == "":
		return vital.Errorf(vital.Invalid, "a limit needs a reason")
	case l.Until != 0 && l.Until <= l.From:
		return vital.Errorf(vital.Invalid, "the limit would end at %s, before it begins", l.Until)
	}
	return nil
}

// EndLimit lets the default hold again for a metric; no limit of its own is a
// Conflict.
func (d *DB) EndLimit(ctx context.Context, e audit.Entry, patient vital.PatientID, metric string, at vital.Instant, why string) error {
	if at == 0 {
		at = now()
	}
	e.Patient = patient
	if e.Why == "" {
		e.Why = why
	}
	return d.change(ctx, e, "end the limit of "+metric+" of patient "+string(patient), func(t *tx) error {
		running, err := t.limitAt(e.Site, patient, metric, at)
		if err != nil {
			return err
		}
		if len(running) == 0 {
			return vital.Errorf(vital.Conflict, "the patient has no limit of its own for %s", metric)
		}
		for _, l := range running {
			if err := t.endLimit(e.Site, l, max(l.From, at), e.Who, why); err != nil {
				return err
			}
			l.Ended, l.EndedBy, l.EndedWhy = max(l.From, at), e.Who, why
			if err := t.control(e.Site, ControlLimits, at, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) endLimit(site vital.Site, l OwnLimit, at vital.Instant, by, why string) error {
	_, err := t.exec("UPDATE own_limit SET ended = $1, ended_by = $2, ended_why = $3 WHERE site = $4 AND id = $5", at, by, why, site, l.ID)
	return err
}

const selectLimits = `SELECT l.id, l.patient, l.metric, l.unit, l.low, l.high, l.by_whom, l.why, l.from_ms, l.until_ms, l.ended, l.ended_by, l.ended_why
	FROM own_limit l WHERE l.site = ?`

func scanLimit(scan func(...any) error, l *OwnLimit) error {
	return scan(&l.ID, &l.Patient, &l.Metric, &l.Unit, boundOf{&l.Low}, boundOf{&l.High}, &l.By, &l.Why, &l.From, &l.Until, &l.Ended, &l.EndedBy, &l.EndedWhy)
}

func (t *tx) limitAt(site vital.Site, patient vital.PatientID, metric string, at vital.Instant) ([]OwnLimit, error) {
	q := ask(selectLimits, site).add(" AND l.patient = ? AND l.metric = ? AND l.ended = 0 AND (l.until_ms = 0 OR l.until_ms > ?)", patient, metric, at)
	return collect(t.ctx, t.sql, q, scanLimit)
}

// bound writes a bound as text, without one as nothing; boundOf reads it back.
func bound(d *vital.Decimal) string {
	if d == nil {
		return ""
	}
	return d.String()
}

type boundOf struct{ into **vital.Decimal }

func (b boundOf) Scan(v any) error {
	var text string
	switch t := v.(type) {
	case string:
		text = t
	case []byte:
		text = string(t)
	}
	if *b.into = nil; text == "" {
		return nil
	}
	d, err := vital.ParseDecimal(text)
	*b.into = &d
	return err
}

// LimitsOf lists the limits of a patient's own that are in force at that time,
// 0: now.
func (d *DB) LimitsOf(ctx context.Context, r Rows, patient vital.PatientID, at vital.Instant) ([]OwnLimit, error) {
	if at == 0 {
		at = now()
	}
	q := ask(selectLimits, r.Site).add(" AND l.patient = ? AND l.from_ms <= ? AND (l.until_ms = 0 OR l.until_ms > ?) AND (l.ended = 0 OR l.ended > ?)", patient, at, at, at).
		seesKind(r, "l.patient", vital.DataVitals).add(" ORDER BY l.metric, l.from_ms, l.id")
	return d.limits(ctx, q, patient)
}

// LimitHistory lists every limit that a patient ever had, newest first.
func (d *DB) LimitHistory(ctx context.Context, r Rows, patient vital.PatientID) ([]OwnLimit, error) {
	q := ask(selectLimits, r.Site).add(" AND l.patient = ?", patient).seesKind(r, "l.patient", vital.DataVitals).add(" ORDER BY l.from_ms DESC, l.id")
	return d.limits(ctx, q, patient)
}

func (d *DB) limits(ctx context.Context, q *query, patient vital.PatientID) ([]OwnLimit, error) {
	all, err := collect(ctx, d.read, q, scanLimit)
	if err != nil {
		return nil, fmt.Errorf("limits of patient %s: %w", patient, err)
	}
	return all, nil
}

// Care is what judging must know of a patient and no device says.
type Care struct {
	Patient    vital.PatientID `json:"patient"`
	SpO2Scale  int             `json:"spo2Scale"` // of NEWS2; 0: nobody has said
	Conditions []string        `json:"conditions"`
	By         string          `json:"by"`
	Why        string          `json:"why"`
	At         vital.Instant   `json:"at"` // 0: nobody has said anything
}

// storedCare is what of Care lies in the body of its row.
type storedCare struct {
	SpO2Scale  int      `json:"spo2Scale"`
	Conditions []string `json:"conditions"`
}

// SetCare says how a patient is to be judged from now on.
func (d *DB) SetCare(ctx context.Context, e audit.Entry, c Care) (Care, error) {
	if c.By == "" {
		c.By = e.Who
	}
	if c.At == 0 {
		c.At = now()
	}
	if e.Why == "" {
		e.Why = c.Why
	}
	e.Patient = c.Patient
	return c, d.change(ctx, e, "care of patient "+string(c.Patient), func(t *tx) error {
		if c.SpO2Scale < 0 || c.SpO2Scale > 2 {
			return vital.Errorf(vital.Invalid, "the SpO2 scale is 1, 2, or 0 for not set; %d is none", c.SpO2Scale)
		}
		for _, s := range c.Conditions {
			if strings.TrimSpace(s) == "" {
				return vital.Errorf(vital.Invalid, "a condition is empty")
			}
		}
		if _, err := t.patientIsDemo(e.Site, c.Patient); err != nil {
			return err
		}
		body, err := json.Marshal(storedCare{c.SpO2Scale, c.Conditions})
		if err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO care (site, patient, body, by_whom, why, at) VALUES ($1, $2, $3, $4, $5, $6)",
			e.Site, c.Patient, string(body), c.By, c.Why, c.At); err != nil {
			return err
		}
		return t.control(e.Site, ControlCare, c.At, c)
	})
}

// CareOf returns how a patient is judged now; At is 0 when nobody said.
func (d *DB) CareOf(ctx context.Context, r Rows, patient vital.PatientID) (Care, error) {
	all, err := d.cares(ctx, r, patient, 1)
	if err != nil || len(all) == 0 {
		return Care{Patient: patient}, err
	}
	return all[0], nil
}

// CareHistory lists what held before too, newest first.
func (d *DB) CareHistory(ctx context.Context, r Rows, patient vital.PatientID) ([]Care, error) {
	return d.cares(ctx, r, patient, 1000)
}

func (d *DB) cares(ctx context.Context, r Rows, patient vital.PatientID, limit int) ([]Care, error) {
	q := ask("SELECT c.patient, c.body, c.by_whom, c.why, c.at FROM care c WHERE c.site = ? AND c.patient = ?", r.Site, patient).
		seesKind(r, "c.patient", vital.DataRisk).add(" ORDER BY c.id DESC LIMIT ?", limit)
	all, err := collect(ctx, d.read, q, func(scan func(...any) error, c *Care) error {
		var b storedCare
		err := scan(&c.Patient, jsonOf[storedCare]{&b}, &c.By, &c.Why, &c.At)
		c.SpO2Scale, c.Conditions = b.SpO2Scale, b.Conditions
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("care of patient %s: %w", patient, err)
	}
	return all, nil
}
