package score

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

var pewsHead = head{
	name: "pews", title: "National PEWS (England)", version: "2023", longest: 4 * time.Hour, applies: pewsApplies,
	source: "NHS England, Configuration Document for SPOT NPEWS, and the four NHS England observation and escalation charts (0-11 months, 1-4, 5-12, 13 and more years), both as transcribed and compared line by line by the Royal College of Paediatrics and Child Health, github.com/rcpch/digital-pews, spec/npews-scoring-spec.json (2026) and its history",
}

// pewsChart is one of the four charts.
type pewsChart struct {
	before                    float64 // years
	name                      string
	respRate, pulse, systolic scale
}

// The bands are kept as the configuration document prints them, "30 to 49.99":
// what lies between two whole numbers belongs to the lower one.
var pewsCharts = []pewsChart{
	{1, "0 to 11 months",
		scale{cut, []band{{9, 4}, {19, 2}, {29, 1}, {49, 0}, {59, 1}, {69, 2}, {above, 4}}},
		scale{cut, []band{{79, 4}, {89, 2}, {109, 1}, {149, 0}, {169, 1}, {179, 2}, {above, 4}}},
		scale{cut, []band{{49, 4}, {59, 2}, {69, 1}, {89, 0}, {99, 1}, {109, 2}, {above, 4}}}},
	{5, "1 to 4 years",
		scale{cut, []band{{9, 4}, {19, 2}, {39, 0}, {49, 1}, {59, 2}, {above, 4}}},
		scale{cut, []band{{59, 4}, {69, 2}, {89, 1}, {139, 0}, {149, 1}, {169, 2}, {above, 4}}},
		scale{cut, []band{{49, 4}, {59, 2}, {79, 1}, {99, 0}, {119, 1}, {129, 2}, {above, 4}}}},
	{13, "5 to 12 years",
		scale{cut, []band{{9, 4}, {14, 2}, {19, 1}, {24, 0}, {39, 1}, {49, 2}, {above, 4}}},
		scale{cut, []band{{59, 4}, {69, 2}, {79, 1}, {119, 0}, {139, 1}, {159, 2}, {above, 4}}},
		scale{cut, []band{{69, 4}, {79, 2}, {89, 1}, {109, 0}, {119, 1}, {129, 2}, {above, 4}}}},
	{pewsEnd, "13 years and more",
		scale{cut, []band{{9, 4}, {14, 1}, {24, 0}, {29, 1}, {39, 2}, {above, 4}}},
		scale{cut, []band{{49, 4}, {59, 2}, {69, 1}, {99, 0}, {119, 1}, {129, 2}, {above, 4}}},
		scale{cut, []band{{79, 4}, {89, 2}, {99, 1}, {119, 0}, {129, 1}, {139, 2}, {above, 4}}}},
}

// pewsEnd is the age at which the last chart ends: it is for 13 to 18 years.
const pewsEnd = 19

// The rows that are the same in every chart. Between 91 and 92 % the document
// says 1 point and the charts 4: the more counts. Between 2 and 3 s of capillary
// refill neither says anything: the more counts.
var (
	pewsSpO2      = scale{cut, []band{{91, 4}, {94, 1}, {above, 0}}}
	pewsBreathing = map[string]int{"none": 0, "mild": 1, "moderate": 2, "severe": 4}
	pewsFlow      = scale{cut, []band{{1, 1}, {5, 2}, {above, 4}}}   // L/min, above none
	pewsPercent   = scale{cut, []band{{29, 1}, {49, 2}, {above, 4}}} // inhaled, with a device on
)

// pewsSupport are the devices that score 4 whatever they deliver.
var pewsSupport = map[string]bool{"high-flow": true, "cpap": true, "niv": true, "ventilator": true}

func pewsApplies(v Vitals) (bool, string) {
	if v.AgeYears >= pewsEnd {
		return false, fmt.Sprintf("National PEWS is for people below %d years, the patient is %s", pewsEnd, years(v.AgeYears))
	}
	return true, ""
}

// PEWS computes the national Paediatric Early Warning Score of England, 0 to 26
// points. Brighton PEWS, Bedside PEWS and the charts of Scotland and Ireland are
// other scores.
//
// Inputs: age in years, respiration rate (/min), respiratory distress (none,
// mild, moderate, severe), SpO2 (%), oxygen device with flow (L/min) or inhaled
// oxygen (%), heart rate (/min), systolic pressure (mm[Hg]), capillary refill
// (s), each in any unit that converts; consciousness, which gives no points but
// a level (V high, P or U emergency). Output: {score}. Too little data:
// Incomplete with a lower bound; without an age there are no charts and no
// points for rate, pulse and pressure. A carer who says "worse" gives no points
// and no level by itself, as the clinician chooses one: it is in Caveats, and so
// is that nobody has asked. Refused from 19 years and for values that are not
// plausible.
//
// Source: NHS England and Royal College of Paediatrics and Child Health, National
// PEWS, 2023: configuration document and charts, re-read in
// github.com/rcpch/digital-pews (spec/npews-scoring-spec.json, spec/escalation.md).
func PEWS(v Vitals, now vital.Instant) Result {
	s := pewsHead.sheet(v, now)
	s.ageKnown(v)
	chart := pewsCharts[len(pewsCharts)-1]
	for i := len(pewsCharts) - 1; i >= 0; i-- {
		if v.AgeYears < pewsCharts[i].before {
			chart = pewsCharts[i]
		}
	}
	s.aged("resp-rate", "Respiration rate", "resp-rate", v.RespRate, chart.respRate, v)
	s.code("work-of-breathing", "Respiratory distress", "work-of-breathing", v.WorkOfBreathing, pewsBreathing)
	s.number("spo2", "Oxygen saturation", "spo2", v.SpO2, pewsSpO2)
	s.pewsOxygen(v)
	s.aged("pulse", "Heart rate", "pulse-rate", v.Pulse, chart.pulse, v)
	s.aged("systolic", "Systolic blood pressure", "bp-systolic", v.Systolic, chart.systolic, v)
	s.pewsRefill(v)
	s.code("consciousness", "Consciousness", "consciousness", v.Consciousness, map[string]int{"A": 0, "V": 0, "P": 0, "U": 0})
	s.carer(v)
	level := s.pewsLevel(v)
	return s.done(func(points, _ int) response { return pewsResponse(points, level) })
}

// aged adds a part whose row depends on age: without one it gives nothing.
func (s *sheet) aged(name, label, metric string, in Input, on scale, v Vitals) {
	if v.AgeYears >= 0 {
		s.number(name, label, metric, in, on)
		return
	}
	p, usable := s.part(name, label, in)
	if _, ok := s.value(p, metric, in); usable && ok {
		p.Missing, p.Why = true, "without an age there is no row for it"
	}
}

func (s *sheet) pewsRefill(v Vitals) {
	p, usable := s.part("capillary-refill", "Capillary refill", v.CapillaryRefill)
	seconds, ok := s.value(p, "capillary-refill", v.CapillaryRefill)
	if !usable || !ok {
		return
	}
	if seconds.Compare(vital.Whole(2)) > 0 {
		s.give(p, 2)
	}
}

// pewsOxygen scores how much help with breathing the child gets.
func (s *sheet) pewsOxygen(v Vitals) {
	b := s.oxygen(v)
	if b.answer == Unknown && s.usable(v.InspiredOxygen) && !v.InspiredOxygen.Value.IsCode() && v.InspiredOxygen.Unit == "%" {
		b = breathing{answer: No, from: v.InspiredOxygen}
		if v.InspiredOxygen.Value.Number.Compare(vital.Whole(21)) > 0 {
			b.answer = Yes
		}
	}
	s.result.Parts = append(s.result.Parts, Part{Name: "oxygen", Label: "Oxygen", Unit: b.from.Unit, At: b.from.At})
	p := &s.result.Parts[len(s.result.Parts)-1]
	if b.from.Present {
		p.Value = b.from.Value.String()
	}
	if b.answer == Unknown {
		p.Stale = b.stale
		s.drop(p, b.why)
		return
	}
	if b.answer == No {
		return
	}
	if s.usable(v.OxygenDevice) && pewsSupport[v.OxygenDevice.Value.Code] {
		s.give(p, 4)
		return
	}
	most := 0
	for _, in := range []struct {
		Input
		metric string
		on     scale
	}{{v.OxygenFlow, "oxygen-flow", pewsFlow}, {v.InspiredOxygen, "fio2", pewsPercent}} {
		if !s.usable(in.Input) {
			continue
		}
		p.Value, p.Unit, p.At = in.Value.String(), in.Unit, in.At
		n, ok := s.charted(p, in.metric, in.Input, in.on.step)
		if ok && in.Value.Number.Sign() > 0 {
			most = max(most, in.on.points(n))
		}
	}
	if most == 0 {
		s.drop(p, "nobody has said how much oxygen")
		return
	}
	s.give(p, most)
}

// carer notes what the parent or carer says.
func (s *sheet) carer(v Vitals) {
	codes := vital.LookMetric("carer-concern").Codes
	switch {
	case v.CarerConcern.Present && !slices.Contains(codes, v.CarerConcern.Value.Code):
		s.refuse("carer-concern", fmt.Sprintf("Carer's answer %q: want one of %s", v.CarerConcern.Value, strings.Join(codes, " ")))
	case !s.usable(v.CarerConcern):
		s.result.Caveats = append(s.result.Caveats, "Nobody has asked the carer: how is your child different since I last saw them?")
	case v.CarerConcern.Value.Code == "worse":
		s.result.Caveats = append(s.result.Caveats, "The carer says worse: choose the level of the response, whatever the score is.")
	}
}

// pewsLevel is the lowest level that consciousness asks for, whatever the score.
func (s *sheet) pewsLevel(v Vitals) int {
	if !s.usable(v.Consciousness) {
		return 0
	}
	switch v.Consciousness.Value.Code {
	case "V":
		return 9
	case "P", "U":
		return 13
	}
	return 0
}

// pewsResponse is the escalation table; level is as many points as something else
// than the score makes it worth.
func pewsResponse(points, level int) response {
	to := response{}
	switch points := max(points, level); {
	case points >= 13:
		to = response{band: "13 or more", risk: "emergency", repeat: 15 * time.Minute, ask: "Emergency: call the paediatric emergency team at once, the consultant is told; observe every 15 minutes and watch breathing, saturation and ECG continuously."}
	case points >= 9:
		to = response{band: "9 to 12", risk: "high", repeat: 30 * time.Minute, ask: "Rapid review within 15 minutes, with airway skills; the nurse in charge reviews at once; observe every 30 minutes and watch breathing, saturation and ECG continuously."}
	case points >= 5:
		to = response{band: "5 to 8", risk: "medium", repeat: 30 * time.Minute, ask: "Medical review within 30 minutes; the nurse in charge reviews; assess again within 30 minutes and watch saturation continuously."}
	case points >= 1:
		to = response{band: "1 to 4", risk: "low", repeat: time.Hour, ask: "Tell the nurse in charge; consider a medical review; assess again within 60 minutes, then note the plan.", lowest: true}
	default:
		return response{band: "0", risk: "none", ask: "Go on as planned.", lowest: true}
	}
	if level > points {
		to.band = fmt.Sprintf("%d, raised by consciousness", points)
	}
	return to
}
