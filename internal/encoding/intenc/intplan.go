package intenc

import (
	"math"
	"math/bits"
)

// frame is a frame of reference: the bounds of some residuals.
type frame struct {
	base int64 // lowest residual, as a signed number
	top  int64 // highest residual
}

// width is the number of bits of the widest residual above the base.
func (f frame) width() uint { return uint(bits.Len64(uint64(f.top) - uint64(f.base))) }

// intStats holds the bounds of the residuals of each order. An order that
// has no residuals (too few values) has base > top.
type intStats struct {
	frames [maxOrder + 1]frame
}

// intPlan is a chosen codec and its exact size in bytes. For the flat and
// blocks codecs, codec is the number of order 0.
type intPlan struct {
	codec byte
	order int
	frame frame
	size  int
}

// statsOf computes the bounds of all three orders in one pass; vals is not
// empty.
func statsOf(vals []int64) intStats {
	none := frame{base: math.MaxInt64, top: math.MinInt64}
	f0, f1, f2 := frame{vals[0], vals[0]}, none, none
	if len(vals) > 1 {
		delta := vals[1] - vals[0]
		f0 = frame{min(vals[0], vals[1]), max(vals[0], vals[1])}
		f1 = frame{delta, delta}
		prev := vals[1]
		for _, v := range vals[2:] {
			d := v - prev
			dd := d - delta
			f0.base, f0.top = min(f0.base, v), max(f0.top, v)
			f1.base, f1.top = min(f1.base, d), max(f1.top, d)
			f2.base, f2.top = min(f2.base, dd), max(f2.top, dd)
			prev, delta = v, d
		}
	}
	return intStats{frames: [...]frame{f0, f1, f2}}
}

// planInts returns the smallest of all codecs but intsScaled. Among equals
// the one that decodes faster (listed first) wins.
func planInts(vals []int64, stats *intStats) intPlan {
	f0, f1 := stats.frames[0], stats.frames[1]
	best := intPlan{codec: intsRaw, size: 1 + 8*len(vals)}
	if size := 1 + varintSize(vals[0]); f0.base == f0.top && size <= best.size {
		return intPlan{codec: intsConst, size: size}
	}
	if f1.base == f1.top && len(vals) > 2 {
		return intPlan{
			codec: intsLinear,
			size:  1 + varintSize(vals[0]) + varintSize(f1.base),
		}
	}
	for order := 0; order <= maxOrder && order < len(vals); order++ {
		f := stats.frames[order]
		header := 1 + varintSize(f.base)
		if order >= 1 {
			header += varintSize(vals[0])
		}
		if order >= 2 {
			header += varintSize(vals[1] - vals[0])
		}
		flat := header + 1 + packedSize(len(vals)-order, f.width())
		if flat < best.size {
			best = intPlan{codec: intsFlat, order: order, frame: f, size: flat}
		}
		if len(vals) < blockLen/4 {
			continue // Too short for own widths to pay.
		}
		if blocks := header + blocksSize(vals, order, f.base); blocks < best.size {
			best = intPlan{codec: intsBlocks, order: order, frame: f, size: blocks}
		}
	}
	return best
}

// residuals writes the residuals of up to blockLen values from vals[at] on
// into buf and returns the used part of it; at >= order.
func residuals(buf *[blockLen]uint64, vals []int64, at, order int) []uint64 {
	count := min(blockLen, len(vals)-at)
	out := buf[:count]
	switch order {
	case 0:
		v := vals[at:][:count]
		for i := range out {
			out[i] = uint64(v[i])
		}
	case 1:
		v, prev := vals[at:][:count], vals[at-1:][:count]
		for i := range out {
			out[i] = uint64(v[i] - prev[i])
		}
	default:
		v, prev, prev2 := vals[at:][:count], vals[at-1:][:count], vals[at-2:][:count]
		for i := range out {
			out[i] = uint64(v[i] - 2*prev[i] + prev2[i])
		}
	}
	return out
}
