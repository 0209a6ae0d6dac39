package mergepolicy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/pandodb/pando/internal/base"
)

// TestPick runs testdata/pick: each line of the input is a part, "level rows
// [busy]", oldest first.
func TestPick(t *testing.T) {
	datadriven.RunTest(t, "testdata/pick", func(t *testing.T, d *datadriven.TestData) string {
		o, quiet := Options{FanIn: 3, MaxRows: 1000}, d.HasArg("quiet")
		var parts []Part
		for i, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			p := Part{ID: base.PartID(i + 1)}
			var busy string
			if n, _ := fmt.Sscan(line, &p.Level, &p.Rows, &busy); n < 2 {
				t.Fatalf("line %q", line)
			}
			p.Busy = busy == "busy"
			parts = append(parts, p)
		}
		pick, ok := Next(parts, o, quiet)
		if !ok {
			return "none\n"
		}
		ids := make([]int, len(pick.Inputs))
		for i, id := range pick.Inputs {
			ids[i] = int(id)
		}
		return fmt.Sprintf("%v -> level %d, %d rows\n", ids, pick.Level, pick.Rows)
	})
}

// TestSizesOfFlushes: whatever the size of flushed parts, a segment that is written
// to keeps few more parts than final ones would be, at few rewrites.
func TestSizesOfFlushes(t *testing.T) {
	const flushes = 400
	for _, rows := range []int{1_000, 20_000, 40_000, 70_000, 150_000, 300_000, 700_000} {
		var parts []Part
		next, rewritten := base.PartID(1), 0
		for range flushes {
			parts = append(parts, Part{ID: next, Rows: rows})
			next++
			for {
				pick, ok := Next(parts, Options{}, false)
				if !ok {
					break
				}
				parts = slices.DeleteFunc(parts, func(p Part) bool { return slices.Contains(pick.Inputs, p.ID) })
				parts = append(parts, Part{ID: next, Level: pick.Level, Rows: pick.Rows})
				next++
				rewritten += pick.Rows
			}
		}
		final := flushes * rows / 2_000_000
		if len(parts) > 2*final+16 {
			t.Errorf("flushes of %d rows leave %d parts, %d final ones would do", rows, len(parts), final)
		}
		if amp := float64(rewritten) / float64(flushes*rows); amp > 2.5 {
			t.Errorf("flushes of %d rows are rewritten %.1f times", rows, amp)
		}
	}
}

// TestSettles applies picks until none is left: the number of parts and the
// rewrites per row must stay within the promise of the package comment.
func TestSettles(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var parts []Part
	o, next, written, rewritten := Options{FanIn: 8, MaxRows: 50_000}, base.PartID(1), 0, 0
	step := func(quiet bool) bool {
		pick, ok := Next(parts, o, quiet)
		if !ok {
			return false
		}
		rows := 0
		parts = slices.DeleteFunc(parts, func(p Part) bool {
			if slices.Contains(pick.Inputs, p.ID) {
				rows += p.Rows
				return true
			}
			return false
		})
		if rows != pick.Rows || rows > o.MaxRows {
			t.Fatalf("pick %+v has %d rows", pick, rows)
		}
		rewritten += rows
		parts = append(parts, Part{ID: next, Level: pick.Level, Rows: rows})
		next++
		return true
	}
	for range 2000 {
		rows := 1 + r.IntN(200)
		parts = append(parts, Part{ID: next, Rows: rows})
		next++
		written += rows
		for step(false) {
		}
		if len(parts) > 60 {
			t.Fatalf("%d parts", len(parts))
		}
	}
	if amp := float64(rewritten) / float64(written); amp > 3.5 {
		t.Errorf("each row was rewritten %.2f times", amp)
	}
	for step(true) {
	}
	if len(parts) > 2*written/o.MaxRows+2 {
		t.Errorf("%d parts of %d rows stay when quiet", len(parts), written)
	}
}
