package score

import (
	"fmt"
	"math/big"
	"time"

	"github.com/vigilcare/vigil/vital"
)

var shockIndexHead = head{
	name: "shock-index", title: "Shock index", version: "1967", longest: time.Hour,
	source: "Allgoewer and Burri 1967; adult bands: Rady et al. 1994 as in medicalalgorithms.com (Shock Index), the same in rcispracticetest.com (Shock index); children of 7 to 16 years: BMC epag 2022, doi:10.1186/s43054-022-00103-4, and Huang et al. 2021, doi:10.3389/fped.2021.727466",
	applies: func(v Vitals) (bool, string) {
		if v.AgeYears >= 0 && v.AgeYears < 7 {
			return false, fmt.Sprintf("two sources that agree on a band for the shock index begin at 7 years, the patient is %s", years(v.AgeYears))
		}
		return true, ""
	},
}

// together is how far apart pulse and pressure may be: they are one observation.
// Ours; no source names a number.
const together = 15 * time.Minute

// ShockIndex computes heart rate divided by systolic pressure, to two places,
// halves up; what is shown is what is judged.
//
// Inputs: pulse (/min) and systolic pressure (mm[Hg]), measured within 15 min of
// each other and not more than an hour old (both ours); age in years. Output: a
// ratio, unit "1". Bands: from 17 years 0.5 to 0.7 is usual and above 0.9
// raised; above 1.0 is raised from 7 to 12 years and above 0.9 from 13 to 16.
// Too little data: Incomplete, with no lower bound. Refused below 7 years, for
// a pressure of 0, and for values that are not plausible.
//
// Source: Allgoewer M, Burri C, Dtsch Med Wochenschr 1967;92:1947; Rady MY et
// al., Ann Emerg Med 1994;24:685; children: Acker SN et al., J Pediatr Surg
// 2015;50:331, as quoted in doi:10.1186/s43054-022-00103-4.
func ShockIndex(v Vitals, now vital.Instant) Result {
	s := shockIndexHead.sheet(v, now)
	s.result.Caveats = append(s.result.Caveats, "Beta blockers, a pacemaker, arrhythmia and chronic hypertension hide a rise; pain and fever feign one.")
	s.ageKnown(v)
	pulse, pulseUsable := s.part("pulse", "Heart rate", v.Pulse)
	beats, pulseOK := s.value(pulse, "pulse-rate", v.Pulse)
	systolic, pressureUsable := s.part("systolic", "Systolic blood pressure", v.Systolic)
	pressure, pressureOK := s.value(systolic, "bp-systolic", v.Systolic)
	if pressureOK && pressure.Sign() == 0 {
		s.refuse("systolic", "Systolic blood pressure 0: there is no index without a pressure")
	}
	if pulseUsable && pressureUsable && v.Pulse.At.Known() && v.Systolic.At.Known() {
		if apart := v.Pulse.At.Sub(v.Systolic.At); apart > together || apart < -together {
			s.lack("systolic", fmt.Sprintf("heart rate and pressure were measured %s apart", words(apart.Abs())))
		}
	}
	r := &s.result
	if s.settle() != OK || !pulseOK {
		return *r
	}
	r.Score = quotient(beats, pressure)
	to := shockIndexBand(v.AgeYears, r.Score)
	r.Band, r.Risk, r.Response = to.band, to.risk, to.ask
	return *r
}

// quotient returns a/b, neither below zero, to two places, halves up.
func quotient(a, b vital.Decimal) vital.Decimal {
	n := new(big.Rat).Mul(ratio(a), big.NewRat(100, 1))
	n.Quo(n, ratio(b)).Add(n, big.NewRat(1, 2))
	return vital.Decimal{Mantissa: new(big.Int).Quo(n.Num(), n.Denom()).Int64(), Exponent: -2}
}

// ratio is exact; plausible values have few digits.
func ratio(d vital.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		return new(big.Rat) // cannot happen: a Decimal prints a number
	}
	return r
}

func shockIndexBand(age float64, index vital.Decimal) response {
	over := func(hundredths int64) bool {
		return index.Compare(vital.Decimal{Mantissa: hundredths, Exponent: -2}) > 0
	}
	const look = "Look for bleeding, sepsis, fluid loss and heart failure; measure again; the trend says more than one value."
	const usual = "Nothing follows from this number alone."
	switch {
	case age < 13 && over(100):
		return response{band: "above 1.0 (7 to 12 years)", risk: "raised", ask: look}
	case age < 13:
		return response{band: "up to 1.0 (7 to 12 years)", risk: "usual", ask: usual}
	case over(90):
		return response{band: "above 0.9", risk: "raised", ask: look}
	case age < 17:
		return response{band: "up to 0.9 (13 to 16 years)", risk: "usual", ask: usual}
	case over(70):
		return response{band: "above 0.7 to 0.9", risk: "borderline", ask: "Measure again; the trend says more than one value."}
	case !over(49):
		return response{band: "below 0.5", risk: "low", ask: usual}
	}
	return response{band: "0.5 to 0.7", risk: "usual", ask: usual}
}
