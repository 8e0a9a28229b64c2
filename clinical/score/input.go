package score

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Input is the newest value of one metric, as it was measured or entered.
//
// Rounding: scores are defined on charts that are kept in steps, whole numbers
// and 0.1 Cel, so that a value between two steps has no row. A value is
// converted exactly to the chart's unit, then rounded once to the nearest step,
// halves up: 36.05 Cel is charted 36.1 and 20.5 /min is charted 21.
type Input struct {
	Present bool          `json:"present"`
	Metric  string        `json:"metric,omitempty"` // which one was used, where several serve; "" the usual one
	Value   vital.Value   `json:"value"`
	Unit    string        `json:"unit,omitempty"` // UCUM; any that converts
	At      vital.Instant `json:"at"`
	Quality vital.Quality `json:"quality,omitempty"` // doubtful ones are not used; take Demo off for a demonstration's patient, Test for a test's
}

// Number returns an input without time or remark, for sets that are entered whole.
func Number(d vital.Decimal, unit string) Input {
	return Input{Present: true, Value: vital.Num(d), Unit: unit}
}

// Code returns a coded input without time or remark.
func Code(code string) Input { return Input{Present: true, Value: vital.Coded(code)} }

// Vitals is all that any score reads of one patient. What is not set is missing.
type Vitals struct {
	RespRate      Input `json:"respRate"`      // "/min"
	SpO2          Input `json:"spo2"`          // "%"
	OxygenDevice  Input `json:"oxygenDevice"`  // code: "air", or what gives oxygen
	OxygenFlow    Input `json:"oxygenFlow"`    // "L/min"
	Systolic      Input `json:"systolic"`      // "mm[Hg]"
	Diastolic     Input `json:"diastolic"`     // "mm[Hg]"
	Pulse         Input `json:"pulse"`         // "/min"
	Temperature   Input `json:"temperature"`   // "Cel"
	Consciousness Input `json:"consciousness"` // code of ACVPU
	GCS           Input `json:"gcs"`           // "{score}", 3 to 15

	InspiredOxygen  Input `json:"inspiredOxygen"`  // "%": FiO2
	CapillaryRefill Input `json:"capillaryRefill"` // "s"
	WorkOfBreathing Input `json:"workOfBreathing"` // code: none mild moderate severe
	CarerConcern    Input `json:"carerConcern"`    // code: worse same better asleep unavailable

	OnOxygen  Answer  `json:"onOxygen"`  // said outright; Unknown: from OxygenDevice and OxygenFlow
	SpO2Scale int     `json:"spo2Scale"` // 1 or 2 as set by a clinician; 0: nobody has set one
	AgeYears  float64 `json:"ageYears"`  // -1: not known
	Pregnant  Answer  `json:"pregnant"`

	// Repeat is Result.Repeat of the last result of the same score: inputs older
	// than that are stale. 0: none yet; the longest interval of the score counts.
	Repeat time.Duration `json:"repeat,omitempty"`
}

// Collect fills the inputs from the newest reading of each metric. Where several
// metrics measure the same, the newest that is not doubted counts, and of equally
// old ones the first named. The facts (scale, age, pregnancy, Repeat) are left
// to the caller, AgeYears at -1.
func Collect(latest func(metric string) Input) Vitals {
	pick := func(metrics ...string) (best Input) {
		for _, m := range metrics {
			in := latest(m)
			if !in.Present {
				continue
			}
			in.Metric = m
			doubted, better := in.Quality&vital.Doubtful != 0, in.At > best.At
			if was := best.Quality&vital.Doubtful != 0; doubted != was {
				better = was
			}
			if !best.Present || better {
				best = in
			}
		}
		return best
	}
	return Vitals{
		RespRate:      pick("resp-rate", "airway-rate"),
		SpO2:          pick("spo2"),
		OxygenDevice:  pick("oxygen-device"),
		OxygenFlow:    pick("oxygen-flow"),
		Systolic:      pick("bp-systolic", "abp-systolic"),
		Diastolic:     pick("bp-diastolic", "abp-diastolic"),
		Pulse:         pick("pulse-rate", "heart-rate"),
		Temperature:   pick("temperature", "temperature-core"),
		Consciousness: pick("consciousness"),
		GCS:           pick("gcs"),

		InspiredOxygen:  pick("fio2"),
		CapillaryRefill: pick("capillary-refill"),
		WorkOfBreathing: pick("work-of-breathing"),
		CarerConcern:    pick("carer-concern"),
		AgeYears:        -1,
	}
}

// step is how finely a chart is kept: ten to the power of places steps in one unit.
type step struct {
	places int
	cut    bool // what lies between two steps belongs to the lower one
}

var (
	whole  = step{}
	tenths = step{places: 1}
	cut    = step{cut: true} // whole numbers, cut off
)

// chart returns v counted in the chart's steps, rounded to the nearest, halves
// up, or cut off.
func (s step) chart(v vital.Decimal) (int64, bool) {
	if s.cut {
		return v.Floor(s.places)
	}
	// With one digit more than needed, floor((floor(10x)+5)/10) is floor(x+1/2).
	fine, ok := v.Floor(s.places + 1)
	if !ok || fine > 1e17 || fine < -1e17 {
		return 0, false
	}
	fine += 5
	n := fine / 10
	if fine%10 < 0 {
		n--
	}
	return n, true
}

// band is the points up to and including To, in steps.
type band struct {
	To     int64
	Points int
}

// scale is one row of a scoring chart: ascending bands, the last without an end.
type scale struct {
	step  step
	bands []band
}

const above = 1 << 40 // no upper end

func (s scale) points(charted int64) int {
	for _, b := range s.bands {
		if charted <= b.To {
			return b.Points
		}
	}
	return 0 // cannot happen: the last band has no upper end
}

// sheet is a Result in the making.
type sheet struct {
	result  Result
	now     vital.Instant
	repeat  time.Duration // inputs older than this are stale; 0: none are
	refusal []string      // in words
	missing []string      // in words
	points  int
	worst   int // most points of a single part
}

// head is what every result of one score says of itself.
type head struct {
	name, title, version, source string
	longest                      time.Duration // between two sets, when no result asks for less
	applies                      func(Vitals) (bool, string)
}

func (h head) sheet(v Vitals, now vital.Instant) *sheet {
	s := &sheet{now: now, repeat: v.Repeat}
	if s.repeat == 0 {
		s.repeat = h.longest
	}
	s.result = Result{Name: h.name, Title: h.title, Version: h.version, At: now, Source: h.source, Repeat: v.Repeat, Missing: []string{}}
	if applies, why := h.applies(v); !applies {
		s.refuse("", why)
	}
	return s
}

// refuse notes why there can be no score; name is the part at fault, "" none.
func (s *sheet) refuse(name, why string) {
	s.result.Faults = append(s.result.Faults, Fault{name, why})
}

// lack notes that something is not known: name for programs, why for people.
func (s *sheet) lack(name, why string) {
	s.result.Missing = append(s.result.Missing, name)
	s.missing = append(s.missing, why)
}

// part begins a part and says whether its input can be used: there, fresh and
// not doubted.
func (s *sheet) part(name, label string, in Input) (*Part, bool) {
	s.result.Parts = append(s.result.Parts, Part{Name: name, Label: label})
	p := &s.result.Parts[len(s.result.Parts)-1]
	if !in.Present {
		s.drop(p, label+" is missing")
		return p, false
	}
	p.Value, p.Unit, p.At = in.Value.String(), in.Unit, in.At
	if doubt := in.Quality & vital.Doubtful &^ vital.Implausible; doubt != 0 {
		s.drop(p, fmt.Sprintf("%s is doubted (%s)", label, doubt))
		return p, false
	}
	if why := s.stale(in.At); why != "" {
		p.Stale = true
		s.drop(p, label+" is stale: "+why)
		return p, false
	}
	return p, true
}

// drop takes a part out of the sum.
func (s *sheet) drop(p *Part, why string) {
	p.Missing, p.Points, p.Why = !p.Stale, 0, why
	s.lack(p.Name, why)
}

// stale returns why a time is too long ago, or "".
func (s *sheet) stale(at vital.Instant) string {
	if !s.now.Known() || s.repeat == 0 {
		return ""
	}
	if !at.Known() {
		return "nobody knows when it was measured"
	}
	if age := s.now.Sub(at); age > s.repeat {
		return fmt.Sprintf("measured %s ago, wanted every %s", words(age), words(s.repeat))
	}
	return ""
}

func words(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour < time.Minute:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}

// number adds a part scored on a scale. metric names the row of vital.Metrics
// whose unit the scale is in and whose range the value must lie in.
func (s *sheet) number(name, label, metric string, in Input, on scale) {
	p, usable := s.part(name, label, in)
	charted, ok := s.charted(p, metric, in, on.step)
	if usable && ok {
		s.give(p, on.points(charted))
	}
}

// charted returns a present value in steps of its chart.
func (s *sheet) charted(p *Part, metric string, in Input, to step) (int64, bool) {
	v, ok := s.value(p, metric, in)
	if !ok {
		return 0, false
	}
	return to.chart(v)
}

// value returns a present value in the unit of its metric. One that makes no
// sense refuses the score, whether it would have been used or not.
func (s *sheet) value(p *Part, metric string, in Input) (vital.Decimal, bool) {
	if !in.Present {
		return vital.Decimal{}, false
	}
	label := p.Label
	m := vital.LookMetric(metric)
	v, err := vital.Decimal{}, error(nil)
	if in.Value.IsCode() {
		err = vital.Errorf(vital.Invalid, "a code where a number is wanted")
	} else if err = m.Accepts(in.Unit); err == nil {
		v, err = m.Convert(in.Value.Number, in.Unit, m.Unit)
	}
	if err != nil {
		s.refuse(p.Name, fmt.Sprintf("%s %s %s: %v", label, p.Value, p.Unit, err))
		return vital.Decimal{}, false
	}
	if v.Compare(m.Low) < 0 || v.Compare(m.High) > 0 {
		s.refuse(p.Name, fmt.Sprintf("%s %s %s is not plausible: want %s to %s %s", label, p.Value, p.Unit, m.Low, m.High, m.Unit))
		return vital.Decimal{}, false
	}
	return v, true
}

func (s *sheet) give(p *Part, points int) {
	p.Points = points
	s.points += points
	s.worst = max(s.worst, points)
}

// code adds a part scored on a code. A code that the parameter knows and this
// score has no row for is missing; any other refuses the score.
func (s *sheet) code(name, label, metric string, in Input, points map[string]int) {
	p, usable := s.part(name, label, in)
	if !in.Present {
		return
	}
	if !slices.Contains(vital.LookMetric(metric).Codes, in.Value.Code) {
		s.refuse(name, fmt.Sprintf("%s %q: want one of %s", label, in.Value, strings.Join(vital.LookMetric(metric).Codes, " ")))
		return
	}
	if !usable {
		return
	}
	n, row := points[in.Value.Code]
	if !row {
		s.drop(p, fmt.Sprintf("%s %s has no row in %s", label, in.Value, s.result.Title))
		return
	}
	s.give(p, n)
}

// settle decides the status and gives the reason in words.
func (s *sheet) settle() Status {
	r := &s.result
	switch {
	case len(r.Faults) > 0:
		why := make([]string, len(r.Faults))
		for i, f := range r.Faults {
			why[i] = f.Why
		}
		r.Status, r.Reason, r.Parts = Refused, strings.Join(why, "; "), withoutPoints(r.Parts)
	case len(s.missing) > 0:
		r.Status, r.Reason = Incomplete, strings.Join(s.missing, "; ")
	default:
		r.Status = OK
	}
	return r.Status
}

// done ends a score that is the sum of its points. respond gives the response to
// so many points and the most of a single part; it is asked for a lower bound too.
func (s *sheet) done(respond func(points, worst int) response) Result {
	r := &s.result
	if s.settle() == Refused {
		return *r
	}
	r.Score = vital.Whole(int64(s.points))
	to := respond(s.points, s.worst)
	if r.Status == OK {
		r.Band, r.Risk, r.Response, r.Repeat = to.band, to.risk, to.ask, to.repeat
		return *r
	}
	r.Band = fmt.Sprintf("at least %d", s.points)
	r.Response = "Complete the set: " + r.Reason + "."
	if to.lowest {
		return *r
	}
	r.Risk, r.Response = to.risk, r.Response+" At least this holds already: "+to.ask
	if to.repeat > 0 && (r.Repeat == 0 || to.repeat < r.Repeat) {
		r.Repeat = to.repeat
	}
	return *r
}

// response is a row of a score's response table.
type response struct {
	band, risk, ask string
	repeat          time.Duration
	lowest          bool // holds of any score: a lower bound in it says nothing
}

// withoutPoints takes the points off the parts of a refused score: there is no sum.
func withoutPoints(parts []Part) []Part {
	for i := range parts {
		parts[i].Points = 0
	}
	return parts
}
