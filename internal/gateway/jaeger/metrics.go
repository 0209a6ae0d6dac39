package jaeger

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// What Jaeger assumes where a request for metrics does not say. Its step of 5 s is
// below ours: search.MinStep takes its place.
const (
	defaultMetricsLookback = time.Hour
	defaultMetricsRate     = 10 * time.Minute
)

// metricFamily is an answer in the JSON form of Jaeger's message: what is empty is
// left out.
type metricFamily struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Help    string   `json:"help"`
	Metrics []metric `json:"metrics,omitempty"`
}

type metric struct {
	Labels []label       `json:"labels"`
	Points []metricPoint `json:"metricPoints,omitempty"`
}

type label struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

type metricPoint struct {
	Gauge     gauge  `json:"gaugeValue"`
	Timestamp string `json:"timestamp"`
}

type gauge struct {
	Value float64 `json:"doubleValue"`
}

// metricsKind is one of the three families.
type metricsKind struct {
	name string // with "service" where operations put "service_operation"
	help string
	// value returns a point's value; false where there is none.
	value func(p *search.Point, window time.Duration) (float64, bool)
}

// metricsLatencies answers with a latency in milliseconds.
func (g *Gateway) metricsLatencies(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r.URL.RawQuery)
	text := p.text("quantile")
	quantile, err := strconv.ParseFloat(text, 64)
	if err != nil || !(quantile >= 0 && quantile <= 1) {
		p.fail("quantile", text, "a number from 0 to 1, such as 0.95")
	}
	return g.metrics(w, r, p, &metricsKind{
		name: "service_latencies", help: fmt.Sprintf("%.2fth quantile latency, grouped by service", quantile),
		value: func(p *search.Point, _ time.Duration) (float64, bool) {
			if len(p.Latencies) == 0 {
				return 0, false
			}
			return p.Latencies[0] / float64(time.Millisecond), true
		},
	}, quantile)
}

// metricsCalls answers with calls per second.
func (g *Gateway) metricsCalls(w http.ResponseWriter, r *http.Request) error {
	return g.metrics(w, r, newParams(r.URL.RawQuery), &metricsKind{
		name: "service_call_rate", help: "calls/sec, grouped by service",
		value: func(p *search.Point, window time.Duration) (float64, bool) {
			return float64(p.Calls) / window.Seconds(), true
		},
	})
}

// metricsErrors answers with the share of calls that failed.
func (g *Gateway) metricsErrors(w http.ResponseWriter, r *http.Request) error {
	return g.metrics(w, r, newParams(r.URL.RawQuery), &metricsKind{
		name: "service_error_rate", help: "error rate, computed as a fraction of errors/sec over calls/sec, grouped by service",
		value: func(p *search.Point, _ time.Duration) (float64, bool) {
			if p.Calls == 0 {
				return 0, false
			}
			return float64(p.Errors) / float64(p.Calls), true
		},
	})
}

// metricsMinStep answers with the shortest step in milliseconds.
func (g *Gateway) metricsMinStep(w http.ResponseWriter, _ *http.Request) error {
	writeDoc(w, http.StatusOK, &envelope{Data: search.MinStep.Milliseconds()})
	return nil
}

func (g *Gateway) metrics(w http.ResponseWriter, r *http.Request, p *params, kind *metricsKind, quantiles ...float64) error {
	q := parseMetrics(p, g.opts.Clock())
	if p.err != nil {
		return p.err
	}
	q.Quantiles = quantiles
	series, err := g.store.Metrics(r.Context(), q)
	if err != nil {
		return err
	}
	writeDoc(w, http.StatusOK, kind.family(q, series))
	return nil
}

// parseMetrics reads what the three families have in common. The error is p's.
func parseMetrics(p *params, now time.Time) *search.MetricsQuery {
	q := &search.MetricsQuery{
		Services:         p.values["service"],
		GroupByOperation: p.boolean("groupByOperation"),
		Kinds:            []trace.Kind{trace.KindServer},
	}
	if len(q.Services) == 0 {
		p.fail("service", "", "at least one service")
	}
	if names, ok := p.values["spanKind"]; ok {
		q.Kinds = q.Kinds[:0]
		for _, name := range names {
			k, known := serve.ParseKind(name)
			if !known {
				p.fail("spanKind", name, "unspecified, internal, server, client, producer or consumer")
			}
			q.Kinds = append(q.Kinds, k)
		}
	}
	end, ok := p.units("endTs", time.Millisecond)
	if !ok {
		end = now.Truncate(time.Millisecond).UnixNano()
	}
	lookback := p.positive("lookback", defaultMetricsLookback)
	q.Step = p.positive("step", search.MinStep)
	q.Window = wholeMinutes(p.positive("ratePer", defaultMetricsRate))
	q.Time = base.TimeRange{Start: before(end, int64(lookback)), End: end}
	return q
}

// positive reads a number of milliseconds.
func (p *params) positive(name string, absent time.Duration) time.Duration {
	n, ok := p.units(name, time.Millisecond)
	if !ok {
		return absent
	}
	if n <= 0 {
		p.fail(name, p.text(name), "a positive number of milliseconds")
	}
	return time.Duration(n)
}

// wholeMinutes rounds up as the search does, so that rates are of what it counted.
func wholeMinutes(d time.Duration) time.Duration {
	d = min(d, math.MaxInt64-time.Minute) // there is no longer one
	return d.Truncate(time.Minute) + min(d%time.Minute, 1)*time.Minute
}

// family returns the series as Jaeger's message.
func (k *metricsKind) family(q *search.MetricsQuery, series []search.Series) *metricFamily {
	f := &metricFamily{Name: k.name, Type: "GAUGE", Help: k.help, Metrics: make([]metric, 0, len(series))}
	if q.GroupByOperation {
		f.Name, f.Help = strings.Replace(k.name, "service", "service_operation", 1), k.help+" & operation"
	}
	for i := range series {
		s := &series[i]
		m := metric{Labels: []label{{Name: "service_name", Value: s.Service}}}
		if q.GroupByOperation {
			m.Labels = append(m.Labels, label{Name: "operation", Value: s.Operation})
		}
		for j := range s.Points {
			if v, ok := k.value(&s.Points[j], q.Window); ok {
				m.Points = append(m.Points, metricPoint{Gauge: gauge{v}, Timestamp: protoTime(s.Points[j].Time)})
			}
		}
		f.Metrics = append(f.Metrics, m)
	}
	return f
}

// protoTime writes whole milliseconds as protobuf's JSON does.
func protoTime(nanos int64) string {
	t := time.Unix(0, nanos).UTC()
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}
