package zipkin

import (
	"math/rand/v2"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// checkBody checks what holds for every body: it is refused as invalid, or its
// spans are stored and read as they came, but for what Zipkin does not keep.
func checkBody(t *testing.T, body []byte, in spanReader) {
	spans, err := readAll(in)
	if err != nil {
		if base.ClassOf(err) != base.ClassInvalid || len(err.Error()) > 1000 {
			t.Fatalf("class %v: %v", base.ClassOf(err), err)
		}
		return
	}
	var doc []byte
	for i := range spans {
		doc = appendSpan(append(doc, ','), &spans[i])
	}
	again := []span{}
	if len(doc) > 0 {
		doc[0] = '['
		if again, err = readAll(newJSONSpans(append(doc, ']'))); err != nil {
			t.Fatalf("%v in %s", err, doc)
		}
	}
	if diff := gocmp.Diff(spans, again, equalSpans); diff != "" {
		t.Fatalf("as JSON (-want +got):\n%s", diff)
	}
	m, w := newModeler(func() time.Time { return testNow }), shower{}
	for i := range spans {
		b := trace.NewBuilder(trace.Options{})
		b.Reset(1, base.TimeRange{Start: 1, End: base.AllTime.End})
		if err := b.Add(trace.AppendOTLP(nil, []trace.Span{m.model(&spans[i])})); err != nil {
			t.Fatalf("%v of %s", err, body)
		}
		stored, err := trace.ReadSpans(b.Finish())
		if err != nil {
			t.Fatal(err)
		}
		if len(stored) == 0 {
			continue // too large, or the end of time
		}
		var got span
		w.show(&got, &stored[0])
		if diff := gocmp.Diff(spans[i], got, equalSpans); diff != "" {
			t.Fatalf("stored (-want +got):\n%s", diff)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[{"traceId":"5af7183fb1d4cf5f","parentId":"6b221d5bc9e6496c","id":"352bff9a74ca9ad2","kind":"CLIENT","name":"get /api","timestamp":1556604172355737,"duration":1431,` +
		`"localEndpoint":{"serviceName":"backend","ipv4":"192.168.99.1","port":3306},"remoteEndpoint":{"ipv6":"2001:db8::c001","port":58648},` +
		`"annotations":[{"timestamp":1556604172355800,"value":"ws"}],"tags":{"http.method":"GET","error":"404"},"debug":true,"shared":false}]`))
	f.Add([]byte(`[{"traceId":"a","id":"a","parentId":"00","timestamp":"1e6","tags":{"peer.service":"","net.peer.ip":"x","w3c.tracestate":"a=b","span.kind":"internal"},"remoteEndpoint":{"ipv4":"::ffff:1.2.3.4"}}]`))
	f.Add([]byte(`[{"traceId":"a","id":"b","tags":{"a":1,"a":true,"\ud800":"\u0000"},"x":[[{"y":null}]]},{"traceId":"a","id":"c","annotations":[{"value":"","timestamp":1}]}]`))
	f.Add([]byte(` [ ] `))
	f.Fuzz(func(t *testing.T, body []byte) { checkBody(t, body, newJSONSpans(body)) })
}

func FuzzProtobuf(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		s := randomSpan(rng)
		f.Add(appendProto(nil, &s))
	}
	f.Add([]byte("\x12\x00\x0a\x00"))
	f.Fuzz(func(t *testing.T, body []byte) { checkBody(t, body, newProtoSpans(body)) })
}

func FuzzSearch(f *testing.F) {
	f.Add("serviceName=a&spanName=b&remoteServiceName=c&annotationQuery=error+and+http.method%3DGET&minDuration=1&maxDuration=2&endTs=3&lookback=4&limit=5")
	f.Add("annotationQuery=error%3Dfalse+and+%3D+and+otel.scope.name%3Da+and+&endTs=9223372036853&lookback=9223372036854775807")
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := parseSearch(newParams(raw), testNow)
		if err == nil {
			return
		}
		if c := base.ClassOf(err); c != base.ClassInvalid && c != base.ClassTooLarge || len(err.Error()) > 1000 {
			t.Errorf("class %v: %v", c, err)
		}
	})
}
