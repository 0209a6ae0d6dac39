package jaegerbadger

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// place estimates how much of a store's spans lies before a key, from the tables
// that hold them.
type place struct {
	tables []span // ascending by first key
	total  float64
}

// span is a table's range of keys.
type span struct {
	first, last []byte
	bytes       float64
}

func (s *Store) place() *place {
	p := &place{}
	for _, t := range s.db.Tables() {
		if len(t.Left) == 0 || len(t.Right) == 0 || t.Left[0] > spanPrefix || t.Right[0] < spanPrefix {
			continue
		}
		r := span{t.Left, t.Right, float64(t.OnDiskSize)}
		if t.Left[0] < spanPrefix {
			r.first = []byte{spanPrefix}
		}
		if t.Right[0] > spanPrefix { // the rest is indexes
			r.last = []byte{spanPrefix + 1}
		}
		p.tables = append(p.tables, r)
		p.total += float64(t.OnDiskSize)
	}
	slices.SortFunc(p.tables, func(a, b span) int { return bytes.Compare(a.first, b.first) })
	return p
}

// of returns the share of bytes before the key, zero if nothing is known.
func (p *place) of(key []byte) float64 {
	if p.total == 0 {
		return 0
	}
	var before float64
	for i := range p.tables {
		t := &p.tables[i]
		switch {
		case bytes.Compare(key, t.last) >= 0:
			before += t.bytes
		case bytes.Compare(key, t.first) <= 0:
			return before / p.total
		default:
			before += t.bytes * between(key, t.first, t.last)
		}
	}
	return before / p.total
}

// between tells where a key lies between two others, 0 to 1, from the eight
// bytes after what those have in common.
func between(key, lo, hi []byte) float64 {
	common := 0
	for common < min(len(lo), len(hi)) && lo[common] == hi[common] {
		common++
	}
	at := func(k []byte) float64 {
		var b [8]byte
		if common < len(k) {
			copy(b[:], k[common:])
		}
		return float64(binary.BigEndian.Uint64(b[:]))
	}
	width := at(hi) - at(lo)
	if width <= 0 {
		return 0
	}
	return min(1, max(0, (at(key)-at(lo))/width))
}
