package part

import (
	"encoding/binary"
	"slices"

	"github.com/pandodb/pando/internal/column"
)

// An identity page holds a block's keys, times and ids.
//
//	uvarint rows, uvarint keys
//	section ints  rows of each key
//	u8 codec of the times
//	  runs   [1] section ints  first time of each key,
//	             section ints  differences between the rows of a key
//	  shared [2] as runs, for the first key only: all keys have the same times
//	section ints  ids
//	keys (keys.go)
//
// The codec numbers are on disk: append, never renumber. Times of different
// keys have nothing in common unless all are the same, as for the series of one
// scrape; within a key they ascend in small steps.
const (
	timesRuns   = 1
	timesShared = 2
)

// identityEncoder keeps the memory of appendIdentity between blocks.
type identityEncoder struct {
	ints    []int64
	scratch []byte
	keys    column.Dict
}

// append appends the page of a block that has rows.
func (e *identityEncoder) append(dst []byte, id *column.Identity) []byte {
	dst = binary.AppendUvarint(dst, uint64(id.Rows()))
	dst = binary.AppendUvarint(dst, uint64(id.Keys.Len()))
	e.ints = e.ints[:0]
	for _, r := range id.Runs {
		e.ints = append(e.ints, int64(r))
	}
	dst, e.scratch = appendInts(dst, e.scratch, e.ints)
	runs := id.Runs
	codec := byte(timesRuns)
	if len(runs) > 1 && sharedTimes(id) {
		codec, runs = timesShared, runs[:1]
	}
	dst = e.appendTimes(append(dst, codec), runs, id.Times)
	e.ints = e.ints[:0]
	for _, v := range id.IDs {
		e.ints = append(e.ints, int64(v))
	}
	dst, e.scratch = appendInts(dst, e.scratch, e.ints)
	return appendKeys(dst, &id.Keys, &e.keys)
}

// appendTimes appends the times of the given runs.
func (e *identityEncoder) appendTimes(dst []byte, runs []uint32, times []int64) []byte {
	e.ints = e.ints[:0]
	at := 0
	for _, r := range runs {
		e.ints = append(e.ints, times[at])
		at += int(r)
	}
	dst, e.scratch = appendInts(dst, e.scratch, e.ints)
	e.ints = e.ints[:0]
	at = 0
	for _, r := range runs {
		for i := at + 1; i < at+int(r); i++ {
			e.ints = append(e.ints, times[i]-times[i-1])
		}
		at += int(r)
	}
	dst, e.scratch = appendInts(dst, e.scratch, e.ints)
	return dst
}

// sharedTimes reports whether every key has the times of the first.
func sharedTimes(id *column.Identity) bool {
	n := int(id.Runs[0])
	first := id.Times[:n]
	for i, r := range id.Runs {
		if r != id.Runs[0] || !slices.Equal(first, id.Times[i*n:(i+1)*n]) {
			return false
		}
	}
	return true
}

// parseIdentity reads the page of a block of rows rows.
func parseIdentity(src []byte, rows int) (*column.Identity, error) {
	d := decoder{src: src}
	if n := d.count("rows", maxBlockRows); d.err == nil && n != rows {
		return nil, corruptf("identity page of %d rows, want %d", n, rows)
	}
	keys := d.count("keys", rows)
	lengths := d.ints(nil, keys)
	if d.err != nil {
		return nil, d.err
	}
	id := &column.Identity{Runs: make([]uint32, keys)}
	left := int64(rows)
	for i, n := range lengths {
		if n <= 0 || n > left {
			return nil, corruptf("key %d has %d of %d rows", i, n, left)
		}
		id.Runs[i] = uint32(n)
		left -= n
	}
	if left != 0 {
		return nil, corruptf("keys lack %d rows", left)
	}
	if err := parseTimes(&d, id, rows); err != nil {
		return nil, err
	}
	ids := d.ints(lengths[:0], rows)
	if d.err != nil {
		return nil, d.err
	}
	id.IDs = make([]uint64, rows)
	for i, v := range ids {
		id.IDs[i] = uint64(v)
	}
	return id, parseKeys(&id.Keys, d.src, keys)
}

// parseTimes fills in id.Times; id.Runs are known.
func parseTimes(d *decoder, id *column.Identity, rows int) error {
	codec := d.byte()
	runs := id.Runs
	switch codec {
	case timesRuns:
	case timesShared:
		if len(runs) < 2 || int(runs[0])*len(runs) != rows {
			return corruptf("%d keys of %d rows cannot share times", len(runs), rows)
		}
		rows, runs = int(runs[0]), runs[:1]
	default:
		return corruptf("times: unknown codec %d", codec)
	}
	firsts := d.ints(nil, len(runs))
	steps := d.ints(nil, rows-len(runs))
	if d.err != nil {
		return d.err
	}
	id.Times = make([]int64, 0, rows)
	for k, n := range runs {
		t := firsts[k]
		id.Times = append(id.Times, t)
		for _, step := range steps[:n-1] {
			t += step
			id.Times = append(id.Times, t)
		}
		steps = steps[n-1:]
	}
	if codec == timesShared {
		shared := id.Times
		id.Times = make([]int64, 0, rows*len(id.Runs))
		for range id.Runs {
			id.Times = append(id.Times, shared...)
		}
	}
	return nil
}
