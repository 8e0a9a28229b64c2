package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/vital"
)

// erasures remove what is known of a patient ($2) of a site ($1). What stays says
// that somebody lay in a bed and that alarms were raised, under an id that names
// nobody; the ledger stays whole.
var erasures = []string{
	"DELETE FROM person_word WHERE site = $1 AND patient = $2",
	"DELETE FROM person_contact WHERE site = $1 AND patient = $2",
	"DELETE FROM person WHERE site = $1 AND patient = $2",
	"DELETE FROM observation WHERE site = $1 AND patient = $2",
	"DELETE FROM annotation WHERE site = $1 AND patient = $2",
	"DELETE FROM standby WHERE site = $1 AND patient = $2",
	"DELETE FROM plan_item WHERE site = $1 AND patient = $2",
	"DELETE FROM care WHERE site = $1 AND patient = $2",
	"DELETE FROM own_limit WHERE site = $1 AND patient = $2",
	"DELETE FROM limit_review WHERE site = $1 AND patient = $2",
	"DELETE FROM control WHERE site = $1 AND patient = $2",
	"DELETE FROM latest WHERE site = $1 AND patient = $2",
	"DELETE FROM event WHERE site = $1 AND patient = $2",
	"DELETE FROM gap WHERE site = $1 AND patient = $2",
	"DELETE FROM expected WHERE site = $1 AND patient = $2",
	"DELETE FROM alarm_evidence WHERE site = $1 AND patient = $2",
	"DELETE FROM chunk WHERE series IN (SELECT id FROM series WHERE site = $1 AND patient = $2)",
	"DELETE FROM wave WHERE series IN (SELECT id FROM series WHERE site = $1 AND patient = $2)",
	"UPDATE alarm_deed SET why = '', text = '' WHERE site = $1 AND patient = $2 AND (why <> '' OR text <> '')",
	"UPDATE admission SET why = '' WHERE site = $1 AND patient = $2 AND why <> ''",
	"UPDATE binding SET why = '' WHERE site = $1 AND patient = $2 AND why <> ''",
	"UPDATE correction SET why = '' WHERE site = $1 AND patient = $2 AND why <> ''",
}

// Forget erases a patient and destroys the keys of everything that was sealed
// about them: in the store, in the journal, in every backup. It cannot be undone.
// vital.Precondition: the patient lies in a bed, or a device measures them.
func (d *DB) Forget(ctx context.Context, e audit.Entry, patient vital.PatientID) error {
	if d.keeper == nil {
		return vital.Errorf(vital.Precondition, "forget patient %s: the store was opened without its keys", patient)
	}
	if strings.TrimSpace(e.Why) == "" {
		return vital.Errorf(vital.Invalid, "forget patient %s: why is needed, it is what remains", patient)
	}
	if e.At == 0 {
		e.At = now()
	}
	e.Patient = patient
	if err := d.mayForget(ctx, e.Site, patient); err != nil {
		return fmt.Errorf("forget patient %s: %w", patient, err)
	}
	// First the older entries: what is said of the forgetting itself remains.
	if erased, err := d.EraseReasons(ctx, e, patient); err != nil && erased == 0 {
		return err
	}
	err := d.change(ctx, e, "forget patient "+string(patient), func(t *tx) error {
		if err := t.mayForget(e.Site, patient); err != nil {
			return err
		}
		return t.erase(e.Site, patient, e.At)
	})
	if err != nil {
		return err
	}
	if err := d.keeper.Destroy(ctx, e.Site, seal.Patient(patient), e.At); err != nil {
		return vital.Errorf(vital.Unavailable, "forget patient %s: the rows are erased and the key is not destroyed yet, which is tried again every hour and at the next start: %w", patient, err)
	}
	if err := d.dialect.scrub(ctx, d, "person"); err != nil {
		// What was erased was sealed, and its key is gone: the old pages tell nothing.
		d.log.Warn("old pages of the database are overwritten a little later", "error", err)
	}
	return nil
}

func (d *DB) mayForget(ctx context.Context, site vital.Site, patient vital.PatientID) error {
	return d.transact(ctx, func(t *tx) error { return t.mayForget(site, patient) })
}

// mayForget refuses while data of the patient still comes in.
func (t *tx) mayForget(site vital.Site, patient vital.PatientID) error {
	if _, err := t.patientIsDemo(site, patient); err != nil {
		return err
	}
	for _, busy := range []struct{ query, why string }{
		{"SELECT COUNT(*) FROM admission WHERE site = $1 AND patient = $2 AND to_ms = 0", "the patient lies in a bed: discharge first"},
		{"SELECT COUNT(*) FROM binding WHERE site = $1 AND patient = $2 AND to_ms = 0", "a device measures the patient: unbind it first"},
	} {
		var n int
		if err := t.row(busy.query, site, patient).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return vital.Errorf(vital.Precondition, "%s", busy.why)
		}
	}
	return nil
}

func (t *tx) erase(site vital.Site, patient vital.PatientID, at vital.Instant) error {
	for _, s := range erasures {
		if _, err := t.exec(s, site, patient); err != nil {
			return fmt.Errorf("%.40s: %w", s, err)
		}
	}
	_, err := t.exec("INSERT INTO forgotten (site, patient, at) VALUES ($1, $2, $3) ON CONFLICT (site, patient) DO NOTHING", site, patient, at)
	return err
}

// Forgotten lists who was forgotten, with when.
func (d *DB) Forgotten(ctx context.Context, site vital.Site) (map[vital.PatientID]vital.Instant, error) {
	type row struct {
		patient vital.PatientID
		at      vital.Instant
	}
	rows, err := collect(ctx, d.read, ask("SELECT patient, at FROM forgotten WHERE site = ?", site), func(scan func(...any) error, r *row) error {
		return scan(&r.patient, &r.at)
	})
	gone := make(map[vital.PatientID]vital.Instant, len(rows))
	for _, r := range rows {
		gone[r.patient] = r.at
	}
	return gone, err
}

// KeepForgotten makes keys and rows agree on who was forgotten: whom either of
// them forgot is forgotten in both. It undoes what an old copy of one brings back,
// finishes what a crash cut short, and removes what came late. Open calls it, and
// the hourly upkeep.
func (d *DB) KeepForgotten(ctx context.Context) error {
	if d.keeper == nil {
		return nil
	}
	sites, err := collect(ctx, d.read, ask("SELECT DISTINCT site FROM patient"), scanInto[vital.Site])
	if err != nil {
		return err
	}
	for _, site := range sites {
		gone, err := d.Forgotten(ctx, site)
		if err != nil {
			return err
		}
		for patient, at := range gone {
			if err := d.keeper.Destroy(ctx, site, seal.Patient(patient), at); err != nil {
				return err
			}
			if err := d.transact(ctx, func(t *tx) error { return t.erase(site, patient, at) }); err != nil {
				return err
			}
		}
		for subject, at := range d.keeper.Destroyed(site) {
			patient, ok := strings.CutPrefix(subject, seal.Patient(""))
			if _, known := gone[vital.PatientID(patient)]; !ok || known {
				continue
			}
			e := audit.Entry{Site: site, Who: "system", Role: "system", Action: "patient.forget", Subject: subject, Patient: vital.PatientID(patient),
				Why: "forgotten before; a copy from before that had brought the rows back"}
			if err := d.change(ctx, e, "forget patient "+patient+" again", func(t *tx) error { return t.erase(site, vital.PatientID(patient), at) }); err != nil {
				return err
			}
		}
	}
	return nil
}
