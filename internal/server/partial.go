package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// partialHeader tells a reader that answers lack rows: over HTTP under this name,
// over gRPC in lower case.
const partialHeader = "Pando-Partial"

// partial says what answers lack, or nothing.
func (s *Server) partial() string {
	parts, rows := 0, 0
	for _, t := range s.node.Tablets() {
		for _, q := range t.Quarantined() {
			parts, rows = parts+1, rows+q.Rows
		}
	}
	if parts == 0 {
		return ""
	}
	return fmt.Sprintf("%d damaged parts with %d rows are set aside; see /api/v1/quarantine", parts, rows)
}

// markPartial adds the header to answers of h while parts are set aside.
func (s *Server) markPartial(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lacks := s.partial(); lacks != "" {
			w.Header().Set(partialHeader, lacks)
		}
		h.ServeHTTP(w, r)
	})
}

// grpcPartial returns interceptors that do the same over gRPC.
func (s *Server) grpcPartial() []grpc.ServerOption {
	mark := func(ctx context.Context) {
		if lacks := s.partial(); lacks != "" {
			_ = grpc.SetHeader(ctx, metadata.Pairs(partialHeader, lacks)) // too late only if the stream is gone
		}
	}
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			mark(ctx)
			return next(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			mark(ss.Context())
			return next(srv, ss)
		}),
	}
}

// quarantinedDoc is one damaged part, as the API shows it.
type quarantinedDoc struct {
	Tablet uint64    `json:"tablet"`
	Part   string    `json:"part"`
	Rows   int       `json:"rows"`
	Bytes  int64     `json:"bytes"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Reason string    `json:"reason"`
}

// serveQuarantine lists the damaged parts.
func (f *front) serveQuarantine(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Parts []quarantinedDoc `json:"parts"`
	}{Parts: []quarantinedDoc{}}
	for id, t := range f.s.node.Tablets() {
		for _, q := range t.Quarantined() {
			out.Parts = append(out.Parts, quarantinedDoc{
				Tablet: uint64(id), Part: q.ID.String(), Rows: q.Rows, Bytes: q.Bytes,
				Start: time.Unix(0, q.Start).UTC(), End: time.Unix(0, q.End).UTC(), Reason: q.Reason,
			})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(out) // the client is gone if this fails
}
