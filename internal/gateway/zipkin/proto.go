package zipkin

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/otlpwire"
)

// Tags of the fields of zipkin.proto3: number<<3 | wire type.
const (
	listSpans = 1<<3 | uint32(otlpwire.Len)

	spanTraceID    = 1<<3 | uint32(otlpwire.Len)
	spanParent     = 2<<3 | uint32(otlpwire.Len)
	spanID         = 3<<3 | uint32(otlpwire.Len)
	spanKind       = 4<<3 | uint32(otlpwire.Varint)
	spanName       = 5<<3 | uint32(otlpwire.Len)
	spanTimestamp  = 6<<3 | uint32(otlpwire.Fixed64)
	spanDuration   = 7<<3 | uint32(otlpwire.Varint)
	spanLocal      = 8<<3 | uint32(otlpwire.Len)
	spanRemote     = 9<<3 | uint32(otlpwire.Len)
	spanAnnotation = 10<<3 | uint32(otlpwire.Len)
	spanTag        = 11<<3 | uint32(otlpwire.Len)
	spanDebug      = 12<<3 | uint32(otlpwire.Varint)
	spanShared     = 13<<3 | uint32(otlpwire.Varint)
	spanFields     = 13 // the highest number

	endpointService = 1<<3 | uint32(otlpwire.Len)
	endpointIPv4    = 2<<3 | uint32(otlpwire.Len)
	endpointIPv6    = 3<<3 | uint32(otlpwire.Len)
	endpointPort    = 4<<3 | uint32(otlpwire.Varint)
	endpointFields  = 4

	annotationTimestamp = 1<<3 | uint32(otlpwire.Fixed64)
	annotationValue     = 2<<3 | uint32(otlpwire.Len)
	annotationFields    = 2

	entryKey    = 1<<3 | uint32(otlpwire.Len)
	entryValue  = 2<<3 | uint32(otlpwire.Len)
	entryFields = 2
)

// protoKinds are the kinds by zipkin.proto3's numbers.
var protoKinds = [...]trace.Kind{
	trace.KindUnspecified, trace.KindClient, trace.KindServer, trace.KindProducer, trace.KindConsumer,
}

// protoSpans reads the spans of a zipkin.proto3.ListOfSpans, one by one, without
// an object per message. A known field of another wire type is an error.
type protoSpans struct {
	c     otlpwire.Cursor
	texts texts
	count int // of spans that were begun
}

func newProtoSpans(body []byte) *protoSpans {
	d := &protoSpans{texts: make(texts)}
	d.c.Reset(body)
	return d
}

// next implements spanReader.
func (d *protoSpans) next(s *span) (bool, error) {
	for d.c.Next() {
		if d.c.Tag != listSpans {
			if err := skipped(&d.c, 1); err != nil {
				return false, fmt.Errorf("want a list of spans: %w", err)
			}
			continue
		}
		d.count++
		s.reset()
		err := d.span(s, d.c.Bytes)
		if err == nil {
			err = s.settle()
		}
		if err != nil {
			return false, fmt.Errorf("spans[%d]%w", d.count-1, dotted(err))
		}
		return true, nil
	}
	if err := d.c.Err(); err != nil {
		return false, fmt.Errorf("want a list of spans: %w", err)
	}
	return false, nil
}

// skipped refuses a field that the message has, up to the number last, but not
// with this wire type.
func skipped(c *otlpwire.Cursor, last uint32) error {
	if c.Number() > last {
		return nil
	}
	return base.Errorf(base.ClassInvalid, "field %d has wire type %d: not that of zipkin.proto3", c.Number(), c.Type())
}

func (d *protoSpans) span(s *span, msg []byte) (err error) {
	var c otlpwire.Cursor
	c.Reset(msg)
	for err == nil && c.Next() {
		switch c.Tag {
		case spanTraceID:
			s.traceID, err = protoTraceID(c.Bytes)
		case spanParent:
			s.parent, err = protoSpanID(".parent_id", c.Bytes)
		case spanID:
			s.id, err = protoSpanID(".id", c.Bytes)
		case spanKind:
			if c.Uint >= uint64(len(protoKinds)) {
				return at(".kind", base.Errorf(base.ClassInvalid, "%d: want 1 to 4, or 0 for none", c.Uint))
			}
			s.kind = protoKinds[c.Uint]
		case spanName:
			s.name = d.text(c.Bytes)
		case spanTimestamp:
			s.micros, err = protoMicros(".timestamp", c.Uint)
		case spanDuration:
			s.duration, err = protoMicros(".duration", c.Uint)
		case spanLocal:
			err = at(".local_endpoint", d.endpoint(&s.local, c.Bytes))
		case spanRemote:
			err = at(".remote_endpoint", d.endpoint(&s.remote, c.Bytes))
		case spanAnnotation:
			err = at(".annotations["+strconv.Itoa(len(s.annotations))+"]", d.annotation(s, c.Bytes))
		case spanTag:
			err = at(".tags["+strconv.Itoa(len(s.tags))+"]", d.tag(s, c.Bytes))
		case spanDebug:
			s.debug = c.Uint != 0
		case spanShared:
			s.shared = c.Uint != 0
		default:
			err = skipped(&c, spanFields)
		}
	}
	if err == nil {
		err = c.Err()
	}
	return err
}

// text returns text with U+FFFD for what is not UTF-8.
func (d *protoSpans) text(b []byte) string {
	if !utf8.Valid(b) {
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	return d.texts.of(b)
}

func protoTraceID(b []byte) (id trace.ID, err error) {
	if len(b) != 8 && len(b) != 16 {
		return id, at(".trace_id", base.Errorf(base.ClassInvalid, "it has %d bytes: want 16 or 8", len(b)))
	}
	copy(id[len(id)-len(b):], b)
	return id, nil
}

func protoSpanID(field string, b []byte) (id trace.SpanID, err error) {
	if len(b) != 8 && (field != ".parent_id" || len(b) != 0) {
		return id, at(field, base.Errorf(base.ClassInvalid, "it has %d bytes: want 8", len(b)))
	}
	copy(id[:], b)
	return id, nil
}

func protoMicros(field string, n uint64) (uint64, error) {
	if n > maxMicros {
		return 0, at(field, base.Errorf(base.ClassInvalid, "%d: want microseconds up to %d", n, uint64(maxMicros)))
	}
	return n, nil
}

func (d *protoSpans) endpoint(e *endpoint, msg []byte) error {
	var c otlpwire.Cursor
	c.Reset(msg)
	for c.Next() {
		switch c.Tag {
		case endpointService:
			e.service = d.text(c.Bytes)
		case endpointIPv4, endpointIPv6:
			ip, ok := netip.AddrFromSlice(c.Bytes)
			if !ok && len(c.Bytes) > 0 {
				return base.Errorf(base.ClassInvalid, "an address has %d bytes: want 4 or 16", len(c.Bytes))
			}
			e.setIP(ip)
		case endpointPort:
			if c.Uint > math.MaxUint16 {
				return at(".port", base.Errorf(base.ClassInvalid, "%d: want 1 to 65535, or 0 for none", int32(c.Uint)))
			}
			e.port = uint16(c.Uint)
		default:
			if err := skipped(&c, endpointFields); err != nil {
				return err
			}
		}
	}
	return c.Err()
}

func (d *protoSpans) annotation(s *span, msg []byte) (err error) {
	var a annotation
	var c otlpwire.Cursor
	c.Reset(msg)
	for err == nil && c.Next() {
		switch c.Tag {
		case annotationTimestamp:
			a.micros, err = protoMicros(".timestamp", c.Uint)
		case annotationValue:
			a.value = d.text(c.Bytes)
		default:
			err = skipped(&c, annotationFields)
		}
	}
	switch {
	case err != nil:
		return err
	case c.Err() != nil:
		return c.Err()
	case a.micros == 0:
		return base.Errorf(base.ClassInvalid, "the timestamp is missing")
	}
	s.annotations = append(s.annotations, a)
	return nil
}

func (d *protoSpans) tag(s *span, msg []byte) error {
	var t tag
	var c otlpwire.Cursor
	c.Reset(msg)
	for c.Next() {
		switch c.Tag {
		case entryKey:
			t.key = d.text(c.Bytes)
		case entryValue:
			t.value = d.text(c.Bytes)
		default:
			if err := skipped(&c, entryFields); err != nil {
				return err
			}
		}
	}
	s.tags = append(s.tags, t)
	return c.Err()
}
