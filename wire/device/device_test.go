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

func invalid(t *testing.T, err error) {
	t.Helper()
	if vital.KindOf(err) != vital.Invalid || err.Error() == "" || len(err.Error()) > 1000 {
		t.Errorf("error of kind %v: %.200s", vital.KindOf(err), err)
	}
}

func TestChoose(t *testing.T) {
	one := `{"metric":"spo2","value":97,"unit":"%"}`
	list := `[{"n":"spo2","u":"%","v":97}]`
	block := device.Catalogue[2].Examples[0].Packet.Body
	for _, c := range []struct{ format, topic, body, want string }{
		{"", "v1/a/telemetry", one, "vigil-json@1"},
		{"", "v1/a/telemetry", " \n" + list, "senml@1"},
		{"", "v1/a/wave", string(block), "vigil-wave@1"},
		{"vigil-json", "", one, "vigil-json@1"},
		{"application/json; charset=utf-8", "", list, "senml@1"},
		{"Application/SenML+JSON", "", list, "senml@1"},
		{"application/octet-stream", "", string(block), "vigil-wave@1"},
		{"application/vnd.vigil.wave", "", one, `vigil-wave@1 error byte 0: want "VW1\n"`},
		{"application/xml", "", one, ` error format "application/xml": no decoder of that name or media type`},
		{"", "v1/a/wave", "abc", ` error byte 0: not a waveform block: want "VW1\n", found "abc"`},
		{"", "v1/a/telemetry", "\x00\x01", ` error byte 0: want { of Vigil JSON, [ of SenML or VW1 of a waveform block, found "\x00\x01"`},
		{"", "", "", " error byte 0: the packet is empty"},
		{"", "", strings.Repeat(" ", device.MaxBody+1), " error packet of 1048577 bytes: at most 1048576"},
	} {
		r, err := device.Decode(device.Packet{Format: c.format, Topic: c.topic, Body: []byte(c.body), Device: "a", Received: 1})
		got := r.Decoder
		if err != nil {
			invalid(t, err)
			got += " error " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s %.20q: got %s, want %s", c.format, c.topic, c.body, got, c.want)
		}
	}
}

// A device may not speak for another one; a gateway may.
func TestGateway(t *testing.T) {
	body := []byte(`{"device":"patch-7","metric":"spo2","value":97,"unit":"%"}`)
	if _, err := device.Decode(device.Packet{Device: "monitor-1", Body: body}); err == nil || !strings.Contains(err.Error(), "only a gateway") {
		t.Errorf("a device spoke for another: %v", err)
	}
	for _, p := range []device.Packet{{Device: "gw-1", Gateway: true, Body: body}, {Device: "patch-7", Body: body}} {
		r, err := device.Decode(p)
		if err != nil || r.Readings[0].Device != "patch-7" {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// Remarks that only a receiver can know are not taken from a device.
func TestRemarksOfTheReceiver(t *testing.T) {
	r, err := device.Decode(device.Packet{Device: "a", Body: []byte(`{"metric":"spo2","value":97,"unit":"%","quality":["late","unbound","motion"]}`)})
	if err != nil || r.Readings[0].Quality != vital.Motion {
		t.Errorf("%+v, %v", r, err)
	}
}
