package columnar

import (
	"iter"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
)

// ordSet is a set of term ordinals: a range, or a list when terms were tested
// one by one.
type ordSet struct {
	first, end uint32   // [first, end) when list is nil
	list       []uint32 // ascending
}

func (s ordSet) empty() bool  { return len(s.list) == 0 && s.first >= s.end }
func (s ordSet) single() bool { return s.list == nil && s.end-s.first == 1 || len(s.list) == 1 }

// each yields the ordinals, ascending.
func (s ordSet) each() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, o := range s.list {
			if !yield(o) {
				return
			}
		}
		if s.list != nil {
			return
		}
		for o := s.first; o < s.end; o++ {
			if !yield(o) {
				return
			}
		}
	}
}

// count returns how many rows have one of the terms.
func (s ordSet) count(p *index.Postings) (rows int) {
	if s.list == nil {
		return p.CountRange(s.first, s.end)
	}
	for _, o := range s.list {
		rows += p.Count(o)
	}
	return rows
}

// dense reports whether the postings of one of the terms were left out, or there
// are so many terms that reading the codes is cheaper than joining lists.
func (s ordSet) dense(p *index.Postings) bool {
	terms := 0
	for o := range s.each() {
		if terms++; terms > 256 || p.Dense(o) {
			return true
		}
	}
	return false
}

// bits returns a table over n ordinals, true for members.
func (s ordSet) bits(n int) []bool {
	t := make([]bool, n)
	for o := range s.each() {
		t[o] = true
	}
	return t
}

// ordinals returns the terms of a dictionary column that pass the leaf.
func (e *partEval) ordinals(col int, x *Expr) (ordSet, error) {
	terms, err := e.part.Terms(col)
	if err != nil {
		return ordSet{}, err
	}
	if x.Col.Type == column.Doc {
		return e.docOrdinals(col, x)
	}
	switch x.Op {
	case OpEqual:
		ord, ok := terms.Lookup(x.Value.AppendTerm(nil))
		if !ok {
			return ordSet{}, nil
		}
		return ordSet{first: ord, end: ord + 1}, nil
	case OpRange:
		var lo, hi []byte
		if x.Lo != nil {
			lo = x.Lo.AppendTerm(nil)
		}
		if x.Hi != nil {
			hi = append(x.Hi.AppendTerm(nil), 0) // the smallest term above it
		}
		first, end := terms.Range(lo, hi)
		return ordSet{first: first, end: end}, nil
	default:
		return ordSet{end: uint32(terms.Len())}, nil
	}
}

// docOrdinals returns the documents with a tag that passes the leaf.
func (e *partEval) docOrdinals(col int, x *Expr) (ordSet, error) {
	docs, err := e.part.Values(col)
	if err != nil {
		return ordSet{}, err
	}
	return ordSet{list: matchDocs(e.layout, docs, e.partDocs(e.part, x.Col, docs), x)}, nil
}
