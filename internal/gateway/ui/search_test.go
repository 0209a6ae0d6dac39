package ui

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

func anyTag(key, value string) search.Tag {
	return search.Tag{Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}, AnyType: true}
}

func TestParseQuery(t *testing.T) {
	now := testNow.UnixNano()
	hour := base.TimeRange{Start: now - int64(time.Hour), End: now}
	f := func(params string, want search.Query) {
		t.Helper()
		p, err := url.ParseQuery(params)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseQuery(p, testNow)
		if err != nil {
			t.Errorf("%s: %v", params, err)
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", params, diff)
		}
	}
	f("", search.Query{Time: hour, Page: &search.Page{Size: 50}})
	f("unknown=1", search.Query{Time: hour, Page: &search.Page{Size: 50}})
	f("service=a&operation=GET+%2F&kind=server&errors=true&order=slowest&limit=1000", search.Query{
		Service: "a", Operation: "GET /", Kind: trace.KindServer, ErrorsOnly: true,
		Order: search.Slowest, Time: hour, Page: &search.Page{Size: 1000},
	})
	f("minDuration=1.5ms&maxDuration=2s", search.Query{Time: hour, Page: &search.Page{Size: 50}, MinDuration: 1_500_000, MaxDuration: 2_000_000_000})
	f(`tags=a%3D1+b%3D%22two+words%22`, search.Query{Time: hour, Page: &search.Page{Size: 50}, Tags: []search.Tag{anyTag("a", "1"), anyTag("b", "two words")}})
	f("limit=7&token=abc", search.Query{Time: hour, Page: &search.Page{Size: 7, Token: "abc"}})
	f("filter=service+%3D+cart", search.Query{Time: hour, Page: &search.Page{Size: 50}, Filter: &expression.Call{
		Op: expression.OpEq, Args: []expression.Term{&expression.Field{Level: "resource", Name: "service"}, &expression.Scalar{Value: "cart"}},
	}})
	f("lookback=15m", search.Query{Time: base.TimeRange{Start: now - int64(15*time.Minute), End: now}, Page: &search.Page{Size: 50}})
	f("start=2026-11-20T11:00:00Z&end=2026-11-20T11:30:00.5Z", search.Query{
		Time: base.TimeRange{Start: now - int64(time.Hour), End: now - int64(30*time.Minute) + 5e8}, Page: &search.Page{Size: 50},
	})
	f("start=5&end=7&lookback=1h", search.Query{Time: base.TimeRange{Start: 5, End: 7}, Page: &search.Page{Size: 50}})
	f("end=7200000000000", search.Query{Time: base.TimeRange{Start: 3600e9, End: 7200e9}, Page: &search.Page{Size: 50}})
}

func TestParseQueryRefuses(t *testing.T) {
	f := func(params string, class base.Class) {
		t.Helper()
		p, err := url.ParseQuery(params)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseQuery(p, testNow); err == nil || base.ClassOf(err) != class {
			t.Errorf("%.80s: error %v, want class %v", params, err, class)
		}
	}
	for _, params := range []string{
		"kind=no", "kind=unspecified", "order=fastest", "limit=0", "limit=-1", "limit=1001", "limit=x",
		"minDuration=5", "minDuration=-1s", "maxDuration=x", "minDuration=2s&maxDuration=1s",
		"lookback=0s", "lookback=-1h", "lookback=x", "start=x", "end=1969-01-01T00:00:00Z", "end=9999-01-01T00:00:00Z",
		"start=7&end=7", "start=7&end=5", "tags=novalue", "tags=%22a%22",
		"filter=duration+%3E", "filter=%3D", "filter=status+%3D+failed",
	} {
		f(params, base.ClassInvalid)
	}
	f("service="+strings.Repeat("x", 2000), base.ClassTooLarge)
	f("tags="+strings.Repeat("a%3D1+", 65), base.ClassTooLarge)
}

func TestParseTags(t *testing.T) {
	f := func(in string, want ...search.Tag) {
		t.Helper()
		got, err := parseTags(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
	f("")
	f(" \t\n")
	f("a=1", anyTag("a", "1"))
	f("  a=1\tb=2\r\n", anyTag("a", "1"), anyTag("b", "2"))
	f("http.url=/x?y=z", anyTag("http.url", "/x?y=z"))
	f("a= b=2", anyTag("a", ""), anyTag("b", "2"))
	f(`a=""`, anyTag("a", ""))
	f(`a="x \"y\" \\ \n\t\z"`, anyTag("a", "x \"y\" \\ \n\tz"))
	f(`a="x"b=2`, anyTag("a", "x"), anyTag("b", "2"))
	f("ключ=значение", anyTag("ключ", "значение"))
	f(`"a"=1 "two words"="x y" "a=b\\\"c"=2`, anyTag("a", "1"), anyTag("two words", "x y"), anyTag(`a=b\"c`, "2"))
	f("a=1\u00a0b=2\u3000c=3\ufeffd=\u0085", anyTag("a", "1"), anyTag("b", "2"), anyTag("c", "3"), anyTag("d", "\u0085"))
	for _, wrong := range []string{"a", "=1", "a b=1", `a="open`, `a="open\`, `""=1`, `"a" =1`, `"a`, `"a"`, "a\u00a0b=1"} {
		if got, err := parseTags(wrong); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%q: %v, %v", wrong, got, err)
		}
	}
}

// FuzzParseTags checks that what is read can be written and read again.
func FuzzParseTags(f *testing.F) {
	for _, seed := range []string{"", "a=1", `a="x \"y\"" b=2`, `a="open`, "=", `a="\`, "a=b=c", "a\x00=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := parseTags(text)
		if err != nil {
			return
		}
		var b strings.Builder
		escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		for _, tag := range tags {
			b.WriteString(`"` + escape.Replace(tag.Key) + `"="` + escape.Replace(tag.Value.Str) + `" `)
		}
		again, err := parseTags(b.String())
		if err != nil {
			t.Fatalf("%q, written as %q: %v", text, b.String(), err)
		}
		if diff := cmp.Diff(tags, again); diff != "" {
			t.Fatalf("%q, written as %q: %s", text, b.String(), diff)
		}
	})
}

func TestSearch(t *testing.T) {
	store := &fakeStore{found: []trace.Summary{{
		ID: trace.ID{15: 1}, StartNanos: 10, EndNanos: 35, Spans: 3, Errors: 1, Orphans: 2,
		RootService: "shop", RootName: "GET /",
		Services: []trace.ServiceCount{{Service: "db", Spans: 1, Errors: 1}, {Service: "shop", Spans: 2}},
	}}}
	store.next = "more"
	h := newTestHandler(t, store)
	w := get(t, h, "/api/v1/traces/search?start=5&end=9&service=shop&limit=7")
	want := `{"startUnixNano":"5","endUnixNano":"9","limit":7,"traces":[{` +
		`"traceId":"00000000000000000000000000000001","rootService":"shop","rootOperation":"GET /",` +
		`"startUnixNano":"10","durationNanos":25,"spanCount":3,"errorCount":1,"orphanCount":2,` +
		`"services":[{"name":"db","spanCount":1,"errorCount":1},{"name":"shop","spanCount":2,"errorCount":0}]}],"nextToken":"more"}`
	if w.Body.String() != want {
		t.Errorf("got %s\nwant %s", w.Body, want)
	}
	if store.query.Service != "shop" || store.query.Page.Size != 7 {
		t.Errorf("the store was asked %+v", store.query)
	}
	store.found = nil
	if got := getJSON[searchDoc](t, h, "/api/v1/traces/search"); got.Traces == nil {
		t.Error("an empty result is null, not a list")
	}
}
