package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// Fidelity reads every trace that the plan asks for by id and compares all that
// OTLP carried of it: names, times, attributes with their types, events, links,
// status, resource and scope. It returns how many spans were compared, and an
// error that names the first difference.
func Fidelity(ctx context.Context, traces Searcher, o *corpus.Oracle, p *Plan) (spans int, err error) {
	for i := range p.Classes {
		if p.Classes[i].Class != corpus.ClassTraceByID {
			continue
		}
		for _, x := range p.Classes[i].Questions {
			want, _ := o.Trace(x.Query.TraceID)
			found, err := traces.Get(ctx, search.Ref{ID: trace.ID(x.Query.TraceID)})
			if err != nil {
				return spans, err
			}
			if len(found) != 1 {
				return spans, fmt.Errorf("trace %s: found %d times", x.Query.TraceID, len(found))
			}
			if err := sameSpans(want, found[0].Spans); err != nil {
				return spans, fmt.Errorf("trace %s: %w", x.Query.TraceID, err)
			}
			spans += len(want)
		}
	}
	return spans, nil
}

func sameSpans(want []corpus.Span, got []trace.Span) error {
	if len(got) != len(want) {
		return fmt.Errorf("has %d spans instead of %d", len(got), len(want))
	}
	sorted := make([]trace.Span, len(want))
	for i := range want {
		sorted[i] = lowerSpan(&want[i])
	}
	slices.SortFunc(sorted, func(a, b trace.Span) int {
		return cmp.Or(cmp.Compare(a.StartNanos, b.StartNanos), bytes.Compare(a.SpanID[:], b.SpanID[:]))
	})
	for i := range sorted {
		w, g := canonical(sorted[i]), canonical(got[i])
		if !reflect.DeepEqual(w, g) {
			return fmt.Errorf("span %s differs:\n want %+v\n got  %+v", w.SpanID, w, g)
		}
	}
	return nil
}

// lowerSpan turns a span of the corpus into one of the server.
func lowerSpan(s *corpus.Span) trace.Span {
	out := trace.Span{
		TraceID: trace.ID(s.TraceID), SpanID: trace.SpanID(s.SpanID), ParentID: trace.SpanID(s.Parent),
		Flags: s.Flags, Name: s.Name, Kind: trace.Kind(s.Kind), StartNanos: uint64(s.Start), EndNanos: uint64(s.End),
		Attrs: lowerAttrs(s.Attrs), StatusCode: int32(s.Status), StatusMessage: s.StatusMessage,
		Resource: &trace.Resource{Attrs: lowerAttrs(s.Resource.Attrs)},
		Scope:    &trace.Scope{Name: s.Scope.Name, Version: s.Scope.Version},
	}
	for i := range s.Events {
		e := &s.Events[i]
		out.Events = append(out.Events, trace.Event{TimeNanos: uint64(e.Time), Name: e.Name, Attrs: lowerAttrs(e.Attrs)})
	}
	for i := range s.Links {
		l := &s.Links[i]
		out.Links = append(out.Links, trace.Link{TraceID: trace.ID(l.TraceID), SpanID: trace.SpanID(l.SpanID), Attrs: lowerAttrs(l.Attrs)})
	}
	return out
}

func lowerAttrs(attrs []corpus.Attr) []trace.Attr {
	var out []trace.Attr
	for _, a := range attrs {
		out = append(out, trace.Attr{Key: a.Key, Value: lowerValue(a.Value)})
	}
	return out
}

// canonical sorts what has no order and makes empty lists nil.
func canonical(s trace.Span) trace.Span {
	s.Attrs = sortedAttrs(s.Attrs)
	resource, scope := *s.Resource, *s.Scope
	resource.Attrs, scope.Attrs = sortedAttrs(resource.Attrs), sortedAttrs(scope.Attrs)
	s.Resource, s.Scope = &resource, &scope
	s.Events, s.Links = slices.Clone(s.Events), slices.Clone(s.Links)
	for i := range s.Events {
		s.Events[i].Attrs = sortedAttrs(s.Events[i].Attrs)
	}
	for i := range s.Links {
		s.Links[i].Attrs = sortedAttrs(s.Links[i].Attrs)
	}
	if len(s.Events) == 0 {
		s.Events = nil
	}
	if len(s.Links) == 0 {
		s.Links = nil
	}
	return s
}

func sortedAttrs(attrs []trace.Attr) []trace.Attr {
	if len(attrs) == 0 {
		return nil
	}
	out := slices.Clone(attrs)
	slices.SortFunc(out, func(a, b trace.Attr) int { return cmp.Compare(a.Key, b.Key) })
	return out
}
