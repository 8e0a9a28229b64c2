// Command verdict reads what `go test -json` says and prints what a person needs:
// Go's own line for each package, the whole output of what failed, every skip
// with its reason, and a count. It exists because a skip is silent in go test,
// and a run that skipped what it should have shown must not look green:
//
//	go test -json ./... | go run ./test/verdict -require all
//
// With -require all a skip is a failure; a missing recording is not, because the
// recordings are not part of the project.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// event is one line of `go test -json` (see `go doc test2json`).
type event struct {
	Action, Package, Test, Output string
}

// verdict is what a run came to.
type verdict struct {
	packages, passed, failed, skipped int
	excused                           int // skips that are no failure
}

// noRecording is in the reason of every test that misses a recording.
var noRecording = regexp.MustCompile(`no recording at|recordings are not in`)

func main() {
	require := flag.String("require", "", "all: a skipped test is a failure")
	flag.Parse()
	v, err := read(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "verdict:", err)
		os.Exit(1)
	}
	fmt.Printf("%d packages, %d tests passed, %d failed, %d skipped (%d for want of a recording)\n",
		v.packages, v.passed, v.failed, v.skipped, v.excused)
	switch {
	case v.passed == 0:
		fmt.Println("FAIL: no test ran")
	case v.failed > 0:
		fmt.Println("FAIL: tests failed")
	case *require == "all" && v.skipped > v.excused:
		fmt.Println("FAIL: everything is required and something was skipped")
	default:
		return
	}
	os.Exit(1)
}

// read follows the events. Output of a test is held until its end, and printed
// if it failed or was skipped.
func read(in io.Reader, out io.Writer) (v verdict, err error) {
	held := map[string]*strings.Builder{}
	for lines := json.NewDecoder(in); ; {
		var e event
		if err := lines.Decode(&e); err == io.EOF {
			return v, nil
		} else if err != nil {
			return v, fmt.Errorf("this is not the output of go test -json: %w", err)
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if e.Test == "" && (e.Action == "build-output" || isResult(e.Output)) {
				io.WriteString(out, e.Output)
				continue
			}
			if held[key] == nil {
				held[key] = &strings.Builder{}
			}
			held[key].WriteString(e.Output)
		case "pass", "fail", "skip":
			text := ""
			if held[key] != nil {
				text = held[key].String()
				delete(held, key)
			}
			v.count(e, text, out)
		}
	}
}

// count takes the end of one test or package.
func (v *verdict) count(e event, text string, out io.Writer) {
	if e.Test == "" {
		v.packages++
		if e.Action == "fail" {
			v.failed++ // also when it did not build or did not end
			fmt.Fprintf(out, "%s\nFAIL\t%s\n", text, e.Package)
		}
		return
	}
	switch e.Action {
	case "pass":
		v.passed++
	case "fail":
		v.failed++
		fmt.Fprintf(out, "--- FAIL: %s %s\n%s", e.Package, e.Test, reason(text))
	case "skip":
		v.skipped++
		if noRecording.MatchString(text) {
			v.excused++
		}
		fmt.Fprintf(out, "--- SKIP: %s %s\n%s", e.Package, e.Test, reason(text))
	}
}

// isResult reports whether a line is Go's own line for a package.
func isResult(line string) bool {
	for _, start := range []string{"ok  ", "FAIL\t", "?   ", "panic:"} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

// reason returns the lines of a test that say why.
func reason(text string) string {
	var why strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(strings.TrimSpace(line), "--- ") {
			why.WriteString(line)
		}
	}
	return why.String()
}
