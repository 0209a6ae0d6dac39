package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaegerrpc"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// openSampling reads the sampling strategies of the configuration and prepares
// adaptive ones.
func (s *Server) openSampling() (*jaegerrpc.Strategies, *jaegerrpc.Adaptive, error) {
	c := &s.o.Config.Jaeger
	var strategies *jaegerrpc.Strategies
	if c.SamplingStrategies != "" {
		data, err := os.ReadFile(c.SamplingStrategies)
		if err != nil {
			return nil, nil, base.Errorf(base.ClassInvalid, "jaeger.sampling_strategies: %w", err)
		}
		if strategies, err = jaegerrpc.ParseStrategies(data); err != nil {
			return nil, nil, fmt.Errorf("jaeger.sampling_strategies: %s: %w", c.SamplingStrategies, err)
		}
		for _, w := range strategies.Warnings() {
			s.o.Logger.Warn("sampling strategies", slog.String("file", c.SamplingStrategies), slog.String("warning", w))
		}
	}
	if !c.AdaptiveSampling {
		return strategies, nil, nil
	}
	adaptive, err := jaegerrpc.NewAdaptive(rootRates{s.traces}, jaegerrpc.AdaptiveOptions{
		Target: c.SamplingTarget, Clock: s.o.Clock, Logger: s.o.Logger,
	})
	return strategies, adaptive, err
}

// rootRates tells adaptive sampling how often operations begin traces. What is
// kept by the minute does not know roots: spans of kind server and consumer,
// where work enters a service, and of no kind stand for them. A service that
// others call as well is sampled less than it could be; those calls follow the
// decision of their callers anyway.
type rootRates struct{ traces *Traces }

// RootRates implements jaegerrpc.Throughput.
func (r rootRates) RootRates(ctx context.Context, in base.TimeRange) ([]jaegerrpc.Rate, error) {
	window := time.Duration(in.End - in.Start)
	series, err := r.traces.Metrics(ctx, &search.MetricsQuery{
		Kinds: []trace.Kind{trace.KindServer, trace.KindConsumer, trace.KindUnspecified}, GroupByOperation: true,
		Time: base.TimeRange{Start: in.End, End: in.End}, Step: window, Window: window,
	})
	if err != nil {
		return nil, err
	}
	rates := make([]jaegerrpc.Rate, 0, len(series))
	for i := range series {
		for _, p := range series[i].Points {
			rates = append(rates, jaegerrpc.Rate{
				Service: series[i].Service, Operation: series[i].Operation, PerSecond: float64(p.Calls) / window.Seconds(),
			})
		}
	}
	return rates, nil
}
