package bench

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/cli/api"
	"github.com/pandodb/pando/internal/corpus"
)

// overHTTP asks a server as its page does: searches answer summaries, and times
// include what this process spends on reading JSON.
type overHTTP struct{ client *api.Client }

// Trace implements Target.
func (t overHTTP) Trace(ctx context.Context, id corpus.TraceID) (int, error) {
	found, err := t.client.Trace(ctx, id.String())
	if base.ClassOf(err) == base.ClassNotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return len(found.Spans), nil
}

// Search implements Target.
func (t overHTTP) Search(ctx context.Context, q *corpus.Query) ([]Found, error) {
	ask := api.Search{
		Service: q.Service, Operation: q.Operation, Start: q.Start, End: q.End,
		MinDuration: time.Duration(q.MinDuration), MaxDuration: time.Duration(q.MaxDuration),
		Slowest: q.Slowest, Limit: q.Limit,
	}
	if q.ByFilter {
		ask = api.Search{Filter: filterOf(q).String(), Start: q.Start, End: q.End, Slowest: q.Slowest, Limit: q.Limit}
	}
	for _, tag := range q.Tags {
		if q.ByFilter {
			break
		}
		ask.Tags = append(ask.Tags, api.Tag{Key: tag.Key, Value: tag.Value.Text()})
	}
	sums, _, err := t.client.Search(ctx, &ask)
	if err != nil {
		return nil, err
	}
	out := make([]Found, len(sums))
	for i := range sums {
		if n, err := hex.Decode(out[i].ID[:], []byte(sums[i].TraceID)); err != nil || n != len(out[i].ID) {
			return nil, fmt.Errorf("server sent the trace id %q", sums[i].TraceID)
		}
		out[i].Spans = sums[i].Spans
	}
	return out, nil
}
