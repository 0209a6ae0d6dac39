package bench

import (
	"slices"

	"github.com/pandodb/pando/internal/corpus"
)

// Question is a query with its right answer.
type Question struct {
	Query corpus.Query
	// Want is the exact answer, best first. For a query by id it is the trace,
	// or nothing.
	Want []corpus.TraceID
	// All holds every trace that matches, whatever the limit.
	All map[corpus.TraceID]bool
}

// ClassPlan is what is asked of one class.
type ClassPlan struct {
	Class     corpus.Class
	Questions []Question
}

// Plan is a whole round of queries.
type Plan struct {
	Classes []ClassPlan
	spans   map[corpus.TraceID]int // of the traces in answers
}

// querySeed makes every round ask the same; it has no meaning.
const querySeed = 7

// NewPlan draws n queries of every class, byID of those by trace id, and finds
// their answers. Classes that the corpus is too small for have fewer.
func NewPlan(o *corpus.Oracle, n, byID int) *Plan {
	p := &Plan{spans: make(map[corpus.TraceID]int)}
	for _, class := range corpus.Classes() {
		count := n
		if class == corpus.ClassTraceByID || class == corpus.ClassMissingTrace {
			count = byID
		}
		cp := ClassPlan{Class: class}
		for _, q := range o.Queries(class, count, querySeed) {
			cp.Questions = append(cp.Questions, p.ask(o, q))
		}
		p.Classes = append(p.Classes, cp)
	}
	return p
}

func (p *Plan) ask(o *corpus.Oracle, q corpus.Query) Question {
	if q.TraceID != (corpus.TraceID{}) {
		return p.askTrace(o, q)
	}
	all := q
	all.Limit = 0
	hits := o.Find(all)
	x := Question{Query: q, All: make(map[corpus.TraceID]bool, len(hits))}
	for i, h := range hits {
		x.All[h.TraceID] = true
		if q.Limit == 0 || i < q.Limit {
			x.Want = append(x.Want, h.TraceID)
		}
		if _, ok := p.spans[h.TraceID]; !ok {
			spans, _ := o.Trace(h.TraceID)
			p.spans[h.TraceID] = len(spans)
		}
	}
	return x
}

func (p *Plan) askTrace(o *corpus.Oracle, q corpus.Query) Question {
	x := Question{Query: q}
	if spans, ok := o.Trace(q.TraceID); ok {
		x.Want = []corpus.TraceID{q.TraceID}
		p.spans[q.TraceID] = len(spans)
	}
	return x
}

// grade compares an answer with the right one.
func (p *Plan) grade(x *Question, got []Found, into *ClassResult) {
	into.Returned += len(got)
	into.Expected += len(x.Want)
	exact := len(got) == len(x.Want)
	have := make(map[corpus.TraceID]bool, len(got))
	for i, f := range got {
		have[f.ID] = true
		if x.Query.TraceID == (corpus.TraceID{}) && !x.All[f.ID] {
			into.Wrong++
		}
		if known, ok := p.spans[f.ID]; ok && f.Spans != 0 && f.Spans != known {
			into.Partial++
		}
		exact = exact && f.ID == x.Want[i]
	}
	for _, id := range x.Want {
		if !have[id] {
			into.Missing++
		}
	}
	if exact {
		into.Exact++
	}
}

// answerSize returns the median number of traces in the class's answers.
func (c *ClassPlan) answerSize() int {
	if len(c.Questions) == 0 {
		return 0
	}
	sizes := make([]int, len(c.Questions))
	for i := range c.Questions {
		sizes[i] = len(c.Questions[i].All)
		if c.Questions[i].All == nil {
			sizes[i] = len(c.Questions[i].Want)
		}
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}
