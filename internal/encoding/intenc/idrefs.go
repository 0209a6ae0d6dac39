package intenc

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

// Codec numbers of IDRefs. They are on disk: append, never renumber.
//
//	ints     [1] Ints encoding of the references
//	symbols  [2] uvarint size of the bit string, the bit string,
//	             8 bytes little endian per exception
//
// The bit string has one symbol per row. In a run of L rows it takes
// bits.Len(L+1) bits, or one if L is 1:
//
//	0      the reference is zero
//	1      exception: the next of the list of exceptions
//	2+j    the ID of the j-th row of the run; on row j itself, where a
//	       reference to itself makes no sense, the run's latest exception
//	       (a parent that lies in another part usually has many children)
const (
	idRefsInts    = 1
	idRefsSymbols = 2
)

const (
	symbolZero      = 0
	symbolException = 1
	symbolFirstRow  = 2
)

// ID is a number that identifies a row: a span ID read as 64 bits.
type ID interface {
	~int64 | ~uint64
}

// AppendIDRefs appends the smallest encoding of refs to dst. ids[i] is the ID
// of row i and refs[i] that of another row, usually of the same run, or zero:
// the parent of a span. Run k covers the rows [runs[k], runs[k+1]); runs
// starts with zero and ends with len(refs) == len(ids). The cost of a
// reference is about log2 of the length of its run in bits. Any content is
// encoded without loss, duplicate IDs included.
func AppendIDRefs[R, I ID](dst []byte, refs []R, ids []I, runs []uint32) []byte {
	if len(refs) == 0 {
		return dst
	}
	scratch := refScratchPool.Get().(*refScratch)
	defer refScratchPool.Put(scratch)
	scratch.reset()
	for k := 0; k+1 < len(runs); k++ {
		lo, hi := runs[k], runs[k+1]
		encodeRun(scratch, refs[lo:hi], ids[lo:hi])
	}
	packed := scratch.bits.Flush()

	scratch.ints = slices.Grow(scratch.ints[:0], len(refs))
	for _, ref := range refs {
		scratch.ints = append(scratch.ints, int64(ref))
	}
	start := len(dst)
	dst = AppendInts(append(dst, idRefsInts), scratch.ints)
	size := 1 + uvarintSize(uint64(len(packed))) + len(packed) + 8*len(scratch.exceptions)
	if len(dst)-start <= size {
		return dst
	}
	dst = binary.AppendUvarint(append(dst[:start], idRefsSymbols), uint64(len(packed)))
	dst = append(dst, packed...)
	for _, ref := range scratch.exceptions {
		dst = binary.LittleEndian.AppendUint64(dst, ref)
	}
	return dst
}

// DecodeIDRefs appends the references encoded in src to dst, one per ID. ids
// and runs must be those given to AppendIDRefs.
func DecodeIDRefs[R, I ID](dst []R, src []byte, ids []I, runs []uint32) ([]R, error) {
	if len(ids) == 0 && len(src) == 0 {
		return dst, nil
	}
	if len(src) == 0 {
		return dst, corruptf("id references: no bytes for %d rows", len(ids))
	}
	if err := checkRuns(runs, len(ids)); err != nil {
		return dst, err
	}
	codec, src := src[0], src[1:]
	switch codec {
	case idRefsInts:
		return decodeIntRefs(dst, src, len(ids))
	case idRefsSymbols:
	default:
		return dst, corruptf("id references: unknown codec %d", codec)
	}
	packed, exceptions, err := Section(src)
	if err != nil {
		return dst, err
	}
	if want := symbolsSize(runs); uint64(len(packed)) != want {
		return dst, corruptf("id references: %d bytes of symbols, want %d", len(packed), want)
	}
	start := len(dst)
	grown := slices.Grow(dst, len(ids))[:start+len(ids)]
	out := grown[start:]
	at := uint64(0)
	for k := 0; k+1 < len(runs); k++ {
		lo, hi := runs[k], runs[k+1]
		run := runRefs[R, I]{out: out[lo:hi], ids: ids[lo:hi], packed: packed, at: at}
		if exceptions, err = run.decode(exceptions); err != nil {
			return dst, err
		}
		at += uint64(hi-lo) * uint64(symbolWidth(int(hi-lo)))
	}
	if len(exceptions) != 0 {
		return dst, corruptf("id references: %d trailing bytes", len(exceptions))
	}
	return grown, nil
}

// decodeIntRefs undoes idRefsInts.
func decodeIntRefs[R ID](dst []R, src []byte, n int) ([]R, error) {
	scratch := refScratchPool.Get().(*refScratch)
	defer refScratchPool.Put(scratch)
	vals, err := DecodeInts(scratch.ints[:0], src, n)
	if err != nil {
		return dst, err
	}
	scratch.ints = vals
	dst = slices.Grow(dst, n)
	for _, v := range vals {
		dst = append(dst, R(v))
	}
	return dst, nil
}

// runRefs is the run being decoded.
type runRefs[R, I ID] struct {
	out    []R
	ids    []I
	packed []byte
	at     uint64 // first bit of the run in packed
}

// decode fills out and returns the exceptions that later runs use.
func (r *runRefs[R, I]) decode(exceptions []byte) ([]byte, error) {
	width := symbolWidth(len(r.out))
	m := mask(width)
	ids := r.ids[:len(r.out)]
	at := r.at
	var latest R
	for i := range r.out {
		symbol := BitsAt(r.packed, at) & m
		at += uint64(width)
		switch row := symbol - symbolFirstRow; {
		case symbol == symbolZero:
			r.out[i] = 0
		case symbol == symbolException:
			if len(exceptions) < 8 {
				return nil, corruptf("id references: exception %d missing", i)
			}
			latest = R(binary.LittleEndian.Uint64(exceptions))
			exceptions = exceptions[8:]
			r.out[i] = latest
		case row == uint64(i):
			r.out[i] = latest
		case row < uint64(len(ids)):
			r.out[i] = R(ids[row])
		default:
			return nil, corruptf("id references: row %d of a run of %d", row, len(ids))
		}
	}
	return exceptions, nil
}

// symbolWidth is the number of bits of a symbol in a run of the length.
func symbolWidth(length int) uint {
	if length == 1 {
		return 1 // Zero or exception.
	}
	return uint(bits.Len(uint(length + 1)))
}

// symbolsSize is the number of bytes of the bit string.
func symbolsSize(runs []uint32) uint64 {
	total := uint64(0)
	for k := 0; k+1 < len(runs); k++ {
		length := int(runs[k+1] - runs[k])
		total += uint64(length) * uint64(symbolWidth(length))
	}
	return (total + 7) / 8
}

// checkRuns fails unless runs cuts n rows into ascending pieces.
func checkRuns(runs []uint32, n int) error {
	if len(runs) == 0 || runs[0] != 0 || int(runs[len(runs)-1]) != n || !slices.IsSorted(runs) {
		return corruptf("id references: runs do not cover %d rows", n)
	}
	return nil
}

// refScratch is what AppendIDRefs needs besides dst.
type refScratch struct {
	bits       BitWriter
	exceptions []uint64
	ints       []int64
	table      []uint32 // open addressing: ordinal in the run plus one
}

// refScratchPool keeps scratches between pages.
var refScratchPool = sync.Pool{New: func() any { return new(refScratch) }}

// reset forgets the previous page.
func (s *refScratch) reset() {
	s.bits = BitWriter{Dst: s.bits.Dst[:0]}
	s.exceptions = s.exceptions[:0]
}

// smallRun is the length up to which looking at every ID of a run beats
// building a hash table.
const smallRun = 12

// encodeRun writes the symbols and exceptions of one run.
func encodeRun[R, I ID](s *refScratch, refs []R, ids []I) {
	width := symbolWidth(len(refs))
	if len(ids) > smallRun {
		buildTable(s, ids)
	}
	var latest R
	excepted := false
	for i, ref := range refs {
		if ref == 0 {
			s.bits.Write(symbolZero, width)
			continue
		}
		row := findID(s, ids, I(ref))
		switch {
		case row >= 0 && row != i:
			s.bits.Write(uint64(symbolFirstRow+row), width)
		case excepted && ref == latest && len(refs) > 1:
			s.bits.Write(uint64(symbolFirstRow+i), width)
		default:
			latest, excepted = ref, true
			s.bits.Write(symbolException, width)
			s.exceptions = append(s.exceptions, uint64(ref))
		}
	}
}

// buildTable fills the scratch's hash table with the ordinals of ids. Of
// equal IDs the first stays.
func buildTable[I ID](s *refScratch, ids []I) {
	size := 1 << bits.Len(uint(2*len(ids)-1))
	s.table = slices.Grow(s.table[:0], size)[:size]
	clear(s.table)
	for i, id := range ids {
		slot := tableSlot(s.table, uint64(id))
		for s.table[slot] != 0 && ids[s.table[slot]-1] != id {
			slot = (slot + 1) & (size - 1)
		}
		if s.table[slot] == 0 {
			s.table[slot] = uint32(i + 1)
		}
	}
}

// findID returns the ordinal of the first of ids that equals id, or -1.
func findID[I ID](s *refScratch, ids []I, id I) int {
	if len(ids) <= smallRun {
		return slices.Index(ids, id)
	}
	slot := tableSlot(s.table, uint64(id))
	for s.table[slot] != 0 {
		if row := int(s.table[slot] - 1); ids[row] == id {
			return row
		}
		slot = (slot + 1) & (len(s.table) - 1)
	}
	return -1
}

// tableSlot spreads id over a table whose size is a power of two, at least
// two, by Fibonacci hashing.
func tableSlot(table []uint32, id uint64) int {
	const golden = 0x9E3779B97F4A7C15
	return int(id * golden >> (65 - bits.Len(uint(len(table)))))
}
