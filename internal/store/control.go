package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// Control is a change that alters what the flow does. The method that makes the
// change writes it in the same transaction; the flow appends it to the journal
// as a record and marks it in its next Commit. A control that is journalled
// twice, because the flow stopped between the two, has the same ID both times.
type Control struct {
	ID   int64
	At   vital.Instant // when the change counts from
	Kind string
	Body []byte // JSON of the type named beside the kind
}

// Kinds of control and what their bodies hold.
const (
	ControlAdmit      = "admit"       // Admission: the one that begins (also after a transfer or a swap)
	ControlDischarge  = "discharge"   // Admission: the one that ended
	ControlBind       = "bind"        // Binding
	ControlUnbind     = "unbind"      // Binding with To set
	ControlStandby    = "standby"     // Standby
	ControlStandbyEnd = "standby-end" // Standby with Until set to the end
	ControlPlan       = "plan"        // PlanChange
	ControlObserve    = "observe"     // Observation: its items travel on as readings
	ControlReassign   = "reassign"    // Reassignment

	ControlAlarm  = "alarm-command" // alarm.Command; its ID is that of the control
	ControlLimits = "limits"        // OwnLimit: the one that begins or ended
	ControlCare   = "care"          // Care
	ControlRules  = "rules"         // RuleSet
	ControlReport = "report"        // vital.Finding; patient "site": of the installation itself
)

func (t *tx) control(site vital.Site, kind string, at vital.Instant, body any) error {
	_, err := t.decide(site, kind, at, body)
	return err
}

// decide is control for those who want to know what became of it.
func (t *tx) decide(site vital.Site, kind string, at vital.Instant, body any) (id int64, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("write the control %s: %w", kind, err)
	}
	patient := patientIn(b)
	sealed, err := t.d.seal(t.ctx, site, patient, controlPlace, b)
	if err != nil {
		return 0, fmt.Errorf("write the control %s: %w", kind, err)
	}
	err = t.row("INSERT INTO control (site, patient, at, kind, body, journalled) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
		site, patient, at, kind, sealed, false).Scan(&id)
	return id, err
}

// NewestControl returns the newest decision that the flow has not journalled yet,
// 0: none.
func (d *DB) NewestControl(ctx context.Context, site vital.Site) (int64, error) {
	q := ask("SELECT COALESCE(MAX(id), 0) FROM control WHERE site = ? AND journalled = ?", site, false)
	return one(ctx, d.read, q, "the newest decision", func(scan func(...any) error, id *int64) error { return scan(id) })
}

// ControlsAfter returns what the flow has not journalled yet and is newer than
// one that it has, oldest first.
func (d *DB) ControlsAfter(ctx context.Context, site vital.Site, after int64, limit int) ([]Control, error) {
	q := ask("SELECT id, patient, at, kind, body FROM control WHERE site = ? AND journalled = ? AND id > ? ORDER BY id LIMIT ?", site, false, after, limit)
	return collect(ctx, d.read, q, d.scanControl(ctx, site))
}

// PendingControls returns what the flow has not journalled yet, oldest first.
func (d *DB) PendingControls(ctx context.Context, site vital.Site, limit int) ([]Control, error) {
	q := ask("SELECT id, patient, at, kind, body FROM control WHERE site = ? AND journalled = ? ORDER BY id LIMIT ?", site, false, atMost(limit, 100))
	return collect(ctx, d.read, q, d.scanControl(ctx, site))
}

func (d *DB) scanControl(ctx context.Context, site vital.Site) func(scan func(...any) error, c *Control) error {
	return func(scan func(...any) error, c *Control) error {
		var patient vital.PatientID
		var sealed []byte
		if err := scan(&c.ID, &patient, &c.At, &c.Kind, &sealed); err != nil {
			return err
		}
		var err error
		c.Body, err = d.unseal(ctx, site, patient, controlPlace, sealed)
		return err
	}
}
