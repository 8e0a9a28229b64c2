package webd_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// tab is a browser's end of the live socket.
type tab struct {
	t    *testing.T
	conn *websocket.Conn
}

func (w *world) open(who string) *tab {
	w.t.Helper()
	header := http.Header{}
	if c := w.cookies[who]; c != "" {
		header.Set("Cookie", "vigil="+c)
	}
	if token := w.tokens[who]; token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	conn, _, err := websocket.Dial(w.t.Context(), w.http.URL+"/api/v1/live", &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{"vigil.live.1"}})
	w.do(err)
	conn.SetReadLimit(16 << 20)
	w.t.Cleanup(func() { conn.CloseNow() })
	return &tab{w.t, conn}
}

func (c *tab) say(text string) {
	c.t.Helper()
	if err := c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// heard is one message of the server.
type heard struct {
	kind   byte
	json   map[string]any
	blocks []block
	seq    uint64
}

type block struct {
	channel uint16
	start   float64
	quality uint32
	samples []int16
}

func (h heard) items() []map[string]any {
	var items []map[string]any
	list, _ := h.json["items"].([]any)
	for _, i := range list {
		items = append(items, i.(map[string]any))
	}
	return items
}

func (c *tab) hear() (heard, error) {
	ctx, stop := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer stop()
	_, b, err := c.conn.Read(ctx)
	if err != nil {
		return heard{}, err
	}
	if len(b) < 2 || b[0] != 1 {
		c.t.Fatalf("message begins with %v", b[:min(2, len(b))])
	}
	h := heard{kind: b[1]}
	if h.kind == 1 {
		if err := json.Unmarshal(b[2:], &h.json); err != nil {
			c.t.Fatalf("%v in %s", err, b[2:])
		}
		if seq, ok := h.json["seq"].(float64); ok {
			h.seq = uint64(seq)
		}
		return h, nil
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	h.seq = uint64(binary.LittleEndian.Uint32(b[4:]))
	at := 8
	for range n {
		k := block{
			channel: binary.LittleEndian.Uint16(b[at:]), start: math.Float64frombits(binary.LittleEndian.Uint64(b[at+4:])),
			quality: binary.LittleEndian.Uint32(b[at+12:]),
		}
		count := int(binary.LittleEndian.Uint16(b[at+2:]))
		at += 16
		for range count {
			k.samples = append(k.samples, int16(binary.LittleEndian.Uint16(b[at:])))
			at += 2
		}
		h.blocks = append(h.blocks, k)
	}
	if at != len(b) {
		c.t.Fatalf("waves message of %d bytes, its blocks end at %d", len(b), at)
	}
	return h, nil
}

// until reads messages until one is of that type, and returns it; every message
// on the way goes to seen.
func (c *tab) until(kind string, seen ...func(heard)) heard {
	c.t.Helper()
	for {
		h, err := c.hear()
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", kind, err)
		}
		for _, f := range seen {
			f(h)
		}
		if kind == "waves" && h.kind == 2 || h.kind == 1 && h.json["type"] == kind && (kind != "values" || len(h.items()) > 0) {
			return h
		}
	}
}

func reading(patient, metric string, value int64) watch.Value {
	return watch.Value{Reading: vital.Reading{
		Patient: vital.PatientID(patient), Device: vital.DeviceID("monitor-" + patient[2:]), Metric: metric, Unit: "/min",
		Value: vital.Num(vital.Whole(value)), Clocks: vital.Clocks{Receive: vital.At(begun), Effective: vital.At(begun).Add(time.Duration(value) * time.Millisecond)},
	}}
}

func wave(patient, metric string, samples ...int32) vital.Waveform {
	return vital.Waveform{
		Patient: vital.PatientID(patient), Device: "monitor-a", Metric: metric, Unit: "mV", Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, Zero: -1024,
		MilliHz: 250000, Start: 1795345800000500, Samples: samples,
	}
}

func TestLiveSnapshotThenValues(t *testing.T) {
	w := newWorld(t)
	c := w.open("nurse")
	if h := c.until("hello"); h.json["demo"] != false || h.seq == 0 {
		t.Errorf("hello is %v", h.json)
	}
	c.say(`{"type":"watch","beds":["b-a1","b-b1","b-none"],"waves":["ecg-ii"]}`)
	snapshot := c.until("snapshot")
	beds := snapshot.json["beds"].([]any)
	if len(beds) != 1 {
		t.Fatalf("the snapshot holds %d beds, want the one of the nurse's ward: %v", len(beds), beds)
	}
	bed := beds[0].(map[string]any)
	value := bed["latest"].([]any)[0].(map[string]any)
	if value["value"] != "72" || value["at"].(float64) != float64(begun.UnixMilli()) || bed["watched"].(map[string]any)["state"] != "watched" {
		t.Errorf("the bed is %v", bed)
	}
	w.flow.publish(&watch.Update{
		Values:  []watch.Value{reading("p-a", "heart-rate", 80), reading("p-b", "heart-rate", 180)},
		Watches: []watch.Watch{{Patient: "p-a", State: watch.Partly, Streams: []watch.Stream{{Metric: "spo2", Kind: watch.Continuous, State: watch.Missing, Every: 10000}}}},
		Waves:   []vital.Waveform{wave("p-a", "ecg-ii", 1, 2, -3), wave("p-a", "pleth", 9), wave("p-b", "ecg-ii", 7)},
	})
	var channels []map[string]any
	h := c.until("values")
	if items := h.items(); len(items) != 1 || items[0]["value"] != "80" || items[0]["bed"] != "b-a1" || items[0]["code"] != "" {
		t.Errorf("values are %v, want the one of p-a", items)
	}
	if items := c.until("watched").items(); len(items) != 1 || items[0]["state"] != "partly" || items[0]["bed"] != "b-a1" {
		t.Errorf("watched is %v", items)
	}
	waves := c.until("waves", func(h heard) {
		if h.json["type"] == "channels" {
			channels = h.items()
		}
	})
	if len(channels) != 1 || channels[0]["metric"] != "ecg-ii" || channels[0]["gain"] != 0.005 || channels[0]["zero"] != -1024.0 || channels[0]["millihz"] != 250000.0 {
		t.Errorf("channels are %v, want ecg-ii announced before its block", channels)
	}
	b := waves.blocks[0]
	if len(waves.blocks) != 1 || !slices.Equal(b.samples, []int16{1, 2, -3}) || b.start != 1795345800000.5 || float64(b.channel) != channels[0]["channel"] {
		t.Errorf("blocks are %+v", waves.blocks)
	}
}

// Lead off is a gap, and samples beyond 16 bits keep their height by another scale.
func TestLiveWaveValues(t *testing.T) {
	w := newWorld(t)
	c := w.open("nurse")
	c.say(`{"type":"watch","beds":["b-a1"],"waves":["*"]}`)
	c.until("snapshot")
	off := wave("p-a", "ecg-ii", 5, 6, 7, 8)
	off.Missing = []vital.Span{{From: 1, To: 3}}
	big := wave("p-a", "eeg", 100_000, -60_000)
	big.Zero = 0
	w.flow.publish(&watch.Update{Waves: []vital.Waveform{off, big}})
	gains := map[float64]float64{}
	got := map[uint16][]int16{}
	note := func(h heard) {
		for _, i := range h.items() {
			if h.json["type"] == "channels" {
				gains[i["channel"].(float64)] = i["gain"].(float64)
			}
		}
		for _, b := range h.blocks {
			got[b.channel] = b.samples
		}
	}
	c.until("waves", note)
	if !slices.Equal(got[1], []int16{5, -32768, -32768, 8}) {
		t.Errorf("lead off came as %v", got[1])
	}
	if high := float64(got[2][0]) * gains[2]; math.Abs(high-500) > 0.1 {
		t.Errorf("100000 steps of 0.005 came as %v", high)
	}
}

// A page that comes back with the last number it saw gets what is newer, and
// nothing else.
func TestLiveResume(t *testing.T) {
	w := newWorld(t)
	c := w.open("nurse")
	c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
	c.until("snapshot")
	w.flow.publish(&watch.Update{Values: []watch.Value{reading("p-a", "spo2", 97)}})
	last := c.until("values").seq
	c.conn.CloseNow()
	w.flow.publish(&watch.Update{Values: []watch.Value{reading("p-a", "resp-rate", 14)}, Watches: []watch.Watch{{Patient: "p-a", State: watch.NotWatched}}})
	w.flow.publish(&watch.Update{Watches: []watch.Watch{{Patient: "p-a", State: watch.Watched}}})
	time.Sleep(100 * time.Millisecond) // the hub has taken both

	c = w.open("nurse")
	c.say(fmt.Sprintf(`{"type":"watch","beds":["b-a1"],"waves":[],"resume":%d}`, last))
	h := c.until("values")
	if items := h.items(); len(items) != 1 || items[0]["metric"] != "resp-rate" {
		t.Errorf("resumed with %v, want what is newer alone", items)
	}
	var states []string
	for _, i := range c.until("watched").items() {
		states = append(states, i["state"].(string))
	}
	if !slices.Equal(states, []string{"not-watched", "watched"}) {
		t.Errorf("resumed with the states %v, want every change", states)
	}

	c = w.open("nurse")
	c.say(`{"type":"watch","beds":["b-a1"],"waves":[],"resume":12}`)
	if h := c.until("snapshot"); h.seq < last {
		t.Errorf("a number of another server's life was taken for ours")
	}
}

func TestLivePatientWithoutBedAndRefusal(t *testing.T) {
	w := newWorld(t)
	w.ask("nurse", "POST", "/patients/p-a/discharge", `{"why":"home"}`)
	time.Sleep(200 * time.Millisecond) // the hub has heard of it
	c := w.open("nurse")
	c.say(`{"type":"watch","patient":"p-a","waves":["*"]}`)
	if items := c.until("values").items(); items[0]["patient"] != "p-a" || items[0]["bed"] != "" {
		t.Errorf("a patient without a bed came as %v", items)
	}
	c.say(`{"type":"watch","patient":"p-b","waves":["*"]}`)
	refused := c.until("error").json["error"].(map[string]any)
	if refused["kind"] != "not-found" {
		t.Errorf("another ward's patient: %v", refused)
	}
	w.flow.publish(&watch.Update{Values: []watch.Value{reading("p-b", "heart-rate", 1), reading("p-a", "heart-rate", 2)}})
	w.flow.publish(&watch.Update{Changed: true})
	c.until("changed", func(h heard) {
		if h.json["type"] == "values" && len(h.items()) > 0 {
			t.Errorf("nothing is watched, and %v came", h.json)
		}
	})
	c.say(`{"type":"listen"}`)
	for {
		if _, err := c.hear(); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
				t.Errorf("a message that is not understood ended the socket with %v", err)
			}
			return
		}
	}
}

// A transfer takes the patient out of sight of who watches the bed, at once.
func TestLiveTransfer(t *testing.T) {
	w := newWorld(t)
	c := w.open("nurse")
	c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
	c.until("snapshot")
	if a := w.ask("administrator", "POST", "/patients/p-a/transfer", `{"bed":"b-b2"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	c.until("changed")
	w.flow.publish(&watch.Update{Values: []watch.Value{reading("p-a", "heart-rate", 55)}})
	w.flow.publish(&watch.Update{Changed: true})
	c.until("changed", func(h heard) {
		if h.json["type"] == "values" && len(h.items()) > 0 {
			t.Errorf("the patient has left the bed, and %v came", h.json)
		}
	})
}

// Whoever is signed out is out of the live socket within five seconds.
func TestLiveEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"signed out":     func(w *world) { w.ask("nurse", "DELETE", "/session", "") },
		"rights changed": func(w *world) { w.ask("administrator", "PUT", "/users/u-nurse", `{"name":"N","roles":["auditor"]}`) },
		"idle":           func(w *world) { w.clock.pass(16 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.open("nurse")
			c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
			c.until("snapshot")
			began := time.Now()
			end(w)
			for {
				_, err := c.hear()
				if err == nil {
					continue
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("the socket stayed for %s", took)
				}
				if websocket.CloseStatus(err) != 4401 {
					t.Errorf("it ended with %v, want 4401", err)
				}
				return
			}
		})
	}
}

// A reader that does not keep up loses waves; of values it gets the newest of
// each, and of states every change.
func TestLiveSlowReader(t *testing.T) {
	w := newWorld(t)
	c := w.open("nurse")
	c.say(`{"type":"watch","beds":["b-a1"],"waves":["*"]}`)
	c.until("snapshot")
	long := make([]int32, 20_000)
	const rounds = 400
	for i := range rounds {
		var values []watch.Value
		for m := range 200 {
			v := reading("p-a", fmt.Sprintf("x:metric-%03d", m), int64(i))
			v.Device = vital.DeviceID(strings.Repeat("d", 200))
			values = append(values, v)
		}
		state := watch.Watch{Patient: "p-a", State: watch.Watched, Cause: fmt.Sprint(i)}
		w.flow.publish(&watch.Update{Values: values, Watches: []watch.Watch{state}, Waves: []vital.Waveform{wave("p-a", "ecg-ii", long...)}})
		time.Sleep(2 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond)
	latest, causes, waves := map[string]string{}, map[string]bool{}, 0
	done := func() bool {
		for m := range 200 {
			if latest[fmt.Sprintf("x:metric-%03d", m)] != fmt.Sprint(rounds-1) {
				return false
			}
		}
		return len(causes) == rounds
	}
	for !done() {
		h, err := c.hear()
		if err != nil {
			t.Fatalf("%v; %d metrics, %d states", err, len(latest), len(causes))
		}
		waves += len(h.blocks)
		for _, i := range h.items() {
			switch h.json["type"] {
			case "values":
				latest[i["metric"].(string)] = i["value"].(string)
			case "watched":
				causes[i["cause"].(string)] = true
			}
		}
	}
	if waves >= rounds {
		t.Errorf("all %d waves came: the reader was not slow, or nothing is bounded", waves)
	}
}

// A socket that nobody may open.
func TestLiveRefused(t *testing.T) {
	w := newWorld(t, func(o *webd.Options) { o.Demo = false })
	for _, who := range []string{"", "technician", "auditor"} {
		header := http.Header{"Cookie": {"vigil=" + w.cookies[who]}}
		_, resp, err := websocket.Dial(t.Context(), w.http.URL+"/api/v1/live", &websocket.DialOptions{HTTPHeader: header})
		if err == nil || resp == nil || resp.StatusCode != map[string]int{"": 401}[who] && resp.StatusCode != 403 {
			t.Errorf("%q opened the live socket: %v", who, err)
		}
	}
	header := http.Header{"Cookie": {"vigil=" + w.cookies["nurse"]}, "Origin": {"https://evil.example"}}
	if _, _, err := websocket.Dial(t.Context(), w.http.URL+"/api/v1/live", &websocket.DialOptions{HTTPHeader: header}); err == nil {
		t.Error("another site's page opened the live socket")
	}
}
