// Package score computes early warning scores from the newest vital signs of one
// patient: NEWS2 and its kin.
//
// Why it is strict: a score that leaves out what was not measured looks low when
// the patient may be dying. So what is missing, stale or doubted never counts as
// normal. A set that lacks an input is "incomplete": it says which input, and
// that the score is at least so many points. A score that must not be used for
// this patient is "refused", with the reason. Only "ok" is a score.
//
// Every score is a row of Catalogue, pure and exact: values come with their
// units as exact decimals and are converted exactly, then rounded once to the
// step in which the chart is kept (Input). Time comes in as data.
//
// A table ships only where two sources agree; both are named in Source and on
// the page docs/clinical/<name>.md. No score here is a diagnosis, and none is
// cleared by a regulator.
package score

import (
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Status says what a Result is worth.
type Status string

const (
	// OK: every input was there, fresh and undoubted: Score is the score.
	OK Status = "ok"
	// Incomplete: inputs are missing, stale or doubted: Score is the points so far, a
	// lower bound, and Risk the band that holds at least ("" when that is the lowest).
	Incomplete Status = "incomplete"
	// Refused: the score does not apply to this patient or an input makes no sense:
	// Reason says which. Score is not to be shown.
	Refused Status = "refused"
)

// Answer is yes, no or not known.
type Answer int8

const (
	Unknown Answer = iota
	No
	Yes
)

// Score is one row of Catalogue.
type Score struct {
	Name    string // "news2", as in `vigil analyse news2`
	Title   string // "NEWS2"
	Version string // of the table: year of its publication
	Metric  string // name of the derived vital.Metric that carries an OK score
	Unit    string // of Metric
	// Reads is every vital metric that Compute can use. Of alternatives the newest counts (Collect).
	Reads []string
	// Applies says whether the score may be used for a patient of that age and
	// pregnancy at all, and the reason if not. It is asked before Compute.
	Applies func(Vitals) (bool, string)
	// Compute never reads the clock; now zero: no input is stale.
	Compute func(v Vitals, now vital.Instant) Result
}

// Catalogue is every score, read top to bottom.
var Catalogue = []Score{
	news2Head.row(NEWS2, "{score}", "resp-rate", "airway-rate", "spo2", "oxygen-device", "oxygen-flow", "bp-systolic", "abp-systolic", "pulse-rate", "heart-rate", "consciousness", "temperature", "temperature-core"),
	mewsHead.row(MEWS, "{score}", "resp-rate", "airway-rate", "bp-systolic", "abp-systolic", "pulse-rate", "heart-rate", "consciousness", "temperature", "temperature-core"),
	qsofaHead.row(QSOFA, "{score}", "resp-rate", "airway-rate", "bp-systolic", "abp-systolic", "consciousness", "gcs"),
	shockIndexHead.row(ShockIndex, "1", "pulse-rate", "heart-rate", "bp-systolic", "abp-systolic"),
	pewsHead.row(PEWS, "{score}", "resp-rate", "airway-rate", "work-of-breathing", "spo2", "oxygen-device", "oxygen-flow", "fio2", "pulse-rate", "heart-rate", "bp-systolic", "abp-systolic", "capillary-refill", "consciousness", "carer-concern"),
	meowsHead.row(MEOWS, "{score}", "resp-rate", "airway-rate", "spo2", "bp-systolic", "abp-systolic", "bp-diastolic", "abp-diastolic", "pulse-rate", "heart-rate", "consciousness", "temperature", "temperature-core"),
}

// row makes the catalogue's row; the metric of a score has its name.
func (h head) row(compute func(Vitals, vital.Instant) Result, unit string, reads ...string) Score {
	return Score{Name: h.name, Title: h.title, Version: h.version, Metric: h.name, Unit: unit, Reads: reads, Applies: h.applies, Compute: compute}
}

// Find returns the row with that name.
func Find(name string) (Score, bool) {
	for _, s := range Catalogue {
		if s.Name == name {
			return s, true
		}
	}
	return Score{}, false
}

// Part is what one parameter gave. The points of a Result are the sum of the
// points of its parts: a part that is Missing or Stale gives none.
type Part struct {
	Name    string        `json:"name"`  // "resp-rate": of the parameter, as in Missing
	Label   string        `json:"label"` // "Respiration rate"
	Value   string        `json:"value"` // as measured, its own digits; "" missing
	Unit    string        `json:"unit"`  // of Value; "" for a code
	At      vital.Instant `json:"at"`    // when it was measured; 0 not known
	Points  int           `json:"points"`
	Stale   bool          `json:"stale,omitempty"`
	Missing bool          `json:"missing,omitempty"`
	Why     string        `json:"why,omitempty"` // why it is missing or stale: "measured 7 h ago, wanted every 6 h"
}

// Fault is one reason to refuse a score: Part is the one whose value makes no
// sense, or "" where the score does not apply.
type Fault struct {
	Part string `json:"part,omitempty"`
	Why  string `json:"why"`
}

// Result is a score with all that it rests on.
type Result struct {
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	Version  string        `json:"version"`
	At       vital.Instant `json:"at"` // the now it was computed for
	Status   Status        `json:"status"`
	Score    vital.Decimal `json:"score"`    // OK: the score; Incomplete: at least; Refused: 0, not to be shown
	Band     string        `json:"band"`     // "5 to 6", "at least 5": which row of the response table
	Risk     string        `json:"risk"`     // the band's name, as the page of the score lists them: "low", "high"; "" unknown
	Response string        `json:"response"` // what its source asks for, in our words
	Parts    []Part        `json:"params"`
	Missing  []string      `json:"missing"`          // names of parameters that are missing or stale, and of facts ("age", "spo2-scale")
	Faults   []Fault       `json:"faults,omitempty"` // of Refused: each reason apart
	Reason   string        `json:"reason,omitempty"` // of Incomplete and Refused, in words
	Source   string        `json:"source"`
	Caveats  []string      `json:"caveats,omitempty"`
	// Repeat is how soon the response wants the next set, 0: the source names none.
	// Handing it to the next Vitals.Repeat makes older inputs stale in time; an
	// incomplete or refused result never relaxes it.
	Repeat time.Duration `json:"repeat,omitempty"`
}
