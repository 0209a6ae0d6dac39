package zipkin

import (
	"strconv"

	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/model/trace"
)

// shower turns spans of the trace model into Zipkin's. It remembers what it made
// of resources: use one for the spans of one answer.
type shower struct {
	resources map[*trace.Resource]shownResource
}

type shownResource struct {
	local endpoint
	tags  []tag
}

// show sets out to the span in Zipkin's words, settled. out's slices are used
// again.
func (w *shower) show(out *span, s *trace.Span) {
	annotations, tags := out.annotations[:0], out.tags[:0]
	res := w.resource(s.Resource)
	*out = span{
		traceID: s.TraceID, id: s.SpanID, parent: s.ParentID, name: s.Name,
		micros: s.StartNanos / 1000, local: res.local,
	}
	if kindName(s.Kind) != "" {
		out.kind = s.Kind
	}
	if d := s.DurationNanos(); d > 0 {
		out.duration = max(1, d/1000) // Zipkin rounds what is less up to it
	}
	for i := range s.Events {
		annotations = append(annotations, showEvent(&s.Events[i], s.StartNanos))
	}
	tags = append(tags, res.tags...)
	tags = appendFieldTags(tags, s)
	out.annotations, out.tags = annotations, tags
	showAttrs(out, s)
	out.settleTags()
}

func (w *shower) resource(r *trace.Resource) shownResource {
	shown, ok := w.resources[r]
	if ok {
		return shown
	}
	for i := range r.Attrs {
		if a := &r.Attrs[i]; !localNames.take(&shown.local, a) {
			shown.tags = append(shown.tags, tag{a.Key, wire.PlainText(&a.Value)})
		}
	}
	if w.resources == nil {
		w.resources = make(map[*trace.Resource]shownResource)
	}
	w.resources[r] = shown
	return shown
}

// showEvent returns an event by the rule of OpenTelemetry: its name, and behind
// it its attributes as JSON, if there are any. An event without a time has that
// of the span's start.
func showEvent(e *trace.Event, startNanos uint64) annotation {
	a := annotation{micros: e.TimeNanos / 1000, value: e.Name}
	if a.micros == 0 {
		a.micros = startNanos / 1000
	}
	if len(e.Attrs) > 0 {
		a.value = string(appendText(nil, e.Name)) + ":" + wire.PlainText(&trace.Value{Kind: trace.KindMap, Map: e.Attrs})
	}
	return a
}

// appendFieldTags appends what Zipkin has no fields for. Attributes of the same
// names, which come after it, win.
func appendFieldTags(dst []tag, s *trace.Span) []tag {
	if s.Kind == trace.KindInternal {
		dst = append(dst, tag{wire.TagSpanKind, tagInternal})
	}
	if s.TraceState != "" {
		dst = append(dst, tag{wire.TagTraceState, s.TraceState})
	}
	if s.Scope.Name != "" {
		dst = append(dst, tag{wire.TagScopeName, s.Scope.Name})
	}
	if s.Scope.Version != "" {
		dst = append(dst, tag{wire.TagScopeVersion, s.Scope.Version})
	}
	for i := range s.Links {
		l := &s.Links[i]
		// The form is that of OpenTelemetry's collector.
		dst = append(dst, tag{"otlp.link." + strconv.Itoa(i), l.TraceID.String() + "|" + l.SpanID.String() + "|" + l.TraceState + "|" +
			wire.PlainText(&trace.Value{Kind: trace.KindMap, Map: l.Attrs}) + "|" + strconv.FormatUint(uint64(l.DroppedAttrs), 10)})
	}
	if s.StatusCode == 0 || saysStatus(s) {
		return dst
	}
	if s.StatusCode == trace.StatusError {
		return append(dst, tag{wire.TagStatusCode, wire.StatusError}, tag{wire.TagError, s.StatusMessage})
	}
	return append(dst, tag{wire.TagStatusCode, wire.StatusOK})
}

// saysStatus reports whether the attributes tell the status as tags of Zipkin do:
// then the status was read from them.
func saysStatus(s *trace.Span) bool {
	for i := range s.Attrs {
		if a := &s.Attrs[i]; (a.Key == wire.TagError || a.Key == wire.TagStatusCode) && a.Value.Kind == trace.KindString {
			return true
		}
	}
	return false
}

// showAttrs sets what the attributes of a span say.
func showAttrs(out *span, s *trace.Span) {
	kept := false // the remote endpoint, in attrRemote
	for i := range s.Attrs {
		if a := &s.Attrs[i]; a.Key == attrRemote && a.Value.Kind == trace.KindMap {
			kept = true
			for j := range a.Value.Map {
				remoteNames.take(&out.remote, &a.Value.Map[j])
			}
		}
	}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		switch {
		case a.Key == attrRemote && a.Value.Kind == trace.KindMap:
		case a.Value.Kind == trace.KindBool && takeMark(out, a):
		case !kept && peerNames.take(&out.remote, a):
		default:
			out.tags = append(out.tags, tag{a.Key, wire.PlainText(&a.Value)})
		}
	}
	if out.remote.isZero() && (out.kind == trace.KindClient || out.kind == trace.KindProducer) {
		showServer(&out.remote, s)
	}
}

// takeMark reads an attribute that is true or false, if it is no tag, and reports
// whether it is none. Zipkin takes any value of the tag error for a failure.
func takeMark(out *span, a *trace.Attr) bool {
	is := a.Value.Int != 0
	switch a.Key {
	case attrShared:
		out.shared = is
	case attrDebug:
		out.debug = is
	case attrNoStart:
		if is {
			out.micros = 0
		}
	case wire.TagError:
		return !is
	default:
		return false
	}
	return true
}

// serverNames are newer names of OpenTelemetry for the remote endpoint of a call.
var serverNames = []endpointNames{
	{service: "server.address", ip: "network.peer.address", port: "server.port"},
	{ip: "network.peer.address", port: "network.peer.port"},
}

// showServer sets the remote endpoint by the newer names, which stay tags. They
// are taken only beside a port that is a number: then they are no tags of Zipkin's.
func showServer(e *endpoint, s *trace.Span) {
	for i := range serverNames {
		var found endpoint
		for j := range s.Attrs {
			serverNames[i].take(&found, &s.Attrs[j])
		}
		if found.port != 0 {
			*e = found
			return
		}
	}
}
