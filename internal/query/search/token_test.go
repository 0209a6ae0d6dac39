package search

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
)

// TestTokenBytes pins the bytes of tokens and the hashes that bind them: tokens
// of one version are taken by all servers of it.
func TestTokenBytes(t *testing.T) {
	f := func(token, want string) {
		t.Helper()
		b, err := base64.RawURLEncoding.DecodeString(token)
		if got := hex.EncodeToString(b); err != nil || got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("token %s, %v\nis   %s\nwant %s", token, err, got, want)
		}
	}
	const id = "0102030405060708090a0b0c0d0e0f10"
	key := trace.AppendKey(nil, testResource, trace.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	// version kind query length cursor checksum
	f(traceToken(columnar.Top{Key: key, Value: -2}, 0xa1a2a3a4a5a6a7a8),
		"01 01 a1a2a3a4a5a6a7a8 18  fffffffffffffffe "+id+" 3a13a8ba")
	q := testSpanQuery()
	m := &columnar.RowMark{Key: key, Time: 3, ID: 4, Values: []int64{5, 3, 0, 4}, Ties: 6}
	f(spanToken(m, q.order(), 0xa1a2a3a4a5a6a7a8),
		"01 02 a1a2a3a4a5a6a7a8 2c  "+id+" 0000000000000003 0000000000000004 0000000000000005 00000006 798502f2")
	if got, want := q.fingerprint(), uint64(0x6a14f06d3ee28f86); got != want {
		t.Errorf("fingerprint of a query for spans is %#x, want %#x", got, want)
	}
	if got, want := testTraceQuery().fingerprint(), uint64(0x40adeb0b7da2c90f); got != want {
		t.Errorf("fingerprint of a query for traces is %#x, want %#x", got, want)
	}
}

func testFilter() *expression.Call {
	return &expression.Call{Op: "gt", Args: []expression.Term{
		&expression.Attr{Key: "size", Level: "span"}, &expression.Scalar{Value: "5"},
	}}
}

func testSpanQuery() *SpanQuery {
	return &SpanQuery{
		Filter: testFilter(), Time: base.TimeRange{Start: 1, End: 9},
		OrderBy: []SpanSort{{Field: SpanDuration, Desc: true}}, Page: Page{Size: 5},
	}
}

func testTraceQuery() *Query {
	return &Query{
		Service: "shop", Operation: "GET /", Kind: trace.KindServer, ErrorsOnly: true, MinDuration: 5, MaxDuration: 50, Order: Slowest,
		Tags:   []Tag{{Level: LevelSpan, Key: "k", Value: text("v"), AnyType: true}},
		Filter: testFilter(), Time: base.TimeRange{Start: 1, End: 9}, Page: &Page{Size: 5},
	}
}

// TestFingerprint: a change of anything but the page is another query.
func TestFingerprint(t *testing.T) {
	seen := map[uint64]int{}
	for i, change := range []func(q *Query){
		func(*Query) {},
		func(q *Query) { q.Service = "shop2" },
		func(q *Query) { q.Service, q.Operation = "shopG", "ET /" },
		func(q *Query) { q.Operation = "" },
		func(q *Query) { q.Kind = trace.KindClient },
		func(q *Query) { q.ErrorsOnly = false },
		func(q *Query) { q.MinDuration++ },
		func(q *Query) { q.MaxDuration++ },
		func(q *Query) { q.Order = Newest },
		func(q *Query) { q.Time.Start++ },
		func(q *Query) { q.Time.End++ },
		func(q *Query) { q.Filter = nil },
		func(q *Query) { q.Filter.Op = "gte" },
		func(q *Query) { q.Tags = nil },
		func(q *Query) { q.Tags[0].Level = LevelAny },
		func(q *Query) { q.Tags[0].Key = "k2" },
		func(q *Query) { q.Tags[0].AnyType = false },
		func(q *Query) { q.Tags[0].Value = text("w") },
		func(q *Query) { q.Tags[0].Value.Kind = trace.KindBytes },
		func(q *Query) { q.Tags[0].Value = trace.Value{Kind: trace.KindDouble, Dbl: 1} },
		func(q *Query) { q.Tags[0].Value = trace.Value{Kind: trace.KindInt, Int: 1} },
	} {
		q := testTraceQuery()
		change(q)
		if j, ok := seen[q.fingerprint()]; ok {
			t.Errorf("change %d says the same as change %d", i, j)
		}
		seen[q.fingerprint()] = i
	}
	a, b := testTraceQuery(), testTraceQuery()
	b.Page = &Page{Size: 99, Token: "x"}
	if a.fingerprint() != b.fingerprint() {
		t.Error("another page is another query")
	}
	c, d := testSpanQuery(), testSpanQuery()
	d.OrderBy = append(d.OrderBy, SpanSort{Field: SpanStart, Desc: true}) // the default says so anyway
	if c.fingerprint() != d.fingerprint() {
		t.Error("the same order is another query")
	}
	if d.OrderBy[1].Desc = false; c.fingerprint() == d.fingerprint() {
		t.Error("another order is the same query")
	}
}

// TestBadTokens: what is wrong with a token is told precisely.
func TestBadTokens(t *testing.T) {
	traces := NewTraces(&fakeStore{}, testResource)
	q := testTraceQuery()
	cursor := make([]byte, 24)
	good := newToken(tokenTraces, q.fingerprint(), cursor)
	raw := func(change func(b []byte) []byte) string {
		b, err := base64.RawURLEncoding.DecodeString(good)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(change(b))
	}
	f := func(token, want string) {
		t.Helper()
		q.Page.Token = token
		_, _, err := traces.FindPage(t.Context(), q)
		if base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", token, err, want)
		}
		if _, _, err := traces.SummariesPage(t.Context(), q); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("summaries after %q: %v", token, err)
		}
	}
	f("not a token", "illegal base64 data at input byte 3")
	f(good+"=", "base64")
	f(good[:9]+"\n"+good[9:], "end of a line")
	f(strings.Repeat("A", 400), "400 characters")
	f("AQ", "cut short after 1 bytes of its header of 11")
	f("Ag", "not a token of version 1")
	f(good[:len(good)-4], "cut short")
	f(good[:8], "cut short after 6 bytes")
	f(raw(func(b []byte) []byte { return append(b, 0, 0) }), "2 bytes after its end")
	f(raw(func(b []byte) []byte { b[20] ^= 1; return b }), "checksum")
	f(raw(func(b []byte) []byte { b[0] = 2; return b }), "version 1")
	f(newToken(tokenSpans, q.fingerprint(), cursor), "it continues pages of spans, not of traces")
	f(newToken(9, q.fingerprint(), cursor), "unknown kind 9")
	f(newToken(0, q.fingerprint(), cursor), "unknown kind 0")
	f(newToken(tokenTraces, q.fingerprint()+1, cursor), "another query")
	f(newToken(tokenTraces, q.fingerprint(), cursor[:23]), "23 bytes")
	q.Page.Token = good
	if _, _, err := traces.FindPage(t.Context(), q); err != nil {
		t.Error(err)
	}

	s := testSpanQuery()
	s.Page.Token = newToken(tokenTraces, s.fingerprint(), make([]byte, spanCursor))
	if _, _, err := traces.FindSpans(t.Context(), s); base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), "not of spans") {
		t.Errorf("spans after traces: %v", err)
	}
	s.Page.Token = newToken(tokenSpans, s.fingerprint(), cursor)
	if _, _, err := traces.FindSpans(t.Context(), s); base.ClassOf(err) != base.ClassInvalid || !strings.Contains(err.Error(), "24 bytes, want 44") {
		t.Errorf("spans after half a cursor: %v", err)
	}
}

// FuzzToken: any text is refused as invalid, or is the one token of what it says.
func FuzzToken(f *testing.F) {
	f.Add(newToken(tokenTraces, 1, make([]byte, 24)))
	f.Add(newToken(tokenSpans, 1, make([]byte, spanCursor)))
	f.Add(newToken(tokenSpans, 1, nil))
	f.Add("AQEAAAAAAAAAAf8")
	f.Add("AQ==")
	f.Add("")
	traces := NewTraces(&fakeStore{}, testResource)
	order := testSpanQuery().order()
	f.Fuzz(func(t *testing.T, token string) {
		if cursor, err := parseToken(token, tokenTraces, 1); err == nil && newToken(tokenTraces, 1, cursor) != token {
			t.Errorf("%q reads as a token that is written otherwise", token)
		} else if err != nil && base.ClassOf(err) != base.ClassInvalid {
			t.Error(err)
		}
		if top, err := traces.parseTraceToken(token, 1); err == nil && top != nil && traceToken(*top, 1) != token {
			t.Errorf("%q reads as a place that is written otherwise", token)
		}
		if mark, err := traces.parseSpanToken(token, order, 1); err == nil && mark != nil && spanToken(mark, order, 1) != token {
			t.Errorf("%q reads as a place that is written otherwise", token)
		}
	})
}
