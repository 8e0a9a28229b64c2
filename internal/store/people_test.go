package store_test

import (
	"context"
	"testing"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

func TestPeopleAndPlaces(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 2)
		wards := got(d.Wards(ctx, everything))(t)
		if len(wards) != 1 || wards[0].Beds != 2 || wards[0].Patients != 2 {
			t.Fatalf("wards: %+v", wards)
		}
		for search, want := range map[string]int{"müller": 2, "MÜLLERA1 änne": 1, "mrna2": 1, "nobody": 0, "%": 0} {
			if p := got(d.Patients(ctx, everything, search, ""))(t); len(p) != want {
				t.Errorf("search %q: %d patients, want %d", search, len(p), want)
			}
		}
		p := got(d.Patient(ctx, everything, "p-a1"))(t)
		if p.Family != "Müllera1" || len(p.Numbers) != 1 || p.Numbers[0].Value != "MRNa1" || len(p.Flags) != 1 {
			t.Errorf("patient: %+v", p)
		}
		_, err := d.Admit(ctx, entry("patient.admit"), "p-a1", "b-a2", t0+1)
		kind(t, err, vital.Conflict)
		_, err = d.Transfer(ctx, entry("patient.transfer"), "p-a1", "b-a2", t0+1)
		kind(t, err, vital.Conflict)
		must(t, d.Swap(ctx, entry("bed.swap"), "b-a1", "b-a2", t0+5))
		in := got(d.Occupants(ctx, everything, "w-a", t0+5))(t)
		if len(in) != 2 || in[0].Patient != "p-a2" || in[0].Room != "r-a" || in[1].Patient != "p-a1" {
			t.Errorf("after the swap: %+v", in)
		}
		if in := got(d.Occupants(ctx, everything, "w-a", t0+4))(t); in[0].Patient != "p-a1" {
			t.Errorf("before the swap: %+v", in)
		}
		must(t, d.Discharge(ctx, entry("patient.discharge"), "p-a1", t0+9, "home"))
		kind(t, d.Discharge(ctx, entry("patient.discharge"), "p-a1", t0+9, "home"), vital.Conflict)
		b := got(d.Bindings(ctx, everything, store.BindingFilter{Patient: "p-a1"}))(t)
		if len(b) != 1 || b[0].To != t0+9 {
			t.Errorf("a discharge closes bindings: %+v", b)
		}
		got(d.Admit(ctx, entry("patient.admit"), "p-a1", "b-a2", t0+20))(t)
		if all := got(d.Admissions(ctx, everything, "p-a1"))(t); len(all) != 3 || all[2].To != 0 {
			t.Errorf("stays: %+v", all)
		}
	})
}

func TestBinding(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 2)
		_, err := d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-a1", Patient: "p-a2", From: t0 + 10})
		kind(t, err, vital.Conflict)
		_, err = d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-none", Patient: "p-a2", From: t0 + 10})
		kind(t, err, vital.NotFound)
		b := got(d.Unbind(ctx, entry("device.unbind"), "m-a1", t0+10))(t)
		if b.Patient != "p-a1" || b.To != t0+10 {
			t.Errorf("unbound: %+v", b)
		}
		_, err = d.Unbind(ctx, entry("device.unbind"), "m-a1", t0+10)
		kind(t, err, vital.Conflict)
		// Half open: the next one may begin where this one ended.
		got(d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-a1", Patient: "p-a2", From: t0 + 10, To: t0 + 20}))(t)
		_, err = d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-a1", Room: "r-a", From: t0 + 19})
		kind(t, err, vital.Conflict)
		got(d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-a1", Room: "r-a", From: t0 + 20}))(t)
		got(d.PutPatient(ctx, entry("patient.put"), person.Person{Patient: "p-demo", Demo: true}))(t)
		must(t, d.PutDevice(ctx, entry("device.put"), store.Device{ID: "m-demo", Demo: true}))
		must(t, d.PutDevice(ctx, entry("device.put"), store.Device{ID: "m-real"}))
		_, err = d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-demo", Patient: "p-a1", From: t0})
		kind(t, err, vital.Conflict)
		_, err = d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-real", Patient: "p-demo", From: t0})
		kind(t, err, vital.Conflict)
		got(d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-demo", Patient: "p-demo", From: t0}))(t)
		kinds := map[string]int{}
		for _, c := range got(d.PendingControls(ctx, site, 0))(t) {
			kinds[c.Kind]++
		}
		if kinds[store.ControlAdmit] != 2 || kinds[store.ControlBind] != 5 || kinds[store.ControlUnbind] != 1 {
			t.Errorf("controls: %v", kinds)
		}
	})
}

// A change is in the ledger or did not happen.
func TestChangeNeedsItsEntry(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		_, err := d.PutWard(ctx, audit.Entry{Site: site}, store.Ward{ID: "w-1", Name: "x", Zone: "UTC"})
		kind(t, err, vital.Invalid)
		ward(t, d, "a", 1)
		before := len(got(d.Audit(ctx, everything, store.AuditFilter{}))(t))
		_, err = d.Admit(ctx, entry("patient.admit"), "p-a1", "b-a1", t0)
		kind(t, err, vital.Conflict)
		if after := len(got(d.Audit(ctx, everything, store.AuditFilter{}))(t)); after != before {
			t.Errorf("a change that failed left %d entries", after-before)
		}
		must(t, d.Discharge(ctx, entry("patient.discharge"), "p-a1", t0+9, "home"))
		e := got(d.Audit(ctx, everything, store.AuditFilter{Action: "patient.discharge"}))(t)
		if len(e) != 1 || e[0].Patient != "p-a1" || e[0].Outcome != "done" || e[0].Who != "u-1" {
			t.Errorf("ledger: %+v", e)
		}
	})
}
