package webd_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"slices"
	"sync"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/trace"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// judged stands in for the watch: the alarm machine is the real one, over the
// real store, but what was found is what a test says.
type judged struct {
	store  *store.DB
	lock   *sync.Mutex
	epoch  uint64
	frame  uint64
	states map[vital.PatientID]alarm.State
	limits map[vital.PatientID][]rule.Effective
	scores map[vital.PatientID][]score.Result
	set    *rule.Set
}

func newJudged() judged {
	return judged{
		lock: new(sync.Mutex), states: make(map[vital.PatientID]alarm.State), set: rule.Default(),
		limits: make(map[vital.PatientID][]rule.Effective), scores: make(map[vital.PatientID][]score.Result),
	}
}

// seen is what the flow asks the store as well.
func (j *judged) seen(rows store.Rows, p vital.PatientID) vital.DataSet {
	if rows.For == nil {
		return vital.EveryData
	}
	seen, err := j.store.Sees(context.Background(), rows, []vital.PatientID{p})
	if err != nil {
		panic(err)
	}
	return seen[p]
}

func (j *judged) Alarms(_ context.Context, rows store.Rows, patients []vital.PatientID) []alarm.Alarm {
	j.lock.Lock()
	defer j.lock.Unlock()
	var open []alarm.Alarm
	for id, s := range j.states {
		if (patients == nil || slices.Contains(patients, id)) && (id == store.SitePatient || j.seen(rows, id).Has(vital.DataAlarms)) {
			open = append(open, s.Open()...)
		}
	}
	return open
}

func (j *judged) Limits(p vital.PatientID) []rule.Effective { return j.limits[p] }
func (j *judged) Scores(p vital.PatientID) []score.Result   { return j.scores[p] }
func (j *judged) Baselines(vital.PatientID) []watch.Baseline {
	return []watch.Baseline{{Metric: "heart-rate", Unit: "/min", Ready: true, Days: 15, Center: 70, Spread: 2, Current: true, Now: 80, Z: 5, At: 1000}, {Metric: "resp-rate", Unit: "/min", Center: 9, Z: 9}}
}
func (j *judged) Rules() *rule.Set { j.lock.Lock(); defer j.lock.Unlock(); return j.set }

func (j *judged) Offs(p vital.PatientID) []alarm.Switch {
	j.lock.Lock()
	defer j.lock.Unlock()
	return j.states[p].Offs
}

// step lets the alarm machine of a patient go on, and keeps what it says.
func (j *judged) step(ctx context.Context, patient vital.PatientID, in alarm.Input, controls []store.Control, u *watch.Update) error {
	s := j.states[patient]
	s.Patient = patient
	s, effects := alarm.Step(s, in)
	j.states[patient] = s
	b := store.Batch{Site: vital.DefaultSite, Partition: 7, Controls: controls}
	for _, e := range effects {
		if e.Alarm.ID != "" {
			b.Alarms = append(b.Alarms, e.Alarm)
			u.Alarms = append(u.Alarms, e.Alarm)
		}
		if d, ok := store.DeedOf(e); ok {
			b.Deeds = append(b.Deeds, d)
		}
	}
	if j.epoch == 0 {
		epoch, err := j.store.Own(ctx, b.Site, b.Partition)
		if err != nil {
			return err
		}
		j.epoch = epoch
	}
	j.frame++
	b.Epoch, b.Applied = j.epoch, j.frame
	return j.store.Commit(ctx, b)
}

// carryOut does what was decided about alarms and rules since the last time.
func (j *judged) carryOut(ctx context.Context, u *watch.Update) error {
	j.lock.Lock()
	defer j.lock.Unlock()
	pending, err := j.store.PendingControls(ctx, vital.DefaultSite, 1000)
	if err != nil {
		return err
	}
	for _, c := range pending {
		switch c.Kind {
		case store.ControlAlarm:
			var asked alarm.Command
			if err := json.Unmarshal(c.Body, &asked); err != nil {
				return err
			}
			asked.ID = c.ID
			if err := j.step(ctx, asked.Patient, alarm.Input{Now: c.At, Commands: []alarm.Command{asked}}, []store.Control{c}, u); err != nil {
				return err
			}
		case store.ControlRules:
			var s store.RuleSet
			if err := json.Unmarshal(c.Body, &s); err != nil {
				return err
			}
			var files []rule.File
			for _, f := range s.Files {
				files = append(files, rule.File{Name: f.Name, Text: f.Text})
			}
			if set, _ := rule.Load(files); set != nil {
				j.set = set
			}
			if err := j.step(ctx, "p-none", alarm.Input{Now: c.At}, []store.Control{c}, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// find lets something be found and shows what comes of it; it returns the alarms
// that changed.
func (w *world) find(findings ...vital.Finding) []alarm.Alarm {
	w.t.Helper()
	u := &watch.Update{}
	func() {
		j := &w.flow.judged
		j.lock.Lock()
		defer j.lock.Unlock()
		for _, f := range findings {
			w.do(j.step(w.t.Context(), f.Patient, alarm.Input{Now: vital.At(w.clock.Now()), Findings: []vital.Finding{f}}, nil, u))
		}
	}()
	w.flow.publish(u)
	return u.Alarms
}

// low is a finding that the oxygen of a patient is low.
func low(patient string, at vital.Instant) vital.Finding {
	return vital.Finding{
		Patient: vital.PatientID(patient), Rule: "spo2-low", Version: "0123456789ab", Title: "Oxygen saturation low", Text: "SpO2 84 % < 90 %",
		Metric: "spo2", Priority: vital.High, Stand: vital.Present, At: at,
		Evidence: []vital.Evidence{{Metric: "spo2", Value: "84", Unit: "%", At: at, Received: at + 20, Device: "monitor-a", Source: vital.Position{Partition: 1, Frame: 2, Index: 3}}},
	}
}

func disk(at vital.Instant) vital.Finding {
	return vital.Finding{
		Patient: store.SitePatient, Rule: "disk", Version: "1", Title: "The disk is nearly full", Text: "2 % free", Technical: true, Priority: vital.Medium, Stand: vital.Present, At: at,
	}
}

// Try has nothing of its own to say: the trial itself is tested where it is.
func (j judged) Try(context.Context, store.Rows, webd.Trial) ([]webd.Trialled, error) {
	return []webd.Trialled{{Patient: "p-1", Readings: 10, Before: []watch.Episode{{Rule: "spo2-low", Title: "Oxygen saturation low", Priority: vital.Medium, Raised: 1000, Closed: 61_000}}}}, nil
}

// Trace signs an empty one: what is in a trace is tested where it is made.
func (j judged) Trace(context.Context, store.Rows, string) ([]byte, error) {
	return trace.Sign(trace.Trace{Version: trace.Version}, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
}
