package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
)

// ParseSpan reads a span from JSON, in any of the forms in which Jaeger has
// stored and printed the messages of api_v2:
//
//	          Go's encoding/json        protobuf's JSON
//	names     trace_id                  traceId
//	ids       base64                    base64
//	int64     42                        "42"
//	enums     2                         "INT64"
//	duration  1500000 (nanoseconds)     "0.0015s"
//	time      RFC 3339                  RFC 3339
//
// Names it does not know are skipped, null is as if absent. What it cannot read
// is an error of class base.ClassInvalid that names the place.
func ParseSpan(data []byte) (*apiv2pb.Span, error) {
	out := &apiv2pb.Span{}
	return out, parseObject(data, spanMembers(out))
}

// members maps the names of an object's members, without underscores and in
// lower case, to what reads their values.
type members map[string]func(json.RawMessage) error

func parseObject(data []byte, known members) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return base.Errorf(base.ClassInvalid, "not a JSON object: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) { // so that of two spellings the same one counts
		parse, value := known[strings.ToLower(strings.ReplaceAll(name, "_", ""))], object[name]
		if parse == nil || string(value) == "null" {
			continue
		}
		if err := parse(value); err != nil {
			return fmt.Errorf("%.40s: %w", name, err)
		}
	}
	return nil
}

func spanMembers(s *apiv2pb.Span) members {
	return members{
		"traceid":       bytesInto(&s.TraceId),
		"spanid":        bytesInto(&s.SpanId),
		"operationname": textInto(&s.OperationName),
		"references":    listInto(&s.References, referenceMembers),
		"flags": func(v json.RawMessage) error {
			n, err := integer(v, 0, math.MaxUint32)
			s.Flags = uint32(n)
			return err
		},
		"starttime": timeInto(&s.StartTime),
		"duration": func(v json.RawMessage) error {
			d, err := duration(v)
			s.Duration = durationpb.New(d)
			return err
		},
		"tags": listInto(&s.Tags, keyValueMembers),
		"logs": listInto(&s.Logs, logMembers),
		"process": func(v json.RawMessage) error {
			s.Process = &apiv2pb.Process{}
			return parseObject(v, processMembers(s.Process))
		},
		"processid": textInto(&s.ProcessId),
		"warnings":  func(v json.RawMessage) error { return value(v, &s.Warnings, "a list of texts") },
	}
}

func referenceMembers(r *apiv2pb.SpanRef) members {
	return members{
		"traceid": bytesInto(&r.TraceId),
		"spanid":  bytesInto(&r.SpanId),
		"reftype": func(v json.RawMessage) error {
			n, err := enum(v, apiv2pb.SpanRefType_value)
			r.RefType = apiv2pb.SpanRefType(n)
			return err
		},
	}
}

func processMembers(p *apiv2pb.Process) members {
	return members{"servicename": textInto(&p.ServiceName), "tags": listInto(&p.Tags, keyValueMembers)}
}

func logMembers(l *apiv2pb.Log) members {
	return members{"timestamp": timeInto(&l.Timestamp), "fields": listInto(&l.Fields, keyValueMembers)}
}

func keyValueMembers(kv *apiv2pb.KeyValue) members {
	return members{
		"key": textInto(&kv.Key),
		"vtype": func(v json.RawMessage) error {
			n, err := enum(v, apiv2pb.ValueType_value)
			kv.VType = apiv2pb.ValueType(n)
			return err
		},
		"vstr":  textInto(&kv.VStr),
		"vbool": func(v json.RawMessage) error { return value(v, &kv.VBool, "true or false") },
		"vint64": func(v json.RawMessage) (err error) {
			kv.VInt64, err = integer(v, math.MinInt64, math.MaxInt64)
			return err
		},
		"vfloat64": func(v json.RawMessage) (err error) {
			kv.VFloat64, err = number(v)
			return err
		},
		"vbinary": bytesInto(&kv.VBinary),
	}
}

// value reads a JSON value into a Go value that encoding/json knows.
func value(v json.RawMessage, dst any, want string) error {
	if err := json.Unmarshal(v, dst); err != nil {
		return base.Errorf(base.ClassInvalid, "%.40s: want %s", v, want)
	}
	return nil
}

func textInto(dst *string) func(json.RawMessage) error {
	return func(v json.RawMessage) error { return value(v, dst, "a text") }
}

func bytesInto(dst *[]byte) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		var text string
		if err := value(v, &text, "bytes in base64"); err != nil {
			return err
		}
		// Standard or of addresses, padded or not: all are one with the
		// letters unified and unpadded.
		text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		b, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return base.Errorf(base.ClassInvalid, "%.40s: want bytes in base64", v)
		}
		*dst = b
		return nil
	}
}

func timeInto(dst **timestamppb.Timestamp) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		var t time.Time
		if err := value(v, &t, "a time as in RFC 3339"); err != nil {
			return err
		}
		*dst = timestamppb.New(t)
		return nil
	}
}

// listInto reads a list of objects whose members are known.
func listInto[T any](dst *[]*T, known func(*T) members) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		var list []json.RawMessage
		if err := value(v, &list, "a list"); err != nil {
			return err
		}
		if len(list) > maxElements {
			return base.Errorf(base.ClassTooLarge, "%d elements: at most %d", len(list), maxElements)
		}
		*dst = make([]*T, 0, len(list))
		for i, item := range list {
			out := new(T)
			if err := parseObject(item, known(out)); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
			*dst = append(*dst, out)
		}
		return nil
	}
}

// bare returns the text of a JSON string, or another value as it is written.
func bare(v json.RawMessage) string {
	var text string
	if json.Unmarshal(v, &text) == nil {
		return text
	}
	return string(v)
}

func integer(v json.RawMessage, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(bare(v), 10, 64)
	if err != nil || n < low || n > high {
		return 0, base.Errorf(base.ClassInvalid, "%.40s: want an integer from %d to %d", v, low, high)
	}
	return n, nil
}

// number reads a number, or the names protobuf has for what is none.
func number(v json.RawMessage) (float64, error) {
	n, err := strconv.ParseFloat(bare(v), 64) // knows NaN and Infinity
	if err != nil {
		return 0, base.Errorf(base.ClassInvalid, "%.40s: want a number", v)
	}
	return n, nil
}

func enum(v json.RawMessage, names map[string]int32) (int32, error) {
	if n, ok := names[bare(v)]; ok {
		return n, nil
	}
	n, err := integer(v, math.MinInt32, math.MaxInt32)
	if err != nil {
		return 0, base.Errorf(base.ClassInvalid, "%.40s: want the name or the number of a type", v)
	}
	return int32(n), nil
}

// duration reads nanoseconds, or a text such as 1.5s or 100000ns.
func duration(v json.RawMessage) (time.Duration, error) {
	text := bare(v)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(n), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, base.Errorf(base.ClassInvalid, "%.40s: want nanoseconds, or a duration such as 1.5s", v)
	}
	return d, nil
}
