// Package person holds what identifies a human being. It is a package of its
// own so that privacy is an import rule: whoever does not import it cannot leak
// a name.
package person

import "github.com/vigilcare/vigil/vital"

// Person is who a patient is. Patient is the random pseudonym that every other
// part of Vigil uses.
type Person struct {
	Patient       vital.PatientID
	Family, Given string
	Birth         string // YYYY-MM-DD, empty when not known
	Sex           string // "female", "male", "other", "unknown"
	Numbers       []Number
	Flags         []string
	Demo          bool // made up; never mixes with real people
}

// Number is a record number in the system that gave it.
type Number struct{ System, Value string }
