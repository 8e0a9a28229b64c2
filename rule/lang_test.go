package rule_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/rule"
)

// around makes a rule of lines that would else not be whole.
func around(lines string) string {
	return "rule r\n  title \"T\"\n  source \"one\"\n  source \"two\"\n" + lines
}

const quietTest = `
  test "t"
    at 00:00 spo2 70 %
    at 00:10 spo2 99 %
    expect 00:00 high
    expect 00:10 nothing
`

// TestProblems: what is wrong is said where it is, with what was expected.
func TestProblems(t *testing.T) {
	for _, p := range []struct{ name, text, want string }{
		{"not a rule", "rul spo2-low", `a:1:1: expected a rule ("rule NAME"), found "rul"`},
		{"no name", "rule\n", "a:1:5: expected the name of the rule, such as spo2-low, found the end of the line"},
		{"big name", "rule Spo2\n", "a:1:6: the name of a rule is at most 64 small letters"},
		{"statement", around("  wen spo2 < 90 %\n"), `a:5:3: "wen" is not a statement of a rule; did you mean when?`},
		{"statement far", around("  xyzzy\n"), `a:5:3: "xyzzy" is not a statement of a rule (title, source,`},
		{"mark", around("  < 3\n"), `a:5:3: expected a statement of rule r`},
		{"language", "rule r\n  title \"T\" fr \"U\"\n", `a:2:13: "fr" is no language that the screens have: de`},
		{"language twice", "rule r\n  title \"T\" de \"U\" de \"V\"\n", `de stands twice`},
		{"language without title", around("  when spo2 < 90 % priority high text \"low\" de \"tief\"\n" + quietTest), `rule r has a text in de, but no title in it`},
		{"language missing", "rule r\n  title \"T\"\n    de \"U\"\n  source \"one\"\n  source \"two\"\n  when spo2 < 90 % priority high text \"{spo2} is low\"\n" + quietTest, `its text needs one too, because of "is": write de "..." after it`},
		{"language other value", "rule r\n  title \"T\" de \"U\"\n  source \"one\"\n  source \"two\"\n  limit spo2 low 90 %\n  when spo2 < limit priority high text \"{spo2} is low\" de \"{limit} ist tief\"\n" + quietTest, `the text in de prints {limit}, the English one {spo2}`},
		{"text open", "rule r\n  title \"T\n", `a:2:9: this text has no closing quotation mark`},
		{"letter", "rule r\n  title ;\n", `a:2:9: ';' has no meaning here`},
		{"metric", around("  when spo < 90 % priority high\n"), `a:5:8: there is no measure "spo"; did you mean spo2?`},
		{"usual name", around("  when hr > 90 /min priority high\n"), `a:5:8: there is no measure "hr"; did you mean heart-rate?`},
		{"wave", around("  when ecg-ii > 1 mV priority high\n"), `ecg-ii is a waveform`},
		{"unknown to the table", around("  when x:foo > 1 mV priority high\n"), `x:foo is not in the table of measures`},
		{"no unit", around("  when spo2 < 90 priority high\n"), `a:5:15: 90 has no unit: write it as 90 %`},
		{"no unit, usual", around("  when bp-systolic < 90 mmHg priority high\n"), `a:5:22: "mmHg" is not a unit; did you mean mm[Hg]?`},
		{"degrees", around("  when temperature > 38 °C priority high\n"), `"°C" is not a unit; did you mean Cel?`},
		{"other unit", around("  when spo2 < 90 mm[Hg] priority high\n"), `spo2 is measured in %, and mm[Hg] does not convert to it`},
		{"bare for percent", around("  when spo2 < 1 1 priority high\n"), `expected`},
		{"fraction for percent", around("  limit spo2 low 90 {score}\n  when spo2 < limit priority high\n"), `does not convert`},
		{"difference of temperature", around("  when change(temperature, 1 h) > 1 [degF] priority high\n"), `a difference of temperatures or levels is written in Cel or K`},
		{"rate of temperature", around("  when rate(temperature, 1 h) > 1 [degF]/h priority high\n"), `difference of temperatures`},
		{"twice a temperature", around("  when temperature * 2 > 80 Cel priority high\n"), `has a zero of its own`},
		{"units apart", around("  when spo2 > heart-rate priority high\n"), `the left side is in % and the right side in /min`},
		{"fixed", around("  when 3 % > 2 % priority high\n"), `both sides of > are fixed numbers`},
		{"not a condition", around("  when spo2 priority high\n"), `expected a condition, such as spo2 < 90 %, found a number`},
		{"and of numbers", around("  when spo2 and heart-rate > 3 /min priority high\n"), `and joins conditions, found a number`},
		{"code compared", around("  when consciousness < A priority high\n"), `consciousness is a code: compare it with = or != or in`},
		{"code unknown", around("  when consciousness in (V, X) priority high\n"), `X is not a code of consciousness (A, C, V, P, U)`},
		{"in of a number", around("  when spo2 in (V) priority high\n"), `in is for codes`},
		{"function of a code", around("  when mean(rhythm, 1 min) > 3 /min priority high\n"), `mean is of numbers, and rhythm is a code`},
		{"function without time", around("  when mean(spo2) < 90 % priority high\n"), `expected "," and how far back, as in mean(spo2, 10 min)`},
		{"duration", around("  when spo2 < 90 % for 10 priority high\n"), `expected how long it must last with its unit`},
		{"duration long", around("  when spo2 < 90 % for 400 d priority high\n"), `longer than a year`},
		{"priority", around("  when spo2 < 90 % priority urgent\n"), `expected priority high, medium or low, found "urgent"`},
		{"no priority", around("  when spo2 < 90 %\n"), `when has no priority`},
		{"no limit", around("  when spo2 < limit priority high\n"), `there is no such limit in rule r`},
		{"limit alone", around("  limit spo2 low 90 %\n  when limit and spo2 < 90 % priority high\n"), `limit stands in a comparison`},
		{"which limit", around("  limit spo2 low 90 %\n  limit spo2 high 99 %\n  when spo2 < limit priority high\n  clear spo2 > limit\n"), `write low limit or high limit`},
		{"limit side", around("  limit spo2 below 90 %\n"), `expected low or high, found "below"`},
		{"limit twice", around("  limit spo2 low 90 %\n  limit spo2 low 91 %\n  when spo2 < limit priority high\n"), `limit spo2 low stands twice`},
		{"schedule first", around("  schedule 22:00-07:00 limit spo2 low 88 %\n  when spo2 < limit priority high\n"), `write the limit of the rest of the day before it`},
		{"schedule time", around("  schedule 22-07 limit spo2 low 88 %\n"), `expected a time of the day such as 22:00`},
		{"hour", around("  active 22:00-25:00\n"), `25:00 is not a time of the day`},
		{"empty period", around("  active 22:00-22:00\n"), `this period is empty`},
		{"day", around("  active 08:00-10:00 on monday\n"), `"monday" is not a day of the week`},
		{"applies", around("  applies spo2 > 3 %\n  when spo2 < 90 % priority high\n"), `applies is about the patient`},
		{"age unit", around("  applies age > 3 kg\n"), `an age is counted in years, months, weeks or days, found 3 kg`},
		{"scale", around("  applies scale 3\n"), `expected scale 1, scale 2 or scale unset`},
		{"two titles", around("  title \"again\"\n"), `title stands twice in rule r (first in line 2)`},
		{"sources", "rule r\n  title \"T\"\n  source \"one\"\n  source \"one\"\n  when spo2 < 90 % priority high\n" + quietTest, `names 1 of at least 2 sources`},
		{"title", "rule r\n  source \"a\"\n  source \"b\"\n  when spo2 < 90 % priority high\n" + quietTest, `rule r has no title`},
		{"no when", around("") + quietTest, `rule r has no when`},
		{"no test", around("  when spo2 < 90 % priority high\n"), `rule r has no test: a rule without a passing test does not load`},
		{"test expects nothing", around("  when spo2 < 90 % priority high\n  test \"t\"\n    at 00:00 spo2 80 %\n"), `this test expects nothing, so it cannot fail`},
		{"never fires", around("  when spo2 < 90 % priority high\n  test \"t\"\n    at 00:00 spo2 98 %\n    expect 00:00 nothing\n"), `no test of rule r shows it to fire`},
		{"never quiet", around("  when spo2 < 90 % priority high\n  test \"t\"\n    at 00:00 spo2 80 %\n    expect 00:00 high\n"), `no test of rule r shows it to stay quiet`},
		{"missing is technical", around("  when missing spo2 for 1 h priority low\n"), `that is about the watching, not the patient; add the line technical`},
		{"spot without fresh", around("  spot\n  when temperature > 39 Cel priority low\n"), `say with fresh how long one counts`},
		{"fresh of another", around("  fresh pulse-rate 3 s\n  when spo2 < 90 % priority high\n"), `fresh names pulse-rate, which no when or clear of rule r does`},
		{"marks another", around("  marks pulse-rate\n  when spo2 < 90 % priority high\n"), `marks names pulse-rate`},
		{"text of another", around("  when spo2 < 90 % priority high text \"{pulse-rate}\"\n" + quietTest), `the conditions of rule r do not look at`},
		{"text open brace", around("  when spo2 < 90 % priority high text \"{spo2\"\n" + quietTest), `the text has { without }`},
		{"text nonsense", around("  when spo2 < 90 % priority high text \"{spo2 <}\"\n" + quietTest), `which is no value`},
		{"text condition", around("  when spo2 < 90 % priority high text \"{spo2 spo2}\"\n" + quietTest), `which is no value`},
		{"clear with priority", around("  when spo2 < 90 % priority high\n  clear spo2 > 92 % priority low\n"), `clear has neither a priority nor a text`},
		{"line goes on", around("  latching yes please\n"), `expected the end of the line after latching, found "please"`},
		{"test line", around("  test \"t\"\n    on 00:00 spo2 80 %\n"), `"on" is not a line of a test`},
		{"test metric", around("  when spo2 < 90 % priority high\n  test \"t\"\n    at 00:00 spo 80 %\n    expect 00:00 high\n    expect 00:00 nothing\n"), `there is no measure "spo"; did you mean spo2?`},
		{"test unit", around("  when spo2 < 90 % priority high\n  test \"t\"\n    at 00:00 spo2 80\n    expect 00:00 high\n    expect 00:00 nothing\n"), `spo2 has no unit: write 80 %`},
		{"test code", around("  when consciousness = U priority high\n  test \"t\"\n    at 00:00 consciousness X\n    expect 00:00 high\n    expect 00:00 nothing\n"), `consciousness is a code (A, C, V, P, U)`},
		{"test too long", around("  test \"t\"\n    at 40 d spo2 80 %\n"), `a test lasts at most 31 d`},
		{"test outcome", around("  test \"t\"\n    expect 00:00 severe\n"), `expected high, medium, low, nothing, unknown, error, found "severe"`},
		{"event without time", around("  when event fall priority high\n"), `expected "within" and how long ago`},
		{"event of a level", around("  when event fall within 3 % priority high\n"), `expected how long ago with its unit`},
		{"brackets", around("  when (spo2 < 90 % priority high\n"), `to close the bracket`},
		{"nested", around("  when " + strings.Repeat("(", 60) + "spo2 < 90 %" + strings.Repeat(")", 60) + " priority high\n"), `nested deeper than 50`},
		{"nots", around("  when " + strings.Repeat("not ", 60) + "spo2 < 90 % priority high\n"), `nested deeper than 50`},
		{"minuses", around("  when spo2 < " + strings.Repeat("- ", 60) + "90 % priority high\n"), `nested deeper than 50`},
		{"row", around("  when spo2 < 90 %" + strings.Repeat(" or spo2 < 90 %", 60) + " priority high\n"), `more than 50 operators in a row`},
		{"between of a condition", around("  when (spo2 between 1 % and 2 %) between 3 % and 4 % priority high\n"), `between looks at a number`},
		{"long test", around("  test \"t\"\n    from 00:00 to 3 d every 1 s spo2 80 %\n"), `more than 200000`},
		{"long tests", around("  when spo2 < 90 % priority high\n" + strings.Repeat("  test \"t\"\n    expect 31 d nothing\n", 40)), `the tests up to this one judge more than`},
		{"bytes", "rule \xff", `a:1:1: the file is not UTF-8 text`},
		{"levels", around(strings.Repeat("  when spo2 < 90 % priority high\n", 9)), `more than 8 levels`},
		{"reserved name", "rule rule-error\n  title \"T\"\n", `rule-error is the name of the finding`},
		{"large", strings.Repeat("#", 256<<10+1), `larger than 256 KiB`},
		{"many rules", strings.Repeat(around("  when spo2 < 90 % priority high\n"+quietTest), 2), `there is a rule r already, in a, line 1`},
	} {
		t.Run(p.name, func(t *testing.T) {
			s, problems := rule.Load([]rule.File{{Name: "a", Text: p.text}})
			if s != nil {
				t.Fatal("it loads")
			}
			if !slices.ContainsFunc(problems, func(got rule.Problem) bool { return strings.Contains(got.String(), p.want) }) {
				t.Errorf("want %q, got %v", p.want, problems)
			}
		})
	}
}

func TestTooManyRules(t *testing.T) {
	var b strings.Builder
	for i := range 501 {
		b.WriteString(strings.Replace(around("  when spo2 < 90 % priority high\n"+quietTest), "rule r", "rule r"+strings.Repeat("x", i/26)+string(rune('a'+i%26)), 1))
	}
	if s, problems := rule.Load([]rule.File{{Name: "a", Text: b.String()}}); s != nil || !strings.Contains(problems[len(problems)-1].Message, "more than 500 rules") {
		t.Errorf("problems %v", problems)
	}
}

// load returns the set of one text, or fails.
func load(t testing.TB, text string) *rule.Set {
	t.Helper()
	s, problems := rule.Load([]rule.File{{Name: "t.rule", Text: text}})
	for _, p := range problems {
		t.Error(p)
		for _, step := range p.Steps {
			t.Log("  ", step)
		}
	}
	if s == nil {
		t.FailNow()
	}
	return s
}

// wide returns the set that uses every part of the language.
func wide(t testing.TB) *rule.Set {
	t.Helper()
	text, err := os.ReadFile("testdata/wide.rule")
	if err != nil {
		t.Fatal(err)
	}
	return load(t, string(text))
}

func TestWide(t *testing.T) {
	s := wide(t)
	if len(s.Rules()) != 13 || s.Tests() != 26 {
		t.Errorf("%d rules, %d tests", len(s.Rules()), s.Tests())
	}
	for _, r := range s.Rules() {
		if r.Name == "scale-two" && (r.Applies != `scale 2 and condition in (copd, "cystic fibrosis") and not age < 16` || r.When != "spo2 < limit for 10 s: medium") {
			t.Errorf("as written: %q, %q", r.Applies, r.When)
		}
	}
}
