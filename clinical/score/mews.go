package score

import (
	"fmt"
	"time"

	"github.com/vigilcare/vigil/vital"
)

var mewsHead = head{
	name: "mews", title: "MEWS", version: "2001", longest: 12 * time.Hour, applies: adult("MEWS", 16),
	source: "Subbe, Kruger, Rutherford, Gemmel, QJM 2001;94:521, doi:10.1093/qjmed/94.10.521, as tabulated in Wikipedia (Modified early warning score) and at geraclinic.com (MEWS calculator); pressure and heart rate also in Postgrad Med J (pmj.bmj.com markup 170929)",
}

// The table of Subbe 2001. Copies print the lowest heart rate row "<40" or
// "<=40" beside "41-50": 40 has to be in one of the two, and the copy that says
// <=40 leaves no gap.
var (
	mewsSystolic    = scale{whole, []band{{70, 3}, {80, 2}, {100, 1}, {199, 0}, {above, 2}}}
	mewsPulse       = scale{whole, []band{{40, 2}, {50, 1}, {100, 0}, {110, 1}, {129, 2}, {above, 3}}}
	mewsRespRate    = scale{whole, []band{{8, 2}, {14, 0}, {20, 1}, {29, 2}, {above, 3}}}
	mewsTemperature = scale{tenths, []band{{349, 2}, {384, 0}, {above, 2}}}
)

// adult returns the rule that a score is for people of some age and more.
func adult(title string, from float64) func(Vitals) (bool, string) {
	return func(v Vitals) (bool, string) {
		if v.AgeYears >= 0 && v.AgeYears < from {
			return false, fmt.Sprintf("%s is for people of %s years and more, the patient is %s", title, years(from), years(v.AgeYears))
		}
		return true, ""
	}
}

// ageKnown notes that the age is missing.
func (s *sheet) ageKnown(v Vitals) {
	if v.AgeYears < 0 {
		s.lack("age", "the age is not known, and "+s.result.Title+" depends on it")
	}
}

// MEWS computes the Modified Early Warning Score of Subbe 2001, 0 to 14 points.
// Other scores carry the same name: this one has five parameters and knows
// neither oxygen saturation nor urine.
//
// Inputs: systolic pressure (mm[Hg]), pulse (/min), respiration rate (/min),
// temperature (Cel), AVPU, each in any unit that converts; age in years. Output:
// {score}. Too little data: Incomplete, the points so far as a lower bound; new
// confusion (C) has no row in AVPU and counts as missing. Refused below 16 years
// and for values that are not plausible. Inputs are stale after 12 h: ours, the
// paper names no interval.
//
// Source: Subbe CP et al., QJM 2001;94:521-526, doi:10.1093/qjmed/94.10.521.
func MEWS(v Vitals, now vital.Instant) Result {
	s := mewsHead.sheet(v, now)
	s.ageKnown(v)
	s.number("systolic", "Systolic blood pressure", "bp-systolic", v.Systolic, mewsSystolic)
	s.number("pulse", "Heart rate", "pulse-rate", v.Pulse, mewsPulse)
	s.number("resp-rate", "Respiration rate", "resp-rate", v.RespRate, mewsRespRate)
	s.number("temperature", "Temperature", "temperature", v.Temperature, mewsTemperature)
	s.code("consciousness", "Consciousness", "consciousness", v.Consciousness, map[string]int{"A": 0, "V": 1, "P": 2, "U": 3})
	return s.done(func(points, _ int) response {
		if points >= 5 {
			return response{band: "5 or more", risk: "high", ask: "The nurse tells the medical team, who review the patient and consider a move to higher care."}
		}
		return response{band: "0 to 4", risk: "low", ask: "Go on as the ward's plan says.", lowest: true}
	})
}
