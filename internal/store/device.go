package store

import (
	"context"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Device is what may send: a device, a gateway for many, or a program of the
// hospital. What was seen of it is filled on reading.
type Device struct {
	ID         vital.DeviceID
	Label      string
	Kind       string // "monitor", "wearable", "glucose" ...
	Class      string // "device", "gateway", "integration"
	Model      string
	UDI        string
	Regulatory string // "medical", "wellness", "unknown"
	State      string // "active", "quarantined", "retired"
	StateWhy   string // the reason for the state, "" when it never changed
	StateSince vital.Instant
	Created    vital.Instant
	Demo       bool
	Namespaces []string       // gateway: topic prefixes it may publish under
	Wards      []vital.WardID // integration: what it may read
	AllWards   bool
	Seen       DeviceSeen
}

// DeviceSeen is what the flow learned of a device. In a Batch the counts are to
// be added; on reading they are totals.
type DeviceSeen struct {
	Device        vital.DeviceID
	At            vital.Instant
	OffsetMs      int64 // add to the device's clock to get ours
	UncertaintyMs int64
	DriftPPM      float64
	Packets       uint64
	Readings      uint64
	Problems      uint64
	Duplicates    uint64
}

const selectDevices = `SELECT d.id, d.label, d.kind, d.class, d.model, d.udi, d.regulatory, d.state, d.state_why, d.state_since, d.created, d.demo, d.namespaces,
	d.wards, d.all_wards, COALESCE(s.at, 0), COALESCE(s.offset_ms, 0), COALESCE(s.uncertainty_ms, 0), COALESCE(s.drift_ppm, 0.0),
	COALESCE(s.packets, 0), COALESCE(s.readings, 0), COALESCE(s.problems, 0), COALESCE(s.duplicates, 0)
	FROM device d LEFT JOIN device_seen s ON s.site = d.site AND s.device = d.id WHERE d.site = ?`

func scanDevice(scan func(...any) error, d *Device) error {
	err := scan(&d.ID, &d.Label, &d.Kind, &d.Class, &d.Model, &d.UDI, &d.Regulatory, &d.State, &d.StateWhy, &d.StateSince, &d.Created, &d.Demo,
		listOf[string]{&d.Namespaces}, listOf[vital.WardID]{&d.Wards}, &d.AllWards,
		&d.Seen.At, &d.Seen.OffsetMs, &d.Seen.UncertaintyMs, &d.Seen.DriftPPM, &d.Seen.Packets, &d.Seen.Readings, &d.Seen.Problems, &d.Seen.Duplicates)
	d.Seen.Device = d.ID
	return err
}

// PutDevice registers a device or changes what is known of it. State, Created
// and Demo are set once; SetDeviceState changes the state.
func (d *DB) PutDevice(ctx context.Context, e audit.Entry, v Device) error {
	return d.change(ctx, e, "put device "+string(v.ID), func(t *tx) error {
		if v.ID == "" || len(v.ID) > 64 || strings.ContainsAny(string(v.ID), "/+# \t\r\n\x00") {
			return vital.Errorf(vital.Invalid, "a device id has 1 to 64 characters without blanks, /, + and #")
		}
		if v.Class == "" {
			v.Class = "device"
		}
		if v.Regulatory == "" {
			v.Regulatory = "unknown"
		}
		if v.State == "" {
			v.State = "active"
		}
		if v.Created == 0 {
			v.Created = now()
		}
		var demo bool
		err := t.row("SELECT demo FROM device WHERE site = $1 AND id = $2", e.Site, v.ID).Scan(&demo)
		if err == nil && demo != v.Demo {
			return vital.Errorf(vital.Conflict, "a made-up device and a real one never change into each other")
		}
		if err != nil && !missing(err) {
			return err
		}
		search := strings.ToLower(strings.Join([]string{string(v.ID), v.Label, v.Kind, v.Model, v.UDI}, " "))
		_, err = t.exec(`INSERT INTO device (site, id, label, kind, class, model, udi, regulatory, state, created, demo, namespaces, wards, all_wards, search)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
			ON CONFLICT (site, id) DO UPDATE SET label = excluded.label, kind = excluded.kind, class = excluded.class, model = excluded.model,
			udi = excluded.udi, regulatory = excluded.regulatory, namespaces = excluded.namespaces, wards = excluded.wards,
			all_wards = excluded.all_wards, search = excluded.search`,
			e.Site, v.ID, v.Label, v.Kind, v.Class, v.Model, v.UDI, v.Regulatory, v.State, v.Created, v.Demo, list(v.Namespaces), list(v.Wards), v.AllWards, search)
		return err
	})
}

// SetDeviceState takes a device out of use or back into it, and takes back the
// notice that it was cut off.
func (d *DB) SetDeviceState(ctx context.Context, e audit.Entry, id vital.DeviceID, state, why string) error {
	return d.change(ctx, e, "set the state of device "+string(id), func(t *tx) error {
		if state != "active" && state != "quarantined" && state != "retired" {
			return vital.Errorf(vital.Invalid, "state %q: want active, quarantined or retired", state)
		}
		at := e.At
		if at == 0 {
			at = now()
		}
		n, err := t.exec("UPDATE device SET state = $1, state_why = $2, state_since = $3 WHERE site = $4 AND id = $5", state, why, at, e.Site, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "device %s: not found", id)
		}
		if err != nil || state == "quarantined" {
			return err
		}
		return t.control(e.Site, ControlReport, at, misusedFinding(id, why, vital.Absent, at))
	})
}

// RuleMisused is the rule of the notice that a device was cut off because
// somebody else uses its identity, or it somebody else's.
const RuleMisused = "device-misused"

// QuarantineDevice cuts a device off and raises the notice that says so. One
// that is not active stays as it is: Conflict.
func (d *DB) QuarantineDevice(ctx context.Context, e audit.Entry, id vital.DeviceID) error {
	if e.At == 0 {
		e.At = now()
	}
	return d.change(ctx, e, "quarantine device "+string(id), func(t *tx) error {
		n, err := t.exec("UPDATE device SET state = 'quarantined', state_why = $1, state_since = $2 WHERE site = $3 AND id = $4 AND state = 'active'", e.Why, e.At, e.Site, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return vital.Errorf(vital.Conflict, "device %s is not active", id)
		}
		return t.control(e.Site, ControlReport, e.At, misusedFinding(id, e.Why, vital.Present, e.At))
	})
}

func misusedFinding(id vital.DeviceID, why string, stand vital.Stand, at vital.Instant) vital.Finding {
	return vital.Finding{
		Patient: SitePatient, Rule: RuleMisused, Part: string(id), Version: "1", Title: "Device cut off: its identity is misused",
		Text: "Device " + string(id) + " was cut off: " + why, Priority: vital.Medium, Technical: true, Always: true, Stand: stand, At: at,
	}
}

// Device returns one device.
func (d *DB) Device(ctx context.Context, r Rows, id vital.DeviceID) (Device, error) {
	q := ask(selectDevices, r.Site).add(" AND d.id = ?", id).seesDevice(r, "d.id")
	return one(ctx, d.read, q, "device "+string(id), scanDevice)
}

// Devices lists devices by id; every word of search must occur in id, label,
// kind, model or UDI.
func (d *DB) Devices(ctx context.Context, r Rows, search string) ([]Device, error) {
	q := ask(selectDevices, r.Site).likeAll("d.search", search).seesDevice(r, "d.id").add(" ORDER BY d.id")
	return collect(ctx, d.read, q, scanDevice)
}
