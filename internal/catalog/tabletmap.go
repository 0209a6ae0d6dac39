package catalog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/pandodb/pando/internal/base"
)

// TabletMap is the tablets of one group, in order, covering the whole space of
// placement keys without gap or overlap. It is immutable and safe for
// concurrent use.
//
//	starts   0         4000...   8000...   c000...
//	tablets  [  t1    )[  t4    )[  t2    )[  t9    oo
type TabletMap struct {
	// starts[i] is the first placement key of tablets[i]; starts[0] is 0. The
	// search runs over it alone: 8 bytes a tablet, no pointers to follow.
	starts  []uint64
	tablets []Tablet
}

// NewTabletMap returns the map of the given tablets, in any order. It copies
// the slice (not the bounds' bytes). Every problem is returned at once, joined,
// as an error of class invalid.
func NewTabletMap(tablets []Tablet) (*TabletMap, error) {
	m := &TabletMap{tablets: slices.Clone(tablets)}
	if err := m.check(); err != nil {
		return nil, base.Errorf(base.ClassInvalid, "tablet map: %w", err)
	}
	m.starts = make([]uint64, len(m.tablets))
	for i := range m.tablets {
		m.starts[i] = m.tablets[i].first()
	}
	return m, nil
}

// check sorts the tablets and returns every problem of the map.
func (m *TabletMap) check() error {
	if len(m.tablets) == 0 {
		return errors.New("no tablets")
	}
	slices.SortFunc(m.tablets, func(a, b Tablet) int {
		return cmp.Or(bytes.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID))
	})
	var errs []error
	seen := make(map[base.TabletID]bool, len(m.tablets))
	for i := range m.tablets {
		t := &m.tablets[i]
		if err := t.check(); err != nil {
			errs = append(errs, err)
		}
		if seen[t.ID] {
			errs = append(errs, fmt.Errorf("tablet %d occurs twice", t.ID))
		}
		seen[t.ID] = true
		if t.Group != m.tablets[0].Group {
			errs = append(errs, fmt.Errorf("tablet %d is of group %d, tablet %d of %d",
				t.ID, t.Group, m.tablets[0].ID, m.tablets[0].Group))
		}
		if err := m.checkBounds(i); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkBounds checks that tablet i begins where its predecessor ends and is
// not empty; the last must be unbounded.
func (m *TabletMap) checkBounds(i int) error {
	t := &m.tablets[i]
	if i == 0 && len(t.Start) != 0 {
		return fmt.Errorf("tablet %d is first but starts at %x", t.ID, t.Start)
	}
	if i > 0 {
		prev := &m.tablets[i-1]
		// A nil End means "unbounded", a nil Start "lowest": equal bytes are
		// not enough, the bound between two tablets must be given.
		if len(t.Start) == 0 || !bytes.Equal(prev.End, t.Start) {
			return fmt.Errorf("tablet %d ends at %x but tablet %d starts at %x", prev.ID, prev.End, t.ID, t.Start)
		}
	}
	if i == len(m.tablets)-1 {
		if t.End != nil {
			return fmt.Errorf("tablet %d is last but ends at %x", t.ID, t.End)
		}
		return nil
	}
	if bytes.Compare(t.Start, t.End) >= 0 {
		return fmt.Errorf("tablet %d is empty: [%x, %x)", t.ID, t.Start, t.End)
	}
	return nil
}

// Group returns the group whose key space the map covers.
func (m *TabletMap) Group() GroupID { return m.tablets[0].Group }

// Len returns the number of tablets, at least 1.
func (m *TabletMap) Len() int { return len(m.tablets) }

// At returns the i-th tablet in key order. Do not modify it.
func (m *TabletMap) At(i int) *Tablet { return &m.tablets[i] }

// Locate returns the tablet that holds the placement key; there always is one.
// Do not modify it. It does not allocate.
func (m *TabletMap) Locate(placement uint64) *Tablet { return &m.tablets[m.LocateIndex(placement)] }

// LocateIndex is [TabletMap.Locate] for callers that keep something per tablet
// in a slice: At(LocateIndex(p)) == Locate(p).
func (m *TabletMap) LocateIndex(placement uint64) int {
	// Invariant: starts[lo] <= placement, and hi is past the end or above it.
	lo, hi := 0, len(m.starts)
	for hi-lo > 1 {
		mid := int(uint(lo+hi) >> 1)
		if m.starts[mid] <= placement {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// Find returns the tablet with the ID, or nil. It is linear: placement and
// administration use it, requests use Locate.
func (m *TabletMap) Find(id base.TabletID) *Tablet {
	for i := range m.tablets {
		if m.tablets[i].ID == id {
			return &m.tablets[i]
		}
	}
	return nil
}

// AppendTablets appends the tablets in key order to dst and returns it. The
// copies may be changed; the bytes of their bounds may not.
func (m *TabletMap) AppendTablets(dst []Tablet) []Tablet { return append(dst, m.tablets...) }
