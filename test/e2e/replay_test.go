package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recordings are what the gateway's own tests replay over a store that is made
// up: requests as clients send them, and the answers.
const recordings = "../../internal/gateway/jaeger/testdata/client_*.golden"

// recordedNoon is the moment that recorded requests were sent at.
var recordedNoon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// exchange is one recorded request and its answer.
type exchange struct {
	client         string
	method, target string
	head           string // status and content type
	body           []byte
}

// route is the address without what varies in it.
func (e *exchange) route() string {
	path, _, _ := strings.Cut(e.target, "?")
	return regexp.MustCompile(`/(traces|archive|services)/[^/]+`).ReplaceAllString(path, "/$1/{}")
}

// readRecordings reads the files: "> METHOD TARGET", "? what the store is asked",
// status and type, body, an empty line.
func readRecordings(t *testing.T) (out []exchange) {
	t.Helper()
	files, err := filepath.Glob(recordings)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", recordings, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for entry := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
			lines := slices.DeleteFunc(strings.Split(entry, "\n"), func(l string) bool { return strings.HasPrefix(l, "? ") })
			if len(lines) != 3 {
				t.Fatalf("%s: want a request, a status and a body in %q", name, entry)
			}
			method, target, _ := strings.Cut(strings.TrimPrefix(lines[0], "> "), " ")
			client := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "client_"), ".golden")
			out = append(out, exchange{client, method, target, lines[1], []byte(lines[2])})
		}
	}
	return out
}

var recordedTimes = regexp.MustCompile(`\b179\d{10}(?:\d{3})?\b|2026-11-20T\d\d%3A\d\d%3A\d\d`)

// moved returns the address with times as long before noon as recorded ones are
// before the recorded noon.
func moved(target string, noon time.Time) string {
	by := noon.Sub(recordedNoon)
	return recordedTimes.ReplaceAllStringFunc(target, func(text string) string {
		if at, err := time.Parse("2006-01-02T15:04:05", strings.ReplaceAll(text, "%3A", ":")); err == nil {
			return url.QueryEscape(at.Add(by).Format("2006-01-02T15:04:05"))
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err.Error()
		}
		if len(text) == len("1795176000000") {
			return strconv.FormatInt(n+by.Milliseconds(), 10)
		}
		return strconv.FormatInt(n+by.Microseconds(), 10)
	})
}

// TestRecordedRequests sends what Grafana, Kiali and Jaeger's pages send to the
// server, where something matches every search, and wants answers of the recorded
// status and shape.
func TestRecordedRequests(t *testing.T) {
	noon := time.Now().UTC().Add(-2 * time.Hour).Truncate(time.Second)
	tellRecorded(t, noon)
	all := readRecordings(t)
	shapes := make(map[string]map[string]string) // of all answers by route and status
	for _, e := range all {
		key := e.route() + e.head
		if shapes[key] == nil {
			shapes[key] = make(map[string]string)
		}
		maps.Copy(shapes[key], shapeOf(t, e.body))
	}
	for i, e := range all {
		t.Run(fmt.Sprintf("%s/%d", e.client, i), func(t *testing.T) {
			target := moved(e.target, noon)
			head, body := send(t, e.method, target)
			if head != e.head {
				t.Fatalf("%s %s: %s, want %s: %.500s", e.method, target, head, e.head, body)
			}
			got, known := shapeOf(t, body), shapes[e.route()+e.head]
			for path, kind := range got {
				if want, ok := known[path]; !ok || want != kind && want != "null" && kind != "null" && !strings.HasSuffix(path, ".value") {
					t.Errorf("%s %s: %s is of type %s, recorded as %q", e.method, target, path, kind, want)
				}
			}
			for path := range shapeOf(t, e.body) { // what every answer has
				if _, ok := got[path]; !ok && strings.Count(path, "[]") <= 1 && !optional.MatchString(path) {
					t.Errorf("%s %s: %s is missing in %.500s", e.method, target, path, body)
				}
			}
		})
	}
}

// optional are members that not every element of a list has.
var optional = regexp.MustCompile(`^\.data\[\]\.processes\.`)

var processID = regexp.MustCompile(`^p\d+$`)

// shapeOf returns the types of a JSON document by path: .data[].spanID. What
// elements of lists have is merged, and so is what Jaeger's processes have.
func shapeOf(t *testing.T, body []byte) map[string]string {
	t.Helper()
	shape := make(map[string]string)
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			shape[path] = "object"
			for name, e := range v {
				walk(path+"."+processID.ReplaceAllString(name, "p"), e)
			}
		case []any:
			shape[path] = "list"
			for _, e := range v {
				walk(path+"[]", e)
			}
		case nil:
			if shape[path] == "" {
				shape[path] = "null"
			}
		default:
			shape[path] = fmt.Sprintf("%T", v)
		}
	}
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var doc any
		if err := d.Decode(&doc); err == io.EOF {
			return shape
		} else if err != nil {
			t.Fatalf("%v in %.500s", err, body)
		}
		walk("", doc)
	}
}

// send sends a request and returns status and type, and the body of the answer.
func send(t *testing.T, method, target string) (head string, body []byte) {
	t.Helper()
	var content io.Reader = http.NoBody
	if strings.HasSuffix(target, "/transform") {
		content = strings.NewReader(recordedSpans(recordedNoon))
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+pando.addr+target, content)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err = io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type")), body
}

// tellRecorded stores the traces that the recorded requests are about.
func tellRecorded(t *testing.T, noon time.Time) {
	t.Helper()
	address := url.URL{Scheme: "http", Host: pando.addr, Path: "/v1/traces"}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address.String(), strings.NewReader(recordedSpans(noon)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // only its status counts
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
}

// recordedSpans returns two traces, of the minutes before noon:
//
//	…01  shop           GET /<cart>   answers 200 and fails all the same
//	     shop           └─ render     has an event
//	     shop.bookinfo  read          a root of its own, 3 ms
//	…02  shop           pay           a client's, fails with 500
//	     shop           └─ pay        a server's, fails
//	     bank              └─ charge  begins before its caller, by a clock behind
//	     a/b c          pack          a root of its own
func recordedSpans(noon time.Time) string {
	id := 0
	span := func(trace byte, parent int, kind int, name, rest string, start, end time.Duration) map[string]any {
		id++
		s := map[string]any{
			"traceId": fmt.Sprintf("0a%030x", trace), "spanId": fmt.Sprintf("%016x", id), "kind": kind, "name": name,
			"startTimeUnixNano": strconv.FormatInt(noon.Add(start-time.Minute).UnixNano(), 10),
			"endTimeUnixNano":   strconv.FormatInt(noon.Add(end-time.Minute).UnixNano(), 10),
		}
		if parent > 0 {
			s["parentSpanId"] = fmt.Sprintf("%016x", parent)
		}
		for key, value := range mustObject(rest) {
			s[key] = value
		}
		return s
	}
	const ms = time.Millisecond
	list := []any{
		ofService("shop", `{"key": "host.name", "value": {"stringValue": "s1"}}`,
			span(1, 0, 2, "GET /<cart>", `{"attributes": [{"key": "http.status_code", "value": {"intValue": "200"}}], "status": {"code": 2}}`, 0, 40*ms),
			span(1, 1, 1, "render", `{"events": [{"name": "exception", "timeUnixNano": "`+strconv.FormatInt(noon.Add(10*ms-time.Minute).UnixNano(), 10)+
				`", "attributes": [{"key": "exception.type", "value": {"stringValue": "NoMoney"}}]}]}`, 5*ms, 25*ms),
			span(2, 0, 3, "pay", `{"attributes": [{"key": "http.status_code", "value": {"intValue": "500"}}], "status": {"code": 2}}`, 50*ms, 80*ms),
			span(2, 3, 2, "pay", `{"status": {"code": 2}}`, 55*ms, 75*ms)),
		ofService("bank", `{"key": "host.name", "value": {"stringValue": "b1"}}`,
			span(2, 4, 2, "charge", `{"attributes": [{"key": "http.status_code", "value": {"intValue": "500"}}]}`, 45*ms, 60*ms)),
		ofService("shop.bookinfo", `{"key": "cluster", "value": {"stringValue": "Kubernetes"}}`,
			span(1, 0, 2, "read", `{}`, 90*ms, 93*ms)),
		ofService("a/b c", `{"key": "host.name", "value": {"stringValue": "a1"}}`,
			span(2, 0, 5, "pack", `{}`, 95*ms, 96*ms)),
	}
	text, err := json.Marshal(map[string]any{"resourceSpans": list})
	if err != nil {
		panic(err) // texts and numbers
	}
	return string(text)
}

// ofService returns spans under their resource; attribute is one in OTLP JSON.
func ofService(name, attribute string, spans ...map[string]any) map[string]any {
	return map[string]any{
		"resource": map[string]any{"attributes": []any{
			map[string]any{"key": "service.name", "value": map[string]any{"stringValue": name}}, json.RawMessage(attribute),
		}},
		"scopeSpans": []any{map[string]any{"spans": spans}},
	}
}

// mustObject decodes an object that stands in this file.
func mustObject(text string) (doc map[string]any) {
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		panic(err)
	}
	return doc
}
