package meta

import (
	"context"
	"fmt"

	"github.com/pandodb/pando/internal/base"
)

// Entry is a key and its value as of a revision.
type Entry struct {
	Key   string
	Value []byte // not to be modified
	// Revision is the store's revision at which the key was last written.
	Revision uint64
}

// Compare holds if the key was last written at exactly the revision. Zero means
// that the key does not exist.
type Compare struct {
	Key      string
	Revision uint64
}

// Op writes the value under the key, or deletes the key if Value is nil.
// Deleting what does not exist changes nothing.
type Op struct {
	Key   string
	Value []byte
}

// Change is what one transaction did to the keys of a watch.
type Change struct {
	Revision uint64
	// Entries are in key order; a nil Value means that the key was deleted.
	Entries []Entry
}

// Limits that every store enforces, so that what passes in simulation passes in
// production.
const (
	// maxTxnOps bounds the comparisons and the operations of a transaction each.
	maxTxnOps = 128
	// maxTxnBytes bounds the summed keys and values; etcd's own limit is 1.5 MiB
	// for the encoded request.
	maxTxnBytes = 1 << 20
)

var (
	// ErrCompare says that a comparison did not hold: nothing was written. It
	// is of class conflict.
	ErrCompare = base.Errorf(base.ClassConflict, "catalog: changed by another writer")
	// ErrCompacted says that a watch asked for changes that are no longer kept:
	// list again and watch from there. It is of class too old.
	ErrCompacted = base.Errorf(base.ClassTooOld, "catalog: changes are compacted")
	// ErrClosed says that the store was closed. It is of class unavailable.
	ErrClosed = base.Errorf(base.ClassUnavailable, "catalog: store is closed")
)

// Store is the seam between the catalog and what keeps it: etcd in production,
// memory in tests and simulation. One conformance suite runs against both.
//
// A store has one revision number that grows by one with every transaction that
// changes something, over all keys. Methods are safe for concurrent use and
// linearizable. Errors but the documented ones have class unavailable or
// overload; after such an error of Txn the transaction may or may not have
// happened.
type Store interface {
	// Get returns the entry of the key, and whether it exists.
	Get(ctx context.Context, key string) (Entry, bool, error)
	// List returns the entries whose keys have the prefix, in key order, all as
	// of the returned revision.
	List(ctx context.Context, prefix string) ([]Entry, uint64, error)
	// Txn performs the operations in one step if all comparisons hold, and
	// returns the revision at which they are visible. If one does not hold it
	// returns ErrCompare. A key may occur in one operation only. When it
	// returns, the operations are durable.
	Txn(ctx context.Context, compares []Compare, ops []Op) (uint64, error)
	// Watch calls fn with every change of keys with the prefix after the given
	// revision, in order, each once and whole, from the calling goroutine. It
	// returns fn's first error, ErrCompacted, ErrClosed or another error, or
	// ctx's error when that ends; never nil.
	Watch(ctx context.Context, prefix string, after uint64, fn func(Change) error) error
	// Close ends watches and releases what the store holds.
	Close() error
}

// checkTxn refuses what some store could not perform.
func checkTxn(compares []Compare, ops []Op) error {
	if len(compares) > maxTxnOps || len(ops) == 0 || len(ops) > maxTxnOps {
		return base.Errorf(base.ClassBug, "transaction of %d comparisons and %d operations; the limit is %d", len(compares), len(ops), maxTxnOps)
	}
	seen := make(map[string]bool, len(ops))
	bytes := 0
	for _, c := range compares {
		bytes += len(c.Key)
	}
	for _, op := range ops {
		if op.Key == "" || seen[op.Key] {
			return base.Errorf(base.ClassBug, "transaction with key %q empty or twice", op.Key)
		}
		if op.Value != nil && len(op.Value) == 0 {
			return base.Errorf(base.ClassBug, "transaction with an empty value for %q", op.Key)
		}
		seen[op.Key] = true
		bytes += len(op.Key) + len(op.Value)
	}
	if bytes > maxTxnBytes {
		return base.Errorf(base.ClassTooLarge, "transaction of %d bytes; the limit is %d", bytes, maxTxnBytes)
	}
	return nil
}

// watchEnd is the error of a watch whose context ended.
func watchEnd(ctx context.Context) error {
	return base.Mark(base.ClassUnavailable, fmt.Errorf("watch: %w", context.Cause(ctx)))
}
