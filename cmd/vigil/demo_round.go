package main

import (
	"context"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// firstRounds enters what no monitor measures, for the patients of whom nobody
// has said anything yet: who is awake, who breathes air, which SpO2 scale a
// clinician chose. Without it no NEWS2 is whole. One patient is on scale 2.
func (n *node) firstRounds(ctx context.Context) error {
	all := store.Everything(n.site)
	stays, err := n.store.Occupants(ctx, all, demoWard, vitalNow())
	if err != nil {
		return err
	}
	nurse := auth.Principal{Site: n.site, Class: auth.User, ID: string(demoStaff[0].ID), Name: demoStaff[0].Name}
	for i, stay := range stays {
		care, err := n.store.CareOf(ctx, all, stay.Patient)
		if err != nil {
			return err
		}
		if care.At != 0 {
			continue
		}
		care = store.Care{Patient: stay.Patient, SpO2Scale: 1, By: string(demoStaff[3].ID), Why: "demonstration"}
		if i == 4 {
			care.SpO2Scale, care.Conditions = 2, []string{"copd"}
		}
		if _, err := n.store.SetCare(ctx, n.demoEntry("patient.care"), care); err != nil {
			return err
		}
		now := vitalNow()
		entered := func(metric, code string) vital.Reading {
			return vital.Reading{Site: n.site, Patient: stay.Patient, Metric: metric, Value: vital.Coded(code), Quality: vital.Manual, Clocks: vital.Clocks{Device: now}}
		}
		if _, err := n.flow.Observe(ctx, nurse, stay.Patient, []vital.Reading{entered("consciousness", "A"), entered("oxygen-device", "air")}); err != nil {
			return vital.Errorf(vital.KindOf(err), "enter a first round: %w", err)
		}
		round := store.Observation{Patient: stay.Patient, At: now, By: nurse.ID, Items: []store.ObservedItem{{Metric: "consciousness", Code: "A"}, {Metric: "oxygen-device", Code: "air"}}}
		if _, err := n.store.Observe(ctx, n.demoEntry("patient.observe"), round); err != nil {
			return err
		}
	}
	return nil
}
