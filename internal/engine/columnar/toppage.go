package columnar

import (
	"bytes"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/column"
)

// A page after the first. A key belongs where its best matching row stands, so a
// key that is found by a row after the cursor is out when it has a better row
// before: it was on an earlier page.
//
//	values  ──────────────────── cursor ──────────────────►  worse
//	key a        a                  │      a                  found, rejected
//	key b                           │   b     b               found, kept
//	key c                           │            c            not in this round
//	                                └─ round 1 ─┘└─ round 2 …
//
// A round collects the next keys after the cursor and looks for better rows of
// these keys alone, which are few point look-ups. When too few are left, the next
// round begins behind the last key of this one: an unseen key has no row before.
//
// A page costs what the first one does and some look-ups, unless many keys have
// rows on both sides of the cursor, and these in different parts (those of one
// block are told apart at once): then it costs some 10 µs for each such key up to
// the page's last. Few traces outlive a flush; a hundred thousand that do make a
// page take a second.

// page returns the page after req.After.
func (q *topQuery) page(ctx context.Context) ([]Top, error) {
	limit := q.req.Limit
	cursor, out := q.req.After, []Top(nil)
	for round := 0; len(out) < limit; round++ {
		n := spareTops(limit-len(out), round)
		found, err := q.collect(ctx, cursor, n)
		if err != nil || len(found) == 0 {
			return out, err
		}
		out, err = q.appendVerified(ctx, out, found, cursor)
		if err != nil {
			return nil, err
		}
		if len(found) < n {
			break
		}
		cursor = &found[n-1]
	}
	return out[:min(len(out), limit)], nil
}

// maxSpareTops bounds how many keys are verified that may not be needed.
const maxSpareTops = 1 << 16

// spareTops returns how many keys to collect when want are needed: some more,
// and more in each round, since few are rejected or many.
func spareTops(want, round int) int {
	return max(want, min((want+want/4+8)<<min(round, 16), maxSpareTops))
}

// appendVerified appends those of the found keys to dst that have no matching
// row up to the cursor.
func (q *topQuery) appendVerified(ctx context.Context, dst, found []Top, cursor *Top) ([]Top, error) {
	out := make(map[string]bool, len(found)) // false: not seen before the cursor
	for i := range found {
		out[string(found[i].Key)] = false
	}
	reject := func(key []byte, best int64) {
		if before := CompareTops(Top{Key: key, Value: best}, *cursor, q.req.TieFrom) <= 0; before {
			out[string(key)] = true
		}
	}
	if err := q.verifyInRuns(ctx, cursor, out, reject); err != nil {
		return nil, err
	}
	values := make([]column.Value, len(found))
	for i := range found {
		values[i] = column.Value{Type: column.Bytes, Bytes: found[i].Key}
	}
	slices.SortFunc(values, func(a, b column.Value) int { return bytes.Compare(a.Bytes, b.Bytes) })
	q.cond[0].Values = values
	for i := range q.parts {
		p := &q.parts[i]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := q.verifyIn(ctx, p, cursor, reject); err != nil {
			return nil, q.view.damaged(p.part, err)
		}
	}
	for i := range found {
		if !out[string(found[i].Key)] {
			dst = append(dst, found[i])
		}
	}
	return dst, nil
}

// verifyInRuns shows reject the matching rows that some keys have in memtables, as
// far as they may be at the cursor or before.
func (q *topQuery) verifyInRuns(ctx context.Context, cursor *Top, keys map[string]bool, reject func([]byte, int64)) error {
	for i := range q.runs {
		r := &q.runs[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, last := closed(r.Time); q.byTime() && last < cursor.Value || !r.known && !r.hasOne(keys) {
			continue
		}
		for _, k := range q.keysOf(r) {
			if _, asked := keys[string(r.Keys.Value(k.code))]; asked {
				reject(r.Keys.Value(k.code), k.best)
			}
		}
	}
	return nil
}

// hasOne reports whether the batch has one of the keys.
func (r *topRun) hasOne(keys map[string]bool) bool {
	for c := range uint32(r.Keys.Len()) {
		if _, ok := keys[string(r.Keys.Value(c))]; ok {
			return true
		}
	}
	return false
}

// verifyIn shows reject the matching rows that the keys of cond[0] have in the
// part, as far as they may be at the cursor or before.
func (q *topQuery) verifyIn(ctx context.Context, p *topPart, cursor *Top, reject func([]byte, int64)) error {
	if _, last := closed(p.part.Meta().Time); q.byTime() && last < cursor.Value {
		return nil
	}
	if p.rows != nil && p.rows.Len() == 0 {
		return nil
	}
	var err error
	rows := p.rows
	if rows != nil {
		rows, err = p.keysLeaf(ctx, q.cond[0].Values, rows)
	} else {
		rows, err = p.partEval.rows(ctx, &q.keyed, q.time)
	}
	if err != nil {
		return err
	}
	before := func(_, hi int64) bool { return hi >= cursor.Value }
	return q.eachBlock(ctx, p, rows, topVisit{want: before, key: reject})
}
