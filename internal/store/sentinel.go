package store

import (
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// SentinelPrefix begins the id of every patient that a sentinel plays. No other
// patient has such an id: those that are made begin otherwise.
const SentinelPrefix = "sentinel-"

// SentinelPatient reports whether a patient is only played by a sentinel. Nobody
// is woken for such a patient, and test data counts for it alone.
func SentinelPatient(id vital.PatientID) bool { return strings.HasPrefix(string(id), SentinelPrefix) }
