package vital_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/vital"
)

var update = flag.Bool("update", false, "write docs/formats/metrics.md from the table")

const page = "../docs/formats/metrics.md"

// The page for makers of devices says what the table says.
func TestMetricsPage(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, `# The %d metrics that Vigil knows by name

A device names one of these in `+"`metric`"+` and sends a number in the unit of the table or in any UCUM unit that converts to
it; what else it measures is kept as `+"`x:name`"+`. The range is what can be plausible at all: a value outside it is kept and
marked implausible. The page is written from `+"`vital/metrics.go`"+` (`+"`go test ./vital -run Page -update`"+`).
`, len(vital.Metrics))
	group := ""
	for _, m := range vital.Metrics {
		if m.Group != group {
			group = m.Group
			fmt.Fprintf(&b, "\n## %s\n\n| metric | is | unit or codes | also shown in | plausible | LOINC | MDC |\n|---|---|---|---|---|---|---|\n", group)
		}
		unit, plausible, shape := "`"+m.Unit+"`", fmt.Sprintf("%s to %s", m.Low, m.High), ""
		if m.Shape == vital.Code {
			unit, plausible = strings.Join(m.Codes, " "), ""
			if unit == "" {
				unit = "any code"
			}
		}
		if m.Shape == vital.Wave {
			shape = " (waveform)"
		}
		var also []string
		for _, u := range m.Display {
			also = append(also, "`"+u+"`")
		}
		mdc := ""
		if m.MDC != 0 {
			mdc = fmt.Sprintf("%d %s", m.MDC, m.RefID)
		}
		fmt.Fprintf(&b, "| `%s` | %s%s | %s | %s | %s | %s | %s |\n", m.Name, m.Label, shape, unit, strings.Join(also, " "), plausible, m.LOINC, mdc)
	}
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Error("docs/formats/metrics.md differs from the table: run go test ./vital -run Page -update")
	}
}

func TestWordsPrinted(t *testing.T) {
	if s := (vital.Motion | vital.Manual).String(); s != "manual motion" {
		t.Error(s)
	}
	if s := (vital.Problem{Where: "byte 3", Reason: "no"}).String(); s != "byte 3: no" {
		t.Error(s)
	}
	if vital.Numeric.String()+vital.Code.String()+vital.Wave.String() != "numericcodewave" {
		t.Error("shapes")
	}
	var d vital.Decimal
	if err := d.UnmarshalJSON([]byte("36.60")); err != nil || d.String() != "36.60" {
		t.Error(d, err)
	}
	if err := d.UnmarshalJSON([]byte(`"36.60"`)); vital.KindOf(err) != vital.Invalid || d.String() != "36.60" {
		t.Error(d, err)
	}
	for _, u := range []string{"mm[Hg]", "weird"} {
		if got := vital.InternUnit([]byte(u)); got != u {
			t.Error(got)
		}
	}
}
