package jaeger

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// tabletStore is a real tablet as a store of search: of its methods those that
// searches for traces need.
type tabletStore struct {
	search.Store
	tablet *columnar.Tablet
}

// newTablet returns a store that holds the spans.
func newTablet(t *testing.T, spans []trace.Span) Store {
	t.Helper()
	pool := jobs.New(jobs.Options{})
	t.Cleanup(pool.Close)
	tablet, err := columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, SegmentInterval: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tablet.Close(); err != nil {
			t.Error(err)
		}
	})
	b := trace.NewBuilder(trace.Options{})
	b.Reset(1, base.AllTime)
	if err := b.Add(trace.AppendOTLP(nil, spans)); err != nil || b.Rejected().Count > 0 {
		t.Fatal(err, b.Rejected())
	}
	tablet.Apply(base.Position{Term: 1, Index: 1}, b.Finish())
	return search.NewTraces(&tabletStore{tablet: tablet}, 1)
}

func (s *tabletStore) TopKeys(ctx context.Context, req *columnar.TopRequest) ([]columnar.Top, error) {
	v, err := s.tablet.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return v.TopKeys(ctx, req)
}

func (s *tabletStore) ReadKeys(ctx context.Context, req *columnar.ReadRequest) ([]*column.Batch, error) {
	v, err := s.tablet.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return v.ReadKeys(ctx, req)
}

// spansOfAllKinds are five traces, the first the newest: what the levels of tags,
// the types of values and the tags that stand for fields are tried on.
func spansOfAllKinds() []trace.Span {
	number := func(key string, n int64) trace.Attr {
		return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindInt, Int: n}}
	}
	truth := func(key string, b int64) trace.Attr {
		return trace.Attr{Key: key, Value: trace.Value{Kind: trace.KindBool, Int: b}}
	}
	shop := &trace.Resource{Attrs: []trace.Attr{text("service.name", "shop"), text("region", "eu")}}
	bank := &trace.Resource{Attrs: []trace.Attr{text("service.name", "bank")}}
	plain := &trace.Scope{}
	lib := &trace.Scope{Name: "lib", Version: "2", Attrs: []trace.Attr{text("by.scope", "yes")}}
	at := uint64(testNow.Add(-time.Minute).UnixNano())
	span := func(id, sid uint64, r *trace.Resource, sc *trace.Scope, attrs ...trace.Attr) trace.Span {
		start := at - id*1e6
		return trace.Span{
			TraceID: traceID(id), SpanID: spanID(sid), Name: fmt.Sprint("op", id), Resource: r, Scope: sc,
			StartNanos: start, EndNanos: start + id*1e6, Attrs: attrs,
		}
	}
	one := span(1, 1, shop, lib, number("code", 200), truth("error", 1))
	one.Events = []trace.Event{{TimeNanos: at, Name: "boom", Attrs: []trace.Attr{text("by.event", "yes")}}}
	one.Links = []trace.Link{{TraceID: traceID(9), SpanID: spanID(9), Attrs: []trace.Attr{text("by.link", "yes")}}}
	two := span(2, 2, bank, plain, text("code", "200"))
	two.StatusCode, two.StatusMessage, two.TraceState, two.Kind = trace.StatusError, "gone", "a=b", trace.KindServer
	three, apart := span(3, 3, shop, plain, number("code", 500)), span(3, 4, shop, plain, number("retries", 7))
	four := span(4, 5, shop, plain, truth("error", 0), trace.Attr{Key: "code", Value: trace.Value{Kind: trace.KindDouble, Dbl: 200}})
	four.StatusCode = 1
	five := span(5, 6, bank, plain, text("otel.library.name", "old"), truth("cached", 1))
	return []trace.Span{one, two, three, apart, four, five}
}

// TestSearchesOverATablet: what the parameters find, newest first.
func TestSearchesOverATablet(t *testing.T) {
	mux := newTestMux(t, newTablet(t, spansOfAllKinds()))
	for params, want := range map[string]string{
		"":                              "1 2 3 4 5",
		"limit=2":                       "1 2", // traces, not spans
		"service=shop":                  "1 3 4",
		"service=bank&operation=op5":    "5",
		"service=nobody":                "",
		"tags=code=200":                 "1 2 4", // the integer, the text and the double
		"tag=code:500":                  "3",
		"tags=code=500 retries=7":       "", // on one span, or not at all
		"tags=cached=true":              "5",
		"tags=cached":                   "5",
		"tags=region=eu":                "1 3 4", // of the process
		"tags=by.event=yes":             "1",     // of a log
		"tags=by.scope=yes":             "1",
		"tags=by.link=yes":              "1",
		"tags=region=eu by.event=yes":   "1",
		`tags={"error":"true"}`:         "1 2",
		`tags={"error":"false"}`:        "3 4 5",
		"service=shop&tags=error=false": "3 4",
		"tag=otel.status_code:ERROR":    "2",
		"tag=otel.status_code:OK":       "4",
		"tags=otel.status_description=gone w3c.tracestate=a=b span.kind=server": "2",
		"tags=otel.scope.name=lib otel.scope.version=2":                         "1",
		"tags=otel.library.name=lib":                                            "1",
		"tags=otel.library.name=old":                                            "5",
		"minDuration=2ms&maxDuration=4ms":                                       "2 3 4",
		"minDuration=4001us":                                                    "5",
		"service=shop&limit=1&tags=region=eu":                                   "1",
	} {
		t.Run(params, func(t *testing.T) {
			w := serveGet(t, mux, "/api/traces?"+escape(params))
			var doc struct{ Data []struct{ TraceID string } }
			if err := json.Unmarshal(w, &doc); err != nil {
				t.Fatalf("%v in %s", err, w)
			}
			var got []string
			for _, tr := range doc.Data {
				got = append(got, strings.TrimLeft(tr.TraceID[1:], "a0"))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("traces %v, want %s", got, want)
			}
		})
	}
}

// TestPagesOverATablet walks the summaries of a filtered search, one at a time.
func TestPagesOverATablet(t *testing.T) {
	mux := newTestMux(t, newTablet(t, spansOfAllKinds()))
	const filter = `{"op":"eq","args":[{"attr":{"key":"region","level":"resource"}},{"scalar":{"value":"eu"}}]}`
	ask := "/api/v3/trace-summaries?query.startTimeMin=2026-11-20T11:00:00Z&query.startTimeMax=2026-11-20T12:00:00Z" +
		"&query.pagination.pageSize=1&query.filter=" + url.QueryEscape(filter)
	var got []string
	token := ""
	for range 5 {
		var doc struct {
			Summaries     []struct{ RootOperationName string }
			NextPageToken string
		}
		if err := json.Unmarshal(serveGet(t, mux, ask+"&query.pagination.pageToken="+token), &doc); err != nil {
			t.Fatal(err)
		}
		for _, s := range doc.Summaries {
			got = append(got, s.RootOperationName)
		}
		if token = doc.NextPageToken; token == "" {
			break
		}
	}
	if want := "op1 op3 op4"; strings.Join(got, " ") != want {
		t.Errorf("pages %v, want %s", got, want)
	}
	w := do(t, newTablet(t, nil), newGet(t, ask+"&query.pagination.pageToken=forged"))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "token") {
		t.Errorf("a forged token: status %d: %s", w.Code, w.Body)
	}
}
