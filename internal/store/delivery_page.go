package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Call is a page that nobody has taken up yet, with how its alarm is now.
type Call struct {
	Page
	Bed   vital.BedID
	Alert alarm.Alarm // zero for a page of no alarm
}

// Hushed reports whether nobody need be told, as the alarm is now: it is over, or
// somebody has acknowledged, snoozed or switched it off. A pause quiets the sound
// alone.
func (c Call) Hushed() bool {
	switch c.Alert.Sound {
	case alarm.Acknowledged, alarm.Snoozed, alarm.Off:
		return true
	}
	return c.Alert.Closed != 0
}

// Calls lists the pages that nobody has taken up, those of high priority first,
// then the oldest.
func (d *DB) Calls(ctx context.Context, site vital.Site, limit int) (all []Call, err error) {
	// One priority after the other: each is read from its index as far as it is
	// wanted, however many wait.
	for _, priority := range []vital.Priority{vital.High, vital.Medium, vital.Low, vital.NoPriority} {
		if len(all) == limit {
			break
		}
		q := ask(`SELECT p.id, p.alarm, p.patient, p.ward, p.level, p.kind, p.priority, p.at, p.technical, COALESCE(a.bed, ''), COALESCE(a.body, '{}')
			FROM page p LEFT JOIN alarm a ON a.site = p.site AND a.id = p.alarm
			WHERE p.site = ? AND p.priority = ? AND p.settled = 0 AND p.expanded = 0 ORDER BY p.at, p.id LIMIT ?`, site, priority, limit-len(all))
		some, err := collect(ctx, d.read, q, func(scan func(...any) error, c *Call) error {
			return scan(&c.ID, &c.Alarm, &c.Patient, &c.Ward, &c.Level, &c.Kind, &c.Priority, &c.At, &c.Technical, &c.Bed, jsonOf[alarm.Alarm]{&c.Alert})
		})
		if err != nil {
			return nil, fmt.Errorf("find new pages: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// PagePlan is whom a page goes to, in order: the next one when the one before could
// not be reached.
type PagePlan struct {
	People []Planned `json:"people"`
	Last   bool      `json:"last,omitempty"` // there is no level behind
	Note   string    `json:"note,omitempty"` // "bed 12 is uncovered"
}

// Planned is one person of a plan with the channels to try, in order.
type Planned struct {
	Person   string `json:"person"`
	Name     string `json:"name"`
	Level    int    `json:"level"`
	Channels []Way  `json:"channels"`
}

// Way is a channel of a plan.
type Way struct {
	ID   string        `json:"id"`
	Kind string        `json:"kind"`
	Hold vital.Instant `json:"hold,omitempty"` // end of its quiet hours
}

// Paging is a page that is being worked off.
type Paging struct {
	Page
	Plan       PagePlan
	Began      vital.Instant
	Deliveries []Delivery
}

// PageStep is what is to be done for a page, in one transaction: deliveries are
// added, and it is looked at again at Next, or it has come to its end.
type PageStep struct {
	Page    Page
	Plan    PagePlan // of the first step
	Add     []Delivery
	Cancel  []string // deliveries that are not needed any more
	Next    vital.Instant
	Outcome string // not empty: nothing more is done for this page
	Settle  bool   // and nobody waits for it any more
	// Escalate is why the next level is told: the command is given in the same
	// transaction, so it is given once.
	Escalate string
}

// TakeUpPages begins pages; one that was begun before is left alone.
func (d *DB) TakeUpPages(ctx context.Context, site vital.Site, at vital.Instant, steps []PageStep) error {
	err := d.transact(ctx, func(t *tx) error {
		for _, s := range steps {
			n, err := t.exec("UPDATE page SET expanded = $1 WHERE site = $2 AND id = $3 AND expanded = 0", at, site, s.Page.ID)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			// Whoever is told now is told of how the alarm is now: what was begun for
			// it before is not gone on with.
			if _, err := t.exec("UPDATE paging SET ended = $1, outcome = 'told again' WHERE site = $2 AND alarm = $3 AND ended = 0 AND alarm <> ''",
				at, site, s.Page.Alarm); err != nil {
				return err
			}
			if _, err := t.exec(`UPDATE page SET settled = $1 WHERE site = $2 AND alarm = $3 AND alarm <> '' AND settled = 0 AND expanded > 0 AND id <> $4 AND kind <> 'emergency'`,
				at, site, s.Page.Alarm, s.Page.ID); err != nil {
				return err
			}
			if _, err := t.exec(`INSERT INTO paging (site, page, alarm, plan, at, next_ms, ended, outcome) VALUES ($1, $2, $3, $4, $5, $6, 0, '')`,
				site, s.Page.ID, s.Page.Alarm, jsonText(s.Plan), at, s.Next); err != nil {
				return err
			}
			if err := t.pageStep(audit.Entry{Site: site, Who: "system", At: at}, s, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("take up %d pages: %w", len(steps), err)
	}
	return nil
}

// PagePlanOf returns whom a page goes to.
func (d *DB) PagePlanOf(ctx context.Context, site vital.Site, page string) (PagePlan, error) {
	q := ask("SELECT plan FROM paging WHERE site = ? AND page = ?", site, page)
	return one(ctx, d.read, q, "plan of page "+page, func(scan func(...any) error, p *PagePlan) error { return scan(jsonOf[PagePlan]{p}) })
}

// Pagings lists the pages that have to be looked at by now, the high ones first.
func (d *DB) Pagings(ctx context.Context, site vital.Site, at vital.Instant, limit int) ([]Paging, error) {
	q := ask(`SELECT p.id, p.alarm, p.patient, p.ward, p.level, p.kind, p.priority, p.at, p.technical, g.plan, g.at
		FROM paging g JOIN page p ON p.site = g.site AND p.id = g.page
		WHERE g.site = ? AND g.ended = 0 AND g.next_ms <= ? ORDER BY p.priority DESC, g.next_ms, p.id LIMIT ?`, site, at, limit)
	all, err := collect(ctx, d.read, q, func(scan func(...any) error, g *Paging) error {
		return scan(&g.ID, &g.Alarm, &g.Patient, &g.Ward, &g.Level, &g.Kind, &g.Priority, &g.At, &g.Technical, jsonOf[PagePlan]{&g.Plan}, &g.Began)
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	ids, place := make([]string, len(all)), map[string]int{}
	for i, g := range all {
		ids[i], place[g.ID] = g.ID, i
	}
	sent, err := collect(ctx, d.read, in(ask(selectDeliveries, site).add(" AND d.page "), ids).add(" ORDER BY d.at, d.id"), d.scanDelivery(ctx, site))
	if err != nil {
		return nil, fmt.Errorf("find pages to go on with: %w", err)
	}
	for _, v := range sent {
		g := &all[place[v.Page]]
		g.Deliveries = append(g.Deliveries, v)
	}
	return all, nil
}

// GoOn does the next step of pages; one that has ended meanwhile is left alone.
func (d *DB) GoOn(ctx context.Context, e audit.Entry, steps []PageStep) error {
	err := d.transact(ctx, func(t *tx) error {
		for _, s := range steps {
			n, err := t.exec("UPDATE paging SET next_ms = $1 WHERE site = $2 AND page = $3 AND ended = 0", s.Next, e.Site, s.Page.ID)
			if err == nil && n == 1 {
				err = t.pageStep(e, s, e.At)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("go on with %d pages: %w", len(steps), err)
	}
	return nil
}

func (t *tx) pageStep(e audit.Entry, s PageStep, at vital.Instant) error {
	for _, v := range s.Add {
		if err := t.addDelivery(e.Site, v); err != nil {
			return err
		}
	}
	for _, id := range s.Cancel {
		if _, err := t.exec("UPDATE delivery SET state = $1, reason = $2, changed = $3 WHERE site = $4 AND id = $5 AND state = 'queued'",
			Cancelled, "reached by another channel", at, e.Site, id); err != nil {
			return err
		}
	}
	if s.Outcome == "" {
		return nil
	}
	if _, err := t.exec("UPDATE paging SET ended = $1, outcome = $2 WHERE site = $3 AND page = $4", at, s.Outcome, e.Site, s.Page.ID); err != nil {
		return err
	}
	if s.Settle {
		if _, err := t.exec("UPDATE page SET settled = $1 WHERE site = $2 AND id = $3 AND settled = 0", at, e.Site, s.Page.ID); err != nil {
			return err
		}
	}
	if s.Escalate == "" || s.Page.Alarm == "" {
		return nil
	}
	var closed vital.Instant
	err := t.row("SELECT closed FROM alarm WHERE site = $1 AND id = $2", e.Site, s.Page.Alarm).Scan(&closed)
	if missing(err) || err == nil && closed != 0 {
		return nil
	}
	if err != nil {
		return err
	}
	c := alarm.Command{Patient: s.Page.Patient, Verb: alarm.Escalate, Alarm: s.Page.Alarm, By: e.Who, Why: s.Escalate, At: at}
	if _, err := t.decide(e.Site, ControlAlarm, at, c); err != nil {
		return err
	}
	e.Action, e.Subject, e.Patient, e.Why, e.At = "alarm.escalate", "alarm/"+c.Alarm, ofPatient(c.Patient), s.Escalate, at
	return t.audit(e)
}

// Stop ends every page of the alarms of stop pages that is not younger, cancels
// what has not gone out, notes who acknowledged, and adds a short message to
// those channels that can put it in the place of the one they showed.
func (d *DB) Stop(ctx context.Context, site vital.Site, at vital.Instant, stops ...Call) error {
	if len(stops) == 0 {
		return nil
	}
	err := d.transact(ctx, func(t *tx) error {
		for _, stop := range stops {
			if err := t.stop(site, stop, at); err != nil {
				return fmt.Errorf("of alarm %s: %w", stop.Alarm, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("stop the pages: %w", err)
	}
	return nil
}

func (t *tx) stop(site vital.Site, stop Call, at vital.Instant) error {
	a := stop.Alert
	by, why := "", "not needed any more"
	switch {
	case a.Acknowledged != nil:
		by, why = a.Acknowledged.By, "acknowledged"
	case a.Closed != 0:
		why = "the alarm was over"
	case a.Sound == alarm.Snoozed || a.Sound == alarm.Off:
		why = "the alarm is " + string(a.Sound)
	}
	upTo := stop.At
	if !stop.Hushed() {
		upTo-- // what was told in the same millisecond may be what came after it
	}
	n, err := t.exec("UPDATE page SET expanded = $1, settled = $2 WHERE site = $3 AND id = $4 AND settled = 0", at, at, site, stop.ID)
	if err != nil || n == 0 {
		return err
	}
	pages := "SELECT p.id FROM page p WHERE p.site = $1 AND p.alarm = $2 AND p.at <= $3 AND p.kind <> 'emergency'"
	if by != "" {
		if _, err := t.exec(`UPDATE delivery SET state = $4, changed = $5, reason = '' WHERE site = $1 AND page IN (`+pages+`) AND person = $6
			AND state IN ('queued', 'handing-over', 'handed-over', 'delivered', 'seen')`, site, stop.Alarm, upTo, Acknowledged, at, by); err != nil {
			return err
		}
	}
	if _, err := t.exec(`UPDATE delivery SET state = $4, changed = $5, reason = $6 WHERE site = $1 AND page IN (`+pages+`) AND state = 'queued'`,
		site, stop.Alarm, upTo, Cancelled, at, why); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE paging SET ended = $4, outcome = $5 WHERE site = $1 AND page IN (`+pages+`) AND ended = 0`,
		site, stop.Alarm, upTo, at, why); err != nil {
		return err
	}
	told, err := collect(t.ctx, t.sql, ask(selectDeliveries, site).add(` AND d.alarm = ? AND p.at <= ? AND p.kind NOT IN ('stop', 'emergency') AND d.replaces = ?
		AND d.state IN ('handed-over', 'delivered', 'seen', 'acknowledged') ORDER BY d.at, d.id`, stop.Alarm, upTo, true), t.d.scanDelivery(t.ctx, site))
	if err != nil {
		return err
	}
	for _, v := range told {
		v.Page, v.Priority, v.State, v.At, v.Next, v.Reason = stop.ID, vital.Low, Queued, at, at, ""
		if err := t.addDelivery(site, v); err != nil {
			return err
		}
	}
	_, err = t.exec("UPDATE page SET settled = $4, expanded = CASE WHEN expanded > 0 THEN expanded ELSE $4 END WHERE site = $1 AND alarm = $2 AND at <= $3 AND settled = 0 AND kind <> 'emergency'",
		site, stop.Alarm, upTo, at)
	return err
}

// OpenPage begins a page that no alarm wrote: a test, or an emergency call.
func (d *DB) OpenPage(ctx context.Context, e audit.Entry, s PageStep) error {
	p := s.Page
	e.Patient = ofPatient(p.Patient)
	return d.change(ctx, e, p.Kind+" page "+p.ID, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO page (site, id, alarm, patient, ward, level, kind, priority, at, technical, settled, expanded)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11)`, e.Site, p.ID, p.Alarm, p.Patient, p.Ward, p.Level, p.Kind, p.Priority, p.At, p.Technical, p.At); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO paging (site, page, alarm, plan, at, next_ms, ended, outcome) VALUES ($1, $2, '', $3, $4, $5, 0, '')`,
			e.Site, p.ID, jsonText(s.Plan), p.At, s.Next); err != nil {
			return err
		}
		for _, v := range s.Add {
			if err := t.addDelivery(e.Site, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// Waiting is how long people wait for pages of high priority.
type Waiting struct {
	Open    vital.Instant // oldest that nobody has acknowledged, 0: none
	Unheard vital.Instant // oldest that no channel has taken, 0: none
}

// PagesWaiting says how long the pages of high priority wait.
func (d *DB) PagesWaiting(ctx context.Context, site vital.Site) (Waiting, error) {
	q := ask(`SELECT COALESCE(MIN(p.at), 0), COALESCE(MIN(CASE WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.site = p.site AND d.page = p.id
		AND d.state IN ('handed-over', 'delivered', 'seen', 'acknowledged')) THEN NULL ELSE p.at END), 0)
		FROM page p WHERE p.site = ? AND p.settled = 0 AND p.priority = ? AND p.kind <> 'stop'`, site, vital.High)
	return one(ctx, d.read, q, "pages that wait", func(scan func(...any) error, w *Waiting) error { return scan(&w.Open, &w.Unheard) })
}
