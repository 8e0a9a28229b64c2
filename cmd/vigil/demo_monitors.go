package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/vigilcare/vigil/synth"
	"github.com/vigilcare/vigil/vital"
)

// demoStories are what befalls some of the demonstration's patients, by bed, so
// that a ward is seen with more than healthy people.
var demoStories = map[int][]string{
	3:  {"af@3m"},
	6:  {"opioid@2m"},
	10: {"sepsis@1m"},
	13: {"bleed@5m"},
}

// demoFaults are what goes wrong with some of the monitors.
var demoFaults = map[int][]string{
	4: {"lead-off@4m+90s"},
	8: {"motion@2m+60s"},
}

// runMonitors connects one simulated monitor per bed to the MQTT door.
func runMonitors(ctx context.Context, server string, monitors []monitor, seed uint64, log *slog.Logger) error {
	fleet := DeviceFleet{Server: server, Log: log}
	for i, m := range monitors {
		profile := synth.Someone(seed*1000 + uint64(i))
		profile.Age = m.Age
		profile.Hour = float64(time.Now().Hour())
		profile.Fibrillating = i%23 == 11
		d := SimDevice{
			ID: string(m.ID), Username: m.Username, Password: m.Password, Seed: seed*1000 + uint64(i), Profile: profile, Waves: true,
		}
		for _, text := range demoStories[i] {
			s, err := synth.ParseScenario(text)
			if err != nil {
				return vital.Errorf(vital.Internal, "story of bed %d: %w", i+1, err)
			}
			d.Scenarios = append(d.Scenarios, s)
		}
		for _, text := range demoFaults[i] {
			f, err := synth.ParseFault(text)
			if err != nil {
				return vital.Errorf(vital.Internal, "fault of bed %d: %w", i+1, err)
			}
			d.Faults = append(d.Faults, f)
		}
		fleet.Devices = append(fleet.Devices, d)
	}
	return runDevices(ctx, fleet)
}
