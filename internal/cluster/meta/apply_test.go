package meta

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// FuzzApply applies any entry, damaged or with a sound checksum, to a view. It
// must be refused with a class, or give a view all of which can be read.
func FuzzApply(f *testing.F) {
	s := NewMemStore()
	c := lead(f, s)
	must(c.CreateGroup(f.Context(), named("a")))
	must(c.CreateResource(f.Context(), "a", catalog.Resource{Name: "r"}))
	start := c.View()
	c.Close()
	entries, _ := mustList(f, s, keyRoot)
	for _, e := range entries {
		f.Add(e.Key, e.Value)
		f.Add(e.Key, []byte(nil))
		f.Add(e.Key, e.Value[9:]) // the JSON, to be sealed again
	}
	f.Add(groupKey(2), []byte(`{"id":2,"name":"b","kind":9,"shard_num":-1}`))
	f.Add(resourceKey(2), []byte(`{"id":2,"group":1,"name":"a/b","spec":null}`))
	f.Add(tabletsKey(1), []byte(`[{"id":1,"group":1,"start":null,"end":"","replication_group":1,"epoch":1}]`))
	f.Add(nextKey(SpaceTablets), []byte(`{"next":18446744073709551615}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		all := []Entry{{Key: key, Value: value, Revision: 100}}
		if sealed, err := catalog.AppendValue(nil, key, json.RawMessage(value)); err == nil {
			all = append(all, Entry{Key: key, Value: sealed, Revision: 100})
		}
		for _, e := range all {
			before := start.Revision()
			v, err := start.apply([]Entry{e}, 100)
			if start.Revision() != before || start.groups.size != 1 || start.resources.size != 1 {
				t.Fatal("the old view changed")
			}
			if err != nil {
				if _, ok := errors.AsType[*base.Error](err); !ok {
					t.Fatalf("%v has no class", err)
				}
				continue
			}
			dump(v)
			_, _ = v.Group("a")
			_, _ = assignTablets(v, named("b"))
			new(txn).allocate(v, SpaceTablets, 1)
		}
	})
}

func TestAllocateRefusesBeyondTheSpace(t *testing.T) {
	f := func(next uint64, n int, ok bool) {
		t.Helper()
		v := &View{}
		v.counters[SpaceResources].Next = next
		var tx txn
		if tx.allocate(v, SpaceResources, n); (tx.err == nil) != ok {
			t.Errorf("%d from %d: %v", n, next, tx.err)
		}
	}
	f(0, 1, true)
	f(0, 0, false)
	f(1<<32-2, 1, true)
	f(1<<32-1, 1, false)
	f(1<<64-1, 1, false)
	f(1, -1, false)
}
