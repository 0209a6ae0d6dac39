//go:build !invariants

package invariants

// Enabled is true in builds with the invariants tag.
const Enabled = false

// Check does nothing in this build. Guard costly arguments with Enabled.
func Check(bool, string, ...any) {}

// Sometimes returns false in this build.
func Sometimes(int) bool { return false }
