package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/synth"
	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
	"github.com/vigilcare/vigil/wire/vjson"
	"github.com/vigilcare/vigil/wire/wave"
)

// counter is a server that takes packets and remembers them. It ends each
// connection after some packets without acknowledging the last ones, and refuses
// a wrong password, as real ones do.
type counter struct {
	address  string
	password string
	hangUp   int // packets after which a connection is cut; 0: never

	mu       sync.Mutex
	got      []received
	acked    map[string]int // by body
	sessions int
}

type received struct {
	client, topic string
	body          []byte
	at            time.Time
}

func newCounter(t *testing.T) *counter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &counter{address: "mqtt://" + l.Addr().String(), acked: map[string]int{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

func (c *counter) serve(conn net.Conn) {
	defer conn.Close()
	var pending []byte
	buffer := make([]byte, 64<<10)
	client, level, packets := "", mqtt.Level5, 0
	for {
		f, n, err := mqtt.Next(pending, 1<<20)
		if err != nil {
			return
		}
		if n == 0 {
			k, err := conn.Read(buffer)
			if err != nil {
				return
			}
			pending = append(pending, buffer[:k]...)
			continue
		}
		f.Body = bytes.Clone(f.Body)
		pending = pending[n:]
		switch f.Type {
		case mqtt.TypeConnect:
			p, err := mqtt.DecodeConnect(f)
			if err != nil {
				return
			}
			client, level = p.ClientID, p.Level
			a := mqtt.Connack{}
			if c.password != "" && string(p.Password) != c.password {
				a.Code = byte(mqtt.BadUserNameOrPassword)
			}
			c.mu.Lock()
			c.sessions++
			c.mu.Unlock()
			conn.Write(a.Append(nil, level))
			if a.Code != 0 {
				return
			}
		case mqtt.TypePublish:
			p, err := mqtt.DecodePublish(f, level, nil)
			if err != nil {
				return
			}
			packets++
			cut := c.hangUp > 0 && packets >= c.hangUp
			c.mu.Lock()
			c.got = append(c.got, received{client, p.Topic, p.Payload, time.Now()})
			if !cut {
				c.acked[string(p.Payload)]++
			}
			c.mu.Unlock()
			if cut {
				return
			}
			conn.Write((&mqtt.Ack{Type: mqtt.TypePuback, ID: p.ID}).Append(nil, level))
		case mqtt.TypePingreq:
			conn.Write(mqtt.Ping{Type: mqtt.TypePingresp}.Append(nil, level))
		case mqtt.TypeDisconnect:
			return
		}
	}
}

func (c *counter) received() []received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

// Whatever the connection does, each packet is acknowledged in the end.
func TestTransmitterSendsAgain(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.hangUp = 7
	counts := &tally{}
	out := newTransmitter(broker{Server: c.address, ClientID: "monitor-1"}, counts)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	go func() {
		for i := range 60 {
			if err := out.deliver(ctx, "v1/monitor-1/telemetry", fmt.Appendf(nil, "packet %d", i)); err != nil {
				t.Error(err)
			}
		}
		out.finish()
	}()
	if err := out.run(ctx); err != nil || ctx.Err() != nil {
		t.Fatal(err, ctx.Err())
	}
	for i := range 60 {
		if n := c.acked[fmt.Sprintf("packet %d", i)]; n < 1 {
			t.Errorf("packet %d was never acknowledged", i)
		}
	}
	s := counts.summary(time.Second)
	if s.Sent != 60 || s.Acknowledged != 60 || s.Unfinished != 0 || s.Lost != 0 || s.Resent == 0 || s.Connections < 9 {
		t.Errorf("%+v", s)
	}
}

func TestTransmitterMemory(t *testing.T) {
	counts := &tally{}
	out := newTransmitter(broker{Server: "mqtt://127.0.0.1:1", ClientID: "m"}, counts)
	out.keep = 4
	block, err := wave.Encode(wave.Block{Sequence: 1, Start: 1, MilliHz: 10_000, Gain: vital.Whole(1), Metric: "pleth", Unit: "1", Samples: make([]int16, 10)})
	if err != nil {
		t.Fatal(err)
	}
	out.offer("t", []byte("a"))
	out.offer("t", block)
	for _, s := range []string{"b", "c", "d", "e"} {
		out.offer("t", []byte(s))
	}
	var left []string
	for _, o := range out.waiting {
		left = append(left, string(o.body))
	}
	if want := []string{"b", "c", "d", "e"}; !slices.Equal(left, want) || counts.lost.Load() != 2 {
		t.Errorf("kept %q, lost %d; want the waveform to go first, then the oldest", left, counts.lost.Load())
	}
}

func TestRefusedDevices(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.password = "right"
	devices := []SimDevice{{ID: "good", Password: "right", Rate: 4}, {ID: "bad", Password: "wrong"}}
	ctx, stop := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer stop()
	err := runDevices(ctx, DeviceFleet{Server: c.address, Devices: devices, Settle: time.Second})
	if vital.KindOf(err) != vital.Unauthenticated && !strings.Contains(fmt.Sprint(err), "bad") {
		t.Errorf("a wrong password gave %v", err)
	}
	from := map[string]int{}
	for _, r := range c.received() {
		from[r.client]++
	}
	if from["good"] < 5 || from["bad"] != 0 {
		t.Errorf("packets %v: the good device should not mind the bad one", from)
	}
}

// ramp is a recording in which every sample says which one it is.
func ramp() recording {
	r := recording{Name: "ramp"}
	w := waveTrack{Metric: "ecg-ii", Unit: "mV", Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, Hz: 360}
	for i := range 7000 {
		w.Samples = append(w.Samples, int16(i))
	}
	late := waveTrack{Metric: "pleth", Unit: "1", Gain: vital.Whole(1), Hz: 62.5, At: 3 * time.Second, Samples: make([]int16, 500)}
	r.Waves = []waveTrack{w, late}
	r.Events = []eventAt{{At: 1234 * time.Millisecond, Kind: "beat", Code: "N"}, {At: 19 * time.Second, Kind: "note", Text: "end"}}
	r.Values = []valueAt{{At: 5 * time.Second, Metric: "heart-rate", Value: vital.Num(vital.Whole(72)), Unit: "/min", Quality: vital.Derived}}
	r.sorted()
	return r
}

func TestPlay(t *testing.T) {
	t.Parallel()
	for _, speed := range []float64{8, 100} {
		c := newCounter(t)
		p := player{broker: broker{Server: c.address, ClientID: "monitor-1"}, speed: speed, tally: &tally{}}
		tape := ramp()
		began := time.Now()
		if err := p.play(t.Context(), []recording{tape}); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		if want := time.Duration(float64(tape.Length) / speed); took < want || took > want+time.Second {
			t.Errorf("speed %v: took %s, want %s", speed, took, want)
		}
		seen := map[uint64]bool{}
		next, sequence, latest := map[string]int{}, uint64(0), time.Time{}
		origin := map[string]time.Time{}
		for _, r := range c.received() {
			if wave.Is(r.body) {
				b, err := wave.Decode(r.body)
				if err != nil {
					t.Fatal(err)
				}
				if b.Sequence <= sequence || seen[b.Sequence] {
					t.Errorf("sequence %d after %d", b.Sequence, sequence)
				}
				sequence, seen[b.Sequence] = b.Sequence, true
				start := time.UnixMicro(b.Start)
				if next[b.Metric] == 0 {
					origin[b.Metric] = start
				}
				hz := float64(b.MilliHz) / 1000
				if want := origin[b.Metric].Add(atSample(next[b.Metric], hz)); start.Sub(want).Abs() > 2*time.Microsecond {
					t.Fatalf("speed %v: block of %s starts at %s, want %s: the recording's spacing is lost", speed, b.Metric, start, want)
				}
				if end := start.Add(atSample(len(b.Samples), hz)); end.After(r.at.Add(20 * time.Millisecond)) {
					t.Errorf("speed %v: a block ends %s in the future", speed, end.Sub(r.at))
				} else if latest.Before(end) {
					latest = end
				}
				for i, s := range b.Samples {
					if b.Metric == "ecg-ii" && int(s) != next[b.Metric]+i {
						t.Fatalf("sample %d where %d is due", s, next[b.Metric]+i)
					}
				}
				next[b.Metric] += len(b.Samples)
				continue
			}
			packet, problems, err := vjson.Decode(r.body)
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			for _, e := range packet.Events {
				if want := vital.At(origin["ecg-ii"].Add(1234 * time.Millisecond)); e.Code == "N" && e.Time.Sub(want).Abs() > time.Millisecond {
					t.Errorf("the beat is dated %s, want %s", e.Time, want)
				}
			}
			for _, v := range packet.Readings {
				if v.Quality != vital.Derived || v.Metric != "heart-rate" || v.Time.Sub(vital.At(origin["ecg-ii"])).Round(time.Millisecond) != 5*time.Second {
					t.Errorf("%+v", v)
				}
			}
		}
		if next["ecg-ii"] != 7000 || next["pleth"] != 500 || origin["pleth"].Sub(origin["ecg-ii"]) != 3*time.Second {
			t.Errorf("speed %v: %v samples came", speed, next)
		}
		if age := time.Since(latest); age > 2*time.Second {
			t.Errorf("speed %v: the end of the recording is dated %s ago, want now", speed, age)
		}
	}
}

func TestPlayIsLiveAtSpeedOne(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	tape, err := ramp().cut(2*time.Second, 1500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	p := player{broker: broker{Server: c.address, ClientID: "monitor-1"}, speed: 1, tally: &tally{}}
	began := time.Now()
	if err := p.play(t.Context(), []recording{tape}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range c.received() {
		if b, err := wave.Decode(r.body); err == nil && b.Metric == "ecg-ii" {
			if n == 0 && (b.Samples[0] != 720 || time.UnixMicro(b.Start).Sub(began).Abs() > 50*time.Millisecond) {
				t.Errorf("begins with sample %d dated %s from now", b.Samples[0], time.UnixMicro(b.Start).Sub(began))
			}
			if len(b.Samples) != 180 {
				t.Errorf("block of %d samples, want half a second", len(b.Samples))
			}
			end := time.UnixMicro(b.Start).Add(atSample(len(b.Samples), 360))
			if late := r.at.Sub(end); late < -5*time.Millisecond || late > 150*time.Millisecond {
				t.Errorf("sent %s after its last sample", late)
			}
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d blocks, want 3", n)
	}
	if _, err := ramp().cut(time.Minute, 0); vital.KindOf(err) != vital.Invalid {
		t.Errorf("beyond the end: %v", err)
	}
}

// Odd recordings play too: a stretch of three samples, a label longer than a
// packet may hold. Round and round at speed 1, without a hole between rounds.
func TestPlayOddAndLooped(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	tape := recording{
		Waves: []waveTrack{
			{Metric: "pleth", Unit: "1", Gain: vital.Whole(1), Hz: 100, Samples: make([]int16, 100)},
			{Metric: "ecg-ii", Unit: "mV", Gain: vital.Whole(1), Hz: 100, At: 400 * time.Millisecond, Samples: []int16{1, 2, 3}},
		},
		Events: []eventAt{{At: 0, Kind: "rhythm", Code: strings.Repeat("é", 100), Text: strings.Repeat("x", 2000)}},
	}
	tape.sorted()
	ctx, stop := context.WithTimeout(t.Context(), 2700*time.Millisecond)
	defer stop()
	p := player{broker: broker{Server: c.address, ClientID: "m"}, speed: 1, loop: true, tally: &tally{}}
	if err := p.play(ctx, []recording{tape}); err != context.DeadlineExceeded {
		t.Fatal(err)
	}
	next := time.Time{}
	rounds, events := 0, 0
	for _, r := range c.received() {
		if !wave.Is(r.body) {
			packet, problems, err := vjson.Decode(r.body)
			if err != nil || len(problems) > 0 || len(packet.Events) != 1 {
				t.Fatal(err, problems)
			}
			events++
			continue
		}
		b, err := wave.Decode(r.body)
		if err != nil {
			t.Fatal(err)
		}
		if b.Metric == "ecg-ii" {
			if rounds++; len(b.Samples) != 10 || b.Samples[2] != 3 || b.Samples[3] != wave.Missing {
				t.Errorf("%v", b.Samples)
			}
			continue
		}
		start := time.UnixMicro(b.Start)
		if !next.IsZero() && start.Sub(next).Abs() > time.Microsecond {
			t.Errorf("%s between two blocks", start.Sub(next))
		}
		next = start.Add(atSample(len(b.Samples), 100))
	}
	if rounds < 2 || events < 2 {
		t.Errorf("%d rounds, %d events", rounds, events)
	}
}

func TestFaultsOnTheWay(t *testing.T) {
	t.Parallel()
	faults := []synth.Fault{
		{Kind: synth.Duplicate, Size: 1, Start: 0, Length: 2 * time.Second},
		{Kind: synth.ClockJump, Size: -3600, Start: 3 * time.Second},
	}
	c := newCounter(t)
	ctx, stop := context.WithTimeout(t.Context(), 5500*time.Millisecond)
	defer stop()
	began := time.Now()
	d := SimDevice{ID: "m", Profile: synth.Profile{HeartRate: 120}, Faults: faults, Waves: true}
	if err := runDevices(ctx, DeviceFleet{Server: c.address, Devices: []SimDevice{d}, Settle: time.Second}); err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	early := 0
	for _, r := range c.received() {
		times[string(r.body)]++
		if b, err := wave.Decode(r.body); err == nil && time.UnixMicro(b.Start).Before(began.Add(-30*time.Minute)) {
			early++
			if r.at.Before(began.Add(3 * time.Second)) {
				t.Error("the clock jumped before its time")
			}
		}
	}
	twice := 0
	for _, n := range times {
		if n == 2 {
			twice++
		}
	}
	if twice < 15 || twice > 24 {
		t.Errorf("%d packets came twice, want those of the first two seconds", twice)
	}
	if early < 15 {
		t.Errorf("%d blocks with the clock an hour back", early)
	}
}

func TestOutageIsSentAfterwards(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	began := time.Now()
	d := SimDevice{ID: "m", Waves: true, Faults: []synth.Fault{{Kind: synth.Outage, Start: time.Second, Length: 2 * time.Second, Size: 1}}}
	if err := runDevices(ctx, DeviceFleet{Server: c.address, Devices: []SimDevice{d}, Settle: time.Second}); err != nil {
		t.Fatal(err)
	}
	samples, during := 0, 0
	for _, r := range c.received() {
		if b, err := wave.Decode(r.body); err == nil && b.Metric == "ecg-ii" {
			samples += len(b.Samples)
		}
		if since := r.at.Sub(began); since > 1500*time.Millisecond && since < 2900*time.Millisecond {
			during++
		}
	}
	if during != 0 || samples < 250*4 || c.sessions < 2 {
		t.Errorf("%d packets during the outage, %d samples of ECG in all, %d connections", during, samples, c.sessions)
	}
}

func TestNames(t *testing.T) {
	for signal, want := range map[string]string{
		"MLII": "ecg-ii", "V5": "ecg-v5", "II": "ecg-ii", "ECG aVR": "ecg-avr", "PLETH": "pleth", "RESP": "resp-wave", "Fp1": "x:fp1", "EEG Fpz-Cz": "x:eeg-fpz-cz", "heart-rate": "heart-rate", "": "x:signal", "µ": "x:signal",
	} {
		if got, _ := metricName(signal); got != want {
			t.Errorf("%q is %q, want %q", signal, got, want)
		}
	}
	for unit, want := range map[string]string{"mV": "mV", "uV": "uV", "bpm": "/min", "mmHg": "mm[Hg]", "NU": "1", "degC": "Cel", "%": "%"} {
		if got := unitName(unit); got != want {
			t.Errorf("%q is %q, want %q", unit, got, want)
		}
	}
}

func TestDecimalOf(t *testing.T) {
	for x, want := range map[float64]string{1.0 / 200: "0.005", 1: "1", 0.1: "0.1", 1e-7: "0.0000001", 2500: "2500", -0.25: "-0.25"} {
		if got := decimalOf(x).String(); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
	if got := decimalOf(1.0 / 7247).Float(); math.Abs(got*7247-1) > 1e-14 {
		t.Errorf("1/7247 is off by %v", got*7247-1)
	}
}

// Narrowing never moves a sample by more than half a step.
func TestNarrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wide := rapid.SliceOfN(rapid.Int32Range(-1<<30, 1<<30), 1, 40).Draw(t, "samples")
		zero := rapid.Int32Range(-1<<20, 1<<20).Draw(t, "zero")
		got, gain, newZero, step := narrow(wide, math.MinInt32, 0.5, zero)
		for i, v := range wide {
			was, is := (float64(v)+float64(zero))*0.5, (float64(got[i])+float64(newZero))*gain
			if got[i] == wave.Missing || math.Abs(was-is) > 1.01*gain {
				t.Fatalf("%v became %v in steps of %d", was, is, step)
			}
			if step == 1 && was != is {
				t.Fatalf("%v became %v although the steps are the same", was, is)
			}
		}
	})
	if got, _, _, _ := narrow([]int32{5, -9}, -9, 1, 0); got[0] != 5 || got[1] != wave.Missing {
		t.Errorf("got %v", got)
	}
}

func TestRecord100(t *testing.T) {
	t.Parallel()
	path := filepath.Join(need.Data(t, "mitdb"), "100")
	r, err := loadRecording(path, "atr")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Waves) != 2 || r.Waves[0].Metric != "ecg-ii" || r.Waves[1].Metric != "ecg-v5" || len(r.Notes) != 1 {
		t.Fatalf("%v: %d waves", r.Notes, len(r.Waves))
	}
	w := r.Waves[0]
	if first := float64(int32(w.Samples[0])+w.Zero) * w.Gain.Float(); math.Abs(first+0.145) > 1e-12 || w.Gain.String() != "0.005" {
		t.Errorf("begins with %v mV in steps of %s", first, w.Gain)
	}
	if e := r.Events[0]; e.Kind != "rhythm" || e.Code != "N" || e.At.Round(time.Millisecond) != 50*time.Millisecond {
		t.Errorf("first event %+v", e)
	}
	codes := map[string]int{}
	for _, e := range r.Events {
		codes[e.Kind+" "+e.Code]++
	}
	if want := map[string]int{"rhythm N": 1, "beat N": 2239, "beat A": 33, "beat V": 1}; !maps.Equal(codes, want) {
		t.Errorf("events %v, want %v", codes, want)
	}
	for _, v := range r.Values {
		if f := v.Value.Number.Float(); f < 60 || f > 95 || v.Quality != vital.Derived {
			t.Errorf("heart rate %v at %s", f, v.At)
		}
	}
	if n := len(r.Values); n < 1790 {
		t.Errorf("%d heart rates in half an hour", n)
	}
}

func TestCSVRecording(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("time,pleth [1],spo2 [%],event\n")
	for i := range 250 {
		note := ""
		if i == 100 {
			note = "cough"
		}
		fmt.Fprintf(&b, "%.3f,%.3f,,%s\n", float64(i)/50, math.Sin(float64(i)), note)
	}
	path := filepath.Join(dir, "a.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := loadRecording(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Waves) != 1 || r.Waves[0].Hz != 50 || r.Waves[0].Gain.String() != "0.001" || r.Waves[0].Samples[1] != 841 {
		t.Errorf("%+v", r.Waves)
	}
	if len(r.Events) != 1 || r.Events[0].Text != "cough" || r.Events[0].At != 2*time.Second || len(r.Values) != 0 {
		t.Errorf("%+v %+v", r.Events, r.Values)
	}
}
