package wire

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

// AppendExport appends the spans as the wire bytes of an OTLP trace export. The
// process is that of spans that carry none; it may be nil. Ids of a wrong length
// are an error of class base.ClassInvalid that names the span; whatever else
// cannot be stored is left to the export, which refuses spans one by one.
func AppendExport(dst []byte, spans []*apiv2pb.Span, process *apiv2pb.Process) ([]byte, error) {
	list, err := Spans(spans, process)
	if err != nil {
		return dst, err
	}
	return trace.AppendOTLP(dst, list), nil
}

// Spans returns the spans as the trace model has them, but that attributes are
// in the sender's order. Spans with equal processes share a resource, those with
// equal scopes a scope. The spans are not changed and not kept. Errors are those
// of AppendExport.
func Spans(spans []*apiv2pb.Span, process *apiv2pb.Process) ([]trace.Span, error) {
	in := interner{
		resources: make(map[string]*trace.Resource),
		known:     make(map[*apiv2pb.Process]*trace.Resource),
		scopes:    make(map[scopeKey]*trace.Scope),
	}
	out := make([]trace.Span, len(spans))
	for i, s := range spans {
		p := s.GetProcess()
		if p == nil {
			p = process
		}
		out[i].Resource = in.resource(p)
		if err := fillSpan(&out[i], s, &in); err != nil {
			return nil, fmt.Errorf("spans[%d]: %w", i, err)
		}
	}
	return out, nil
}

// fillSpan sets everything of out but the resource.
func fillSpan(out *trace.Span, s *apiv2pb.Span, in *interner) (err error) {
	if out.TraceID, err = TraceID(s.GetTraceId()); err != nil {
		return err
	}
	if out.SpanID, err = SpanID(s.GetSpanId()); err != nil {
		return err
	}
	out.Flags = s.GetFlags()
	out.StartNanos = nanosOf(s.GetStartTime())
	out.EndNanos = endOf(out.StartNanos, s.GetDuration())
	fillTags(out, s, in)
	if out.Name = s.GetOperationName(); !validText(out.Name) {
		out.Attrs = append(out.Attrs, bytesAttr(invalidName, out.Name))
		out.Name = invalidName
	}
	if w := s.GetWarnings(); len(w) > 0 {
		out.Attrs = append(out.Attrs, warningsAttr(w))
	}
	if logs := s.GetLogs(); len(logs) > 0 {
		out.Events = make([]trace.Event, len(logs))
		for i, l := range logs {
			fillEvent(&out.Events[i], l)
		}
	}
	return fillReferences(out, s.GetReferences())
}

// TraceID reads a trace id of 16 bytes, or of 8, which are its lower half. No
// bytes are the zero id; other lengths are an error of class base.ClassInvalid.
func TraceID(b []byte) (id trace.ID, err error) {
	switch len(b) {
	case 0:
	case 16:
		id = trace.ID(b)
	case 8:
		copy(id[8:], b)
	default:
		return id, base.Errorf(base.ClassInvalid, "trace_id has %d bytes: want 16, or 8", len(b))
	}
	return id, nil
}

// SpanID reads a span id of 8 bytes. No bytes are the zero id; other lengths are
// an error of class base.ClassInvalid.
func SpanID(b []byte) (id trace.SpanID, err error) {
	switch len(b) {
	case 0:
	case 8:
		id = trace.SpanID(b)
	default:
		return id, base.Errorf(base.ClassInvalid, "span_id has %d bytes: want 8", len(b))
	}
	return id, nil
}

// nanosOf returns a time as Unix nanoseconds. Missing ones are zero, as is the
// first second of year 1, by which Go programs say the same; times that Unix
// nanoseconds cannot say are the nearest they can, which no span may have.
func nanosOf(ts *timestamppb.Timestamp) uint64 {
	const yearOne, maxSeconds = -62135596800, math.MaxInt64/1_000_000_000 - 3 // nanos add up to 2.1 s
	switch sec := ts.GetSeconds(); {
	case ts == nil || sec == yearOne:
		return 0
	case sec > maxSeconds:
		return math.MaxInt64
	case sec < 0:
		return 1
	default:
		return uint64(max(0, sec*1e9+int64(ts.GetNanos())))
	}
}

// endOf returns when a span ends, which is before its start for a negative
// duration.
func endOf(start uint64, d *durationpb.Duration) uint64 {
	n := int64(d.AsDuration())
	if n < 0 && uint64(-n) > start {
		return 0
	}
	return start + uint64(n)
}

// fillReferences sets the parent and the links.
func fillReferences(out *trace.Span, refs []*apiv2pb.SpanRef) error {
	links := make([]trace.Link, len(refs))
	for i, r := range refs {
		var err error
		if links[i].TraceID, err = TraceID(r.GetTraceId()); err != nil {
			return fmt.Errorf("references[%d]: %w", i, err)
		}
		if links[i].SpanID, err = SpanID(r.GetSpanId()); err != nil {
			return fmt.Errorf("references[%d]: %w", i, err)
		}
	}
	out.ParentID = parentOf(out.TraceID, refs, links)
	for i, r := range refs {
		l, kind := links[i], refFollowsFrom
		if r.GetRefType() == apiv2pb.SpanRefType_CHILD_OF {
			if linksParent(&l, out) {
				continue
			}
			kind = refChildOf
		}
		l.Attrs = []trace.Attr{textAttr(AttrRefType, kind)}
		out.Links = append(out.Links, l)
	}
	return nil
}

// parentOf returns the span that the first CHILD_OF into the trace names, else
// the first FOLLOWS_FROM; zero if there is neither. links[i] holds the ids of
// refs[i].
func parentOf(id trace.ID, refs []*apiv2pb.SpanRef, links []trace.Link) (parent trace.SpanID) {
	for i, r := range refs {
		switch {
		case links[i].TraceID != id || links[i].SpanID.IsZero():
		case r.GetRefType() == apiv2pb.SpanRefType_CHILD_OF:
			return links[i].SpanID
		case parent.IsZero():
			parent = links[i].SpanID
		}
	}
	return parent
}

func linksParent(l *trace.Link, s *trace.Span) bool {
	return !s.ParentID.IsZero() && l.TraceID == s.TraceID && l.SpanID == s.ParentID
}

// fillEvent sets an event. Its name is the field of that name; where that is no
// text, or there are several, they stay.
func fillEvent(out *trace.Event, l *apiv2pb.Log) {
	out.TimeNanos = nanosOf(l.GetTimestamp())
	name, count := -1, 0
	for i, f := range l.GetFields() {
		if f.GetKey() != TagEvent {
			continue
		}
		count++
		if name < 0 && textTag(f) {
			name = i
		}
	}
	t := tagSet{attrs: make([]trace.Attr, 0, len(l.GetFields()))}
	for i, f := range l.GetFields() {
		if i == name {
			out.Name = f.GetVStr()
			if count == 1 {
				continue
			}
		}
		t.add(f)
	}
	out.Attrs = t.attrs
}
