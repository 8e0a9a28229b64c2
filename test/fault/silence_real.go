package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// This file strikes faults at the real program, over real MQTT, in real time: a
// sample beside the thousand that are struck in accelerated time (TestSilence).

// ward is the rig of a silence run.
type ward struct {
	rig    *rig
	server *server
	data   string
	result *silenceResult
	beds   []*place
	carry  *pipe // the gateway

	mu     sync.Mutex
	up     bool // the server is meant to answer
	blows  []blow
	bodies map[string]any
}

// place is a patient with a device that something may go wrong with.
type place struct {
	ward           *ward
	bed            vital.BedID
	patient        vital.PatientID
	device, family string
	sender         *pipe

	mu        sync.Mutex
	mode      mode
	sequence  uint64
	waiting   []packet
	truth     *truth
	class     string
	recovered vital.Instant
}

const silencePatients = 12 // the first four are carried by a gateway

// call asks the API and reads the answer into out.
func (w *ward) call(ctx context.Context, method, path string, body, out any) error {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+w.server.http+"/api/v1"+path, in)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+w.rig.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, tail(answer))
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	return json.Unmarshal(answer, out)
}

type object = map[string]any

// enrol makes a ward of patients with monitors.
func (w *ward) enrol(ctx context.Context) error {
	type identified struct{ ID string }
	type enrolled struct {
		Device     identified
		Credential struct{ Username, Password string }
	}
	var made identified
	if err := w.call(ctx, "POST", "/wards", object{"name": "Fault", "zone": "UTC", "kind": "adult"}, &made); err != nil {
		return err
	}
	wardID := made.ID
	w.bodies = object{"ward": wardID}
	var gateway enrolled
	if err := w.call(ctx, "POST", "/devices", object{"id": "gw", "label": "Gateway", "kind": "gateway", "class": "gateway"}, &gateway); err != nil {
		return err
	}
	var err error
	if w.carry, err = newPipe(w.server.mqtt, gateway.Credential.Username, gateway.Credential.Password); err != nil {
		return err
	}
	for i := range silencePatients {
		p := &place{ward: w, device: fmt.Sprintf("own-%02d", i), family: fmt.Sprintf("Fault%02d", i), truth: newTruth(now())}
		if i < 4 {
			p.device, p.sender = fmt.Sprintf("gw-%02d", i), w.carry
		}
		if err := w.call(ctx, "POST", "/wards/"+wardID+"/beds", object{"label": p.family, "position": i}, &made); err != nil {
			return err
		}
		p.bed = vital.BedID(made.ID)
		number := fmt.Sprintf("F%05d", i)
		err := w.call(ctx, "POST", "/patients", object{
			"family": p.family, "given": "X", "birth": "1960-01-01", "sex": "female", "bed": p.bed,
			"numbers": []object{{"system": "MRN", "value": number}},
		}, &made)
		if err != nil {
			return err
		}
		p.patient = vital.PatientID(made.ID)
		var device enrolled
		if err := w.call(ctx, "POST", "/devices", object{"id": p.device, "label": p.device, "kind": "monitor", "class": "device"}, &device); err != nil {
			return err
		}
		if p.sender == nil {
			if p.sender, err = newPipe(w.server.mqtt, device.Credential.Username, device.Credential.Password); err != nil {
				return err
			}
		}
		err = w.call(ctx, "POST", "/devices/"+p.device+"/bind", object{"patient": p.patient, "confirm": object{"family": p.family, "number": number}}, nil)
		if err != nil {
			return err
		}
		plan := []object{{"metric": "heart-rate", "kind": "continuous", "every": 10}, {"metric": "spo2", "kind": "continuous", "every": 10}}
		if err := w.call(ctx, "PUT", "/patients/"+string(p.patient)+"/plan", object{"items": plan}, nil); err != nil {
			return err
		}
		w.beds = append(w.beds, p)
	}
	return w.breakable(ctx)
}

// breakable puts the rule in force that can be broken.
func (w *ward) breakable(ctx context.Context) error {
	var rules struct{ Version string }
	if err := w.call(ctx, "GET", "/rules", nil, &rules); err != nil {
		return err
	}
	body := object{"files": []object{{"name": "ratio.rule", "text": ratioRule}}, "why": "faults", "base": rules.Version}
	err := w.call(ctx, "PUT", "/rules", body, nil)
	if err != nil {
		body["base"] = ""
		err = w.call(ctx, "PUT", "/rules", body, nil)
	}
	return err
}

func (p *place) set(change func(*mode)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.mode)
}

// live measures every two seconds and sends what can be sent.
func (p *place) live(ctx context.Context) {
	for ; ctx.Err() == nil; sleep(ctx, beat) {
		p.mu.Lock()
		if !p.mode.silent {
			p.sequence++
			p.waiting = append(p.waiting, p.mode.measure(p.sequence))
		}
		waiting := slices.Clone(p.waiting)
		p.mu.Unlock()
		sent := 0
		for _, one := range waiting {
			if !p.sender.publish(ctx, p.device, "telemetry", one.body) {
				break
			}
			sent++
			at := now()
			p.mu.Lock()
			if int64(at-one.measured) <= silenceEvery {
				for _, m := range one.usable {
					p.truth.usable(m, at)
				}
			}
			p.mu.Unlock()
		}
		p.mu.Lock()
		p.waiting = slices.Delete(p.waiting, 0, sent)
		p.mu.Unlock()
	}
}

func (p *place) event(ctx context.Context, kind string) {
	p.mu.Lock()
	p.sequence++
	body := fmt.Appendf(nil, `{"seq":%d,"time":%q,"events":[{"kind":%q,"text":"x"}]}`, p.sequence, now().Add(p.mode.clock).String(), kind)
	p.mu.Unlock()
	p.sender.publish(ctx, p.device, "event", body)
}

// look asks every second what the screens would show.
func (w *ward) look(ctx context.Context) {
	for ; ctx.Err() == nil; sleep(ctx, time.Second) {
		w.mu.Lock()
		up := w.up
		w.mu.Unlock()
		if !up {
			continue
		}
		var view struct {
			Beds []struct {
				ID      vital.BedID
				Watched *struct {
					State   watch.WatchState
					Cause   string
					Streams []struct {
						Metric string
						Kind   watch.StreamKind
						State  watch.StreamState
					}
				}
			}
		}
		soon, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := w.call(soon, "GET", "/wards/"+w.bodies["ward"].(string), nil, &view)
		cancel()
		if err != nil {
			continue // a screen that gets no answer says so itself
		}
		at := now()
		for _, b := range view.Beds {
			i := slices.IndexFunc(w.beds, func(p *place) bool { return p.bed == b.ID })
			if i < 0 || b.Watched == nil {
				continue
			}
			v := watch.Watch{Patient: w.beds[i].patient, State: b.Watched.State, Cause: b.Watched.Cause}
			for _, s := range b.Watched.Streams {
				v.Streams = append(v.Streams, watch.Stream{Metric: s.Metric, Kind: s.Kind, State: s.State})
			}
			w.beds[i].sample(at, v)
		}
	}
}

func (p *place) sample(at vital.Instant, v watch.Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	healthy := p.class == "" && at > p.recovered && at-p.truth.begun > 30_000
	for _, m := range streams {
		healthy = healthy && at-p.truth.last(m) <= silenceEvery/2
	}
	class := p.class
	if class == "" {
		class = "calm"
	}
	p.ward.mu.Lock()
	defer p.ward.mu.Unlock()
	p.ward.result.sample(at, v, p.truth, streams, class, healthy)
}

func (p *place) suffer(class string) vital.Instant {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.class = class
	return now()
}

func (p *place) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode{clock: p.mode.clock}
	p.class, p.recovered = "", now()+30_000
}

func (w *ward) record(x blow) {
	x.To = now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blows = append(w.blows, x)
	w.result.of(x.Class).Faults++
}

// runSilence strikes faults at the real program for about eight minutes.
func (r *rig) runSilence(ctx context.Context, seed uint64) (result *silenceResult, err error) {
	began := time.Now()
	w := &ward{rig: r, data: filepath.Join(r.dir, "data"), result: newSilenceResult(seed)}
	token, err := r.call("token", "add", "--data", w.data, "--role", "administrator", "--name", "fault")
	if err != nil {
		return nil, err
	}
	r.token = strings.TrimSpace(string(token))
	if w.server, err = r.start(ctx, w.data); err != nil {
		return nil, err
	}
	defer func() { w.server.kill() }()
	if err := w.enrol(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.up = true
	var busy sync.WaitGroup
	for _, p := range w.beds {
		busy.Go(func() { p.live(ctx) })
	}
	busy.Go(func() { w.look(ctx) })
	defer busy.Wait()
	defer cancel()
	if err := errors.Join(w.slots(ctx), w.judge(ctx)); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.result.finish(began)
	return w.result, nil
}

// judge reads the ledgers back and holds them against the truth.
func (w *ward) judge(ctx context.Context) error {
	for _, p := range w.beds {
		var ledger struct {
			Items []struct {
				Metric   string
				From, To vital.Instant
				State    watch.StreamState
				Kind     watch.CauseKind
				Cause    string
			}
		}
		if err := w.call(ctx, "GET", "/patients/"+string(p.patient)+"/gaps", nil, &ledger); err != nil {
			return err
		}
		var gaps []watch.Gap
		for _, g := range ledger.Items {
			gaps = append(gaps, watch.Gap{Patient: p.patient, Metric: g.Metric, From: g.From, To: g.To, State: g.State, Kind: g.Kind, Cause: g.Cause})
		}
		p.mu.Lock()
		w.mu.Lock()
		for _, x := range w.blows {
			if slices.Contains(x.Patients, p.patient) && x.Kind == watch.ByRule {
				w.result.unjudged(x, p.patient, gaps)
			} else if slices.Contains(x.Patients, p.patient) {
				w.result.judge(x, p.patient, p.truth, gaps, streams)
			}
		}
		w.mu.Unlock()
		p.mu.Unlock()
	}
	return nil
}

// stop holds the process still.
func (w *ward) stop(ctx context.Context, long time.Duration) error {
	if err := w.server.run.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	sleep(ctx, long)
	return w.server.run.Process.Signal(syscall.SIGCONT)
}

// kill ends the program without a word and starts it again.
func (w *ward) kill(ctx context.Context, outage time.Duration) (err error) {
	w.mu.Lock()
	w.up = false
	w.mu.Unlock()
	w.server.kill()
	sleep(ctx, outage)
	next, err := w.rig.start(ctx, w.data)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.server, w.up = next, true
	w.mu.Unlock()
	w.carry.wire.to(next.mqtt)
	for _, p := range w.beds {
		p.sender.wire.to(next.mqtt)
	}
	return nil
}
