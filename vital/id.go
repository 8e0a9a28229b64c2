package vital

// Distinct strings get distinct types, so that a ward can never be passed
// where a patient belongs. All of them may be logged: a PatientID is a random
// pseudonym, and what identifies a person lives in package person only.
type (
	Site         string // "main": one legal organisation, in every key
	WardID       string // "w-3f8a"
	RoomID       string // "r-91c2"
	BedID        string // "b-77aa"
	PatientID    string // "p-5e1f0c2b9d", random
	DeviceID     string // "monitor-12": also the MQTT client id
	CredentialID string // "c-19ab", names the secret, is not the secret
	UserID       string // "u-0a1b"
)

// DefaultSite is the site of an installation that serves one organisation.
const DefaultSite Site = "main"
