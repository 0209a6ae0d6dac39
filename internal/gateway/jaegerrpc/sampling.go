package jaegerrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
)

// samplingManager is the service jaeger.api_v2.SamplingManager.
type samplingManager struct {
	apiv2pb.UnimplementedSamplingManagerServer
	g *Gateway
}

// GetSamplingStrategy implements apiv2pb.SamplingManagerServer.
func (s *samplingManager) GetSamplingStrategy(ctx context.Context, req *apiv2pb.SamplingStrategyParameters) (*apiv2pb.SamplingStrategyResponse, error) {
	if req.GetServiceName() == "" {
		return nil, s.g.errs.GRPC(ctx, apiv2pb.SamplingManager_GetSamplingStrategy_FullMethodName,
			base.Errorf(base.ClassInvalid, "serviceName is required"))
	}
	return s.g.strategy(ctx, req.GetServiceName()), nil
}

// strategy returns the strategy of a service: what the file says of it, what was
// worked out, or the file's default. It must not be changed.
func (g *Gateway) strategy(ctx context.Context, service string) *apiv2pb.SamplingStrategyResponse {
	if g.opts.Adaptive != nil && !g.opts.Strategies.Names(service) {
		// A client that leaves must not spoil the step for all others.
		ctx, cancel := g.bounded(context.WithoutCancel(ctx))
		defer cancel()
		return g.opts.Adaptive.Strategy(ctx, service)
	}
	return g.opts.Strategies.Strategy(service)
}

// serveSampling answers GET /sampling?service=NAME in Jaeger's JSON. Errors are
// plain text: so clients expect it.
func (g *Gateway) serveSampling(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	services := r.URL.Query()["service"]
	if len(services) != 1 || services[0] == "" {
		http.Error(w, "'service' parameter must be provided once", http.StatusBadRequest)
		return
	}
	body := strategyJSON(g.strategy(r.Context(), services[0]))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a reader that left is no error
}

// strategyDoc is a SamplingStrategyResponse in the JSON that Jaeger's clients
// read: enums by name, what is not set left out, numbers always there.
type strategyDoc struct {
	Type          string            `json:"strategyType"`
	Probabilistic *probabilisticDoc `json:"probabilisticSampling,omitempty"`
	RateLimiting  *rateLimitingDoc  `json:"rateLimitingSampling,omitempty"`
	Operations    *operationsDoc    `json:"operationSampling,omitempty"`
}

type probabilisticDoc struct {
	Rate float64 `json:"samplingRate"`
}

type rateLimitingDoc struct {
	PerSecond int32 `json:"maxTracesPerSecond"`
}

type operationsDoc struct {
	Default    float64        `json:"defaultSamplingProbability"`
	Lower      float64        `json:"defaultLowerBoundTracesPerSecond"`
	Operations []operationDoc `json:"perOperationStrategies"`
	Upper      float64        `json:"defaultUpperBoundTracesPerSecond"`
}

type operationDoc struct {
	Operation     string           `json:"operation"`
	Probabilistic probabilisticDoc `json:"probabilisticSampling"`
}

func strategyJSON(s *apiv2pb.SamplingStrategyResponse) []byte {
	doc := strategyDoc{Type: s.GetStrategyType().String()}
	if p := s.GetProbabilisticSampling(); p != nil {
		doc.Probabilistic = &probabilisticDoc{Rate: p.GetSamplingRate()}
	}
	if l := s.GetRateLimitingSampling(); l != nil {
		doc.RateLimiting = &rateLimitingDoc{PerSecond: l.GetMaxTracesPerSecond()}
	}
	if o := s.GetOperationSampling(); o != nil {
		doc.Operations = &operationsDoc{
			Default: o.GetDefaultSamplingProbability(), Lower: o.GetDefaultLowerBoundTracesPerSecond(),
			Upper: o.GetDefaultUpperBoundTracesPerSecond(), Operations: []operationDoc{},
		}
		for _, op := range o.GetPerOperationStrategies() {
			doc.Operations.Operations = append(doc.Operations.Operations, operationDoc{
				Operation: op.GetOperation(), Probabilistic: probabilisticDoc{Rate: op.GetProbabilisticSampling().GetSamplingRate()},
			})
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(&doc) // rates are finite, and a buffer takes all
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
