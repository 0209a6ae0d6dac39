package intenc

import (
	"encoding/binary"
	"math/bits"
)

const (
	// blockLen is the number of residuals that share a width: small enough
	// that a burst of wide values costs little, large enough that two to
	// four bytes of header are below a third of a bit per value. It also
	// makes the position of an exception fit a byte.
	blockLen = 128
	// patchedFlag marks a block with exceptions in its width byte.
	patchedFlag = 0x80
)

// blockShape says how one block is written.
type blockShape struct {
	lowest     uint64 // residuals are stored above this
	width      uint   // bits of each low part
	highWidth  uint   // bits of each exception's high part
	exceptions int
}

// shapeOf finds the shape of the least size for a block of residuals.
func shapeOf(block []uint64) blockShape {
	lowest := int64(block[0])
	for _, r := range block[1:] {
		lowest = min(lowest, int64(r))
	}
	var histogram [65]uint8 // A block has at most 128 values.
	var seen uint64         // OR of all: its length is the widest one's.
	for _, r := range block {
		d := r - uint64(lowest)
		seen |= d
		histogram[bits.Len64(d)]++
	}
	widest := uint(bits.Len64(seen))
	shape := blockShape{lowest: uint64(lowest), width: widest}
	bestSize := packedSize(len(block), widest)
	exceptions := 0
	for width := widest; width > 0; width-- {
		exceptions += int(histogram[width])
		if 2*exceptions > len(block) {
			break
		}
		high := widest - (width - 1)
		size := packedSize(len(block), width-1) + 2 + exceptions + packedSize(exceptions, high)
		if size < bestSize {
			bestSize = size
			shape.width, shape.highWidth, shape.exceptions = width-1, high, exceptions
		}
	}
	return shape
}

// size is the number of bytes of a block of count values in this shape.
func (s blockShape) size(count int, base int64) int {
	size := 1 + uvarintSize(s.lowest-uint64(base)) + packedSize(count, s.width)
	if s.exceptions > 0 {
		size += 2 + s.exceptions + packedSize(s.exceptions, s.highWidth)
	}
	return size
}

// blocksSize is the number of bytes appendBlocks appends.
func blocksSize(vals []int64, order int, base int64) int {
	var buf [blockLen]uint64
	size := 0
	for at := order; at < len(vals); at += blockLen {
		block := residuals(&buf, vals, at, order)
		size += shapeOf(block).size(len(block), base)
	}
	return size
}

// appendBlocks appends the residuals of vals in blocks of their own width.
// base is the lowest residual of all.
func appendBlocks(dst []byte, vals []int64, order int, base int64) []byte {
	var buf [blockLen]uint64
	for at := order; at < len(vals); at += blockLen {
		block := residuals(&buf, vals, at, order)
		dst = appendBlock(dst, block, base)
	}
	return dst
}

// appendBlock appends one block and overwrites its content.
func appendBlock(dst []byte, block []uint64, base int64) []byte {
	shape := shapeOf(block)
	header := byte(shape.width)
	if shape.exceptions > 0 {
		header |= patchedFlag
	}
	dst = append(dst, header)
	dst = binary.AppendUvarint(dst, shape.lowest-uint64(base))

	var positions [blockLen]byte
	var highs [blockLen]uint64
	count := 0
	low := mask(shape.width)
	for i := range block {
		d := block[i] - shape.lowest
		block[i] = d & low
		if d > low {
			positions[count], highs[count] = byte(i), d>>shape.width
			count++
		}
	}
	dst = appendPacked(dst, block, shape.width)
	if count == 0 {
		return dst
	}
	dst = append(dst, byte(count), byte(shape.highWidth))
	dst = append(dst, positions[:count]...)
	return appendPacked(dst, highs[:count], shape.highWidth)
}

// decodeBlocks fills out with the residuals in src, which must hold exactly
// that many.
func decodeBlocks(out []int64, src []byte, base int64) error {
	for len(out) > 0 {
		count := min(blockLen, len(out))
		var err error
		if src, err = decodeBlock(out[:count], src, base); err != nil {
			return err
		}
		out = out[count:]
	}
	if len(src) != 0 {
		return corruptf("ints: %d trailing bytes", len(src))
	}
	return nil
}

// decodeBlock fills out, at most blockLen values, from one block and returns
// what follows it.
func decodeBlock(out []int64, src []byte, base int64) ([]byte, error) {
	if len(src) == 0 {
		return nil, corruptf("ints: block header missing")
	}
	header := src[0]
	above, src, err := Uvarint(src[1:])
	if err != nil {
		return nil, err
	}
	width := uint(header &^ patchedFlag)
	size := packedSize(len(out), width)
	if width > 64 || size > len(src) {
		return nil, corruptf("ints: block of width %d with %d bytes left", width, len(src))
	}
	unpack(out, src, width, base+int64(above))
	src = src[size:]
	if header&patchedFlag == 0 {
		return src, nil
	}
	return patchBlock(out, src, width)
}

// patchBlock adds the high parts of a block's exceptions.
func patchBlock(out []int64, src []byte, width uint) ([]byte, error) {
	if len(src) < 2 {
		return nil, corruptf("ints: exceptions missing")
	}
	count, highWidth := int(src[0]), uint(src[1])
	src = src[2:]
	size := packedSize(count, highWidth)
	if count > blockLen || highWidth+width > 64 || count+size > len(src) {
		return nil, corruptf("ints: %d exceptions of width %d+%d with %d bytes left",
			count, width, highWidth, len(src))
	}
	var highs [blockLen]uint64
	unpack(highs[:count], src[count:count+size], highWidth, 0)
	for i, at := range src[:count] {
		if int(at) >= len(out) {
			return nil, corruptf("ints: exception at %d of %d", at, len(out))
		}
		out[at] += int64(highs[i] << width)
	}
	return src[count+size:], nil
}
