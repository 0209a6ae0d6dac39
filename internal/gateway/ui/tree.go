package ui

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/pandodb/pando/internal/model/trace"
)

// Flags of a row. The numbers are API.
const (
	flagError    = 1  // status is error
	flagOrphan   = 2  // names a parent that is not in the trace
	flagCycle    = 4  // its parents led back to it; shown as a root
	flagSkewed   = 8  // starts before its parent
	flagSharedID = 16 // another row has the same span id
)

// noRow is the parent of a root.
const noRow = -1

// tree is a trace in display order: parents before children, siblings by start
// time, then span id. Row r shows span spans[order[r]].
//
// No trace is refused. The rules for damaged ones:
//
//   - Orphan: a span whose parent is missing is shown as a root, after the real
//     ones.
//   - Cycle: where parents lead in a circle, the earliest span of the circle
//     becomes a root.
//   - Copy: a span equal in id, parent, name, kind, times and resource to one
//     before it is dropped and counted.
//   - Shared id: spans that share an id without being equal are all kept. Where
//     one is a client's (as Zipkin's shared spans are), the others hang below
//     it. Children prefer the bearer of their own service, else the last.
//   - Skew: a child that starts before its parent stays where its clock put it.
type tree struct {
	order  []int32
	parent []int32 // by row; noRow for roots
	depth  []int32 // by row
	flags  []uint8 // by row

	orphans, copies, cycles, skewed int
}

// buildTree orders the spans. It reads them and keeps nothing of them.
func buildTree(spans []trace.Span) *tree {
	b := treeBuilder{spans: spans}
	b.sortSpans()
	b.indexIDs()
	b.linkParents()
	b.breakCycles()
	return b.layOut()
}

// treeBuilder works on indices into spans; every slice by span has len(spans).
type treeBuilder struct {
	spans  []trace.Span
	byTime []int32                // span indices in display order of siblings
	first  map[trace.SpanID]int32 // first bearer of an id, in byTime order
	next   []int32                // by span: the next bearer of the same id
	parent []int32                // by span: span index, or noRow
	flags  []uint8                // by span
	copied []bool                 // by span: dropped as a copy
	result tree
}

func (b *treeBuilder) sortSpans() {
	b.byTime = make([]int32, len(b.spans))
	for i := range b.byTime {
		b.byTime[i] = int32(i)
	}
	byTime := func(x, y int32) int {
		p, q := &b.spans[x], &b.spans[y]
		return cmp.Or(cmp.Compare(p.StartNanos, q.StartNanos), bytes.Compare(p.SpanID[:], q.SpanID[:]))
	}
	// Stores return spans in this order already; the check is cheap, the sort not.
	if !slices.IsSortedFunc(b.byTime, byTime) {
		slices.SortStableFunc(b.byTime, byTime)
	}
}

// indexIDs chains the bearers of each id and drops copies. Chains stay short:
// a hostile trace with one id throughout costs a bounded look-back per span.
func (b *treeBuilder) indexIDs() {
	n := len(b.spans)
	b.first = make(map[trace.SpanID]int32, n)
	b.next = noRows(n)
	b.flags = make([]uint8, n)
	b.copied = make([]bool, n)
	last := map[trace.SpanID]int32{} // only ids with several bearers
	for _, i := range b.byTime {
		id := b.spans[i].SpanID
		head, shared := b.first[id]
		if !shared {
			b.first[id] = i
			continue
		}
		if b.isCopy(head, i) {
			b.copied[i] = true
			b.result.copies++
			continue
		}
		tail, ok := last[id]
		if !ok {
			tail = head
		}
		b.next[tail] = i
		last[id] = i
		b.flags[head] |= flagSharedID
		b.flags[i] |= flagSharedID
	}
}

// maxBearers bounds how many spans of one id are looked at; more than a few
// only exist in hostile data.
const maxBearers = 8

func (b *treeBuilder) isCopy(head, i int32) bool {
	s := &b.spans[i]
	for step := 0; head != noRow && step < maxBearers; step++ {
		o := &b.spans[head]
		if o.ParentID == s.ParentID && o.StartNanos == s.StartNanos && o.EndNanos == s.EndNanos &&
			o.Kind == s.Kind && o.Name == s.Name && o.Resource.Service() == s.Resource.Service() {
			return true
		}
		head = b.next[head]
	}
	return false
}

func (b *treeBuilder) linkParents() {
	b.parent = noRows(len(b.spans))
	for _, i := range b.byTime {
		s := &b.spans[i]
		if s.StatusCode == trace.StatusError {
			b.flags[i] |= flagError
		}
		if b.copied[i] {
			continue
		}
		if client := b.sharingClient(i); client != noRow {
			b.parent[i] = client
			continue
		}
		if s.ParentID.IsZero() {
			continue
		}
		head, ok := b.first[s.ParentID]
		if !ok {
			b.flags[i] |= flagOrphan
			b.result.orphans++
			continue
		}
		b.parent[i] = b.bearerFor(head, i)
	}
}

// sharingClient returns the client span that shares its id with the non-client
// span i, or noRow.
func (b *treeBuilder) sharingClient(i int32) int32 {
	s := &b.spans[i]
	if b.flags[i]&flagSharedID == 0 || s.Kind == trace.KindClient {
		return noRow
	}
	at := b.first[s.SpanID]
	for step := 0; at != noRow && step < maxBearers; step++ {
		if b.spans[at].Kind == trace.KindClient {
			return at
		}
		at = b.next[at]
	}
	return noRow
}

// bearerFor chooses among the bearers of an id the one that child hangs below.
func (b *treeBuilder) bearerFor(head, child int32) int32 {
	if b.next[head] == noRow {
		return head
	}
	service := b.spans[child].Resource.Service()
	chosen := head
	for step := 0; head != noRow && step < maxBearers; step++ {
		if head != child {
			chosen = head
			if b.spans[head].Resource.Service() == service {
				break
			}
		}
		head = b.next[head]
	}
	return chosen
}

// breakCycles follows parents from every span once. Meeting the walk's own mark
// closes a circle, whose earliest span becomes a root.
func (b *treeBuilder) breakCycles() {
	mark := make([]int32, len(b.spans)) // 0 unseen, else the walk that saw it
	for walk, start := range b.byTime {
		me := int32(walk) + 1
		at := start
		for at != noRow && mark[at] == 0 {
			mark[at] = me
			at = b.parent[at]
		}
		if at == noRow || mark[at] != me {
			continue
		}
		// Walks begin in time order, so the earliest span of an unseen circle is
		// found by going round it once.
		earliest := at
		for on := b.parent[at]; on != at; on = b.parent[on] {
			if b.spans[on].StartNanos < b.spans[earliest].StartNanos {
				earliest = on
			}
		}
		b.parent[earliest] = noRow
		b.flags[earliest] |= flagCycle
		b.result.cycles++
	}
}

// layOut numbers the rows: depth first, without recursion, since a trace may be
// one chain of any length.
func (b *treeBuilder) layOut() *tree {
	n := len(b.spans)
	firstChild, nextSibling := noRows(n), noRows(n)
	var roots, lateRoots []int32
	for k := n - 1; k >= 0; k-- { // backwards, so that lists come out in order
		i := b.byTime[k]
		switch p := b.parent[i]; {
		case b.copied[i]:
		case p != noRow:
			nextSibling[i], firstChild[p] = firstChild[p], i
		case b.flags[i]&(flagOrphan|flagCycle) != 0:
			lateRoots = append(lateRoots, i)
		default:
			roots = append(roots, i)
		}
	}
	t := &b.result
	rows := n - t.copies
	t.order = make([]int32, 0, rows)
	t.parent, t.depth, t.flags = make([]int32, 0, rows), make([]int32, 0, rows), make([]uint8, 0, rows)

	rowOf := noRows(n)
	stack := append(lateRoots, roots...) // the end of the stack comes first
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		// A sibling waits below the whole subtree of i.
		if nextSibling[i] != noRow {
			stack = append(stack, nextSibling[i])
		}
		if firstChild[i] != noRow {
			stack = append(stack, firstChild[i])
		}
		rowOf[i] = int32(len(t.order))
		b.appendRow(i, rowOf)
	}
	return t
}

func (b *treeBuilder) appendRow(i int32, rowOf []int32) {
	t := &b.result
	parent, depth := int32(noRow), int32(0)
	if p := b.parent[i]; p != noRow {
		parent = rowOf[p]
		depth = t.depth[parent] + 1
		if b.spans[i].StartNanos < b.spans[p].StartNanos {
			b.flags[i] |= flagSkewed
			t.skewed++
		}
	}
	t.order = append(t.order, i)
	t.parent = append(t.parent, parent)
	t.depth = append(t.depth, depth)
	t.flags = append(t.flags, b.flags[i])
}

// noRows returns n times noRow.
func noRows(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = noRow
	}
	return s
}
