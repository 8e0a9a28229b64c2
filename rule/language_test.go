package rule_test

import (
	"strings"
	"testing"

	"github.com/vigilcare/vigil/rule"
)

const bilingual = `
rule r
  title "Saturation low" de "Sättigung tief"
  source "one"
  source "two"
  limit spo2 low 90 %
  when spo2 < limit priority medium text "SpO2 {spo2} < {limit}"
  when spo2 < 80 % priority high text "{spo2} of {limit} for long"
    de "Grenze {limit}: nur {spo2} seit langem"
  clear spo2 >= limit + 2 % for 15 s
  test "t"
    at 00:00 spo2 85 %
    expect 00:00 medium
    expect 00:00 medium "SpO2 85 % < 90 %"
    at 01:00 spo2 99 %
    expect 03:00 nothing
`

// TestOtherLanguages: what a rule said is said again in another language, with
// the values of then; what it never said stays as it is.
func TestOtherLanguages(t *testing.T) {
	set, problems := rule.Load([]rule.File{{Name: "a", Text: bilingual}})
	if set == nil {
		t.Fatal(problems)
	}
	for _, c := range []struct{ rule, text, want string }{
		{"r", "SpO2 85.5 % < 90 %", "SpO2 85,5 % < 90 %"},
		{"r", "78 % of 90 % for long", "Grenze 90 %: nur 78 % seit langem"},
		{"r", "SpO2 91 %, over once spo2 >= limit + 2 % for 15 s", "SpO2 91 %, vorbei, sobald SpO2 >= Grenze + 2 % während 15 s"},
		{"r", "as another version said it 80 %", "as another version said it 80 %"},
		{"r", "Saturation low", "Sättigung tief"},
	} {
		got := set.In(c.rule, "Saturation low", c.text)["de"]
		if got.Title != "Sättigung tief" || got.Text != c.want {
			t.Errorf("%q: %+v, want %q", c.text, got, c.want)
		}
	}
	if got := set.In("gone", "A", "B"); got != nil {
		t.Errorf("a rule that the set does not have: %v", got)
	}
	if got := set.In("r", "An older title", "SpO2 85 % < 90 %")["de"]; got.Title != "An older title" {
		t.Errorf("%+v", got)
	}
}

// TestLanguageIsNoVersion: a translation does not make what was said under a rule
// look like that of another one.
func TestLanguageIsNoVersion(t *testing.T) {
	versionOf := func(text string) string {
		set, problems := rule.Load([]rule.File{{Name: "a", Text: text}})
		if set == nil {
			t.Fatal(problems)
		}
		return set.Rules()[0].Version
	}
	lines := strings.Split(bilingual, "\n")
	var plain []string
	for _, l := range lines {
		l, _, _ = strings.Cut(l, " de \"")
		if strings.TrimSpace(l) != "" {
			plain = append(plain, l)
		}
	}
	all := versionOf(bilingual)
	if got := versionOf(strings.Replace(bilingual, "Sättigung tief", "Zu wenig Sauerstoff", 1)); got != all {
		t.Error("a better translation is another version")
	}
	if got := versionOf(strings.Join(plain, "\n") + "\n"); got != all {
		t.Error("a rule without the translation is another version")
	}
	if got := versionOf(strings.Replace(bilingual, "Saturation low", "Saturation lower", 1)); got == all {
		t.Error("another title is the same version")
	}
}

// TestDefaultsInGerman: every default rule has a German title and German words
// for each of its texts.
func TestDefaultsInGerman(t *testing.T) {
	set := rule.Default()
	if n := len(set.Rules()); n < 51 {
		t.Errorf("%d rules", n)
	}
	for _, r := range set.Rules() {
		if de := r.Titles["de"]; de == "" || de == r.Title {
			t.Errorf("rule %s: title %q, in German %q", r.Name, r.Title, de)
		}
	}
	for _, c := range []struct{ rule, title, text, want string }{
		{"spo2-low", "Oxygen saturation low", "SpO2 84 % < 85 % for 5 min", "Sauerstoffsättigung tief: SpO2 84 % < 85 % seit 5 min"},
		{"heart-rate-high", "Heart rate high", "HR 134 /min > 120 /min", "Herzfrequenz hoch: HF 134 /min > 120 /min"},
		{"temperature-high", "Temperature high", "Temp 38.5 °C >= 38.5 °C", "Temperatur hoch: Temp 38,5 °C >= 38,5 °C"},
	} {
		de := set.In(c.rule, c.title, c.text)["de"]
		if got := de.Title + ": " + de.Text; got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
}
