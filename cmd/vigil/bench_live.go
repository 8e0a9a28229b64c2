package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
	"github.com/vigilcare/vigil/wire/wave"
)

const (
	liveMetrics  = 20   // metrics of each device
	liveSteps    = 1000 // packets until a device's values come round again
	liveWaveRate = 250  // Hz of each bed's ECG, in packets of a quarter second
)

// live measures the whole trip: devices send readings and an ECG over MQTT, and
// a program that reads what a browser reads notes when each value arrives. Every
// value names the packet it came in, so nothing is guessed from clocks.
func (b bench) live(ctx context.Context) ([]figures, error) {
	template := filepath.Join(b.dir, "template")
	accounts, err := enrol(ctx, template, b.beds)
	if err != nil {
		return nil, err
	}
	metrics := numericMetrics(liveMetrics)
	var p99, gaps, shares []float64
	for run := range b.runs {
		r, err := b.liveOnce(ctx, filepath.Join(b.dir, fmt.Sprintf("live-%d", run)), template, accounts, metrics)
		if err != nil {
			return nil, err
		}
		b.say("run %d of %d: %d readings sent, %d seen, %d stored, p99 %.1f ms, longest wave gap %.0f ms", run+1, b.runs, r.sent, r.seen, r.stored, r.p99, r.gap)
		if r.stored < r.sent {
			return nil, fmt.Errorf("of %d readings %d are stored", r.sent, r.stored)
		}
		p99, gaps, shares = append(p99, r.p99), append(gaps, r.gap), append(shares, float64(r.seen)/float64(r.sent))
	}
	return []figures{{
		Mode: "live", Shape: fmt.Sprintf("%d readings/s and %d ECGs from %d devices to one socket", b.readings, b.beds, b.beds),
		Runs: b.runs, LiveP99Millis: median(p99), FrameGapMillis: median(gaps), SeenShare: median(shares),
	}}, nil
}

// numericMetrics returns metrics that hold a number with room for three decimals.
func numericMetrics(n int) []vital.Metric {
	var found []vital.Metric
	for _, m := range vital.Metrics {
		if m.Shape == vital.Numeric && m.Unit != "" && m.High.Float()-m.Low.Float() >= 10 && len(found) < n {
			found = append(found, m)
		}
	}
	return found
}

// liveValue is what a metric measures in packet k.
func liveValue(m vital.Metric, k int) string {
	return fmt.Sprintf("%d.%03d", int((m.Low.Float()+m.High.Float())/2), k%liveSteps)
}

type liveResult struct {
	sent, seen, stored int
	p99, gap           float64
}

// liveRun is one run: who sends, what was sent when, what was seen when.
type liveRun struct {
	b       bench
	target  target
	metrics []vital.Metric
	client  *http.Client
	beds    []string
	devices []*liveDevice
	known   map[string]int // metric -> index

	mutex    sync.Mutex
	seen     map[seenKey]bool
	micros   []int64
	lastWave time.Time
	gap      time.Duration
	counting atomic.Bool
}

type seenKey struct {
	device, metric, step int
}

// liveDevice is one monitor.
type liveDevice struct {
	account account
	conn    net.Conn
	sentAt  [liveSteps]atomic.Int64 // Unix nanoseconds, by step
	counted [liveSteps]atomic.Bool
	packets int
}

func (b bench) liveOnce(ctx context.Context, dir, template string, accounts []account, metrics []vital.Metric) (r liveResult, err error) {
	t, err := fresh(dir, template, func() (target, error) { return startVigil(ctx, dir) })
	if err != nil {
		return r, err
	}
	defer t.stop()
	run := &liveRun{b: b, target: t, metrics: metrics, known: map[string]int{}, seen: map[seenKey]bool{}}
	for i, m := range metrics {
		run.known[m.Name] = i
	}
	if err := run.furnish(ctx, accounts); err != nil {
		return r, err
	}
	conn, err := run.watch(ctx)
	if err != nil {
		return r, err
	}
	defer conn.CloseNow()
	listening, quit := context.WithCancel(ctx)
	defer quit()
	var group sync.WaitGroup
	group.Go(func() { run.listen(listening, conn) })
	sent, err := run.send(ctx, b.warm, b.measure)
	if err != nil {
		return r, err
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && run.count() < sent; {
		time.Sleep(50 * time.Millisecond)
	}
	r.sent, r.seen, r.gap = sent, run.count(), float64(run.gap.Milliseconds())
	quit()
	group.Wait()
	slices.Sort(run.micros)
	if len(run.micros) > 0 {
		r.p99 = float64(run.micros[len(run.micros)*99/100]) / 1000
	}
	r.stored, err = run.stored(ctx)
	return r, err
}

// call asks the API and decodes its answer.
func (r *liveRun) call(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+r.target.http+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		var problem bytes.Buffer
		problem.ReadFrom(response.Body)
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, problem.String())
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// furnish signs in by the first link and makes a ward with a patient and a bound
// device in every bed, as a person would.
func (r *liveRun) furnish(ctx context.Context, accounts []account) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	r.client = &http.Client{Jar: jar, Timeout: 30 * time.Second}
	if err := r.signIn(ctx, r.target.link); err != nil {
		return err
	}
	var ward, bed, patient struct{ ID string }
	if err := r.call(ctx, "POST", "/wards", map[string]string{"name": "Bench", "zone": "UTC", "kind": "adult"}, &ward); err != nil {
		return err
	}
	for i, a := range accounts {
		label := fmt.Sprintf("B%02d", i+1)
		if err := r.call(ctx, "POST", "/wards/"+ward.ID+"/beds", map[string]any{"label": label, "position": i + 1}, &bed); err != nil {
			return err
		}
		number := fmt.Sprintf("B%06d", i)
		who := map[string]any{"family": "Bench " + label, "given": "Test", "birth": "1950-01-01", "sex": "unknown", "numbers": []map[string]string{{"system": "MRN", "value": number}}}
		if err := r.call(ctx, "POST", "/patients", who, &patient); err != nil {
			return err
		}
		if err := r.call(ctx, "POST", "/patients/"+patient.ID+"/admit", map[string]string{"bed": bed.ID}, nil); err != nil {
			return err
		}
		bind := map[string]any{"patient": patient.ID, "confirm": map[string]string{"family": "Bench " + label, "number": number}}
		if err := r.call(ctx, "POST", "/devices/"+a.device+"/bind", bind, nil); err != nil {
			return err
		}
		r.beds = append(r.beds, bed.ID)
		r.devices = append(r.devices, &liveDevice{account: a})
	}
	return nil
}

// send lets every device send when it is due, and returns how many readings were
// sent inside the measured time.
func (r *liveRun) send(ctx context.Context, warm, measure time.Duration) (int, error) {
	interval := time.Duration(float64(len(r.devices)*len(r.metrics)) / float64(r.b.readings) * float64(time.Second))
	if packets := int((warm + measure) / interval); packets >= liveSteps {
		return 0, vital.Errorf(vital.Invalid, "measure at most %v at this rate", interval*liveSteps-warm)
	}
	start := time.Now()
	from, to := start.Add(warm), start.Add(warm+measure)
	var group sync.WaitGroup
	errs := make(chan error, len(r.devices))
	var sent atomic.Int64
	time.AfterFunc(time.Until(from), func() { r.counting.Store(true) })
	for i, d := range r.devices {
		group.Go(func() {
			n, err := r.device(ctx, d, start.Add(interval*time.Duration(i)/time.Duration(len(r.devices))), interval, from, to)
			sent.Add(int64(n))
			if err != nil {
				errs <- fmt.Errorf("send as %s: %w", d.account.device, err)
			}
		})
	}
	group.Wait()
	r.counting.Store(false)
	select {
	case err := <-errs:
		return 0, err
	default:
		return int(sent.Load()), nil
	}
}

// device sends readings every interval and an ECG four times a second.
func (r *liveRun) device(ctx context.Context, d *liveDevice, first time.Time, interval time.Duration, from, to time.Time) (sent int, err error) {
	plan := loadPlan{address: r.target.mqtt, accounts: []account{d.account}}
	c, err := plan.connect(ctx, d.account)
	if err != nil {
		return 0, err
	}
	d.conn = c.conn
	d.conn.SetDeadline(to.Add(30 * time.Second))
	go discardAll(d.conn)
	defer func() { time.AfterFunc(5*time.Second, func() { d.conn.Close() }) }()
	const waveEvery = 250 * time.Millisecond
	nextWave, id := first, uint16(0)
	sequence := uint64(0)
	publish := func(topic string, body []byte) error {
		id = id%65535 + 1
		p := mqtt.Publish{Topic: "v1/" + d.account.device + topic, Payload: body, ID: id, QoS: 1}
		_, err := d.conn.Write(p.Append(nil, mqtt.Level4))
		return err
	}
	for due, k := first, 0; due.Before(to); due, k = due.Add(interval), k+1 {
		for ; nextWave.Before(due); nextWave = nextWave.Add(waveEvery) {
			time.Sleep(time.Until(nextWave))
			sequence++
			body, err := benchWave(sequence, nextWave)
			if err == nil {
				err = publish("/wave", body)
			}
			if err != nil {
				return sent, err
			}
		}
		time.Sleep(time.Until(due))
		sequence++
		now := time.Now()
		body := r.telemetry(sequence, k, now)
		d.sentAt[k%liveSteps].Store(now.UnixNano())
		d.packets++
		if !due.Before(from) {
			d.counted[k%liveSteps].Store(true)
			sent += len(r.metrics)
		}
		if err := publish("/telemetry", body); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (r *liveRun) telemetry(sequence uint64, k int, at time.Time) []byte {
	b := fmt.Appendf(nil, `{"seq":%d,"time":%q,"readings":[`, sequence, at.UTC().Format("2006-01-02T15:04:05.000Z"))
	for i, m := range r.metrics {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"metric":%q,"value":%s,"unit":%q}`, m.Name, liveValue(m, k), m.Unit)
	}
	return append(b, `]}`...)
}

// benchWave is a quarter second of something that has the size of an ECG.
func benchWave(sequence uint64, at time.Time) ([]byte, error) {
	samples := make([]int16, liveWaveRate/4)
	for i := range samples {
		samples[i] = int16((int(sequence)*61 + i*37) % 200)
	}
	return wave.Encode(wave.Block{
		Sequence: sequence, Start: at.UnixMicro(), MilliHz: liveWaveRate * 1000, Gain: vital.Decimal{Mantissa: 5, Exponent: -3},
		Metric: "ecg-ii", Unit: "mV", Samples: samples,
	})
}

func discardAll(conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

func (r *liveRun) count() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.seen)
}
