package otlpwire

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
)

// AppendJSON appends the wire bytes of a message of type m given in OTLP/JSON:
// proto3 JSON, but with trace and span ids in hex. Names are taken in
// lowerCamelCase and as in the .proto file, 64-bit integers as strings and as
// numbers, enums as numbers and by name; unknown members are skipped, and half a
// surrogate pair stands for U+FFFD. A member that occurs twice, or a second kind
// of value in an AnyValue, is an error, as are other types than a field's, bad
// UTF-8 and nesting beyond MaxDepth. The error is of class base.ClassInvalid and
// names the path and the byte offset.
//
// The output is no longer than the input, but for negative enums, which nobody
// sends: it is longer by a twelfth at most.
func AppendJSON(dst []byte, m Message, src []byte) ([]byte, error) {
	c := jsonConverter{jsonScanner: jsonScanner{src: src}}
	dst, err := c.message(dst, m, 0)
	if err != nil {
		return dst, err
	}
	if c.peek() != 0 || c.pos < len(src) {
		return dst, c.unexpected("want the end of the text")
	}
	return dst, nil
}

// jsonNames finds a field's number by either of its names.
var jsonNames = newJSONNames()

func newJSONNames() [numMessages]map[string]uint32 {
	var names [numMessages]map[string]uint32
	for m := range schemas {
		names[m] = make(map[string]uint32)
		for n := range schemas[m] {
			if f := &schemas[m][n]; f.kind != 0 {
				names[m][f.name], names[m][f.json] = uint32(n), uint32(n)
			}
		}
	}
	return names
}

type jsonConverter struct{ jsonScanner }

// message appends the fields of an object.
func (c *jsonConverter) message(dst []byte, m Message, depth int) ([]byte, error) {
	if m == MessageValue {
		if depth++; depth > MaxDepth {
			return dst, c.faultf(FaultDepth, "lists and maps nest deeper than %d", MaxDepth)
		}
	}
	if err := c.expect('{'); err != nil {
		return dst, err
	}
	seen := uint32(0) // bit per field number
	for first := true; ; first = false {
		ok, err := c.more(first, '}')
		if !ok || err != nil {
			return dst, err
		}
		name, err := c.string()
		if err != nil {
			return dst, err
		}
		num, known := jsonNames[m][string(name)]
		if err := c.expect(':'); err != nil {
			return dst, err
		}
		if !known {
			if err := c.skip(depth); err != nil {
				return dst, err
			}
			continue
		}
		f := &schemas[m][num]
		if c.literal("null") {
			continue // null is the default, of any type
		}
		if seen&(1<<num) != 0 {
			return dst, At(f.json, -1, c.faultf(FaultSyntax, "occurs twice"))
		}
		if m == MessageValue && seen != 0 {
			return dst, At(f.json, -1, c.faultf(FaultSyntax, "a second kind of value in one AnyValue"))
		}
		seen |= 1 << num
		if dst, err = c.field(dst, num, f, depth); err != nil {
			return dst, err
		}
	}
}

// field appends the value of one member, which is an array for repeated fields.
func (c *jsonConverter) field(dst []byte, num uint32, f *field, depth int) ([]byte, error) {
	if !f.repeated {
		dst, err := c.value(dst, num, f, depth)
		return dst, At(f.json, -1, err)
	}
	if err := c.expect('['); err != nil {
		return dst, At(f.json, -1, err)
	}
	for i := 0; ; i++ {
		ok, err := c.more(i == 0, ']')
		if !ok || err != nil {
			return dst, At(f.json, -1, err)
		}
		if dst, err = c.value(dst, num, f, depth); err != nil {
			return dst, At(f.json, i, err)
		}
	}
}

func (c *jsonConverter) value(dst []byte, num uint32, f *field, depth int) ([]byte, error) {
	switch f.kind {
	case kindMessage:
		dst, mark := Begin(dst, num)
		dst, err := c.message(dst, f.msg, depth)
		if err != nil {
			return dst, err
		}
		return End(dst, mark), nil
	case kindString:
		v, err := c.string()
		return AppendLen(dst, num, v), err
	case kindBytes:
		v, err := c.base64()
		return AppendLen(dst, num, v), err
	case kindTraceID, kindSpanID:
		return c.id(dst, num)
	case kindBool:
		switch {
		case c.literal("true"):
			return AppendUint(dst, num, 1), nil
		case c.literal("false"):
			return AppendUint(dst, num, 0), nil
		}
		return dst, c.unexpected("want true or false")
	case kindDouble:
		v, err := c.double()
		return AppendFixed64(dst, num, math.Float64bits(v)), err
	case kindEnum:
		v, err := c.enum(f.enum)
		return AppendUint(dst, num, v), err
	case kindFixed64:
		v, err := c.integer(f.kind)
		return AppendFixed64(dst, num, v), err
	case kindFixed32:
		v, err := c.integer(f.kind)
		return AppendFixed32(dst, num, uint32(v)), err
	default:
		v, err := c.integer(f.kind)
		return AppendUint(dst, num, v), err
	}
}

// id appends a trace or span id given in hex. Its length is not checked here:
// the wire allows any, and the model judges both encodings alike.
func (c *jsonConverter) id(dst []byte, num uint32) ([]byte, error) {
	v, err := c.string()
	if err != nil {
		return dst, err
	}
	dst = binary.AppendUvarint(dst, uint64(num)<<3|uint64(Len))
	dst = binary.AppendUvarint(dst, uint64(len(v)/2))
	dst, err = hex.AppendDecode(dst, v)
	if err != nil {
		return dst, c.faultf(FaultSyntax, "id %.40q is not hex", v)
	}
	return dst, nil
}

// base64 takes bytes in standard or URL encoding, padded or not. They are valid
// until the next token.
func (c *jsonConverter) base64() ([]byte, error) {
	v, err := c.string()
	if err != nil {
		return nil, err
	}
	v = bytes.TrimRight(v, "=")
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(v, "-_") {
		enc = base64.RawURLEncoding
	}
	out, err := enc.AppendDecode(nil, v)
	if err != nil {
		return nil, c.faultf(FaultSyntax, "not base64: %v", err)
	}
	return out, nil
}

// numeric takes a number, or a string that holds one.
func (c *jsonConverter) numeric() (text []byte, quoted bool, err error) {
	if c.peek() != '"' {
		text, err = c.number()
		return text, false, err
	}
	text, err = c.string()
	return text, true, err
}

func (c *jsonConverter) double() (float64, error) {
	text, quoted, err := c.numeric()
	if err != nil {
		return 0, err
	}
	if quoted {
		switch string(text) {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
		if !isNumber(text) {
			return 0, c.faultf(FaultSyntax, "%.40q is not a number", text)
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, c.faultf(FaultSyntax, "%.40q does not fit a double", text)
	}
	return v, nil
}

// isNumber reports whether text is a JSON number and nothing else.
func isNumber(text []byte) bool {
	s := jsonScanner{src: text}
	n, err := s.number()
	return err == nil && len(n) == len(text)
}

func (c *jsonConverter) enum(names []string) (uint64, error) {
	if c.peek() == '"' {
		start := c.pos
		name, err := c.string()
		if err != nil {
			return 0, err
		}
		if i := slices.Index(names, string(name)); i >= 0 {
			return uint64(i), nil
		}
		if !isNumber(name) {
			return 0, c.faultf(FaultSyntax, "%.40q is not one of %v", name, names)
		}
		c.pos = start
	}
	return c.integer(kindInt32)
}

// integer takes an integer of the kind and returns its bits, sign extended.
// Forms such as 1e3 count if they are whole.
func (c *jsonConverter) integer(k kind) (uint64, error) {
	text, quoted, err := c.numeric()
	if err != nil {
		return 0, err
	}
	if quoted && !isNumber(text) {
		return 0, c.faultf(FaultSyntax, "%.40q is not a number", text)
	}
	lo, hi := integerRange(k)
	if v, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		if v < lo || v > 0 && uint64(v) > hi {
			return 0, c.outOfRange(text, lo, hi)
		}
		return uint64(v), nil
	}
	if v, err := strconv.ParseUint(string(text), 10, 64); err == nil {
		if v > hi {
			return 0, c.outOfRange(text, lo, hi)
		}
		return v, nil
	}
	v, err := strconv.ParseFloat(string(text), 64)
	switch {
	case err != nil || v != math.Trunc(v):
		return 0, c.faultf(FaultSyntax, "%.40q is not an integer", text)
	case v < float64(lo) || v >= float64(hi)+1:
		return 0, c.outOfRange(text, lo, hi)
	case v < 0:
		return uint64(int64(v)), nil
	}
	return uint64(v), nil
}

func (c *jsonConverter) outOfRange(text []byte, lo int64, hi uint64) error {
	return c.faultf(FaultSyntax, "%.40q is not within %d and %d", text, lo, hi)
}

// integerRange returns the inclusive bounds of the kind.
func integerRange(k kind) (lo int64, hi uint64) {
	switch k {
	case kindUint32, kindFixed32:
		return 0, math.MaxUint32
	case kindInt32:
		return math.MinInt32, math.MaxInt32
	case kindInt64:
		return math.MinInt64, math.MaxInt64
	default:
		return 0, math.MaxUint64
	}
}
