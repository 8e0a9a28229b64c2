package main

import (
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/csvfile"
	"github.com/vigilcare/vigil/wire/edf"
	"github.com/vigilcare/vigil/wire/wave"
)

func loadEDF(path string) (recording, error) {
	b, err := readUnpacked(path)
	if err != nil {
		return recording{}, err
	}
	r, err := edf.Decode(b)
	if err != nil {
		return recording{}, err
	}
	out := recording{Name: filepath.Base(path)}
	for _, c := range r.Channels {
		out.addEDFChannel(c)
	}
	for _, a := range r.Annotations {
		text := a.Text
		if a.Duration > 0 {
			text = fmt.Sprintf("%s (%g s)", text, a.Duration)
		}
		out.Events = append(out.Events, eventAt{At: seconds(a.At), Kind: "note", Text: text})
	}
	out.sorted()
	return out, nil
}

func (r *recording) addEDFChannel(c edf.Channel) {
	s := c.Signal
	metric, note := metricName(s.Label)
	if note != "" {
		r.note(note)
	}
	m, known := vital.FindMetric(metric)
	slow := c.Hz < slowest || known && m.Shape == vital.Numeric
	gain := s.Gain()
	exact := s.PhysicalMin/gain - float64(s.DigitalMin)
	if math.Abs(exact-math.Round(exact)) > 0.01 && !slow {
		r.note(fmt.Sprintf("%s: its zero lies between two steps; values are off by up to half a step (%.3g %s)", s.Label, math.Abs(gain)/2, s.Unit))
	}
	places := max(0, int(math.Ceil(-math.Log10(math.Abs(gain)))))
	for _, run := range c.Runs {
		if slow {
			for i, v := range run.Samples {
				d := vital.Decimal{Mantissa: int64(math.Round(s.Physical(v) * math.Pow10(places))), Exponent: int8(-places)}
				r.Values = append(r.Values, valueAt{At: seconds(run.At) + atSample(i, c.Hz), Metric: metric, Value: vital.Num(d), Unit: unitName(s.Unit)})
			}
			continue
		}
		samples, g, zero, step := narrow(run.Samples, math.MinInt32, gain, int32(math.Round(exact)))
		if step > 1 {
			r.note(fmt.Sprintf("%s: its span is wider than 16 bits, shown in steps of %d", s.Label, step))
		}
		r.Waves = append(r.Waves, waveTrack{Metric: metric, Unit: unitName(s.Unit), Gain: decimalOf(g), Zero: zero, Hz: c.Hz, At: seconds(run.At), Samples: samples})
	}
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

func loadCSV(path string) (recording, error) {
	b, err := readUnpacked(path)
	if err != nil {
		return recording{}, err
	}
	t, err := csvfile.Parse(b)
	if err != nil {
		return recording{}, err
	}
	out := recording{Name: filepath.Base(path)}
	hz, even := t.Rate()
	for _, c := range t.Columns {
		if even && hz >= slowest && c.Unit != "" {
			out.addCSVWave(c, hz)
			continue
		}
		for i, v := range c.Cells {
			at := time.Duration(t.Times[i]) * time.Microsecond
			switch {
			case !c.Present[i]:
			case c.Metric == "event":
				out.Events = append(out.Events, eventAt{At: at, Kind: "note", Text: v.Code})
			default:
				out.Values = append(out.Values, valueAt{At: at, Metric: csvMetric(c.Metric), Value: v, Unit: c.Unit})
			}
		}
	}
	out.sorted()
	return out, nil
}

// csvMetric leaves a metric of ours as it is and maps what a signal may be called.
func csvMetric(name string) string {
	if _, known := vital.FindMetric(name); known {
		return name
	}
	mapped, _ := metricName(name)
	return mapped
}

// addCSVWave adds an evenly sampled column as a waveform. The step is the last
// decimal place that occurs in it, so nothing is rounded unless it has to be.
func (r *recording) addCSVWave(c csvfile.Column, hz float64) {
	exponent := int8(0)
	for i, v := range c.Cells {
		if c.Present[i] {
			exponent = min(exponent, v.Number.Exponent)
		}
	}
	exponent = max(exponent, -9)
	low, high := math.Inf(1), math.Inf(-1)
	for i, v := range c.Cells {
		if x := v.Number.Float(); c.Present[i] {
			low, high = min(low, x), max(high, x)
		}
	}
	if low > high {
		return // an empty column
	}
	// Coarser by tens until the span fits in 16 bits.
	finest := exponent
	for (high-low)/math.Pow10(int(exponent)) > 2*math.MaxInt16 {
		exponent++
	}
	if exponent > finest {
		r.note(fmt.Sprintf("%s: has more digits than 16 bits hold, rounded to steps of %g %s", c.Metric, math.Pow10(int(exponent)), c.Unit))
	}
	step := math.Pow10(int(exponent))
	zero := math.Round((low + high) / 2 / step)
	if math.Abs(low/step) <= math.MaxInt16 && math.Abs(high/step) <= math.MaxInt16 {
		zero = 0
	}
	w := waveTrack{Metric: csvMetric(c.Metric), Unit: c.Unit, Gain: vital.Decimal{Mantissa: 1, Exponent: exponent}, Zero: int32(zero), Hz: hz}
	w.Samples = make([]int16, len(c.Cells))
	for i, v := range c.Cells {
		w.Samples[i] = wave.Missing
		if c.Present[i] {
			w.Samples[i] = int16(min(max(math.Round(v.Number.Float()/step)-zero, -math.MaxInt16), math.MaxInt16))
		}
	}
	r.Waves = append(r.Waves, w)
}
