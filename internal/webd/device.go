package webd

import (
	"context"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Device is what may send.
type Device struct {
	ID               vital.DeviceID `json:"id"`
	Label            string         `json:"label"`
	Kind             string         `json:"kind"`
	Class            string         `json:"class"`
	Model            string         `json:"model"`
	UDI              string         `json:"udi"`
	Regulatory       string         `json:"regulatory"`
	State            string         `json:"state"`
	StateWhy         string         `json:"stateWhy"`
	StateSince       vital.Instant  `json:"stateSince"`
	Connection       *Connection    `json:"connection"` // null: it has not come since the start
	Created          vital.Instant  `json:"created"`
	LastSeen         vital.Instant  `json:"lastSeen"`
	ClockOffset      *int64         `json:"clockOffsetMs"` // null until it has sent a time
	ClockUncertainty *int64         `json:"clockUncertaintyMs"`
	Drift            *float64       `json:"driftPpm"`
	Packets          uint64         `json:"packets"`
	Readings         uint64         `json:"readings"`
	Problems         uint64         `json:"problems"`
	Duplicates       uint64         `json:"duplicates"`
	Namespaces       []string       `json:"namespaces"`
	Binding          *Binding       `json:"binding"`
	Demo             bool           `json:"demo"`
}

type deviceBody struct {
	Label      string         `json:"label"`
	Kind       string         `json:"kind"`
	Model      string         `json:"model,omitempty"`
	UDI        string         `json:"udi,omitempty"`
	Regulatory string         `json:"regulatory,omitempty"`
	Namespaces []string       `json:"namespaces,omitempty"`
	Wards      []vital.WardID `json:"wards,omitempty"`
	AllWards   bool           `json:"allWards,omitempty"`
}

type newDevice struct {
	ID    vital.DeviceID `json:"id,omitempty"`
	Class string         `json:"class,omitempty"`
	deviceBody
}

// Credential is what a device signs in with; the password is shown this once.
type Credential struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Topic    string `json:"topic"`
}

// Enrolled is a new device with its credential.
type Enrolled struct {
	Device     Device     `json:"device"`
	Credential Credential `json:"credential"`
}

type stateBody struct {
	State string `json:"state"`
	Why   string `json:"why"`
}

func (s *Server) deviceView(d store.Device, binding *Binding) Device {
	v := Device{
		ID: d.ID, Label: d.Label, Kind: d.Kind, Class: d.Class, Model: d.Model, UDI: d.UDI, Regulatory: d.Regulatory, State: d.State,
		Created: d.Created, LastSeen: d.Seen.At, Packets: d.Seen.Packets, Readings: d.Seen.Readings, Problems: d.Seen.Problems,
		Duplicates: d.Seen.Duplicates, Namespaces: full(d.Namespaces), Binding: binding, Demo: d.Demo,
		StateWhy: d.StateWhy, StateSince: d.StateSince,
	}
	if d.Seen.At.Known() && d.Seen.UncertaintyMs >= 0 {
		offset, uncertainty, drift := d.Seen.OffsetMs, d.Seen.UncertaintyMs, d.Seen.DriftPPM
		v.ClockOffset, v.ClockUncertainty, v.Drift = &offset, &uncertainty, &drift
	}
	return v
}

func (s *Server) devices(c *call) error {
	devices, err := s.store.Devices(c.ctx(), c.rows, c.r.URL.Query().Get("q"))
	if err != nil {
		return err
	}
	bound, err := s.boundNow(c.ctx(), c.rows, "")
	if err != nil {
		return err
	}
	views, open := make([]Device, len(devices)), s.connections()
	for i, d := range devices {
		views[i] = s.deviceView(d, bound[d.ID]).reached(open)
	}
	return c.json(listOf(views))
}

// boundNow is the bindings in force, by device.
func (s *Server) boundNow(ctx context.Context, rows store.Rows, device vital.DeviceID) (map[vital.DeviceID]*Binding, error) {
	bindings, err := s.store.Bindings(ctx, rows, store.BindingFilter{Device: device, At: vital.At(s.now())})
	if err != nil {
		return nil, err
	}
	views, err := s.bindingViews(ctx, rows, bindings)
	if err != nil {
		return nil, err
	}
	bound := make(map[vital.DeviceID]*Binding, len(views))
	for i := range views {
		bound[views[i].Device] = &views[i]
	}
	return bound, nil
}

func (s *Server) device(c *call) error {
	view, err := s.oneDevice(c.ctx(), c.rows, c.device())
	if err != nil {
		return err
	}
	return c.json(view)
}

func (s *Server) oneDevice(ctx context.Context, rows store.Rows, id vital.DeviceID) (Device, error) {
	d, err := s.store.Device(ctx, rows, id)
	if err != nil {
		return Device{}, err
	}
	bound, err := s.boundNow(ctx, rows, id)
	if err != nil {
		return Device{}, err
	}
	return s.deviceView(d, bound[id]).reached(s.connections()), nil
}

// reached is the device with how it last reached us.
func (d Device) reached(open map[vital.DeviceID]Connection) Device {
	if c, ok := open[d.ID]; ok {
		d.Connection = &c
	}
	return d
}

func (s *Server) makeDevice(c *call) error {
	var body newDevice
	if err := c.body(&body); err != nil {
		return err
	}
	d, err := body.device(body.ID, body.Class)
	if err != nil {
		return err
	}
	enrolled, err := s.enrol(c, d)
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.created(enrolled)
}

// device checks what was typed. An id that is left out is made from the kind.
func (b deviceBody) device(id vital.DeviceID, class string) (store.Device, error) {
	d := store.Device{
		ID: id, Label: strings.TrimSpace(b.Label), Kind: strings.ToLower(strings.TrimSpace(b.Kind)), Class: class,
		Model: strings.TrimSpace(b.Model), UDI: strings.TrimSpace(b.UDI), Regulatory: b.Regulatory, State: auth.DeviceActive,
		Namespaces: b.Namespaces, Wards: b.Wards, AllWards: b.AllWards,
	}
	if d.Class == "" {
		d.Class = string(auth.Device)
	}
	if d.Regulatory == "" {
		d.Regulatory = "unknown"
	}
	if d.ID == "" {
		kind := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, d.Kind)
		d.ID = vital.DeviceID(auth.NewID(kind + "-"))
		if kind == "" {
			d.ID = vital.DeviceID(auth.NewID("device-"))
		}
	}
	if d.Label == "" {
		d.Label = string(d.ID)
	}
	switch {
	case len(d.ID) > 64 || !plainID(string(d.ID)):
		return d, invalid("id", "id %.70q: want 1 to 64 letters, digits, - _ . or :", d.ID)
	case !slices.Contains([]string{"device", "gateway", "integration"}, d.Class):
		return d, invalid("class", "class %q: want device, gateway or integration", d.Class)
	case !slices.Contains([]string{"medical", "wellness", "unknown"}, d.Regulatory):
		return d, invalid("regulatory", "regulatory %q: want medical, wellness or unknown", d.Regulatory)
	case len(d.Label) > 200 || len(d.Kind) > 60 || len(d.Model) > 200 || len(d.UDI) > 200:
		return d, invalid("label", "label, kind, model and udi: at most 200 characters")
	}
	if d.Class == string(auth.Gateway) && len(d.Namespaces) == 0 {
		d.Namespaces = []string{"v1/" + string(d.ID) + "-"}
	}
	for i, n := range d.Namespaces {
		if rest, ok := strings.CutPrefix(n, "v1/"); !ok || !plainID(rest) {
			return d, invalid("namespaces["+itoa(i)+"]", "namespace %.70q: want v1/ and the beginning of device ids", n)
		}
	}
	return d, nil
}

// plainID allows what is safe in a topic, a path and a shell.
func plainID(id string) bool {
	if id == "" {
		return false
	}
	for _, r := range id {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:", r) {
			continue
		}
		return false
	}
	return true
}

// enrol keeps a new device and makes its credential.
func (s *Server) enrol(c *call, d store.Device) (Enrolled, error) {
	_, err := s.store.Device(c.ctx(), store.Everything(s.site), d.ID)
	switch {
	case err == nil:
		return Enrolled{}, inField("id", vital.Errorf(vital.Conflict, "device %s is enrolled already", d.ID))
	case vital.KindOf(err) != vital.NotFound:
		return Enrolled{}, err
	}
	d.Created, d.Demo = vital.At(s.now()), s.demo
	if err := s.store.PutDevice(c.ctx(), s.entry(c, "device/"+string(d.ID), ""), d); err != nil {
		return Enrolled{}, err
	}
	credential, err := s.newCredential(c, d)
	if err != nil {
		return Enrolled{}, err
	}
	return Enrolled{Device: s.deviceView(d, nil), Credential: credential}, nil
}

func (s *Server) newCredential(c *call, d store.Device) (Credential, error) {
	secret, err := s.gate.NewCredential(c.ctx(), c.principal, d)
	if err != nil {
		return Credential{}, err
	}
	topic := "v1/" + string(d.ID) + "/telemetry"
	switch auth.Class(d.Class) {
	case auth.Gateway:
		topic = d.Namespaces[0] + "+/telemetry"
		if len(d.Namespaces) == 0 {
			topic = ""
		}
	case auth.Integration:
		topic = "app/" + string(d.ID) + "/#"
	}
	return Credential{Username: string(d.ID), Password: secret, Topic: topic}, nil
}

func (s *Server) changeDevice(c *call) error {
	var body deviceBody
	if err := c.body(&body); err != nil {
		return err
	}
	old, err := s.store.Device(c.ctx(), c.rows, c.device())
	if err != nil {
		return err
	}
	d, err := body.device(old.ID, old.Class)
	if err != nil {
		return err
	}
	d.State, d.Created, d.Demo = old.State, old.Created, old.Demo
	if err := s.store.PutDevice(c.ctx(), s.entry(c, "device/"+string(d.ID), ""), d); err != nil {
		return err
	}
	s.gate.Forget()
	if err := s.changed(c); err != nil {
		return err
	}
	return s.device(c)
}

func (s *Server) renewCredential(c *call) error {
	d, err := s.store.Device(c.ctx(), c.rows, c.device())
	if err != nil {
		return err
	}
	if d.State == auth.DeviceRetired {
		return vital.Errorf(vital.Gone, "device %s is retired", d.ID)
	}
	credential, err := s.newCredential(c, d)
	if err != nil {
		return err
	}
	return c.created(credential)
}

func (s *Server) setDeviceState(c *call) error {
	var body stateBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Why = strings.TrimSpace(body.Why); body.Why == "" || len(body.Why) > 400 {
		return invalid("why", "why: say why, in at most 400 characters")
	}
	if err := s.store.SetDeviceState(c.ctx(), s.entry(c, "device/"+string(c.device()), body.State+": "+body.Why), c.device(), body.State, body.Why); err != nil {
		return inField("state", err)
	}
	s.gate.Forget()
	if err := s.changed(c); err != nil {
		return err
	}
	return s.device(c)
}
