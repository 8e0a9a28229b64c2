// Package audit is the one shape of "who did what to whose data, when and why".
// Store methods that change health data take an Entry and write it in the same
// transaction; attempts that were refused are entries too.
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
}
