package rule_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/rule"
)

var updateDefaults = flag.Bool("update-defaults", false, "write the list of the default rules in docs/clinical/rules.md")

const (
	defaultPage = "../docs/clinical/rules.md"
	listBegins  = "<!-- list: written by go test ./rule -run DefaultPage -update-defaults -->\n"
	listEnds    = "<!-- end of the list -->\n"
)

// TestDefaultPage: the page of the default rules says what the rules say.
func TestDefaultPage(t *testing.T) {
	body, err := os.ReadFile(defaultPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(body), listBegins)
	list, after, ends := strings.Cut(rest, listEnds)
	if !begins || !ends {
		t.Fatal("the page has no place for the list")
	}
	want := "\n" + defaultList(rule.Default())
	if *updateDefaults {
		if err := os.WriteFile(defaultPage, []byte(before+listBegins+want+listEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if list != want {
		t.Error("the list is not that of the rules: go test ./rule -run DefaultPage -update-defaults")
	}
}

// defaultList is every rule by file.
func defaultList(s *rule.Set) string {
	var b strings.Builder
	file := ""
	for _, r := range s.Rules() {
		if r.File != file {
			file = r.File
			fmt.Fprintf(&b, "### `rule/default/%s`\n\n", file)
		}
		fmt.Fprintf(&b, "**%s** (`%s`)", r.Title, r.Name)
		for _, mark := range []struct {
			is   bool
			name string
		}{{r.Technical, "technical"}, {r.Latching, "latching"}, {r.Always, "always"}, {r.Spot, "spot"}} {
			if mark.is {
				b.WriteString(", " + mark.name)
			}
		}
		b.WriteString("\n\n")
		if r.Applies != "" {
			fmt.Fprintf(&b, "- of whom: `%s`\n", r.Applies)
		}
		for line := range strings.Lines(r.When) {
			line = strings.TrimSpace(line)
			if clear, over := strings.CutPrefix(line, "over once "); over {
				fmt.Fprintf(&b, "- over: `%s`\n", clear)
				continue
			}
			at := strings.LastIndex(line, ": ")
			fmt.Fprintf(&b, "- %s: `%s`\n", line[at+2:], line[:at])
		}
		for _, limit := range limitsIn(s, r) {
			fmt.Fprintf(&b, "- %s\n", limit)
		}
		for _, source := range r.Sources {
			fmt.Fprintf(&b, "- source: %s\n", source)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// limitsIn returns the limit lines of a rule as they are written.
func limitsIn(s *rule.Set, r rule.Rule) (limits []string) {
	for _, f := range s.Files() {
		if f.Name != r.File {
			continue
		}
		_, text, _ := strings.Cut("\n"+f.Text, "\nrule "+r.Name+"\n")
		text, _, _ = strings.Cut(text, "\nrule ")
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "  limit ") {
				limits = append(limits, "`"+strings.TrimSpace(line)+"`")
			}
		}
	}
	return limits
}
