package ingest

import "github.com/vigilcare/vigil/vital"

// Result says what became of a packet.
type Result string

const (
	Waiting   Result = "waiting" // accepted, not decoded yet
	Decoded   Result = "decoded"
	Partly    Result = "partly" // some of it could not be used; Reason says what and why
	Failed    Result = "failed" // nothing could be used; the bytes are kept
	Duplicate Result = "duplicate"
	Shredded  Result = "shredded" // its key was destroyed: the person was forgotten
)

// PacketInfo is one line of a device's packet list.
type PacketInfo struct {
	At         vital.Position
	Received   vital.Instant
	Device     vital.DeviceID
	Credential vital.CredentialID
	Gateway    bool // a gateway brought it
	Door       string
	Topic      string
	Format     string
	Bytes      int
	Sequence   uint64
	Result     Result
	Reason     string
	Readings   int
	Waves      int
	Events     int
	Decoder    string
	DriftPPM   float64 // of the device's clock
	Preview    string  // the first bytes, printable
	Print      uint64  // of the body: the same bytes have the same
}
