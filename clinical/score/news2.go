package score

import (
	"fmt"
	"strconv"
	"time"

	"github.com/vigilcare/vigil/vital"
)

var news2Head = head{
	name: "news2", title: "NEWS2", version: "2017", source: news2Source, longest: news2Routine, applies: news2Applies,
}

// The two copies that agree: the report's own charts; and, row by row, the tables
// printed in Thorax (both SpO2 scales) and in the Postgraduate Medical Journal
// (respiration rate, SpO2, pressure, pulse, consciousness), with the temperature
// row of the first NEWS, which the second kept.
const news2Source = "Royal College of Physicians, National Early Warning Score (NEWS) 2, London 2017, charts 1 and 4; rows as in the tables of Thorax (thorax.bmj.com markup 192780) and Postgrad Med J (pmj.bmj.com markup 170929)"

// The NEWS scoring system, chart 1 of the report.
var (
	news2RespRate    = scale{whole, []band{{8, 3}, {11, 1}, {20, 0}, {24, 2}, {above, 3}}}
	news2SpO2Scale1  = scale{whole, []band{{91, 3}, {93, 2}, {95, 1}, {above, 0}}}
	news2SpO2Air     = scale{whole, []band{{83, 3}, {85, 2}, {87, 1}, {above, 0}}} // scale 2, breathing air
	news2SpO2Oxygen  = scale{whole, []band{{83, 3}, {85, 2}, {87, 1}, {92, 0}, {94, 1}, {96, 2}, {above, 3}}}
	news2Systolic    = scale{whole, []band{{90, 3}, {100, 2}, {110, 1}, {219, 0}, {above, 3}}}
	news2Pulse       = scale{whole, []band{{40, 3}, {50, 1}, {90, 0}, {110, 1}, {130, 2}, {above, 3}}}
	news2Temperature = scale{tenths, []band{{350, 3}, {360, 1}, {380, 0}, {390, 1}, {above, 2}}}
)

const news2OnOxygen = 2

// How soon the next set is wanted, chart 4. The report gives 4 to 6 h for 1 to 4
// points: inputs are stale after the longer. For 7 and more it wants continuous
// monitoring of vital signs and names no number; half an hour is ours: a set
// whose parts are older is no longer watched continuously.
const (
	news2Routine    = 12 * time.Hour
	news2Ward       = 6 * time.Hour
	news2Hourly     = time.Hour
	news2Continuous = 30 * time.Minute
)

func news2Applies(v Vitals) (bool, string) {
	if applies, why := adult("NEWS2", 16)(v); !applies {
		return false, why
	}
	if v.Pregnant == Yes {
		return false, "NEWS2 is not for pregnancy"
	}
	return true, ""
}

func years(age float64) string { return strconv.FormatFloat(age, 'f', -1, 64) }

// NEWS2 computes the National Early Warning Score 2, 0 to 20 points.
//
// Inputs: respiration rate (/min), SpO2 (%), air or oxygen, systolic pressure
// (mm[Hg]), pulse (/min), ACVPU, temperature (Cel), each in any unit that
// converts; the SpO2 scale that a clinician set; age in years. Output: {score}.
// Too little data: Incomplete with the points so far as a lower bound. Refused
// below 16 years, in pregnancy, for values that are not plausible, and on scale 2
// while it is not known whether the patient breathes air or oxygen. The scale is
// never guessed. Pregnancy that nobody stated is a caveat, as on paper.
//
// Source: Royal College of Physicians, National Early Warning Score (NEWS) 2,
// London 2017, ISBN 978-1-86016-682-2, charts 1 and 4.
func NEWS2(v Vitals, now vital.Instant) Result {
	s := news2Head.sheet(v, now)
	if v.AgeYears < 0 {
		s.lack("age", "the age is not known, and NEWS2 is not for children")
	}
	if v.Pregnant == Unknown {
		s.result.Caveats = append(s.result.Caveats, "Nobody has said whether the patient is pregnant: NEWS2 is not for pregnancy.")
	}
	oxygen := s.oxygen(v)
	s.number("resp-rate", "Respiration rate", "resp-rate", v.RespRate, news2RespRate)
	s.news2SpO2(v, oxygen)
	s.air(v, oxygen)
	s.number("systolic", "Systolic blood pressure", "bp-systolic", v.Systolic, news2Systolic)
	s.number("pulse", "Pulse", "pulse-rate", v.Pulse, news2Pulse)
	s.code("consciousness", "Consciousness", "consciousness", v.Consciousness, map[string]int{"A": 0, "C": 3, "V": 3, "P": 3, "U": 3})
	s.number("temperature", "Temperature", "temperature", v.Temperature, news2Temperature)
	return s.done(news2Response)
}

func (s *sheet) news2SpO2(v Vitals, oxygen breathing) {
	const name, label = "spo2", "Oxygen saturation"
	p, usable := s.part(name, label, v.SpO2)
	charted, ok := s.charted(p, "spo2", v.SpO2, whole)
	usable = usable && ok
	switch {
	case v.SpO2Scale == 1 && usable:
		s.give(p, news2SpO2Scale1.points(charted))
	case v.SpO2Scale == 2 && oxygen.answer == Unknown:
		s.refuse("oxygen", "SpO2 scale 2 reads 93 % and more differently on air and on oxygen, and nobody has said which the patient breathes")
	case v.SpO2Scale == 2 && usable && oxygen.answer == Yes:
		s.give(p, news2SpO2Oxygen.points(charted))
	case v.SpO2Scale == 2 && usable:
		s.give(p, news2SpO2Air.points(charted))
	case v.SpO2Scale == 0:
		if usable {
			p.Missing, p.Why = true, "no SpO2 scale has been set"
		}
		s.lack("spo2-scale", "no SpO2 scale has been set: a clinician chooses scale 1 or scale 2")
	case v.SpO2Scale != 1 && v.SpO2Scale != 2:
		s.refuse("spo2-scale", fmt.Sprintf("SpO2 scale %d: there is 1 and 2", v.SpO2Scale))
	}
}

// breathing is what is known of added oxygen, and on which input that rests.
type breathing struct {
	answer Answer
	from   Input
	why    string // why it is not known
	stale  bool
}

// oxygen decides between air and added oxygen: what was said outright; else the
// newer of device and flow, and of two equally old ones the one that says oxygen.
// Every device but "air" counts as oxygen; a flow above zero does.
func (s *sheet) oxygen(v Vitals) breathing {
	if v.OnOxygen != Unknown {
		return breathing{answer: v.OnOxygen}
	}
	b := breathing{why: "Air or oxygen is missing"}
	for _, in := range []Input{v.OxygenDevice, v.OxygenFlow} {
		if !in.Present {
			continue
		}
		is := No
		if in.Value.IsCode() && in.Value.Code != "air" || !in.Value.IsCode() && in.Value.Number.Sign() > 0 {
			is = Yes
		}
		if !in.Value.IsCode() && is == No && v.OxygenDevice.Present && v.OxygenDevice.Value.Code != "air" {
			continue // no flow noted beside a device that gives oxygen by itself
		}
		if doubt := in.Quality & vital.Doubtful; doubt != 0 {
			if b.answer == Unknown {
				b.from, b.why = in, fmt.Sprintf("Air or oxygen is doubted (%s)", doubt)
			}
			continue
		}
		if why := s.stale(in.At); why != "" {
			if b.answer == Unknown {
				b.from, b.why, b.stale = in, "Air or oxygen is stale: "+why, true
			}
			continue
		}
		if b.answer == Unknown || in.At > b.from.At || in.At == b.from.At && is == Yes {
			b = breathing{answer: is, from: in}
		}
	}
	return b
}

func (s *sheet) air(v Vitals, b breathing) {
	const name, label = "oxygen", "Air or oxygen"
	s.result.Parts = append(s.result.Parts, Part{Name: name, Label: label, Unit: b.from.Unit, At: b.from.At})
	p := &s.result.Parts[len(s.result.Parts)-1]
	if b.from.Present {
		p.Value = b.from.Value.String()
	}
	switch b.answer {
	case Yes:
		s.give(p, news2OnOxygen)
		s.plain(p, v, "oxygen")
	case No:
		s.plain(p, v, "air")
	default:
		p.Stale = b.stale
		s.drop(p, b.why)
	}
}

func (s *sheet) plain(p *Part, v Vitals, word string) {
	if v.OnOxygen != Unknown {
		p.Value = word
	}
}

// news2Response is chart 4, the clinical response to the trigger thresholds.
func news2Response(points, worst int) response {
	switch {
	case points >= 7:
		return response{"7 or more", "high", "Emergency response: watch the vital signs continuously; the nurse tells the medical team at once, at least at specialist registrar level; a team with critical care and advanced airway skills assesses the patient; consider a move to high dependency or intensive care.", news2Continuous, false}
	case points >= 5:
		return response{"5 to 6", "medium", "Urgent response: observe at least every hour; the nurse tells the medical team at once and asks for urgent assessment by somebody skilled in the care of acutely ill patients; care where monitoring is at hand.", news2Hourly, false}
	case worst >= 3:
		return response{"3 in a single parameter", "low-medium", "Urgent ward review: observe at least every hour; the nurse tells the medical team, who review the patient and decide whether care must be escalated.", news2Hourly, false}
	case points >= 1:
		return response{"1 to 4", "low", "Observe at least every 4 to 6 hours; a registered nurse assesses the patient and decides whether to observe more often or to escalate.", news2Ward, true}
	}
	return response{"0", "low", "Observe at least every 12 hours; go on as usual.", news2Routine, true}
}
