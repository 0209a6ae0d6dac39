package jaegerstore

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// dependencySource is what answers say worked the dependencies out.
const dependencySource = "pando"

// services answers both versions.
func (g *Gateway) services(ctx context.Context) ([]string, error) {
	t, err := g.target(ctx)
	if err != nil {
		return nil, err
	}
	return t.Store.Services(ctx)
}

// operations answers both versions.
func (g *Gateway) operations(ctx context.Context, service, kind string) ([]trace.Operation, error) {
	t, err := g.target(ctx)
	if err != nil {
		return nil, err
	}
	f, err := serve.NewOperationFilter(service, kind)
	if err != nil {
		return nil, err
	}
	ops, err := t.Store.Operations(ctx, f.Service, f.Kind)
	return f.Keep(ops), err
}

// dependencies answers both versions.
func (g *Gateway) dependencies(ctx context.Context, start, end *timestamppb.Timestamp) ([]search.Dependency, error) {
	t, err := g.target(ctx)
	if err != nil {
		return nil, err
	}
	in, err := serve.NewInterval(start, end)
	switch {
	case err != nil:
		return nil, err
	case !in.HasStart || !in.HasEnd:
		return nil, base.Errorf(base.ClassInvalid, "start_time and end_time are required")
	case in.End <= in.Start:
		return nil, base.Errorf(base.ClassInvalid, "end_time must be after start_time")
	}
	return t.Store.Dependencies(ctx, base.TimeRange{Start: in.Start, End: in.End})
}

// dependenciesV2 is the service jaeger.storage.v2.DependencyReader.
type dependenciesV2 struct {
	storagev2pb.UnimplementedDependencyReaderServer
	g *Gateway
}

// GetDependencies implements storagev2pb.DependencyReaderServer.
func (d *dependenciesV2) GetDependencies(ctx context.Context, req *storagev2pb.GetDependenciesRequest) (*storagev2pb.GetDependenciesResponse, error) {
	deps, err := d.g.dependencies(ctx, req.GetStartTime(), req.GetEndTime())
	if err != nil {
		return nil, d.g.errs.GRPC(ctx, storagev2pb.DependencyReader_GetDependencies_FullMethodName, err)
	}
	resp := &storagev2pb.GetDependenciesResponse{Dependencies: make([]*storagev2pb.Dependency, len(deps))}
	for i, dep := range deps {
		resp.Dependencies[i] = &storagev2pb.Dependency{
			Parent: dep.Parent, Child: dep.Child, CallCount: dep.Calls, Source: dependencySource,
		}
	}
	return resp, nil
}

// capabilitiesV2 is the service jaeger.storage.v2.Capabilities.
type capabilitiesV2 struct {
	storagev2pb.UnimplementedCapabilitiesServer
}

// GetCapabilities implements storagev2pb.CapabilitiesServer. All there is to
// declare is declared, for every target: it does not depend on one.
func (*capabilitiesV2) GetCapabilities(context.Context, *storagev2pb.GetCapabilitiesRequest) (*storagev2pb.GetCapabilitiesResponse, error) {
	return &storagev2pb.GetCapabilitiesResponse{Search: &storagev2pb.SearchCapabilities{
		WithoutServiceName:  true,
		SameSpanConjunction: true,
		Filter: &storagev2pb.FilterCapabilities{
			Levels:    expression.Levels(),
			Operators: expression.Operators(),
		},
		Paginated:   true,
		SpanSearch:  true,
		SpanSorting: true,
	}}, nil
}
