// Package ingest takes what the doors receive, makes it durable, and later turns
// it into readings: decoded, bound to the patient who wore the device at that
// time, checked for plausibility, rid of duplicates.
//
// Doors call Door.Accept and acknowledge in its callback, never before. The flow
// calls Recorder.Record with each frame of raw packets.
package ingest

import (
	"github.com/vigilcare/vigil/vital"
)

// Packet is what a door received, before anybody has looked inside.
type Packet struct {
	Site       vital.Site
	Credential vital.CredentialID
	Device     vital.DeviceID // whose topic or path it came by; a gateway names its device in the topic
	Door       string         // "mqtt", "http", "app"
	Topic      string
	Format     string // catalogue name of the format: "vigil-json", "senml", "vigil-wave"; "" = by topic and first byte
	Received   vital.Instant
	Sequence   uint64 // by the transport, 0: none; the payload may carry its own
	Body       []byte
}

// Receipt tells where an accepted packet lies.
type Receipt struct {
	At vital.Position
}
