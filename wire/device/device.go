// Package device is the catalogue of everything that turns a device's bytes into
// readings, waveforms and events. A packet is decoded after it has been
// acknowledged, so a decoder refuses nothing by silence: what it cannot read it
// names, in words for the person who will look at the device, and the rest
// counts.
//
// All formats meet the same rule here: a number has a unit that its metric can
// be measured in, or it is a problem. Nothing is guessed.
//
// To add a device: a file that turns its bytes into a Result, a line in
// Catalogue, and at least two examples. Decoders are pure: the only time they
// know is the one in the packet.
package device

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// Packet is what came, and what the door knew about it.
type Packet struct {
	Format   string // name or media type of a format; empty: by topic and content
	Topic    string
	Body     []byte
	Received vital.Instant
	Device   vital.DeviceID
	Gateway  bool // the sender may speak for other devices
}

// Result is what a packet meant. Readings carry Clocks.Device and
// Clocks.Receive; patient, effective time and position are filled in later.
type Result struct {
	Readings  []vital.Reading
	Waveforms []vital.Waveform
	Events    []vital.Event
	Problems  []Problem
	Sequence  uint64 // the packet's own, 0: none
	Decoder   string // name@version
}

// Problem is a part that could not be decoded.
type Problem = vital.Problem

// Decoder is one line of the catalogue.
type Decoder struct {
	Name, Version string
	Formats       []string               // names and media types that choose it
	Begins        func(body []byte) bool // recognises a body that came without a format
	Decode        func(Packet) (Result, error)
	Examples      []Example
}

// Example is a packet and how much it holds; tests decode it, and the fuzzer
// starts from it.
type Example struct {
	Title                                 string
	Packet                                Packet
	Readings, Waveforms, Events, Problems int
}

// Catalogue is every decoder, asked from top to bottom.
var Catalogue = []Decoder{
	{Name: "vigil-json", Version: "1", Formats: []string{"application/json", "application/vnd.vigil+json"}, Begins: beginsWith('{'), Decode: decodeJSON, Examples: examplesJSON},
	{Name: "senml", Version: "1", Formats: []string{"application/senml+json", "application/sensml+json"}, Begins: beginsWith('['), Decode: decodeSenML, Examples: examplesSenML},
	{Name: "vigil-wave", Version: "1", Formats: []string{"application/vnd.vigil.wave"}, Begins: beginsAsWave, Decode: decodeWave, Examples: examplesWave},
}

// MaxBody is the largest packet that any decoder reads.
const MaxBody = 1 << 20

// maxProblems are listed of one packet; the others are counted.
const maxProblems = 100

// Decode turns a packet into what it meant. The error is of kind Invalid and
// names the byte or the field: nothing of the packet can be used.
func Decode(p Packet) (Result, error) {
	d, err := choose(p)
	if err != nil {
		return Result{}, err
	}
	r, err := d.Decode(p)
	r.Decoder = d.ID()
	if err != nil {
		return Result{Decoder: r.Decoder}, err
	}
	if more := len(r.Problems) - maxProblems; more > 0 {
		r.Problems = append(r.Problems[:maxProblems:maxProblems], Problem{Where: "packet", Reason: strconv.Itoa(more) + " more problems like these"})
	}
	for i := range r.Readings {
		r.Readings[i].Decoder = r.Decoder
	}
	for i := range r.Waveforms {
		r.Waveforms[i].Decoder = r.Decoder
	}
	for i := range r.Events {
		r.Events[i].Decoder = r.Decoder
	}
	return r, nil
}

// ID is name@version, as stored with each reading.
func (d *Decoder) ID() string { return d.Name + "@" + d.Version }

// choose finds the decoder: by format; for plain JSON or no format by how the
// body begins.
func choose(p Packet) (*Decoder, error) {
	if len(p.Body) == 0 {
		return nil, vital.Errorf(vital.Invalid, "byte 0: the packet is empty")
	}
	if len(p.Body) > MaxBody {
		return nil, vital.Errorf(vital.Invalid, "packet of %d bytes: at most %d", len(p.Body), MaxBody)
	}
	format, _, _ := strings.Cut(p.Format, ";")
	format = strings.ToLower(strings.TrimSpace(format))
	switch format {
	case "", "application/json", "application/octet-stream", "text/plain":
	default:
		for i := range Catalogue {
			if d := &Catalogue[i]; d.Name == format || contains(d.Formats, format) {
				return d, nil
			}
		}
		return nil, vital.Errorf(vital.Invalid, "format %.64q: no decoder of that name or media type", p.Format)
	}
	for i := range Catalogue {
		if Catalogue[i].Begins(p.Body) {
			return &Catalogue[i], nil
		}
	}
	if strings.HasSuffix(p.Topic, "/wave") {
		return nil, vital.Errorf(vital.Invalid, "byte 0: not a waveform block: want \"VW1\\n\", found %.8q", p.Body)
	}
	return nil, vital.Errorf(vital.Invalid, "byte 0: want { of Vigil JSON, [ of SenML or VW1 of a waveform block, found %.8q", p.Body)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func beginsWith(c byte) func([]byte) bool {
	return func(body []byte) bool {
		body = bytes.TrimLeft(body, " \t\r\n")
		return len(body) > 0 && body[0] == c
	}
}
