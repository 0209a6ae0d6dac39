package zipkin

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pandodb/pando/internal/model/trace"
)

func intAttr(key string, n int64) trace.Attr {
	return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindInt, Int: n}}
}

// TestModel is what becomes of spans of Zipkin.
func TestModel(t *testing.T) {
	const start = 1_500_000_000_000_000
	ids := trace.Span{TraceID: trace.ID{15: 0xaa}, SpanID: trace.SpanID{7: 1}, Resource: new(trace.Resource), Scope: new(trace.Scope)}
	timed := func(set func(*trace.Span)) trace.Span {
		s := ids
		s.StartNanos, s.EndNanos = start*1000, start*1000
		set(&s)
		return s
	}
	for name, tc := range map[string]struct {
		members string
		want    trace.Span
	}{
		"everything": {
			`"parentId":"2","kind":"CLIENT","name":"get","timestamp":1500000000000000,"duration":7,
			"localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1","port":8080},"remoteEndpoint":{"serviceName":"back","ipv6":"2001:DB8::1","port":"9090"},
			"annotations":[{"timestamp":1500000000000001,"value":"ws"}],"tags":{"http.path":"/"},"debug":true,"shared":true`,
			timed(func(s *trace.Span) {
				s.ParentID, s.Kind, s.Name, s.EndNanos = trace.SpanID{7: 2}, trace.KindClient, "get", (start+7)*1000
				s.Resource = &trace.Resource{Attrs: []trace.Attr{textAttr("service.name", "front"), textAttr("net.host.ip", "10.0.0.1"), intAttr("net.host.port", 8080)}}
				s.Events = []trace.Event{{TimeNanos: (start + 1) * 1000, Name: "ws"}}
				s.Attrs = []trace.Attr{
					textAttr("http.path", "/"), trueAttr("zipkin.shared"), trueAttr("zipkin.debug"),
					textAttr("peer.service", "back"), textAttr("net.peer.ip", "2001:db8::1"), intAttr("net.peer.port", 9090),
				}
			}),
		},
		"nothing": {
			``,
			timed(func(s *trace.Span) {
				s.StartNanos, s.EndNanos = uint64(testNow.UnixNano()), uint64(testNow.UnixNano())
				s.Attrs = []trace.Attr{trueAttr("otel.zipkin.absentField.startTime")}
			}),
		},
		"no start": {
			`"duration":5,"annotations":[{"timestamp":1500000000000003,"value":"b"},{"timestamp":1500000000000001,"value":"a"}]`,
			timed(func(s *trace.Span) {
				s.StartNanos, s.EndNanos = (start+1)*1000, (start+6)*1000
				s.Attrs = []trace.Attr{trueAttr("otel.zipkin.absentField.startTime")}
				s.Events = []trace.Event{{TimeNanos: (start + 3) * 1000, Name: "b"}, {TimeNanos: (start + 1) * 1000, Name: "a"}}
			}),
		},
		"from an exporter of OpenTelemetry": {
			`"timestamp":1500000000000000,"tags":{"otel.scope.name":"lib","otel.scope.version":"1","otel.status_code":"ERROR","error":"boom","w3c.tracestate":"a=b","span.kind":"internal"}`,
			timed(func(s *trace.Span) {
				s.Kind, s.TraceState, s.Scope = trace.KindInternal, "a=b", &trace.Scope{Name: "lib", Version: "1"}
				s.StatusCode, s.StatusMessage = trace.StatusError, "boom"
				s.Attrs = []trace.Attr{textAttr("error", "boom"), textAttr("otel.status_code", "ERROR")}
			}),
		},
		"well":        {`"timestamp":1500000000000000,"tags":{"otel.status_code":"OK"}`, timed(func(s *trace.Span) { s.StatusCode, s.Attrs = 1, []trace.Attr{textAttr("otel.status_code", "OK")} })},
		"error=true":  {`"timestamp":1500000000000000,"tags":{"error":"true"}`, timed(func(s *trace.Span) { s.StatusCode, s.Attrs = 2, []trace.Attr{textAttr("error", "true")} })},
		"error=false": {`"timestamp":1500000000000000,"tags":{"error":"false"}`, timed(func(s *trace.Span) { s.Attrs = []trace.Attr{textAttr("error", "false")} })},
		"error":       {`"timestamp":1500000000000000,"tags":{"error":""}`, timed(func(s *trace.Span) { s.StatusCode, s.Attrs = 2, []trace.Attr{textAttr("error", "")} })},
		"span.kind": {`"timestamp":1500000000000000,"kind":"SERVER","tags":{"span.kind":"internal"}`, timed(func(s *trace.Span) {
			s.Kind, s.Attrs = trace.KindServer, []trace.Attr{textAttr("span.kind", "internal")}
		})},
		"its own parent": {`"timestamp":1500000000000000,"parentId":"0000000000000001"`, timed(func(*trace.Span) {})},
		"lenient": {
			`"timestamp":"1500000000000000.0","duration":null,"parentId":"0000","kind":null,"name":null,"localEndpoint":{"ipv4":"a.host","port":0},"remoteEndpoint":{},"annotations":null,
			"tags":{"n":1.50,"b":true,"twice":"1","twice":"2"},"unknown":[{"a":[1,null]}],"debug":false,"shared":null`,
			timed(func(s *trace.Span) {
				s.Attrs = []trace.Attr{textAttr("b", "true"), textAttr("n", "1.50"), textAttr("twice", "2")}
			}),
		},
		"two addresses": {
			`"timestamp":1500000000000000,"remoteEndpoint":{"ipv4":"10.0.0.1","ipv6":"::1"}`,
			timed(func(s *trace.Span) {
				s.Attrs = []trace.Attr{{Key: "net.peer.ip", Value: trace.Value{Kind: trace.KindList, List: []trace.Value{textValue("10.0.0.1"), textValue("::1")}}}}
			}),
		},
		"IPv4 in IPv6": {`"timestamp":1500000000000000,"remoteEndpoint":{"ipv6":"::ffff:10.0.0.1"}`, timed(func(s *trace.Span) { s.Attrs = []trace.Attr{textAttr("net.peer.ip", "10.0.0.1")} })},
		"a tag has the name of the endpoint": {
			`"timestamp":1500000000000000,"tags":{"peer.service":"tag"},"remoteEndpoint":{"serviceName":"end"}`,
			timed(func(s *trace.Span) {
				s.Attrs = []trace.Attr{textAttr("peer.service", "tag"), {Key: "zipkin.remote", Value: trace.Value{Kind: trace.KindMap, Map: []trace.Attr{textAttr("service", "end")}}}}
			}),
		},
	} {
		if tc.members != "" {
			tc.members = "," + tc.members
		}
		spans, err := readAll(newJSONSpans([]byte(`[{"traceId":"aa","id":"1"` + tc.members + `}]`)))
		if err != nil || len(spans) != 1 {
			t.Errorf("%s: %d spans, %v", name, len(spans), err)
			continue
		}
		got := newModeler(func() time.Time { return testNow }).model(&spans[0])
		if diff := gocmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestShow is how spans of OpenTelemetry look.
func TestShow(t *testing.T) {
	const start = 1_500_000_000_000_000_999
	boolean := func(key string, b int64) trace.Attr {
		return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindBool, Int: b}}
	}
	for name, tc := range map[string]struct {
		set  func(*trace.Span)
		want string // behind the ids
	}{
		"nothing": {func(*trace.Span) {}, `"timestamp":1500000000000000`},
		"everything": {
			func(s *trace.Span) {
				s.TraceID[0], s.ParentID, s.Kind, s.Name, s.EndNanos = 1, trace.SpanID{7: 2}, trace.KindServer, "get", start+1
				s.TraceState = "a=b"
				s.Resource = &trace.Resource{Attrs: []trace.Attr{textAttr("host.name", "h"), textAttr("service.name", "back"), intAttr("pid", 7)}}
				s.Scope = &trace.Scope{Name: "lib", Version: "1"}
				s.Events = []trace.Event{{Name: "gc"}, {TimeNanos: start + 2000, Name: `"log"`, Attrs: []trace.Attr{textAttr("a", "b"), intAttr("n", 1)}}}
				s.Links = []trace.Link{{TraceID: trace.ID{15: 3}, SpanID: trace.SpanID{7: 4}, TraceState: "t=1", Attrs: []trace.Attr{intAttr("n", 1)}, DroppedAttrs: 2}}
				s.Attrs = []trace.Attr{intAttr("pid", 8), {Key: "list", Value: trace.Value{Kind: trace.KindList, List: []trace.Value{textValue("x")}}}}
			},
			`"kind":"SERVER","name":"get","timestamp":1500000000000000,"duration":1,"localEndpoint":{"serviceName":"back"},` +
				`"annotations":[{"timestamp":1500000000000000,"value":"gc"},{"timestamp":1500000000000002,"value":"\"\\\"log\\\"\":{\"a\":\"b\",\"n\":1}"}],` +
				`"tags":{"host.name":"h","list":"[\"x\"]","otel.scope.name":"lib","otel.scope.version":"1",` +
				`"otlp.link.0":"00000000000000000000000000000003|0000000000000004|t=1|{\"n\":1}|2","pid":"8","w3c.tracestate":"a=b"}`,
		},
		"internal":        {func(s *trace.Span) { s.Kind = trace.KindInternal }, `"timestamp":1500000000000000,"tags":{"span.kind":"internal"}`},
		"ok":              {func(s *trace.Span) { s.StatusCode = 1 }, `"timestamp":1500000000000000,"tags":{"otel.status_code":"OK"}`},
		"failed":          {func(s *trace.Span) { s.StatusCode = 2 }, `"timestamp":1500000000000000,"tags":{"error":"","otel.status_code":"ERROR"}`},
		"failed, and why": {func(s *trace.Span) { s.StatusCode, s.StatusMessage = 2, "boom" }, `"timestamp":1500000000000000,"tags":{"error":"boom","otel.status_code":"ERROR"}`},
		"error=true": {
			func(s *trace.Span) { s.StatusCode, s.Attrs = 2, []trace.Attr{boolean("error", 1)} },
			`"timestamp":1500000000000000,"tags":{"error":"true","otel.status_code":"ERROR"}`,
		},
		"error=false": {func(s *trace.Span) { s.Attrs = []trace.Attr{boolean("error", 0)} }, `"timestamp":1500000000000000`},
		"peer": {
			func(s *trace.Span) {
				s.Attrs = []trace.Attr{textAttr("net.peer.ip", "10.0.0.1"), intAttr("net.peer.port", 80), textAttr("peer.service", "db")}
			},
			`"timestamp":1500000000000000,"remoteEndpoint":{"serviceName":"db","ipv4":"10.0.0.1","port":80}`,
		},
		"peer that is none": {
			func(s *trace.Span) {
				s.Attrs = []trace.Attr{textAttr("net.peer.ip", "?"), intAttr("net.peer.port", 80_000)}
			},
			`"timestamp":1500000000000000,"tags":{"net.peer.ip":"?","net.peer.port":"80000"}`,
		},
		"server": {
			func(s *trace.Span) {
				s.Kind = trace.KindClient
				s.Attrs = []trace.Attr{textAttr("network.peer.address", "::1"), textAttr("server.address", "db"), intAttr("server.port", 80)}
			},
			`"kind":"CLIENT","timestamp":1500000000000000,"remoteEndpoint":{"serviceName":"db","ipv6":"::1","port":80},"tags":{"network.peer.address":"::1","server.address":"db","server.port":"80"}`,
		},
		"clock ran backwards": {func(s *trace.Span) { s.EndNanos = 1 }, `"timestamp":1500000000000000`},
	} {
		s := trace.Span{TraceID: trace.ID{15: 0xaa}, SpanID: trace.SpanID{7: 1}, StartNanos: start, EndNanos: start, Resource: new(trace.Resource), Scope: new(trace.Scope)}
		tc.set(&s)
		want := `{"traceId":"00000000000000aa","id":"0000000000000001",` + tc.want + `}`
		if name == "everything" {
			want = `{"traceId":"010000000000000000000000000000aa","parentId":"0000000000000002","id":"0000000000000001",` + tc.want + `}`
		}
		var w shower
		var out span
		w.show(&out, &s)
		if got := string(appendSpan(nil, &out)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}
