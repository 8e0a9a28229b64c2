package webd

import (
	"context"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// confirmation is two identifiers of the patient that is meant, read from the
// wristband: a slip of the finger in a list must not bind a monitor to somebody
// else.
type confirmation struct {
	Family string `json:"family"`
	Number string `json:"number"`
}

type bindBody struct {
	Patient vital.PatientID `json:"patient,omitempty"`
	Room    vital.RoomID    `json:"room,omitempty"`
	From    vital.Instant   `json:"from,omitempty"`
	Why     string          `json:"why,omitempty"`
	Confirm confirmation    `json:"confirm,omitzero"`
}

type reassignBody struct {
	Patient vital.PatientID `json:"patient"`
	From    vital.Instant   `json:"from"`
	To      vital.Instant   `json:"to"`
	Why     string          `json:"why"`
	Confirm confirmation    `json:"confirm"`
}

// confirmed checks the two identifiers against the patient, whom the caller has
// to see.
func (s *Server) confirmed(c *call, id vital.PatientID, said confirmation) error {
	p, err := s.store.Patient(c.ctx(), c.rows, id)
	if err != nil {
		return inField("patient", err)
	}
	family, number := strings.TrimSpace(said.Family), strings.TrimSpace(said.Number)
	if family == "" || !strings.EqualFold(family, strings.TrimSpace(p.Family)) {
		return inField("confirm.family", vital.Errorf(vital.Precondition, "the family name does not match this patient: read it from the wristband"))
	}
	for _, n := range p.Numbers {
		if number != "" && strings.EqualFold(number, n.Value) {
			return nil
		}
	}
	return inField("confirm.number", vital.Errorf(vital.Precondition, "the number does not match this patient: read it from the wristband"))
}

func (s *Server) bindDevice(c *call) error {
	var body bindBody
	if err := c.body(&body); err != nil {
		return err
	}
	from, err := s.momentOf("from", body.From)
	if err != nil {
		return err
	}
	switch {
	case (body.Patient == "") == (body.Room == ""):
		return invalid("patient", "want a patient or a room, one of them")
	case body.Patient != "":
		if err := s.confirmed(c, body.Patient, body.Confirm); err != nil {
			return err
		}
	default:
		if err := s.seesRoom(c, body.Room); err != nil {
			return err
		}
	}
	bound, err := s.store.Bind(c.ctx(), s.entry(c, "device/"+string(c.device()), body.Why), store.Binding{
		Device: c.device(), Patient: body.Patient, Room: body.Room, From: from, By: c.principal.ID, Why: strings.TrimSpace(body.Why),
	})
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	views, err := s.bindingViews(c.ctx(), c.rows, []store.Binding{bound})
	if err != nil {
		return err
	}
	return c.created(views[0])
}

func (s *Server) seesRoom(c *call, room vital.RoomID) error {
	rooms, err := s.store.Rooms(c.ctx(), c.rows, "")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rooms, func(r store.Room) bool { return r.ID == room }) {
		return inField("room", vital.Errorf(vital.NotFound, "room %s: not found", room))
	}
	return nil
}

// bindingViews shows bindings with the names of who bound and of the rooms that
// rows lets through.
func (s *Server) bindingViews(ctx context.Context, rows store.Rows, bindings []store.Binding) ([]Binding, error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[vital.RoomID]store.Room)
	if slices.ContainsFunc(bindings, func(b store.Binding) bool { return b.Room != "" }) {
		rooms, err := s.store.Rooms(ctx, rows, "")
		if err != nil {
			return nil, err
		}
		for _, r := range rooms {
			byID[r.ID] = r
		}
	}
	views := make([]Binding, len(bindings))
	for i, b := range bindings {
		views[i] = bindingView(b, names, byID)
	}
	return views, nil
}

// deviceBindings is where a device was, as far as the caller may see.
func (s *Server) deviceBindings(c *call) error {
	if _, err := s.store.Device(c.ctx(), c.rows, c.device()); err != nil {
		return err
	}
	bindings, err := s.store.Bindings(c.ctx(), c.rows, store.BindingFilter{Device: c.device()})
	if err != nil {
		return err
	}
	slices.Reverse(bindings)
	views, err := s.bindingViews(c.ctx(), c.rows, bindings)
	if err != nil {
		return err
	}
	return c.json(listOf(views))
}

func (s *Server) unbindDevice(c *call) error {
	var body endBody
	if err := c.body(&body); err != nil {
		return err
	}
	at, err := s.momentOf("at", body.At)
	if err != nil {
		return err
	}
	ended, err := s.store.Unbind(c.ctx(), s.entry(c, "device/"+string(c.device()), body.Why), c.device(), at)
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	views, err := s.bindingViews(c.ctx(), c.rows, []store.Binding{ended})
	if err != nil {
		return err
	}
	return c.json(views[0])
}

// reassignDevice says that what a device measured in these hours was somebody
// else. The old rows stay, marked as superseded.
func (s *Server) reassignDevice(c *call) error {
	var body reassignBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Why = strings.TrimSpace(body.Why); body.Why == "" || len(body.Why) > 400 {
		return invalid("why", "why: say why, in at most 400 characters")
	}
	if !body.From.Known() || body.To <= body.From {
		return invalid("to", "from and to: want a period with its end after its beginning")
	}
	if err := s.confirmed(c, body.Patient, body.Confirm); err != nil {
		return err
	}
	entry := s.entry(c, "device/"+string(c.device()), body.Why)
	entry.Patient = body.Patient
	if err := s.store.Reassign(c.ctx(), entry, c.device(), body.From, body.To, body.Patient); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.nothing()
}
