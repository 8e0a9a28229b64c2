package rule_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// day is a Monday noon.
var day = vital.At(time.Date(2024, time.January, 1, 12, 0, 0, 0, time.UTC))

func second(n int) vital.Instant { return day + vital.Instant(n)*1000 }

// reading returns one of "spo2", "86 %" at a second.
func reading(metric, value string, at int) vital.Reading {
	number, unit, _ := strings.Cut(value, " ")
	r := vital.Reading{Device: "monitor-1", Patient: "p-1", Metric: metric, Unit: unit,
		Clocks: vital.Clocks{Receive: second(at), Effective: second(at)}, Source: vital.Position{Frame: uint64(at)}}
	d, err := vital.ParseDecimal(number)
	if err != nil {
		r.Value = vital.Coded(number)
		return r
	}
	r.Value = vital.Num(d)
	return r
}

// bed is one patient under a set.
type bed struct {
	set     *rule.Set
	state   rule.State
	subject rule.Subject
}

func newBed(s *rule.Set) *bed {
	return &bed{set: s, subject: rule.Subject{Patient: "p-1", AgeYears: 50, WardKind: "adult"}}
}

func (b *bed) read(metric, value string, at int) []vital.Finding {
	return b.set.Reading(&b.state, &b.subject, reading(metric, value, at), second(at))
}

func (b *bed) tick(at int) []vital.Finding { return b.set.Tick(&b.state, &b.subject, second(at)) }

// words prints findings: "spo2-low present high; ...".
func words(found []vital.Finding) string {
	var list []string
	for _, f := range found {
		text := f.Rule
		if f.Part != "" {
			text += "/" + f.Part
		}
		list = append(list, fmt.Sprintf("%s %s %s", text, f.Stand, f.Priority))
	}
	return strings.Join(list, "; ")
}

func want(t *testing.T, what string, found []vital.Finding, expected string) {
	t.Helper()
	if got := words(found); got != expected {
		t.Errorf("%s: want %q, got %q", what, expected, got)
	}
}

const low = `
rule spo2-low
  title "Oxygen saturation low"
  source "one"
  source "two"
  limit spo2 low 90 %
  schedule 22:00-07:00 limit spo2 low 85 %
  when spo2 < limit priority medium text "SpO2 {spo2} < {limit}"
  when spo2 < 80 % priority high
  test "t"
    at 00:00 spo2 85 %
    at 00:10 spo2 99 %
    expect 00:00 medium
    expect 00:10 nothing
`

// TestFinding: what a finding carries.
func TestFinding(t *testing.T) {
	s := load(t, low)
	b := newBed(s)
	r := reading("spo2", "85.0 %", 3)
	r.Clocks.Receive, r.Source = second(4), vital.Position{Partition: 2, Frame: 7, Index: 1}
	found := s.Reading(&b.state, &b.subject, r, second(4))
	if len(found) != 1 {
		t.Fatalf("findings %v", found)
	}
	f := found[0]
	if f.Patient != "p-1" || f.Rule != "spo2-low" || f.Part != "" || f.Title != "Oxygen saturation low" || f.Text != "SpO2 85.0 % < 90 %" ||
		f.Metric != "spo2" || f.Priority != vital.Medium || f.Technical || f.Latching || f.Always || f.Spot || f.Stand != vital.Present ||
		f.At != second(3) || len(f.Version) != 12 || f.Version == s.Version() {
		t.Errorf("finding %+v", f)
	}
	e := vital.Evidence{Metric: "spo2", Value: "85.0", Unit: "%", At: second(3), Received: second(4), Device: "monitor-1", Source: r.Source}
	if len(f.Evidence) != 1 || f.Evidence[0] != e {
		t.Errorf("evidence %+v", f.Evidence)
	}
	want(t, "the same again", b.read("spo2", "85.0 %", 5), "")
	want(t, "another value, another text", b.read("spo2", "84 %", 6), "spo2-low present medium")
	want(t, "worse", b.read("spo2", "79 %", 7), "spo2-low present high")
	want(t, "better", b.read("spo2", "86 %", 8), "spo2-low present medium")
	want(t, "over", b.read("spo2", "97 %", 9), "spo2-low absent medium")
	want(t, "over once", b.read("spo2", "97 %", 10), "")
}

// TestNotJudged: what must never begin nor end a finding.
func TestNotJudged(t *testing.T) {
	s := load(t, low)
	for _, q := range []vital.Quality{vital.Bad, vital.Questionable, vital.Early, vital.Calibrating, vital.Test, vital.Demo, vital.SensorOff,
		vital.Motion, vital.Implausible, vital.Late, vital.Unbound} {
		t.Run(q.String(), func(t *testing.T) {
			b := newBed(s)
			doubted := func(value string, at int) []vital.Finding {
				r := reading("spo2", value, at)
				r.Quality = q
				return s.Reading(&b.state, &b.subject, r, second(at))
			}
			want(t, "low", doubted("70 %", 1), "")
			want(t, "low", b.tick(5), "")
			want(t, "judged low", b.read("spo2", "85 %", 6), "spo2-low present medium")
			want(t, "normal", doubted("99 %", 7), "")
			want(t, "worse", doubted("70 %", 8), "")
			want(t, "still fresh", b.tick(20), "")
			want(t, "too old", b.tick(25), "spo2-low unknown medium")
			want(t, "too old once", b.tick(30), "")
			want(t, "normal is no end", doubted("99 %", 31), "")
			want(t, "found again", b.read("spo2", "85 %", 32), "spo2-low present medium")
		})
	}
	b := newBed(s)
	b.subject.Demo = true
	r := reading("spo2", "70 %", 1)
	r.Quality = vital.Demo
	want(t, "demo data of a demo patient", s.Reading(&b.state, &b.subject, r, second(1)), "spo2-low present high")
}

// TestOld: data that comes long after it was measured raises nothing.
func TestOld(t *testing.T) {
	b := newBed(load(t, low))
	r := reading("spo2", "70 %", 0)
	want(t, "an hour late", b.set.Reading(&b.state, &b.subject, r, second(3600)), "")
	want(t, "tick", b.tick(3605), "")
	ahead := reading("spo2", "70 %", 9000)
	want(t, "clock ahead", b.set.Reading(&b.state, &b.subject, ahead, second(3610)), "spo2-low present high")
	want(t, "a clock that runs ahead keeps nothing fresh", b.tick(3630), "spo2-low unknown high")
}

// TestDevices: one device is followed while it sends; another takes its place
// when it stops or is doubted.
func TestDevices(t *testing.T) {
	b := newBed(load(t, low))
	other := func(value string, at int) []vital.Finding {
		r := reading("spo2", value, at)
		r.Device = "monitor-2"
		return b.set.Reading(&b.state, &b.subject, r, second(at))
	}
	b.read("spo2", "97 %", 0)
	want(t, "another device", other("70 %", 1), "")
	b.read("spo2", "97 %", 2)
	want(t, "the first is too old", other("84 %", 18), "spo2-low present medium")
	doubted := reading("spo2", "97 %", 19)
	doubted.Device, doubted.Quality = "monitor-2", vital.SensorOff
	want(t, "doubted", b.set.Reading(&b.state, &b.subject, doubted, second(19)), "")
	want(t, "the other speaks", b.read("spo2", "97 %", 20), "spo2-low absent medium")
}

// TestLimits: the patient's own limit, then the time of the day, then the rule.
func TestLimits(t *testing.T) {
	s := load(t, low)
	b := newBed(s)
	show := func(now vital.Instant) string {
		text, err := json.Marshal(s.Limits(&b.subject, now))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := show(day); got != `[{"metric":"spo2","unit":"%","low":90,"defaultLow":90,"rule":"spo2-low","own":false}]` {
		t.Error(got)
	}
	night := day + 11*3600_000
	if got := show(night); got != `[{"metric":"spo2","unit":"%","low":85,"defaultLow":85,"rule":"spo2-low","own":false}]` {
		t.Error(got)
	}
	b.subject.Local = func(vital.Instant) (int, time.Weekday) { return 23 * 60, time.Monday }
	if got := show(day); !strings.Contains(got, `"low":85`) {
		t.Error("the ward's own time does not count:", got)
	}
	b.subject.Local = nil
	want(t, "by day", b.read("spo2", "88 %", 0), "spo2-low present medium")
	own := vital.Whole(86)
	b.subject.Limits = []rule.Limit{{Metric: "spo2", Low: &own, Unit: "%"}}
	want(t, "own limit", b.set.Adopt(&b.state, &b.subject, second(1)), "spo2-low absent medium")
	if got := show(night); got != `[{"metric":"spo2","unit":"%","low":86,"defaultLow":85,"rule":"spo2-low","own":true}]` {
		t.Error(got)
	}
	want(t, "own limit crossed", b.read("spo2", "85 %", 2), "spo2-low present medium")
	b.subject.Limits = nil
	want(t, "the limit ended", b.set.Adopt(&b.state, &b.subject, second(3)), "spo2-low present medium")
	b.subject.Limits = []rule.Limit{{Metric: "spo2", Low: &own, Unit: "mm[Hg]"}}
	want(t, "a limit that is none", b.set.Adopt(&b.state, &b.subject, second(4)), "rule-error/spo2-low present medium")
}

// TestAdopt: a new set, a patient to whom a rule no longer applies.
func TestAdopt(t *testing.T) {
	b := newBed(load(t, low))
	b.read("spo2", "85 %", 0)
	stricter := load(t, strings.Replace(low, "limit spo2 low 90 %", "limit spo2 low 92 %", 1))
	if stricter.Version() == b.set.Version() || stricter.Rules()[0].Version == b.set.Rules()[0].Version {
		t.Error("another text has the same version")
	}
	again := load(t, "# a remark\n"+low)
	if again.Version() == b.set.Version() || again.Rules()[0].Version != b.set.Rules()[0].Version {
		t.Error("a remark changes the file and not the rule")
	}
	b.set = stricter
	want(t, "a changed rule still finds it", b.set.Adopt(&b.state, &b.subject, second(1)), "spo2-low present medium")
	b.set = load(t, strings.NewReplacer("limit spo2 low 90 %", "limit spo2 low 83 %", "at 00:00 spo2 85 %", "at 00:00 spo2 82 %").Replace(low))
	want(t, "a changed rule does not", b.set.Adopt(&b.state, &b.subject, second(2)), "spo2-low absent medium")
	b.set = stricter
	want(t, "the stricter one again", b.set.Adopt(&b.state, &b.subject, second(3)), "spo2-low present medium")
	b.set = load(t, strings.Replace(low, "rule spo2-low", "rule another", 1))
	want(t, "the rule is gone", b.set.Adopt(&b.state, &b.subject, second(4)), "spo2-low withdrawn medium; another present medium")
	b.set = load(t, strings.Replace(low, "  limit spo2 low", "  applies not condition copd\n  limit spo2 low", 1))
	b.set.Adopt(&b.state, &b.subject, second(5))
	b.subject.Conditions = []string{"COPD"}
	want(t, "it no longer applies, also without being told", b.tick(6), "spo2-low withdrawn medium")
	want(t, "nothing is looked for", b.read("spo2", "60 %", 7), "")
}

// TestError: a rule that cannot be evaluated says so, and ends nothing.
func TestError(t *testing.T) {
	b := newBed(load(t, `
rule ratio
  title "Ratio"
  source "one"
  source "two"
  when heart-rate / bp-systolic > 1 /min/mm[Hg] priority high text "HR {heart-rate}, SBP {bp-systolic}, {heart-rate / bp-systolic}"
  test "t"
    at 00:00 heart-rate 120 /min, bp-systolic 80 mm[Hg]
    at 00:05 bp-systolic 0 mm[Hg]
    at 00:10 bp-systolic 150 mm[Hg]
    expect 00:00 high "HR 120 /min, SBP 80 mmHg, 1.5 /min/mmHg"
    expect 00:05 error "ratio: division by zero"
    expect 00:10 nothing
`))
	b.read("heart-rate", "120 /min", 0)
	want(t, "present", b.read("bp-systolic", "80 mm[Hg]", 0), "ratio present high")
	want(t, "zero", b.read("bp-systolic", "0 mm[Hg]", 5), "rule-error/ratio present medium")
	want(t, "zero once", b.tick(6), "")
	want(t, "too old", b.tick(25), "ratio unknown high")
	b.read("heart-rate", "120 /min", 30)
	want(t, "found", b.read("bp-systolic", "100 mm[Hg]", 31), "ratio present high; rule-error/ratio absent medium")
	want(t, "over", b.read("bp-systolic", "150 mm[Hg]", 32), "ratio absent high")
	want(t, "overflow", b.read("bp-systolic", "1e-120 mm[Hg]", 33), "rule-error/ratio present medium")
}

// TestUnits: what is sent in another unit is judged exactly.
func TestUnits(t *testing.T) {
	s := load(t, `
rule glucose-low
  title "Glucose low"
  source "one"
  source "two"
  when glucose < 3.9 mmol/L priority high text "Glucose {glucose} < 3.9 mmol/L"
  test "t"
    at 00:00 glucose 70 mg/dL
    at 00:05 glucose 71 mg/dL
    expect 00:00 high
    expect 00:05 nothing
`)
	b := newBed(s)
	want(t, "in the other unit", b.read("glucose", "3.8 mmol/L", 0), "glucose-low present high")
	want(t, "the bound itself", b.read("glucose", "3.9 mmol/L", 1), "glucose-low absent high")
	want(t, "a unit that is none", b.read("glucose", "1 mm[Hg]", 2), "")
	found := b.read("glucose", "3.80 mmol/L", 3)
	if len(found) != 1 || found[0].Text != "Glucose 3.80 mmol/L < 3.9 mmol/L" {
		t.Errorf("findings %+v", found)
	}
}

// TestAge: bands meet without a gap, down to days; what is not known fits none.
func TestAge(t *testing.T) {
	text := strings.Replace(low, "  limit spo2 low 90 %", "  applies AGE\n  limit spo2 low 90 %", 1)
	for _, a := range []struct {
		years   float64
		applies string
		want    bool
	}{
		{28 / 365.25, "age < 28 days", false}, {28 / 365.25, "age >= 28 days", true}, {27.9 / 365.25, "age >= 4 weeks", false},
		{0.25, "age < 3 months", false}, {0.25, "age >= 3 months", true}, {0.25, "age = 3 months", true}, {16, "age >= 16", true}, {15.99, "age >= 16", false},
		{1, "age between 1 month and 12 months", false}, {1, "age between 12 months and 5 years", true},
		{-1, "age >= 16", false}, {-1, "age < 16", false}, {-1, "not age < 16", false}, {-1, "age unknown", true}, {0, "age unknown", false},
	} {
		s := load(t, strings.Replace(text, "applies AGE", "applies age = 50 or "+a.applies, 1)) // the test's patient is 50
		sub := rule.Subject{Patient: "p-1", AgeYears: a.years}
		if got := len(s.Limits(&sub, day)) == 1; got != a.want {
			t.Errorf("%g years, %s: %v", a.years, a.applies, got)
		}
	}
}

// TestMarks: a file written on another system is read as well.
func TestMarks(t *testing.T) {
	load(t, "\ufeff"+strings.ReplaceAll(low, "\n", "\r\n"))
	load(t, strings.NewReplacer("  ", "\t", "when spo2 < limit", "when (spo2\n <\n limit)\n and not spo2 ≥ limit\n").Replace(low))
}

// TestDoubtComesFirst: a doubt that overtook the value it is newer than counts,
// after a restart too.
func TestDoubtComesFirst(t *testing.T) {
	b := newBed(load(t, low))
	doubted := reading("spo2", "99 %", 2)
	doubted.Quality = vital.SensorOff
	want(t, "doubt", b.set.Reading(&b.state, &b.subject, doubted, second(3)), "")
	body, err := json.Marshal(b.state)
	if err != nil {
		t.Fatal(err)
	}
	b.state = rule.State{}
	if err := json.Unmarshal(body, &b.state); err != nil {
		t.Fatal(err)
	}
	want(t, "older than the doubt", b.set.Reading(&b.state, &b.subject, reading("spo2", "70 %", 1), second(3)), "")
	want(t, "newer than the doubt", b.set.Reading(&b.state, &b.subject, reading("spo2", "70 %", 4), second(4)), "spo2-low present high")
}
