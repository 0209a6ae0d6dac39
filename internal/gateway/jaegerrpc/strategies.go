package jaegerrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
)

// DefaultProbability is what services sample with when nothing says otherwise, as
// in Jaeger.
const DefaultProbability = 0.001

// Strategies says which share of its traces each service records. The zero
// Strategies and nil say DefaultProbability. It is safe for concurrent use.
type Strategies struct {
	fallback *apiv2pb.SamplingStrategyResponse // nil: DefaultProbability
	services map[string]*apiv2pb.SamplingStrategyResponse
	warnings []string
}

// Names reports whether the service has a strategy of its own.
func (s *Strategies) Names(service string) bool {
	return s != nil && s.services[service] != nil
}

// Strategy returns the strategy of a service, which must not be changed.
func (s *Strategies) Strategy(service string) *apiv2pb.SamplingStrategyResponse {
	switch {
	case s.Names(service):
		return s.services[service]
	case s != nil && s.fallback != nil:
		return s.fallback
	default:
		return probabilistic(DefaultProbability)
	}
}

// Warnings tells what of the file has no effect, one sentence each.
func (s *Strategies) Warnings() []string {
	if s == nil {
		return nil
	}
	return s.warnings
}

// strategiesDoc is a strategies file of Jaeger's.
type strategiesDoc struct {
	Default  *serviceStrategyDoc  `json:"default_strategy"`
	Services []serviceStrategyDoc `json:"service_strategies"`
}

type serviceStrategyDoc struct {
	Service    string                 `json:"service"`
	Type       string                 `json:"type"`
	Param      float64                `json:"param"`
	Operations []operationStrategyDoc `json:"operation_strategies"`
}

type operationStrategyDoc struct {
	Operation string  `json:"operation"`
	Type      string  `json:"type"`
	Param     float64 `json:"param"`
}

const (
	typeProbabilistic = "probabilistic"
	typeRateLimiting  = "ratelimiting"
)

// ParseStrategies reads a strategies file as Jaeger defines it:
//
//	{"default_strategy": {"type": "probabilistic", "param": 0.5, "operation_strategies": […]},
//	 "service_strategies": [{"service": "shop", "type": "ratelimiting", "param": 5,
//	                         "operation_strategies": [{"operation": "GET /", "type": "probabilistic", "param": 0.2}]}]}
//
// Operations of the default apply to every service that does not name them. A
// service may leave out the type if it lists operations; the others get
// DefaultProbability. An error is of class base.ClassInvalid and names the line
// or the member.
func ParseStrategies(data []byte) (*Strategies, error) {
	var doc *strategiesDoc
	if err := decodeStrict(data, &doc); err != nil {
		return nil, err
	}
	s := &Strategies{services: make(map[string]*apiv2pb.SamplingStrategyResponse)}
	if doc == nil {
		return s, nil
	}
	var err error
	if doc.Default != nil {
		if s.fallback, err = s.service("default_strategy", doc.Default); err != nil {
			return nil, err
		}
	}
	for i := range doc.Services {
		at := fmt.Sprintf("service_strategies[%d]", i)
		d := &doc.Services[i]
		switch {
		case d.Service == "":
			return nil, base.Errorf(base.ClassInvalid, "%s: service is missing", at)
		case s.services[d.Service] != nil:
			return nil, base.Errorf(base.ClassInvalid, "%s: service %.80q has a strategy already", at, d.Service)
		}
		if s.services[d.Service], err = s.service(at, d); err != nil {
			return nil, err
		}
	}
	for _, own := range s.services {
		inherit(own, s.fallback.GetOperationSampling())
	}
	return s, nil
}

// service reads the strategy at a place of the file.
func (s *Strategies) service(at string, d *serviceStrategyDoc) (*apiv2pb.SamplingStrategyResponse, error) {
	out, err := s.strategy(at, d)
	if err != nil || len(d.Operations) == 0 {
		return out, err
	}
	ops := &apiv2pb.PerOperationSamplingStrategies{DefaultSamplingProbability: DefaultProbability}
	if p := out.GetProbabilisticSampling(); p != nil {
		ops.DefaultSamplingProbability = p.GetSamplingRate()
	}
	for i, op := range d.Operations {
		at := fmt.Sprintf("%s.operation_strategies[%d]", at, i)
		switch {
		case op.Operation == "":
			return nil, base.Errorf(base.ClassInvalid, "%s: operation is missing", at)
		case op.Type == typeRateLimiting:
			s.warnings = append(s.warnings, fmt.Sprintf("%s: operations are sampled by probability only: %.80q gets %g",
				at, op.Operation, ops.DefaultSamplingProbability))
			continue
		case op.Type != typeProbabilistic:
			return nil, base.Errorf(base.ClassInvalid, "%s: type %.40q: want %s", at, op.Type, typeProbabilistic)
		}
		if err := checkProbability(at, op.Param); err != nil {
			return nil, err
		}
		ops.PerOperationStrategies = append(ops.PerOperationStrategies, operationStrategy(op.Operation, op.Param))
	}
	out.OperationSampling = ops
	return out, nil
}

// strategy reads type and parameter.
func (s *Strategies) strategy(at string, d *serviceStrategyDoc) (*apiv2pb.SamplingStrategyResponse, error) {
	switch {
	case d.Type == typeProbabilistic:
		return probabilistic(d.Param), checkProbability(at, d.Param)
	case d.Type == typeRateLimiting && (d.Param < 0 || d.Param > math.MaxInt32):
		return nil, base.Errorf(base.ClassInvalid, "%s: param %g: want 0 to %d traces per second", at, d.Param, math.MaxInt32)
	case d.Type == typeRateLimiting:
		if d.Param != math.Trunc(d.Param) {
			s.warnings = append(s.warnings, fmt.Sprintf("%s: param %g: the protocol has whole traces per second: %g", at, d.Param, math.Trunc(d.Param)))
		}
		return &apiv2pb.SamplingStrategyResponse{
			StrategyType:         apiv2pb.SamplingStrategyType_RATE_LIMITING,
			RateLimitingSampling: &apiv2pb.RateLimitingSamplingStrategy{MaxTracesPerSecond: int32(d.Param)},
		}, nil
	case d.Type == "" && len(d.Operations) > 0:
		return probabilistic(DefaultProbability), nil
	default:
		return nil, base.Errorf(base.ClassInvalid, "%s: type %.40q: want %s or %s", at, d.Type, typeProbabilistic, typeRateLimiting)
	}
}

func checkProbability(at string, p float64) error {
	if p < 0 || p > 1 {
		return base.Errorf(base.ClassInvalid, "%s: param %g: want a probability, 0 to 1", at, p)
	}
	return nil
}

func probabilistic(rate float64) *apiv2pb.SamplingStrategyResponse {
	return &apiv2pb.SamplingStrategyResponse{
		StrategyType:          apiv2pb.SamplingStrategyType_PROBABILISTIC,
		ProbabilisticSampling: &apiv2pb.ProbabilisticSamplingStrategy{SamplingRate: rate},
	}
}

func operationStrategy(operation string, rate float64) *apiv2pb.OperationSamplingStrategy {
	return &apiv2pb.OperationSamplingStrategy{
		Operation:             operation,
		ProbabilisticSampling: &apiv2pb.ProbabilisticSamplingStrategy{SamplingRate: rate},
	}
}

// inherit gives a service the operations of the default that it does not name.
// The service's own probability is that of its other operations.
func inherit(own *apiv2pb.SamplingStrategyResponse, from *apiv2pb.PerOperationSamplingStrategies) {
	if from == nil {
		return
	}
	ops := own.GetOperationSampling()
	if ops == nil {
		own.OperationSampling = proto.CloneOf(from)
		if p := own.GetProbabilisticSampling(); p != nil {
			own.OperationSampling.DefaultSamplingProbability = p.GetSamplingRate()
		}
		return
	}
	named := make(map[string]bool, len(ops.GetPerOperationStrategies()))
	for _, op := range ops.GetPerOperationStrategies() {
		named[op.GetOperation()] = true
	}
	for _, op := range from.GetPerOperationStrategies() {
		if !named[op.GetOperation()] {
			ops.PerOperationStrategies = append(ops.PerOperationStrategies, op)
		}
	}
}

// decodeStrict reads one JSON document without members that are not known, which
// are misspelt ones.
func decodeStrict(data []byte, dst any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(dst)
	if err == nil {
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return base.Errorf(base.ClassInvalid, "sampling strategies: line %d: something follows the document", line(data, d.InputOffset()))
		}
		return nil
	}
	offset := d.InputOffset()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = kind.Offset
	}
	return base.Errorf(base.ClassInvalid, "sampling strategies: line %d: %w", line(data, offset), err)
}

func line(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(int64(len(data)), max(0, offset))], []byte("\n"))
}
