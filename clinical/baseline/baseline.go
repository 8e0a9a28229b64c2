// Package baseline learns what is usual for one person and one vital sign at a
// time of day, and says how far a value is from it.
//
// Why: 58 beats a minute is slow for one person and usual for another, and the
// same heart beats slower at four in the morning. Limits for everybody see
// neither. Why it is slow to learn: a baseline that follows an illness calls the
// illness usual. So it is made of medians, which a few odd hours do not move; it
// says nothing before two weeks; it forgets after four; and no hour that somebody
// says was an alarm ever enters.
//
// How: values are averaged over 5 minutes, an hour is the median of its averages,
// and the baseline at an hour is median and scaled median absolute deviation of
// that hour and its two neighbours over 28 days. The state is bounded, some 700
// numbers, and is JSON. Time comes in as data.
//
// What is far from a baseline is unusual for this person, not a diagnosis.
//
// Sources: four weeks of hourly resting heart rate as one's own baseline: Mishra
// T et al., Nat Biomed Eng 2020;4:1208, doi:10.1038/s41551-020-00640-6; Radin JM
// et al., Lancet Digit Health 2020;2:e85, doi:10.1016/S2589-7500(19)30222-5. The
// scaled MAD: Rousseeuw PJ, Croux C, J Am Stat Assoc 1993;88:1273; R's mad
// (constant 1.4826) and SciPy's median_abs_deviation (scale "normal").
package baseline

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/vigilcare/vigil/vital"
)

const (
	// Days is how far back a baseline looks.
	Days = 28
	// WarmUp is on how many different days an hour's neighbourhood must have been
	// measured before it is a baseline.
	WarmUp = 14
	// Scale makes the median absolute deviation of normal data its standard deviation.
	Scale = 1.4826

	bucketMinutes = 5
	hoursADay     = 24
	day           = vital.Instant(24 * time.Hour / time.Millisecond)
)

// Moment is when a value was measured: the instant, and the time of day where
// the person is, in minutes since midnight there.
type Moment struct {
	At          vital.Instant `json:"at"`
	MinuteOfDay int           `json:"minuteOfDay"`
}

func (m Moment) hour() int { return min(max(m.MinuteOfDay/60, 0), hoursADay-1) }

func (m Moment) bucket() int { return min(max(m.MinuteOfDay, 0)%60, 59) / bucketMinutes }

func (m Moment) day() int { return int(m.At / day) }

// State is what is known of one vital sign of one person. The zero value is
// ready; it changes by Add only and may be kept as JSON.
type State struct {
	// Floor is the smallest spread, in the unit of the values: the resolution of
	// the measurement, 1 for a heart rate. Without one, values that never differ
	// have no spread and no baseline.
	Floor float64           `json:"floor,omitempty"`
	Hours [hoursADay][]Cell `json:"hours"`          // what each hour of the day was, oldest first
	Open  *Hour             `json:"open,omitempty"` // the hour in progress
	Cusum Cusum             `json:"cusum"`
	EWMA  EWMA              `json:"ewma"`
}

// Cell is one hour of one day.
type Cell struct {
	Day   int     `json:"d"` // days since 1970, UTC
	Value float64 `json:"v"`
}

// Hour is an hour in progress.
type Hour struct {
	Start   Moment     `json:"start"`
	Buckets [12]Bucket `json:"buckets"`
	Alarmed bool       `json:"alarmed,omitempty"` // some of it was an alarm: none of it enters
}

// Bucket is five minutes.
type Bucket struct {
	Sum float64 `json:"s,omitempty"`
	N   int     `json:"n,omitempty"`
}

// Add takes a value, in whatever unit the state is kept in throughout. alarmed
// says that the value belongs to an alarm: the whole hour then stays out of the
// baseline, for what led to the alarm came before it. The control charts go on
// all the same. A value older than the hour in progress is left out, and so is
// what is no number.
func (s *State) Add(at Moment, value float64, alarmed bool) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	if s.Open != nil && !s.Open.Holds(at) {
		if at.At < s.Open.Start.At {
			return
		}
		s.close()
	}
	if s.Open == nil {
		s.Open = &Hour{Start: at}
	}
	b := &s.Open.Buckets[at.bucket()]
	b.Sum += value
	b.N++
	s.Open.Alarmed = s.Open.Alarmed || alarmed
}

// Holds reports whether a moment lies in the hour. Clocks that are put back make
// the same hour twice: then it is a new one.
func (h *Hour) Holds(m Moment) bool {
	apart := m.At.Sub(h.Start.At)
	return m.hour() == h.Start.hour() && apart < time.Hour && apart > -time.Hour
}

// Averages returns the average of each five minutes that has a value, in the unit
// of the values; none of an hour without any.
func (h *Hour) Averages() []float64 {
	var averages []float64
	for _, b := range h.Buckets {
		if b.N > 0 {
			averages = append(averages, b.Sum/float64(b.N))
		}
	}
	return averages
}

// value is the median of the averages; an hour in progress has one at least.
func (h *Hour) value() float64 { return Median(h.Averages()) }

// close ends the hour in progress: the charts see it, and the baseline takes it in.
func (s *State) close() {
	h := s.Open
	s.Open = nil
	value := h.value()
	if z, ready := s.Z(h.Start, value); ready {
		s.Cusum, s.EWMA = s.Cusum.Step(z), s.EWMA.Step(z)
	}
	if h.Alarmed {
		return
	}
	cells := &s.Hours[h.Start.hour()]
	*cells = append(*cells, Cell{h.Start.day(), value})
	oldest := h.Start.day() - Days
	for i := range s.Hours {
		kept := s.Hours[i]
		for len(kept) > 0 && kept[0].Day <= oldest {
			kept = kept[1:]
		}
		s.Hours[i] = slices.Clone(kept)
	}
}

// At returns what is usual at a time of day: center and spread in the unit of
// the values, on how many hours n they rest, and whether that is enough: hours of
// WarmUp different days of the last Days, and a spread above zero. The hour in
// progress is not part of it.
//
// Too little data: ready is false, and center and spread are not to be used.
//
// Source: see the package; median and MAD x 1.4826, Rousseeuw and Croux 1993.
func (s *State) At(at Moment) (center, spread float64, n int, ready bool) {
	values, days := s.near(at)
	if len(values) == 0 {
		return 0, 0, 0, false
	}
	center, spread = Median(values), max(s.Floor, Spread(values))
	return center, spread, len(values), days >= WarmUp && spread > 0
}

// Days counts the different days, of the last Days, on which the hour of the day
// and its neighbours were measured: a baseline needs WarmUp of them.
func (s *State) Days(at Moment) int {
	_, days := s.near(at)
	return days
}

// near returns what the hour of the day and its neighbours were within the last
// Days, and on how many different days.
func (s *State) near(at Moment) (values []float64, days int) {
	values = make([]float64, 0, 3*Days)
	var measured uint32 // a bit for each of the last Days on which there is an hour
	for _, by := range []int{-1, 0, 1} {
		for _, c := range s.Hours[(at.hour()+by+hoursADay)%hoursADay] {
			age := at.day() - c.Day
			if age < 0 || age >= Days {
				continue
			}
			values = append(values, c.Value)
			measured |= 1 << age
		}
	}
	return values, bits.OnesCount32(measured)
}

// Z returns by how many spreads a value is above (or below, negative) the center.
// It is meant for the average of a while, as hours are: single beats scatter more.
func (s *State) Z(at Moment, value float64) (z float64, ready bool) {
	center, spread, _, ready := s.At(at)
	if !ready || math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, false
	}
	return (value - center) / spread, true
}

// Now is Z of the hour in progress, if at lies in it.
func (s *State) Now(at Moment) (z float64, ready bool) {
	if s.Open == nil || !s.Open.Holds(at) {
		return 0, false
	}
	return s.Z(at, s.Open.value())
}

// Median returns the middle value, or the mean of the two middle ones; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	if half := len(sorted) / 2; len(sorted)%2 == 1 {
		return sorted[half]
	} else {
		return sorted[half-1]/2 + sorted[half]/2
	}
}

// Spread returns the median absolute deviation from the median times Scale, in
// the unit of the values; 0 of none.
//
// Source: Rousseeuw PJ, Croux C, J Am Stat Assoc 1993;88:1273.
func Spread(values []float64) float64 {
	center := Median(values)
	away := make([]float64, len(values))
	for i, v := range values {
		away[i] = math.Abs(v - center)
	}
	return Scale * Median(away)
}
