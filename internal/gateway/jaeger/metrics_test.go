package jaeger

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// metricsStore answers with series and remembers the question.
type metricsStore struct {
	fakeStore
	series []search.Series
	asked  *search.MetricsQuery
}

func (s *metricsStore) Metrics(_ context.Context, q *search.MetricsQuery) ([]search.Series, error) {
	s.asked = q
	return s.series, s.err
}

func TestMetricsAnswers(t *testing.T) {
	at := testNow.UnixNano()
	store := &metricsStore{series: []search.Series{
		{Service: "bank", Points: []search.Point{{Time: at, Calls: 30, Errors: 3, Latencies: []float64{1.5e6}}, {Time: at + 1e6}}},
		{Service: "shop", Operation: "buy", Points: []search.Point{{Time: at, Calls: 600, Latencies: []float64{2e9}}}},
	}}
	const when, later = `"timestamp":"2026-11-20T12:00:00Z"`, `"timestamp":"2026-11-20T12:00:00.001Z"`
	for target, want := range map[string]string{
		"/api/metrics/minstep": `{"data":60000,"total":0,"limit":0,"offset":0,"errors":null}`,
		"/api/metrics/calls?service=bank&service=shop": `{"name":"service_call_rate","type":"GAUGE","help":"calls/sec, grouped by service","metrics":[` +
			`{"labels":[{"name":"service_name","value":"bank"}],"metricPoints":[{"gaugeValue":{"doubleValue":0.05},` + when + `},{"gaugeValue":{"doubleValue":0},` + later + `}]},` +
			`{"labels":[{"name":"service_name","value":"shop"}],"metricPoints":[{"gaugeValue":{"doubleValue":1},` + when + `}]}]}`,
		"/api/metrics/errors?service=bank&groupByOperation=true": `{"name":"service_operation_error_rate","type":"GAUGE","help":"error rate, computed as a fraction of errors/sec over calls/sec, grouped by service \u0026 operation","metrics":[` +
			`{"labels":[{"name":"service_name","value":"bank"},{"name":"operation"}],"metricPoints":[{"gaugeValue":{"doubleValue":0.1},` + when + `}]},` +
			`{"labels":[{"name":"service_name","value":"shop"},{"name":"operation","value":"buy"}],"metricPoints":[{"gaugeValue":{"doubleValue":0},` + when + `}]}]}`,
		"/api/metrics/latencies?service=bank&quantile=0.95": `{"name":"service_latencies","type":"GAUGE","help":"0.95th quantile latency, grouped by service","metrics":[` +
			`{"labels":[{"name":"service_name","value":"bank"}],"metricPoints":[{"gaugeValue":{"doubleValue":1.5},` + when + `}]},` +
			`{"labels":[{"name":"service_name","value":"shop"}],"metricPoints":[{"gaugeValue":{"doubleValue":2000},` + when + `}]}]}`,
	} {
		t.Run(target, func(t *testing.T) { wantBody(t, get(t, store, target), want) })
	}
	store.series = nil
	wantBody(t, get(t, store, "/api/metrics/calls?service=none"), `{"name":"service_call_rate","type":"GAUGE","help":"calls/sec, grouped by service"}`)
}

func TestRatesOfTheLongestTime(t *testing.T) {
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - time.Minute} {
		if got := wholeMinutes(d); got <= 0 || got%time.Minute != 0 {
			t.Errorf("%v in whole minutes: %v", d, got)
		}
	}
}

func TestMetricsQuestions(t *testing.T) {
	now := testNow.UnixNano()
	for target, want := range map[string]search.MetricsQuery{
		"calls?service=a&service=b": {
			Services: []string{"a", "b"}, Kinds: []trace.Kind{trace.KindServer},
			Time: base.TimeRange{Start: now - int64(time.Hour), End: now}, Step: time.Minute, Window: 10 * time.Minute,
		},
		"errors?service=a&spanKind=client&spanKind=consumer&endTs=100000&lookback=60000&step=5000&ratePer=90000": {
			Services: []string{"a"}, Kinds: []trace.Kind{trace.KindClient, trace.KindConsumer},
			Time: base.TimeRange{Start: 40e9, End: 100e9}, Step: 5 * time.Second, Window: 2 * time.Minute,
		},
		"latencies?service=a&quantile=.5&groupByOperation=1": {
			Services: []string{"a"}, Kinds: []trace.Kind{trace.KindServer}, GroupByOperation: true, Quantiles: []float64{.5},
			Time: base.TimeRange{Start: now - int64(time.Hour), End: now}, Step: time.Minute, Window: 10 * time.Minute,
		},
	} {
		store := &metricsStore{}
		if w := get(t, store, "/api/metrics/"+target); w.Code != http.StatusOK {
			t.Fatalf("%s: %s", target, w.Body)
		}
		if diff := cmp.Diff(&want, store.asked); diff != "" {
			t.Errorf("%s asks for (-want +got):\n%s", target, diff)
		}
	}
}

func TestMetricsRefusals(t *testing.T) {
	for target, want := range map[string]string{
		"calls":                                      "'service'",
		"calls?service=a&spanKind=clint":             "'spanKind'",
		"calls?service=a&endTs=now":                  "'endTs'",
		"calls?service=a&lookback=1h":                "'lookback'",
		"calls?service=a&lookback=0":                 "'lookback'",
		"errors?service=a&step=-1":                   "'step'",
		"errors?service=a&ratePer=x":                 "'ratePer'",
		"errors?service=a&groupByOperation=perhaps":  "'groupByOperation'",
		"latencies?service=a":                        "'quantile'",
		"latencies?service=a&quantile=2":             "'quantile'",
		"latencies?service=a&quantile=NaN":           "'quantile'",
		"calls?service=a&ratePer=999999999999999999": "'ratePer'",
	} {
		w := get(t, &metricsStore{}, "/api/metrics/"+target)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `"errors":[{"code":400,`) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	failing := &metricsStore{fakeStore: fakeStore{err: base.Errorf(base.ClassTooLarge, "too many points")}}
	if w := get(t, failing, "/api/metrics/calls?service=a"); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d %s", w.Code, w.Body)
	}
}
