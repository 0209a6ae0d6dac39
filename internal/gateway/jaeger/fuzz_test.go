package jaeger

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
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
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := parseV3Query(newParams(raw))
		checkParsed(t, s, err)
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
