package main

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/wave"
)

// recording is what can be played, whatever file it came from. Times count from
// its beginning.
type recording struct {
	Name   string
	Length time.Duration
	Waves  []waveTrack
	Values []valueAt // by time
	Events []eventAt // by time
	Notes  []string  // what a person should know about how it was read
}

// waveTrack is one stretch of one waveform without a jump in time.
// Physical value in Unit = (sample + Zero) * Gain.
type waveTrack struct {
	Metric, Unit string
	Gain         vital.Decimal
	Zero         int32
	Hz           float64
	At           time.Duration
	Samples      []int16 // wave.Missing: no measurement
}

type valueAt struct {
	At      time.Duration
	Metric  string
	Value   vital.Value
	Unit    string
	Quality vital.Quality
}

type eventAt struct {
	At               time.Duration
	Kind, Code, Text string
}

// leadMetrics maps what recordings call their signals, in lower case, to our
// metrics. A lead that is not in the table keeps its name behind "x:".
var leadMetrics = map[string]string{
	"i": "ecg-i", "ii": "ecg-ii", "iii": "ecg-iii", "avr": "ecg-avr", "avl": "ecg-avl", "avf": "ecg-avf",
	"v1": "ecg-v1", "v2": "ecg-v2", "v3": "ecg-v3", "v4": "ecg-v4", "v5": "ecg-v5", "v6": "ecg-v6",
	"mlii": "ecg-ii", "ml2": "ecg-ii", "ecg i": "ecg-i", "ecg ii": "ecg-ii", "ecg iii": "ecg-iii",
	"pleth": "pleth", "ppg": "pleth", "resp": "resp-wave", "respiration": "resp-wave", "resp impedance": "resp-wave",
	"abp": "abp-wave", "art": "abp-wave", "co2": "co2-wave", "cvp": "cvp-wave", "pap": "pap-wave",
	"hr": "heart-rate", "pulse": "pulse-rate", "spo2": "spo2", "temp": "temperature",
}

// metricName returns the metric for a signal and, where that needs saying, a note.
func metricName(signal string) (name, note string) {
	plain := strings.ToLower(strings.TrimSpace(signal))
	mapped := leadMetrics[plain]
	if mapped == "" {
		mapped = leadMetrics[strings.TrimPrefix(plain, "ecg ")]
	}
	if mapped == "" {
		mapped = plain
	}
	if _, known := vital.FindMetric(mapped); known {
		if plain == "mlii" {
			note = "MLII is the modified lead II of a body-worn recorder; it is shown as lead II"
		}
		return mapped, note
	}
	slug := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_':
			return r
		}
		return '-'
	}, plain)
	if slug = strings.Trim(slug, "-"); slug == "" {
		slug = "signal"
	}
	if len(slug) > 48 {
		slug = slug[:48]
	}
	return "x:" + slug, ""
}

// unitNames maps units as recordings write them to UCUM; what is not in it is
// passed on as it is.
var unitNames = map[string]string{
	"": "1", "nu": "1", "au": "1", "mmhg": "mm[Hg]", "bpm": "/min", "beats/min": "/min", "/min": "/min", "rpm": "/min", "breaths/min": "/min",
	"degc": "Cel", "c": "Cel", "°c": "Cel", "degf": "[degF]", "uv": "uV", "µv": "uV", "mv": "mV", "v": "V", "g": "[g]", "ohm": "Ohm", "pm": "/min",
	"m/s^2": "m/s2", "percent": "%",
}

func unitName(unit string) string {
	if u, known := unitNames[strings.ToLower(strings.TrimSpace(unit))]; known {
		return u
	}
	return strings.TrimSpace(unit)
}

// decimalOf returns x as a decimal: exactly where it has at most 12 digits, else
// rounded to 15 of them.
func decimalOf(x float64) vital.Decimal {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return vital.Decimal{}
	}
	places := 14 - int(math.Floor(math.Log10(math.Abs(x))))
	for p := 0; p < places && p <= 120; p++ {
		m := math.Round(x * math.Pow10(p))
		if math.Abs(m) < 1e12 && m != 0 && math.Abs(m/math.Pow10(p)-x) <= 1e-15*math.Abs(x) {
			return vital.Decimal{Mantissa: int64(m), Exponent: int8(-p)}
		}
	}
	places = min(places, 120)
	return vital.Decimal{Mantissa: int64(math.Round(x * math.Pow10(places))), Exponent: int8(-places)}
}

// narrow makes 16-bit samples of wider ones: moved when they only lie far from
// zero, and in coarser steps when their span is too wide. absent marks what was
// not measured. It says so when steps were lost.
func narrow(samples []int32, absent int32, gain float64, zero int32) (out []int16, newGain float64, newZero int32, coarser int32) {
	low, high := int32(math.MaxInt32), int32(math.MinInt32)
	for _, v := range samples {
		if v != absent {
			low, high = min(low, v), max(high, v)
		}
	}
	middle, step := int64(0), int64(1)
	if low <= high && (low < -math.MaxInt16 || high > math.MaxInt16) {
		step = (int64(high) - int64(low) + 2*math.MaxInt16 - 1) / (2 * math.MaxInt16)
		step = max(step, 1)
		middle = (int64(high) + int64(low)) / 2
	}
	out = make([]int16, len(samples))
	for i, v := range samples {
		out[i] = wave.Missing
		if v != absent {
			out[i] = int16(min(max(math.Round(float64(int64(v)-middle)/float64(step)), -math.MaxInt16), math.MaxInt16))
		}
	}
	return out, gain * float64(step), int32(math.Round(float64(int64(zero)+middle) / float64(step))), int32(step)
}

// sorted puts values and events in order of time, which the player relies on.
func (r *recording) sorted() {
	slices.SortStableFunc(r.Values, func(a, b valueAt) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(r.Events, func(a, b eventAt) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(r.Waves, func(a, b waveTrack) int { return cmp.Compare(a.At, b.At) })
	for _, w := range r.Waves {
		r.Length = max(r.Length, w.At+atSample(len(w.Samples), w.Hz))
	}
	if n := len(r.Values); n > 0 {
		r.Length = max(r.Length, r.Values[n-1].At)
	}
	if n := len(r.Events); n > 0 {
		r.Length = max(r.Length, r.Events[n-1].At)
	}
}

// atSample returns the time of sample i from the start of its track.
func atSample(i int, hz float64) time.Duration {
	return time.Duration(math.Round(float64(i) / hz * 1e9))
}
