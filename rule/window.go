package rule

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/vigilcare/vigil/vital"
)

// windowKey names a window: rules that look at the same measure over the same
// time share it.
type windowKey struct {
	metric int
	within int64 // ms
}

// parts is into how many parts a window is cut. What is too old is forgotten a
// part at a time, so a window reaches back as far as it says and at most one
// part further.
const parts = 30

// part is what is kept of a part of a window. All of it is a minimum or a
// maximum of something, so the order of the readings and their repetition
// change nothing.
type part struct {
	Index           int64 // time / length of a part
	First, Last     vital.Decimal
	Low, High       vital.Decimal
	FirstAt, LastAt vital.Instant
}

// MarshalJSON writes [index, first time, first, last time, last, low, high]; the
// last four are left out where there was one value.
func (p part) MarshalJSON() ([]byte, error) {
	b := strconv.AppendInt([]byte{'['}, p.Index, 10)
	b = p.First.Append(append(strconv.AppendInt(append(b, ','), int64(p.FirstAt), 10), ','))
	if p.LastAt != p.FirstAt || p.Low != p.First || p.High != p.First || p.Last != p.First {
		b = p.Last.Append(append(strconv.AppendInt(append(b, ','), int64(p.LastAt), 10), ','))
		b = p.High.Append(append(p.Low.Append(append(b, ',')), ','))
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *part) UnmarshalJSON(body []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	if len(list) != 3 && len(list) != 7 {
		return vital.Errorf(vital.Invalid, "a part of a window has %d fields", len(list))
	}
	into := []any{&p.Index, (*int64)(&p.FirstAt), &p.First, (*int64)(&p.LastAt), &p.Last, &p.Low, &p.High}
	for i, raw := range list {
		if err := json.Unmarshal(raw, into[i]); err != nil {
			return err
		}
	}
	if len(list) == 3 {
		p.LastAt, p.Last, p.Low, p.High = p.FirstAt, p.First, p.First, p.First
	}
	return nil
}

// window holds at most parts+1 parts, oldest first.
type window struct {
	Metric string `json:"metric"`
	Within int64  `json:"within"`
	Parts  []part `json:"parts"`
}

func length(within int64) int64 { return max(1, within/parts) }

// add takes a value at a time, in any order, and reports whether it changed
// anything: what came before does not.
func (w *window) add(within int64, at vital.Instant, d vital.Decimal) bool {
	each := length(within)
	index := int64(at) / each
	if w.Parts == nil {
		w.Parts = make([]part, 0, parts+2)
	}
	n := len(w.Parts)
	if n > 0 && index <= w.Parts[n-1].Index-parts-1 {
		return false
	}
	i := n
	for i > 0 && w.Parts[i-1].Index > index {
		i--
	}
	if i > 0 && w.Parts[i-1].Index == index {
		before := w.Parts[i-1]
		w.Parts[i-1].take(at, d)
		return w.Parts[i-1] != before
	}
	p := part{Index: index, Low: d, High: d, First: d, Last: d, FirstAt: at, LastAt: at}
	w.Parts = slices.Insert(w.Parts, i, p)
	newest := w.Parts[len(w.Parts)-1].Index
	drop := 0
	for w.Parts[drop].Index <= newest-parts-1 {
		drop++
	}
	if drop > 0 {
		w.Parts = slices.Delete(w.Parts, 0, drop)
	}
	return true
}

// take merges a value into the part. Of two values at the same time the larger
// counts as the last and the smaller as the first: any choice will do as long as
// it does not depend on the order.
func (p *part) take(at vital.Instant, d vital.Decimal) {
	if d.Compare(p.Low) < 0 {
		p.Low = d
	}
	if d.Compare(p.High) > 0 {
		p.High = d
	}
	if at < p.FirstAt || at == p.FirstAt && d.Compare(p.First) < 0 {
		p.First, p.FirstAt = d, at
	}
	if at > p.LastAt || at == p.LastAt && d.Compare(p.Last) > 0 {
		p.Last, p.LastAt = d, at
	}
}

// live returns the parts that reach into the last within ms.
func (w *window) live(within int64, now vital.Instant) []part {
	oldest := int64(now) - within
	for i := range w.Parts {
		if int64(w.Parts[i].LastAt) >= oldest {
			return w.Parts[i:]
		}
	}
	return nil
}

// get returns a function of the window. It is known once the values in it span
// at least half of it; a rise, drop or range is known from two values on, since
// the same change in a shorter time means no less. ok is false where the digits
// do not fit.
func (w *window) get(function string, within int64, now vital.Instant) (d vital.Decimal, known, ok bool) {
	live := w.live(within, now)
	if len(live) == 0 {
		return d, false, true
	}
	first, last := &live[0], &live[len(live)-1]
	span := int64(last.LastAt - first.FirstAt)
	partial := function == "rise" || function == "drop" || function == "range"
	if partial && span == 0 || !partial && span*2 < within {
		return d, false, true
	}
	low, high := first.Low, first.High
	for i := range live[1:] {
		if p := &live[1+i]; p.Low.Compare(low) < 0 {
			low = p.Low
		}
		if p := &live[1+i]; p.High.Compare(high) > 0 {
			high = p.High
		}
	}
	switch function {
	case "min":
		return low, true, true
	case "max":
		return high, true, true
	case "range":
		d, ok = subtract(high, low)
	case "rise":
		d, ok = subtract(last.Last, low)
	case "drop":
		d, ok = subtract(high, last.Last)
	case "change":
		d, ok = subtract(last.Last, first.First)
	case "rate":
		if d, ok = subtract(last.Last, first.First); ok {
			d, ok = divide(d, minutes(span))
		}
	case "mean":
		d, ok = mean(live)
	case "median":
		d, ok = median(live)
	case "slope":
		d, ok = slope(live)
	}
	return d, true, ok
}

func minutes(ms int64) vital.Decimal {
	d, _ := divide(vital.Whole(ms), vital.Whole(60_000))
	return d
}

// mean is of the last value of each part, so that a device that sends more
// often at times does not weigh more at those times.
func mean(live []part) (vital.Decimal, bool) {
	sum, ok := vital.Decimal{}, true
	for i := range live {
		if sum, ok = add(sum, live[i].Last); !ok {
			return sum, false
		}
	}
	return divide(sum, vital.Whole(int64(len(live))))
}

// median is of the last value of each part, too.
func median(live []part) (vital.Decimal, bool) {
	var space [parts + 2]vital.Decimal
	list := space[:0]
	for i := range live {
		list = append(list, live[i].Last)
	}
	slices.SortFunc(list, func(a, b vital.Decimal) int { return a.Compare(b) })
	n := len(list)
	if n%2 == 1 {
		return list[n/2], true
	}
	sum, ok := add(list[n/2-1], list[n/2])
	if !ok {
		return sum, false
	}
	return divide(sum, vital.Whole(2))
}

// slope is that of the least squares line through the last value of each part,
// per minute. Every product is stored before it is added, because some machines
// would else round once instead of twice and give other digits.
func slope(live []part) (vital.Decimal, bool) {
	n := float64(len(live))
	origin := live[0].LastAt
	var meanX, meanY float64
	for i := range live {
		meanX += float64(live[i].LastAt-origin) / 60_000
		meanY += live[i].Last.Float()
	}
	meanX, meanY = meanX/n, meanY/n
	var xy, xx float64
	for i := range live {
		x := float64(live[i].LastAt-origin)/60_000 - meanX
		y := live[i].Last.Float() - meanY
		xy += float64(x * y)
		xx += float64(x * x)
	}
	if xx == 0 {
		return vital.Decimal{}, true
	}
	return decimalOf(xy / xx)
}

// bounded reports whether a window that came from outside can be worked with.
func (w *window) bounded() bool {
	return len(w.Parts) <= parts+2 && w.Within > 0 && w.Within < math.MaxInt32*1000
}
