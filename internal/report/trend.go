package report

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// width of a column of the trend.
const width = 2 * time.Hour

// columns that are over, before the one in progress: a whole day.
const columns = 12

// edges returns the bounds of the columns, oldest first: of every second hour of
// the ward's clock today, going back in steps of two hours that have passed. In a
// night of 25 or 23 hours every column still is two hours, and the labels show
// where the clock was changed.
func edges(made vital.Instant, zone *time.Location) []vital.Instant {
	local := made.Time().In(zone)
	_, offset := local.Zone()
	shift := vital.Instant(offset) * 1000
	step := vital.Instant(width / time.Millisecond)
	begin := (made+shift)/step*step - shift
	list := make([]vital.Instant, 0, columns+2)
	for i := columns; i >= 0; i-- {
		list = append(list, begin-vital.Instant(i)*step)
	}
	return append(list, begin+step)
}

// Trend is one vital sign: the newest value, and what it did.
type Trend struct {
	Metric string
	Unit   string
	Latest *vital.Reading // nil: nothing lately
	Cells  []Cell         // one for each column
}

// Cell is one vital sign in one column. Values that are doubted are not in it;
// Doubted counts them.
type Cell struct {
	Count             int
	Low, Median, High vital.Decimal
	Doubted           int
}

// columnKey names a column of a patient.
type columnKey struct {
	patient  vital.PatientID
	from, to vital.Instant
	trusted  vital.Quality
}

// summary is a vital sign in a column.
type summary struct {
	metric, unit string
	Cell
}

// order in which nurses read vital signs; others come after them by name.
var order = []string{
	"resp-rate", "spo2", "oxygen-flow", "oxygen-device", "bp-systolic", "bp-diastolic", "bp-mean", "abp-systolic", "abp-diastolic", "abp-mean",
	"heart-rate", "pulse-rate", "consciousness", "temperature", "temperature-core", "glucose", "pain", "urine-output", "etco2",
}

func place(metric string) int {
	if i := slices.Index(order, metric); i >= 0 {
		return i
	}
	return len(order)
}

// printed says which metrics belong on paper: what is measured of the body. Of
// scores, equipment and steps there are other places.
func printed(metric string) bool {
	m := vital.LookMetric(metric)
	if m == nil {
		return true // unknown, and somebody sends it: not hidden
	}
	switch m.Group {
	case "vital", "respiration", "cardiac", "glucose":
		_, isScore := score.Find(metric)
		return m.Shape != vital.Wave && m.Unit != "{z}" && !isScore
	}
	return false
}

func (s *Sheets) trends(ctx context.Context, r store.Rows, id vital.PatientID, latest []vital.Reading, edges []vital.Instant, made vital.Instant, trusted vital.Quality) ([]Trend, error) {
	var list []Trend
	of := func(metric, unit string) *Trend {
		for i := range list {
			if list[i].Metric == metric && (list[i].Unit == unit || unit == "") {
				return &list[i]
			}
		}
		list = append(list, Trend{Metric: metric, Unit: unit, Cells: make([]Cell, len(edges)-1)})
		return &list[len(list)-1]
	}
	for _, reading := range latest {
		if !printed(reading.Metric) || reading.Clocks.Effective < edges[0] {
			continue
		}
		n, unit := reading.Value, reading.Unit
		if !n.IsCode() {
			n.Number, unit = usual(reading.Metric, n.Number, unit)
		}
		reading.Value, reading.Unit = n, unit
		reading.Quality &^= trusted // the block says demo in its head
		of(reading.Metric, unit).Latest = &reading
	}
	for i := range len(edges) - 1 {
		// What comes late lands in an hour that is over: the last two are read anew.
		fresh := i >= len(edges)-3
		found, err := s.column(ctx, r, columnKey{id, edges[i], edges[i+1], trusted}, fresh)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			of(one.metric, one.unit).Cells[i] = one.Cell
		}
	}
	slices.SortStableFunc(list, func(a, b Trend) int {
		return cmp.Or(cmp.Compare(place(a.Metric), place(b.Metric)), cmp.Compare(label(a.Metric), label(b.Metric)))
	})
	return list, nil
}

// usual converts a value to the unit that the metric is kept in; one that cannot
// be converted keeps its own.
func usual(metric string, v vital.Decimal, unit string) (vital.Decimal, string) {
	m := vital.LookMetric(metric)
	if m == nil || m.Unit == unit || m.Unit == "" {
		return v, unit
	}
	if converted, err := m.Convert(v, unit, m.Unit); err == nil {
		return converted, m.Unit
	}
	return v, unit
}

// column returns what the vital signs of a patient did between two times. It is
// kept for every sheet, so it holds all of them: what a caller may not see is
// taken out of the sheet.
func (s *Sheets) column(ctx context.Context, r store.Rows, key columnKey, fresh bool) ([]summary, error) {
	s.mutex.Lock()
	known, ok := s.columns[key]
	s.mutex.Unlock()
	if ok && !fresh {
		return known, nil
	}
	tracks, err := s.o.Samples(ctx, store.Everything(r.Site), store.Query{Patient: key.patient, From: key.from, To: key.to})
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "read the values of patient %s: %w", key.patient, err)
	}
	type sign struct{ metric, unit string }
	values := map[sign][]vital.Decimal{}
	doubted := map[sign]int{}
	for _, t := range tracks {
		if !printed(t.Series.Metric) {
			continue
		}
		for _, sample := range t.Samples {
			if sample.Value.IsCode() {
				continue
			}
			n, unit := usual(t.Series.Metric, sample.Value.Number, t.Series.Unit)
			at := sign{t.Series.Metric, unit}
			if sample.Quality&vital.Doubtful&^key.trusted != 0 {
				doubted[at]++
				continue
			}
			values[at] = append(values[at], n)
		}
	}
	var list []summary
	for at, all := range values {
		slices.SortFunc(all, vital.Decimal.Compare)
		list = append(list, summary{at.metric, at.unit, Cell{Count: len(all), Low: all[0], Median: median(all), High: all[len(all)-1], Doubted: doubted[at]}})
		delete(doubted, at)
	}
	for at, n := range doubted {
		list = append(list, summary{at.metric, at.unit, Cell{Doubted: n}})
	}
	slices.SortFunc(list, func(a, b summary) int { return cmp.Or(cmp.Compare(a.metric, b.metric), cmp.Compare(a.unit, b.unit)) })
	s.mutex.Lock()
	s.columns[key] = list
	s.mutex.Unlock()
	return list, nil
}

// median of values in their order; of an even number the exact mean of the two
// in the middle.
func median(sorted []vital.Decimal) vital.Decimal {
	n := len(sorted)
	high := sorted[n/2]
	if n%2 == 1 {
		return high
	}
	sum, ok := sorted[n/2-1].Add(high)
	switch {
	case !ok:
		return high
	case sum.Mantissa%2 == 0:
		return vital.Decimal{Mantissa: sum.Mantissa / 2, Exponent: sum.Exponent}
	}
	return vital.Decimal{Mantissa: sum.Mantissa * 5, Exponent: sum.Exponent - 1}
}

// forgetMoved drops what was worked out before a device was given to another
// patient for a time that is over.
func (s *Sheets) forgetMoved(ctx context.Context, site vital.Site) error {
	made, err := s.o.Store.Corrections(ctx, site)
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "load the corrections: %w", err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(made) != s.moved {
		clear(s.columns)
		s.moved = len(made)
	}
	return nil
}

// forgetOld drops columns that no sheet shows any more.
func (s *Sheets) forgetOld(before vital.Instant) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for key := range s.columns {
		if key.to <= before {
			delete(s.columns, key)
		}
	}
}
