package ui

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/query/search"
)

func TestServiceGraph(t *testing.T) {
	minute := base.TimeRange{Start: 120e9, End: 180e9}
	store := &fakeStore{graph: &search.Graph{
		Time:     minute,
		Services: []search.ServiceTraffic{{Service: "bank", Spans: 9, Traffic: search.Traffic{Calls: 4, Errors: 1, P50: 10, P95: 20, P99: 30}}, {Service: "shop", Spans: 5}},
		Edges:    []search.Dependency{{Parent: "shop", Child: "bank", Calls: 4, Errors: 1, P50: 10, P95: 20, P99: 30, Messages: 2}},
		Orphans:  3,
	}}
	h := newTestHandler(t, store)
	w := get(t, h, "/api/v1/servicegraph?start=120000000000&end=170000000000")
	const want = `{"startUnixNano":"120000000000","endUnixNano":"180000000000",` +
		`"services":[{"name":"bank","spanCount":9,"callCount":4,"errorCount":1,"p50Nanos":10,"p95Nanos":20,"p99Nanos":30},` +
		`{"name":"shop","spanCount":5,"callCount":0,"errorCount":0,"p50Nanos":0,"p95Nanos":0,"p99Nanos":0}],` +
		`"calls":[{"parent":"shop","child":"bank","callCount":4,"errorCount":1,"p50Nanos":10,"p95Nanos":20,"p99Nanos":30,"messageCount":2}],` +
		`"orphanCount":3}`
	if w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("%d\ngot  %s\nwant %s", w.Code, w.Body, want)
	}
	if want := (base.TimeRange{Start: 120e9, End: 170e9}); store.graphTime != want {
		t.Errorf("asked for %v, want %v", store.graphTime, want)
	}
	store.graph = &search.Graph{}
	if w := get(t, h, "/api/v1/servicegraph"); !strings.Contains(w.Body.String(), `"services":[],"calls":[]`) {
		t.Errorf("an empty graph: %s", w.Body)
	}
	if now := testNow.UnixNano(); store.graphTime.End < now || store.graphTime.Start > now-int64(time.Hour) {
		t.Errorf("asked for %v by default", store.graphTime)
	}
	if w := get(t, h, "/api/v1/servicegraph?start=yesterday"); w.Code != http.StatusBadRequest {
		t.Errorf("a bad start: %d %s", w.Code, w.Body)
	}
	store.err = base.Errorf(base.ClassUnavailable, "starting")
	if w := get(t, h, "/api/v1/servicegraph"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a failing store: %d %s", w.Code, w.Body)
	}
}
