package jaegerrpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
)

// Rate says how often an operation began a trace that was stored.
type Rate struct {
	Service   string
	Operation string
	PerSecond float64 // root spans, in the mean over the time asked for
}

// Throughput tells what adaptive sampling steers by. Implementations are safe for
// concurrent use.
type Throughput interface {
	// RootRates returns the rates of the operations that began traces in the time
	// range, each once, in any order. The slice is the caller's.
	RootRates(ctx context.Context, in base.TimeRange) ([]Rate, error)
}

// AdaptiveOptions configures Adaptive. Zero fields mean the defaults, which are
// those of Jaeger.
type AdaptiveOptions struct {
	// Target is how many traces per second each operation should store. Default 1.
	Target float64
	// Tolerance is how far from the target, as a share of it, a rate is let be.
	// Default 0.3.
	Tolerance float64
	// Initial is the probability of operations that were not seen yet. Default
	// 0.001.
	Initial float64
	// Min is the least probability. Default 0.00001.
	Min float64
	// LowerBound is how many traces per second clients record of an operation
	// whatever its probability. Default 1/60.
	LowerBound float64
	// Interval is how often probabilities are worked out, at most, and over which
	// time. Default 1 min.
	Interval time.Duration
	// Delay is how long ago that time ends: so long that all clients have asked
	// for what was worked out before. Default 2 min.
	Delay time.Duration
	// MaxOperations bounds the operations of one service that have a probability
	// of their own: the busiest. Default 2000, which makes answers of 100 kB.
	MaxOperations int
	// Clock tells the time. Default the system clock.
	Clock base.Clock
	// Logger gets errors of the throughput. Default slog.Default.
	Logger *slog.Logger
}

func (o AdaptiveOptions) withDefaults() AdaptiveOptions {
	o.Target = cmp.Or(o.Target, 1)
	o.Tolerance = cmp.Or(o.Tolerance, 0.3)
	o.Initial = cmp.Or(o.Initial, DefaultProbability)
	o.Min = cmp.Or(o.Min, 1e-5)
	o.LowerBound = cmp.Or(o.LowerBound, 1.0/60)
	o.Interval = cmp.Or(o.Interval, time.Minute)
	o.Delay = cmp.Or(o.Delay, 2*time.Minute)
	o.MaxOperations = cmp.Or(o.MaxOperations, 2000)
	if o.Clock == nil {
		o.Clock = base.SystemClock
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Validate reports everything that is wrong with the options.
func (o AdaptiveOptions) Validate() error {
	o = o.withDefaults()
	var errs []error
	for _, p := range []struct {
		name  string
		value float64
	}{{"Initial", o.Initial}, {"Min", o.Min}} {
		if !(p.value > 0 && p.value <= 1) {
			errs = append(errs, fmt.Errorf("adaptive sampling option %s is %g: want a probability above 0", p.name, p.value))
		}
	}
	if o.Initial < o.Min {
		errs = append(errs, fmt.Errorf("adaptive sampling option Initial %g is below Min %g", o.Initial, o.Min))
	}
	if !(o.Target > 0 && o.Target < math.Inf(1)) || !(o.Tolerance > 0) || !(o.LowerBound > 0) {
		errs = append(errs, errors.New("adaptive sampling options Target, Tolerance and LowerBound must be positive"))
	}
	if o.Interval < time.Second || o.Delay < 0 || o.MaxOperations < 1 {
		errs = append(errs, errors.New("adaptive sampling options: Interval must be 1 s or more, Delay and MaxOperations not negative"))
	}
	return errors.Join(errs...)
}

// maxIncrease bounds how much a probability grows in one step, as a share of
// itself. It falls at once: too much data hurts, too little for a while does not.
const maxIncrease = 1.0

// next returns the probability that follows old, at which an operation stored
// rate traces per second.
func (o AdaptiveOptions) next(old, rate float64) float64 {
	if math.Abs(rate-o.Target) < o.Tolerance*o.Target {
		return old
	}
	factor := 1 + maxIncrease
	if rate > 0 {
		factor = min(factor, o.Target/rate)
	}
	return min(1, max(o.Min, old*factor))
}

// maxSilence is how many steps an operation is remembered that stores nothing.
const maxSilence = 10

// operations holds the state of each operation of one service.
type operations map[string]operationState

type operationState struct {
	probability float64
	silent      int // steps without a trace, up to now
}

// step returns the state that follows when the operations stored traces at those
// rates. Operations that stored none are raised for a while, then forgotten; only
// the busiest are kept.
func (o AdaptiveOptions) step(old operations, rates map[string]float64) operations {
	type candidate struct {
		name  string
		rate  float64
		state operationState
	}
	var all []candidate
	for name, rate := range rates {
		state, ok := old[name]
		if !ok {
			state.probability = o.Initial
		}
		all = append(all, candidate{name, rate, operationState{probability: o.next(state.probability, rate)}})
	}
	for name, state := range old {
		if _, ok := rates[name]; !ok && state.silent < maxSilence {
			all = append(all, candidate{name, 0, operationState{probability: o.next(state.probability, 0), silent: state.silent + 1}})
		}
	}
	if len(all) > o.MaxOperations {
		slices.SortFunc(all, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(b.rate, a.rate), cmp.Compare(a.name, b.name))
		})
		all = all[:o.MaxOperations]
	}
	out := make(operations, len(all))
	for _, c := range all {
		out[c.name] = c.state
	}
	return out
}

// answer returns the strategy of a service in that state.
func (o AdaptiveOptions) answer(ops operations) *apiv2pb.SamplingStrategyResponse {
	per := &apiv2pb.PerOperationSamplingStrategies{
		DefaultSamplingProbability:       o.Initial,
		DefaultLowerBoundTracesPerSecond: o.LowerBound,
	}
	names := make([]string, 0, len(ops))
	for name := range ops {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		per.PerOperationStrategies = append(per.PerOperationStrategies, operationStrategy(name, ops[name].probability))
	}
	return &apiv2pb.SamplingStrategyResponse{OperationSampling: per}
}

// Adaptive works out sampling probabilities: each operation is to store as many
// traces per second as the target says. The algorithm is that of Jaeger's
// adaptive processor, but that it does not ask whether a service obeys, which
// OpenTelemetry's spans do not tell; one that does not is not harmed by an answer
// it never asked for. State is in memory: after a restart probabilities are found
// again from Initial. It is safe for concurrent use.
type Adaptive struct {
	source Throughput
	opts   AdaptiveOptions

	mu struct {
		sync.Mutex
		stepped  time.Time // when the last step was begun
		running  bool      // a step is under way
		services map[string]operations
		answers  map[string]*apiv2pb.SamplingStrategyResponse
	}
}

// NewAdaptive returns a provider of strategies that steers by source.
func NewAdaptive(source Throughput, o AdaptiveOptions) (*Adaptive, error) {
	if source == nil {
		return nil, base.Errorf(base.ClassInvalid, "adaptive sampling: the throughput is missing")
	}
	if err := o.Validate(); err != nil {
		return nil, base.Mark(base.ClassInvalid, err)
	}
	return &Adaptive{source: source, opts: o.withDefaults()}, nil
}

// Strategy returns the strategy of a service, which must not be changed. The
// first request after an interval works out the next step for all services and
// waits for it; others, and all while the throughput cannot be had, get the
// former one.
func (a *Adaptive) Strategy(ctx context.Context, service string) *apiv2pb.SamplingStrategyResponse {
	if now := a.opts.Clock(); a.begin(now) {
		end := now.Add(-a.opts.Delay)
		rates, err := a.source.RootRates(ctx, base.TimeRange{Start: end.Add(-a.opts.Interval).UnixNano(), End: end.UnixNano()})
		if err != nil {
			a.opts.Logger.WarnContext(ctx, "adaptive sampling has no throughput", slog.Any("err", err))
		}
		a.finish(rates, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.mu.answers[service]; s != nil {
		return s
	}
	return a.opts.answer(nil)
}

// begin reports whether the caller is to make a step.
func (a *Adaptive) begin(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.running || now.Sub(a.mu.stepped) < a.opts.Interval {
		return false
	}
	a.mu.running, a.mu.stepped = true, now
	return true
}

// finish ends a step, which changes nothing if it failed.
func (a *Adaptive) finish(rates []Rate, err error) {
	byService := make(map[string]map[string]float64)
	for _, r := range rates {
		if byService[r.Service] == nil {
			byService[r.Service] = make(map[string]float64)
		}
		byService[r.Service][r.Operation] += r.PerSecond
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.running = false
	if err != nil {
		return
	}
	for service := range a.mu.services {
		if byService[service] == nil {
			byService[service] = nil // silent, but known
		}
	}
	services := make(map[string]operations, len(byService))
	answers := make(map[string]*apiv2pb.SamplingStrategyResponse, len(byService))
	for service, rates := range byService {
		if ops := a.opts.step(a.mu.services[service], rates); len(ops) > 0 {
			services[service], answers[service] = ops, a.opts.answer(ops)
		}
	}
	a.mu.services, a.mu.answers = services, answers
}
