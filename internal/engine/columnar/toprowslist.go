package columnar

import (
	"math"
	"slices"
)

// topRowList keeps the first rows of an order that it is offered, all those of
// the last place included. It collects up to twice what it keeps, then sorts and
// cuts: cheaper than a heap, since a block's rows are mostly refused by the
// bound of the last cut, and rows of one identity meet without a map.
type topRowList struct {
	order  *rowOrder
	places int     // how many different places to keep
	after  *topRow // no row before it is wanted; nil wants all
	// The masked values of the first term that a wanted row can have anyway.
	first, last int64
	rows        []topRow
	cutAt       int // length at which to cut
	full        bool
	bound       topRow // no row behind it is wanted, when full
}

// minCutRows keeps lists of few places from being sorted for every row.
const minCutRows = 64

func newTopRowList(o *rowOrder, places int, after *topRow) *topRowList {
	return &topRowList{order: o, places: places, after: after, first: math.MinInt64, last: math.MaxInt64, cutAt: places}
}

// window returns the closed interval of masked values of the first term that a
// wanted row can have, that term not being the key.
func (l *topRowList) window() (first, last int64) {
	first, last = l.first, l.last
	if l.after != nil {
		first = max(first, l.after.vals[0])
	}
	if l.full {
		last = min(last, l.bound.vals[0])
	}
	return first, last
}

// beforeKeys and behindKeys report that rows of the key lie outside of what is
// wanted, the key being the first term.
func (l *topRowList) beforeKeys(key []byte) bool {
	return l.after != nil && l.order.terms[0].compareKeys(key, l.after.key) < 0
}

func (l *topRowList) behindKeys(key []byte) bool {
	return l.full && l.order.terms[0].compareKeys(key, l.bound.key) > 0
}

// offer adds the row if it is among the first. It keeps a copy.
func (l *topRowList) offer(x *topRow) {
	if l.after != nil && l.order.compare(x, l.after) < 0 {
		return
	}
	if l.full && l.order.compare(x, &l.bound) > 0 {
		return
	}
	n := len(l.rows)
	if n < cap(l.rows) {
		l.rows = l.rows[:n+1] // with the memory of a row that was cut
	} else {
		l.rows = append(l.rows, topRow{})
	}
	l.rows[n].copyFrom(x)
	if n+1 >= l.cutAt {
		l.cut()
	}
}

func (x *topRow) copyFrom(o *topRow) {
	x.vals = append(x.vals[:0], o.vals...)
	x.key = append(x.key[:0], o.key...)
	x.src, x.row = o.src, o.row
}

// cut sorts the rows and drops those behind the last place.
func (l *topRowList) cut() {
	slices.SortFunc(l.rows, func(a, b topRow) int { return l.order.compare(&a, &b) })
	places, end := 0, 0
	for end < len(l.rows) && places < l.places {
		end = l.group(end)
		places++
	}
	l.rows = l.rows[:end]
	if places < l.places {
		l.cutAt = end + max(end/2, l.places-places, minCutRows)
		return
	}
	l.full = true
	l.bound.copyFrom(&l.rows[end-1])
	l.cutAt = end + max(end, minCutRows)
}

// group returns the end of the rows at the place of row i, after a cut.
func (l *topRowList) group(i int) int {
	end := i + 1
	for end < len(l.rows) && l.order.compare(&l.rows[i], &l.rows[end]) == 0 {
		end++
	}
	return end
}

// groups appends the ends of up to n groups, the first one that of row i.
func (l *topRowList) groups(ends []int, i, n int) []int {
	for ; i < len(l.rows) && n > 0; n-- {
		i = l.group(i)
		ends = append(ends, i)
	}
	return ends
}
