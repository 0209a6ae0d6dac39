package columnar

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// TestDistinctLimit refuses a list that nobody could read, from memory and from a
// part, instead of building it.
func TestDistinctLimit(t *testing.T) {
	h := newHarness(t, 1, column.KeepAll)
	h.close()
	h.opts.MemtableBytes = 1 << 30
	h.open()
	defer h.close()
	rows := make([]twinRow, maxTuples+1)
	for i := range rows {
		rows[i] = twinRow{key: "k", time: testEpoch + int64(i%2), id: uint64(i), cols: map[column.ID]column.Value{colUniq: column.StringValue(fmt.Sprint(i))}}
	}
	h.tablet.Apply(base.Position{Term: 1, Index: 1}, batchOf(rows))
	for _, when := range []string{"in memory", "flushed"} {
		view, err := h.tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := view.Distinct(t.Context(), []Ref{{Col: colUniq}}); base.ClassOf(err) != base.ClassTooLarge || !strings.Contains(err.Error(), "uniq") {
			t.Errorf("%s: %v", when, err)
		}
		view.Close()
		if err := h.tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
