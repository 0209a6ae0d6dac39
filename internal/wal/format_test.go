package wal

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// TestGoldenBytes pins the format: the annotated dump of a small log.
func TestGoldenBytes(t *testing.T) {
	fs := vfs.NewMem()
	opts := testOptions(fs)
	opts.Rand = zeroReader{}
	l := mustOpen(t, opts)
	mustAppend(t, l,
		Write{
			Group:   0x0102,
			Entries: []Entry{{Index: 1, Term: 3, Data: []byte("first")}, {Index: 2, Term: 3, Type: 1}},
			State:   &HardState{Term: 3, Vote: 9, Commit: 2},
			Meta:    []byte("voters=9"),
		},
		Write{Group: 5, Reset: &base.Position{Term: 2, Index: 40}},
	)
	if err := l.Compact(0x0102, 1); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l)
	if err := l.Forget(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	filler := entries(7, 1, 1, 4, 3900) // rolls
	mustAppend(t, l, Write{Group: 7, Entries: filler})
	mustClose(t, l)

	var out strings.Builder
	for _, n := range []uint64{1, 2} {
		dumpSegment(t, &out, fs, n)
	}
	const path = "testdata/log.golden"
	if *rewrite {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the bytes changed; a new format needs a new version. Got:\n%s", out.String())
	}
}

func dumpSegment(t *testing.T, out *strings.Builder, fs vfs.FS, number uint64) {
	b := readFile(t, fs, fs.PathJoin("data/log", segmentName(number, logSuffix)))
	fmt.Fprintf(out, "segment %d: %d bytes\n  header    % x\n", number, len(b), b[:headerUsed])
	err := Inspect(fs, "data/log", func(r Record) error {
		if !strings.HasSuffix(r.Path, segmentName(number, logSuffix)) {
			return nil
		}
		end := r.Offset + headBytes
		fmt.Fprintf(out, "%06d %v seq=%d durable=%d group=%d index=%d term=%d vote=%d last=%d type=%d data=%.10q\n",
			r.Offset, r.Kind, r.Seq, r.Durable, r.Group, r.Index, r.Term, r.Vote, r.Last, r.Type, r.Data)
		fmt.Fprintf(out, "  sums      % x\n  seq       % x\n  kind      % x\n  group     % x\n",
			b[r.Offset:r.Offset+16], b[r.Offset+16:r.Offset+24], b[r.Offset+24:r.Offset+32], b[r.Offset+32:end])
		if n := int(binary.LittleEndian.Uint32(b[r.Offset+12:])); n > 0 && n < 32 {
			fmt.Fprintf(out, "  data      % x\n", b[end:r.Offset+recordBytes(n)])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Clone(b)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// sampleLog returns the files of a log of a few segments and what it holds.
func sampleLog(t testing.TB, closed bool) (files map[string][]byte, want map[base.GroupID]*twin) {
	fs := vfs.NewCrashableMem()
	opts := testOptions(fs)
	opts.Rand = zeroReader{}
	l := mustOpen(t, opts)
	w := newWorkload(11, 2)
	for range 45 {
		id := w.group()
		wr := w.next(id)
		if wr.Reset != nil {
			continue // would let the first segments go
		}
		mustAppend(t, l, wr)
		w.twins[id].write(wr)
	}
	src := vfs.FS(fs)
	if !closed {
		src = fs.CrashClone(vfs.CrashCloneCfg{})
	}
	mustClose(t, l)
	numbers, _, err := listSegments(src, "data/log")
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for _, n := range numbers {
		path := fs.PathJoin("data/log", segmentName(n, logSuffix))
		files[path] = readFile(t, src, path)
	}
	return files, w.twins
}

func openFiles(t testing.TB, files map[string][]byte) (*Log, error) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("data/log", 0o755); err != nil {
		t.Fatal(err)
	}
	for path, b := range files {
		writeFile(t, fs, path, b)
	}
	return Open(testOptions(fs))
}

// TestFlippedByteIsFound flips bytes all over a log, one at a time: after a clean
// stop each of them is found, or lies outside of what the log holds, and then
// nothing changes. Live reads are checked the same way.
func TestFlippedByteIsFound(t *testing.T) {
	files, want := sampleLog(t, true)
	if len(files) < 4 {
		t.Fatalf("%d segments", len(files))
	}
	step := 23 // coprime to the alignment; 1 takes minutes and was run by hand
	if testing.Short() {
		step = 101
	}
	for path, b := range files {
		found, at := 0, 0
		for ; at < len(b); at += step {
			b[at] ^= 0x40
			bad, corrupt := checkDamaged(t, files, want)
			b[at] ^= 0x40
			if corrupt {
				found++
			}
			if bad != "" {
				t.Fatalf("%s: byte %d flipped: %s", path, at, bad)
			}
		}
		t.Logf("%s: %d of %d flips refused, the others change nothing", path, found, (at+step-1)/step)
	}
}

// checkDamaged opens files and says what is wrong with how that went, and
// whether Open refused them.
func checkDamaged(t *testing.T, files map[string][]byte, want map[base.GroupID]*twin) (bad string, corrupt bool) {
	l, err := openFiles(t, files)
	if err != nil {
		if !base.IsCorruption(err) {
			return "no corruption error: " + err.Error(), false
		}
		return "", true
	}
	defer mustClose(t, l)
	for id, tw := range want {
		if d := tw.diff(l.Group(id)); d != "" {
			return d, false
		}
	}
	return "", false
}

// TestFlippedByteAfterCrash does the same to a log that was not closed: only
// the last group commit may be taken for a torn one.
func TestFlippedByteAfterCrash(t *testing.T) {
	files, want := sampleLog(t, false)
	silent, step := 0, 37
	if testing.Short() {
		step = 149
	}
	for path, b := range files {
		for at := 0; at < len(b); at += step {
			b[at] ^= 1
			if bad, _ := checkDamaged(t, files, want); bad != "" {
				silent++
				if silent > 30 {
					t.Fatalf("%s: byte %d flipped: %s", path, at, bad)
				}
			}
			b[at] ^= 1
		}
	}
	t.Logf("%d flips in the last group commit", silent)
}

// TestLostAndForeignFiles covers what a flip cannot do.
func TestLostAndForeignFiles(t *testing.T) {
	name := func(n uint64) string { return "data/log/" + segmentName(n, logSuffix) }
	f := func(what string, damage func(map[string][]byte)) {
		t.Helper()
		files, _ := sampleLog(t, true)
		damage(files)
		l, err := openFiles(t, files)
		if err == nil {
			_ = l.Close()
		}
		if !base.IsCorruption(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	files, _ := sampleLog(t, true)
	last := uint64(len(files)) - 1 // the very last one is the spare
	f("first lost", func(fs map[string][]byte) { delete(fs, name(1)) })
	f("middle lost", func(fs map[string][]byte) { delete(fs, name(2)) })
	f("last lost", func(fs map[string][]byte) { delete(fs, name(last)); delete(fs, name(last+1)) })
	f("two swapped", func(fs map[string][]byte) { fs[name(1)], fs[name(2)] = fs[name(2)], fs[name(1)] })
	f("cut short", func(fs map[string][]byte) { fs[name(last)] = fs[name(last)][:5000] })
	f("empty", func(fs map[string][]byte) { fs[name(last)] = nil })
	f("block swapped", func(fs map[string][]byte) {
		b := fs[name(1)]
		tmp := bytes.Clone(b[4096:8192])
		copy(b[4096:], b[8192:12288])
		copy(b[8192:], tmp)
	})
	f("block zeroed", func(fs map[string][]byte) { clear(fs[name(last)][4096:4608]) })
}

func TestReadFindsDamageUnderALiveLog(t *testing.T) {
	fs := vfs.NewMem()
	opts := testOptions(fs)
	opts.CacheBytes = -1
	l := mustOpen(t, opts)
	defer mustClose(t, l)
	mustAppend(t, l, Write{Group: 1, Entries: entries(1, 1, 1, 3, 300)})
	b, err := fs.UnsafeGetFileDataBuffer("data/log/0000000000000001.log")
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte("1/2/1 "))+100] ^= 1
	_, err = l.Group(1).Entries(1, 4, 1<<20)
	if !base.IsCorruption(err) || !strings.Contains(err.Error(), "0000000000000001.log: offset") {
		t.Errorf("damaged entry: %v", err)
	}
	if es, err := l.Group(1).Entries(1, 2, 1<<20); err != nil || len(es) != 1 {
		t.Errorf("entry before the damage: %v", err)
	}
}

func FuzzDecodeHead(f *testing.F) {
	e := encoder{seed: 7, base: 4096}
	e.add(head{kind: KindEntry, group: 3, index: 4, term: 5}, []byte("data"))
	f.Add(e.buf, uint32(7), int64(4096))
	f.Add(make([]byte, headBytes), uint32(0), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, seed uint32, offset int64) {
		h, ok := decodeHead(b, seed, offset)
		if !ok {
			return
		}
		again := make([]byte, headBytes)
		if h.put(again, seed, offset); !bytes.Equal(again, b[:headBytes]) {
			t.Errorf("%+v encodes to % x, was % x", h, again, b[:headBytes])
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add(header{number: 5, capacity: 1 << 20}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHeader(b); err == nil && !bytes.Equal(h.encode(), b[:headerUsed]) {
			t.Errorf("%+v does not encode to what it was decoded from", h)
		}
	})
}

// FuzzOpen overwrites a piece of a closed log: Open finds it, or it was no
// part of the log. Whatever is served is right.
func FuzzOpen(f *testing.F) {
	files, want := sampleLog(f, true)
	f.Add(uint8(0), uint16(4096), []byte{0, 0, 0, 0})
	f.Add(uint8(1), uint16(5000), []byte("garbage that is longer than a checksum"))
	f.Add(uint8(1), uint16(0), []byte("PandoLog\x02"))
	f.Fuzz(func(t *testing.T, number uint8, offset uint16, piece []byte) {
		n := 1 + uint64(number)%uint64(len(files))
		path := "data/log/" + segmentName(n, logSuffix)
		mutated := maps.Clone(files)
		mutated[path] = bytes.Clone(files[path])
		copy(mutated[path][min(int(offset), len(files[path])):], piece)
		if bad, _ := checkDamaged(t, mutated, want); bad != "" {
			t.Error(bad)
		}
	})
}
