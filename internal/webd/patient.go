package webd

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

type patientBody struct {
	Family  string   `json:"family"`
	Given   string   `json:"given"`
	Birth   string   `json:"birth"`
	Sex     string   `json:"sex"`
	Numbers []Number `json:"numbers"`
	Flags   []string `json:"flags,omitempty"`
}

// newPatient is a patient to make; with a bed it is admitted at once.
type newPatient struct {
	patientBody
	Bed vital.BedID   `json:"bed,omitempty"`
	At  vital.Instant `json:"at,omitempty"`
}

type stayBody struct {
	Bed vital.BedID   `json:"bed"`
	At  vital.Instant `json:"at,omitempty"`
}

type endBody struct {
	At  vital.Instant `json:"at,omitempty"`
	Why string        `json:"why"`
}

// card is a patient in a list; stay is zero for who is not admitted.
func (s *Server) card(p person.Person, stay store.Admission) PatientCard {
	card := PatientCard{
		ID: p.Patient, Family: p.Family, Given: p.Given, Sex: p.Sex, Birth: p.Birth, Age: ageAt(p.Birth, s.now()),
		Numbers: make([]Number, len(p.Numbers)), Admitted: stay.From, Bed: stay.Bed, Ward: stay.Ward, Flags: full(p.Flags), Demo: p.Demo,
	}
	for i, n := range p.Numbers {
		card.Numbers[i] = Number{System: n.System, Value: n.Value}
	}
	return card
}

// ageAt is in completed years; -1 when the birth is not known.
func ageAt(birth string, now time.Time) int {
	b, err := time.Parse(time.DateOnly, birth)
	if err != nil {
		return -1
	}
	age := now.Year() - b.Year()
	if now.Month() < b.Month() || now.Month() == b.Month() && now.Day() < b.Day() {
		age--
	}
	return age
}

func (s *Server) patients(c *call) error {
	query := c.r.URL.Query()
	people, err := s.store.Patients(c.ctx(), c.rows, query.Get("q"), vital.WardID(query.Get("ward")))
	if err != nil {
		return err
	}
	stays, err := s.store.Occupants(c.ctx(), c.rows, "", 0)
	if err != nil {
		return err
	}
	stayOf := make(map[vital.PatientID]store.Admission, len(stays))
	for _, a := range stays {
		stayOf[a.Patient] = a
	}
	cards := make([]PatientCard, len(people))
	for i, p := range people {
		cards[i] = s.card(p, stayOf[p.Patient])
	}
	return c.json(listOf(cards))
}

func (s *Server) patient(c *call) error {
	view, err := s.patientView(c.ctx(), c.rows, c.patient())
	if err != nil {
		return err
	}
	return c.json(view)
}

func (s *Server) patientView(ctx context.Context, rows store.Rows, id vital.PatientID) (Patient, error) {
	p, err := s.store.Patient(ctx, rows, id)
	if err != nil {
		return Patient{}, err
	}
	stays, err := s.store.Admissions(ctx, rows, id)
	if err != nil {
		return Patient{}, err
	}
	bindings, err := s.store.Bindings(ctx, rows, store.BindingFilter{Patient: id})
	if err != nil {
		return Patient{}, err
	}
	plan, err := s.store.PlanOf(ctx, rows, id)
	if err != nil {
		return Patient{}, err
	}
	names, err := s.names(ctx)
	if err != nil {
		return Patient{}, err
	}
	view := Patient{Admissions: []Admission{}, Bindings: []Binding{}, Plan: planView(plan)}
	var current store.Admission
	now := vital.At(s.now())
	for _, a := range stays {
		view.Admissions = append(view.Admissions, admissionView(a))
		if a.From <= now && (!a.To.Known() || a.To > now) {
			current = a
		}
	}
	for _, b := range bindings {
		view.Bindings = append(view.Bindings, bindingView(b, names, nil))
	}
	standby, on, err := s.store.StandbyOf(ctx, rows, id)
	if err != nil {
		return Patient{}, err
	}
	if on {
		view.Standby = &Standby{Reason: standby.Reason, By: names.of(standby.By), From: standby.From, Until: standby.Until}
	}
	view.PatientCard = s.card(p, current)
	view.Latest, view.Watched, err = s.latestOf(ctx, rows, id, current.Bed)
	return view, err
}

// names are the names of the users, by id.
type names map[string]string

func (s *Server) names(ctx context.Context) (names, error) {
	users, err := s.store.Users(ctx, s.site)
	if err != nil {
		return nil, err
	}
	n := make(names, len(users))
	for _, u := range users {
		n[string(u.ID)] = u.Name
	}
	return n, nil
}

// of returns the name, or the id of who is not a user.
func (n names) of(id string) string {
	if name := n[id]; name != "" {
		return name
	}
	return id
}

func admissionView(a store.Admission) Admission {
	return Admission{ID: a.ID, Ward: a.Ward, Bed: a.Bed, From: a.From, To: a.To}
}

// bindingView shows a binding; rooms may be nil when it is known to name none.
func bindingView(b store.Binding, n names, rooms map[vital.RoomID]store.Room) Binding {
	return Binding{
		ID: b.ID, Device: b.Device, Patient: b.Patient, Room: b.Room, RoomName: rooms[b.Room].Name, WardName: rooms[b.Room].WardName,
		From: b.From, To: b.To, By: n.of(b.By), Why: b.Why,
	}
}

// person checks what was typed and returns who it is.
func (b patientBody) person(now time.Time) (person.Person, error) {
	p := person.Person{Family: strings.TrimSpace(b.Family), Given: strings.TrimSpace(b.Given), Birth: b.Birth, Sex: b.Sex}
	if p.Family == "" || len(p.Family) > 200 || len(p.Given) > 200 {
		return p, invalid("family", "family: want a name, at most 200 characters")
	}
	if p.Sex == "" {
		p.Sex = "unknown"
	}
	if !slices.Contains([]string{"female", "male", "other", "unknown"}, p.Sex) {
		return p, invalid("sex", "sex %q: want female, male, other or unknown", b.Sex)
	}
	if b.Birth != "" {
		birth, err := time.Parse(time.DateOnly, b.Birth)
		if err != nil || birth.After(now) || now.Year()-birth.Year() > 130 {
			return p, invalid("birth", "birth %q: want a date like 1957-03-21", b.Birth)
		}
	}
	if len(b.Numbers) > 20 || len(b.Flags) > 20 {
		return p, invalid("numbers", "at most 20 numbers and 20 flags")
	}
	for i, n := range b.Numbers {
		value := strings.TrimSpace(n.Value)
		if value == "" || len(value) > 100 || len(n.System) > 200 {
			return p, invalid("numbers["+itoa(i)+"].value", "numbers[%d]: want a number of 1 to 100 characters", i)
		}
		p.Numbers = append(p.Numbers, person.Number{System: strings.TrimSpace(n.System), Value: value})
	}
	for i, f := range b.Flags {
		if f = strings.TrimSpace(f); f == "" || len(f) > 100 {
			return p, invalid("flags["+itoa(i)+"]", "flags[%d]: want 1 to 100 characters", i)
		}
		p.Flags = append(p.Flags, f)
	}
	return p, nil
}

func (s *Server) makePatient(c *call) error {
	var body newPatient
	if err := c.body(&body); err != nil {
		return err
	}
	p, err := body.person(s.now())
	if err != nil {
		return err
	}
	at, err := s.momentOf("at", body.At)
	if err != nil {
		return err
	}
	if body.Bed == "" && !c.rows.All {
		return inField("bed", vital.Errorf(vital.Precondition, "bed: name a bed of your ward; a patient of no ward would be out of your sight"))
	}
	if body.Bed != "" {
		if err := s.bedFree(c, body.Bed); err != nil {
			return err
		}
	}
	p.Demo = s.demo
	if p, err = s.store.PutPatient(c.ctx(), s.entry(c, "patient", ""), p); err != nil {
		return err
	}
	if body.Bed != "" {
		if _, err := s.store.Admit(c.ctx(), s.entry(c, "patient/"+string(p.Patient), ""), p.Patient, body.Bed, at); err != nil {
			return inField("bed", err)
		}
		if err := s.changed(c); err != nil {
			return err
		}
	}
	view, err := s.patientView(c.ctx(), c.rows, p.Patient)
	if err != nil {
		return err
	}
	return c.created(view)
}

// bedFree checks that the caller may use the bed and that nobody lies in it.
func (s *Server) bedFree(c *call, bed vital.BedID) error {
	b, err := s.store.Bed(c.ctx(), c.rows, bed)
	if err != nil {
		return inField("bed", err)
	}
	stays, err := s.store.Occupants(c.ctx(), c.rows, b.Ward, 0)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(stays, func(a store.Admission) bool { return a.Bed == bed }) {
		return inField("bed", vital.Errorf(vital.Conflict, "bed %s is taken", b.Label))
	}
	return nil
}

func (s *Server) changePatient(c *call) error {
	var body patientBody
	if err := c.body(&body); err != nil {
		return err
	}
	p, err := body.person(s.now())
	if err != nil {
		return err
	}
	old, err := s.store.Patient(c.ctx(), c.rows, c.patient())
	if err != nil {
		return err
	}
	p.Patient, p.Demo = old.Patient, old.Demo
	if _, err := s.store.PutPatient(c.ctx(), s.entry(c, "patient/"+string(p.Patient), ""), p); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return s.patient(c)
}

func (s *Server) admitPatient(c *call) error { return s.moveTo(c, s.store.Admit, c.created) }

func (s *Server) transferPatient(c *call) error { return s.moveTo(c, s.store.Transfer, c.json) }

func (s *Server) moveTo(c *call, move storeMove, answer func(any) error) error {
	var body stayBody
	if err := c.body(&body); err != nil {
		return err
	}
	at, err := s.momentOf("at", body.At)
	if err != nil {
		return err
	}
	if _, err := s.store.Bed(c.ctx(), c.rows, body.Bed); err != nil {
		return inField("bed", err)
	}
	stay, err := move(c.ctx(), s.entry(c, "patient/"+string(c.patient()), ""), c.patient(), body.Bed, at)
	if err != nil {
		return inField("bed", err)
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return answer(admissionView(stay))
}

func (s *Server) dischargePatient(c *call) error {
	var body endBody
	if err := c.body(&body); err != nil {
		return err
	}
	at, err := s.momentOf("at", body.At)
	if err != nil {
		return err
	}
	if err := s.store.Discharge(c.ctx(), s.entry(c, "patient/"+string(c.patient()), body.Why), c.patient(), at, body.Why); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.nothing()
}
