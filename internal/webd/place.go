package webd

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

type wardBody struct {
	Name string `json:"name"`
	Zone string `json:"zone"`
	Kind string `json:"kind"`
}

type roomBody struct {
	Name string `json:"name"`
}

type bedBody struct {
	Label    string       `json:"label"`
	Room     vital.RoomID `json:"room,omitempty"`
	Position int          `json:"position,omitempty"`
}

type swapBody struct {
	A  vital.BedID   `json:"a"`
	B  vital.BedID   `json:"b"`
	At vital.Instant `json:"at,omitempty"`
}

func wardView(w store.Ward) Ward {
	return Ward{ID: w.ID, Name: w.Name, Zone: w.Zone, Kind: w.Kind, Beds: w.Beds, Patients: w.Patients}
}

func (s *Server) wards(c *call) error {
	wards, err := s.store.Wards(c.ctx(), c.rows)
	if err != nil {
		return err
	}
	views := make([]Ward, len(wards))
	for i, w := range wards {
		views[i] = wardView(w)
	}
	return c.json(listOf(views))
}

func (s *Server) makeWard(c *call) error { return s.putWard(c, "") }

func (s *Server) changeWard(c *call) error {
	if _, err := s.store.Ward(c.ctx(), c.rows, c.ward()); err != nil {
		return err
	}
	return s.putWard(c, c.ward())
}

func (s *Server) putWard(c *call, id vital.WardID) error {
	var body wardBody
	if err := c.body(&body); err != nil {
		return err
	}
	body.Name, body.Kind = strings.TrimSpace(body.Name), cmp.Or(body.Kind, "adult")
	if body.Name == "" || len(body.Name) > 100 {
		return invalid("name", "name: want 1 to 100 characters")
	}
	if _, err := time.LoadLocation(body.Zone); err != nil || body.Zone == "" || body.Zone == "Local" {
		return invalid("zone", "zone %q: want a time zone like Europe/Zurich", body.Zone)
	}
	if !slices.Contains([]string{"adult", "high-dependency", "home", "paediatric"}, body.Kind) {
		return invalid("kind", "kind %q: want adult, high-dependency, home or paediatric", body.Kind)
	}
	ward, err := s.store.PutWard(c.ctx(), s.entry(c, "ward/"+string(id), ""), store.Ward{ID: id, Name: body.Name, Zone: body.Zone, Kind: body.Kind})
	if err != nil {
		return err
	}
	if id == "" {
		return c.created(wardView(ward))
	}
	if ward, err = s.store.Ward(c.ctx(), c.rows, id); err != nil {
		return err
	}
	return c.json(wardView(ward))
}

func (s *Server) makeRoom(c *call) error {
	var body roomBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Name = strings.TrimSpace(body.Name); body.Name == "" || len(body.Name) > 100 {
		return invalid("name", "name: want 1 to 100 characters")
	}
	if _, err := s.store.Ward(c.ctx(), c.rows, c.ward()); err != nil {
		return err
	}
	rooms, err := s.store.Rooms(c.ctx(), c.rows, c.ward())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rooms, func(r store.Room) bool { return strings.EqualFold(r.Name, body.Name) }) {
		return inField("name", vital.Errorf(vital.Conflict, "this ward has a room %s already", body.Name))
	}
	room, err := s.store.PutRoom(c.ctx(), s.entry(c, "ward/"+string(c.ward()), ""), store.Room{Ward: c.ward(), Name: body.Name})
	if err != nil {
		return err
	}
	return c.created(Room{ID: room.ID, Name: room.Name})
}

// rooms finds rooms by words that must all occur in the names of the room and its
// ward. They are compared here and not in SQL, which lowers no letter beyond ASCII.
func (s *Server) rooms(c *call) error {
	rooms, err := s.store.Rooms(c.ctx(), c.rows, "")
	if err != nil {
		return err
	}
	words := strings.Fields(strings.ToLower(c.r.URL.Query().Get("q")))
	var views []WardRoom
	for _, r := range rooms {
		text := strings.ToLower(r.Name + " " + r.WardName)
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			views = append(views, WardRoom{ID: r.ID, Name: r.Name, Ward: r.Ward, WardName: r.WardName})
		}
	}
	return c.json(listOf(views))
}

func (s *Server) makeBed(c *call) error {
	var body bedBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Label = strings.TrimSpace(body.Label); body.Label == "" || len(body.Label) > 20 {
		return invalid("label", "label: want 1 to 20 characters")
	}
	if _, err := s.store.Ward(c.ctx(), c.rows, c.ward()); err != nil {
		return err
	}
	rooms, err := s.store.Rooms(c.ctx(), c.rows, c.ward())
	if err != nil {
		return err
	}
	if body.Room != "" && !slices.ContainsFunc(rooms, func(r store.Room) bool { return r.ID == body.Room }) {
		return inField("room", vital.Errorf(vital.NotFound, "room %s: not found in this ward", body.Room))
	}
	beds, err := s.store.Beds(c.ctx(), c.rows, c.ward())
	if err != nil {
		return err
	}
	if body.Position == 0 {
		body.Position = 1
		for _, b := range beds {
			body.Position = max(body.Position, b.Position+1)
		}
	}
	bed, err := s.store.PutBed(c.ctx(), s.entry(c, "ward/"+string(c.ward()), ""),
		store.Bed{Ward: c.ward(), Room: body.Room, Label: body.Label, Position: body.Position})
	if err != nil {
		return err
	}
	return c.created(emptyBed(bed))
}

func emptyBed(b store.Bed) Bed {
	return Bed{
		ID: b.ID, Ward: b.Ward, Room: b.Room, Label: b.Label, Position: b.Position,
		Latest: []Value{}, Devices: []DeviceName{}, Limits: []Limit{}, Alarms: []Alarm{},
	}
}

func (s *Server) ward(c *call) error {
	ward, err := s.store.Ward(c.ctx(), c.rows, c.ward())
	if err != nil {
		return err
	}
	rooms, err := s.store.Rooms(c.ctx(), c.rows, c.ward())
	if err != nil {
		return err
	}
	beds, err := s.wardBeds(c.ctx(), c.rows, c.ward())
	if err != nil {
		return err
	}
	if err := s.fillLive(c.ctx(), c.rows, beds); err != nil {
		return err
	}
	view := WardView{Ward: wardView(ward), Beds: full(beds), Rooms: make([]Room, len(rooms)), Sheet: s.sheetsState()}
	for i, r := range rooms {
		view.Rooms[i] = Room{ID: r.ID, Name: r.Name}
	}
	return c.json(view)
}

// wardBeds puts a ward's beds together, without what changes by the second.
func (s *Server) wardBeds(ctx context.Context, rows store.Rows, ward vital.WardID) ([]Bed, error) {
	places, err := s.store.Beds(ctx, rows, ward)
	if err != nil {
		return nil, err
	}
	stays, err := s.store.Occupants(ctx, rows, ward, 0)
	if err != nil {
		return nil, err
	}
	people, err := s.store.Patients(ctx, rows, "", ward)
	if err != nil {
		return nil, err
	}
	devices, err := s.devicesBy(ctx, rows)
	if err != nil {
		return nil, err
	}
	byPatient := make(map[vital.PatientID]person.Person, len(people))
	for _, p := range people {
		byPatient[p.Patient] = p
	}
	inBed := make(map[vital.BedID]store.Admission, len(stays))
	for _, a := range stays {
		inBed[a.Bed] = a
	}
	beds := make([]Bed, len(places))
	for i, place := range places {
		beds[i] = emptyBed(place)
		beds[i].Devices = append(beds[i].Devices, devices.inRoom(place.Room)...)
		stay, taken := inBed[place.ID]
		p, known := byPatient[stay.Patient]
		if !taken || !known {
			continue
		}
		card := s.card(p, stay)
		beds[i].Patient = &card
		beds[i].Devices = append(beds[i].Devices, devices.on(stay.Patient)...)
		beds[i].Limits = bedLimits(s.judged.Limits(stay.Patient))
	}
	return beds, nil
}

// fillLive puts the latest values, the watch state and the open alarms into beds.
func (s *Server) fillLive(ctx context.Context, rows store.Rows, beds []Bed) error {
	var patients []vital.PatientID
	at := make(map[vital.PatientID]int)
	for i := range beds {
		if p := beds[i].Patient; p != nil {
			patients, at[p.ID] = append(patients, p.ID), i
		}
	}
	if len(patients) == 0 {
		return nil
	}
	names, err := s.names(ctx)
	if err != nil {
		return err
	}
	open, set := s.judged.Alarms(ctx, rows, patients), s.inForce()
	highestFirst(open)
	for i := range open {
		if at, ok := at[open[i].Patient]; ok {
			beds[at].Alarms = append(beds[at].Alarms, alarmView(&open[i], spot{beds[at].ID, beds[at].Ward}, names, set))
		}
	}
	for _, v := range s.live.Latest(rows, patients) {
		if i, ok := at[v.Patient]; ok {
			beds[i].Latest = append(beds[i].Latest, valueOf(v, beds[i].ID))
		}
	}
	for _, w := range s.live.Watches(patients) {
		if i, ok := at[w.Patient]; ok {
			state := watchedOf(w, beds[i].ID)
			beds[i].Watched = &state
		}
	}
	seen, err := s.seenOf(ctx, rows, patients...)
	if err != nil {
		return err
	}
	onlySeen(beds, seen)
	for i := range beds {
		slices.SortFunc(beds[i].Latest, func(x, y Value) int { return strings.Compare(x.Metric, y.Metric) })
	}
	return nil
}

// bedsOf returns the wanted beds that rows lets through, and the bed of patient.
func (s *Server) bedsOf(ctx context.Context, rows store.Rows, wanted []vital.BedID, patient vital.PatientID) ([]Bed, error) {
	places, err := s.store.Beds(ctx, rows, "")
	if err != nil {
		return nil, err
	}
	ask := make(map[vital.BedID]bool, len(wanted)+1)
	for _, b := range wanted {
		ask[b] = true
	}
	if patient != "" {
		stays, err := s.store.Occupants(ctx, rows, "", 0)
		if err != nil {
			return nil, err
		}
		for _, a := range stays {
			if a.Patient == patient {
				ask[a.Bed] = true
			}
		}
	}
	done := make(map[vital.WardID]bool)
	var beds []Bed
	for _, p := range places {
		if !ask[p.ID] || done[p.Ward] {
			continue
		}
		done[p.Ward] = true
		all, err := s.wardBeds(ctx, rows, p.Ward)
		if err != nil {
			return nil, err
		}
		beds = append(beds, slices.DeleteFunc(all, func(b Bed) bool { return !ask[b.ID] })...)
	}
	return beds, nil
}

// worn is which devices measure whom now.
type worn struct {
	names    map[vital.DeviceID]DeviceName
	patients map[vital.PatientID][]vital.DeviceID
	rooms    map[vital.RoomID][]vital.DeviceID
}

func (s *Server) devicesBy(ctx context.Context, rows store.Rows) (worn, error) {
	w := worn{
		names:    make(map[vital.DeviceID]DeviceName),
		patients: make(map[vital.PatientID][]vital.DeviceID),
		rooms:    make(map[vital.RoomID][]vital.DeviceID),
	}
	bindings, err := s.store.Bindings(ctx, rows, store.BindingFilter{At: vital.At(s.now())})
	if err != nil {
		return w, err
	}
	devices, err := s.store.Devices(ctx, rows, "")
	if err != nil {
		return w, err
	}
	for _, d := range devices {
		w.names[d.ID] = DeviceName{ID: d.ID, Label: d.Label, Kind: d.Kind}
	}
	for _, b := range bindings {
		if b.Patient != "" {
			w.patients[b.Patient] = append(w.patients[b.Patient], b.Device)
		}
		if b.Room != "" {
			w.rooms[b.Room] = append(w.rooms[b.Room], b.Device)
		}
	}
	return w, nil
}

func (w worn) list(ids []vital.DeviceID) []DeviceName {
	names := make([]DeviceName, 0, len(ids))
	for _, id := range ids {
		if n, ok := w.names[id]; ok {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b DeviceName) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return names
}

func (w worn) on(p vital.PatientID) []DeviceName { return w.list(w.patients[p]) }

func (w worn) inRoom(r vital.RoomID) []DeviceName {
	if r == "" {
		return nil
	}
	return w.list(w.rooms[r])
}

func (s *Server) swapBeds(c *call) error {
	var body swapBody
	if err := c.body(&body); err != nil {
		return err
	}
	at, err := s.momentOf("at", body.At)
	if err != nil {
		return err
	}
	for field, bed := range map[string]vital.BedID{"a": body.A, "b": body.B} {
		if _, err := s.store.Bed(c.ctx(), c.rows, bed); err != nil {
			return inField(field, err)
		}
	}
	if err := s.store.Swap(c.ctx(), s.entry(c, "bed/"+string(body.A), ""), body.A, body.B, at); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.nothing()
}

// ahead is how far a caller's clock may be ahead of ours.
const ahead = time.Minute

// timeOf returns the time that a caller names, now when none is given; never the
// future.
func (s *Server) timeOf(field string, at vital.Instant) (vital.Instant, error) {
	now := vital.At(s.now())
	if !at.Known() {
		return now, nil
	}
	if at > now.Add(ahead) {
		return 0, invalid(field, "%s: %s is in the future", field, at)
	}
	return at, nil
}

// momentOf is timeOf for a change that has to count at once, so that the next
// question sees it even when the caller's clock is a little ahead.
func (s *Server) momentOf(field string, at vital.Instant) (vital.Instant, error) {
	at, err := s.timeOf(field, at)
	return min(at, vital.At(s.now())), err
}

// latestOf is the latest values and the watch state of one patient.
func (s *Server) latestOf(ctx context.Context, rows store.Rows, patient vital.PatientID, bed vital.BedID) ([]Value, *Watched, error) {
	values := []Value{}
	seen, err := s.seenOf(ctx, rows, patient)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range s.live.Latest(rows, []vital.PatientID{patient}) {
		if v.Patient == patient {
			values = append(values, valueOf(v, bed))
		}
	}
	slices.SortFunc(values, func(x, y Value) int { return strings.Compare(x.Metric, y.Metric) })
	states := s.live.Watches([]vital.PatientID{patient})
	i := slices.IndexFunc(states, func(w watch.Watch) bool { return w.Patient == patient })
	if i < 0 || !seen[patient].Has(vital.DataVitals) {
		return values, nil, nil
	}
	state := watchedOf(states[i], bed)
	return values, &state, nil
}
