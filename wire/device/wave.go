package device

import (
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/wave"
)

// beginsAsWave recognises a waveform block by its magic.
func beginsAsWave(body []byte) bool { return wave.Is(body) }

// decodeWave reads one waveform block. A missing sample keeps its mark,
// wave.Missing, and is named in Missing: it must never look like a measurement.
func decodeWave(p Packet) (Result, error) {
	b, err := wave.Decode(p.Body)
	if err != nil {
		return Result{}, err
	}
	name, where, why := acceptWave(b.Metric, b.Unit)
	if why != "" {
		return Result{}, vital.Errorf(vital.Invalid, "%s: %s", where, why)
	}
	out := Result{Sequence: b.Sequence}
	quality := b.Quality
	if extra := quality &^ known; extra != 0 {
		quality = quality&known | vital.Questionable
		out.Problems = append(out.Problems, Problem{Where: "byte 37", Reason: "quality has bits that are not known: kept as questionable"})
	}
	start := b.Start
	if start == 0 {
		// Without a clock the block ended when it was received.
		start = int64(p.Received)*1000 - int64(len(b.Samples))*1_000_000_000/int64(b.MilliHz)
	}
	w := vital.Waveform{
		Device: p.Device, Metric: name, Unit: b.Unit, Gain: b.Gain, Zero: b.Zero, MilliHz: b.MilliHz, Start: start,
		Clocks:  vital.Clocks{Device: vital.Instant(b.Start / 1000), Receive: p.Received},
		Quality: quality &^ received, Sequence: b.Sequence,
		Samples: make([]int32, len(b.Samples)),
	}
	for i, s := range b.Samples {
		w.Samples[i] = int32(s)
		if s != wave.Missing {
			continue
		}
		if n := len(w.Missing); n > 0 && w.Missing[n-1].To == uint32(i) {
			w.Missing[n-1].To++
		} else {
			w.Missing = append(w.Missing, vital.Span{From: uint32(i), To: uint32(i) + 1})
		}
	}
	out.Waveforms = []vital.Waveform{w}
	return out, nil
}

func acceptWave(metric, unit string) (name, where, why string) {
	m := vital.LookMetric(metric)
	if m == nil {
		if name, where, why = foreign(metric); why != "" {
			return name, where, why
		}
		if err := vital.ValidUnit(unit); err != nil {
			return "", "unit", err.Error()
		}
		return name, "", ""
	}
	if m.Shape != vital.Wave {
		return "", "metric", metric + " is not a waveform"
	}
	if err := m.Accepts(unit); err != nil {
		return "", "unit", err.Error()
	}
	return m.Name, "", ""
}

// example builds a block whose samples climb by one, with two missing.
func example(metric, unit string, start int64) []byte {
	b := wave.Block{Sequence: 9, Start: start, MilliHz: 360_000, Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, Zero: -1024, Metric: metric, Unit: unit, Samples: make([]int16, 36)}
	for i := range b.Samples {
		b.Samples[i] = int16(1000 + i)
	}
	b.Samples[20], b.Samples[21] = wave.Missing, wave.Missing
	body, err := wave.Encode(b)
	if err != nil {
		panic("example block: " + err.Error())
	}
	return body
}

var examplesWave = []Example{
	{Title: "a tenth of a second of lead II with a gap", Packet: Packet{Topic: "v1/monitor-1/wave", Device: "monitor-1", Received: 1795345800120, Body: example("ecg-ii", "mV", 1795345800000000)}, Waveforms: 1},
	{Title: "a signal of its own, without a clock", Packet: Packet{Format: "vigil-wave", Device: "patch-7", Received: 1795345800120, Body: example("impedance", "Ohm", 0)}, Waveforms: 1},
}
