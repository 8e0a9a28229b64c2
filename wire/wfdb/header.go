package wfdb

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Limits of what a header may announce, so that a damaged one cannot make the
// reader allocate without bound.
const (
	maxSignals  = 1024
	maxSegments = 100_000
	maxPerFrame = 100_000
	maxHeader   = 8 << 20
)

// Header is a parsed .hea file.
type Header struct {
	Record    string
	Frequency float64 // frames per second; a signal has Frequency*PerFrame samples per second
	Counter   float64 // counter ticks per second; Frequency when not given
	BaseCount float64 // counter value at frame 0
	Frames    int64   // 0: not given, read to the end of the files
	// Start is when frame 0 was recorded, in the recorder's own local time, of
	// which the zone is not known (held here as UTC). HasDate and HasTime say
	// how much of it the header gives; many records have no date on purpose.
	Start            time.Time
	HasDate, HasTime bool
	Signals          []Signal
	Segments         []Segment // set for a multi-segment record, which then has no Signals of its own
	Comments         []string  // lines after the signals, without '#'
}

// Signal is one line of a header: where the samples of one channel lie and how
// they become physical values: (sample - Baseline) / Gain in Unit.
type Signal struct {
	File       string // "~" in a layout header: no samples there
	Format     int
	PerFrame   int   // samples of this signal in one frame, 1 mostly
	Skew       int   // frames by which the samples come late
	Offset     int64 // bytes of prolog before the first sample
	Gain       float64
	Calibrated bool // false: the header gives no gain, 200 per mV is assumed
	Baseline   int32
	Unit       string // as written, "mV" when not given
	Resolution int    // bits
	Zero       int32  // ADC output at mid range
	First      int32  // value of the first sample
	Checksum   int16  // of all samples, modulo 2^16
	HasFirst   bool
	HasSum     bool
	BlockSize  int
	Name       string // "MLII"
}

// Segment is one line of a multi-segment header.
type Segment struct {
	Record string // "~": a gap
	Frames int64
}

// ParseHeader reads a .hea file. Errors name the line.
func ParseHeader(b []byte) (Header, error) {
	if len(b) > maxHeader {
		return Header{}, vital.Errorf(vital.TooMuch, "wfdb header of %d bytes: at most %d", len(b), maxHeader)
	}
	var h Header
	signals, segments, seenRecord := 0, 0, false
	for i, line := range bytes.Split(b, []byte("\n")) {
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue
		}
		if text[0] == '#' {
			if seenRecord {
				h.Comments = append(h.Comments, strings.TrimPrefix(text[1:], " "))
			}
			continue
		}
		var err error
		switch {
		case !seenRecord:
			seenRecord = true
			signals, segments, err = h.recordLine(text)
		case len(h.Segments) < segments:
			err = h.segmentLine(text)
		case segments == 0 && len(h.Signals) < signals:
			err = h.signalLine(text)
		}
		// What follows the announced lines is ignored, as header(5) says.
		if err != nil {
			return Header{}, vital.Errorf(vital.KindOf(err), "wfdb header line %d: %w", i+1, err)
		}
	}
	switch {
	case !seenRecord:
		return Header{}, vital.Errorf(vital.Invalid, "wfdb header: no record line")
	case len(h.Segments) < segments:
		return Header{}, vital.Errorf(vital.Invalid, "wfdb header %s: %d segment lines of %d", h.Record, len(h.Segments), segments)
	case segments == 0 && len(h.Signals) < signals:
		return Header{}, vital.Errorf(vital.Invalid, "wfdb header %s: %d signal lines of %d", h.Record, len(h.Signals), signals)
	}
	return h, nil
}

// recordLine reads "name[/segments] signals [frequency[/counter[(base)]]] [frames] [time [date]]".
func (h *Header) recordLine(text string) (signals, segments int, err error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return 0, 0, vital.Errorf(vital.Invalid, "record line %.60q: want a name and a number of signals", text)
	}
	name, count, multi := strings.Cut(f[0], "/")
	h.Record = name
	if multi {
		if segments, err = whole(count, "number of segments", 1, maxSegments); err != nil {
			return 0, 0, err
		}
	}
	if signals, err = whole(f[1], "number of signals", 0, maxSignals); err != nil {
		return 0, 0, err
	}
	h.Frequency, h.Counter = 250, 250 // what header(5) says holds when nothing is given
	if len(f) > 2 {
		rate, counter, has := strings.Cut(f[2], "/")
		if h.Frequency, err = positive(rate, "sampling frequency"); err != nil {
			return 0, 0, err
		}
		h.Counter = h.Frequency
		if has {
			ticks, base, _ := strings.Cut(counter, "(")
			if h.Counter, err = positive(ticks, "counter frequency"); err != nil {
				return 0, 0, err
			}
			if base = strings.TrimSuffix(base, ")"); base != "" {
				if h.BaseCount, err = number(base, "base counter value"); err != nil {
					return 0, 0, err
				}
			}
		}
	}
	if len(f) > 3 {
		n, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil || n < 0 {
			return 0, 0, vital.Errorf(vital.Invalid, "number of samples %.30q: want a whole number", f[3])
		}
		h.Frames = n
	}
	if len(f) > 4 {
		if err := h.start(f[4:]); err != nil {
			return 0, 0, err
		}
	}
	return signals, segments, nil
}

// start reads "HH:MM:SS[.frac] [DD/MM/YYYY]"; header(5) allows "M:S" and "S".
func (h *Header) start(f []string) error {
	parts := strings.Split(f[0], ":")
	if len(parts) > 3 {
		return vital.Errorf(vital.Invalid, "base time %.30q: want HH:MM:SS", f[0])
	}
	seconds := 0.0
	for _, p := range parts {
		v, err := number(p, "base time")
		if err != nil || v < 0 || v > 86400 {
			return vital.Errorf(vital.Invalid, "base time %.30q: want HH:MM:SS", f[0])
		}
		seconds = seconds*60 + v
	}
	if seconds >= 86401 {
		return vital.Errorf(vital.Invalid, "base time %.30q: past midnight", f[0])
	}
	day := time.Unix(0, 0).UTC()
	if len(f) > 1 {
		d, err := time.Parse("2/1/2006", f[1])
		if err != nil {
			return vital.Errorf(vital.Invalid, "base date %.30q: want DD/MM/YYYY", f[1])
		}
		day, h.HasDate = d, true
	}
	h.HasTime = true
	h.Start = day.Add(time.Duration(math.Round(seconds*1e6)) * time.Microsecond)
	return nil
}

func (h *Header) segmentLine(text string) error {
	f := strings.Fields(text)
	if len(f) < 2 {
		return vital.Errorf(vital.Invalid, "segment line %.60q: want a record name and a number of samples", text)
	}
	n, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil || n < 0 {
		return vital.Errorf(vital.Invalid, "segment %s: number of samples %.30q: want a whole number", f[0], f[1])
	}
	h.Segments = append(h.Segments, Segment{Record: f[0], Frames: n})
	return nil
}

// signalLine reads "file format [gain] [resolution] [zero] [first] [checksum] [block] [name]".
func (h *Header) signalLine(text string) error {
	f := strings.Fields(text)
	if len(f) < 2 {
		return vital.Errorf(vital.Invalid, "signal line %.60q: want a file and a format", text)
	}
	s := Signal{File: f[0], PerFrame: 1, Gain: 200, Unit: "mV"}
	if err := s.format(f[1]); err != nil {
		return err
	}
	s.Resolution = defaultBits(s.Format)
	hasBaseline := false
	var err error
	if len(f) > 2 {
		if hasBaseline, err = s.gain(f[2]); err != nil {
			return err
		}
	}
	if len(f) > 3 {
		bits, err := whole(f[3], "resolution", 0, 64)
		if err != nil {
			return err
		}
		if bits > 0 {
			s.Resolution = bits
		}
	}
	if len(f) > 4 {
		if s.Zero, err = short(f[4], "zero"); err != nil {
			return err
		}
	}
	if !hasBaseline {
		s.Baseline = s.Zero
	}
	s.First = s.Zero
	if len(f) > 5 {
		if s.First, err = short(f[5], "first value"); err != nil {
			return err
		}
		s.HasFirst = true
	}
	if len(f) > 6 {
		sum, err := strconv.ParseInt(f[6], 10, 64)
		if err != nil {
			return vital.Errorf(vital.Invalid, "checksum %.30q: want a whole number", f[6])
		}
		// Some writers print it unsigned: both mean the same 16 bits.
		s.Checksum, s.HasSum = int16(uint16(sum)), true
	}
	if len(f) > 7 {
		if s.BlockSize, err = whole(f[7], "block size", 0, math.MaxInt32); err != nil {
			return err
		}
	}
	if len(f) > 8 {
		s.Name = strings.Join(f[8:], " ")
	}
	h.Signals = append(h.Signals, s)
	return nil
}

// format reads "212[xPerFrame][:skew][+offset]".
func (s *Signal) format(text string) error {
	number := func(from int) (value, next int) {
		for next = from; next < len(text) && text[next] >= '0' && text[next] <= '9' && value < 1<<40; next++ {
			value = value*10 + int(text[next]-'0')
		}
		return value, next
	}
	v, i := number(0)
	if i == 0 {
		return vital.Errorf(vital.Invalid, "format %.30q: want a number", text)
	}
	s.Format = v
	for i < len(text) {
		mark := text[i]
		v, next := number(i + 1)
		if next == i+1 {
			return vital.Errorf(vital.Invalid, "format %.30q: want digits after %q", text, mark)
		}
		switch {
		case mark == 'x' && v >= 1 && v <= maxPerFrame:
			s.PerFrame = v
		case mark == ':' && v <= 1<<24:
			s.Skew = v
		case mark == '+':
			s.Offset = int64(v)
		default:
			return vital.Errorf(vital.Invalid, "format %.30q: %c%d is not understood", text, mark, v)
		}
		i = next
	}
	if s.Format == 0 && s.File == "~" {
		return nil // a layout header announces names only
	}
	if _, known := unpackers[s.Format]; !known {
		return vital.Errorf(vital.Invalid, "format %d is not read (read: 8, 16, 24, 32, 61, 80, 160, 212, 310, 311)", s.Format)
	}
	return nil
}

// gain reads "200[(baseline)][/unit]".
func (s *Signal) gain(text string) (hasBaseline bool, err error) {
	text, unit, hasUnit := strings.Cut(text, "/")
	if hasUnit && unit != "" {
		s.Unit = unit
	}
	text, base, hasBaseline := strings.Cut(text, "(")
	if hasBaseline {
		if s.Baseline, err = short(strings.TrimSuffix(base, ")"), "baseline"); err != nil {
			return false, err
		}
	}
	g, err := number(text, "gain")
	if err != nil {
		return false, err
	}
	if g != 0 { // 0 means not calibrated: 200 per mV holds, as header(5) says
		s.Gain, s.Calibrated = g, true
	}
	return hasBaseline, nil
}

func defaultBits(format int) int {
	switch format {
	case 8, 310, 311:
		return 10
	case 80:
		return 8
	case 16, 61, 160:
		return 16
	case 24, 32:
		return format
	}
	return 12
}

func whole(s, what string, low, high int) (int, error) {
	v, err := strconv.Atoi(s)
	if err != nil || v < low || v > high {
		return 0, vital.Errorf(vital.Invalid, "%s %.30q: want a whole number from %d to %d", what, s, low, high)
	}
	return v, nil
}

func short(s, what string) (int32, error) {
	v, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, vital.Errorf(vital.Invalid, "%s %.30q: want a whole number of 32 bits", what, s)
	}
	return int32(v), nil
}

func number(s, what string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, vital.Errorf(vital.Invalid, "%s %.30q: want a number", what, s)
	}
	return v, nil
}

func positive(s, what string) (float64, error) {
	v, err := number(s, what)
	if err != nil || v <= 0 || v > 1e9 {
		return 0, vital.Errorf(vital.Invalid, "%s %.30q: want a number above 0", what, s)
	}
	return v, nil
}
