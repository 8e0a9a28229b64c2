package flow

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// Changed says that the store holds decisions that the journal does not: a
// binding, an admission, a plan, a standby. They take effect on the next packet;
// the watch hears of them through the journal.
func (f *Flow) Changed(ctx context.Context) error {
	if err := f.reload(ctx); err != nil {
		return err
	}
	last, err := f.db.NewestControl(ctx, f.site)
	if err != nil || last == 0 {
		return err
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return f.applied(ctx, last)
}

// applied waits until every partition has applied decision id, so that the next
// question is answered with it.
func (f *Flow) applied(ctx context.Context, id int64) error {
	for {
		all := true
		for _, p := range f.parts {
			p.mu.RLock()
			all = all && p.settled >= id
			p.mu.RUnlock()
		}
		if all {
			return nil
		}
		select {
		case <-ctx.Done():
			return vital.Errorf(vital.Unavailable, "the decision is stored and takes effect soon: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// reload takes devices and bindings from the store. Who calls it after a decision
// finds that decision in what is loaded: were two let in at once, the one that
// read first could come last, and a device that was taken off would go on
// measuring the patient who wore it.
func (f *Flow) reload(ctx context.Context) error {
	f.loading.Lock()
	defer f.loading.Unlock()
	all := store.Everything(f.site)
	devices, err := f.db.Devices(ctx, all, "")
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "load the devices: %w", err)
	}
	bindings, err := f.db.BindingsOfSite(ctx, f.site)
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "load the bindings: %w", err)
	}
	facts := make([]ingest.DeviceFacts, 0, len(devices))
	for _, d := range devices {
		facts = append(facts, ingest.DeviceFacts{ID: d.ID, Kind: d.Kind, Demo: d.Demo, Wellness: d.Regulatory == "wellness"})
	}
	list := make([]ingest.Binding, 0, len(bindings))
	for _, b := range bindings {
		list = append(list, ingest.Binding{Device: b.Device, Patient: b.Patient, Room: b.Room, From: b.From, To: b.To})
	}
	made, err := f.db.Corrections(ctx, f.site)
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "load the corrections: %w", err)
	}
	corrections := make([]ingest.Binding, 0, len(made))
	for _, c := range made {
		corrections = append(corrections, ingest.Binding{Device: c.Device, Patient: c.Patient, From: c.From, To: c.To})
	}
	f.o.Registry.Replace(facts, list, corrections)
	return nil
}

// controlForever journals the store's pending decisions, in their order.
func (f *Flow) controlForever(ctx context.Context) error {
	again := time.NewTicker(tickEvery)
	defer again.Stop()
	for {
		if err := f.journalControls(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-again.C:
		}
	}
}

// Bounds of what one frame of decisions holds: each frame waits for its sync in
// every partition, and a hundred admissions are not a hundred syncs.
const (
	mostControls     = 64
	mostControlBytes = 128 << 10
	controlsAtOnce   = 500 // read from the store
)

func (f *Flow) journalControls(ctx context.Context) error {
	for {
		// What was journalled and is not marked yet is on its way: its commit comes.
		pending, err := f.db.ControlsAfter(ctx, f.site, f.journalled, controlsAtOnce)
		if err != nil {
			return vital.Errorf(vital.KindOf(err), "read the pending decisions: %w", err)
		}
		if err := f.journalAll(ctx, pending); err != nil {
			return err
		}
		if len(pending) < controlsAtOnce {
			return nil
		}
	}
}

func (f *Flow) journalAll(ctx context.Context, pending []store.Control) error {
	wards := map[vital.WardID]store.Ward{}
	var records []journal.Record
	var newest int64
	size := 0
	flush := func() error {
		if len(records) == 0 {
			return nil
		}
		// Partition 0 is last: it marks a decision as journalled, which is true only
		// when every partition has it.
		for _, w := range slices.Backward(f.writers) {
			if _, err := w.AppendFrame(ctx, records); err != nil {
				return vital.Errorf(vital.KindOf(err), "journal decisions up to %d: %w", newest, err)
			}
		}
		f.journalled = newest
		records, size = nil, 0
		return nil
	}
	for _, c := range pending {
		facts, err := f.factsOf(ctx, c, wards)
		if err != nil {
			return err
		}
		body, err := json.Marshal(control{ID: c.ID, At: c.At, Kind: c.Kind, Body: c.Body, Facts: facts})
		if err != nil {
			return err
		}
		if len(records) == mostControls || size+len(body) > mostControlBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		records = append(records, journal.Record{Kind: journal.KindControl, Body: body})
		newest, size = c.ID, size+len(body)
	}
	return flush()
}

// factsOf says what is now true of the patients that a decision touches.
func (f *Flow) factsOf(ctx context.Context, c store.Control, wards map[vital.WardID]store.Ward) ([]watch.Facts, error) {
	switch c.Kind {
	case store.ControlAlarm, store.ControlReport, store.ControlRules:
		return nil, nil // they carry all that the watch needs
	}
	var touched struct {
		Patient  vital.PatientID   `json:"patient"`
		Patients []vital.PatientID `json:"patients"`
	}
	if err := json.Unmarshal(c.Body, &touched); err != nil {
		return nil, vital.Errorf(vital.Internal, "read decision %d (%s): %w", c.ID, c.Kind, err)
	}
	ids := touched.Patients
	if touched.Patient != "" && !slices.Contains(ids, touched.Patient) {
		ids = append(ids, touched.Patient)
	}
	facts := make([]watch.Facts, 0, len(ids))
	for _, id := range ids {
		one, err := f.factsIn(ctx, id, wards)
		if err != nil {
			return nil, vital.Errorf(vital.KindOf(err), "collect what is expected of %s: %w", id, err)
		}
		facts = append(facts, one)
	}
	return facts, nil
}

// facts collects what is true of a patient now.
func (f *Flow) facts(ctx context.Context, id vital.PatientID) (watch.Facts, error) {
	return f.factsIn(ctx, id, map[vital.WardID]store.Ward{})
}

// factsIn is facts. wards remembers those that were looked up: most decisions that
// come together are about the same few.
func (f *Flow) factsIn(ctx context.Context, id vital.PatientID, wards map[vital.WardID]store.Ward) (watch.Facts, error) {
	all := store.Everything(f.site)
	out := watch.Facts{Patient: id}
	admissions, err := f.db.Admissions(ctx, all, id)
	if err != nil {
		return out, err
	}
	out.About, err = f.about(ctx, id)
	if err != nil {
		return out, err
	}
	for _, a := range admissions {
		if a.To != 0 {
			continue
		}
		out.Present = true
		ward, known := wards[a.Ward]
		if !known {
			if ward, err = f.db.Ward(ctx, all, a.Ward); err != nil {
				return out, err
			}
			wards[a.Ward] = ward
		}
		out.About.Ward, out.About.WardKind, out.About.Zone = string(ward.ID), ward.Kind, ward.Zone
	}
	bindings, err := f.db.Bindings(ctx, all, store.BindingFilter{Patient: id})
	if err != nil {
		return out, err
	}
	var kinds []string
	for _, b := range bindings {
		if b.To != 0 {
			continue
		}
		out.Devices = append(out.Devices, b.Device)
		kind, err := f.kindOf(ctx, b.Device)
		if err != nil {
			return out, err
		}
		kinds = append(kinds, kind)
	}
	slices.Sort(out.Devices)
	out.Links = f.waysOf(out.Devices)
	plan, err := f.db.PlanOf(ctx, all, id)
	if err != nil {
		return out, err
	}
	for _, i := range plan {
		out.Plan = append(out.Plan, watch.Plan{Metric: i.Metric, Kind: watch.StreamKind(i.Kind), Every: int64(i.Every) * 1000})
	}
	if len(plan) == 0 && out.Present {
		for _, k := range kinds {
			for _, item := range watch.DefaultPlan(k) {
				if !slices.ContainsFunc(out.Plan, func(o watch.Plan) bool { return o.Metric == item.Metric }) {
					out.Plan = append(out.Plan, item)
				}
			}
		}
	}
	standby, ok, err := f.db.StandbyOf(ctx, all, id)
	if err != nil {
		return out, err
	}
	if ok {
		out.Standby = watch.Standby{Reason: standby.Reason, By: standby.By, From: standby.From, Until: standby.Until}
	}
	return out, nil
}

// kindOf returns what kind a device is. The registry may not know it yet: a
// decision is journalled by the clock too, before anybody said that there is one.
func (f *Flow) kindOf(ctx context.Context, id vital.DeviceID) (string, error) {
	if d, ok := f.o.Registry.Device(id); ok {
		return d.Kind, nil
	}
	d, err := f.db.Device(ctx, store.Everything(f.site), id)
	return d.Kind, err
}

// about says what bears on how a patient is judged.
func (f *Flow) about(ctx context.Context, id vital.PatientID) (watch.About, error) {
	all := store.Everything(f.site)
	now := f.now()
	bearing, err := f.db.BearingOf(ctx, f.site, id, now)
	if err != nil {
		return watch.About{}, err
	}
	care, err := f.db.CareOf(ctx, all, id)
	if err != nil {
		return watch.About{}, err
	}
	limits, err := f.db.LimitsOf(ctx, all, id, now)
	if err != nil {
		return watch.About{}, err
	}
	a := watch.About{AgeYears: bearing.AgeYears, Demo: bearing.Demo, Test: store.SentinelPatient(id), SpO2Scale: care.SpO2Scale, Conditions: care.Conditions}
	for _, l := range limits {
		a.Limits = append(a.Limits, watch.Limit{Metric: l.Metric, Unit: l.Unit, Low: l.Low, High: l.High, By: l.By, From: l.From, Until: l.Until})
	}
	return a, nil
}
