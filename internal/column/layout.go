package column

import (
	"errors"
	"fmt"
)

// Rule says what happens to rows whose identity (key, time, id) is equal.
// The numbers are persisted.
type Rule uint8

// The reconcile rules. Zero is invalid.
const (
	// KeepAll keeps every row.
	KeepAll Rule = 1
	// DropExact drops a row that equals another in every column and keeps rows
	// that share an identity but differ.
	DropExact Rule = 2
	// NewestWins keeps the row with the greatest ID of those that share key and
	// time; the ID is a version.
	NewestWins Rule = 3
)

// Family is a set of columns that a wide part stores in one file.
type Family struct {
	Name string // file name stem in a wide part: [a-z]{1,16}
	// Dynamic families take any column name; others only what Layout.Columns
	// declares.
	Dynamic bool
}

// Codec hints how a column's pages are best coded. The zero value lets the
// writer choose by measuring. A hint never changes what is stored.
type Codec uint8

// CodecIDRef marks an Int64 column whose values mostly equal the row ID of
// another row with the same key, as a span's parent does.
const CodecIDRef Codec = 1

// Spec declares one column of a layout.
type Spec struct {
	ID    ID
	Codec Codec
	// NoIndex leaves the column without postings or value filters: it is only
	// projected, or filtered by zones and scans.
	NoIndex bool
	// Zone keeps the smallest and largest value of every block (Int64 only).
	Zone bool
}

// Layout is a data model as the engine sees it. It is immutable once in use and
// safe for concurrent use.
type Layout struct {
	Name     string // persisted; never changes its meaning
	Families []Family
	Columns  []Spec // declared columns, any order
	Rule     Rule
	// Projections are kept with every part, ascending by name.
	Projections []Projection
	// Digest is kept with every part beside them; nil for none.
	Digest *Digest
	// BlockRows is the aim for rows per block; blocks close at the next key
	// boundary, at 2×BlockRows at the latest. Zero means 1024.
	BlockRows int
	// Expand calls emit for every tag of a document of column id, until emit
	// returns false. It must accept any bytes: damaged documents emit nothing
	// more. Values passed to emit are valid during the call only. Nil if the
	// layout has no Doc column.
	Expand func(id ID, doc []byte, emit func(Tag) bool)
}

// Ref names a column, or a tag of a document column.
type Ref struct {
	Col ID
	Tag string // for a Doc column; its first tag of that name counts
}

// MaxRefs is the most columns a Projection combines.
const MaxRefs = 4

// Projection asks that every part keeps the distinct combinations of some
// columns' values, so that a catalogue is read, not computed. Combinations that
// only dropped rows had may be among them.
type Projection struct {
	Name string // persisted
	Refs []Ref  // 1 to MaxRefs
}

// Tag is one named value of an expanded document.
type Tag struct {
	Name  []byte
	Value Value
}

// Spec returns how the layout declares the column, or the zero Spec with the ID
// filled in for a dynamic one.
func (l *Layout) Spec(id ID) Spec {
	for i := range l.Columns {
		if l.Columns[i].ID == id {
			return l.Columns[i]
		}
	}
	return Spec{ID: id}
}

// Validate reports everything that is wrong with the layout.
func (l *Layout) Validate() error {
	errs := []error{l.validateDigest()}
	if l.Name == "" {
		errs = append(errs, errors.New("layout has no name"))
	}
	if len(l.Families) == 0 || len(l.Families) > 32 {
		errs = append(errs, fmt.Errorf("layout %s: %d families, want 1 to 32", l.Name, len(l.Families)))
	}
	if l.Rule < KeepAll || l.Rule > NewestWins {
		errs = append(errs, fmt.Errorf("layout %s: unknown reconcile rule %d", l.Name, l.Rule))
	}
	for i, p := range l.Projections {
		if p.Name == "" || len(p.Refs) == 0 || len(p.Refs) > MaxRefs || i > 0 && l.Projections[i-1].Name >= p.Name {
			errs = append(errs, fmt.Errorf("layout %s: projection %q: want 1 to %d columns, and names ascending", l.Name, p.Name, MaxRefs))
		}
	}
	for _, s := range l.Columns {
		switch {
		case int(s.ID.Family) >= len(l.Families):
			errs = append(errs, fmt.Errorf("layout %s: column %v: no such family", l.Name, s.ID))
		case !s.ID.Type.Valid():
			errs = append(errs, fmt.Errorf("layout %s: column %v: invalid type", l.Name, s.ID))
		case s.ID.Type == Doc && l.Expand == nil:
			errs = append(errs, fmt.Errorf("layout %s: column %v: layout cannot expand documents", l.Name, s.ID))
		case s.Zone && s.ID.Type != Int64, s.Codec == CodecIDRef && s.ID.Type != Int64:
			errs = append(errs, fmt.Errorf("layout %s: column %v: option needs an int column", l.Name, s.ID))
		}
	}
	return errors.Join(errs...)
}
