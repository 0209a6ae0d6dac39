package otlpwire

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScanner reads the tokens of one JSON text (RFC 8259), strictly and without
// building values. Errors carry the byte offset.
type jsonScanner struct {
	src     []byte
	pos     int
	scratch []byte // of unquoted strings
}

func (s *jsonScanner) faultf(f Fault, format string, args ...any) error {
	return faultf(f, "offset %d: "+format, append([]any{s.pos}, args...)...)
}

// peek skips white space and returns the next byte without taking it; 0 at the
// end of the text.
func (s *jsonScanner) peek() byte {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// expect takes the byte c, white space before it included.
func (s *jsonScanner) expect(c byte) error {
	if s.peek() != c {
		return s.unexpected("want " + string(c))
	}
	s.pos++
	return nil
}

func (s *jsonScanner) unexpected(want string) error {
	if s.pos >= len(s.src) {
		return s.faultf(FaultSyntax, "text ends early: %s", want)
	}
	return s.faultf(FaultSyntax, "found %q: %s", s.src[s.pos], want)
}

// more moves to the next element of an array or member of an object that closes
// with the byte end. first is true before the first one.
func (s *jsonScanner) more(first bool, end byte) (bool, error) {
	c := s.peek()
	if c == end {
		s.pos++
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, s.unexpected("want , or " + string(end))
	}
	s.pos++
	if s.peek() == end {
		return false, s.unexpected("want a value after the comma")
	}
	return true, nil
}

// literal takes the word (true, false or null) if it comes next.
func (s *jsonScanner) literal(word string) bool {
	s.peek()
	if len(s.src)-s.pos < len(word) || string(s.src[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

// number takes a number and returns its text.
func (s *jsonScanner) number() ([]byte, error) {
	s.peek()
	start := s.pos
	digits := func() bool {
		from := s.pos
		for s.pos < len(s.src) && s.src[s.pos]-'0' <= 9 {
			s.pos++
		}
		return s.pos > from
	}
	at := func(set string) bool {
		if s.pos >= len(s.src) {
			return false
		}
		for i := range len(set) {
			if s.src[s.pos] == set[i] {
				s.pos++
				return true
			}
		}
		return false
	}
	at("-")
	if !at("0") && !digits() {
		return nil, s.unexpected("want a number")
	}
	if at(".") && !digits() {
		return nil, s.unexpected("want a digit")
	}
	if at("eE") {
		at("+-")
		if !digits() {
			return nil, s.unexpected("want a digit")
		}
	}
	return s.src[start:s.pos], nil
}

// string takes a string and returns it unquoted. The slice is valid until the
// next call.
func (s *jsonScanner) string() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start := s.pos
	for i := start; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '"':
			out := s.src[start:i]
			s.pos = i + 1
			if !utf8.Valid(out) {
				return nil, s.faultf(FaultText, "string is not valid UTF-8")
			}
			return out, nil
		case c == '\\':
			s.pos = i
			return s.escapedString(start)
		case c < 0x20:
			s.pos = i
			return nil, s.unexpected("control characters must be escaped")
		}
	}
	s.pos = len(s.src)
	return nil, s.unexpected("want the end of a string")
}

// escapedString goes on with a string whose text starts at start, from its first
// escape, where s.pos is.
func (s *jsonScanner) escapedString(start int) ([]byte, error) {
	out := append(s.scratch[:0], s.src[start:s.pos]...)
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		switch {
		case c == '"':
			s.pos++
			s.scratch = out
			if !utf8.Valid(out) {
				return nil, s.faultf(FaultText, "string is not valid UTF-8")
			}
			return out, nil
		case c < 0x20:
			return nil, s.unexpected("control characters must be escaped")
		case c != '\\':
			out = append(out, c)
			s.pos++
			continue
		}
		r, err := s.escape()
		if err != nil {
			return nil, err
		}
		out = utf8.AppendRune(out, r)
	}
	return nil, s.unexpected("want the end of a string")
}

// escape takes one escape sequence, or the two of a surrogate pair.
func (s *jsonScanner) escape() (rune, error) {
	s.pos++
	if s.pos >= len(s.src) {
		return 0, s.unexpected("want an escape")
	}
	c := s.src[s.pos]
	s.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, err := s.hex4()
		if err != nil || !utf16.IsSurrogate(r) {
			return r, err
		}
		return s.surrogate(r)
	}
	s.pos--
	return 0, s.unexpected("want a known escape")
}

// surrogate takes the second half of a surrogate pair. Half a pair stands for
// U+FFFD: clients that cut texts by UTF-16 units, as OpenTelemetry's for
// JavaScript does, leave one behind, and the rest of the request is sound.
func (s *jsonScanner) surrogate(first rune) (rune, error) {
	if !bytes.HasPrefix(s.src[s.pos:], []byte(`\u`)) {
		return utf8.RuneError, nil
	}
	start := s.pos
	s.pos += len(`\u`)
	second, err := s.hex4()
	if err != nil {
		return 0, err
	}
	r := utf16.DecodeRune(first, second)
	if r == utf8.RuneError {
		s.pos = start // it stands for itself
	}
	return r, nil
}

func (s *jsonScanner) hex4() (rune, error) {
	if len(s.src)-s.pos < 4 {
		s.pos = len(s.src)
		return 0, s.unexpected("want four hex digits")
	}
	var r rune
	for range 4 {
		c := s.src[s.pos]
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, s.unexpected("want a hex digit")
		}
		s.pos++
	}
	return r, nil
}

// skip takes any value. Arrays and objects may nest MaxDepth deep.
func (s *jsonScanner) skip(depth int) error {
	if depth > MaxDepth {
		return s.faultf(FaultDepth, "arrays and objects nest deeper than %d", MaxDepth)
	}
	switch c := s.peek(); c {
	case '"':
		_, err := s.string()
		return err
	case '{', '[':
		s.pos++
		for first := true; ; first = false {
			ok, err := s.more(first, c+2) // ] and } follow their opener by two
			if !ok || err != nil {
				return err
			}
			if c == '{' {
				if err := s.memberName(); err != nil {
					return err
				}
			}
			if err := s.skip(depth + 1); err != nil {
				return err
			}
		}
	case 't', 'f', 'n':
		if s.literal("true") || s.literal("false") || s.literal("null") {
			return nil
		}
		return s.unexpected("want a value")
	default:
		_, err := s.number()
		return err
	}
}

func (s *jsonScanner) memberName() error {
	if _, err := s.string(); err != nil {
		return err
	}
	return s.expect(':')
}
