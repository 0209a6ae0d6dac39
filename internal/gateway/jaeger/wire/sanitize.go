package wire

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

// What stands where text was not UTF-8, as in Jaeger's collector. The bytes that
// came are kept as an attribute of that name, under the tag's own key where that
// is valid, or behind "key:" where it is not.
const (
	invalidName    = "invalid-span-name"
	invalidKey     = "invalid-tag-key" // and a number: invalid-tag-key-1
	invalidService = "invalid-service-name"
)

func validText(s string) bool { return utf8.ValidString(s) }

// tagSet gathers tags as attributes.
type tagSet struct {
	attrs   []trace.Attr
	badKeys int
}

func (t *tagSet) add(tag *apiv2pb.KeyValue) {
	key := tag.GetKey()
	if validText(key) {
		t.attrs = append(t.attrs, trace.Attr{Key: key, Value: valueOf(tag)})
		return
	}
	t.badKeys++
	t.attrs = append(t.attrs, bytesAttr(invalidKey+"-"+strconv.Itoa(t.badKeys), key+":"+tagText(tag)))
}

func valueOf(tag *apiv2pb.KeyValue) trace.Value {
	switch t := tag.GetVType(); t {
	case apiv2pb.ValueType_STRING:
		if s := tag.GetVStr(); !validText(s) {
			return trace.Value{Kind: trace.KindBytes, Str: s}
		}
		return trace.Value{Kind: trace.KindString, Str: tag.GetVStr()}
	case apiv2pb.ValueType_BOOL:
		v := trace.Value{Kind: trace.KindBool}
		if tag.GetVBool() {
			v.Int = 1
		}
		return v
	case apiv2pb.ValueType_INT64:
		return trace.Value{Kind: trace.KindInt, Int: tag.GetVInt64()}
	case apiv2pb.ValueType_FLOAT64:
		return trace.Value{Kind: trace.KindDouble, Dbl: tag.GetVFloat64()}
	case apiv2pb.ValueType_BINARY:
		return trace.Value{Kind: trace.KindBytes, Str: string(tag.GetVBinary())}
	default:
		return trace.Value{Kind: trace.KindString, Str: `<Unknown Jaeger TagType "` + strconv.Itoa(int(t)) + `">`}
	}
}

// tagText returns the value of a tag as text.
func tagText(tag *apiv2pb.KeyValue) string {
	switch tag.GetVType() {
	case apiv2pb.ValueType_BOOL:
		return strconv.FormatBool(tag.GetVBool())
	case apiv2pb.ValueType_INT64:
		return strconv.FormatInt(tag.GetVInt64(), 10)
	case apiv2pb.ValueType_FLOAT64:
		return strconv.FormatFloat(tag.GetVFloat64(), 'g', -1, 64)
	case apiv2pb.ValueType_BINARY:
		return hex.EncodeToString(tag.GetVBinary())
	default:
		return tag.GetVStr()
	}
}

func textAttr(key, value string) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}}
}

func bytesAttr(key, value string) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindBytes, Str: value}}
}

func warningsAttr(warnings []string) trace.Attr {
	v := trace.Value{Kind: trace.KindList, List: make([]trace.Value, len(warnings))}
	for i, w := range warnings {
		v.List[i] = trace.Value{Kind: trace.KindString, Str: strings.ToValidUTF8(w, "\uFFFD")}
	}
	return trace.Attr{Key: AttrWarnings, Value: v}
}

// appendProcessKey appends what tells a process from others: its fields, each
// with its length.
func appendProcessKey(dst []byte, p *apiv2pb.Process) []byte {
	dst = appendSized(dst, p.GetServiceName())
	for _, tag := range p.GetTags() {
		dst = appendSized(dst, tag.GetKey())
		dst = binary.AppendVarint(dst, int64(tag.GetVType()))
		switch tag.GetVType() {
		case apiv2pb.ValueType_BOOL:
			dst = strconv.AppendBool(dst, tag.GetVBool())
		case apiv2pb.ValueType_INT64:
			dst = binary.AppendVarint(dst, tag.GetVInt64())
		case apiv2pb.ValueType_FLOAT64:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(tag.GetVFloat64()))
		case apiv2pb.ValueType_BINARY:
			dst = appendSized(dst, string(tag.GetVBinary()))
		default:
			dst = appendSized(dst, tag.GetVStr())
		}
	}
	return dst
}

func appendSized(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
