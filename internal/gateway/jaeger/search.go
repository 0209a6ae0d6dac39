package jaeger

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// searchParams is a search as all surfaces can say it.
type searchParams struct {
	service, operation string
	attributes         map[string]string // name to the text of the value
	time               base.TimeRange
	min, max           time.Duration    // zero does not constrain
	filter             *expression.Call // instead of all of the above but time
	depth              int              // zero means serve.DefaultDepth
	page               *search.Page     // instead of depth
	raw                bool             // no repairs; summaries ignore it
}

// query returns the search as a valid query, newest traces first.
func (p *searchParams) query() (*search.Query, error) {
	switch {
	case p.min < 0 || p.max < 0:
		return nil, base.Errorf(base.ClassInvalid, "a duration must not be negative: got min %v, max %v", p.min, p.max)
	case p.max != 0 && p.max < p.min:
		return nil, base.Errorf(base.ClassInvalid, "the maximum duration %v is below the minimum %v", p.max, p.min)
	case p.page != nil && p.depth != 0:
		return nil, base.Errorf(base.ClassInvalid, "search_depth %d and pagination: only one of them can bound a search", p.depth)
	}
	if set := p.predicates(); p.filter != nil && len(set) > 0 {
		return nil, base.Errorf(base.ClassInvalid, "query has a filter and %s: say it all in the filter", strings.Join(set, ", "))
	}
	q := &search.Query{
		Service:     p.service,
		Operation:   p.operation,
		Filter:      p.filter,
		Time:        p.time,
		MinDuration: uint64(p.min),
		MaxDuration: uint64(p.max),
		Order:       search.Newest,
		Limit:       p.depth,
		Page:        p.page,
	}
	if p.depth == 0 && p.page == nil {
		q.Limit = serve.DefaultDepth
	}
	for _, key := range slices.Sorted(maps.Keys(p.attributes)) {
		serve.AddTag(q, key, p.attributes[key])
	}
	return q, q.Validate()
}

// predicates names the conditions that a filter excludes, by their names in the
// protocol.
func (p *searchParams) predicates() []string {
	var set []string
	for _, c := range [...]struct {
		name string
		set  bool
	}{
		{"service_name", p.service != ""},
		{"operation_name", p.operation != ""},
		{"attributes", len(p.attributes) > 0},
		{"duration_min", p.min != 0},
		{"duration_max", p.max != 0},
	} {
		if c.set {
			set = append(set, c.name)
		}
	}
	return set
}

// noPage refuses pages where the answer has no place for a token.
func (p *searchParams) noPage() error {
	if p.page != nil {
		return base.Errorf(base.ClassInvalid,
			"pagination is not for whole traces: page through trace summaries, or bound the search with search_depth")
	}
	return nil
}

// findTraces returns the ids of the traces that a search finds.
func (g *Gateway) findTraces(ctx context.Context, p *searchParams) ([]trace.ID, error) {
	if err := p.noPage(); err != nil {
		return nil, err
	}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	return g.store.FindIDs(ctx, q)
}

// findSummaries returns the summaries of the traces that a search finds, and the
// token of the next page.
func (g *Gateway) findSummaries(ctx context.Context, p *searchParams) ([]trace.Summary, string, error) {
	q, err := p.query()
	if err != nil {
		return nil, "", err
	}
	return g.store.SummariesPage(ctx, q)
}
