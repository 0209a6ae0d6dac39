package columnar

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// TestDigestsGoWithTheirParts: nothing is remembered of parts that were purged or
// set aside.
func TestDigestsGoWithTheirParts(t *testing.T) {
	for what, lose := range map[string]func(*Tablet, base.PartID) error{
		"purge": func(tablet *Tablet, _ base.PartID) error {
			tablet.Purge(base.Position{Term: 1, Index: 2})
			return tablet.Err()
		},
		"quarantine": func(tablet *Tablet, id base.PartID) error {
			return tablet.quarantine(id, base.Errorf(base.ClassCorruption, "bad"))
		},
	} {
		tablet := openSpans(t, vfs.NewMem(), trace.Layout())
		tablet.Apply(base.Position{Term: 1, Index: 1}, digestSpans(t, rand.New(rand.NewPCG(2, 5)), 40))
		if err := tablet.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, err := tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = digestsOf(t, v); err != nil || len(tablet.digests.parts) == 0 {
			t.Fatalf("%d digests remembered, %v", len(tablet.digests.parts), err)
		}
		var ids []base.PartID
		for id := range tablet.digests.parts {
			ids = append(ids, id)
		}
		v.Close()
		for _, id := range ids {
			if err := lose(tablet, id); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(tablet.digests.parts); n != 0 || tablet.digests.bytes != 0 {
			t.Errorf("after %s: %d digests of %d bytes", what, n, tablet.digests.bytes)
		}
	}
}
