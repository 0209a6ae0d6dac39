package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaegerstore"
	"github.com/pandodb/pando/internal/gateway/otlp"
	"github.com/pandodb/pando/internal/gateway/ui"
)

// Well-known ports, opened on loopback beside the main one.
var aliases = []struct {
	port int
	name string
}{
	{4317, "OTLP gRPC"},
	{4318, "OTLP HTTP"},
	{16685, "Jaeger query gRPC"},
	{16686, "Jaeger HTTP"},
	{17271, "Jaeger remote storage"},
	{14250, "Jaeger collector gRPC"},
	{5778, "Jaeger sampling HTTP"},
	{9411, "Zipkin"},
}

const (
	// drainTimeout is how long requests may take to end when the server stops.
	drainTimeout = 10 * time.Second
	// handshakeTimeout bounds the time from a connection's first bytes to its
	// HTTP/2 settings; gRPC's default of two minutes suits worse networks.
	handshakeTimeout = 10 * time.Second
	maxStreams       = 250
	maxHeader        = 64 << 10
)

// front is the process's face: gateways behind listeners.
type front struct {
	s        *Server
	mux      *mux
	http     *http.Server
	grpc     *grpc.Server
	health   *health.Server
	addr     string
	opened   []string // aliases that opened
	services []string // of gRPC, by name
	archive  *grpc.Server
}

// openFront builds the gateways; nothing listens yet.
func (s *Server) openFront(resource, archived base.ResourceID) error {
	keep, err := s.newIngest(s.archive, archived, nil)
	if err != nil {
		return err
	}
	ingest, err := s.newIngest(s.traces, resource, func(ctx context.Context) (*otlp.Gateway, error) {
		if wants, err := jaegerstore.WantsArchive(ctx); err != nil || !wants {
			return nil, err
		}
		return keep, nil
	})
	if err != nil {
		return err
	}
	if err := s.reg.Register(newOwnMetrics(s, ingest)); err != nil {
		return err
	}
	f := &front{s: s, health: health.NewServer()}
	s.front = f
	opts := append(ingest.ServerOptions(),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
	)
	opts = append(opts, s.grpcPartial()...)
	f.grpc, f.archive = grpc.NewServer(opts...), grpc.NewServer(opts...)
	ingest.RegisterGRPC(f.grpc)
	f.services = append(f.services, collectorpb.TraceService_ServiceDesc.ServiceName)
	doors, err := s.openJaeger(ingest, keep)
	if err != nil {
		return err
	}
	for _, d := range doors.all() {
		d.RegisterGRPC(f.grpc)
		f.services = append(f.services, d.ServiceNames()...)
	}
	keep.RegisterGRPC(f.archive)
	doors.archive.RegisterGRPC(f.archive)
	for _, g := range []*grpc.Server{f.grpc, f.archive} {
		healthpb.RegisterHealthServer(g, f.health)
		reflection.Register(g)
	}
	page, err := ui.New(ui.Options{
		Store: uiStore{s.traces}, Version: s.o.Version, Endpoints: s.endpoints(), Clock: s.o.Clock, Logger: s.o.Logger,
	})
	if err != nil {
		return err
	}
	f.http = &http.Server{
		Handler:           f.routes(ingest, doors, page),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
	return nil
}

// newIngest returns the way of OTLP bytes into a trace resource.
func (s *Server) newIngest(to *Traces, resource base.ResourceID, route func(context.Context) (*otlp.Gateway, error)) (*otlp.Gateway, error) {
	l := &s.o.Config.Limits
	return otlp.New(to, otlp.Options{
		Resource: resource, MaxWireBytes: int(l.RequestWire), MaxRequestBytes: int(l.Request), MaxInFlightBytes: int64(l.InFlight),
		Spans: spanOptions(l), Route: route, Logger: s.o.Logger,
	})
}

// endpoints lists where clients can go.
func (s *Server) endpoints() []ui.Endpoint {
	addr := s.o.Config.Listen
	out := []ui.Endpoint{
		{Name: "Everything", Protocol: "http", Address: addr},
		{Name: "OTLP gRPC", Protocol: "otlp-grpc", Address: addr},
		{Name: "OTLP HTTP", Protocol: "otlp-http", Address: addr},
	}
	return out
}

// Listen opens the ports and serves in the background.
func (s *Server) Listen() error {
	f := s.front
	ctx := context.Background() // opening a port waits for nobody
	var ports net.ListenConfig
	main, err := ports.Listen(ctx, "tcp", s.o.Config.Listen)
	if err != nil && s.o.Config.Storage.ReadOnly {
		return base.Errorf(base.ClassUnavailable, "listen on %s: %w: a read-only process needs a --listen of its own, beside that of the process that writes", s.o.Config.Listen, err)
	}
	if err != nil {
		return base.Errorf(base.ClassUnavailable, "listen on %s: %w: stop what uses it, or choose another --listen", s.o.Config.Listen, err)
	}
	f.addr = main.Addr().String()
	f.mux = newMux(main.Addr())
	go func() { _ = f.http.Serve(f.mux.http) }() // ends with http.ErrServerClosed
	go func() { _ = f.grpc.Serve(f.mux.grpc) }() // ends with Stop
	f.mux.serve(main)
	if !s.o.Config.NoAliases {
		for _, a := range aliases {
			l, err := ports.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(a.port)))
			if err != nil {
				s.o.Logger.Info("a well-known port is taken, its clients need the main address", slog.Int("port", a.port), slog.String("for", a.name))
				continue
			}
			f.opened = append(f.opened, fmt.Sprintf("%s on %s", a.name, l.Addr()))
			f.mux.serve(l)
			// Some clients take localhost for its IPv6 address only; a machine may
			// have none.
			if l, err := ports.Listen(ctx, "tcp", net.JoinHostPort("::1", strconv.Itoa(a.port))); err == nil {
				f.mux.serve(l)
			}
		}
	}
	if a := s.o.Config.Jaeger.ArchiveListen; a != "" {
		l, err := ports.Listen(ctx, "tcp", a)
		if err != nil {
			return base.Errorf(base.ClassUnavailable, "listen on %s: %w: stop what uses it, or choose another jaeger.archive_listen", a, err)
		}
		f.opened = append(f.opened, fmt.Sprintf("Jaeger remote storage of the archive on %s", l.Addr()))
		go func() { _ = f.archive.Serve(l) }() // ends with Stop
	}
	for _, name := range append(f.services, "") {
		f.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	return nil
}

// Addr returns the host:port that answers every protocol, once Listen was called.
func (s *Server) Addr() string { return s.front.addr }

// Aliases describes the well-known ports that opened.
func (s *Server) Aliases() []string { return s.front.opened }

// close drains requests for a while and then cuts them off.
func (f *front) close() {
	f.health.Shutdown()
	defer f.archive.Stop()
	if f.mux == nil {
		f.grpc.Stop()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		f.archive.GracefulStop()
		f.grpc.GracefulStop()
		close(stopped)
	}()
	if err := f.http.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		_ = f.http.Close() // cut off what did not end in time
	}
	select {
	case <-stopped:
	case <-ctx.Done():
		f.grpc.Stop()
	}
	f.mux.close()
}

// fromLoopback reports whether the request came from this machine.
func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && isLoopback(strings.TrimSuffix(host, "%lo"))
}
