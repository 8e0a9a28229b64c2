package vjson

import (
	"strconv"

	"github.com/vigilcare/vigil/vital"
)

// fields is every member that an object of the format may have.
type fields struct {
	at       [fieldCount]int // byte after the key's value began, plus one; 0: absent
	seq      uint64
	time     vital.Instant
	zone     int
	device   []byte
	metric   []byte
	number   vital.Decimal
	unit     []byte
	code     []byte
	kind     []byte
	text     []byte
	quality  vital.Quality
	wrong    string // the first member that is wrong in itself
	why      string
	notRead  string // a member that the format does not have, or a remark it does not know
	notWhy   string
	readings []Reading
	events   []Event
}

type field int

const (
	seqField field = iota
	timeField
	deviceField
	metricField
	valueField
	unitField
	codeField
	kindField
	textField
	qualityField
	readingsField
	eventsField
	fieldCount
)

var fieldNames = [fieldCount]string{"seq", "time", "device", "metric", "value", "unit", "code", "kind", "text", "quality", "readings", "events"}

func fieldOf(key []byte) (field, bool) {
	for i, name := range fieldNames {
		if string(key) == name {
			return field(i), true
		}
	}
	return 0, false
}

func (f *fields) has(x field) bool { return f.at[x] != 0 }

func (f *fields) bad(x field, why string) {
	if f.wrong == "" {
		f.wrong, f.why = fieldNames[x], why
	}
}

func (f *fields) remark(where, why string) {
	if f.notRead == "" {
		f.notRead, f.notWhy = where, why
	}
}

type decoder struct {
	scanner
	problems []vital.Problem
}

// Decode reads one packet. The error, of kind Invalid, says that nothing of it
// can be used; the problems say which parts cannot.
func Decode(body []byte) (Packet, []vital.Problem, error) {
	if len(body) > MaxBody {
		return Packet{}, nil, vital.Errorf(vital.Invalid, "packet of %d bytes: at most %d", len(body), MaxBody)
	}
	d := &decoder{scanner: scanner{body: body}}
	var f fields
	if err := d.members(&f, true); err != nil {
		return Packet{}, nil, err
	}
	if d.next() != 0 || d.at < len(body) {
		return Packet{}, nil, d.fail("something follows the packet")
	}
	p := Packet{Sequence: f.seq, Time: f.time, ZoneMinutes: f.zone, Device: vital.DeviceID(f.device), Quality: f.quality, Readings: f.readings, Events: f.events}
	alone := f.has(metricField) || f.has(valueField) || f.has(unitField)
	event := f.has(kindField)
	if !alone && !event && !f.has(readingsField) && !f.has(eventsField) {
		return Packet{}, nil, vital.Errorf(vital.Invalid, "metric: missing: a packet has a reading, readings or events")
	}
	// What is wrong in the packet's own sequence, time or device is wrong for
	// every reading in it; in a lone reading everything is.
	if f.wrong != "" {
		return Packet{}, nil, vital.Errorf(vital.Invalid, "%s: %s", f.wrong, f.why)
	}
	if (alone || event) && (f.has(readingsField) || f.has(eventsField)) || alone && event {
		return Packet{}, nil, vital.Errorf(vital.Invalid, "metric: a packet is one reading, or one event, or has readings and events")
	}
	if !alone && !event && (f.has(codeField) || f.has(textField)) {
		return Packet{}, nil, vital.Errorf(vital.Invalid, "code: belongs to a reading or an event, not to a packet of many")
	}
	d.note("", &f)
	switch {
	case alone:
		r, where, why := f.reading()
		if why != "" {
			return Packet{}, nil, vital.Errorf(vital.Invalid, "%s: %s", where, why)
		}
		r.Sequence, r.Time, r.Quality, r.Index = 0, 0, 0, -1
		p.Readings = []Reading{r}
	case event:
		e, where, why := f.event()
		if why != "" {
			return Packet{}, nil, vital.Errorf(vital.Invalid, "%s: %s", where, why)
		}
		e.Sequence, e.Time, e.Quality, e.Index = 0, 0, 0, -1
		p.Events = []Event{e}
	}
	return p, d.problems, nil
}

// members reads one object into f. Only the outer one may hold lists.
func (d *decoder) members(f *fields, outer bool) error {
	return d.object(func(key []byte) error {
		x, known := fieldOf(key)
		if !known || !outer && (x == readingsField || x == eventsField || x == deviceField) {
			if len(key) < 2 || key[0] != 'x' || key[1] != '-' {
				f.remark(cut(key), "is not a member of the format here: not read")
			}
			return d.skip(1)
		}
		if f.has(x) {
			return vital.Errorf(vital.Invalid, "byte %d: %s is there twice", d.at, fieldNames[x])
		}
		c := d.next()
		f.at[x] = d.at + 1
		switch x {
		case readingsField:
			return d.list("readings", MaxReadings, func(i int, name string) error { return d.oneReading(f, i, name) })
		case eventsField:
			return d.list("events", MaxEvents, func(i int, name string) error { return d.oneEvent(f, i, name) })
		case qualityField:
			return d.remarks(f)
		case seqField, valueField:
			if c != '-' && (c < '0' || c > '9') {
				f.bad(x, "want a number")
				return d.skip(1)
			}
			return d.count(f, x)
		}
		if c != '"' {
			f.bad(x, "want a string")
			return d.skip(1)
		}
		text, err := d.text()
		if err != nil {
			return err
		}
		f.string(x, text)
		return nil
	})
}

func (d *decoder) count(f *fields, x field) error {
	digits, err := d.number()
	if err != nil {
		return err
	}
	if x == valueField {
		n, err := vital.ParseDecimalBytes(digits)
		if err != nil {
			f.bad(x, err.Error())
		}
		f.number = n
		return nil
	}
	n, err := strconv.ParseUint(string(digits), 10, 63)
	if err != nil || n == 0 {
		f.bad(x, "want a whole number from 1")
	}
	f.seq = n
	return nil
}

func (f *fields) string(x field, text []byte) {
	limit := maxName
	if x == textField {
		limit = maxText
	}
	if len(text) == 0 || len(text) > limit {
		f.bad(x, "want 1 to "+strconv.Itoa(limit)+" bytes")
		return
	}
	switch x {
	case timeField:
		at, zone, ok := parseTime(text)
		if !ok {
			f.bad(x, "want RFC 3339 with an offset, like 2026-11-22T09:30:00.000+01:00")
		}
		f.time, f.zone = at, zone
	case deviceField:
		f.device = text
	case metricField:
		f.metric = text
	case unitField:
		f.unit = text
	case codeField:
		f.code = text
	case kindField:
		f.kind = text
	case textField:
		f.text = text
	}
}

// remarks reads quality: a list of words, or one word. A word that is not known
// may well be a warning, so the value counts as questionable.
func (d *decoder) remarks(f *fields) error {
	one := func() error {
		if d.next() != '"' {
			f.bad(qualityField, "want a list of strings")
			return d.skip(1)
		}
		word, err := d.text()
		if err != nil {
			return err
		}
		q, err := vital.ParseQuality(string(word))
		if err != nil {
			q = vital.Questionable
			f.remark("quality", cut(word)+" is not a known remark: kept as questionable")
		}
		f.quality |= q
		return nil
	}
	if d.next() == '[' {
		return d.array(one)
	}
	return one()
}

func (d *decoder) list(name string, limit int, one func(int, string) error) error {
	i := 0
	return d.array(func() error {
		if i >= limit {
			return d.fail(name + " has more than " + strconv.Itoa(limit) + " members")
		}
		if d.next() != '{' {
			d.problem(name, i, "", "want an object")
			i++
			return d.skip(1)
		}
		i++
		return one(i-1, name)
	})
}

func (d *decoder) oneReading(outer *fields, i int, list string) error {
	var f fields
	if err := d.members(&f, false); err != nil {
		return err
	}
	r, where, why := f.reading()
	if why != "" {
		d.problem(list, i, where, why)
		return nil
	}
	d.note(place(list, i), &f)
	r.Index = i
	if outer.readings == nil {
		outer.readings = make([]Reading, 0, 8)
	}
	outer.readings = append(outer.readings, r)
	return nil
}

func (d *decoder) oneEvent(outer *fields, i int, list string) error {
	var f fields
	if err := d.members(&f, false); err != nil {
		return err
	}
	e, where, why := f.event()
	if why != "" {
		d.problem(list, i, where, why)
		return nil
	}
	d.note(place(list, i), &f)
	e.Index = i
	outer.events = append(outer.events, e)
	return nil
}

// reading turns members into a Reading, or says which one is wrong and why.
func (f *fields) reading() (r Reading, where, why string) {
	switch {
	case f.wrong != "":
		return r, f.wrong, f.why
	case !f.has(metricField):
		return r, "metric", "missing"
	case f.has(kindField) || f.has(textField):
		return r, "kind", "belongs to an event, not to a reading"
	case f.has(valueField) && f.has(codeField):
		return r, "value", "a reading has a value or a code, not both"
	case !f.has(valueField) && !f.has(codeField):
		return r, "value", "missing"
	case f.has(valueField) && !f.has(unitField):
		return r, "unit", "missing: a number needs its unit (\"1\" for a pure number)"
	case f.has(codeField) && f.has(unitField):
		return r, "unit", "a code has no unit"
	}
	r = Reading{Sequence: f.seq, Time: f.time, Metric: intern(f.metric), Unit: internUnit(f.unit), Quality: f.quality}
	r.Value.Number = f.number
	if f.has(codeField) {
		r.Value = vital.Coded(string(f.code))
	}
	return r, "", ""
}

func (f *fields) event() (e Event, where, why string) {
	switch {
	case f.wrong != "":
		return e, f.wrong, f.why
	case !f.has(kindField):
		return e, "kind", "missing"
	case f.has(metricField) || f.has(valueField) || f.has(unitField):
		return e, "metric", "belongs to a reading, not to an event"
	}
	return Event{Sequence: f.seq, Time: f.time, Kind: string(f.kind), Code: string(f.code), Text: string(f.text), Quality: f.quality}, "", ""
}

// intern returns the table's own string for a metric that it knows: a packet a
// second for a year should not be a new string each time.
func intern(name []byte) string {
	if m := vital.LookMetric(string(name)); m != nil {
		return m.Name
	}
	return string(name)
}

func internUnit(unit []byte) string {
	if len(unit) == 0 {
		return ""
	}
	return vital.InternUnit(unit)
}

func place(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

func (d *decoder) problem(list string, i int, member, why string) {
	where := place(list, i)
	if member != "" {
		where += "." + member
	}
	d.report(where, why)
}

func (d *decoder) note(where string, f *fields) {
	if f.notRead == "" {
		return
	}
	if where != "" {
		where += "."
	}
	d.report(where+f.notRead, f.notWhy)
}

func (d *decoder) report(where, why string) {
	d.problems = append(d.problems, vital.Problem{Where: where, Reason: why})
}

// cut makes a name from outside fit for a message.
func cut(b []byte) string {
	if len(b) > 40 {
		return strconv.Quote(string(b[:40]) + "...")
	}
	return strconv.Quote(string(b))
}
