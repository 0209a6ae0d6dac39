package server

import (
	"time"

	"google.golang.org/grpc"

	"github.com/pandodb/pando/internal/gateway/jaeger"
	"github.com/pandodb/pando/internal/gateway/jaegerrpc"
	"github.com/pandodb/pando/internal/gateway/jaegerstore"
	"github.com/pandodb/pando/internal/gateway/otlp"
	"github.com/pandodb/pando/internal/gateway/zipkin"
)

// grpcDoor is a gateway with gRPC services.
type grpcDoor interface {
	RegisterGRPC(s grpc.ServiceRegistrar)
	// ServiceNames are the names under which health is asked for.
	ServiceNames() []string
}

// jaegerDoors are what clients of Jaeger, of all ages, and of Zipkin knock at.
type jaegerDoors struct {
	query   *jaeger.Gateway      // JSON and api/v3
	rpc     *jaegerrpc.Gateway   // api_v2: query, collector, sampling
	storage *jaegerstore.Gateway // remote storage, versions 1 and 2
	archive *jaegerstore.Gateway // the same over the archive
	zipkin  *zipkin.Gateway      // Zipkin's API, version 2
}

func (d *jaegerDoors) all() []grpcDoor { return []grpcDoor{d.query, d.rpc, d.storage} }

// openJaeger builds the gateways over the spans and the archive.
func (s *Server) openJaeger(spans, keep *otlp.Gateway) (*jaegerDoors, error) {
	var d jaegerDoors
	var err error
	log, skew := s.o.Logger, time.Duration(s.o.Config.Jaeger.MaxClockSkew)
	d.query, err = jaeger.New(s.traces, jaeger.Options{
		Archive: s.archive, ArchiveSpans: keep, MaxClockSkew: skew, Clock: s.o.Clock, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	strategies, adaptive, err := s.openSampling()
	if err != nil {
		return nil, err
	}
	d.rpc, err = jaegerrpc.New(s.traces, spans, jaegerrpc.Options{
		Archive: &jaegerrpc.Archive{Store: s.archive, Spans: keep}, Adjust: jaeger.Adjuster{MaxClockSkew: skew}.Adjust,
		Strategies: strategies, Adaptive: adaptive, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	d.zipkin, err = zipkin.New(s.traces, spans, zipkin.Options{Ready: s.node.Ready, Clock: s.o.Clock, Logger: log})
	if err != nil {
		return nil, err
	}
	archive := jaegerstore.Target{Store: s.archive, Spans: keep}
	if d.archive, err = jaegerstore.New(archive, jaegerstore.Options{Logger: log}); err != nil {
		return nil, err
	}
	d.storage, err = jaegerstore.New(jaegerstore.Target{Store: s.traces, Spans: spans},
		jaegerstore.Options{Archive: &archive, Logger: log})
	return &d, err
}
