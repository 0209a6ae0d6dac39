package jaegerbadger

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pandodb/pando/internal/model/trace"
)

// Reader reads traces back from a server. It calls visit with the spans of the
// traces that are there, in any order and any number of pieces. It is used by
// several goroutines.
type Reader interface {
	Traces(ctx context.Context, ids []trace.ID, visit func([]trace.Span) error) error
}

// VerifyOptions says how to read back. Zero fields mean the defaults.
type VerifyOptions struct {
	// Readers is how many requests are under way at once. Default 4.
	Readers int
	// Progress, if set, is called after each batch, by one goroutine at a time.
	// The counts are those of the source.
	Progress func(Progress)
}

// Comparison tells how the spans of a store and those of a server agree.
type Comparison struct {
	Spans     int64 // of the store, decoded
	Equal     int64
	Different int64 // the server has a span of that id in the trace, but with other content
	Missing   int64
	Extra     int64 // the server has them in traces of the store
	// Source and Server are the checksums of the store's spans and of those that
	// the server has of them, equal or not, without the extra ones.
	Source, Server uint64
	// Problems names the first few that differ.
	Problems []string
	Elapsed  time.Duration
}

// OK reports whether the server has every span as it is in the store.
func (c *Comparison) OK() bool { return c.Equal == c.Spans }

// Verify reads every trace of the store back and compares span by span. What
// cannot be decoded is not compared.
func Verify(ctx context.Context, s *Store, o VerifyOptions, from Reader) (Comparison, error) {
	if o.Readers <= 0 {
		o.Readers = 4
	}
	v := &verifier{o: &o, place: s.place(), from: from}
	started := time.Now()
	err := pipeline(ctx, o.Readers, func(ctx context.Context, queue chan<- *wanted) error {
		return v.read(ctx, s, queue)
	}, v.compare)
	v.c.Elapsed = time.Since(started)
	return v.c, err
}

// mark is what is kept of a span.
type mark struct {
	span trace.SpanID
	sum  uint64
}

// wanted are traces that are compared together, whole.
type wanted struct {
	ids    []trace.ID
	marks  map[trace.ID][]mark
	counts Counts
	last   []byte // key
}

const (
	// groupSpans and groupTraces bound the traces of a look-up, but for a trace
	// that is longer by itself.
	groupSpans  = 8192
	groupTraces = 256
)

type verifier struct {
	o     *VerifyOptions
	place *place
	from  Reader

	mu   sync.Mutex // guards all below
	seen Counts
	c    Comparison
}

// read walks the store and queues whole traces.
func (v *verifier) read(ctx context.Context, s *Store, queue chan<- *wanted) error {
	var d decoder
	w := &wanted{marks: make(map[trace.ID][]mark)}
	spans := 0
	err := s.each(ctx, nil, func(b *batch) error {
		found, sums, c, err := d.decode(b)
		if err != nil {
			return err
		}
		for i := range found {
			id := found[i].TraceID
			if w.marks[id] == nil {
				if spans >= groupSpans || len(w.ids) >= groupTraces {
					if err := put(ctx, queue, w); err != nil {
						return err
					}
					w, spans = &wanted{marks: make(map[trace.ID][]mark)}, 0
				}
				w.ids = append(w.ids, id)
			}
			w.marks[id] = append(w.marks[id], mark{found[i].SpanID, sums[i]})
			spans++
		}
		w.counts.add(c)
		w.last = b.last()
		return nil
	})
	if err != nil {
		return err
	}
	return put(ctx, queue, w)
}

// compare looks up what is wanted.
func (v *verifier) compare(ctx context.Context, queue <-chan *wanted) error {
	var d digester
	for w := range queue {
		have := make(map[trace.ID][]mark, len(w.ids))
		if len(w.ids) > 0 {
			err := v.from.Traces(ctx, w.ids, func(spans []trace.Span) error {
				d.reset()
				for i := range spans {
					id := spans[i].TraceID
					have[id] = append(have[id], mark{spans[i].SpanID, d.sum(&spans[i])})
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		v.book(w, have)
	}
	return nil
}

func (v *verifier) book(w *wanted, have map[trace.ID][]mark) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range w.ids {
		v.c.trace(id, w.marks[id], have[id])
	}
	v.seen.add(&w.counts)
	if v.o.Progress != nil && w.last != nil {
		v.o.Progress(Progress{Counts: v.seen, Done: v.place.of(w.last)})
	}
}

// trace compares one trace.
func (c *Comparison) trace(id trace.ID, want, have []mark) {
	there := make(map[mark]int, len(have))
	for _, m := range have {
		there[m]++
	}
	var absent []mark
	for _, m := range want {
		c.Spans++
		c.Source += m.sum
		if there[m] == 0 {
			absent = append(absent, m)
			continue
		}
		there[m]--
		c.Equal++
		c.Server += m.sum
	}
	others := make(map[trace.SpanID][]mark)
	for _, m := range have {
		if there[m] > 0 {
			there[m]--
			others[m.span] = append(others[m.span], m)
		}
	}
	for _, m := range absent {
		twins := others[m.span]
		if len(twins) == 0 {
			c.Missing++
			c.problem("missing", id, m.span)
			continue
		}
		c.Different++
		c.Server += twins[0].sum
		others[m.span] = twins[1:]
		c.problem("different", id, m.span)
	}
	for _, twins := range others {
		c.Extra += int64(len(twins))
	}
}

func (c *Comparison) problem(what string, id trace.ID, span trace.SpanID) {
	if len(c.Problems) < maxProblems {
		c.Problems = append(c.Problems, fmt.Sprintf("%s: span %s of trace %s", what, span, id))
	}
}
