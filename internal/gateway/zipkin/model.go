package zipkin

import (
	"net/netip"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/model/trace"
)

// Attributes that hold what Zipkin has beside tags. Tags are text, so that none
// is taken for one of those that are of another type.
const (
	attrService  = "service.name"                      // of the resource: local endpoint's
	attrHostIP   = "net.host.ip"                       // of the resource: text, or a list of two
	attrHostPort = "net.host.port"                     // of the resource: int
	attrPeer     = "peer.service"                      // remote endpoint's
	attrPeerIP   = "net.peer.ip"                       // text, or a list of two
	attrPeerPort = "net.peer.port"                     // int
	attrShared   = "zipkin.shared"                     // true
	attrDebug    = "zipkin.debug"                      // true
	attrRemote   = "zipkin.remote"                     // map: the remote endpoint, where tags have its names
	attrNoStart  = "otel.zipkin.absentField.startTime" // true: the name is that of OpenTelemetry's collector

	tagInternal = "internal" // value of the tag span.kind
)

// statusOK is OpenTelemetry's code of a span that is known to be well.
const statusOK = 1

// modeler turns spans into those of the trace model. Spans of equal endpoints
// share a resource, those with equal scopes a scope.
type modeler struct {
	clock     base.Clock
	resources map[endpoint]*trace.Resource
	scopes    map[[2]string]*trace.Scope
	attrs     []trace.Attr // of the spans since forget
}

func newModeler(clock base.Clock) *modeler {
	return &modeler{clock: clock, resources: make(map[endpoint]*trace.Resource), scopes: make(map[[2]string]*trace.Scope)}
}

// forget gives the memory of the attributes of all spans to the next ones.
func (m *modeler) forget() { m.attrs = m.attrs[:0] }

// model returns a settled span as the trace model has it, but that attributes
// are in no order. It keeps the strings of s, not its slices. The attributes of
// the span are valid until forget.
func (m *modeler) model(s *span) trace.Span {
	out := trace.Span{
		TraceID: s.traceID, SpanID: s.id, ParentID: s.parent,
		Name: s.name, Kind: s.kind, StartNanos: s.micros * 1000,
	}
	attrs, first := m.attrs, len(m.attrs)
	var scope [2]string
	for _, t := range s.tags {
		switch {
		case t.value == "":
			attrs = append(attrs, textAttr(t.key, t.value))
		case t.key == wire.TagScopeName:
			scope[0] = t.value
		case t.key == wire.TagScopeVersion:
			scope[1] = t.value
		case t.key == wire.TagTraceState:
			out.TraceState = t.value
		case t.key == wire.TagSpanKind && t.value == tagInternal && s.kind == trace.KindUnspecified:
			out.Kind = trace.KindInternal
		default:
			attrs = append(attrs, textAttr(t.key, t.value))
		}
	}
	out.StatusCode, out.StatusMessage = statusOf(s)
	out.Resource, out.Scope = m.resource(s.local), m.scope(scope)
	attrs = appendRemote(m.appendMarks(attrs, &out, s), s)
	out.Attrs, m.attrs = attrs[first:len(attrs):len(attrs)], attrs
	out.EndNanos = out.StartNanos + s.duration*1000
	if len(s.annotations) > 0 {
		out.Events = make([]trace.Event, len(s.annotations))
		for i, a := range s.annotations {
			out.Events[i] = trace.Event{TimeNanos: a.micros * 1000, Name: a.value}
		}
	}
	return out
}

// statusOf returns the status that the tags of a span tell; they stay tags. Any
// text of the tag error but "false" is a failure, which it describes.
func statusOf(s *span) (code int32, message string) {
	text, failed := s.tag(wire.TagError)
	failed = failed && text != "false"
	said, _ := s.tag(wire.TagStatusCode)
	switch {
	case failed || said == wire.StatusError:
		code = trace.StatusError
	case said == wire.StatusOK:
		return statusOK, ""
	default:
		return 0, ""
	}
	if message, _ = s.tag(wire.TagStatusMessage); message == "" && failed && text != "true" {
		message = text
	}
	return code, message
}

// appendMarks appends what Zipkin says of a span and OpenTelemetry has no words
// for. Where the start is missing, it is when the first annotation or the span came.
func (m *modeler) appendMarks(attrs []trace.Attr, out *trace.Span, s *span) []trace.Attr {
	if s.shared {
		attrs = append(attrs, trueAttr(attrShared))
	}
	if s.debug {
		attrs = append(attrs, trueAttr(attrDebug))
	}
	if s.micros != 0 {
		return attrs
	}
	first := uint64(m.clock().UnixNano()) / uint64(time.Microsecond)
	for i, a := range s.annotations {
		if i == 0 || a.micros < first {
			first = a.micros
		}
	}
	out.StartNanos = first * 1000
	return append(attrs, trueAttr(attrNoStart))
}

// appendRemote appends the remote endpoint. If tags have the names under which it is
// kept, it goes into a map of its own: which may be empty, and then says that the
// tags are no endpoint.
func appendRemote(attrs []trace.Attr, s *span) []trace.Attr {
	_, service := s.tag(attrPeer)
	_, ip := s.tag(attrPeerIP)
	if !service && !ip {
		return peerNames.append(attrs, &s.remote)
	}
	inner := remoteNames.append(nil, &s.remote)
	return append(attrs, trace.Attr{Key: attrRemote, Value: trace.Value{Kind: trace.KindMap, Map: inner}})
}

// endpointNames are the attributes of an endpoint.
type endpointNames struct{ service, ip, port string }

var (
	localNames  = endpointNames{attrService, attrHostIP, attrHostPort}
	peerNames   = endpointNames{attrPeer, attrPeerIP, attrPeerPort}
	remoteNames = endpointNames{"service", "ip", "port"} // in attrRemote
)

// append appends the attributes that say what the endpoint has.
func (n *endpointNames) append(dst []trace.Attr, e *endpoint) []trace.Attr {
	if e.service != "" {
		dst = append(dst, textAttr(n.service, e.service))
	}
	switch {
	case e.v4.IsValid() && e.v6.IsValid():
		list := []trace.Value{textValue(e.v4.String()), textValue(e.v6.String())}
		dst = append(dst, trace.Attr{Key: n.ip, Value: trace.Value{Kind: trace.KindList, List: list}})
	case e.v4.IsValid():
		dst = append(dst, textAttr(n.ip, e.v4.String()))
	case e.v6.IsValid():
		dst = append(dst, textAttr(n.ip, e.v6.String()))
	}
	if e.port != 0 {
		dst = append(dst, trace.Attr{Key: n.port, Value: trace.Value{Kind: trace.KindInt, Int: int64(e.port)}})
	}
	return dst
}

// take reads an attribute into the endpoint, if it says something of it, and
// reports whether it does.
func (n *endpointNames) take(e *endpoint, a *trace.Attr) bool {
	v := &a.Value
	switch {
	case a.Key == n.service && v.Kind == trace.KindString && v.Str != "":
		e.service = v.Str
		return true
	case a.Key == n.ip && v.Kind == trace.KindString:
		return takeIP(e, v)
	case a.Key == n.ip && v.Kind == trace.KindList:
		all := len(v.List) > 0
		for i := range v.List {
			all = takeIP(e, &v.List[i]) && all
		}
		return all
	case a.Key == n.port && v.Kind == trace.KindInt && v.Int > 0 && v.Int <= 1<<16-1:
		e.port = uint16(v.Int)
		return true
	}
	return false
}

func takeIP(e *endpoint, v *trace.Value) bool {
	ip, err := netip.ParseAddr(v.Str)
	if err != nil || v.Kind != trace.KindString {
		return false
	}
	e.setIP(ip)
	return true
}

func (m *modeler) resource(e endpoint) *trace.Resource {
	r := m.resources[e]
	if r == nil {
		r = &trace.Resource{Attrs: localNames.append(nil, &e)}
		m.resources[e] = r
	}
	return r
}

func (m *modeler) scope(nameVersion [2]string) *trace.Scope {
	s := m.scopes[nameVersion]
	if s == nil {
		s = &trace.Scope{Name: nameVersion[0], Version: nameVersion[1]}
		m.scopes[nameVersion] = s
	}
	return s
}

func textValue(s string) trace.Value { return trace.Value{Kind: trace.KindString, Str: s} }

func textAttr(key, value string) trace.Attr { return trace.Attr{Key: key, Value: textValue(value)} }

func trueAttr(key string) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindBool, Int: 1}}
}
