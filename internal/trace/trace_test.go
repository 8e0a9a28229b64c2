package trace_test

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/trace"
	"github.com/vigilcare/vigil/vital"
)

func whole() trace.Trace {
	body := []byte(`{"readings":[{"metric":"spo2","value":84,"unit":"%"}]}`)
	t := trace.Trace{
		Version: trace.Version, Site: "s", Made: 70_000,
		Alarm: alarm.Alarm{
			ID: "a-1", Patient: "p-1", Rule: "spo2-low", Text: "SpO2 84 % < 90 %", Since: 10_000, Raised: 20_000, Priority: vital.Medium,
			Evidence: []vital.Evidence{{Metric: "spo2", Value: "84", Unit: "%", At: 19_900, Received: 20_000, Source: vital.Position{Frame: 3}}},
		},
		Evidence: trace.Evidence{
			Packets:  []trace.Packet{{At: vital.Position{Frame: 3}, Body: body, SHA256: trace.Sum(body)}},
			Readings: []trace.Reading{{Metric: "spo2", Value: "84", Unit: "%", Effective: 19_900, Received: 20_000}},
		},
		Deeds:      []trace.Deed{{At: 20_000, Kind: "raised"}, {At: 31_000, Kind: "done", Verb: "acknowledge", By: "u-1"}},
		Deliveries: []trace.Delivery{{State: "handed-over", Changed: 20_800}, {State: "queued", Changed: 20_100}},
	}
	t.Measure()
	return t
}

func TestATraceThatWasNotTouchedOpens(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := trace.Sign(whole(), key)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := trace.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if faults := got.Check(); len(faults) != 0 {
		t.Errorf("faults %q", faults)
	}
	if want := (trace.Latency{SampleToReceived: 100, ReceivedToRaised: 0, RaisedToSent: 800, RaisedToSeen: 11_000}); got.Latency != want {
		t.Errorf("latency %+v, want %+v", got.Latency, want)
	}
	// Another indentation is the same trace.
	var f trace.File
	if err := json.Unmarshal(file, &f); err != nil {
		t.Fatal(err)
	}
	wide, err := json.MarshalIndent(f, "", "        ")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := trace.Open(wide); err != nil {
		t.Errorf("indented anew: %v", err)
	}
}

// TestEveryChangedByteIsSeen changes each digit and letter of a signed file.
func TestEveryChangedByteIsSeen(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := trace.Sign(whole(), key)
	if err != nil {
		t.Fatal(err)
	}
	payload := strings.Index(string(file), `"payload"`) + len(`"payload"`)
	end := strings.Index(string(file), `"key"`)
	for i := payload; i < end; i++ {
		c := file[i]
		if c <= ' ' {
			continue // white space is not signed
		}
		changed := append([]byte(nil), file...)
		changed[i] = '0'
		if c == '0' {
			changed[i] = '1'
		}
		if _, _, err := trace.Open(changed); err == nil {
			t.Fatalf("byte %d (%c) was changed to %c and the trace still opens", i, c, changed[i])
		}
	}
}

func TestCheckNamesWhatContradictsItself(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*trace.Trace)
		want  string
	}{
		{"a packet", func(t *trace.Trace) { t.Evidence.Packets[0].Body = []byte("{}") }, "its bytes do not have the sum"},
		{"a reading", func(t *trace.Trace) { t.Evidence.Readings[0].Value = "94" }, "not among the readings"},
		{"the order", func(t *trace.Trace) { t.Deeds[1].At = 1 }, "not in order"},
		{"the beginning", func(t *trace.Trace) { t.Deeds = t.Deeds[1:] }, "does not begin"},
		{"the time", func(t *trace.Trace) { t.Alarm.Raised = 5000 }, "before its condition"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := whole()
			tt.spoil(&x)
			if got := strings.Join(x.Check(), "; "); !strings.Contains(got, tt.want) {
				t.Errorf("faults %q, want one that says %q", got, tt.want)
			}
		})
	}
}
