package score

import (
	"time"

	"github.com/vigilcare/vigil/vital"
)

var qsofaHead = head{
	name: "qsofa", title: "qSOFA", version: "2016", longest: 12 * time.Hour, applies: adult("qSOFA", 18),
	source: "Singer et al., JAMA 2016;315:801, doi:10.1001/jama.2016.0287, and Seymour et al., JAMA 2016;315:762, doi:10.1001/jama.2016.0288; as in the R packages cliot 1.0.0 (qsofa_sepsis_score) and clinicalr (score_qsofa)",
}

var (
	qsofaRespRate = scale{whole, []band{{21, 0}, {above, 1}}}
	qsofaSystolic = scale{whole, []band{{100, 1}, {above, 0}}}
	qsofaGCS      = scale{whole, []band{{14, 1}, {above, 0}}}
)

// QSOFA computes the quick SOFA, 0 to 3 points, for adults with suspected
// infection outside intensive care.
//
// Inputs: respiration rate (/min), systolic pressure (mm[Hg]), and mentation from
// the Glasgow coma score ({score}, below 15 is altered) or, when that is missing
// or stale, from ACVPU (anything but A is altered); age in years. Output:
// {score}. Too little data: Incomplete with a lower bound. Refused below 18
// years and for values that are not plausible. Inputs are stale after 12 h: ours,
// the papers name no interval.
//
// Source: Singer M et al., JAMA 2016;315:801-810, doi:10.1001/jama.2016.0287;
// Seymour CW et al., JAMA 2016;315:762-774, doi:10.1001/jama.2016.0288.
func QSOFA(v Vitals, now vital.Instant) Result {
	s := qsofaHead.sheet(v, now)
	s.result.Caveats = append(s.result.Caveats, "qSOFA is for patients with suspected infection, and is not to be the only screen for sepsis.")
	s.ageKnown(v)
	s.number("resp-rate", "Respiration rate", "resp-rate", v.RespRate, qsofaRespRate)
	s.number("systolic", "Systolic blood pressure", "bp-systolic", v.Systolic, qsofaSystolic)
	if s.usable(v.GCS) {
		s.number("gcs", "Glasgow coma score", "gcs", v.GCS, qsofaGCS)
	} else {
		s.code("consciousness", "Consciousness", "consciousness", v.Consciousness, map[string]int{"A": 0, "C": 1, "V": 1, "P": 1, "U": 1})
	}
	return s.done(func(points, _ int) response {
		if points >= 2 {
			return response{band: "2 to 3", risk: "high", ask: "If infection is suspected: look for failing organs, reconsider treatment, observe more often and consider higher care."}
		}
		return response{band: "0 to 1", risk: "low", ask: "Go on as planned; assess again when the patient changes. A low score does not rule sepsis out.", lowest: true}
	})
}

// usable reports whether an input is there, fresh and not doubted.
func (s *sheet) usable(in Input) bool {
	return in.Present && in.Quality&vital.Doubtful&^vital.Implausible == 0 && s.stale(in.At) == ""
}
