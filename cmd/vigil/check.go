package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

const checkUsage = `usage: vigil check [flags] [FILE or FOLDER...]

Reads rules and runs the tests in them; without a file, the default rules.
Problems are printed as file:line:column: message, a failing test with what was
expected, what was found, and why. The exit status is 1 when there is any.

`

// runCheck reads rule files and says what is wrong with them.
func runCheck(_ context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(w.err)
	flags.Usage = func() { fmt.Fprint(w.err, checkUsage); flags.PrintDefaults() }
	asJSON := flags.Bool("json", false, "print one JSON object: problems, rules, tests, version")
	list := flags.Bool("list", false, "print the rules: name, priority, title, whom they apply to, when, sources")
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	files, err := ruleFiles(flags.Args())
	if err != nil {
		return err
	}
	set, problems := rule.Load(files)
	switch {
	case *asJSON:
		err = printCheckJSON(w, set, problems)
	case set != nil && *list:
		printRules(w, set)
	case set != nil:
		fmt.Fprintf(w.out, "%d rules, %d tests, all well; version %s\n", len(set.Rules()), set.Tests(), set.Version())
	default:
		printProblems(w, problems)
	}
	if err == nil && set == nil {
		err = vital.Errorf(vital.Precondition, "%d problems in %d files", len(problems), len(files))
	}
	return err
}

// ruleFiles reads the named files, and every .rule file of the named folders.
func ruleFiles(paths []string) ([]rule.File, error) {
	if len(paths) == 0 {
		return rule.DefaultFiles(), nil
	}
	var files []rule.File
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() || name != path && !strings.HasSuffix(name, ".rule") {
				return nil
			}
			text, err := os.ReadFile(name)
			files = append(files, rule.File{Name: name, Text: string(text)})
			return err
		})
		if err != nil {
			return nil, vital.Errorf(vital.NotFound, "read the rules: %w", err)
		}
	}
	if len(files) == 0 {
		return nil, vital.Errorf(vital.NotFound, "there is no .rule file in %s", strings.Join(paths, ", "))
	}
	slices.SortStableFunc(files, func(a, b rule.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

func printProblems(w world, problems []rule.Problem) {
	for _, p := range problems {
		fmt.Fprintln(w.out, p)
		for _, step := range p.Steps {
			fmt.Fprintln(w.out, "    "+step)
		}
	}
}

func printRules(w world, set *rule.Set) {
	for _, r := range set.Rules() {
		var marks []string
		for _, m := range []struct {
			set  bool
			name string
		}{{r.Technical, "technical"}, {r.Latching, "latching"}, {r.Always, "always"}, {r.Spot, "spot"}} {
			if m.set {
				marks = append(marks, m.name)
			}
		}
		fmt.Fprintf(w.out, "%s  %s  %s\n", r.Name, strings.Join(append([]string{r.Priority.String()}, marks...), " "), r.Title)
		if r.Applies != "" {
			fmt.Fprintf(w.out, "  applies  %s\n", r.Applies)
		}
		for line := range strings.SplitSeq(r.When, "\n") {
			fmt.Fprintf(w.out, "  when     %s\n", line)
		}
		for _, source := range r.Sources {
			fmt.Fprintf(w.out, "  source   %s\n", source)
		}
		fmt.Fprintf(w.out, "  tests    %d  (%s:%d, version %s)\n", len(r.Tests), r.File, r.Line, r.Version)
	}
}

func printCheckJSON(w world, set *rule.Set, problems []rule.Problem) error {
	out := struct {
		Problems []rule.Problem `json:"problems"`
		Rules    []rule.Rule    `json:"rules"`
		Tests    int            `json:"tests"`
		Version  string         `json:"version,omitempty"`
	}{Problems: problems, Rules: []rule.Rule{}}
	if problems == nil {
		out.Problems = []rule.Problem{}
	}
	if set != nil {
		out.Rules, out.Tests, out.Version = set.Rules(), set.Tests(), set.Version()
	}
	return json.NewEncoder(w.out).Encode(out)
}
