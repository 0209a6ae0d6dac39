package zipkin

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/gateway/jaeger/wire"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

const (
	// defaultLookback is how far back Zipkin looks when a request does not say.
	defaultLookback = 24 * time.Hour
	// defaultLimit is how many traces a search finds when it does not say.
	defaultLimit = 10
	// remoteSample is how many of the newest spans with a remote service are
	// looked at for its name: enough to meet every common one.
	remoteSample = 1000
)

// params reads the parameters of a request. The first error stays; values read
// after it mean nothing.
type params struct {
	values url.Values
	err    error
}

func newParams(rawQuery string) *params {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		err = base.Errorf(base.ClassInvalid, "query string: %w", err)
	}
	return &params{values: values, err: err}
}

func (p *params) fail(name, want string) {
	if p.err == nil {
		p.err = base.Errorf(base.ClassInvalid, "parameter '%s': %.80q: want %s", name, p.values.Get(name), want)
	}
}

// required reads a parameter that must be there.
func (p *params) required(name string) string {
	text := p.values.Get(name)
	if text == "" && p.err == nil {
		p.err = base.Errorf(base.ClassInvalid, "parameter '%s' is required", name)
	}
	return text
}

// name reads the name of something, of which "all" says that any will do.
func (p *params) name(name string) string {
	if text := p.values.Get(name); text != "all" {
		return text
	}
	return ""
}

// integer reads an integer from 1 to most; absent means def.
func (p *params) integer(name string, most, def int64) int64 {
	text := p.values.Get(name)
	if text == "" {
		return def
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		p.fail(name, "an integer from 1 to "+strconv.FormatInt(most, 10))
	}
	return n
}

// time reads the milliseconds endTs and lookback: both ends belong to the range.
func (p *params) time(now time.Time) base.TimeRange {
	const most = math.MaxInt64/int64(time.Millisecond) - 1
	end := p.integer("endTs", most, now.UnixMilli())
	lookback := p.integer("lookback", math.MaxInt64, defaultLookback.Milliseconds())
	start := end - min(lookback, end)
	return base.TimeRange{Start: start * int64(time.Millisecond), End: end*int64(time.Millisecond) + 1}
}

// parseSearch reads the parameters of a search. Unknown ones are ignored. All
// conditions hold on one span.
func parseSearch(p *params, now time.Time) (*search.Query, error) {
	least := p.integer("minDuration", maxMicros, 0)
	most := p.integer("maxDuration", maxMicros, 0)
	limit := p.integer("limit", math.MaxInt64, defaultLimit)
	q := &search.Query{
		Service: p.name("serviceName"), Operation: p.name("spanName"),
		Time:        p.time(now),
		MinDuration: uint64(least) * 1000,
		MaxDuration: uint64(most) * 1000,
		Order:       search.Newest,
		Limit:       int(min(limit, search.MaxLimit)),
	}
	if most != 0 {
		q.MaxDuration += 999 // the last microsecond counts whole
	}
	switch {
	case p.err != nil:
		return nil, p.err
	case most != 0 && least == 0:
		return nil, base.Errorf(base.ClassInvalid, "parameter 'maxDuration' is only valid with 'minDuration'")
	case most != 0 && most < least:
		return nil, base.Errorf(base.ClassInvalid, "parameter 'maxDuration' %d is below 'minDuration' %d", most, least)
	}
	var conditions []*expression.Call
	if name := p.name("remoteServiceName"); name != "" {
		conditions = append(conditions, remoteIs(name))
	}
	for text := range strings.SplitSeq(p.values.Get("annotationQuery"), " and ") {
		key, value, hasValue := strings.Cut(strings.TrimSpace(text), "=")
		switch {
		case key == "" && !hasValue:
		case key == "":
			p.fail("annotationQuery", "words and key=value, joined by and")
			return nil, p.err
		case hasValue:
			serve.AddTag(q, key, value)
		default:
			conditions = append(conditions, saysWord(key))
		}
	}
	q.Filter = allOf(q.Filter, conditions)
	return q, q.Validate()
}

// allOf joins conditions; first may be nil.
func allOf(first *expression.Call, rest []*expression.Call) *expression.Call {
	if first != nil {
		rest = append(rest, first)
	}
	if len(rest) == 0 {
		return nil
	}
	if len(rest) == 1 {
		return rest[0]
	}
	return call(expression.OpAnd, rest...)
}

func call(op expression.Op, args ...*expression.Call) *expression.Call {
	c := &expression.Call{Op: op, Args: make([]expression.Term, len(args))}
	for i, a := range args {
		c.Args[i] = a
	}
	return c
}

func equal(of expression.Term, value string) *expression.Call {
	return &expression.Call{Op: expression.OpEq, Args: []expression.Term{of, &expression.Scalar{Value: value}}}
}

func exists(key string) *expression.Call {
	return &expression.Call{Op: expression.OpExists, Args: []expression.Term{&expression.Attr{Key: key}}}
}

// saysWord is the condition that a span has the word as an annotation or as the
// key of a tag. The tag error also stands for a status of OpenTelemetry.
func saysWord(word string) *expression.Call {
	c := call(expression.OpOr, exists(word), equal(&expression.Field{Level: expression.LevelEvent, Name: "name"}, word))
	if word == wire.TagError {
		c.Args = append(c.Args, equal(&expression.Field{Level: expression.LevelSpan, Name: "status"}, "error"))
	}
	return c
}

// remoteIs is the condition that a span has that remote service.
func remoteIs(name string) *expression.Call {
	return call(expression.OpOr,
		equal(&expression.Attr{Key: attrPeer}, name),
		equal(&expression.Attr{Key: attrRemote + "." + remoteNames.service}, name),
	)
}

// remoteQuery asks for the newest spans of a service that have a remote one.
func remoteQuery(service string, now time.Time) *search.SpanQuery {
	return &search.SpanQuery{
		Filter: call(expression.OpAnd,
			equal(&expression.Field{Level: expression.LevelResource, Name: "service"}, service),
			call(expression.OpOr, exists(attrPeer), exists(attrRemote+"."+remoteNames.service)),
		),
		Time:    base.TimeRange{Start: now.Add(-defaultLookback).UnixNano(), End: now.Add(time.Hour).UnixNano()},
		OrderBy: []search.SpanSort{{Field: search.SpanStart, Desc: true}},
		Page:    search.Page{Size: remoteSample},
	}
}

// splitList splits a list at its commas, without spaces around elements.
func splitList(text string) []string {
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}
