package zipkin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/otlp"
	"github.com/pandodb/pando/internal/otlpwire"
)

const protobuf = "application/x-protobuf"

func TestBadJSON(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	const ids = `"traceId":"aa","id":"1"`
	for body, want := range map[string]string{
		`{}`:                                "want a list of spans: offset 0: found '{': want [",
		`[`:                                 "spans[0]: offset 1: text ends early: want a span, which is an object",
		`[{` + ids + `}`:                    "offset 26: text ends early: want , or ]",
		`[{` + ids + `}] x`:                 "offset 28: found 'x': want the end of the text",
		`[7]`:                               "spans[0]: offset 1: found '7': want a span, which is an object",
		`[null]`:                            "spans[0]: offset 1: found 'n': want a span, which is an object",
		`[{}]`:                              "spans[0]: the trace id is missing",
		`[{"traceId":"aa"}]`:                "spans[0]: the span id is missing",
		`[{"traceId":"0","id":"1"}]`:        `spans[0].traceId: trace id "0": want 1 to 32 hex digits, not all zero`,
		`[{` + ids + `},{"traceId":"xyz"}]`: `spans[1].traceId: trace id "xyz": want 1 to 32 hex digits, not all zero`,
		`[{"traceId":"aa","id":"11111111111111111"}]`:                    `spans[0].id: span id "11111111111111111": want 1 to 16 hex digits, not all zero`,
		`[{"traceId":"aa","id":1}]`:                                      `spans[0].id: offset 22: found '1': want "`,
		`[{` + ids + `,"parentId":"g"}]`:                                 `spans[0].parentId: span id "g": want 1 to 16 hex digits, not all zero`,
		`[{` + ids + `,"kind":"client"}]`:                                `spans[0].kind: "client": want CLIENT, SERVER, PRODUCER or CONSUMER`,
		`[{` + ids + `,"timestamp":-1}]`:                                 `spans[0].timestamp: "-1": want an integer from 0 to 9223372036854775`,
		`[{` + ids + `,"timestamp":"now"}]`:                              `spans[0].timestamp: "now": want an integer from 0 to 9223372036854775`,
		`[{` + ids + `,"timestamp":1500000000000000000}]`:                `spans[0].timestamp: "1500000000000000000": want an integer from 0 to 9223372036854775`,
		`[{` + ids + `,"duration":1.5}]`:                                 `spans[0].duration: "1.5": want an integer from 0 to 9223372036854775`,
		`[{` + ids + `,"duration":{}}]`:                                  `spans[0].duration: offset 37: found '{': want a number`,
		`[{` + ids + `,"remoteEndpoint":{"port":65536}}]`:                `spans[0].remoteEndpoint.port: "65536": want an integer from 0 to 65535`,
		`[{` + ids + `,"localEndpoint":"a"}]`:                            `spans[0].localEndpoint: offset 42: found '"': want {`,
		`[{` + ids + `,"annotations":[{"timestamp":1,"value":"a"},{}]}]`: `spans[0].annotations[1]: the timestamp is missing`,
		`[{` + ids + `,"annotations":[{"timestamp":1}]}]`:                `spans[0].annotations[0]: the value is missing`,
		`[{` + ids + `,"annotations":[{"timestamp":1,"value":null}]}]`:   `spans[0].annotations[0]: the value is missing`,
		`[{` + ids + `,"annotations":[{"timestamp":"x"}]}]`:              `spans[0].annotations[0].timestamp: "x": want an integer from 0 to 9223372036854775`,
		`[{` + ids + `,"tags":{"a":null}}]`:                              `spans[0].tags["a"]: offset 38: found 'n': want a string`,
		`[{` + ids + `,"tags":{"a":["b"]}}]`:                             `spans[0].tags["a"]: offset 38: found '[': want a string`,
		`[{` + ids + `,"debug":1}]`:                                      `spans[0].debug: offset 34: found '1': want true or false`,
		`[{` + ids + `,"binaryAnnotations":[]}]`:                         `spans[0].binaryAnnotations: only version 1 of the format has it: send version 2`,
		"[{" + ids + ",\"name\":\"\xff\"}]":                              `spans[0].name: offset 36: string is not valid UTF-8`,
	} {
		wantText(t, body, srv.do(http.MethodPost, "/api/v2/spans", "application/json", []byte(body), false), http.StatusBadRequest, want)
	}
	if got := srv.get(t, "/api/v2/traces"); got != "[]" {
		t.Errorf("stored: %s", got)
	}
}

func TestBadProtobuf(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	message := func(fields ...[]byte) []byte { return otlpwire.AppendLen(nil, 1, bytes.Join(fields, nil)) }
	traceID, id := otlpwire.AppendLen(nil, 1, make8(1)), otlpwire.AppendLen(nil, 3, make8(2))
	frame := func(field uint32, payload ...[]byte) []byte {
		return otlpwire.AppendLen(nil, field, bytes.Join(payload, nil))
	}
	for name, tc := range map[string]struct {
		body []byte
		want string
	}{
		"JSON":             {[]byte(`[]`), "want a list of spans: offset 1: field is cut off"},
		"cut off":          {[]byte{0x0a}, "want a list of spans: offset 0: field is cut off"},
		"wire type":        {otlpwire.AppendUint(nil, 1, 1), "want a list of spans: field 1 has wire type 0: not that of zipkin.proto3"},
		"no ids":           {message(), "spans[0]: the trace id is missing"},
		"no id":            {message(traceID), "spans[0]: the span id is missing"},
		"zero id":          {message(otlpwire.AppendLen(nil, 1, make8(0)), id), "spans[0]: the trace id is missing"},
		"trace id":         {message(otlpwire.AppendLen(nil, 1, "123"), id), "spans[0].trace_id: it has 3 bytes: want 16 or 8"},
		"id":               {message(traceID, otlpwire.AppendLen(nil, 3, "")), "spans[0].id: it has 0 bytes: want 8"},
		"parent":           {append(message(traceID, id), message(traceID, id, otlpwire.AppendLen(nil, 2, "1"))...), "spans[1].parent_id: it has 1 bytes: want 8"},
		"kind":             {message(traceID, id, otlpwire.AppendUint(nil, 4, 5)), "spans[0].kind: 5: want 1 to 4, or 0 for none"},
		"timestamp":        {message(traceID, id, otlpwire.AppendFixed64(nil, 6, math.MaxUint64)), "spans[0].timestamp: 18446744073709551615: want microseconds up to 9223372036854775"},
		"timestamp's type": {message(traceID, id, otlpwire.AppendUint(nil, 6, 1)), "spans[0]: field 6 has wire type 0: not that of zipkin.proto3"},
		"address":          {message(traceID, id, frame(9, otlpwire.AppendLen(nil, 2, "12345"))), "spans[0].remote_endpoint: an address has 5 bytes: want 4 or 16"},
		"port":             {message(traceID, id, frame(8, otlpwire.AppendUint(nil, 4, math.MaxUint64))), "spans[0].local_endpoint.port: -1: want 1 to 65535, or 0 for none"},
		"annotation":       {message(traceID, id, frame(10)), "spans[0].annotations[0]: the timestamp is missing"},
		"tag":              {message(traceID, id, frame(11), frame(11, otlpwire.AppendUint(nil, 2, 1))), "spans[0].tags[1]: field 2 has wire type 0: not that of zipkin.proto3"},
		"tag cut off":      {message(traceID, id, frame(11, []byte{0x0a, 9})), "spans[0].tags[0]: offset 0: field is longer than its message"},
		"endpoint":         {message(traceID, id, frame(8, []byte{0x0a, 9})), "spans[0].local_endpoint: offset 0: field is longer than its message"},
	} {
		wantText(t, name, srv.do(http.MethodPost, "/api/v2/spans", protobuf, tc.body, false), http.StatusBadRequest, tc.want)
	}
}

func make8(last byte) []byte { return []byte{7: last} }

// TestEmptyBodies: no spans are no error.
func TestEmptyBodies(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	for _, body := range []string{"", "[]", " [ ] \n"} {
		srv.post(t, "text/plain", []byte(body))
	}
	srv.post(t, protobuf, nil)
	srv.post(t, "application/protobuf", []byte{0x12, 0}) // an unknown field
}

// TestRefusedSpans: a span that cannot be stored is an error, the others are there.
func TestRefusedSpans(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	now := testNow.UnixMicro()
	body := fmt.Appendf(nil, `[{"traceId":"aa","id":"1","timestamp":%d},{"traceId":"bb","id":"2","timestamp":1}]`, now)
	w := srv.do(http.MethodPost, "/api/v2/spans", "application/json", body, false)
	wantText(t, "too old", w, http.StatusBadRequest, "1 of 2 spans were refused and must not be sent again as they are: "+
		"span 0000000000000002 of trace 000000000000000000000000000000bb: start time 1970-01-01T00:00:00.000001Z is before 2025-11-20T13:00:00Z, "+
		"the oldest that retention keeps: check the sender's clock and that it counts nanoseconds")
	if got := srv.get(t, "/api/v2/trace/aa"); !strings.Contains(got, `"id":"0000000000000001"`) {
		t.Error(got)
	}
}

// repeated is an endless list of the same text, up to a number of bytes.
func repeated(text string, size int64) io.Reader {
	return io.LimitReader(&repeater{text: text}, size)
}

type repeater struct {
	text string
	at   int
}

func (r *repeater) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], r.text[r.at:])
		n, r.at = n+c, (r.at+c)%len(r.text)
	}
	return n, nil
}

// TestLimits: bodies are bounded, as sent and inflated; and so is what all of
// them take.
func TestLimits(t *testing.T) {
	srv := newServer(t, otlp.Options{MaxWireBytes: 1 << 20, MaxRequestBytes: 2 << 20, MaxInFlightBytes: 4 << 20})
	post := func(body []byte, gzipped bool) (code int, text string) {
		w := srv.do(http.MethodPost, "/api/v2/spans", "application/json", body, gzipped)
		return w.Code, w.Body.String()
	}
	// 16 MiB in 16 kB: what inflates it must stop at the limit.
	if code, text := post(zipped(t, repeated(" ", 16<<20)), true); code != http.StatusRequestEntityTooLarge {
		t.Errorf("bomb: %d %s", code, text)
	}
	if code, text := post(bytes.Repeat([]byte(" "), 1<<20+1), false); code != http.StatusRequestEntityTooLarge {
		t.Errorf("large: %d %s", code, text)
	}
	if code, text := post([]byte("no gzip"), true); code != http.StatusBadRequest || !strings.HasPrefix(text, "body cannot be read: ") {
		t.Errorf("no gzip: %d %s", code, text)
	}
	srv.gateway.opts.MaxExportBytes = 1000
	if code, text := post([]byte(`[`+strings.Repeat(`{"traceId":"1","id":"1"},`, 20)+`{"traceId":"1","id":"1"}]`), false); code != http.StatusRequestEntityTooLarge ||
		text != "the spans have more than 1000 bytes as OTLP: send fewer at a time\n" {
		t.Errorf("as OTLP: %d %s", code, text)
	}
	if used := srv.ingest.Stats().InFlightBytes; used != 0 {
		t.Errorf("%d bytes are in flight", used)
	}
}

// TestPressure: what is worth sending again says when.
func TestPressure(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	body := fmt.Appendf(nil, `[{"traceId":"aa","id":"1","timestamp":%d}]`, testNow.UnixMicro())
	for _, tc := range []struct {
		err   error
		code  int
		text  string
		after string
	}{
		{base.Retry(2500*time.Millisecond, "disk is full"), http.StatusTooManyRequests, "disk is full", "3"},
		{base.Errorf(base.ClassUnavailable, "stopping"), http.StatusServiceUnavailable, "stopping", "1"},
		{errors.New("secret"), http.StatusInternalServerError, "internal error: the server's log says more", ""},
	} {
		srv.err = tc.err
		w := srv.do(http.MethodPost, "/api/v2/spans", "", body, false)
		wantText(t, tc.text, w, tc.code, tc.text)
		if got := w.Header().Get("Retry-After"); got != tc.after {
			t.Errorf("%s: Retry-After %q", tc.text, got)
		}
	}
}

// TestRefusedRequests are those whose body nobody reads.
func TestRefusedRequests(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	w := srv.do(http.MethodPut, "/api/v2/spans", "", nil, false)
	wantText(t, "PUT", w, http.StatusMethodNotAllowed, `method "PUT" is not allowed here: use GET, HEAD, POST`)
	if got := w.Header().Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", got)
	}
	wantText(t, "version 1", srv.do(http.MethodPost, "/api/v1/spans", "", nil, false), http.StatusNotFound,
		"version 1 of Zipkin's format is not served: send version 2 to /api/v2/spans")
	wantText(t, "unknown", srv.do(http.MethodGet, "/api/v2/nothing", "", nil, false), http.StatusNotFound, `there is no "/api/v2/nothing"`)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v2/spans", strings.NewReader("[]"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Encoding", "br")
	_, release, err := srv.ingest.Receive(nil, r)
	release()
	if base.ClassOf(err) != base.ClassInvalid || err.Error() != `content encoding "br" is not supported: send gzip or identity` {
		t.Error(err)
	}
}

// TestInvalidText: protobuf carries any bytes as text; what is not UTF-8 is
// replaced.
func TestInvalidText(t *testing.T) {
	text := otlpwire.AppendLen(nil, 1, "a\xffb")
	msg := bytes.Join([][]byte{
		otlpwire.AppendLen(nil, 1, make8(1)), otlpwire.AppendLen(nil, 3, make8(2)),
		otlpwire.AppendLen(nil, 5, "get \xc3"), otlpwire.AppendLen(nil, 8, text), otlpwire.AppendLen(nil, 11, text),
	}, nil)
	spans, err := readAll(newProtoSpans(otlpwire.AppendLen(nil, 1, msg)))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"traceId":"0000000000000001","id":"0000000000000002","name":"get �","localEndpoint":{"serviceName":"a�b"},"tags":{"a�b":""}}`
	if got := string(appendSpan(nil, &spans[0])); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNew(t *testing.T) {
	srv := newServer(t, otlp.Options{})
	if _, err := New(nil, srv.ingest, Options{}); err == nil || err.Error() != "zipkin: the store or the writer is missing" {
		t.Error(err)
	}
	if _, err := New(srv.gateway.store, srv.ingest, Options{MaxExportBytes: -1}); err == nil ||
		err.Error() != "zipkin: option MaxExportBytes -1: want a positive number" {
		t.Error(err)
	}
	g, err := New(srv.gateway.store, srv.ingest, Options{Timeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := g.bounded(t.Context())
	defer cancel()
	if _, bounded := ctx.Deadline(); bounded {
		t.Error("a timeout below zero is none")
	}
}
