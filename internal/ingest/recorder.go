package ingest

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/device"
)

// Past answers whether a reading is stored already, for data that comes again
// after the recorder has forgotten the packet.
type Past interface {
	Stored(ctx context.Context, r vital.Reading) (bool, error)
	StoredWave(ctx context.Context, w vital.Waveform) (bool, error)
}

// Recorder turns the packets of one raw partition into batches, in order. Its
// state follows from the packets alone (and from the bindings at that time), so
// it can be rebuilt from a snapshot and the packets after it. It belongs to one
// goroutine.
type Recorder struct {
	registry *Registry
	past     Past
	blobs    *journal.Blobs
	devices  map[vital.DeviceID]*deviceState
}

type deviceState struct {
	Clock clock
	Seen  seen
	Last  map[string]vital.Instant // by metric: effective time of the newest, as far as it counts
	Far   map[string]vital.Instant // by metric: the latest effective time there was, ahead of ours or not
	// Newest is the highest sequence of the device so far. What counts on from it
	// cannot be stored yet, whatever its time; a device that begins again at 1 is
	// compared with the store.
	Newest uint64
}

// NewRecorder returns a recorder with no memory.
func NewRecorder(registry *Registry, past Past, blobs *journal.Blobs) *Recorder {
	return &Recorder{registry: registry, past: past, blobs: blobs, devices: map[vital.DeviceID]*deviceState{}}
}

// Snapshot returns the recorder's memory; Restore takes it back.
func (r *Recorder) Snapshot() ([]byte, error) { return json.Marshal(r.devices) }

// Restore replaces the recorder's memory.
func (r *Recorder) Restore(b []byte) error {
	devices := map[vital.DeviceID]*deviceState{}
	if err := json.Unmarshal(b, &devices); err != nil {
		return vital.Errorf(vital.Internal, "read the recorder's snapshot: %w", err)
	}
	r.devices = devices
	return nil
}

// Clock returns the estimate of a device's clock.
func (r *Recorder) Clock(id vital.DeviceID, now vital.Instant) (offset, uncertainty int32, driftPPM float64, known bool) {
	s := r.devices[id]
	if s == nil {
		return 0, 0, 0, false
	}
	return s.Clock.Used, s.Clock.Spread, s.Clock.drift(now), s.Clock.Known
}

// Record decodes one raw record and returns what it meant. A packet that cannot
// be read gives no batch and an info that says why; it stays in the journal. An
// error means that the store could not be asked: try again later.
func (r *Recorder) Record(ctx context.Context, at vital.Position, rec journal.Record) ([]Batch, PacketInfo, error) {
	info := PacketInfo{At: at, Result: Failed}
	if rec.Shredded {
		info.Result = Shredded
		return nil, info, nil
	}
	p, err := DecodePacket(rec.Body)
	if err != nil {
		info.Reason = err.Error()
		return nil, info, nil
	}
	if p.Blob != "" {
		if p.Body, err = r.large(p.Blob); vital.KindOf(err) == vital.Gone && err != nil {
			info.Result = Shredded
			return nil, info, nil
		} else if err != nil {
			info.Reason = "its body could not be read back: " + err.Error()
			return nil, info, nil
		}
	}
	info = describe(at, p)
	decoded, err := device.Decode(device.Packet{Format: p.Format, Topic: p.Topic, Body: p.Body, Received: p.Received, Device: p.Device, Gateway: p.Gateway})
	if err != nil {
		info.Reason = err.Error()
		return nil, info, nil
	}
	info.Decoder = decoded.Decoder
	_, _, info.DriftPPM, _ = r.Clock(p.Device, p.Received)
	if decoded.Sequence != 0 {
		info.Sequence = decoded.Sequence
	}
	if r.again(p, decoded) {
		info.Result = Duplicate
		return nil, info, nil
	}
	w := writing{recorder: r, ctx: ctx, packet: p, at: at, decoder: decoded.Decoder, sequence: info.Sequence}
	if s := r.state(p.Device); decoded.Sequence > s.Newest {
		s.Newest, w.fresh = decoded.Sequence, true
	}
	if err := w.all(decoded); err != nil {
		return nil, info, err
	}
	for _, t := range w.batches {
		info.Readings += len(t.Readings)
		info.Waves += len(t.Waveforms)
		info.Events += len(t.Events)
	}
	kept := info.Readings + info.Waves + info.Events
	switch {
	case len(decoded.Problems) > 0 && kept == 0:
		info.Result, info.Reason = Failed, reasons(decoded.Problems)
	case len(decoded.Problems) > 0:
		info.Result, info.Reason = Partly, reasons(decoded.Problems)
	case kept == 0 && w.repeated > 0:
		info.Result = Duplicate
	default:
		info.Result = Decoded
	}
	return w.batches, info, nil
}

// large reads a body that lies beside the journal.
func (r *Recorder) large(name string) ([]byte, error) {
	n, err := journal.ParseBlobName(name)
	if err != nil {
		return nil, err
	}
	return r.blobs.Get(n)
}

func describe(at vital.Position, p Packet) PacketInfo {
	return PacketInfo{
		At: at, Received: p.Received, Device: p.Device, Credential: p.Credential, Gateway: p.Gateway, Door: p.Door, Topic: p.Topic,
		Format: p.Format, Bytes: len(p.Body), Sequence: p.Sequence, Result: Failed, Preview: preview(p.Body), Print: fingerprint(p.Body),
	}
}

// preview returns the start of a body, as text where it is text.
func preview(b []byte) string {
	const most = 160
	cut := b[:min(len(b), most)]
	for _, c := range cut {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return strconv.QuoteToASCII(string(cut[:min(len(cut), 48)]))
		}
	}
	return string(cut)
}

func reasons(problems []device.Problem) string {
	s := ""
	for i, p := range problems {
		if i == 3 {
			return s + "; and " + strconv.Itoa(len(problems)-i) + " more"
		}
		if i > 0 {
			s += "; "
		}
		s += p.Where + ": " + p.Reason
	}
	return s
}

// state returns the memory of a device.
func (r *Recorder) state(id vital.DeviceID) *deviceState {
	s := r.devices[id]
	if s == nil {
		s = &deviceState{}
		r.devices[id] = s
	}
	if s.Last == nil {
		s.Last = map[string]vital.Instant{}
	}
	if s.Far == nil {
		s.Far = maps.Clone(s.Last)
	}
	return s
}

// again reports whether this very packet has been seen. Only a packet that says
// which one it is (a sequence or a time of the device) can be recognised: two
// equal readings of a device that gives neither may both be true.
func (r *Recorder) again(p Packet, d device.Result) bool {
	named := d.Sequence != 0
	for i := range d.Readings {
		named = named || d.Readings[i].Clocks.Device.Known() || d.Readings[i].Sequence != 0
	}
	for i := range d.Waveforms {
		named = named || d.Waveforms[i].Sequence != 0 || d.Waveforms[i].Clocks.Device.Known()
	}
	for i := range d.Events {
		named = named || d.Events[i].Clocks.Device.Known() || d.Events[i].Sequence != 0
	}
	return named && r.state(p.Device).Seen.add(fingerprint(p.Body))
}

// writing is the work on one packet.
type writing struct {
	recorder *Recorder
	ctx      context.Context
	packet   Packet
	at       vital.Position
	decoder  string
	sequence uint64
	batches  []Batch
	repeated int
	fresh    bool // the packet's own sequence is higher than any before
}

func (w *writing) all(d device.Result) error {
	w.observe(d)
	for _, r := range d.Readings {
		if err := w.reading(r); err != nil {
			return err
		}
	}
	for _, v := range d.Waveforms {
		if err := w.waveform(v); err != nil {
			return err
		}
	}
	for _, e := range d.Events {
		w.event(e)
	}
	return nil
}

// observe tells the clock estimate the newest device time of the packet. The
// end of a waveform block, not its start, is when the device could send it.
func (w *writing) observe(d device.Result) {
	newest := vital.Instant(0)
	for i := range d.Readings {
		newest = max(newest, d.Readings[i].Clocks.Device)
	}
	for i := range d.Events {
		newest = max(newest, d.Events[i].Clocks.Device)
	}
	for i := range d.Waveforms {
		if v := &d.Waveforms[i]; v.Clocks.Device.Known() && v.MilliHz > 0 {
			newest = max(newest, v.Clocks.Device+vital.Instant(int64(len(v.Samples))*1_000_000/int64(v.MilliHz)))
		}
	}
	if newest.Known() && w.packet.Door != "app" {
		w.recorder.state(w.packet.Device).Clock.observe(newest, w.packet.Received)
	}
}

// place fills in what every kind of record has: device, times, patient, marks.
func (w *writing) place(id *vital.DeviceID, k *vital.Clocks, q *vital.Quality, seq *uint64) (vital.PatientID, *deviceState) {
	if *id == "" {
		*id = w.packet.Device
	}
	s := w.recorder.state(w.packet.Device)
	*k = s.Clock.clocks(k.Device, w.packet.Received)
	if suspect(*k) {
		*q |= vital.ClockSuspect
	}
	if *seq == 0 {
		*seq = w.sequence
	}
	if f, ok := w.recorder.registry.Device(*id); ok && f.Demo {
		*q |= vital.Demo
	}
	if w.packet.Door == "app" {
		*q |= vital.Manual
	}
	if w.packet.Patient != "" {
		return w.packet.Patient, s
	}
	b, ok := w.recorder.registry.BindingAt(*id, k.Effective)
	if !ok || b.Patient == "" {
		*q |= vital.Unbound
		return "", s
	}
	return b.Patient, s
}

func (w *writing) reading(r vital.Reading) error {
	patient, s := w.place(&r.Device, &r.Clocks, &r.Quality, &r.Sequence)
	r.Site, r.Patient, r.Source, r.Decoder = w.packet.Site, patient, w.at, w.decoder
	if implausible(r) {
		r.Quality |= vital.Implausible
	}
	key := string(r.Device) + " " + r.Metric
	if r.Clocks.Effective <= s.Far[key] && r.Clocks.Device.Known() && !w.fresh {
		stored, err := w.recorder.past.Stored(w.ctx, r)
		if err != nil {
			return err
		}
		if stored {
			w.repeated++
			return nil
		}
	}
	s.Far[key] = max(s.Far[key], r.Clocks.Effective)
	if r.Clocks.Effective < s.Last[key] {
		r.Quality |= vital.Late
	} else {
		s.Last[key] = notAhead(r.Clocks)
	}
	t := w.batch(r.Device, patient)
	t.Readings = append(t.Readings, r)
	return nil
}

func (w *writing) waveform(v vital.Waveform) error {
	patient, s := w.place(&v.Device, &v.Clocks, &v.Quality, &v.Sequence)
	v.Site, v.Patient, v.Source, v.Decoder = w.packet.Site, patient, w.at, w.decoder
	if v.Start != 0 {
		v.Start += int64(v.Clocks.Offset) * 1000
	} else if v.MilliHz > 0 {
		v.Start = (int64(v.Clocks.Receive) - int64(len(v.Samples))*1_000_000/int64(v.MilliHz)) * 1000
	}
	key := string(v.Device) + " " + v.Metric
	end := vital.Instant(v.Start / 1000)
	if end <= s.Far[key] && v.Clocks.Device.Known() && !w.fresh {
		stored, err := w.recorder.past.StoredWave(w.ctx, v)
		if err != nil {
			return err
		}
		if stored {
			w.repeated++
			return nil
		}
	}
	s.Far[key] = max(s.Far[key], end)
	if end < s.Last[key] {
		v.Quality |= vital.Late
	} else {
		s.Last[key] = min(end, notAhead(v.Clocks))
	}
	t := w.batch(v.Device, patient)
	t.Waveforms = append(t.Waveforms, v)
	return nil
}

// notAhead is the time of a value as far as it may count against later ones: a
// clock that jumps ahead, for as long as nobody has noticed, must not make
// everything late that comes after it is known.
func notAhead(k vital.Clocks) vital.Instant { return min(k.Effective, k.Receive) }

func (w *writing) event(e vital.Event) {
	patient, _ := w.place(&e.Device, &e.Clocks, &e.Quality, &e.Sequence)
	e.Site, e.Patient, e.Source, e.Decoder = w.packet.Site, patient, w.at, w.decoder
	t := w.batch(e.Device, patient)
	t.Events = append(t.Events, e)
}

func (w *writing) batch(id vital.DeviceID, patient vital.PatientID) *Batch {
	for i := range w.batches {
		if t := &w.batches[i]; t.Device == id && t.Patient == patient {
			return t
		}
	}
	w.batches = append(w.batches, Batch{
		Source: w.at, Device: id, Patient: patient, Receive: w.packet.Received, Sequence: w.sequence, Decoder: w.decoder,
	})
	return &w.batches[len(w.batches)-1]
}

// implausible reports whether a number lies outside what its metric can be. A
// metric that the table does not know has no such range.
func implausible(r vital.Reading) bool {
	m := vital.LookMetric(r.Metric)
	if m == nil || r.Value.IsCode() {
		return false
	}
	ok, err := m.Plausible(r.Value.Number, r.Unit)
	return err != nil || !ok
}

// Subject names whose key seals the batch.
func (t Batch) Subject() string {
	if t.Patient != "" {
		return "patient/" + string(t.Patient)
	}
	return "device/" + string(t.Device)
}

// Encode writes the body of a journal record of kind reading.
func (t Batch) Encode(site vital.Site) []byte { return t.encode(site) }
