package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/trace"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// TestTraceIsRecomputed judges a trace once more by the rule that is in it: the
// alarm comes out again where the readings carry it, and only there.
func TestTraceIsRecomputed(t *testing.T) {
	const began = vital.Instant(1_700_000_000_000)
	var text string
	for _, f := range rule.DefaultFiles() {
		if filepath.Base(f.Name) == "spo2.rule" {
			text = f.Text
		}
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		low  int // %, from 20 s on; the rule wants less than 90 % for 10 s
		want string
	}{
		{"the readings carry it", 84, "raises it again from these readings"},
		{"they do not", 97, "does not raise it again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := trace.Trace{Version: trace.Version, Site: vital.DefaultSite}
			x.Alarm = alarm.Alarm{ID: "al-1", Patient: "p-1", Rule: "spo2-low", Since: began + 20_000, Raised: began + 30_000}
			x.Evidence = trace.Evidence{RuleFile: "spo2.rule", RuleText: text, From: began, To: began + 60_000, About: trace.About{AgeYears: 60, WardKind: "adult", Zone: "UTC"}}
			for s := range 60 {
				value := 97
				if s >= 20 {
					value = c.low
				}
				at := began + vital.Instant(s)*1000
				x.Evidence.Readings = append(x.Evidence.Readings, trace.Reading{
					Metric: "spo2", Value: fmt.Sprint(value), Unit: "%", Effective: at, Device: at, Received: at, Sequence: uint64(s + 1), Source: "m-1", Decoder: "vigil-json/1",
				})
			}
			signed, err := trace.Sign(x, key)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "trace.json")
			if err := os.WriteFile(file, signed, 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := verifyTrace(t.Context(), world{out: &out, err: &out}, []string{file}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("want %q in\n%s", c.want, &out)
			}
			if err := verifyTrace(t.Context(), world{out: &out, err: &out}, []string{file, "--key", strings.Repeat("0", 64)}); vital.KindOf(err) != vital.Denied {
				t.Errorf("another key: %v", err)
			}
		})
	}
}
