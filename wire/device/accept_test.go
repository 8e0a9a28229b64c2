package device_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/device"
	"github.com/vigilcare/vigil/wire/wave"
)

func TestAcceptWave(t *testing.T) {
	for _, c := range []struct {
		metric, unit string
		quality      vital.Quality
		want         string
	}{
		{"ecg-ii", "mV", vital.Motion, "ecg-ii mV [motion]"},
		{"ecg-ii", "uV", 0, "ecg-ii uV []"},
		{"pleth", "nA", 0, "pleth nA []"},
		{"impedance", "Ohm", 0, "x:impedance Ohm []"},
		{"x:impedance", "Ohm", 0, "x:impedance Ohm []"},
		{"ecg-ii", "mV", 1 << 30, "ecg-ii mV [questionable] byte 37"},
		{"ecg-ii", "mV", vital.Late | vital.Unbound, "ecg-ii mV []"},
		{"ecg-ii", "mm[Hg]", 0, "unit: unit \"mm[Hg]\" does not measure ecg-ii"},
		{"heart-rate", "/min", 0, "metric: heart-rate is not a waveform"},
		{"impedance", "ohms", 0, "unit: unit \"ohms\""},
		{"two words", "mV", 0, "metric: \"two words\" is not a known metric"},
		{strings.Repeat("x", 63), "mV", 0, "metric: \"xxx"},
	} {
		body, err := wave.Encode(wave.Block{MilliHz: 10_000, Gain: vital.Whole(1), Metric: c.metric, Unit: c.unit, Quality: c.quality, Samples: make([]int16, 10)})
		if err != nil {
			t.Fatal(err)
		}
		r, err := device.Decode(device.Packet{Device: "a", Topic: "v1/a/wave", Received: 1795345860020, Body: body})
		var got string
		if err != nil {
			invalid(t, err)
			got = err.Error()
		} else {
			w := r.Waveforms[0]
			got = fmt.Sprintf("%s %s [%s]", w.Metric, w.Unit, w.Quality)
			for _, p := range r.Problems {
				got += " " + p.Where
			}
			if w.Clocks.Device != 0 || w.Start != (1795345860020-1000)*1000 {
				t.Errorf("%s: without a clock the block ended when it came; it starts at %d", c.metric, w.Start)
			}
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s in %s: got %s, want %s", c.metric, c.unit, got, c.want)
		}
	}
}

func TestAcceptReading(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{"metric":"x:mood","code":"fine"}`, "x:mood fine"},
		{`{"metric":"Mood_2.5","value":3,"unit":"{score}"}`, "x:Mood_2.5 3"},
		{`{"metric":"mood","value":3,"unit":"points"}`, "unit: unit \"points\""},
		{`{"metric":"my mood","value":3,"unit":"1"}`, "metric: \"my mood\" is not a known metric"},
		{`{"metric":"x:","value":3,"unit":"1"}`, "metric: \"x:\""},
		{`{"metric":"x:x:a","value":3,"unit":"1"}`, "metric: \"x:x:a\""},
		{`{"metric":"` + strings.Repeat("m", 63) + `","value":3,"unit":"1"}`, "metric: \"mmm"},
		{`{"metric":"spo2","code":"high"}`, "code: spo2 is a number"},
		{`{"metric":"rhythm","code":"anything goes"}`, "rhythm anything goes"},
		{`{"metric":"spo2","value":9.7e1,"unit":"%"}`, "spo2 97"},
		{`{"metric":"spo2","value":9700,"unit":"%"}`, "spo2 9700"}, // implausible is not undecodable
	} {
		r, err := device.Decode(device.Packet{Device: "a", Received: 1, Body: []byte(c.body)})
		var got string
		if err != nil {
			invalid(t, err)
			got = err.Error()
		} else {
			got = r.Readings[0].Metric + " " + r.Readings[0].Value.String()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.body, got, c.want)
		}
	}
}

// A thousand bad readings do not make a thousand problems; a thousand good ones
// are all kept, in order.
func TestMany(t *testing.T) {
	packet := func(one string) device.Packet {
		return device.Packet{Device: "a", Received: 1, Body: []byte(`{"readings":[` + strings.Repeat(one+",", 999) + one + `]}`)}
	}
	r, err := device.Decode(packet(`{"metric":"spo2","value":97,"unit":"%"}`))
	if err != nil || len(r.Readings) != 1000 || len(r.Problems) != 0 {
		t.Errorf("%d readings, %d problems, %v", len(r.Readings), len(r.Problems), err)
	}
	for _, bad := range []string{`{"metric":"spo2","value":97}`, `{"metric":"spo2","value":97,"unit":"kg"}`} {
		r, err = device.Decode(packet(bad))
		if err != nil || len(r.Readings) != 0 || len(r.Problems) != 101 || !strings.HasPrefix(r.Problems[100].Reason, "900 more") {
			t.Errorf("%d readings, %d problems, %v", len(r.Readings), len(r.Problems), err)
		}
	}
}
