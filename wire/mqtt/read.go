package mqtt

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// reader walks over a packet's body. After the first fault it returns zeros, so
// that a decoder reads as the format's table does and asks for the fault once.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(reason Reason, format string, args ...any) {
	if r.err == nil {
		r.err = Errorf(reason, format, args...)
	}
	r.b = nil
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.fail(MalformedPacket, "the packet ends %d bytes too early", n-len(r.b))
		return nil
	}
	t := r.b[:n:n]
	r.b = r.b[n:]
	return t
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) varint() int {
	v, n, err := varint(r.b)
	if err == nil && n == 0 {
		err = Errorf(MalformedPacket, "the packet ends inside a length")
	}
	if err != nil {
		r.err, r.b = firstError(r.err, err), nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// bytes reads binary data; the result points into the packet.
func (r *reader) bytes() []byte { return r.take(int(r.uint16())) }

// text reads a UTF-8 string; the result points into the packet.
func (r *reader) text() []byte {
	b := r.bytes()
	if !validText(b) {
		r.fail(MalformedPacket, "a string that is not UTF-8 or holds U+0000")
		return nil
	}
	return b
}

func (r *reader) string() string { return string(r.text()) }

func (r *reader) copied() []byte { return append([]byte(nil), r.bytes()...) }

func (r *reader) id() uint16 {
	id := r.uint16()
	if id == 0 && r.err == nil {
		r.fail(ProtocolError, "packet identifier 0")
	}
	return id
}

// validText allows what MQTT allows in a string: well-formed UTF-8 without
// surrogates and without the null character.
func validText(b []byte) bool {
	plain := true
	for _, c := range b {
		if c == 0 {
			return false
		}
		plain = plain && c < utf8.RuneSelf
	}
	return plain || utf8.Valid(b)
}

func validString(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// maxText is the longest string or binary field that two length bytes allow.
const maxText = 65535

// appendText writes a string or binary field; what is over the format's limit is
// cut, so that a length can never disagree with what follows it.
func appendText[T string | []byte](dst []byte, s T) []byte {
	if len(s) > maxText {
		s = s[:maxText]
	}
	dst = append(dst, byte(len(s)>>8), byte(len(s)))
	return append(dst, s...)
}
