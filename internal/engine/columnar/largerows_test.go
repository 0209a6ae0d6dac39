package columnar

import (
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// TestLargeRowsMakeSmallBlocks keeps blocks readable where values are large: a
// block is what a reader of one row decodes.
func TestLargeRowsMakeSmallBlocks(t *testing.T) {
	h := newHarness(t, 4, column.DropExact)
	h.close()
	l := *h.opts.Layout
	l.BlockRows = 0
	h.opts.Layout, h.opts.MemtableBytes = &l, 1<<30
	h.open()
	for range 2 {
		rows := make([]twinRow, 100)
		for i := range rows {
			rows[i] = randomRow(h.r)
			rows[i].time = testEpoch + int64(i)
			value := make([]byte, 64<<10)
			for j := range value {
				value[j] = byte(h.r.Uint32())
			}
			rows[i].cols[colUniq] = column.Value{Type: column.String, Bytes: value}
		}
		h.log = append(h.log, batchOf(rows))
		h.tablet.Apply(base.Position{Term: 1, Index: uint64(len(h.log))}, h.log[len(h.log)-1])
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		view, err := h.tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		defer view.Close()
		for _, p := range view.parts {
			if m := p.Meta(); m.Blocks < m.Rows/64 {
				t.Errorf("%s: %d rows of 64 KiB in %d blocks", when, m.Rows, m.Blocks)
			}
		}
	}
	check("flushed")
	if err := h.tablet.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("merged")
	h.close()
}
