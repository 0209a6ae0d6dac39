package jaeger

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// checkParsed checks what holds for every search that a parser lets through.
func checkParsed(t *testing.T, s *searchParams, err error) {
	t.Helper()
	if err == nil {
		_, err = s.query()
	}
	if err == nil {
		return
	}
	if c := base.ClassOf(err); c != base.ClassInvalid && c != base.ClassTooLarge {
		t.Errorf("class %v: %v", c, err)
	}
	if len(err.Error()) > 1000 {
		t.Errorf("the message has %d bytes", len(err.Error()))
	}
}

func FuzzLegacyQuery(f *testing.F) {
	f.Add("service=s&operation=o&limit=20&start=1&end=2&minDuration=1ms&maxDuration=2s&tag=a:b&tags=%7B%22error%22%3A%22true%22%7D&lookback=1h&raw=true")
	f.Add("start=-9223372036854775808&end=9223372036854775807&lookback=99999d&limit=-1")
	f.Add("tags=%7B%22a%22%3A1e999%7D&tag=:&tag=&maxDuration=NaN;%")
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := parseLegacySearch(newParams(raw), testNow)
		checkParsed(t, s, err)
	})
}

func FuzzV3Query(f *testing.F) {
	f.Add(aDay + "&query.serviceName=s&query.attributes=%7B%22a%22%3Atrue%7D&query.searchDepth=5&query.durationMin=1s")
	f.Add("query.start_time_min=0000-01-01T00:00:00Z&query.start_time_max=9999-12-31T23:59:59.999999999-23:59&query.num_traces=0")
	f.Add("query.filter=x")
	f.Add(aDay + "&query.pagination.pageSize=5&query.pagination.pageToken=x&query.filter=%7B%22op%22%3A%22exists%22%2C%22args%22%3A%5B%7B%22attr%22%3A%7B%22key%22%3A%22a%22%7D%7D%5D%7D")
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := parseV3Query(newParams(raw))
		checkParsed(t, s, err)
	})
}

func FuzzV3SpanQuery(f *testing.F) {
	f.Add(aDay + "&query.pagination.pageSize=5&query.orderBy=%5B%7B%22expression%22%3A%7B%22field%22%3A%7B%22level%22%3A%22span%22%2C%22name%22%3A%22duration%22%7D%7D%7D%5D")
	f.Add(aDay + "&query.pagination.page_size=4294967296&query.order_by=%5B%7B%7D%5D")
	f.Add("query.pagination.pageSize=1&query.orderBy=null%7D%2C%7B")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseV3SpanQuery(newParams(raw))
		if err == nil {
			if err := q.Validate(); err != nil {
				t.Errorf("let through: %v", err)
			}
			return
		}
		if c := base.ClassOf(err); c != base.ClassInvalid && c != base.ClassTooLarge {
			t.Errorf("class %v: %v", c, err)
		}
	})
}

// FuzzLogfmt: what is written as logfmt reads back, and nothing without a key
// gets through.
func FuzzLogfmt(f *testing.F) {
	f.Add(`error=true http.method="GET \"/\"" retry n=`, "a", "b c")
	f.Add(`a="`, "=", "\xff")
	f.Add("\u00a0a=b\u2028c", "ä", "\n")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		p, tags := newParams(""), make(map[string]string)
		p.logfmt(tags, "tags", text)
		if _, nameless := tags[""]; nameless || p.err != nil && base.ClassOf(p.err) != base.ClassInvalid {
			t.Errorf("%q: %v, %v", text, tags, p.err)
		}
		if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r == '=' || r == '"' || unicode.IsSpace(r) }) {
			return
		}
		p, tags = newParams(""), make(map[string]string)
		p.logfmt(tags, "tags", " "+key+"="+strconv.Quote(value)+" z="+strconv.Quote(value))
		if p.err != nil || tags[key] != value || tags["z"] != value {
			t.Errorf("%q=%q reads as %q: %v", key, value, tags, p.err)
		}
	})
}

// FuzzTransform: any document is shown, or refused in words.
func FuzzTransform(f *testing.F) {
	f.Add([]byte(aFile))
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"1"}]}]}]}`))
	f.Add([]byte("[]"))
	mux := newTestMux(f, &fakeStore{})
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/transform?prettyPrint=1", bytes.NewReader(body)))
		if !json.Valid(w.Body.Bytes()) || w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
}

// FuzzAdjust: whatever ids, kinds and times spans have, adjusting ends, loses
// none but copies and writes to nothing shared.
func FuzzAdjust(f *testing.F) {
	f.Add([]byte{1, 0, 3, 10, 20, 1, 0, 2, 12, 18, 2, 1, 0, 5, 50}, int64(time.Hour))
	f.Add([]byte{1, 2, 0, 1, 1, 2, 1, 0, 1, 1, 3, 3, 0, 1, 1}, int64(0))
	f.Fuzz(func(t *testing.T, data []byte, most int64) {
		tr := trace.Trace{ID: traceID(1)}
		ids := make(map[trace.SpanID]bool)
		for ; len(data) >= 5; data = data[5:] {
			s := spanAt(uint64(data[0]%8), uint64(data[1]%8), string(rune('a'+data[2]%3)), int(data[3]), int(data[4]))
			s.Kind = trace.Kind(data[2] % 6)
			s.Attrs = []trace.Attr{{Key: "ip", Value: trace.Value{Kind: trace.KindInt, Int: int64(data[3])}}}
			tr.Spans = append(tr.Spans, s)
			ids[s.SpanID] = true
		}
		before := trace.AppendOTLP(nil, tr.Spans)
		copied := trace.Trace{ID: tr.ID, Spans: slices.Clone(tr.Spans)}
		Adjuster{MaxClockSkew: time.Duration(most)}.Adjust(&copied)
		if !bytes.Equal(before, trace.AppendOTLP(nil, tr.Spans)) {
			t.Error("the stored trace changed")
		}
		if len(copied.Spans) > len(tr.Spans) || len(copied.Spans) < len(ids) {
			t.Errorf("%d spans of %d with %d ids", len(copied.Spans), len(tr.Spans), len(ids))
		}
	})
}

func FuzzTags(f *testing.F) {
	f.Add(`{"http.status_code":"200","error":true,"n":-1.5e3}`, "a:b")
	f.Add(`{"":""}`, ":")
	f.Add(`{"a":{}}`, "novalue")
	f.Add(` { "a" : "\ud800" } `, "ä:ö:ü")
	f.Fuzz(func(t *testing.T, object, pair string) {
		p, tags := newParams(""), make(map[string]string)
		p.attributes(tags, "tags", object)
		if ok := p.err == nil; ok && !json.Valid([]byte(object)) {
			t.Errorf("took %q", object)
		}
		var texts map[string]string // what Jaeger takes, we take, and alike
		if json.Unmarshal([]byte(object), &texts) == nil && !strings.Contains(object, "null") {
			if _, nameless := texts[""]; p.err == nil == nameless {
				t.Fatalf("%q: %v", object, p.err)
			}
			for key, value := range texts {
				if p.err == nil && tags[key] != value {
					t.Errorf("%q: %q is %q, want %q", object, key, tags[key], value)
				}
			}
		}
		p, tags = newParams(""), make(map[string]string)
		p.tag(tags, "tag", pair)
		for key, value := range tags {
			if key == "" || key+":"+value != pair {
				t.Errorf("%q is %q:%q", pair, key, value)
			}
		}
	})
}

func FuzzTraceID(f *testing.F) {
	for _, s := range []string{"1", "ABC", "/wAAAAAAAAAAAAAAAAAA/g==", "_wAAAAAAAP4", strings.Repeat("f", 33), "=", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := parseTraceID(s)
		if err != nil {
			if base.ClassOf(err) != base.ClassInvalid {
				t.Errorf("class %v", base.ClassOf(err))
			}
			return
		}
		if again, err := parseTraceID(id.String()); id.IsZero() || err != nil || again != id {
			t.Errorf("%q reads as %v, which reads as %v, %v", s, id, again, err)
		}
	})
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "\x00\"\\\n", "é😀\u2028", "\xff\xc3", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := appendString(nil, s)
		var back, want string
		if err := json.Unmarshal(got, &back); err != nil || !utf8.Valid(got) {
			t.Fatalf("%q: %s: %v", s, got, err)
		}
		b, err := json.Marshal(s)
		if err != nil || json.Unmarshal(b, &want) != nil || back != want {
			t.Errorf("%q reads back as %q, want %q", s, back, want)
		}
	})
}

// FuzzRequest: whatever the address, the answer is one JSON document, and never
// a failure of ours.
func FuzzRequest(f *testing.F) {
	for _, target := range []string{
		"/api/services", "/api/services/a%2fb/operations", "/api/operations?service=s", "/api/traces?traceID=1&traceID=x",
		"/api/traces/abc?start=1", "/api/dependencies?endTs=1&lookback=2", "/api/v3/services", "/api/v3/operations?service=s",
		"/api/v3/traces?" + aDay, "/api/v3/traces/1", "/api/v3/trace-summaries?" + aDay, "/api/v3/dependencies?start_time=x", "/api/v3/?",
		"/api/v3/spans?" + aDay + "&query.pagination.pageSize=1", "/api/archive/1", "/api/transform", "/api/traces?tags=a=b&prettyPrint=1",
	} {
		f.Add(target)
	}
	mux := newTestMux(f, &fakeStore{traces: []trace.Trace{richTrace()}, summaries: testSummaries()})
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/api/") {
			return
		}
		w := httptest.NewRecorder()
		r := (&http.Request{Method: http.MethodGet, URL: u, Body: http.NoBody}).WithContext(t.Context())
		mux.ServeHTTP(w, r)
		if w.Header().Get("Content-Type") != "application/json" {
			return // the mux itself: redirects and other people's addresses
		}
		if !json.Valid(w.Body.Bytes()) || w.Code >= http.StatusInternalServerError {
			t.Errorf("%q: status %d: %s", target, w.Code, w.Body)
		}
	})
}
