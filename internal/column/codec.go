package column

import (
	"encoding/binary"
	"math"

	"github.com/pandodb/pando/internal/base"
)

// batchVersion is the first byte of an encoded batch. New bytes, new number.
const batchVersion = 1

// Limits a decoder holds an encoded batch to, whatever it claims.
const (
	maxBatchRows = 1 << 24
	maxBatchCols = 1 << 20
	maxNameBytes = 1 << 16
	// maxValueBytes bounds the codes and numbers of a batch, of which a constant
	// column takes none in the encoding: twice what the largest write may hold.
	maxValueBytes = 512 << 20
)

// AppendBatch appends the encoding that the replication log carries. It aims at
// speed: integers are stored with the fewest whole bytes their range needs,
// nothing is compressed. The log entry around it carries length and checksum.
//
//	version:1 rows:uvarint keys:dict keyCodes:codes times:ints ids:8·rows
//	cols:uvarint { family:1 type:1 name:string sparse:1 [count rows] values }…
//	dict:  count:uvarint {length:uvarint}… data
//	codes: width:1 (0,1,2,4) then width bytes each, little endian
//	ints:  width:1 (0,1,2,4,8) min:varint then width bytes each above min
//	rows:  gap to the row before, minus one, as uvarint
func AppendBatch(dst []byte, b *Batch) []byte {
	dst = append(dst, batchVersion)
	dst = binary.AppendUvarint(dst, uint64(b.Rows))
	dst = appendDict(dst, &b.Keys)
	dst = appendCodes(dst, b.KeyCodes, b.Keys.Len())
	dst = appendInts(dst, b.Times)
	for _, id := range b.IDs {
		dst = binary.LittleEndian.AppendUint64(dst, id)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Cols)))
	for i := range b.Cols {
		dst = appendVector(dst, &b.Cols[i])
	}
	return dst
}

func appendVector(dst []byte, v *Vector) []byte {
	dst = append(dst, v.ID.Family, byte(v.ID.Type))
	dst = binary.AppendUvarint(dst, uint64(len(v.ID.Name)))
	dst = append(dst, v.ID.Name...)
	if v.Rows == nil {
		dst = append(dst, 0)
	} else {
		dst = append(dst, 1)
		dst = binary.AppendUvarint(dst, uint64(len(v.Rows)))
		next := uint32(0)
		for _, r := range v.Rows {
			dst = binary.AppendUvarint(dst, uint64(r-next))
			next = r + 1
		}
	}
	switch {
	case v.ID.Type.Coded():
		dst = appendDict(dst, &v.Dict)
		return appendCodes(dst, v.Codes, v.Dict.Len())
	case v.ID.Type == Float64:
		for _, f := range v.Floats {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
		}
		return dst
	default:
		return appendInts(dst, v.Ints)
	}
}

func appendDict(dst []byte, d *Dict) []byte {
	n := d.Len()
	dst = binary.AppendUvarint(dst, uint64(n))
	if n == 0 {
		return dst
	}
	for i := range n {
		dst = binary.AppendUvarint(dst, uint64(d.Offsets[i+1]-d.Offsets[i]))
	}
	return append(dst, d.Data[d.Offsets[0]:d.Offsets[n]]...)
}

func appendCodes(dst []byte, codes []uint32, n int) []byte {
	switch {
	case n <= 1:
		return append(dst, 0)
	case n <= 1<<8:
		dst = append(dst, 1)
		for _, c := range codes {
			dst = append(dst, byte(c))
		}
	case n <= 1<<16:
		dst = append(dst, 2)
		for _, c := range codes {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(c))
		}
	default:
		dst = append(dst, 4)
		for _, c := range codes {
			dst = binary.LittleEndian.AppendUint32(dst, c)
		}
	}
	return dst
}

func appendInts(dst []byte, vals []int64) []byte {
	if len(vals) == 0 {
		return append(dst, 0, 0)
	}
	lo, hi := vals[0], vals[0]
	for _, v := range vals {
		lo, hi = min(lo, v), max(hi, v)
	}
	span := uint64(hi) - uint64(lo)
	switch {
	case span == 0:
		return binary.AppendVarint(append(dst, 0), lo)
	case span < 1<<8:
		dst = binary.AppendVarint(append(dst, 1), lo)
		for _, v := range vals {
			dst = append(dst, byte(v-lo))
		}
	case span < 1<<16:
		dst = binary.AppendVarint(append(dst, 2), lo)
		for _, v := range vals {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(v-lo))
		}
	case span < 1<<32:
		dst = binary.AppendVarint(append(dst, 4), lo)
		for _, v := range vals {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v-lo))
		}
	default:
		dst = binary.AppendVarint(append(dst, 8), lo)
		for _, v := range vals {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v)-uint64(lo))
		}
	}
	return dst
}

// DecodeBatch decodes what AppendBatch wrote. Dictionary bytes alias src, all
// else is copied. The result is validated: any src gives a well-formed batch or
// a base.ClassCorruption error. Rows and dictionaries take memory of a small
// multiple of len(src), values of columns at most 512 MiB.
func DecodeBatch(src []byte) (*Batch, error) {
	d := decoder{src: src}
	b := d.batch()
	if d.err == "" && d.off != len(src) {
		d.fail("bytes after the end")
	}
	if d.err != "" {
		return nil, base.Corruptionf("batch", int64(d.off), "%s", d.err)
	}
	if err := b.Validate(); err != nil {
		return nil, base.Mark(base.ClassCorruption, err)
	}
	return b, nil
}

// decoder reads an encoded batch and remembers the first mistake it finds.
type decoder struct {
	src    []byte
	off    int
	err    string
	values int // bytes of codes and numbers so far
}

// reserve accounts for values about to be allocated.
func (d *decoder) reserve(bytes int) bool {
	if d.values += bytes; d.values > maxValueBytes {
		d.fail("values beyond their limit")
	}
	return d.err == ""
}

func (d *decoder) fail(why string) {
	if d.err == "" {
		d.err = why
	}
}

func (d *decoder) batch() *Batch {
	b := &Batch{}
	if v := d.take(1); d.err == "" && v[0] != batchVersion {
		d.fail("unknown batch version: written by a newer program")
	}
	b.Rows = d.count(min(maxBatchRows, len(d.src)/8)) // each has an id
	b.Keys = d.dict()
	b.KeyCodes = d.codes(b.Rows)
	b.Times = d.ints(b.Rows)
	raw := d.take(8 * b.Rows)
	if d.err != "" {
		return b
	}
	b.IDs = make([]uint64, b.Rows)
	for i := range b.IDs {
		b.IDs[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	n := d.count(min(maxBatchCols, len(d.src)-d.off))
	if d.err != "" {
		return b
	}
	b.Cols = make([]Vector, n)
	for i := range b.Cols {
		d.vector(&b.Cols[i], b.Rows)
		if d.err != "" {
			return b
		}
	}
	return b
}

func (d *decoder) vector(v *Vector, rows int) {
	h := d.take(2)
	name := d.take(d.count(maxNameBytes))
	sparse := d.take(1)
	if d.err != "" {
		return
	}
	v.ID = ID{Family: h[0], Type: Type(h[1]), Name: string(name)}
	n := rows
	if sparse[0] != 0 {
		n = d.count(min(rows, len(d.src)-d.off))
		v.Rows = make([]uint32, n)
		next := uint64(0)
		for i := range v.Rows {
			next += d.uvarint()
			if next >= uint64(rows) {
				d.fail("row list beyond the batch")
				return
			}
			v.Rows[i] = uint32(next)
			next++
		}
	}
	switch {
	case v.ID.Type.Coded():
		v.Dict = d.dict()
		v.Codes = d.codes(n)
	case v.ID.Type == Float64:
		raw := d.take(8 * n)
		if d.err != "" {
			return
		}
		v.Floats = make([]float64, n)
		for i := range v.Floats {
			v.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
		}
	default:
		v.Ints = d.ints(n)
	}
}

func (d *decoder) take(n int) []byte {
	if d.err != "" || n < 0 || n > len(d.src)-d.off {
		d.fail("cut short")
		return nil
	}
	d.off += n
	return d.src[d.off-n : d.off : d.off]
}

func (d *decoder) uvarint() uint64 {
	if d.err != "" {
		return 0
	}
	v, n := binary.Uvarint(d.src[d.off:])
	if n <= 0 {
		d.fail("bad varint")
		return 0
	}
	d.off += n
	return v
}

// count reads a uvarint that must not exceed limit.
func (d *decoder) count(limit int) int {
	v := d.uvarint()
	if v > uint64(max(limit, 0)) {
		d.fail("count beyond its limit")
		return 0
	}
	return int(v)
}

func (d *decoder) dict() Dict {
	n := d.count(len(d.src) - d.off)
	if n == 0 || d.err != "" {
		return Dict{}
	}
	offsets := make([]uint32, n+1)
	sum := uint64(0)
	for i := range n {
		sum += d.uvarint()
		if sum > uint64(len(d.src)) {
			d.fail("dictionary beyond the batch")
			return Dict{}
		}
		offsets[i+1] = uint32(sum)
	}
	data := d.take(int(sum))
	if d.err != "" {
		return Dict{}
	}
	return Dict{Offsets: offsets, Data: data}
}

func (d *decoder) codes(n int) []uint32 {
	w := d.take(1)
	if d.err != "" {
		return nil
	}
	raw := d.take(int(w[0]) * n)
	if !d.reserve(4 * n) {
		return nil
	}
	out := make([]uint32, n)
	switch w[0] {
	case 0:
	case 1:
		for i := range out {
			out[i] = uint32(raw[i])
		}
	case 2:
		for i := range out {
			out[i] = uint32(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case 4:
		for i := range out {
			out[i] = binary.LittleEndian.Uint32(raw[4*i:])
		}
	default:
		d.fail("unknown code width")
	}
	return out
}

func (d *decoder) ints(n int) []int64 {
	w := d.take(1)
	if d.err != "" {
		return nil
	}
	lo, k := binary.Varint(d.src[d.off:])
	if k <= 0 {
		d.fail("bad varint")
		return nil
	}
	d.off += k
	raw := d.take(int(w[0]) * n)
	if !d.reserve(8 * n) {
		return nil
	}
	out := make([]int64, n)
	switch w[0] {
	case 0:
		for i := range out {
			out[i] = lo
		}
	case 1:
		for i := range out {
			out[i] = lo + int64(raw[i])
		}
	case 2:
		for i := range out {
			out[i] = lo + int64(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case 4:
		for i := range out {
			out[i] = lo + int64(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	case 8:
		for i := range out {
			out[i] = int64(uint64(lo) + binary.LittleEndian.Uint64(raw[8*i:]))
		}
	default:
		d.fail("unknown int width")
	}
	return out
}
