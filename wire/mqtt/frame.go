package mqtt

import "fmt"

// Level is the protocol level that a connection speaks.
type Level byte

const (
	Level4 Level = 4 // MQTT 3.1.1
	Level5 Level = 5 // MQTT 5
)

// Type is the kind of a control packet.
type Type byte

const (
	TypeConnect     Type = 1
	TypeConnack     Type = 2
	TypePublish     Type = 3
	TypePuback      Type = 4
	TypePubrec      Type = 5
	TypePubrel      Type = 6
	TypePubcomp     Type = 7
	TypeSubscribe   Type = 8
	TypeSuback      Type = 9
	TypeUnsubscribe Type = 10
	TypeUnsuback    Type = 11
	TypePingreq     Type = 12
	TypePingresp    Type = 13
	TypeDisconnect  Type = 14
	TypeAuth        Type = 15
)

var typeNames = [16]string{"RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("TYPE%d", byte(t))
}

// MaxLength is the largest remaining length that the format can express.
const MaxLength = 268_435_455

// Frame is one packet, cut but not yet understood. Body points into the bytes
// that it was cut from.
type Frame struct {
	Type  Type
	Flags byte
	Body  []byte
}

// Next cuts the first packet off b and returns how many bytes it took. Zero bytes
// and no error mean that more must arrive first. A packet that announces more than
// limit bytes in all is refused as soon as its length can be read, so that nobody
// need reserve memory for it.
func Next(b []byte, limit int) (Frame, int, error) {
	if len(b) < 2 {
		if len(b) == 1 {
			if err := checkHeader(b[0]); err != nil {
				return Frame{}, 0, err
			}
		}
		return Frame{}, 0, nil
	}
	if err := checkHeader(b[0]); err != nil {
		return Frame{}, 0, err
	}
	length, n, err := varint(b[1:])
	if err != nil || n == 0 {
		return Frame{}, 0, err
	}
	whole := 1 + n + length
	if whole > limit {
		return Frame{}, 0, Errorf(PacketTooLarge, "a %v of %d bytes is over the limit of %d", Type(b[0]>>4), whole, limit)
	}
	if len(b) < whole {
		return Frame{}, 0, nil
	}
	return Frame{Type: Type(b[0] >> 4), Flags: b[0] & 15, Body: b[1+n : whole : whole]}, whole, nil
}

// checkHeader checks the fixed flags of every type but PUBLISH.
// Source: MQTT 5.0, 2.1.3.
func checkHeader(b byte) error {
	t, flags := Type(b>>4), b&15
	switch t {
	case 0:
		return Errorf(MalformedPacket, "packet type 0 is reserved")
	case TypePublish:
		if flags>>1&3 == 3 {
			return Errorf(MalformedPacket, "a PUBLISH with QoS 3")
		}
		return nil
	case TypePubrel, TypeSubscribe, TypeUnsubscribe:
		if flags != 2 {
			return Errorf(MalformedPacket, "a %v with flags %04b, want 0010", t, flags)
		}
		return nil
	}
	if flags != 0 {
		return Errorf(MalformedPacket, "a %v with flags %04b, want 0000", t, flags)
	}
	return nil
}

// varint reads a variable byte integer; n 0 means that more bytes are needed.
func varint(b []byte) (v, n int, err error) {
	for i := range 4 {
		if i == len(b) {
			return 0, 0, nil
		}
		v |= int(b[i]&0x7F) << (7 * i)
		if b[i] < 0x80 {
			if i > 0 && b[i] == 0 {
				return 0, 0, Errorf(MalformedPacket, "a length written in more bytes than it needs")
			}
			return v, i + 1, nil
		}
	}
	return 0, 0, Errorf(MalformedPacket, "a length of more than four bytes")
}

func appendVarint(dst []byte, v int) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

func varintLen(v int) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	}
	return 4
}

// begin opens something that is preceded by its length; end writes the length
// into the one byte kept free, moving the content when it needs more.
func begin(dst []byte) ([]byte, int) { return append(dst, 0), len(dst) }

func end(dst []byte, start int) []byte {
	length := len(dst) - start - 1
	if extra := varintLen(length) - 1; extra > 0 {
		dst = append(dst, "\x00\x00\x00"[:extra]...)
		copy(dst[start+1+extra:], dst[start+1:start+1+length])
	}
	appendVarint(dst[start:start], length)
	return dst
}

// Packet is a packet of any type.
type Packet interface {
	// Append appends the packet's bytes as level writes them.
	Append(dst []byte, level Level) []byte
}

// Decode reads a packet of any type. What it returns does not point into f.Body,
// except for a Publish's payload. A Connect brings its own level.
func Decode(f Frame, level Level) (Packet, error) {
	switch f.Type {
	case TypeConnect:
		return DecodeConnect(f)
	case TypeConnack:
		return DecodeConnack(f, level)
	case TypePublish:
		p, err := DecodePublish(f, level, nil)
		return &p, err
	case TypePuback, TypePubrec, TypePubrel, TypePubcomp:
		a, err := DecodeAck(f, level)
		return &a, err
	case TypeSubscribe:
		return DecodeSubscribe(f, level)
	case TypeSuback, TypeUnsuback:
		return DecodeSuback(f, level)
	case TypeUnsubscribe:
		return DecodeUnsubscribe(f, level)
	case TypePingreq, TypePingresp:
		if len(f.Body) != 0 {
			return nil, Errorf(MalformedPacket, "a %v with a body", f.Type)
		}
		return Ping{Type: f.Type}, nil
	case TypeDisconnect, TypeAuth:
		return DecodeDisconnect(f, level)
	}
	return nil, Errorf(MalformedPacket, "packet type %d", f.Type)
}

// Ping is a PINGREQ or a PINGRESP.
type Ping struct{ Type Type }

// Append appends the two bytes of a ping.
func (p Ping) Append(dst []byte, _ Level) []byte { return append(dst, byte(p.Type)<<4, 0) }
