package webd

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// SeriesView is trends of one patient over one period.
type SeriesView struct {
	From   vital.Instant `json:"from"`
	To     vital.Instant `json:"to"`
	Series []Series      `json:"series"`
}

// Series is one metric. A gap is a null point; damaged counts pieces of this
// period that cannot be read.
type Series struct {
	Metric  string  `json:"metric"`
	Unit    string  `json:"unit"`
	Points  []Point `json:"points"`
	Damaged int     `json:"damaged,omitempty"`
}

// Point is [t ms, value, low, high, quality bits, count]. One reading keeps its
// digits; several are their mean, with the least and the greatest of them. A code
// stands as text in place of the three numbers. The zero Point is a gap.
type Point struct {
	at        vital.Instant
	value     json.RawMessage
	low, high json.RawMessage
	quality   vital.Quality
	count     int
}

// MarshalJSON writes the point as a row.
func (p Point) MarshalJSON() ([]byte, error) {
	if p.count == 0 {
		return []byte("null"), nil
	}
	b := strconv.AppendInt([]byte{'['}, int64(p.at), 10)
	for _, v := range []json.RawMessage{p.value, p.low, p.high} {
		b = append(append(b, ','), v...)
	}
	b = strconv.AppendUint(append(b, ','), uint64(p.quality), 10)
	b = strconv.AppendInt(append(b, ','), int64(p.count), 10)
	return append(b, ']'), nil
}

const (
	mostMetrics = 32
	mostSpan    = 366 * 24 * time.Hour
	readSpan    = 24 * time.Hour // read at a time, so that memory does not grow with the period
)

func (s *Server) series(c *call) error {
	from, to, err := s.period(c, time.Hour, mostSpan)
	if err != nil {
		return err
	}
	points, err := numberOf(c.r, "points", 600, 1, 10_000)
	if err != nil {
		return err
	}
	metrics := metricsOf(c.r.URL.Query().Get("metrics"))
	if len(metrics) == 0 || len(metrics) > mostMetrics {
		return invalid("metrics", "metrics: name 1 to %d, separated by commas", mostMetrics)
	}
	if metrics = slices.DeleteFunc(metrics, func(name string) bool { return !c.ofGroups(name) }); len(metrics) == 0 {
		return c.json(SeriesView{From: from, To: to, Series: []Series{}})
	}
	plan, err := s.store.PlanOf(c.ctx(), c.rows, c.patient())
	if err != nil {
		return err
	}
	every := make(map[string]vital.Instant)
	for _, p := range plan {
		every[p.Metric] = vital.Instant(p.Every) * 1000
	}
	curves := make(map[string]*curve)
	width := max(1, (to-from+vital.Instant(points)-1)/vital.Instant(points))
	err = s.readTracks(c.ctx(), c.rows, store.Query{Patient: c.patient(), Metrics: metrics, From: from, To: to}, func(t store.Track) {
		name, unit := t.Series.Metric, t.Series.Unit
		convert := func(v vital.Value) vital.Value { return v }
		if m := vital.LookMetric(name); m != nil && m.Unit != "" && unit != m.Unit {
			if _, err := m.Convert(vital.Whole(1), unit, m.Unit); err == nil {
				from := unit
				unit = m.Unit
				convert = func(v vital.Value) vital.Value {
					n, err := m.Convert(v.Number, from, m.Unit)
					if err != nil || v.IsCode() {
						return v
					}
					return vital.Num(n)
				}
			}
		}
		key := name + "\x00" + unit
		cv := curves[key]
		if cv == nil {
			cv = &curve{metric: name, unit: unit, from: from, width: width}
			curves[key] = cv
		}
		cv.damaged += t.Damaged
		for i := range t.Samples {
			cv.add(t.Samples[i].Effective, convert(t.Samples[i].Value), t.Samples[i].Quality)
		}
	})
	if err != nil {
		return err
	}
	view := SeriesView{From: from, To: to, Series: []Series{}}
	for _, name := range metrics {
		found := false
		for _, cv := range curves {
			if cv.metric == name {
				found = true
				view.Series = append(view.Series, cv.series(every[name]))
			}
		}
		if !found {
			unit := ""
			if m := vital.LookMetric(name); m != nil {
				unit = m.Unit
			}
			view.Series = append(view.Series, Series{Metric: name, Unit: unit, Points: []Point{}})
		}
	}
	slices.SortStableFunc(view.Series, func(a, b Series) int {
		return slices.Index(metrics, a.Metric) - slices.Index(metrics, b.Metric)
	})
	return c.json(view)
}

func metricsOf(text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// readTracks reads a period a day at a time.
func (s *Server) readTracks(ctx context.Context, rows store.Rows, q store.Query, each func(store.Track)) error {
	end := q.To
	for q.From < end {
		q.To = min(end, q.From.Add(readSpan))
		tracks, err := s.past().Samples(ctx, rows, q)
		if err != nil {
			return err
		}
		for _, t := range tracks {
			each(t)
		}
		q.From = q.To
	}
	return nil
}

// curve collects samples in buckets of even width.
type curve struct {
	metric, unit string
	from, width  vital.Instant
	buckets      map[vital.Instant]*bucket
	damaged      int
}

type bucket struct {
	sum       float64
	numbers   int
	places    int8 // the finest digits of the numbers
	low, high vital.Decimal
	code      string
	last, at  vital.Instant // newest; the only one
	quality   vital.Quality
	count     int
}

func (c *curve) add(at vital.Instant, v vital.Value, q vital.Quality) {
	if c.buckets == nil {
		c.buckets = make(map[vital.Instant]*bucket)
	}
	key := (at - c.from) / c.width
	b := c.buckets[key]
	if b == nil {
		b = &bucket{}
		c.buckets[key] = b
	}
	b.count++
	b.quality |= q
	if b.count == 1 {
		b.at = at
	}
	if v.IsCode() {
		if at >= b.last {
			b.code = v.Code
		}
	} else {
		if b.numbers == 0 || v.Number.Compare(b.low) < 0 {
			b.low = v.Number
		}
		if b.numbers == 0 || v.Number.Compare(b.high) > 0 {
			b.high = v.Number
		}
		if b.numbers == 0 || v.Number.Exponent < b.places {
			b.places = v.Number.Exponent
		}
		b.numbers++
		b.sum += v.Number.Float()
	}
	b.last = max(b.last, at)
}

// series turns the buckets into points with gaps between. every is how often a
// value is expected, 0 when nobody said.
func (c *curve) series(every vital.Instant) Series {
	keys := make([]vital.Instant, 0, len(c.buckets))
	for k := range c.buckets {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	points := make([]Point, 0, len(keys)+16)
	longest := c.longest(keys, every)
	var before vital.Instant
	for i, k := range keys {
		b := c.buckets[k]
		if i > 0 && longest > 0 && b.at-before > longest {
			points = append(points, Point{})
		}
		before = b.last
		points = append(points, b.point(c.from+k*c.width+c.width/2))
	}
	return Series{Metric: c.metric, Unit: c.unit, Points: points, Damaged: c.damaged}
}

// longest is the longest time between two values that is not a gap: three times
// what is expected; when nobody said, five times what is usual here.
func (c *curve) longest(keys []vital.Instant, every vital.Instant) vital.Instant {
	if every > 0 {
		return max(3*every, 2*c.width)
	}
	if len(keys) < 4 {
		return 0
	}
	steps := make([]vital.Instant, 0, len(keys))
	for i := 1; i < len(keys); i++ {
		steps = append(steps, c.buckets[keys[i]].at-c.buckets[keys[i-1]].last)
	}
	slices.Sort(steps)
	return max(5*steps[len(steps)/2], 2*c.width)
}

func (b *bucket) point(middle vital.Instant) Point {
	p := Point{at: middle, quality: b.quality, count: b.count}
	if b.count == 1 {
		p.at = b.at
	}
	if b.numbers == 0 {
		code, _ := json.Marshal(b.code) // a string cannot fail
		p.value, p.low, p.high = code, code, code
		return p
	}
	p.low, p.high = []byte(b.low.String()), []byte(b.high.String())
	if b.numbers == 1 {
		p.value = p.low
		return p
	}
	mean := b.sum / float64(b.numbers)
	places := min(max(0, -int(b.places)), 12)
	if math.Abs(mean) >= 1e15 {
		p.value = p.high
		return p
	}
	p.value = strconv.AppendFloat(nil, mean, 'f', places, 64)
	return p
}
