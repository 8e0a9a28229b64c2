package device_test

import (
	"strings"
	"testing"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/device"
)

// Every line of the catalogue decodes its own examples to what they say.
func TestExamples(t *testing.T) {
	for _, d := range device.Catalogue {
		if len(d.Examples) < 2 {
			t.Errorf("%s has %d examples: want at least 2", d.Name, len(d.Examples))
		}
		for _, e := range d.Examples {
			t.Run(d.Name+"/"+e.Title, func(t *testing.T) {
				r, err := device.Decode(e.Packet)
				if err != nil {
					t.Fatal(err)
				}
				if r.Decoder != d.Name+"@"+d.Version {
					t.Errorf("decoded by %s", r.Decoder)
				}
				got := [4]int{len(r.Readings), len(r.Waveforms), len(r.Events), len(r.Problems)}
				if want := [4]int{e.Readings, e.Waveforms, e.Events, e.Problems}; got != want {
					t.Errorf("readings, waveforms, events, problems: got %v, want %v: %v", got, want, r.Problems)
				}
				wellFormed(t, e.Packet, r)
			})
		}
	}
}

// wellFormed holds for whatever a decoder returns without an error.
func wellFormed(t *testing.T, p device.Packet, r device.Result) {
	t.Helper()
	if len(r.Readings) > 1000 || len(r.Events) > 1000 {
		t.Fatalf("%d readings, %d events", len(r.Readings), len(r.Events))
	}
	for _, x := range r.Readings {
		if x.Metric == "" || !x.Value.IsCode() && vital.ValidUnit(x.Unit) != nil || x.Value.IsCode() != (x.Unit == "") {
			t.Errorf("reading %+v: a number has a unit, a code has none", x)
		}
		if m := vital.LookMetric(x.Metric); m == nil && !strings.HasPrefix(x.Metric, "x:") {
			t.Errorf("unknown metric %q is not marked x:", x.Metric)
		} else if m != nil && m.Shape == vital.Numeric {
			if _, err := m.Convert(x.Value.Number, x.Unit, m.Unit); err != nil && !strings.Contains(err.Error(), "too large") {
				t.Errorf("accepted a unit that does not convert: %v", err)
			}
		}
		if x.Clocks.Receive != p.Received || x.Clocks.Effective != 0 || x.Decoder == "" || x.Clocks.Device < 0 {
			t.Errorf("reading %+v: clocks or decoder", x)
		}
	}
	for _, w := range r.Waveforms {
		last := uint32(0)
		for _, s := range w.Missing {
			if s.From < last || s.To <= s.From || int(s.To) > len(w.Samples) {
				t.Errorf("missing span %v of %d samples", s, len(w.Samples))
			}
			last = s.To
		}
		if len(w.Samples) == 0 || w.MilliHz == 0 || w.Unit == "" || w.Gain.Mantissa == 0 {
			t.Errorf("waveform %+v", w)
		}
	}
	for _, e := range r.Events {
		if e.Kind == "" || e.Clocks.Receive != p.Received {
			t.Errorf("event %+v", e)
		}
	}
}

func BenchmarkOneReading(b *testing.B) {
	p := device.Packet{Topic: "v1/monitor-12/telemetry", Device: "monitor-12", Received: 1795345800020,
		Body: []byte(`{"seq":41,"time":"2026-11-22T09:30:00.000+01:00","metric":"heart-rate","value":72.5,"unit":"/min"}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := device.Decode(p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}
