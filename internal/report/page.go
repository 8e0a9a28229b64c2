package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/vital"
)

//go:embed sheet.html
var pageText string

//go:embed sheet.css
var styleText string

// Policy is the Content-Security-Policy of a sheet: nothing is fetched, nothing
// runs, and of styles only its own.
func Policy() string {
	sum := sha256.Sum256([]byte(styleText))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// pages are the sheet in each language.
var pages = map[string]*template.Template{words.English: paged(words.English), words.German: paged(words.German)}

func paged(language string) *template.Template {
	t := func(word string) string { return say(language, word) }
	return template.Must(template.New("sheet").Funcs(template.FuncMap{
		"t": t, "language": func() string { return language },
		"short": func(metric string) string { return short(language, metric) }, "unit": unitWord, "state": func(s string) string { return t(stateWord(s)) },
		"bounds": func(low, high *vital.Decimal) string { return bounds(t, low, high) }, "value": value, "doubts": func(q vital.Quality) string { return doubts(t, q) }, "join": strings.Join,
		"cause": func(s string) string { return words.In(language, s) },
		"style": func() template.CSS { return template.CSS(styleText) }, "policy": Policy, "add": func(a, b int) int { return a + b },
		"risk":  func(r score.Result) string { return strings.TrimSpace(t(r.Band) + " " + t(r.Risk)) },
		"sound": func(a alarm.Alarm) string { return t(soundWord(a)) }, "technical": func(a alarm.Alarm) string {
			if a.Technical {
				return t("technical")
			}
			return t("patient")
		},
	}).Parse(pageText))
}

// HTML prints the sheet as one file that needs nothing beside itself.
func (s Sheet) HTML() ([]byte, error) {
	var out bytes.Buffer
	page := pages[s.Language]
	if page == nil {
		page = pages[words.English]
	}
	if err := page.Execute(&out, s); err != nil {
		return nil, vital.Errorf(vital.Internal, "print the sheet of ward %s: %w", s.Ward.ID, err)
	}
	return out.Bytes(), nil
}

// Day prints a time with its date and zone, of the ward's clock.
func (s Sheet) Day(at vital.Instant) string {
	if at == 0 {
		return ""
	}
	return s.dated(at.Time().In(s.Zone).Format("Mon 2 Jan 2006, 15:04 MST"))
}

// Clock prints a time of the ward's clock; one of another day carries its date.
func (s Sheet) Clock(at vital.Instant) string {
	if at == 0 {
		return ""
	}
	local, made := at.Time().In(s.Zone), s.Made.Time().In(s.Zone)
	text := local.Format("15:04")
	if local.Format("-07") != made.Format("-07") {
		text = local.Format("15:04 MST")
	}
	if local.Format(time.DateOnly) != made.Format(time.DateOnly) {
		return s.dated(local.Format("2 Jan ")) + text
	}
	return text
}

// Old says how long before the sheet something was, when that is long enough to
// matter.
func (s Sheet) Old(at vital.Instant) string {
	switch ago := s.Made.Sub(at); {
	case at == 0 || ago < 5*time.Minute:
		return ""
	case ago < 2*time.Hour:
		return fmt.Sprintf("%d %s", int(ago.Minutes()), say(s.Language, "min before"))
	default:
		return fmt.Sprintf("%d %s", int(ago.Hours()), say(s.Language, "h before"))
	}
}

// Column is the head of a column of the trend.
type Column struct {
	From, Zone string
	Open       bool // in progress when the sheet was made
}

// Columns are the heads. Where the clock was changed within them, each says which
// of the two times is meant.
func (s Sheet) Columns() []Column {
	first, last := s.Edges[0].Time().In(s.Zone).Format("MST"), s.Edges[len(s.Edges)-1].Time().In(s.Zone).Format("MST")
	list := make([]Column, len(s.Edges)-1)
	for i := range list {
		local := s.Edges[i].Time().In(s.Zone)
		list[i] = Column{From: local.Format("15:04"), Open: s.Edges[i+1] > s.Made}
		if first != last {
			list[i].Zone = local.Format("MST")
		}
	}
	return list
}

// News2 is the NEWS2 of a bed; nil: none was computed.
func (b Bed) News2() *score.Result {
	for i := range b.Now.Scores {
		if b.Now.Scores[i].Name == "news2" {
			return &b.Now.Scores[i]
		}
	}
	return nil
}

// Taken counts the beds with a patient.
func (s Sheet) Taken() (n int) {
	for _, b := range s.Beds {
		if b.Patient != nil {
			n++
		}
	}
	return n
}

// Resting reports whether a standby holds when the sheet is made.
func (s Sheet) Resting(b *store.Standby) bool {
	return b != nil && b.From <= s.Made && (b.Until == 0 || s.Made < b.Until)
}

// dated puts the names of days and months into the language of the sheet.
func (s Sheet) dated(text string) string {
	if s.Language == words.German {
		return calendar.Replace(text)
	}
	return text
}

func label(metric string) string {
	if m := vital.LookMetric(metric); m != nil {
		return m.Label
	}
	return metric
}

// shorts are the names in which the columns of an observation chart are headed.
var shorts = map[string]string{
	"resp-rate": "Resp. rate", "spo2": "SpO2", "bp-systolic": "BP systolic (cuff)", "bp-diastolic": "BP diastolic (cuff)", "bp-mean": "BP mean (cuff)",
	"abp-systolic": "ABP systolic", "abp-diastolic": "ABP diastolic", "abp-mean": "ABP mean", "temperature": "Temperature",
	"oxygen-flow": "Oxygen flow", "consciousness": "ACVPU",
}

func short(language, metric string) string {
	if language == words.German {
		if s := shortsGerman[metric]; s != "" {
			return s
		}
		return words.Metric(language, metric)
	}
	if s := shorts[metric]; s != "" {
		return s
	}
	return label(metric)
}

// unitWord is a unit as it is written by hand.
func unitWord(unit string) string {
	switch unit {
	case "1", "{score}", "{z}":
		return ""
	}
	return strings.NewReplacer("mm[Hg]", "mmHg", "cm[H2O]", "cmH2O", "Cel", "°C", "[degF]", "°F", "[iU]", "IU", "[pH]", "").Replace(unit)
}

func stateWord(state string) string {
	switch state {
	case "watched":
		return "Watched"
	case "partly":
		return "Watched in part"
	case "not-watched":
		return "NOT WATCHED"
	case "standby":
		return "On standby"
	}
	return "Nothing is expected: not watched"
}

func value(v vital.Value) string {
	if v.IsCode() {
		return v.Code
	}
	return v.Number.String()
}

// doubts are the remarks that a value must not be read without.
func doubts(t func(string) string, q vital.Quality) string {
	names := (q & (vital.Doubtful | vital.Estimated | vital.Late | vital.ClockSuspect)).Names()
	for i := range names {
		names[i] = t(names[i])
	}
	return strings.Join(names, ", ")
}

func bounds(t func(string) string, low, high *vital.Decimal) string {
	switch {
	case low != nil && high != nil:
		return low.String() + " " + t("to") + " " + high.String()
	case low != nil:
		return t("from") + " " + low.String()
	case high != nil:
		return t("up to") + " " + high.String()
	}
	return t("no limit")
}

// soundWord says what people had done about an alarm.
func soundWord(a alarm.Alarm) string {
	switch a.Sound {
	case alarm.Acknowledged:
		return "seen"
	case alarm.Paused:
		return "sound paused"
	case alarm.Snoozed:
		return "snoozed"
	case alarm.Off:
		return "switched off"
	}
	return "nobody has seen it"
}
