package columnar

import (
	"context"
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
	"github.com/pandodb/pando/internal/part"
)

// leafTerms is what a query found out about the terms of one leaf in one part.
type leafTerms struct {
	known bool   // ords is complete
	ords  ordSet // that pass
	// verdicts are of single terms, by ordinal: zero means not tested yet.
	verdicts []verdict
}

// verdict is whether a term passes.
type verdict uint8

const (
	fails  verdict = 1
	passes verdict = 2
)

// terms returns what is known of the leaf. Leaves are told apart by address: x
// must belong to the query's tree.
func (e *partEval) terms(x *Expr) *leafTerms {
	t := e.leaves[x]
	if t == nil {
		if e.leaves == nil {
			e.leaves = make(map[*Expr]*leafTerms)
		}
		t = &leafTerms{}
		e.leaves[x] = t
	}
	return t
}

const (
	// fewTerms is how many terms are tested without a thought for how many of
	// them the candidates have: some 50 µs.
	fewTerms = 256
	// ctxBytes is how many bytes of terms are tested between looks at the context,
	// each term counting testBytes besides: about a thousand terms that are short.
	ctxBytes  = 128 << 10
	testBytes = 128
)

// testsTerms reports whether many terms must be tested to answer the leaf, while
// others are looked up.
func (e *partEval) testsTerms(x *Expr, info part.ColumnInfo) bool {
	if info.Distinct <= fewTerms {
		return false
	}
	if x.Col.Type != column.Doc {
		return x.Op == OpTest
	}
	_, equals := x.equals()
	return !equals || info.Distinct > maxIndexedTags
}

// dictLeaf answers a leaf over a dictionary column.
func (e *partEval) dictLeaf(ctx context.Context, col int, x *Expr, within *index.Set) (*index.Set, error) {
	info := e.part.ColumnInfo(col)
	if x.Op == OpExists && x.Tag == "" && info.Values == e.universe() {
		return e.all(within), nil
	}
	if within != nil && within.Len() < info.Distinct && e.testsTerms(x, info) && !e.terms(x).known {
		return e.testCandidates(ctx, col, x, within)
	}
	ords, err := e.ordinals(ctx, col, x)
	if err != nil || ords.empty() {
		return e.none(), err
	}
	p, err := e.part.Postings(col)
	if err != nil {
		return nil, err
	}
	if p == nil || within != nil && within.Len() < ords.count(p)/8 || ords.dense(p) {
		return e.scanCodes(ctx, col, ords, within)
	}
	out := &index.Set{}
	if ords.single() {
		_, err = p.Rows(out, ords.first)
	} else {
		_, err = p.Union(out, slices.Collect(ords.each()), nil) // none is dense
	}
	if err != nil {
		return nil, err
	}
	if within != nil {
		out.And(within)
	}
	return out, nil
}

// scanCodes finds the rows whose code is one of ords by reading the code pages
// of the blocks that hold candidates.
func (e *partEval) scanCodes(ctx context.Context, col int, ords ordSet, within *index.Set) (*index.Set, error) {
	test := ords.member(e.part.ColumnInfo(col).Distinct)
	var rows, buf []uint32
	err := e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		v, err := e.part.ReadColumn(b, col)
		if err != nil {
			return err
		}
		first := uint32(info.FirstRow)
		if within != nil {
			buf = blockRows(within, info, buf[:0])
			if len(buf) < len(v.Codes)/8 {
				rows = test.few(rows, v, buf, first)
				return nil
			}
		}
		rows = test.block(rows, v, first)
		return nil
	})
	return e.restrict(rows, within), err
}

// testCandidates tests the terms of candidate rows only: there are fewer of them
// than terms.
func (e *partEval) testCandidates(ctx context.Context, col int, x *Expr, within *index.Set) (*index.Set, error) {
	terms, err := e.part.Terms(col)
	if err != nil {
		return nil, err
	}
	known := e.terms(x)
	if known.verdicts == nil {
		known.verdicts = make([]verdict, terms.Len())
	}
	var rows, buf []uint32
	var term []byte
	err = e.blocks(ctx, within, func(b int, info part.BlockInfo) error {
		v, err := e.part.ReadColumn(b, col)
		if err != nil {
			return err
		}
		buf = blockRows(within, info, buf[:0])
		for _, r := range buf {
			at, ok := findCode(v, r-uint32(info.FirstRow))
			if !ok {
				continue
			}
			ord := v.Codes[at]
			if known.verdicts[ord] == 0 {
				term = terms.Append(term[:0], ord)
				known.verdicts[ord] = x.judge(e.layout, term)
			}
			if known.verdicts[ord] == passes {
				rows = append(rows, r)
			}
		}
		return nil
	})
	return e.restrict(rows, nil), err
}

// judge tests a term of the leaf's column.
func (x *Expr) judge(l *column.Layout, term []byte) verdict {
	switch {
	case x.Col.Type == column.Doc && x.docMatches(l, term),
		x.Col.Type != column.Doc && x.matches(column.TermValue(x.Col.Type, term)):
		return passes
	}
	return fails
}
