package columnar

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/model/trace"
)

// expiring is a context that ends when it was asked so many times.
type expiring struct {
	context.Context
	left int
}

func (c *expiring) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestLookingForLinksEnds: refs of very many traces are looked up in a part only
// as long as somebody waits for the answer.
func TestLookingForLinksEnds(t *testing.T) {
	tablet := openSpans(t, vfs.NewMem(), trace.Layout())
	tablet.Apply(base.Position{Term: 1, Index: 1}, digestSpans(t, rand.New(rand.NewPCG(2, 5)), 40))
	if err := tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var refs []column.RowRef
	for range 10 * linksPerLook {
		refs = append(refs, column.RowRef{Key: trace.AppendKey(nil, 1, trace.ID{1: byte(len(refs) >> 8), 2: byte(len(refs)), 3: 1}), ID: 1})
	}
	ctx := &expiring{Context: t.Context(), left: 3}
	if _, err := v.findLinks(ctx, refs, v.places()[0]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if _, err := v.findLinks(t.Context(), refs, v.places()[0]); err != nil {
		t.Error(err)
	}
	if s := tablet.Stats(); s.Quarantined != 0 {
		t.Errorf("%d parts set aside", s.Quarantined)
	}
}
