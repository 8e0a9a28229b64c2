package score

import (
	"time"

	"github.com/vigilcare/vigil/vital"
)

var meowsHead = head{
	name: "meows", title: "MEOWS (CEMACH)", version: "2007", longest: 12 * time.Hour, applies: meowsApplies,
	source: "CEMACH, Saving Mothers' Lives 2003-2005, 2007, as in Singh et al., Anaesthesia 2012;67:12, doi:10.1111/j.1365-2044.2011.06896.x, table 1; two transcriptions of it that agree in every row used here",
}

// Points are ours and only count triggers: 2 for a red one, 1 for a yellow one.
// One red or two yellow is 2 points, which is when the chart triggers.
var (
	meowsRespRate    = scale{whole, []band{{9, 2}, {20, 0}, {30, 1}, {above, 2}}}
	meowsSpO2        = scale{whole, []band{{94, 2}, {above, 0}}}
	meowsTemperature = scale{tenths, []band{{349, 2}, {360, 1}, {380, 0}, {above, 2}}}
	meowsSystolic    = scale{whole, []band{{89, 2}, {100, 1}, {149, 0}, {160, 1}, {above, 2}}}
	meowsDiastolic   = scale{whole, []band{{89, 0}, {100, 1}, {above, 2}}}
	meowsPulse       = scale{whole, []band{{39, 2}, {50, 1}, {99, 0}, {120, 1}, {above, 2}}}
)

func meowsApplies(v Vitals) (bool, string) {
	if v.Pregnant == No {
		return false, "MEOWS is for pregnancy and the six weeks after birth"
	}
	return true, ""
}

// MEOWS computes the modified early obstetric warning system that CEMACH
// recommended in 2007, as Singh 2012 validated it. Trusts use many others of that
// name; the national maternity early warning score of 2024 is another one.
//
// Inputs: respiration rate (/min), SpO2 (%), temperature (Cel), systolic and
// diastolic pressure (mm[Hg]), heart rate (/min), AVPU, each in any unit that
// converts; that she is pregnant or gave birth within six weeks (Pregnant: Yes).
// Output: {score}, 2 for each red and 1 for each yellow parameter; 2 or more is
// the chart's trigger. Too little data: Incomplete with a lower bound. Refused
// when she is not pregnant and for values that are not plausible. The chart's
// pain, lochia and urine are not read: a yellow one of those is not counted.
// Inputs are stale after 12 h: ours, the paper names no interval.
//
// Source: Singh S, McGlennan A, England A, Simons R, Anaesthesia 2012;67:12-18,
// doi:10.1111/j.1365-2044.2011.06896.x, table 1.
func MEOWS(v Vitals, now vital.Instant) Result {
	s := meowsHead.sheet(v, now)
	s.result.Caveats = append(s.result.Caveats, "Pain, lochia and urine of the paper chart are not counted here.")
	if v.Pregnant == Unknown {
		s.lack("pregnant", "nobody has said whether she is pregnant or has just given birth")
	}
	s.number("resp-rate", "Respiration rate", "resp-rate", v.RespRate, meowsRespRate)
	s.number("spo2", "Oxygen saturation", "spo2", v.SpO2, meowsSpO2)
	s.number("temperature", "Temperature", "temperature", v.Temperature, meowsTemperature)
	s.number("systolic", "Systolic blood pressure", "bp-systolic", v.Systolic, meowsSystolic)
	s.number("diastolic", "Diastolic blood pressure", "bp-diastolic", v.Diastolic, meowsDiastolic)
	s.number("pulse", "Heart rate", "pulse-rate", v.Pulse, meowsPulse)
	s.code("consciousness", "Neurological response", "consciousness", v.Consciousness, map[string]int{"A": 0, "V": 1, "P": 2, "U": 2})
	return s.done(func(points, worst int) response {
		switch {
		case worst >= 2:
			return response{band: "a red parameter", risk: "trigger", ask: "Call the obstetric team for an urgent assessment."}
		case points >= 2:
			return response{band: "two yellow parameters", risk: "trigger", ask: "Call the obstetric team for an urgent assessment."}
		case points == 1:
			return response{band: "one yellow parameter", risk: "none", ask: "No trigger: observe again soon.", lowest: true}
		}
		return response{band: "no trigger", risk: "none", ask: "Go on as planned.", lowest: true}
	})
}
