// Package audit is the one shape of "who did what to whose data, when and why",
// and the proof that nobody has touched it since. A table of audit rows alone
// proves nothing: whoever can write the database can also tidy it up. So row n
// of a site is leaf n of a Merkle tree (RFC 6962), whose root is signed and kept
// outside; from one such checkpoint everything before it can be checked again.
//
// Store methods that change health data take an Entry and write it in the same
// transaction; attempts that were refused are entries too. An Entry names health
// data and never holds any. Of each the tree knows a salted hash alone, and the
// reason that a person typed is under a salt of its own, so that it can be
// erased and the rest still proven.
//
// docs/security/ledger.md draws the bytes.
package audit

import "github.com/vigilcare/vigil/vital"

// Entry is one line of the ledger. It names health data, it never holds any.
type Entry struct {
	Site    vital.Site
	At      vital.Instant
	Who     string // user, device, credential or "system"
	Role    string
	From    string // network address of the caller
	Action  string // "patient.admit", "device.bind", "alarm.acknowledge" ...
	Subject string // "device/monitor-12"
	Patient vital.PatientID
	Outcome string // "done" or "refused"
	Why     string // reason the person gave
	Purpose string // what for: "treatment", "research" ...; empty: not said
	Glass   string // the break-glass that permitted it; empty: none
}

// ErasePatient is the action of the entry that says that the reasons of one
// patient's entries were erased; its Patient is whose.
const ErasePatient = "audit.erase"
