package corpus

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// Oracle knows the right answers about a corpus. It is naive on purpose: an
// answer is a scan over one small row per span, and wherever tags are involved
// the decoded span decides, so that it shares no idea with an engine.
//
// It is immutable and safe for concurrent use. A million spans take about
// 100 MB and a few seconds to build.
type Oracle struct {
	source func(index int) []Span
	ids    []TraceID // by trace index
	byID   map[TraceID]int

	services  []string
	resources map[*Resource]bool
	names     []string
	rows      []row
	hashes    []uint32 // of the rows' span, event and link attributes
}

// row is what the oracle remembers of a span.
type row struct {
	start, duration int64
	trace           int32
	span            int32 // position in its trace
	name            int32 // index into names
	service         int32 // index into services
	hashes          int32 // end in Oracle.hashes; the row before tells the start
	kind            Kind
	failed          bool
}

// NewOracle scans the corpus of the configuration once.
func NewOracle(cfg Config) *Oracle {
	c := New(cfg)
	return NewOracleOf(c.Len(), c.Trace)
}

// NewOracleOf scans traces [0, n) of any source, a pure function that returns
// a trace's spans.
func NewOracleOf(n int, source func(index int) []Span) *Oracle {
	o := &Oracle{source: source, byID: make(map[TraceID]int, n), resources: make(map[*Resource]bool)}
	services, names := make(interner), make(interner)
	for i := range n {
		spans := source(i)
		o.ids = append(o.ids, spans[0].TraceID)
		o.byID[spans[0].TraceID] = i
		for k := range spans {
			s := &spans[k]
			o.resources[s.Resource] = true
			o.hashes = appendHashes(o.hashes, s)
			o.rows = append(o.rows, row{
				start: s.Start, duration: s.Duration(), trace: int32(i), span: int32(k),
				name: names.id(s.Name), service: services.id(s.Resource.Service),
				hashes: int32(len(o.hashes)), kind: s.Kind, failed: s.Status == StatusError,
			})
		}
	}
	o.services, o.names = services.values(), names.values()
	return o
}

// interner numbers strings in order of first appearance.
type interner map[string]int32

func (m interner) id(s string) int32 {
	id, ok := m[s]
	if !ok {
		id = int32(len(m))
		m[s] = id
	}
	return id
}

func (m interner) values() []string {
	out := make([]string, len(m))
	for s, id := range m {
		out[id] = s
	}
	return out
}

// Len returns the number of traces.
func (o *Oracle) Len() int { return len(o.ids) }

// Spans returns the number of spans.
func (o *Oracle) Spans() int { return len(o.rows) }

// Trace returns all spans of a trace, and false if there is no such trace.
func (o *Oracle) Trace(id TraceID) ([]Span, bool) {
	i, ok := o.byID[id]
	if !ok {
		return nil, false
	}
	return o.source(i), true
}

// Services returns the names of all services, sorted.
func (o *Oracle) Services() []string { return slices.Sorted(slices.Values(o.services)) }

// OperationKind is a span name with a kind that occurs with it.
type OperationKind struct {
	Name string
	Kind Kind
}

// Operations returns the distinct span names and kinds of a service, sorted by
// name, then kind.
func (o *Oracle) Operations(service string) []OperationKind {
	id := int32(slices.Index(o.services, service))
	seen := make(map[OperationKind]bool)
	var out []OperationKind
	for i := range o.rows {
		r := &o.rows[i]
		if r.service != id {
			continue
		}
		op := OperationKind{o.names[r.name], r.kind}
		if !seen[op] {
			seen[op] = true
			out = append(out, op)
		}
	}
	slices.SortFunc(out, func(a, b OperationKind) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// Durations returns the duration of every span, in no order.
func (o *Oracle) Durations() []int64 {
	out := make([]int64, len(o.rows))
	for i := range o.rows {
		out[i] = o.rows[i].duration
	}
	return out
}

// Calls counts the spans whose parent belongs to another service, by the names of
// the parent's service and their own.
func (o *Oracle) Calls() map[[2]string]uint64 {
	calls := make(map[[2]string]uint64)
	for i := range o.ids {
		spans := o.source(i)
		service := make(map[SpanID]string, len(spans))
		for k := range spans {
			service[spans[k].SpanID] = spans[k].Resource.Service
		}
		for k := range spans {
			parent, ok := service[spans[k].Parent]
			if own := spans[k].Resource.Service; ok && parent != own {
				calls[[2]string{parent, own}]++
			}
		}
	}
	return calls
}

// Find returns the traces that match, in the order of Compare, at most
// q.Limit of them.
func (o *Oracle) Find(q Query) []Hit {
	hits := o.all(&q)
	slices.SortFunc(hits, func(a, b Hit) int { return q.Compare(a, b) })
	if q.Limit > 0 && len(hits) > q.Limit {
		hits = hits[:q.Limit]
	}
	return hits
}

// Count returns how many traces match, whatever the limit.
func (o *Oracle) Count(q Query) int { return len(o.all(&q)) }

// Compare is the order of answers: by start of the newest matching span,
// descending, or for Slowest by duration of the longest matching span,
// descending; ties by trace id, ascending.
func (q *Query) Compare(a, b Hit) int {
	first := cmp.Compare(b.Start, a.Start)
	if q.Slowest {
		first = cmp.Compare(b.Duration, a.Duration)
	}
	return cmp.Or(first, bytes.Compare(a.TraceID[:], b.TraceID[:]))
}

// all returns the matching traces in corpus order.
func (o *Oracle) all(q *Query) []Hit {
	var hits []Hit
	var spans []Span // decoded form of trace decoded
	decoded := int32(-1)
	filter := o.newRowFilter(q)
	for i := range o.rows {
		r := &o.rows[i]
		if !filter.mayMatch(i) {
			continue
		}
		if len(q.Tags) > 0 || q.TraceID != (TraceID{}) {
			if decoded != r.trace {
				spans, decoded = o.source(int(r.trace)), r.trace
			}
			if !q.Matches(&spans[r.span]) {
				continue
			}
		}
		if n := len(hits); n > 0 && hits[n-1].Index == int(r.trace) {
			hits[n-1].Start = max(hits[n-1].Start, r.start)
			hits[n-1].Duration = max(hits[n-1].Duration, r.duration)
			continue
		}
		hits = append(hits, Hit{int(r.trace), o.ids[r.trace], r.start, r.duration})
	}
	return hits
}

// rowFilter decides what a row can decide: all but tags, and of tags whether
// some attribute has the right hash. It never refuses a matching span.
type rowFilter struct {
	o             *Oracle
	q             *Query
	trace         int32 // -1: any
	service, name int32 // -1: any
	hashes        []uint32
}

// none matches no row's trace, service or name.
const none = math.MaxInt32

func (o *Oracle) newRowFilter(q *Query) *rowFilter {
	f := &rowFilter{o: o, q: q, trace: -1, service: find(o.services, q.Service), name: find(o.names, q.Operation)}
	if q.TraceID != (TraceID{}) {
		f.trace = none
		if i, ok := o.byID[q.TraceID]; ok {
			f.trace = int32(i)
		}
		return f
	}
	for _, t := range q.Tags {
		anywhere := t.Level == LevelAny && o.inResources(&t)
		if t.Level == LevelResource || t.Level == LevelScope || anywhere || t.asksStatus() {
			continue // rows know nothing of it
		}
		f.hashes = append(f.hashes, hashAttr(&Attr{t.Key, t.Value}))
	}
	return f
}

func find(values []string, s string) int32 {
	if s == "" {
		return -1
	}
	if i := slices.Index(values, s); i >= 0 {
		return int32(i)
	}
	return none
}

// inResources reports whether some resource has the tag.
func (o *Oracle) inResources(t *Tag) bool {
	for r := range o.resources {
		if t.in(r.Attrs) {
			return true
		}
	}
	return false
}

func (f *rowFilter) mayMatch(i int) bool {
	r := &f.o.rows[i]
	if f.trace >= 0 {
		return r.trace == f.trace
	}
	if f.service >= 0 && r.service != f.service || f.name >= 0 && r.name != f.name {
		return false
	}
	if !f.q.inBounds(r.start, r.duration) {
		return false
	}
	have := f.o.hashesOf(i)
	for _, h := range f.hashes {
		if !slices.Contains(have, h) {
			return false
		}
	}
	return true
}

func (o *Oracle) hashesOf(i int) []uint32 {
	start := int32(0)
	if i > 0 {
		start = o.rows[i-1].hashes
	}
	return o.hashes[start:o.rows[i].hashes]
}

// appendHashes appends the hashes of a span's own, event and link attributes.
func appendHashes(dst []uint32, s *Span) []uint32 {
	add := func(attrs []Attr) {
		for i := range attrs {
			dst = append(dst, hashAttr(&attrs[i]))
		}
	}
	add(s.Attrs)
	for i := range s.Events {
		add(s.Events[i].Attrs)
	}
	for i := range s.Links {
		add(s.Links[i].Attrs)
	}
	return dst
}

// hashAttr is FNV-1a over the key and the value with its type.
func hashAttr(a *Attr) uint32 {
	const prime = 16777619
	h := uint32(2166136261)
	for i := range len(a.Key) {
		h = (h ^ uint32(a.Key[i])) * prime
	}
	h = (h ^ uint32(a.Value.Type)) * prime
	for i := range len(a.Value.Str) {
		h = (h ^ uint32(a.Value.Str[i])) * prime
	}
	bits := uint64(a.Value.Int) ^ math.Float64bits(a.Value.Double)
	if a.Value.Bool {
		bits++
	}
	h = (h ^ uint32(bits)) * prime
	return (h ^ uint32(bits>>32)) * prime
}
