package synth

import (
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Cause is something that a scenario can do to a body.
type Cause uint8

const (
	Infection  Cause = iota // 0 none, 0.6 sepsis, 1 septic shock
	Opioid                  // 0 none, 0.65 dangerous respiratory depression, 1 lethal untreated
	BloodLoss               // share of the blood volume, 0 to 0.45
	Insulin                 // 0 none, 1 falls 2 mg/dL each minute
	Exertion                // 0 rest, 0.4 a walk, 1 the utmost
	Fibrillate              // 1: the atria fibrillate
	Fallen                  // 0 to 1: above 0.5 the person falls, then lies on the ground
	Oxygen                  // added to the share of oxygen that is breathed in
	causes
)

// scenario is a script: at each time, how strong each cause is; in between it
// changes evenly. The last line holds on.
type scenario struct {
	name, story string
	lines       []line
}

type line struct {
	at   time.Duration
	what map[Cause]float64
}

// Scenarios are the names that ParseScenario knows, with what happens in each.
func Scenarios() map[string]string {
	out := map[string]string{}
	for _, s := range scenarios {
		out[s.name] = s.story
	}
	return out
}

// Onset and speed are those of the textbook case. Sources: sepsis, Singer et al.
// 2016, doi 10.1001/jama.2016.0287; opioids, Dahan et al. 2010, doi
// 10.1097/ALN.0b013e3181c38c25; blood loss, ATLS classes I to IV; hypoglycaemia,
// Cryer 2013, doi 10.1056/NEJMra1114483 (in outline: no parameter is fitted).
var scenarios = []scenario{
	{"sepsis", "an infection grows over six hours into septic shock", []line{
		{0, nil},
		{90 * time.Minute, map[Cause]float64{Infection: 0.3}},
		{4 * time.Hour, map[Cause]float64{Infection: 0.7}},
		{6 * time.Hour, map[Cause]float64{Infection: 1}},
	}},
	{"opioid", "breathing slows after an opioid, saturation follows minutes later, the effect wears off after an hour", []line{
		{0, nil},
		{6 * time.Minute, map[Cause]float64{Opioid: 0.5}},
		{15 * time.Minute, map[Cause]float64{Opioid: 0.68}},
		{40 * time.Minute, map[Cause]float64{Opioid: 0.6}},
		{70 * time.Minute, map[Cause]float64{Opioid: 0.1}},
		{100 * time.Minute, nil},
	}},
	{"af", "atrial fibrillation begins at once and lasts half an hour", []line{
		{0, map[Cause]float64{Fibrillate: 1}},
		{30 * time.Minute, map[Cause]float64{Fibrillate: 1}},
		{30*time.Minute + time.Second, nil},
	}},
	{"hypoglycaemia", "too much insulin: glucose falls below 54 mg/dL within the hour, then sugar is given", []line{
		{0, map[Cause]float64{Insulin: 0.5}},
		{20 * time.Minute, map[Cause]float64{Insulin: 0.95}},
		{55 * time.Minute, map[Cause]float64{Insulin: 0.3}},
		{65 * time.Minute, map[Cause]float64{Insulin: 0.02}},
		{70 * time.Minute, map[Cause]float64{Insulin: -1.2}},
		{90 * time.Minute, nil},
	}},
	{"fall", "the person walks, falls, and lies on the ground for ten minutes", []line{
		{0, map[Cause]float64{Exertion: 0.35}},
		{30 * time.Second, map[Cause]float64{Exertion: 0.35}},
		{30*time.Second + 200*time.Millisecond, map[Cause]float64{Fallen: 1, Exertion: 0.1}},
		{10*time.Minute + 30*time.Second, map[Cause]float64{Fallen: 1}},
		{10*time.Minute + 31*time.Second, nil},
	}},
	{"bleed", "forty percent of the blood is lost over half an hour", []line{
		{0, nil},
		{10 * time.Minute, map[Cause]float64{BloodLoss: 0.15}},
		{20 * time.Minute, map[Cause]float64{BloodLoss: 0.3}},
		{30 * time.Minute, map[Cause]float64{BloodLoss: 0.4}},
	}},
}

// Scenario is a script set to a time.
type Scenario struct {
	Name  string
	Start time.Duration
	// Pace is how many times faster than in life the illness and the slow parts
	// of the body (temperature, carbon dioxide, glucose) go from Start on, so
	// that six hours can be shown in six minutes. Beats and breaths stay real.
	Pace   float64
	script *scenario
}

// ParseScenario reads NAME[@START][xPACE], as in "sepsis@10m" or "sepsis@30sx60".
func ParseScenario(text string) (Scenario, error) {
	s := Scenario{Pace: 1}
	rest := text
	if name, when, has := strings.Cut(text, "@"); has {
		start, pace, paced := strings.Cut(when, "x")
		d, err := time.ParseDuration(start)
		if err != nil || d < 0 {
			return s, vital.Errorf(vital.Invalid, "scenario %q: start %q: want a time like 90s or 10m", text, start)
		}
		if s.Start = d; paced {
			v, err := vital.ParseDecimal(pace)
			if err != nil || v.Float() < 1 || v.Float() > 1000 {
				return s, vital.Errorf(vital.Invalid, "scenario %q: pace %q: want 1 to 1000", text, pace)
			}
			s.Pace = v.Float()
		}
		rest = name
	}
	i := slices.IndexFunc(scenarios, func(c scenario) bool { return c.name == rest })
	if i < 0 {
		var names []string
		for _, c := range scenarios {
			names = append(names, c.name)
		}
		return s, vital.Errorf(vital.Invalid, "scenario %q: there is %s", rest, strings.Join(names, ", "))
	}
	s.Name, s.script = rest, &scenarios[i]
	return s, nil
}

// strength returns how strong each cause of the script is at that time after its start.
func (s *scenario) strength(at time.Duration) (out [causes]float64) {
	i := 0
	for i+1 < len(s.lines) && s.lines[i+1].at <= at {
		i++
	}
	here := s.lines[i]
	for c, v := range here.what {
		out[c] = v
	}
	if i+1 == len(s.lines) {
		return out
	}
	next := s.lines[i+1]
	share := float64(at-here.at) / float64(next.at-here.at)
	for c := range out {
		out[c] += share * (next.what[Cause(c)] - here.what[Cause(c)])
	}
	return out
}
