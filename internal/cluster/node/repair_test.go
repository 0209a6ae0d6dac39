package node

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// ids returns the identities of all rows, each once.
func (m *machine) ids() map[uint64]bool {
	m.t.Helper()
	out := map[uint64]bool{}
	for id := range m.node.Tablets() {
		v, err := m.node.View(m.t.Context(), id)
		if err != nil {
			m.t.Fatal(err)
		}
		err = v.Scan(m.t.Context(), &columnar.ScanRequest{Time: base.AllTime}, func(b *column.Batch) error {
			for _, row := range b.IDs {
				if out[row] {
					m.t.Errorf("row %d is there twice", row)
				}
				out[row] = true
			}
			return nil
		})
		v.Close()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	return out
}

// inParts returns the identities of rows that parts hold.
func (m *machine) inParts() map[uint64]bool {
	m.t.Helper()
	o := m.opts
	o.FS = m.mem
	out := map[uint64]bool{}
	for id := range m.node.Tablets() {
		to, err := o.tablet(mustGroup(m), id)
		if err != nil {
			m.t.Fatal(err)
		}
		f, err := columnar.Follow(to)
		if err != nil {
			m.t.Fatal(err)
		}
		if _, err := f.Refresh(nil, 0); err != nil {
			m.t.Fatal(err)
		}
		v, err := f.Tablet().View()
		if err != nil {
			m.t.Fatal(err)
		}
		err = v.Scan(m.t.Context(), &columnar.ScanRequest{Time: base.AllTime}, func(b *column.Batch) error {
			for _, row := range b.IDs {
				out[row] = true
			}
			return nil
		})
		v.Close()
		if err != nil {
			m.t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			m.t.Fatal(err)
		}
	}
	return out
}

// harm damages files of the kinds given, one or more.
func (m *machine) harm(r *rand.Rand) (what string) {
	m.t.Helper()
	damage := func(dir, suffix string) {
		names, err := m.mem.List(dir)
		if err != nil {
			m.t.Fatal(err)
		}
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, suffix) })
		if len(names) == 0 {
			return
		}
		slices.Sort(names)
		path := m.mem.PathJoin(dir, names[r.IntN(len(names))])
		what += fmt.Sprint(" ", path)
		data := m.content(path)
		switch at := r.IntN(len(data)); r.IntN(4) {
		case 0:
			clear(data[at:])
		case 1:
			data = data[:at]
		default:
			if suffix == ".log" { // most of the file is zeros, where nothing breaks
				at = r.IntN(min(len(data), 40<<10))
			}
			data[at] ^= 4
		}
		m.replace(path, data)
	}
	switch r.IntN(6) {
	case 0: // the whole log
		if err := m.mem.RemoveAll("data/log"); err != nil {
			m.t.Fatal(err)
		}
		return " data/log removed"
	case 1:
		damage(m.tabletDir(1+r.IntN(m.shards)), ".snp")
	case 2:
		damage(m.tabletDir(1), ".snp")
		damage("data/log", ".log")
	default:
		damage("data/log", ".log")
	}
	return what
}

func (m *machine) tabletDir(id int) string { return fmt.Sprintf("data/tablets/%016x", id) }

func (m *machine) content(path string) []byte {
	m.t.Helper()
	f, err := m.mem.Open(path)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(f)
	if err != nil {
		m.t.Fatal(err)
	}
	return data
}

func (m *machine) replace(path string, data []byte) {
	m.t.Helper()
	f, err := m.mem.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		m.t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		m.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		m.t.Fatal(err)
	}
}

// TestRepair harms log and manifests of nodes whose tablets are flushed up to
// different places. With the option a node starts, holds nothing but what was
// written and all of it that was in parts; what it takes then survives power cuts
// and starts without the option: the trap are places in the log that a manifest
// has passed.
func TestRepair(t *testing.T) {
	refused, lost := 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 8))
		m := newMachine(t, 1+int(seed%4))
		m.opts.LogSegmentBytes = 32 << 10
		m.start()
		for range 30 + r.IntN(60) {
			tablet := base.TabletID(1 + r.IntN(m.shards))
			if err := m.write(tablet, 100+r.IntN(1500)); err != nil {
				t.Fatal(err)
			}
			if r.IntN(15) == 0 {
				if err := m.flush(tablet); err != nil {
					t.Fatal(err)
				}
			}
		}
		kept := m.inParts()
		m.crash(r)
		what := m.harm(r)
		name := fmt.Sprintf("seed %d:%s", seed, what)
		var logged bytes.Buffer
		if err := m.tryStart(); err != nil {
			if !base.IsCorruption(err) {
				t.Fatalf("%s: %v", name, err)
			}
			refused++
			m.giveUp()
			m.opts.Repair, m.opts.Logger = true, slog.New(slog.NewTextHandler(&logged, nil))
			if err := m.tryStart(); err != nil {
				t.Fatalf("%s: with the option: %v", name, err)
			}
			if !strings.Contains(logged.String(), "level=ERROR") {
				t.Errorf("%s: repaired in silence: %s", name, logged.String())
			}
		}
		have := m.ids()
		for row := range have {
			if row > m.sent {
				t.Errorf("%s: row %d was never written", name, row)
			}
		}
		for row := range kept {
			if !have[row] {
				t.Errorf("%s: row %d was in a part and is gone", name, row)
			}
		}
		if len(have) < int(m.sent) {
			lost++
		}
		for range 12 {
			if err := m.write(base.TabletID(1+r.IntN(m.shards)), 300); err != nil {
				t.Fatal(err)
			}
			have[m.sent] = true
		}
		m.crash(r)
		m.opts.Repair = false
		if err := m.tryStart(); err != nil {
			t.Fatalf("%s: after the next crash: %v", name, err)
		}
		if again := m.ids(); len(again) != len(have) {
			t.Errorf("%s: %d rows after the next crash, %d before", name, len(again), len(have))
		}
		m.stop()
	}
	if refused < 60 || lost < 20 {
		t.Errorf("%d starts were refused, %d repairs lost rows: too few to tell", refused, lost)
	}
}

// flush writes what a tablet was sent into parts.
func (m *machine) flush(id base.TabletID) error {
	t, err := m.node.caughtUp(m.t.Context(), id)
	if err != nil {
		return err
	}
	return t.Flush(m.t.Context())
}

// giveUp closes what a failed start left.
func (m *machine) giveUp() {
	if m.node != nil {
		_ = m.node.Close() // the start has failed
		m.node = nil
	}
	m.pool.Close()
}

// TestLostLogIsNoticed: a log that ends before what parts hold is refused, even
// where another tablet has flushed less.
func TestLostLogIsNoticed(t *testing.T) {
	m := newMachine(t, 2)
	m.start()
	for i := range 4 {
		if err := m.write(base.TabletID(1+i%2), 10); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.flush(1); err != nil {
		t.Fatal(err)
	}
	m.stop()
	if err := m.mem.RemoveAll("data/log"); err != nil {
		t.Fatal(err)
	}
	if err := m.tryStart(); !base.IsCorruption(err) || !strings.Contains(err.Error(), "its end is gone") {
		t.Errorf("started: %v", err)
	}
	m.giveUp()
}
