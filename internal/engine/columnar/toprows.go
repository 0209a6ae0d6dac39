package columnar

import (
	"bytes"
	"cmp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// MaxTopRows is the largest TopRowsRequest.Limit.
const MaxTopRows = 10_000

// DefaultPageBytes is the memory a page's rows take at most when the request
// does not say.
const DefaultPageBytes = 64 << 20

// maxOrderTerms bounds TopRowsRequest.Order: more would only repeat columns.
const maxOrderTerms = 16

// OrderTerm is one term of an order of rows.
type OrderTerm struct {
	// Col is RowKey, RowTime, RowID (which compares unsigned) or a column of
	// Int64; a row without a value there counts as zero.
	Col column.ID
	// Desc puts the greatest first.
	Desc bool
	// From is the first byte of the key that counts; of RowKey only.
	From int
}

// TopRowsRequest asks for a page of rows in some order.
type TopRowsRequest struct {
	Filter Expr
	Time   base.TimeRange // of the rows
	// Order is the terms to compare by, the first one first. Rows that are equal
	// in all of them are ordered by time, key, id and content, ascending.
	Order []OrderTerm
	// After is the mark of the last row of the page before; nil asks for the
	// first page. A mark belongs to the order it was made under.
	After *RowMark
	// Limit is how many rows to return, 1 to MaxTopRows.
	Limit int
	// Columns to read, ascending; nil means all. Identities always come.
	Columns []column.ID
	// MaxBytes ends a page early when its rows would take more memory; a page
	// has at least one row. Zero means DefaultPageBytes.
	MaxBytes int
}

// RowMark is the place of a row in an order: what a page token carries. It
// stays valid when rows come and go.
type RowMark struct {
	// Values has an entry per term of the order: the value of a column, the
	// time, or the bits of the id; zero for the key.
	Values []int64
	Key    []byte
	Time   int64
	ID     uint64
	// Ties is how many rows of the same Values and identity come before this
	// one: rows that share an identity and differ in content only.
	Ties uint32
}

// RowPage is some rows in order.
type RowPage struct {
	// Batch has the rows in the order of the page. It stands for itself.
	Batch *column.Batch
	// Marks has the place of every row of Batch.
	Marks []RowMark
	// More says that rows come after the last one.
	More bool
}

// Validate reports why the request cannot be answered, as a base.ClassInvalid or
// base.ClassTooLarge error.
func (r *TopRowsRequest) Validate() error {
	switch {
	case r.Limit < 1:
		return base.Errorf(base.ClassInvalid, "limit %d: want at least 1", r.Limit)
	case r.Limit > MaxTopRows:
		return base.Errorf(base.ClassTooLarge, "limit %d: want at most %d rows a page", r.Limit, MaxTopRows)
	case len(r.Order) > maxOrderTerms:
		return base.Errorf(base.ClassTooLarge, "order of %d terms: want at most %d", len(r.Order), maxOrderTerms)
	case r.MaxBytes < 0:
		return base.Errorf(base.ClassInvalid, "page of %d bytes: want 0 or more", r.MaxBytes)
	}
	for i := range r.Order {
		if err := r.Order[i].validate(); err != nil {
			return err
		}
	}
	if m := r.After; m != nil && len(m.Values) != len(r.Order) {
		return base.Errorf(base.ClassInvalid, "mark of an order of %d terms, want %d", len(m.Values), len(r.Order))
	}
	return r.Filter.Validate()
}

func (o *OrderTerm) validate() error {
	switch {
	case o.From < 0:
		return base.Errorf(base.ClassInvalid, "order from key byte %d: want 0 or more", o.From)
	case o.Col == RowKey:
		return nil
	case o.From != 0:
		return base.Errorf(base.ClassInvalid, "order by column %v from byte %d: only keys have bytes", o.Col, o.From)
	case o.Col.Type != column.Int64:
		return base.Errorf(base.ClassInvalid, "order by column %v: want the key or one of integers", o.Col)
	}
	return nil
}

// CompareMarks orders places of rows. Both must have been made under the order.
func CompareMarks(order []OrderTerm, a, b *RowMark) int {
	for i := range order {
		var c int
		switch o := &order[i]; o.Col {
		case RowKey:
			c = bytes.Compare(a.Key[min(o.From, len(a.Key)):], b.Key[min(o.From, len(b.Key)):])
		case RowID:
			c = cmp.Compare(a.ID, b.ID)
		default:
			c = cmp.Compare(a.Values[i], b.Values[i])
		}
		if c != 0 && order[i].Desc {
			return -c
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.Time, b.Time), bytes.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Ties, b.Ties))
}

func (r *TopRowsRequest) maxBytes() int {
	if r.MaxBytes == 0 {
		return DefaultPageBytes
	}
	return r.MaxBytes
}
