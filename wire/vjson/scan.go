package vjson

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/vigilcare/vigil/vital"
)

// maxDepth bounds nesting; the format itself needs four levels.
const maxDepth = 16

// scanner walks over JSON without building a tree: a packet is read in one pass,
// numbers keep their digits, and an error names the byte.
type scanner struct {
	body []byte
	at   int
}

func (s *scanner) fail(why string) error {
	return vital.Errorf(vital.Invalid, "byte %d: %s", s.at, why)
}

// next skips white space and returns the byte there, 0 at the end.
func (s *scanner) next() byte {
	for s.at < len(s.body) {
		switch c := s.body[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if s.next() != c {
		return s.fail("want " + string(rune(c)))
	}
	s.at++
	return nil
}

// object calls member with each key; member must read the value.
func (s *scanner) object(member func(key []byte) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.next() == '}' {
		s.at++
		return nil
	}
	for {
		s.next()
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.at++
		case '}':
			s.at++
			return nil
		default:
			return s.fail("want , or }")
		}
	}
}

// array calls element for each element; element must read it.
func (s *scanner) array(element func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if s.next() == ']' {
		s.at++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.at++
		case ']':
			s.at++
			return nil
		default:
			return s.fail("want , or ]")
		}
	}
}

// text reads a string. Without escapes it is a piece of the body.
func (s *scanner) text() ([]byte, error) {
	if s.next() != '"' {
		return nil, s.fail("want a string")
	}
	s.at++
	start, ascii := s.at, true
	for s.at < len(s.body) {
		switch c := s.body[s.at]; {
		case c == '"':
			out := s.body[start:s.at]
			if !ascii && !utf8.Valid(out) {
				return nil, s.fail("string is not UTF-8")
			}
			s.at++
			return out, nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, s.fail("control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		s.at++
	}
	return nil, s.fail("string does not end")
}

// escaped reads on from the first backslash of a string that began at start.
func (s *scanner) escaped(start int) ([]byte, error) {
	out := append([]byte(nil), s.body[start:s.at]...)
	for s.at < len(s.body) {
		c := s.body[s.at]
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return nil, s.fail("string is not UTF-8")
			}
			s.at++
			return out, nil
		case c < ' ':
			return nil, s.fail("control character in a string")
		case c != '\\':
			out = append(out, c)
			s.at++
			continue
		}
		if s.at+1 >= len(s.body) {
			break
		}
		s.at += 2
		switch e := s.body[s.at-1]; e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := s.unicode()
			if !ok {
				return nil, s.fail("bad \\u escape")
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, s.fail("unknown escape")
		}
	}
	return nil, s.fail("string does not end")
}

// unicode reads the four digits after \u, and a second escape if the first is
// half of a pair.
func (s *scanner) unicode() (rune, bool) {
	r, ok := s.hex()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if s.at+1 >= len(s.body) || s.body[s.at] != '\\' || s.body[s.at+1] != 'u' {
		return 0, false
	}
	s.at += 2
	low, ok := s.hex()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

func (s *scanner) hex() (rune, bool) {
	if s.at+4 > len(s.body) {
		return 0, false
	}
	var r rune
	for _, c := range s.body[s.at : s.at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.at += 4
	return r, true
}

// number reads a number by the strict grammar of JSON and returns its text.
func (s *scanner) number() ([]byte, error) {
	s.next()
	start := s.at
	if s.at < len(s.body) && s.body[s.at] == '-' {
		s.at++
	}
	whole := s.at
	if s.digits() == 0 {
		return nil, s.fail("want a number")
	}
	if s.body[whole] == '0' && s.at > whole+1 {
		return nil, s.fail("number begins with 0")
	}
	if s.at < len(s.body) && s.body[s.at] == '.' {
		s.at++
		if s.digits() == 0 {
			return nil, s.fail("want digits after the point")
		}
	}
	if s.at < len(s.body) && s.body[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.body) && (s.body[s.at] == '-' || s.body[s.at] == '+') {
			s.at++
		}
		if s.digits() == 0 {
			return nil, s.fail("want digits in the exponent")
		}
	}
	return s.body[start:s.at], nil
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.body) && s.body[s.at] >= '0' && s.body[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

// skip reads any value and forgets it.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.fail("nested too deeply")
	}
	switch c := s.next(); {
	case c == '{':
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case c == '[':
		return s.array(func() error { return s.skip(depth + 1) })
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, err := s.number()
		return err
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if len(s.body)-s.at >= len(word) && string(s.body[s.at:s.at+len(word)]) == word {
			s.at += len(word)
			return nil
		}
	}
	return s.fail("want a value")
}
