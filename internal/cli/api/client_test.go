package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
)

// answering returns a client of a server that always answers the same.
func answering(t *testing.T, status int, body string) (*Client, *http.Request) {
	t.Helper()
	asked := new(http.Request)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r.Clone(t.Context())
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client notices
	}))
	t.Cleanup(srv.Close)
	c, err := New(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c, asked
}

func TestRefusalsHaveClassesAndHints(t *testing.T) {
	for _, x := range []struct {
		status int
		body   string
		class  base.Class
		text   string
	}{
		{404, `{"error":{"code":"E_NOT_FOUND","message":"trace 1 is not here","hint":"look elsewhere"}}`, base.ClassNotFound, "trace 1 is not here"},
		{429, `{"error":{"code":"E_OVERLOAD","message":"busy"}}`, base.ClassOverload, "busy"},
		{504, `{"error":{"code":"E_TIMEOUT","message":"slow"}}`, base.ClassUnavailable, "slow"},
		{500, `{"error":{"code":"E_NEW","message":"?"}}`, base.ClassBug, "?"},
		{502, `<html>bad gateway</html>`, base.ClassUnavailable, "502 Bad Gateway: <html>bad gateway</html>"},
		{403, `go away`, base.ClassBug, "403 Forbidden: go away"},
		{200, `<html>`, base.ClassBug, ""},
	} {
		c, _ := answering(t, x.status, x.body)
		_, err := c.Services(t.Context())
		if err == nil || base.ClassOf(err) != x.class || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%d %s: class %s, %v", x.status, x.body, base.ClassOf(err), err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:7070": "http://127.0.0.1:7070", "http://a/": "http://a", "https://a:1/pando/": "https://a:1/pando", "a": "http://a",
	} {
		if c, err := New(in); err != nil || c.Address() != want {
			t.Errorf("%s: %v, %v", in, c, err)
		}
	}
	for _, in := range []string{"", "ftp://a", "http://", "http://a b", "::1"} {
		if _, err := New(in); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestSearchSaysWhatItWasTold(t *testing.T) {
	c, asked := answering(t, 200, `{"nextToken":"more","traces":[{"traceId":"ab","startUnixNano":"1767225600000000001","durationNanos":5}]}`)
	found, next, err := c.Search(t.Context(), &Search{
		Service: "a&b", Tags: []Tag{{"k", `say "hi"`}, {"n", "1\n2"}}, MinDuration: 1500, Start: 3, End: 4, Slowest: true, Limit: 9,
		Filter: "duration > 1s", Token: "abc",
	})
	if err != nil || next != "more" || len(found) != 1 || found[0].Start != 1767225600000000001 || found[0].Duration != 5 {
		t.Errorf("found %+v, %v", found, err)
	}
	q := asked.URL.Query()
	got := map[string]string{}
	for k := range q {
		got[k] = q.Get(k)
	}
	want := map[string]string{
		"service": "a&b", "tags": `k="say \"hi\"" n="1\n2"`, "minDuration": "1.5µs", "start": "3", "end": "4", "order": "slowest", "limit": "9",
		"filter": "duration > 1s", "token": "abc",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSearchOfSpans(t *testing.T) {
	c, asked := answering(t, 200, `{"spans":[{"traceId":"ab","spanId":"01","kind":"server","statusCode":"error","startUnixNano":"7"}]}`)
	found, next, err := c.SearchSpans(t.Context(), &SpanSearch{Search: Search{Limit: 3}, Sort: "duration"})
	want := FoundSpan{TraceID: "ab", SpanID: "01", Kind: "server", StatusCode: "error", Start: 7}
	if err != nil || next != "" || len(found) != 1 || found[0] != want {
		t.Errorf("found %+v, %q, %v", found, next, err)
	}
	if got := asked.URL.Path + "?" + asked.URL.RawQuery; got != "/api/v1/spans/search?direction=descending&limit=3&sort=duration" {
		t.Errorf("asked for %s", got)
	}
}

const twoSpans = `{"traceId":"0a","startUnixNano":"100","durationNanos":9,"services":["s"],"names":["n","m"],
	"spanIds":"00000000000000010000000000000002","start":[0,2],"duration":[9,3],"depth":[0,1],"parent":[-1,0],
	"service":[0,0],"name":[0,1],"kind":[2,3],"flags":[0,1]}`

func TestTraceOfColumns(t *testing.T) {
	c, _ := answering(t, 200, twoSpans)
	got, err := c.Trace(t.Context(), "0a")
	if err != nil {
		t.Fatal(err)
	}
	want := &Trace{TraceID: "0a", Start: 100, Duration: 9, Spans: []Span{
		{SpanID: "0000000000000001", Service: "s", Name: "n", Kind: 2, Start: 100, Duration: 9},
		{SpanID: "0000000000000002", ParentID: "0000000000000001", Depth: 1, Service: "s", Name: "m", Kind: 3, Start: 102, Duration: 3, Error: true},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// FuzzTrace feeds answers that no honest server sends.
func FuzzTrace(f *testing.F) {
	f.Add(twoSpans)
	f.Add(strings.Replace(twoSpans, "[-1,0]", "[5,0]", 1))
	f.Add(strings.Replace(twoSpans, `"name":[0,1]`, `"name":[0,-1]`, 1))
	f.Add(strings.Replace(twoSpans, "[0,2]", "[0]", 1))
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, body string) {
		tr, err := parseTrace([]byte(body))
		if err == nil && tr == nil {
			t.Error("neither a trace nor an error")
		}
	})
}
