package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// placeDoc is a place in a text: lines and columns count from 1, columns count
// characters.
type placeDoc struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// filterError is an error that knows where in the text of a filter it is.
type filterError struct {
	place placeDoc
	err   error
}

func (e *filterError) Error() string { return e.err.Error() }
func (e *filterError) Unwrap() error { return e.err }

// parseFilter reads the text form of a filter, docs/api/filters.md.
func parseFilter(q *search.Query, p url.Values) error {
	text := p.Get("filter")
	if text == "" {
		return nil
	}
	filter, err := expression.Parse(text)
	if err == nil {
		q.Filter = filter
		return nil
	}
	placed := &filterError{err: err}
	if n, _ := fmt.Sscanf(err.Error(), "filter: line %d, column %d:", &placed.place.Line, &placed.place.Column); n != 2 {
		return err // a matter of the whole text, such as its length
	}
	return placed
}

// filterOf returns all conditions of the query but its time as one filter; nil
// when there are none.
func filterOf(q *search.Query) *expression.Call {
	var all []expression.Term
	field := func(op expression.Op, level expression.Level, name, value string) {
		all = append(all, &expression.Call{Op: op, Args: []expression.Term{
			&expression.Field{Level: level, Name: name}, &expression.Scalar{Value: value},
		}})
	}
	if q.Service != "" {
		field(expression.OpEq, expression.LevelResource, "service", q.Service)
	}
	if q.Operation != "" {
		field(expression.OpEq, expression.LevelSpan, "name", q.Operation)
	}
	if q.Kind != trace.KindUnspecified {
		field(expression.OpEq, expression.LevelSpan, "kind", q.Kind.String())
	}
	if q.MinDuration > 0 {
		field(expression.OpGte, expression.LevelSpan, "duration", strconv.FormatUint(q.MinDuration, 10)+"ns")
	}
	if q.MaxDuration > 0 {
		field(expression.OpLte, expression.LevelSpan, "duration", strconv.FormatUint(q.MaxDuration, 10)+"ns")
	}
	if q.ErrorsOnly {
		all = append(all, failed())
	}
	for i := range q.Tags {
		all = append(all, anywhere(q.Tags[i].Key, q.Tags[i].Value.Str))
	}
	if q.Filter != nil {
		all = append(all, q.Filter)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0].(*expression.Call) // only calls were appended
	default:
		return &expression.Call{Op: expression.OpAnd, Args: all}
	}
}

// failed holds on spans that search.Query.ErrorsOnly asks for.
func failed() *expression.Call {
	return &expression.Call{Op: expression.OpOr, Args: []expression.Term{
		&expression.Call{Op: expression.OpEq, Args: []expression.Term{
			&expression.Field{Level: expression.LevelSpan, Name: "status"}, &expression.Scalar{Value: "error"},
		}},
		&expression.Call{Op: expression.OpEq, Args: []expression.Term{
			&expression.Attr{Level: expression.LevelSpan, Key: "error"}, &expression.Scalar{Value: "true"},
		}},
	}}
}

// anywhere holds on spans that have the attribute at any level, whatever its type.
func anywhere(key, value string) *expression.Call {
	either := &expression.Call{Op: expression.OpOr}
	for _, level := range expression.Levels() {
		either.Args = append(either.Args, &expression.Call{Op: expression.OpEq, Args: []expression.Term{
			&expression.Attr{Level: expression.Level(level), Key: key}, &expression.Scalar{Value: value},
		}})
	}
	return either
}

type vocabularyDoc struct {
	Levels   []string   `json:"levels"`
	Fields   []fieldDoc `json:"fields"`
	Kinds    []string   `json:"kinds"`
	Statuses []string   `json:"statuses"`
}

type fieldDoc struct {
	Level string `json:"level"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
}

// serveVocabulary lists the words of filters, for completion.
func (h *Handler) serveVocabulary(w http.ResponseWriter, _ *http.Request) error {
	doc := vocabularyDoc{Levels: expression.Levels(), Kinds: expression.SpanKinds(), Statuses: expression.SpanStatuses()}
	for _, f := range expression.Fields() {
		doc.Fields = append(doc.Fields, fieldDoc{Level: string(f.Level), Name: f.Name, Kind: f.Kind.String()})
	}
	writeJSON(w, http.StatusOK, &doc)
	return nil
}
