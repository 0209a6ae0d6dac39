package expression

import (
	"bytes"
	"encoding/json"
)

// AppendJSON appends the filter in the JSON that ParseJSON reads, without
// spaces, members in the order of their numbers in the protocol, and without
// empty levels and types: equal filters have equal bytes. The filter must be
// valid.
func (c *Call) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"op":`...)
	dst = appendText(dst, string(c.Op))
	dst = append(dst, `,"args":[`...)
	for i, arg := range c.Args {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTerm(dst, arg)
	}
	return append(dst, "]}"...)
}

func appendTerm(dst []byte, t Term) []byte {
	switch t := t.(type) {
	case *Attr:
		dst = appendText(append(dst, `{"attr":{"key":`...), t.Key)
		dst = appendMember(dst, `,"level":`, string(t.Level))
	case *Field:
		dst = appendText(append(dst, `{"field":{"name":`...), t.Name)
		dst = appendMember(dst, `,"level":`, string(t.Level))
	case *Nested:
		dst = appendText(append(dst, `{"nested":{"level":`...), string(t.Level))
	case *Scalar:
		dst = appendText(append(dst, `{"scalar":{"value":`...), t.Value)
		dst = appendMember(dst, `,"type":`, string(t.Type))
	case *List:
		dst = append(dst, `{"list":{"values":[`...)
		for i, value := range t.Values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(dst, value)
		}
		dst = appendMember(append(dst, ']'), `,"type":`, string(t.Type))
	case *Call:
		return append(t.AppendJSON(append(dst, `{"call":`...)), '}')
	}
	return append(dst, "}}"...)
}

// appendMember appends a member unless it is empty.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendText(append(dst, name...), value)
}

// appendText appends s in JSON's quotes. Unlike json.Marshal it leaves <, >
// and & readable.
func appendText(dst []byte, s string) []byte {
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	// A string into memory cannot fail.
	_ = enc.Encode(s)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
