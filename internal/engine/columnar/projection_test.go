package columnar

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

var exampleTuples = []Tuple{
	{column.StringValue("a"), column.IntValue(-1)},
	{column.StringValue(""), {}},
	{{}, column.FloatValue(0.5)},
}

func TestTuplesRoundTrip(t *testing.T) {
	got, err := decodeTuples(encodeTuples(exampleTuples, 2), 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(exampleTuples, got, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if _, err := decodeTuples(encodeTuples(exampleTuples, 2), 3); !base.IsCorruption(err) {
		t.Errorf("tuples of two columns read as three: %v", err)
	}
}

// TestProjectionIsRead proves that a part answers from its projection: the scan
// of a part without one gives the same tuples.
func TestProjectionIsRead(t *testing.T) {
	h := flushed(t, 3, 300)
	defer h.close()
	view, err := h.tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	refs := h.opts.Layout.Projections[0].Refs
	for _, p := range view.parts {
		stored, ok, err := storedTuples(h.opts.Layout, p, refs)
		if err != nil || !ok {
			t.Fatalf("part %v: stored %v, %v", p.Meta().ID, ok, err)
		}
		scanned, err := scanDistinct(t.Context(), h.opts.Layout, p, refs)
		if err != nil {
			t.Fatal(err)
		}
		less := func(a, b Tuple) bool {
			return bytes.Compare(encodeTuples([]Tuple{a}, 3), encodeTuples([]Tuple{b}, 3)) < 0
		}
		if d := cmp.Diff(scanned, stored, cmpopts.SortSlices(less), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("part %v: %s", p.Meta().ID, d)
		}
	}
}

func FuzzDecodeTuples(f *testing.F) {
	f.Add(encodeTuples(exampleTuples, 2))
	f.Add(encodeTuples(nil, 2))
	f.Fuzz(func(t *testing.T, src []byte) {
		tuples, err := decodeTuples(src, 2)
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatal(err)
			}
			return
		}
		if _, err := decodeTuples(encodeTuples(tuples, 2), 2); err != nil {
			t.Fatal(err)
		}
	})
}
