// Package auth knows who is calling and decides what they may do. There is one
// question, Allow, and every route, socket and topic asks it; there is no second
// way in.
package auth

import (
	"slices"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Class says what kind of caller a principal is.
type Class string

const (
	User        Class = "user"
	Device      Class = "device"      // client id = identity
	Gateway     Class = "gateway"     // many devices under declared topic namespaces
	Integration Class = "integration" // a program of the hospital: its wards, its app/{name}/#
	Kiosk       Class = "kiosk"       // a wall screen: reads one ward
	Sentinel    Class = "sentinel"    // a program that watches the platform from outside, and reads nothing else
	System      Class = "system"      // Vigil itself
)

// Role is what a user may be.
type Role string

const (
	Administrator Role = "administrator"
	Clinician     Role = "clinician"
	Nurse         Role = "nurse"
	Technician    Role = "technician"
	Auditor       Role = "auditor"
	Patient       Role = "patient" // sees the own record, and decides who else does
	Family        Role = "family"  // follows somebody, as far as that one permits
)

// Principal is an authenticated caller.
type Principal struct {
	Class      Class
	Site       vital.Site
	ID         string // user, device, gateway, integration or kiosk id
	Name       string
	Roles      []Role
	AllWards   bool
	Wards      []vital.WardID
	Namespaces []string // gateway: topic prefixes it may publish under, "v1/ward-gw-1-"
	Credential vital.CredentialID
	Remote     string
	Patient    vital.PatientID // who a user of the role patient is
	Purpose    Purpose         // what it said it looks for; empty: what its roles are for

	Session string    // the browser's session; "": it did not come by one
	Factors []string  // what was proved in that session: ByPassword, ByCode ...
	Fresh   time.Time // when something was proved last

	App *App // the program through which it came, which narrows its rights; nil: none
}

// Has reports whether the principal is a user with that role.
func (p Principal) Has(r Role) bool { return p.Class == User && slices.Contains(p.Roles, r) }

// Action is what the caller wants to do.
type Action string

// Subject is what it wants to do it to. Empty fields are not part of the question.
type Subject struct {
	Kind    string // "topic", "ward", "patient", "device", "system", "user" ...
	ID      string
	Ward    vital.WardID
	Patient vital.PatientID
	Device  vital.DeviceID
	Data    vital.Data // of the patient; empty: anything
}
