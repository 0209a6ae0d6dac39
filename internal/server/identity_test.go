package server

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pandodb/pando/internal/base"
)

// TestNodeIdentity is made once and kept; what cannot be read is never replaced,
// since a node under a new name owns nothing of what is there.
func TestNodeIdentity(t *testing.T) {
	mem := vfs.NewCrashableMem()
	id, err := nodeIdentity(mem, "NODE", true)
	if err != nil || len(id) != 32 {
		t.Fatalf("%q, %v", id, err)
	}
	fs := mem.CrashClone(vfs.CrashCloneCfg{}) // keeps only what was synced
	if again, err := nodeIdentity(fs, "NODE", false); err != nil || again != id {
		t.Errorf("after a crash %q, %v, want %q", again, err, id)
	}
	denied := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen {
			return errorfs.ErrInjected
		}
		return nil
	}))
	if got, err := nodeIdentity(denied, "NODE", true); !errors.Is(err, errorfs.ErrInjected) {
		t.Errorf("a file that cannot be opened gave %q, %v", got, err)
	}
	if again, err := nodeIdentity(fs, "NODE", false); err != nil || again != id {
		t.Errorf("the identity was replaced by %q, %v", again, err)
	}
	for _, bad := range []string{"", "short", identityPrefix + "zz", identityLine("00112233445566778899aabbccddeef0")[1:], strings.Replace(identityLine("00112233445566778899aabbccddeef0"), "f0 ", "f1 ", 1)} {
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
		if _, err := nodeIdentity(fs, "BAD", true); !base.IsCorruption(err) {
			t.Errorf("%q: %v, want a corruption error", bad, err)
		}
	}
}

// TestForeignIdentity refuses a directory whose identity was lost or is that of
// another: a node under another name would serve nothing and take nothing.
func TestForeignIdentity(t *testing.T) {
	c := DefaultConfig()
	c.DataDir, c.Listen, c.NoAliases = t.TempDir(), "127.0.0.1:0", true
	s, err := Open(t.Context(), Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.DataDir, "NODE")
	if err := os.WriteFile(path, []byte(identityLine("00112233445566778899aabbccddeef0")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Config: c}); !base.IsCorruption(err) {
		t.Errorf("identity of another directory: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Config: c}); !base.IsCorruption(err) {
		t.Errorf("identity is gone: %v", err)
	}
}
