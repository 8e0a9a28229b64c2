package person

import "github.com/vigilcare/vigil/vital"

// Contact is whom to call for a patient in an emergency, and where the patient is
// when in no bed of ours.
type Contact struct {
	Patient  vital.PatientID
	Name     string
	Relation string // "daughter", "neighbour with a key"
	Phone    string
	Email    string
	Address  string // where the patient lives, as one would tell an ambulance
	// Detail: the patient has agreed that this person is told, in need, what is
	// wrong. Without it nothing is sent to the contact.
	Detail bool
}
