package router

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// rowLister is a digest of rows that lists them.
type rowLister struct{ rows []byte }

func (c *rowLister) Add(b *column.Batch) error {
	for _, row := range printRows(b) {
		c.rows = append(append(c.rows, row...), '\n')
	}
	return nil
}

func (c *rowLister) Append(dst []byte) []byte { return append(dst, c.rows...) }

// rowsDigest is the digest of rows that lists them.
var rowsDigest = &column.Digest{
	Name: "rows", Columns: []column.ID{colName, colSize},
	New:    func() column.DigestFolder { return &rowLister{} },
	Decode: func(src []byte) (any, error) { return string(src), nil },
}

// TestDigestsAgainstOneTablet: the digests of many tablets say together what that
// of one tablet with all rows does, one at a time.
func TestDigestsAgainstOneTablet(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 9))
		one, many := newFake(t, 1), newFake(t, 2+int(seed%7))
		want, got := NewGroup(1, one, one), NewGroup(1, many, many)
		for range 4 {
			b := batch(r, 1+r.IntN(80))
			if err := errors.Join(want.Write(t.Context(), b), got.Write(t.Context(), b)); err != nil {
				t.Fatal(err)
			}
		}
		list := func(g *Group) (rows []string) {
			visits := 0 // a race if two come at once
			err := g.Digests(t.Context(), base.AllTime, func(d *columnar.Digest) error {
				visits++
				rows = append(rows, strings.SplitAfter(d.Value.(string), "\n")...)
				return nil
			})
			if err != nil || visits == 0 {
				t.Fatalf("%d digests, %v", visits, err)
			}
			slices.Sort(rows)
			return slices.DeleteFunc(rows, func(row string) bool { return row == "" })
		}
		if w, g := list(want), list(got); !slices.Equal(w, g) {
			t.Fatalf("seed %d: %d rows, want %d\n got %q\nwant %q", seed, len(g), len(w), g, w)
		}
	}
}

// TestDigestsErrors: who has enough is not called again, and a tablet that is away
// or a caller who left are told.
func TestDigestsErrors(t *testing.T) {
	f := newFake(t, 5)
	g := NewGroup(1, f, f)
	if err := g.Write(t.Context(), batch(rand.New(rand.NewPCG(1, 9)), 80)); err != nil {
		t.Fatal(err)
	}
	enough, visits := errors.New("enough"), 0
	visit := func(*columnar.Digest) error {
		visits++
		return enough
	}
	if err := g.Digests(t.Context(), base.AllTime, visit); !errors.Is(err, enough) || visits != 1 {
		t.Errorf("%v after %d visits, want enough after one", err, visits)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Digests(ctx, base.AllTime, visit); !errors.Is(err, context.Canceled) || visits != 1 {
		t.Errorf("%v after %d visits, want that it was cancelled", err, visits)
	}
	lost := NewGroup(1, f, lostTablet{f, f.tablets.At(2).ID})
	if err := lost.Digests(t.Context(), base.AllTime, func(*columnar.Digest) error { return nil }); err == nil {
		t.Error("answered without a tablet")
	}
}
