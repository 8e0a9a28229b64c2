package rule_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/synth"
	"github.com/vigilcare/vigil/vital"
)

// How long each of the 16 is watched, beginning at 16 hours of the day. -healthy 24h
// takes minutes.
var healthyFor = flag.Duration("healthy", 45*time.Minute, "how long TestHealthyPeopleAreQuiet watches each person")

// healthyLimit is how many alarms about the patient a healthy adult may have in a
// day: over 16 people and 24 h each it was 0 when this was written.
const healthyLimit = 1.0

// TestHealthyPeopleAreQuiet: 16 simulated healthy adults, at rest, asleep and on
// their feet, with ECG, oximeter, cuff, thermometer, glucose sensor and the round
// of a nurse, raise next to no alarm by the default rules.
func TestHealthyPeopleAreQuiet(t *testing.T) {
	t.Parallel()
	const people = 16
	var mutex sync.Mutex
	raised := map[string]int{}
	var wait sync.WaitGroup
	for worker := range 2 {
		wait.Go(func() {
			for i := worker; i < people; i += 2 {
				for name, n := range watched(uint64(i), *healthyFor, rule.Subject{}) {
					mutex.Lock()
					raised[name] += n
					mutex.Unlock()
				}
			}
		})
	}
	wait.Wait()
	days := (people * *healthyFor).Hours() / 24
	total := 0
	for _, name := range slices.Sorted(maps.Keys(raised)) {
		t.Logf("%s: %d", name, raised[name])
		total += raised[name]
	}
	t.Logf("%d alarms in %.1f bed days: %.2f for each bed and day", total, days, float64(total)/days)
	if float64(total)/days > healthyLimit {
		t.Errorf("more than %g alarms for each bed and day of healthy people", healthyLimit)
	}
}

// healthy draws a healthy adult.
func healthy(seed uint64) synth.Profile {
	r := rand.New(rand.NewPCG(seed, 0x6865616c))
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	return synth.Profile{
		Age: 22 + int(between(0, 45)), HeartRate: between(54, 84), RespRate: between(12, 18), Saturation: between(95.5, 99),
		Systolic: between(108, 138), Diastolic: between(64, 84), Temperature: between(36.4, 37.1), Glucose: between(85, 110),
		Active: seed%2 == 0, Hour: 1.5 * float64(seed), Wears: []synth.Wearable{synth.Monitor, synth.GlucoseSensor},
	}
}

// TestOpioidIsNotQuiet: the same watch of one of the same people is not quiet when
// an opioid stops the breath.
func TestOpioidIsNotQuiet(t *testing.T) {
	t.Parallel()
	scenario, err := synth.ParseScenario("opioid@1m")
	if err != nil {
		t.Fatal(err)
	}
	raised := watched(3, 30*time.Minute, rule.Subject{Conditions: []string{"postoperative-opioid"}}, scenario)
	for _, want := range []string{"opioid-breathing-slow", "spo2-low", "news2"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(raised)), func(name string) bool { return strings.HasPrefix(name, want+" ") }) {
			t.Errorf("no %s: %v", want, raised)
		}
	}
}

// watched judges one person and returns what was raised, by rule and text.
func watched(seed uint64, lasting time.Duration, sub rule.Subject, scenarios ...synth.Scenario) map[string]int {
	profile := healthy(seed)
	person := synth.NewPatient(seed, profile, scenarios, nil)
	sub.Patient, sub.AgeYears, sub.WardKind, sub.SpO2Scale = "p-healthy", float64(profile.Age), "adult", 1
	begin := vital.At(time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC))
	set, state := rule.Default(), rule.State{}
	latest := map[string]vital.Reading{}
	raised, open := map[string]int{}, map[string]bool{}
	heard := func(found []vital.Finding) {
		for _, f := range found {
			if f.Stand == vital.Present && !f.Technical && !open[f.Rule] {
				raised[fmt.Sprintf("%s (%s)", f.Rule, f.Text)]++
			}
			open[f.Rule] = f.Stand == vital.Present || f.Stand == vital.Unknown && open[f.Rule]
		}
	}
	read := func(now vital.Instant, metric string, v vital.Value, unit string, q vital.Quality) {
		r := vital.Reading{Patient: sub.Patient, Device: "d-1", Metric: metric, Value: v, Unit: unit, Quality: q, Clocks: vital.Clocks{Receive: now, Effective: now}}
		latest[metric] = r
		heard(set.Reading(&state, &sub, r, now))
	}
	for at := time.Duration(0); at < lasting; at += time.Second {
		now := begin.Add(at)
		if at%(4*time.Hour) == 0 {
			read(now, "consciousness", vital.Coded("A"), "", 0)
			read(now, "oxygen-device", vital.Coded("air"), "", 0)
		}
		for _, n := range person.Step(time.Second).Numerics {
			read(now, n.Metric, vital.Num(n.Value), n.Unit, n.Quality)
		}
		if at%(5*time.Second) == 0 {
			heard(set.Tick(&state, &sub, now))
		}
		if at%(time.Minute) == 0 {
			v := score.Collect(func(metric string) score.Input {
				r, ok := latest[metric]
				return score.Input{Present: ok, Metric: metric, Value: r.Value, Unit: r.Unit, At: r.Clocks.Effective, Quality: r.Quality}
			})
			v.AgeYears, v.SpO2Scale, v.Pregnant = sub.AgeYears, sub.SpO2Scale, score.No
			if r := score.NEWS2(v, now); r.Status == score.OK {
				read(now, "news2", vital.Num(r.Score), "{score}", vital.Derived)
			}
		}
	}
	return raised
}
