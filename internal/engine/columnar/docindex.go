package columnar

import (
	"slices"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// docIndex finds the documents of a dictionary by one of their tags. It is built
// at the first search that needs it and kept with what it describes: expanding a
// few hundred resources for every condition of every query would cost more than
// the rest of the query.
type docIndex map[uint64][]uint32 // hash of the tag → codes, ascending

// maxIndexedTags bounds an index to some 5 MB: nobody accounts for its memory.
// Larger dictionaries are expanded at each search.
const maxIndexedTags = 1 << 16

// buildDocIndex returns nil when the documents hold too many tags.
func buildDocIndex(l *column.Layout, id column.ID, docs *column.Dict) docIndex {
	x, tags := make(docIndex), 0
	var scratch []byte
	for code := range uint32(docs.Len()) {
		l.Expand(id, docs.Value(code), func(t column.Tag) bool {
			var h uint64
			h, scratch = column.HashTag(scratch, t)
			if list := x[h]; len(list) == 0 || list[len(list)-1] != code {
				x[h] = append(list, code)
			}
			tags++
			return tags <= maxIndexedTags
		})
		if tags > maxIndexedTags {
			return nil
		}
	}
	return x
}

// candidates returns the documents that may have one of the tags x asks for,
// ascending.
func (d docIndex) candidates(x *Expr) []uint32 {
	values, _ := x.equals()
	var codes []uint32
	var scratch []byte
	for i := range values {
		var h uint64
		h, scratch = column.HashTag(scratch, column.Tag{Name: []byte(x.Tag), Value: values[i]})
		if len(values) == 1 {
			return d[h]
		}
		codes = append(codes, d[h]...)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// matchDocs returns the codes of the documents that pass the leaf, ascending. A
// nil index means that every document is expanded.
func matchDocs(l *column.Layout, docs *column.Dict, index docIndex, x *Expr) []uint32 {
	list := make([]uint32, 0, 8)
	if _, equals := x.equals(); equals && index != nil {
		for _, c := range index.candidates(x) {
			if x.docMatches(l, docs.Value(c)) { // the hash alone proves nothing
				list = append(list, c)
			}
		}
		return list
	}
	for c := range uint32(docs.Len()) {
		if x.docMatches(l, docs.Value(c)) {
			list = append(list, c)
		}
	}
	return list
}

// docIndexKey is the key of a docIndex among what is remembered of a run or part.
type docIndexKey column.ID

// runDocs returns the index of a document column of a memtable batch.
func runDocs(l *column.Layout, run *memtable.Run, v *column.Vector) docIndex {
	return run.Memo(docIndexKey(v.ID), func() any { return buildDocIndex(l, v.ID, &v.Dict) }).(docIndex)
}

// partDocs returns the index of a dictionary column of documents.
func (e *partEval) partDocs(p *part.Part, id column.ID, docs *column.Dict) docIndex {
	if e.memo == nil {
		return nil
	}
	return e.memo.get(p, docIndexKey(id), func() any { return buildDocIndex(e.layout, id, docs) }).(docIndex)
}
