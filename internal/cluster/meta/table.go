package meta

import (
	"hash/maphash"
	"iter"
	"maps"
	"slices"
)

// tableBuckets trades the cost of an edit (one bucket of n/256 entries and the
// 2 KiB of bucket pointers are copied) against the size of an empty table.
const tableBuckets = 256

// tableSeed seeds all tables: versions of a table must agree on it, and keys
// chosen by users must not be able to fill one bucket.
var tableSeed = maphash.MakeSeed()

// table is an immutable hash map with cheap edits: a new version shares all
// buckets it did not touch with the old one. The zero value is empty. It exists
// because a view of 100,000 resources must not be copied for each creation.
type table[K comparable, V any] struct {
	buckets []map[K]V // nil or tableBuckets long; never written once published
	size    int
}

func bucketOf[K comparable](key K) int {
	return int(maphash.Comparable(tableSeed, key) % tableBuckets)
}

func (t table[K, V]) get(key K) (V, bool) {
	if t.buckets == nil {
		var zero V
		return zero, false
	}
	v, ok := t.buckets[bucketOf(key)][key]
	return v, ok
}

// all iterates in no particular order.
func (t table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, b := range t.buckets {
			for k, v := range b {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// edit returns an editor that starts from t and leaves t as it is.
func (t table[K, V]) edit() *tableEdit[K, V] { return &tableEdit[K, V]{table: t} }

// tableEdit builds a new version of a table. It copies a bucket when it first
// writes to it. It is for one goroutine.
type tableEdit[K comparable, V any] struct {
	table[K, V]
	owned []bool // nil until the first write
}

// own makes the key's bucket safe to write and returns it.
func (e *tableEdit[K, V]) own(key K) map[K]V {
	if e.owned == nil {
		e.owned = make([]bool, tableBuckets)
		if e.buckets == nil {
			e.buckets = make([]map[K]V, tableBuckets)
		} else {
			e.buckets = slices.Clone(e.buckets)
		}
	}
	i := bucketOf(key)
	if !e.owned[i] {
		e.owned[i] = true
		if e.buckets[i] = maps.Clone(e.buckets[i]); e.buckets[i] == nil {
			e.buckets[i] = map[K]V{}
		}
	}
	return e.buckets[i]
}

func (e *tableEdit[K, V]) put(key K, v V) {
	b := e.own(key)
	if _, exists := b[key]; !exists {
		e.size++
	}
	b[key] = v
}

func (e *tableEdit[K, V]) remove(key K) {
	if _, exists := e.get(key); exists {
		delete(e.own(key), key)
		e.size--
	}
}

// done returns the new version. The editor must not be used again.
func (e *tableEdit[K, V]) done() table[K, V] { return e.table }
