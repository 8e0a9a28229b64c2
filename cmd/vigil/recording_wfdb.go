package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/wfdb"
)

// loadWFDB reads the record whose header lies at path, with the annotations of
// that annotator ("atr") where the file is there.
func loadWFDB(path, annotator string) (recording, error) {
	dir, name := filepath.Split(strings.TrimSuffix(path, ".hea"))
	open := func(p string) ([]byte, error) { return readUnpacked(filepath.Join(dir, p)) }
	r, err := wfdb.Load(name, open)
	if err != nil {
		return recording{}, err
	}
	out := recording{Name: r.Header.Record}
	for _, doubt := range r.Doubts {
		out.Notes = append(out.Notes, doubt.Error())
	}
	for _, c := range r.Channels {
		out.addChannel(c)
	}
	b, err := open(name + "." + annotator)
	switch {
	case vital.KindOf(err) == vital.NotFound:
		out.Notes = append(out.Notes, fmt.Sprintf("no annotations %s.%s", name, annotator))
	case err != nil:
		return recording{}, err
	default:
		a, err := wfdb.ParseAnnotations(b)
		if err != nil {
			return recording{}, vital.Errorf(vital.KindOf(err), "%s.%s: %w", name, annotator, err)
		}
		out.addAnnotations(a, r.Header.Frequency)
	}
	out.sorted()
	return out, nil
}

func (r *recording) addChannel(c wfdb.Channel) {
	metric, note := metricName(c.Signal.Name)
	if note != "" {
		r.note(note)
	}
	if !c.Signal.Calibrated {
		r.note(fmt.Sprintf("%s: the header gives no gain; 200 steps per mV are assumed", c.Signal.Name))
	}
	unit := unitName(c.Signal.Unit)
	if m, known := vital.FindMetric(metric); known && m.Shape == vital.Numeric {
		r.addSlow(c, metric, unit)
		return
	}
	if c.Hz < slowest {
		r.addSlow(c, metric, unit)
		return
	}
	samples, gain, zero, step := narrow(c.Samples, wfdb.Missing, 1/c.Signal.Gain, -c.Signal.Baseline)
	if step > 1 {
		r.note(fmt.Sprintf("%s: its span is wider than 16 bits, shown in steps of %d", c.Signal.Name, step))
	}
	r.Waves = append(r.Waves, waveTrack{Metric: metric, Unit: unit, Gain: decimalOf(gain), Zero: zero, Hz: c.Hz, Samples: samples})
}

// slowest is the rate in Hz below which a signal travels as single values.
const slowest = 5

// addSlow adds a signal as values: numerics such as a pulse rate each second.
func (r *recording) addSlow(c wfdb.Channel, metric, unit string) {
	places := max(0, int(math.Ceil(math.Log10(math.Abs(c.Signal.Gain)))))
	for i, v := range c.Samples {
		if v == wfdb.Missing {
			continue
		}
		d := vital.Decimal{Mantissa: int64(math.Round(c.Signal.Physical(v) * math.Pow10(places))), Exponent: int8(-places)}
		r.Values = append(r.Values, valueAt{At: atSample(i, c.Hz), Metric: metric, Value: vital.Num(d), Unit: unit})
	}
}

// addAnnotations adds labels as events, and a heart rate from the beats among them.
func (r *recording) addAnnotations(a wfdb.Annotations, hz float64) {
	if a.Hz > 0 {
		hz = a.Hz
	}
	var beats []time.Duration
	for _, x := range a.Items {
		at := time.Duration(math.Round(float64(x.Sample) / hz * 1e9))
		e := eventAt{At: at, Kind: "annotation", Code: a.Symbol(x.Code), Text: x.Text}
		switch {
		case x.Code.Beat():
			e.Kind = "beat"
			beats = append(beats, at)
		case x.Code == wfdb.Rhythm:
			e.Kind, e.Code = "rhythm", strings.TrimPrefix(x.Text, "(")
			e.Text = ""
		case x.Code == wfdb.Note:
			e.Kind, e.Code = "note", ""
		case e.Text == "":
			e.Text = x.Code.Meaning()
		}
		r.Events = append(r.Events, e)
	}
	r.addHeartRate(beats)
}

// addHeartRate gives one heart rate a second from marked beats: 60 over the mean
// of the last eight RR intervals. It is silent until there are three of them,
// and while the last beat is more than 4 s old: nothing is made up for a pause.
func (r *recording) addHeartRate(beats []time.Duration) {
	const intervals, enough, fresh = 8, 3, 4 * time.Second
	last := 0
	for at := time.Second; len(beats) > 0 && at <= beats[len(beats)-1]+time.Second; at += time.Second {
		for last < len(beats) && beats[last] <= at {
			last++
		}
		from := max(0, last-1-intervals)
		n := last - 1 - from
		if n < enough || at-beats[last-1] > fresh {
			continue
		}
		mean := (beats[last-1] - beats[from]) / time.Duration(n)
		if mean <= 0 {
			continue
		}
		rate := vital.Whole(int64(math.Round(60 / mean.Seconds())))
		r.Values = append(r.Values, valueAt{At: at, Metric: "heart-rate", Value: vital.Num(rate), Unit: "/min", Quality: vital.Derived})
	}
}

// note adds a note once.
func (r *recording) note(text string) {
	for _, n := range r.Notes {
		if n == text {
			return
		}
	}
	r.Notes = append(r.Notes, text)
}
