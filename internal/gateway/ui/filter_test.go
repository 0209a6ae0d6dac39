package ui

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func TestFilterErrorsHaveAPlace(t *testing.T) {
	h := newTestHandler(t, &fakeStore{})
	for _, path := range []string{"traces/search", "traces/histogram", "spans/search"} {
		w := get(t, h, "/api/v1/"+path+"?filter="+url.QueryEscape("service = cart or\nduration >"))
		want := &placeDoc{Line: 2, Column: 11}
		got := decode[errorDoc](t, w.Body.Bytes()).Error
		if w.Code != 400 || got.Code != "E_INVALID" || cmp.Diff(want, got.Place) != "" || !strings.Contains(got.Message, "found the end") {
			t.Errorf("%s: status %d, %+v", path, w.Code, got)
		}
	}
	if w := get(t, h, "/api/v1/traces/search?limit=0"); strings.Contains(w.Body.String(), "place") {
		t.Errorf("a wrong limit has a place in the filter: %s", w.Body)
	}
}

func TestFilterOf(t *testing.T) {
	f := func(params, want string) {
		t.Helper()
		p, err := url.ParseQuery(params)
		if err != nil {
			t.Fatal(err)
		}
		q, err := parseConditions(p, testNow)
		if err != nil {
			t.Fatal(err)
		}
		filter := filterOf(&q)
		if filter == nil {
			if want != "" {
				t.Errorf("%s: no filter", params)
			}
			return
		}
		if err := filter.Validate(); err != nil {
			t.Errorf("%s: %v", params, err)
		}
		if got := filter.String(); got != want {
			t.Errorf("%s: got %s\nwant %s", params, got, want)
		}
	}
	f("", "")
	f("service=a+b", `resource.service = "a b"`)
	f("filter=x+%3D+1", `x = 1`)
	f("service=a&operation=b&kind=server&minDuration=1ms&maxDuration=1s&filter=x+%3D+1+or+y+%3D+2",
		`resource.service = "a" and span.name = "b" and span.kind = "server" and span.duration >= 1000000ns and span.duration <= 1000000000ns and (x = 1 or y = 2)`)
	f("errors=true", `span.status = "error" or span.error = "true"`)
	f("tags=k%3Dv", `span.k = "v" or resource.k = "v" or scope.k = "v" or event.k = "v" or link.k = "v"`)
}

// FuzzConditions checks that parameters which are taken make a valid query and,
// as one filter, a valid query for spans.
func FuzzConditions(f *testing.F) {
	for _, seed := range []string{
		"service=a&errors=true", "tags=a%3D1+b%3D2&minDuration=1ms", "filter=some+event+(event.name+%3D+x)", "kind=client&lookback=1h",
		"filter=name+~+%22%5E%22", "filter=%60", "sort=duration&direction=ascending&limit=3&token=x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, params string) {
		p, err := url.ParseQuery(params)
		if err != nil {
			return
		}
		q, err := parseConditions(p, testNow)
		if err != nil {
			if class := base.ClassOf(err); class != base.ClassInvalid && class != base.ClassTooLarge {
				t.Fatalf("%q: %v of class %v", params, err, class)
			}
			return
		}
		q.Page = &search.Page{Size: 1}
		if q.Validate() != nil {
			return
		}
		filter := filterOf(&q)
		if text, _ := url.QueryUnescape(params); filter == nil || !utf8.ValidString(text) {
			return // filters are of text, tags of bytes
		}
		if err := filter.Validate(); err != nil && base.ClassOf(err) != base.ClassTooLarge {
			t.Fatalf("%q: the query is valid, as a filter it is not: %v", params, err)
		}
	})
}

func TestSpanSearch(t *testing.T) {
	s := newSpan(2, 1)
	s.TraceID, s.Kind, s.StatusCode, s.StatusMessage = trace.ID{15: 9}, trace.KindClient, trace.StatusError, "no"
	store := &fakeStore{spans: []trace.Span{s}, next: "more"}
	h := newTestHandler(t, store)
	w := get(t, h, "/api/v1/spans/search?start=5&end=9&service=shop&limit=3&sort=duration&direction=ascending&token=abc")
	want := `{"startUnixNano":"5","endUnixNano":"9","limit":3,"spans":[{` +
		`"traceId":"00000000000000000000000000000009","spanId":"0000000000000002","service":"shop","name":"op","kind":"client",` +
		`"startUnixNano":"1795176002000000000","durationNanos":500000000,"statusCode":"error","statusMessage":"no"}],"nextToken":"more"}`
	if w.Body.String() != want {
		t.Errorf("got %s\nwant %s", w.Body, want)
	}
	q := store.spanQuery
	if q.Filter.String() != `resource.service = "shop"` || q.Page != (search.Page{Size: 3, Token: "abc"}) ||
		!slices.Equal(q.OrderBy, []search.SpanSort{{Field: search.SpanDuration}}) {
		t.Errorf("the store was asked %+v", q)
	}
	for _, wrong := range []string{"sort=name", "direction=up", "limit=0", "start=7&end=7", "kind=x"} {
		if w := get(t, h, "/api/v1/spans/search?"+wrong); w.Code != 400 {
			t.Errorf("%s: status %d", wrong, w.Code)
		}
	}
}

func TestVocabulary(t *testing.T) {
	doc := getJSON[vocabularyDoc](t, newTestHandler(t, &fakeStore{}), "/api/v1/vocabulary")
	if !slices.Contains(doc.Levels, "resource") || !slices.Contains(doc.Kinds, "server") || !slices.Contains(doc.Statuses, "error") ||
		!slices.Contains(doc.Fields, fieldDoc{Level: "span", Name: "duration", Kind: "duration"}) {
		t.Errorf("%+v", doc)
	}
}
