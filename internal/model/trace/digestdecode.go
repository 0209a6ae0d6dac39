package trace

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// DecodeDigest decodes a digest. It accepts any bytes: damage is a
// base.ClassCorruption error, with column.ErrDigestVersion in its chain if it may
// also be another version.
func DecodeDigest(src []byte) (*Digest, error) {
	if len(src) > 0 && src[0] != digestVersion {
		return nil, base.Errorf(base.ClassCorruption, "%w: %d, this program reads %d", column.ErrDigestVersion, src[0], digestVersion)
	}
	if len(src) < 2 || src[1] > 1 {
		return nil, base.Errorf(base.ClassCorruption, "digest: no or unknown flags")
	}
	d := digestDecoder{src: src[2:]}
	out := &Digest{Folded: src[1] == 1, Dropped: d.uint()}
	d.texts()
	d.base = d.minuteOf(d.varint())
	groups := d.groups()
	out.Texts = d.list
	out.Operations = make([]OperationCells, len(groups))
	for i, g := range groups {
		out.Operations[i] = OperationCells{Service: d.list[g.a], Name: d.list[g.b], Kind: g.kind, Minutes: d.sum(g.cells)}
	}
	groups = d.groups()
	out.Edges = make([]EdgeCells, len(groups))
	for i, g := range groups {
		out.Edges[i] = EdgeCells{Parent: d.list[g.a], Child: d.list[g.b], Kind: g.kind, Minutes: d.sum(g.cells)}
	}
	d.open(out)
	if d.bad || len(d.src) != 0 {
		return nil, base.Errorf(base.ClassCorruption, "digest is malformed")
	}
	return out, nil
}

// digestDecoder reads the parts of a digest. After damage it is bad and empty,
// and reads zeros.
type digestDecoder struct {
	src  []byte
	bad  bool
	list []string // the texts
	base int32

	all   Latency        // scratch
	block []LatencyCount // not yet in use
}

func (d *digestDecoder) fail() { d.src, d.bad = nil, true }

func (d *digestDecoder) uint() uint64 {
	if len(d.src) > 0 && d.src[0] < 0x80 {
		v := d.src[0]
		d.src = d.src[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(d.src)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.src = d.src[n:]
	return v
}

func (d *digestDecoder) varint() int64 {
	v, n := binary.Varint(d.src)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.src = d.src[n:]
	return v
}

// below reads an integer below n.
func (d *digestDecoder) below(n int) int {
	v := d.uint()
	if v >= uint64(n) {
		d.fail()
		return 0
	}
	return int(v)
}

// count reads a number of things that take at least size bytes each, so that it
// can be trusted with an allocation.
func (d *digestDecoder) count(size int) int {
	v := d.uint()
	if v > uint64(len(d.src)/size) {
		d.fail()
		return 0
	}
	return int(v)
}

func (d *digestDecoder) bytes(n int) []byte {
	if n > len(d.src) {
		d.fail()
		return make([]byte, n)
	}
	v := d.src[:n]
	d.src = d.src[n:]
	return v
}

// small reads what an integer that fits 32 bits has beyond least.
func (d *digestDecoder) small(least uint64) uint32 {
	v := d.uint()
	if v > math.MaxUint32-least {
		d.fail()
		return 0
	}
	return uint32(v + least)
}

func (d *digestDecoder) minuteOf(v int64) int32 {
	if v < math.MinInt32 || v > math.MaxInt32 {
		d.fail()
		return 0
	}
	return int32(v)
}

// minute returns the minute that is so far after another.
func (d *digestDecoder) minute(last int32, step uint64) int32 {
	return d.minuteOf(int64(last) + int64(min(step, math.MaxUint32+1)))
}

func (d *digestDecoder) texts() {
	d.list = make([]string, d.count(1))
	for i := range d.list {
		d.list[i] = string(d.bytes(d.count(1)))
		if i > 0 && d.list[i] <= d.list[i-1] {
			d.fail()
		}
	}
}

// cellGroup is an operation or an edge with its cells.
type cellGroup struct {
	a, b  int // texts
	kind  Kind
	cells []Cell
}

func (d *digestDecoder) groups() []cellGroup {
	out := make([]cellGroup, d.count(4))
	for i := range out {
		g := cellGroup{a: d.below(len(d.list)), b: d.below(len(d.list)), kind: Kind(d.below(len(kindNames)))}
		g.cells = d.cells()
		if d.bad {
			return nil
		}
		out[i] = g
	}
	return out
}

func (d *digestDecoder) cells() []Cell {
	out := make([]Cell, d.count(2))
	last, bucket := d.base, int64(firstBucket)
	for i := range out {
		c := &out[i]
		head := d.uint()
		c.Minute = d.minute(last, head>>2)
		if i > 0 && c.Minute == last {
			d.fail()
		}
		last = c.Minute
		if head&1 != 0 {
			c.Errors = d.small(1)
		}
		n := 1
		if head&2 != 0 {
			n = 2 + d.count(1)
		}
		c.Latency = d.latency(n, bucket)
		if d.bad {
			return nil
		}
		bucket = int64(c.Latency[0].Bucket)
		calls := uint64(0)
		for _, l := range c.Latency {
			calls += uint64(l.Count)
		}
		c.Calls = uint32(min(calls, math.MaxUint32))
	}
	return out
}

// sum adds up the cells.
func (d *digestDecoder) sum(cells []Cell) Minutes {
	m := Minutes{Cells: cells}
	if len(cells) < 2 {
		return m // nobody asks
	}
	total := &m.total[0]
	d.all.Reset()
	for i := range cells {
		c := &cells[i]
		d.all.AddCell(c)
		total.Minute = c.Minute
		total.Calls = uint32(min(uint64(total.Calls)+uint64(c.Calls), math.MaxUint32))
		total.Errors = uint32(min(uint64(total.Errors)+uint64(c.Errors), math.MaxUint32))
	}
	for i, n := range d.all.counts {
		if n > 0 {
			total.Latency = append(total.Latency, LatencyCount{Bucket(d.all.lo + i), uint32(min(n, math.MaxUint32))})
		}
	}
	return m
}

// latency reads the buckets of a cell. The first is a difference to the one given.
func (d *digestDecoder) latency(n int, last int64) []LatencyCount {
	out := d.counts(n)
	for i := range out {
		v := d.uint()
		step := int64(min(v>>1, 4*NumBuckets))
		if i == 0 {
			step = unzigzag(uint64(step))
		}
		if last += step; last < 0 || last >= NumBuckets || i > 0 && step == 0 {
			d.fail()
			return nil
		}
		out[i] = LatencyCount{Bucket: Bucket(last), Count: 1}
		if v&1 != 0 {
			out[i].Count = d.small(2)
		}
	}
	return out
}

// countBlock is how many counts are allocated at once: most cells have few.
const countBlock = 1 << 10

// counts returns n counts, of a block that many cells share.
func (d *digestDecoder) counts(n int) []LatencyCount {
	if n > len(d.block) {
		if n > countBlock/4 {
			return make([]LatencyCount, n)
		}
		d.block = make([]LatencyCount, countBlock)
	}
	out := d.block[:n:n]
	d.block = d.block[n:]
	return out
}

// open reads the open calls.
func (d *digestDecoder) open(out *Digest) {
	const callBytes = 8 + 4
	out.traces = make([]openKey, d.count(1+16+1+callBytes))
	for t := range out.traces {
		resource := base.ResourceID(d.small(0))
		id := ID(d.bytes(len(ID{})))
		key := openKey{resource, PlacementHash(id), id}
		if t > 0 && compareKeys(&out.traces[t-1], &key) >= 0 {
			d.fail()
		}
		out.traces[t] = key
		n := d.count(callBytes)
		out.Open = slices.Grow(out.Open, n)
		for range n {
			call := OpenCall{
				trace:  uint32(t),
				Parent: binary.BigEndian.Uint64(d.bytes(8)),
			}
			call.Service = uint32(d.below(len(d.list)))
			call.Kind = Kind(d.below(len(kindNames)))
			call.Minute = d.minute(d.base, d.uint())
			v := d.below(2 * NumBuckets)
			call.Bucket, call.Failed = Bucket(v>>1), v&1 == 1
			out.Open = append(out.Open, call)
		}
		if d.bad {
			return
		}
	}
}
