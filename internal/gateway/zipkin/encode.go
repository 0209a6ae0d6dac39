package zipkin

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/model/trace"
)

// appendSpan appends a settled span as JSON, members in Zipkin's order.
func appendSpan(dst []byte, s *span) []byte {
	dst = append(dst, `{"traceId":"`...)
	dst = appendTraceID(dst, s.traceID)
	dst = append(dst, '"')
	if !s.parent.IsZero() {
		dst = append(dst, `,"parentId":"`...)
		dst = append(append(dst, s.parent.String()...), '"')
	}
	dst = append(dst, `,"id":"`...)
	dst = append(append(dst, s.id.String()...), '"')
	if kind := kindName(s.kind); kind != "" {
		dst = append(append(append(dst, `,"kind":"`...), kind...), '"')
	}
	dst = appendTextMember(dst, `,"name":`, s.name)
	dst = appendNumberMember(dst, `,"timestamp":`, s.micros)
	dst = appendNumberMember(dst, `,"duration":`, s.duration)
	dst = appendEndpoint(dst, `,"localEndpoint":`, &s.local)
	dst = appendEndpoint(dst, `,"remoteEndpoint":`, &s.remote)
	dst = appendAnnotations(dst, s.annotations)
	dst = appendTags(dst, s.tags)
	if s.debug {
		dst = append(dst, `,"debug":true`...)
	}
	if s.shared {
		dst = append(dst, `,"shared":true`...)
	}
	return append(dst, '}')
}

// appendTraceID appends a trace id as Zipkin writes it: those of 64 bits in 16
// digits.
func appendTraceID(dst []byte, id trace.ID) []byte {
	text := id.String()
	if [8]byte(id[:8]) == [8]byte{} {
		text = text[16:]
	}
	return append(dst, text...)
}

func appendTextMember(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return appendText(append(dst, name...), text)
}

func appendNumberMember(dst []byte, name string, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, name...), n, 10)
}

func appendEndpoint(dst []byte, name string, e *endpoint) []byte {
	if e.isZero() {
		return dst
	}
	dst = append(dst, name...)
	start := len(dst)
	dst = appendTextMember(dst, `,"serviceName":`, e.service)
	if e.v4.IsValid() {
		dst = append(e.v4.AppendTo(append(dst, `,"ipv4":"`...)), '"')
	}
	if e.v6.IsValid() {
		dst = append(e.v6.AppendTo(append(dst, `,"ipv6":"`...)), '"')
	}
	dst = appendNumberMember(dst, `,"port":`, uint64(e.port))
	dst[start] = '{' // in place of the first comma
	return append(dst, '}')
}

func appendAnnotations(dst []byte, list []annotation) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, `,"annotations":`...)
	for i := range list {
		dst = append(dst, `,{"timestamp":`...)
		if i == 0 {
			dst[len(dst)-len(`,{"timestamp":`)] = '['
		}
		dst = strconv.AppendUint(dst, list[i].micros, 10)
		dst = appendText(append(dst, `,"value":`...), list[i].value)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendTags(dst []byte, list []tag) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, `,"tags":`...)
	start := len(dst)
	for i := range list {
		dst = appendText(append(dst, ','), list[i].key)
		dst = appendText(append(dst, ':'), list[i].value)
	}
	dst[start] = '{' // in place of the first comma
	return append(dst, '}')
}

// appendText appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
// Texts of plain ASCII, as most are, need no look but one.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return appendEscaped(dst, s)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // texts encode, and a buffer takes all
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
