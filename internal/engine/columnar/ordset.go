package columnar

import (
	"context"
	"iter"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
)

// ordSet is a set of term ordinals: a range, or a list when terms were tested
// one by one.
type ordSet struct {
	first, end uint32   // [first, end) when list is nil
	list       []uint32 // ascending
}

// listed makes a set of ascending ordinals. One that lie side by side become a
// range, which is tested faster.
func listed(ords []uint32) ordSet {
	n := uint32(len(ords))
	if n == 0 {
		return ordSet{}
	}
	if ords[n-1]-ords[0] == n-1 {
		return ordSet{first: ords[0], end: ords[0] + n}
	}
	return ordSet{list: ords}
}

func (s ordSet) empty() bool  { return len(s.list) == 0 && s.first >= s.end }
func (s ordSet) single() bool { return s.list == nil && s.end-s.first == 1 }

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

const (
	// joinTerms is from how many terms on joining lists is weighed against
	// reading the codes.
	joinTerms = 256
	// joinShare is the share of rows at which the codes win then: a joined row
	// costs 30-60 ns, a code one or two.
	joinShare = 32
)

// dense reports whether the postings of one of the terms were left out, or there
// are so many terms that reading the codes is cheaper than joining lists.
func (s ordSet) dense(p *index.Postings) bool {
	terms := 0
	for o := range s.each() {
		if terms++; p.Dense(o) {
			return true
		}
		if terms == joinTerms && s.count(p) > p.Universe()/joinShare {
			return true
		}
	}
	return false
}

// member returns a test for membership among n ordinals.
func (s ordSet) member(n int) ordTest {
	if s.list == nil {
		return ordTest{first: s.first, size: s.end - s.first}
	}
	t := ordTest{table: make([]bool, n)}
	for _, o := range s.list {
		t.table[o] = true
	}
	return t
}

// ordTest tests ordinals: against a table, or against a range without one.
type ordTest struct {
	table       []bool
	first, size uint32
}

func (t *ordTest) has(ord uint32) bool {
	if t.table != nil {
		return t.table[ord]
	}
	return ord-t.first < t.size
}

// block appends the rows of a block whose code passes.
func (t *ordTest) block(dst []uint32, v *column.Vector, first uint32) []uint32 {
	if v.Rows == nil {
		for i, c := range v.Codes {
			if t.has(c) {
				dst = append(dst, first+uint32(i))
			}
		}
		return dst
	}
	for i, c := range v.Codes {
		if t.has(c) {
			dst = append(dst, first+v.Rows[i])
		}
	}
	return dst
}

// few appends those of the candidate rows whose code passes.
func (t *ordTest) few(dst []uint32, v *column.Vector, candidates []uint32, first uint32) []uint32 {
	for _, r := range candidates {
		if at, ok := findCode(v, r-first); ok && t.has(v.Codes[at]) {
			dst = append(dst, r)
		}
	}
	return dst
}

// findCode is Vector.Find for a page of a dictionary column, which has codes
// whatever its type.
func findCode(v *column.Vector, row uint32) (at int, ok bool) {
	if v.Rows == nil {
		return int(row), int(row) < len(v.Codes)
	}
	return slices.BinarySearch(v.Rows, row)
}

// ordinals returns the terms of a dictionary column that pass the leaf. The
// query finds them once for a part, unless that is one look-up.
func (e *partEval) ordinals(ctx context.Context, col int, x *Expr) (ordSet, error) {
	if x.Op == OpEqual && x.Col.Type != column.Doc {
		return e.findOrdinals(ctx, col, x)
	}
	known := e.terms(x)
	if known.known {
		return known.ords, nil
	}
	ords, err := e.findOrdinals(ctx, col, x)
	if err == nil {
		known.ords, known.known = ords, true
	}
	return ords, err
}

func (e *partEval) findOrdinals(ctx context.Context, col int, x *Expr) (ordSet, error) {
	terms, err := e.part.Terms(col)
	if err != nil {
		return ordSet{}, err
	}
	if x.Col.Type == column.Doc {
		return e.docOrdinals(ctx, col, x)
	}
	switch x.Op {
	case OpEqual, OpIn:
		values, _ := x.equals()
		return lookup(terms, values), nil
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
	case OpTest:
		return e.testTerms(ctx, terms, x)
	default:
		return ordSet{end: uint32(terms.Len())}, nil
	}
}

// lookup returns the ordinals of those values that are terms.
func lookup(terms *index.Terms, values []column.Value) ordSet {
	var ords []uint32
	var term []byte
	for i := range values {
		term = values[i].AppendTerm(term[:0])
		if ord, ok := terms.Lookup(term); ok {
			ords = append(ords, ord)
		}
	}
	slices.Sort(ords)
	return listed(slices.Compact(ords))
}

// testTerms tests every term, or document.
func (e *partEval) testTerms(ctx context.Context, terms *index.Terms, x *Expr) (ordSet, error) {
	var ords []uint32
	verdicts := e.terms(x).verdicts // of candidates, from an evaluation before
	for next, end := uint32(0), uint32(terms.Len()); next < end; {
		if err := ctx.Err(); err != nil {
			return ordSet{}, err
		}
		work := 0
		terms.Scan(next, end, func(ord uint32, term []byte) bool {
			known := verdict(0)
			if verdicts != nil {
				known = verdicts[ord]
			}
			if known == passes || known == 0 && x.judge(e.layout, term) == passes {
				ords = append(ords, ord)
			}
			next, work = ord+1, work+testBytes+len(term)
			return work < ctxBytes
		})
	}
	return listed(ords), nil
}

// docOrdinals returns the documents with a tag that passes the leaf.
func (e *partEval) docOrdinals(ctx context.Context, col int, x *Expr) (ordSet, error) {
	if _, equals := x.equals(); !equals || e.part.ColumnInfo(col).Distinct > maxIndexedTags {
		terms, err := e.part.Terms(col)
		if err != nil {
			return ordSet{}, err
		}
		return e.testTerms(ctx, terms, x)
	}
	docs, err := e.part.Values(col)
	if err != nil {
		return ordSet{}, err
	}
	return listed(matchDocs(e.layout, docs, e.partDocs(e.part, x.Col, docs), x)), nil
}
