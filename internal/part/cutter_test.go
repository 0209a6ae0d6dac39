package part

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

func TestCutterPlacesBoundaries(t *testing.T) {
	f := func(aim int, runs []int, want ...int) {
		t.Helper()
		for _, piece := range []int{1, 3, 1000} { // rows per call: must not matter
			var got []int
			c := cutter{aim: aim, emit: func(id *column.Identity) error {
				got = append(got, id.Rows())
				return nil
			}}
			if err := cutRuns(&c, runs, piece); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("aim %d, runs %v by %d: blocks %v, want %v", aim, runs, piece, got, want)
			}
		}
	}
	f(4, []int{1}, 1)
	f(4, []int{1, 1, 1, 1, 1}, 4, 1)
	f(4, []int{2, 3, 1}, 5, 1)        // closes at the end of a key
	f(4, []int{3, 5, 1}, 8, 1)        // 2×aim is allowed
	f(4, []int{3, 6, 1}, 3, 6, 1)     // more is not
	f(4, []int{8, 8}, 8, 8)           // a key of 2×aim is not split
	f(4, []int{9}, 4, 5)              // a longer one is
	f(4, []int{3, 9, 2}, 4, 8, 2)     // and shares its first block
	f(4, []int{20, 1}, 4, 4, 4, 8, 1) // its last block has the rest
	f(1, []int{1, 2, 3, 1}, 1, 2, 1, 2, 1)
}

// cutRuns adds keys with the given numbers of rows, piece rows at a time.
func cutRuns(c *cutter, runs []int, piece int) error {
	var id column.Identity
	row := 0
	for k, n := range runs {
		for range n {
			id.Append(fmt.Appendf(nil, "key%03d", k), int64(row), 0)
			row++
			if id.Rows() == piece {
				if err := c.add(&id); err != nil {
					return err
				}
				id.Reset()
			}
		}
	}
	if err := c.add(&id); err != nil {
		return err
	}
	return c.finish()
}

func TestCutterRefusesDisorder(t *testing.T) {
	row := func(key string, time int64, id uint64) *column.Identity {
		x := &column.Identity{}
		x.Append([]byte(key), time, id)
		return x
	}
	f := func(first, second *column.Identity, ok bool) {
		t.Helper()
		c := cutter{aim: 4, emit: func(*column.Identity) error { return nil }}
		if err := c.add(first); err != nil {
			t.Fatal(err)
		}
		if err := c.add(second); (err == nil) != ok {
			t.Errorf("%v after %v: %v", second, first, err)
		}
	}
	f(row("b", 5, 5), row("b", 5, 5), true) // equal identities are the layout's affair
	f(row("b", 5, 5), row("b", 5, 6), true)
	f(row("b", 5, 5), row("c", 1, 1), true)
	f(row("b", 5, 5), row("b", 5, 4), false)
	f(row("b", 5, 5), row("b", 4, 9), false)
	f(row("b", 5, 5), row("a", 9, 9), false)
	f(row("b", 5, 5), row("c", math.MaxInt64, 9), false)
	misshapen := row("c", 1, 1)
	misshapen.Runs[0] = 2
	f(row("b", 5, 5), misshapen, false)
	misshapen.Runs[0] = 0
	f(row("b", 5, 5), misshapen, false)
}

func TestLastNanosecondIsInvalid(t *testing.T) {
	id := &column.Identity{}
	id.Append([]byte("k"), math.MaxInt64, 1)
	c := cutter{aim: 4}
	if err := c.add(id); base.ClassOf(err) != base.ClassInvalid {
		t.Error(err)
	}
}
