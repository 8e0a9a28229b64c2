package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/vjson"
	"github.com/vigilcare/vigil/wire/wave"
)

// player sends recordings as one device.
//
// Which time it writes: the spacing of the recording is never changed, because
// a heart rate computed from squeezed times would be wrong. At speed 1 the
// recording begins now and each block carries the time at which it was sent. At
// speed k the device behaves like one that uploads its memory: everything is
// dated in the past, so that the last sample carries the present and nothing is
// ever dated in the future.
type player struct {
	broker broker
	speed  float64
	loop   bool
	begin  time.Time // zero: as above
	tally  *tally

	sequence uint64
	out      *transmitter
}

// step returns how much of the recording goes into one block: half a second at
// speed 1, more when played faster so that the packets stay as frequent, and
// never over the 10 s that a block may last.
func (p *player) step() time.Duration {
	return min(max(time.Duration(float64(500*time.Millisecond)*p.speed), 500*time.Millisecond), 10*time.Second)
}

func (p *player) play(ctx context.Context, tapes []recording) error {
	var total time.Duration
	for _, r := range tapes {
		total += r.Length
	}
	now := time.Now()
	origin := p.begin
	if origin.IsZero() {
		origin = now.Add(-time.Duration(float64(total) * (1 - 1/p.speed)))
	} else if origin.Add(total).After(now.Add(time.Duration(float64(total) / p.speed))) {
		return vital.Errorf(vital.Invalid, "beginning at %s, the recording would end in the future", p.begin.Format(time.RFC3339))
	}
	// A device never repeats a number of its own count. This one has no memory
	// between runs, so it counts on from the microsecond at which it starts.
	p.sequence = uint64(now.UnixMicro())
	p.out = newTransmitter(p.broker, p.tally)
	sending := make(chan error, 1)
	inner, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		err := p.out.run(inner)
		stop() // a refused device stops playing too
		sending <- err
	}()
	for round := 0; ; round++ {
		for _, r := range tapes {
			if err := p.tape(inner, r, origin, now); err != nil {
				return firstError(<-sending, err)
			}
			origin = origin.Add(r.Length)
			now = now.Add(time.Duration(float64(r.Length) / p.speed))
		}
		if !p.loop {
			break
		}
	}
	p.out.finish()
	return <-sending
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// tape sends one recording whose beginning has the device time origin and is due
// at the real time begin.
func (p *player) tape(ctx context.Context, r recording, origin, begin time.Time) error {
	next := make([]int, len(r.Waves))
	values, events := 0, 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for from := time.Duration(0); from < r.Length || from == 0; from += p.step() {
		until := min(from+p.step(), r.Length)
		due := begin.Add(time.Duration(float64(until) / p.speed))
		if d := time.Until(due); d > 0 {
			timer.Reset(d)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
			}
		}
		for i := range r.Waves {
			if err := p.blocks(ctx, &r.Waves[i], &next[i], until, origin); err != nil {
				return err
			}
		}
		last := until == r.Length
		v, e := values, events
		for v < len(r.Values) && (r.Values[v].At < until || last) {
			v++
		}
		for e < len(r.Events) && (r.Events[e].At < until || last) {
			e++
		}
		if err := p.values(ctx, r.Values[values:v], origin); err != nil {
			return err
		}
		if err := p.events(ctx, r.Events[events:e], origin); err != nil {
			return err
		}
		values, events = v, e
	}
	return nil
}

// shortest is what a block must last at least, in seconds.
const shortest = 0.1

// blocks sends the samples of w that lie before until and are not yet sent.
func (p *player) blocks(ctx context.Context, w *waveTrack, next *int, until time.Duration, origin time.Time) error {
	end := int(math.Ceil((until-w.At).Seconds()*w.Hz - 1e-6))
	end = min(max(end, 0), len(w.Samples))
	// What would be left over as too short a block goes with this one.
	if rest := float64(len(w.Samples)-end) / w.Hz; rest > 0 && rest < shortest {
		end = len(w.Samples)
	}
	if float64(end-*next)/w.Hz < shortest && end < len(w.Samples) || end == *next {
		return nil
	}
	for *next < end {
		n := min(end-*next, wave.MaxSamples, int(10*w.Hz))
		samples := w.Samples[*next : *next+n]
		// A stretch shorter than a block may be is filled up with no measurement.
		for least := int(math.Ceil(shortest * w.Hz)); len(samples) < least; {
			samples = append(slices.Clip(samples), wave.Missing)
		}
		p.sequence++
		b, err := wave.Encode(wave.Block{
			Sequence: p.sequence, Start: origin.Add(w.At + atSample(*next, w.Hz)).UnixMicro(), MilliHz: uint32(math.Round(w.Hz * 1000)),
			Gain: w.Gain, Zero: w.Zero, Metric: w.Metric, Unit: w.Unit, Samples: samples,
		})
		if err != nil {
			return vital.Errorf(vital.KindOf(err), "block of %s: %w", w.Metric, err)
		}
		if err := p.out.deliver(ctx, "v1/"+p.broker.ClientID+"/wave", b); err != nil {
			return err
		}
		*next += n
	}
	return nil
}

func (p *player) values(ctx context.Context, values []valueAt, origin time.Time) error {
	for len(values) > 0 {
		n := min(len(values), vjson.MaxReadings)
		p.sequence++
		packet := vjson.Packet{Sequence: p.sequence}
		for i, v := range values[:n] {
			packet.Readings = append(packet.Readings, vjson.Reading{
				Time: vital.At(origin.Add(v.At)), Metric: v.Metric, Value: v.Value, Unit: v.Unit, Quality: v.Quality, Index: i,
			})
		}
		if err := p.send(ctx, "telemetry", packet); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

func (p *player) events(ctx context.Context, events []eventAt, origin time.Time) error {
	for len(events) > 0 {
		n := min(len(events), vjson.MaxEvents)
		p.sequence++
		packet := vjson.Packet{Sequence: p.sequence}
		for i, e := range events[:n] {
			packet.Events = append(packet.Events, vjson.Event{
				Time: vital.At(origin.Add(e.At)), Kind: e.Kind, Code: clip(e.Code, 64), Text: clip(e.Text, 1000), Index: i,
			})
		}
		if err := p.send(ctx, "event", packet); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// clip cuts text of a recording to what a packet may hold, between two runes.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

func (p *player) send(ctx context.Context, kind string, packet vjson.Packet) error {
	b, err := vjson.Encode(packet)
	if err != nil {
		return err
	}
	return p.out.deliver(ctx, "v1/"+p.broker.ClientID+"/"+kind, b)
}

// cut returns the part of r that begins at from and lasts length (0: to the end).
func (r recording) cut(from, length time.Duration) (recording, error) {
	if from == 0 && length == 0 {
		return r, nil
	}
	until := r.Length
	if length > 0 {
		until = min(until, from+length)
	}
	if from >= until {
		return recording{}, vital.Errorf(vital.Invalid, "it lasts %s: nothing is left from %s on", r.Length.Round(time.Millisecond), from)
	}
	out := recording{Name: r.Name, Notes: r.Notes}
	for _, w := range r.Waves {
		first := min(max(int(math.Ceil((from-w.At).Seconds()*w.Hz-1e-6)), 0), len(w.Samples))
		last := min(max(int(math.Ceil((until-w.At).Seconds()*w.Hz-1e-6)), first), len(w.Samples))
		if first == last {
			continue
		}
		w.At, w.Samples = w.At+atSample(first, w.Hz)-from, w.Samples[first:last]
		out.Waves = append(out.Waves, w)
	}
	for _, v := range r.Values {
		if v.At >= from && v.At < until {
			v.At -= from
			out.Values = append(out.Values, v)
		}
	}
	for _, e := range r.Events {
		if e.At >= from && e.At < until {
			e.At -= from
			out.Events = append(out.Events, e)
		}
	}
	out.Length = until - from
	return out, nil
}

// describe says what is in a recording.
func (r recording) describe(out io.Writer) {
	fmt.Fprintf(out, "%s: %s", r.Name, r.Length.Round(time.Millisecond))
	type key struct {
		metric string
		hz     float64
	}
	samples, order := map[key]int{}, []key{}
	for _, w := range r.Waves {
		k := key{w.Metric, w.Hz}
		if samples[k] == 0 {
			order = append(order, k)
		}
		samples[k] += len(w.Samples)
	}
	for _, k := range order {
		fmt.Fprintf(out, ", %s %g Hz (%d samples)", k.metric, k.hz, samples[k])
	}
	fmt.Fprintf(out, ", %d values, %d events\n", len(r.Values), len(r.Events))
	for _, n := range r.Notes {
		fmt.Fprintf(out, "  note: %s\n", n)
	}
}
