package watch

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/clinical/baseline"
	"github.com/vigilcare/vigil/vital"
)

// This file learns what is usual for a patient at a time of day and says how far
// the hour in progress is from it. That is shown and stored as a reading; no rule
// of ours alarms on it, because no two sources agree from where on it should.

// habits are the vital signs that have a baseline, the name of its z, and where a
// value may come from, the better source first.
var habits = []struct {
	metric, z string
	sources   []string
}{
	{"heart-rate", "heart-rate-baseline-z", []string{"heart-rate", "pulse-rate"}},
	{"resp-rate", "resp-rate-baseline-z", []string{"resp-rate"}},
}

const (
	habitFloor  = 1          // /min: the resolution of both rates
	habitLook   = 60_000     // ms: how often the hour in progress is compared
	habitAgain  = 3600_000   // ms: how often what does not change is written all the same
	habitFar    = 3          // spreads: crossing it is written at once
	habitFresh  = 5 * 60_000 // ms: a source that gave nothing for so long gives way to the next
	habitFilled = 3          // five-minute averages that the hour in progress must have
	habitGrain  = 10         // an hour is kept to a tenth of a beat or breath
	habitMost   = 100        // the plausible range of z
	habitUnit   = "/min"     // values in another are not taken
)

// habit is what is known of one vital sign.
type habit struct {
	State  kept
	Looked vital.Instant // when the hour in progress was last compared
	Told   vital.Instant // when z was last passed on, 0: never
	Far    bool          // whether it was beyond habitFar then
	Last   vital.Instant // receive time of the newest value
	First  vital.Instant // of the better source: newest value, effective
}

// Baseline is how a vital sign stands against what is usual for the person at
// this time of day. Center, Spread and Z count only when Ready.
type Baseline struct {
	Metric         string
	Unit           string
	Ready          bool
	Days           int // on which the hour and its neighbours were measured
	Center, Spread float64
	Now            float64 // of the hour in progress; counts only when Current
	Z              float64
	Current        bool          // there is an hour in progress with enough in it
	At             vital.Instant // newest value, 0: none
}

// learn takes a value of the source that is shown into the baseline.
func (b *Board) learn(p *patient, r *vital.Reading) {
	for i := range habits {
		h := &habits[i]
		for rank, source := range h.sources {
			if source != r.Metric {
				continue
			}
			if r.Value.IsCode() || r.Unit != habitUnit || r.Quality&vital.Doubtful&^p.About.trusted() != 0 {
				return
			}
			k := p.Habits[h.metric]
			if k == nil {
				k = &habit{State: kept{baseline.State{Floor: habitFloor}}}
				if p.Habits == nil {
					p.Habits = map[string]*habit{}
				}
				p.Habits[h.metric] = k
			}
			at := r.Clocks.Effective
			if rank == 0 {
				k.First = max(k.First, at)
			} else if at-k.First < habitFresh {
				return // the better source speaks
			}
			k.Last = max(k.Last, r.Clocks.Receive)
			k.State.add(p.moment(at), r.Value.Number.Float(), p.inAlarm())
			return
		}
	}
}

func (p *patient) moment(at vital.Instant) baseline.Moment {
	minute, _ := p.subject.Local(at)
	return baseline.Moment{At: at, MinuteOfDay: minute}
}

// inAlarm reports whether something is wrong with the patient: such an hour is
// not usual.
func (p *patient) inAlarm() bool {
	for i := range p.Alarms.Alarms {
		if a := &p.Alarms.Alarms[i]; !a.Technical && a.Condition != alarm.Ended {
			return true
		}
	}
	return false
}

// compare passes on how far the hour in progress is from what is usual: once an
// hour, and when it comes to be far, or is no longer.
func (b *Board) compare(id vital.PatientID, p *patient, at vital.Instant) {
	for i := range habits {
		h := &habits[i]
		k := p.Habits[h.metric]
		if k == nil || at-k.Looked < habitLook || at-k.Last > habitFresh {
			continue
		}
		k.Looked = at
		z, ready := k.State.now(p.moment(at))
		if !ready {
			continue
		}
		if far := math.Abs(z) >= habitFar; k.Told == 0 || at-k.Told >= habitAgain || far != k.Far {
			k.Told, k.Far = at, far
			b.tellHabit(id, p, h.z, h.sources, z, at)
		}
	}
}

func (b *Board) tellHabit(id vital.PatientID, p *patient, metric string, sources []string, z float64, at vital.Instant) {
	newest := p.newest(sources)
	if newest == nil {
		return
	}
	tenths := math.Round(max(-habitMost, min(habitMost, z)) * 10)
	b.tellDerived(id, p, newest, at, vital.Reading{
		Metric: metric, Unit: "{z}", Value: vital.Num(vital.Decimal{Mantissa: int64(tenths), Exponent: -1}), Decoder: "baseline@1",
	})
}

// Baselines returns how the vital signs of a patient stand against what is usual.
func (b *Board) Baselines(id vital.PatientID) []Baseline {
	p := b.patients[id]
	if p == nil || !p.Present {
		return nil
	}
	var list []Baseline
	for _, h := range habits {
		v := Baseline{Metric: h.metric, Unit: habitUnit}
		if k := p.Habits[h.metric]; k != nil {
			now := p.moment(b.clock)
			v.Center, v.Spread, _, v.Ready = k.State.At(now)
			v.Days, v.At = k.State.Days(now), k.Last
			if v.Current = k.State.filled(now); v.Current {
				v.Now = baseline.Median(k.State.Open.Averages())
				v.Z, _ = k.State.Z(now, v.Now)
			}
		}
		list = append(list, v)
	}
	return list
}

// kept is a baseline that is small in a snapshot: an hour takes three bytes and
// not twenty, so that two baselines of four weeks are some 6 kB of a patient.
// What is kept is rounded when its hour closes and not when it is written, so that
// a restart changes nothing.
type kept struct{ baseline.State }

func (k *kept) add(at baseline.Moment, value float64, alarmed bool) {
	before := k.Open
	k.Add(at, value, alarmed)
	if before == nil || before == k.Open {
		return
	}
	if cells := k.Hours[min(max(before.Start.MinuteOfDay/60, 0), 23)]; len(cells) > 0 {
		c := &cells[len(cells)-1]
		c.Value = math.Round(max(0, c.Value)*habitGrain) / habitGrain
	}
}

// filled reports whether the hour in progress has enough in it to be compared.
func (k *kept) filled(at baseline.Moment) bool {
	return k.Open != nil && k.Open.Holds(at) && len(k.Open.Averages()) >= habitFilled
}

func (k *kept) now(at baseline.Moment) (float64, bool) {
	if !k.filled(at) {
		return 0, false
	}
	return k.Now(at)
}

// stored is the form of kept in a snapshot.
type stored struct {
	Hours string         `json:"h"` // of each hour of the day: how many, then day since the one before and value in tenths
	Open  *baseline.Hour `json:"o,omitempty"`
	Cusum baseline.Cusum `json:"c"`
	EWMA  baseline.EWMA  `json:"e"`
}

// MarshalJSON and UnmarshalJSON write a baseline compactly.
func (k kept) MarshalJSON() ([]byte, error) {
	var b []byte
	for _, cells := range k.Hours {
		b = binary.AppendUvarint(b, uint64(len(cells)))
		day := 0
		for _, c := range cells {
			b = binary.AppendVarint(b, int64(c.Day-day))
			b = binary.AppendUvarint(b, uint64(math.Round(c.Value*habitGrain)))
			day = c.Day
		}
	}
	return json.Marshal(stored{base64.RawStdEncoding.EncodeToString(b), k.Open, k.Cusum, k.EWMA})
}

func (k *kept) UnmarshalJSON(body []byte) error {
	var s stored
	if err := json.Unmarshal(body, &s); err != nil {
		return err
	}
	b, err := base64.RawStdEncoding.DecodeString(s.Hours)
	if err != nil {
		return err
	}
	k.State = baseline.State{Floor: habitFloor, Open: s.Open, Cusum: s.Cusum, EWMA: s.EWMA}
	torn := vital.Errorf(vital.Internal, "read a baseline of the watch's snapshot: it is cut short")
	for hour := range k.Hours {
		count, n := binary.Uvarint(b)
		if n <= 0 || count > 2*baseline.Days {
			return torn
		}
		b = b[n:]
		day := 0
		for range count {
			since, n := binary.Varint(b)
			if n <= 0 {
				return torn
			}
			tenths, m := binary.Uvarint(b[n:])
			if m <= 0 {
				return torn
			}
			b = b[n+m:]
			day += int(since)
			k.Hours[hour] = append(k.Hours[hour], baseline.Cell{Day: day, Value: float64(tenths) / habitGrain})
		}
	}
	return nil
}
