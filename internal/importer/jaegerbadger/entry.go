package jaegerbadger

import (
	"bytes"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

// The layout of a span's entry.
const (
	spanPrefix = 0x80
	traceStart = 1
	spanStart  = 25
	keySize    = 33

	encodingMask  = 0x0f // of the user meta
	encodingJSON  = 1
	encodingProto = 2
)

// DecodeEntry reads the entry of a span: its key, its value, and the user meta
// that tells the encoding. The span shares memory with the value. What is no span
// of Jaeger's is an error of class base.ClassInvalid: a key of another length, an
// encoding that no version has written, bytes that cannot be read, and a span
// whose ids are not those of its key.
func DecodeEntry(key, value []byte, meta byte) (s *apiv2pb.Span, err error) {
	if len(key) != keySize || key[0] != spanPrefix {
		return nil, base.Errorf(base.ClassInvalid, "the key has %d bytes: want %d that begin with 0x%x", len(key), keySize, spanPrefix)
	}
	if len(value) == 0 {
		return nil, base.Errorf(base.ClassInvalid, "the value is empty")
	}
	switch encoding := meta & encodingMask; encoding {
	case encodingProto:
		s, err = wire.DecodeSpan(value)
	case encodingJSON:
		s, err = wire.ParseSpan(value)
	default:
		return nil, base.Errorf(base.ClassInvalid, "the value's encoding is %d: want %d, JSON, or %d, protobuf", encoding, encodingJSON, encodingProto)
	}
	if err != nil {
		return nil, base.Mark(base.ClassInvalid, err)
	}
	return s, checkIDs(key, s)
}

// checkIDs compares the ids of a span with those of its key, and the lengths of
// its other ids with what the model has.
func checkIDs(key []byte, s *apiv2pb.Span) error {
	id, err := wire.TraceID(s.GetTraceId())
	if err != nil {
		return err
	}
	span, err := wire.SpanID(s.GetSpanId())
	if err != nil {
		return err
	}
	if !bytes.Equal(id[:], key[traceStart:traceStart+len(id)]) || !bytes.Equal(span[:], key[spanStart:]) {
		return base.Errorf(base.ClassInvalid, "the value is of span %s of trace %s: want the ids of its key", span, id)
	}
	for i, ref := range s.GetReferences() {
		if _, err := wire.TraceID(ref.GetTraceId()); err != nil {
			return base.Errorf(base.ClassInvalid, "references[%d]: %w", i, err)
		}
		if _, err := wire.SpanID(ref.GetSpanId()); err != nil {
			return base.Errorf(base.ClassInvalid, "references[%d]: %w", i, err)
		}
	}
	return nil
}

// traceOf returns the trace id of a key, which may be too short for one.
func traceOf(key []byte) (id trace.ID) {
	if len(key) >= traceStart+len(id) {
		id = trace.ID(key[traceStart:])
	}
	return id
}
