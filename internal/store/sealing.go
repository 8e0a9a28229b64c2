package store

import (
	"encoding/json"
	"fmt"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// sealRows seals what an older program left readable. It is part of the
// migration's transaction: a crash leaves every row as it was, and the keys made
// for some of them are used by the next attempt.
func (t *tx) sealRows() error {
	for _, table := range sealedTables {
		var n int
		if err := t.row("SELECT COUNT(*) FROM (SELECT 1 FROM " + table + " LIMIT 1) x").Scan(&n); err != nil {
			return err
		}
		t.d.readable = t.d.readable || n > 0
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"the journal's keys", t.moveKeys}, {"people", t.sealPeople}, {"contacts", t.sealContacts},
		{"bed rounds", func() error { return t.sealText("observation", "note", "patient", notePlace) }},
		{"remarks", func() error { return t.sealText("annotation", "text", "patient", remarkPlace) }},
		{"channels", t.sealChannels}, {"decisions", t.sealControls}, {"problems", t.sealProblems}, {"events", t.sealEvents},
		{"evidence", func() error { return t.sealBytes("alarm_evidence", "alarm", "patient", evidencePlace) }},
		{"MQTT sessions", func() error { return t.sealBytes("mqtt_session", "client", "''", sessionPlace) }},
		{"retained messages", func() error { return t.sealBytes("mqtt_retained", "topic", "''", retainedPlace) }},
		{"plain columns", t.dropPlain},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// moveKeys takes the journal's keys out of the database. They were wrapped by the
// root key itself.
func (t *tx) moveKeys() error {
	q := ask("SELECT id, site, subject, wrapped, created, destroyed FROM sealing_key ORDER BY created, id")
	keys, err := collect(t.ctx, t.sql, q, func(scan func(...any) error, k *journal.StoredKey) error {
		var id int64
		err := scan(&id, &k.Site, &k.Subject, &k.Wrapped, &k.Created, &k.Destroyed)
		k.ID = journal.KeyID(id)
		return err
	})
	if err != nil {
		return err
	}
	if len(keys) > 0 && t.d.keeper == nil {
		return vital.Errorf(vital.Precondition, "the store was opened without its keys")
	}
	for _, k := range keys {
		key := seal.Key{ID: uint64(k.ID), Site: k.Site, Subject: k.Subject, Use: seal.Journal, Created: k.Created, Destroyed: k.Destroyed}
		if err := t.d.keeper.Adopt(t.ctx, key, func(root [32]byte) ([]byte, error) { return journal.Unwrap(k, root) }); err != nil {
			return err
		}
	}
	return nil
}

const sealAtOnce = 200

// sealPages calls each for the rows of a table, some at a time, in the order of
// their key.
func sealPages[T any](t *tx, query, key string, scan func(scan func(...any) error, into *T) error, last func(T) (site, key string), each func(T) error) error {
	site, after := "", ""
	for {
		q := ask(query+" WHERE (site > ? OR site = ? AND "+key+" > ?) ORDER BY site, "+key+" LIMIT ?", site, site, after, sealAtOnce)
		page, err := collect(t.ctx, t.sql, q, scan)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, row := range page {
			if err := each(row); err != nil {
				return err
			}
		}
		site, after = last(page[len(page)-1])
	}
}

type plainRow struct {
	site, key, patient string
	value              []byte
}

func scanPlain(scan func(...any) error, r *plainRow) error {
	return scan(&r.site, &r.key, &r.patient, &r.value)
}

func (r plainRow) at() (string, string) { return r.site, r.key }

// sealText seals a column of text into the column sealed, which takes its name
// when the plain ones are dropped.
func (t *tx) sealText(table, column, patient string, place func(string) string) error {
	return sealPages(t, "SELECT site, id, "+patient+", "+column+" FROM "+table, "id", scanPlain, plainRow.at, func(r plainRow) error {
		return t.sealInto(table, "id", "sealed", r, place)
	})
}

// sealBytes seals a column of bytes in its place.
func (t *tx) sealBytes(table, key, patient string, place func(string) string) error {
	return sealPages(t, "SELECT site, "+key+", "+patient+", body FROM "+table, key, scanPlain, plainRow.at, func(r plainRow) error {
		return t.sealInto(table, key, "body", r, place)
	})
}

func (t *tx) sealInto(table, key, column string, r plainRow, place func(string) string) error {
	if len(r.value) == 0 {
		return nil
	}
	sealed, err := t.d.seal(t.ctx, vital.Site(r.site), vital.PatientID(r.patient), place(r.key), r.value)
	if err != nil {
		return err
	}
	_, err = t.exec("UPDATE "+table+" SET "+column+" = $1 WHERE site = $2 AND "+key+" = $3", sealed, r.site, r.key)
	return err
}

func (t *tx) sealPeople() error {
	type row struct {
		site string
		p    person.Person
	}
	scan := func(scan func(...any) error, r *row) error {
		return scan(&r.site, &r.p.Patient, &r.p.Family, &r.p.Given, &r.p.Birth, &r.p.Sex, listOf[string]{&r.p.Flags})
	}
	last := func(r row) (string, string) { return r.site, string(r.p.Patient) }
	return sealPages(t, "SELECT site, patient, family, given, birth, sex, flags FROM person", "patient", scan, last, func(r row) error {
		q := ask("SELECT system, value FROM person_number WHERE site = ? AND patient = ? ORDER BY ordinal", r.site, r.p.Patient)
		var err error
		r.p.Numbers, err = collect(t.ctx, t.sql, q, func(scan func(...any) error, n *person.Number) error { return scan(&n.System, &n.Value) })
		if err != nil {
			return err
		}
		sealed, err := t.d.sealJSON(t.ctx, vital.Site(r.site), r.p.Patient, personPlace(r.p.Patient), bodyOf(r.p))
		if err != nil {
			return err
		}
		if _, err := t.exec("UPDATE person SET body = $1 WHERE site = $2 AND patient = $3", sealed, r.site, r.p.Patient); err != nil {
			return err
		}
		return t.putWords(vital.Site(r.site), r.p)
	})
}

func (t *tx) sealContacts() error {
	type row struct {
		site string
		c    person.Contact
	}
	scan := func(scan func(...any) error, r *row) error {
		return scan(&r.site, &r.c.Patient, &r.c.Name, &r.c.Relation, &r.c.Phone, &r.c.Email, &r.c.Address)
	}
	last := func(r row) (string, string) { return r.site, string(r.c.Patient) }
	return sealPages(t, "SELECT site, patient, name, relation, phone, email, address FROM person_contact", "patient", scan, last, func(r row) error {
		sealed, err := t.d.sealJSON(t.ctx, vital.Site(r.site), r.c.Patient, contactPlace(r.c.Patient), contactOf(r.c))
		if err != nil {
			return err
		}
		_, err = t.exec("UPDATE person_contact SET body = $1 WHERE site = $2 AND patient = $3", sealed, r.site, r.c.Patient)
		return err
	})
}

func (t *tx) sealChannels() error {
	type row struct{ site, id, address, secret string }
	scan := func(scan func(...any) error, r *row) error { return scan(&r.site, &r.id, &r.address, &r.secret) }
	last := func(r row) (string, string) { return r.site, r.id }
	return sealPages(t, "SELECT site, id, address, secret FROM channel", "id", scan, last, func(r row) error {
		sealed, err := t.d.sealJSON(t.ctx, vital.Site(r.site), "", channelPlace(r.id), channelBody{r.address, r.secret})
		if err != nil {
			return err
		}
		_, err = t.exec("UPDATE channel SET body = $1 WHERE site = $2 AND id = $3", sealed, r.site, r.id)
		return err
	})
}

// sealNumbered is sealPages for tables whose rows are numbered.
func (t *tx) sealNumbered(table, column string, each func(id int64, site vital.Site, value []byte) error) error {
	type row struct {
		id    int64
		site  vital.Site
		value []byte
	}
	after := int64(-1)
	for {
		q := ask("SELECT id, site, "+column+" FROM "+table+" WHERE id > ? ORDER BY id LIMIT ?", after, sealAtOnce)
		page, err := collect(t.ctx, t.sql, q, func(scan func(...any) error, r *row) error { return scan(&r.id, &r.site, &r.value) })
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			after = r.id
			if err := each(r.id, r.site, r.value); err != nil {
				return err
			}
		}
	}
}

func (t *tx) sealControls() error {
	return t.sealNumbered("control", "body", func(id int64, site vital.Site, value []byte) error {
		patient := patientIn(value)
		sealed, err := t.d.seal(t.ctx, site, patient, controlPlace, value)
		if err != nil {
			return err
		}
		_, err = t.exec("UPDATE control SET patient = $1, sealed = $2 WHERE id = $3", patient, sealed, id)
		return err
	})
}

// patientIn finds whom a decision is about.
func patientIn(body []byte) vital.PatientID {
	var about struct {
		Patient vital.PatientID `json:"patient"`
	}
	if json.Unmarshal(body, &about) != nil {
		return "" // a list, or text: about nobody
	}
	return about.Patient
}

func (t *tx) sealProblems() error {
	return t.sealNumbered("problem", "preview", func(id int64, site vital.Site, value []byte) error {
		sealed, err := t.d.seal(t.ctx, site, "", previewPlace, value)
		if err != nil {
			return err
		}
		_, err = t.exec("UPDATE problem SET sealed = $1 WHERE id = $2", sealed, id)
		return err
	})
}

func (t *tx) sealEvents() error {
	type row struct {
		id            int64
		site, patient string
		text          string
	}
	after := int64(-1)
	for {
		q := ask("SELECT id, site, patient, text FROM event WHERE id > ? AND text <> '' ORDER BY id LIMIT ?", after, sealAtOnce)
		page, err := collect(t.ctx, t.sql, q, func(scan func(...any) error, r *row) error { return scan(&r.id, &r.site, &r.patient, &r.text) })
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			after = r.id
			sealed, err := t.d.seal(t.ctx, vital.Site(r.site), vital.PatientID(r.patient), eventPlace, []byte(r.text))
			if err != nil {
				return err
			}
			if _, err := t.exec("UPDATE event SET sealed = $1 WHERE id = $2", sealed, r.id); err != nil {
				return err
			}
		}
	}
}

// dropPlain removes the columns that could be read. What of them is left in free
// pages is removed after the commit, by scrub.
func (t *tx) dropPlain() error {
	for _, s := range []string{
		"DROP TABLE person_number", "DROP TABLE sealing_key",
		"ALTER TABLE person DROP COLUMN family", "ALTER TABLE person DROP COLUMN given", "ALTER TABLE person DROP COLUMN birth",
		"ALTER TABLE person DROP COLUMN sex", "ALTER TABLE person DROP COLUMN flags", "ALTER TABLE person DROP COLUMN search",
		"ALTER TABLE person_contact DROP COLUMN name", "ALTER TABLE person_contact DROP COLUMN relation", "ALTER TABLE person_contact DROP COLUMN phone",
		"ALTER TABLE person_contact DROP COLUMN email", "ALTER TABLE person_contact DROP COLUMN address",
		"ALTER TABLE observation DROP COLUMN note", "ALTER TABLE observation RENAME COLUMN sealed TO note",
		"ALTER TABLE annotation DROP COLUMN text", "ALTER TABLE annotation RENAME COLUMN sealed TO text",
		"ALTER TABLE channel DROP COLUMN address", "ALTER TABLE channel DROP COLUMN secret",
		"ALTER TABLE control DROP COLUMN body", "ALTER TABLE control RENAME COLUMN sealed TO body",
		"ALTER TABLE event DROP COLUMN text", "ALTER TABLE event RENAME COLUMN sealed TO text",
		"ALTER TABLE problem DROP COLUMN preview", "ALTER TABLE problem RENAME COLUMN sealed TO preview",
	} {
		if _, err := t.exec(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// sealedTables held readable text before the rows were sealed.
var sealedTables = []string{"person", "person_contact", "observation", "annotation", "channel", "control", "problem", "event", "alarm_evidence", "mqtt_session", "mqtt_retained"}
