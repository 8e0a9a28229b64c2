package device_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/wire/device"
)

var update = flag.Bool("update", false, "write what is decoded as what is wanted")

const examples = "../../docs/formats/examples"

// packetOf reads an example: the body as it is, or as hexadecimal.
func packetOf(t testing.TB, path string) device.Packet {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".hex") {
		if body, err = hex.DecodeString(strings.Join(strings.Fields(string(body)), "")); err != nil {
			t.Fatal(err)
		}
	}
	return device.Packet{Topic: "v1/monitor-1/telemetry", Device: "monitor-1", Received: 1795345860020, Body: body, Gateway: strings.Contains(path, "gateway")}
}

func inputs(t testing.TB) []string {
	t.Helper()
	var paths []string
	for _, ending := range []string{"*.json", "*.hex"} {
		found, err := filepath.Glob(filepath.Join(examples, ending))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < 10 {
		t.Fatalf("only %d examples under %s", len(paths), examples)
	}
	return paths
}

// The examples of docs/formats decode to what lies beside them.
func TestDocumentedExamples(t *testing.T) {
	for _, path := range inputs(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p := packetOf(t, path)
			r, err := device.Decode(p)
			got := describe(r, err)
			wanted := strings.TrimSuffix(path, filepath.Ext(path)) + ".want"
			if *update {
				if err := os.WriteFile(wanted, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wanted)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			wellFormed(t, p, r)
		})
	}
}

func describe(r device.Result, err error) string {
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "error %s\n", err)
		return b.String()
	}
	fmt.Fprintf(&b, "%s sequence %d\n", r.Decoder, r.Sequence)
	for _, x := range r.Readings {
		fmt.Fprintf(&b, "reading %s %s %s %q device %s sequence %d quality [%s]\n", x.Metric, x.Value, x.Clocks.Device, x.Unit, x.Device, x.Sequence, x.Quality)
	}
	for _, w := range r.Waveforms {
		fmt.Fprintf(&b, "wave %s %q gain %s zero %d %d mHz start %d us %s sequence %d quality [%s] missing %v samples %v\n", w.Metric, w.Unit, w.Gain, w.Zero, w.MilliHz, w.Start, w.Clocks.Device, w.Sequence, w.Quality, w.Missing, w.Samples)
	}
	for _, e := range r.Events {
		fmt.Fprintf(&b, "event %s %q %q %s sequence %d quality [%s]\n", e.Kind, e.Code, e.Text, e.Clocks.Device, e.Sequence, e.Quality)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "problem %s\n", p)
	}
	return b.String()
}

// Every packet printed in the page itself decodes without a problem.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/payload.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) < 3 {
		t.Fatalf("%d packets on the page", len(blocks))
	}
	for _, block := range blocks {
		r, err := device.Decode(device.Packet{Device: "monitor-1", Received: 1795345860020, Body: block[1]})
		if err != nil || len(r.Problems) > 0 || len(r.Readings)+len(r.Events) == 0 {
			t.Errorf("%s: %v %v", block[1], err, r.Problems)
		}
	}
}

// FuzzDecode starts from every example and every registered one. Nothing may
// panic; an error is of kind Invalid; a result is well formed.
//
// Covers: EN303645-5.13 IEC81001-5.7.3
func FuzzDecode(f *testing.F) {
	for _, path := range inputs(f) {
		f.Add("", packetOf(f, path).Body)
	}
	for _, d := range device.Catalogue {
		for _, e := range d.Examples {
			f.Add(d.Name, e.Packet.Body)
		}
	}
	f.Fuzz(func(t *testing.T, format string, body []byte) {
		p := device.Packet{Format: format, Device: "monitor-1", Received: 1795345860020, Body: body}
		r, err := device.Decode(p)
		if err != nil {
			invalid(t, err)
			return
		}
		wellFormed(t, p, r)
		again, err := device.Decode(p)
		if err != nil || describe(again, nil) != describe(r, nil) {
			t.Fatalf("a second decoding differs: %v", err)
		}
	})
}
