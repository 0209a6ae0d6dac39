package ui

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

const (
	// attributeSample is how many of the newest spans are looked at for keys:
	// enough to meet every common one.
	attributeSample = 1000
	// maxAttributes and maxAttributeValues bound the answer.
	maxAttributes      = 500
	maxAttributeValues = 10
	// maxSampledKeys and maxSampledValues bound the memory of one count. Keys and
	// values first seen later are not listed.
	maxSampledKeys   = 5000
	maxSampledValues = 200
)

type attributesDoc struct {
	SpanCount  int            `json:"spanCount"`
	Attributes []attributeDoc `json:"attributes"`
	// Truncated says that there are more: a longer prefix finds them.
	Truncated bool `json:"truncated"`
}

type attributeDoc struct {
	Key       string   `json:"key"`
	Level     string   `json:"level"`
	Types     []string `json:"types"`
	SpanCount int      `json:"spanCount"`
	// Values are the commonest ones, as text.
	Values []string `json:"values"`
}

// serveAttributes lists the attributes of the newest spans, for completion: of
// one service or of all, with keys that begin with the prefix.
func (h *Handler) serveAttributes(w http.ResponseWriter, r *http.Request) error {
	p := r.URL.Query()
	service, prefix := p.Get("service"), p.Get("prefix")
	if len(service) > maxNameBytes || len(prefix) > maxNameBytes {
		return base.Errorf(base.ClassTooLarge, "a service name or prefix has more than %d bytes", maxNameBytes)
	}
	time, err := parseTime(p, h.opts.Clock())
	if err != nil {
		return err
	}
	q := &search.SpanQuery{
		Filter:  filterOf(&search.Query{Service: service}),
		Time:    time,
		OrderBy: []search.SpanSort{{Field: search.SpanStart, Desc: true}},
		Page:    search.Page{Size: attributeSample},
	}
	if err := q.Validate(); err != nil {
		return err
	}
	spans, _, err := h.opts.Store.FindSpans(r.Context(), q)
	if err != nil {
		return err
	}
	sample := attributeSampler{prefix: prefix, found: map[attributeKey]*attributeCount{}}
	for i := range spans {
		sample.add(&spans[i])
	}
	writeJSON(w, http.StatusOK, sample.doc())
	return nil
}

// attributeSampler counts the spans that carry each attribute and its values.
type attributeSampler struct {
	prefix string
	spans  int
	found  map[attributeKey]*attributeCount
}

type attributeKey struct {
	level expression.Level
	key   string
}

type attributeCount struct {
	spans  int
	last   int  // number of the span counted last
	types  uint // bits by trace.ValueKind
	values map[string]int
}

func (s *attributeSampler) add(span *trace.Span) {
	s.spans++
	s.addAll(expression.LevelSpan, span.Attrs)
	s.addAll(expression.LevelResource, span.Resource.Attrs)
	s.addAll(expression.LevelScope, span.Scope.Attrs)
	for i := range span.Events {
		s.addAll(expression.LevelEvent, span.Events[i].Attrs)
	}
	for i := range span.Links {
		s.addAll(expression.LevelLink, span.Links[i].Attrs)
	}
}

func (s *attributeSampler) addAll(level expression.Level, attrs []trace.Attr) {
	for i := range attrs {
		key := attributeKey{level, attrs[i].Key}
		if key.key == "" || len(key.key) > maxNameBytes || !strings.HasPrefix(key.key, s.prefix) {
			continue
		}
		n := s.found[key]
		if n == nil && len(s.found) >= maxSampledKeys {
			continue
		}
		if n == nil {
			n = &attributeCount{values: map[string]int{}}
			s.found[key] = n
		}
		if n.last != s.spans {
			n.last = s.spans
			n.spans++
		}
		n.add(&attrs[i].Value)
	}
}

// add counts a value. Lists, maps and bytes have no constant to compare with.
func (n *attributeCount) add(v *trace.Value) {
	n.types |= 1 << v.Kind
	switch v.Kind {
	case trace.KindString, trace.KindBool, trace.KindInt, trace.KindDouble:
	default:
		return
	}
	if len(v.Str) > maxFacetText {
		return
	}
	text := valueText(v)
	if _, known := n.values[text]; known || len(n.values) < maxSampledValues {
		n.values[text]++
	}
}

// doc lists the keys that most spans have first.
func (s *attributeSampler) doc() *attributesDoc {
	doc := &attributesDoc{SpanCount: s.spans, Attributes: make([]attributeDoc, 0, len(s.found)), Truncated: len(s.found) > maxAttributes}
	for key, n := range s.found {
		doc.Attributes = append(doc.Attributes, attributeDoc{
			Key: key.key, Level: string(key.level), SpanCount: n.spans, Types: n.typeNames(), Values: n.commonest(),
		})
	}
	slices.SortFunc(doc.Attributes, func(a, b attributeDoc) int {
		return cmp.Or(cmp.Compare(b.SpanCount, a.SpanCount), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Level, b.Level))
	})
	doc.Attributes = doc.Attributes[:min(len(doc.Attributes), maxAttributes)]
	return doc
}

func (n *attributeCount) typeNames() []string {
	var names []string
	for kind, name := range valueTypes {
		if n.types&(1<<kind) != 0 {
			names = append(names, name)
		}
	}
	return names
}

func (n *attributeCount) commonest() []string {
	values := make([]string, 0, len(n.values))
	for value := range n.values {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b string) int {
		return cmp.Or(cmp.Compare(n.values[b], n.values[a]), cmp.Compare(a, b))
	})
	return values[:min(len(values), maxAttributeValues)]
}
