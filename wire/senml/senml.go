// Package senml reads SenML JSON (RFC 8428), the format that constrained devices
// and their gateways already speak: a list of records that share base values. It
// resolves the records and leaves their meaning to wire/device.
//
// SenML has a unit list of its own that is not UCUM (its B is a byte, UCUM's a
// bel), so units are translated here; a unit that is not on the SenML list is
// taken as UCUM.
package senml

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// Record is one resolved record.
type Record struct {
	Index  int    // place in the list
	Name   string // resolved: base name and name
	Metric string // what follows the last ':' or '/' of Name
	Value  vital.Value
	Unit   string        // UCUM; empty with a code
	Time   vital.Instant // 0: the record gives none
	Ratio  bool          // the unit was SenML's "/", a ratio where 1 is the whole
}

// Limits of one packet.
const (
	MaxBody    = 1 << 20
	MaxRecords = 1000
	maxName    = 128
	maxCode    = 64
	version    = 10 // RFC 8428, section 4.4
)

// relativeBelow is 2^28: a smaller time counts from now (RFC 8428, section 4.5.3).
const relativeBelow = 1 << 28

const year10000 = 253_402_300_800_000 // ms since 1970; later times cannot be written down

type base struct {
	name, unit string
	value      *vital.Decimal
	time       vital.Decimal
	timed      bool
}

// Decode reads a packet that was received at the given time. The error, of kind
// Invalid, says that nothing of it can be used; the problems say which records
// cannot.
func Decode(body []byte, received vital.Instant) ([]Record, []vital.Problem, error) {
	if len(body) > MaxBody {
		return nil, nil, vital.Errorf(vital.Invalid, "packet of %d bytes: at most %d", len(body), MaxBody)
	}
	var raw []map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, nil, vital.Errorf(vital.Invalid, "%s: not a SenML list: %w", offset(err), err)
	}
	if len(raw) == 0 || len(raw) > MaxRecords {
		return nil, nil, vital.Errorf(vital.Invalid, "%d records: want 1 to %d", len(raw), MaxRecords)
	}
	var (
		b        base
		records  []Record
		problems []vital.Problem
	)
	for i, fields := range raw {
		where := "[" + strconv.Itoa(i) + "]"
		// A base value that cannot be read poisons all that follow.
		if field, why := b.take(fields); why != "" {
			return nil, nil, vital.Errorf(vital.Invalid, "%s.%s: %s", where, field, why)
		}
		r, empty, field, why := b.resolve(fields, received)
		switch {
		case why != "":
			problems = append(problems, vital.Problem{Where: where + "." + field, Reason: why})
		case !empty:
			r.Index = i
			records = append(records, r)
		}
	}
	if len(records) == 0 && len(problems) == 0 {
		return nil, nil, vital.Errorf(vital.Invalid, "[0].n: no record has a name and a value")
	}
	return records, problems, nil
}

func offset(err error) string {
	switch e := err.(type) {
	case *json.SyntaxError:
		return "byte " + strconv.FormatInt(e.Offset, 10)
	case *json.UnmarshalTypeError:
		return "byte " + strconv.FormatInt(e.Offset, 10)
	}
	return "byte 0"
}

// take updates the base values from the fields of one record.
func (b *base) take(fields map[string]json.RawMessage) (field, why string) {
	for _, name := range slices.Sorted(maps.Keys(fields)) { // sorted: the same packet, the same words
		value := fields[name]
		if strings.HasSuffix(name, "_") {
			return name, "must be understood and is not (RFC 8428, section 4.4)"
		}
		switch name {
		case "bver":
			if v, ok := number(value); !ok || v.Compare(vital.Whole(version)) > 0 {
				return name, "version is newer than " + strconv.Itoa(version)
			}
		case "bn":
			text, ok := str(value, maxName)
			if !ok {
				return name, "want a string"
			}
			b.name = text
		case "bu":
			text, ok := str(value, maxCode)
			if !ok {
				return name, "want a string"
			}
			b.unit = text
		case "bt":
			t, ok := number(value)
			if !ok {
				return name, "want a number of seconds"
			}
			b.time, b.timed = t, true
		case "bv":
			v, ok := number(value)
			if !ok {
				return name, "want a number"
			}
			b.value = &v
		case "bs":
			return name, "sums are not kept: send the value"
		}
	}
	return "", ""
}

// resolve turns one record into a Record. Empty: it only set base values.
func (b *base) resolve(fields map[string]json.RawMessage, received vital.Instant) (r Record, empty bool, field, why string) {
	values := 0
	for _, name := range [...]string{"v", "vs", "vb", "vd", "s"} {
		if _, ok := fields[name]; ok {
			values++
			field = name
		}
	}
	switch _, named := fields["n"]; {
	case values == 0 && !named:
		return r, true, "", ""
	case values == 0:
		return r, false, "v", "missing"
	case values > 1:
		return r, false, field, "a record has one value"
	}
	r.Name = b.name
	if raw, ok := fields["n"]; ok {
		name, ok := str(raw, maxName)
		if !ok {
			return r, false, "n", "want a string"
		}
		r.Name += name
	}
	if why := badName(r.Name); why != "" {
		return r, false, "n", why
	}
	r.Metric = r.Name[strings.LastIndexAny(r.Name, ":/")+1:]
	if field, why = b.oneValue(&r, fields, field); why != "" {
		return r, false, field, why
	}
	if r.Time, why = b.timeOf(fields, received); why != "" {
		return r, false, "t", why
	}
	return r, false, "", ""
}

// oneValue reads the one value field of a record and its unit.
func (b *base) oneValue(r *Record, fields map[string]json.RawMessage, field string) (string, string) {
	switch field {
	case "vs":
		code, ok := str(fields["vs"], maxCode)
		if !ok || code == "" {
			return field, "want a string of 1 to 64 bytes"
		}
		r.Value = vital.Coded(code)
	case "vb":
		text := string(fields["vb"])
		if text != "true" && text != "false" {
			return field, "want true or false"
		}
		r.Value = vital.Coded(text)
	case "v":
		v, ok := number(fields["v"])
		if !ok {
			return field, "want a number that can be kept exactly"
		}
		if b.value != nil {
			if v, ok = v.Add(*b.value); !ok {
				return field, "sum with bv cannot be kept exactly"
			}
		}
		r.Value = vital.Num(v)
		unit := b.unit
		if raw, ok := fields["u"]; ok {
			if unit, ok = str(raw, maxCode); !ok {
				return "u", "want a string"
			}
		}
		if unit == "" {
			return "u", "missing: a number needs its unit"
		}
		if unit == "dBm" { // RFC 8798: dBm is dBW with an offset of -30
			v, ok = v.Add(vital.Whole(-30))
			r.Value = vital.Num(v)
			if !ok {
				return "v", "cannot be kept exactly in dBW"
			}
		}
		r.Unit, r.Ratio = ucum(unit), unit == "/"
	default:
		return field, "this kind of value is not kept: send v, vs or vb"
	}
	return "", ""
}

func (b *base) timeOf(fields map[string]json.RawMessage, received vital.Instant) (vital.Instant, string) {
	t, timed := b.time, b.timed
	if raw, ok := fields["t"]; ok {
		own, ok := number(raw)
		if !ok {
			return 0, "want a number of seconds"
		}
		if t, ok = t.Add(own); !ok {
			return 0, "sum with bt cannot be kept exactly"
		}
		timed = true
	}
	if !timed {
		return 0, ""
	}
	ms, ok := t.Floor(3)
	if !ok || ms > math.MaxInt64/4 || ms < -math.MaxInt64/4 {
		return 0, "out of range"
	}
	if t.Compare(vital.Whole(relativeBelow)) < 0 {
		ms += int64(received)
	}
	if ms <= 0 || ms >= year10000 {
		return 0, "not between 1970 and 9999"
	}
	return vital.Instant(ms), ""
}

// badName applies RFC 8428, section 4.5.1.
func badName(name string) string {
	if name == "" || len(name) > maxName {
		return "name with its base has " + strconv.Itoa(len(name)) + " bytes: want 1 to " + strconv.Itoa(maxName)
	}
	for i, c := range []byte(name) {
		alpha := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alpha && (i == 0 || strings.IndexByte("-:./_", c) < 0) {
			return "name may hold letters, digits and -:./_ and begins with a letter or digit"
		}
	}
	return ""
}

func number(raw json.RawMessage) (vital.Decimal, bool) {
	d, err := vital.ParseDecimalBytes(raw)
	return d, err == nil
}

func str(raw json.RawMessage, limit int) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil || len(s) > limit {
		return "", false
	}
	return s, true
}
