package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
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

// personBody is what is sealed of a person.
type personBody struct {
	Family  string          `json:"family"`
	Given   string          `json:"given,omitempty"`
	Birth   string          `json:"birth,omitempty"`
	Sex     string          `json:"sex,omitempty"`
	Flags   []string        `json:"flags,omitempty"`
	Numbers []person.Number `json:"numbers,omitempty"`
}

func bodyOf(p person.Person) personBody {
	return personBody{cleanText(p.Family), cleanText(p.Given), p.Birth, p.Sex, p.Flags, p.Numbers}
}

func (b personBody) into(p *person.Person) {
	p.Family, p.Given, p.Birth, p.Sex, p.Flags, p.Numbers = b.Family, b.Given, b.Birth, b.Sex, b.Flags, b.Numbers
}

func (t *tx) putPerson(site vital.Site, p person.Person) error {
	sealed, err := t.d.sealJSON(t.ctx, site, p.Patient, personPlace(p.Patient), bodyOf(p))
	if err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO person (site, patient, body) VALUES ($1, $2, $3)
		ON CONFLICT (site, patient) DO UPDATE SET body = excluded.body`, site, p.Patient, sealed); err != nil {
		return err
	}
	return t.putWords(site, p)
}

func (t *tx) patientIsDemo(site vital.Site, id vital.PatientID) (demo bool, err error) {
	err = t.row("SELECT demo FROM patient WHERE site = $1 AND id = $2", site, id).Scan(&demo)
	if missing(err) {
		return false, vital.Errorf(vital.NotFound, "patient %s: not found", id)
	}
	return demo, err
}

const selectPersons = `SELECT p.patient, p.body, t.demo
	FROM person p JOIN patient t ON t.site = p.site AND t.id = p.patient WHERE p.site = ?`

// people opens what a query on persons returns, without those of whom nothing is
// there any more.
func (d *DB) people(ctx context.Context, site vital.Site, q *query) ([]person.Person, error) {
	type row struct {
		p      person.Person
		sealed []byte
	}
	rows, err := collect(ctx, d.read, q, func(scan func(...any) error, r *row) error { return scan(&r.p.Patient, &r.sealed, &r.p.Demo) })
	if err != nil {
		return nil, err
	}
	people := make([]person.Person, 0, len(rows))
	for _, r := range rows {
		var body personBody
		there, err := d.unsealJSON(ctx, site, r.p.Patient, personPlace(r.p.Patient), r.sealed, &body)
		if err != nil && vital.KindOf(err) == vital.Internal {
			// One damaged row must not hide a ward: who it is cannot be told, that
			// somebody lies there can.
			d.log.Error("the identity of a patient is damaged", "patient", r.p.Patient, "error", err.Error())
			body, there, err = personBody{Family: "?", Flags: []string{"the identity is damaged on the disk: enter it again, or restore it"}}, true, nil
		}
		if err != nil {
			return nil, err
		}
		if there {
			body.into(&r.p)
			people = append(people, r.p)
		}
	}
	return people, nil
}

// Patient returns who a patient is.
func (d *DB) Patient(ctx context.Context, r Rows, id vital.PatientID) (person.Person, error) {
	q := ask(selectPersons, r.Site).add(" AND p.patient = ?", id).seesKind(r, "p.patient", vital.DataIdentity)
	found, err := d.people(ctx, r.Site, q)
	if err != nil {
		return person.Person{}, fmt.Errorf("patient %s: %w", id, err)
	}
	if len(found) == 0 {
		return person.Person{}, vital.Errorf(vital.NotFound, "patient %s: not found", id)
	}
	return found[0], nil
}

// mostPatients is how many a search returns.
const mostPatients = 500

// Patients lists patients by name. Every word of search must begin a word of the
// name or a record number; ward narrows to those admitted there now. At most 500.
func (d *DB) Patients(ctx context.Context, r Rows, search string, ward vital.WardID) ([]person.Person, error) {
	q := ask(selectPersons, r.Site).
		when(ward != "", " AND EXISTS (SELECT 1 FROM admission a WHERE a.site = p.site AND a.patient = p.patient AND a.ward = ? AND a.to_ms = 0)", ward)
	wanted := strings.Fields(strings.ToLower(search))
	if err := d.begins(ctx, q, r.Site, wanted); err != nil {
		return nil, err
	}
	found, err := d.people(ctx, r.Site, q.seesKind(r, "p.patient", vital.DataIdentity))
	if err != nil {
		return nil, fmt.Errorf("find patients: %w", err)
	}
	// The index holds beginnings up to a length; who is meant is decided here.
	found = slices.DeleteFunc(found, func(p person.Person) bool { return !named(p, wanted) })
	slices.SortFunc(found, func(a, b person.Person) int {
		return cmp.Or(strings.Compare(a.Family, b.Family), strings.Compare(a.Given, b.Given), strings.Compare(string(a.Patient), string(b.Patient)))
	})
	return found[:min(len(found), mostPatients)], nil
}
