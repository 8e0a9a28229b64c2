package webd

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// The bytes of docs/formats/live.md.
const (
	liveVersion  = 1
	kindJSON     = 1
	kindWaves    = 2
	noSample     = -32768 // lead off: there was no measurement
	mostSamples  = 65535  // of one block: its count is a u16
	liveProtocol = "vigil.live.1"
)

// channel is one waveform of one device as it was last announced.
type channel struct {
	Channel uint16          `json:"channel"`
	Bed     vital.BedID     `json:"bed"`
	Patient vital.PatientID `json:"patient"`
	Device  vital.DeviceID  `json:"device"`
	Metric  string          `json:"metric"`
	Unit    string          `json:"unit"`
	Gain    float64         `json:"gain"`
	Zero    int64           `json:"zero"`
	MilliHz uint32          `json:"millihz"`

	divisor int32 // samples are divided by this to fit 16 bits; Gain and Zero know
	gain    vital.Decimal
	zero    int32
}

// message is a JSON message with its two leading bytes.
func message(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("webd: a live message that JSON cannot hold: " + err.Error()) // only our own structs come here
	}
	return append([]byte{liveVersion, kindJSON}, body...)
}

// openMessage begins {"type":kind,"seq":seq,"now":now,"items":[ by hand: values
// are the bulk of the socket, and this is done for each.
func openMessage(b []byte, kind string, seq uint64, now vital.Instant) []byte {
	b = append(b, liveVersion, kindJSON)
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"now":`...)
	b = strconv.AppendInt(b, int64(now), 10)
	return append(b, `,"items":[`...)
}

func closeMessage(b []byte) []byte { return append(b, "]}"...) }

// appendValue writes one Value as encoding/json would.
func appendValue(b []byte, v *watch.Value, bed vital.BedID) []byte {
	b = append(b, `{"bed":`...)
	b = appendText(b, string(bed))
	b = append(b, `,"patient":`...)
	b = appendText(b, string(v.Patient))
	b = append(b, `,"metric":`...)
	b = appendText(b, v.Metric)
	b = append(b, `,"value":"`...)
	if !v.Value.IsCode() {
		b = append(b, v.Value.Number.String()...)
	}
	b = append(b, `","code":`...)
	b = appendText(b, v.Value.Code)
	b = append(b, `,"unit":`...)
	b = appendText(b, v.Unit)
	b = append(b, `,"at":`...)
	b = strconv.AppendInt(b, int64(v.Clocks.Effective), 10)
	b = append(b, `,"received":`...)
	b = strconv.AppendInt(b, int64(v.Clocks.Receive), 10)
	b = append(b, `,"quality":[`...)
	if v.Quality != 0 {
		for i, name := range v.Quality.Names() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, name)
		}
	}
	b = append(b, `],"device":`...)
	b = appendText(b, string(v.Device))
	if len(v.Others) > 0 {
		b = append(b, `,"others":[`...)
		for i, o := range v.Others {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"value":`...)
			b = appendText(b, o.Value.String())
			b = append(b, `,"unit":`...)
			b = appendText(b, o.Unit)
			b = append(b, `,"at":`...)
			b = strconv.AppendInt(b, int64(o.Clocks.Effective), 10)
			b = append(b, `,"device":`...)
			b = appendText(b, string(o.Device))
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendText writes a JSON string; text without anything to escape, which is
// nearly all, is copied.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("webd: a text that JSON cannot hold: " + err.Error()) // json replaces what is not UTF-8
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// fit says how the samples of w go into 16 bits: the smallest power of two to
// divide by, at least atLeast, so that a channel's scale does not go to and fro.
func fit(w *vital.Waveform, atLeast int32) int32 {
	most := int32(0)
	for _, s := range w.Samples {
		if s < 0 {
			s = -(s + 1)
		}
		most = max(most, s)
	}
	divisor := max(1, atLeast)
	for most/divisor > math.MaxInt16-1 {
		divisor *= 2
	}
	return divisor
}

// appendBlocks writes w as one block, or as several when it is longer than a
// block may be. It returns how many.
func appendBlocks(b []byte, number uint16, divisor int32, w *vital.Waveform) ([]byte, int) {
	blocks, samples, from := 0, w.Samples, 0
	for len(samples) > 0 {
		n := min(len(samples), mostSamples)
		start := float64(w.Start) / 1000
		if w.MilliHz > 0 {
			start += float64(from) * 1e6 / float64(w.MilliHz)
		}
		b = binary.LittleEndian.AppendUint16(b, number)
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(start))
		b = binary.LittleEndian.AppendUint32(b, uint32(w.Quality))
		at := len(b)
		for _, s := range samples[:n] {
			b = binary.LittleEndian.AppendUint16(b, uint16(int16(s/divisor)))
		}
		for _, gap := range w.Missing {
			for i := max(int(gap.From), from); i < min(int(gap.To), from+n); i++ {
				binary.LittleEndian.PutUint16(b[at+2*(i-from):], 0x8000)
			}
		}
		samples, from, blocks = samples[n:], from+n, blocks+1
	}
	return b, blocks
}
