// Package trace is the black box of one alarm: everything from the packet to the
// person in one signed file that can be checked without Vigil, and without us.
//
// It exists so that "the alarm was raised in time and somebody was told" is not a
// claim but a file: the bytes of the packet as they came, the readings they
// became, the text of the rule that judged them, the waveform half a minute
// before and after, every attempt to tell somebody, and who did what.
//
// A file is one JSON object: payload, key, signature. The signature is Ed25519
// over the payload written compactly (json.Compact), so that re-indenting the
// file does not break it and changing a digit does.
package trace

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

// Version of the payload.
const Version = 1

// Around is how much waveform is kept before and after the moment of the alarm.
const Around = 30_000 // ms

// Trace is the payload. Times are RFC 3339 (of a Wave: µs since 1970); names of
// people are not in it, only their ids.
type Trace struct {
	Version    int           `json:"version"`
	Site       vital.Site    `json:"site"`
	Made       vital.Instant `json:"made"`
	By         string        `json:"by"` // version of Vigil
	Alarm      alarm.Alarm   `json:"alarm"`
	Ward       vital.WardID  `json:"ward"`
	Bed        vital.BedID   `json:"bed"`
	Evidence   Evidence      `json:"evidence"`
	Deeds      []Deed        `json:"deeds"`
	Deliveries []Delivery    `json:"deliveries"`
	Latency    Latency       `json:"latency"`
}

// Evidence is what the alarm rests on. It is gathered once, half a minute after
// the alarm, and kept for good.
type Evidence struct {
	Gathered vital.Instant `json:"gathered"`
	From     vital.Instant `json:"from"` // of the readings
	To       vital.Instant `json:"to"`
	RuleSet  string        `json:"ruleSet"`  // version of the set in force
	RuleFile string        `json:"ruleFile"` // name of the file that holds the rule
	RuleText string        `json:"ruleText"` // the whole file; empty: the rule is part of Vigil itself
	About    About         `json:"about"`
	Packets  []Packet      `json:"packets"`
	Readings []Reading     `json:"readings"`
	Waves    []Wave        `json:"waves"`
	Missing  []string      `json:"missing,omitempty"` // what could not be gathered, and why
}

// About is what was known of the patient that decides how readings are judged.
type About struct {
	AgeYears   float64  `json:"ageYears"`
	WardKind   string   `json:"wardKind"`
	Zone       string   `json:"zone"`
	SpO2Scale  int      `json:"spo2Scale"`
	Conditions []string `json:"conditions"`
	Demo       bool     `json:"demo"`
	Limits     []Limit  `json:"limits"`
}

// Limit is a limit of the patient's own that was in force.
type Limit struct {
	Metric string         `json:"metric"`
	Unit   string         `json:"unit"`
	Low    *vital.Decimal `json:"low,omitempty"`
	High   *vital.Decimal `json:"high,omitempty"`
}

// Packet is what a device sent, byte by byte.
type Packet struct {
	At       vital.Position `json:"at"` // in the raw journal
	Frame    string         `json:"frame"`
	Received vital.Instant  `json:"received"`
	Device   vital.DeviceID `json:"device"`
	Door     string         `json:"door"`
	Topic    string         `json:"topic"`
	Format   string         `json:"format"`
	SHA256   string         `json:"sha256"` // of Body
	Body     []byte         `json:"body"`   // base64
}

// Reading is one reading of the window, as it is stored.
type Reading struct {
	Metric    string         `json:"metric"`
	Value     string         `json:"value"`
	Code      bool           `json:"code,omitempty"`
	Unit      string         `json:"unit"`
	Effective vital.Instant  `json:"effective"`
	Device    vital.Instant  `json:"deviceTime"`
	Received  vital.Instant  `json:"received"`
	OffsetMs  int32          `json:"offsetMs"`
	Quality   vital.Quality  `json:"quality"`
	Sequence  uint64         `json:"sequence"`
	Source    vital.DeviceID `json:"source"`
	Decoder   string         `json:"decoder"`
}

// Wave is a piece of waveform.
type Wave struct {
	Metric  string        `json:"metric"`
	Unit    string        `json:"unit"`
	Gain    vital.Decimal `json:"gain"`
	Zero    int32         `json:"zero"`
	MilliHz uint32        `json:"millihz"`
	StartUs int64         `json:"startUs"`
	Samples []int32       `json:"samples"`
	Missing []vital.Span  `json:"missing,omitempty"`
}

// Deed is what happened to the alarm.
type Deed struct {
	At       vital.Instant `json:"at"`
	Kind     string        `json:"kind"`
	Verb     string        `json:"verb,omitempty"`
	By       string        `json:"by,omitempty"`
	Why      string        `json:"why,omitempty"`
	Text     string        `json:"text,omitempty"`
	Level    int           `json:"level"`
	Priority string        `json:"priority"`
}

// Delivery is how far one message to one person came.
type Delivery struct {
	Page     string        `json:"page"`
	Person   string        `json:"person"`
	Channel  string        `json:"channel"`
	State    string        `json:"state"`
	Attempts int           `json:"attempts"`
	At       vital.Instant `json:"at"`
	Changed  vital.Instant `json:"changed"`
	Reason   string        `json:"reason,omitempty"`
}

// Latency is how long each step took, ms; -1: it did not happen or is not known.
type Latency struct {
	SampleToReceived int64 `json:"sampleToReceived"` // by the device's clock, corrected
	ReceivedToRaised int64 `json:"receivedToRaised"` // what a rule waits for is in it
	RaisedToSent     int64 `json:"raisedToSent"`     // to the first channel that took it
	RaisedToSeen     int64 `json:"raisedToSeen"`     // acknowledged
}

// File is a signed trace.
type File struct {
	Payload   json.RawMessage `json:"payload"`
	Key       string          `json:"key"`       // Ed25519, hex
	Signature string          `json:"signature"` // hex
}

// Sign writes a trace as a signed file.
func Sign(t Trace, key ed25519.PrivateKey) ([]byte, error) {
	payload, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("write the trace of alarm %s: %w", t.Alarm.ID, err)
	}
	f := File{
		Payload: payload, Key: hex.EncodeToString(key.Public().(ed25519.PublicKey)),
		Signature: hex.EncodeToString(ed25519.Sign(key, payload)),
	}
	return json.MarshalIndent(f, "", " ")
}

// Open reads a signed file and checks its signature. The key is the one in the
// file: whose it is has to be known from elsewhere.
func Open(file []byte) (Trace, string, error) {
	var f File
	if err := json.Unmarshal(file, &f); err != nil {
		return Trace{}, "", vital.Errorf(vital.Invalid, "read the trace: %w", err)
	}
	key, err := hex.DecodeString(f.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return Trace{}, "", vital.Errorf(vital.Invalid, "read the trace: key is not 32 bytes in hex")
	}
	signature, err := hex.DecodeString(f.Signature)
	if err != nil {
		return Trace{}, "", vital.Errorf(vital.Invalid, "read the trace: signature is not hex")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, f.Payload); err != nil {
		return Trace{}, "", vital.Errorf(vital.Invalid, "read the trace: payload: %w", err)
	}
	if !ed25519.Verify(key, compact.Bytes(), signature) {
		return Trace{}, "", vital.Errorf(vital.Denied, "the signature does not fit: the trace was changed, or signed with another key")
	}
	var t Trace
	if err := json.Unmarshal(f.Payload, &t); err != nil {
		return Trace{}, "", vital.Errorf(vital.Invalid, "read the trace: %w", err)
	}
	if t.Version != Version {
		return Trace{}, "", vital.Errorf(vital.Invalid, "the trace has version %d; this program reads version %d", t.Version, Version)
	}
	return t, f.Key, nil
}

// Sum is the SHA-256 of a packet's body, in hex.
func Sum(body []byte) string {
	h := sha256.Sum256(body)
	return hex.EncodeToString(h[:])
}

// Check says what in a trace contradicts itself: nothing, when it is whole.
func (t Trace) Check() (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, p := range t.Evidence.Packets {
		if Sum(p.Body) != p.SHA256 {
			fault("packet %d/%d/%d: its bytes do not have the sum that is stated", p.At.Partition, p.At.Frame, p.At.Index)
		}
	}
	for _, e := range t.Alarm.Evidence {
		if !t.has(e) {
			fault("the alarm rests on %s %s %s of %s, which is not among the readings", e.Metric, e.Value, e.Unit, e.At)
		}
	}
	if len(t.Deeds) > 0 && t.Deeds[0].Kind != string(alarm.Raised) {
		fault("what happened to the alarm does not begin with it being raised")
	}
	for i := 1; i < len(t.Deeds); i++ {
		if t.Deeds[i].At < t.Deeds[i-1].At {
			fault("what happened to the alarm is not in order at %s", t.Deeds[i].At)
		}
	}
	if t.Alarm.Raised < t.Alarm.Since-1000 {
		fault("the alarm was raised before its condition began")
	}
	return faults
}

func (t Trace) has(e vital.Evidence) bool {
	for _, r := range t.Evidence.Readings {
		if r.Metric == e.Metric && r.Effective == e.At && r.Value == e.Value {
			return true
		}
	}
	return false
}

// Measure fills the latencies from what else the trace holds.
func (t *Trace) Measure() {
	t.Latency = Latency{-1, -1, -1, -1}
	if k := len(t.Alarm.Evidence); k > 0 {
		last := t.Alarm.Evidence[k-1]
		t.Latency.SampleToReceived = int64(last.Received - last.At)
		t.Latency.ReceivedToRaised = max(0, int64(t.Alarm.Raised-last.Received))
	}
	for _, d := range t.Deliveries {
		if d.State == "queued" || d.State == "failed" || d.State == "dead" || d.State == "handing-over" {
			continue
		}
		if sent := int64(d.Changed - t.Alarm.Raised); t.Latency.RaisedToSent < 0 || sent < t.Latency.RaisedToSent {
			t.Latency.RaisedToSent = max(sent, 0)
		}
	}
	for _, d := range t.Deeds {
		if d.Kind == string(alarm.Done) && (d.Verb == string(alarm.Acknowledge) || d.Verb == string(alarm.Accept)) {
			t.Latency.RaisedToSeen = int64(d.At - t.Alarm.Raised)
			break
		}
	}
}
