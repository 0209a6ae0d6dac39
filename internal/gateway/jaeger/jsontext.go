package jaeger

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/model/trace"
)

// flushBytes is how much of an answer is gathered before it goes out.
const flushBytes = 64 << 10

// output is the body of an answer, gathered in buf. Once a write fails, because
// the reader left, the rest is dropped.
type output struct {
	w   io.Writer
	buf []byte
	err error
}

// newOutput starts a JSON answer with status 200.
func newOutput(w http.ResponseWriter) *output {
	setJSONHeaders(w.Header())
	return &output{w: w, buf: make([]byte, 0, flushBytes+flushBytes/4)}
}

func setJSONHeaders(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

func (o *output) text(s string) { o.buf = append(o.buf, s...) }

// spill sends what was gathered, if it is much.
func (o *output) spill() {
	if len(o.buf) >= flushBytes {
		o.flush()
	}
}

func (o *output) flush() {
	if o.err == nil {
		_, o.err = o.w.Write(o.buf)
	}
	o.buf = o.buf[:0]
}

// writeBody answers with a whole document.
func writeBody(w http.ResponseWriter, status int, body []byte) {
	setJSONHeaders(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a reader that left is no error
}

// writeDoc answers with a document that is small. Encoding cannot fail: the
// documents are structs of this package.
func writeDoc(w http.ResponseWriter, status int, doc any) {
	body, err := json.Marshal(doc)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{}`)
	}
	writeBody(w, status, body)
}

// plain marks the bytes that stand for themselves in a JSON string.
var plain = newPlain()

func newPlain() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = appendEscape(append(dst, s[done:i]...), c)
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, s[done:i]...), `\ufffd`...)
			done = i + 1
		}
		i += size
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}

// appendFloat appends f as a JSON number, or as a string where JSON has none.
func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

func appendBase64(dst []byte, b string) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(b))
	return append(dst, '"')
}

// appendPlainValue appends a value as the JSON a person would write for it: no
// types, integers as numbers, bytes in base64.
func appendPlainValue(dst []byte, v *trace.Value) []byte {
	switch v.Kind {
	case trace.KindString:
		return appendString(dst, v.Str)
	case trace.KindBool:
		return strconv.AppendBool(dst, v.Int != 0)
	case trace.KindInt:
		return strconv.AppendInt(dst, v.Int, 10)
	case trace.KindDouble:
		return appendFloat(dst, v.Dbl)
	case trace.KindBytes:
		return appendBase64(dst, v.Str)
	case trace.KindList:
		dst = append(dst, '[')
		for i := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendPlainValue(dst, &v.List[i])
		}
		return append(dst, ']')
	case trace.KindMap:
		dst = append(dst, '{')
		for i := range v.Map {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, v.Map[i].Key), ':')
			dst = appendPlainValue(dst, &v.Map[i].Value)
		}
		return append(dst, '}')
	default:
		return append(dst, "null"...)
	}
}
