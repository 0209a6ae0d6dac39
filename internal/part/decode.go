package part

import (
	"encoding/binary"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/encoding/intenc"
)

// corruptf returns a corruption error. The caller that knows the file and the
// offset wraps it.
func corruptf(format string, args ...any) error {
	return base.Errorf(base.ClassCorruption, format, args...)
}

// decoder walks one unit's payload. The first failure sticks: later reads
// return zeros, and the caller asks err once at the end and before it trusts a
// count.
type decoder struct {
	src []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.src = nil
}

func (d *decoder) uvarint() uint64 {
	v, rest, err := intenc.Uvarint(d.src)
	if err != nil {
		d.fail(err)
		return 0
	}
	d.src = rest
	return v
}

// count reads a number that must not be above limit.
func (d *decoder) count(what string, limit int) int {
	v := d.uvarint()
	if v > uint64(max(limit, 0)) {
		d.fail(corruptf("%s: %d, at most %d", what, v, limit))
		return 0
	}
	return int(v)
}

func (d *decoder) byte() byte {
	if len(d.src) == 0 {
		d.fail(corruptf("unit ends early"))
		return 0
	}
	b := d.src[0]
	d.src = d.src[1:]
	return b
}

// section reads bytes preceded by their length. They alias the payload.
func (d *decoder) section() []byte {
	body, rest, err := intenc.Section(d.src)
	if err != nil {
		d.fail(err)
		return nil
	}
	d.src = rest
	return body
}

// ints reads a section of n integers.
func (d *decoder) ints(dst []int64, n int) []int64 {
	body := d.section()
	if d.err != nil {
		return dst
	}
	dst, err := intenc.DecodeInts(dst, body, n)
	if err != nil {
		d.fail(err)
	}
	return dst
}

// rows reads a section of ascending ordinals below n.
func (d *decoder) rows(n int) []uint32 {
	body := d.section()
	if d.err != nil {
		return nil
	}
	rows, err := intenc.DecodeRows(nil, body, n)
	if err != nil {
		d.fail(err)
	}
	return rows
}

// done fails when bytes are left.
func (d *decoder) done() error {
	if d.err == nil && len(d.src) != 0 {
		return corruptf("%d trailing bytes", len(d.src))
	}
	return d.err
}

// appendSection appends body preceded by its length.
func appendSection(dst, body []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(body))), body...)
}

// appendInts appends a section of integers. scratch is returned for reuse.
func appendInts(dst, scratch []byte, vals []int64) (out, scratchOut []byte) {
	scratch = intenc.AppendInts(scratch[:0], vals)
	return appendSection(dst, scratch), scratch
}

// appendRows appends a section of ascending ordinals below n.
func appendRows(dst, scratch []byte, rows []uint32, n int) (out, scratchOut []byte) {
	scratch = intenc.AppendRows(scratch[:0], rows, n)
	return appendSection(dst, scratch), scratch
}
