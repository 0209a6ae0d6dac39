package zipkin

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pandodb/pando/internal/gateway/otlp"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/otlpwire"
)

// equalSpans compares spans to the last field.
var equalSpans = gocmp.Options{
	gocmp.AllowUnexported(span{}, endpoint{}, annotation{}, tag{}),
	gocmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

// randomTags are keys that stand for something in the trace model, or look so,
// and some that do not.
var randomTags = []string{
	"", "error", "otel.status_code", "otel.status_description", "otel.scope.name", "otel.scope.version", "w3c.tracestate", "span.kind",
	attrPeer, attrPeerIP, attrPeerPort, attrShared, attrDebug, attrRemote, attrNoStart, attrService, attrHostIP, attrHostPort,
	"server.address", "server.port", "network.peer.port", "otlp.link.0", "http.path", "größe", "a\"b\\\n",
}

var randomValues = []string{
	"", "true", "false", "ERROR", "OK", "internal", "server", "127.0.0.1", "::1", "80", "a=b", "x \u2028 ü \" \\ \x01", strings.Repeat("long ", 50),
}

// randomSpan returns a settled span that Zipkin could have sent.
func randomSpan(rng *rand.Rand) span {
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	s := span{
		kind: []trace.Kind{0, trace.KindClient, trace.KindServer, trace.KindProducer, trace.KindConsumer}[rng.IntN(5)],
		name: pick([]string{"", "get /", "GET", "ü"}),
	}
	binary.BigEndian.PutUint64(s.id[:], rng.Uint64N(1000)+1)
	binary.BigEndian.PutUint64(s.traceID[8:], rng.Uint64()|1)
	if rng.IntN(2) == 0 {
		binary.BigEndian.PutUint64(s.traceID[:], rng.Uint64())
	}
	if rng.IntN(2) == 0 {
		binary.BigEndian.PutUint64(s.parent[:], 2000+rng.Uint64N(9))
	}
	now := uint64(testNow.UnixMicro())
	if rng.IntN(5) > 0 {
		s.micros = now - rng.Uint64N(1e9)
	}
	if rng.IntN(4) > 0 {
		s.duration = rng.Uint64N(1e7)
	}
	s.local, s.remote = randomEndpoint(rng), randomEndpoint(rng)
	for range rng.IntN(3) {
		s.annotations = append(s.annotations, annotation{now - rng.Uint64N(1e9), pick(randomValues)})
	}
	for range rng.IntN(8) {
		s.tags = append(s.tags, tag{pick(randomTags), pick(randomValues)})
	}
	s.debug, s.shared = rng.IntN(4) == 0, rng.IntN(4) == 0
	s.settleTags()
	return s
}

func randomEndpoint(rng *rand.Rand) (e endpoint) {
	if rng.IntN(3) > 0 {
		e.service = []string{"frontend", "Bank", "ü"}[rng.IntN(3)]
	}
	if rng.IntN(3) == 0 {
		e.v4 = netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(256))})
	}
	if rng.IntN(4) == 0 {
		e.v6 = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(rng.IntN(256))})
	}
	if rng.IntN(3) == 0 {
		e.port = uint16(rng.IntN(1 << 16))
	}
	return e
}

// appendProto appends a span as a field of a ListOfSpans.
func appendProto(dst []byte, s *span) []byte {
	dst, all := otlpwire.Begin(dst, 1)
	id := s.traceID[:]
	if [8]byte(id) == [8]byte{} {
		id = id[8:]
	}
	dst = otlpwire.AppendLen(dst, 1, id)
	if !s.parent.IsZero() {
		dst = otlpwire.AppendLen(dst, 2, s.parent[:])
	}
	dst = otlpwire.AppendLen(dst, 3, s.id[:])
	for n, kind := range protoKinds {
		if kind == s.kind {
			dst = otlpwire.AppendUint(dst, 4, uint64(n))
		}
	}
	dst = otlpwire.AppendLen(dst, 5, s.name)
	dst = otlpwire.AppendFixed64(dst, 6, s.micros)
	dst = otlpwire.AppendUint(dst, 7, s.duration)
	for i, e := range []*endpoint{&s.local, &s.remote} {
		if e.isZero() {
			continue
		}
		var mark int
		dst, mark = otlpwire.Begin(dst, uint32(8+i))
		dst = otlpwire.AppendLen(dst, 1, e.service)
		dst = otlpwire.AppendLen(dst, 2, e.v4.AsSlice())
		dst = otlpwire.AppendLen(dst, 3, e.v6.AsSlice())
		dst = otlpwire.End(otlpwire.AppendUint(dst, 4, uint64(e.port)), mark)
	}
	for _, a := range s.annotations {
		var mark int
		dst, mark = otlpwire.Begin(dst, 10)
		dst = otlpwire.AppendFixed64(dst, 1, a.micros)
		dst = otlpwire.End(otlpwire.AppendLen(dst, 2, a.value), mark)
	}
	for _, t := range s.tags {
		var mark int
		dst, mark = otlpwire.Begin(dst, 11)
		dst = otlpwire.AppendLen(dst, 1, t.key)
		dst = otlpwire.End(otlpwire.AppendLen(dst, 2, t.value), mark)
	}
	dst = otlpwire.AppendUint(dst, 12, btoi(s.debug))
	dst = otlpwire.AppendUint(dst, 13, btoi(s.shared))
	return otlpwire.End(dst, all)
}

func btoi(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// readAll returns the spans of a body.
func readAll(in spanReader) (out []span, err error) {
	for {
		var s span
		more, err := in.next(&s)
		if err != nil || !more {
			return out, err
		}
		out = append(out, s)
	}
}

// TestEverySpanComesBack sends random spans in both encodings and reads each by
// its trace.
func TestEverySpanComesBack(t *testing.T) {
	const spans = 400
	for _, encoding := range []string{"application/json", "application/x-protobuf"} {
		t.Run(encoding, func(t *testing.T) {
			srv := newServer(t, otlp.Options{})
			rng := rand.New(rand.NewPCG(1, 2))
			sent := make([]span, spans)
			var doc, wire []byte
			for i := range sent {
				sent[i] = randomSpan(rng)
				doc = appendSpan(append(doc, ','), &sent[i])
				wire = appendProto(wire, &sent[i])
			}
			doc[0] = '['
			if encoding == "application/json" {
				wire = append(doc, ']')
			}
			srv.post(t, encoding, wire)
			if err := srv.tablet.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i := range sent {
				id := string(appendTraceID(nil, sent[i].traceID))
				got, err := readAll(newJSONSpans([]byte(srv.get(t, "/api/v2/trace/"+id))))
				if err != nil || len(got) != 1 {
					t.Fatalf("span %d: %d spans, %v", i, len(got), err)
				}
				if diff := gocmp.Diff(sent[i], got[0], equalSpans); diff != "" {
					t.Fatalf("span %d of seed 1, 2 (-sent +got):\n%s", i, diff)
				}
			}
		})
	}
}

// TestSharedSpans: a server's span that has the id of its client's is a span of
// its own.
func TestSharedSpans(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	at := testNow.UnixMicro() - 5000
	const text = `{"traceId":"00000000000000aa","id":"0000000000000001","kind":"%s","timestamp":%d,"duration":10,"localEndpoint":{"serviceName":"%s"}%s}`
	client := fmt.Sprintf(text, "CLIENT", at, "front", "")
	server := fmt.Sprintf(text, "SERVER", at+1, "back", `,"shared":true`)
	srv.post(t, "", []byte("["+server+","+client+"]"))
	if got, want := srv.get(t, "/api/v2/trace/aa"), "["+client+","+server+"]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestSpanSentTwice: what a client sends again, because it heard no answer, is
// there once.
func TestSpanSentTwice(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	body := fmt.Appendf(nil, `[{"traceId":"00000000000000aa","id":"0000000000000001","timestamp":%d}]`, testNow.UnixMicro())
	srv.post(t, "application/json", body)
	if w := srv.do(http.MethodPost, "/api/v2/spans", "application/json", zipped(t, strings.NewReader(string(body))), true); w.Code != http.StatusAccepted {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	if got := srv.get(t, "/api/v2/trace/aa"); got != string(body) {
		t.Errorf("got  %s\nwant %s", got, body)
	}
}
