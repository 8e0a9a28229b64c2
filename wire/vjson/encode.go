package vjson

import (
	"encoding/json"
	"strconv"

	"github.com/vigilcare/vigil/vital"
)

// Encode writes a packet: as a lone reading where it is one with Index -1, else
// with its lists. What Decode would refuse, Encode refuses.
func Encode(p Packet) ([]byte, error) {
	if len(p.Readings) > MaxReadings || len(p.Events) > MaxEvents {
		return nil, vital.Errorf(vital.Invalid, "encoding a packet: %d readings and %d events are too many", len(p.Readings), len(p.Events))
	}
	if len(p.Readings)+len(p.Events) == 0 {
		return nil, vital.Errorf(vital.Invalid, "encoding a packet: it holds nothing")
	}
	b := append(make([]byte, 0, 64+112*(len(p.Readings)+len(p.Events))), '{')
	b = header(b, p.Sequence, p.Time, p.ZoneMinutes, p.Quality)
	if p.Device != "" {
		b = member(b, "device", string(p.Device))
	}
	switch {
	case len(p.Readings) == 1 && len(p.Events) == 0 && p.Readings[0].Index < 0:
		b = p.Readings[0].append(b)
	case len(p.Events) == 1 && len(p.Readings) == 0 && p.Events[0].Index < 0:
		b = p.Events[0].append(b)
	default:
		b = list(b, "readings", len(p.Readings), func(b []byte, i int) []byte {
			r := p.Readings[i]
			return r.append(header(b, r.Sequence, r.Time, p.ZoneMinutes, r.Quality))
		})
		b = list(b, "events", len(p.Events), func(b []byte, i int) []byte {
			e := p.Events[i]
			return e.append(header(b, e.Sequence, e.Time, p.ZoneMinutes, e.Quality))
		})
	}
	b = append(b, '}')
	if _, problems, err := Decode(b); err != nil {
		return nil, vital.Errorf(vital.Invalid, "encoding a packet: %w", err)
	} else if len(problems) > 0 {
		return nil, vital.Errorf(vital.Invalid, "encoding a packet: %s", problems[0])
	}
	return b, nil
}

func header(b []byte, seq uint64, at vital.Instant, zone int, q vital.Quality) []byte {
	if seq != 0 {
		b = strconv.AppendUint(key(b, "seq"), seq, 10)
	}
	if at.Known() {
		b = append(key(b, "time"), '"')
		b = append(appendTime(b, at, zone), '"')
	}
	if q != 0 {
		b = append(key(b, "quality"), '[')
		for i, name := range q.Names() {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendQuote(b, name)
		}
		b = append(b, ']')
	}
	return b
}

func (r Reading) append(b []byte) []byte {
	b = member(b, "metric", r.Metric)
	if r.Value.IsCode() {
		return member(b, "code", r.Value.Code)
	}
	return member(r.Value.Number.Append(key(b, "value")), "unit", r.Unit)
}

func (e Event) append(b []byte) []byte {
	b = member(b, "kind", e.Kind)
	if e.Code != "" {
		b = member(b, "code", e.Code)
	}
	if e.Text != "" {
		b = member(b, "text", e.Text)
	}
	return b
}

func list(b []byte, name string, n int, one func([]byte, int) []byte) []byte {
	if n == 0 {
		return b
	}
	b = append(key(b, name), '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(one(append(b, '{'), i), '}')
	}
	return append(b, ']')
}

func key(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), name...), '"', ':')
}

func member(b []byte, name, value string) []byte {
	quoted, err := json.Marshal(value)
	if err != nil {
		quoted = []byte(`""`) // cannot happen to a string; Decode refuses an empty one
	}
	return append(key(b, name), quoted...)
}
