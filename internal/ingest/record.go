package ingest

import (
	"encoding/binary"

	"github.com/vigilcare/vigil/vital"
)

// Batch is what one raw packet meant for one patient (or for one unbound
// device): the unit that the readings stream holds. Source is the packet's place
// in the raw stream, the key that makes recording exactly once.
type Batch struct {
	Source    vital.Position
	Device    vital.DeviceID
	Patient   vital.PatientID
	Receive   vital.Instant
	Sequence  uint64
	Decoder   string
	Readings  []vital.Reading
	Waveforms []vital.Waveform
	Events    []vital.Event
}

const batchVersion = 1

func (t Batch) encode(site vital.Site) []byte {
	b := make([]byte, 0, 96+len(t.Readings)*32)
	b = append(b, batchVersion)
	b = putString(b, string(site))
	b = binary.AppendUvarint(b, uint64(t.Source.Partition))
	b = binary.AppendUvarint(b, t.Source.Frame)
	b = binary.AppendUvarint(b, uint64(t.Source.Index))
	b = putString(b, string(t.Device))
	b = putString(b, string(t.Patient))
	b = binary.AppendVarint(b, int64(t.Receive))
	b = binary.AppendUvarint(b, t.Sequence)
	b = putString(b, t.Decoder)
	b = binary.AppendUvarint(b, uint64(len(t.Readings)))
	for i := range t.Readings {
		r := &t.Readings[i]
		b = putString(b, r.Metric)
		b = putString(b, r.Unit)
		b = putString(b, r.Value.Code)
		b = binary.AppendVarint(b, r.Value.Number.Mantissa)
		b = append(b, byte(r.Value.Number.Exponent))
		b = t.putTimes(b, r.Clocks, r.Quality, r.Sequence)
	}
	b = binary.AppendUvarint(b, uint64(len(t.Waveforms)))
	for i := range t.Waveforms {
		w := &t.Waveforms[i]
		b = putString(b, w.Metric)
		b = putString(b, w.Unit)
		b = binary.AppendVarint(b, w.Gain.Mantissa)
		b = append(b, byte(w.Gain.Exponent))
		b = binary.AppendVarint(b, int64(w.Zero))
		b = binary.AppendUvarint(b, uint64(w.MilliHz))
		b = binary.AppendVarint(b, w.Start)
		b = t.putTimes(b, w.Clocks, w.Quality, w.Sequence)
		b = binary.AppendUvarint(b, uint64(len(w.Missing)))
		for _, s := range w.Missing {
			b = binary.AppendUvarint(b, uint64(s.From))
			b = binary.AppendUvarint(b, uint64(s.To))
		}
		b = binary.AppendUvarint(b, uint64(len(w.Samples)))
		last := int32(0)
		for _, s := range w.Samples {
			b = binary.AppendVarint(b, int64(s)-int64(last))
			last = s
		}
	}
	b = binary.AppendUvarint(b, uint64(len(t.Events)))
	for i := range t.Events {
		e := &t.Events[i]
		b = putString(b, e.Kind)
		b = putString(b, e.Code)
		b = putString(b, e.Text)
		b = t.putTimes(b, e.Clocks, e.Quality, e.Sequence)
	}
	return b
}

func (t Batch) putTimes(b []byte, k vital.Clocks, q vital.Quality, seq uint64) []byte {
	b = binary.AppendVarint(b, int64(k.Device))
	b = binary.AppendVarint(b, int64(k.Effective-t.Receive))
	b = binary.AppendVarint(b, int64(k.Offset))
	b = binary.AppendVarint(b, int64(k.Uncertainty))
	b = binary.AppendUvarint(b, uint64(q))
	return binary.AppendVarint(b, int64(seq-t.Sequence))
}

func (c *cursor) times(t *Batch) (k vital.Clocks, q vital.Quality, seq uint64) {
	k.Device = vital.Instant(c.int("device time"))
	k.Receive = t.Receive
	k.Effective = t.Receive + vital.Instant(c.int("effective time"))
	k.Offset = int32(c.int("offset"))
	k.Uncertainty = int32(c.int("uncertainty"))
	q = vital.Quality(c.uint("quality"))
	seq = t.Sequence + uint64(c.int("sequence"))
	return k, q, seq
}

func (c *cursor) decimal(what string) vital.Decimal {
	m := c.int(what)
	if len(c.b) == 0 {
		c.fail(what)
		return vital.Decimal{}
	}
	e := int8(c.b[0])
	c.b = c.b[1:]
	return vital.Decimal{Mantissa: m, Exponent: e}
}

// DecodeBatch reads what encode wrote.
func DecodeBatch(b []byte) (Batch, error) {
	if len(b) == 0 || b[0] != batchVersion {
		return Batch{}, vital.Errorf(vital.Invalid, "journal batch: version byte is not %d", batchVersion)
	}
	c := &cursor{b: b[1:]}
	site := vital.Site(c.string("site"))
	t := Batch{Source: vital.Position{Partition: uint16(c.uint("partition")), Frame: c.uint("frame"), Index: uint32(c.uint("index"))}}
	t.Device = vital.DeviceID(c.string("device"))
	t.Patient = vital.PatientID(c.string("patient"))
	t.Receive = vital.Instant(c.int("receive"))
	t.Sequence = c.uint("sequence")
	t.Decoder = c.string("decoder")
	if n := c.count("readings", 10); n > 0 {
		t.Readings = make([]vital.Reading, n)
	}
	for i := range t.Readings {
		r := &t.Readings[i]
		*r = vital.Reading{Site: site, Device: t.Device, Patient: t.Patient, Source: t.Source, Decoder: t.Decoder}
		r.Metric = c.string("metric")
		r.Unit = c.string("unit")
		r.Value.Code = c.string("code")
		r.Value.Number = c.decimal("value")
		r.Clocks, r.Quality, r.Sequence = c.times(&t)
	}
	if n := c.count("waveforms", 10); n > 0 {
		t.Waveforms = make([]vital.Waveform, n)
	}
	for i := range t.Waveforms {
		w := &t.Waveforms[i]
		*w = vital.Waveform{Site: site, Device: t.Device, Patient: t.Patient, Source: t.Source, Decoder: t.Decoder}
		w.Metric = c.string("metric")
		w.Unit = c.string("unit")
		w.Gain = c.decimal("gain")
		w.Zero = int32(c.int("zero"))
		w.MilliHz = uint32(c.uint("millihz"))
		w.Start = c.int("start")
		w.Clocks, w.Quality, w.Sequence = c.times(&t)
		if n := c.count("missing", 2); n > 0 {
			w.Missing = make([]vital.Span, n)
		}
		for j := range w.Missing {
			w.Missing[j] = vital.Span{From: uint32(c.uint("span")), To: uint32(c.uint("span"))}
		}
		w.Samples = make([]int32, c.count("samples", 1))
		last := int64(0)
		for j := range w.Samples {
			last += c.int("sample")
			w.Samples[j] = int32(last)
		}
	}
	if n := c.count("events", 7); n > 0 {
		t.Events = make([]vital.Event, n)
	}
	for i := range t.Events {
		e := &t.Events[i]
		*e = vital.Event{Site: site, Device: t.Device, Patient: t.Patient, Source: t.Source, Decoder: t.Decoder}
		e.Kind = c.string("kind")
		e.Code = c.string("code")
		e.Text = c.string("text")
		e.Clocks, e.Quality, e.Sequence = c.times(&t)
	}
	if c.err == nil && len(c.b) != 0 {
		c.fail("end")
	}
	return t, c.err
}
