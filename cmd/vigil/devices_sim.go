package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/vigilcare/vigil/synth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/vjson"
	"github.com/vigilcare/vigil/wire/wave"
)

// SimDevice is one simulated device: a real MQTT client with a credential of its
// own, on a patient who does not exist. The server cannot tell it from a real one.
type SimDevice struct {
	ID, Username, Password string
	Seed                   uint64
	Profile                synth.Profile
	Scenarios              []synth.Scenario
	Faults                 []synth.Fault
	// Waves says whether waveforms are sent beside the numbers.
	Waves bool
	// Rate is how many times a second the numbers are sent, 0: once, as monitors
	// do. Faster, the device repeats its latest numbers with new times; slower,
	// it leaves some out.
	Rate float64
}

// DeviceFleet is every simulated device of one command.
type DeviceFleet struct {
	Server  string // mqtt://host:port or mqtts://host:port
	TLS     *tls.Config
	Devices []SimDevice
	Log     *slog.Logger // hears which device was refused
	Tally   *tally       // counts over all devices; nil: not counted
	// Truth, if set, hears what only the simulation knows. It is called from many
	// goroutines.
	Truth func(device string, at time.Time, e synth.Event)
	// Settle is how long devices may still wait for acknowledgements at the end.
	Settle time.Duration
}

// simStep is how much a device measures between two blocks of its waveforms.
const simStep = 250 * time.Millisecond

// runDevices runs all devices until ctx ends and returns what refused any of
// them: a wrong credential stops that device and no other.
func runDevices(ctx context.Context, f DeviceFleet) error {
	if f.Tally == nil {
		f.Tally = &tally{}
	}
	if f.Log == nil {
		f.Log = slog.New(slog.DiscardHandler)
	}
	begin := time.Now()
	failures := make([]error, len(f.Devices))
	var wait sync.WaitGroup
	for i, d := range f.Devices {
		wait.Go(func() {
			// Spread over the step, so that a ward does not send in one burst.
			late := simStep * time.Duration(i) / time.Duration(len(f.Devices))
			s := newSimulation(f, d)
			if failures[i] = s.run(ctx, begin.Add(late)); failures[i] != nil {
				f.Log.Error("simulated device stopped", "device", d.ID, "error", failures[i])
			}
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}

// simulation is one device at work.
type simulation struct {
	fleet    DeviceFleet
	device   SimDevice
	patient  *synth.Patient
	out      *transmitter
	random   *rand.Rand // of the faults on the way
	begin    time.Time
	sequence uint64
	slow     map[string]*synth.Wave // waveforms that travel a second at a time
	latest   []synth.Numeric        // of the second under way
	sent     int                    // packets of numbers so far
	overtake []packet               // kept back to be overtaken
}

type packet struct {
	topic string
	body  []byte
}

func newSimulation(f DeviceFleet, d SimDevice) *simulation {
	b := broker{Server: f.Server, TLS: f.TLS, ClientID: d.ID, Username: d.Username, Password: d.Password}
	return &simulation{
		fleet: f, device: d, patient: synth.NewPatient(d.Seed, d.Profile, d.Scenarios, d.Faults), out: newTransmitter(b, f.Tally),
		random: rand.New(rand.NewPCG(d.Seed, 0x776179)), slow: map[string]*synth.Wave{},
	}
}

func (s *simulation) run(ctx context.Context, begin time.Time) error {
	s.begin = begin
	// Never the same number twice, over restarts too: see player.
	s.sequence = uint64(begin.UnixMicro())
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	refused := make(chan error, 1)
	go func() { refused <- s.out.run(inner) }()

	timer := time.NewTimer(time.Until(begin))
	defer timer.Stop()
	for {
		select {
		case err := <-refused:
			return err
		case <-ctx.Done():
			s.out.finish()
			select {
			case err := <-refused:
				return err
			case <-time.After(s.fleet.Settle):
				stop()
				return <-refused
			}
		case <-timer.C:
		}
		for s.patient.Now()+simStep <= time.Since(begin) {
			s.step()
		}
		timer.Reset(time.Until(begin.Add(s.patient.Now() + simStep)))
	}
}

// step measures for a quarter of a second and hands over what is ready.
func (s *simulation) step() {
	o := s.patient.Step(simStep)
	now := s.patient.Now()
	if s.fleet.Truth != nil {
		for _, e := range o.Truth {
			s.fleet.Truth(s.device.ID, s.begin.Add(e.At), e)
		}
	}
	s.out.hold(s.fault(synth.Outage, now) > 0)
	if s.fault(synth.Gap, now) > 0 {
		clear(s.slow)
		return
	}
	if s.device.Waves {
		for i := range o.Waves {
			s.wave(o.Waves[i], now)
		}
	}
	s.numbers(o.Numerics, now)
	if len(o.Events) > 0 {
		p := vjson.Packet{Sequence: s.next()}
		for i, e := range o.Events {
			p.Events = append(p.Events, vjson.Event{Time: vital.At(s.clock(e.At)), Kind: e.Kind, Code: e.Code, Text: e.Text, Index: i})
		}
		s.send("event", p, now)
	}
}

// wave sends a block. What has few samples a second is collected for a second first.
func (s *simulation) wave(w synth.Wave, now time.Duration) {
	if w.MilliHz < 100_000 {
		held := s.slow[w.Metric]
		if held == nil {
			s.slow[w.Metric] = &w
			return
		}
		held.Samples = append(held.Samples, w.Samples...)
		held.Quality |= w.Quality
		if len(held.Samples) < int(w.MilliHz/1000) {
			return
		}
		w = *held
		delete(s.slow, w.Metric)
	}
	b, err := wave.Encode(wave.Block{
		Sequence: s.next(), Start: s.clock(w.At).UnixMicro(), MilliHz: w.MilliHz, Gain: w.Gain, Zero: w.Zero,
		Quality: w.Quality, Metric: w.Metric, Unit: w.Unit, Samples: w.Samples,
	})
	if err != nil {
		s.fleet.Log.Error("simulated block", "device", s.device.ID, "metric", w.Metric, "error", err)
		return
	}
	s.pass(packet{"v1/" + s.device.ID + "/wave", b}, now)
}

// numbers sends the latest numbers as often as Rate says. A number is sent at
// least once, even when it was measured between two packets.
func (s *simulation) numbers(fresh []synth.Numeric, now time.Duration) {
	rate := s.device.Rate
	if rate == 0 {
		rate = 1
	}
	repeated := len(fresh) == 0
	if !repeated {
		if rate < 1 && len(s.latest) > 0 {
			s.latest = merge(s.latest, fresh)
		} else {
			s.latest = fresh
		}
	}
	// How many packets should have been sent by now; the first with the first numbers.
	due := int(now.Seconds()*rate + 1 - simStep.Seconds()*rate)
	if rate <= 1 && repeated && due <= s.sent {
		return
	}
	for ; s.sent < due && len(s.latest) > 0; s.sent++ {
		at := s.latest[len(s.latest)-1].At
		if rate > 1 {
			at = time.Duration(float64(s.sent) / rate * float64(time.Second))
		}
		p := vjson.Packet{Sequence: s.next(), Time: vital.At(s.clock(at))}
		for i, n := range s.latest {
			r := vjson.Reading{Metric: n.Metric, Value: vital.Num(n.Value), Unit: n.Unit, Quality: n.Quality, Index: i}
			if n.At != at && rate <= 1 {
				r.Time = vital.At(s.clock(n.At))
			}
			p.Readings = append(p.Readings, r)
		}
		s.send("telemetry", p, now)
		if rate <= 1 {
			s.latest = nil
		}
	}
}

// merge keeps the newest number of each metric.
func merge(old, fresh []synth.Numeric) []synth.Numeric {
	out := append([]synth.Numeric(nil), fresh...)
	for _, o := range old {
		known := false
		for _, f := range fresh {
			known = known || f.Metric == o.Metric
		}
		if !known {
			out = append([]synth.Numeric{o}, out...)
		}
	}
	return out
}

func (s *simulation) send(kind string, p vjson.Packet, now time.Duration) {
	b, err := vjson.Encode(p)
	if err != nil {
		s.fleet.Log.Error("simulated packet", "device", s.device.ID, "error", err)
		return
	}
	s.pass(packet{"v1/" + s.device.ID + "/" + kind, b}, now)
}

// pass hands a packet to the transmitter, through the faults on the way.
func (s *simulation) pass(p packet, now time.Duration) {
	if share := s.fault(synth.Reorder, now); s.random.Float64() < share {
		s.overtake = append(s.overtake, p)
		return
	}
	s.out.offer(p.topic, p.body)
	for _, late := range s.overtake {
		s.out.offer(late.topic, late.body)
	}
	s.overtake = s.overtake[:0]
	if share := s.fault(synth.Duplicate, now); s.random.Float64() < share {
		s.out.offer(p.topic, p.body)
	}
}

func (s *simulation) next() uint64 {
	s.sequence++
	return s.sequence
}

// clock is the time that the device writes for a moment of the simulation.
func (s *simulation) clock(at time.Duration) time.Time {
	t := s.begin.Add(at)
	for _, f := range s.device.Faults {
		if !f.On(at) {
			continue
		}
		switch f.Kind {
		case synth.ClockJump:
			t = t.Add(time.Duration(f.Size * float64(time.Second)))
		case synth.Drift:
			t = t.Add(time.Duration(float64(at-f.Start) * f.Size / 1e6))
		}
	}
	return t
}

// fault returns the size of the fault of that kind at that time, 0 for none.
func (s *simulation) fault(kind synth.FaultKind, at time.Duration) float64 {
	size := 0.0
	for _, f := range s.device.Faults {
		if f.Kind == kind && f.On(at) {
			size = max(size, f.Size)
		}
	}
	return size
}
