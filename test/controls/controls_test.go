// Package controls keeps the tables of what is required of us, what could be done
// to us, and which test shows what becomes of it. A table that is written by hand
// says what somebody hoped; these are made of the tests' own words.
//
// A test names what it shows in its comment: "Covers: S1 HIPAA-164.312(d)", and
// where it counts its attacks, "Attempts: 500". go test ./test/controls -update
// writes docs/security/controls.md and threats.md; without it the test fails when
// they are stale, when a test names what no table knows, and when something that
// is claimed has no test.
package controls_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/test/need"
)

var update = flag.Bool("update", false, "write the tables")

// shown is a test that names what it shows.
type shown struct {
	file, name string
	ids        []string
	attempts   int
}

var (
	covers   = regexp.MustCompile(`(?m)^\s*(?://|#|\*)?\s*Covers: *(.+)$`)
	attempts = regexp.MustCompile(`(?m)^\s*(?://|#|\*)?\s*Attempts: *(\d+)`)
	word     = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(-[0-9][0-9.()a-z]*|[0-9]+)?$`)
)

// idsIn reads the ids behind Covers:. They end where prose begins.
func idsIn(text string) (ids []string) {
	for _, m := range covers.FindAllStringSubmatch(text, -1) {
		for _, w := range strings.FieldsFunc(m[1], func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
			if w = strings.TrimSuffix(w, "."); word.MatchString(w) {
				ids = append(ids, w)
			}
		}
	}
	return ids
}

func countIn(text string) (n int) {
	for _, m := range attempts.FindAllStringSubmatch(text, -1) {
		c, _ := strconv.Atoi(m[1])
		n += c
	}
	return n
}

// find reads every test of the repository: Go tests by their function, others by
// their file.
func find(t *testing.T, root string) (all []shown) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if name := d.Name(); name == ".git" || name == "node_modules" || name == "dist" || name == "testdata" || rel == "test/controls" {
				return filepath.SkipDir
			}
			return nil
		}
		switch ext := filepath.Ext(path); {
		case strings.HasSuffix(path, "_test.go"):
			found, err := inGo(path, rel)
			all = append(all, found...)
			return err
		case ext == ".mjs" || ext == ".txtar" || strings.Contains(path, ".test.ts"):
			text, err := os.ReadFile(path)
			if ids := idsIn(string(text)); err == nil && len(ids) > 0 {
				all = append(all, shown{rel, "", ids, countIn(string(text))})
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func inGo(path, rel string) (all []shown, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Doc == nil {
			continue
		}
		if ids := idsIn(f.Doc.Text()); len(ids) > 0 {
			all = append(all, shown{rel, f.Name.Name, ids, countIn(f.Doc.Text())})
		}
	}
	return all, nil
}

// by sorts the tests by what they name.
func by(all []shown) map[string][]shown {
	m := map[string][]shown{}
	for _, s := range all {
		for _, id := range s.ids {
			m[id] = append(m[id], s)
		}
	}
	return m
}

// list is the tests of some ids, once each, as cells of a table.
func list(tests map[string][]shown, ids ...string) (cell string, attempted int) {
	seen := map[string]bool{}
	var names []string
	for _, id := range ids {
		for _, s := range tests[id] {
			name := "`" + strings.TrimSpace(s.name+" ") + "` in `" + filepath.Dir(s.file) + "`"
			if s.name == "" {
				name = "`" + s.file + "`"
			}
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
				attempted += s.attempts
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", "), attempted
}

const preface = "<!-- Written by `go test ./test/controls -update` from the tests' own words: change those. -->\n"

func controlsPage(tests map[string][]shown) string {
	var b strings.Builder
	b.WriteString(preface + "# What is required, where it is met, which test shows it\n\n" +
		"We support these rules and give evidence; nobody has certified anything. The texts are paraphrases: the rules themselves count.\n")
	for _, s := range sources {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n| row | asks | met by | shown by |\n|---|---|---|---|\n", s.name, upper(s.note))
		for _, r := range s.rows {
			id := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(r.ids[0], "HIPAA-"), "ASVS-"), "EN303645-")
			id = strings.TrimPrefix(id, "IEC81001-")
			if r.level3 {
				id += " (L3)"
			}
			cell, _ := list(tests, r.ids...)
			if r.later != "" {
				cell = strings.TrimSpace(cell + " *Not claimed: " + r.later + ".*")
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", id, r.text, r.control, cell)
		}
	}
	return b.String()
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func threatsPage(tests map[string][]shown) string {
	var b strings.Builder
	b.WriteString(preface + "# What could be done to it, and what becomes of it\n\n" +
		"A threat is survived while the tests beside it pass. Where a test counts its attacks it also fails when it made fewer; none of them may get through.\n\n" +
		"| id | attack or fault | what must happen | shown by | attempted | got through |\n|---|---|---|---|---|---|\n")
	for _, h := range threats {
		cell, attempted := list(tests, h.id)
		count, through := "", ""
		if attempted > 0 {
			count, through = strconv.Itoa(attempted), "0"
		}
		if h.later != "" {
			cell = strings.TrimSpace(cell + " *Not claimed: " + h.later + ".*")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", h.id, h.attack, h.expected, cell, count, through)
	}
	return b.String()
}

// Covers: IEC81001-5.7.1 IEC81001-5.7.2
func TestTables(t *testing.T) {
	root := need.Root(t)
	all := find(t, root)
	all = append(all, shown{"test/controls/controls_test.go", "TestTables", []string{"IEC81001-5.7.1", "IEC81001-5.7.2"}, 0})
	tests := by(all)
	known := map[string]bool{}
	for _, s := range sources {
		for _, r := range s.rows {
			has := false
			for _, id := range r.ids {
				known[id], has = true, has || len(tests[id]) > 0
			}
			if !has && r.later == "" {
				t.Errorf("%s: %s is claimed and no test covers it", s.name, r.ids[0])
			}
		}
	}
	for _, h := range threats {
		if known[h.id] = true; len(tests[h.id]) == 0 && h.later == "" {
			t.Errorf("threat %s is claimed and no test covers it", h.id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(tests)) {
		if !known[id] {
			t.Errorf("%s in %s covers %s, which no table knows", tests[id][0].name, tests[id][0].file, id)
		}
	}
	for name, text := range map[string]string{"controls.md": controlsPage(tests), "threats.md": threatsPage(tests)} {
		path := filepath.Join(root, "docs", "security", name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(path); err != nil || string(have) != text {
			t.Errorf("docs/security/%s is stale: go test ./test/controls -update", name)
		}
	}
}

// What stands behind Covers: is read as ids, and prose is not.
func TestIDs(t *testing.T) {
	for text, want := range map[string]string{
		"// Covers: S1 A12, HIPAA-164.312(d).":              "[S1 A12 HIPAA-164.312(d)]",
		"Covers: A13 ASVS-6.5.1 (the second use of a code)": "[A13 ASVS-6.5.1]",
		"# Covers: K2": "[K2]", "it covers: S1": "[]", "Covers: nothing": "[]",
	} {
		if got := fmt.Sprint(idsIn(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
