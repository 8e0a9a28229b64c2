package store

import (
	"context"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// PutPatient makes or changes a person and returns it with its patient id. Demo
// is set once: a made-up patient never becomes a real one.
func (d *DB) PutPatient(ctx context.Context, e audit.Entry, p person.Person) (person.Person, error) {
	if p.Patient == "" {
		p.Patient = vital.PatientID(newID("p"))
	}
	if p.Birth != "" {
		if _, err := time.Parse(time.DateOnly, p.Birth); err != nil {
			return p, vital.Errorf(vital.Invalid, "put patient %s: birth must be YYYY-MM-DD", p.Patient)
		}
	}
	e.Patient = p.Patient
	return p, d.change(ctx, e, "put patient "+string(p.Patient), func(t *tx) error {
		if _, err := t.exec("INSERT INTO patient (site, id, demo, created) VALUES ($1, $2, $3, $4) ON CONFLICT (site, id) DO NOTHING",
			e.Site, p.Patient, p.Demo, now()); err != nil {
			return err
		}
		demo, err := t.patientIsDemo(e.Site, p.Patient)
		if err != nil {
			return err
		}
		if demo != p.Demo {
			return vital.Errorf(vital.Conflict, "a made-up patient and a real one never change into each other")
		}
		return t.putPerson(e.Site, p)
	})
}

func (t *tx) putPerson(site vital.Site, p person.Person) error {
	words := []string{p.Family, p.Given}
	for _, n := range p.Numbers {
		words = append(words, n.Value)
	}
	_, err := t.exec(`INSERT INTO person (site, patient, family, given, birth, sex, flags, search) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (site, patient) DO UPDATE SET family = excluded.family, given = excluded.given, birth = excluded.birth,
		sex = excluded.sex, flags = excluded.flags, search = excluded.search`,
		site, p.Patient, p.Family, p.Given, p.Birth, p.Sex, list(p.Flags), strings.ToLower(strings.Join(words, " ")))
	if err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM person_number WHERE site = $1 AND patient = $2", site, p.Patient); err != nil {
		return err
	}
	for i, n := range p.Numbers {
		if _, err := t.exec("INSERT INTO person_number (site, patient, ordinal, system, value) VALUES ($1, $2, $3, $4, $5)",
			site, p.Patient, i, n.System, n.Value); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) patientIsDemo(site vital.Site, id vital.PatientID) (demo bool, err error) {
	err = t.row("SELECT demo FROM patient WHERE site = $1 AND id = $2", site, id).Scan(&demo)
	if missing(err) {
		return false, vital.Errorf(vital.NotFound, "patient %s: not found", id)
	}
	return demo, err
}

const selectPersons = `SELECT p.patient, p.family, p.given, p.birth, p.sex, p.flags, t.demo
	FROM person p JOIN patient t ON t.site = p.site AND t.id = p.patient WHERE p.site = ?`

func scanPerson(scan func(...any) error, p *person.Person) error {
	return scan(&p.Patient, &p.Family, &p.Given, &p.Birth, &p.Sex, listOf[string]{&p.Flags}, &p.Demo)
}

// Patient returns who a patient is.
func (d *DB) Patient(ctx context.Context, r Rows, id vital.PatientID) (person.Person, error) {
	q := ask(selectPersons, r.Site).add(" AND p.patient = ?", id).seesKind(r, "p.patient", vital.DataIdentity)
	p, err := one(ctx, d.read, q, "patient "+string(id), scanPerson)
	if err != nil {
		return p, err
	}
	found := []person.Person{p}
	err = d.numbers(ctx, r, found)
	return found[0], err
}

// Patients lists patients by name. Every word of search must occur in the name
// or a record number; ward narrows to those admitted there now. At most 500.
func (d *DB) Patients(ctx context.Context, r Rows, search string, ward vital.WardID) ([]person.Person, error) {
	q := ask(selectPersons, r.Site).likeAll("p.search", search).
		when(ward != "", " AND EXISTS (SELECT 1 FROM admission a WHERE a.site = p.site AND a.patient = p.patient AND a.ward = ? AND a.to_ms = 0)", ward).
		seesKind(r, "p.patient", vital.DataIdentity).add(" ORDER BY p.family, p.given, p.patient LIMIT 500")
	all, err := collect(ctx, d.read, q, scanPerson)
	if err != nil {
		return nil, err
	}
	return all, d.numbers(ctx, r, all)
}

// numbers fills in the record numbers of people that the caller sees already.
func (d *DB) numbers(ctx context.Context, r Rows, people []person.Person) error {
	at := map[vital.PatientID]int{}
	ids := make([]vital.PatientID, len(people))
	for i, p := range people {
		at[p.Patient], ids[i] = i, p.Patient
	}
	q := in(ask("SELECT n.patient, n.system, n.value FROM person_number n WHERE n.site = ? AND n.patient ", r.Site), ids).
		seesKind(r, "n.patient", vital.DataIdentity).add(" ORDER BY n.patient, n.ordinal")
	type row struct {
		patient vital.PatientID
		number  person.Number
	}
	rows, err := collect(ctx, d.read, q, func(scan func(...any) error, v *row) error {
		return scan(&v.patient, &v.number.System, &v.number.Value)
	})
	for _, v := range rows {
		p := &people[at[v.patient]]
		p.Numbers = append(p.Numbers, v.number)
	}
	return err
}
