// Package ingest takes what the doors receive, makes it durable, and later turns
// it into readings: decoded, bound to the patient who wore the device at that
// time, checked for plausibility, rid of duplicates.
//
// Doors call Door.Accept and acknowledge in its callback, never before. The flow
// calls Recorder.Record with each raw packet, in order.
package ingest

import (
	"encoding/binary"

	"github.com/vigilcare/vigil/vital"
)

// Packet is what a door received, before anybody has looked inside.
type Packet struct {
	Site       vital.Site
	Credential vital.CredentialID
	Device     vital.DeviceID  // whose topic or path it came by; a gateway names its device in the topic
	Gateway    bool            // sent by a gateway: readings may name other devices
	Patient    vital.PatientID // set when a person entered values for a patient by hand; else resolved by binding
	Door       string          // "mqtt", "http", "app"
	Topic      string
	Format     string // catalogue name of the format: "vigil-json", "senml", "vigil-wave"; "" = by topic and first byte
	Received   vital.Instant
	Sequence   uint64 // by the transport, 0: none; the payload may carry its own
	Body       []byte
	Blob       string // set when the body lies beside the journal under this name
}

// Receipt tells where an accepted packet lies.
type Receipt struct {
	At vital.Position
}

const packetVersion = 1

// encode writes the body of a journal record of kind packet.
func (p Packet) encode() []byte {
	b := make([]byte, 0, 64+len(p.Topic)+len(p.Body))
	b = append(b, packetVersion)
	b = putString(b, string(p.Site))
	b = putString(b, string(p.Credential))
	b = putString(b, string(p.Device))
	b = putString(b, string(p.Patient))
	b = putString(b, p.Door)
	b = putString(b, p.Topic)
	b = putString(b, p.Format)
	b = binary.AppendVarint(b, int64(p.Received))
	b = binary.AppendUvarint(b, p.Sequence)
	flags := byte(0)
	if p.Gateway {
		flags |= 1
	}
	b = append(b, flags)
	b = putString(b, p.Blob)
	return append(b, p.Body...)
}

// DecodePacket reads what encode wrote. The body shares b's memory.
func DecodePacket(b []byte) (Packet, error) {
	if len(b) == 0 || b[0] != packetVersion {
		return Packet{}, vital.Errorf(vital.Invalid, "journal packet: version byte is not %d", packetVersion)
	}
	c := cursor{b: b[1:]}
	p := Packet{
		Site:       vital.Site(c.string("site")),
		Credential: vital.CredentialID(c.string("credential")),
		Device:     vital.DeviceID(c.string("device")),
		Patient:    vital.PatientID(c.string("patient")),
		Door:       c.string("door"),
		Topic:      c.string("topic"),
		Format:     c.string("format"),
		Received:   vital.Instant(c.int("received")),
		Sequence:   c.uint("sequence"),
	}
	if c.err == nil && len(c.b) == 0 {
		c.fail("flags")
	}
	if c.err != nil {
		return Packet{}, c.err
	}
	p.Gateway = c.b[0]&1 != 0
	c.b = c.b[1:]
	p.Blob = c.string("blob")
	p.Body = c.b
	return p, c.err
}
