package serve

import (
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/gen/expressionpb"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// DefaultDepth is how many traces a search finds when it does not say.
const DefaultDepth = 100

// KnownFields refuses a message, which the request calls what, with fields that
// this version has no name for: they may be conditions, and without them the
// answer would be more than was asked for.
func KnownFields(what string, m proto.Message) error {
	if n := len(m.ProtoReflect().GetUnknown()); n > 0 {
		return base.Errorf(base.ClassInvalid, "%s: %d bytes of fields that are not known here", what, n)
	}
	return nil
}

// Search returns the time of a search, both ends of which are required.
func (in Interval) Search() (base.TimeRange, error) {
	switch {
	case !in.HasStart || !in.HasEnd:
		return base.TimeRange{}, base.Errorf(base.ClassInvalid, "start_time_min and start_time_max are required")
	case in.Start >= in.End:
		return base.TimeRange{}, base.Errorf(base.ClassInvalid, "start_time_min must be before start_time_max")
	}
	return base.TimeRange{Start: in.Start, End: in.End}, nil
}

// Depth reads how many traces a search asks for, which the message calls name.
func Depth(name string, depth int32) (int, error) {
	switch {
	case depth < 0 || depth > search.MaxLimit:
		return 0, base.Errorf(base.ClassInvalid, "%s %d: want 1 to %d traces, or 0 for %d", name, depth, search.MaxLimit, DefaultDepth)
	case depth == 0:
		return DefaultDepth, nil
	default:
		return int(depth), nil
	}
}

// SoftDepth is Depth for storage, where Jaeger documents a soft limit: what is
// beyond search.MaxLimit counts as that.
func SoftDepth(name string, depth int32) (int, error) {
	return Depth(name, min(depth, search.MaxLimit))
}

// NewPage reads a page. A size beyond what is answered at once counts as the most
// that is: pages hold at most what they ask for.
func NewPage(size uint64, token string) (search.Page, error) {
	if size == 0 {
		return search.Page{}, base.Errorf(base.ClassInvalid, "pagination.page_size is 0: want 1 to %d results", search.MaxPage)
	}
	return search.Page{Size: int(min(size, search.MaxPage)), Token: token}, nil
}

// spanFields are the fields of level span by which spans are ordered.
var spanFields = map[string]search.SpanField{
	"startTime": search.SpanStart,
	"duration":  search.SpanDuration,
	"traceID":   search.SpanTraceID,
	"spanID":    search.SpanSpanID,
}

// SpanSort reads a term of an order of spans; at is what errors call it.
func SpanSort(by *expressionpb.Expression, direction, at string) (search.SpanSort, error) {
	const want = "want startTime, duration, traceID or spanID of level span"
	term, err := wire.Term(by, at+".expression")
	if err != nil {
		return search.SpanSort{}, err
	}
	named, ok := term.(*expression.Field)
	if !ok {
		return search.SpanSort{}, base.Errorf(base.ClassInvalid, "%s.expression: no field: %s", at, want)
	}
	field, ok := spanFields[named.Name]
	if !ok || named.Level != expression.LevelSpan {
		return search.SpanSort{}, base.Errorf(base.ClassInvalid,
			"%s.expression: field %.40q of level %.40q: %s", at, named.Name, named.Level, want)
	}
	switch direction {
	case "", "asc", "desc":
		return search.SpanSort{Field: field, Desc: direction == "desc"}, nil
	default:
		return search.SpanSort{}, base.Errorf(base.ClassInvalid, "%s.direction: %.40q: want asc or desc", at, direction)
	}
}
