package corpus

import (
	"fmt"
	"slices"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// Class is one of the query classes of the published comparison, or of those that
// came with filters.
type Class uint8

// The classes.
const (
	ClassTraceByID Class = iota + 1
	ClassMissingTrace
	ClassOperation        // service + operation, 10 minutes, newest 20
	ClassUniqueTagService // a tag that one trace has + service
	ClassTenantService    // tenant tag + service
	ClassTwoTags          // tenant and route of the same span
	ClassErrorService     // error.type = 500 + service
	ClassDurationRange    // service + narrow duration range
	ClassMinDuration      // operation + minimum duration
	ClassUniqueTag        // a tag that one trace has, no service
	ClassSlowest          // slowest 20 of an operation in 1 hour
	ClassFilter           // a filter: service, route and least duration, newest 20
)

// Classes returns all classes in their published order.
func Classes() []Class {
	out := make([]Class, 0, len(classNames)-1)
	for c := ClassTraceByID; c <= ClassFilter; c++ {
		out = append(out, c)
	}
	return out
}

var classNames = [...]string{
	ClassTraceByID:        "trace_by_id",
	ClassMissingTrace:     "missing_trace",
	ClassOperation:        "service_operation",
	ClassUniqueTagService: "unique_tag_service",
	ClassTenantService:    "tenant_service",
	ClassTwoTags:          "two_tags",
	ClassErrorService:     "error_service",
	ClassDurationRange:    "service_duration",
	ClassMinDuration:      "operation_min_duration",
	ClassUniqueTag:        "unique_tag",
	ClassSlowest:          "slowest",
	ClassFilter:           "filter",
}

// String returns the class's name in reports.
func (c Class) String() string { return classNames[c] }

// ParseClass is the inverse of String.
func ParseClass(name string) (Class, error) {
	if i := slices.Index(classNames[:], name); i > 0 && name != "" {
		return Class(i), nil
	}
	return 0, base.Errorf(base.ClassInvalid, "unknown query class %q", name)
}

// pageLimit is what interactive clients ask for; other classes want all.
const (
	pageLimit = 20
	allLimit  = 1_000
)

// Queries draws n queries of a class, a pure function of the corpus, the class
// and the seed. It takes the corpus to be the trace corpus, or one with its
// attribute keys; classes whose tags never occur draw no queries.
func (o *Oracle) Queries(class Class, n int, seed uint64) []Query {
	d := &drawer{o: o, src: newSource(seed, streamQuery, uint64(class))}
	d.start, d.end = o.rows[0].start, o.rows[0].start
	for i := range o.rows {
		d.start, d.end = min(d.start, o.rows[i].start), max(d.end, o.rows[i].start+1)
	}
	out := make([]Query, 0, n)
	for tries := 0; len(out) < n && tries < 20*n; tries++ {
		if q, ok := d.draw(class); ok {
			out = append(out, q)
		}
	}
	return out
}

// drawer draws queries from spans that exist.
type drawer struct {
	o          *Oracle
	src        source
	start, end int64 // of all spans

	operations []serverOp // distinct, in order of appearance
	failed     []int32    // services with spans that failed with the code 500
}

type serverOp struct{ service, name int32 }

// draw draws one query, and false if the random span does not suit the class.
func (d *drawer) draw(class Class) (Query, bool) {
	q := Query{Start: d.start, End: d.end, Limit: allLimit}
	r := d.row()
	q.Service = d.o.services[r.service]
	tenant := Tag{LevelSpan, keys[keyTenant].name, String(fmt.Sprintf("tenant-%03d", d.src.pick(tenants)))}
	switch class {
	case ClassTraceByID:
		return Query{TraceID: d.o.ids[r.trace]}, true
	case ClassMissingTrace:
		id := d.o.ids[r.trace]
		id[d.src.pick(len(id))] ^= byte(1 + d.src.pick(255))
		_, exists := d.o.byID[id]
		return Query{TraceID: id}, !exists
	case ClassOperation:
		op := d.operation()
		q.Service, q.Operation, q.Limit = d.o.services[op.service], d.o.names[op.name], pageLimit
		window := int64(10 * time.Minute)
		if room := d.end - d.start - window; room > 0 {
			q.Start += int64(d.src.below(uint64(room)))
		}
		q.End = q.Start + window
	case ClassUniqueTagService, ClassUniqueTag:
		if class == ClassUniqueTag {
			q.Service = ""
		}
		return d.withTags(q, r, keyRequestID)
	case ClassTenantService:
		q.Tags = []Tag{tenant}
	case ClassTwoTags:
		q.Service, q.Tags = "", []Tag{tenant}
		return d.withTags(q, r, keyHTTPRoute)
	case ClassErrorService:
		q.Tags = []Tag{{LevelSpan, keys[keyErrorType].name, String("500")}}
		return q, d.failing(&q)
	case ClassDurationRange:
		d.aroundDuration(&q, r)
	case ClassMinDuration:
		d.amongLongest(&q, r)
	case ClassFilter:
		q.MinDuration, q.Limit, q.ByFilter = r.duration/2, pageLimit, true
		return d.withTags(q, r, keyHTTPRoute)
	default: // ClassSlowest
		q.Operation, q.Limit, q.Slowest = d.o.names[r.name], pageLimit, true
	}
	return q, true
}

// row draws a server span.
func (d *drawer) row() *row {
	for {
		if r := &d.o.rows[d.src.pick(len(d.o.rows))]; r.kind == KindServer {
			return r
		}
	}
}

// operation draws a server operation, all being equally likely.
func (d *drawer) operation() serverOp {
	if d.operations == nil {
		seen := make(map[serverOp]bool)
		for i := range d.o.rows {
			r := &d.o.rows[i]
			if op := (serverOp{r.service, r.name}); r.kind == KindServer && !seen[op] {
				seen[op] = true
				d.operations = append(d.operations, op)
			}
		}
	}
	return d.operations[d.src.pick(len(d.operations))]
}

// failing sets q's service to one that has spans with q's only tag, all such
// being equally likely, and false if there is none.
func (d *drawer) failing(q *Query) bool {
	if d.failed == nil {
		for i := range d.o.rows {
			r := &d.o.rows[i]
			if r.failed && !slices.Contains(d.failed, r.service) && q.Tags[0].in(d.o.spanOf(r).Attrs) {
				d.failed = append(d.failed, r.service)
			}
		}
	}
	if len(d.failed) == 0 {
		return false
	}
	q.Service = d.o.services[d.failed[d.src.pick(len(d.failed))]]
	return true
}

// withTags completes q with the span's own values of the keys, and false if it
// lacks one.
func (d *drawer) withTags(q Query, r *row, wanted ...key) (Query, bool) {
	span := d.o.spanOf(r)
	for _, k := range wanted {
		i := slices.IndexFunc(span.Attrs, func(a Attr) bool { return a.Key == keys[k].name })
		if i < 0 {
			return q, false
		}
		q.Tags = append(q.Tags, Tag{LevelSpan, keys[k].name, span.Attrs[i].Value})
	}
	return q, true
}

// The spans that duration queries aim at.
const (
	durationSpans = 7
	longestSpans  = 3
)

// aroundDuration bounds q's duration so that about durationSpans spans of the
// service lie within, r's among them.
func (d *drawer) aroundDuration(q *Query, r *row) {
	sorted := d.durations(func(x *row) bool { return x.service == r.service })
	i, _ := slices.BinarySearch(sorted, r.duration)
	low := max(i-d.src.pick(durationSpans), 0)
	q.MinDuration = sorted[low]
	q.MaxDuration = sorted[min(low+durationSpans-1, len(sorted)-1)]
}

// amongLongest bounds q's duration from below so that the longest few spans of
// r's operation match.
func (d *drawer) amongLongest(q *Query, r *row) {
	q.Operation = d.o.names[r.name]
	sorted := d.durations(func(x *row) bool { return x.service == r.service && x.name == r.name })
	q.MinDuration = sorted[max(len(sorted)-1-d.src.pick(2*longestSpans-1), 0)]
}

// durations returns the durations of the chosen spans, sorted.
func (d *drawer) durations(chosen func(*row) bool) []int64 {
	var out []int64
	for i := range d.o.rows {
		if r := &d.o.rows[i]; chosen(r) {
			out = append(out, r.duration)
		}
	}
	slices.Sort(out)
	return out
}

func (o *Oracle) spanOf(r *row) *Span { return &o.source(int(r.trace))[r.span] }
