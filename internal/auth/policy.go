package auth

import (
	"fmt"
	"strings"
)

// Every action of a person or a program. Publish and Subscribe, of topics, are in topic.go.
const (
	SessionOwn     Action = "session.own"     // sign out, see oneself, own preferences and password
	MetricsRead    Action = "metrics.read"    // the table of metrics: no patient in it
	WardList       Action = "ward.list"       // which wards there are
	WardRead       Action = "ward.read"       // a ward with its patients and their latest values
	WardWrite      Action = "ward.write"      // make and change wards, rooms and beds
	LiveRead       Action = "live.read"       // the live socket
	PatientFind    Action = "patient.find"    // search by name or number
	PatientRead    Action = "patient.read"    // one patient with trends, waveforms, timeline
	PatientExport  Action = "patient.export"  // the same, taken away as a file
	PatientWrite   Action = "patient.write"   // identity and numbers
	PatientMove    Action = "patient.move"    // admit, transfer, swap, discharge
	PatientObserve Action = "patient.observe" // bed round, annotations
	PatientStandby Action = "patient.standby" // stop expecting data for a while
	PatientPlan    Action = "patient.plan"    // what is expected of each stream
	AlarmRead      Action = "alarm.read"      // alarms, what happened to them and whom they were told
	AlarmAct       Action = "alarm.act"       // acknowledge, take over, pause, switch off
	LimitRead      Action = "limit.read"      // a patient's limits beside the defaults
	LimitReview    Action = "limit.review"    // confirm a limit of a patient's own as it is
	LimitWrite     Action = "limit.write"     // limits of a patient's own, and how the patient is to be judged
	RuleRead       Action = "rule.read"       // the rules in force: no patient in them
	RuleWrite      Action = "rule.write"      // put other rules in force
	ReplayRun      Action = "replay.run"      // what other limits would have done
	BurdenRead     Action = "burden.read"     // how many alarms, of what, and how they were met
	DutyRead       Action = "duty.read"       // who covers which bed
	DutyWrite      Action = "duty.write"      // assign nurses to beds, and who comes after them
	TraceRead      Action = "trace.read"      // the whole story of one alarm, signed
	DeviceList     Action = "device.list"
	DeviceRead     Action = "device.read"     // one device with its packets
	DeviceReadings Action = "device.readings" // everything stored of one device
	DeviceWrite    Action = "device.write"    // enrol, change, new credential, retire
	DeviceBind     Action = "device.bind"     // bind and unbind
	DeviceReassign Action = "device.reassign" // these hours belong to another patient
	ProblemRead    Action = "problem.read"    // what could not be read, with its first bytes
	SystemRead     Action = "system.read"
	WatchdogRead   Action = "watchdog.read" // whether the platform does its work: what a sentinel asks
	AuditRead      Action = "audit.read"
	UserRead       Action = "user.read"   // who may sign in, and from where they have
	UserWrite      Action = "user.write"  // people, their roles and wards
	TokenRead      Action = "token.read"  // which programs and wall screens there are
	TokenWrite     Action = "token.write" // programs and wall screens
	TelemetrySend  Action = "telemetry.send"
)

// policy is who may do what, read top to bottom. A cell says how far:
//
//	any   everywhere in the site
//	ward  in the wards that the caller was given (or every ward, if it was given all)
//	own   itself only: its own device, its own topics, its own account
//	-     not at all
//
// A caller with several roles may do what any of them may.
const policy = `
action            administrator clinician nurse technician auditor integration kiosk device gateway system sentinel
session.own       own           own       own   own        own     own         own   -      -       any    -
metrics.read      any           any       any   any        any     any         any   -      -       any    -
ward.list         any           ward      ward  ward       ward    ward        ward  -      -       any    -
ward.read         any           ward      ward  -          -       ward        ward  -      -       any    -
ward.write        any           -         -     -          -       -           -     -      -       any    -
live.read         any           ward      ward  -          -       ward        ward  -      -       any    -
patient.find      any           ward      ward  -          -       ward        -     -      -       any    -
patient.read      any           ward      ward  -          -       ward        -     -      -       any    -
patient.export    any           ward      -     -          -       ward        -     -      -       any    -
patient.write     any           ward      ward  -          -       -           -     -      -       any    -
patient.move      any           ward      ward  -          -       -           -     -      -       any    -
patient.observe   any           ward      ward  -          -       -           -     -      -       any    -
patient.standby   any           ward      ward  -          -       -           -     -      -       any    -
patient.plan      any           ward      -     -          -       -           -     -      -       any    -
alarm.read        any           ward      ward  -          -       ward        ward  -      -       any    -
alarm.act         any           ward      ward  -          -       -           -     -      -       any    -
limit.read        any           ward      ward  -          -       ward        -     -      -       any    -
limit.review      any           ward      ward  -          -       -           -     -      -       any    -
limit.write       any           ward      -     -          -       -           -     -      -       any    -
rule.read         any           any       any   any        any     any         -     -      -       any    -
rule.write        any           -         -     -          -       -           -     -      -       any    -
replay.run        any           ward      -     -          -       -           -     -      -       any    -
burden.read       any           ward      ward  -          any     -           -     -      -       any    -
duty.read         any           ward      ward  -          -       ward        ward  -      -       any    -
duty.write        any           ward      ward  -          -       -           -     -      -       any    -
trace.read        any           ward      -     -          any     -           -     -      -       any    -
device.list       any           ward      ward  any        -       ward        -     -      -       any    -
device.read       any           ward      ward  any        -       -           -     own    own     any    -
device.readings   any           ward      -     -          -       ward        -     -      -       any    -
device.write      any           -         -     any        -       -           -     -      -       any    -
device.bind       any           ward      ward  -          -       -           -     -      -       any    -
device.reassign   any           ward      -     -          -       -           -     -      -       any    -
problem.read      any           -         -     any        -       -           -     -      -       any    -
system.read       any           -         -     any        any     -           -     -      -       any    -
watchdog.read     any           -         -     any        any     -           -     -      -       any    any
audit.read        any           -         -     -          any     -           -     -      -       any    -
user.read         any           -         -     -          -       -           -     -      -       any    -
user.write        any           -         -     -          -       -           -     -      -       any    -
token.read        any           -         -     -          -       -           -     -      -       any    -
token.write       any           -         -     -          -       -           -     -      -       any    -
telemetry.send    -             -         -     -          -       -           -     own    own     any    -
publish           -             -         -     -          -       own         -     own    own     any    -
subscribe         -             -         -     -          -       own         -     own    own     any    -
`

// Scope is a cell of the policy.
type Scope string

const (
	Nowhere  Scope = "-"
	Oneself  Scope = "own"
	Its      Scope = "ward"
	Anywhere Scope = "any"
)

// table is the policy by action and column.
var table = parsePolicy(policy)

// parsePolicy reads the text above; a mistake in it stops the program at once,
// because a policy that is not understood must not be guessed.
func parsePolicy(text string) map[Action]map[string]Scope {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	columns := strings.Fields(lines[0])[1:]
	rows := make(map[Action]map[string]Scope, len(lines))
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(columns)+1 {
			panic(fmt.Sprintf("auth: policy line %q has %d cells, want %d", line, len(cells)-1, len(columns)))
		}
		action := Action(cells[0])
		if rows[action] != nil {
			panic(fmt.Sprintf("auth: policy names %s twice", action))
		}
		row := make(map[string]Scope, len(columns))
		for i, cell := range cells[1:] {
			switch s := Scope(cell); s {
			case Nowhere, Oneself, Its, Anywhere:
				row[columns[i]] = s
			default:
				panic(fmt.Sprintf("auth: policy cell %q of %s is not any, ward, own or -", cell, action))
			}
		}
		rows[action] = row
	}
	return rows
}

// Actions is every action of the policy.
func Actions() []Action {
	var actions []Action
	for _, line := range strings.Split(strings.TrimSpace(policy), "\n")[1:] {
		actions = append(actions, Action(strings.Fields(line)[0]))
	}
	return actions
}

// ScopeOf returns how far the principal may do the action: the widest cell of
// its class and roles.
func ScopeOf(p Principal, a Action) Scope {
	row, widest := table[a], Nowhere
	if p.Half() && a != SessionOwn {
		return Nowhere
	}
	if p.Class != User && len(p.Roles) == 0 { // a device: asked for every packet
		if s := row[string(p.Class)]; rank(s) > rank(widest) {
			return s
		}
		return widest
	}
	for _, column := range columnsOf(p) {
		if s := row[column]; rank(s) > rank(widest) {
			widest = s
		}
	}
	return widest
}

// columnsOf returns the policy columns that hold for p. A user is what its roles
// say; an integration may have been given roles beside its class.
func columnsOf(p Principal) []string {
	var columns []string
	if p.Class != User {
		columns = append(columns, string(p.Class))
	}
	if p.Class == User || p.Class == Integration {
		for _, r := range p.Roles {
			if CheckRole(string(r)) == nil { // the name of a class is not a role
				columns = append(columns, string(r))
			}
		}
	}
	return columns
}

func rank(s Scope) int {
	switch s {
	case Oneself:
		return 1
	case Its:
		return 2
	case Anywhere:
		return 3
	}
	return 0
}
