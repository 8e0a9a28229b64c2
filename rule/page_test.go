package rule_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/rule"
)

// TestPage loads every rule of docs/formats/rules.md and runs its tests.
func TestPage(t *testing.T) {
	body, err := os.ReadFile("../docs/formats/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	page, blocks := string(body), 0
	for part := range strings.SplitSeq(page, "```rule\n") {
		text, _, ok := strings.Cut(part, "```")
		if blocks++; blocks == 1 {
			continue
		}
		if !ok {
			t.Fatal("a block has no end")
		}
		before := page[:strings.Index(page, text)]
		_, problems := rule.Load([]rule.File{{Name: "rules.md", Text: text}})
		for _, p := range problems {
			t.Errorf("rules.md:%d: %s %v", strings.Count(before, "\n")+p.Line, p.Message, p.Steps)
		}
	}
	if blocks < 5 {
		t.Errorf("only %d blocks", blocks)
	}
	for _, f := range []string{"change", "rise", "drop", "rate", "slope", "mean", "median", "min", "max", "range"} {
		if !strings.Contains(page, "`"+f+"(") {
			t.Errorf("the page does not say what %s is", f)
		}
	}
	for _, s := range []string{"title", "source", "applies", "limit", "schedule", "active", "when", "clear", "fresh", "latching", "always", "spot", "technical", "marks", "test"} {
		if !strings.Contains(page, "| `"+s) {
			t.Errorf("the page does not say what %s is", s)
		}
	}
}

// TestPageTruth holds the truth table of the page against rules: A is about
// spo2, B about the heart rate, and what is not measured is unknown.
func TestPageTruth(t *testing.T) {
	body, err := os.ReadFile("../docs/formats/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(body), "| A | B | A and B | A or B | not A |\n|---|---|---|---|---|\n")
	rows := strings.Split(strings.TrimSpace(strings.Split(table, "\n\n")[0]), "\n")
	if len(rows) != 9 {
		t.Fatalf("%d rows", len(rows))
	}
	value := map[string]string{"true": "80", "false": "99"}
	outcome := map[string]string{"true": "high", "false": "low", "unknown": "nothing"}
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		for i, cond := range []string{"A and B", "A or B", "not A"} {
			cond = strings.NewReplacer("A", "(spo2 < 90 %)", "B", "(heart-rate < 90 /min)").Replace(cond)
			for cell, expected := range outcome {
				text := "rule r\n  title \"T\"\n  source \"one\"\n  source \"two\"\n  when " + cond + " priority high\n  when not (" + cond + ") priority low\n" +
					"  test \"t\"\n    at 00:00 pulse-rate 60 /min\n"
				for k, m := range []string{"spo2 %s %%", "heart-rate %s /min"} {
					if v := value[cells[k]]; v != "" {
						text += "    at 00:02 " + fmt.Sprintf(m, v) + "\n"
					}
				}
				text += "    expect 00:01 nothing\n    expect 00:05 " + expected + "\n  test \"it fires\"\n    at 00:00 spo2 80 %, heart-rate 80 /min\n" +
					"    expect 00:00 " + map[bool]string{true: "low", false: "high"}[i == 2] + "\n"
				s, problems := rule.Load([]rule.File{{Name: "t", Text: text}})
				if (s != nil) != (cell == cells[2+i]) {
					t.Errorf("%s: %s is not %s: %v", row, cond, cell, problems)
				}
			}
		}
	}
}
