package store

import (
	"context"
	"slices"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Everybody is a role, a purpose or a kind of data that does not narrow.
const Everybody = "all"

// Consent is what a patient said about one kind of data (or all), one person or
// role (or everybody) and one purpose (or all). A refusal wins over a permission.
type Consent struct {
	ID       string
	Patient  vital.PatientID
	Data     vital.Data   // or "all"
	User     vital.UserID // empty: not narrowed to one person
	Role     string       // or "all"
	Purpose  string       // or "all"
	Permit   bool
	From, To vital.Instant // To zero: until it is revoked
	By       string
	Behalf   bool // entered by somebody else for the patient
	Why      string
	Ended    vital.Instant // when it was revoked or replaced
	EndedBy  string
	EndedWhy string
}

const selectConsents = `SELECT c.id, c.patient, c.data, c.account, c.role, c.purpose, c.permit, c.from_ms, c.to_ms, c.by_whom, c.behalf, c.why,
	c.ended, c.ended_by, c.ended_why FROM consent c WHERE c.site = ?`

func scanConsent(scan func(...any) error, c *Consent) error {
	return scan(&c.ID, &c.Patient, &c.Data, &c.User, &c.Role, &c.Purpose, &c.Permit, &c.From, &c.To, &c.By, &c.Behalf, &c.Why, &c.Ended, &c.EndedBy, &c.EndedWhy)
}

// Consent keeps what a patient said. What was said before about the same data,
// person, role and purpose ends, and stays to be read.
func (d *DB) Consent(ctx context.Context, e audit.Entry, c Consent) (Consent, error) {
	if e.At == 0 {
		e.At = now()
	}
	if c.ID == "" {
		c.ID = newID("cs")
	}
	if c.From == 0 {
		c.From = e.At
	}
	c.By, e.Patient = e.Who, c.Patient
	defer d.rights.Add(1)
	return c, d.change(ctx, e, "consent of patient "+string(c.Patient), func(t *tx) error {
		if c.Data != Everybody && !slices.Contains(vital.AllData, c.Data) {
			return vital.Errorf(vital.Invalid, "data %q: there is no such kind of data", c.Data)
		}
		if c.Role == "" || c.Purpose == "" || c.User != "" && c.Role != Everybody {
			return vital.Errorf(vital.Invalid, "a consent says a person or a role, and a purpose")
		}
		if c.To != 0 && c.To <= c.From {
			return vital.Errorf(vital.Invalid, "a consent begins before it ends")
		}
		if _, err := t.patientIsDemo(e.Site, c.Patient); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE consent SET ended = $1, ended_by = $2, ended_why = 'replaced'
			WHERE site = $3 AND patient = $4 AND data = $5 AND account = $6 AND role = $7 AND purpose = $8 AND ended = 0`,
			e.At, e.Who, e.Site, c.Patient, c.Data, c.User, c.Role, c.Purpose); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO consent (site, id, patient, data, account, role, purpose, permit, from_ms, to_ms, by_whom, behalf, why, ended, ended_by, ended_why)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, '', '')`,
			e.Site, c.ID, c.Patient, c.Data, c.User, c.Role, c.Purpose, c.Permit, c.From, c.To, c.By, c.Behalf, c.Why)
		return err
	})
}

// Revoke ends what a patient said; what is over already is NotFound.
func (d *DB) Revoke(ctx context.Context, e audit.Entry, patient vital.PatientID, id string) error {
	if e.At == 0 {
		e.At = now()
	}
	e.Patient = patient
	defer d.rights.Add(1)
	return d.change(ctx, e, "revoke consent "+id, func(t *tx) error {
		n, err := t.exec("UPDATE consent SET ended = $1, ended_by = $2, ended_why = $3 WHERE site = $4 AND patient = $5 AND id = $6 AND ended = 0",
			e.At, e.Who, e.Why, e.Site, patient, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "consent %s: not found", id)
		}
		return err
	})
}

// ConsentsOf lists what of a patient's consents holds at that time (zero: now).
func (d *DB) ConsentsOf(ctx context.Context, r Rows, patient vital.PatientID, at vital.Instant) ([]Consent, error) {
	if at == 0 {
		at = now()
	}
	q := ask(selectConsents, r.Site).add(" AND c.patient = ? AND c.from_ms <= ? AND (c.to_ms = 0 OR c.to_ms > ?) AND (c.ended = 0 OR c.ended > ?)", patient, at, at, at).
		seesPatient(r, "c.patient").add(" ORDER BY c.data, c.account, c.role, c.purpose, c.id")
	return collect(ctx, d.read, q, scanConsent)
}

// ConsentHistory lists everything that a patient ever said, newest first.
func (d *DB) ConsentHistory(ctx context.Context, r Rows, patient vital.PatientID) ([]Consent, error) {
	q := ask(selectConsents, r.Site).add(" AND c.patient = ?", patient).seesPatient(r, "c.patient").add(" ORDER BY c.from_ms DESC, c.id DESC LIMIT 1000")
	return collect(ctx, d.read, q, scanConsent)
}

// Refusing lists the patients of whom a refusal is in force at that time. For
// everybody else the staff of the ward needs not ask.
func (d *DB) Refusing(ctx context.Context, site vital.Site, at vital.Instant) (map[vital.PatientID]bool, error) {
	q := ask("SELECT DISTINCT c.patient FROM consent c WHERE c.site = ? AND c.permit = FALSE AND c.ended = 0 AND c.from_ms <= ? AND (c.to_ms = 0 OR c.to_ms > ?)", site, at, at)
	all, err := collect(ctx, d.read, q, scanInto[vital.PatientID])
	refusing := make(map[vital.PatientID]bool, len(all))
	for _, p := range all {
		refusing[p] = true
	}
	return refusing, err
}

// Rights counts the changes of relations, consents and broken glass that were
// made through this store: who remembers what may be seen asks again when it has
// moved.
func (d *DB) Rights() int64 { return d.rights.Load() }

// NextRight is when, after at, a relation, a consent or a broken glass next
// begins or ends by itself; 0: none will.
func (d *DB) NextRight(ctx context.Context, site vital.Site, at vital.Instant) (vital.Instant, error) {
	q := new(query)
	for i, part := range []string{
		"SELECT MIN(from_ms) FROM relation WHERE site = ? AND from_ms > ?", "SELECT MIN(to_ms) FROM relation WHERE site = ? AND to_ms > ?",
		"SELECT MIN(from_ms) FROM consent WHERE site = ? AND from_ms > ?", "SELECT MIN(to_ms) FROM consent WHERE site = ? AND to_ms > ?",
		"SELECT MIN(until_ms) FROM glass WHERE site = ? AND until_ms > ?",
	} {
		q.when(i > 0, " UNION ALL ").add(part, site, at)
	}
	all, err := collect(ctx, d.read, q, func(scan func(...any) error, v *vital.Instant) error {
		var at *int64
		err := scan(&at)
		if at != nil {
			*v = vital.Instant(*at)
		}
		return err
	})
	var next vital.Instant
	for _, v := range all {
		if v != 0 && (next == 0 || v < next) {
			next = v
		}
	}
	return next, err
}
