package alarm_test

import (
	"fmt"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

// A low saturation is told to the nurse of the bed, a minute later to the next
// level, and then somebody takes it.
func Example() {
	var s alarm.State
	show := func(effects []alarm.Effect) {
		for _, e := range effects {
			user, level := e.Whom()
			fmt.Printf("%s: %s, sound %s, tell %v %q level %d\n", e.Kind, e.Alarm.Text, e.Alarm.Sound, e.Tell, user, level)
		}
	}
	at := vital.Instant(1_795_000_000_000)
	s, effects := alarm.Step(s, alarm.Input{Now: at, Findings: []vital.Finding{{
		Patient: "p-1", Rule: "spo2-low", Stand: vital.Present, Priority: vital.High, At: at, Text: "SpO2 84 % < 90 %",
	}}})
	show(effects)
	s, effects = alarm.Step(s, alarm.Input{Now: at + 60_000})
	show(effects)
	s, effects = alarm.Step(s, alarm.Input{Now: at + 75_000, Commands: []alarm.Command{{
		ID: 1, Patient: "p-1", Verb: alarm.Accept, Alarm: s.Open()[0].ID, By: "u-anna", At: at + 75_000,
	}}})
	show(effects)
	_, effects = alarm.Step(s, alarm.Input{Now: at + 180_000, Findings: []vital.Finding{{
		Patient: "p-1", Rule: "spo2-low", Stand: vital.Absent, At: at + 180_000,
	}}})
	show(effects)
	// Output:
	// raised: SpO2 84 % < 90 %, sound on, tell true "" level 0
	// escalated: SpO2 84 % < 90 %, sound on, tell true "" level 1
	// done: SpO2 84 % < 90 %, sound acknowledged, tell false "u-anna" level 1
	// closed: SpO2 84 % < 90 %, sound acknowledged, tell false "u-anna" level 1
}
