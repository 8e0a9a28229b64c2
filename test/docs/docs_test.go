// Package docs_test holds the documents to the tree: what they name must exist.
package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/test/need"
)

// pages returns every document of the project by its path from the root.
func pages(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, _ := filepath.Rel(root, name)
			found[p] = string(text)
		}
	}
	if len(found) < 10 {
		t.Fatalf("only %d documents found", len(found))
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	code    = regexp.MustCompile("`([^`\n]+)`")
	fence   = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	ofTree  = regexp.MustCompile(`^\.?/?((?:vital|person|signal|clinical|wire|rule|alarm|synth|internal|web|cmd|docs|test|scripts|deploy|\.ci)/[A-Za-z0-9_./-]+)$`)
	command = regexp.MustCompile(`(?:^|[\s(])(?:vigil|\./vigil|go run \./cmd/vigil) ([a-z][a-z-]*)`)
	target  = regexp.MustCompile(`(?:^|[\s(])make ([a-z]+)`)
)

// spans returns what stands in code: in backticks and in fenced blocks.
func spans(text string) (all []string) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Split(m[1], "\n")...)
	}
	for _, m := range code.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all = append(all, m[1])
	}
	return all
}

// TestNamedFilesExist: links and paths.
func TestNamedFilesExist(t *testing.T) {
	root := need.Root(t)
	checked := 0
	for page, text := range pages(t, root) {
		var names []string
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") {
				names = append(names, filepath.Join(filepath.Dir(page), m[1]))
			}
		}
		for _, s := range spans(text) {
			for word := range strings.FieldsSeq(s) {
				if m := ofTree.FindStringSubmatch(strings.TrimRight(word, ".,;:")); m != nil && !strings.HasSuffix(m[1], "...") {
					names = append(names, m[1])
				}
			}
		}
		for _, name := range names {
			checked++
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d names checked: the patterns see nothing", checked)
	}
}

// TestNamedCommandsExist: subcommands of vigil and targets of make.
func TestNamedCommandsExist(t *testing.T) {
	root := need.Root(t)
	list, err := os.ReadFile(filepath.Join(root, "cmd/vigil/commands.go"))
	if err != nil {
		t.Fatal(err)
	}
	commands := []string{"help"}
	for _, m := range regexp.MustCompile(`\{"([a-z-]+)", "`).FindAllStringSubmatch(string(list), -1) {
		commands = append(commands, m[1])
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+):`).FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, m[1])
	}
	seen := map[string]bool{}
	for page, text := range pages(t, root) {
		if strings.HasPrefix(page, "docs/adr/") {
			continue // a decision may name what is yet to come
		}
		for _, s := range spans(text) {
			for _, m := range command.FindAllStringSubmatch(s, -1) {
				seen[m[1]] = true
				if !slices.Contains(commands, m[1]) {
					t.Errorf("%s names `vigil %s`, which does not exist", page, m[1])
				}
			}
			for _, m := range target.FindAllStringSubmatch(s, -1) {
				if !slices.Contains(targets, m[1]) {
					t.Errorf("%s names `make %s`, which does not exist", page, m[1])
				}
			}
		}
	}
	for _, c := range commands {
		if c != "help" && c != "version" && !seen[c] {
			t.Errorf("no document says what `vigil %s` is for", c)
		}
	}
}

// TestInvariantsAreHeld: every "never" of ARCHITECTURE.md names tests, and each
// of them exists in the folder named beside it.
func TestInvariantsAreHeld(t *testing.T) {
	root := need.Root(t)
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines > 200 {
		t.Errorf("ARCHITECTURE.md has %d lines, at most 200", lines)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+|Fuzz[A-Za-z0-9]+)` in `([^`]+)`")
	nevers := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| Never ") {
			continue
		}
		nevers++
		tests := named.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 {
			t.Errorf("no test holds: %s", line)
		}
		for _, m := range tests {
			if !declares(t, filepath.Join(root, m[2]), m[1]) {
				t.Errorf("ARCHITECTURE.md names %s in %s, which does not exist", m[1], m[2])
			}
		}
	}
	if nevers < 10 {
		t.Errorf("%d invariants, want all ten", nevers)
	}
}

// TestThreatsAreAnswered: the tests of SECURITY.md exist too.
func TestThreatsAreAnswered(t *testing.T) {
	root := need.Root(t)
	text, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("((?:`Test[A-Za-z0-9]+`(?:, )?)+) in `([^`]+)`")
	count := 0
	for _, m := range named.FindAllStringSubmatch(string(text), -1) {
		dir := m[2]
		if strings.HasSuffix(dir, ".go") {
			dir = filepath.Dir(dir)
		}
		for _, test := range code.FindAllStringSubmatch(m[1], -1) {
			count++
			if !declares(t, filepath.Join(root, dir), test[1]) {
				t.Errorf("SECURITY.md names %s in %s, which does not exist", test[1], m[2])
			}
		}
	}
	if count < 10 {
		t.Errorf("%d tests named, want ten or more", count)
	}
}

func declares(t *testing.T, dir, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}

// TestStateIsComplete: docs/state.md says of every capability whether it works.
func TestStateIsComplete(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(need.Root(t), "docs/state.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| ([A-H][0-9]+) \|[^|]*\| (works|partly|not yet)[^|]*\|([^|]*)\|`)
	seen := map[string]int{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		seen[m[1]]++
		if m[2] != "not yet" && !strings.Contains(m[3], "`") {
			t.Errorf("%s: %q, but no command shows it", m[1], m[2])
		}
	}
	for letter, last := range map[string]int{"A": 12, "B": 10, "C": 11, "D": 8, "E": 5, "F": 8, "G": 6, "H": 5} {
		for n := 1; n <= last; n++ {
			id := letter + strconv.Itoa(n)
			if seen[id] != 1 {
				t.Errorf("docs/state.md has %d rows for %s, want one", seen[id], id)
			}
		}
	}
}

// TestScriptsParse: a script that bash cannot read fails on the day it is needed.
func TestScriptsParse(t *testing.T) {
	root := need.Root(t)
	bash := need.Tool(t, "bash")
	scripts, err := filepath.Glob(filepath.Join(root, "scripts/*.sh"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, s := range append(scripts, filepath.Join(root, ".ci/run")) {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "set -euo pipefail") {
			t.Errorf("%s does not stop at its first error", s)
		}
		if out, err := exec.Command(bash, "-n", s).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", s, out)
		}
		info, err := os.Stat(s)
		if err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be run: %v", s, err)
		}
	}
}
