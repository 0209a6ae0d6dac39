package intenc

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Codec numbers of Rows. They are on disk: append, never renumber.
//
//	none    [1]
//	all     [2]
//	runs    [3] uvarint count, then per run: uvarint gap, uvarint length-1
//	bitmap  [4] ceil(n/8) bytes, row r being bit r%8 of byte r/8
//	gaps    [5] uvarint count, width u8, packed(rows skipped before each row)
const (
	rowsNone   = 1
	rowsAll    = 2
	rowsRuns   = 3
	rowsBitmap = 4
	rowsGaps   = 5
)

// AppendRows appends the smallest encoding of rows to dst: strictly
// ascending ordinals below n, such as the rows of a block in which a sparse
// column is present.
func AppendRows(dst []byte, rows []uint32, n int) []byte {
	if len(rows) == 0 {
		return append(dst, rowsNone)
	}
	if len(rows) == n {
		return append(dst, rowsAll)
	}
	runs, runsSize, widest := 0, 0, uint32(0)
	next := uint32(0) // The row that would continue the present run.
	runStart := 0
	for i, row := range rows {
		gap := row - next
		widest = max(widest, gap)
		if gap > 0 || i == 0 {
			if i > 0 {
				runsSize += uvarintSize(uint64(i - runStart - 1))
			}
			runsSize += uvarintSize(uint64(gap))
			runStart = i
			runs++
		}
		next = row + 1
	}
	runsSize += uvarintSize(uint64(len(rows)-runStart-1)) + uvarintSize(uint64(runs))
	bitmapSize := (n + 7) / 8
	width := uint(bits.Len32(widest))
	gapsSize := uvarintSize(uint64(len(rows))) + 1 + packedSize(len(rows), width)

	switch {
	case bitmapSize <= runsSize && bitmapSize <= gapsSize:
		return appendBitmap(append(dst, rowsBitmap), rows, bitmapSize)
	case runsSize <= gapsSize:
		dst = binary.AppendUvarint(append(dst, rowsRuns), uint64(runs))
		return appendRowRuns(dst, rows)
	}
	dst = binary.AppendUvarint(append(dst, rowsGaps), uint64(len(rows)))
	return appendGaps(append(dst, byte(width)), rows, width)
}

// appendBitmap appends a bitmap of size bytes with a bit set for each row.
func appendBitmap(dst []byte, rows []uint32, size int) []byte {
	start := len(dst)
	dst = slices.Grow(dst, size)[:start+size]
	bitmap := dst[start:]
	clear(bitmap)
	for _, row := range rows {
		bitmap[row/8] |= 1 << (row % 8)
	}
	return dst
}

// appendRowRuns appends the gap before and the length less one of each run
// of consecutive rows.
func appendRowRuns(dst []byte, rows []uint32) []byte {
	next := uint32(0)
	for len(rows) > 0 {
		length := 1
		for length < len(rows) && rows[length] == rows[0]+uint32(length) {
			length++
		}
		dst = binary.AppendUvarint(dst, uint64(rows[0]-next))
		dst = binary.AppendUvarint(dst, uint64(length-1))
		next = rows[0] + uint32(length)
		rows = rows[length:]
	}
	return dst
}

// appendGaps appends the number of rows skipped before each row.
func appendGaps(dst []byte, rows []uint32, width uint) []byte {
	var buf [blockLen]uint32 // A full piece ends on a byte in any width.
	next := uint32(0)
	for len(rows) > 0 {
		count := min(len(buf), len(rows))
		for i, row := range rows[:count] {
			buf[i] = row - next
			next = row + 1
		}
		dst = appendPacked(dst, buf[:count], width)
		rows = rows[count:]
	}
	return dst
}

// DecodeRows appends the ordinals encoded in src to dst. They are strictly
// ascending and below n, which the caller bounds.
func DecodeRows(dst []uint32, src []byte, n int) ([]uint32, error) {
	if len(src) == 0 || n < 0 {
		return dst, corruptf("rows: %d bytes for %d rows", len(src), n)
	}
	codec, src := src[0], src[1:]
	switch codec {
	case rowsNone, rowsAll:
		if len(src) != 0 {
			return dst, corruptf("rows: %d trailing bytes", len(src))
		}
		if codec == rowsAll {
			dst = appendConsecutive(dst, 0, n)
		}
		return dst, nil
	case rowsRuns:
		return decodeRowRuns(dst, src, n)
	case rowsBitmap:
		return decodeBitmap(dst, src, n)
	case rowsGaps:
		return decodeGaps(dst, src, n)
	}
	return dst, corruptf("rows: unknown codec %d", codec)
}

// appendConsecutive appends the rows in [lo, hi).
func appendConsecutive(dst []uint32, lo, hi int) []uint32 {
	start := len(dst)
	dst = slices.Grow(dst, hi-lo)[:start+hi-lo]
	for i := range dst[start:] {
		dst[start+i] = uint32(lo + i)
	}
	return dst
}

// decodeRowRuns undoes appendRowRuns.
func decodeRowRuns(dst []uint32, src []byte, n int) ([]uint32, error) {
	runs, src, err := Uvarint(src)
	if err != nil {
		return dst, err
	}
	if runs > uint64(len(src)/2) {
		return dst, corruptf("rows: %d runs in %d bytes", runs, len(src))
	}
	out := dst
	next := uint64(0)
	for range runs {
		var gap, length uint64
		if gap, src, err = Uvarint(src); err != nil {
			return dst, err
		}
		if length, src, err = Uvarint(src); err != nil {
			return dst, err
		}
		left := uint64(n) - next
		if gap >= left || length >= left-gap {
			return dst, corruptf("rows: run of %d+1 rows %d after %d of %d", length, gap, next, n)
		}
		next += gap
		out = appendConsecutive(out, int(next), int(next+length+1))
		next += length + 1
	}
	if len(src) != 0 {
		return dst, corruptf("rows: %d trailing bytes", len(src))
	}
	return out, nil
}

// decodeBitmap undoes appendBitmap.
func decodeBitmap(dst []uint32, src []byte, n int) ([]uint32, error) {
	if len(src) != (n+7)/8 || n%8 != 0 && src[len(src)-1]>>(n%8) != 0 {
		return dst, corruptf("rows: bitmap of %d bytes for %d rows", len(src), n)
	}
	count := 0
	for _, b := range src {
		count += bits.OnesCount8(b)
	}
	dst = slices.Grow(dst, count)
	row := uint32(0)
	for ; len(src) >= 8; src = src[8:] {
		for w := binary.LittleEndian.Uint64(src); w != 0; w &= w - 1 {
			dst = append(dst, row+uint32(bits.TrailingZeros64(w)))
		}
		row += 64
	}
	for _, b := range src {
		for ; b != 0; b &= b - 1 {
			dst = append(dst, row+uint32(bits.TrailingZeros8(b)))
		}
		row += 8
	}
	return dst, nil
}

// decodeGaps undoes appendGaps.
func decodeGaps(dst []uint32, src []byte, n int) ([]uint32, error) {
	count, src, err := Uvarint(src)
	if err != nil {
		return dst, err
	}
	if count > uint64(n) || len(src) == 0 || src[0] > 32 ||
		len(src)-1 != packedSize(int(count), uint(src[0])) {
		return dst, corruptf("rows: %d of %d in %d bytes", count, n, len(src))
	}
	start := len(dst)
	grown := slices.Grow(dst, int(count))[:start+int(count)]
	out := grown[start:]
	unpack(out, src[1:], uint(src[0]), 0)
	next := uint64(0) // Cannot wrap: at most 2^32 gaps below 2^32.
	for i, gap := range out {
		next += uint64(gap) + 1
		out[i] = uint32(next - 1)
	}
	if next > uint64(n) {
		return dst, corruptf("rows: last row %d of %d", next-1, n)
	}
	return grown, nil
}
