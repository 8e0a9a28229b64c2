package ingest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// memoryPast is a store that remembers what a test recorded.
type memoryPast struct{ readings []vital.Reading }

func (m *memoryPast) Stored(_ context.Context, r vital.Reading) (bool, error) {
	for _, o := range m.readings {
		if o.Device == r.Device && o.Metric == r.Metric && o.Clocks.Device == r.Clocks.Device && o.Value == r.Value && o.Sequence == r.Sequence {
			return true, nil
		}
	}
	return false, nil
}

func (m *memoryPast) StoredWave(context.Context, vital.Waveform) (bool, error) { return false, nil }

const t0 = vital.Instant(1_795_000_000_000)

func newTestRecorder() (*Recorder, *Registry, *memoryPast) {
	reg := &Registry{}
	reg.Replace(
		[]DeviceFacts{{ID: "m1", Kind: "monitor"}, {ID: "demo1", Kind: "monitor", Demo: true}},
		[]Binding{{Device: "m1", Patient: "p-a", From: t0 - 1000_000, To: t0 + 100_000}, {Device: "m1", Patient: "p-b", From: t0 + 200_000}, {Device: "demo1", Patient: "p-demo", From: 1}},
		nil,
	)
	past := &memoryPast{}
	return NewRecorder(reg, past, nil), reg, past
}

var frame uint64

func record(t *testing.T, r *Recorder, past *memoryPast, id vital.DeviceID, received vital.Instant, body string) ([]Batch, PacketInfo) {
	t.Helper()
	frame++
	p := Packet{Site: "main", Credential: "c", Device: id, Door: "mqtt", Topic: "v1/" + string(id) + "/telemetry", Received: received, Body: []byte(body)}
	batches, info, err := r.Record(t.Context(), vital.Position{Frame: frame}, journal.Record{Kind: journal.KindPacket, Body: p.encode()})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		past.readings = append(past.readings, b.Readings...)
	}
	return batches, info
}

func body(seq int, at vital.Instant, value string) string {
	return fmt.Sprintf(`{"seq":%d,"time":%q,"metric":"heart-rate","value":%s,"unit":"/min"}`, seq, at.String(), value)
}

func TestRecordBindsAtTheDevicesTime(t *testing.T) {
	tests := []struct {
		name    string
		at      vital.Instant
		patient vital.PatientID
		unbound bool
	}{
		{"first patient", t0, "p-a", false},
		{"between the two", t0 + 150_000, "", true},
		{"second patient", t0 + 250_000, "p-b", false},
		{"at the very end of the first", t0 + 100_000, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, _, past := newTestRecorder()
			// It arrives when the second patient wears the device.
			batches, info := record(t, r, past, "m1", t0+300_000, body(1, tt.at, "72"))
			if info.Result != Decoded || len(batches) != 1 {
				t.Fatalf("info = %+v, %d batches", info, len(batches))
			}
			got := batches[0].Readings[0]
			if got.Patient != tt.patient || got.Quality.Has(vital.Unbound) != tt.unbound {
				t.Fatalf("patient %q, quality %v; want %q, unbound %v", got.Patient, got.Quality, tt.patient, tt.unbound)
			}
		})
	}
}

func TestRecordFollowsCorrections(t *testing.T) {
	r, reg, past := newTestRecorder()
	reg.Replace([]DeviceFacts{{ID: "m1"}},
		[]Binding{{Device: "m1", Patient: "p-a", From: t0 - 1000_000}},
		[]Binding{{Device: "m1", Patient: "p-x", From: t0, To: t0 + 60_000}, {Device: "m1", Patient: "p-y", From: t0 + 30_000, To: t0 + 60_000}})
	for _, tt := range []struct {
		at   vital.Instant
		want vital.PatientID
	}{{t0 - 1, "p-a"}, {t0, "p-x"}, {t0 + 30_000, "p-y"}, {t0 + 60_000, "p-a"}} {
		batches, _ := record(t, r, past, "m1", t0+300_000, body(int(tt.at-t0+2), tt.at, "72"))
		if got := batches[0].Patient; got != tt.want {
			t.Errorf("at %v: patient %s, want %s", tt.at, got, tt.want)
		}
	}
}

// Covers: S3
func TestRecordTellsDuplicatesFromNew(t *testing.T) {
	r, _, past := newTestRecorder()
	one := body(1, t0, "72")
	if _, info := record(t, r, past, "m1", t0, one); info.Result != Decoded {
		t.Fatalf("first: %+v", info)
	}
	if _, info := record(t, r, past, "m1", t0+5000, one); info.Result != Duplicate {
		t.Fatalf("the same packet again: %+v", info)
	}
	// A device that restarts counts from 1 again: other time, other reading.
	if _, info := record(t, r, past, "m1", t0+9000, body(1, t0+9000, "72")); info.Result != Decoded {
		t.Fatalf("sequence 1 after a restart of the device: %+v", info)
	}
	// After thousands of packets the first comes once more: the store knows it.
	for i := range 2 * seenMost {
		record(t, r, past, "m1", t0+10_000+vital.Instant(i), body(i+10, t0+10_000+vital.Instant(i), "73"))
	}
	if _, info := record(t, r, past, "m1", t0+50_000, one); info.Result != Duplicate {
		t.Fatalf("the first packet once more, long after: %+v", info)
	}
	// Without sequence and time, equal readings are two readings.
	plain := `{"metric":"heart-rate","value":72,"unit":"/min"}`
	for range 2 {
		if _, info := record(t, r, past, "m1", t0+60_000, plain); info.Result != Decoded {
			t.Fatalf("a reading without sequence and time: %+v", info)
		}
	}
}

// Covers: S4
func TestRecordMarks(t *testing.T) {
	r, _, past := newTestRecorder()
	record(t, r, past, "m1", t0+1000, body(5, t0+1000, "72"))
	batches, _ := record(t, r, past, "m1", t0+2000, body(4, t0, "71"))
	if q := batches[0].Readings[0].Quality; !q.Has(vital.Late) {
		t.Errorf("an older reading has quality %q, want late", q)
	}
	batches, _ = record(t, r, past, "m1", t0+3000, body(6, t0+3000, "900"))
	if q := batches[0].Readings[0].Quality; !q.Has(vital.Implausible) {
		t.Errorf("a heart rate of 900 has quality %q, want implausible", q)
	}
	batches, _ = record(t, r, past, "demo1", t0+3000, body(6, t0+3000, "70"))
	if q := batches[0].Readings[0].Quality; !q.Has(vital.Demo) {
		t.Errorf("a demo device's reading has quality %q, want demo", q)
	}
}

func TestRecordKeepsWhatItCannotRead(t *testing.T) {
	tests := []struct{ name, body, reason string }{
		{"no unit", `{"metric":"heart-rate","value":72}`, "unit"},
		{"unknown unit", `{"metric":"heart-rate","value":72,"unit":"bananas"}`, "bananas"},
		{"not JSON", `{"metric":`, ""},
		{"empty", ``, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, _, past := newTestRecorder()
			batches, info := record(t, r, past, "m1", t0, tt.body)
			if info.Result != Failed || len(batches) != 0 || info.Reason == "" || !strings.Contains(info.Reason, tt.reason) {
				t.Fatalf("info = %+v, want failed with a reason that names %q", info, tt.reason)
			}
		})
	}
	r, _, past := newTestRecorder()
	batches, info := record(t, r, past, "m1", t0, `{"seq":3,"readings":[{"metric":"spo2","value":97,"unit":"%"},{"metric":"heart-rate","value":72}]}`)
	if info.Result != Partly || len(batches) != 1 || len(batches[0].Readings) != 1 {
		t.Fatalf("half a packet: %+v, %d batches", info, len(batches))
	}
}

// The same packets give the same batches after a restart in the middle.
func TestRecorderSnapshot(t *testing.T) {
	run := func(restart int) string {
		frame = 0
		r, reg, past := newTestRecorder()
		var out strings.Builder
		for i := range 300 {
			if i == restart {
				b, err := r.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				r = NewRecorder(reg, past, nil)
				if err := r.Restore(b); err != nil {
					t.Fatal(err)
				}
			}
			at := t0 + vital.Instant(i*500)
			batches, info := record(t, r, past, "m1", at+vital.Instant(jitter(i)), body(i%100+1, at-3600_000, "70"))
			fmt.Fprintf(&out, "%v %v\n", info, batches)
		}
		return out.String()
	}
	want := run(-1)
	for _, at := range []int{0, 1, 57, 150, 299} {
		if run(at) != want {
			t.Errorf("a restart at packet %d changes the outcome", at)
		}
	}
}

func TestRecordShredded(t *testing.T) {
	r, _, _ := newTestRecorder()
	_, info, err := r.Record(context.Background(), vital.Position{Frame: 1}, journal.Record{Kind: journal.KindPacket, Shredded: true})
	if err != nil || info.Result != Shredded {
		t.Fatalf("shredded packet: %+v, %v", info, err)
	}
}
