//go:build invariants

package invariants

import (
	"fmt"
	"math/rand/v2"
)

// Enabled is true in builds with the invariants tag.
const Enabled = true

// Check panics with the formatted message when cond is false.
func Check(cond bool, format string, args ...any) {
	if !cond {
		panic("invariant violated: " + fmt.Sprintf(format, args...))
	}
}

// Sometimes returns true with the given percentage, and never in production.
func Sometimes(percent int) bool { return rand.IntN(100) < percent }
