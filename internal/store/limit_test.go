package store_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

func unmarshal(t *testing.T, body []byte, into any) {
	t.Helper()
	must(t, json.Unmarshal(body, into))
}

func decimal(t *testing.T, text string) *vital.Decimal {
	t.Helper()
	d := got(vital.ParseDecimal(text))(t)
	return &d
}

func TestOwnLimits(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		set := func(l store.OwnLimit) store.OwnLimit {
			t.Helper()
			l.Patient = "p-a1"
			return got(d.SetLimit(ctx, entry("limit.set"), l))(t)
		}
		set(store.OwnLimit{Metric: "spo2", Unit: "%", Low: decimal(t, "88.0"), Why: "COPD", From: t0 + 100, Until: t0 + 1000})
		set(store.OwnLimit{Metric: "heart-rate", Unit: "/min", Low: decimal(t, "45"), High: decimal(t, "140"), Why: "athlete", From: t0 + 100})
		now := got(d.LimitsOf(ctx, everything, "p-a1", t0+500))(t)
		if len(now) != 2 || now[1].Low.String() != "88.0" || now[1].High != nil || now[0].High.String() != "140" || now[0].By != "u-1" {
			t.Fatalf("in force: %+v", now)
		}
		if n := got(d.LimitsOf(ctx, everything, "p-a1", t0+1000))(t); len(n) != 1 || n[0].Metric != "heart-rate" {
			t.Errorf("after one ran out: %+v", n)
		}
		if n := len(got(d.LimitsOf(ctx, everything, "p-a1", t0+99))(t)); n != 0 {
			t.Errorf("%d before they began", n)
		}
		// A second limit of a metric takes the place of the first.
		set(store.OwnLimit{Metric: "heart-rate", Unit: "/min", High: decimal(t, "150"), Why: "fever", From: t0 + 600})
		if n := got(d.LimitsOf(ctx, everything, "p-a1", t0+700))(t); len(n) != 2 || n[0].High.String() != "150" || n[0].Low != nil {
			t.Errorf("after the second: %+v", n)
		}
		must(t, d.EndLimit(ctx, entry("limit.end"), "p-a1", "heart-rate", t0+800, "no fever"))
		kind(t, d.EndLimit(ctx, entry("limit.end"), "p-a1", "heart-rate", t0+801, "no fever"), vital.Conflict)
		all := got(d.LimitHistory(ctx, everything, "p-a1"))(t)
		if len(all) != 3 || all[0].Ended != t0+800 || all[0].EndedBy != "u-1" || all[0].EndedWhy != "no fever" || all[0].High.String() != "150" {
			t.Fatalf("history: %+v", all)
		}
		for _, l := range all[1:] {
			if l.Metric == "heart-rate" && l.Ended != t0+600 {
				t.Errorf("the first heart rate limit ended at %s", l.Ended)
			}
		}
		for name, l := range map[string]store.OwnLimit{
			"no bound":       {Metric: "spo2", Unit: "%", Why: "x"},
			"no unit":        {Metric: "spo2", Low: decimal(t, "88"), Why: "x"},
			"no reason":      {Metric: "spo2", Unit: "%", Low: decimal(t, "88"), Why: " "},
			"low above high": {Metric: "spo2", Unit: "%", Low: decimal(t, "99"), High: decimal(t, "9.9e1"), Why: "x"},
			"ends at once":   {Metric: "spo2", Unit: "%", Low: decimal(t, "88"), Why: "x", From: t0, Until: t0},
		} {
			l.Patient = "p-a1"
			if _, err := d.SetLimit(ctx, entry("limit.set"), l); vital.KindOf(err) != vital.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := d.SetLimit(ctx, entry("limit.set"), store.OwnLimit{Patient: "p-none", Metric: "spo2", Unit: "%", Low: decimal(t, "88"), Why: "x"})
		kind(t, err, vital.NotFound)
		kinds := 0
		for _, c := range got(d.PendingControls(ctx, site, 0))(t) {
			if c.Kind == store.ControlLimits {
				kinds++
			}
		}
		if kinds != 4 {
			t.Errorf("%d decisions about limits, want 4", kinds)
		}
	})
}

func TestHowAPatientIsJudged(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		if c := got(d.CareOf(ctx, everything, "p-a1"))(t); c.At != 0 || c.SpO2Scale != 0 || c.Patient != "p-a1" {
			t.Errorf("before anybody said: %+v", c)
		}
		got(d.SetCare(ctx, entry("care.set"), store.Care{Patient: "p-a1", SpO2Scale: 1, At: t0}))(t)
		got(d.SetCare(ctx, entry("care.set"), store.Care{Patient: "p-a1", SpO2Scale: 2, Conditions: []string{"copd", "diabetes"}, Why: "hypercapnia", At: t0}))(t)
		c := got(d.CareOf(ctx, everything, "p-a1"))(t)
		if c.SpO2Scale != 2 || len(c.Conditions) != 2 || c.By != "u-1" || c.Why != "hypercapnia" {
			t.Errorf("care: %+v", c)
		}
		if all := got(d.CareHistory(ctx, everything, "p-a1"))(t); len(all) != 2 || all[1].SpO2Scale != 1 {
			t.Errorf("what held before is kept: %+v", all)
		}
		_, err := d.SetCare(ctx, entry("care.set"), store.Care{Patient: "p-a1", SpO2Scale: 3})
		kind(t, err, vital.Invalid)
		_, err = d.SetCare(ctx, entry("care.set"), store.Care{Patient: "p-a1", Conditions: []string{""}})
		kind(t, err, vital.Invalid)
		_, err = d.SetCare(ctx, entry("care.set"), store.Care{Patient: "p-none", SpO2Scale: 1})
		kind(t, err, vital.NotFound)
	})
}

func TestRuleSets(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		if _, there, err := d.ActiveRules(ctx, site); err != nil || there {
			t.Fatalf("a new site has rules of its own: %v", err)
		}
		put := func(version, base string) error {
			return d.PutRules(ctx, entry("rules.put"), store.RuleSet{Version: version, Why: "trial", Files: []store.RuleFile{{Name: "a.rule", Text: "rule \"x\"\n" + version}}}, base)
		}
		must(t, put("v1", ""))
		kind(t, put("v2", ""), vital.Conflict)
		kind(t, put("v1", "v1"), vital.Conflict)
		must(t, put("v2", "v1"))
		must(t, put("v1", "v2")) // back
		s, there, err := d.ActiveRules(ctx, site)
		if err != nil || !there || s.Version != "v1" || s.By != "u-1" || s.Why != "trial" || len(s.Files) != 1 || s.Files[0].Text != "rule \"x\"\nv1" {
			t.Fatalf("in force: %+v %v", s, err)
		}
		all := got(d.RuleSets(ctx, site))(t)
		if len(all) != 3 || all[0].Version != "v1" || !all[0].Active || all[1].Version != "v2" || all[1].Active || all[2].Active {
			t.Errorf("versions: %+v", all)
		}
		pending := got(d.PendingControls(ctx, site, 0))(t)
		if len(pending) != 3 || pending[2].Kind != store.ControlRules {
			t.Fatalf("pending: %+v", pending)
		}
		var last store.RuleSet
		unmarshal(t, pending[2].Body, &last)
		if last.Version != "v1" || len(last.Files) != 1 {
			t.Errorf("the decision: %+v", last)
		}
		kind(t, d.PutRules(ctx, entry("rules.put"), store.RuleSet{Version: "v3", Files: last.Files}, "v1"), vital.Invalid)
		big := store.RuleSet{Version: "v3", Why: "x", Files: []store.RuleFile{{Name: "a.rule", Text: string(make([]byte, 300_000))}}}
		kind(t, d.PutRules(ctx, entry("rules.put"), big, "v1"), vital.TooMuch)
		if _, there, _ := d.ActiveRules(ctx, "elsewhere"); there {
			t.Error("another site has these rules")
		}
	})
}
