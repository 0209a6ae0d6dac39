package trace

import (
	"math/bits"
	"math/rand/v2"
)

// rowTable finds the rows of a trace by id.
type rowTable struct {
	slots []uint32 // row plus one; open addressing, at most half full
	next  []uint32 // by row: another row with the id, plus one
	mask  uint64
	// mult is odd and random, and the first bits of its product with an id are the
	// slot (Dietzfelbinger et al., 1997): nobody can choose ids that share one.
	mult  uint64
	shift int
}

const (
	// scanRows is up to how many rows a scan is cheaper than a table.
	scanRows = 12
	// maxNamesakes is how many spans of one id are looked at as parents.
	maxNamesakes = 16
)

// seed must be called before all else. What is found does not depend on it.
func (t *rowTable) seed() { t.mult = rand.Uint64() | 1 }

func (t *rowTable) fill(rows []digestRow) {
	if len(rows) <= scanRows {
		return
	}
	size := 32
	for size < 2*len(rows) {
		size *= 2
	}
	if size > cap(t.slots) {
		t.slots, t.next = make([]uint32, size), make([]uint32, size/2)
	}
	t.slots, t.next = t.slots[:size], t.next[:size/2]
	clear(t.slots)
	clear(t.next)
	t.mask, t.shift = uint64(size-1), 65-bits.Len(uint(size))
	for i := range rows {
		at := t.slotOf(rows, rows[i].id)
		if first := t.slots[at]; first != 0 {
			t.next[i], t.next[first-1] = t.next[first-1], uint32(i+1)
			continue
		}
		t.slots[at] = uint32(i + 1)
	}
}

// slotOf returns the slot of the id, or the empty one where it would be.
func (t *rowTable) slotOf(rows []digestRow, id uint64) uint64 {
	at := id * t.mult >> t.shift & t.mask
	for t.slots[at] != 0 && rows[t.slots[at]-1].id != id {
		at = (at + 1) & t.mask
	}
	return at
}

// client returns the service of another that called with the server row's own id,
// as Zipkin's clients do: there, both ends of a call are one span.
func (t *rowTable) client(rows []digestRow, row *digestRow) (service uint32, found bool) {
	if len(rows) <= scanRows {
		for i := range rows {
			if rows[i].id == row.id && rows[i].kind == KindClient && rows[i].service != row.service {
				return rows[i].service, true
			}
		}
		return 0, false
	}
	first, at := uint32(0), t.slots[t.slotOf(rows, row.id)]
	for range maxNamesakes {
		if at == 0 {
			break
		}
		if r := &rows[at-1]; r.kind == KindClient && r.service != row.service && (first == 0 || at < first) {
			first, service = at, r.service
		}
		at = t.next[at-1]
	}
	return service, first > 0
}

// caller returns the service of the row's parent: of several spans with its id,
// that of one of the row's own service, or else of the first.
func (t *rowTable) caller(rows []digestRow, row *digestRow) (service uint32, found bool) {
	if len(rows) <= scanRows {
		for i := range rows {
			if rows[i].id == row.parent && (!found || rows[i].service == row.service) {
				service, found = rows[i].service, true
			}
		}
		return service, found
	}
	at := t.slots[t.slotOf(rows, row.parent)]
	for range maxNamesakes {
		if at == 0 {
			break
		}
		if !found || rows[at-1].service == row.service {
			service, found = rows[at-1].service, true
		}
		at = t.next[at-1]
	}
	return service, found
}
