package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/pandodb/pando/internal/model/trace"
)

// PlainText returns a value as text: lists and maps are the JSON a person would
// write for them, with bytes in base64.
func PlainText(v *trace.Value) string {
	switch v.Kind {
	case trace.KindEmpty:
		return ""
	case trace.KindString:
		return strings.ToValidUTF8(v.Str, "\uFFFD")
	case trace.KindBytes:
		return base64.StdEncoding.EncodeToString([]byte(v.Str))
	default:
		return string(appendPlain(nil, v))
	}
}

func appendPlain(dst []byte, v *trace.Value) []byte {
	switch v.Kind {
	case trace.KindEmpty:
		return append(dst, "null"...)
	case trace.KindBool:
		return strconv.AppendBool(dst, v.Int != 0)
	case trace.KindInt:
		return strconv.AppendInt(dst, v.Int, 10)
	case trace.KindDouble:
		return appendNumber(dst, v.Dbl)
	case trace.KindList:
		dst = append(dst, '[')
		for i := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendPlain(dst, &v.List[i])
		}
		return append(dst, ']')
	case trace.KindMap:
		dst = append(dst, '{')
		for i := range v.Map {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, v.Map[i].Key), ':')
			dst = appendPlain(dst, &v.Map[i].Value)
		}
		return append(dst, '}')
	default:
		return appendQuoted(dst, PlainText(v))
	}
}

// appendNumber appends f as a JSON number, or as a string where JSON has none.
func appendNumber(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	default:
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	}
}

// appendQuoted appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // texts encode, and a buffer takes all
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
