package alarm_test

import (
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

// Nine steps in ten have nothing to do: they must cost nothing.
func TestQuietStepAllocatesNothing(t *testing.T) {
	low := vital.Finding{Patient: "p", Rule: "spo2-low", Stand: vital.Present, Priority: vital.High, At: 900, Text: "SpO2 84 % < 90 %",
		Evidence: []vital.Evidence{{Metric: "spo2", Value: "84", Unit: "%", At: 900, Received: 950}}}
	s, effects := alarm.Step(alarm.State{}, alarm.Input{Now: 1000, Findings: []vital.Finding{low}})
	if len(effects) != 1 || !effects[0].Tell {
		t.Fatalf("got %+v, want one alarm that is told", effects)
	}
	for name, in := range map[string]alarm.Input{
		"time":                {Now: 2000},
		"the same again":      {Now: 2000, Findings: []vital.Finding{low}},
		"unknown and nothing": {Now: 2000, Findings: []vital.Finding{{Patient: "p", Rule: "other", Stand: vital.Unknown, At: 1900}}},
	} {
		if n := testing.AllocsPerRun(100, func() { alarm.Step(s, in) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkQuietStep(b *testing.B) {
	s, _ := alarm.Step(alarm.State{}, alarm.Input{Now: 1000, Findings: []vital.Finding{
		{Patient: "p", Rule: "a", Stand: vital.Present, Priority: vital.Low, At: 900},
		{Patient: "p", Rule: "b", Stand: vital.Present, Priority: vital.Low, At: 900},
	}})
	b.ReportAllocs()
	for b.Loop() {
		alarm.Step(s, alarm.Input{Now: 2000})
	}
}
