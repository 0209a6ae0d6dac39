package jaegerstore

import (
	"context"
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
)

const (
	// batchBytes bounds what waits to be stored: a client that sends more waits.
	// It is what one message may have.
	batchBytes = 4 << 20
	// batchSpans bounds it for spans that are tiny.
	batchSpans = 4096
	// storeTimeout bounds the storing of one batch, which goes on when the client
	// is gone: it has no way to send the spans again.
	storeTimeout = 10 * time.Second
)

// batcher gathers the spans of one stream between a goroutine that puts them and
// one that stores them.
type batcher struct {
	mu struct {
		sync.Mutex
		spans []*apiv2pb.Span
		bytes int
		ended bool // no more will come
		dead  bool // nobody stores
	}
	changed sync.Cond // anything of mu
}

func newBatcher() *batcher {
	b := new(batcher)
	b.changed.L = &b.mu
	return b
}

// put adds a span of that many bytes, when there is room. It reports whether it
// did: once storing failed, it never does.
func (b *batcher) put(s *apiv2pb.Span, size int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.mu.dead && (len(b.mu.spans) >= batchSpans || len(b.mu.spans) > 0 && b.mu.bytes+size > batchBytes) {
		b.changed.Wait()
	}
	if b.mu.dead {
		return false
	}
	b.mu.spans = append(b.mu.spans, s)
	b.mu.bytes += size
	b.changed.Broadcast()
	return true
}

// end says that no more spans come.
func (b *batcher) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.ended = true
	b.changed.Broadcast()
}

// take waits for spans and returns all there are; none at the end.
func (b *batcher) take() []*apiv2pb.Span {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.mu.spans) == 0 && !b.mu.ended {
		b.changed.Wait()
	}
	spans := b.mu.spans
	b.mu.spans, b.mu.bytes = nil, 0
	b.changed.Broadcast()
	return spans
}

// store stores what is put until the end, or until it fails; the end of ctx is
// neither. Spans that break a rule are left out; how many, and the last rule, is
// an error in the end.
func (b *batcher) store(ctx context.Context, to Spans) error {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.mu.dead = true
		b.changed.Broadcast()
	}()
	var out leftOut
	for {
		spans := b.take()
		if len(spans) == 0 {
			return out.err()
		}
		err := func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
			defer cancel()
			return storeBatch(ctx, to, spans, &out)
		}()
		if err != nil {
			return err
		}
	}
}

// leftOut counts spans that were not stored.
type leftOut struct {
	spans int64
	why   string // of the last
}

func (l *leftOut) add(n int64, why string) {
	if n > 0 {
		l.spans, l.why = l.spans+n, why
	}
}

func (l *leftOut) err() error {
	if l.spans == 0 {
		return nil
	}
	return base.Errorf(base.ClassInvalid, "%d spans were not stored: %s", l.spans, l.why)
}

// storeBatch stores spans together, without those that are none.
func storeBatch(ctx context.Context, to Spans, spans []*apiv2pb.Span, out *leftOut) error {
	export, err := wire.AppendExport(nil, spans, nil)
	if base.ClassOf(err) == base.ClassInvalid {
		export, err = appendValid(nil, spans, out)
	}
	if err != nil || len(export) == 0 {
		return err
	}
	n, why, err := to.Export(ctx, export)
	out.add(n, why)
	return err
}

// appendValid appends an export of the spans that are ones. It takes them one by
// one, each an export of its own: exports in a row are one.
func appendValid(dst []byte, spans []*apiv2pb.Span, out *leftOut) ([]byte, error) {
	for i := range spans {
		var err error
		dst, err = wire.AppendExport(dst, spans[i:i+1], nil)
		switch {
		case err == nil:
		case base.ClassOf(err) == base.ClassInvalid:
			out.add(1, err.Error())
		default:
			return dst, err
		}
	}
	return dst, nil
}
