package ui

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

const (
	// maxFacetTraces and maxFacetSpans bound the sample that facets are counted
	// over: enough to show what the traces have in common, small enough to read
	// beside a search.
	maxFacetTraces = 20
	maxFacetSpans  = 50_000
	// maxFacetKeys and maxFacetValues bound the answer; maxFacetText leaves out
	// values nobody clicks, such as statements and stack traces.
	maxFacetKeys   = 24
	maxFacetValues = 8
	maxFacetText   = 120
	// maxFacetTerms bounds the memory of one count: some 10 MB. Terms first seen
	// later are not counted.
	maxFacetTerms = 100_000
)

type facetsDoc struct {
	TraceCount int        `json:"traceCount"`
	Facets     []facetDoc `json:"facets"`
}

type facetDoc struct {
	Key    string          `json:"key"`
	Values []facetValueDoc `json:"values"`
}

type facetValueDoc struct {
	Value      string `json:"value"`
	TraceCount int    `json:"traceCount"`
}

// serveFacets counts, over a few named traces, in how many of them each
// attribute value occurs. Ids that are gone are passed over.
func (h *Handler) serveFacets(w http.ResponseWriter, r *http.Request) error {
	texts := r.URL.Query()["id"]
	if len(texts) == 0 || len(texts) > maxFacetTraces {
		return base.Errorf(base.ClassInvalid, "%d ids: want 1 to %d", len(texts), maxFacetTraces)
	}
	ids := make([]trace.ID, len(texts))
	for i, text := range texts {
		id, err := trace.ParseID(text)
		if err != nil {
			return err
		}
		ids[i] = id
	}
	counter := newFacetCounter()
	if err := h.countFacets(r.Context(), ids, counter); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, counter.doc())
	return nil
}

func (h *Handler) countFacets(ctx context.Context, ids []trace.ID, counter *facetCounter) error {
	spans := 0
	for _, id := range ids {
		t, err := h.opts.Store.Trace(ctx, id)
		if base.ClassOf(err) == base.ClassNotFound {
			continue
		}
		if err != nil {
			return err
		}
		counter.add(t.Spans)
		if spans += len(t.Spans); spans >= maxFacetSpans {
			break
		}
	}
	return nil
}

// facetCounter counts traces per attribute value.
type facetCounter struct {
	traces int
	counts map[facetTerm]*facetCount
}

type facetTerm struct{ key, value string }

type facetCount struct {
	traces int
	last   int // number of the trace counted last
}

func newFacetCounter() *facetCounter {
	return &facetCounter{counts: map[facetTerm]*facetCount{}}
}

// add counts one trace.
func (c *facetCounter) add(spans []trace.Span) {
	c.traces++
	var resource *trace.Resource
	for i := range spans {
		c.addAttrs(spans[i].Attrs)
		if spans[i].Resource != resource { // spans of a resource come in runs
			resource = spans[i].Resource
			c.addAttrs(resource.Attrs)
		}
	}
}

func (c *facetCounter) addAttrs(attrs []trace.Attr) {
	for i := range attrs {
		v := &attrs[i].Value
		if v.Kind != trace.KindString && v.Kind != trace.KindBool && v.Kind != trace.KindInt {
			continue
		}
		// The service has a field of its own; an empty key cannot be searched for.
		if attrs[i].Key == "service.name" || attrs[i].Key == "" || len(v.Str) > maxFacetText {
			continue
		}
		term := facetTerm{attrs[i].Key, valueText(v)}
		n := c.counts[term]
		if n == nil && len(c.counts) >= maxFacetTerms {
			continue
		}
		if n == nil {
			n = &facetCount{}
			c.counts[term] = n
		}
		if n.last != c.traces {
			n.last = c.traces
			n.traces++
		}
	}
}

// doc chooses what helps to narrow down: keys whose values split the traces.
// A key with one value everywhere says nothing, and a key with a value of its
// own per trace is an id. Keys are ordered by how many traces carry them.
func (c *facetCounter) doc() *facetsDoc {
	byKey := map[string][]facetValueDoc{}
	for term, n := range c.counts {
		byKey[term.key] = append(byKey[term.key], facetValueDoc{Value: term.value, TraceCount: n.traces})
	}
	doc := &facetsDoc{TraceCount: c.traces, Facets: []facetDoc{}}
	for key, values := range byKey {
		slices.SortFunc(values, func(a, b facetValueDoc) int {
			return cmp.Or(cmp.Compare(b.TraceCount, a.TraceCount), cmp.Compare(a.Value, b.Value))
		})
		everywhere := len(values) == 1 && values[0].TraceCount == c.traces
		unique := len(values) > maxFacetValues && values[0].TraceCount == 1
		if (everywhere && c.traces > 1) || unique {
			continue
		}
		doc.Facets = append(doc.Facets, facetDoc{Key: key, Values: values[:min(len(values), maxFacetValues)]})
	}
	slices.SortFunc(doc.Facets, func(a, b facetDoc) int {
		return cmp.Or(cmp.Compare(b.Values[0].TraceCount, a.Values[0].TraceCount), cmp.Compare(a.Key, b.Key))
	})
	doc.Facets = doc.Facets[:min(len(doc.Facets), maxFacetKeys)]
	return doc
}
