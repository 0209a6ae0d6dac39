package jaegerbadger

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// maxServices bounds the services that are told apart.
const maxServices = 10_000

// ScanOptions says what to look for. Zero fields mean the defaults.
type ScanOptions struct {
	// TTL is the retention of the server that would be sent to: spans that start
	// earlier are counted. Zero is for ever.
	TTL time.Duration
	// Now is the time to count back from. Required with TTL.
	Now time.Time
	// Progress, if set, is called after each batch.
	Progress func(Progress)
}

// ScanResult is what an import would send.
type ScanResult struct {
	Counts
	// TooOld is how many spans retention would refuse.
	TooOld int64
	// Invalid is how many others a server would refuse for what they hold.
	Invalid int64
	// Services is how many spans each has; of the first ten thousand.
	Services map[string]int64
	Elapsed  time.Duration
}

// Scan reads all spans of the store and sends none.
func Scan(ctx context.Context, s *Store, o ScanOptions) (ScanResult, error) {
	sc := &scanner{
		o: &o, place: s.place(), deadline: math.MinInt64, rules: trace.NewBuilder(trace.Options{}),
		r: ScanResult{Services: make(map[string]int64)},
	}
	if o.TTL > 0 {
		sc.deadline = o.Now.Add(-o.TTL).UnixNano()
	}
	started := time.Now()
	err := s.each(ctx, nil, sc.add)
	sc.r.Elapsed = time.Since(started)
	return sc.r, err
}

type scanner struct {
	o        *ScanOptions
	place    *place
	deadline int64 // earliest start that retention takes
	rules    *trace.Builder
	d        decoder
	request  []byte
	r        ScanResult
}

func (sc *scanner) add(b *batch) error {
	spans, _, c, err := sc.d.decode(b)
	if err != nil {
		return err
	}
	valid := spans[:0]
	for i := range spans {
		sc.service(spans[i].Resource)
		if spans[i].StartNanos <= math.MaxInt64 && int64(spans[i].StartNanos) < sc.deadline {
			sc.r.TooOld++
			continue
		}
		valid = append(valid, spans[i])
	}
	sc.request, err = requests(sc.request, valid, func(request []byte, _ int) error {
		sc.rules.Reset(0, base.TimeRange{End: math.MaxInt64})
		if err := sc.rules.Add(request); err != nil {
			return err
		}
		refused := sc.rules.Rejected()
		sc.r.Invalid += int64(refused.Count)
		for _, reason := range refused.Reasons {
			c.problem("would be refused: " + reason)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check entries: %w", err)
	}
	sc.r.add(c)
	if sc.o.Progress != nil {
		sc.o.Progress(Progress{Counts: sc.r.Counts, Done: sc.place.of(b.last())})
	}
	return nil
}

func (sc *scanner) service(r *trace.Resource) {
	name := r.Service()
	if _, known := sc.r.Services[name]; known || len(sc.r.Services) < maxServices {
		sc.r.Services[name]++
	}
}
