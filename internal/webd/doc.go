// Package webd is the door for people: the API that the screens and programs
// use, the live socket, and the screens' own files.
//
// It exists so that there is one list of what can be asked (routes), one place
// where "may you" is asked (Server.admit), and one place where an error becomes
// an answer (writeError). A handler parses, calls and renders; it decides
// nothing. Read docs/formats/api.md and docs/formats/live.md.
//
// What is written to the ledger about reading: a view of one patient is an entry
// that names the patient, at most one per session, patient and action in a
// minute, so that a page which refreshes itself does not bury the rest. A view
// of a ward, by page or by socket, is one entry that names the ward, at most one
// per session in a minute; who lay there then is in the admissions. Changes and
// refusals are always written.
package webd
