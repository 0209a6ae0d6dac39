package trace

import (
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/invariants"
)

// attrKey is an attribute key that has columns.
type attrKey struct {
	name    string
	columns [column.Doc + 1]*columnBuilder // by type; nil until used
	usedBy  uint32                         // last row that stored it, plus one
	// next is the key that followed this one last time. Spans of one operation
	// list their attributes in one order, so it is right nearly always, and
	// saves hashing.
	next *attrKey
}

// attrTable finds attrKeys by name.
type attrTable struct {
	names interner
	keys  []*attrKey // by code in names
	first *attrKey   // like attrKey.next, for the first attribute of a span
}

// reset forgets which rows used the keys, but not the keys.
func (t *attrTable) reset() {
	for _, k := range t.keys {
		k.usedBy = 0
	}
}

// guess returns the key if it is the one that followed prev (nil: came first)
// last time, else nil.
func (t *attrTable) guess(prev *attrKey, name []byte) *attrKey {
	k := t.first
	if prev != nil {
		k = prev.next
	}
	if k != nil && string(name) == k.name && !invariants.Sometimes(20) {
		return k
	}
	return nil
}

// find returns the key with that name, creating it when fewer than limit exist,
// else nil. It remembers the key as the one that follows prev.
func (t *attrTable) find(prev *attrKey, name []byte, limit int) *attrKey {
	code, ok := t.names.find(name)
	if !ok {
		if len(t.keys) >= limit {
			return nil
		}
		t.names.seen = 0 // names must stay distinct
		code = t.names.add(name)
		t.keys = append(t.keys, &attrKey{name: string(name)})
	}
	k := t.keys[code]
	if prev != nil {
		prev.next = k
	} else {
		t.first = k
	}
	return k
}
