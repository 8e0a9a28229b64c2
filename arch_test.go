// Package vigil holds no code: it is the rules of the house, checked.
//
// Each rule is a function over the text of the files, so that TestAttacks can
// show every rule a file that breaks it. The files are read and parsed in this
// process and never through `go list`: go test caches a result by the files the
// test itself opened, and would call a tree green that a subprocess saw long ago.
package vigil_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/vigilcare/vigil"

// floors is the house, bottom first. A package imports only floors below its
// own; packages of one floor never import each other. A new floor is a line
// here and an ADR; do not move a package to make a build pass. "*" is one
// folder of any name.
var floors = []struct {
	name     string
	pure     bool // standard library and gonum only, no clock, no outside
	packages []string
}{
	{"0a words", true, []string{"vital"}},
	{"0b who, filters, screens", true, []string{"person", "signal", "web"}},
	{"1a medicine, bytes, decisions", true, []string{"clinical/*", "wire/*", "rule", "alarm", "synth"}},
	{"1b the catalogue of devices", true, []string{"wire/device"}},
	{"2 record", false, []string{"internal/journal", "internal/audit", "internal/codec/*", "internal/mqttc", "internal/seal", "internal/ca", "internal/words"}},
	{"3 store", false, []string{"internal/store"}},
	{"4a parts of the flow", false, []string{"internal/auth", "internal/ingest", "internal/watch", "internal/notify", "internal/report", "internal/trace", "internal/backup"}},
	{"4b the flow", false, []string{"internal/flow"}},
	{"5 doors", false, []string{"internal/mqttd", "internal/deviced", "internal/mllpd", "internal/fhird", "internal/webd", "internal/estd", "internal/oauthd", "internal/edge"}},
	{"6 wiring", false, []string{"cmd/vigil"}},
	{"7 proof", false, []string{"test/*", "test/*/*", "internal/journal/journaltest"}},
}

// mayKnowPerson are the only packages that may import person: privacy is an
// import rule.
var mayKnowPerson = []string{
	"wire/hl7", "wire/fhir", "internal/store", "internal/ingest", "internal/auth", "internal/report",
	"internal/notify", "internal/fhird", "internal/webd", "cmd/vigil",
}

// outside are the packages through which the medicine could reach the world,
// with what is below each of them.
var outside = []struct{ path, reason string }{
	{"context", "the medicine does not wait"},
	{"os", "the medicine reads no files"},
	{"net", "the medicine has no network"},
	{"database/sql", "rows live in internal/store"},
	{"log", "the medicine returns, it does not report"},
	{"runtime", "same input, same output, on every machine"},
	{"unsafe", "nothing here is worth it"},
	{"syscall", "the medicine has no world"},
	{"plugin", "the medicine has no world"},
	{"math/rand", "chance comes in as a seed, in synth, by math/rand/v2"},
	{"crypto/rand", "same input, same output"},
	{"io/ioutil", "the medicine reads no files"},
	{"testing", "tests are not part of the medicine"},
}

// clock are the names of package time that read or wait for the clock.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}

// bannedNames say nothing about what is inside.
var bannedNames = []string{
	"util", "utils", "common", "model", "models", "core", "helper", "helpers", "manager", "service", "services",
	"base", "types", "misc", "lib", "shared",
}

// blankImports are drivers and embed; everything else is wired by name.
var blankImports = []string{"embed", "modernc.org/sqlite", "github.com/jackc/pgx/v5/stdlib", "time/tzdata"}

// longFiles may pass lineLimit, each for a reason.
var longFiles = map[string]string{}

const (
	lineLimit   = 500
	methodLimit = 5
)

// tree is a set of files by slash-separated path from the root.
type tree map[string]string

// source is one parsed Go file.
type source struct {
	path, dir string
	test      bool
	text      string
	file      *ast.File
	set       *token.FileSet
}

func (s source) at(p token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", s.path, s.set.Position(p).Line, fmt.Sprintf(format, args...))
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// parse returns the Go files of the tree, in the order of their paths.
func parse(files tree) (sources []source, problems []string) {
	for p, text := range files {
		if path.Ext(p) != ".go" || strings.Contains(p, "/testdata/") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, p, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: does not parse: %v", p, err))
			continue
		}
		sources = append(sources, source{p, path.Dir(p), strings.HasSuffix(p, "_test.go"), text, file, set})
	}
	slices.SortFunc(sources, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return sources, problems
}

// floorOf returns the floor a folder stands on, -1 if none. An exact name goes
// before a pattern.
func floorOf(dir string) int {
	found := -1
	for i, f := range floors {
		if slices.Contains(f.packages, dir) {
			return i
		}
		for _, p := range f.packages {
			if ok, _ := path.Match(p, dir); ok && found < 0 {
				found = i
			}
		}
	}
	return found
}

// within reports whether an import path is root or below it.
func within(name, root string) bool { return name == root || strings.HasPrefix(name, root+"/") }

// checkFloors: imports point down; the lower floors stay pure; person stays
// where it belongs.
func checkFloors(sources []source) (problems []string) {
	for _, s := range sources {
		if s.test {
			continue
		}
		floor := floorOf(s.dir)
		if floor < 0 {
			problems = append(problems, s.at(1, "package %s stands on no floor: add it to the table in arch_test.go", s.dir))
			continue
		}
		for _, spec := range s.file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			own, isOwn := strings.CutPrefix(name, module+"/")
			switch {
			case isOwn:
				if below := floorOf(own); below < 0 {
					problems = append(problems, s.at(spec.Pos(), "imports %s, which stands on no floor", own))
				} else if below >= floor {
					problems = append(problems, s.at(spec.Pos(), "%s (floor %s) imports %s (floor %s): imports point down, siblings do not know each other", s.dir, floors[floor].name, own, floors[below].name))
				}
				if own == "person" && !slices.Contains(mayKnowPerson, s.dir) && !strings.HasPrefix(s.dir, "test/") {
					problems = append(problems, s.at(spec.Pos(), "%s imports person: only packages of the allow-list may know who somebody is", s.dir))
				}
			case floors[floor].pure:
				problems = append(problems, impure(s, spec, name)...)
			}
		}
		if floors[floor].pure {
			problems = append(problems, readsClock(s)...)
		}
	}
	return problems
}

// impure finds an import that floors 0 and 1 may not have.
func impure(s source, spec *ast.ImportSpec, name string) (problems []string) {
	first, _, _ := strings.Cut(name, "/")
	if strings.Contains(first, ".") && !within(name, "gonum.org/v1/gonum") {
		problems = append(problems, s.at(spec.Pos(), "imports %s: floors 0 and 1 stand on the standard library and gonum", name))
	}
	if name == "C" {
		problems = append(problems, s.at(spec.Pos(), "imports C"))
	}
	if name == "math/rand/v2" && s.dir == "synth" {
		return problems
	}
	for _, o := range outside {
		if within(name, o.path) {
			problems = append(problems, s.at(spec.Pos(), "imports %s: %s", name, o.reason))
		}
	}
	if name == "time" && spec.Name != nil {
		problems = append(problems, s.at(spec.Pos(), "renames package time"))
	}
	if spec.Name != nil && spec.Name.Name == "." {
		problems = append(problems, s.at(spec.Pos(), "dot import of %s", name))
	}
	return problems
}

func readsClock(s source) (problems []string) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, sel.Sel.Name) {
				problems = append(problems, s.at(sel.Pos(), "time.%s: on floors 0 and 1 time comes in as data", sel.Sel.Name))
			}
		}
		return true
	})
	return problems
}

// checkShape: names, docs, lengths, interfaces, registries.
func checkShape(sources []source) (problems []string) {
	documented := map[string]bool{}
	for _, s := range sources {
		name := s.file.Name.Name
		if slices.Contains(bannedNames, strings.TrimSuffix(name, "_test")) || slices.Contains(bannedNames, path.Base(s.dir)) {
			problems = append(problems, s.at(s.file.Name.Pos(), "package name %s says nothing about what is inside", name))
		}
		for _, spec := range s.file.Imports {
			own, _ := strconv.Unquote(spec.Path.Value)
			if spec.Name != nil && within(own, module) {
				problems = append(problems, s.at(spec.Pos(), "alias %s for %s: packages keep their names", spec.Name.Name, own))
			}
			if spec.Name != nil && spec.Name.Name == "_" && !s.test && !slices.Contains(blankImports, own) {
				problems = append(problems, s.at(spec.Pos(), "blank import of %s: wiring is explicit", own))
			}
		}
		if s.test {
			continue
		}
		if name != "main" && name != path.Base(s.dir) {
			problems = append(problems, s.at(s.file.Name.Pos(), "package %s lives in folder %s", name, s.dir))
		}
		want := "Package " + name + " "
		if name == "main" {
			want = "Command " + path.Base(s.dir) + " "
		}
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil && strings.HasPrefix(s.file.Doc.Text(), want)
		problems = append(problems, shapeOf(s)...)
	}
	for dir, ok := range documented {
		if !ok {
			problems = append(problems, fmt.Sprintf("%s: no file has the package doc (why before how)", dir))
		}
	}
	return problems
}

// shapeOf looks at the declarations of one file that is not a test.
func shapeOf(s source) (problems []string) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				problems = append(problems, s.at(n.Pos(), "func init: catalogues are slices, wiring is in cmd"))
			}
		case *ast.TypeSpec:
			if i, ok := n.Type.(*ast.InterfaceType); ok {
				methods := 0
				for _, m := range i.Methods.List {
					methods += max(1, len(m.Names))
				}
				if methods > methodLimit {
					problems = append(problems, s.at(n.Pos(), "interface %s has %d methods, at most %d", n.Name.Name, methods, methodLimit))
				}
			}
		}
		return true
	})
	return problems
}

// checkLength: one idea a file. It looks at Go and TypeScript; a style sheet is a table.
func checkLength(files tree) (problems []string) {
	for p, text := range files {
		switch path.Ext(p) {
		case ".go", ".ts", ".tsx":
		default:
			continue
		}
		if strings.HasSuffix(p, "_test.go") || strings.Contains(p, ".test.") || strings.Contains(p, "/testdata/") ||
			strings.HasPrefix(p, "test/") || within(p, "web/dist") || generated.MatchString(text) {
			continue
		}
		lines, reason := strings.Count(text, "\n"), longFiles[p]
		if lines > lineLimit && reason == "" {
			problems = append(problems, fmt.Sprintf("%s: %d lines, at most %d: one idea a file", p, lines, lineLimit))
		}
	}
	return problems
}

// These are put together from parts so that this file does not name them itself.
var (
	registryHosts = regexp.MustCompile(strings.Join([]string{
		`registry\.` + `npmjs\.`, `registry\.` + `yarnpkg\.`, `npm\.` + `pkg\.github\.`, `proxy\.` + `golang\.org`, `sum\.` + `golang\.org`,
		`pypi\.` + `org`, `files\.` + `pythonhosted\.`, `deb\.` + `debian\.org`, `security\.` + `debian\.org`, `static\.` + `crates\.io`,
	}, "|"))
	secrets = regexp.MustCompile(strings.Join([]string{
		`-----BEGIN ` + `(?:[A-Z]+ )?PRIVATE KEY`, `AGE-SECRET-` + `KEY-1`, `\bAK` + `IA[0-9A-Z]{16}\b`, `\bgh` + `[pousr]_[0-9A-Za-z]{36}\b`,
		`\bxox` + `[abp]-[0-9A-Za-z-]{20,}`, `\bS[AOUC]` + `[A-Z2-7]{56}\b`, `\beyJ` + `hbGciOi[0-9A-Za-z_-]{20,}`,
	}, "|"))
)

// checkText: nothing depends on one registry, and no key is in the tree. What is
// built from web/src is not looked at twice.
func checkText(files tree) (problems []string) {
	for p, text := range files {
		if within(p, "web/dist") {
			continue
		}
		for _, c := range []struct {
			pattern *regexp.Regexp
			what    string
		}{
			{registryHosts, "names a package registry: a clone must build through whatever mirror its clients are set to"},
			{secrets, "looks like a secret: keys are made at the first start, none is committed"},
		} {
			if m := c.pattern.FindStringIndex(text); m != nil {
				problems = append(problems, fmt.Sprintf("%s:%d: %s", p, 1+strings.Count(text[:m[0]], "\n"), c.what))
			}
		}
	}
	return problems
}

// check is the whole house.
func check(files tree) []string {
	sources, problems := parse(files)
	problems = slices.Concat(problems, checkFloors(sources), checkShape(sources), checkLength(files), checkText(files))
	slices.Sort(problems)
	return problems
}

// read returns every text file of the work tree below root, without what .gitignore leaves out.
func read(t *testing.T, root string) tree {
	t.Helper()
	files := tree{}
	skip := []string{".git", "node_modules", "data", "vigil-demo", ".vite", "artifacts", "test-results"}
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(skip, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 4<<20 {
			return err
		}
		text, err := os.ReadFile(path.Join(root, p))
		if err == nil && !strings.Contains(string(text[:min(len(text), 8000)]), "\x00") {
			files[p] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	return files
}

func TestHouse(t *testing.T) {
	files := read(t, ".")
	for _, p := range []string{"vital/reading.go", "internal/journal/journal.go", "cmd/vigil/main.go"} {
		if files[p] == "" {
			t.Fatalf("the walk did not find %s: it does not see the tree", p)
		}
	}
	for _, problem := range check(files) {
		t.Error(problem)
	}
	for p, reason := range longFiles {
		if strings.Count(files[p], "\n") <= lineLimit {
			t.Errorf("longFiles names %s (%s), which is not long: remove the line", p, reason)
		}
	}
}

// TestAttacks shows each rule a file that breaks it. A rule that lets its file
// pass is no rule.
func TestAttacks(t *testing.T) {
	pkg := func(name, rest string) string { return "// Package " + name + " is.\npackage " + name + "\n" + rest }
	own := func(p string) string { return "import _ \"" + module + "/" + p + "\"\n" }
	use := func(p string) string { return "import \"" + module + "/" + p + "\"\n" }
	for _, a := range []struct{ name, path, text, want string }{
		{"sibling on floor 0", "person/a.go", pkg("person", use("signal")), "imports point down"},
		{"words on names", "vital/a.go", pkg("vital", use("person")), "imports point down"},
		{"upward", "signal/a.go", pkg("signal", use("wire/mqtt")), "imports point down"},
		{"sibling on floor 1", "wire/edf/a.go", pkg("edf", use("wire/wfdb")), "imports point down"},
		{"medicine on catalogue", "clinical/ecg/a.go", pkg("ecg", use("wire/device")), "imports point down"},
		{"door to door", "internal/mqttd/a.go", pkg("mqttd", use("internal/webd")), "imports point down"},
		{"store on flow", "internal/store/a.go", pkg("store", use("internal/flow")), "imports point down"},
		{"wiring on proof", "cmd/vigil/a.go", "// Command vigil is.\npackage main\n" + use("test/need"), "imports point down"},
		{"stray package", "internal/stray/a.go", pkg("stray", ""), "stands on no floor"},
		{"stray import", "internal/flow/a.go", pkg("flow", use("internal/stray")), "stands on no floor"},
		{"context", "vital/a.go", pkg("vital", `import "context"`), "imports context"},
		{"os", "wire/edf/a.go", pkg("edf", `import "os"`), "imports os"},
		{"os below", "wire/edf/a.go", pkg("edf", `import "os/exec"`), "imports os/exec"},
		{"network", "wire/mqtt/a.go", pkg("mqtt", `import "net"`), "imports net"},
		{"http", "wire/mqtt/a.go", pkg("mqtt", `import "net/http"`), "imports net/http"},
		{"sql", "rule/a.go", pkg("rule", `import "database/sql"`), "imports database/sql"},
		{"log", "alarm/a.go", pkg("alarm", `import "log/slog"`), "imports log/slog"},
		{"runtime", "signal/a.go", pkg("signal", `import "runtime"`), "imports runtime"},
		{"unsafe", "signal/a.go", pkg("signal", `import "unsafe"`), "imports unsafe"},
		{"chance", "synth/a.go", pkg("synth", `import "math/rand"`), "imports math/rand"},
		{"chance outside synth", "signal/a.go", pkg("signal", `import "math/rand/v2"`), "imports math/rand/v2"},
		{"real chance", "vital/a.go", pkg("vital", `import "crypto/rand"`), "imports crypto/rand"},
		{"third party", "signal/a.go", pkg("signal", `import "github.com/klauspost/compress/huff0"`), "standard library and gonum"},
		{"gonum look-alike", "signal/a.go", pkg("signal", `import "gonum.org/v1/gonumx"`), "standard library and gonum"},
		{"cgo", "signal/a.go", pkg("signal", `import "C"`), "imports C"},
		{"clock", "alarm/a.go", pkg("alarm", "import \"time\"\nvar now = time.Now()"), "time.Now"},
		{"clock as a value", "alarm/a.go", pkg("alarm", "import \"time\"\nvar now = time.Since"), "time.Since"},
		{"waiting", "synth/a.go", pkg("synth", "import \"time\"\nvar c = time.NewTimer(1)"), "time.NewTimer"},
		{"renamed clock", "alarm/a.go", pkg("alarm", "import clock \"time\"\nvar now = clock.Now()"), "renames package time"},
		{"dotted clock", "alarm/a.go", pkg("alarm", "import . \"time\"\nvar now = Now()"), "renames package time"},
		{"dot import", "alarm/a.go", pkg("alarm", `import . "math"`), "dot import"},
		{"name in the medicine", "clinical/score/a.go", pkg("score", use("person")), "who somebody is"},
		{"name in the watch", "internal/watch/a.go", pkg("watch", use("person")), "who somebody is"},
		{"banned folder", "internal/codec/util/a.go", pkg("util", ""), "says nothing"},
		{"banned name of a test package", "internal/flow/helper/a_test.go", "package helper_test\n", "says nothing"},
		{"alias", "internal/flow/a.go", pkg("flow", `import v "`+module+`/vital"`), "keep their names"},
		{"alias in a test", "internal/flow/a_test.go", "package flow_test\nimport v \"" + module + "/vital\"", "keep their names"},
		{"blank import", "internal/flow/a.go", pkg("flow", own("wire/vjson")), "wiring is explicit"},
		{"blank import of a stranger", "internal/flow/a.go", pkg("flow", `import _ "image/png"`), "wiring is explicit"},
		{"name unlike the folder", "internal/flow/a.go", pkg("stream", ""), "lives in folder"},
		{"no package doc", "internal/flow/a.go", "package flow\n", "no file has the package doc"},
		{"empty package doc", "internal/flow/a.go", "// flows.\npackage flow\n", "no file has the package doc"},
		{"no command doc", "cmd/vigil/a.go", "package main\n", "no file has the package doc"},
		{"init", "internal/flow/a.go", pkg("flow", "func init() {}"), "func init"},
		{"fat interface", "internal/flow/a.go", pkg("flow", "type T interface { A(); B(); C(); D(); E(); F() }"), "has 6 methods"},
		{"long file", "internal/flow/a.go", pkg("flow", strings.Repeat("//\n", lineLimit)), "one idea a file"},
		{"long screen", "web/src/ward.tsx", strings.Repeat("//\n", lineLimit+1), "one idea a file"},
		{"does not parse", "internal/flow/a.go", "package flow\nfunc {", "does not parse"},
		{"registry in a lock file", "web/package-lock.json", `"resolved": "https://registry.` + `npmjs.org/x"`, "package registry"},
		{"registry in a script", "scripts/a.sh", "GOPROXY=https://proxy." + "golang.org", "package registry"},
		{"private key", "deploy/key.pem", "-----BEGIN EC " + "PRIVATE KEY-----", "looks like a secret"},
		{"bare private key", "docs/a.md", "-----BEGIN " + "PRIVATE KEY-----", "looks like a secret"},
		{"token", "test/a.txt", "gh" + "p_" + strings.Repeat("a", 36), "looks like a secret"},
		{"signed token", "docs/a.md", "eyJ" + "hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "looks like a secret"},
	} {
		t.Run(a.name, func(t *testing.T) {
			problems := check(tree{a.path: a.text})
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, a.want) }) {
				t.Errorf("%s passed; want a problem with %q, got %q", a.path, a.want, problems)
			}
		})
	}
}

// TestGoodFiles shows the rules what they must let pass.
func TestGoodFiles(t *testing.T) {
	good := tree{
		"vital/a.go":              "// Package vital is.\npackage vital\nimport \"time\"\nvar Zero = time.UnixMilli(0)\n",
		"signal/a.go":             "// Package signal is.\npackage signal\nimport \"gonum.org/v1/gonum/stat\"\nvar M = stat.Mean\n",
		"synth/a.go":              "// Package synth is.\npackage synth\nimport (\"math/rand/v2\"; \"" + module + "/signal\")\nvar R, S = rand.New, signal.M\n",
		"wire/device/a.go":        "// Package device is.\npackage device\nimport \"" + module + "/wire/vjson\"\nvar V = vjson.V\n",
		"wire/vjson/a.go":         "// Package vjson is.\npackage vjson\nvar V = 1\n",
		"internal/webd/a.go":      "// Package webd is.\npackage webd\nimport (\"" + module + "/person\"; \"" + module + "/web\"; \"net/http\"; \"time\")\nvar A, B, C, D = person.A, web.A, http.Get, time.Now\n",
		"internal/store/a.go":     "// Package store is.\npackage store\nimport _ \"modernc.org/sqlite\"\n",
		"internal/flow/long.go":   "// Code generated by hand. DO NOT EDIT.\n\n// Package flow is.\npackage flow\n" + strings.Repeat("//\n", lineLimit),
		"internal/flow/a_test.go": "package flow_test\nimport \"os\"\ntype big interface { A(); B(); C(); D(); E(); F() }\nvar _ = os.Args\n" + strings.Repeat("//\n", lineLimit),
		"web/dist/app.js":         strings.Repeat("//\n", lineLimit+1),
		"cmd/vigil/a.go":          "// Command vigil is.\npackage main\nfunc main() {}\n",
	}
	for _, problem := range check(good) {
		t.Error(problem)
	}
}
