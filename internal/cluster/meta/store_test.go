package meta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/pandodb/pando/internal/base"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashChildDir); dir != "" {
		crashChild(dir) // does not return
	}
	goleak.VerifyTestMain(m)
}

// compacter is the part of both stores that only tests use.
type compacter interface {
	Store
	Compact(context.Context, uint64) error
}

// eachStore runs the test against both stores, each new and empty.
func eachStore(t *testing.T, test func(*testing.T, compacter)) {
	t.Helper()
	t.Run("mem", func(t *testing.T) {
		s := NewMemStore()
		defer mustClose(t, s)
		test(t, s)
	})
	t.Run("etcd", func(t *testing.T) {
		s := openEtcd(t, t.TempDir()+"/meta")
		defer mustClose(t, s)
		test(t, s)
	})
}

func mustClose(t testing.TB, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// testLog fails the test on anything etcd finds worth a warning.
type testLog struct{ t testing.TB }

func (w testLog) Write(line []byte) (int, error) {
	w.t.Errorf("etcd: %s", line)
	return len(line), nil
}

func openEtcd(t testing.TB, dir string) *Etcd {
	t.Helper()
	e, err := OpenEtcd(t.Context(), EtcdOptions{Dir: dir, Logger: slog.New(slog.NewTextHandler(testLog{t}, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustTxn(t testing.TB, s Store, compares []Compare, ops ...Op) uint64 {
	t.Helper()
	rev, err := s.Txn(t.Context(), compares, ops)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func put(key, value string) Op { return Op{Key: key, Value: []byte(value)} }

func mustList(t testing.TB, s Store, prefix string) ([]Entry, uint64) {
	t.Helper()
	list, rev, err := s.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	return list, rev
}

func TestStoreReadsWhatWasWritten(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		if list, rev := mustList(t, s, ""); len(list) != 0 || rev != 1 {
			t.Errorf("a new store has %v at %d", list, rev)
		}
		if _, ok, err := s.Get(t.Context(), "a"); ok || err != nil {
			t.Errorf("a new store has a: %v", err)
		}
		first := mustTxn(t, s, nil, put("b/2", "two"), put("a", "\x00\xff"), put("b/1", "one"))
		second := mustTxn(t, s, nil, put("b/1", "uno"))
		if second != first+1 {
			t.Errorf("revisions %d, %d", first, second)
		}
		got, ok, err := s.Get(t.Context(), "a")
		if want := (Entry{Key: "a", Value: []byte("\x00\xff"), Revision: first}); err != nil || !ok || !cmp.Equal(got, want) {
			t.Errorf("Get(a) = %+v, %v, %v", got, ok, err)
		}
		list, rev := mustList(t, s, "b/")
		want := []Entry{{"b/1", []byte("uno"), second}, {"b/2", []byte("two"), first}}
		if diff := cmp.Diff(want, list); diff != "" || rev != second {
			t.Errorf("at %d:\n%s", rev, diff)
		}
	})
}

func TestStoreTxnComparesAllOrNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		rev := mustTxn(t, s, []Compare{{"a", 0}}, put("a", "1"))
		f := func(ok bool, compares ...Compare) {
			t.Helper()
			before, at := mustList(t, s, "")
			got, err := s.Txn(t.Context(), compares, []Op{put("x", "new"), put("y", "new")})
			if ok {
				if err != nil || got != at+1 {
					t.Errorf("%v: %d, %v", compares, got, err)
				}
				return
			}
			after, now := mustList(t, s, "")
			if !errors.Is(err, ErrCompare) || base.ClassOf(err) != base.ClassConflict || now != at || !cmp.Equal(before, after) {
				t.Errorf("%v: %v, revision %d to %d", compares, err, at, now)
			}
		}
		f(false, Compare{"a", 0})
		f(false, Compare{"a", rev + 1})
		f(false, Compare{"a", rev}, Compare{"b", rev})
		f(true, Compare{"a", rev}, Compare{"b", 0})
		f(false, Compare{"x", 0})
		f(true)
	})
}

func TestStoreDeletes(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		mustTxn(t, s, nil, put("a", "1"), put("b", "2"))
		rev := mustTxn(t, s, nil, Op{Key: "a"}, Op{Key: "none"})
		if list, at := mustList(t, s, ""); len(list) != 1 || list[0].Key != "b" || at != rev {
			t.Errorf("left %v at %d", list, at)
		}
		if again := mustTxn(t, s, nil, Op{Key: "a"}); again != rev {
			t.Errorf("deleting nothing made revision %d of %d", again, rev)
		}
		if next := mustTxn(t, s, []Compare{{"a", 0}}, put("a", "3")); next != rev+1 {
			t.Errorf("revision %d after %d", next, rev)
		}
	})
}

func TestStoreRefuses(t *testing.T) {
	var many []Op
	var compares []Compare
	for i := range maxTxnOps + 1 {
		many = append(many, put(fmt.Sprint(i), "x"))
		compares = append(compares, Compare{Key: fmt.Sprint(i)})
	}
	eachStore(t, func(t *testing.T, s compacter) {
		f := func(want base.Class, compares []Compare, ops ...Op) {
			t.Helper()
			if _, err := s.Txn(t.Context(), compares, ops); err == nil || base.ClassOf(err) != want {
				t.Errorf("got %v, want class %v", err, want)
			}
		}
		f(base.ClassBug, nil)
		f(base.ClassBug, nil, put("a", "1"), put("a", "2"))
		f(base.ClassBug, nil, put("a", "1"), Op{Key: "a"})
		f(base.ClassBug, nil, put("", "1"))
		f(base.ClassBug, nil, put("a", ""))
		f(base.ClassBug, nil, many...)
		f(base.ClassBug, compares, put("a", "1"))
		f(base.ClassTooLarge, nil, put("a", strings.Repeat("x", maxTxnBytes)))
		mustTxn(t, s, compares[:maxTxnOps], many[:maxTxnOps]...)
		mustTxn(t, s, nil, put("big", strings.Repeat("x", maxTxnBytes-3)))
	})
}

// collect watches until n changes have come, and returns them.
func collect(t *testing.T, s Store, prefix string, after uint64, n int) []Change {
	t.Helper()
	enough := errors.New("enough")
	var got []Change
	err := s.Watch(t.Context(), prefix, after, func(c Change) error {
		if got = append(got, c); len(got) == n {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("watch ended with %v after %v", err, got)
	}
	return got
}

func TestStoreWatch(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		start := mustTxn(t, s, nil, put("k/a", "1"))
		var wg sync.WaitGroup
		var live []Change
		wg.Go(func() { live = collect(t, s, "k/", start, 3) })
		two := mustTxn(t, s, nil, put("k/b", "2"), put("k/a", "2"), put("other", "2"))
		mustTxn(t, s, nil, put("other", "3"))
		four := mustTxn(t, s, nil, Op{Key: "k/a"}, Op{Key: "k/none"})
		five := mustTxn(t, s, nil, put("k/a", "5"))
		wg.Wait()
		want := []Change{
			{two, []Entry{{"k/a", []byte("2"), two}, {"k/b", []byte("2"), two}}},
			{four, []Entry{{"k/a", nil, four}}},
			{five, []Entry{{"k/a", []byte("5"), five}}},
		}
		if diff := cmp.Diff(want, live); diff != "" {
			t.Errorf("live:\n%s", diff)
		}
		if diff := cmp.Diff(want[1:], collect(t, s, "k/", two, 2)); diff != "" {
			t.Errorf("from history:\n%s", diff)
		}
	})
}

func TestStoreWatchOfCompactedHistory(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		first := mustTxn(t, s, nil, put("a", "1"))
		second := mustTxn(t, s, nil, put("a", "2"))
		mustTxn(t, s, nil, put("a", "3"))
		if err := s.Compact(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		err := s.Watch(t.Context(), "a", first, func(c Change) error { return fmt.Errorf("got %v", c) })
		if !errors.Is(err, ErrCompacted) {
			t.Errorf("watch of compacted changes: %v", err)
		}
		if got := collect(t, s, "a", second, 1); string(got[0].Entries[0].Value) != "3" {
			t.Errorf("watch behind the compaction: %v", got)
		}
	})
}

func TestStoreWatchEnds(t *testing.T) {
	eachStore(t, func(t *testing.T, s compacter) {
		nothing := func(Change) error { return nil }
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		ends := make([]error, 2)
		wg.Go(func() { ends[0] = s.Watch(ctx, "", 1, nothing) })
		wg.Go(func() { ends[1] = s.Watch(t.Context(), "", 1, nothing) })
		cancel()
		for range 3 { // some traffic meanwhile
			mustTxn(t, s, nil, put("a", "1"))
		}
		mustClose(t, s)
		wg.Wait()
		if !errors.Is(ends[0], context.Canceled) && !errors.Is(ends[0], ErrClosed) || base.ClassOf(ends[0]) != base.ClassUnavailable {
			t.Errorf("with its context: %v", ends[0])
		}
		if !errors.Is(ends[1], ErrClosed) {
			t.Errorf("with the store: %v", ends[1])
		}
		_, _, err := s.Get(t.Context(), "a")
		_, _, err2 := s.List(t.Context(), "a")
		_, err3 := s.Txn(t.Context(), nil, []Op{put("a", "1")})
		err4 := s.Watch(t.Context(), "", 1, nothing)
		for _, err := range []error{err, err2, err3, err4} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("a closed store answers %v", err)
			}
		}
		mustClose(t, s)
	})
}

func TestMemStoreForgetsHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemStore()
		defer mustClose(t, s)
		for range 2 * memHistory {
			mustTxn(t, s, nil, put("a", "1"))
		}
		err := s.Watch(t.Context(), "", 1, func(Change) error { return nil })
		if !errors.Is(err, ErrCompacted) || len(s.mu.history) > memHistory {
			t.Errorf("%v with %d changes kept", err, len(s.mu.history))
		}
	})
}

func TestEtcdReopens(t *testing.T) {
	dir := t.TempDir() + "/meta"
	var last uint64
	for i := range 3 {
		start := time.Now()
		s := openEtcd(t, dir)
		t.Logf("start %d took %v", i, time.Since(start).Round(time.Millisecond))
		list, rev := mustList(t, s, "")
		if len(list) != i || i > 0 && rev != last {
			t.Fatalf("start %d: %d keys at %d, want revision %d", i, len(list), rev, last)
		}
		last = mustTxn(t, s, nil, put(fmt.Sprint("k", i), "v"))
		mustClose(t, s)
		select {
		case <-s.Done():
		default:
			t.Error("closed, but not done")
		}
	}
}

func TestOpenEtcdFails(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenEtcd(t.Context(), EtcdOptions{Dir: file}); base.ClassOf(err) != base.ClassUnavailable {
		t.Errorf("a file as directory: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenEtcd(ctx, EtcdOptions{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

func BenchmarkTxn(b *testing.B) {
	run := func(name string, s Store) {
		b.Run(name, func(b *testing.B) {
			value := []byte(strings.Repeat("x", 200))
			b.ReportAllocs()
			for b.Loop() {
				mustTxn(b, s, nil, Op{Key: "a", Value: value})
			}
		})
	}
	mem, etcd := NewMemStore(), openEtcd(b, b.TempDir()+"/meta")
	defer mustClose(b, mem)
	defer mustClose(b, etcd)
	run("mem", mem)
	run("etcd", etcd)
}

func BenchmarkEtcdStart(b *testing.B) {
	dir := b.TempDir() + "/meta"
	mustClose(b, openEtcd(b, dir))
	for b.Loop() {
		mustClose(b, openEtcd(b, dir))
	}
}

// TestFullEtcdMakesRoom: history and holes that fill etcd's file make way, in
// the running process and, for one that an earlier release left full, at the
// next start. Live values that fill it do not, until some are deleted.
func TestFullEtcdMakesRoom(t *testing.T) {
	const quota = 4 << 20
	value := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8), 1}, 80_000) }
	dir := t.TempDir()
	open := func() *Etcd {
		e, err := OpenEtcd(t.Context(), EtcdOptions{Dir: dir, QuotaBytes: quota})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := open()
	for i := range 40 { // 9 MB of history
		mustTxn(t, e, nil, Op{Key: "a", Value: value(i)})
		e.server.Server.Backend().ForceCommit() // the quota is held against what is committed
	}
	if _, err := e.client.AlarmDisarm(t.Context(), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
	for i, err := 0, error(nil); err == nil; i++ { // as without making room
		_, err = e.client.Put(t.Context(), "a", string(value(i)))
	}
	mustClose(t, e)
	e = open()
	defer mustClose(t, e)
	mustTxn(t, e, nil, Op{Key: "a", Value: value(1)})
	live := 0
	for ; live < 40; live++ {
		_, err := e.Txn(t.Context(), nil, []Op{{Key: fmt.Sprint("live", live), Value: value(live)}})
		e.server.Server.Backend().ForceCommit()
		if base.ClassOf(err) == base.ClassOverload && errors.Is(err, rpctypes.ErrNoSpace) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if live < 8 || live == 40 {
		t.Errorf("%d live values of 240 KB fit into 4 MiB", live)
	}
	for i := range 4 {
		mustTxn(t, e, nil, Op{Key: fmt.Sprint("live", i)})
	}
	mustTxn(t, e, nil, Op{Key: "a", Value: value(2)})
}
