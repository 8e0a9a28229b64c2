package store

import (
	"context"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// PutContact says whom to call for a patient.
func (d *DB) PutContact(ctx context.Context, e audit.Entry, c person.Contact) error {
	e.Patient = c.Patient
	if e.At == 0 {
		e.At = now()
	}
	return d.change(ctx, e, "contact of patient "+string(c.Patient), func(t *tx) error {
		if _, err := t.patientIsDemo(e.Site, c.Patient); err != nil {
			return err
		}
		if c.Phone != "" {
			if err := checkAddress("sms", c.Phone); err != nil {
				return err
			}
		}
		if c.Email != "" {
			if err := checkAddress("email", c.Email); err != nil {
				return err
			}
		}
		for _, text := range []string{c.Name, c.Relation, c.Address} {
			if len(text) > 500 {
				return vital.Errorf(vital.Invalid, "a name, relation or address has at most 500 bytes")
			}
		}
		if strings.TrimSpace(c.Name) == "" && (c.Phone != "" || c.Email != "") {
			return vital.Errorf(vital.Invalid, "name: who is it that is called?")
		}
		sealed, err := d.sealJSON(ctx, e.Site, c.Patient, contactPlace(c.Patient), contactOf(c))
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO person_contact (site, patient, body, detail, by_whom, at)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site, patient) DO UPDATE SET body = excluded.body, detail = excluded.detail,
			by_whom = excluded.by_whom, at = excluded.at`, e.Site, c.Patient, sealed, c.Detail, e.Who, e.At)
		return err
	})
}

// contactBody is what is sealed of a contact.
type contactBody struct {
	Name     string `json:"name,omitempty"`
	Relation string `json:"relation,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Email    string `json:"email,omitempty"`
	Address  string `json:"address,omitempty"`
}

func contactOf(c person.Contact) contactBody {
	return contactBody{c.Name, c.Relation, c.Phone, c.Email, c.Address}
}

// ContactOf returns whom to call for a patient; NotFound when nobody was named.
func (d *DB) ContactOf(ctx context.Context, r Rows, patient vital.PatientID) (person.Contact, error) {
	q := ask("SELECT c.patient, c.body, c.detail FROM person_contact c WHERE c.site = ? AND c.patient = ?", r.Site, patient).
		seesKind(r, "c.patient", vital.DataIdentity)
	return one(ctx, d.read, q, "contact of patient "+string(patient), func(scan func(...any) error, c *person.Contact) error {
		var sealed []byte
		if err := scan(&c.Patient, &sealed, &c.Detail); err != nil {
			return err
		}
		var b contactBody
		_, err := d.unsealJSON(ctx, r.Site, c.Patient, contactPlace(c.Patient), sealed, &b)
		c.Name, c.Relation, c.Phone, c.Email, c.Address = b.Name, b.Relation, b.Phone, b.Email, b.Address
		return err
	})
}
