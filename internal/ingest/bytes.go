package ingest

import (
	"encoding/binary"

	"github.com/vigilcare/vigil/vital"
)

// The journal's bodies are written with these few helpers: unsigned and zigzag
// varints, and strings with their length before them. docs/formats/journal.md
// draws the bodies.

func putString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cursor reads what the put functions wrote; the first fault sticks.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = vital.Errorf(vital.Invalid, "journal record: %s is cut short or malformed, %d bytes left", what, len(c.b))
	}
	c.b = nil
}

func (c *cursor) uint(what string) uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail(what)
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) int(what string) int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.fail(what)
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes(what string) []byte {
	n := c.uint(what)
	if n > uint64(len(c.b)) {
		c.fail(what)
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) string(what string) string { return string(c.bytes(what)) }

// count reads a number of items, each of which takes at least least bytes, so
// that a false count cannot make us allocate.
func (c *cursor) count(what string, least int) int {
	n := c.uint(what)
	if n > uint64(len(c.b)/max(least, 1)) {
		c.fail(what)
		return 0
	}
	return int(n)
}
