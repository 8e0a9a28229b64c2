package rule

import (
	"slices"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// usual are names that people use for what has another name here.
var usual = map[string]string{
	"hr": "heart-rate", "pulse": "pulse-rate", "pr": "pulse-rate", "rr": "resp-rate", "respiration": "resp-rate", "respiratory-rate": "resp-rate",
	"breathing-rate": "resp-rate", "sbp": "bp-systolic", "systolic": "bp-systolic", "dbp": "bp-diastolic", "diastolic": "bp-diastolic",
	"map": "bp-mean", "temp": "temperature", "sats": "spo2", "saturation": "spo2", "o2": "oxygen-flow", "bg": "glucose",
	"sugar": "glucose", "cgm": "glucose-sensor", "co2": "etco2", "acvpu": "consciousness", "avpu": "consciousness", "news": "news2",
	"shockindex": "shock-index", "urine": "urine-output",
	"bpm": "/min", "per-min": "/min", "rpm": "/min", "1/min": "/min", "mmHg": "mm[Hg]", "mmhg": "mm[Hg]", "°C": "Cel", "C": "Cel", "degC": "Cel",
	"celsius": "Cel", "°F": "[degF]", "F": "[degF]", "degF": "[degF]", "percent": "%", "pct": "%", "mg/dl": "mg/dL", "mmol/l": "mmol/L",
	"mmol": "mmol/L", "l/min": "L/min", "lpm": "L/min", "score": "{score}", "points": "{score}", "cmH2O": "cm[H2O]",
}

// near returns "; did you mean x?" for the nearest of names, or nothing where
// none is near.
func near(word string, names []string) string {
	if n := usual[word]; n != "" && slices.Contains(names, n) {
		return "; did you mean " + n + "?"
	}
	if n := usual[strings.ToLower(word)]; n != "" && slices.Contains(names, n) {
		return "; did you mean " + n + "?"
	}
	best, least := "", 1+min(3, (len(word)+1)/3)
	for _, n := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(n), least); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		for _, n := range names {
			if len(word) >= 4 && strings.Contains(n, strings.ToLower(word)) {
				best = n
				break
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance counts the letters to add, drop, replace or swap; at least most where
// there are that many.
func distance(a, b string, most int) int {
	if len(a) > 64 || len(b) > 64 || max(len(a)-len(b), len(b)-len(a)) >= most {
		return most
	}
	var rows [3][65]int
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, old, row := &rows[(i-1)%3], &rows[i%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return min(most, rows[(len(a)+1)%3][len(b)])
}

func measureNames() []string {
	names := make([]string, 0, len(vital.Metrics))
	for _, m := range vital.Metrics {
		if m.Shape != vital.Wave {
			names = append(names, m.Name)
		}
	}
	return names
}

// unitNames are what a unit of a metric may have been meant to be.
func unitNames(m *vital.Metric) []string {
	if m == nil {
		return vital.UnitSymbols()
	}
	return append([]string{m.Unit}, m.Display...)
}
