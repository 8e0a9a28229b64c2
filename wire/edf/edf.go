// Package edf reads the European Data Format: EDF, EDF+ (continuous, or with
// gaps) and the 24-bit BDF and BDF+. Sleep laboratories, EEG machines and many
// recorders write it.
//
// Why a Reader: a night of polysomnography is hundreds of megabytes. NewReader
// reads the header and gives one data record at a time from any io.Reader;
// Decode reads a whole file from memory and joins records that follow each other.
//
// Source: Kemp et al. 1992, doi 10.1016/0013-4694(92)90009-7; Kemp and Olivan
// 2003, doi 10.1016/S1388-2457(03)00123-8; edfplus.info for BDF+.
package edf

import (
	"bytes"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Limits, so that a damaged header cannot make the reader allocate without bound.
const (
	maxSignals = 4096
	maxRecord  = 64 << 20 // bytes of one data record
)

// Header is what stands before the samples.
type Header struct {
	Bits           int    // 16 (EDF) or 24 (BDF)
	Plus           bool   // EDF+ or BDF+: has annotations
	Gaps           bool   // EDF+D or BDF+D: records need not follow each other
	Patient        string // as written; it may identify a person
	Recording      string
	Start          time.Time // local time of the recorder, its zone is not known (held as UTC)
	Records        int       // -1: not known, read to the end
	RecordDuration float64   // s; 0 in files with annotations only
	Signals        []Signal
}

// Signal describes one channel.
// Physical = (sample-DigitalMin)*(PhysicalMax-PhysicalMin)/(DigitalMax-DigitalMin) + PhysicalMin.
type Signal struct {
	Label, Transducer, Unit, Filter string
	PhysicalMin, PhysicalMax        float64
	DigitalMin, DigitalMax          int32
	PerRecord                       int
	Annotations                     bool // the "samples" are text
}

// Gain returns the physical units of one step.
func (s Signal) Gain() float64 {
	return (s.PhysicalMax - s.PhysicalMin) / float64(int64(s.DigitalMax)-int64(s.DigitalMin))
}

// Physical returns sample v in the signal's unit.
func (s Signal) Physical(v int32) float64 {
	return float64(int64(v)-int64(s.DigitalMin))*s.Gain() + s.PhysicalMin
}

// Annotation is a text that holds at one time, in seconds from Header.Start.
type Annotation struct {
	At       float64
	Duration float64 // s; 0: none given
	Text     string
}

// Record is one data record.
type Record struct {
	At          float64   // s from Header.Start
	Samples     [][]int32 // by signal; nil for those that hold annotations
	Annotations []Annotation
}

// ParseHeader reads the header of ns*256+256 bytes at the beginning of b.
func ParseHeader(b []byte) (Header, int, error) {
	if len(b) < 256 {
		return Header{}, 0, vital.Errorf(vital.Invalid, "edf: %d bytes: the header has 256 at least", len(b))
	}
	h := Header{Bits: 16}
	switch {
	case bytes.HasPrefix(b, []byte("\xffBIOSEMI")):
		h.Bits = 24
	case strings.TrimRight(string(b[:8]), " \x00") != "0":
		return Header{}, 0, vital.Errorf(vital.Invalid, "edf: byte 0: neither EDF nor BDF")
	}
	f := fields{b: b, at: 8}
	h.Patient, h.Recording = f.text(80), f.text(80)
	date, clock := f.text(8), f.text(8)
	size := f.whole(8, "header size")
	kind := f.text(44)
	h.Plus = strings.HasPrefix(kind, "EDF+") || strings.HasPrefix(kind, "BDF+")
	h.Gaps = strings.HasPrefix(kind, "EDF+D") || strings.HasPrefix(kind, "BDF+D")
	h.Records = f.whole(8, "number of records")
	h.RecordDuration = f.number(8, "duration of a record")
	n := f.whole(4, "number of signals")
	if f.err != nil {
		return Header{}, 0, f.err
	}
	switch {
	case n < 0 || n > maxSignals:
		return Header{}, 0, vital.Errorf(vital.Invalid, "edf: byte 252: %d signals: want 0 to %d", n, maxSignals)
	case size != 256*(n+1):
		return Header{}, 0, vital.Errorf(vital.Invalid, "edf: byte 184: header of %d bytes said, %d signals need %d", size, n, 256*(n+1))
	case len(b) < size:
		return Header{}, size, vital.Errorf(vital.Invalid, "edf: byte %d: the header of %d bytes ends early", len(b), size)
	case h.Records < -1:
		return Header{}, 0, vital.Errorf(vital.Invalid, "edf: byte 236: %d records", h.Records)
	case h.RecordDuration < 0 || h.RecordDuration > 86400:
		return Header{}, 0, vital.Errorf(vital.Invalid, "edf: byte 244: a record of %v s", h.RecordDuration)
	}
	var err error
	if h.Start, err = start(date, clock, h.Recording); err != nil {
		return Header{}, 0, err
	}
	if err := h.signals(&f, n); err != nil {
		return Header{}, 0, err
	}
	return h, size, nil
}

// signals reads the table of signals, which lies column by column.
func (h *Header) signals(f *fields, n int) error {
	h.Signals = make([]Signal, n)
	each := func(read func(*Signal)) {
		for i := range h.Signals {
			read(&h.Signals[i])
		}
	}
	each(func(s *Signal) { s.Label = f.text(16) })
	each(func(s *Signal) { s.Transducer = f.text(80) })
	each(func(s *Signal) { s.Unit = f.text(8) })
	each(func(s *Signal) { s.PhysicalMin = f.number(8, "physical minimum") })
	each(func(s *Signal) { s.PhysicalMax = f.number(8, "physical maximum") })
	each(func(s *Signal) { s.DigitalMin = int32(f.whole(8, "digital minimum")) })
	each(func(s *Signal) { s.DigitalMax = int32(f.whole(8, "digital maximum")) })
	each(func(s *Signal) { s.Filter = f.text(80) })
	each(func(s *Signal) { s.PerRecord = f.whole(8, "samples in a record") })
	if f.err != nil {
		return f.err
	}
	total := 0
	for i := range h.Signals {
		s := &h.Signals[i]
		s.Annotations = h.Plus && (s.Label == "EDF Annotations" || s.Label == "BDF Annotations")
		if s.PerRecord < 0 || s.PerRecord > maxRecord {
			return vital.Errorf(vital.Invalid, "edf: signal %d (%s): %d samples in a record", i, s.Label, s.PerRecord)
		}
		total += s.PerRecord * h.Bits / 8
		if s.Annotations {
			continue
		}
		if s.DigitalMax <= s.DigitalMin {
			return vital.Errorf(vital.Invalid, "edf: signal %d (%s): digital range %d to %d", i, s.Label, s.DigitalMin, s.DigitalMax)
		}
		if s.PhysicalMax == s.PhysicalMin {
			return vital.Errorf(vital.Invalid, "edf: signal %d (%s): physical range %v to %v", i, s.Label, s.PhysicalMin, s.PhysicalMax)
		}
		if h.RecordDuration == 0 && s.PerRecord > 0 {
			return vital.Errorf(vital.Invalid, "edf: signal %d (%s): samples in a record of 0 s", i, s.Label)
		}
	}
	if total > maxRecord {
		return vital.Errorf(vital.TooMuch, "edf: a record of %d bytes: at most %d", total, maxRecord)
	}
	return nil
}

// start reads "dd.mm.yy" and "hh.mm.ss". The year of EDF ends in 2084; EDF+ has
// a whole date in the recording field.
func start(date, clock, recording string) (time.Time, error) {
	var n [6]int
	for i, s := range append(split(date), split(clock)...) {
		v, err := strconv.Atoi(s)
		if i >= 6 || err != nil || v < 0 || v > 99 {
			n[0] = -1
			break
		}
		n[i] = v
	}
	year := 2000 + n[2]
	if n[2] >= 85 {
		year = 1900 + n[2]
	}
	if f := strings.Fields(recording); len(f) > 1 && f[0] == "Startdate" {
		if d, err := time.Parse("02-Jan-2006", f[1]); err == nil {
			year, n[1], n[0] = d.Year(), int(d.Month()), d.Day()
		}
	}
	if n[0] < 1 || n[0] > 31 || n[1] < 1 || n[1] > 12 || n[3] > 23 || n[4] > 59 || n[5] > 60 || len(split(clock)) != 3 {
		return time.Time{}, vital.Errorf(vital.Invalid, "edf: byte 168: start %.8q %.8q: want dd.mm.yy and hh.mm.ss", date, clock)
	}
	return time.Date(year, time.Month(n[1]), n[0], n[3], n[4], n[5], 0, time.UTC), nil
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == ':' || r == '-' || r == '/' })
}

// fields reads columns of text; the first error stays.
type fields struct {
	b   []byte
	at  int
	err error
}

func (f *fields) text(n int) string {
	s := strings.Trim(string(f.b[f.at:f.at+n]), " \x00")
	f.at += n
	return s
}

func (f *fields) number(n int, what string) float64 {
	at, s := f.at, f.text(n)
	v, err := strconv.ParseFloat(s, 64)
	if (err != nil || math.IsInf(v, 0) || math.IsNaN(v)) && f.err == nil {
		f.err = vital.Errorf(vital.Invalid, "edf: byte %d: %s is %.8q: want a number", at, what, s)
	}
	return v
}

func (f *fields) whole(n int, what string) int {
	at, s := f.at, f.text(n)
	v, err := strconv.ParseInt(s, 10, 32)
	if err != nil && f.err == nil {
		f.err = vital.Errorf(vital.Invalid, "edf: byte %d: %s is %.8q: want a whole number", at, what, s)
	}
	return int(v)
}

// Reader gives the data records of one file in order.
type Reader struct {
	Header Header
	from   io.Reader
	record []byte
	read   int
}

// NewReader reads the header.
func NewReader(from io.Reader) (*Reader, error) {
	b := make([]byte, 256)
	if n, err := io.ReadFull(from, b); err != nil {
		return nil, vital.Errorf(vital.Invalid, "edf: the header ends after %d bytes: %w", n, err)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(b[252:256]))); err == nil && n > 0 && n <= maxSignals {
		b = append(b, make([]byte, 256*n)...)
		if k, err := io.ReadFull(from, b[256:]); err != nil {
			return nil, vital.Errorf(vital.Invalid, "edf: the header ends after %d bytes: %w", 256+k, err)
		}
	}
	h, _, err := ParseHeader(b)
	if err != nil {
		return nil, err
	}
	r := &Reader{Header: h, from: from}
	size := 0
	for _, s := range h.Signals {
		size += s.PerRecord * h.Bits / 8
	}
	r.record = make([]byte, size)
	return r, nil
}

// Next returns the next data record, io.EOF after the last, and an Invalid error
// when the file ends before the number of records that its header gives.
func (r *Reader) Next() (Record, error) {
	h := r.Header
	if (h.Records >= 0 && r.read == h.Records) || len(r.record) == 0 {
		return Record{}, io.EOF
	}
	n, err := io.ReadFull(r.from, r.record)
	if err != nil {
		if err == io.EOF && h.Records < 0 {
			return Record{}, io.EOF
		}
		return Record{}, vital.Errorf(vital.Invalid, "edf: record %d of %d ends after %d bytes of %d: %w", r.read+1, h.Records, n, len(r.record), err)
	}
	out := Record{At: float64(r.read) * h.RecordDuration, Samples: make([][]int32, len(h.Signals))}
	at, keeper := 0, true
	for i, s := range h.Signals {
		size := s.PerRecord * h.Bits / 8
		b := r.record[at : at+size]
		at += size
		if !s.Annotations {
			out.Samples[i] = samples(b, h.Bits, s.PerRecord)
			continue
		}
		list, onset, known, err := parseAnnotations(b)
		if err != nil {
			return Record{}, vital.Errorf(vital.Invalid, "edf: record %d: %w", r.read+1, err)
		}
		// The first annotation of the first such signal tells when the record began.
		if keeper && known {
			out.At = onset
		}
		keeper = false
		out.Annotations = append(out.Annotations, list...)
	}
	r.read++
	return out, nil
}

func samples(b []byte, bits, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		if bits == 16 {
			out[i] = int32(int16(uint16(b[2*i]) | uint16(b[2*i+1])<<8))
		} else {
			out[i] = int32(uint32(b[3*i])<<8|uint32(b[3*i+1])<<16|uint32(b[3*i+2])<<24) >> 8
		}
	}
	return out
}

// parseAnnotations reads the lists "+onset[\x15duration]\x14text\x14...\x00" that
// fill an annotation signal. onset is that of the first one, which keeps time
// when its first text is empty.
func parseAnnotations(b []byte) (list []Annotation, onset float64, known bool, err error) {
	for len(b) > 0 {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		end := bytes.IndexByte(b, 0)
		if end < 0 {
			end = len(b)
		}
		parts := bytes.Split(b[:end], []byte{0x14})
		b = b[end:]
		at, duration, has := strings.Cut(string(parts[0]), "\x15")
		if at == "" || (at[0] != '+' && at[0] != '-') || len(parts) < 2 {
			return nil, 0, false, vital.Errorf(vital.Invalid, "annotation %.40q: want +seconds, then a text", parts[0])
		}
		a := Annotation{}
		if a.At, err = strconv.ParseFloat(at, 64); err != nil || math.Abs(a.At) > 1e9 || math.IsNaN(a.At) {
			return nil, 0, false, vital.Errorf(vital.Invalid, "annotation at %.40q: want seconds", at)
		}
		if has {
			if a.Duration, err = strconv.ParseFloat(duration, 64); err != nil || !(a.Duration >= 0 && a.Duration < 1e9) {
				return nil, 0, false, vital.Errorf(vital.Invalid, "annotation of %.40q s", duration)
			}
		}
		for i, text := range parts[1:] {
			if i == 0 && len(text) == 0 && !known {
				onset, known = a.At, true
			}
			if len(text) > 0 {
				a.Text = strings.ToValidUTF8(string(text), "\uFFFD")
				list = append(list, a)
			}
		}
	}
	return list, onset, known, nil
}
