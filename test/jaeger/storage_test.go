package pandotest

import (
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"

	"github.com/jaegertracing/jaeger/internal/config"
	"github.com/jaegertracing/jaeger/internal/metrics"
	"github.com/jaegertracing/jaeger/internal/storage/integration"
	grpcv1 "github.com/jaegertracing/jaeger/internal/storage/v1/grpc"
	grpcv2 "github.com/jaegertracing/jaeger/internal/storage/v2/grpc"
	"github.com/jaegertracing/jaeger/internal/storage/v2/v1adapter"
	"github.com/jaegertracing/jaeger/internal/telemetry"
)

// purge leaves the server as clean as a new one: task is purge or purge-archive.
func purge(addr, task string) func(t *testing.T) {
	return func(t *testing.T) {
		if err := request(t.Context(), http.MethodPost, "http://"+addr+"/api/admin/"+task); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStorageVersion1 is Jaeger's suite through its client of the protocol that
// came with version 1.
func TestStorageVersion1(t *testing.T) {
	addr := startServer(t)
	f := grpcv1.NewFactory()
	v, command := config.Viperize(f.AddFlags)
	if err := command.ParseFlags([]string{"--grpc-storage.server=" + addr, "--grpc-storage.tls.enabled=false"}); err != nil {
		t.Fatal(err)
	}
	f.InitFromViper(v, zap.NewNop())
	if err := f.Initialize(metrics.NullFactory, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	writer, err := f.CreateSpanWriter()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := f.CreateSpanReader()
	if err != nil {
		t.Fatal(err)
	}
	s := integration.StorageIntegration{
		TraceWriter: v1adapter.NewTraceWriter(writer), TraceReader: v1adapter.NewTraceReader(reader), CleanUp: purge(addr, "purge"),
	}
	s.RunAll(t)
}

// TestStorageVersion2 is Jaeger's suite through its client of the protocol that
// reads OTLP.
func TestStorageVersion2(t *testing.T) {
	addr := startServer(t)
	s := newStorageV2(t, addr, false)
	s.CleanUp = purge(addr, "purge")
	s.RunAll(t)
}

// TestArchiveVersion2 is the same with the header that means the archive. Nothing
// of it gets into the store itself.
func TestArchiveVersion2(t *testing.T) {
	addr := startServer(t)
	s, main := newStorageV2(t, addr, true), newStorageV2(t, addr, false)
	empty := purge(addr, "purge-archive")
	s.CleanUp = func(t *testing.T) {
		services, err := main.TraceReader.GetServices(t.Context())
		if err != nil || len(services) > 0 {
			t.Errorf("the store itself has spans of %v, %v", services, err)
		}
		empty(t)
	}
	s.RunAll(t)
}

// newStorageV2 connects Jaeger's client of the protocol that reads OTLP, to the
// store or to its archive.
func newStorageV2(t *testing.T, addr string, archive bool) *integration.StorageIntegration {
	t.Helper()
	cfg := grpcv2.DefaultConfig()
	cfg.Timeout = time.Minute
	cfg.ClientConfig = configgrpc.ClientConfig{Endpoint: addr, TLS: configtls.ClientConfig{Insecure: true}}
	if archive {
		cfg.ClientConfig.Headers.Set("pando-archive", "true")
	}
	f, err := grpcv2.NewFactory(t.Context(), cfg, telemetry.NoopSettings())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	s := &integration.StorageIntegration{}
	if s.TraceWriter, err = f.CreateTraceWriter(); err != nil {
		t.Fatal(err)
	}
	if s.TraceReader, err = f.CreateTraceReader(); err != nil {
		t.Fatal(err)
	}
	if s.DependencyReader, err = f.CreateDependencyReader(); err != nil {
		t.Fatal(err)
	}
	return s
}
