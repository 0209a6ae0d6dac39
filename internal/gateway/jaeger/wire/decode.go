package wire

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/otlpwire"
)

// The decoders here read what protobuf's own refuse: text that is not UTF-8,
// which Jaeger's libraries send and its collector repairs. Their results share
// memory with the message. Malformed bytes are an error of class
// base.ClassInvalid that names the place.

// maxElements bounds the tags, logs, references, warnings and spans of one
// message together. An empty one takes two bytes of a message and a hundred of
// memory; this is ten times what a message of 4 MiB usually holds.
const maxElements = 1 << 20

// DecodeSpan reads the bytes of a Span message.
func DecodeSpan(msg []byte) (*apiv2pb.Span, error) {
	d := decoder{left: maxElements}
	return d.span(msg)
}

// DecodeBatch reads the bytes of a Batch message.
func DecodeBatch(msg []byte) (*apiv2pb.Batch, error) {
	d, out := decoder{left: maxElements}, &apiv2pb.Batch{}
	return out, d.batch(out, msg)
}

// DecodePostSpans reads the bytes of a PostSpansRequest message and returns its
// batch, which is empty if there is none.
func DecodePostSpans(msg []byte) (*apiv2pb.Batch, error) {
	d, out := decoder{left: maxElements}, &apiv2pb.Batch{}
	f := newFields(msg)
	for f.next() {
		if f.c.Number() == 1 {
			f.in("batch", -1, d.batch(out, f.bytes()))
		}
	}
	return out, f.close()
}

// tagSlab is how many tags are allocated together: a span has about as many.
const tagSlab = 16

// decoder counts what it builds.
type decoder struct {
	left int
	tags []apiv2pb.KeyValue // not used yet
}

// element accounts for one more element of a list.
func (d *decoder) element() error {
	if d.left--; d.left < 0 {
		return base.Errorf(base.ClassTooLarge, "the message holds more than %d spans, tags, logs and references together: send fewer spans at a time", maxElements)
	}
	return nil
}

func (d *decoder) batch(out *apiv2pb.Batch, msg []byte) error {
	f := newFields(msg)
	for f.next() {
		switch f.c.Number() {
		case 1:
			span, err := d.span(f.bytes())
			f.in("spans", len(out.Spans), err)
			out.Spans = append(out.Spans, span)
		case 2:
			if out.Process == nil {
				out.Process = &apiv2pb.Process{}
			}
			f.in("process", -1, d.process(out.Process, f.bytes()))
		}
	}
	return f.close()
}

func (d *decoder) span(msg []byte) (*apiv2pb.Span, error) {
	if err := d.element(); err != nil {
		return nil, err
	}
	out, f := &apiv2pb.Span{}, newFields(msg)
	for f.next() {
		switch f.c.Number() {
		case 1:
			out.TraceId = f.bytes()
		case 2:
			out.SpanId = f.bytes()
		case 3:
			out.OperationName = string(f.bytes())
		case 4:
			ref, err := d.reference(f.bytes())
			f.in("references", len(out.References), err)
			out.References = append(out.References, ref)
		case 5:
			out.Flags = uint32(f.varint())
		case 6:
			out.StartTime = &timestamppb.Timestamp{}
			out.StartTime.Seconds, out.StartTime.Nanos = f.instant("start_time")
		case 7:
			out.Duration = &durationpb.Duration{}
			out.Duration.Seconds, out.Duration.Nanos = f.instant("duration")
		case 8:
			tag, err := d.keyValue(f.bytes())
			f.in("tags", len(out.Tags), err)
			out.Tags = append(out.Tags, tag)
		case 9:
			log, err := d.log(f.bytes())
			f.in("logs", len(out.Logs), err)
			out.Logs = append(out.Logs, log)
		case 10:
			if out.Process == nil {
				out.Process = &apiv2pb.Process{}
			}
			f.in("process", -1, d.process(out.Process, f.bytes()))
		case 11:
			out.ProcessId = string(f.bytes())
		case 12:
			f.in("warnings", len(out.Warnings), d.element())
			out.Warnings = append(out.Warnings, string(f.bytes()))
		}
	}
	return out, f.close()
}

func (d *decoder) reference(msg []byte) (*apiv2pb.SpanRef, error) {
	out, f := &apiv2pb.SpanRef{}, newFields(msg)
	for f.next() {
		switch f.c.Number() {
		case 1:
			out.TraceId = f.bytes()
		case 2:
			out.SpanId = f.bytes()
		case 3:
			out.RefType = apiv2pb.SpanRefType(f.varint())
		}
	}
	f.in("", -1, d.element())
	return out, f.close()
}

func (d *decoder) process(out *apiv2pb.Process, msg []byte) error {
	f := newFields(msg)
	for f.next() {
		switch f.c.Number() {
		case 1:
			out.ServiceName = string(f.bytes())
		case 2:
			tag, err := d.keyValue(f.bytes())
			f.in("tags", len(out.Tags), err)
			out.Tags = append(out.Tags, tag)
		}
	}
	return f.close()
}

func (d *decoder) log(msg []byte) (*apiv2pb.Log, error) {
	out, f := &apiv2pb.Log{}, newFields(msg)
	for f.next() {
		switch f.c.Number() {
		case 1:
			out.Timestamp = &timestamppb.Timestamp{}
			out.Timestamp.Seconds, out.Timestamp.Nanos = f.instant("timestamp")
		case 2:
			tag, err := d.keyValue(f.bytes())
			f.in("fields", len(out.Fields), err)
			out.Fields = append(out.Fields, tag)
		}
	}
	f.in("", -1, d.element())
	return out, f.close()
}

func (d *decoder) keyValue(msg []byte) (*apiv2pb.KeyValue, error) {
	if len(d.tags) == 0 {
		d.tags = make([]apiv2pb.KeyValue, tagSlab)
	}
	out := &d.tags[0]
	d.tags = d.tags[1:]
	f := newFields(msg)
	for f.next() {
		switch f.c.Number() {
		case 1:
			out.Key = string(f.bytes())
		case 2:
			out.VType = apiv2pb.ValueType(f.varint())
		case 3:
			out.VStr = string(f.bytes())
		case 4:
			out.VBool = f.varint() != 0
		case 5:
			out.VInt64 = int64(f.varint())
		case 6:
			out.VFloat64 = f.double()
		case 7:
			out.VBinary = f.bytes()
		}
	}
	f.in("", -1, d.element())
	return out, f.close()
}

// fields walks the fields of one message. The first error ends the walk.
type fields struct {
	c   otlpwire.Cursor
	err error
}

func newFields(msg []byte) *fields {
	f := &fields{}
	f.c.Reset(msg)
	return f
}

func (f *fields) next() bool { return f.err == nil && f.c.Next() }

func (f *fields) close() error {
	if f.err != nil {
		return f.err
	}
	return f.c.Err()
}

// in takes the error of a field, or of an element of one, if it is any.
func (f *fields) in(name string, index int, err error) {
	switch {
	case err == nil || f.err != nil:
	case name == "":
		f.err = err
	case index < 0:
		f.err = fmt.Errorf("%s: %w", name, err)
	default:
		f.err = fmt.Errorf("%s[%d]: %w", name, index, err)
	}
}

// is reports whether the current field has the wire type; if not, it is an error.
func (f *fields) is(t otlpwire.WireType) bool {
	if f.c.Type() != t {
		f.in("", -1, base.Errorf(base.ClassInvalid, "field %d has wire type %d, want %d", f.c.Number(), f.c.Type(), t))
		return false
	}
	return true
}

func (f *fields) bytes() []byte {
	if !f.is(otlpwire.Len) {
		return nil
	}
	return f.c.Bytes
}

func (f *fields) varint() uint64 {
	if !f.is(otlpwire.Varint) {
		return 0
	}
	return f.c.Uint
}

func (f *fields) double() float64 {
	if !f.is(otlpwire.Fixed64) {
		return 0
	}
	return math.Float64frombits(f.c.Uint)
}

// instant reads a Timestamp or a Duration, which have the same fields.
func (f *fields) instant(name string) (seconds int64, nanos int32) {
	in := newFields(f.bytes())
	for in.next() {
		switch in.c.Number() {
		case 1:
			seconds = int64(in.varint())
		case 2:
			nanos = int32(in.varint())
		}
	}
	f.in(name, -1, in.close())
	return seconds, nanos
}
