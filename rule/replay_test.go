package rule_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// input is something that happens to a patient.
type input struct {
	reading *vital.Reading
	event   *vital.Event
	tick    bool
	now     vital.Instant
}

func (b *bed) give(in input) []vital.Finding {
	switch {
	case in.reading != nil:
		return b.set.Reading(&b.state, &b.subject, *in.reading, in.now)
	case in.event != nil:
		return b.set.Event(&b.state, &b.subject, *in.event, in.now)
	}
	return b.set.Tick(&b.state, &b.subject, in.now)
}

var measured = []struct {
	metric, unit string
	low, high    int64
}{
	{"spo2", "%", 75, 100}, {"heart-rate", "/min", 60, 170}, {"bp-systolic", "mm[Hg]", 0, 160}, {"abp-systolic", "mm[Hg]", 40, 180},
	{"temperature", "Cel", 36, 40}, {"glucose-sensor", "mg/dL", 40, 250}, {"news2", "{score}", 0, 9}, {"steps", "{steps}", 0, 60},
}

// inputs draws what happens in some minutes: readings of some devices, now and
// then doubted, events, ticks, gaps.
func inputs(t *rapid.T) []input {
	var list []input
	now := day
	for range rapid.IntRange(1, 150).Draw(t, "n") {
		now += vital.Instant(rapid.SampledFrom([]int64{0, 200, 1000, 1000, 1000, 3000, 5000, 20_000, 300_000}).Draw(t, "later"))
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			list = append(list, input{event: &vital.Event{Device: "m", Patient: "p-1", Kind: rapid.SampledFrom([]string{"fall", "button", "rhythm"}).Draw(t, "kind"),
				Code: rapid.SampledFrom([]string{"", "VF", "SR"}).Draw(t, "code"), Clocks: vital.Clocks{Receive: now, Effective: now}}, now: now})
		case 1, 2:
			list = append(list, input{tick: true, now: now})
		case 3:
			r := reading("consciousness", rapid.SampledFrom([]string{"A", "V", "U"}).Draw(t, "code"), 0)
			r.Unit, r.Clocks = "", vital.Clocks{Receive: now, Effective: now}
			list = append(list, input{reading: &r, now: now})
		default:
			m := rapid.SampledFrom(measured).Draw(t, "metric")
			r := vital.Reading{Device: "monitor-1", Patient: "p-1", Metric: m.metric, Unit: m.unit,
				Value:   vital.Num(vital.Whole(rapid.Int64Range(m.low, m.high).Draw(t, "value"))),
				Quality: rapid.SampledFrom([]vital.Quality{0, 0, 0, 0, 0, 0, vital.Motion, vital.Late}).Draw(t, "quality"),
				Clocks:  vital.Clocks{Receive: now, Effective: now - vital.Instant(rapid.Int64Range(0, 900).Draw(t, "latency"))}}
			if rapid.IntRange(0, 9).Draw(t, "other") == 0 {
				r.Device = "monitor-2"
			}
			list = append(list, input{reading: &r, now: now})
		}
	}
	return list
}

func drawnSubject(t *rapid.T) rule.Subject {
	return rule.Subject{Patient: "p-1", AgeYears: rapid.SampledFrom([]float64{-1, 1.5, 50}).Draw(t, "age"), WardKind: "adult",
		SpO2Scale: rapid.IntRange(0, 2).Draw(t, "scale"), Conditions: []string{"copd"}}
}

func everything(t testing.TB) *rule.Set {
	t.Helper()
	text, err := os.ReadFile("testdata/wide.rule")
	if err != nil {
		t.Fatal(err)
	}
	s, problems := rule.Load(append(rule.DefaultFiles(), rule.File{Name: "wide.rule", Text: string(text)}))
	if s == nil {
		t.Fatal(problems)
	}
	return s
}

// TestReplay: judging that is interrupted and taken up from JSON at any point
// says the same.
func TestReplay(t *testing.T) {
	s := everything(t)
	rapid.Check(t, func(t *rapid.T) {
		list := inputs(t)
		whole, cut := newBed(s), newBed(s)
		whole.subject = drawnSubject(t)
		cut.subject = whole.subject
		at := rapid.IntRange(0, len(list)).Draw(t, "cut")
		for i, in := range list {
			if i == at || rapid.IntRange(0, 20).Draw(t, "again") == 0 {
				body, err := json.Marshal(cut.state)
				if err != nil {
					t.Fatal(err)
				}
				var back rule.State
				if err := json.Unmarshal(body, &back); err != nil {
					t.Fatal(err)
				}
				cut.state = back
			}
			a, b := whole.give(in), cut.give(in)
			if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
				t.Fatalf("at %d: whole %+v, cut %+v", i, a, b)
			}
		}
	})
}

// TestDuplicates: what is given twice is judged once. (Of two devices, the one
// that was not followed at first may be when it says the same later.)
func TestDuplicates(t *testing.T) {
	s := everything(t)
	rapid.Check(t, func(t *rapid.T) {
		list := inputs(t)
		once, twice := newBed(s), newBed(s)
		for _, in := range list {
			if in.reading != nil {
				in.reading.Device = "monitor-1"
			}
		}
		for i, in := range list {
			a, b := once.give(in), twice.give(in)
			if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
				t.Fatalf("at %d: once %+v, twice %+v", i, a, b)
			}
			if in.tick {
				continue
			}
			for range 2 {
				same := list[rapid.IntRange(max(0, i-5), i).Draw(t, "which")]
				if found := twice.give(same.again(in.now)); len(found) > 0 {
					t.Fatalf("at %d: the same again gives %+v", i, found)
				}
			}
		}
	})
}

// again is the same input, delivered once more, later; a tick is no input.
func (in input) again(now vital.Instant) input {
	in.now = now
	if in.tick {
		e := vital.Event{Kind: "nothing"}
		return input{event: &e, now: now}
	}
	return in
}

// TestStands: each condition begins before it ends, and says nothing twice.
func TestStands(t *testing.T) {
	s := everything(t)
	rapid.Check(t, func(t *rapid.T) {
		b := newBed(s)
		b.subject = drawnSubject(t)
		open := map[string]vital.Finding{}
		for _, in := range inputs(t) {
			for _, f := range b.give(in) {
				key := f.Rule + "/" + f.Part
				before, isOpen := open[key]
				switch {
				case !isOpen && f.Stand != vital.Present:
					t.Fatalf("%s %s, and it never began", key, f.Stand)
				case isOpen && before.Stand == f.Stand && before.Priority == f.Priority && before.Text == f.Text:
					t.Fatalf("said twice: %+v", f)
				case f.Priority == 0 || f.Title == "" || f.Version == "" || f.Patient != "p-1" || f.At == 0 || f.At > in.now:
					t.Fatalf("not whole: %+v", f)
				case f.Stand == vital.Present && in.reading != nil && in.reading.Quality != 0:
					t.Fatalf("a doubted or late reading began %+v", f)
				}
				open[key] = f
				if f.Stand == vital.Absent || f.Stand == vital.Withdrawn {
					delete(open, key)
				}
			}
		}
	})
}

// TestSize: what is remembered of a patient is bounded by the rules, not by time.
func TestSize(t *testing.T) {
	s := everything(t)
	b := newBed(s)
	for i := range 20_000 {
		m := measured[i%len(measured)]
		r := vital.Reading{Device: "monitor-1", Metric: m.metric, Unit: m.unit, Value: vital.Num(vital.Whole(m.low + int64(i)%(m.high-m.low)))}
		r.Clocks = vital.Clocks{Receive: second(i), Effective: second(i)}
		s.Reading(&b.state, &b.subject, r, second(i))
	}
	body, err := json.Marshal(b.state)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 48<<10 {
		t.Errorf("%d bytes of state", len(body))
	}
	if err := json.Unmarshal([]byte(`{"windows":[{"metric":"spo2","within":-1}]}`), &b.state); err == nil {
		t.Error("a window of a negative time is taken")
	}
}

// FuzzLoad: any text is read or refused, and what loads can judge anything.
func FuzzLoad(f *testing.F) {
	for _, file := range rule.DefaultFiles() {
		f.Add(file.Text)
	}
	text, err := os.ReadFile("testdata/wide.rule")
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "\n\n") {
		f.Add(part)
	}
	f.Add(low)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4000 {
			return
		}
		s, problems := rule.Load([]rule.File{{Name: "f", Text: text}})
		if (s == nil) == (len(problems) == 0) {
			t.Fatalf("set %v, problems %v", s, problems)
		}
		lines := strings.Count(text, "\n") + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" {
				t.Fatalf("problem %+v in %d lines", p, lines)
			}
		}
		if s == nil {
			return
		}
		b := newBed(s)
		for i, m := range measured {
			for k := range 3 {
				b.set.Reading(&b.state, &b.subject, reading(m.metric, fmt.Sprintf("%d %s", int(m.low)+k, m.unit), i*3+k), second(i*3+k))
			}
			b.tick(i*3 + 3)
		}
		if _, err := json.Marshal(b.state); err != nil {
			t.Fatal(err)
		}
	})
}

// forty returns a set of 40 rules over 8 measures.
func forty(t testing.TB) *rule.Set {
	var b strings.Builder
	for i := range 40 {
		m := measured[i%len(measured)]
		limit := m.low - 10 - int64(i)
		fmt.Fprintf(&b, `
rule r%d
  title "T"
  source "one"
  source "two"
  applies (age >= 16 or age unknown) and not condition copd
  limit %[2]s low %[4]d %[3]s
  when %[2]s < limit for 10 s priority medium text "{%[2]s} < {limit}"
  when %[2]s < %[5]d %[3]s for 5 s priority high
  clear %[2]s >= limit + 2 %[3]s for 15 s
  test "t"
    from 00:00 to 00:10 every 1 s %[2]s %[6]d %[3]s
    expect 00:09 nothing
    expect 00:10 medium
`, i, m.metric, m.unit, limit, limit-5, limit-1)
	}
	return load(t, b.String())
}

// BenchmarkQuiet: a reading that changes nothing, of a patient with 40 rules.
func BenchmarkQuiet(b *testing.B) {
	s := forty(b)
	bed := newBed(s)
	readings := make([]vital.Reading, len(measured))
	for i, m := range measured {
		readings[i] = vital.Reading{Device: "monitor-1", Patient: "p-1", Metric: m.metric, Unit: m.unit, Value: vital.Num(vital.Whole(m.high))}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r := &readings[i%len(readings)]
		now := day + vital.Instant(i)*125
		r.Clocks = vital.Clocks{Receive: now, Effective: now}
		if found := s.Reading(&bed.state, &bed.subject, *r, now); found != nil {
			b.Fatal(found)
		}
		i++
	}
}

// BenchmarkTick: time passes for a patient with 40 rules.
func BenchmarkTick(b *testing.B) {
	s := forty(b)
	bed := newBed(s)
	for _, m := range measured {
		bed.read(m.metric, fmt.Sprintf("%d %s", m.high, m.unit), 0)
	}
	b.ReportAllocs()
	now := second(1)
	for b.Loop() {
		if found := s.Tick(&bed.state, &bed.subject, now); found != nil {
			b.Fatal(found)
		}
	}
}

// TestQuietPath: a reading that changes nothing needs no memory.
func TestQuietPath(t *testing.T) {
	for name, s := range map[string]*rule.Set{"forty": forty(t), "wide": wide(t)} {
		b := newBed(s)
		i := 0
		give := func() {
			for _, m := range measured {
				r := vital.Reading{Device: "monitor-1", Patient: "p-1", Metric: m.metric, Unit: m.unit, Value: vital.Num(vital.Whole(90))}
				if m.metric == "news2" || m.metric == "steps" || m.metric == "temperature" {
					r.Value = vital.Num(vital.Whole(37))
				}
				if m.metric == "news2" {
					r.Value = vital.Num(vital.Whole(1))
				}
				r.Clocks = vital.Clocks{Receive: second(i), Effective: second(i)}
				if found := s.Reading(&b.state, &b.subject, r, second(i)); name == "forty" && found != nil && m.metric != "abp-systolic" {
					t.Fatal(found)
				}
			}
			i++
		}
		for range 700 {
			give()
		}
		if n := testing.AllocsPerRun(100, give); n > 0 {
			t.Errorf("%s: %v allocations for %d readings", name, n, len(measured))
		}
	}
}

// TestOrder: readings that come in another order leave the same behind.
func TestOrder(t *testing.T) {
	s := load(t, `
rule unsteady
  title "T"
  source "one"
  source "two"
  fresh 1 min
  when abp-systolic < 60 mm[Hg] priority low text "{abp-systolic}"
  when mean(abp-systolic, 1 min) < 90 mm[Hg] priority medium text "{mean(abp-systolic, 1 min)}"
  when change(abp-systolic, 1 min) < -20 mm[Hg] priority medium text "{change(abp-systolic, 1 min)}"
  when drop(abp-systolic, 1 min) > 60 mm[Hg] priority high text "{drop(abp-systolic, 1 min)}"
  test "t"
    at 00:00 abp-systolic 130 mm[Hg]
    at 00:01 abp-systolic 60 mm[Hg]
    expect 00:00 nothing
    expect 00:01 high "70 mmHg"
`)
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) vital.Reading {
			return reading("abp-systolic", fmt.Sprintf("%d mm[Hg]", rapid.IntRange(40, 150).Draw(t, "value")), rapid.IntRange(0, 50).Draw(t, "at"))
		}), 1, 30).Draw(t, "readings")
		stands := func(order []vital.Reading) string {
			b, last := newBed(s), "nothing"
			note := func(found []vital.Finding) {
				for _, f := range found {
					last = fmt.Sprintf("%s %s %q", f.Stand, f.Priority, f.Text)
					if f.Stand == vital.Absent {
						last = "nothing"
					}
				}
			}
			for _, r := range order {
				note(s.Reading(&b.state, &b.subject, r, second(55)))
			}
			note(b.tick(55))
			return last
		}
		first, second := stands(list), stands(rapid.Permutation(append(list, list...)).Draw(t, "order"))
		if first != second {
			t.Fatalf("%s in one order, %s in another", first, second)
		}
	})
}

// TestOracle holds a threshold with its time, its level and its clear against a
// second judge that looks at the whole record at every second.
func TestOracle(t *testing.T) {
	s := load(t, `
rule low
  title "T"
  source "one"
  source "two"
  when spo2 < 90 % for 5 s priority medium text "low"
  when spo2 < 80 % for 3 s priority high text "very low"
  clear spo2 >= 92 % for 4 s
  fresh 10 s
  test "t"
    from 00:00 to 00:05 every 1 s spo2 85 %
    expect 00:04 nothing
    expect 00:05 medium
`)
	rapid.Check(t, func(t *rapid.T) {
		// A value each second, so that nothing is ever too old; runs, so that
		// something lasts.
		var values []int64
		for len(values) < 120 {
			v := rapid.SampledFrom([]int64{75, 79, 80, 85, 89, 90, 91, 92, 97}).Draw(t, "value")
			for range rapid.IntRange(1, 9).Draw(t, "seconds") {
				values = append(values, v)
			}
		}
		lasts := func(at, seconds int, holds func(int64) bool) bool {
			for i := at - seconds; i <= at; i++ {
				if i < 0 || !holds(values[i]) {
					return false
				}
			}
			return true
		}
		below := func(limit int64) func(int64) bool { return func(v int64) bool { return v < limit } }
		notBelow := func(limit int64) func(int64) bool { return func(v int64) bool { return v >= limit } }
		medium, high, there := false, false, false
		b := newBed(s)
		got := "nothing"
		for i, v := range values {
			for _, f := range b.read("spo2", fmt.Sprintf("%d %%", v), i) {
				got = f.Priority.String()
				if f.Stand == vital.Absent {
					got = "nothing"
				}
			}
			medium = (medium || lasts(i, 5, below(90))) && !lasts(i, 4, notBelow(90))
			high = (high || lasts(i, 3, below(80))) && !lasts(i, 4, notBelow(80))
			there = there || medium || high
			if there && v >= 90 && lasts(i, 4, notBelow(92)) {
				medium, high, there = false, false, false
			}
			want := "nothing"
			switch {
			case high:
				want = "high"
			case there:
				want = "medium"
			}
			if got != want {
				t.Fatalf("second %d: want %s, got %s; values %v", i, want, got, values[:i+1])
			}
		}
	})
}
