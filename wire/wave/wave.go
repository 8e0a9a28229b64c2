// Package wave reads and writes the binary waveform block, vigil-wave: a header
// and 16-bit samples of one metric, 0.1 to 10 s long. JSON would be five times
// as long for an ECG, and a device with a coin cell pays for each byte.
//
// The bytes are drawn in docs/formats/payload.md.
package wave

import (
	"encoding/binary"
	"math"

	"github.com/vigilcare/vigil/vital"
)

// Block is one waveform block as it travels. Physical value in Unit =
// (sample + Zero) * Gain.
type Block struct {
	Sequence uint64 // the device's own count; 0: none
	Start    int64  // microseconds since 1970 by the device's clock; 0: unknown
	MilliHz  uint32 // samples per 1000 s
	Gain     vital.Decimal
	Zero     int32
	Quality  vital.Quality
	Metric   string
	Unit     string
	Samples  []int16 // Missing: no measurement
}

// Missing is the sample that stands for "no measurement", as with a lead off.
const Missing = math.MinInt16

const (
	magic      = "VW1\n"
	fixed      = 42 // bytes before the name of the metric
	MaxSamples = 50_000
	maxName    = 64
	maxHertz   = 100_000
	year10000  = 253_402_300_800_000_000 // microseconds since 1970; later times cannot be written down
)

// Seconds returns how long the block lasts.
func (b Block) Seconds() float64 { return float64(len(b.Samples)) * 1000 / float64(b.MilliHz) }

// check holds for what is written and what is read: 0.1 to 10 s, with room for
// a sensor whose clock is a little off.
func (b Block) check() error {
	switch {
	case b.MilliHz == 0 || b.MilliHz > maxHertz*1000:
		return vital.Errorf(vital.Invalid, "byte 20: millihz is %d: want 1 to %d", b.MilliHz, maxHertz*1000)
	case b.Gain.Mantissa == 0:
		return vital.Errorf(vital.Invalid, "byte 24: gain is zero")
	case b.Start < 0 || b.Start >= year10000:
		return vital.Errorf(vital.Invalid, "byte 12: start is not between 1970 and 9999")
	case b.Metric == "" || len(b.Metric) > maxName:
		return vital.Errorf(vital.Invalid, "byte 41: metric has %d bytes: want 1 to %d", len(b.Metric), maxName)
	case b.Unit == "" || len(b.Unit) > maxName:
		return vital.Errorf(vital.Invalid, "byte %d: unit has %d bytes: want 1 to %d", fixed+len(b.Metric), len(b.Unit), maxName)
	case len(b.Samples) == 0 || len(b.Samples) > MaxSamples:
		return vital.Errorf(vital.Invalid, "%d samples: want 1 to %d", len(b.Samples), MaxSamples)
	}
	if s := b.Seconds(); s < 0.099 || s > 10.1 {
		return vital.Errorf(vital.Invalid, "block lasts %.3g s: want 0.1 to 10", s)
	}
	return nil
}

// Encode returns the bytes of b.
func Encode(b Block) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	out := make([]byte, 0, fixed+len(b.Metric)+1+len(b.Unit)+4+2*len(b.Samples))
	out = append(out, magic...)
	out = le.AppendUint64(out, b.Sequence)
	out = le.AppendUint64(out, uint64(b.Start))
	out = le.AppendUint32(out, b.MilliHz)
	out = le.AppendUint64(out, uint64(b.Gain.Mantissa))
	out = append(out, byte(b.Gain.Exponent))
	out = le.AppendUint32(out, uint32(b.Zero))
	out = le.AppendUint32(out, uint32(b.Quality))
	out = append(append(out, byte(len(b.Metric))), b.Metric...)
	out = append(append(out, byte(len(b.Unit))), b.Unit...)
	out = le.AppendUint32(out, uint32(len(b.Samples)))
	for _, s := range b.Samples {
		out = le.AppendUint16(out, uint16(s))
	}
	return out, nil
}

// Is reports whether body begins as a waveform block does.
func Is(body []byte) bool { return len(body) >= len(magic) && string(body[:len(magic)]) == magic }

// Decode reads a block. Any disagreement between the header and the length is an
// error of kind Invalid that names the byte; nothing is read past the end.
func Decode(body []byte) (Block, error) {
	if !Is(body) {
		return Block{}, vital.Errorf(vital.Invalid, "byte 0: want %q", magic)
	}
	if len(body) < fixed {
		return Block{}, vital.Errorf(vital.Invalid, "byte %d: header ends early", len(body))
	}
	le := binary.LittleEndian
	b := Block{
		Sequence: le.Uint64(body[4:]),
		Start:    int64(le.Uint64(body[12:])),
		MilliHz:  le.Uint32(body[20:]),
		Gain:     vital.Decimal{Mantissa: int64(le.Uint64(body[24:])), Exponent: int8(body[32])},
		Zero:     int32(le.Uint32(body[33:])),
		Quality:  vital.Quality(le.Uint32(body[37:])),
	}
	at := fixed - 1
	var err error
	if b.Metric, at, err = text(body, at, "metric"); err != nil {
		return Block{}, err
	}
	if b.Unit, at, err = text(body, at, "unit"); err != nil {
		return Block{}, err
	}
	if len(body) < at+4 {
		return Block{}, vital.Errorf(vital.Invalid, "byte %d: number of samples is missing", at)
	}
	n := le.Uint32(body[at:])
	if n > MaxSamples || int(n)*2 != len(body)-at-4 {
		return Block{}, vital.Errorf(vital.Invalid, "byte %d: %d samples said, %d bytes follow", at, n, len(body)-at-4)
	}
	b.Samples = make([]int16, n)
	for i := range b.Samples {
		b.Samples[i] = int16(le.Uint16(body[at+4+2*i:]))
	}
	return b, b.check()
}

func text(body []byte, at int, what string) (string, int, error) {
	if at >= len(body) || at+1+int(body[at]) > len(body) {
		return "", at, vital.Errorf(vital.Invalid, "byte %d: %s ends early", at, what)
	}
	end := at + 1 + int(body[at])
	return string(body[at+1 : end]), end, nil
}
