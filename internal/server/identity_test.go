package server

import (
	"errors"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
)

// TestNodeIdentity is made once and kept; what cannot be read is never replaced,
// since a node under a new name owns nothing of what is there.
func TestNodeIdentity(t *testing.T) {
	mem := vfs.NewCrashableMem()
	id, err := nodeIdentity(mem, "NODE")
	if err != nil || len(id) != 32 {
		t.Fatalf("%q, %v", id, err)
	}
	fs := mem.CrashClone(vfs.CrashCloneCfg{}) // keeps only what was synced
	if again, err := nodeIdentity(fs, "NODE"); err != nil || again != id {
		t.Errorf("after a crash %q, %v, want %q", again, err, id)
	}
	denied := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen {
			return errorfs.ErrInjected
		}
		return nil
	}))
	if got, err := nodeIdentity(denied, "NODE"); !errors.Is(err, errorfs.ErrInjected) {
		t.Errorf("a file that cannot be opened gave %q, %v", got, err)
	}
	if again, err := nodeIdentity(fs, "NODE"); err != nil || again != id {
		t.Errorf("the identity was replaced by %q, %v", again, err)
	}
	for _, bad := range []string{"", "short", "gggggggggggggggggggggggggggggggg"} {
		f, err := fs.Create("BAD", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, bad); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := nodeIdentity(fs, "BAD"); !base.IsCorruption(err) {
			t.Errorf("%q: %v, want a corruption error", bad, err)
		}
	}
}
