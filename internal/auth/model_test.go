package auth_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// model is the second, simple form of the policy: who may do what, read top to
// bottom. A cell says how far:
//
//	any   to everybody and everything in the site
//	ward  to the patients of the wards and care teams of the caller
//	self  to the patient that the caller is
//	kin   to the patients whom the caller follows
//	own   to the caller's own account, device or topics
//	-     not at all
//
// A caller with several roles may do what any of them may.
const model = `
action            administrator clinician nurse technician auditor patient family integration kiosk device gateway system sentinel
session.own       own           own       own   own        own     own     own    own         own   -      -       any    -
metrics.read      any           any       any   any        any     any     any    any         any   -      -       any    -
ward.list         any           ward      ward  ward       ward    -       -      ward        ward  -      -       any    -
ward.read         any           ward      ward  -          -       -       -      ward        ward  -      -       any    -
ward.write        any           -         -     -          -       -       -      -           -     -      -       any    -
live.read         -             ward      ward  -          -       self    kin    ward        ward  -      -       any    -
patient.find      any           ward      ward  -          -       self    kin    ward        -     -      -       any    -
patient.read      -             ward      ward  -          -       self    kin    ward        -     -      -       any    -
patient.export    -             ward      -     -          -       self    -      ward        -     -      -       any    -
patient.write     any           ward      ward  -          -       -       -      -           -     -      -       any    -
patient.move      any           ward      ward  -          -       -       -      -           -     -      -       any    -
patient.observe   -             ward      ward  -          -       -       -      -           -     -      -       any    -
patient.standby   -             ward      ward  -          -       -       -      -           -     -      -       any    -
patient.plan      -             ward      -     -          -       -       -      -           -     -      -       any    -
alarm.read        -             ward      ward  -          -       self    kin    ward        ward  -      -       any    -
alarm.act         -             ward      ward  -          -       -       -      -           -     -      -       any    -
limit.read        -             ward      ward  -          -       self    -      ward        -     -      -       any    -
limit.review      -             ward      ward  -          -       -       -      -           -     -      -       any    -
limit.write       -             ward      -     -          -       -       -      -           -     -      -       any    -
rule.read         any           any       any   any        any     -       -      any         -     -      -       any    -
rule.write        any           -         -     -          -       -       -      -           -     -      -       any    -
replay.run        -             ward      -     -          -       -       -      -           -     -      -       any    -
burden.read       any           ward      ward  -          any     -       -      -           -     -      -       any    -
duty.read         any           ward      ward  -          -       -       -      ward        ward  -      -       any    -
duty.write        any           ward      ward  -          -       -       -      -           -     -      -       any    -
trace.read        -             ward      -     -          any     -       -      -           -     -      -       any    -
device.list       any           ward      ward  any        -       -       -      ward        -     -      -       any    -
device.read       any           ward      ward  any        -       -       -      -           -     own    own     any    -
device.readings   -             ward      -     -          -       -       -      ward        -     -      -       any    -
device.write      any           -         -     any        -       -       -      -           -     -      -       any    -
device.bind       any           ward      ward  -          -       -       -      -           -     -      -       any    -
device.reassign   -             ward      -     -          -       -       -      -           -     -      -       any    -
problem.read      any           -         -     any        -       -       -      -           -     -      -       any    -
system.read       any           -         -     any        any     -       -      -           -     -      -       any    -
watchdog.read     any           -         -     any        any     -       -      -           -     -      -       any    any
audit.read        any           -         -     -          any     -       -      -           -     -      -       any    -
audit.export      any           -         -     -          any     -       -      -           -     -      -       any    -
user.read         any           -         -     -          -       -       -      -           -     -      -       any    -
user.write        any           -         -     -          -       -       -      -           -     -      -       any    -
token.read        any           -         -     -          -       -       -      -           -     -      -       any    -
token.write       any           -         -     -          -       -       -      -           -     -      -       any    -
relation.read     any           ward      ward  -          -       self    -      -           -     -      -       any    -
relation.write    any           ward      ward  -          -       self    -      -           -     -      -       any    -
consent.read      -             ward      ward  -          any     self    -      -           -     -      -       any    -
consent.write     -             ward      ward  -          -       self    -      -           -     -      -       any    -
glass.open        -             any       any   -          -       -       -      -           -     -      -       any    -
glass.read        any           -         -     -          any     -       -      -           -     -      -       any    -
glass.review      any           -         -     -          any     -       -      -           -     -      -       any    -
looked.read       -             -         -     -          any     self    -      -           -     -      -       any    -
anomaly.read      any           -         -     -          any     -       -      -           -     -      -       any    -
anomaly.review    any           -         -     -          any     -       -      -           -     -      -       any    -
anomaly.write     any           -         -     -          -       -       -      -           -     -      -       any    -
backup.read       any           -         -     -          -       -       -      -           -     -      -       any    -
backup.make       any           -         -     -          -       -       -      -           -     -      -       any    -
key.read          any           -         -     -          -       -       -      -           -     -      -       any    -
key.rotate        any           -         -     -          -       -       -      -           -     -      -       any    -
record.forget     any           -         -     -          -       -       -      -           -     -      -       any    -
telemetry.send    -             -         -     -          -       -       -      -           -     own    own     any    -
publish           -             -         -     -          -       -       -      own         -     own    own     any    -
subscribe         -             -         -     -          -       -       -      own         -     own    own     any    -
`

// table is the model by action and role.
var table = func() map[auth.Action]map[string]string {
	lines := strings.Split(strings.TrimSpace(model), "\n")
	columns := strings.Fields(lines[0])[1:]
	rows := make(map[auth.Action]map[string]string)
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(columns)+1 {
			panic("the model's line has not one cell for each role: " + line)
		}
		rows[auth.Action(cells[0])] = make(map[string]string)
		for i, cell := range cells[1:] {
			rows[auth.Action(cells[0])][columns[i]] = cell
		}
	}
	return rows
}()

// What of the actions the model says beside the table.
var (
	looks     = []auth.Action{"ward.list", "ward.read", "live.read", "patient.find", "patient.read", "alarm.read", "limit.read", "device.list", "device.read", "relation.read", "consent.read", "burden.read", "duty.read"}
	emergency = []auth.Action{"live.read", "patient.find", "patient.read", "alarm.read", "limit.read", "device.list", "device.read", "relation.read", "consent.read"}
	research  = []auth.Action{"ward.list", "patient.find", "patient.read", "patient.export", "alarm.read", "device.list", "device.readings"}
	bedside   = []auth.Action{
		"ward.list", "ward.read", "live.read", "patient.find", "patient.read", "patient.write", "patient.move", "patient.observe", "patient.standby",
		"alarm.read", "alarm.act", "limit.read", "limit.review", "burden.read", "duty.read", "duty.write", "device.list", "device.read", "device.bind",
		"relation.read", "relation.write", "consent.read", "consent.write",
	}
	atBed = []vital.Data{vital.DataIdentity, vital.DataLocation, vital.DataAlarms}
	where = []vital.Data{vital.DataIdentity, vital.DataLocation}
)

// may is the model of one case.
func may(roles []string, a auth.Action, f auth.Facts) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return mayAs(role, a, f) })
}

func mayAs(role string, a auth.Action, f auth.Facts) bool {
	is := func(relations ...store.Relation) bool {
		return slices.ContainsFunc(relations, func(r store.Relation) bool { return slices.Contains(f.Relations, r) })
	}
	staff := role == "clinician" || role == "nurse"
	looks := slices.Contains(looks, a)
	switch table[a][role] {
	case "own":
		return is("own")
	case "self":
		return is(store.BySelf)
	case "kin":
		return is(store.ByFamily) && (f.Said == auth.Given || f.Data == vital.DataIdentity && f.Said != auth.Refused)
	case "any":
		switch {
		case role == "administrator" && a == "burden.read":
			return f.Data == vital.DataAlarms || f.Data == vital.DataLocation
		case role == "administrator" && a != "metrics.read", role == "technician" && a != "metrics.read":
			return slices.Contains(where, f.Data)
		case a == "glass.open" && staff:
			return f.Data == vital.DataIdentity && f.Purpose == auth.ForTreatment
		}
		return true
	case "ward":
		switch {
		case role == "technician" || role == "auditor":
			return is(store.ByWard) && f.Data == vital.DataLocation
		case role == "kiosk":
			return is(store.ByWard) && (f.Said != auth.Refused || slices.Contains(atBed, f.Data))
		case f.Purpose == auth.ForResearch:
			return slices.Contains(research, a) && is(store.ByWard, store.ByFormer, store.ByCare) && f.Said == auth.Given && table[a][role] == "ward"
		case role == "integration":
			return is(store.ByWard, store.ByFormer) && f.Said != auth.Refused
		case f.Purpose == auth.ForTreatment && is(store.ByGlass) && slices.Contains(emergency, a):
			return true
		case f.Purpose == auth.ForTreatment && is(store.ByWard) && slices.Contains(bedside, a) && slices.Contains(atBed, f.Data):
			return true
		}
		return (f.Purpose == auth.ForTreatment || looks) && is(store.ByWard, store.ByFormer, store.ByCare) && f.Said != auth.Refused
	}
	return false
}

// The model and the policy speak of the same actions, and the program of no other.
func TestPolicyAndModelNameTheSame(t *testing.T) {
	for _, a := range auth.Actions() {
		if table[a] == nil {
			t.Errorf("the model does not know %s", a)
		}
	}
	for a := range table {
		if !slices.Contains(auth.Actions(), a) {
			t.Errorf("the policy does not know %s", a)
		}
	}
}
