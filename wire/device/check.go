package device

import (
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// received are the remarks that only the receiver can know; a device that sends
// them is not believed.
const received = vital.Late | vital.Unbound

// known are the remarks that exist.
const known = vital.Paced<<1 - 1

const maxName = 64

// accept decides whether a value of that metric in that unit may be kept, and
// under which name: its own, or "x:" before one that the table does not have.
func accept(metric string, v vital.Value, unit string) (name, where, why string) {
	m := vital.LookMetric(metric)
	if m == nil {
		return acceptUnknown(metric, v, unit)
	}
	switch {
	case m.Shape == vital.Wave:
		return "", "metric", metric + " is a waveform: send it as vigil-wave"
	case m.Shape == vital.Code && !v.IsCode():
		return "", "value", metric + " is a code, not a number"
	case m.Shape == vital.Code:
		if len(m.Codes) > 0 && !slices.Contains(m.Codes, v.Code) {
			return "", "code", metric + " has no code " + quote(v.Code)
		}
		return m.Name, "", ""
	case v.IsCode():
		return "", "code", metric + " is a number, not a code"
	}
	if err := m.Accepts(unit); err != nil {
		return "", "unit", err.Error()
	}
	return m.Name, "", ""
}

func acceptUnknown(metric string, v vital.Value, unit string) (name, where, why string) {
	name, where, why = foreign(metric)
	if why != "" || v.IsCode() {
		return name, where, why
	}
	if err := vital.ValidUnit(unit); err != nil {
		return "", "unit", err.Error()
	}
	return name, "", ""
}

// foreign returns "x:" and the name, if it is fit to be one: letters, digits and
// - . _, so that it can stand in a topic, a path and a column.
func foreign(metric string) (name, where, why string) {
	bare := metric
	if len(bare) > 2 && bare[:2] == "x:" {
		bare = bare[2:]
	}
	ok := bare != "" && len(bare) <= maxName-2
	for _, c := range []byte(bare) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_')
	}
	if !ok {
		return "", "metric", quote(metric) + " is not a known metric and not fit for a name: letters, digits and - . _, at most 62"
	}
	return "x:" + bare, "", ""
}

func quote(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return "\"" + s + "\""
}
