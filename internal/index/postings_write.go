package index

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	postingsVersion = 1

	// denseShare: a term in more than one of denseShare rows has no postings.
	// Readers scan the column's codes: per million rows 1 to 1.5 ms with the pages
	// in the cache, 6 ms without, where a list of this length takes 0.7 to 0.9 ms
	// to read. On corpus T a share of 32 would save 0.7 and one of 64 1.4 of 41.6
	// bytes a span, but lists that long belong to services and operations, which
	// most queries name, and cost 0.3 and 0.1 ms there. It is the writer's choice:
	// readers take lists of any length.
	denseShare = 16

	// longRows is the count from which a list has an entry of its own in the
	// long table and is cut into blocks. Shorter lists are packed by groups.
	longRows = 64

	// groupTerms is the number of terms of a group. A reader skips the lists
	// before its own at some 10 ns each; a group's fixed cost is 6 bytes.
	groupTerms = 32

	// listBlockRows is the number of rows that share one Rice parameter in a long
	// list. 128 k-bit fields fill whole 64-bit words.
	listBlockRows = 128

	// longEntryBytes is the size of an entry of the long table: ordinal, count
	// and offset, four bytes each.
	longEntryBytes = 12

	// noList is the offset of a dense term.
	noList = 1<<32 - 1

	// tailBytes follow the lists, so that readers may load whole words.
	tailBytes = 8
)

// PostingsInput is a dictionary-coded column.
type PostingsInput struct {
	// Rows is the number of rows of the part, below 2^32 - 1.
	Rows int
	// Terms is the number of terms of the column's dictionary.
	Terms int
	// ValueRows lists the rows that have a value, strictly ascending and below
	// Rows; nil means that value i is the value of row i.
	ValueRows []uint32
	// Codes holds the ordinal of every value, each below Terms. With ValueRows
	// both have the same length.
	Codes []uint32
}

// PostingsWriter builds postings and keeps its memory between columns. The zero
// value is ready. It is not safe for concurrent use.
type PostingsWriter struct {
	counts []uint32 // per term
	next   []uint32 // per term: where its next row goes in rows; noList when dense
	rows   []uint32 // rows of all terms that have a list, term by term
	groups []byte
	starts []uint32 // offset of each group in groups
	lists  []byte
	long   []byte
}

// AppendPostings appends the postings of a column to dst. Writers of many
// columns use a PostingsWriter, which reuses memory.
func AppendPostings(dst []byte, in PostingsInput) []byte {
	var w PostingsWriter
	return w.Append(dst, in)
}

// Append appends the postings of a column to dst and returns the result.
// It panics when a code or a row is out of its bound.
func (w *PostingsWriter) Append(dst []byte, in PostingsInput) []byte {
	w.count(in)
	w.scatter(in)
	w.encode(in)
	dst = append(dst, postingsVersion)
	dst = binary.AppendUvarint(dst, uint64(in.Rows))
	dst = binary.AppendUvarint(dst, uint64(in.Terms))
	dst = binary.AppendUvarint(dst, uint64(len(w.long)/longEntryBytes))
	dst = binary.AppendUvarint(dst, uint64(len(w.groups)))
	dst = binary.AppendUvarint(dst, uint64(len(w.lists)))
	dst = append(dst, w.long...)
	for _, s := range w.starts {
		dst = binary.LittleEndian.AppendUint32(dst, s)
	}
	dst = append(dst, w.groups...)
	dst = append(dst, w.lists...)
	return append(dst, make([]byte, tailBytes)...)
}

// count fills counts with each term's number of rows.
func (w *PostingsWriter) count(in PostingsInput) {
	w.counts = slices.Grow(w.counts[:0], in.Terms)[:in.Terms]
	clear(w.counts)
	counts := w.counts
	for _, c := range in.Codes {
		counts[c]++
	}
}

// scatter is the second half of a counting sort: it collects the rows of every
// term that is not dense, ascending because values come in row order.
func (w *PostingsWriter) scatter(in PostingsInput) {
	w.next = slices.Grow(w.next[:0], in.Terms)[:in.Terms]
	next := w.next
	total := uint32(0)
	for t, n := range w.counts {
		if dense(n, in.Rows) {
			next[t] = noList
			continue
		}
		next[t] = total
		total += n
	}
	w.rows = slices.Grow(w.rows[:0], int(total))[:total]
	if total == 0 {
		return
	}
	rows := w.rows
	if in.ValueRows == nil {
		for i, c := range in.Codes {
			if p := next[c]; p != noList {
				rows[p] = uint32(i)
				next[c] = p + 1
			}
		}
		return
	}
	valueRows := in.ValueRows[:len(in.Codes)]
	for i, c := range in.Codes {
		if p := next[c]; p != noList {
			rows[p] = valueRows[i]
			next[c] = p + 1
		}
	}
}

// dense reports whether a term of n rows has no list.
func dense(n uint32, rows int) bool { return int(n) > rows/denseShare }

// encode writes long, groups, starts and lists from the sorted rows.
func (w *PostingsWriter) encode(in PostingsInput) {
	w.long, w.lists, w.groups, w.starts = w.long[:0], w.lists[:0], w.groups[:0], w.starts[:0]
	rows, short := w.rows, false
	for t, n := range w.counts {
		switch {
		case dense(n, in.Rows):
			w.appendLong(t, n, noList)
		case n >= longRows:
			w.appendLong(t, n, uint32(len(w.lists)))
			w.lists = appendLongList(w.lists, rows[:n])
			rows = rows[n:]
		default:
			short = short || n > 0
			rows = rows[n:]
		}
	}
	if !short {
		return
	}
	rows = w.rows
	for t := 0; t < in.Terms; t += groupTerms {
		counts := w.counts[t:min(t+groupTerms, in.Terms)]
		w.starts = append(w.starts, uint32(len(w.groups)))
		rows = w.appendGroup(counts, rows, in.Rows)
	}
}

// appendLong appends an entry of the long table.
func (w *PostingsWriter) appendLong(term int, count, offset uint32) {
	w.long = binary.LittleEndian.AppendUint32(w.long, uint32(term))
	w.long = binary.LittleEndian.AppendUint32(w.long, count)
	w.long = binary.LittleEndian.AppendUint32(w.long, offset)
}

// appendGroup appends a group of short lists and returns the rows behind it.
// Terms that are in the long table count zero here.
func (w *PostingsWriter) appendGroup(counts, rows []uint32, universe int) []uint32 {
	var short [groupTerms]uint32
	least, most := uint32(longRows), uint32(0)
	for i, n := range counts {
		if n < longRows && !dense(n, universe) {
			short[i] = n
		}
		least, most = min(least, short[i]), max(most, short[i])
	}
	width := uint(bits.Len32(most - least))
	bw := bitWriter{dst: append(w.groups, byte(width), byte(least))}
	for _, n := range short[:len(counts)] {
		bw.write(uint64(n-least), width)
	}
	for i, n := range counts {
		if short[i] > 0 {
			appendShortList(&bw, rows[:n], uint64(universe))
		}
		if !dense(n, universe) {
			rows = rows[n:]
		}
	}
	w.groups = bw.flush()
	return rows
}
