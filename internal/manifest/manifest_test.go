package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
)

func example(n int) *Snapshot {
	s := &Snapshot{Flushed: base.Position{Term: 3, Index: uint64(100 * n)}, NextPart: base.PartID(n + 1)}
	for i := range n {
		g := s.Segment(base.TimeRange{Start: int64(i/2) * 100, End: int64(i/2)*100 + 100})
		g.Parts = append(g.Parts, Part{ID: base.PartID(i + 1), Level: i % 3, Rows: 10 * i, Bytes: 999, Start: g.Start, End: g.Start + 7})
	}
	return s
}

func save(t *testing.T, fs vfs.FS, snaps ...*Snapshot) {
	t.Helper()
	st := NewStore(fs, "")
	if _, err := st.Load(); err != nil {
		t.Fatal(err)
	}
	for _, s := range snaps {
		if err := st.Save(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSaveLoad(t *testing.T) {
	fs := vfs.NewMem()
	save(t, fs, example(1), example(5))
	save(t, fs, example(6))
	got, err := NewStore(fs, "").Load()
	if err != nil {
		t.Fatal(err)
	}
	want := example(6)
	want.Epoch = 3
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	names, _ := fs.List("")
	if len(names) != 1 {
		t.Errorf("old snapshots left: %v", names)
	}
}

func TestGolden(t *testing.T) {
	fs := vfs.NewMem()
	save(t, fs, example(2))
	f, err := fs.Open("0000000000000001.snp")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(f)
	want := "PNMF\x01\x00\x00\x00\xdc\x00\x00\x00" + string(got[12:16]) +
		`{"epoch":1,"flushed":{"term":3,"index":200},"next_part":3,"segments":[{"start":0,"end":100,"parts":[` +
		`{"id":1,"level":0,"rows":0,"bytes":999,"start":0,"end":7},{"id":2,"level":1,"rows":10,"bytes":999,"start":0,"end":7}]}]}`
	if string(got) != want || fmt.Sprintf("%x", got[12:16]) != goldenCRC {
		t.Errorf("manifest bytes changed: %q crc %x", got, got[12:16])
	}
}

// TestEveryFlip flips each byte: no damaged snapshot may be served.
func TestEveryFlip(t *testing.T) {
	fs := vfs.NewMem()
	save(t, fs, example(4))
	f, _ := fs.Open("0000000000000001.snp")
	good, _ := io.ReadAll(f)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if _, err := decode("x", bad); !base.IsCorruption(err) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if _, err := decode("x", good[:i]); !base.IsCorruption(err) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

// TestNewerVersion: a sound file of a later program is no damage, which somebody
// could want to repair.
func TestNewerVersion(t *testing.T) {
	fs := vfs.NewMem()
	save(t, fs, example(4))
	f, _ := fs.Open("0000000000000001.snp")
	data, _ := io.ReadAll(f)
	binary.LittleEndian.PutUint32(data[4:], version+1)
	binary.LittleEndian.PutUint32(data[12:], checksum(version+1, data[headerBytes:]))
	if _, err := decode("x", data); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("a later version: %v", err)
	}
}

// TestRescueIsInterrupted fails every call that writes. A directory with a
// snapshot, though one with a strange name, must not become one without any: that
// is a new tablet, and all parts are debris.
func TestRescueIsInterrupted(t *testing.T) {
	for n := int32(0); ; n++ {
		fs := vfs.NewMem()
		save(t, fs, example(3))
		if err := fs.Rename("0000000000000001.snp", "copy of 1.snp"); err != nil {
			t.Fatal(err)
		}
		writes := int32(-1)
		failing := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
				return nil
			}
			if writes++; writes >= n { // the process has ended
				return errorfs.ErrInjected
			}
			return nil
		}))
		_, err := NewStore(failing, "").Rescue(example(2), "aside")
		if got, lerr := NewStore(fs, "").Load(); lerr == nil && got.Epoch == 0 {
			t.Fatalf("ended at write %d: no snapshot is left (%v)", n, err)
		}
		if writes < n {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}

// TestCrash clones the disk after every operation: the newest saved snapshot or
// the one before must load, never less.
func TestCrash(t *testing.T) {
	for seed := range uint64(50) {
		fs := vfs.NewCrashableMem()
		st := NewStore(fs, "")
		if _, err := st.Load(); err != nil {
			t.Fatal(err)
		}
		for n := range 6 {
			if err := st.Save(example(n)); err != nil {
				t.Fatal(err)
			}
			clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed % 101), RNG: rand.New(rand.NewPCG(seed, uint64(n)))})
			got, err := NewStore(clone, "").Load()
			if err != nil || got.Epoch != uint64(n+1) {
				t.Fatalf("seed %d: after save %d: %+v, %v", seed, n, got, err)
			}
		}
	}
}

// TestErrorAtEveryCall fails the n-th I/O call: what loads afterwards is the old
// or the new snapshot.
func TestErrorAtEveryCall(t *testing.T) {
	for n := int32(0); ; n++ {
		mem := vfs.NewCrashableMem()
		save(t, mem, example(3))
		calls := int32(-1)
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(errorfs.Op) error {
			if calls++; calls == n {
				return errorfs.ErrInjected
			}
			return nil
		}))
		st := NewStore(fs, "")
		_, err := st.Load()
		if err == nil {
			err = st.Save(example(4))
		}
		if err != nil && !errors.Is(err, errorfs.ErrInjected) {
			t.Fatalf("call %d: %v", n, err)
		}
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(n), 1))})
		got, lerr := NewStore(clone, "").Load()
		if lerr != nil || got.Epoch < 1 || err == nil && got.Epoch != 2 {
			t.Fatalf("call %d: %+v, %v after %v", n, got, lerr, err)
		}
		if calls < n {
			return
		}
	}
}

func FuzzDecode(f *testing.F) {
	fs := vfs.NewMem()
	st := NewStore(fs, "")
	_ = st.Save(example(3))
	file, _ := fs.Open("0000000000000001.snp")
	good, _ := io.ReadAll(file)
	f.Add(good)
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := decode("x", data); err != nil && !base.IsCorruption(err) && base.ClassOf(err) != base.ClassInvalid {
			t.Fatal(err)
		}
	})
}

const goldenCRC = "1279add4"
