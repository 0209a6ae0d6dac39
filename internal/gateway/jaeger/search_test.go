package jaeger

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
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

func tag(key, value string) search.Tag {
	return search.Tag{Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}, AnyType: true}
}

// filter reads a filter that a test wants.
func filter(text string) *expression.Call {
	c, err := expression.Parse(text)
	if err != nil {
		panic(err)
	}
	return c
}

func TestLegacySearchQuery(t *testing.T) {
	now := testNow.UnixNano()
	us := int64(time.Microsecond)
	recent := base.TimeRange{Start: now - int64(48*time.Hour), End: now + us}
	tests := map[string]search.Query{
		"":                            {Time: recent, Limit: 100},
		"service=shop&operation=pay":  {Service: "shop", Operation: "pay", Time: recent, Limit: 100},
		"limit=20":                    {Time: recent, Limit: 20},
		"limit=0":                     {Time: recent, Limit: 100},
		"limit=10000":                 {Time: recent, Limit: 10000},
		"start=1000&end=2000":         {Time: base.TimeRange{Start: 1e6, End: 2e6 + us}, Limit: 100},
		"start=7&end=7":               {Time: base.TimeRange{Start: 7000, End: 8000}, Limit: 100},
		"end=2000":                    {Time: base.TimeRange{Start: 2e6 - int64(48*time.Hour), End: 2e6 + us}, Limit: 100},
		"lookback=2h":                 {Time: base.TimeRange{Start: now - int64(2*time.Hour), End: now + us}, Limit: 100},
		"lookback=3d":                 {Time: base.TimeRange{Start: now - int64(72*time.Hour), End: now + us}, Limit: 100},
		"lookback=1w":                 {Time: base.TimeRange{Start: now - int64(168*time.Hour), End: now + us}, Limit: 100},
		"lookback=custom":             {Time: recent, Limit: 100},
		"lookback=99999999999999999d": {Time: recent, Limit: 100},
		"start=1&lookback=2h":         {Time: base.TimeRange{Start: 1000, End: now + us}, Limit: 100},
		"minDuration=1.5ms&maxDuration=2s": {
			Time: recent, Limit: 100, MinDuration: 1_500_000, MaxDuration: 2_000_000_000,
		},
		"tag=b:2&tag=a:x:y&tag=b:3": {Time: recent, Limit: 100, Tags: []search.Tag{tag("a", "x:y"), tag("b", "3")}},
		`tags={"http.status_code":"200","n":7,"t":true,"f":1.50}`: {
			Time: recent, Limit: 100, Tags: []search.Tag{tag("f", "1.50"), tag("http.status_code", "200"), tag("n", "7"), tag("t", "true")},
		},
		`tags={"a":"1"}&tags={"a":"2","b":""}&tags=`: {Time: recent, Limit: 100, Tags: []search.Tag{tag("a", "2"), tag("b", "")}},
		`tags=http.method="GET /\" x" retry n=7  empty= last="a=b"`: {Time: recent, Limit: 100, Tags: []search.Tag{
			tag("empty", ""), tag("http.method", `GET /" x`), tag("last", "a=b"), tag("n", "7"), tag("retry", "true"),
		}},
		`tags=error`:            {Time: recent, Limit: 100, ErrorsOnly: true},
		`tags={"error":"true"}`: {Time: recent, Limit: 100, ErrorsOnly: true},
		`tags={"error":true,"span.kind":"Server"}`:           {Time: recent, Limit: 100, ErrorsOnly: true, Kind: trace.KindServer},
		`tag=error:false`:                                    {Time: recent, Limit: 100, Filter: filter(`not (span.status = "error" or span.error = "true")`)},
		`tag=otel.status_code:ERROR&tag=otel.scope.name:lib`: {Time: recent, Limit: 100, Tags: []search.Tag{statusTag(2)}, Filter: filter(`scope.name = "lib" or otel.scope.name = "lib"`)},
		`tag=otel.status_code:OK&tag=span.kind:unspecified`:  {Time: recent, Limit: 100, Tags: []search.Tag{statusTag(1), tag("span.kind", "unspecified")}},
		`tag=error:false&tag=otel.library.version:2`: {Time: recent, Limit: 100, Filter: filter(
			`not (span.status = "error" or span.error = "true") and (scope.version = "2" or otel.library.version = "2")`)},
		`tag=otel.status_code:odd`: {Time: recent, Limit: 100, Tags: []search.Tag{tag("otel.status_code", "odd")}},
		`tags={"otel.status_description":"gone","w3c.tracestate":"a=b"}`: {Time: recent, Limit: 100, Tags: []search.Tag{
			field(search.FieldStatusMessage, "gone"), field(search.FieldTraceState, "a=b"),
		}},
		`tag=span.kind:odd`:          {Time: recent, Limit: 100, Tags: []search.Tag{tag("span.kind", "odd")}},
		"unknown=1&prettyPrint=true": {Time: recent, Limit: 100},
	}
	for raw, want := range tests {
		t.Run(raw, func(t *testing.T) {
			var store fakeStore
			u := &url.URL{Path: "/api/traces", RawQuery: escape(raw)}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), http.NoBody)
			if w := do(t, &store, r); w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if diff := cmp.Diff(&want, store.query); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// escape escapes the values of a readable query string.
func escape(raw string) string {
	var parts []string
	for part := range strings.SplitSeq(raw, "&") {
		name, value, ok := strings.Cut(part, "=")
		if ok {
			part = name + "=" + url.QueryEscape(value)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "&")
}

func TestLegacySearchRefusals(t *testing.T) {
	for raw, want := range map[string]string{
		"limit=-1":                      "'limit'",
		"limit=10001":                   "1 to 10000",
		"limit=99999999999999999999":    "'limit'",
		"limit=1.5":                     "'limit'",
		"start=2&end=1":                 "reversed",
		"start=1e3":                     "integer of microseconds",
		"start=9223372036854776":        "'start'",
		"end=-9223372036854776":         "'end'",
		"minDuration=5":                 "'minDuration'",
		"minDuration=-5s":               "'minDuration'",
		"maxDuration=NaN":               "'maxDuration'",
		"maxDuration=1e300h":            "'maxDuration'",
		"minDuration=2s&maxDuration=1s": "the maximum duration 1s is below the minimum 2s",
		"tag=novalue":                   "name:value",
		"tag=:v":                        "name:value",
		"tags={":                        "'tags'",
		"tags=[1]":                      "'tags'",
		`tags={"a":null}`:               "'tags'",
		`tags={"":"v"}`:                 "'tags'",
		`tags={"a":"1"}{"b":"2"}`:       "'tags'",
		"raw=maybe":                     "'raw'",
		`tags=a="open`:                  "'tags'",
		`tags==v`:                       "'tags'",
		`tags="a"=v`:                    "'tags'",
		`tags=a="v"w`:                   "'tags'",
		`tags=a=v"w`:                    "'tags'",
		"tags=" + manyTags(65):          "at most 64",
	} {
		t.Run(raw, func(t *testing.T) {
			p := newParams(escape(raw))
			s, err := parseLegacySearch(p, testNow)
			if err == nil {
				_, err = s.query()
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			if c := base.ClassOf(err); c != base.ClassInvalid && c != base.ClassTooLarge {
				t.Errorf("class %v", c)
			}
		})
	}
}

func TestV3SearchQuery(t *testing.T) {
	day := base.TimeRange{
		Start: time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC).UnixNano(),
		End:   time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).UnixNano(),
	}
	full := search.Query{
		Service: "shop", Operation: "pay", Time: day, MinDuration: 1e6, MaxDuration: 2e9, Limit: 7,
		ErrorsOnly: true, Tags: []search.Tag{tag("http.status_code", "200")},
	}
	tests := map[string]search.Query{
		aDay: {Time: day, Limit: 100},
		"query.start_time_min=2026-11-19T00:00:00.000Z&query.start_time_max=2026-11-20T01:00:00%2B01:00": {Time: day, Limit: 100},
		"query.startTimeMin=0001-01-01T00:00:00Z&query.startTimeMax=9999-01-01T00:00:00Z":                {Time: base.AllTime, Limit: 100},
		aDay + "&query.serviceName=shop&query.operationName=pay&query.durationMin=1ms&query.durationMax=2s&query.searchDepth=7" +
			"&query.attributes=" + url.QueryEscape(`{"error":"true","http.status_code":"200"}`): full,
		aDay + "&query.service_name=shop&query.operation_name=pay&query.duration_min=1ms&query.duration_max=2s&query.num_traces=7&query.raw_traces=true" +
			"&query.attributes=" + url.QueryEscape(`{"error":true,"http.status_code":200}`): full,
		aDay + "&query.search_depth=9&query.num_traces=7&query.serviceName=&query.service_name=s": {Service: "s", Time: day, Limit: 9},
	}
	for raw, want := range tests {
		t.Run(raw, func(t *testing.T) {
			s, err := parseV3Query(newParams(raw))
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.query()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseTraceID(t *testing.T) {
	long := trace.ID{0: 0xff, 15: 0xfe}
	short := trace.ID{8: 0xff, 15: 0xfe}
	for text, want := range map[string]trace.ID{
		"1":                                {15: 1},
		"ABCDEF":                           {13: 0xab, 14: 0xcd, 15: 0xef},
		"ff0000000000000000000000000000fe": long,
		"/wAAAAAAAAAAAAAAAAAA/g==":         long,
		"_wAAAAAAAAAAAAAAAAAA_g==":         long,
		"_wAAAAAAAAAAAAAAAAAA_g":           long,
		"/wAAAAAAAP4=":                     short,
		"/wAAAAAAAP4":                      short,
		"AAAAAAAAAAAA":                     {10: 0xaa, 11: 0xaa, 12: 0xaa, 13: 0xaa, 14: 0xaa, 15: 0xaa}, // hex goes first
	} {
		if got, err := parseTraceID(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "0", "g", "-1", "0x1", " 1", strings.Repeat("0", 32), strings.Repeat("1", 33),
		"/wAAAAAAAAAAAAAAAAAA/h==", // bits behind the end
		"/wAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAA/w==", "========================", "??????????????????????",
	} {
		if id, err := parseTraceID(text); base.ClassOf(err) != base.ClassInvalid || err == nil {
			t.Errorf("%q: %v, %v", text, id, err)
		}
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é日😀\u2028\ufffd", "\xff", "a\xe6\x97z", "\xf0\x9f\x98", "<&>"} {
		got := appendString(nil, s)
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != strings.ToValidUTF8(back, "") {
			t.Errorf("%q: %s: %v", s, got, err)
		}
		var want string // encoding/json agrees on what is not UTF-8
		b, err := json.Marshal(s)
		if err = errors.Join(err, json.Unmarshal(b, &want)); err != nil || back != want {
			t.Errorf("%q reads back as %q, want %q (%v)", s, back, want, err)
		}
		if bytes := appendString(nil, []byte(s)); string(bytes) != string(got) {
			t.Errorf("%q: as bytes %s", s, bytes)
		}
	}
}

func TestAppendFloat(t *testing.T) {
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1.5, 1e-6, 9e-7, 1e20, 1e21, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		var back float64
		if err := json.Unmarshal(appendFloat(nil, f), &back); err != nil || back != f {
			t.Errorf("%v: %s: %v", f, appendFloat(nil, f), err)
		}
	}
	for f, want := range map[float64]string{math.Inf(1): `"Infinity"`, math.Inf(-1): `"-Infinity"`} {
		if got := appendFloat(nil, f); string(got) != want {
			t.Errorf("%v: %s", f, got)
		}
	}
}

func statusTag(code int64) search.Tag {
	return search.Tag{Level: search.LevelField, Key: search.FieldStatus, Value: trace.Value{Kind: trace.KindInt, Int: code}}
}

func field(key, value string) search.Tag {
	return search.Tag{Level: search.LevelField, Key: key, Value: trace.Value{Kind: trace.KindString, Str: value}}
}
